"""A small HTTP face, over real HTTP: what every face answers to bad requests, and how its streams and ports end."""

from __future__ import annotations

import asyncio
import io
import json
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from typing import Any, TypeVar

import pytest

pytest.importorskip("aiohttp")

import aiohttp
from aiohttp import web

from everai_autoscaler.errors import AutoscalerError, StateError, UnknownNameError
from everai_autoscaler.http.answer import json_answer
from everai_autoscaler.http.events import EventStreams
from everai_autoscaler.http.gate import Gate
from everai_autoscaler.http.request import json_object, text, whole
from everai_autoscaler.http.server import Server

T = TypeVar("T")
JSON = {"Content-Type": "application/json"}
TOKEN = "a token; with = signs"


class Face:
    """A server with one thing that can be changed, errors of each kind, and a stream of numbers."""

    def __init__(self, *, host: str = "127.0.0.1", token: str | None = None, most: int = 100) -> None:
        self.given: list[str] = []
        self.listeners = 0
        self._streams = EventStreams(most=most, instead="/things")
        self.server = Server(
            [
                web.get("/things", self._things),
                web.post("/things", self._change),
                web.get("/errors/{name}", self._error),
                web.get("/numbers", self._numbers, allow_head=False),
            ],
            Gate(host, token, what="the face"),
            option="--port",
            ending=self._streams.end,
        )

    async def _things(self, request: web.Request) -> web.StreamResponse:
        return json_answer({"limit": whole(request.query.get("limit", "5"), "limit", 1, 10)})

    async def _change(self, request: web.Request) -> web.StreamResponse:
        self.given.append(text(await json_object(request, "name"), "name"))
        return json_answer({"names": self.given})

    async def _error(self, request: web.Request) -> web.StreamResponse:
        raise ERRORS[request.match_info["name"]]

    async def _numbers(self, request: web.Request) -> web.StreamResponse:
        return await self._streams.answer(request, self._count())

    async def _count(self) -> AsyncGenerator[tuple[str, Any], None]:
        self.listeners += 1
        try:
            for number in range(10**9):
                yield "number", number
                await asyncio.sleep(0.01)
        finally:
            self.listeners -= 1


ERRORS = {
    "fault": ValueError("no\nidea"),
    "state": StateError("the disk is full"),
    "unknown": UnknownNameError.of("thing", "a", ["b"]),
    "other": AutoscalerError("two\nlines"),
}


@asynccontextmanager
async def _visit(face: Face) -> AsyncGenerator[tuple[aiohttp.ClientSession, str], None]:
    port = await face.server.start(0)
    try:
        async with aiohttp.ClientSession() as session:
            yield session, f"http://127.0.0.1:{port}"
    finally:
        await face.server.stop()


def _play(face: Face, story: Callable[[aiohttp.ClientSession, str], Awaitable[T]]) -> T:
    async def played() -> T:
        async with _visit(face) as (session, url):
            return await story(session, url)

    return asyncio.run(played())


def _ask(face: Face, method: str, path: str, **more: Any) -> tuple[int, Any]:
    """One request, and what comes of it: status, data."""

    async def story(session: aiohttp.ClientSession, url: str) -> tuple[int, Any]:
        async with session.request(method, f"{url}{path}", **more) as answer:
            return answer.status, await answer.json()

    return _play(face, story)


# What is refused.


@pytest.mark.parametrize(
    ("method", "path", "status", "error"),
    [
        ("GET", "/nothing", 404, "/nothing: Not Found"),
        ("DELETE", "/things", 405, "/things takes GET,HEAD,POST, not DELETE"),
        ("GET", "/things?limit=11", 400, "limit: '11' is not a whole number from 1 to 10"),
        ("GET", "/errors/fault", 500, "ValueError: no idea"),
        ("GET", "/errors/state", 503, "the disk is full"),
        ("GET", "/errors/unknown", 404, "thing 'a' is not one of b"),
        ("GET", "/errors/other", 400, "two lines"),
    ],
)
def test_each_error_is_one_line_of_json(method: str, path: str, status: int, error: str) -> None:
    """A wrong path, a wrong method, a bad value, and whatever the handler raises."""
    found, data = _ask(Face(), method, path, headers=JSON)

    assert (status, error.replace(" ", "")) == (found, data["error"].replace(" ", ""))
    assert "\n" not in data["error"]


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (b"{", "the body is no JSON: "),
        (b"\xff\xfe", "the body is no JSON: "),
        (b"[" * 100_000, "the body is no JSON: "),
        (b"[]", "the body is a list, not an object"),
        (b'{"nam": 1}', "field 'nam' is not one of name; did you mean 'name'?"),
        (b'{"name": 5}', "name: 5 is not text of at most 500 characters"),
        (b'{"name": "\\udcff"}', "name: '\\udcff' is not text of at most 500 characters"),
    ],
)
def test_a_bad_body_is_refused(body: bytes, error: str) -> None:
    """What is no JSON, no object, or has fields that aren't known or aren't text."""
    face = Face()
    status, data = _ask(face, "POST", "/things", data=body, headers=JSON)

    assert 400 == status
    assert data["error"].startswith(error)
    assert [] == face.given


