"""The admin side over real HTTP, on an afternoon of an app."""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import quote

import aiohttp
import pytest
from afternoon import HOSTILE, Afternoon
from prometheus_client.parser import text_string_to_metric_families
from pydantic_core import to_jsonable_python

from everai_autoscaler.errors import ContractError, StateError
from everai_autoscaler.model import Record
from everai_autoscaler.runtime import admin as admin_module
from everai_autoscaler.runtime.override import Override

NOW = 1722220970.0
TOKEN = "a token; with = signs"


class Client:
    """Asks the admin side."""

    def __init__(self, session, url):
        self.session = session
        self.url = url

    async def ask(self, method, path, body=None, **more):
        """The status, what is in the answer, and its headers."""
        if method != "GET" and "data" not in more:
            more.setdefault("json", {} if body is None else body)
        async with self.session.request(method, f"{self.url}{path}", **more) as answer:
            text = await answer.text()
            is_json = answer.content_type == "application/json"
            return answer.status, json.loads(text) if is_json else text, answer.headers

    async def get(self, path, **more):
        status, data, _ = await self.ask("GET", path, **more)
        return status, data


@pytest.fixture(scope="module")
def afternoon(tmp_path_factory):
    made = Afternoon(lambda: NOW, tmp_path_factory.mktemp("afternoon") / "state")
    yield made
    made.store.close()


@pytest.fixture
def runtime(afternoon, tmp_path):
    again = afternoon.again(tmp_path / "state")
    yield again
    again.store.close()


@asynccontextmanager
async def _visit(runtime, *, host="127.0.0.1", token=None):
    admin = runtime.admin(host=host, token=token)
    port = await admin.start(0)
    try:
        async with aiohttp.ClientSession() as session:
            yield Client(session, f"http://127.0.0.1:{port}")
    finally:
        await admin.stop()


def _asked(runtime, method, path, body=None, *, token=None, host="127.0.0.1", **more):
    """One request, and what comes of it: status, data."""

    async def ask():
        async with _visit(runtime, token=token, host=host) as client:
            return (await client.ask(method, path, body, **more))[:2]

    return asyncio.run(ask())


# What there is.


def test_it_shows_what_the_runtime_says(runtime):
    """Status, workers, queue and samples go out as they are."""
    for path, expected in [
        ("/api/status", runtime.status()),
        ("/api/workers", runtime.workers()),
        ("/api/workers?ended=1", runtime.workers(ended=True)),
        ("/api/queue", runtime.queue()),
        (f"/api/samples?since={NOW - 300}", runtime.samples(since=NOW - 300)),
    ]:
        status, data = _asked(runtime, "GET", path)

        assert (200, to_jsonable_python(expected)) == (status, data)


def test_the_afternoon_is_a_full_one(runtime):
    """What these tests show the page is worth looking at: 60 workers, 40 requests that wait, 100 decisions."""
    assert 60 <= len(runtime.workers()) <= 66
    assert 40 == len(runtime.queue())
    assert 100 == len(runtime.every_decision())


def test_decisions_come_the_newest_first_and_in_pages(runtime):
    """By number, and by what was in force at a moment."""
    status, newest = _asked(runtime, "GET", "/api/decisions?limit=3")

    assert (200, [100, 99, 98]) == (status, [one["id"] for one in newest])
    assert [97, 96] == [one["id"] for one in _asked(runtime, "GET", "/api/decisions?limit=2&before=98")[1]]
    at = runtime.decision(42).at + 3
    assert [42] == [one["id"] for one in _asked(runtime, "GET", f"/api/decisions?limit=1&at={at}")[1]]
    assert 50 == len(_asked(runtime, "GET", "/api/decisions")[1])


def test_one_decision_comes_with_its_record(runtime):
    """All that went into it, so that it can be replayed."""
    status, decision = _asked(runtime, "GET", "/api/decisions/7")

    assert 200 == status
    assert runtime.decision(7).model_dump(mode="json") == decision
    assert "simple" == Record.from_json(json.dumps(decision["record"])).scaler


