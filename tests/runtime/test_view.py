"""What lists show, from whoever knows it."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from urllib.parse import parse_qs, urlsplit

import pytest

from everai_autoscaler import Decider, Factors
from everai_autoscaler.errors import StateError
from everai_autoscaler.runtime.state import Claim
from everai_autoscaler.runtime.store import Store, TickRow
from everai_autoscaler.runtime.view import AdminView, StoreView, open_view
from everai_autoscaler.runtime.worker import LocalWorker


class _Admin(BaseHTTPRequestHandler):
    """Speaks the admin side's forms, and remembers what it was asked."""

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self._answer()

    def _answer(self) -> None:
        asked = urlsplit(self.path)
        self.server.asked.append((self.command, asked.path, parse_qs(asked.query), self.headers.get("Authorization")))
        status, body = self.server.answers.get(asked.path, (404, {"error": "there is no such thing"}))
        text = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *said: object) -> None:
        pass


@pytest.fixture
def admin():
    with HTTPServer(("127.0.0.1", 0), _Admin) as server:
        server.asked, server.bodies, server.answers = [], [], {}
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def view_of(server: HTTPServer, token: str | None = None) -> AdminView:
    return AdminView({"app": "app", "admin_url": f"http://127.0.0.1:{server.server_port}", "token": token})


@pytest.fixture
def kept(tmp_path):
    """A store in which an app has decided once."""
    store = Store(tmp_path)
    records: list[str] = []
    decider = Decider("simple", {"max_workers": 3}, record=lambda record: records.append(record.json()))
    decider.decide(Factors(queue={"QueueDueBusy": 3}, observed_at=100.0))
    store.remember_app("app", {"scaler": "simple max_workers=3", "started_at": 90.0})
    sample = {"at": 100.0, "inflight": 1, "free": 0, "busy": 2, "draining": 0, "waiting": {}, "max_workers": 3}
    store.write_tick(
        "app",
        TickRow(
            at=100.0,
            took=0.1,
            lag=0.0,
            record=records[0],
            memory=None,
            applied=None,
            operator=None,
            failure="",
            workers=[LocalWorker("w", started_at=95.0).view()],
            queue=[(99.0, "WorkerBusy")],
            sample=sample,
        ),
    )
    yield store
    store.close()


def test_what_was_last_is_shown_when_nothing_runs(kept) -> None:
    """The store tells of workers, queue, decisions and arguments as they were at the last tick."""
    view = StoreView(kept, "app")
    status = view.status()

    assert (False, "simple max_workers=3", 100.0) == (status["running"], status["scaler"], status["tick"]["at"])
    assert ({"inflight": 1, "free": 0, "busy": 2, "draining": 0}, {"WorkerBusy": 1}) == (
        status["workers"],
        status["queue"],
    )
    assert (3, "literal") == tuple(status["arguments"]["max_workers"][name] for name in ("value", "source"))
    assert (["w"], [1], 100.0) == (
        [one["id"] for one in view.workers()],
        [one["up"] for one in view.decisions()],
        view.samples()[0]["at"],
    )


def test_one_decision_has_its_record(kept) -> None:
    """A decision by its number comes with all that went into it; an unknown number is nothing."""
    view = StoreView(kept, "app")

    assert "simple" == view.decision(1)["record"]["scaler"]
    assert None is view.decision(2)


def test_the_store_is_asked_where_nothing_runs(kept, tmp_path) -> None:
    """Without a runtime the last app's state is shown."""
    assert ("app", False) == (open_view(tmp_path).app, open_view(tmp_path).status()["running"])


def test_the_runtime_is_asked_where_one_runs(kept, tmp_path, admin) -> None:
    """While a runtime runs, it is the one that is asked."""
    admin.answers["/api/status"] = (200, {"app": "app", "running": True})
    with Claim(tmp_path, "app") as claim:
        claim.announce(app_url="", admin_url=f"http://127.0.0.1:{admin.server_port}", token=None)
        status = open_view(tmp_path).status()

    assert {"app": "app", "running": True} == status


@pytest.mark.parametrize("made", [False, True])
def test_where_nothing_ever_ran_there_is_nothing_to_show(tmp_path, made: bool) -> None:
    """A directory without an app is one line that says how to run one, and isn't made by asking."""
    directory = tmp_path / "state"
    if made:
        Store(directory).close()

    with pytest.raises(StateError, match=f"no app has run with the state directory {directory} yet: .* run FILE"):
        open_view(directory)
    assert made == directory.exists()


def test_each_question_goes_to_its_path(admin) -> None:
    """Every list asks the admin side for what it shows, with the token."""
    for path in ("status", "workers", "queue", "decisions", "decisions/7", "samples"):
        admin.answers[f"/api/{path}"] = (200, [])
    view = view_of(admin, "secret")
    view.status(), view.workers(), view.workers(ended=True), view.queue()
    view.decisions(limit=3, before=9, at=100.5), view.decision(7), view.samples(since=5.0)

    assert [
        ("/api/status", {}),
        ("/api/workers", {}),
        ("/api/workers", {"ended": ["1"]}),
        ("/api/queue", {}),
        ("/api/decisions", {"limit": ["3"], "before": ["9"], "at": ["100.5"]}),
        ("/api/decisions/7", {}),
        ("/api/samples", {"since": ["5.0"]}),
    ] == [(path, query) for _, path, query, _ in admin.asked]
    assert {"Bearer secret"} == {token for *_, token in admin.asked}


def test_what_acts_is_posted(admin) -> None:
    """Removing a worker says who wants it; a tick wants nothing."""
    admin.answers |= {"/api/workers/w%2F1/remove": (200, {}), "/api/tick": (200, {})}
    view = view_of(admin)
    view.remove_worker("w/1", by="ann")
    view.tick()

    assert [("POST", "/api/workers/w%2F1/remove"), ("POST", "/api/tick")] == [one[:2] for one in admin.asked]
    assert [{"by": "ann"}, {}] == admin.bodies


def test_a_decision_that_is_not_there_is_nothing(admin) -> None:
    """A number that the runtime doesn't know is no failure."""
    assert None is view_of(admin).decision(99)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ((403, {"error": "this host isn't ours"}), "this host isn't ours"),
        ((500, b"oops"), "the runtime answers 500 Internal Server Error"),
        ((200, b"no json"), "the runtime at http://127.0.0.1:.* doesn't answer"),
    ],
)
def test_what_the_runtime_refuses_is_one_line(admin, answer, told: str) -> None:
    """An error of the admin side is told in its own words; what isn't one, in ours."""
    admin.answers["/api/queue"] = answer

    with pytest.raises(StateError, match=told):
        view_of(admin).queue()


def test_a_runtime_that_does_not_answer_is_one_line() -> None:
    """A port on which nobody listens is told with its address."""
    view = AdminView({"app": "app", "admin_url": "http://127.0.0.1:1", "token": None})

    with pytest.raises(StateError, match=r"the runtime at http://127\.0\.0\.1:1 doesn't answer: .*refused"):
        view.status()
