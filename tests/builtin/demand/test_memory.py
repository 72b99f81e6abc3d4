"""What ``demand`` remembers: how the demand follows snapshots, what is learnt, and when it begins afresh."""

from __future__ import annotations

import json
from math import exp
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from everai_autoscaler.builtin.demand.assumptions import COLD_START, LEARNT_OVER, SERVICE_TIME
from everai_autoscaler.builtin.demand.memory import Memory
from everai_autoscaler.builtin.demand.seen import Seen
from everai_autoscaler.model import Fleet
from everai_autoscaler.testing import snapshot, worker

NOW = 1_720_000_000.0


def seen(at: float = 0.0, **fields: Any) -> Seen:
    """What a snapshot so many seconds after the first says."""
    factors = snapshot(observed_at=NOW + at, **fields)
    fleet = Fleet.of(factors)
    assert fleet is not None
    return Seen.of(factors, fleet)


def after(memory: Memory, one: Seen, service_time: float | None = 10.0) -> Memory:
    """What is remembered after one snapshot more, with its windows."""
    memory, _ = memory.after(one, service_time=service_time)
    memory.look(one, service_time=service_time, cold_start=20.0)
    return memory


def begun(**fields: Any) -> Memory:
    """What is remembered after the first snapshot."""
    first = seen(**fields)
    memory = Memory.begin(first)
    memory.look(first, service_time=10.0, cold_start=20.0)
    return memory


def signals(memory: Memory) -> dict[str, float]:
    """The present values of all signals."""
    return {name: peaks.largest(memory.at, 0) for name, peaks in memory.peaks.items()}


# -- the demand ---------------------------------------------------------------------------------------------------


def test_at_first_all_that_is_there_is_demand() -> None:
    """Nothing is known of the past: what is served and what waits, in every signal."""
    assert dict.fromkeys(signals(begun(waiting=2, busy=3)), 5.0) == signals(begun(waiting=2, busy=3))
    assert 3.0 == begun(waiting=None, busy=3).demand


def test_without_a_queue_it_is_what_is_served() -> None:
    """Exactly, whatever came and went."""
    memory = begun(busy=2)
    for k, busy in enumerate([4, 9, 3, 1], 1):
        memory = after(memory, seen(5.0 * k, busy=busy, arrivals=20 * k, completions=7))

        assert float(busy) == memory.demand


def test_a_backlog_is_not_demand() -> None:
    """A hundred requests that wait and wait count less and less."""
    memory = begun(waiting=100)
    for k in range(1, 13):
        memory = after(memory, seen(5.0 * k, waiting=100, arrivals=0))

    assert 100 * exp(-6) == pytest.approx(memory.demand)


def test_what_waits_counts_by_when_it_came() -> None:
    """Evenly spread over its period, where nothing else is known."""
    memory = after(begun(), seen(10, waiting=6, arrivals=6))
    each = 1 - exp(-1)

    assert 6 * each == pytest.approx(memory.demand)
    assert 6 * each * exp(-1) + 2 * each == pytest.approx(after(memory, seen(20, waiting=8, arrivals=2)).demand)


def test_of_those_that_came_the_last_ones_wait() -> None:
    """Four came in ten seconds and one of them waits: it came in the last quarter."""
    memory = after(begun(), seen(10, busy=3, waiting=1, arrivals=4))

    assert ([NOW + 7.5], [NOW + 10], [1.0]) == (memory.line.since, memory.line.until, memory.line.counts)


def test_what_had_to_wait_counts_for_less_while_it_is_served() -> None:
    """Four that came at once began in the next ten seconds; when two are left, they still count for what they did."""
    memory = begun(waiting=4)
    demand = after(memory, seen(10, busy=4, arrivals=0)).demand
    later = after(memory, seen(20, busy=2, arrivals=0)).demand

    assert (4 * (1 - exp(-1)), 2 * (1 - exp(-1))) == pytest.approx((demand, later))
    assert 3.0 == after(begun(), seen(10, busy=3, arrivals=3)).demand


def test_the_oldest_begin_first() -> None:
    """Of two that came at first and two later, those that wait are the later ones."""
    memory = after(begun(waiting=2), seen(10, waiting=4, arrivals=2))
    memory = after(memory, seen(20, busy=2, waiting=2, arrivals=0))
    served, waits = 2 * exp(-1) * (1 - exp(-1)), 2 * exp(-1) * (1 - exp(-1))

    assert ([NOW], [NOW + 10], [2.0]) == (memory.line.since, memory.line.until, memory.line.counts)
    assert served + waits == pytest.approx(memory.demand)


def test_who_came_later_may_have_waited_for_as_long() -> None:
    """Eight came in ten seconds and were served in the next ten: each waited for ten."""
    memory = after(begun(), seen(10, waiting=8, arrivals=8))

    assert exp(-1) == pytest.approx(after(memory, seen(20, busy=3, arrivals=0)).weight)


