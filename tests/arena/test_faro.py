"""Ten apps under one capacity: how they share it, and how outcomes are counted."""

from __future__ import annotations

import gzip

import pytest

from benchmarks.arena.faro import Outcome, Setting, play, table, workloads


@pytest.fixture
def counts(tmp_path):
    """Two apps for three minutes: one quiet, one with more than a worker can serve."""
    file = tmp_path / "counts.csv.gz"
    with gzip.open(file, "wt") as written:
        written.write("minute,quiet,loud\n0,60,600\n1,60,600\n2,60,600\n")
    return str(file)


def test_each_minute_has_its_requests(counts):
    """The requests of a minute lie within it, as many as the file says."""
    quiet, loud = workloads(Setting(counts))

    assert (180, 1800) == (len(quiet), len(loud))
    assert 60 == len(quiet.between(60, 120))


def test_hours_cut_the_file_off(counts):
    """Only the minutes of the hours that were asked for are played."""
    assert [60, 600] == [len(load) for load in workloads(Setting(counts, hours=1 / 60))]


@pytest.mark.parametrize("policy", ["fair share, static", "AIAD", "MArk"])
def test_the_same_seed_gives_the_same(counts, policy):
    """Two plays of one setting are equal."""
    first, second = (play(Setting(counts, start_up=20), policy, 4) for _ in range(2))

    assert (first.within, first.refused) == (second.within, second.refused)


def test_more_room_helps_who_is_overloaded(counts):
    """With four workers in all, AIAD serves more in time than two static workers do."""
    static, aiad = (play(Setting(counts, start_up=20), policy, 4) for policy in ("fair share, static", "AIAD"))

    assert 1.0 == static.within[0]
    assert aiad.within[1] > play(Setting(counts, start_up=20), "AIAD", 2).within[1]


def test_a_request_that_is_refused_is_late(counts):
    """An app with one worker for twice its load refuses half, and answers the others late."""
    outcome = play(Setting(counts), "fair share, static", 2)

    assert outcome.refused > 500
    assert outcome.within[1] < 0.1


def test_the_table_says_how_far_off_it_is():
    """Each row stands beside what is published."""
    outcome = Outcome("AIAD", 32, (0.9, 0.8), (300, 100), 0, 1.0)

    assert 0.875 == outcome.of_all
    assert "| 32 | AIAD | 87.5 | 80.0 | 83.1 | 82.8 | +4.4 |" in table([outcome])
