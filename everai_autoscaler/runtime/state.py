"""The state directory: where it is, and which runtime runs in it."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from everai_autoscaler.errors import StateError
from everai_autoscaler.words import moment

__all__ = ["VARIABLE", "Claim", "at_home", "default_directory", "make_directory", "running", "usable"]

VARIABLE = "EVERAI_AUTOSCALER_STATE"
_ANNOUNCEMENT, _LOCK = "runtime.json", "runtime.lock"
_TRIES, _PAUSE = 10, 0.05
"""``running`` holds the lock for a moment: so often a claim tries to take it, with so many seconds between."""


def default_directory() -> Path:
    """The directory that ``EVERAI_AUTOSCALER_STATE`` names, else ours where the system keeps state.

    Raises:
        StateError: there is no home directory where it could be.
    """
    if said := os.environ.get(VARIABLE):
        return at_home(Path(said))
    state = Path(os.environ.get("XDG_STATE_HOME", ""))
    if not state.is_absolute():  # XDG says that a relative one is to be ignored
        try:
            state = Path.home() / ".local" / "state"
        except RuntimeError:
            raise StateError(
                f"there is no home directory to keep state in: give --state-dir, or set {VARIABLE}"
            ) from None
    return state / "everai-autoscaler"


def at_home(directory: Path) -> Path:
    """*directory*, with a ``~`` at its beginning expanded, as a shell does."""
    try:
        return directory.expanduser()
    except RuntimeError:  # there is no such home: a shell leaves the ~ as it is
        return directory


def make_directory(directory: Path) -> None:
    """Make *directory*, into which no other user may look; one that is there stays as it is.

    Raises:
        StateError: it can't be made, or is no directory.
    """
    with usable(directory):
        if not directory.is_dir():
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            directory.chmod(0o700)  # whatever the umask has taken


class Claim:
    """One runtime's claim to a state directory, while it is entered; it ends with the process, however that ends.

    Raises:
        StateError: another runtime has it, or the directory can't be used.
    """

    def __init__(self, directory: Path, app: str) -> None:
        self._directory = directory
        self._app = app

    def __enter__(self) -> Self:
        make_directory(self._directory)
        with usable(self._directory):
            self._lock = os.open(self._directory / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                self._take()
                # A runtime that was killed has left it.
                (self._directory / _ANNOUNCEMENT).unlink(missing_ok=True)
            except BaseException:
                os.close(self._lock)
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # where it can't be removed, it says nothing without the lock
            (self._directory / _ANNOUNCEMENT).unlink(missing_ok=True)
        os.close(self._lock)

    def announce(self, *, app_url: str, admin_url: str, token: str | None) -> None:
        """Write where the app and its admin side are, for the commands.

        Raises:
            StateError: it can't be written.
        """
        announced = {
            "app": self._app,
            "pid": os.getpid(),
            "app_url": app_url,
            "admin_url": admin_url,
            "token": token,
            "started_at": time.time(),
        }
        path, new = self._directory / _ANNOUNCEMENT, self._directory / f"{_ANNOUNCEMENT}.new"
        with usable(self._directory):
            new.unlink(missing_ok=True)
            with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
                json.dump(announced, file)
            new.replace(path)

    def _take(self) -> None:
        for _ in range(_TRIES):
            if _locked(self._lock, fcntl.LOCK_EX):
                return
            time.sleep(_PAUSE)
        raise StateError(
            f"another runtime runs in {self._directory}: {_described(_read(self._directory))}; give another --state-dir"
        )


def running(directory: Path) -> dict[str, Any] | None:
    """What the runtime that runs in *directory* has announced; ``None`` when none runs, or it is just starting."""
    with suppress(OSError):
        lock = os.open(directory / _LOCK, os.O_RDONLY)
        try:
            # Shared, so that two commands that look don't take each other for a runtime.
            return None if _locked(lock, fcntl.LOCK_SH) else _read(directory)
        finally:
            os.close(lock)
    return None


@contextmanager
def usable(directory: Path) -> Iterator[None]:
    """Turn what the system says against *directory* into a StateError of one line."""
    try:
        yield
    except FileExistsError as error:
        raise StateError(f"state directory {directory}: is not a directory") from error
    except OSError as error:
        raise StateError(f"state directory {directory}: can't be used: {error.strerror or error}") from error


def _locked(lock: int, how: int) -> bool:
    """Whether the open file *lock* could be locked."""
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read(directory: Path) -> dict[str, Any] | None:
    try:
        found = json.loads((directory / _ANNOUNCEMENT).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def _described(announced: dict[str, Any] | None) -> str:
    if announced is None:
        return "it is just starting"
    return f"app {announced['app']!r}, pid {announced['pid']}, since {moment(announced['started_at'])}"
