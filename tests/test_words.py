"""What the shared words promise."""

from __future__ import annotations

import pytest

from everai_autoscaler.model import QueueReason, WorkerStatus
from everai_autoscaler.words import (
    REASON_WORDS,
    STATUS_WORDS,
    counted,
    lifecycle,
    moment,
    one_line,
    printable,
    reason_word,
    table,
)


@pytest.mark.parametrize(
    ("number", "nouns", "words"),
    [
        (0, ["worker"], "0 workers"),
        (1, ["worker"], "1 worker"),
        (1200, ["worker"], "1200 workers"),
        (1, ["process", "processes"], "1 process"),
        (2, ["process", "processes"], "2 processes"),
    ],
)
def test_a_number_has_its_noun(number, nouns, words):
    """In the singular for one, and otherwise in the plural, which may be given."""

    assert words == counted(number, *nouns)


def test_a_number_is_written_in_the_form_that_is_wanted():
    """A large number may have its thousands apart."""

    assert "1,200 requests" == counted(1200, "request", form=",")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (1722220970, "2024-07-29T02:42:50+0000"),
        (59.999, "1970-01-01T00:00:59+0000"),
        (1722220970000, "1722220970000 s"),
        (1e20, "100000000000000000000 s"),
    ],
)
def test_a_moment_is_in_utc(seconds, words):
    """In whole seconds that have begun; one that no calendar knows stays a number."""

    assert words == moment(seconds)


def test_text_of_several_lines_is_made_one():
    """Ends of lines and rows of blanks become single blanks."""

    assert "two lines" == one_line(" two\r\n\tlines ")


@pytest.mark.parametrize(
    ("text", "line"),
    [("plain", "plain"), ("\x1b[2Jname", "?[2Jname"), ("two\n lines\x7f", "two lines?"), ("\u5de5", "\u5de5")],
)
def test_control_characters_are_not_passed_on(text, line):
    """A terminal would obey them; letters of any language, and blanks, stay."""

    assert line == printable(text)


def test_each_status_has_a_word():
    """The platform's words are those of the contract's statuses."""

    assert {status.value for status in WorkerStatus} == set(STATUS_WORDS)


def test_reasons_have_words():
    """The platform has a word of its own for two of the contract's reasons."""

    assert {"QueueDueBusy", "QueueDueSession"} == set(REASON_WORDS) < {reason.value for reason in QueueReason}


@pytest.mark.parametrize(
    ("reason", "word"),
    [("NotDispatch", "NotDispatch"), ("QueueDueSession", "SessionWorkerBusy"), ("GpuReserved", "GpuReserved")],
)
def test_a_reason_has_its_word(reason, word):
    """A reason for which the platform has no word keeps its name."""

    assert word == reason_word(reason)


@pytest.mark.parametrize(
    ("ready", "draining", "ended", "word"),
    [
        (False, False, False, "PENDING"),
        (True, False, False, "RUNNING"),
        (True, True, False, "TERMINATING"),
        (False, True, False, "TERMINATING"),
        (True, True, True, "TERMINATED"),
    ],
)
def test_a_worker_is_in_one_part_of_its_life(ready, draining, ended, word):
    """The last that it has come to."""

    assert word == lifecycle(ready=ready, draining=draining, ended=ended)


def test_without_rows_the_headers_stand_alone():
    """An empty table still says what it would hold."""

    assert ["NAME    WORKERS", "------  ---------"] == table(["NAME", "WORKERS"], []).splitlines()


def test_a_long_cell_widens_its_column():
    """A column is as wide as its longest cell, and no line ends in blanks."""
    lines = table(["A", "B"], [["1234567890", ""], ["x", "y"]], align_right=[0]).splitlines()

    assert ["         A  B", "----------  ---", "1234567890", "         x  y"] == lines


@pytest.mark.parametrize("cells", [["a"], ["a", "b", "c"]])
def test_a_row_of_another_length_is_refused(cells):
    """A row with too few or too many cells is an error, not a table that lies."""
    with pytest.raises(ValueError, match="argument 2 is"):
        table(["A", "B"], [cells])
