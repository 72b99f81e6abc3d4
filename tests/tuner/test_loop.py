"""One look after the other: what is read, learnt, written and told."""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from everai_autoscaler.decision import Decider
from everai_autoscaler.model import Factors
from everai_autoscaler.runtime.ring import Ring
from everai_autoscaler.runtime.store import Store, TickRow
from everai_autoscaler.runtime.tuned import chosen_path, read_tuning, requests_path, write_tuning
from everai_autoscaler.tuner import loop as loop_room
from everai_autoscaler.tuner.kept import Kept, kept_path
from everai_autoscaler.tuner.loop import Loop, run
from everai_autoscaler.tuner.settings import Config, TuningSettings
from everai_autoscaler.tuner.telling import first
from everai_autoscaler.tuner.traffic import Follower
from everai_autoscaler.tuning import Book, Budget, Candidate, Choice, Standing, Traffic

BOOK = Book([Candidate("simple", {"max_queue_size": number}) for number in (1, 2, 3)])
NOW = 1_700_000_000.0


class Learner:
    """A tuner that chooses what it is told to."""

    choices = (1,)
    afresh = ""

    def __init__(self, state: Any, book: Book, **options: Any) -> None:
        self.learnt: list[Traffic] = [] if state is None else list(state)
        self.options = options
        self.spent: Any = None
        self.since = 0.0

    def learn(self, traffic: Traffic, *, spent: Any) -> Choice:
        self.learnt.append(len(traffic))
        self.spent, self.since = spent, traffic.until
        number = self.choices[0]
        how = Standing(number, BOOK[number], 1.0, 0.99, 0.001, allowed=True)
        budget = Budget(10.0, 0.0, 0.0085, 0.006)
        return Choice(traffic.until, number, BOOK[number], "why", False, 0.1, 0.99, how, (), budget, 1.0, 2.0)

    def state(self) -> Any:
        return self.learnt


class World:
    """A state directory with an app that serves, and a tuner that looks at it."""

    def __init__(self, directory: Path, **settings: Any) -> None:
        self.directory = directory
        self.now = NOW
        self.used = 0.0
        self.store = Store(directory, clock=lambda: self.now)
        self.ring = Ring(requests_path(directory, "chat"), records=100, clock=lambda: self.now)
        book = directory / "book.json"
        book.write_text(json.dumps(BOOK.to_json()))
        self.config = Config(
            app="chat",
            directory=directory,
            scaler="simple",
            tuned=("max_queue_size",),
            interval=20.0,
            settings=TuningSettings(**{"act": True, **settings}),
            book=book,
        )
        self.said: list[str] = []
        self.tuner: Learner | None = None
        self.loop = self.again()

    def again(self) -> Loop:
        """A tuner's process that is started anew."""

        def make(state: Any, book: Book, **options: Any) -> Learner:
            self.tuner = Learner(state, book, **options)
            return self.tuner

        self.loop = Loop(self.config, self.said.append, make, clock=lambda: self.now, cpu=lambda: self.used)
        return self.loop

    def serve(self, *arrivals: float) -> None:
        """Requests came then, and were answered."""
        for at in arrivals:
            self.ring.add(at, at + 1, at + 3)
        self.ring.flush()

    def tick(self, arguments: Mapping[str, Any] | None = None, **sample: Any) -> None:
        """The app's policy has decided."""
        decider = Decider("simple", {"max_workers": 7, "max_queue_size": 2, **(arguments or {})})
        numbers = {"inflight": 0, "free": 1, "busy": 1, "draining": 0, "waiting": {}, "max_workers": 7}
        row = TickRow(
            at=self.now,
            took=0.0,
            lag=0.0,
            record=decider.decision(Factors(workers=[], observed_at=self.now)).record().json(),
            memory=None,
            applied=None,
            operator=None,
            failure="",
            workers=[],
            queue=[],
            sample={"at": self.now, **numbers, **sample},
        )
        self.store.write_tick("chat", row)

    def look(self, seconds: float = 300.0) -> bool:
        """A look, so many seconds later."""
        self.tick()
        self.now += seconds
        return self.loop.look()


@pytest.fixture
def advised(tmp_path: Path) -> Iterator[World]:
    """An app whose tuner only advises."""
    world = World(tmp_path, act=False)
    yield world
    world.store.close()


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """An app, of which the tuner has seen nothing yet."""
    world = World(tmp_path)
    yield world
    world.store.close()


