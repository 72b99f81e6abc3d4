"""An app's traffic in stretches, as its tuner is told it."""

from __future__ import annotations

import math
from array import array
from typing import Any

import pytest

from everai_autoscaler.runtime.ring import Open, Requests
from everai_autoscaler.tuner import traffic as traffic_room
from everai_autoscaler.tuner.traffic import Conditions, Follower, Stretch, conditions_of, worker_seconds

PLAIN = Conditions(within=5.0, period=5.0, cold_start=30.0)
NOW = 100_000.0


def requests(*given: tuple[float, float, float]) -> Requests:
    """Requests as a ring gives them."""
    came, waited, served = zip(*given, strict=True)
    return Requests(array("d", came), array("f", waited), array("f", served))


def sample(at: float, *, busy: int = 1, free: int = 1, **counts: int) -> dict[str, Any]:
    """What a runtime stored then."""
    return {"at": at, "inflight": 0, "free": free, "busy": busy, "draining": 0, **counts}


def samples(start: float, until: float, **how: Any) -> list[dict[str, Any]]:
    """One each 10 s."""
    return [sample(start + 10.0 * number, **how) for number in range(int((until - start) / 10))]


def begun(*given: tuple[float, float, float]) -> Follower:
    """A follower that was there before: its last stretch ended at ``NOW``."""
    follower = Follower(every=300.0, since=NOW, until=NOW)
    if given:
        follower.add(requests(*given))
    return follower


def stretch(follower: Follower, now: float, opened: Open | None = None, **how: Any) -> Stretch:
    """The next stretch, which there has to be."""
    found = follower.next(now, opened, how.get("samples", samples(NOW, now)), how.get("conditions", PLAIN))
    assert found is not None
    return found


def test_a_stretch_has_what_came_in_it() -> None:
    """In the order in which the requests came, each with its service time, and the conditions."""
    follower = begun((NOW + 20, 1.0, 4.0), (NOW + 10, 0.0, 2.0), (NOW + 301, 0.0, 2.0))
    found = stretch(follower, NOW + 300).traffic

    assert ([NOW + 10, NOW + 20], [2.0, 4.0]) == (list(found.arrivals), list(found.services))
    assert (NOW, NOW + 300, 30.0, 5.0, 1) == (
        found.start,
        found.until,
        found.cold_start,
        found.period,
        found.concurrency,
    )


def test_it_is_not_over_before_its_time() -> None:
    """And then it lasts until now, whenever somebody looks."""
    follower = begun((NOW + 10, 0.0, 2.0))
    early = follower.next(NOW + 299, None, samples(NOW, NOW + 299), PLAIN)
    late = stretch(follower, NOW + 450).traffic

    assert early is None
    assert NOW + 450 == late.until


def test_what_is_really_late_is_spent() -> None:
    """Of all that ended: what waited too long, whether it was served then or not; who left in time wasn't due."""
    follower = begun(
        (NOW + 1, 4.0, 2.0),
        (NOW + 2, 6.0, 2.0),
        (NOW + 3, 30.0, math.nan),
        (NOW + 4, math.inf, math.nan),
        (NOW + 5, 1.0, math.nan),
    )
    found = stretch(follower, NOW + 300)

    assert (4, 3) == (found.spent.due, found.spent.late)
    assert 600.0 == found.spent.worker_seconds


def test_one_that_never_was_served_takes_the_usual_time() -> None:
    """The mean of the others; a second where there never was one."""
    with_others = stretch(begun((NOW + 1, 0.0, 2.0), (NOW + 2, 0.0, 4.0), (NOW + 3, 9.0, math.nan)), NOW + 300)
    alone = stretch(begun((NOW + 3, 9.0, math.nan)), NOW + 300)

    assert [2.0, 4.0, 3.0] == list(with_others.traffic.services)
    assert [1.0] == list(alone.traffic.services)


class TestOpenRequests:
    """Those that aren't over at the end of a stretch."""

    def test_have_been_served_so_far(self) -> None:
        """Those that came first are served, the last wait."""
        opened = Open(NOW + 300, 1, (NOW + 280, NOW + 290, NOW + 295))
        found = stretch(begun((NOW + 10, 0.0, 2.0)), NOW + 300, opened).traffic

        assert [2.0, 20.0, 10.0, 0.0] == list(found.services)
        assert (1, 2, 3) == found.unanswered

    def test_that_have_ended_since_are_not_open(self) -> None:
        """What the ring has is over."""
        opened = Open(NOW + 300, 0, (NOW + 280, NOW + 280, NOW + 290))
        found = stretch(begun((NOW + 280, 0.0, 21.0)), NOW + 301, opened).traffic

        assert [NOW + 280, NOW + 280, NOW + 290] == list(found.arrivals)
        assert 2 == len(found.unanswered)

    def test_that_came_before_are_left_out(self) -> None:
        """They were told, and taken to be over by now."""
        opened = Open(NOW + 300, 0, (NOW - 400, NOW + 290))

        assert [NOW + 290] == list(stretch(begun(), NOW + 300, opened).traffic.arrivals)

    def test_of_long_ago_are_not_known(self) -> None:
        """Where the runtime has said nothing for a while."""
        opened = Open(NOW + 200, 0, (NOW + 180,))

        assert () == stretch(begun((NOW + 10, 0.0, 2.0)), NOW + 300, opened).traffic.unanswered

    def test_are_told_again(self) -> None:
        """The next stretch begins where the tuner says, with what came from there on; only what is new is spent."""
        follower = begun((NOW + 10, 0.0, 2.0), (NOW + 285, 0.0, 1.0))
        stretch(follower, NOW + 300, Open(NOW + 300, 0, (NOW + 280,)))
        follower.learnt(NOW + 280)
        follower.add(requests((NOW + 280, 0.0, 40.0)))
        found = stretch(follower, NOW + 600)

        assert NOW + 280 == found.traffic.start
        assert [(NOW + 280, 40.0), (NOW + 285, 1.0)] == list(
            zip(found.traffic.arrivals, found.traffic.services, strict=True)
        )
        assert 1 == found.spent.due

    def test_that_took_very_long_count_as_spent_alone(self) -> None:
        """What came before the stretch was replayed as far as it was known."""
        follower = begun()
        follower.add(requests((NOW - 900, 7.0, 1000.0), (NOW + 10, 0.0, 2.0)))
        found = stretch(follower, NOW + 300)

        assert (1, 2, 1) == (len(found.traffic), found.spent.due, found.spent.late)


