"""The ring of requests: what is written is read, the oldest is overwritten, and nothing torn is taken for a request."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler.errors import StateError
from everai_autoscaler.runtime.ring import Mark, Open, Ring, read_open, read_requests, records_in


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where a ring may be."""
    return tmp_path / "requests" / "app.ring"


def came(path: Path, **how: object) -> list[float]:
    """When each of the requests came that are there."""
    return list(read_requests(path, **how).arrivals)


def fill(ring: Ring, *arrivals: float) -> None:
    """Write requests that came then, waited for 1 s and took 2 s."""
    for at in arrivals:
        ring.add(at, at + 1, at + 3)
    ring.flush()


def test_what_is_written_is_read(path: Path) -> None:
    """One by one: when it came, how long it waited, how long it was served."""
    ring = Ring(path, records=10)
    ring.add(arrived=100.0, began=102.0, ended=105.5)
    ring.add(arrived=101.0, began=None, ended=131.0)
    ring.add(arrived=102.0, began=None, ended=math.inf)
    written = ring.flush()

    served, left, turned_away = read_requests(path)
    assert 3 == written
    assert (100.0, 2.0, 3.5) == served
    assert (101.0, 30.0) == left[:2]
    assert math.isnan(left[2])
    assert (102.0, math.inf) == turned_away[:2]


def test_a_clock_that_jumps_back_leaves_no_time_below_zero(path: Path) -> None:
    """What took less than nothing took nothing."""
    ring = Ring(path, records=10)
    ring.add(arrived=100.0, began=90.0, ended=80.0)
    ring.add(arrived=100.0, began=None, ended=80.0)
    ring.flush()

    assert [(100.0, 0.0), (100.0, 0.0)] == [one[:2] for one in read_requests(path)]
    assert 0.0 == read_requests(path).services[0]


@given(st.integers(1, 12), st.lists(st.integers(0, 9), max_size=6))
@settings(max_examples=40, deadline=None)
def test_the_last_are_there_whatever_the_size(tmp_path_factory: pytest.TempPathFactory, size: int, batches: list[int]):
    """As many as there is room for, in their order, however they were written."""
    path = tmp_path_factory.mktemp("ring") / "app.ring"
    ring = Ring(path, records=size)
    number = 0
    for count in batches:
        fill(ring, *map(float, range(number, number + count)))
        number += count

    assert [float(one) for one in range(max(0, number - size), number)] == came(path)


def test_a_reader_goes_on_where_it_was(path: Path) -> None:
    """By the mark of the last reading; what was overwritten meanwhile is counted."""
    ring = Ring(path, records=4)
    fill(ring, 1, 2)
    mark = read_requests(path).mark
    fill(ring, 3, 4)
    second = read_requests(path, after=mark)
    fill(ring, *range(5, 12))
    third = read_requests(path, after=second.mark)

    assert ([3.0, 4.0], 0) == (list(second.arrivals), second.missed)
    assert ([8.0, 9.0, 10.0, 11.0], 3) == (list(third.arrivals), third.missed)
    assert [] == came(path, after=third.mark)


def test_at_most_the_last_so_many(path: Path) -> None:
    """The others are counted as missed."""
    fill(Ring(path, records=10), 1, 2, 3, 4)
    found = read_requests(path, most=3)

    assert ([2.0, 3.0, 4.0], 1) == (list(found.arrivals), found.missed)


def test_the_next_runtime_goes_on(path: Path) -> None:
    """What an earlier one has written is there, and a reader's mark stays good."""
    fill(Ring(path, records=10), 1, 2)
    mark = read_requests(path).mark
    fill(Ring(path, records=10), 3)

    assert [1.0, 2.0, 3.0] == came(path)
    assert [3.0] == came(path, after=mark)


@pytest.mark.parametrize(("size", "there"), [(2, [4.0, 5.0]), (5, [1.0, 2.0, 3.0, 4.0, 5.0])])
def test_another_size_keeps_what_has_room(path: Path, size: int, there: list[float]) -> None:
    """The newest; a reader's mark stays good."""
    ring = Ring(path, records=4)
    fill(ring, 1, 2, 3, 4)
    mark = read_requests(path).mark
    fill(Ring(path, records=size), 5)

    assert there[-size:] == came(path)[-len(there) :]
    assert [5.0] == came(path, after=mark)


def test_the_file_is_as_large_as_it_says(path: Path) -> None:
    """Also when it has turned many times; and it is for its owner alone."""
    ring = Ring(path, records=records_in(0.01))
    for start in range(0, 3000, 100):
        fill(ring, *range(start, start + 100))

    assert 0.01 * 1024 * 1024 >= path.stat().st_size > 0.009 * 1024 * 1024
    assert 0o600 == path.stat().st_mode & 0o777


def test_a_megabyte_is_named_in_requests() -> None:
    """20 bytes each: the default of 8 MB is a day of almost five a second."""
    assert 4.8 < records_in(8) / 86_400 < 4.9
    assert 1 == records_in(0)


