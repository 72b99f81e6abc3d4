"""The words that every room shares: numbers with their noun, moments, a platform's words, and tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

__all__ = [
    "REASON_WORDS",
    "STATUS_WORDS",
    "counted",
    "lifecycle",
    "moment",
    "one_line",
    "printable",
    "reason_word",
    "table",
]

STATUS_WORDS = {"Inflight": "IN_FLIGHT", "Free": "FREE", "Busy": "BUSY"}
"""What a platform's lists call the statuses of a worker."""
REASON_WORDS = {"QueueDueBusy": "WorkerBusy", "QueueDueSession": "SessionWorkerBusy"}
"""What a platform's lists call the reasons to wait for which they have a word of their own."""

_GAP = "  "
_PADDING = 2
"""A column is at least this much wider than its header."""


def counted(number: int, one: str, many: str = "", *, form: str = "") -> str:
    """*number* with its noun: *one*, or *many*, which is *one* with an "s" unless it is given.

    Args:
        number: how many there are.
        one: the noun of one of them.
        many: the noun of several, where it isn't made with an "s".
        form: how the number is written, as for ``format()``.

    >>> counted(1, "worker"), counted(3, "worker"), counted(2, "process", "processes")
    ('1 worker', '3 workers', '2 processes')
    >>> counted(1200, "request", form=",")
    '1,200 requests'
    """
    return f"{number:{form}} {one if number == 1 else many or f'{one}s'}"


def moment(seconds: float) -> str:
    """The epoch *seconds* in UTC, as a platform's lists show them; as they are where no calendar reaches.

    >>> moment(1722220970), moment(1722220970000)
    ('2024-07-29T02:42:50+0000', '1722220970000 s')
    """
    try:
        return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
    except (ValueError, OverflowError, OSError):  # after the year 9999: milliseconds, most likely
        return f"{seconds:.0f} s"


def one_line(text: str) -> str:
    r"""*text* with a single blank wherever it has blanks or the end of a line.

    >>> one_line("two\n  lines")
    'two lines'
    """
    return " ".join(text.split())


def printable(text: str, *, instead: str = "?") -> str:
    r"""*text* in one line, with *instead* for each control character: a terminal would obey it.

    >>> printable("a\x1b[2J\n  b"), printable("a\x1b[2J\n  b", instead=" ")
    ('a?[2J b', 'a [2J b')
    """
    return one_line("".join(one if one.isprintable() or one.isspace() else instead for one in text))


def reason_word(reason: str) -> str:
    """What a platform's lists call the *reason* for which a request waits; a reason that is not known keeps its name.

    >>> reason_word("QueueDueBusy"), reason_word("GpuReserved")
    ('WorkerBusy', 'GpuReserved')
    """
    return REASON_WORDS.get(reason, reason)


def lifecycle(*, ready: bool, draining: bool, ended: bool) -> str:
    """What a platform's lists call the part of its life that a worker is in.

    >>> lifecycle(ready=True, draining=False, ended=False)
    'RUNNING'
    """
    if ended:
        return "TERMINATED"
    if draining:
        return "TERMINATING"
    return "RUNNING" if ready else "PENDING"


def table(headers: Sequence[str], rows: Iterable[Sequence[str]], *, align_right: Collection[int] = ()) -> str:
    """*headers* over dashes over *rows*, in columns; those at the places *align_right* end at their right edge.

    >>> print(table(["NAME", "WORKERS"], [["simple", "12"]], align_right=[1]))
    NAME      WORKERS
    ------  ---------
    simple         12
    """
    lines = [list(headers), *map(list, rows)]
    columns = zip(*lines, strict=True)
    widths = [max(len(header) + _PADDING, *map(len, cells)) for header, cells in zip(headers, columns, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        _GAP.join(
            cell.rjust(width) if place in align_right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )
