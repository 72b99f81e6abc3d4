"""What outlives the runtime."""

from __future__ import annotations

import ctypes
import os
import signal
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from everai_autoscaler import Decider, Factors, Placeholder
from everai_autoscaler.decision.replay import replay
from everai_autoscaler.errors import PlaceholderError, StateError
from everai_autoscaler.model import Record
from everai_autoscaler.runtime.store import Store, TickRow
from everai_autoscaler.runtime.worker import LocalWorker

SAMPLE = {
    "at": 100.0,
    "inflight": 0,
    "free": 1,
    "busy": 2,
    "draining": 0,
    "waiting": {"QueueDueBusy": 3},
    "arrivals": 4,
    "completions": 2,
    "max_workers": 5,
}
KEPT_WORDS = {"word": "pause", "workers": None, "until": None, "reason": "why not", "by": "ann", "since": 1.0}


@pytest.fixture
def store(tmp_path):
    with_it = Store(tmp_path / "state")
    yield with_it
    with_it.close()


def row(at: float = 100.0, **more) -> TickRow:
    known = {
        "at": at,
        "took": 0.01,
        "lag": 0.0,
        "record": None,
        "memory": None,
        "applied": None,
        "operator": None,
        "failure": "",
        "workers": [],
        "queue": [],
        "sample": {**SAMPLE, "at": at},
    }
    return TickRow(**{**known, **more})


def a_record(at: float = 100.0) -> str:
    kept: list[str] = []
    decider = Decider("simple", {"max_workers": 3}, record=lambda record: kept.append(record.json()))
    decider.decide(Factors(queue={"QueueDueBusy": 3}, observed_at=at))
    return kept[0]


def view(worker_id: str, created_at: float = 1.0, deleted_at: float | None = None) -> dict:
    return LocalWorker(worker_id, started_at=created_at, ended_at=deleted_at).view()


texts = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(texts, texts))
def test_any_text_comes_back(tmp_path_factory, data: dict[str, str]) -> None:
    """Whatever text is kept in a ConfigMap is what is read from it."""
    opened = Store(tmp_path_factory.getbasetemp() / "any-text")
    opened.put("ConfigMap", "a", data)
    found = opened.get("ConfigMap", "a")
    opened.close()

    assert found is not None
    assert data == found.data


def test_a_change_keeps_when_it_was_made(store) -> None:
    """A second put replaces the data, and the time of the change, but not that of the first."""
    store.put("ConfigMap", "a", {"x": "1", "y": "1"})
    first = store.get("ConfigMap", "a")
    store.put("ConfigMap", "a", {"x": "2"})
    second = store.get("ConfigMap", "a")

    assert ({"x": "2"}, first.created_at) == (second.data, second.created_at)
    assert second.updated_at > first.updated_at


def test_secrets_are_apart_from_configmaps(store) -> None:
    """A Secret and a ConfigMap of one name don't meet."""
    store.put("Secret", "a", {"x": "1"})

    assert None is store.get("ConfigMap", "a")
    assert (True, False) == (store.delete("Secret", "a"), store.delete("Secret", "a"))


def test_a_secret_is_not_shown_by_accident(store) -> None:
    """What is kept doesn't show its values where somebody prints it."""
    store.put("Secret", "a", {"x": "hunter2"})

    assert "hunter2" not in repr(store.get("Secret", "a"))


def test_a_placeholder_is_read(store) -> None:
    """A Decider that is given the reader decides with what is kept, and with a change at the next decision."""
    store.put("ConfigMap", "limits", {"most": "3"})
    decider = Decider(
        "simple",
        {"max_workers": Placeholder(kind="ConfigMap", name="limits", key="most")},
        providers={"ConfigMap": store.reader("ConfigMap")},
    )
    before = decider.decide(Factors()).max_workers
    store.put("ConfigMap", "limits", {"most": "4"})

    assert (3, 4) == (before, decider.decide(Factors()).max_workers)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "limist",
            "no ConfigMap of this name in .*, which has limits; make it: everai-autoscaler configmap create limist",
        ),
        (
            "limits",
            "no such key; there are least; add it: everai-autoscaler configmap update limits --from-literal most=",
        ),
    ],
)
def test_a_placeholder_that_is_not_there_says_how_to_make_it(store, name: str, told: str) -> None:
    """A name or a key that is missing is one line with what there is, and the command that makes it."""
    store.put("ConfigMap", "limits", {"least": "1"})

    with pytest.raises(PlaceholderError, match=told):
        store.reader("ConfigMap")(name, "most")


