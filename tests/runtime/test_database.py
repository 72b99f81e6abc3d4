"""The disk under a store, and other processes that use it."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
from ticking import tick

from everai_autoscaler.errors import StateError
from everai_autoscaler.local.worker import LocalWorker
from everai_autoscaler.runtime import database as database_module
from everai_autoscaler.runtime.store import Store

APP = "get-start"
SECRET = "hunter2-and-a-half"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "state")) as made:
        yield made


def elsewhere(code: str, *arguments: object) -> subprocess.Popen[str]:
    """A Python process of its own, which runs *code*."""
    begin = "import sys\nfrom pathlib import Path\nfrom everai_autoscaler.runtime.store import Store, TickRow\n"
    return subprocess.Popen(
        [sys.executable, "-c", begin + code, *map(str, arguments)], stdout=subprocess.PIPE, text=True
    )


@contextmanager
def mounted(directory: Path, options: str) -> Iterator[None]:
    """A file system of its own under *directory*; skips the test where nobody may make one."""
    directory.mkdir(exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", options, "none", str(directory)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("there is no mount here, so that no disk can be full or read-only")
    if done.returncode:
        pytest.skip(f"file systems may not be mounted here: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(directory)], check=True)


def fill(path: Path) -> None:
    with path.open("wb", buffering=0) as file, suppress(OSError):
        while True:
            file.write(bytes(1024))


def mode(path: Path) -> str:
    return f"{path.stat().st_mode & 0o777:o}"


@pytest.mark.parametrize("umask", [0o000, 0o777])
def test_nobody_else_may_look(tmp_path: Path, umask: int) -> None:
    """Whatever the umask, the directories are 0700 and the files 0600."""
    before = os.umask(umask)
    try:
        with closing(Store(tmp_path / "state")) as store:
            store.put("Secret", "keys", {"token": SECRET})
            modes = {path.name: mode(path) for path in store.directory.iterdir()}
    finally:
        os.umask(before)

    assert "700" == mode(tmp_path / "state")
    assert {"logs": "700", "state.db": "600", "state.db-wal": "600", "state.db-shm": "600"} == modes


def test_a_database_that_was_open_to_others_is_closed_to_them(tmp_path: Path) -> None:
    """One that was copied, say, loses what others may; a directory that was there stays as it is."""
    tmp_path.chmod(0o755)
    Store(tmp_path).close()
    (tmp_path / "state.db").chmod(0o644)
    Store(tmp_path).close()

    assert ("755", "600") == (mode(tmp_path), mode(tmp_path / "state.db"))


def _a_file(path: Path) -> None:
    path.write_text("")


def _garbage(path: Path) -> None:
    path.mkdir()
    (path / "state.db").write_bytes(b"\x00no database" * 1000)


def _anothers(path: Path) -> None:
    path.mkdir()
    with closing(sqlite3.connect(path / "state.db")) as db:
        db.execute("CREATE TABLE moz_places (id INTEGER)")


def _newer(path: Path) -> None:
    Store(path).close()
    with closing(sqlite3.connect(path / "state.db")) as db:
        db.execute("PRAGMA user_version = 99")


def _a_directory_as_database(path: Path) -> None:
    (path / "state.db").mkdir(parents=True)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (_a_file, "is not a directory"),
        (_garbage, "state.db: file is not a database"),
        (_anothers, "state.db is another program's database; move it away, or give another --state-dir"),
        (_newer, "was written by a newer version of this package; update it, or give another --state-dir"),
        (_a_directory_as_database, "state.db: unable to open database file"),
    ],
)
def test_what_is_no_state_directory_is_refused(tmp_path: Path, make: Callable[[Path], None], why: str) -> None:
    """A directory that can't be used gets one line that names it, and says why; what is in it stays."""
    path = tmp_path / "state"
    make(path)
    before = {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()}

    with pytest.raises(StateError) as refused:
        Store(path)
    assert f"state directory {path}: {why}" == str(refused.value)
    assert before.items() <= {one: one.read_bytes() for one in tmp_path.rglob("*") if one.is_file()}.items()


def test_a_closed_store_says_so(store: Store) -> None:
    """Closing twice is harmless; whatever is asked then gets one line."""
    store.close()
    store.close()

    with pytest.raises(StateError, match="closed database"):
        store.names("ConfigMap")
    with pytest.raises(StateError, match="closed database"):
        store.write_tick(APP, tick())


def test_a_read_only_directory_is_refused(tmp_path: Path) -> None:
    """Where nothing may be written it says so, whether or not there is a database."""
    path = tmp_path / "mounted"
    with mounted(path, "size=4m"):
        Store(path / "used").close()
        (path / "empty").mkdir()
        subprocess.run(["mount", "-o", "remount,ro", str(path)], check=True)
        told = []
        for name in ("used", "empty", "new"):
            with pytest.raises(StateError) as refused:
                Store(path / name)
            told.append(str(refused.value))

    assert 3 == len([line for line in told if line.endswith("can't be used: Read-only file system")])


