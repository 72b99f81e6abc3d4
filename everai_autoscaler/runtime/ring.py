"""The last requests of an app, one by one, in a file of a fixed size: columns of numbers, the oldest overwritten."""

from __future__ import annotations

import math
import os
import struct
import sys
import threading
import time
import zlib
from array import array
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from attrs import field, frozen

from everai_autoscaler.errors import StateError
from everai_autoscaler.runtime.state import make_directory, usable

__all__ = ["Mark", "Open", "Requests", "Ring", "read_open", "read_requests", "records_in"]

_MAGIC = b"EVRQRING"
_VERSION = 1
_HEAD = struct.Struct("<8sIIQdQ")
"""What it is, its version, nothing, for how many records it has room, when it was made, and how many were written."""
_HEADER = 4096
"""Bytes before the columns."""
_RECORD = struct.Struct("<Qdff")
"""The number of a record, when it came, how long it waited and how long it was served: what its check is made of."""
_COLUMNS = (("d", 8), ("f", 4), ("f", 4), ("I", 4))
"""The type and size of each column: arrival, wait, service, check."""
_BYTES = sum(size for _, size in _COLUMNS)
_OPEN = struct.Struct("<8sdII")
"""What it is, when it was written, how many requests wait and how many are open; their arrivals follow."""
_MOST_OPEN = 20_000
"""Open requests that are written: of more, those that came first."""
_PUT_BY = 100_000
"""Requests that are put by until they are written; more of them, and the oldest are lost."""