def test_a_look_learns_and_tells(world: World) -> None:
    """What ended is learnt; what is chosen is in the file that decisions read, and a line says so."""
    early = world.look(0)
    world.serve(NOW + 10, NOW + 20)
    done = world.look()
    form = read_tuning(world.directory, "chat")

    assert (False, True) == (early, done)
    assert form is not None
    assert form.in_force is not None
    assert (1, {"max_queue_size": 2}) == (form.in_force.number, form.in_force.arguments)
    assert world.said[-1].startswith("the tuner switches to rule 1 (max_queue_size 2): ")
    assert world.tuner is not None
    assert ([2], 2) == (world.tuner.learnt, world.tuner.spent.due)


def test_the_fixed_arguments_are_those_that_are_not_tuned(world: World) -> None:
    """Literal or late, as the last decision has them; not the defaults. The number of workers is the present one."""
    world.look(0)
    world.look()

    assert world.tuner is not None
    assert ({"max_workers": 7}, 2) == (world.tuner.options["fixed"], world.tuner.options["workers"])


def test_other_arguments_make_another_tuner_that_goes_on(world: World) -> None:
    """What was learnt stays."""
    world.look(0)
    world.look()
    first = world.tuner
    world.tick({"min_workers": 3})
    world.now += 300
    world.loop.look()

    assert world.tuner is not first
    assert world.tuner is not None
    assert {"max_workers": 7, "min_workers": 3} == world.tuner.options["fixed"]
    assert 2 == len(world.tuner.learnt)


def test_the_same_arguments_keep_the_tuner(world: World) -> None:
    """It isn't made anew at each look."""
    world.look(0)
    world.look()
    first = world.tuner
    world.look()

    assert first is world.tuner


def test_what_is_advised_for_another_scaler(advised: World) -> None:
    """Only the maximum is the app's: the arguments of its own scaler mean nothing to the book's."""
    world = advised
    world.config = world.config.model_copy(update={"scaler": "free-worker", "tuned": ()})
    world.again()
    world.look(0)
    world.look()

    assert world.tuner is not None
    assert {"max_workers": 7} == world.tuner.options["fixed"]


def test_what_is_advised_where_nothing_is_read(advised: World) -> None:
    """All that the book sets is free, whatever the app says."""
    world = advised
    world.config = world.config.model_copy(update={"tuned": ()})
    world.again()
    world.look(0)
    world.look()

    assert world.tuner is not None
    assert {"max_workers": 7} == world.tuner.options["fixed"]


def test_a_process_that_is_killed_goes_on(world: World) -> None:
    """With what it had learnt and read; it loses a look at most."""
    world.look(0)
    world.serve(NOW + 10)
    world.look()
    world.serve(NOW + 310, NOW + 320)
    world.tick()
    world.again()
    world.look()

    assert world.tuner is not None
    assert [1, 2] == world.tuner.learnt
    assert 2 == world.tuner.spent.due


@pytest.mark.parametrize("content", ["", "{}", '{"format": 9}', "[1]"])
def test_what_was_kept_and_is_broken_begins_afresh(world: World, content: str) -> None:
    """A line says so, and what is in force stays."""
    world.look(0)
    world.look()
    kept_path(world.directory, "chat").write_text(content)
    before = read_tuning(world.directory, "chat")
    world.again()
    world.look(0)
    world.look()
    after = read_tuning(world.directory, "chat")

    assert any(line.startswith("the tuner begins afresh: ") for line in world.said)
    assert before is not None
    assert after is not None
    assert before.in_force == after.in_force


