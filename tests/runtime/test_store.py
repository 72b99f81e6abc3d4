"""What outlives the runtime."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ticking import tick

from everai_autoscaler import Decider, Placeholder
from everai_autoscaler.errors import PlaceholderError, StateError
from everai_autoscaler.local.worker import LocalWorker
from everai_autoscaler.model import Factors
from everai_autoscaler.runtime import store as store_module
from everai_autoscaler.runtime.override import Override
from everai_autoscaler.runtime.store import Held, Store
from everai_autoscaler.testing import snapshot

APP = "get-start"
SECRET = "hunter2-and-a-half"

any_text = st.text(st.characters(exclude_categories=()))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "state")) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    with closing(Store(tmp_path_factory.mktemp("shared"))) as made:
        yield made


PAUSE = Override(word="pause", since=90.0, by="ann").model_dump()
HOLD = Override(word="hold", since=90.0, by="ann", workers=2).model_dump()
NOTHING = {"up": 0, "down": [], "why": ["starts wait"]}


def view(worker_id: str, started_at: float = 100.0, **known: Any) -> dict[str, Any]:
    return LocalWorker(worker_id, started_at=started_at, **known).form().model_dump()


def recorded(factors: Factors, **arguments: Any) -> str:
    """The record of a decision that the real pipeline makes."""
    record = Decider("simple", arguments, app=APP).decision(factors).record()
    assert record is not None
    return record.json()


# ConfigMaps and Secrets.


def test_what_is_put_is_kept_whole(store: Store) -> None:
    """A put replaces all that was there; when it was made stays, when it was changed doesn't."""
    now = [10.0]
    store._clock = lambda: now[0]
    store.put("ConfigMap", "one", {"a": "1", "b": "2"})
    now[0] = 20.0
    store.put("ConfigMap", "one", {"a": "3"})

    assert Held("one", {"a": "3"}, 10.0, 20.0) == store.get("ConfigMap", "one")


def test_kinds_are_apart(store: Store) -> None:
    """A Secret and a ConfigMap of one name are two things, each listed among its own, by name."""
    store.put("ConfigMap", "b", {"k": "map"})
    store.put("Secret", "b", {"k": "secret"})
    store.put("ConfigMap", "a", {})

    assert ["a", "b"] == [held.name for held in store.names("ConfigMap")]
    assert [{"k": "secret"}] == [held.data for held in store.names("Secret")]


def test_what_is_deleted_is_gone(store: Store) -> None:
    """Deleting says whether it was there, and takes nothing else along."""
    store.put("ConfigMap", "one", {})
    store.put("Secret", "one", {})

    assert store.delete("ConfigMap", "one")
    assert not store.delete("ConfigMap", "one")
    assert store.get("ConfigMap", "one") is None
    assert store.get("Secret", "one") is not None


@given(st.text(), st.dictionaries(any_text, any_text))
def test_any_text_comes_back(shared: Store, name: str, data: dict[str, str]) -> None:
    """Whatever text is kept is what is read, under any name."""
    shared.put("ConfigMap", name, data)
    held = shared.get("ConfigMap", name)

    assert held is not None
    assert (name, data) == (held.name, held.data)
    assert held in shared.names("ConfigMap")


def test_a_name_that_is_no_text_is_refused(store: Store) -> None:
    """A lone half of a character can't be a name; that is one line, and harms nothing."""
    with pytest.raises(StateError, match=r"state\.db: .*surrogates not allowed"):
        store.put("ConfigMap", "\ud800", {})

    assert [] == store.names("ConfigMap")


def test_a_secret_shows_nothing(store: Store) -> None:
    """What is held doesn't show its values, nor does what goes wrong about it."""
    store.put("Secret", "keys", {"token": SECRET})
    told = [repr(store.get("Secret", "keys")), repr(store.names("Secret"))]
    for name, key in [("keys", "tokn"), ("kys", "token")]:
        with pytest.raises(PlaceholderError) as refused:
            store.reader("Secret")(name, key)
        told.append(str(refused.value))
    store.close()
    with pytest.raises(StateError) as closed:
        store.put("Secret", "keys", {"token": SECRET})
    told.append(str(closed.value))

    assert [] == [line for line in told if SECRET in line]
    assert all("token" in line or "keys" in line or "closed" in line for line in told)


