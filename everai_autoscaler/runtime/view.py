"""What lists show, from whoever knows it: the runtime that runs, or what the last one has left."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

from everai_autoscaler.errors import StateError
from everai_autoscaler.runtime.state import running, usable
from everai_autoscaler.runtime.store import Store
from everai_autoscaler.words import one_line

__all__ = ["AdminView", "StoreView", "View", "open_view"]

PATIENCE = 5.0
"""Seconds that a runtime is given to answer."""

# A runtime is on this machine or next door: no proxy stands between, whatever the environment says.
_OPENER = build_opener(ProxyHandler({}))


class View(Protocol):
    """Everything in the forms of the admin API."""

    app: str

    def status(self) -> dict[str, Any]:
        """How the app is."""

    def workers(self, *, ended: bool = False) -> list[dict[str, Any]]:
        """Its workers; those that there were as well, when *ended*."""

    def queue(self) -> list[dict[str, Any]]:
        """The requests that wait."""

    def decisions(self, *, limit: int = 50, before: int | None = None, at: float | None = None) -> list[dict[str, Any]]:
        """The last decisions, the newest first."""

    def decision(self, decision_id: int) -> dict[str, Any] | None:
        """One decision with its record."""

    def samples(self, *, since: float = 0.0) -> list[dict[str, Any]]:
        """The fleet and the queue over time."""


class StoreView:
    """What a runtime that runs no more has left."""

    def __init__(self, store: Store, app: str) -> None:
        self.store = store
        self.app = app

    def status(self) -> dict[str, Any]:
        """How the app was when it was seen last."""
        info = self.store.app_info(self.app) or {}
        last = next(iter(self.store.decisions(self.app, limit=1)), None)
        record = {} if last is None or last.record is None else json.loads(last.record)
        sample = next(iter(self.store.seen(self.app)), None)
        tick: dict[str, Any] = {"at": None, "took": None, "lag": None, "failure": "", "next_at": None}
        if last is not None:
            tick |= {"at": last.at, "took": last.took, "lag": last.lag, "failure": last.failure}
        return {
            "app": self.app,
            "scaler": info.get("scaler", record.get("scaler", "")),
            "running": False,
            "started_at": info.get("started_at"),
            "seen_at": info.get("seen_at"),
            "state_dir": str(self.store.directory),
            "operator": self.store.operator(self.app),
            "tick": tick,
            "max_workers": None if sample is None else sample["max_workers"],
            "arguments": record.get("arguments", {}),
            "workers": _counts(self.workers()),
            "queue": dict(Counter(one["reason"] for one in self.queue())),
            "back_off_until": None,
            "notes": [],
        }

    def workers(self, *, ended: bool = False) -> list[dict[str, Any]]:
        """Its workers as they were last."""
        return self.store.workers(self.app, ended=ended)

    def queue(self) -> list[dict[str, Any]]:
        """The requests that waited at the last tick."""
        return self.store.queue(self.app)

    def decisions(self, *, limit: int = 50, before: int | None = None, at: float | None = None) -> list[dict[str, Any]]:
        """The last decisions, the newest first."""
        return [one.view() for one in self.store.decisions(self.app, limit=limit, before=before, at=at)]

    def decision(self, decision_id: int) -> dict[str, Any] | None:
        """One decision with its record."""
        found = self.store.decision(self.app, decision_id)
        if found is None:
            return None
        return {**found.view(), "record": None if found.record is None else json.loads(found.record)}

    def samples(self, *, since: float = 0.0) -> list[dict[str, Any]]:
        """The fleet and the queue over time."""
        return self.store.samples(self.app, since=since)


def _counts(workers: list[dict[str, Any]]) -> dict[str, int]:
    """How many of *workers* there are in each status, in the words of a sample."""
    found = Counter(
        "draining" if worker["draining_at"] is not None else worker["detail_status"].replace("_", "").lower()
        for worker in workers
    )
    return {name: found[name] for name in ("inflight", "free", "busy", "draining")}


class AdminView:
    """What a running runtime says on its admin port.

    Args:
        who: what it has announced, as ``running`` gives it.

    Raises:
        StateError: by every method: it can't be reached, or refuses.
    """

    def __init__(self, who: Mapping[str, Any]) -> None:
        self.app: str = who["app"]
        self._url: str = who["admin_url"]
        self._headers = {"Authorization": f"Bearer {who['token']}"} if who.get("token") else {}

    def status(self) -> dict[str, Any]:
        """How the app is."""
        status: dict[str, Any] = self._get("/api/status")
        return status

    def workers(self, *, ended: bool = False) -> list[dict[str, Any]]:
        """Its workers."""
        workers: list[dict[str, Any]] = self._get("/api/workers", ended=int(ended) or None)
        return workers

    def queue(self) -> list[dict[str, Any]]:
        """The requests that wait."""
        queue: list[dict[str, Any]] = self._get("/api/queue")
        return queue

    def decisions(self, *, limit: int = 50, before: int | None = None, at: float | None = None) -> list[dict[str, Any]]:
        """The last decisions, the newest first."""
        decisions: list[dict[str, Any]] = self._get("/api/decisions", limit=limit, before=before, at=at)
        return decisions

    def decision(self, decision_id: int) -> dict[str, Any] | None:
        """One decision with its record."""
        try:
            decision: dict[str, Any] = self._get(f"/api/decisions/{decision_id}")
        except _NotFoundError:
            return None
        return decision

    def samples(self, *, since: float = 0.0) -> list[dict[str, Any]]:
        """The fleet and the queue over time."""
        samples: list[dict[str, Any]] = self._get("/api/samples", since=since)
        return samples

    def remove_worker(self, worker_id: str, by: str) -> None:
        """Let that worker finish what it serves, and go."""
        self._ask(f"/api/workers/{quote(worker_id, safe='')}/remove", {"by": by})

    def tick(self) -> None:
        """Decide now."""
        self._ask("/api/tick", {})

    def _get(self, path: str, **query: Any) -> Any:
        given = {name: value for name, value in query.items() if value is not None}
        return self._ask(f"{path}?{urlencode(given)}" if given else path)

    def _ask(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        try:
            with _OPENER.open(Request(self._url + path, data, headers), timeout=PATIENCE) as answer:  # noqa: S310 - ours
                return json.loads(answer.read())
        except HTTPError as error:
            with error:
                raise (_NotFoundError if error.code == HTTPStatus.NOT_FOUND else StateError)(_why(error)) from error
        except (OSError, HTTPException, ValueError) as error:
            why = one_line(str(getattr(error, "reason", error))) or type(error).__name__
            raise StateError(f"the runtime at {self._url} doesn't answer as it should: {why}") from error


class _NotFoundError(StateError):
    """What was asked for isn't there."""


def open_view(directory: Path) -> View:
    """The runtime that runs with *directory*, or what the last one has left there.

    Raises:
        StateError: none has ever run there.
    """
    who = running(directory)
    if who is not None:
        return AdminView(who)
    with usable(directory):
        if (directory / "state.db").exists():
            store = Store(directory)
            app = store.last_app()
            if app is not None:
                return StoreView(store, app)
            store.close()
    raise StateError(f"no app has run with the state directory {directory} yet: everai-autoscaler run FILE")


def _why(error: HTTPError) -> str:
    """What the runtime says against it, in one line."""
    try:
        return " ".join(json.loads(error.read())["error"].split())
    except (OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError):
        return f"the runtime answers {error.code} {error.reason}"