def test_a_worker_is_kept_as_it_was_last(store) -> None:
    """A later look replaces the earlier one; those that have ended are listed only when asked for."""
    store.save_worker("app", view("b", 2.0))
    store.save_worker("app", view("a", 1.0))
    store.save_worker("app", view("b", 2.0, deleted_at=3.0))

    assert ["a"] == [one["id"] for one in store.workers("app")]
    assert [("a", None), ("b", 3.0)] == [(one["id"], one["deleted_at"]) for one in store.workers("app", ended=True)]


def test_a_worker_that_has_ended_stays_so(store) -> None:
    """An older look that comes late doesn't bring a worker back."""
    store.save_worker("app", view("a", deleted_at=3.0))
    store.save_worker("app", view("a"))

    assert [] == store.workers("app")


def test_a_tick_is_kept_whole(store) -> None:
    """All that a tick leaves is there afterwards."""
    number = store.write_tick(
        "app",
        row(
            record=a_record(),
            memory={"panic": 3},
            applied={"up": 1, "down": [], "why": []},
            operator=KEPT_WORDS,
            workers=[view("a")],
            queue=[(90.0, "WorkerBusy")],
        ),
    )
    kept = store.decision("app", number)

    assert a_record().split('"took"')[0] == kept.record.split('"took"')[0]
    assert ({"up": 1, "down": [], "why": []}, KEPT_WORDS) == (kept.applied, kept.operator)
    assert ["a"] == [one["id"] for one in store.workers("app")]
    assert [{"created_at": 90.0, "reason": "WorkerBusy"}] == store.queue("app")
    assert ({"panic": 3}, [SAMPLE]) == (store.memory("app"), store.seen("app"))


def test_a_tick_is_kept_whole_or_not_at_all(store) -> None:
    """Where one part of a tick can't be kept, no part of it is."""
    with pytest.raises(KeyError):
        store.write_tick("app", row(record=a_record(), workers=[{"no": "id"}]))

    assert ([], [], None) == (store.decisions("app"), store.seen("app"), store.last_app())


def test_a_decision_is_shown_in_plain_words(store) -> None:
    """The view of a decision says what was decided, and why."""
    store.write_tick("app", row(record=a_record()))
    shown = store.decisions("app")[0].view()

    assert (1, [], False, 3) == (shown["up"], shown["down"], shown["held"], shown["max_workers"])
    assert ["simple: 0 workers, below the minimum of 1: starts 1 worker"] == shown["why"]


def test_a_tick_that_failed_is_a_decision_as_well(store) -> None:
    """What failed is in the list, as a hold."""
    store.write_tick("app", row(failure="observe failed: OSError"))

    assert [("observe failed: OSError", True)] == [(one.failure, one.view()["held"]) for one in store.decisions("app")]


def test_decisions_are_listed_from_the_newest(store) -> None:
    """A list is limited, goes on before a number, and ends at a moment."""
    for at in (100.0, 120.0, 140.0, 160.0):
        store.write_tick("app", row(at, record=a_record(at)))

    assert [160.0, 140.0] == [one.at for one in store.decisions("app", limit=2)]
    assert [120.0, 100.0] == [one.at for one in store.decisions("app", before=3)]
    assert 140.0 == store.decisions("app", at=159.9)[0].at
    assert None is store.decision("other", 1)


