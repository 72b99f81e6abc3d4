"""Read access to an app's state, from a running runtime or from its store."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol, TypeVar
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import ProxyHandler, Request, build_opener

from pydantic import BaseModel, ValidationError

from everai_autoscaler.engine import QueuedForm, SampleForm, WorkerForm
from everai_autoscaler.errors import StateError
from everai_autoscaler.model.wire import describe_errors
from everai_autoscaler.runtime.forms import DecisionForm, FleetForm, StatusForm, TickForm
from everai_autoscaler.runtime.override import Override
from everai_autoscaler.runtime.state import running, usable
from everai_autoscaler.runtime.store import Store
from everai_autoscaler.runtime.tuned import TuningForm, read_tuning
from everai_autoscaler.words import one_line

__all__ = ["AdminView", "StoreView", "View", "open_view"]

T = TypeVar("T")
F = TypeVar("F", bound=BaseModel)

PATIENCE = 5.0
"""Seconds that a runtime is given to answer."""

# A runtime is on this machine or next door: no proxy stands between, whatever the environment says.
_OPENER = build_opener(ProxyHandler({}))


class View(Protocol):
    """Read access to an app's state, in the forms of the admin API. Its methods may wait for a disk or a network."""

    app: str

    def status(self) -> StatusForm:
        """How the app is."""

    def workers(self, *, ended: bool = False) -> list[WorkerForm]:
        """Its workers, in the order in which they were started; with *ended*, those that have ended, too."""

    def queue(self) -> list[QueuedForm]:
        """The requests that wait, in the order in which they came."""

    def decisions(self, *, limit: int = 50, before: int | None = None, at: float | None = None) -> list[DecisionForm]:
        """The last decisions, the newest first: those *before* a number, or from the one in force at a moment."""

    def decision(self, decision_id: int) -> DecisionForm | None:
        """One decision with its record."""

    def samples(self, *, since: float = 0.0) -> list[SampleForm]:
        """The workers and the queue over time, the oldest first."""

    def tuning(self) -> TuningForm | None:
        """What its tuner chose and advises; ``None`` where nothing was ever tuned."""


class StoreView:
    """What the store has of an app: all that is left of a runtime that has ended."""

    def __init__(self, store: Store, app: str) -> None:
        self.store = store
        self.app = app

    def status(self) -> StatusForm:
        """How the app was at its last tick."""
        info = self.store.app_info(self.app) or {}
        last = next((self.decision(one.id) for one in self.decisions(limit=1)), None)
        record: Any = {} if last is None or last.record is None else last.record
        sample = next(iter(self.store.seen(self.app)), None)
        tick = None if last is None else TickForm(at=last.at, took=last.took, lag=last.lag, failure=last.failure)
        word = self.store.operator(self.app)
        return StatusForm(
            app=self.app,
            scaler=info.get("scaler", record.get("scaler", "")),
            running=False,
            started_at=info.get("started_at"),
            seen_at=info.get("seen_at"),
            state_dir=str(self.store.directory),
            operator=None if word is None else Override.model_validate(word),
            tick=tick or TickForm(),
            max_workers=None if sample is None else sample["max_workers"],
            capped=record.get("result", {}).get("capped"),
            arguments=record.get("arguments", {}),
            workers=FleetForm.of(self.workers()),
            queue=Counter(one["reason"] for one in self.store.queue(self.app)),
            back_off_until=None,
            notes=[],
        )

    def workers(self, *, ended: bool = False) -> list[WorkerForm]:
        """Its workers as they were at the last tick."""
        return [WorkerForm.model_validate(row) for row in self.store.workers(self.app, ended=ended)]

    def queue(self) -> list[QueuedForm]:
        """The requests that waited at the last tick."""
        return [QueuedForm.model_validate(row) for row in self.store.queue(self.app)]

    def decisions(self, *, limit: int = 50, before: int | None = None, at: float | None = None) -> list[DecisionForm]:
        """The last decisions, the newest first."""
        return self.store.decisions(self.app, limit=limit, before=before, at=at)

    def decision(self, decision_id: int) -> DecisionForm | None:
        """One decision with its record."""
        return self.store.decision(self.app, decision_id)

    def samples(self, *, since: float = 0.0) -> list[SampleForm]:
        """The workers and the queue over time, the oldest first."""
        return [SampleForm.model_validate(row) for row in self.store.samples(self.app, since=since)]

    def tuning(self) -> TuningForm | None:
        """What its tuner chose and advises."""
        return read_tuning(self.store.directory, self.app)


