"""The tuner's process beside the loop: it is started again when it ends, and ended when it hangs."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from everai_autoscaler.errors import describe_error
from everai_autoscaler.runtime.plan import Beside
from everai_autoscaler.words import one_line

__all__ = ["Watch"]

FIRST_PAUSE, LONGEST_PAUSE = 1.0, 600.0
"""Seconds until a tuner that ended is started again: the first, and after many in a row."""
WELL_AFTER = 900.0
"""Seconds after which a tuner that ended counts as the first."""
LONGEST_LINE = 1 << 16
"""Bytes."""


class Watch:
    """Runs the tuner's process, for as long as ``run`` does. A decision never waits for it.

    Args:
        beside: what is run.
        log: where what it complains of is written, anew at each start.
        note: is given each line that it says, and what becomes of it.
    """

    def __init__(self, beside: Beside, *, log: Path, note: Callable[[str], None]) -> None:
        self.pid: int | None = None
        """Of the process, while there is one."""
        self.starts = 0
        """How often it was started."""
        self._beside = beside
        self._log = log
        self._note = note

    async def run(self) -> None:
        """Keep the tuner running, until this is cancelled; then it is ended."""
        pause = FIRST_PAUSE
        while True:
            began = time.monotonic()
            why = await self._once()
            if time.monotonic() - began > WELL_AFTER:
                pause = FIRST_PAUSE
            self._note(f"the tuner {why}; decisions go on with what it chose last, it is started again in {pause:g} s")
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    async def _once(self) -> str:
        """Run it once; how that ended."""
        try:
            process = await self._start()
        except OSError as error:
            return f"can't be started: {describe_error(error)}"
        self.pid, self.starts = process.pid, self.starts + 1
        try:
            why = await self._hear(process)
            status = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await asyncio.shield(process.wait())
            self.pid = None
        return why or f"{_ended(status)}{await asyncio.to_thread(_last_line, self._log)}"

    async def _start(self) -> Process:
        log = await asyncio.to_thread(os.open, self._log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            return await asyncio.create_subprocess_exec(
                *self._beside.command,
                stdin=PIPE,
                stdout=PIPE,
                stderr=log,
                env={**os.environ, **self._beside.environment},
                limit=LONGEST_LINE,
                start_new_session=True,  # a Ctrl-C is the runtime's to answer
            )
        finally:
            os.close(log)

    async def _hear(self, process: Process) -> str:
        """Tell what it says, until it ends; why it had to be ended, or nothing."""
        silence = self._beside.silence
        assert process.stdout is not None  # noqa: S101 - it was asked for
        while True:
            try:
                async with asyncio.timeout(silence):
                    line = await process.stdout.readline()
            except TimeoutError:
                process.kill()
                return f"said nothing for {silence:g} s and was ended"
            except ValueError:  # a line without an end is none of ours
                process.kill()
                return f"said more than {LONGEST_LINE} bytes in one line and was ended"
            if not line:
                return ""
            if said := one_line(line.decode("utf-8", "replace").strip()):
                self._note(said)


def _ended(status: int) -> str:
    if status >= 0:
        return f"exited with status {status}"
    with suppress(ValueError):
        return f"was killed by {signal.Signals(-status).name}"
    return f"was killed by signal {-status}"


def _last_line(log: Path) -> str:
    """What it complained of last, as the end of a sentence."""
    with suppress(OSError):
        lines = [line for line in log.read_text("utf-8", "replace").splitlines() if line.strip()]
        if lines:
            return f": {one_line(lines[-1].strip())}"
    return ""