def test_samples_are_thinned_evenly(store) -> None:
    """A long time is shown by as many samples as are asked for, the newest among them."""
    for at in range(100):
        store.write_tick("app", row(float(at)))

    assert [9.0, 19.0, 29.0, 39.0, 49.0, 59.0, 69.0, 79.0, 89.0, 99.0] == [
        one["at"] for one in store.samples("app", since=0.0, most=10)
    ]
    assert [98.0, 99.0] == [one["at"] for one in store.samples("app", since=98.0)]


def test_an_operators_word_is_kept_until_it_is_taken_away(store) -> None:
    """What an operator has said is there until somebody says otherwise, and a tick doesn't touch it."""
    store.set_operator("app", KEPT_WORDS)
    store.write_tick("app", row())
    said = store.operator("app")
    store.set_operator("app", None)

    assert (KEPT_WORDS, None) == (said, store.operator("app"))


def test_the_last_app_is_the_one_that_ran_last(store) -> None:
    """Of two apps the one that was seen last is meant."""
    store.remember_app("one", {"scaler": "simple"})
    store.remember_app("two", {"scaler": "kpa"})
    store.remember_app("one", {"scaler": "simple"})

    assert "one" == store.last_app()
    assert "simple" == store.app_info("one")["scaler"]
    assert None is store.app_info("three")


def test_what_is_old_is_forgotten(store, monkeypatch) -> None:
    """Decisions, samples and ended workers are kept up to a number or an age, and a worker's log goes with it."""
    for name, value in (("KEEP_DECISIONS", 2), ("KEEP_WORKERS", 1), ("KEEP_SAMPLES", 50.0)):
        monkeypatch.setattr(f"everai_autoscaler.runtime.store.{name}", value)
    for at in (100.0, 120.0, 140.0):
        store.write_tick("app", row(at, record=a_record(at), workers=[view(f"w{at:.0f}", at, deleted_at=at + 1)]))
    store.save_worker("app", view("alive"))
    for name in ("w100.log", "w100.log.1", "w140.log", "alive.log"):
        (store.directory / "logs" / name).write_text("said")
    store.prune("app", now=160.0)

    assert [140.0, 120.0] == [one.at for one in store.decisions("app")]
    assert [120.0, 140.0] == [one["at"] for one in store.samples("app", since=0.0)]
    assert ["alive", "w140"] == [one["id"] for one in store.workers("app", ended=True)]
    assert ["alive.log", "w140.log"] == sorted(path.name for path in (store.directory / "logs").iterdir())