def test_a_deleted_secret_is_not_on_the_disk(store: Store) -> None:
    """After a Secret was deleted and the store closed, its value is in no file."""
    store.put("Secret", "keys", {"token": SECRET})
    store.delete("Secret", "keys")
    store.close()

    assert [] == [path for path in store.directory.iterdir() if path.is_file() and SECRET.encode() in path.read_bytes()]


def test_a_decider_reads_what_is_kept_now(store: Store) -> None:
    """A change of a ConfigMap is seen by the next decision."""
    late = Placeholder(kind="ConfigMap", name="limits", key="min_workers")
    decider = Decider(
        "simple", {"min_workers": late, "max_workers": 9}, providers={"ConfigMap": store.reader("ConfigMap")}
    )
    store.put("ConfigMap", "limits", {"min_workers": "2"})
    first = decider.decide(snapshot()).up
    store.put("ConfigMap", "limits", {"min_workers": "3"})

    assert (2, 3) == (first, decider.decide(snapshot()).up)


def test_what_is_missing_is_told_with_how_to_make_it(store: Store) -> None:
    """A reader that finds nothing says in one line what there is, and the command that makes it."""
    store.put("ConfigMap", "limits", {"max_workers": "5"})
    read = store.reader("ConfigMap")

    with pytest.raises(PlaceholderError) as no_name:
        read("limts", "max_workers")
    with pytest.raises(PlaceholderError) as no_key:
        read("limits", "min_workers")
    assert (
        f"ConfigMap limts/max_workers: no ConfigMap of this name in {store.directory}, which has limits; make it: "
        "everai-autoscaler configmap create limts --from-literal max_workers=..."
    ) == str(no_name.value)
    assert (
        "ConfigMap limits/min_workers: no such key; there are max_workers; add it: "
        "everai-autoscaler configmap update limits --from-literal min_workers=..."
    ) == str(no_key.value)


def test_a_long_list_is_cut(store: Store) -> None:
    """Of very many keys only the first are named."""
    store.put("ConfigMap", "many", {f"key-{number:02}": "" for number in range(25)})

    with pytest.raises(PlaceholderError, match=r"key-18, key-19, and 5 more; add it"):
        store.reader("ConfigMap")("many", "key")


# Apps and workers.


def test_the_last_app_is_the_one_seen_last(store: Store) -> None:
    """Both its start and its ticks count, and what was said about it at its start is known."""
    now = [10.0]
    store._clock = lambda: now[0]
    assert store.last_app() is None
    assert store.app_info("a") is None
    store.remember_app("a", {"scaler": "simple"})
    now[0] = 20.0
    store.remember_app("b", {"scaler": "free-worker"})
    assert "b" == store.last_app()
    store.write_tick("a", tick(30.0))

    assert "a" == store.last_app()
    assert {"scaler": "simple", "seen_at": 30.0} == store.app_info("a")


def test_workers_stand_in_the_order_of_their_start(store: Store) -> None:
    """A worker's later rows replace its earlier ones, and don't change the order."""
    store.save_worker(APP, view("b", 20.0))
    store.save_worker(APP, view("c", 20.0))
    store.save_worker(APP, view("a", 10.0))
    store.save_worker("other", view("d", 5.0))
    store.save_worker(APP, ready := view("b", 20.0, ready_at=25.0, pid=123))

    assert [view("a", 10.0), ready, view("c", 20.0)] == store.workers(APP)


def test_sessions_are_kept_and_not_listed(store: Store) -> None:
    """What is pinned to a worker is for the runtime that takes it over, not for lists."""
    worker = LocalWorker("a", started_at=10.0, sessions={"0f": 15.0})
    store.save_worker(APP, worker.form().row())

    assert [{"0f": 15.0}] == [row["pinned"] for row in store.rows(APP)]
    assert [worker.form().model_dump()] == store.workers(APP)


