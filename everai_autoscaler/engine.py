"""What the runtime operates: an engine has the workers of one app, and says what there is in these forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from attrs import field, frozen
from pydantic import BaseModel, ConfigDict, Field, field_serializer

from everai_autoscaler.loop import Target
from everai_autoscaler.model import QueueReason, WorkerStatus
from everai_autoscaler.words import reason_word

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

__all__ = ["Engine", "Host", "QueuedForm", "Rows", "SampleForm", "WorkerForm"]


def _ignore(*_times: float | None) -> None:
    """Nobody wants to know."""


class _Form(BaseModel):
    model_config = ConfigDict(frozen=True)


class WorkerForm(_Form):
    """One worker, as lists show it: with the platform's words. All times are epoch seconds.

    >>> worker = WorkerForm(id="w1", status="RUNNING", detail_status="FREE", created_at=5, pinned={"ann": 7.0})
    >>> worker.model_dump(include={"id", "sessions", "pinned"})
    {'id': 'w1', 'sessions': 0}
    """

    id: str
    status: str
    """``PENDING``, ``RUNNING``, ``TERMINATING`` or ``TERMINATED``."""
    detail_status: str
    """``IN_FLIGHT``, ``FREE`` or ``BUSY``; empty when it has ended."""
    created_at: float
    ready_at: float | None = None
    draining_at: float | None = None
    """When it was told to finish what it serves and go."""
    deleted_at: float | None = None
    why: str = ""
    """Why it goes or went, in one line; empty while it stays."""
    port: int = 0
    pid: int | None = None
    process_created_at: float | None = None
    concurrency: int = 1
    """Requests that it serves at once."""
    requests: int = 0
    """Requests that it serves now."""
    sessions: int = 0
    successes: int = 0
    failures: int = 0
    average_response_time: float = 0.0
    """Seconds that an answer took on average; 0 while there are none."""
    last_served_at: float | None = None
    pinned: Mapping[str, float] = Field(default={}, exclude=True)
    """When each session that is pinned to it was last heard of: stored for the next runtime, and never listed."""

    def row(self) -> dict[str, Any]:
        """The worker as it is stored."""
        return {**self.model_dump(), "pinned": dict(self.pinned)}


class QueuedForm(_Form):
    """One request that waits.

    >>> QueuedForm(created_at=5.0, reason=QueueReason.QueueDueBusy).model_dump()
    {'created_at': 5.0, 'reason': 'WorkerBusy'}
    """

    created_at: float
    """When it came (epoch seconds)."""
    reason: QueueReason
    """Why it waits; a list has the platform's word for it."""

    @field_serializer("reason")
    def _platform_word(self, reason: QueueReason) -> str:
        return reason_word(reason.value)


class SampleForm(_Form):
    """The workers and the queue at one moment, in numbers."""

    at: float
    """The moment (epoch seconds)."""
    inflight: int
    """Workers that start; as the next two, without those that drain."""
    free: int
    busy: int
    draining: int
    waiting: Mapping[QueueReason, int]
    """Requests that wait, by reason."""
    arrivals: int | None = None
    """Requests that came since the last observation; ``None`` when that isn't known."""
    completions: int | None = None
    """Requests that were answered since then."""
    max_workers: int | None = None
    """The most workers that the policy allows, which the runtime adds."""

    @property
    def workers(self) -> dict[WorkerStatus, int]:
        """Workers by status, without those that drain."""
        counts = (self.inflight, self.free, self.busy)
        return dict(zip((WorkerStatus.Inflight, WorkerStatus.Free, WorkerStatus.Busy), counts, strict=True))


class Rows(Protocol):
    """Stores workers for the next runtime. Its methods wait for a disk: they are to be called in a thread."""

    @property
    def directory(self) -> Path:
        """The state directory."""

    def save_worker(self, app: str, row: dict[str, Any]) -> None:
        """Insert or update a worker's row, a dictionary that ``WorkerForm.row`` has made."""

    def rows(self, app: str) -> list[dict[str, Any]]:
        """The rows of the workers that haven't ended."""


@frozen(kw_only=True)
class Host:
    """What the runtime offers to its engine. All is to be called in the event loop, except *rows*."""

    app: str
    """The app's name."""
    rows: Rows
    note: Callable[[str], None]
    """Tells an operator something, in a line."""
    changed: Callable[[], None]
    """Says that workers or queue aren't what they were."""
    wanted: Callable[[], None]
    """Says that a request waits for which there is no worker, so that a decision isn't put off to the next beat."""
    registry: CollectorRegistry
    """Collects the numbers that ``/metrics`` shows; an engine adds its own."""
    samples: Sequence[SampleForm] = field(factory=tuple)
    """The last samples of an earlier runtime, the newest first."""
    came: Callable[[float], None] = _ignore
    """Says that a request arrived, and when (epoch seconds).

    To be called by an engine that knows its requests one by one, which then says of each how it ended by ``served``.
    Both cost next to nothing. Where an engine doesn't call them, what tunes a policy knows only the counts of
    ``sample()``."""
    served: Callable[[float, float | None, float], None] = _ignore
    """Says of a request that is over when it arrived, when a worker took it, and when it ended (epoch seconds).

    To be called once for each that came, however it ended. The second is ``None`` for a request that no worker ever
    took; of one that was turned away at once the third is infinite."""


class Engine(Target, Protocol):
    """A target with a life, which the runtime can operate: processes of this machine, pods of a cluster.

    Everything is called in the event loop, ``observe`` and ``apply`` too: none of it may wait.
    """

    @property
    def url(self) -> str:
        """Where the app answers; empty before ``start``."""

    @property
    def back_off_until(self) -> float | None:
        """Until when nothing is started, since workers have died while starting (epoch seconds)."""

    async def start(self) -> None:
        """Take over what an earlier runtime has left, and begin to serve.

        Raises:
            AutoscalerError: it can't serve; ``stop`` is called all the same.
        """

    async def stop(self, *, drain: float) -> None:
        """End all workers, after up to *drain* seconds for what they serve, or less by the engine's own settings.

        It may be cancelled and called again with less, and is harmless before ``start``.
        """

    def workers(self) -> list[WorkerForm]:
        """The workers that start, serve or drain, in the order in which they were started."""

    def queue(self) -> list[QueuedForm]:
        """The requests that wait, in the order in which they came."""

    def sample(self) -> SampleForm:
        """The present numbers; arrivals and completions are those since the last observation."""

    def remove(self, worker_id: str, why: str) -> None:
        """Let that worker finish what it serves, and end it.

        Raises:
            UnknownNameError: there is no such worker.
        """

    def log_path(self, worker_id: str) -> Path | None:
        """Where the log of that worker, which may have ended, is or was; ``None`` where there are no logs."""
