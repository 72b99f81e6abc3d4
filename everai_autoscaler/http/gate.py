"""Access checks: which requests are let in, by host, origin, token and media type. No socket, no clock."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Collection, Mapping
from ipaddress import IPv6Address, ip_address

from attrs import frozen

from everai_autoscaler.errors import StateError

__all__ = ["Gate", "Refusal", "is_loopback"]

READING = frozenset({"GET", "HEAD"})
LIVENESS = "/healthz"
"""Open to every request: whatever watches the process has no token, and may call it by any name."""
HOST = re.compile(r"(?:\[(?P<address>[^\]]+)\]|(?P<name>[^\[\]:]+))(?::[0-9]*)?")
"""What a Host header is made of."""


@frozen
class Refusal:
    """Why a request isn't let in, in one line, and the HTTP status that says so."""

    status: int
    why: str


class Gate:
    """Lets in the requests that may see and change what is served.

    Args:
        host: the address on which the server listens.
        token: the secret that each request has to show; ``None`` for none, on the loopback interface only.
        public: paths that may be read without the token.
        what: what is served, for the error.

    Raises:
        StateError: others can reach *host*, and there is no token.

    >>> gate = Gate("127.0.0.1", None)
    >>> gate.refusal("GET", "/api/status", {"Host": "localhost:8081"}) is None
    True
    >>> gate.refusal("GET", "/api/status", {"Host": "evil.example"}).why
    "host 'evil.example' is not 127.0.0.1, nor a name of this machine's loopback interface"
    """

    def __init__(
        self, host: str, token: str | None, *, public: Collection[str] = (), what: str = "the admin side"
    ) -> None:
        if not token and not is_loopback(host):
            raise StateError(f"{what} on {host}, which others can reach, needs a token")
        self.host = host
        self._name = _name(host)
        self._everywhere = _is_wildcard(self._name)
        self._token = token or None
        self._public = public
        self.cookie = "" if not token else hashlib.sha256(f"everai-autoscaler {token}".encode()).hexdigest()
        """What a browser that once showed the token shows from then on."""

    def refusal(
        self, method: str, path: str, headers: Mapping[str, str], *, token: str | None = None, cookie: str | None = None
    ) -> Refusal | None:
        """Why that request isn't let in; ``None`` when it is.

        Args:
            method: its HTTP method.
            path: its path.
            headers: its headers, in a mapping that knows them in any case.
            token: the token in its address.
            cookie: the cookie that its browser shows.
        """
        if path == LIVENESS:
            return None
        host = headers.get("Host", "")
        # Where it listens on every address it has every name; there the token keeps strangers out.
        if not self._everywhere and (name := _host_name(host)) != self._name and not is_loopback(name):
            why = f"host {host[:100]!r} is not {self._name}, nor a name of this machine's loopback interface"
            return Refusal(403, why)
        if refusal := _from_elsewhere(method, path, headers, host):
            return refusal
        if self._token is not None and path not in self._public and not self._knows(headers, token, cookie):
            return Refusal(401, "the token is missing or wrong: give it as 'Authorization: Bearer TOKEN'")
        if method not in READING and _media_type(headers) != "application/json":
            return Refusal(415, "a write needs 'Content-Type: application/json'")
        return None

    def is_token(self, given: str | None) -> bool:
        """Whether *given* is the token."""
        return self._token is not None and given is not None and _same(given, self._token)

    def _knows(self, headers: Mapping[str, str], token: str | None, cookie: str | None) -> bool:
        scheme, _, given = headers.get("Authorization", "").partition(" ")
        return (
            (scheme.lower() == "bearer" and self.is_token(given.strip()))
            or self.is_token(token)
            or (cookie is not None and _same(cookie, self.cookie))
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
    """Why a page of another site may not send that request; ``None`` where it isn't from one."""
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
    """Whether both are equal, in a time that doesn't tell how much of it is right."""
    return hmac.compare_digest(given.encode("utf-8", "surrogatepass"), right.encode("utf-8", "surrogatepass"))


def _host_name(host: str) -> str:
    """The name in a Host header: ``host``, ``host:port`` or ``[address]:port``; empty for anything else."""
    found = HOST.fullmatch(host)
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