def test_who_has_ended_stays_ended(store: Store) -> None:
    """A late look at a worker, from before its end, doesn't bring it back; a later word about its end counts."""
    alive, gone = view("a", ready_at=110.0), view("a", ready_at=110.0, ended_at=120.0)
    store.save_worker(APP, alive)
    store.save_worker(APP, gone)
    store.write_tick(APP, tick(121.0, workers=[alive]))

    assert [] == store.workers(APP)
    assert [gone] == store.workers(APP, ended=True)
    store.save_worker(APP, told := {**gone, "successes": 7})
    assert [told] == store.workers(APP, ended=True)


# Ticks.


def test_a_tick_leaves_everything(store: Store) -> None:
    """The decision, workers, queue, numbers and memory of a tick are all there afterwards."""
    record = recorded(snapshot(free=1), max_workers=3)
    number = store.write_tick(
        APP,
        tick(
            100.0,
            record=record,
            memory={"seen": [1, None, "x"]},
            applied={"up": 1, "down": [], "why": ["starts 1 of 2"]},
            operator=PAUSE,
            workers=[view("a")],
            queue=[(98.5, "WorkerBusy"), (99.5, "WorkerBusy")],
        ),
    )

    assert number is not None
    kept = store.decision(APP, number)
    assert kept is not None
    assert (number, 100.0, 0.25, 0.5, "") == (kept.id, kept.at, kept.took, kept.lag, kept.failure)
    shown = kept.model_dump()
    assert {"up": 1, "down": [], "why": ["starts 1 of 2"]} == shown["applied"]
    assert (PAUSE, json.loads(record)) == (shown["operator"], shown["record"])
    assert [view("a")] == store.workers(APP)
    assert [{"created_at": at, "reason": "WorkerBusy"} for at in (98.5, 99.5)] == store.queue(APP)
    assert [{"at": 100.0, "free": 1, "waiting": {}}] == store.seen(APP)
    assert {"seen": [1, None, "x"]} == store.memory(APP)


def test_nothing_is_known_of_an_app_that_never_ran(store: Store) -> None:
    """Whatever is asked about it, the answer is empty."""
    store.write_tick("other", tick(memory=1, queue=[(1.0, "NotDispatch")], workers=[view("a")]))

    assert [] == [
        *store.workers(APP, ended=True),
        *store.queue(APP),
        *store.decisions(APP),
        *store.samples(APP, since=0),
        *store.seen(APP),
    ]
    assert (None, None, None) == (store.memory(APP), store.operator(APP), store.decision(APP, 1))


def test_a_tick_that_fails_is_told_of(store: Store) -> None:
    """A failure is a row without a record, which reads as a hold; a tick with neither leaves none."""
    silent = store.write_tick(APP, tick(100.0, record=None))
    failed = store.write_tick(APP, tick(120.0, record=None, failure="observe failed: \udc80 no answer"))

    assert silent is None
    (kept,) = store.decisions(APP)
    assert (failed, r"observe failed: \udc80 no answer", True, 0, [], []) == tuple(
        getattr(kept, name) for name in ("id", "failure", "held", "up", "down", "why")
    )
    assert [120.0, 100.0] == [sample["at"] for sample in store.seen(APP)]


def test_half_a_tick_is_no_tick(store: Store) -> None:
    """When something in a tick can't be kept, nothing of it is."""
    store.write_tick(APP, tick(100.0, memory="before"))

    with pytest.raises(KeyError):
        store.write_tick(APP, tick(120.0, memory="after", workers=[view("a"), {"id": "b"}]))
    assert ([100.0], [100.0]) == (
        [one.at for one in store.decisions(APP)],
        [sample["at"] for sample in store.seen(APP)],
    )
    assert ([], "before") == (store.workers(APP), store.memory(APP))
    assert store.write_tick(APP, tick(140.0)) is not None


