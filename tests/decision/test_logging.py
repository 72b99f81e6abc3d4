"""What the pipeline logs: one event a decision, what is wrong once a change, and nothing where nobody listens."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from typing import Any

import pytest

from everai_autoscaler.decision import Decider
from everai_autoscaler.model import AutoScaler, DecideResult, Decorator, Decorators, Factors
from everai_autoscaler.testing import snapshot

DEEP = snapshot(waiting=3, busy=1, free=1)


def events(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str, dict[str, Any]]]:
    """Level, event and fields of what was logged."""
    return [(r.levelname, r.event_dict["event"], r.event_dict) for r in caplog.records]  # type: ignore[attr-defined]


def test_each_decision_is_one_event(caplog: pytest.LogCaptureFixture) -> None:
    """With what was decided and why as data, and in the message."""
    caplog.set_level(logging.INFO, "everai_autoscaler")
    ticks = iter([1.0, 1.25])
    Decider("simple", {"max_workers": 5, "max_queue_size": 2}, app="app-1", timer=lambda: next(ticks)).decide(DEEP)
    why = "simple: 3 waiting for a busy worker, more than 2: starts 1 worker"
    expected = {
        "event": "decided",
        "app": "app-1",
        "scaler": "simple",
        "up": 1,
        "down": [],
        "held": False,
        "max_workers": 5,
        "workers": 2,
        "waiting": 3,
        "why": why,
        "took": 0.25,
    }

    assert [("INFO", "decided", expected)] == events(caplog)
    assert (
        "decided app='app-1' scaler='simple' up=1 down=[] held=False max_workers=5 workers=2 waiting=3 "
        f"why='{why}' took=0.25" == (caplog.records[0].getMessage())
    )
    assert ("everai_autoscaler", None) == (caplog.records[0].name, caplog.records[0].exc_info)


@pytest.mark.parametrize(
    ("factors", "known"),
    [(None, (None, None)), (snapshot(None, workers=None), (None, None)), (snapshot(2, free=1), (1, 2))],
)
def test_what_is_not_known_is_none(caplog: pytest.LogCaptureFixture, factors: Any, known: Any) -> None:
    """Never zero."""
    caplog.set_level(logging.INFO, "everai_autoscaler")
    Decider("simple").decide(factors)
    (_, _, fields), *more = events(caplog)

    assert [] == more
    assert known == (fields["workers"], fields["waiting"])


def test_a_name_with_a_percent_sign_or_a_line_break_breaks_no_message(caplog: pytest.LogCaptureFixture) -> None:
    """A message is one line, whatever is in it."""
    caplog.set_level(logging.INFO, "everai_autoscaler")
    Decider("simple", app="100%s\nforged").decide(DEEP)

    assert r"decided app='100%s\nforged'" in caplog.records[0].getMessage()
    assert "\n" not in caplog.records[0].getMessage()


class Fickle(AutoScaler):
    """Fails as it is told."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    def decide(self, factors: Factors) -> DecideResult:
        if self.error:
            raise self.error
        return DecideResult(max_workers=1, actions=[]).because("fine")


def test_a_policys_failure_is_logged_once_a_change(caplog: pytest.LogCaptureFixture) -> None:
    """Not once a tick: again when it is another, or comes back."""
    policy = Fickle()
    decider = Decider(policy)
    for error in (ValueError("a"), ValueError("a"), ValueError("b"), ValueError("b"), None, None, ValueError("b")):
        policy.error = error
        decider.decide(DEEP)

    assert [
        ("ERROR", "policy_failed", "Fickle failed: ValueError: a"),
        ("ERROR", "policy_failed", "Fickle failed: ValueError: b"),
        ("ERROR", "policy_failed", "Fickle failed: ValueError: b"),
    ] == [(level, event, fields["why"]) for level, event, fields in events(caplog)]


def test_a_decorators_failure_is_logged_once_a_change(caplog: pytest.LogCaptureFixture, offering: Any) -> None:
    """It is an error as a policy's is; "not known" is none."""
    registry = offering(factors={"broken": lambda: lambda _: 1 // 0, "unknown": lambda: lambda _: None})
    for name in ("broken", "unknown"):
        decider = Decider("simple", decorators=Decorators(factors=[Decorator(name=name)]), registry=registry)
        decider.decide(DEEP)
        decider.decide(DEEP)

    assert [("ERROR", "decorator_failed")] == [(level, event) for level, event, _ in events(caplog)]
    assert "broken failed: ZeroDivisionError: integer division or modulo by zero" == events(caplog)[0][2]["why"]


def test_a_kept_argument_is_warned_of_once_a_change(caplog: pytest.LogCaptureFixture, late: Any) -> None:
    """For each argument by itself, again with another bad value, again after a good one."""
    least, most = late(0), late(5)
    decider = Decider("simple", {"min_workers": least, "max_workers": most}, app="app-1")
    for values in ((0, 5), (0, "a"), (0, "a"), ("z", "a"), ("z", "b"), (0, 5), (0, "b")):
        least.value, most.value = values
        decider.decide(DEEP)
    warned = [
        (level, event, fields["app"], fields["why"].split(" from ")[0]) for level, event, fields in events(caplog)
    ]

    assert [
        ("WARNING", "argument_kept", "app-1", "simple: max_workers: 'a'"),
        ("WARNING", "argument_kept", "app-1", "simple: min_workers: 'z'"),
        ("WARNING", "argument_kept", "app-1", "simple: max_workers: 'b'"),
        ("WARNING", "argument_kept", "app-1", "simple: max_workers: 'b'"),
    ] == warned


def test_a_contradiction_is_warned_of_once_a_change(caplog: pytest.LogCaptureFixture, late: Any) -> None:
    """Loudly enough to be seen, and not each tick."""
    least = late(7)
    decider = Decider("simple", {"min_workers": least, "max_workers": 5})
    for value in (7, 7, 8, 3, 8):
        least.value = value
        decider.decide(DEEP)

    assert [
        ("WARNING", "arguments_contradict", f"min_workers {least} is above max_workers 5: the maximum wins")
        for least in (7, 8, 8)
    ] == [(level, event, fields["why"]) for level, event, fields in events(caplog)]


SILENT = """
import json, logging, sys
from everai_autoscaler.decision import Decider
from everai_autoscaler.model import Factors
imported = "structlog" in sys.modules

class Fails:
    def decide(self, factors):
        raise ValueError("oh")

values = iter([5, "bad", 1, 1, 1, 1])
Decider("simple", {"max_workers": lambda: next(values), "min_workers": 3}).decide(Factors())
Decider(Fails(), memory=object()).decision(Factors()).record()
quiet = "structlog" in sys.modules
logging.getLogger("everai_autoscaler").setLevel(logging.DEBUG)
Decider("simple").decide(Factors())
import structlog
with open(sys.argv[1], "w") as file:
    root = logging.getLogger()
    ours = logging.getLogger("everai_autoscaler")
    json.dump([imported, structlog.is_configured(), root.handlers, root.level, ours.propagate,
               [type(handler).__name__ for handler in ours.handlers]], file)
"""


def test_without_configuration_nothing_is_printed_and_nothing_is_configured(tmp_path: Any) -> None:
    """Neither on standard output nor on standard error, not even warnings and errors; structlog comes when needed."""
    told = tmp_path / "told.json"
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", SILENT, told], capture_output=True, text=True, check=False
    )

    assert (0, "", "") == (ran.returncode, ran.stdout, ran.stderr)
    assert [False, False, [], logging.WARNING, True, ["NullHandler"]] == json.loads(told.read_text())


CONFIGURED = """
import logging, sys
import structlog
structlog.configure(processors=[lambda *_: 1 // 0], logger_factory=structlog.PrintLoggerFactory())
logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
from everai_autoscaler.decision import Decider
from everai_autoscaler.model import Factors
Decider("simple").decide(Factors())
"""


def test_events_go_where_the_application_sends_its_logs() -> None:
    """Through the standard library's handlers, whatever structlog's own configuration is."""
    ran = subprocess.run([sys.executable, "-c", CONFIGURED], capture_output=True, text=True, check=True)

    assert ran.stdout.startswith("everai_autoscaler INFO decided app='app' scaler='simple' up=1 ")
    assert 1 == len(ran.stdout.splitlines())