class TestTheFirstLook:
    """Nothing was given out yet."""

    def test_begins_with_what_is_known(self) -> None:
        """Piece by piece, from the first request of the last day on."""
        follower = Follower(every=300.0)
        follower.add(requests((NOW - 100_000, 0.0, 2.0), (NOW - 1000, 0.0, 2.0), (NOW - 100, 0.0, 2.0)))
        first = stretch(follower, NOW, samples=samples(NOW - 2000, NOW)).traffic
        follower.learnt(first.until)
        pieces = [first]
        while found := follower.next(NOW, None, samples(NOW - 2000, NOW), PLAIN):
            pieces.append(found.traffic)
            follower.learnt(found.traffic.until)

        assert [(NOW - 1000, NOW - 700), (NOW - 700, NOW - 400), (NOW - 400, NOW)] == [
            (one.start, one.until) for one in pieces
        ]
        assert [1, 0, 1] == [len(one) for one in pieces]

    def test_begins_now_where_nothing_is(self) -> None:
        """The first stretch is over after its time."""
        follower = Follower(every=300.0)

        assert follower.next(NOW, None, [], PLAIN) is None
        assert NOW == stretch(follower, NOW + 300).traffic.start


class TestWhenNobodyWasThere:
    """The runtime didn't run, or the clock has jumped."""

    def test_is_no_evidence(self) -> None:
        """Where there is neither a request nor a sample, the stretch is left out."""
        follower = begun((NOW + 2000, 0.0, 2.0))
        found = stretch(follower, NOW + 2300, samples=samples(NOW + 1900, NOW + 2300)).traffic

        assert (NOW + 1800, [NOW + 2000]) == (found.start, list(found.arrivals))

    def test_a_day_without_a_request_is_evidence(self) -> None:
        """The runtime was there, and nothing came."""
        found = stretch(begun(), NOW + 300).traffic

        assert (0, 300.0, "") == (len(found), found.seconds, found.assumed)

    @pytest.mark.parametrize("now", [NOW - 7200, NOW + 10 * 86_400])
    def test_a_clock_that_jumps(self, now: float) -> None:
        """Back, or far ahead: it begins anew from there, and fails at nothing."""
        follower = begun((NOW + 20, 0.0, 2.0))
        nothing = follower.next(now, None, [], PLAIN)
        found = stretch(follower, now + 300, samples=samples(now, now + 300)).traffic

        assert nothing is None
        assert (now, now + 300) == (found.start, found.until)


class TestCountsAlone:
    """An engine that doesn't know its requests one by one."""

    def test_are_spread(self) -> None:
        """Evenly between two samples, each of the mean service time; it is said."""
        seen = samples(NOW, NOW + 310, arrivals=2, completions=2)
        found = stretch(begun(), NOW + 300, samples=seen)

        assert [NOW + 2.5, NOW + 7.5, NOW + 12.5] == list(found.traffic.arrivals)[:3]
        assert {5.0} == set(found.traffic.services)
        assert "requests are known by counts alone: spread evenly, each of the mean service time" == (
            found.traffic.assumed
        )
        assert 0 == found.spent.due

    def test_without_an_answer_yet(self) -> None:
        """Each is taken to need a second."""
        seen = samples(NOW, NOW + 310, arrivals=1)

        assert {1.0} == set(stretch(begun(), NOW + 300, samples=seen).traffic.services)


def test_ten_times_the_traffic_is_thinned(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work for a stretch is bounded, and it is said."""
    monkeypatch.setattr(traffic_room, "MOST_REQUESTS", 100)
    follower = begun(*((NOW + number, 0.0, 1.0) for number in range(250)))
    found = stretch(follower, NOW + 300)

    assert (84, 250) == (len(found.traffic), found.spent.due)
    assert "of 250 requests in 300 s one in 3 is replayed" == found.traffic.assumed


def test_the_conditions_are_those_of_the_last_starts() -> None:
    """The median of the last twenty, and the concurrency of the youngest worker."""
    rows = [{"created_at": 0.0, "ready_at": 900.0}, *({"created_at": 0.0, "ready_at": 10.0} for _ in range(20))]
    rows.append({"created_at": 0.0, "ready_at": None, "concurrency": 8})

    assert Conditions(within=2.0, period=1.0, cold_start=10.0, concurrency=8) == conditions_of(
        rows, within=2.0, period=1.0
    )


def test_a_start_that_was_never_seen_is_assumed() -> None:
    """And it is said."""
    found = conditions_of([], within=2.0, period=1.0)

    assert (30.0, 1) == (found.cold_start, found.concurrency)
    assert "no start was seen yet: one is taken to need 30 s" == found.assumed


def test_what_workers_cost_where_samples_are_missing() -> None:
    """What is covered stands for the rest; nothing is nothing."""
    assert 600.0 == worker_seconds([sample(NOW + 200)], NOW, NOW + 300)
    assert worker_seconds([], NOW, NOW + 300) is None
    assert worker_seconds([sample(NOW + 400)], NOW, NOW + 300) is None