def test_what_the_tuner_says_of_its_state_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another book, say."""
    monkeypatch.setattr(Learner, "afresh", "what was kept is of another book, so that the tuner begins afresh")
    world.look(0)
    world.look()

    assert "what was kept is of another book, so that the tuner begins afresh" in world.said


def test_what_the_runtime_began_with_is_in_force(advised: World, tmp_path: Path) -> None:
    """Also where the tuner had only advised until then, and nothing was in force."""
    world = advised
    tuned, world.config = world.config, world.config.model_copy(update={"tuned": ()})
    world.again()
    world.look(0)
    world.look()
    before = read_tuning(tmp_path, "chat")
    world.config = tuned
    write_tuning(tmp_path, first("chat", BOOK, tuned.settings, before=None, now=world.now))
    world.again()
    world.look()
    after = read_tuning(tmp_path, "chat")

    assert before is not None
    assert before.in_force is None
    assert after is not None
    assert after.in_force is not None
    assert 0 == after.in_force.number
    assert after.advice is not None


def test_how_much_it_uses_is_bounded(world: World) -> None:
    """After a look that took two seconds it waits for so long that its share is a tenth."""
    world.used = 2.0
    pause = world.loop.pause()

    assert 19.0 < pause <= 20.0
    assert 0.0 < world.loop.used() <= 2.0


def test_it_keeps_nothing_before_it_knows_anything(world: World) -> None:
    """What is read is plain."""
    assert Kept(Follower(300.0)) == Kept.read(world.directory, "chat", every=300.0)


class TestRunning:
    """Until the runtime is gone."""

    @pytest.fixture
    def running(self, world: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
        """Runs so many looks, and gives what was said."""

        def run_it(looks: list[Any]) -> list[str]:
            said = io.StringIO()

            def look(self: Loop) -> bool:
                found = looks.pop(0)
                if isinstance(found, Exception):
                    raise found
                return bool(found)

            monkeypatch.setattr(Loop, "look", look)
            monkeypatch.setattr(loop_room, "_wait", lambda seconds, say: bool(looks))
            monkeypatch.setattr(loop_room, "sys", SimpleNamespace(stdout=said, stdin=io.StringIO()))
            run(world.config, lambda *_, **__: None)
            return [line for line in said.getvalue().splitlines() if line]

        return run_it

    def test_says_what_fails_once(self, running: Callable[..., list[str]]) -> None:
        """And goes on, whatever it was."""
        lost = ZeroDivisionError("unlucky")
        said = running([lost, lost, True, lost, False])

        assert ["tuning: a stretch of traffic isn't learnt: ZeroDivisionError: unlucky"] * 2 == [
            line for line in said if "unlucky" in line
        ]

    def test_says_what_the_disk_says(self, running: Callable[..., list[str]]) -> None:
        """As it is."""
        from everai_autoscaler.errors import StateError

        assert ["tuning: the disk is full"] == running([StateError("the disk is full")])


def test_a_stretch_that_can_not_be_learnt_is_left_out(world: World) -> None:
    """The next one is learnt by a tuner that goes on from what was written last."""
    world.look(0)
    world.serve(NOW + 10)
    world.look()
    world.serve(NOW + 310)
    world.look()
    learnt = world.tuner
    world.loop.forget()
    world.serve(NOW + 610)
    world.look()

    assert world.tuner is not learnt
    assert world.tuner is not None
    assert [1, 1, 1] == world.tuner.learnt
    assert world.loop._kept.follower.since == world.loop._kept.follower.until


def test_the_process_gives_way_and_is_bounded() -> None:
    """It is nice, and has no more memory than is stated."""
    program = (
        "import os, resource; from everai_autoscaler.tuner.loop import bound; before = os.nice(0); bound();"
        "print(os.nice(0) - before, resource.getrlimit(resource.RLIMIT_DATA)[0])"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout

    assert [loop_room.NICE, loop_room.MEMORY] == [int(word) for word in printed.split()]
    assert resource.getrlimit(resource.RLIMIT_DATA)[0] != loop_room.MEMORY


def test_what_a_system_refuses_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tuner that may not be nice or bounded tunes all the same."""
    asked: list[object] = []

    def refuse(*given: object) -> None:
        asked.append(given)
        raise OSError("not here")

    monkeypatch.setattr(loop_room.os, "nice", refuse)
    monkeypatch.setattr(loop_room.resource, "setrlimit", refuse)
    loop_room.bound()

    assert 3 == len(asked)


def test_the_program_reads_what_it_is_told(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """One argument, of JSON; the tuner is that of the package."""
    pytest.importorskip("numba")
    from everai_autoscaler.tuner import __main__ as program
    from everai_autoscaler.tuning.tuner import Tuner

    called: list[object] = []
    monkeypatch.setattr(sys, "argv", ["tuner", world.config.model_dump_json()])
    monkeypatch.setattr(program, "bound", lambda: called.append("bound"))
    monkeypatch.setattr(program, "run", lambda *given: called.extend(given))
    program.main()

    assert ["bound", world.config, Tuner.resume] == called


def test_what_was_told_and_is_broken_is_told_anew(world: World) -> None:
    """As if nothing had been told."""
    world.look(0)
    chosen_path(world.directory, "chat").parent.mkdir(exist_ok=True)
    chosen_path(world.directory, "chat").write_text("{")
    world.look()

    assert read_tuning(world.directory, "chat") is not None


def test_waiting_ends_with_the_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its end of the pipe is closed; until then signs of life are said."""
    reading, writing = os.pipe()
    monkeypatch.setattr(loop_room, "SIGN_OF_LIFE", 0.01)
    with os.fdopen(reading) as stdin:
        monkeypatch.setattr(loop_room.sys, "stdin", stdin)
        said: list[str] = []
        there = loop_room._wait(0.05, said.append)
        os.close(writing)
        gone = loop_room._wait(60.0, said.append)

    assert (True, False) == (there, gone)
    assert len(said) > 1