def test_the_end_of_a_log_is_shown(runtime):
    """As many lines as were asked for, as text; also what is no UTF-8."""
    worker_id = next(reversed(runtime.here))
    path = f"/api/workers/{worker_id}/logs"
    assert (200, "") == _asked(runtime, "GET", path)

    runtime.log_path(worker_id).write_bytes(b"one\ntwo\n\xff three\n")

    assert (200, "two\n\N{REPLACEMENT CHARACTER} three\n") == _asked(runtime, "GET", f"{path}?tail=2")


def test_a_large_log_is_not_held_in_memory(runtime):
    """At most its last megabyte is read, however many lines were asked for."""
    worker_id = next(reversed(runtime.here))
    runtime.log_path(worker_id).write_bytes(b"0123456789abcde\n" * 200_000)
    status, text = _asked(runtime, "GET", f"/api/workers/{worker_id}/logs?tail=100000")

    assert (200, 1 << 20) == (status, len(text))
    assert text.endswith("0123456789abcde\n")


@pytest.mark.parametrize("name", ["nobody", "..%2Fstate"])
def test_a_log_is_only_a_workers(runtime, name):
    """A name that is no worker's leads to no file."""
    assert 404 == _asked(runtime, "GET", f"/api/workers/{name}/logs")[0]


def test_metrics_are_what_prometheus_reads(runtime):
    """With its media type, and readable by its own parser."""

    async def ask():
        async with _visit(runtime) as client:
            return await client.ask("GET", "/metrics")

    status, text, headers = asyncio.run(ask())

    assert 200 == status
    assert headers["Content-Type"].startswith("text/plain; version=")
    assert "everai_autoscaler_workers" in {family.name for family in text_string_to_metric_families(text)}


# Health.


def test_it_is_alive_before_it_is_ready(runtime):
    """It lives from the start, and is ready once a tick was made."""
    runtime.tick_at = None

    assert (200, "ok\n") == _asked(runtime, "GET", "/healthz")
    status, data = _asked(runtime, "GET", "/readyz")
    assert (503, {"error": "not ready: no tick was made yet"}) == (status, data)


def test_it_is_ready_while_ticks_are_made(runtime):
    """A loop that makes none any more isn't ready; one that is a little late is."""
    assert (200, "ready\n") == _asked(runtime, "GET", "/readyz")
    runtime.tick_at = NOW - 119
    assert 200 == _asked(runtime, "GET", "/readyz")[0]
    runtime.tick_at = NOW - 121
    assert (503, {"error": "not ready: the last tick was 121 s ago"}) == _asked(runtime, "GET", "/readyz")


# ConfigMaps.


def test_a_config_map_is_made_read_changed_and_deleted(runtime):
    """Its values are text, and are put whole."""

    async def life():
        async with _visit(runtime) as client:
            yield await client.ask("PUT", "/api/configmaps/new", {"data": {"a": "1", "b": "two\nlines"}})
            yield await client.get("/api/configmaps/new")
            yield await client.ask("PUT", "/api/configmaps/new", {"data": {"a": "2"}})
            yield await client.get("/api/configmaps")
            yield await client.ask("DELETE", "/api/configmaps/new")
            yield await client.get("/api/configmaps/new")

    async def all_of_it():
        return [one[:2] async for one in life()]

    made, read, changed, every, deleted, gone = asyncio.run(all_of_it())

    assert (200, {"a": "1", "b": "two\nlines"}) == (made[0], made[1]["data"])
    assert made == read
    assert (200, {"a": "2"}) == (changed[0], changed[1]["data"])
    assert {"name": "new", "keys": ["a"], "created_at": NOW, "updated_at": NOW} in every[1]
    assert (200, {"name": "new", "deleted": True}) == deleted
    assert 404 == gone[0]
    assert "'new' is not one of" in gone[1]["error"]


