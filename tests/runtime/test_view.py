"""What lists show."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from everai_autoscaler import Decider
from everai_autoscaler.engine import QueuedForm, SampleForm, WorkerForm
from everai_autoscaler.errors import StateError
from everai_autoscaler.http.answer import json_text
from everai_autoscaler.local.worker import LocalWorker
from everai_autoscaler.model import QueueReason
from everai_autoscaler.runtime import view as view_module
from everai_autoscaler.runtime.forms import DecisionForm, FleetForm, StatusForm, TickForm
from everai_autoscaler.runtime.state import Claim
from everai_autoscaler.runtime.store import Store, TickRow
from everai_autoscaler.runtime.view import AdminView, StoreView, open_view
from everai_autoscaler.testing import snapshot

APP = "get-start"
STATUS = StatusForm(
    app=APP,
    scaler="simple",
    running=True,
    pid=11,
    started_at=90.0,
    interval=20.0,
    state_dir="/tmp/state",
    operator=None,
    tick=TickForm(),
    max_workers=None,
    arguments={},
    workers=FleetForm(),
    queue={},
    back_off_until=None,
    notes=[],
)
A, B = (WorkerForm(id=one, status="RUNNING", detail_status="FREE", created_at=95.0) for one in "ab")
NINE, EIGHT = (
    DecisionForm(
        id=number,
        at=100.0,
        took=0.25,
        scaler="simple",
        by="policy",
        up=0,
        down=[],
        held=False,
        max_workers=3,
        why=["simple: nothing to do"],
        operator=None,
        applied=None,
        shortfall=[],
        failure="",
    )
    for number in (9, 8)
)
ANSWERS = {
    "/api/status": STATUS,
    "/api/workers": [A],
    "/api/workers?ended=1": [B, A],
    "/api/queue": [QueuedForm(created_at=98.5, reason=QueueReason("SessionWorkerBusy"))],
    "/api/decisions?limit=50": [NINE, EIGHT],
    "/api/decisions?limit=2&before=9&at=100.5": [EIGHT],
    "/api/decisions/8": DecisionForm(**EIGHT.model_dump(), record={"scaler": "simple"}),
    "/api/samples?since=90.0": [SampleForm(at=100.0, inflight=0, free=1, busy=2, draining=0, waiting={})],
}


class Admin(ThreadingHTTPServer):
    """The admin side of a runtime, as far as a view asks for it."""

    def __init__(self, token: str | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Answer)
        self.token = token
        self.asked: list[tuple[str, str, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_port}"

    def view(self, token: str | None = None) -> AdminView:
        return AdminView({"app": APP, "admin_url": self.url, "token": token})


class _Answer(BaseHTTPRequestHandler):
    server: Admin

    def do_GET(self) -> None:
        if self.server.token and self.headers.get("Authorization") != f"Bearer {self.server.token}":
            self.answer(401, {"error": "the token is missing or wrong"})
        elif self.path in ANSWERS:
            self.answer(200, ANSWERS[self.path])
        else:
            self.answer(404, {"error": f"{self.path} isn't\nhere"})

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers["Content-Type"], body))
        if "gone" in self.path:
            self.answer(404, {"error": "worker 'gone' is not one of a"})
        else:
            self.answer(200, {"soon": True})

    def answer(self, status: int, document: Any) -> None:
        text = json_text(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *args: Any) -> None:
        """Tests don't listen."""


@contextmanager
def serving(server: Admin) -> Iterator[Admin]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def admin() -> Iterator[Admin]:
    with serving(Admin()) as server:
        yield server


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
    assert DecisionForm(**decision.model_dump(), record=record) == view.decision(decision.id)
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


def test_a_runtime_is_asked(admin: Admin) -> None:
    """Each list is what the admin side answers to the question that belongs to it."""
    view = admin.view()

    assert ANSWERS["/api/status"] == view.status()
    assert ANSWERS["/api/workers"] == view.workers()
    assert ANSWERS["/api/workers?ended=1"] == view.workers(ended=True)
    assert ANSWERS["/api/queue"] == view.queue()
    assert ANSWERS["/api/decisions?limit=50"] == view.decisions()
    assert ANSWERS["/api/decisions?limit=2&before=9&at=100.5"] == view.decisions(limit=2, before=9, at=100.5)
    assert ANSWERS["/api/decisions/8"] == view.decision(8)
    assert ANSWERS["/api/samples?since=90.0"] == view.samples(since=90.0)


def test_a_decision_that_is_not_kept_is_none(admin: Admin) -> None:
    """It is nobody's failure that a decision was forgotten."""
    assert admin.view().decision(7) is None


def test_a_runtime_is_told_what_to_do(admin: Admin) -> None:
    """Commands are sent as JSON, which the admin side wants of every write; a strange id stays one part of the way."""
    view = admin.view()
    view.tick()
    view.remove_worker("a/b?c", "ann")

    assert [
        ("/api/tick", "application/json", {}),
        ("/api/workers/a%2Fb%3Fc/remove", "application/json", {"by": "ann"}),
    ] == admin.asked


def test_the_token_is_shown_where_there_is_one() -> None:
    """With the token that the runtime has announced a view is let in; without, it says why it isn't."""
    with serving(Admin("t0k3n")) as admin:
        let_in = admin.view("t0k3n").status()
        with pytest.raises(StateError, match=r"^the token is missing or wrong$"):
            admin.view().status()

    assert ANSWERS["/api/status"] == let_in


def test_what_a_runtime_refuses_is_one_line(admin: Admin) -> None:
    """The words are the runtime's own, on one line."""
    with pytest.raises(StateError, match=r"^worker 'gone' is not one of a$"):
        admin.view().remove_worker("gone", "ann")
    with pytest.raises(StateError, match=r"^/api/samples\?since=1.0 isn't here$"):
        admin.view().samples(since=1.0)


def test_no_proxy_stands_between(admin: Admin) -> None:
    """A proxy of the environment isn't asked for a runtime on this machine."""
    code = (
        "import sys; from everai_autoscaler.runtime.view import AdminView;"
        "print(AdminView({'app': 'a', 'admin_url': sys.argv[1], 'token': None}).status().app)"
    )
    proxies = dict.fromkeys(("http_proxy", "HTTP_PROXY", "all_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-c", code, admin.url],
        env={**os.environ, **proxies, "no_proxy": ""},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (f"{APP}\n", "") == (done.stdout, done.stderr)


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


def test_whoever_runs_is_asked(tmp_path: Path, admin: Admin) -> None:
    """While a runtime runs it is asked; when it has stopped, what it has left is shown."""
    with closing(Store(tmp_path)) as store:
        run_for_a_tick(store)
    with Claim(tmp_path, APP) as claim:
        claim.announce(app_url="http://127.0.0.1:1", admin_url=admin.url, token=None)
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
