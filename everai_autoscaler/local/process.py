"""One process of the operating system: how it is made, watched, found again and ended, with all that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path

import psutil
from attrs import asdict, fields, frozen

__all__ = ["Exit", "Mark", "Process", "marked", "sweep"]

SAME_TIME = 2.0
"""Seconds by which two readings of when one process began may differ, since clocks are corrected."""
SURE_FOR = 1.0
"""Seconds for which a process that isn't our child is believed to live as long as its pid is in use."""


@frozen
class Exit:
    """How a process ended."""

    status: int | None
    """As in ``subprocess``: below 0, the signal; ``None`` where it can't be known."""

    def __str__(self) -> str:
        """What it did, as the end of a sentence.

        >>> print(Exit(3), Exit(-9), Exit(None), sep="; ")
        exited with status 3; was killed by SIGKILL; ended
        """
        if self.status is None:
            return "ended"
        if self.status >= 0:
            return f"exited with status {self.status}"
        try:
            return f"was killed by {signal.Signals(-self.status).name}"
        except ValueError:
            return f"was killed by signal {-self.status}"


@frozen
class Mark:
    """What the environment of a worker's process says, and so that of every process that it starts."""

    worker: str
    """The worker's id."""
    state: str
    """The state directory of the runtime that started it."""
    app: str = ""
    plan: str = ""
    """A digest of how it was started."""

    def environment(self) -> dict[str, str]:
        """The same as environment variables.

        >>> Mark("w1", "/state").environment()["EVERAI_AUTOSCALER_WORKER"]
        'w1'
        """
        return {_variable(name): value for name, value in asdict(self).items()}

    @classmethod
    def of(cls, process: psutil.Process) -> Mark | None:
        """The mark that *process* carries; ``None`` where it has none, or it can't be read."""
        try:
            environment = process.environ()
        except (psutil.Error, OSError):
            return None
        mark = cls(*(environment.get(_variable(field.name), "") for field in fields(cls)))
        return mark if mark.worker and mark.state else None


class Process:
    """A process that leads a session and a process group of its own: our child, or one whose parent is gone."""

    def __init__(self, found: psutil.Process, child: subprocess.Popen[bytes] | None = None) -> None:
        self.pid: int = found.pid
        self.created_at: float = found.create_time()
        """When it began (epoch seconds), as the system has it."""
        self._found = found
        self._child = child
        self._exit: Exit | None = None
        self._sure_until = 0.0

    @classmethod
    def spawn(
        cls, command: Sequence[str], *, directory: Path, environment: Mapping[str, str], log: Path | None
    ) -> Process:
        """Start *command*; what it prints is appended to *log*, where there is one. Takes some milliseconds.

        Raises:
            OSError: the program or the directory isn't there, or can't be used.
        """
        # Appended to, so that the log can be cut while it is being written.
        output = os.open(os.devnull if log is None else log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            child = subprocess.Popen(  # noqa: S603 - to run the user's command is what it is for
                command,
                cwd=directory,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        finally:
            os.close(output)
        return cls(psutil.Process(child.pid), child)

    @classmethod
    def find(cls, pid: int) -> Process | None:
        """The living process with that *pid*, if it leads a group."""
        try:
            found = psutil.Process(pid)
            if found.status() != psutil.STATUS_ZOMBIE and os.getpgid(pid) == pid:
                return cls(found)
        except (psutil.Error, OSError):
            pass
        return None

    def began_at(self, moment: float | None) -> bool:
        """Whether it is the one that began at *moment* (epoch seconds), not one that was given its pid since."""
        return moment is not None and abs(self.created_at - moment) < SAME_TIME

    @property
    def mark(self) -> Mark | None:
        """The mark that it carries."""
        return Mark.of(self._found)

    def poll(self) -> Exit | None:
        """How it ended; ``None`` while it lives. Costs next to nothing."""
        if self._exit is not None:
            return self._exit
        if self._child is not None:
            status = self._child.poll()
            self._exit = None if status is None else Exit(status)
        elif not self._lives():
            self._exit = Exit(None)
        return self._exit

    def doubt(self) -> None:
        """Something may be wrong with it: the next ``poll`` asks the system again."""
        self._sure_until = 0.0

    def is_stopped(self) -> bool:
        """Whether it was stopped (SIGSTOP), and so does nothing until it is continued."""
        try:
            return bool(self._found.status() == psutil.STATUS_STOPPED)
        except psutil.Error:
            return False

    def signal(self, number: signal.Signals) -> None:
        """Send *number* to every process of its group, also when it is gone itself."""
        if self._is_ours():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def is_deserted(self) -> bool:
        """Whether no process is left in its group."""
        try:
            os.killpg(self.pid, 0)
        except (ProcessLookupError, PermissionError):
            return True
        # The first process of some systems takes seconds to collect exited orphans: those are gone as well.
        return not (self._is_ours() and any(_is_alive(process) for process in self._members()))

    def _members(self) -> Iterator[psutil.Process]:
        for pid in psutil.pids():
            with contextlib.suppress(psutil.Error, OSError):
                if os.getpgid(pid) == self.pid:
                    yield psutil.Process(pid)

    def _is_ours(self) -> bool:
        """Whether the group is still the one that it leads or led, and not one that was given its pid since."""
        if self._child is not None and self._exit is None:
            return True  # a pid isn't given again before its parent has asked for the exit
        try:
            return bool(psutil.Process(self.pid) == self._found)
        except psutil.Error:
            return True  # a pid isn't given again while its group has members

    def _lives(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except OSError:
            return False
        now = time.monotonic()
        if now >= self._sure_until:
            self._sure_until = now + SURE_FOR
            return _is_alive(self._found)
        return True


def marked(state: str) -> dict[psutil.Process, Mark]:
    """The living processes that a runtime of that *state* directory has started, and all that those started.

    Reads each process of the machine: it is for a thread.
    """
    found = {}
    for process in psutil.process_iter():
        mark = Mark.of(process)
        if mark is not None and mark.state == state and process.pid != os.getpid() and _is_alive(process):
            found[process] = mark
    return found


def sweep(state: str, workers: Container[str] | None = None, *, grace: float = 0.0, rounds: int = 20) -> Counter[str]:
    """Kill what those *workers* of that *state* directory have left, or all of them; how many processes, for each.

    Where they have *grace* seconds, they get SIGTERM first. Repeats until none is left, at most so many *rounds*. It
    is for a thread.
    """
    if grace:
        until = time.monotonic() + grace
        asked = list(_left(state, workers))
        for process in asked:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        while any(map(_is_alive, asked)) and time.monotonic() < until:
            time.sleep(0.02)
    killed: dict[psutil.Process, str] = {}
    for turn in range(rounds):
        left = _left(state, workers)
        if not left:
            break
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()  # checks whether the pid is still the same process's
        killed |= left
        time.sleep(0.01 * (turn + 1))
    return Counter(killed.values())


def _left(state: str, workers: Container[str] | None) -> dict[psutil.Process, str]:
    return {
        process: mark.worker for process, mark in marked(state).items() if workers is None or mark.worker in workers
    }


def _variable(field: str) -> str:
    return f"EVERAI_AUTOSCALER_{field.upper()}"


def _is_alive(process: psutil.Process) -> bool:
    """Whether *process* exists, and is more than an exit status that its parent hasn't asked for yet."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False
