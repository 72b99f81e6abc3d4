"""JSON documents out of a stream: one a line, or each over several lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from enum import Enum

__all__ = ["Layout", "documents"]

_BOM = b"\xef\xbb\xbf"


class Layout(Enum):
    """How documents are laid out in a stream."""

    LINES = "one a line"
    DETECT = "as the first line shows"
    """If the first line is an incomplete document, documents span several lines; otherwise there is one per line."""


def documents(stream: Iterable[bytes], layout: Layout = Layout.DETECT) -> Iterator[tuple[int, bytes]]:
    r"""Each document of *stream* as soon as it is there, with the number of the line on which it begins.

    They aren't checked: what can't be a document is yielded as it is.

    >>> list(documents([b'{"a": 1}\n', b'\n', b'{"a":\n', b'{"b": 2}\n']))
    [(1, b'{"a": 1}\n'), (3, b'{"a":\n'), (4, b'{"b": 2}\n')]
    >>> list(documents([b'{\n', b'"a": 1\n', b'}\n', b'{}\n']))
    [(1, b'{\n"a": 1\n}\n'), (4, b'{}\n')]
    """
    begun = b""
    begun_at = 0
    for number, read in enumerate(stream, 1):
        line = read.removeprefix(_BOM) if number == 1 else read
        if layout is Layout.LINES:
            if line.strip():
                yield number, line
        elif begun:
            begun += line
            # An indented document ends where a bracket closes it at the margin.
            if line[:1] in b"}]" and _complete(begun):
                yield begun_at, begun
                begun = b""
        elif line.strip():
            if _cut_off(line):
                begun, begun_at = line, number
            else:
                yield number, line
                layout = layout if begun_at else Layout.LINES
    if begun:
        yield begun_at, begun


def _complete(text: bytes) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _cut_off(line: bytes) -> bool:
    """Whether *line* is good JSON as far as it goes, and doesn't go far enough."""
    text = line.decode("utf-8", "replace").rstrip()
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return error.pos >= len(text)
    except (ValueError, RecursionError):
        return False
    return False
