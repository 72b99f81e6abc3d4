"""The one logger: structured events on the standard library's logger, silent until it is configured."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from everai_autoscaler.log import emit


def test_an_event_reads_as_a_line_and_carries_its_fields(caplog: pytest.LogCaptureFixture) -> None:
    """The words for people, ``event_dict`` for formatters."""
    emit(logging.WARNING, "decided", scaler="simple", up=1, why="100% busy")
    (record,) = caplog.records

    assert ("everai_autoscaler", logging.WARNING) == (record.name, record.levelno)
    assert "decided scaler='simple' up=1 why='100% busy'" == record.getMessage()
    assert {"event": "decided", "scaler": "simple", "up": 1, "why": "100% busy"} == record.event_dict  # type: ignore[attr-defined]


@pytest.mark.parametrize(("enabled", "events"), [(logging.INFO, 1), (logging.WARNING, 0)])
def test_an_event_that_nobody_wants_is_not_made(enabled: int, events: int, caplog: pytest.LogCaptureFixture) -> None:
    """The logger's own level says which are wanted."""
    with caplog.at_level(enabled, logger="everai_autoscaler"):
        emit(logging.INFO, "decided")

    assert events == len(caplog.records)


def test_nothing_is_printed_or_imported_before_it_is_configured() -> None:
    """A program that configures no logging sees nothing, of a warning neither, and pays for structlog only then."""
    program = (
        "import logging, sys; from everai_autoscaler.log import emit; assert 'structlog' not in sys.modules; "
        "emit(logging.ERROR, 'decided', up=1); assert 'structlog' in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (0, "", "") == (done.returncode, done.stdout, done.stderr)