@pytest.mark.parametrize("name", ["%3Cscript%3E%2F..%2F%20a", "Limits", "a%0Ab"])
def test_a_config_map_has_a_name_as_the_command_line_has_it(runtime, name):
    """What the command line refuses isn't made here either; what is there already can be read and deleted."""
    there = asyncio.run(_about_the_hostile_one(runtime))
    status, data = _asked(runtime, "PUT", f"/api/configmaps/{name}", {"data": {}})

    assert (400, True) == (status, "a name is of lower-case letters, digits, '-' and '.'" in data["error"])
    assert [200, 200, 404] == there


async def _about_the_hostile_one(runtime):
    path = f"/api/configmaps/{quote(HOSTILE, safe='')}"
    async with _visit(runtime) as client:
        return [(await client.ask(method, path))[0] for method in ("GET", "DELETE", "GET")]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({}, 'the body is to be {"data": {key: value, ...}}'),
        ({"data": None}, 'the body is to be {"data": {key: value, ...}}'),
        ({"data": {"a": 5}}, "a: 5 is not text; write it in quotation marks"),
        ({"data": {"a": None}}, "a: None is not text; write it in quotation marks"),
        ({"data": {"": "x"}}, "ConfigMap x: key '': a key is of letters, digits, '-', '_' and '.', at most 253"),
        (
            {"data": {"a\nb": "x"}},
            "ConfigMap x: key 'a\\nb': a key is of letters, digits, '-', '_' and '.', at most 253",
        ),
        ({"data": {"a": "\udcff"}}, "ConfigMap x: a: the value is not text (UTF-8)"),
        ({"dta": {}}, "field 'dta' is not one of data; did you mean 'data'?"),
        ([], "the body is a list, not an object"),
    ],
)
def test_a_bad_config_map_is_refused_in_one_line(runtime, body, error):
    """The line names the key; nothing is kept."""
    before = runtime.maps

    assert (400, {"error": error}) == _asked(runtime, "PUT", "/api/configmaps/x", body)
    assert before == runtime.maps


def test_a_store_that_fails_is_named(runtime, monkeypatch):
    """A full disk is the server's fault, and says so; bad contents are the sender's."""

    def fails(error):
        def fail(*_):
            raise error

        return fail

    monkeypatch.setattr(runtime.store, "put", fails(StateError("the disk is full")))
    monkeypatch.setattr(runtime.store, "delete", fails(ContractError("two\nlines")))

    assert (503, {"error": "the disk is full"}) == _asked(runtime, "PUT", "/api/configmaps/x", {"data": {}})
    assert (400, {"error": "two lines"}) == _asked(runtime, "DELETE", "/api/configmaps/x")


# What an operator does.