@pytest.mark.parametrize("completions", [0, 3])
def test_unknown_arrivals_are_what_was_answered_and_what_there_is_more(completions: int) -> None:
    """Two more in the system and three answered are five that came."""
    told = after(begun(busy=2), seen(10, busy=2, waiting=2, completions=completions))
    known = after(begun(busy=2), seen(10, busy=2, waiting=2, completions=completions, arrivals=completions + 2))

    assert (known.demand, known.tape) == (told.demand, told.tape)


def test_a_queue_that_shrinks_without_answers_is_no_negative_arrival() -> None:
    """Requests that gave up are gone."""
    memory = after(begun(waiting=5), seen(10, completions=0))

    assert (0.0, [0.0, 0.0]) == (memory.demand, memory.tape.arrivals)


def test_without_counts_littles_law_tells_what_came() -> None:
    """Four in service at ten seconds answer four in ten seconds: as many came, and the three that wait now, too."""
    memory = after(begun(busy=4), seen(10.0, busy=4, waiting=3))

    assert [0.0, 7.0] == memory.tape.arrivals
    assert 3 == pytest.approx(sum(memory.line.counts))


def test_more_that_wait_than_can_have_come_came_now() -> None:
    """A sender's numbers that don't match are believed where they are newest."""
    memory = after(begun(), seen(10, waiting=5, arrivals=1))

    assert ([NOW], [NOW + 10], [5.0]) == (memory.line.since, memory.line.until, memory.line.counts)


@pytest.mark.parametrize("dark", [{}, {"completions": 3}, {"arrivals": 7}])
def test_what_is_not_known_stays(dark: dict[str, Any]) -> None:
    """The demand, its mean and its forecast don't fall while the queue isn't known."""
    memory = after(begun(busy=4), seen(20.0, busy=3, waiting=None, **dark))

    assert (4.0, False) == (memory.demand, memory.known)
    assert dict.fromkeys(signals(memory), 4.0) == pytest.approx(signals(memory))
    assert (3.0, True) == ((later := after(memory, seen(40.0, busy=3))).demand, later.known)


def test_a_long_line_is_remembered_in_few_numbers() -> None:
    """A backlog that grows for hours: what waits is all there, those of about one age together."""
    memory, most = begun(), 0
    for k in range(1, 1000):
        memory = after(memory, seen(5.0 * k, waiting=k, arrivals=1), service_time=600.0)
        most = max(most, len(memory.line.counts))
    exact = sum(exp(-(999 - k + 0.5) * 5 / 600) for k in range(1, 1000))

    assert 150 > most
    assert (999.0, pytest.approx(exact, rel=0.001)) == (sum(memory.line.counts), memory.demand)
    assert memory.line.since == [NOW, *memory.line.until[:-1]]


def test_who_leaves_still_serves() -> None:
    """A draining worker's requests are in service; what it could serve at once counts, too."""
    leaving = worker("leaving", "Busy", draining=True, current_request=3, concurrency=4)
    one = seen(busy=2, inflight=1, workers=[leaving])

    assert (5, 4) == (one.served, one.concurrency)


# -- the signals --------------------------------------------------------------------------------------------------


def test_means_are_over_their_seconds() -> None:
    """A minute at ten after an hour at none: the mean of a minute is ten, that of five minutes two."""
    memory = begun()
    for k in range(1, 73):
        memory = after(memory, seen(5.0 * k, busy=10 if k > 60 else 0))

    assert (pytest.approx(10.0), pytest.approx(2.0)) == (signals(memory)["mean60"], signals(memory)["mean300"])


def test_forecasts_look_a_cold_start_and_a_period_ahead() -> None:
    """From the demand now to what the rate of the last seconds leads to."""
    memory = begun()
    for k in range(1, 20):
        memory = after(memory, seen(5.0 * k, arrivals=0))
    for k in range(20, 24):
        memory = after(memory, seen(5.0 * k, busy=5, arrivals=10))
    gone = 1 - exp(-2.5)

    assert memory.demand * (1 - gone) + 2 * 10 * gone == pytest.approx(signals(memory)["ahead20"])
    assert memory.demand * (1 - gone) + 40 / 60 * 10 * gone == pytest.approx(signals(memory)["ahead60"])


# -- what is learnt -----------------------------------------------------------------------------------------------


def test_the_service_time_is_learnt_by_littles_law() -> None:
    """Four in service and one answered in two seconds take eight seconds each."""
    memory = begun()
    for k in range(1, 400):
        memory = after(memory, seen(2.0 * k, busy=4, arrivals=1, completions=1), service_time=None)

    assert 8.0 == pytest.approx(memory.service_time, rel=0.01)


def test_what_was_learnt_fades_with_completions() -> None:
    """After as many completions as it is learnt over, the old and the new count the same."""
    memory = begun()
    memory.service = [20e6, 1e6]
    memory, _ = memory.after(seen(100, busy=40, arrivals=1000, completions=int(LEARNT_OVER)), service_time=None)

    assert [10e6 + 4000, 0.5e6 + 1000] == pytest.approx(memory.service)


def test_a_long_request_says_something_before_it_is_answered() -> None:
    """The first guess grows while one request is in service."""
    memory = after(begun(), seen(60.0, busy=1, completions=0), service_time=None)

    assert SERVICE_TIME + 60 == memory.service_time


