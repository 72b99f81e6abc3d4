"""What a tuner chose: the file, how an argument reads it, and what Prometheus is shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from everai_autoscaler.decision import Decider
from everai_autoscaler.errors import ArgumentError, ContractError, PlaceholderError, StateError
from everai_autoscaler.model import Factors, Placeholder
from everai_autoscaler.runtime.plan import Beside
from everai_autoscaler.runtime.ring import read_requests
from everai_autoscaler.runtime.tuned import (
    InForceForm,
    TuningForm,
    chosen_path,
    read_tuning,
    requests_path,
    tuned_reader,
    write_tuning,
)
from everai_autoscaler.runtime.tuning import Tuning, TuningMetrics

SOURCE = "tuned 12:35 on 24 h of traffic: rule 17"


def form(app: str = "chat", arguments: dict[str, Any] | None = None, **changes: Any) -> TuningForm:
    """What a tuner may have written."""
    given = {"max_workers": 7, "rule": "1*now", **(arguments or {})}
    in_force = InForceForm(number=17, scaler="simple", arguments=given, since=5.0, why="it is cheap", source=SOURCE)
    plain = {"app": app, "act": True, "within": 5.0, "share": 0.99, "every": 300.0, "candidates": 3, "told_at": 7.0}
    return TuningForm(**{**plain, "in_force": in_force, **changes})


def decided(tmp_path: Path) -> tuple[Decider, Any]:
    """A pipeline whose maximum is tuned, and a function that gives its value, source and excuse."""
    arguments = {"max_workers": Placeholder(kind="Tuned", name="chat", key="max_workers")}
    decider = Decider("simple", arguments, providers={"Tuned": tuned_reader(tmp_path)})

    def look() -> tuple[Any, str, str | None]:
        argument = decider.decision(Factors(workers=[])).record().arguments["max_workers"]
        return argument.value, argument.source, argument.kept

    return decider, look


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """All of it; and the file is for its owner alone."""
    write_tuning(tmp_path, form())

    assert form() == read_tuning(tmp_path, "chat")
    assert 0o600 == chosen_path(tmp_path, "chat").stat().st_mode & 0o777
    assert read_tuning(tmp_path, "other") is None


@pytest.mark.parametrize("app", ["a/b", "..", "ü b"])
def test_any_name_is_a_file_of_the_directory(tmp_path: Path, app: str) -> None:
    """No app's name leads out of it."""
    write_tuning(tmp_path, form(app))

    assert tmp_path / "tuned" == chosen_path(tmp_path, app).parent
    assert tmp_path / "requests" == requests_path(tmp_path, app).parent
    assert read_tuning(tmp_path, app) == form(app)


def test_a_file_that_is_broken_is_named(tmp_path: Path) -> None:
    """In one line."""
    write_tuning(tmp_path, form())
    chosen_path(tmp_path, "chat").write_text("{")

    with pytest.raises(ContractError, match=r"chat\.json: TuningForm: "):
        read_tuning(tmp_path, "chat")


def test_a_directory_that_is_none(tmp_path: Path) -> None:
    """It is an error of the state directory."""
    (tmp_path / "tuned").mkdir()
    chosen_path(tmp_path, "chat").mkdir()

    with pytest.raises(StateError, match="can't be used"):
        read_tuning(tmp_path, "chat")


class TestAnArgumentThatIsTuned:
    """``Tuned`` reads what is in force."""

    def test_is_recorded_with_its_sentence(self, tmp_path: Path) -> None:
        """When, and on what evidence."""
        write_tuning(tmp_path, form())
        _, look = decided(tmp_path)

        assert (7, SOURCE, None) == look()

    def test_changes_with_the_next_decision(self, tmp_path: Path) -> None:
        """As a ConfigMap does."""
        write_tuning(tmp_path, form())
        _, look = decided(tmp_path)
        look()
        write_tuning(tmp_path, form(arguments={"max_workers": 9}))

        assert 9 == look()[0]

    @pytest.mark.parametrize("harm", ["missing", "broken", "nothing", "unfit", "other"])
    def test_keeps_the_last_good_one(self, tmp_path: Path, harm: str) -> None:
        """Whatever becomes of the file; the record says why."""
        write_tuning(tmp_path, form())
        _, look = decided(tmp_path)
        look()
        path = chosen_path(tmp_path, "chat")
        {
            "missing": path.unlink,
            "broken": lambda: path.write_bytes(b"\xff"),
            "nothing": lambda: write_tuning(tmp_path, form(in_force=None)),
            "unfit": lambda: write_tuning(tmp_path, form(arguments={"max_workers": "many"})),
            "other": lambda: write_tuning(tmp_path, form(app="chat").model_copy(update={"in_force": _without()})),
        }[harm]()
        value, source, kept = look()

        assert (7, SOURCE) == (value, source)
        assert kept is not None

    def test_is_an_error_while_there_never_was_one(self, tmp_path: Path) -> None:
        """The line says what to do."""
        decider, _ = decided(tmp_path)

        with pytest.raises(ArgumentError, match=r"Tuned chat/max_workers can't be read: nothing is tuned for chat in"):
            decider.decide(None)

    def test_that_the_choice_does_not_have(self, tmp_path: Path) -> None:
        """The line says which there are."""
        write_tuning(tmp_path, form())

        with pytest.raises(PlaceholderError, match="no such argument is tuned; there are max_workers, rule"):
            tuned_reader(tmp_path)("chat", "min_workers")

    def test_is_text_as_the_book_has_it(self, tmp_path: Path) -> None:
        """A number as JSON writes it, text as it is."""
        write_tuning(tmp_path, form())
        read = tuned_reader(tmp_path)

        assert ("7", "1*now") == (read("chat", "max_workers"), read("chat", "rule"))


