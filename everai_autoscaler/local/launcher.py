"""How a worker's process is started: its command, environment, directory, log and port."""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import socket
import sys
from collections.abc import Container
from contextlib import suppress
from pathlib import Path

from everai_autoscaler.errors import words_of
from everai_autoscaler.local.logs import Logs
from everai_autoscaler.local.process import Mark, Process
from everai_autoscaler.local.spec import Local
from everai_autoscaler.local.worker import LocalWorker

__all__ = ["Launcher", "free_port", "unfit"]

PORTS = 12_000
"""How many ports below the ephemeral ones are tried."""


class Launcher:
    """Starts processes for workers of one app."""

    def __init__(self, local: Local, *, home: Path, state: Path, app: str) -> None:
        self.state = str(state.resolve())
        self.logs = Logs(state / "logs")
        self._local = local
        self._app = app
        self._directory = (home / local.directory).resolve()
        how = json.dumps([local.command, str(self._directory), sorted(local.env.items())])
        self.plan = hashlib.sha256(how.encode()).hexdigest()[:16]
        """Differs between workers that are started in different ways."""

    def launch(self, worker: LocalWorker) -> Process:
        """Start the process of *worker*. It is for a thread.

        Raises:
            OSError: it can't be started.
        """
        mark = Mark(worker.worker_id, self.state, self._app, self.plan)
        return Process.spawn(
            [
                word.replace("{python}", sys.executable).replace("{port}", str(worker.port))
                for word in self._local.command
            ],
            directory=self._directory,
            environment={**os.environ, **self._local.env, "PORT": str(worker.port), **mark.environment()},
            log=self.logs.create(worker.worker_id),
        )

    def describe(self, error: Exception) -> str:
        """Why a process couldn't be started, in one line."""
        if isinstance(error, FileNotFoundError | NotADirectoryError | PermissionError) and error.filename is not None:
            what = "program" if str(error.filename) == self._local.command[0] else "directory"
            if isinstance(error, PermissionError):
                return f"the {what} {error.filename} may not be used"
            return f"there is no {what} {error.filename}"
        return words_of(error)


def unfit(local: Local, *, home: Path) -> str:
    """Why no worker can be started, as far as that can be known beforehand; empty when one can.

    >>> unfit(Local(command="no-such-program"), home=Path())
    'there is no program no-such-program'
    >>> unfit(Local(command="/bin/sh", directory="nowhere"), home=Path())
    'there is no directory nowhere'
    """
    program, directory = local.command[0].replace("{python}", sys.executable), home / local.directory
    if not directory.is_dir():
        return f"there is no directory {directory}"
    place = str(directory / program) if os.sep in program else program
    if shutil.which(place, path={**os.environ, **local.env}.get("PATH")) is None:
        return f"there is no program {program}"
    return ""


def free_port(taken: Container[int] = ()) -> int:
    """A port on which nothing listens, below those that the system gives to connections, and not a *taken* one.

    Raises:
        OSError: none is free.
    """
    first = _first_ephemeral()
    lowest = max(1024, first - PORTS)
    number = first - lowest
    start = random.randrange(number) if number else 0  # noqa: S311
    for step in range(number):
        port = lowest + (start + step * 7919) % number  # a prime, so that each port comes once
        if port not in taken:
            with socket.socket() as trial, suppress(OSError):
                trial.bind(("127.0.0.1", port))
                return port
    raise OSError(f"no port from {lowest} to {first - 1} is free")


def _first_ephemeral() -> int:
    # A connection to a port among the ephemeral ones can meet itself, and look as if something listened there.
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split()[0])
    except (OSError, ValueError, IndexError):
        first = 32768
    return first if first > 1024 + PORTS else 32768
