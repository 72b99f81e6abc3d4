"""An app under autoscaling, as people run it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from urllib.parse import urlsplit

import psutil
import pytest

from everai_autoscaler.runtime.store import Store

CONFTEST = sys.modules[next(name for name in sys.modules if name.endswith("runtime.conftest"))]
until = CONFTEST.until

HOLD = {"word": "hold", "workers": 3, "reason": "the demo", "by": "ann"}

pytestmark = pytest.mark.slow


def test_a_request_wakes_an_app_without_workers(start) -> None:
    """With nobody there, a request doesn't wait for the next beat, ten minutes away."""
    running = start("--interval=600", arguments={"min_workers": 0, "max_workers": 1})
    began = time.monotonic()

    status, words = running.get("/5")
    assert (200, "5") == (status, words[0])
    assert time.monotonic() - began < CONFTEST.SOON


def test_a_request_wakes_an_app_whose_last_worker_goes(start) -> None:
    """While the only worker finishes what it serves before it goes, a request doesn't wait for the next beat."""
    running = start("--interval=60", arguments={"min_workers": 0, "max_workers": 2})
    with ThreadPoolExecutor(1) as client:
        client.submit(running.get, "/4?ms=8000")
        worker = until(lambda: running.workers("BUSY"), "it is served")[0]["id"]
        time.sleep(2.5)  # until no beat that was asked for earlier is to come
        gone = urllib.request.Request(
            f"{running.who['admin_url']}/api/workers/{worker}/remove",
            b'{"by": "ann"}',
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(gone).close()

        assert "5" == running.get("/5")[1][0]
        assert [worker] == [one["id"] for one in running.workers("BUSY")]


def test_a_dry_run_applies_nothing(start, store) -> None:
    """What would be done is decided, shown and kept, and no worker is started."""
    running = start("--dry-run", arguments={"min_workers": 2, "max_workers": 2})
    until(lambda: len(running.ask("/api/decisions")) > 1, "it has decided twice")

    assert running.says("a dry run: decides and shows, and applies nothing")
    assert {2} == {one["up"] for one in running.ask("/api/decisions")}
    assert ([], {None}) == (
        running.workers(),
        {one.applied for one in store.decisions("counting")},
    )


def test_demand_beyond_the_maximum_is_told_once(start, store) -> None:
    """More waits than one worker serves: a note, the status and a metric say it, and the record keeps it."""
    running = start("--interval=0.2", arguments={"min_workers": 1, "max_workers": 1, "max_queue_size": 0})
    running.ready(1)
    with ThreadPoolExecutor(3) as clients:
        asked = [clients.submit(running.get, "/1?ms=1500") for _ in range(3)]
        capped = until(lambda: running.ask("/api/status")["capped"], "it is capped")
        until(lambda: len(running.ask("/api/decisions")) > 20, "it has decided often")
        assert [200] * 3 == [one.result()[0] for one in asked]
    until(lambda: running.ask("/api/status")["capped"] is None, "nothing waits")

    assert (2, 1, "maximum") == (capped["wanted"], capped["allowed"], capped["by"])
    assert 1 == running.lines.count("demand is capped: wanted 2, may have 1: maximum")
    counted = running.ask("/metrics")
    assert re.search(r'everai_autoscaler_capped_decisions_total\{by="maximum"\} [1-9]', counted)
    assert 'everai_autoscaler_capped_workers{by="maximum"} 0.0' in counted
    records = [store.decision("counting", one.id).record for one in store.decisions("counting", limit=100)]
    assert any(one["result"].get("capped") for one in records)


def test_a_hold_keeps_so_many_and_ends_by_itself(start, store) -> None:
    """Held at three there are three, with the reason in the list; when its time is over the policy decides again."""
    running = start(arguments={"min_workers": 1, "max_workers": 5, "max_idle_time": 1})
    running.ready(1)
    store.set_operator("counting", {**HOLD, "since": time.time(), "until": time.time() + 4})
    running.ready(3)
    why, *_ = until(
        lambda: [one["operator"] for one in running.ask("/api/decisions") if one["operator"]], "the decision is kept"
    )

    assert ("hold", "the demo", "ann") == (why["word"], why["reason"], why["by"])
    assert running.says("the policy decides again, no more held at 3 workers by ann")
    assert until(lambda: len(running.workers()) == 1, "two have gone")


def test_a_pause_holds_after_a_restart(start, store) -> None:
    """What an operator has said is in force in the next runtime, too: it starts nobody."""
    store.set_operator("counting", {**HOLD, "word": "pause", "workers": None, "since": 1.0, "until": None})
    first = start(arguments={"min_workers": 1})
    until(lambda: len(first.ask("/api/decisions")) > 1, "it has decided twice")
    first.stop()
    second = start(arguments={"min_workers": 1})
    until(lambda: len(second.ask("/api/decisions")) > 4, "it has decided again")

    assert ([], "pause") == (second.workers(), second.ask("/api/status")["operator"]["word"])


def test_nobody_waits_any_more_when_it_has_ended(start, store) -> None:
    """Who waited at its last tick was answered while it drained, and isn't in the list that it leaves."""
    running = start(arguments={"min_workers": 0, "max_workers": 0}, drain_timeout=0.1)
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(running.get)
        until(lambda: store.queue("counting"), "it waits at a tick")
        running.stop()

    assert (503, []) == (asked.result()[0], store.queue("counting"))


def test_a_pause_holds_while_the_store_cannot_be_read(start, store, state) -> None:
    """A database that breaks while an operator has paused the app doesn't let the policy decide again."""
    store.set_operator("counting", {**HOLD, "word": "pause", "workers": None, "since": 1.0, "until": None})
    running = start(arguments={"min_workers": 1})
    until(lambda: len(running.ask("/api/decisions")) > 1, "it has decided twice")
    store.close()
    for name in ("state.db", "state.db-wal"):
        with (state / name).open("r+b") as file:
            file.write(b"?" * (state / name).stat().st_size)
    time.sleep(2)  # for some more decisions

    assert ([], "pause") == (running.workers(), running.ask("/api/status")["operator"]["word"])


def test_histories_are_there_after_a_restart(start, store) -> None:
    """The first snapshot of a new runtime tells of what the one before has seen."""
    first = start(arguments={"min_workers": 1})
    until(lambda: len(first.ask("/api/decisions")) > 3, "it has decided some times")
    first.stop()
    before = len(store.decisions("counting", limit=1000))
    second = start(arguments={"min_workers": 1})
    until(lambda: len(store.decisions("counting", limit=1000)) > before, "it decides")
    number = store.decisions("counting", limit=1000)[-before - 1].id

    assert second.ask(f"/api/decisions/{number}")["record"]["snapshot"]["worker_histories"]


def ask_as(running, session: str, path: str = "/1") -> str:
    """Ask as somebody who has that session; the pid of who answers."""
    place = urlsplit(running.url)
    with closing(HTTPConnection(place.hostname, place.port, timeout=CONFTEST.SOON)) as connection:
        connection.request("GET", path, headers={"X-Session": session})
        return connection.getresponse().read().decode().split()[1]


def test_a_session_outlives_the_runtime(start, store, state) -> None:
    """A worker that is taken over after a crash holds its sessions still; their names are kept nowhere."""
    options = {"arguments": {"min_workers": 2, "max_workers": 2}, "session": {"header": "X-Session"}}
    first = start(**options, dispatch="longest-idle")
    first.ready(2)
    pid = ask_as(first, "ann-s-secret")
    until(lambda: any(row["pinned"] for row in store.rows("counting")), "a tick has kept it")
    first.kill()
    second = start(**options, dispatch="longest-idle")
    second.ready(2)

    assert {int(pid): 1} == {one["pid"]: one["sessions"] for one in second.workers() if one["sessions"]}
    assert [pid] * 3 == [ask_as(second, "ann-s-secret") for _ in range(3)]
    assert [] == [file for file in state.rglob("*") if file.is_file() and b"ann-s-secret" in file.read_bytes()]
    assert [] == [one for one in store.workers("counting") if "pinned" in one]


def test_a_session_stays_with_its_worker(start) -> None:
    """Requests of a session are answered by one worker; what waits for it says so, and it may not be removed."""
    running = start(arguments={"min_workers": 2, "max_workers": 2}, session={"header": "X-Session", "timeout": 600})
    running.ready(2)
    pids = {ask_as(running, "ann", f"/{number}") for number in range(4)}
    with ThreadPoolExecutor(3) as clients:
        waiting = [clients.submit(ask_as, running, "ann", f"/{number}?ms=800") for number in range(3)]
        reasons = until(lambda: running.ask("/api/queue"), "two wait for their worker")
        pids |= {one.result() for one in waiting}

    assert 1 == len(pids)
    assert {"SessionWorkerBusy"} == {one["reason"] for one in reasons}
    assert [0, 1] == sorted(one["sessions"] for one in running.workers())


def test_another_address_wants_a_token(start) -> None:
    """Beyond the loopback interface the admin side is closed to whoever hasn't the token that it says."""
    running = start("--host=0.0.0.0", arguments={"min_workers": 0})
    port = urlsplit(running.who["admin_url"]).port
    running.says("token=")
    token = re.search(r"\?token=([^\s']+)", running.lines).group(1)

    def status(headers: dict[str, str]) -> int:
        asked = urllib.request.Request(f"http://127.0.0.1:{port}/api/status", headers=headers)
        try:
            with urllib.request.urlopen(asked) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    assert (401, 200) == (status({}), status({"Authorization": f"Bearer {token}"}))
    assert token == json.loads((running.state / "runtime.json").read_text())["token"]


@pytest.mark.parametrize(
    ("manifest", "told"),
    [
        ("autoscaler: {builtin: {name: simple}}", "has no section local, which says how a worker is started"),
        ("local: {command: x}", "describes no scaler"),
        ("autoscaler: {builtin: {name: simpel}}\nlocal: {command: x}", "scaler 'simpel' is not one of"),
        ("autoscaler: {builtin: {name: simple}}\nlocal: {comand: x}", "local: command: field required"),
        ("autoscaler: {builtin: {name: simple, arguments: {most: 1}}}\nlocal: {command: x}", "most"),
        (
            "autoscaler: {builtin: {name: simple}}\nlocal: {command: nix}",
            "no worker can be started: there is no program nix",
        ),
        (
            "autoscaler: {builtin: {name: simple}}\nlocal: {command: sh, directory: nowhere}",
            "no worker can be started: there is no directory ",
        ),
        ("local: [", "is not YAML"),
    ],
)
def test_a_bad_manifest_is_one_line(tmp_path, manifest: str, told: str) -> None:
    """Whatever is wrong with a manifest is said before anything runs."""
    file = tmp_path / "app.yaml"
    file.write_text(manifest)
    command = [sys.executable, "-c", "from everai_autoscaler.cli import main; main()"]
    done = subprocess.run(
        [*command, "run", str(file), "--state-dir", str(tmp_path / "state")],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (2, 1) == (done.returncode, done.stderr.count("\n"))
    assert told in done.stderr
    assert done.stderr.startswith(f"error: {file}: ")


def test_a_warning_is_told_once(start, store) -> None:
    """A value that can't be used is one line of what the runtime writes, not one on each output."""
    store.put("ConfigMap", "limits", {"most": "2"})
    most = {"valueFrom": {"configMapKeyRef": {"name": "limits", "key": "most"}}}
    running = start(arguments={"min_workers": 0, "max_workers": most})
    until(lambda: running.ask("/api/status")["max_workers"] == 2, "the value is read")
    store.put("ConfigMap", "limits", {"most": "many"})
    running.says("'many'")
    until(lambda: running.ask("/api/status")["arguments"]["max_workers"]["kept"], "it is kept")

    assert 1 == len([line for line in running.lines.splitlines() if "'many'" in line and "argument" in line])


def test_values_that_contradict_each_other_are_told_once(start) -> None:
    """That the maximum wins is one of the lines, and not said on standard error before as well."""
    running = start(arguments={"min_workers": 5, "max_workers": 0})
    running.says("INFO decided")

    assert 1 == running.lines.count("min_workers 5 is above max_workers 0: the maximum wins")


def test_a_reader_who_goes_away_is_no_trouble(tmp_path) -> None:
    """Where what it writes is read no more, as under "head", it runs on and says nothing of it."""
    file = tmp_path / "app.yaml"
    file.write_text("autoscaler: {builtin: {name: simple, arguments: {min_workers: 0}}}\nlocal: {command: sh}")
    command = [sys.executable, "-c", "from everai_autoscaler.cli import main; main()", "run", str(file)]
    command += ["--port=0", "--admin-port=0", "--interval=0.1", "--state-dir", str(tmp_path / "state")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.stdout.close()
        with closing(Store(tmp_path / "state")) as store:
            until(lambda: process.poll() is not None or len(store.decisions("app")) > 5, "it goes on")
        running = process.poll() is None
        process.terminate()
        said = process.stderr.read()

    assert (True, "") == (running, said)


def test_it_may_have_many_connections(start) -> None:
    """A runtime that is started with a low limit of open files raises it as far as it may."""
    running = start(arguments={"min_workers": 0})
    soft, hard = psutil.Process(running.process.pid).rlimit(psutil.RLIMIT_NOFILE)

    assert min(hard, 65_536) <= soft