class AdminView:
    """What a running runtime says on its admin port.

    Args:
        announced: what the runtime has announced in its state directory, as ``running`` gives it.

    Raises:
        StateError: by every method: it can't be reached, or refuses.
    """

    def __init__(self, announced: Mapping[str, Any]) -> None:
        self.app: str = announced["app"]
        self._url: str = announced["admin_url"]
        self._headers = {"Authorization": f"Bearer {announced['token']}"} if announced.get("token") else {}

    def status(self) -> StatusForm:
        """How the app is."""
        return self._get(StatusForm.model_validate, "/api/status")

    def workers(self, *, ended: bool = False) -> list[WorkerForm]:
        """Its workers, in the order in which they were started."""
        return self._get(_each(WorkerForm), "/api/workers", ended=int(ended) or None)

    def queue(self) -> list[QueuedForm]:
        """The requests that wait."""
        return self._get(_each(QueuedForm), "/api/queue")

    def decisions(self, *, limit: int = 50, before: int | None = None, at: float | None = None) -> list[DecisionForm]:
        """The last decisions, the newest first."""
        return self._get(_each(DecisionForm), "/api/decisions", limit=limit, before=before, at=at)

    def decision(self, decision_id: int) -> DecisionForm | None:
        """One decision with its record."""
        try:
            return self._get(DecisionForm.model_validate, f"/api/decisions/{decision_id}")
        except _NotFoundError:
            return None

    def samples(self, *, since: float = 0.0) -> list[SampleForm]:
        """The workers and the queue over time, the oldest first."""
        return self._get(_each(SampleForm), "/api/samples", since=since)

    def tuning(self) -> TuningForm | None:
        """What its tuner chose and advises."""
        return self._get(lambda given: None if given is None else TuningForm.model_validate(given), "/api/tuning")

    def remove_worker(self, worker_id: str, by: str) -> None:
        """Let that worker finish what it serves, and end it."""
        self._ask(dict, f"/api/workers/{quote(worker_id, safe='')}/remove", {"by": by})

    def tick(self) -> None:
        """Decide now."""
        self._ask(dict, "/api/tick", {})

    def _get(self, read: Callable[[Any], T], path: str, **query: Any) -> T:
        given = {name: value for name, value in query.items() if value is not None}
        return self._ask(read, f"{path}?{urlencode(given)}" if given else path)

    def _ask(self, read: Callable[[Any], T], path: str, body: Mapping[str, Any] | None = None) -> T:
        data = None if body is None else json.dumps(body).encode()
        headers = self._headers if body is None else {**self._headers, "Content-Type": "application/json"}
        try:
            with _OPENER.open(Request(self._url + path, data, headers), timeout=PATIENCE) as answer:  # noqa: S310 - ours
                return read(json.loads(answer.read()))
        except HTTPError as error:
            with error:
                raise (_NotFoundError if error.code == HTTPStatus.NOT_FOUND else StateError)(_why(error)) from error
        except ValidationError as error:
            raise StateError(f"the runtime at {self._url} speaks another form: {describe_errors(error)}") from error
        except (OSError, HTTPException, ValueError) as error:
            why = one_line(str(getattr(error, "reason", error))) or type(error).__name__
            raise StateError(f"the runtime at {self._url} doesn't answer as it should: {why}") from error


def _each(form: type[F]) -> Callable[[list[Any]], list[F]]:
    """Reads a list of forms."""
    return lambda given: [form.model_validate(one) for one in given]


class _NotFoundError(StateError):
    """The runtime doesn't have what was asked for."""


@contextmanager
def open_view(directory: Path) -> Iterator[View]:
    """The runtime that runs with the state *directory*, or what the last one has left there.

    Raises:
        StateError: none has ever run there.
    """
    announced = running(directory)
    if announced is not None:
        yield AdminView(announced)
        return
    with usable(directory):
        exists = (directory / "state.db").exists()
    if exists:
        with closing(Store(directory)) as store:
            app = store.last_app()
            if app is not None:
                yield StoreView(store, app)
                return
    raise StateError(f"no app has run with the state directory {directory} yet: everai-autoscaler run FILE")


def _why(error: HTTPError) -> str:
    """Why the runtime refuses, in one line."""
    try:
        return one_line(json.loads(error.read())["error"])
    except (OSError, HTTPException, ValueError, LookupError, TypeError, AttributeError):
        return f"the runtime answers {error.code} {error.reason}"
