"""One look after the other: the tuner's process, bounded in what it uses."""

from __future__ import annotations

import os
import resource
import select
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from typing import Any

from attrs import define, field

from everai_autoscaler.errors import AutoscalerError, describe_error
from everai_autoscaler.runtime.ring import read_open, read_requests
from everai_autoscaler.runtime.store import Store
from everai_autoscaler.runtime.tuned import TuningForm, read_tuning, requests_path, write_tuning
from everai_autoscaler.tuner.kept import Kept
from everai_autoscaler.tuner.settings import Config
from everai_autoscaler.tuner.telling import first, news, told
from everai_autoscaler.tuner.traffic import LONGEST_BACK, Conditions, Stretch, conditions_of
from everai_autoscaler.tuning import Book, Slo

__all__ = ["MEMORY", "NICE", "SIGN_OF_LIFE", "Loop", "bound", "run"]

NICE = 10
"""How much it gives way to everything else on the machine."""
MEMORY = 2 << 30
"""Bytes of memory that it may have."""
SIGN_OF_LIFE = 15.0
"""Seconds between two lines that it writes while it waits."""
MOST_SAMPLES = 200_000


@define
class Loop:
    """Looks at the traffic again and again.

    Args:
        config: what is tuned, and how.
        say: tells the runtime something, in a line; an empty one is a sign of life.
        make: makes a tuner that goes on from a state.
        clock: tells the time in epoch seconds.
        cpu: tells the seconds of CPU time that were used.
    """

    config: Config
    say: Callable[[str], None]
    make: Callable[..., Any]
    clock: Callable[[], float] = time.time
    cpu: Callable[[], float] = time.process_time
    _book: Book = field(init=False)
    _kept: Kept = field(init=False)
    _tuner: Any = field(init=False, default=None)
    _fixed: Mapping[str, Any] | None = field(init=False, default=None)
    _began: float = field(init=False)

    def __attrs_post_init__(self) -> None:
        config = self.config
        self._book = Book.shipped() if config.book is None else Book.read(config.book)
        self._kept = Kept.read(config.directory, config.app, every=config.settings.every)
        self._began = time.monotonic()
        if self._kept.why:
            self.say(f"the tuner begins afresh: {self._kept.why}")
        self._begin()

    def look(self) -> bool:
        """Learn the next stretch of traffic, and write what that comes to; whether there was one.

        Raises:
            AutoscalerError: something can't be read or written; the next look tries again.
        """
        config, kept = self.config, self._kept
        with closing(Store(config.directory)) as store:
            path = requests_path(config.directory, config.app)
            opened = read_open(path)  # before those that ended, so that none is in neither
            found = read_requests(path, after=kept.mark)
            follower = kept.follower
            follower.add(found)
            kept.mark = found.mark
            now = self.clock()
            since = (now - LONGEST_BACK if follower.since is None else follower.until) - 2 * follower.every
            samples = store.samples(config.app, since=since, most=MOST_SAMPLES)
            conditions = self._conditions(store)
            stretch = follower.next(now, opened, samples, conditions)
            if stretch is None:
                return False
            self._learn(stretch, self._fixed_now(store, samples), samples, now)
        return True

    def _learn(self, stretch: Stretch, fixed: Mapping[str, Any], samples: list[dict[str, Any]], now: float) -> None:
        config, kept = self.config, self._kept
        if self._tuner is None or fixed != self._fixed:
            state = kept.tuner if self._tuner is None else self._tuner.state()
            slo = config.settings.slo
            self._tuner = self.make(
                state,
                self._book,
                slo=Slo(slo.within, slo.share),
                every=config.settings.every,
                fixed=fixed,
                workers=_workers(samples, stretch.traffic.start),
            )
            if self._tuner.afresh:
                self.say(self._tuner.afresh)
            self._fixed = fixed
        choice = self._tuner.learn(stretch.traffic, spent=stretch.spent)
        known = kept.form or self._told_before()
        before = first(config.app, self._book, config.settings, before=known, now=now, read=bool(config.tuned))
        kept.form = told(before, choice, assumed=stretch.traffic.assumed, now=now, cpu=self.used())
        kept.tuner = self._tuner.state()
        kept.follower.learnt(self._tuner.since)
        # What is known first: if this ends in between, the next look tells what was known.
        kept.write(config.directory)
        write_tuning(config.directory, kept.form)
        self.say(news(before, kept.form))

    def forget(self) -> None:
        """Go on from what was written last, after a stretch that can't be learnt, which is left out."""
        self._tuner = None
        self._kept.follower.learnt(self._kept.follower.until)

    def used(self) -> float:
        """The share of one core that was used since it began."""
        return self.cpu() / max(1.0, time.monotonic() - self._began)

    def pause(self) -> float:
        """Seconds to wait so that the share of CPU time stays within what is allowed."""
        return max(0.0, self.cpu() / self.config.settings.cpu - (time.monotonic() - self._began))

    def _begin(self) -> None:
        """Take what is in force from the runtime, which began with it, where what is kept has none of what is read."""
        kept, there = self._kept.form, self._told_before()
        if kept is None or there is None or there.in_force is None:
            return
        known = {} if kept.in_force is None else kept.in_force.arguments
        if any(name not in known for name in self.config.tuned):
            self._kept.form = kept.model_copy(update={"in_force": there.in_force})

    def _told_before(self) -> TuningForm | None:
        with suppress(AutoscalerError):
            return read_tuning(self.config.directory, self.config.app)
        return None

    def _conditions(self, store: Store) -> Conditions:
        config = self.config
        rows = store.workers(config.app, ended=True)
        return conditions_of(rows, within=config.settings.slo.within, period=config.interval)

    def _fixed_now(self, store: Store, samples: list[dict[str, Any]]) -> dict[str, Any]:
        """The arguments that every candidate has, whatever it says itself: those of the app that aren't tuned."""
        config = self.config
        most = samples[-1].get("max_workers") if samples else None
        fixed = {} if most is None else {"max_workers": most}
        candidates = [one for one in self._book.candidates if one.scaler == config.scaler]
        if not candidates:
            return fixed
        varied = {name for one in candidates for name in one.arguments}
        free = set(config.tuned) or varied
        return fixed | {name: value for name, value in self._said(store) if name not in free}

    def _said(self, store: Store) -> Iterator[tuple[str, Any]]:
        """The arguments that somebody gave to the app's scaler, as the last decision has them."""
        for one in store.decisions(self.config.app, limit=1):
            form = store.decision(self.config.app, one.id)
            record: Any = None if form is None else form.record
            for name, argument in ((record or {}).get("arguments") or {}).items():
                if argument["source"] != "default" and not argument.get("redacted") and argument["value"] is not None:
                    yield name, argument["value"]


