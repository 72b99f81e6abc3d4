"""Who is let in at the admin side: no sockets, no clock."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address

from attrs import frozen

__all__ = ["Gate", "Refusal", "is_loopback"]

READING = frozenset({"GET", "HEAD"})
OPEN = "/healthz"
"""Whoever starts and watches the process has no token, and may call it by any name."""
LOOKS = frozenset({"/static/style.css", "/static/icon.svg"})
"""What the form that asks for the token looks like; it is the same for everybody, and tells nothing of the app."""
ASKED = re.compile(r"(?:\[(?P<address>[^\]]+)\]|(?P<name>[^\[\]:]+))(?::[0-9]*)?")
"""What a Host header is made of."""


@frozen
class Refusal:
    """Why somebody isn't let in, in one line, and the HTTP status that says so."""

    status: int
    why: str


class Gate:
    """Lets in who may see and change the app.

    Args:
        host: the address on which the admin side listens.
        token: what a visitor has to know; ``None`` for nothing, which is for the loopback interface only.

    >>> gate = Gate("127.0.0.1", None)
    >>> gate.refusal("GET", "/api/status", {"Host": "localhost:8081"}) is None
    True
    >>> gate.refusal("GET", "/api/status", {"Host": "evil.example"}).why
    "host 'evil.example' is not 127.0.0.1, nor a name of this machine's loopback interface"
    """

    def __init__(self, host: str, token: str | None) -> None:
        self._host = _name(host)
        self._everywhere = _is_wildcard(self._host)
        self._token = token
        self.pass_value = "" if token is None else hashlib.sha256(f"everai-autoscaler {token}".encode()).hexdigest()
        """What a browser that once showed the token keeps in its place."""

    def refusal(
        self, method: str, path: str, headers: Mapping[str, str], *, shown: str | None = None, kept: str | None = None
    ) -> Refusal | None:
        """Why that request isn't let in; ``None`` when it is.

        Args:
            method: its HTTP method.
            path: its path.
            headers: its headers, whatever their case where the mapping knows of that.
            shown: the token in its address.
            kept: what its browser keeps since it showed the token.
        """
        if path == OPEN:
            return None
        host = headers.get("Host", "")
        # Where it listens on every address it has every name; there the token keeps strangers out.
        if not self._everywhere and (name := _asked(host)) != self._host and not is_loopback(name):
            why = f"host {host[:100]!r} is not {self._host}, nor a name of this machine's loopback interface"
            return Refusal(403, why)
        if refusal := _from_elsewhere(method, path, headers, host):
            return refusal
        if self._token is not None and path not in LOOKS and not self._knows(headers, shown, kept):
            return Refusal(401, "the token is missing or wrong: give it as 'Authorization: Bearer TOKEN'")
        if method not in READING and _media_type(headers) != "application/json":
            return Refusal(415, "a write needs 'Content-Type: application/json'")
        return None

    def is_token(self, given: str | None) -> bool:
        """Whether *given* is the token."""
        return self._token is not None and given is not None and _same(given, self._token)

    def _knows(self, headers: Mapping[str, str], shown: str | None, kept: str | None) -> bool:
        scheme, _, given = headers.get("Authorization", "").partition(" ")
        return (
            (scheme.lower() == "bearer" and self.is_token(given.strip()))
            or self.is_token(shown)
            or (kept is not None and _same(kept, self.pass_value))
        )


def is_loopback(host: str) -> bool:
    """Whether *host*, a name or an address, is of the loopback interface.

    >>> [is_loopback(host) for host in ("127.0.0.1", "localhost", "::1", "0.0.0.0", "127.0.0.1.evil.example")]
    [True, True, True, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _from_elsewhere(method: str, path: str, headers: Mapping[str, str], host: str) -> Refusal | None:
    """Why a page of another site mustn't send that."""
    origin = headers.get("Origin")
    own = {f"{scheme}://{host.lower()}" for scheme in ("http", "https")}
    if method not in READING and origin is not None and origin.lower() not in own:
        return Refusal(403, f"a page of {origin[:100]!r} may change nothing here")
    site = headers.get("Sec-Fetch-Site", "none")
    if site not in {"none", "same-origin"} and (method not in READING or path != "/"):
        return Refusal(403, f"a page of another site may not ask for {path[:100]!r}")
    return None


def _media_type(headers: Mapping[str, str]) -> str:
    return headers.get("Content-Type", "").partition(";")[0].strip().lower()


def _same(given: str, right: str) -> bool:
    """Whether both are equal; it takes as long whatever is wrong about it."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))


def _asked(host: str) -> str:
    """The host of a Host header, ``host``, ``host:port`` or ``[address]:port``; empty for what is none of them."""
    found = ASKED.fullmatch(host)
    try:
        return "" if found is None else _name(found["name"] or str(IPv6Address(found["address"])))
    except ValueError:
        return ""


def _name(host: str) -> str:
    """*host*, a name or an address, in one form."""
    name = host.lower().removesuffix(".")
    try:
        return str(ip_address(name))
    except ValueError:
        return name


def _is_wildcard(host: str) -> bool:
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False
