"""What goes through the router: heads, bodies and connections."""

from __future__ import annotations

import pytest
from routed import (
    CLOSING,
    GET,
    Asked,
    Backend,
    always,
    answer,
    app,
    hello,
    in_loop,
    parts_of,
    post,
    read_answer,
    status,
    until,
)


class TestPassesOn:
    """What the worker sees, and what the client."""

    def test_request_and_answer(self) -> None:
        """The worker gets method, path, headers and body; the client status, reason, headers and body."""

        async def behave(asked: Asked) -> None:
            assert b"the body" == await asked.body()
            await asked.say(answer(b"made", b"X-Kind: A", status=b"201 Well Made"))

        async def story():
            async with app(behave) as running:
                text = await running.ask(
                    b"PUT /a%20b/../c?x=1&y=%2F HTTP/1.1\r\nHost: example.org:81\r\nX-Mine: 1\r\n"
                    b"Connection: close\r\nContent-Length: 8\r\n\r\nthe body"
                )
                return running.backends[0].seen[0], text

        asked, text = in_loop(story)
        head, body = parts_of(text)

        assert ("PUT", "/a%20b/../c?x=1&y=%2F", "HTTP/1.1") == (asked.method, asked.path, asked.version)
        assert ["example.org:81"] == asked.get("Host")
        assert ["1"] == asked.get("X-Mine")
        assert head.startswith(b"HTTP/1.1 201 Well Made\r\n")
        assert b"X-Kind: A" in head
        assert b"made" == body

    def test_who_asked(self) -> None:
        """The worker is told for whom the router asks; what a proxy before it said is kept."""

        async def story():
            async with app(hello) as running:
                await running.ask()
                await running.ask(
                    b"GET / HTTP/1.1\r\nHost: app\r\nX-Forwarded-For: 10.0.0.1\r\nX-Forwarded-Proto: https\r\n"
                    b"X-Forwarded-Host: front\r\nConnection: close\r\n\r\n"
                )
                return running.backends[0].seen

        names = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")
        plain, behind = ([asked.get(name) for name in names] for asked in in_loop(story))

        assert [["127.0.0.1"], ["http"], ["app"]] == plain
        assert [["10.0.0.1, 127.0.0.1"], ["https"], ["front"]] == behind

    def test_hop_by_hop_headers_end_here(self) -> None:
        """What is between two neighbours goes no further, in either direction; the client's ``close`` is its own."""
        said = answer(b"x", b"Keep-Alive: timeout=5", b"Connection: X-Inner", b"X-Inner: 1", b"X-Outer: 1")

        async def story():
            async with app(always(said)) as running:
                text = await running.ask(
                    b"GET / HTTP/1.1\r\nHost: app\r\nConnection: close, X-Hop, Host\r\nX-Hop: 1\r\nX-End: 1\r\n"
                    b"Keep-Alive: 1\r\nTE: trailers\r\nProxy-Authorization: x\r\nUpgrade: h2c\r\n\r\n"
                )
                return running.backends[0].seen[0], text

        asked, text = in_loop(story)

        assert {"Host", "X-End", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"} == dict(asked.lines).keys()
        assert b"X-Outer" in text
        assert b"X-Inner" not in text
        assert b"Keep-Alive" not in text
        assert b"Connection: close" in text

    def test_connection_may_come_twice(self) -> None:
        """Whatever either line names goes no further."""
        said = answer(b"x", b"Connection: keep-alive", b"Connection: X-Inner", b"X-Inner: 1")

        async def story():
            async with app(always(said)) as running:
                text = await running.ask(CLOSING.replace(b"\r\n\r\n", b"\r\nConnection: X-Hop\r\nX-Hop: 1\r\n\r\n"))
                return running.backends[0].seen[0].get("X-Hop"), b"X-Inner" in text

        assert ([], False) == in_loop(story)

    def test_the_admin_sides_pass_reaches_no_app(self) -> None:
        """A browser sends a host's cookies to all of its ports; the app gets its own ones only."""

        async def story():
            async with app(hello) as running:
                await running.ask(
                    b"GET / HTTP/1.1\r\nHost: x\r\nCookie: everai_autoscaler_81=x; a=1; everai_autoscaler_1=y; b=2\r\n"
                    b"Cookie: c=3\r\nConnection: close\r\n\r\n"
                )
                return running.backends[0].seen[0]

        assert ["a=1; b=2", "c=3"] == in_loop(story).get("Cookie")

    def test_headers_that_come_twice(self) -> None:
        """Each is passed on, in its order, with bytes that are no UTF-8 as they are."""
        said = answer(b"", b"Set-Cookie: a=1", b"Set-Cookie: b=2", b"X-Odd: \xff\xfe")

        async def story():
            async with app(always(said)) as running:
                text = await running.ask(
                    b"GET / HTTP/1.1\r\nHost: app\r\nX-Twice: 1\r\nX-Odd: \xff\r\nX-Twice: 2\r\n"
                    b"Connection: close\r\n\r\n"
                )
                return running.backends[0].seen[0], text

        asked, text = in_loop(story)

        assert ["1", "2"] == asked.get("X-Twice")
        assert ["\xff"] == asked.get("X-Odd")
        assert b"Set-Cookie: a=1\r\nSet-Cookie: b=2\r\nX-Odd: \xff\xfe\r\n" in text

    def test_encodings_and_redirects(self) -> None:
        """A compressed body stays as it is, in both directions, and where a redirect leads is the client's affair."""
        packed = b"\x1f\x8b not really gzip"
        said = answer(packed, b"Content-Encoding: gzip", b"Location: /elsewhere", status=b"302 Found")
        bodies = []

        async def behave(asked: Asked) -> None:
            bodies.append(await asked.body())
            await asked.say(said)

        async def story():
            async with app(behave) as running:
                return await running.ask(post(packed, b"Content-Encoding: gzip", b"Connection: close"))

        head, body = parts_of(in_loop(story))

        assert 302 == status(head)
        assert b"Location: /elsewhere" in head
        assert [packed] == bodies
        assert packed == body

    @pytest.mark.parametrize(
        ("method", "said", "length"),
        [
            (b"HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n", True),
            (b"HEAD", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", False),
            (b"GET", b"HTTP/1.1 204 No Content\r\n\r\n", False),
            (b"GET", b"HTTP/1.1 204 No Content\r\nContent-Length: 500\r\n\r\n", False),
            (b"GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\nETag: x\r\n\r\n", True),
        ],
    )
    def test_answers_without_a_body(self, method: bytes, said: bytes, length: bool) -> None:
        """They have none here either, and both connections stay."""

        async def behave(asked: Asked) -> None:
            await asked.say(said)

        async def story():
            async with app(behave) as running:
                reader, writer = await running.connect()
                heads = []
                for _ in range(2):
                    writer.write(method + b" / HTTP/1.1\r\nHost: app\r\n\r\n")
                    heads.append(await reader.readuntil(b"\r\n\r\n"))
                writer.close()
                return heads, running.backends[0].connections

        heads, connections = in_loop(story)

        assert heads[0] == heads[1]
        assert length == (b"Content-Length: 500" in heads[0])
        assert b"Transfer-Encoding" not in heads[0]
        assert 1 == connections

    def test_an_answer_that_ends_with_its_connection(self) -> None:
        """A worker of HTTP/1.0 needn't say how long its answer is: the client gets chunks."""

        async def story():
            async with app(always(b"HTTP/1.0 200 OK\r\n\r\nto the end")) as running:
                return await running.ask()

        head, body = parts_of(in_loop(story))

        assert b"Transfer-Encoding: chunked" in head
        assert b"a\r\nto the end\r\n0\r\n\r\n" == body

    @pytest.mark.parametrize("host", ["::1", "localhost"])
    def test_workers_listen_anywhere(self, host: str) -> None:
        """At an address of either kind, or at a name."""

        async def story():
            backend = Backend(hello)
            async with app() as running:
                running.backends.append(backend)
                try:
                    port = await backend.start("::1" if ":" in host else "127.0.0.1")
                except OSError:
                    running.backends.clear()
                    pytest.skip("this machine has no IPv6")
                running.admit(port, host)
                return status(await running.ask())

        assert 200 == in_loop(story)

    def test_interim_answers(self) -> None:
        """A worker's 100 or 103 is for us; the client gets the answer."""

        async def story():
            said = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + answer()
            async with app(always(said)) as running:
                return await running.ask()

        assert in_loop(story).startswith(b"HTTP/1.1 200 OK\r\n")

    def test_kept_connections(self) -> None:
        """A client's connection serves many requests, and so does the worker's."""

        async def story():
            async with app(hello) as running:
                reader, writer = await running.connect()
                bodies = []
                for _ in range(5):
                    writer.write(GET)
                    bodies.append((await read_answer(reader))[1])
                writer.close()
                return bodies, running.backends[0].connections

        assert ([b"hello"] * 5, 1) == in_loop(story)

    def test_pipelined_requests(self) -> None:
        """Are answered one after the other."""

        async def behave(asked: Asked) -> None:
            await asked.say(answer(asked.path.encode()))

        async def story():
            async with app(behave) as running:
                reader, writer = await running.connect()
                writer.write(b"".join(b"GET /%d HTTP/1.1\r\nHost: app\r\n\r\n" % number for number in range(5)))
                bodies = [(await read_answer(reader))[1] for _ in range(5)]
                writer.close()
                return bodies

        assert [b"/0", b"/1", b"/2", b"/3", b"/4"] == in_loop(story)

    def test_a_workers_trailers_are_not_the_next_clients_headers(self) -> None:
        """What one client's answer ends with isn't shown to another, although the connection to the worker is kept."""

        async def behave(asked: Asked) -> None:
            if asked.path == "/first":
                await asked.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nSet-Cookie: mine\r\n\r\n")
            else:
                await asked.say(answer())

        async def story():
            async with app(behave) as running:
                await running.ask(CLOSING.replace(b" / ", b" /first "))
                return await running.ask(), running.backends[0].connections

        text, connections = in_loop(story)

        assert 200 == status(text)
        assert b"mine" not in text
        assert 1 == connections

    def test_a_clients_trailers_are_not_its_next_requests_headers(self) -> None:
        """A connection over which chunks came is closed, whatever came after them."""

        async def story():
            async with app(hello) as running:
                text = await running.ask(
                    b"POST / HTTP/1.1\r\nHost: app\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-User: root\r\n\r\n" + GET
                )
                return text, running.backends[0].seen

        text, seen = in_loop(story)

        assert b"Connection: close" in text
        assert ["POST"] == [asked.method for asked in seen]

    def test_a_target_with_its_host(self) -> None:
        """A client that takes us for a proxy is understood."""

        async def story():
            async with app(hello) as running:
                await running.ask(b"GET http://app/a?b HTTP/1.1\r\nHost: app\r\nConnection: close\r\n\r\n")
                return running.backends[0].seen[0].path

        assert "/a?b" == in_loop(story)


class TestOldClients:
    """HTTP/1.0, ab among them."""

    @pytest.mark.parametrize("kept", [False, True])
    def test_get_no_chunks(self, kept: bool) -> None:
        """An answer of unknown length ends with the connection, whatever the client asked for."""
        said = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"

        async def story():
            async with app(always(said)) as running:
                extra = b"Connection: Keep-Alive\r\n" if kept else b""
                return await running.ask(b"GET / HTTP/1.0\r\nHost: app\r\n" + extra + b"\r\n")

        assert (b"HTTP/1.0 200 OK\r\nConnection: close", b"abcde") == parts_of(in_loop(story))

    def test_keep_their_connection_where_they_ask_for_it(self) -> None:
        """With a length, a connection serves many requests; one that isn't asked to be kept is closed."""

        async def story():
            async with app(hello) as running:
                reader, writer = await running.connect()
                kept = []
                for _ in range(3):
                    writer.write(b"GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n")
                    kept.append(await read_answer(reader))
                writer.close()
                return kept, await running.ask(b"GET / HTTP/1.0\r\n\r\n"), running.backends[0].seen

        kept, closed, seen = in_loop(story)

        assert [b"hello"] * 3 == [body for _, body in kept]
        assert b"Connection: keep-alive" in kept[0][0]
        assert b"Connection: close" in closed
        assert 1 == len(seen[0].get("Host"))

    def test_an_answer_cut_short_looks_cut(self) -> None:
        """Without a length or chunks, only a broken connection says that there was more."""

        async def chunks(asked: Asked) -> None:
            await asked.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
            await until(lambda: got)
            asked.break_off()

        got = []

        async def story():
            async with app(chunks) as running:
                reader, writer = await running.connect()
                writer.write(b"GET / HTTP/1.0\r\n\r\n")
                await reader.readuntil(b"abc")
                got.append(True)
                with pytest.raises(ConnectionResetError):
                    await reader.read()
                writer.close()
                return running.troubles

        assert 1 == len(in_loop(story))