def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    """On a full disk a write fails in one line, reading goes on, and when there is room the same store works again."""
    path = tmp_path / "mounted"
    with mounted(path, "size=1m"), closing(Store(path / "state")) as store:
        store.put("ConfigMap", "limits", {"max_workers": "5"})
        store.write_tick(APP, tick(100.0))
        fill(path / "filler")
        secret = {"token": SECRET * 20_000}
        told = []
        for write in (
            lambda: store.put("Secret", "keys", secret),
            lambda: store.write_tick(APP, tick(120.0, memory=secret)),
            lambda: store.put("Secret", "keys", secret),
        ):
            with pytest.raises(StateError) as full:
                write()
            told.append(str(full.value))
        during = (store.reader("ConfigMap")("limits", "max_workers"), len(store.decisions(APP)), store.names("Secret"))
        (path / "filler").unlink()
        store.put("Secret", "keys", {"token": SECRET})
        store.write_tick(APP, tick(140.0))
        with closing(Store(path / "state")) as again:
            after = [one.at for one in again.decisions(APP)], again.get("ConfigMap", "limits").data

    assert [f"state directory {path / 'state'}: state.db: database or disk is full"] * 3 == told
    assert ("5", 1, []) == during
    assert ([140.0, 100.0], {"max_workers": "5"}) == after


def test_a_disk_that_is_full_from_the_beginning_is_told_of(tmp_path: Path) -> None:
    """A store that has no room to be made says so in one line, and can be made when there is."""
    path = tmp_path / "mounted"
    with mounted(path, "size=1m"):
        (path / "state").mkdir()
        fill(path / "filler")
        with pytest.raises(StateError) as refused:
            Store(path / "state")
        (path / "filler").unlink()
        with closing(Store(path / "state")) as store:
            store.put("ConfigMap", "limits", {})

    assert str(refused.value).startswith(f"state directory {path / 'state'}: ")
    assert "\n" not in str(refused.value)


def test_two_processes_write_one_configmap(store: Store) -> None:
    """Whoever reads meanwhile sees the one's or the other's, whole; nobody is turned away."""
    code = """
with_store = Store(Path(sys.argv[1]))
print("ready", flush=True)
for number in range(150):
    with_store.put("ConfigMap", "shared", dict.fromkeys("abc", f"{sys.argv[2]} {number}"))
with_store.close()
"""
    writers = [elsewhere(code, store.directory, name) for name in ("one", "two")]
    seen: list[Mapping[str, str]] = []
    for writer in writers:
        writer.stdout.readline()
    while any(writer.poll() is None for writer in writers):
        held = store.get("ConfigMap", "shared")
        seen.extend([held.data] if held else [])
    for writer in writers:
        writer.stdout.close()

    assert [0, 0] == [writer.returncode for writer in writers]
    assert {3} == {len(data) for data in seen}
    assert {1} == {len(set(data.values())) for data in seen}
    assert store.get("ConfigMap", "shared").data["a"] in {"one 149", "two 149"}


def test_several_processes_may_make_it_at_once(tmp_path: Path) -> None:
    """Those that begin at one moment, in a directory that isn't there, all get their turn."""
    code = """
import time
while time.time() < float(sys.argv[3]): pass
store = Store(Path(sys.argv[1]))
store.put("ConfigMap", sys.argv[2], {})
store.close()
"""
    names = ["a", "b", "c", "d"]
    together = time.time() + 2.0
    beginners = [elsewhere(code, tmp_path / "not" / "there", name, together) for name in names]
    for one in beginners:
        one.communicate()

    assert [0] * len(names) == [one.returncode for one in beginners]
    with closing(Store(tmp_path / "not" / "there")) as store:
        assert names == [held.name for held in store.names("ConfigMap")]