def records_in(megabytes: float) -> int:
    """How many requests a ring of that size has.

    >>> records_in(8)
    419225
    """
    return max(1, (int(megabytes * 1024 * 1024) - _HEADER) // _BYTES)


@frozen
class Mark:
    """How far a reader has read a ring."""

    made_at: float = 0.0
    """When the ring was made; another one is read from its beginning."""
    number: int = 0
    """How many of its requests came before."""


@frozen(eq=False)
class Requests:
    """Requests in the order in which they ended, a column for each fact."""

    arrivals: array[float] = field(factory=lambda: array("d"))
    """When each came (epoch seconds)."""
    waits: array[float] = field(factory=lambda: array("f"))
    """Seconds until a worker took it, or until it went away; infinite where it was turned away."""
    services: array[float] = field(factory=lambda: array("f"))
    """Seconds that it was served; not a number (nan) where it never was."""
    mark: Mark = Mark()
    """Where the next reading goes on."""
    missed: int = 0
    """Requests that were overwritten before they were read, or are beyond the most that were asked for."""
    torn: int = 0
    """Records that weren't whole: the machine has stopped while they were being written."""

    def __len__(self) -> int:
        """How many there are."""
        return len(self.arrivals)

    def __iter__(self) -> Iterator[tuple[float, float, float]]:
        """Of each its arrival, its wait and its service."""
        return zip(self.arrivals, self.waits, self.services, strict=True)


@frozen
class Open:
    """Which requests weren't over at a moment."""

    at: float
    """The moment (epoch seconds)."""
    waiting: int
    """How many of them no worker had taken: those that came last, since the first that came is served first."""
    arrivals: tuple[float, ...]
    """When they came, in order."""


class Ring:
    """Writes the requests of one app to the file at *path*, over the oldest where it is full, and which are open.

    ``add`` costs next to nothing and never waits; ``flush`` writes what was added, and waits for the disk. What was
    added and not yet flushed is lost when the process is killed. A record that is only half on the disk, after a loss
    of power, is known by its check, and left out.

    Args:
        path: the file, which is made where there is none; one of another size keeps the requests for which there is
            room.
        records: for how many requests there is room.
        clock: tells the time in epoch seconds.

    Raises:
        StateError: by all that opens or writes the file: it can't be used.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as directory:
    ...     ring = Ring(Path(directory) / "app.ring", records=100)
    ...     ring.add(arrived=50.0, began=52.0, ended=53.5)
    ...     written = ring.flush()
    ...     list(read_requests(ring.path))
    [(50.0, 2.0, 1.5)]
    """

    def __init__(self, path: Path, *, records: int, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._records = records
        self._flushing = threading.Lock()
        self._open: dict[float, int] = {}
        self._waiting: deque[tuple[float, float, float]] = deque(maxlen=_PUT_BY)
        make_directory(path.parent)
        with usable(path.parent):
            head = _head_of(path)
            if head is None or head.records != records:
                head = self._make(clock())
        self._made_at, self._written = head.made_at, head.written

    def came(self, arrived: float) -> None:
        """A request came (epoch seconds)."""
        self._open[arrived] = self._open.get(arrived, 0) + 1

    def add(self, arrived: float, began: float | None, ended: float) -> None:
        """A request that *arrived* then was taken by a worker when it *began*, if it ever did, and *ended*.

        All are epoch seconds. Of one that was turned away at once *ended* is infinite.
        """
        others = self._open.pop(arrived, 1) - 1
        if others:
            self._open[arrived] = others
        if began is None:
            self._waiting.append((arrived, max(0.0, ended - arrived), math.nan))
        else:
            self._waiting.append((arrived, max(0.0, began - arrived), max(0.0, ended - began)))

    def tell_open(self, waiting: int) -> None:
        """Write which requests aren't over, of which so many wait. Before ``flush``, so that none is in neither."""
        now = self._clock()
        there = sorted(Counter(self._open.copy()).elements())[:_MOST_OPEN]
        content = _OPEN.pack(_MAGIC, now, min(waiting, len(there)), len(there)) + struct.pack(f"<{len(there)}d", *there)
        path = _open_path(self.path)
        new = path.with_name(f"{path.name}.new")
        with usable(path.parent):
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.write(content + _check(content))
            new.replace(path)

    def flush(self) -> int:
        """Write what was added; how many that were."""
        with self._flushing:
            batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if not batch:
                return 0
            try:
                with usable(self.path.parent), self.path.open("r+b") as file:
                    self._write(file, batch)
            except StateError:
                self._waiting.extendleft(reversed(batch))
                raise
            return len(batch)

    def _write(self, file: BinaryIO, batch: list[tuple[float, float, float]]) -> None:
        first, last = self._written, self._written + len(batch)
        begin = max(first, last - self._records)
        columns = _packed(begin, islice(batch, begin - first, None))
        offset = _HEADER
        for (_, size), column in zip(_COLUMNS, columns, strict=True):
            place = begin % self._records
            until_end = (self._records - place) * size
            _put(file, offset + place * size, column[:until_end])
            _put(file, offset, column[until_end:])
            offset += self._records * size
        # Last, so that a reader doesn't look for what isn't there yet.
        file.flush()
        _put(file, 0, _header(self._records, self._made_at, last))
        file.flush()
        self._written = last

    def _make(self, now: float) -> _Head:
        """A new file with what there was, as far as there is room; it is put in place whole.

        Numbers and the time at which it was made stay, so that a reader goes on where it was.
        """
        before = read_requests(self.path)
        kept = list(before)[-self._records :]
        new = self.path.with_suffix(".new")
        self._made_at, self._written = before.mark.made_at or now, before.mark.number - len(kept)
        with os.fdopen(os.open(new, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600), "r+b") as file:
            file.truncate(_HEADER + self._records * _BYTES)
            _put(file, 0, _header(self._records, self._made_at, self._written))
            self._write(file, kept)
        new.replace(self.path)
        return _Head(self._records, self._made_at, self._written)


def read_requests(path: Path, *, after: Mark | None = None, most: int = sys.maxsize) -> Requests:
    """The requests in the ring at *path* that were written *after* a mark, at most the last *most* of them.

    A ring that isn't there, or isn't one of ours, has none. It may be written meanwhile.

    Raises:
        StateError: it can't be read.
    """
    with usable(path.parent):
        head = _head_of(path)
        if head is None:
            return Requests()
        after = after or Mark()
        begun = after.number if after.made_at == head.made_at and after.number <= head.written else 0
        first = max(begun, head.written - head.records, head.written - most)
        columns: list[array[float] | array[int]] = []
        with path.open("rb") as file:
            offset = _HEADER
            for kind, size in _COLUMNS:
                columns.append(array(kind, _taken(file, offset, size, first, head)))
                if sys.byteorder == "big":  # pragma: no cover - of machines that we don't have
                    columns[-1].byteswap()
                offset += head.records * size
    found = Requests(mark=Mark(head.made_at, head.written), missed=first - begun)
    torn = 0
    for number, (came, wait, service, check) in enumerate(zip(*columns, strict=True), first):
        if check == zlib.crc32(_RECORD.pack(number, came, wait, service)):
            found.arrivals.append(came)
            found.waits.append(wait)
            found.services.append(service)
        else:
            torn += 1
    return Requests(found.arrivals, found.waits, found.services, found.mark, found.missed, torn)


def read_open(path: Path) -> Open | None:
    """Which requests weren't over when that was last written beside the ring at *path*; ``None`` where it never was.

    Raises:
        StateError: it can't be read.
    """
    with usable(path.parent):
        try:
            content = _open_path(path).read_bytes()
        except FileNotFoundError:
            return None
    body = content[:-4]
    if len(body) < _OPEN.size or _check(body) != content[-4:] or not body.startswith(_MAGIC):
        return None
    _, at, waiting, count = _OPEN.unpack_from(body)
    return Open(at, waiting, struct.unpack_from(f"<{count}d", body, _OPEN.size))


@frozen
class _Head:
    records: int
    made_at: float
    written: int


def _head_of(path: Path) -> _Head | None:
    """What the header at *path* says; ``None`` where there is none of ours."""
    head = b""
    with suppress(FileNotFoundError), path.open("rb") as file:
        head = file.read(_HEAD.size + 4)
    if len(head) < _HEAD.size + 4 or head != _HEAD.pack(*_HEAD.unpack(head[:-4])) + _check(head[:-4]):
        return None
    magic, version, _, records, made_at, written = _HEAD.unpack(head[:-4])
    whole = magic == _MAGIC and version == _VERSION and path.stat().st_size == _HEADER + records * _BYTES
    return _Head(records, made_at, written) if whole else None


def _open_path(path: Path) -> Path:
    return path.with_suffix(".open")


def _header(records: int, made_at: float, written: int) -> bytes:
    head = _HEAD.pack(_MAGIC, _VERSION, 0, records, made_at, written)
    return head + _check(head)


def _check(head: bytes) -> bytes:
    return struct.pack("<I", zlib.crc32(head))


def _packed(number: int, batch: Iterator[tuple[float, float, float]]) -> tuple[bytes, bytes, bytes, bytes]:
    """The columns of a *batch* whose first record has that *number*."""
    records = [_RECORD.pack(place, *one) for place, one in enumerate(batch, number)]
    return (
        b"".join(record[8:16] for record in records),
        b"".join(record[16:20] for record in records),
        b"".join(record[20:24] for record in records),
        struct.pack(f"<{len(records)}I", *map(zlib.crc32, records)),
    )


def _put(file: BinaryIO, offset: int, content: bytes) -> None:
    if content:
        file.seek(offset)
        file.write(content)


def _taken(file: BinaryIO, offset: int, size: int, first: int, head: _Head) -> bytes:
    """The column at *offset* from the record *first* on, around the end."""
    place, count = first % head.records, head.written - first
    before = min(count, head.records - place)
    file.seek(offset + place * size)
    content = file.read(before * size)
    file.seek(offset)
    return content + file.read((count - before) * size)
