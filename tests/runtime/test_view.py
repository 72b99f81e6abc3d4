"""What lists show, whoever is asked: a store, or a runtime over HTTP."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from afternoon import Afternoon
from pydantic_core import to_jsonable_python

from everai_autoscaler import Decider
from everai_autoscaler.errors import StateError
from everai_autoscaler.local.worker import LocalWorker
from everai_autoscaler.runtime import view as view_module
from everai_autoscaler.runtime.forms import FleetForm
from everai_autoscaler.runtime.state import Claim
from everai_autoscaler.runtime.store import Store, TickRow
from everai_autoscaler.runtime.view import AdminView, StoreView, View, open_view
from everai_autoscaler.testing import snapshot

APP = "get-start"
NOW = 1722220970.0


@contextmanager
def serving(afternoon: Afternoon, token: str | None = None) -> Iterator[str]:
    """The address of an admin side of that afternoon, which is served in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    admin = afternoon.admin(token=token)
    try:
        yield f"http://127.0.0.1:{asyncio.run_coroutine_threadsafe(admin.start(0), loop).result()}"
    finally:
        asyncio.run_coroutine_threadsafe(admin.stop(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def admin_view(url: str, token: str | None = None) -> AdminView:
    return AdminView({"app": APP, "admin_url": url, "token": token})


@pytest.fixture
def afternoon(tmp_path: Path) -> Iterator[Afternoon]:
    made = Afternoon(lambda: NOW, tmp_path / "afternoon", ticks=9)
    yield made
    made.store.close()


@pytest.fixture
def url(afternoon: Afternoon) -> Iterator[str]:
    with serving(afternoon) as served:
        yield served


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path)) as made:
        yield made


def run_for_a_tick(store: Store, at: float = 100.0) -> str:
    """What a runtime leaves in *store* that has decided once; the record."""
    record = Decider("simple", {"max_workers": 3}, app=APP).decision(snapshot(waiting=4, busy=1)).record()
    assert record is not None
    sample = {"at": at, "inflight": 1, "free": 0, "busy": 2, "draining": 0, "waiting": {}, "max_workers": 3}
    store.remember_app(APP, {"scaler": "simple max_workers=3", "started_at": 90.0})
    store.write_tick(
        APP,
        TickRow(
            at=at,
            took=0.25,
            lag=0.5,
            record=record.json(),
            memory=None,
            applied={"up": 1, "down": [], "why": []},
            operator=None,
            failure="",
            workers=[
                LocalWorker("a", started_at=95.0).form().model_dump(),
                LocalWorker("b", started_at=96.0, ready_at=97.0, draining_at=98.0).form().model_dump(),
            ],
            queue=[(98.5, "WorkerBusy"), (99.0, "WorkerBusy"), (99.5, "SessionWorkerBusy")],
            sample=sample,
        ),
    )
    return record.json()


# What a runtime has left.


def test_the_store_shows_how_it_was(store: Store) -> None:
    """Where nothing runs the status says so, and how the app was when it was seen last."""
    record = json.loads(run_for_a_tick(store))
    word = {"word": "pause", "workers": None, "until": None, "reason": "", "by": "ann", "since": 99.0}
    store.set_operator(APP, word)

    assert {
        "app": APP,
        "scaler": "simple max_workers=3",
        "running": False,
        "started_at": 90.0,
        "seen_at": 100.0,
        "state_dir": str(store.directory),
        "operator": word,
        "tick": {"at": 100.0, "took": 0.25, "lag": 0.5, "failure": "", "next_at": None},
        "max_workers": 3,
        "capped": None,
        "arguments": record["arguments"],
        "workers": {"inflight": 1, "free": 0, "busy": 0, "draining": 1},
        "queue": {"WorkerBusy": 2, "SessionWorkerBusy": 1},
        "back_off_until": None,
        "notes": [],
    } == StoreView(store, APP).status().model_dump(mode="json")


