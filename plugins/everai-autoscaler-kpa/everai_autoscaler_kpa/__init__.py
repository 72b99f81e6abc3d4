"""Scale on requests at once, over a stable and a panic window, by the rules of the Knative Pod Autoscaler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, floor
from typing import ClassVar

from attrs import asdict, evolve, frozen
from pydantic import JsonValue

from everai_autoscaler import argument, hookimpl
from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Fleet, WorkerStatus

__all__ = ["KpaAutoScaler", "Past"]


@frozen
class Past:
    """What it remembers from one decision to the next."""

    panicking_since: float | None = None
    """When the panic began, or was last renewed, in epoch seconds; ``None`` in stable mode."""
    most: int = 0
    """The most workers that were wanted in this panic."""
    idle_since: float | None = None
    """When no worker was wanted for the first time; ``None`` while any is."""


@frozen
class KpaAutoScaler(AutoScaler):
    """Have a worker for every *concurrency* x *target_utilization* requests that are served or wait at once.

    The requests at once are averaged over *stable_window* seconds. Where the average over the panic window, a share
    of it, asks for at least *panic_threshold_percentage* percent of the workers that are ready, it panics: the larger
    of both averages counts, and no worker is removed, until that has not been so for a stable window.

    The defaults are Knative's, except for *concurrency* (there 100, the limit of a web server) and *max_workers*
    (there none).

    >>> from everai_autoscaler.testing import snapshot
    >>> factors = snapshot(waiting=3, busy=1, queue_histories={20: {}}, worker_histories={20: {"Busy": 2}})
    >>> result = KpaAutoScaler().decide(factors)
    >>> result.up, result.reasons[0].why
    (5, '3 requests at once over 60 s, 4 over 6 s, 0.7 for each worker, panicking: 6 wanted (0 to 10), 1 there')
    """

    steady: ClassVar[bool] = True
    monotone: ClassVar[bool] = True

    concurrency: float = argument(1.0, gt=0, help="requests that a worker can serve at once")
    target_utilization: float = argument(0.7, gt=0, le=1, help="share of the concurrency to aim at")
    stable_window: float = argument(60.0, ge=6, le=3600, help="seconds over which stable mode averages")
    panic_window_percentage: float = argument(10.0, ge=1, le=100, help="the panic window, in percent of the stable one")
    panic_threshold_percentage: float = argument(
        200.0, ge=110, le=1000, help="wanted workers, in percent of the ready ones, at which it panics"
    )
    max_scale_up_rate: float = argument(1000.0, gt=1, help="the most workers wanted, as a multiple of the ready ones")
    max_scale_down_rate: float = argument(2.0, gt=1, help="the fewest workers wanted: the ready ones divided by this")
    activation_scale: int = argument(1, ge=1, help="workers wanted at least, once any is")
    scale_to_zero_grace_period: float = argument(30.0, ge=0, help="seconds that the last worker stays beyond its need")
    min_workers: int = argument(0, ge=0, help="workers that are always there")
    max_workers: int = argument(10, ge=0, help="the most workers that there may be")
    start_timeout: float = argument(600.0, ge=0, help="seconds after which a worker that still starts is given up")

    def decide(self, factors: Factors) -> DecideResult:
        """What to do about *factors*, and why, when nothing is remembered: as after a restart."""
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do about *factors*, and why; *memory* is a ``Past`` as JSON."""
        fleet, at_once = Fleet.of(factors, start_timeout=self.start_timeout), _requests_at_once(factors)
        least, most = self.min_workers, self.max_workers
        if fleet is None:
            return DecideResult.hold(factors, "the workers are not known", max_workers=most), memory
        if fleet.present < least:
            wanted, why = least, "below the minimum"
        elif at_once is None:
            why = "the queue, or how it and the workers have been, is not known"
            return DecideResult.hold(factors, why, max_workers=most), memory
        else:
            there, ready, now = fleet.present, len(fleet.ready), factors.observed_at
            past = _recalled(memory, now, there, ready)
            wanted, why, past = self._wanted(at_once, there, ready, now=now, past=past)
            memory = asdict(past)
        # The windows are the delay: a free worker may go at once.
        return DecideResult.towards(wanted, fleet, why, min_workers=least, max_workers=most), memory

    def _wanted(
        self, at_once: Mapping[int, float], there: int, ready: int, *, now: float, past: Past
    ) -> tuple[int, str, Past]:
        """What Knative's rule and the grace period want, why, and what to remember."""
        panic_window = max(1.0, self.stable_window * self.panic_window_percentage / 100)
        stable, panic = _mean(at_once, self.stable_window), _mean(at_once, panic_window)
        wanted, past = self.scale(stable, panic, ready, now=now, past=past)
        why = (
            f"{stable:.3g} requests at once over {self.stable_window:g} s, {panic:.3g} over {panic_window:g} s, "
            f"{self.target:.3g} for each worker"
        )
        why += "" if past.panicking_since is None else ", panicking"
        if not wanted and there and past.idle_since is not None:
            idle = now - past.idle_since
            if idle < self.scale_to_zero_grace_period:
                wanted = 1
                why += f", none for {idle:.0f} s of {self.scale_to_zero_grace_period:g} s of grace"
        return wanted, why, past

    @property
    def target(self) -> float:
        """Requests at once that a worker should have."""
        return self.concurrency * self.target_utilization

    def scale(self, stable: float, panic: float, ready: int, *, now: float, past: Past) -> tuple[int, Past]:
        """How many workers Knative's rule wants, and what to remember.

        Args:
            stable: requests at once over the stable window.
            panic: requests at once over the panic window.
            ready: workers that are ready.
            now: epoch seconds.
            past: what was remembered.

        >>> KpaAutoScaler(concurrency=10, target_utilization=1).scale(50, 100, 1, now=0, past=Past())
        (10, Past(panicking_since=0, most=10, idle_since=None))
        """
        serving = max(1, ready)
        # Rounded up, so that 2 workers at a rate of 1.1 may become 3; and down, so that 1 at a rate of 2 may become 0.
        highest, lowest = ceil(self.max_scale_up_rate * serving), floor(serving / self.max_scale_down_rate)
        asked = [ceil(value / self.target - 1e-9) for value in (stable, panic)]
        wanted, wanted_in_panic = (
            max(min(max(one, lowest), highest), self.activation_scale if one else 0) for one in asked
        )
        if asked[1] / serving >= self.panic_threshold_percentage / 100:
            past = evolve(past, panicking_since=now)
        elif past.panicking_since is not None and past.panicking_since + self.stable_window < now:
            past = evolve(past, panicking_since=None, most=0)
        if past.panicking_since is not None:
            # The stable average may be the larger one; and no worker is removed in a panic.
            wanted = max(wanted, wanted_in_panic, past.most)
            past = evolve(past, most=wanted)
        idle_since = (now if past.idle_since is None else past.idle_since) if not wanted else None
        return wanted, evolve(past, idle_since=idle_since)


