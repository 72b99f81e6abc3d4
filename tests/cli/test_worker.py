"""``worker``: who is there, what they write, and how one is let go."""

from __future__ import annotations

import json
import threading
import urllib.request
from contextlib import closing

import pytest
import yaml

from everai_autoscaler.cli.app.worker import _Log
from everai_autoscaler.runtime.state import running as runs
from everai_autoscaler.runtime.store import Store

ANN, BEN, EVE = "5LJtBqJsRYgT67ZEuMAt88", "VtU8mgrcneAqQzSh9GE5KQ", "VxrG9wGR6y8xYanE3Dpxna"

LIST = f"""\
ID                      STATUS    DETAIL_STATUS    CREATED_AT                DELETED_AT
----------------------  --------  ---------------  ------------------------  ------------
{ANN}  RUNNING   BUSY             2024-07-29T02:50:10+0000
{BEN}  PENDING   IN_FLIGHT        2024-07-29T03:06:50+0000
"""

EVERYONE = f"""\
ID                      STATUS      DETAIL_STATUS    CREATED_AT                DELETED_AT
----------------------  ----------  ---------------  ------------------------  ------------------------
{ANN}  RUNNING     BUSY             2024-07-29T02:50:10+0000
{EVE}  TERMINATED                   2024-07-29T02:51:50+0000  2024-07-29T03:06:45+0000
{BEN}  PENDING     IN_FLIGHT        2024-07-29T03:06:50+0000
"""


def test_the_list_is_the_platforms(run, kept):
    """Who is there, in the platform's columns; that nothing runs is said beside it."""
    result = run("worker", "list", "--state-dir", kept)

    assert LIST == result.stdout
    assert "nothing runs here; as last seen at 2024-07-29T03:08:10+0000\n" == result.stderr


def test_those_that_have_ended_are_asked_for(run, kept):
    """``--all`` has them in their places, with when each ended."""
    assert EVERYONE == run("worker", "list", "--all", "--state-dir", kept).stdout


def test_the_wide_list_has_more_columns(run, kept):
    """Ports, numbers, and why one went stand at the end of each row."""
    head, _, first, second, _ = run("worker", "list", "--all", "-o", "wide", "--state-dir", kept).stdout.splitlines()

    assert [
        *("READY_AT", "PORT", "PID", "REQUESTS", "SESSIONS", "SUCCESSES", "FAILURES", "AVERAGE_RESPONSE_TIME", "WHY")
    ] == head.split()[5:]
    assert ["2024-07-29T02:50:20+0000", "20001", "11", "1", "0", "7", "0", "1.500"] == first.split()[4:]
    assert second.endswith("  idle for 60 s")


def test_programs_get_the_views(run, kept):
    """As JSON and YAML there is all that is known of each worker."""
    as_json = json.loads(run("worker", "list", "-o", "json", "--state-dir", kept).stdout)

    assert [ANN, BEN] == [one["id"] for one in as_json]
    assert 11 == as_json[0]["pid"]
    assert as_json == yaml.safe_load(run("worker", "list", "-o", "yaml", "--state-dir", kept).stdout)


def test_a_list_is_watched(run, kept):
    """It is shown again and again, with what stands over it each time."""
    result = run("worker", "list", "--watch", "0.01s", "--times", 3, "--state-dir", kept)

    assert "\n".join([LIST] * 3) == result.stdout
    assert 3 == result.stderr.count("nothing runs here")


def test_the_state_directory_may_be_named_in_the_environment(run, kept):
    """``EVERAI_AUTOSCALER_STATE`` says which it is, where no option does."""
    assert LIST == run("worker", "list", EVERAI_AUTOSCALER_STATE=str(kept)).stdout


def test_where_nothing_has_run_is_one_line(run, tmp_path):
    """A directory without an app is told as such, and not made."""
    result = run("worker", "list", "--state-dir", tmp_path / "state")

    assert f"no app has run with the state directory {tmp_path / 'state'} yet" in result.stderr
    assert (1, 2) == (result.stderr.count("\n"), result.exit_code)
    assert not (tmp_path / "state").exists()


def test_a_log_is_shown(run, kept):
    """All of it, or its last lines; by the ID or its beginning, also of one that has ended."""
    (kept / "logs" / f"{EVE}.log").write_text("bye")

    assert "began\nserved\n" == run("worker", "logs", ANN, "--state-dir", kept).stdout
    assert "served\n" == run("worker", "logs", "5L", "--tail", 1, "--state-dir", kept).stdout
    assert "" == run("worker", "logs", "5L", "--tail", 0, "--state-dir", kept).stdout
    assert "bye" == run("worker", "logs", "Vx", "--state-dir", kept).stdout


def test_a_log_that_was_begun_anew_is_shown_whole(run, kept):
    """What was put aside stands before what has come since, for ``--tail`` as well."""
    (kept / "logs" / f"{ANN}.log.1").write_text("older\n")

    assert "older\nbegan\nserved\n" == run("worker", "logs", ANN, "--state-dir", kept).stdout
    assert "older\nbegan\nserved\n" == run("worker", "logs", ANN, "--tail", 3, "--state-dir", kept).stdout