def test_an_operator_pauses_holds_and_resumes(runtime):
    """With a reason, a name and an end; each is carried to the runtime."""
    pause = {"reason": " maintenance\nof the rack ", "for": 600, "by": "ann"}
    status, data = _asked(runtime, "POST", "/api/pause", pause)
    word = {
        "word": "pause",
        "workers": None,
        "until": NOW + 600,
        "reason": "maintenance of the rack",
        "by": "ann",
        "since": NOW,
    }
    assert (200, {"operator": word}) == (status, data)
    assert [("operator", Override(**word), "ann")] == runtime.done

    status, data = _asked(runtime, "POST", "/api/hold", {"workers": 3, "for": None})
    held = {"word": "hold", "workers": 3, "until": None, "reason": "", "by": "admin", "since": NOW}
    assert (200, {"operator": held}) == (status, data)

    assert (200, {"operator": None}) == _asked(runtime, "POST", "/api/resume", {"by": "bob"})
    assert ("operator", None, "bob") == runtime.done[-1]


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        ("/api/pause", {"for": 0}, "for"),
        ("/api/pause", {"for": -5}, "for"),
        ("/api/pause", {"for": "30m"}, "for"),
        ("/api/pause", {"for": True}, "for"),
        ("/api/pause", {"for": 1e400}, "for"),
        ("/api/pause", {"reason": 5}, "reason"),
        ("/api/pause", {"reason": "x" * 501}, "reason"),
        ("/api/pause", {"by": ["ann"]}, "by"),
        ("/api/pause", {"workers": 5}, "field 'workers'"),
        ("/api/hold", {}, "workers"),
        ("/api/hold", {"workers": "5"}, "workers"),
        ("/api/hold", {"workers": True}, "workers"),
        ("/api/hold", {"workers": -1}, "workers"),
        ("/api/hold", {"workers": 2.5}, "workers"),
        ("/api/resume", {"reason": "x"}, "field 'reason'"),
    ],
)
def test_a_bad_word_is_refused_in_one_line(runtime, path, body, field):
    """It names the field, and nothing is carried to the runtime."""
    status, data = _asked(runtime, "POST", path, body)

    assert 400 == status
    assert data["error"].startswith(field)
    assert "\n" not in data["error"]
    assert [] == runtime.done


def test_a_worker_is_removed_by_name(runtime):
    """Exactly that one, by whoever says so; one that isn't there is named, with the nearest that is."""
    worker_id = next(reversed(runtime.here))

    assert 200 == _asked(runtime, "POST", f"/api/workers/{worker_id}/remove", {"by": "ann"})[0]
    assert [("remove", worker_id, "ann")] == runtime.done
    status, data = _asked(runtime, "POST", f"/api/workers/{worker_id[:-1]}x/remove")
    assert 404 == status
    assert f"did you mean '{worker_id}'?" in data["error"]


def test_a_decision_is_asked_for(runtime):
    """The loop is woken."""
    assert (200, {"soon": True}) == _asked(runtime, "POST", "/api/tick")
    assert [("tick",)] == runtime.done


# Bad input.


@pytest.mark.parametrize(
    "path",
    [
        "/api/decisions?limit=0",
        "/api/decisions?limit=x",
        "/api/decisions?limit=99999999999999999999999",
        "/api/decisions?before=-1",
        "/api/decisions?at=yesterday",
        "/api/decisions?at=nan",
        "/api/decisions/x",
        "/api/decisions/%0a",
        "/api/samples?since=inf",
        "/api/workers/x/logs?tail=0",
        "/api/workers/x/logs?tail=%D9%A3",
    ],
)
def test_a_bad_question_is_refused_in_one_line(runtime, path):
    """400, JSON, one line."""
    status, data = _asked(runtime, "GET", path)

    assert (400, ["error"]) == (status, list(data))
    assert "\n" not in data["error"]


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/nope", 404),
        ("GET", "/static/..%2fadmin.py", 404),
        ("GET", "/static/index.html", 404),
        ("GET", "/api/decisions/101", 404),
        ("GET", "/api/secrets", 404),
        ("GET", "/api/pause", 405),
        ("POST", "/api/status", 405),
        ("DELETE", "/api/configmaps/none", 404),
    ],
)
def test_what_is_not_there_is_said_in_json(runtime, method, path, status):
    """Also a wrong path and a wrong method."""
    found, data = _asked(runtime, method, path)

    assert (status, ["error"]) == (found, list(data))


# Who is let in.


def test_a_stranger_is_refused_in_one_line(runtime):
    """By the host that was asked for, the origin of a write, and its media type; nothing happens."""
    json_type = {"Content-Type": "application/json"}
    for headers, expected in [
        ({"Host": "evil.example", **json_type}, 403),
        ({"Origin": "https://evil.example", **json_type}, 403),
        ({"Content-Type": "text/plain"}, 415),
    ]:
        status, data = _asked(runtime, "POST", "/api/pause", data=b"{}", headers=headers)

        assert (expected, ["error"]) == (status, list(data))
    assert [] == runtime.done


