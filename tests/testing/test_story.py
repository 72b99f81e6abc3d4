"""Stories: time passes, and the policy should make this of it."""

from __future__ import annotations

import pytest

from everai_autoscaler import AutoScaler, Decider, DecideResult, FreeWorkerAutoScaler, SimpleAutoScaler
from everai_autoscaler.model import WorkerStatus
from everai_autoscaler.testing import StoryError, story

FREE = FreeWorkerAutoScaler(max_workers=5, min_free_workers=1, max_idle_time=60)


class Patient(AutoScaler):
    """Removes the free ones once nothing has waited for a minute; remembers since when."""

    def decide(self, factors):
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors, memory):
        since = factors.observed_at if memory is None or factors.waiting() else memory["since"]
        wanted = 0 if factors.observed_at - since >= 60 else factors.count()
        result = DecideResult.scale_to(wanted, factors, max_workers=9).because(f"calm since {since - 1720000000:g}")
        return result, {"since": since}


def test_a_story_reads_as_it_happens():
    """A worker is busy, a spare is started, comes, stays, and goes at once when the busy one is free, too."""
    (
        story(FREE)
        .busy(1).expect(up=1, because="0 free, fewer than 1")
        .inflight(1).after(20).expect_nothing(because="waits for that")
        .inflight(0).free(1).after(3600).expect_nothing()
        .busy(0).free(2).expect(down=["free-1"], wanted=1, because="idle for 3600 s, at least 60 s")
    )  # fmt: skip


def test_what_was_said_stays_so():
    """Four are busy, also a minute later, and idle time grows only for those that are free."""
    told = story(FREE).busy(4).free(1).after(61)

    assert 4 == told.factors.count(WorkerStatus.Busy)
    assert [0.0] * 4 + [61.0] == [told.factors.idle_time(worker) for worker in told.factors.workers]
    assert told.now == told.factors.observed_at


def test_workers_that_come_later_are_idle_for_less():
    """Each worker has its status since it was said to."""
    told = story(FREE).free(1).after(30).free(2).inflight(1).after(5)

    assert [35.0, 5.0, None] == [told.factors.idle_time(worker) for worker in told.factors.workers]
    assert 5.0 == told.factors.age(told.factors.workers[2])


def test_the_last_to_come_are_the_first_to_go():
    """Where there become fewer, the earliest ones stay as they were."""
    told = story(FREE).free(1).after(30).free(3).after(5).free(1)

    assert [35.0] == [told.factors.idle_time(worker) for worker in told.factors.workers]


def test_each_worker_is_younger_than_the_one_before():
    """Which one is the newest is plain to see, and none was started after it became idle."""
    told = story(FREE).free(3).after(7200)
    starts = [worker.started_at for worker in told.factors.workers]

    assert sorted(set(starts)) == starts
    assert all(worker.started_at <= worker.last_service_time for worker in told.factors.workers)


def test_memory_goes_on_from_step_to_step():
    """What the policy remembered at one step is there at the next."""
    (
        story(Patient())
        .free(2).waiting(1).expect_nothing(because="calm since 0")
        .after(30).waiting(0).expect(up=0)
        .after(29).expect_nothing()
        .after(1).expect(down=["free-1", "free-2"], because="calm since 0")
    )  # fmt: skip


def test_a_policy_is_asked_on_the_way_where_it_is_to_be():
    """With every, what a policy remembers follows what is the case meanwhile; without, it sleeps through."""
    calm = story(Patient()).free(1).waiting(1).after(300, every=20).waiting(0)

    calm.after(20).expect_nothing(because="calm since 280")
    story(Patient()).free(1).waiting(1).ask().after(300).waiting(0).expect(down=1, because="calm since 0")


def test_a_policy_is_asked_once_about_one_moment():
    """Two expectations of one moment look at one answer."""
    told = story(FREE).busy(1).expect(up=1).expect(wanted=2, max_workers=5)

    assert 1 == len(told.scenes)


def test_stories_share_their_beginning():
    """Each step gives a new story, so that two can go on from one."""
    beginning = story(FREE).busy(1).free(1)

    beginning.after(20).expect_nothing()
    beginning.free(0).expect(up=1)
    assert () == beginning.scenes


def test_earlier_snapshots_are_the_histories():
    """What the policy was shown before is in the histories of what it is shown next, by age."""
    told = story(FREE).waiting(4).busy(1).expect(up=1).after(20).waiting(2).expect(up=1).after(40)

    assert {40: 2, 60: 4} == {age: sum(queue.values()) for age, queue in told.factors.queue_histories.items()}
    assert {40, 60} == set(told.factors.worker_histories)


def test_not_known_is_told():
    """A queue or workers that nobody knows are a part of stories; the policy should hold."""
    scaler = SimpleAutoScaler(max_workers=5)
    told = story(scaler).free(1).waiting(None).expect_hold(because="the queue is not known")
    told = told.waiting(0).given(workers=None).expect_hold().without("workers").expect_nothing()

    assert ["free-1"] == [worker.worker_id for worker in told.factors.workers]
    assert "queue unknown" in str(told)
    assert "workers unknown" in str(told)


def test_a_decider_can_tell_a_story_too():
    """The whole pipeline is an AutoScaler, and keeps its own memory."""
    decider = Decider("simple", {"max_workers": "5", "max_queue_size": 2})

    story(decider).busy(1).waiting(3).expect(up=1, because="simple: 3 waiting")


@pytest.mark.parametrize(
    ("expected", "message"),
    [
        ({"up": 2}, "expected up 2, not 1"),
        ({"down": 1}, "expected up 0, not 1; down 1, not 0"),
        ({"down": ["free-1"]}, r"down \['free-1'\], not \[\]"),
        ({"wanted": 1}, "expected wanted 1, not 2"),
        ({"max_workers": 9}, "expected max_workers 9, not 5"),
        ({"up": 1, "because": "the moon"}, "expected a reason with 'the moon'"),
    ],
)
def test_another_decision_fails_the_story(expected, message):
    """What was expected and what was said instead stand in the first line."""
    with pytest.raises(StoryError, match=message):
        story(FREE).busy(1).expect(**expected)


def test_a_failing_story_shows_the_story_so_far():
    """Every decision until then, with its moment, what was the case, and the reasons."""
    with pytest.raises(StoryError) as info:
        story(FREE).busy(1).expect(up=1).inflight(1).after(20).expect_nothing().inflight(0).after(5).expect_nothing()

    assert [
        "expected nothing to do, not: starts 1",
        "",
        " 0 s  1 busy              starts 1  free-worker: 0 free, fewer than 1: starts 1 worker",
        "20 s  1 busy, 1 inflight  nothing   free-worker: 0 free, fewer than 1; 1 worker starting: waits for that",
        "25 s  1 busy              starts 1  free-worker: 0 free, fewer than 1: starts 1 worker",
    ] == str(info.value).splitlines()


def test_satisfied_is_not_a_hold():
    """Nothing to do and not known are two things."""
    with pytest.raises(StoryError, match="expected nothing to do, not: holds"):
        story(SimpleAutoScaler()).free(1).waiting(None).expect_nothing()
    with pytest.raises(StoryError, match="expected a hold, not: nothing"):
        story(SimpleAutoScaler()).free(1).expect_hold()


@pytest.mark.parametrize(
    "step",
    [
        lambda told: told.after(-1),
        lambda told: told.after(10, every=0),
        lambda told: told.busy(-1),
    ],
)
def test_time_goes_on_and_numbers_are_not_negative(step):
    """What can't be told is refused."""
    with pytest.raises(ValueError, match=r"-1|every 0"):
        step(story(FREE))