def test_a_decision_is_shown_as_lists_show_it(store: Store) -> None:
    """Its view says what the policy decided, and why; it is plain JSON."""
    record = recorded(snapshot(waiting=4, busy=1), max_workers=3)
    store.write_tick(APP, tick(record=record, operator=HOLD, applied=NOTHING))
    (shown,) = (one.model_dump(mode="json") for one in store.decisions(APP))

    assert shown == json.loads(json.dumps(shown))
    assert ("simple", 1, [], False, 3) == tuple(shown[name] for name in ("scaler", "up", "down", "held", "max_workers"))
    assert (HOLD, NOTHING) == (shown["operator"], shown["applied"])
    (why,) = shown["why"]
    assert why.startswith("simple: 4 waiting")
    assert "record" not in shown


@pytest.mark.parametrize(
    ("around", "by", "shortfall"),
    [
        ({"applied": {"up": 1, "down": [], "why": []}}, "policy", []),
        ({"applied": NOTHING}, "policy", ["starts wait"]),
        ({}, "policy", ["not applied: a dry run"]),
        ({"operator": PAUSE}, "operator", []),
        ({"operator": HOLD, "applied": NOTHING}, "operator", ["starts wait"]),
        ({"operator": HOLD, "failure": "apply failed"}, "failure", []),
    ],
)
def test_a_decision_says_which_had_the_last_word(store: Store, around: Any, by: str, shortfall: list[str]) -> None:
    """A failure is above an operator's override, and that above the policy; what wasn't done has its reason."""
    store.write_tick(APP, tick(record=recorded(snapshot(waiting=4, busy=1), max_workers=3), **around))
    (shown,) = (one.model_dump(mode="json") for one in store.decisions(APP))

    assert (by, shortfall) == (shown["by"], shown["shortfall"])


def test_a_correction_has_the_last_word(store: Store) -> None:
    """A policy that wants more than its own maximum had the guard's word in the end."""
    reasons = [{"who": "simple", "why": "9 waiting"}, {"who": "guard", "why": "at most 3"}]
    outcome = {"actions": [], "held": False, "max_workers": 3, "reasons": reasons}
    store.write_tick(APP, tick(record=json.dumps({"result": outcome})))

    assert "guard" == store.decisions(APP)[0].by


def test_a_removal_names_the_workers(store: Store) -> None:
    """Its view lists the ids of those that the policy gave up."""
    record = recorded(snapshot(free=3, idle_for=600), max_workers=5)
    store.write_tick(APP, tick(record=record))

    assert ["free-3", "free-2"] == store.decisions(APP)[0].down


def test_decisions_are_turned_over_page_by_page(store: Store) -> None:
    """The newest come first; each page begins before the number with which the last one ended."""
    numbers = [store.write_tick(APP, tick(100.0 + place)) for place in range(7)]
    store.write_tick("other", tick(200.0))
    first = store.decisions(APP, limit=3)
    second = store.decisions(APP, limit=3, before=first[-1].id)

    assert numbers[:0:-1] == [one.id for one in first + second]
    assert numbers[::-1] == [one.id for one in store.decisions(APP)]
    assert store.decision("other", numbers[0]) is None  # another app's isn't shown


@pytest.mark.parametrize(("at", "found"), [(99.9, []), (100.0, [100.0]), (139.0, [120.0, 100.0])])
def test_the_decision_in_force_at_a_moment_comes_first(store: Store, at: float, found: list[float]) -> None:
    """Asked what was so at a moment, the last decision up to then is first."""
    for moment in (100.0, 120.0, 140.0):
        store.write_tick(APP, tick(moment))

    assert found == [one.at for one in store.decisions(APP, at=at)]


def test_a_number_that_is_too_large_is_refused_in_one_line(store: Store) -> None:
    """A number that no database can hold isn't a fault of ours."""
    with pytest.raises(StateError, match="too large"):
        store.decision(APP, 10**30)


