"""One process of the operating system: how it is made, looked at, found again and ended, with all that it started."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import aiohttp
import psutil
from attrs import frozen

from everai_autoscaler.errors import words_of
from everai_autoscaler.local.spec import Readiness

__all__ = [
    "LONGEST_LOG",
    "Exit",
    "Look",
    "Mark",
    "Process",
    "bound",
    "free_port",
    "last_line",
    "look",
    "marked",
    "sweep",
    "unfit",
]

HERE = "127.0.0.1"
SAME_TIME = 2.0
"""Seconds by which two readings of when one process began may differ: clocks are put right."""
SURE_FOR = 1.0
"""Seconds for which somebody else's child is believed to be the same while its number is in use."""
LONGEST_LOG = 10_000_000
"""Bytes; the end of a worker's log that is longer is put aside, and the log begins anew."""
PORTS = 12_000
"""How many ports below the ephemeral ones are tried."""


@frozen
class Exit:
    """How a process ended."""

    status: int | None
    """As ``subprocess`` has it: below 0, the signal; ``None`` where nobody can know."""

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
    """What the environment of a worker's process says, and so that of all that it starts."""

    worker: str
    """The worker's id."""
    state: str
    """The state directory of the runtime that started it."""
    app: str = ""
    plan: str = ""
    """A digest of how it was started."""

    def environment(self) -> dict[str, str]:
        """The same as environment variables."""
        return {
            "EVERAI_AUTOSCALER_WORKER": self.worker,
            "EVERAI_AUTOSCALER_STATE": self.state,
            "EVERAI_AUTOSCALER_APP": self.app,
            "EVERAI_AUTOSCALER_PLAN": self.plan,
        }

    @classmethod
    def of(cls, process: psutil.Process) -> Mark | None:
        """The mark that *process* carries; ``None`` where it has none, or it can't be read."""
        try:
            found = process.environ()
        except (psutil.Error, OSError):
            return None
        worker, state = found.get("EVERAI_AUTOSCALER_WORKER"), found.get("EVERAI_AUTOSCALER_STATE")
        if not worker or not state:
            return None
        return cls(worker, state, found.get("EVERAI_AUTOSCALER_APP", ""), found.get("EVERAI_AUTOSCALER_PLAN", ""))


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
        """The living process of that number, if it leads a group."""
        try:
            found = psutil.Process(pid)
            if found.status() != psutil.STATUS_ZOMBIE and os.getpgid(pid) == pid:
                return cls(found)
        except (psutil.Error, OSError):
            pass
        return None

    def began_at(self, moment: float | None) -> bool:
        """Whether it is the one that began at *moment* (epoch seconds), not one that has got its number since."""
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
        """Something seems to be wrong with it: let the next ``poll`` look closely."""
        self._sure_until = 0.0

    def is_stopped(self) -> bool:
        """Whether somebody has stopped it (SIGSTOP), so that it does nothing until it is told to go on."""
        try:
            return bool(self._found.status() == psutil.STATUS_STOPPED)
        except psutil.Error:
            return False

    def signal(self, number: signal.Signals) -> None:
        """Send *number* to it and to all that are in its group, also when it is gone itself."""
        if self._is_ours():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def is_deserted(self) -> bool:
        """Whether nobody is left in its group."""
        try:
            os.killpg(self.pid, 0)
        except (ProcessLookupError, PermissionError):
            return True
        # Some system's first process takes seconds to ask for the exits of orphans: those are gone as well.
        return not (self._is_ours() and any(_goes_on(process) for process in self._members()))

    def _members(self) -> Iterator[psutil.Process]:
        for pid in psutil.pids():
            with contextlib.suppress(psutil.Error, OSError):
                if os.getpgid(pid) == self.pid:
                    yield psutil.Process(pid)

    def _is_ours(self) -> bool:
        """Whether the group is still the one that it leads or led, and not one that has got the number since."""
        if self._child is not None and self._exit is None:
            return True  # nobody gets the number before we have asked for the exit
        try:
            return bool(psutil.Process(self.pid) == self._found)
        except psutil.Error:
            return True  # as long as the group has members, its number is given to nobody

    def _lives(self) -> bool:
        try:
            os.kill(self.pid, 0)
        except OSError:
            return False
        now = time.monotonic()
        if now >= self._sure_until:
            self._sure_until = now + SURE_FOR
            return _goes_on(self._found)
        return True


def unfit(command: Sequence[str], *, directory: Path, environment: Mapping[str, str]) -> str:
    """Why *command* can't be started, as far as that can be seen beforehand; empty when it can.

    >>> unfit(["no-such-program"], directory=Path(), environment={})
    'there is no program no-such-program'
    >>> unfit(["/bin/sh"], directory=Path("nowhere"), environment={})
    'there is no directory nowhere'
    """
    program = command[0]
    if not directory.is_dir():
        return f"there is no directory {directory}"
    place = str(directory / program) if os.sep in program else program
    if shutil.which(place, path=environment.get("PATH")) is None:
        return f"there is no program {program}"
    return ""