def test_a_browser_shows_the_token_once(runtime):
    """The page's address has it the first time; from then on a cookie that no script can read lets in."""

    async def life():
        async with _visit(runtime, host="0.0.0.0", token=TOKEN) as client:
            asked = await client.ask("GET", "/")
            wrong = await client.ask("GET", "/?token=wrong")
            opened = await client.ask("GET", "/", params={"token": TOKEN})
            name, _, value = opened[2]["Set-Cookie"].partition(";")[0].partition("=")
            kept = {"Cookie": f"{name}={value}"}
            later = await client.get("/api/status", headers=kept)
            bearer = await client.get("/api/status", headers={"Authorization": f"Bearer {TOKEN}"})
            changed = await client.ask("POST", "/api/tick", headers=kept)
            return asked, wrong, opened, later[0], bearer[0], changed[0], name

    asked, wrong, opened, *statuses, name = asyncio.run(life())

    assert (401, 401, 200) == (asked[0], wrong[0], opened[0])
    assert [False, True] == ["isn't the token" in one[1] for one in (asked, wrong)]
    assert '<input name="token" type="password"' in asked[1]
    assert "Set-Cookie" not in wrong[2]
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(opened[2]["Set-Cookie"].split("; "))
    assert TOKEN not in opened[2]["Set-Cookie"]
    assert name.startswith("everai_autoscaler_")
    assert [200, 200, 200] == statuses


def test_every_answer_says_what_a_browser_may_do_with_it(runtime):
    """No scripts but ours, no guessing of types, no frames, nothing kept; also of errors and streams."""

    async def ask():
        async with _visit(runtime) as client:
            for path in ("/", "/static/page.js", "/api/status", "/api/nope", "/metrics"):
                yield (await client.ask("GET", path))[2]
            async with client.session.get(f"{client.url}/api/events") as answer:
                yield answer.headers

    async def all_of_it():
        return [headers async for headers in ask()]

    for headers in asyncio.run(all_of_it()):
        policy = headers["Content-Security-Policy"]

        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
        assert "unsafe" not in policy
        assert ("nosniff", "no-store", "DENY") == (
            headers["X-Content-Type-Options"],
            headers["Cache-Control"],
            headers["X-Frame-Options"],
        )
        assert "Access-Control-Allow-Origin" not in headers
        assert "ython" not in headers["Server"]


def test_no_page_of_ours_has_anything_inline_or_from_elsewhere():
    """No script or style in the markup, no address of another host, no way to make markup of text."""
    folder = Path(admin_module.__file__).parent / "page"
    for file in sorted(folder.iterdir()):
        text = file.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
        forbidden = ["http://", "//cdn", "innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("]

        assert [] == [word for word in [*forbidden, "https://", " style=", "<style", "onclick="] if word in text]


# Events.


async def _events(answer):
    async for line in answer.content:
        name, _, value = line.decode().rstrip("\n").partition(": ")
        if name == "event":
            event = value
        elif name == "data":
            yield event, json.loads(value)


def test_events_tell_the_state_at_once_and_whenever_it_changes(runtime):
    """Then each decision, in the order in which they happen."""

    async def listen():
        async with _visit(runtime) as client, client.session.get(f"{client.url}/api/events") as answer:
            events = _events(answer)
            first = await anext(events)
            runtime.events.send("decision", runtime.last())
            await client.ask("POST", "/api/pause")
            return answer.content_type, first, await anext(events), await anext(events)

    content_type, first, decision, paused = asyncio.run(listen())

    assert "text/event-stream" == content_type
    assert ("state", {"status", "workers", "queue", "sample"}) == (first[0], set(first[1]))
    assert ("decision", 100) == (decision[0], decision[1]["id"])
    assert ("state", "pause") == (paused[0], paused[1]["status"]["operator"]["word"])