def test_threads_share_a_store(store) -> None:
    """Several threads that write and read at once lose nothing."""

    def write(first: int) -> None:
        for number in range(20):
            store.write_tick("app", row(float(first + number), failure=f"{first + number}"))
            store.decisions("app", limit=1)

    threads = [threading.Thread(target=write, args=(100 * number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 80 == len({one.failure for one in store.decisions("app", limit=100)})


def run_python(program: str, directory: Path, **options) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, str(directory)], stdout=subprocess.PIPE, text=True, **options
    )


WRITES = """
import sys
from pathlib import Path
from everai_autoscaler.runtime.store import Store
store = Store(Path(sys.argv[1]))
for number in range(100_000):
    store.put("ConfigMap", f"c{number % 50}", {"number": str(number)})
    print(number, flush=True)
"""


def test_what_was_kept_survives_kill_9(tmp_path) -> None:
    """A process that is killed in the midst of writing loses nothing that it had kept."""
    with run_python(WRITES, tmp_path / "state") as writer:
        told = [writer.stdout.readline() for _ in range(60)]
        writer.send_signal(signal.SIGKILL)
        told += writer.stdout.readlines()
    last = int([line for line in told if line.endswith("\n")][-1])

    kept = {int(one.data["number"]) for one in Store(tmp_path / "state").names("ConfigMap")}
    assert set(range(last - 49, last + 1)) <= kept | {last + 1 - 50}


def test_two_processes_write_one_store(tmp_path) -> None:
    """A command that changes a ConfigMap while another process writes waits its turn, and is seen."""
    ours = Store(tmp_path / "state")
    with run_python(WRITES, tmp_path / "state") as writer:
        writer.stdout.readline()
        for number in range(50):
            ours.put("ConfigMap", "ours", {"number": str(number)})
        writer.send_signal(signal.SIGKILL)

    assert {"number": "49"} == ours.get("ConfigMap", "ours").data


def test_only_its_owner_can_read_it(tmp_path) -> None:
    """Whatever the umask, the directory is 0700 and the database 0600."""
    before = os.umask(0)
    try:
        opened = Store(tmp_path / "state")
        opened.put("Secret", "a", {"x": "1"})
        modes = {
            path.name: stat.S_IMODE(path.stat().st_mode)
            for path in [opened.directory, *opened.directory.glob("state.db*")]
        }
    finally:
        os.umask(before)

    assert {0o700} == {mode for name, mode in modes.items() if name == "state"}
    assert {0o600} == {mode for name, mode in modes.items() if name.startswith("state.db")}
    assert {"state", "state.db", "state.db-wal"} <= set(modes)


@pytest.mark.parametrize(
    ("content", "told"), [(b"not a database, surely" * 100, "file is not a database"), (None, "Is a directory")]
)
def test_what_is_no_database_is_one_line(tmp_path, content: bytes | None, told: str) -> None:
    """A file that isn't ours, or a directory in its place, is refused with where it is."""
    (tmp_path / "state").mkdir()
    if content is None:
        (tmp_path / "state" / "state.db").mkdir()
    else:
        (tmp_path / "state" / "state.db").write_bytes(content)

    with pytest.raises(StateError, match=f"state directory {tmp_path}/state: .*{told}"):
        Store(tmp_path / "state")


def test_a_database_of_a_newer_version_is_left_alone(store) -> None:
    """What a newer version has written isn't touched."""
    store._db.execute("PRAGMA user_version = 99")

    with pytest.raises(StateError, match="was written by a newer version of this package"):
        Store(store.directory)


@pytest.fixture
def small_disk(tmp_path):
    """A disk of one megabyte; only root can make one."""
    libc = ctypes.CDLL(None, use_errno=True)
    place = tmp_path / "disk"
    place.mkdir()
    if os.geteuid() or libc.mount(b"tmpfs", bytes(place), b"tmpfs", 0, b"size=1m"):
        pytest.skip("a disk of its own can't be mounted here")
    yield place
    libc.umount2(bytes(place), 2)


def fill(path: Path) -> None:
    while True:
        with path.open("ab", buffering=0) as file:
            file.write(b"x" * 4096)


def change_often(opened: Store) -> None:
    for number in range(1000):
        opened.put("ConfigMap", "a", {"x": "y" * 4096, "n": str(number)})


def test_a_full_disk_is_told_and_gets_over_it(small_disk) -> None:
    """What can't be kept is one line, what was kept stays, and when there is room again it is kept again."""
    opened = Store(small_disk / "state")
    opened.put("ConfigMap", "a", {"x": "1"})
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space left"):
        fill(filler)
    with pytest.raises(StateError, match=r"state\.db: .*(full|disk I/O error)") as caught:
        change_often(opened)
    kept = opened.get("ConfigMap", "a")
    filler.unlink()
    opened.put("ConfigMap", "a", {"x": "2"})

    assert "\n" not in str(caught.value)
    assert kept is not None
    assert {"x": "2"} == opened.get("ConfigMap", "a").data
    opened.close()


def test_a_directory_that_cannot_be_written_is_one_line(small_disk) -> None:
    """A state directory on a disk that is read-only is refused with where it is and why."""
    remount, read_only = 32, 1
    libc = ctypes.CDLL(None)
    libc.mount(b"tmpfs", bytes(small_disk), b"tmpfs", remount | read_only, b"")

    with pytest.raises(StateError, match="can't be used: Read-only file system"):
        Store(small_disk / "state")


def test_a_record_in_the_store_can_be_replayed(store) -> None:
    """What is kept of a decision makes the same decision again."""
    store.write_tick("app", row(record=a_record()))

    assert replay(Record.from_json(store.decisions("app")[0].record)).same