def marked(state: str) -> dict[psutil.Process, Mark]:
    """The living processes that a runtime of that *state* directory has started, and all that those started.

    Looks at each process of the machine: it is for a thread.
    """
    found = {}
    for process in psutil.process_iter():
        mark = Mark.of(process)
        if mark is not None and mark.state == state and process.pid != os.getpid() and _goes_on(process):
            found[process] = mark
    return found


def _goes_on(process: psutil.Process) -> bool:
    """Whether *process* is there, and more than what its parent hasn't asked for yet."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def sweep(state: str, wanted: Callable[[str], bool], *, grace: float = 0.0, rounds: int = 20) -> Counter[str]:
    """Kill all that workers of that *state* directory have left; how many, for each worker whose id is *wanted*.

    They are asked to go first, where they have *grace* seconds. Looks again until nobody is left, at most so many
    *rounds*. It is for a thread.
    """
    if grace:
        until = time.monotonic() + grace
        asked = [process for process, mark in marked(state).items() if wanted(mark.worker)]
        for process in asked:
            with contextlib.suppress(psutil.Error):
                process.terminate()
        while any(map(_goes_on, asked)) and time.monotonic() < until:
            time.sleep(0.02)
    killed: dict[psutil.Process, str] = {}
    for turn in range(rounds):
        left = {process: mark.worker for process, mark in marked(state).items() if wanted(mark.worker)}
        if not left:
            break
        for process in left:
            with contextlib.suppress(psutil.Error):
                process.kill()  # looks whether the number is still the same process's
        killed |= left
        time.sleep(0.01 * (turn + 1))
    return Counter(killed.values())


@frozen
class Look:
    """What was seen of a worker's readiness."""

    why: str = ""
    """Why it isn't ready; empty when it is."""
    refused: bool = False
    """It takes no connection."""
    slow: bool = False
    """It didn't answer in time."""

    def __bool__(self) -> bool:
        return not self.why


async def look(session: aiohttp.ClientSession, port: int, readiness: Readiness) -> Look:
    """Whether the worker that listens at *port* is ready."""
    try:
        async with asyncio.timeout(readiness.timeout):
            if readiness.path is None:
                _, writer = await asyncio.open_connection(HERE, port)
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
                return Look()
            url = f"http://{HERE}:{port}{readiness.path}"
            async with session.get(url, allow_redirects=False) as answer:
                return Look() if answer.status < 400 else Look(f"{readiness.path} answers {answer.status}")
    except TimeoutError:
        return Look(f"no answer within {readiness.timeout:g} s", slow=True)
    except (aiohttp.ClientConnectorError, ConnectionRefusedError):
        return Look(f"nothing listens on port {port}", refused=True)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Look(f"{readiness.path or 'the connection'} gives no answer: {words_of(error)[:120]}")


def free_port(taken: Callable[[int], bool]) -> int:
    """A port on which nobody listens, below those that the system gives to connections; not one that is *taken*.

    Raises:
        OSError: none is free.
    """
    first = _first_ephemeral()
    lowest = max(1024, first - PORTS)
    start = int.from_bytes(os.urandom(4), "big")
    for step in range(first - lowest):
        port = lowest + (start + step * 7919) % (first - lowest)
        if taken(port):
            continue
        with socket.socket() as trial:
            try:
                trial.bind((HERE, port))
            except OSError:
                continue
            return port
    raise OSError(f"no port from {lowest} to {first - 1} is free")


def bound(log: Path, *, longest: int = LONGEST_LOG) -> bool:
    """Put aside the end of a *log* that has more than so many bytes, and begin it anew; whether it had to be.

    Whoever writes it goes on writing. What is written in between is lost.
    """
    try:
        size = log.stat().st_size
        if size <= longest:
            return False
        aside = log.with_name(f"{log.name}.1")
        try:
            _copy_end(log, aside, longest)
        except OSError:
            aside.unlink(missing_ok=True)  # the disk is full, perhaps because of it
        os.truncate(log, 0)
    except OSError:
        return False
    return True


def last_line(log: Path) -> str:
    """The last line of *log* that says something, shortened; empty when there is none."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - 2048))
            lines = file.read().decode("utf-8", "replace").split("\n")
    except OSError:
        return ""
    said = next((line for line in reversed(lines) if line.strip()), "")
    words = "".join(letter if letter.isprintable() else " " for letter in said).split()
    text = " ".join(words)
    return text if len(text) <= 160 else f"{text[:159]}…"


def _copy_end(source: Path, target: Path, most: int) -> None:
    with source.open("rb") as read, target.open("wb") as written:
        target.chmod(0o600)
        read.seek(-most, os.SEEK_END)
        left = most
        while left and (block := read.read(min(left, 1 << 20))):
            written.write(block)
            left -= len(block)


def _first_ephemeral() -> int:
    # A connection to a port among the ephemeral ones can meet itself, and look as if somebody listened there.
    try:
        first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text("ascii").split()[0])
    except (OSError, ValueError, IndexError):
        first = 32768
    return first if first > 1024 + PORTS else 32768