def test_the_first_guess_is_the_workers_own() -> None:
    """Their averages, by their answers; not known where none has answered."""
    told = [
        worker("a", number_of_successes=300, average_response_time=2.0),
        worker("b", number_of_successes=100, average_response_time=6.0),
    ]

    assert (3.0 * 100 + SERVICE_TIME) / 101 == pytest.approx(begun(workers=told).service_time)
    assert [0.0, 0.0] == begun(inflight=2).service
    assert SERVICE_TIME == begun(workers=[worker(number_of_successes=0)]).service_time


def test_the_workers_own_average_is_all_where_completions_are_not_known() -> None:
    """It replaces what was learnt, and where they say nothing that stays."""
    told = [worker("a", number_of_successes=1000, average_response_time=4.0)]
    memory = after(begun(), seen(5.0, workers=told), service_time=None)

    assert [400.0, 100.0] == memory.service
    assert [400.0, 100.0] == after(memory, seen(10.0, inflight=1), service_time=None).service


def test_a_service_time_is_within_reason() -> None:
    """Nothing takes less than a millisecond, nor more than a day."""
    memory = begun()
    memory.service = [-10.0, 1e6]
    short = memory.service_time
    memory.service = [1e30, 1.0]

    assert (0.001, 86_400.0) == (short, memory.service_time)


def test_starts_and_slots_are_remembered() -> None:
    """Three of four starts; the typical worker's concurrency; both also while no worker is there to say so."""
    fleet = [worker(f"w{k}", concurrency=one) for k, one in enumerate([1, 8, 8, 16])]
    first = seen(workers=fleet, start_times=[10, 40, 20, 30])
    memory = Memory.begin(first)
    told = memory.look(first, service_time=5.0, cold_start=None)
    memory, _ = memory.after(seen(20.0), service_time=None)
    later = memory.look(seen(20.0), service_time=None, cold_start=None)

    assert (5.0, 30.0) == told
    assert (30.0, 8) == (later[1], memory.concurrency)
    assert COLD_START == begun().look(seen(), service_time=None, cold_start=None)[1]


# -- afresh -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (901.0, "the last decision was 901 s ago: the windows begin afresh"),
        (-6.0, "the last decision was 6 s from now: the windows begin afresh"),
    ],
)
def test_a_gap_or_a_clock_that_jumps_back_begins_afresh(at: float, said: str) -> None:
    """The windows do; what was learnt stays."""
    memory = after(begun(busy=9), seen(20.0, busy=9, completions=5, start_times=[12]), service_time=None)
    learnt = memory.service

    fresh, why = memory.after(seen(20.0 + at, busy=1), service_time=None)

    assert said == why
    assert (1.0, NOW + 20 + at, learnt, 12.0) == (fresh.demand, fresh.begun, fresh.service, fresh.cold_start)


@pytest.mark.parametrize("at", [0.0, -4.0])
def test_a_clock_that_is_set_back_slightly_is_no_jump(at: float) -> None:
    """No time has passed then; what came is counted."""
    memory = after(begun(busy=2), seen(at, busy=2, arrivals=3))

    assert (2.0, NOW, 0.0, [3.0]) == (memory.demand, memory.at, memory.period, memory.tape.arrivals)


# -- JSON ---------------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from([5.0, 20.0, 0.0]), st.integers(0, 30)), max_size=30))
@settings(max_examples=20, deadline=None)
def test_what_is_remembered_survives_json(steps: list[tuple[float, int]]) -> None:
    """It is read as it was written, and reading it copies it."""
    memory, at = begun(busy=1), 0.0
    for step, arrivals in steps:
        at += step
        memory = after(memory, seen(at, busy=1, waiting=arrivals // 2, arrivals=arrivals))
    written = json.loads(json.dumps(memory.written()))
    read = Memory.read(written)
    assert read is not None

    assert memory.written() == read.written() == written
    after(read, seen(at + 5, arrivals=50))
    assert memory.written() == written


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"windows": {}},
        {"windows": {"now": [[1.0], [1.0]]}},
        {"tape": [[], [], []]},
        {"tape": [[1.0], [1.0, 2.0], [1.0]]},
        {"tape": [["1"], [1.0], [1.0]]},
        {"tape": [[1.0], [1.0]]},
        {"tape": 7},
        {"service": [1.0]},
        {"service": {"0": 1.0}},
        {"at": "yesterday"},
        {"demand": None},
        {"served": "two"},
        {"line": [[1.0], [2.0], []]},
    ],
)
def test_what_it_did_not_write_is_not_read(change: dict[str, Any]) -> None:
    """Another version's memory, or one that somebody has edited."""
    written: Any = begun().written()

    assert Memory.read({**written, **change}) is None


@pytest.mark.parametrize("memory", [None, "text", 7, [], {}, {"version": 1}, {"own": None, "children": []}])
def test_another_kind_is_not_read(memory: Any) -> None:
    """Nor what another policy remembered."""
    assert Memory.read(memory) is None