@given(number=st.integers(0, 60), most=st.integers(1, 40))
def test_many_samples_are_thinned_evenly(shared: Store, number: int, most: int) -> None:
    """Never more than wanted, the newest among them, all at one distance, and none missing where they are few."""
    app = f"app-{number}"
    if not shared.seen(app):
        for place in range(number):
            shared.write_tick(app, tick(1000.0 + place))
    moments = [sample["at"] for sample in shared.samples(app, since=1000.0, most=most)]

    assert len(moments) <= most
    assert sorted(moments) == moments
    assert len({later - earlier for earlier, later in pairwise(moments)}) <= 1
    assert number == 0 or moments[-1] == 999.0 + number
    assert number > most or len(moments) == number
    assert number <= most or len(moments) > most // 2  # not thinner than it has to be


def test_samples_begin_where_wanted(store: Store) -> None:
    """Those from before aren't shown."""
    for moment in (100.0, 120.0, 140.0):
        store.write_tick(APP, tick(moment))

    assert [120.0, 140.0] == [sample["at"] for sample in store.samples(APP, since=120.0)]


def test_a_runtime_remembers_the_last_samples(store: Store) -> None:
    """The last 20 are there for the histories after a restart, the newest first."""
    for moment in range(25):
        store.write_tick(APP, tick(float(moment)))

    assert list(range(24, 4, -1)) == [sample["at"] for sample in store.seen(APP)]


def test_an_operators_word_stays_until_it_is_taken_back(store: Store) -> None:
    """It outlives ticks and the store, and makes no app out of nothing."""
    word = {"word": "hold", "workers": 3, "until": None, "reason": "the demo", "by": "ann", "since": 90.0}
    store.set_operator(APP, word)
    store.remember_app(APP, {})
    store.write_tick(APP, tick())
    with closing(Store(store.directory)) as again:
        assert word == again.operator(APP)
    store.set_operator(APP, None)

    assert store.operator(APP) is None


def test_what_is_old_is_forgotten(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest decisions, samples and ended workers stay, and the logs of the workers that stay."""
    for name, number in (("KEEP_DECISIONS", 3), ("KEEP_SAMPLES", 25.0), ("KEEP_WORKERS", 1)):
        monkeypatch.setattr(store_module, name, number)
    for place in range(5):
        store.write_tick(APP, tick(100.0 + 10 * place))
    store.write_tick("other", tick(1.0))
    gone = {"old": 110.0, "new": 120.0}
    for worker_id, ended_at in gone.items():
        store.save_worker(APP, view(worker_id, ended_at=ended_at))
    store.save_worker(APP, view("here", 1.0))
    logs = store.directory / "logs"
    for name in ("old.log", "old.log.1", "new.log", "here.log", "older.log"):
        (logs / name).touch()
    store.prune(APP, 140.0)

    assert [140.0, 130.0, 120.0] == [one.at for one in store.decisions(APP)]
    assert [120.0, 130.0, 140.0] == [sample["at"] for sample in store.samples(APP, since=0.0)]
    assert ["here", "new"] == [one["id"] for one in store.workers(APP, ended=True)]
    assert ["here.log", "new.log", "older.log"] == sorted(path.name for path in logs.iterdir())
    assert 1 == len(store.decisions("other")) == len(store.seen("other"))
    store.prune(APP, 140.0)
    assert 3 == len(store.decisions(APP))


def test_forgotten_numbers_are_not_given_again(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decision's number means it for ever, also when all decisions are forgotten."""
    numbers = [store.write_tick(APP, tick())]
    monkeypatch.setattr(store_module, "KEEP_DECISIONS", 0)
    store.prune(APP, 100.0)
    assert [] == store.decisions(APP)
    numbers.append(store.write_tick(APP, tick()))

    assert 2 == len(set(numbers))


def test_records_are_pressed(store: Store) -> None:
    """A record of a large fleet takes a small part of its length, so that 10,000 of them fit on a disk."""
    record = recorded(snapshot(busy=150, free=50), max_workers=300)
    for place in range(50):
        store.write_tick(APP, tick(100.0 + place, record=record))
    store.close()

    assert (store.directory / "state.db").stat().st_size < 50 * len(record) / 8