def test_the_store_shows_lists(store: Store) -> None:
    """Workers, queue, decisions and samples are those that were seen last, in the forms of the admin API."""
    record = json.loads(run_for_a_tick(store))
    store.save_worker(APP, LocalWorker("gone", started_at=80.0, ended_at=99.0).form().model_dump())
    view = StoreView(store, APP)
    (decision,) = view.decisions()

    assert ["a", "b"] == [one.id for one in view.workers()]
    assert ["gone", "a", "b"] == [one.id for one in view.workers(ended=True)]
    assert [98.5, 99.0, 99.5] == [one.created_at for one in view.queue()]
    assert {**decision.model_dump(), "record": record} == view.decision(decision.id).model_dump()
    assert ([], [decision]) == (view.decisions(before=decision.id), view.decisions(at=101.0, limit=1))
    assert [100.0] == [one.at for one in view.samples()]
    assert [] == view.samples(since=100.5)


def test_the_store_shows_what_there_is_of_an_app_that_never_decided(store: Store) -> None:
    """Nothing is made up: what isn't known is null, and of everything there is none."""
    view = StoreView(store, APP)
    status = view.status()

    assert (False, None, None) == (status.running, status.max_workers, status.tick.at)
    assert ({}, {}, FleetForm()) == (status.arguments, status.queue, status.workers)
    assert view.decision(1) is None


def test_a_failed_tick_is_shown(store: Store) -> None:
    """A tick at which nothing could be decided has no record, and its failure stands in the status."""
    number = store.write_tick(
        APP,
        TickRow(
            at=100.0,
            took=0.0,
            lag=0.0,
            record=None,
            memory=None,
            applied=None,
            operator=None,
            failure="observe failed",
            workers=[],
            queue=[],
            sample={"at": 100.0, "max_workers": None},
        ),
    )
    view = StoreView(store, APP)

    assert "observe failed" == view.status().tick.failure
    assert view.decision(number).record is None


# What a runtime says.


def test_a_runtime_is_asked(afternoon: Afternoon, url: str) -> None:
    """All that a runtime shows comes over HTTP as it is, in the same forms."""

    def asked(view: View) -> Any:
        lists = [view.workers(), view.workers(ended=True), view.queue(), view.decisions()]
        page = view.decisions(limit=2, before=9, at=NOW - 50)
        return to_jsonable_python([view.status(), *lists, page, view.decision(8), view.samples(since=NOW - 90)])

    assert asked(afternoon) == asked(admin_view(url))


def test_a_decision_that_is_not_stored_is_none(url: str) -> None:
    """That a decision was pruned is no failure."""
    assert admin_view(url).decision(70) is None


def test_a_runtime_is_told_what_to_do(afternoon: Afternoon, url: str) -> None:
    """A tick and a removal reach it, whatever characters a worker's id has."""
    afternoon.here["a/b?c"] = LocalWorker("a/b?c", NOW)
    view = admin_view(url)
    view.tick()
    view.remove_worker("a/b?c", "ann")

    assert [("tick",), ("remove", "a/b?c", "ann")] == afternoon.done


def test_the_token_is_shown_where_there_is_one(afternoon: Afternoon) -> None:
    """With the token that the runtime has announced a view is let in; without, it says why it isn't."""
    with serving(afternoon, "t0k3n") as url:
        let_in = admin_view(url, "t0k3n").status()
        with pytest.raises(StateError, match=r"^the token is missing or wrong"):
            admin_view(url).status()

    assert afternoon.status() == let_in


def test_what_a_runtime_refuses_is_one_line(url: str) -> None:
    """The words are the runtime's own, on one line."""
    with pytest.raises(StateError, match=r"^worker 'gone' is not one of .*$"):
        admin_view(url).remove_worker("gone", "ann")
    with pytest.raises(StateError, match=r"^since: '-1.0' is not a moment in epoch seconds$"):
        admin_view(url).samples(since=-1.0)


