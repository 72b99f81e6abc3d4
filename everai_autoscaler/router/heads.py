"""The heads of requests and answers: what is refused, what goes to the other side, and which session they name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from hashlib import blake2b

from aiohttp import HttpVersion11, web
from aiohttp.http import RawResponseMessage
from multidict import MultiMapping

from everai_autoscaler.router.connection import BrokenAnswerError
from everai_autoscaler.router.refusal import RefusalError
from everai_autoscaler.router.settings import Session

__all__ = ["answer_head", "check_request", "request_head", "session_begun", "session_of"]

_WIRE = ("utf-8", "surrogateescape")
"""How aiohttp decodes what is on the wire."""
_ONLY_HERE = frozenset(
    b"connection content-length keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer"
    b" transfer-encoding upgrade".split()
)
_REQUEST_ONLY_HERE = _ONLY_HERE | {b"cookie", b"expect", b"x-forwarded-for"}
_PLAIN = frozenset({"keep-alive", "close"})
_PASS = re.compile("(?:^|;) *everai_autoscaler_[0-9]+=[^;]*")


def check_request(request: web.BaseRequest) -> None:
    """Refuse what isn't supported.

    Raises:
        RefusalError: that isn't.
    """
    headers = request.headers
    if request.version[0] != 1:
        raise RefusalError(505, "speak HTTP/1.1", "bad-request", close=True)
    hosts = len(headers.getall("Host", ()))
    if hosts > 1 or (hosts == 0 and request.version == HttpVersion11):
        raise RefusalError(400, "a request names one Host", "bad-request", close=True)
    if request.method == "CONNECT":
        raise RefusalError(501, "CONNECT isn't supported: this is no proxy", "upgrade", close=True)
    upgrade = headers.get("Upgrade", "h2c")  # a client that offers HTTP/2 goes on with HTTP/1.1
    if not upgrade.lower().startswith("h2c") and b"upgrade" in _tokens(headers.getall("Connection", ())):
        what = "WebSockets aren't" if upgrade.lower() == "websocket" else f"Upgrade: {upgrade[:40]!a} isn't"
        raise RefusalError(501, f"{what} supported here; use HTTP/1.1, e.g. server-sent events", "upgrade", close=True)


def request_head(request: web.BaseRequest, length: int | None) -> bytes:
    """The head of *request* for the worker, with a body of that *length*; ``None`` where it is chunked."""
    headers = request.headers
    names = _REQUEST_ONLY_HERE
    if hops := _hops(headers):
        names |= hops - {b"host"}
    lines = [b"%b: %b\r\n" % line for line in request.raw_headers if line[0].lower() not in names]
    if "Cookie" in headers:
        lines += _cookies(headers.getall("Cookie"))
    if "Host" not in headers:
        lines.append(b"Host: %b\r\n" % _own_address(request))
    came_by = headers.getall("X-Forwarded-For", ())
    lines.append(b"X-Forwarded-For: %b\r\n" % ", ".join((*came_by, request.remote or "unknown")).encode(*_WIRE))
    if "X-Forwarded-Proto" not in headers:
        lines.append(b"X-Forwarded-Proto: http\r\n")
    if "X-Forwarded-Host" not in headers and "Host" in headers:
        lines.append(b"X-Forwarded-Host: %b\r\n" % headers["Host"].encode(*_WIRE))
    if length is None:
        lines.append(b"Transfer-Encoding: chunked\r\n")
    elif length or "Content-Length" in headers:
        lines.append(b"Content-Length: %d\r\n" % length)
    path = request.raw_path
    if not path.startswith("/") and path != "*":
        path = request.rel_url.raw_path_qs
    return b"%b %b HTTP/1.1\r\n%b\r\n" % (request.method.encode(), path.encode(*_WIRE), b"".join(lines))


def answer_head(request: web.BaseRequest, message: RawResponseMessage, *, may_stay: bool) -> tuple[bytes, bool, bool]:
    """The head of an answer to *request* for the client, whether its body is chunked, and whether the connection stays.

    Raises:
        BrokenAnswerError: no client could make sense of it.
    """
    headers, code = message.headers, message.code
    names = _ONLY_HERE
    if hops := _hops(headers):
        names |= hops
    _check_answer(message)
    # aiohttp lets a space pass between a name and its colon.
    lines = [b"%b: %b\r\n" % line for line in message.raw_headers if line[0].rstrip().lower() not in names]
    modern = request.version == HttpVersion11
    keep, chunked = request.keep_alive and may_stay, False
    length = None if message.chunked else headers.get("Content-Length")
    bodiless = request.method == "HEAD" or code in {204, 304}
    if length is not None:
        if code != 204:
            lines.append(b"Content-Length: %b\r\n" % length.encode(*_WIRE))
    elif not bodiless:
        if modern:
            chunked = True
            lines.append(b"Transfer-Encoding: chunked\r\n")
        else:
            keep = False
    if not keep:
        lines.append(b"Connection: close\r\n")
    elif not modern:
        lines.append(b"Connection: keep-alive\r\n")
    version = b"1.1" if modern else b"1.0"
    head = b"HTTP/%b %d %b\r\n%b" % (version, code, message.reason.encode(*_WIRE), b"".join(lines))
    # aiohttp reads answers leniently: what it let pass must not become two heads here.
    if not head.count(b"\n") == head.count(b"\r") == len(lines) + 1:
        raise BrokenAnswerError("answered what isn't HTTP: a line break inside a header")
    return head + b"\r\n", chunked, keep


def session_of(request: web.BaseRequest, wanted: Session) -> str | None:
    """The session that a request belongs to."""
    if not (wanted.header or wanted.cookie):  # as in most apps: each request comes here
        return None
    cookies = (pair for line in request.headers.getall("Cookie", ()) for pair in line.split(";"))
    return _session(request.headers, cookies, wanted)


def session_begun(message: RawResponseMessage, wanted: Session) -> str | None:
    """The session that a worker names in its answer, which its client will name from now on."""
    if not (wanted.header or wanted.cookie):
        return None
    lines = (line.split(";") for line in message.headers.getall("Set-Cookie", ()))
    cookies = (pair for pair, *attributes in lines if not any(one.strip().lower() == "max-age=0" for one in attributes))
    return _session(message.headers, cookies, wanted)


def _session(headers: MultiMapping[str], cookies: Iterable[str], wanted: Session) -> str | None:
    """What the *wanted* header or, without it, one of the *cookies* names, as a digest.

    A session's real name is a secret that lets its owner in, so it is stored nowhere.
    """
    found = wanted.header and headers.get(wanted.header)
    if not found and wanted.cookie:
        pairs = (pair.strip().partition("=") for pair in cookies)
        found = next((value for name, _, value in pairs if name == wanted.cookie and value), None)
    return blake2b(found.encode(*_WIRE), digest_size=8).hexdigest() if found else None


def _hops(headers: MultiMapping[str]) -> set[bytes]:
    """The headers that are for the next neighbour only, because their sender says so."""
    said = headers.getall("Connection", ())
    return set() if all(value.lower() in _PLAIN for value in said) else _tokens(said)


def _cookies(sent: Iterable[str]) -> Iterator[bytes]:
    """The app's own cookies: a browser sends all cookies of a host, so the pass to the admin side, too."""
    for line in sent:
        if own := _PASS.sub("", line).strip("; "):
            yield b"Cookie: %b\r\n" % own.encode(*_WIRE)


def _tokens(values: Iterable[str]) -> set[bytes]:
    """What the lines of one header list, in lower case."""
    return {token.strip().lower().encode(*_WIRE) for value in values for token in value.split(",")}


def _check_answer(message: RawResponseMessage) -> None:
    """Refuse what aiohttp accepts, but a client wouldn't."""
    if message.code < 100:
        raise BrokenAnswerError(f"answered what isn't HTTP: status {message.code:03}")
    if message.headers.get("Transfer-Encoding", "chunked").lower() not in {"chunked", "identity"}:
        raise BrokenAnswerError("answered with a Transfer-Encoding that isn't chunked")


def _own_address(request: web.BaseRequest) -> bytes:
    transport = request.transport
    host, port = (transport.get_extra_info("sockname") if transport is not None else ("localhost", 80))[:2]
    return (f"[{host}]:{port}" if ":" in host else f"{host}:{port}").encode()