def _without() -> InForceForm:
    return InForceForm(number=1, scaler="simple", arguments={}, since=5.0, why="", source="tuned")


BUDGET = {"due": 1000.0, "late": 3.0, "aim": 0.009, "allowed": 0.0063, "spent": 0.33, "left": 6.0}
ADVICE = {"number": 3, "scaler": "simple", "arguments": {}, "since": 1.0, "why": "", "saving": 0.12}


def test_what_prometheus_is_shown() -> None:
    """The budget, the regret, and how often it has switched since this runtime was started."""
    registry = CollectorRegistry()
    metrics = TuningMetrics(registry)
    metrics.told(form(budget=BUDGET, advice=ADVICE, switched=4, cpu=0.01, hours=2.5))
    metrics.told(form(budget=BUDGET, switched=6, in_force=None))
    metrics.started(2)

    def value(name: str) -> float | None:
        return registry.get_sample_value(f"everai_autoscaler_{name}")

    assert (0.33, 6.0, 0.0063) == tuple(value(f"tuning_budget_{one}") for one in _BUDGET)
    assert (0.12, 2.0, -1.0) == (value("tuning_regret_ratio"), value("tuning_switches_total"), value("tuning_rule"))
    assert (0.01, 0.0, 7.0) == tuple(value(f"tuning_{one}") for one in _REST)
    assert 2.0 == value("tuner_starts_total")


_BUDGET = ("spent_ratio", "left_requests", "allowed_ratio")
_REST = ("cpu_ratio", "evidence_hours", "told_timestamp_seconds")


class TestWhatTheRuntimeDoes:
    """It writes the ring, and looks at what was chosen."""

    def made(self, tmp_path: Path) -> tuple[Tuning, list[str]]:
        """What the runtime has, and what an operator is told."""
        notes: list[str] = []
        (tmp_path / "logs").mkdir()
        beside = Beside(command=("true",), records=100, silence=60.0)
        return Tuning("chat", beside, tmp_path, note=notes.append, registry=CollectorRegistry()), notes

    def test_a_beat_writes_what_has_ended(self, tmp_path: Path) -> None:
        """So that a reader finds it a second later."""
        tuning, _ = self.made(tmp_path)
        tuning.served(10.0, 11.0, 12.0)
        tuning.beat(0)

        assert [10.0] == list(read_requests(requests_path(tmp_path, "chat")).arrivals)

    def test_a_beat_says_whether_there_is_news(self, tmp_path: Path) -> None:
        """Once for each."""
        tuning, _ = self.made(tmp_path)
        before = tuning.beat(0)
        write_tuning(tmp_path, form())
        found = [tuning.beat(0), tuning.beat(0)]
        chosen_path(tmp_path, "chat").unlink()

        assert (False, [True, False], True) == (before, found, tuning.beat(0))

    def test_what_fails_is_said_once(self, tmp_path: Path) -> None:
        """And again after it was well."""
        tuning, notes = self.made(tmp_path)
        ring = requests_path(tmp_path, "chat")
        away = ring.with_suffix(".away")
        for _ in range(2):
            ring.rename(away)
            tuning.served(10.0, 11.0, 12.0)
            tuning.beat(0)
            tuning.beat(0)
            away.rename(ring)
            tuning.beat(0)

        assert 2 == len(notes)
        assert notes[0].startswith("tuning: state directory")

    def test_nobody_runs_before_it_is_told_to(self, tmp_path: Path) -> None:
        """The process is the watch's."""
        tuning, _ = self.made(tmp_path)

        assert tuning.pid is None
