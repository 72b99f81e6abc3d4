"""What the admin side shows of a runtime, and what it changes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol

__all__ = ["AdminSource", "ConfigMaps", "HeldMap", "KeptDecision"]


class HeldMap(Protocol):
    """A ConfigMap as it is kept. Times are epoch seconds."""

    @property
    def name(self) -> str:
        """Its name."""

    @property
    def data(self) -> Mapping[str, str]:
        """Its values by their keys."""

    @property
    def created_at(self) -> float:
        """When it was made."""

    @property
    def updated_at(self) -> float:
        """When it was last put."""


class ConfigMaps(Protocol):
    """Keeps ConfigMaps."""

    def names(self, kind: Literal["ConfigMap"], /) -> Sequence[HeldMap]:
        """All of them, by name."""

    def get(self, kind: Literal["ConfigMap"], name: str, /) -> HeldMap | None:
        """The one of that name."""

    def put(self, kind: Literal["ConfigMap"], name: str, data: Mapping[str, str], /) -> object:
        """Keep *data* under that name, in place of what was there."""

    def delete(self, kind: Literal["ConfigMap"], name: str, /) -> bool:
        """Forget the one of that name; whether there was one."""


class KeptDecision(Protocol):
    """A decision as it is kept."""

    @property
    def record(self) -> str | None:
        """All that went into it, as JSON; ``None`` where that wasn't recorded."""

    def view(self) -> dict[str, Any]:
        """The rest as plain JSON."""


class Exposing(Protocol):
    """Has numbers for Prometheus."""

    def exposition(self) -> bytes:
        """All of them, in its text format."""


class AdminSource(Protocol):
    """What the admin side shows, and what it changes."""

    @property
    def store(self) -> ConfigMaps:
        """The ConfigMaps."""

    @property
    def metrics(self) -> Exposing:
        """What is counted."""

    def status(self) -> dict[str, Any]:
        """How the app is."""

    def workers(self) -> list[dict[str, Any]]:
        """The workers that start, serve or drain."""

    async def all_workers(self) -> list[dict[str, Any]]:
        """Those, and the workers that have ended."""

    def queue(self) -> list[dict[str, Any]]:
        """The requests that wait."""

    def decisions(self, *, limit: int = 50, before: int | None = None, at: float | None = None) -> list[dict[str, Any]]:
        """The last decisions, the newest first. May be called from any thread."""

    def decision(self, decision_id: int, /) -> KeptDecision | None:
        """One decision, with its record. May be called from any thread."""

    def samples(self, since: float, /) -> list[dict[str, Any]]:
        """The fleet and the queue over time, the oldest first. May be called from any thread."""

    async def log_path(self, worker_id: str, /) -> Path | None:
        """Where that worker's log is; ``None`` where there is no such worker."""

    def remove_worker(self, worker_id: str, by: str, /) -> None:
        """Let that worker finish what it serves, and end it.

        Raises:
            UnknownNameError: there is no such worker.
        """

    async def set_operator(self, word: Mapping[str, Any] | None, by: str, /) -> None:
        """Put an operator's *word* over the policy, or take what is there away."""

    async def tick_soon(self) -> None:
        """Decide now, rather than when it is time."""

    def subscribe(self) -> AsyncGenerator[tuple[str, dict[str, Any]], None]:
        """The state whenever it changes, and each decision."""