@hookimpl
def register_autoscalers() -> Mapping[str, Callable[..., AutoScaler]]:
    """The scaler ``kpa``."""
    return {"kpa": KpaAutoScaler}


def _requests_at_once(factors: Factors) -> dict[int, float] | None:
    """Requests that are served or wait, by age in seconds, now included; ``None`` when they aren't known."""
    waiting, queues, workers = factors.waiting(), factors.queue_histories, factors.worker_histories
    if factors.workers is None or waiting is None or queues is None or workers is None:
        return None
    busy = [worker for worker in factors.workers if worker.status is WorkerStatus.Busy]
    served = sum(worker.current_request or 1 for worker in busy)
    # The histories count busy workers only: each is taken to have served as many requests as one does now.
    each = served / len(busy) if busy else 1.0
    earlier = {
        age: workers[age].get(WorkerStatus.Busy, 0) * each + sum(queues[age].values())
        for age in workers
        if age in queues
    }
    return {**earlier, 0: float(served + waiting)}


def _mean(at_once: Mapping[int, float], window: float) -> float:
    """The average over the moments of the *window*; as in Knative, of as much of it as there is data for."""
    recent = [value for age, value in at_once.items() if age <= window]
    return sum(recent) / len(recent)


def _recalled(memory: JsonValue, now: float, there: int, ready: int) -> Past:
    """What *memory* holds; where it holds nothing, a panic over those that are there, if that is more than one.

    So a restart, after which nothing is known of the past, removes no worker for a stable window.
    """
    if not isinstance(memory, dict):
        return Past(now, there) if ready > 1 else Past()
    since, most, idle = (memory.get(name) for name in ("panicking_since", "most", "idle_since"))
    return Past(
        since if isinstance(since, int | float) else None,
        most if isinstance(most, int) else 0,
        idle if isinstance(idle, int | float) else None,
    )