def test_an_id_that_begins_another_one_is_its_own(run, kept):
    """All of an ID is enough, whatever else begins with it."""
    with closing(Store(kept)) as store:
        store.save_worker("get-start", {**store.workers("get-start")[0], "id": f"{ANN}2"})

    assert "began\nserved\n" == run("worker", "logs", ANN, "--state-dir", kept).stdout


def test_a_log_is_a_document_too(run, kept):
    """Programs get the lines."""
    told = json.loads(run("worker", "logs", ANN, "-o", "json", "--state-dir", kept).stdout)

    assert {"id": ANN, "lines": ["began", "served"]} == told


def test_a_log_that_isnt_there_is_empty(run, kept):
    """A worker that has written nothing yet is no error."""
    result = run("worker", "logs", BEN, "--state-dir", kept)

    assert ("", f"worker {BEN} has written nothing\n", 0) == (result.stdout, result.stderr, result.exit_code)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["logs", "V"], f"worker 'V' may be 2 workers: {BEN}, {EVE}; say more of it"),
        (["logs", "nobody"], "worker 'nobody' is not one of 5LJt"),
        (["logs", ""], "worker '' is not one of 5LJt"),
        (["logs", ANN, "--follow", "-o", "json"], "--follow has no end, and -o json is a whole document"),
        (["remove", ANN], "nothing runs with the state directory"),
        (["list", "--watch", "soon"], "'soon' is not a duration such as 90s, 30m, 2h or 1h30m"),
    ],
)
def test_what_cannot_be_done_is_one_line(run, kept, words, told):
    """An ID that is nobody's, or several workers'; what has to run, and doesn't: one line each, and status 2."""
    result = run("worker", *words, "--state-dir", kept)

    assert result.stderr.startswith(f"error: {told}") or f": {told}" in result.stderr
    assert ("", 1, 2) == (result.stdout, result.stderr.count("\n"), result.exit_code)


def test_a_log_is_followed_until_its_worker_has_ended(start, kept, eventually):
    """What is written comes as it is written, over a log that is begun anew, and the command ends with the worker."""
    log, aside = kept / "logs" / f"{ANN}.log", kept / "logs" / f"{ANN}.log.1"
    process = start("worker", "logs", ANN, "--tail", 1, "--follow", "--state-dir", kept)
    lines: list[str] = []
    reader = threading.Thread(target=lambda: lines.extend(process.stdout), daemon=True)
    first = process.stdout.readline()
    reader.start()
    with log.open("a") as written:
        written.write("more\n")
    eventually(lambda: "more\n" in lines)
    # As the runtime does it: more is written, the log is copied aside, and begun anew.
    aside.write_text(log.read_text() + "nearly missed\n")
    log.write_text("new\n")
    eventually(lambda: "new\n" in lines)
    with closing(Store(kept)) as store:
        (ann,) = (one for one in store.workers("get-start") if one["id"] == ANN)
        with log.open("a") as written:
            written.write("last words\n")
        store.save_worker("get-start", {**ann, "status": "TERMINATED", "deleted_at": 1_722_222_500.0})

    assert 0 == process.wait(60)
    reader.join(60)
    assert ["served\n", "more\n", "nearly missed\n", "new\n", "last words\n"] == [first, *lines]
    assert "" == process.stderr.read()


def test_the_last_words_are_not_missed(kept):
    """What a worker writes while somebody looks whether it has ended is shown nevertheless."""
    log = kept / "logs" / f"{ANN}.log"
    followed = _Log(log)
    followed.last(None)

    def ends() -> bool:
        log.write_text(log.read_text() + "last words\n")
        return True

    assert [b"last words\n"] == list(followed.rest(ends))


def test_a_running_apps_workers_are_listed_and_removed(run, running, eventually):
    """Whoever runs is asked: it lists its workers, lets the one that is named go, and replaces it."""

    def workers(*options):
        return json.loads(run("worker", "list", "-o", "json", *options, "--state-dir", running).stdout)

    listed = run("worker", "list", "--state-dir", running)
    first = workers()[0]["id"]
    removed = run("worker", "remove", first[:8], "--state-dir", running)
    eventually(lambda: [one for one in workers("--all") if (one["id"], one["status"]) == (first, "TERMINATED")])
    again = run("worker", "remove", first, "--state-dir", running)

    assert ("", 2) == (listed.stderr, listed.stdout.count("RUNNING   FREE"))
    assert f"worker {first} goes\n" == removed.stdout
    (gone,) = (one for one in workers("--all") if one["id"] == first)
    assert "TERMINATED" == gone["status"]
    assert gone["why"].startswith("removed by ")
    assert f"error: worker {first} has ended at " in again.stderr
    eventually(lambda: len([one for one in workers() if one["status"] == "RUNNING"]) == 2)


def test_a_running_workers_log_is_shown(run, running, eventually):
    """What a worker writes about a request can be read while it runs."""
    with urllib.request.urlopen(runs(running)["app_url"], timeout=30) as answer:
        answer.read()
    ids = [one["id"] for one in json.loads(run("worker", "list", "-o", "json", "--state-dir", running).stdout)]

    eventually(
        lambda: any('"GET / HTTP/1.1" 200' in run("worker", "logs", one, "--state-dir", running).stdout for one in ids)
    )