def test_no_proxy_stands_between(url: str) -> None:
    """A proxy of the environment isn't asked for a runtime on this machine."""
    code = (
        "import sys; from everai_autoscaler.runtime.view import AdminView;"
        "print(AdminView({'app': 'a', 'admin_url': sys.argv[1], 'token': None}).status().scaler)"
    )
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-c", code, url],
        env={**os.environ, **proxies, "no_proxy": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert ("simple\n", "") == (done.stdout, done.stderr)


@contextmanager
def saying(answer: bytes | None) -> Iterator[AdminView]:
    """Something else than a runtime, which says *answer* to whoever comes; ``None``: nothing at all."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                if answer is None:
                    connection.recv(1)  # until the other one has had enough
                else:
                    connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield AdminView({"app": APP, "admin_url": f"http://127.0.0.1:{server.getsockname()[1]}", "token": None})
        thread.join()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "Remote end closed connection without response"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "SSH-2.0-OpenSSH_9.2"),
        (b"HTTP/1.1 200 OK\r\n\r\n<html>", "Expecting value: line 1 column 1 (char 0)"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", "IncompleteRead(2 bytes read, 97 more expected)"),
        (None, "timed out"),
    ],
)
def test_what_does_not_answer_as_a_runtime_is_told_of(
    answer: bytes | None, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is found at the address, a command ends soon, with one line that says where, and what."""
    monkeypatch.setattr(view_module, "PATIENCE", 0.2 if answer is None else 20)
    began = time.monotonic()
    with saying(answer) as view, pytest.raises(StateError) as refused:
        view.status()

    assert time.monotonic() - began < 10
    assert f"the runtime at {view._url} doesn't answer as it should: {why}" == str(refused.value)


def test_another_form_is_told_of() -> None:
    """A runtime of another version may say less than is needed: what is missing is said in one line."""
    with (
        saying(b'HTTP/1.1 200 OK\r\n\r\n[{"reason": "NotDispatch"}]') as view,
        pytest.raises(StateError, match=r"^the runtime at .* speaks another form: created_at: field required$"),
    ):
        view.queue()


@pytest.mark.parametrize("body", [b"", b"<html>oops</html>", b"[]", b'{"error": 5}'])
def test_an_error_without_words_is_told_by_its_number(body: bytes) -> None:
    """Where the answer doesn't say why, its status has to do."""
    with (
        saying(b"HTTP/1.1 500 Internal Server Error\r\n\r\n" + body) as view,
        pytest.raises(StateError, match=r"^the runtime answers 500 Internal Server Error$"),
    ):
        view.status()


def test_a_port_where_nobody_listens_is_told_of() -> None:
    """A runtime that has gone since gets one line."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # so that nobody else is given it meanwhile
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"

        with pytest.raises(StateError, match=rf"^the runtime at {url} doesn't answer as it should: .*refused"):
            AdminView({"app": APP, "admin_url": url, "token": None}).queue()


# Which of both.


def test_whoever_runs_is_asked(tmp_path: Path, url: str) -> None:
    """While a runtime runs it is asked; when it has stopped, what it has left is shown."""
    with closing(Store(tmp_path)) as store:
        run_for_a_tick(store)
    with Claim(tmp_path, APP) as claim:
        claim.announce(app_url="http://127.0.0.1:1", admin_url=url, token=None)
        with open_view(tmp_path) as during:
            running = during.status().running
    with open_view(tmp_path) as after:
        stopped = after.status().running

    assert (True, False) == (running, stopped)
    assert APP == during.app == after.app


@pytest.mark.parametrize("used", ["not there", "empty", "only ConfigMaps"])
def test_where_nothing_has_run_one_is_told_how_to(tmp_path: Path, used: str) -> None:
    """A directory in which no app has run gets one line, and isn't made or filled by looking."""
    path = tmp_path / "state"
    if used == "empty":
        path.mkdir()
    if used == "only ConfigMaps":
        with closing(Store(path)) as store:
            store.put("ConfigMap", "limits", {})
    before = sorted(os.walk(tmp_path))

    with pytest.raises(StateError) as refused, open_view(path):
        pass
    assert f"no app has run with the state directory {path} yet: everai-autoscaler run FILE" == str(refused.value)
    assert before == sorted(os.walk(tmp_path))