@pytest.mark.parametrize("after", [1, 17, 60])
def test_a_killed_process_loses_nothing_that_was_kept(tmp_path: Path, after: int) -> None:
    """Whatever a process said it had kept is there after kill -9 in the middle of its writing, and whole."""
    code = """
store = Store(Path(sys.argv[1]))
for number in range(10**6):
    kept = store.write_tick("app", TickRow(at=float(number), took=0.0, lag=0.0, record="{" + " " * 4000 + "}",
        memory=number, applied=None, operator=None, failure="", workers=[], queue=[], sample={"at": float(number)}))
    store.put("ConfigMap", f"map-{number}", {"number": str(number)})
    print(kept, flush=True)
"""
    writer = elsewhere(code, tmp_path)
    kept = [int(writer.stdout.readline()) for _ in range(after)]
    writer.kill()
    kept += map(int, writer.stdout.read().split("\n")[:-1])
    writer.wait()
    writer.stdout.close()

    with closing(Store(tmp_path)) as store:
        there = [one.id for one in store.decisions("app", limit=10**6)][::-1]
        maps = {held.name for held in store.names("ConfigMap")}
        assert kept == there[: len(kept)]
        assert len(there) <= len(kept) + 1
        assert {f"map-{number}" for number in range(len(kept))} <= maps
        assert {"ok"} == {row[0] for row in store._database.read("PRAGMA integrity_check")}
        assert len(there) == store.memory("app") + 1  # a tick is whole, also the last one


def test_a_second_store_in_one_process_takes_nothing_from_the_first(store: Store) -> None:
    """Opening and closing another one leaves the first its locks, so that a third process doesn't tidy up under it."""
    store.put("ConfigMap", "before", {})
    Store(store.directory).close()
    elsewhere("Store(Path(sys.argv[1])).close()", store.directory).communicate()
    store.put("ConfigMap", "after", {})

    assert (store.directory / "state.db-wal").exists()
    code = "print(*[held.name for held in Store(Path(sys.argv[1])).names('ConfigMap')])"
    assert "after before\n" == elsewhere(code, store.directory).communicate()[0]


def test_threads_share_a_store(store: Store) -> None:
    """Several threads that write and read at once lose nothing and disturb nobody."""
    failures = []

    def work(name: str) -> None:
        try:
            for place in range(40):
                store.put("ConfigMap", name, {"place": str(place)})
                store.write_tick(name, tick(float(place), workers=[LocalWorker(name, started_at=100.0).form().row()]))
                assert {"place": str(place)} == store.get("ConfigMap", name).data
                assert place + 1 == len(store.decisions(name))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [] == failures
    assert list("abcd") == [held.name for held in store.names("ConfigMap")]


def test_reading_never_waits_for_who_waits_to_write(store: Store) -> None:
    """While a writer waits for another process, the event loop reads on."""
    store.put("ConfigMap", "limits", {"a": "1"})
    writer = threading.Thread(target=store.put, args=("ConfigMap", "limits", {"a": "2"}))
    with closing(sqlite3.connect(store.directory / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        writer.start()
        while store._database._writing.acquire(blocking=False):
            store._database._writing.release()  # until the writer has it
        during = store.get("ConfigMap", "limits").data, writer.is_alive()
        other.execute("COMMIT")
    writer.join()

    assert ({"a": "1"}, True) == during
    assert {"a": "2"} == store.get("ConfigMap", "limits").data


def test_a_new_store_waits_for_who_writes(tmp_path: Path) -> None:
    """A process that writes at the moment in which the database is made keeps nobody from it but for that moment."""
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        threading.Timer(0.2, other.execute, ("ROLLBACK",)).start()
        with closing(Store(tmp_path)) as store:
            store.put("ConfigMap", "limits", {})


def test_a_new_store_does_not_wait_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that never finishes writing to a new database is told of, in one line."""
    monkeypatch.setattr(database_module, "PATIENCE", 0.05)
    with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StateError, match=r"state\.db: database is locked"):
            Store(tmp_path)


def test_who_is_kept_from_writing_for_too_long_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that never finishes writing holds nobody for ever; when it has, all is well."""
    monkeypatch.setattr(database_module, "PATIENCE", 0.05)
    with closing(Store(tmp_path)) as store:
        with closing(sqlite3.connect(tmp_path / "state.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StateError, match=r"state\.db: database is locked"):
                store.put("ConfigMap", "limits", {})
        store.put("ConfigMap", "limits", {})


MERGES = """
import sys
from pathlib import Path
from everai_autoscaler.runtime.store import Store
store = Store(Path(sys.argv[1]))
for number in range(20):
    with store.alone():
        found = store.get("ConfigMap", "shared")
        store.put("ConfigMap", "shared", {**(found.data if found else {}), f"{sys.argv[2]}-{number}": "1"})
"""


def test_changes_of_several_processes_are_all_kept(tmp_path) -> None:
    """Processes that each add to what they read, alone, lose nothing of each other's."""
    Store(tmp_path / "state").close()
    writers = [
        subprocess.Popen([sys.executable, "-c", MERGES, str(tmp_path / "state"), str(number)]) for number in range(4)
    ]

    assert [0, 0, 0, 0] == [writer.wait() for writer in writers]
    with closing(Store(tmp_path / "state")) as store:
        assert 80 == len(store.get("ConfigMap", "shared").data)
