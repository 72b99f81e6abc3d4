"""A file of requests while it is read: its lines, and how it is called in messages."""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import PurePath
from typing import BinaryIO, cast

from attrs import define, frozen

from everai_autoscaler.errors import ContractError
from everai_autoscaler.simulator.service import Service

__all__ = ["Source", "Wanted", "opened"]

_PEEKED_LINES = 3


@frozen
class Wanted:
    """What the caller of ``read`` asked for."""

    service: Service | None = None
    """The model of service times; ``None`` for what the file says."""
    seed: int = 0
    app: str | None = None
    """Which app of a file that has several."""
    every: bool = False
    """Every app of a file that has several."""
    unit: str | None = None
    """The unit of the request times in an access log."""


@define
class Source:
    """A file of requests while it is read."""

    name: str
    """How it is called in messages: as it was given."""
    label: str
    """How its workload is called."""
    binary: BinaryIO
    """Its bytes, from their start, for forms that aren't text."""
    lines: Iterator[str]
    """Its lines, from their start."""
    head: list[str]
    """Its first lines that aren't blank."""
    blank: int
    """How many blank lines stand before those."""
    is_parquet: bool

    def wrong(self, what: str, line: int | None = None) -> ContractError:
        """The error that says *what* is wrong, with the file and the *line*."""
        return ContractError(f"{self.name}: {what}" if line is None else f"{self.name}: line {line}: {what}")


@contextmanager
def opened(name: str, open_file: Callable[[], BinaryIO]) -> Iterator[Source]:
    """The file while it is read; gzip is told by its first bytes.

    Raises:
        ContractError: it can't be opened or unpacked, or isn't text.
    """
    try:
        with open_file() as raw:
            buffered = raw if isinstance(raw, io.BufferedReader) else io.BufferedReader(cast("io.RawIOBase", raw))
            start = buffered.peek(4)[:4]
            if start == b"PAR1":
                yield Source(name, PurePath(name).name, buffered, iter(()), [], 0, is_parquet=True)
                return
            stream = gzip.GzipFile(fileobj=buffered) if start[:2] == b"\x1f\x8b" else buffered
            text = io.TextIOWrapper(cast("BinaryIO", stream), encoding="utf-8-sig", newline="")
            read: list[str] = []
            head: list[str] = []
            for line in text:
                read.append(line)
                if line.strip():
                    head.append(line)
                if len(head) == _PEEKED_LINES:
                    break
            blank = next((number for number, line in enumerate(read) if line.strip()), 0)
            yield Source(name, PurePath(name).name, buffered, chain(read, text), head, blank, is_parquet=False)
    except (gzip.BadGzipFile, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ContractError(f"{name}: is neither text in UTF-8 nor gzip of it: {error}") from error
    except OSError as error:
        raise ContractError(f"{name}: can't be read: {error.strerror or error}") from error