def _workers(samples: list[dict[str, Any]], start: float) -> int:
    """How many there were at the *start* of a stretch, without those that drained."""
    before = [one for one in samples if one["at"] <= start][-1:] or samples[:1]
    return sum(one[name] for one in before for name in ("inflight", "free", "busy"))


def bound() -> None:
    """Give way to everything else, use one thread, and have no more memory than is stated."""
    with suppress(OSError):
        os.nice(NICE)
    for what, most in ((resource.RLIMIT_DATA, MEMORY), (resource.RLIMIT_CORE, 0)):
        with suppress(OSError, ValueError):
            resource.setrlimit(what, (most, most))


def run(config: Config, make: Callable[..., Any]) -> None:
    """Look every so many seconds, until standard input ends, which is when the runtime does."""

    def say(line: str) -> None:
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()

    loop = Loop(config, say, make)
    failure = ""
    while True:
        say("")
        seconds, before = config.settings.every, failure
        try:
            if loop.look():
                seconds = 0.0  # there may be more to catch up with
            failure = ""
        except AutoscalerError as error:
            failure = f"tuning: {error}"  # what the disk or the store says may be over at the next look
        except Exception as error:  # noqa: BLE001 - one stretch that can't be learnt isn't to end it
            loop.forget()
            failure = f"tuning: a stretch of traffic isn't learnt: {describe_error(error)}"
        if failure != before:
            say(failure)
        if not _wait(max(seconds, loop.pause()), say):
            return


def _wait(seconds: float, say: Callable[[str], None]) -> bool:
    """Wait; whether the runtime is still there."""
    until = time.monotonic() + seconds
    while True:
        left = until - time.monotonic()
        if select.select([sys.stdin], [], [], max(0.0, min(left, SIGN_OF_LIFE)))[0] and not sys.stdin.read(1):
            return False
        if left <= 0:
            return True
        say("")