def test_a_torn_record_is_no_request(path: Path) -> None:
    """A column that never reached the disk is found out by the check."""
    fill(Ring(path, records=4), 1, 2, 3)
    content = bytearray(path.read_bytes())
    content[4096 + 8 : 4096 + 16] = bytes(8)
    path.write_bytes(content)
    found = read_requests(path)

    assert ([1.0, 3.0], 1) == (list(found.arrivals), found.torn)


def test_a_record_of_an_earlier_turn_is_none_of_this_one(path: Path) -> None:
    """Where the header has reached the disk before the records: they have the numbers of the turn before."""
    ring = Ring(path, records=2)
    fill(ring, 1, 2)
    old = path.read_bytes()
    fill(ring, 3, 4)
    path.write_bytes(path.read_bytes()[:4096] + old[4096:])
    found = read_requests(path)

    assert ([], 2) == (list(found.arrivals), found.torn)


@pytest.mark.parametrize("content", [b"", b"x" * 5000, b"EVRQRING"])
def test_what_is_no_ring_is_begun_anew(path: Path, content: bytes) -> None:
    """A reader finds nothing in it, and the next runtime makes a ring of it."""
    path.parent.mkdir()
    path.write_bytes(content)
    before = came(path)
    fill(Ring(path, records=4), 7)

    assert ([], [7.0]) == (before, came(path))


def test_a_ring_that_was_cut_is_begun_anew(path: Path) -> None:
    """Its header promises more than there is."""
    fill(Ring(path, records=4), 1)
    os.truncate(path, 4100)

    assert [] == came(path)


def test_there_may_be_none(path: Path) -> None:
    """A reader that comes first finds nothing."""
    assert [] == came(path)


def test_a_mark_of_another_ring_is_none(path: Path) -> None:
    """All of this one is read."""
    fill(Ring(path, records=4), 1, 2)

    assert [1.0, 2.0] == came(path, after=Mark(made_at=5.0, number=1))


def test_a_disk_that_fails_loses_nothing_yet(path: Path) -> None:
    """What couldn't be written is written at the next try, in its order."""
    ring = Ring(path, records=4)
    ring.add(1.0, 1.0, 2.0)
    path.rename(path.with_suffix(".away"))
    with pytest.raises(StateError, match="state directory"):
        ring.flush()
    ring.add(2.0, 2.0, 3.0)
    path.with_suffix(".away").rename(path)
    ring.flush()

    assert [1.0, 2.0] == came(path)


def test_nothing_to_write_writes_nothing(path: Path) -> None:
    """A runtime without requests leaves the disk alone."""
    ring = Ring(path, records=4)
    path.unlink()

    assert 0 == ring.flush()


def test_a_writer_that_is_killed_leaves_a_ring(path: Path) -> None:
    """At any moment: all that it had flushed is there, and nothing else."""
    program = f"""
from pathlib import Path
from everai_autoscaler.runtime.ring import Ring
ring = Ring(Path({str(path)!r}), records=50)
number = 0
while True:
    for _ in range(7):
        ring.add(float(number), number + 1.0, number + 2.0)
        number += 1
    ring.flush()
    print(number, flush=True)
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for _ in range(40):
            flushed = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        rest = writer.stdout.read().split()
    flushed = int(rest[-1]) if rest else flushed
    found = read_requests(path)

    assert found.mark.number >= flushed
    assert 0 == found.torn or found.torn <= 7
    assert sorted(found.arrivals) == list(found.arrivals)
    assert found.arrivals[-1] >= flushed - 1


class TestWhatIsOpen:
    """The requests that came and aren't over, beside the ring."""

    def test_is_what_came_and_did_not_end(self, path: Path) -> None:
        """In the order in which they came, with how many wait; two may come at one moment."""
        ring = Ring(path, records=4, clock=lambda: 50.0)
        for came in (3.0, 1.0, 2.0, 2.0):
            ring.came(came)
        ring.add(2.0, 2.0, 4.0)
        ring.add(3.0, 3.0, 4.0)
        ring.tell_open(1)

        assert Open(50.0, 1, (1.0, 2.0)) == read_open(path)

    def test_is_nothing_where_nobody_said_it(self, path: Path) -> None:
        """An engine may not know its requests one by one; what ended was never open then."""
        ring = Ring(path, records=4, clock=lambda: 50.0)
        before = read_open(path)
        ring.add(2.0, 2.0, 4.0)
        ring.tell_open(7)

        assert (None, Open(50.0, 0, ())) == (before, read_open(path))

    @pytest.mark.parametrize("content", [b"", b"EVRQRING", b"x" * 40])
    def test_is_not_read_from_anything_else(self, path: Path, content: bytes) -> None:
        """A file that is cut or foreign says nothing."""
        Ring(path, records=4)
        path.with_suffix(".open").write_bytes(content)

        assert read_open(path) is None