def test_what_is_said_is_one_line() -> None:
    """Line breaks and control characters of a text don't reach a terminal."""
    assert (200, {"names": ["one two"]}) == _ask(Face(), "POST", "/things", json={"name": " one\n\x1b two "})


def test_an_empty_body_says_nothing() -> None:
    """It is an object without fields."""
    assert (200, {"names": [""]}) == _ask(Face(), "POST", "/things", headers=JSON)


def test_a_large_body_is_refused() -> None:
    """More than a megabyte isn't even read."""
    body = io.BytesIO(json.dumps({"name": "x" * (1 << 20)}).encode())
    refused = _ask(Face(), "POST", "/things", data=body, headers=JSON)

    assert (413, {"error": "the body is larger than 1048576 bytes"}) == refused


def test_what_cannot_be_read_is_refused_without_a_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    """A body that isn't packed as it says, and a request that is no HTTP: 400, and nothing in the log."""

    async def story(session: aiohttp.ClientSession, url: str) -> tuple[int, Any, bytes]:
        headers = {**JSON, "Content-Encoding": "gzip"}
        async with session.post(f"{url}/things", data=b"{}", headers=headers) as packed:
            error = (await packed.json())["error"]
        reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
        writer.write(b"nonsense\r\n\r\n")
        answer = await reader.read()
        writer.close()
        return packed.status, error, answer

    status, error, answer = _play(Face(), story)

    assert 400 == status
    assert error.startswith("the body can't be read: ")
    assert b" 400 " in answer.partition(b"\r\n")[0]
    assert "Traceback" not in capfd.readouterr().err


# Who is let in.


def test_a_program_without_the_token_is_told_how() -> None:
    """401, how to give it, one line; with it, the program is let in."""

    async def story(session: aiohttp.ClientSession, url: str) -> tuple[int, str, str, int]:
        async with session.get(f"{url}/things") as refused:
            error = (await refused.json())["error"]
        async with session.get(f"{url}/things", headers={"Authorization": f"Bearer {TOKEN}"}) as let_in:
            return refused.status, refused.headers["WWW-Authenticate"], error, let_in.status

    status, scheme, error, let_in = _play(Face(token=TOKEN), story)

    assert (401, "Bearer", 200) == (status, scheme, let_in)
    assert "Authorization: Bearer" in error


def test_others_reach_it_only_with_a_token() -> None:
    """Without one it doesn't even listen where others can reach it."""
    with pytest.raises(StateError, match=r"the face on 0\.0\.0\.0, which others can reach, needs a token"):
        Face(host="0.0.0.0")
    with pytest.raises(StateError, match="needs a token"):
        Face(host="gpu-1.lan", token="")


# Streams.


async def _first(answer: aiohttp.ClientResponse) -> str:
    await answer.content.readuntil(b"\n\n")  # when to try again
    return (await answer.content.readuntil(b"\n\n")).decode()


async def _until_nobody_listens(face: Face) -> None:
    for _ in range(1000):
        if not face.listeners:
            return
        await asyncio.sleep(0.01)


def test_a_listener_that_goes_is_forgotten() -> None:
    """At the next event at the latest; until then it hears each of them."""
    face = Face()

    async def story(session: aiohttp.ClientSession, url: str) -> tuple[str, int, int]:
        async with session.get(f"{url}/numbers") as answer:
            first, there = await _first(answer), face.listeners
        await _until_nobody_listens(face)
        return first, there, face.listeners

    assert ("event: number\ndata: 0\n\n", 1, 0) == _play(face, story)


def test_so_many_may_listen_at_a_time() -> None:
    """One more is refused, and may listen when another one has gone."""
    face = Face(most=1)

    async def story(session: aiohttp.ClientSession, url: str) -> tuple[Any, str]:
        async with session.get(f"{url}/numbers") as answer:
            await _first(answer)
            async with session.get(f"{url}/numbers") as refused:
                error = await refused.json()
        await _until_nobody_listens(face)
        async with session.get(f"{url}/numbers") as answer:
            return error, await _first(answer)

    error, first = _play(face, story)

    assert {"error": "1 listen already; close one, or ask /things"} == error
    assert first.startswith("event: number")


def test_stopping_ends_the_streams_at_once() -> None:
    """Nobody who listens keeps the server from ending; to stop it once more does no harm."""
    face = Face()

    async def story(session: aiohttp.ClientSession, url: str) -> tuple[float, int]:
        loop = asyncio.get_running_loop()
        async with session.get(f"{url}/numbers") as answer:
            await _first(answer)
            began = loop.time()
            await face.server.stop()
            await answer.content.read()
            return loop.time() - began, face.listeners

    took, listeners = _play(face, story)

    assert took < 1.5
    assert 0 == listeners


# Ports.


def test_a_port_that_is_taken_is_named() -> None:
    """With the option that gives another one."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(StateError) as raised:
            asyncio.run(Face().server.start(port))

    assert f"port {port} is taken on 127.0.0.1, give another --port" == str(raised.value)


def test_an_address_that_is_not_ours_is_named() -> None:
    """A host that this machine doesn't have can't be listened on."""
    with pytest.raises(StateError, match=r"port 8081 on 192\.0\.2\.1 can't be listened on .*--port or host"):
        asyncio.run(Face(host="192.0.2.1", token=TOKEN).server.start(8081))
