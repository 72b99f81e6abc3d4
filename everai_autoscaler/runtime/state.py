"""The state directory: where it is, and who runs in it."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from filelock import FileLock, Timeout

from everai_autoscaler.errors import StateError

__all__ = ["VARIABLE", "Claim", "default_directory", "running"]

VARIABLE = "EVERAI_AUTOSCALER_STATE"
_WHO, _LOCK = "runtime.json", "runtime.lock"


def default_directory() -> Path:
    """The directory that ``EVERAI_AUTOSCALER_STATE`` names, else ours where the system keeps state."""
    if said := os.environ.get(VARIABLE):
        return Path(said)
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "everai-autoscaler"


class Claim:
    """One runtime's claim to a state directory, while it is entered.

    Raises:
        StateError: another runtime has it.
    """

    def __init__(self, directory: Path, app: str) -> None:
        self._directory = directory
        self._app = app
        self._lock = FileLock(directory / _LOCK, mode=0o600)

    def __enter__(self) -> Self:
        try:
            self._lock.acquire(timeout=0)
        except Timeout:
            raise StateError(
                f"another runtime runs in {self._directory}: {_who(self._directory)}; give another --state-dir"
            ) from None
        except OSError as error:
            raise StateError(f"state directory {self._directory}: can't be used: {error.strerror}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            (self._directory / _WHO).unlink(missing_ok=True)
        finally:
            self._lock.release()

    def announce(self, *, app_url: str, admin_url: str, token: str | None) -> None:
        """Tell whoever looks here where the app and its admin side are.

        Raises:
            StateError: it can't be written.
        """
        who = {
            "app": self._app,
            "pid": os.getpid(),
            "app_url": app_url,
            "admin_url": admin_url,
            "token": token,
            "started_at": time.time(),
        }
        path, new = self._directory / _WHO, self._directory / f"{_WHO}.new"
        try:
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
                json.dump(who, file)
            new.replace(path)
        except OSError as error:
            raise StateError(f"state directory {self._directory}: can't be written: {error.strerror}") from error


def running(directory: Path) -> dict[str, Any] | None:
    """Who runs in *directory*; ``None`` when nobody does, whatever one that was killed has left there."""
    if not (directory / _LOCK).exists():
        return None
    lock = FileLock(directory / _LOCK, mode=0o600)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return _read(directory)
    except OSError:
        return None
    lock.release()
    return None


def _who(directory: Path) -> str:
    found = _read(directory)
    if found is None:
        return "it is just starting"
    since = time.strftime("%Y-%m-%dT%H:%M:%S+0000", time.gmtime(found["started_at"]))
    return f"app {found['app']!r}, pid {found['pid']}, since {since}"


def _read(directory: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads((directory / _WHO).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found
