"""What a router can be told: which requests it repeats, what a session is, and the limits beyond which it refuses."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Limits", "Seconds", "Section", "Session", "Settings"]

Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Section(BaseModel):
    """A part of a manifest: frozen, and without fields that it doesn't know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Session(Section):
    """What pins requests to a worker; without header and cookie, nothing does.

    A session is named by its client, or by the worker that answers its first request and holds it from then on.
    """

    header: Annotated[str, Field(min_length=1)] | None = None
    """The header that names the session, in a request or an answer."""
    cookie: Annotated[str, Field(min_length=1)] | None = None
    """The cookie that names it, where the header is missing."""
    timeout: Seconds = 600.0
    """Seconds without a request after which a session is over."""


class Limits(Section):
    """What is refused with a clear answer before it does harm."""

    queue: Annotated[int, Field(ge=0)] = 1000
    """Requests that may wait; one more is answered 503."""
    queue_time: Seconds = 600.0
    """Seconds that a request may wait; then it is answered 504."""
    request_time: Seconds = 3600.0
    """Seconds from a worker's taking a request to the end of its answer."""
    body: Annotated[int, Field(ge=0)] = 1 << 30
    """Bytes of a request's body; more is answered 413."""


class Settings(Section):
    """How requests are served.

    >>> Settings(limits={"queue": 10}).limits.queue
    10
    """

    retry: Literal["safe", "always", "never"] = "safe"
    """Which requests are put back, once, when their worker dies before any byte of the answer: those whose method is
    safe (GET, HEAD, OPTIONS, TRACE), all, or none; never one whose body is streamed (above 64 KiB, or in chunks)."""
    session: Session = Session()
    limits: Limits = Limits()
