"""Health checks: whether a worker is ready, still answers, and still runs."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable

import aiohttp
from attrs import define, field, frozen

from everai_autoscaler.errors import words_of
from everai_autoscaler.local.process import Process
from everai_autoscaler.local.roster import Life, Roster
from everai_autoscaler.local.spec import Readiness
from everai_autoscaler.local.worker import LocalWorker
from everai_autoscaler.words import counted

__all__ = ["Health", "HealthChecks", "check_health"]

STOP_CHECK_EVERY = 2.0
"""Seconds between two checks whether a process is stopped."""
SOONEST, LATEST = 0.05, 1.0
"""Seconds between two health checks of a starting worker: a tenth of the time since its start, within these."""
RETRY_AFTER = 1.0
"""Seconds until a worker that failed a health check at once is checked again."""


@frozen
class Health:
    """What a health check found."""

    why: str = ""
    """Why the worker isn't ready; empty when it is."""
    refused: bool = False
    """It takes no connection."""
    slow: bool = False
    """It didn't answer in time."""

    def __bool__(self) -> bool:
        return not self.why


async def check_health(session: aiohttp.ClientSession, host: str, port: int, readiness: Readiness) -> Health:
    """Whether the worker that listens there is ready."""
    try:
        async with asyncio.timeout(readiness.timeout):
            if readiness.path is None:
                _, writer = await asyncio.open_connection(host, port)
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
                return Health()
            url = f"http://{host}:{port}{readiness.path}"
            async with session.get(url, allow_redirects=False) as answer:
                return Health() if answer.status < 400 else Health(f"{readiness.path} answers {answer.status}")
    except TimeoutError:
        return Health(f"no answer within {readiness.timeout:g} s", slow=True)
    except (aiohttp.ClientConnectorError, ConnectionRefusedError):
        return Health(f"nothing listens on port {port}", refused=True)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Health(f"{readiness.path or 'the connection'} gives no answer: {words_of(error)[:120]}")


@define(eq=False)
class HealthChecks:
    """Checks the workers of a roster: often until they are ready, and at intervals while they are free."""

    _readiness: Readiness
    _roster: Roster
    _ready: Callable[[Life], None]
    """Is called with a worker that is ready for the first time."""
    _hung: Callable[[Life, str], None]
    """Is called with a worker that is hung, and why."""
    _ended: Callable[[Life], None]
    """Is called with a worker whose process has ended."""
    _session: aiohttp.ClientSession | None = field(default=None, init=False)

    async def close(self) -> None:
        """Check nothing more."""
        if self._session is not None:
            await self._session.close()

    async def check(self, worker: LocalWorker) -> Health:
        """Whether *worker* is ready."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True, limit=0),
                headers={"User-Agent": "everai-autoscaler"},
                cookie_jar=aiohttp.DummyCookieJar(),
            )
        return await check_health(self._session, worker.host, worker.port, self._readiness)

    def schedule(self, life: Life) -> None:
        """Check a worker that has just become ready, or is taken over as such, within an interval."""
        # Workers that were started together aren't all checked together.
        life.check_at = time.monotonic() + self._readiness.interval * random.uniform(0.5, 1)  # noqa: S311

    def attend(self, life: Life, process: Process, now: float) -> None:
        """Check that worker if this is due. A busy one may be unable to answer: only trouble with it is a reason."""
        if now >= life.check_at and life.check is None and (life.suspected or not life.worker.serving):
            life.check = self._roster.run(self._check(life, process))

    def attend_stopped(self, life: Life, process: Process, now: float) -> None:
        """Check, if this is due, whether the *process* of that worker is stopped for too long."""
        timeout = self._readiness.timeout
        if now < life.stop_check_at:
            return
        life.stop_check_at = now + min(STOP_CHECK_EVERY, timeout / 2)
        if not process.is_stopped():
            life.stopped_since = None
        elif life.stopped_since is None:
            life.stopped_since = now
        elif now - life.stopped_since >= timeout:
            self._hung(life, f"somebody has stopped its process (SIGSTOP) for more than {timeout:g} s")

    async def _check(self, life: Life, process: Process) -> None:
        worker, touched, suspected = life.worker, life.worker.touched, life.suspected
        life.suspected = False
        try:
            health = await self.check(worker)
        finally:
            life.check = None
        now = time.monotonic()
        if worker.worker_id not in self._roster.lives or worker.draining_at is not None:
            return
        if not health:
            process.doubt()
        if process.poll() is not None:
            self._ended(life)
        elif worker.ready_at is None:
            life.not_ready = health.why
            life.check_at = now + min(LATEST, max(SOONEST, (now - life.begun) / 10))
            if health:
                self.schedule(life)
                self._ready(life)
        else:
            life.check_at = now if life.suspected else now + self._readiness.interval
            if health:
                self._passed(life)
            elif (
                health.refused or (not health.slow and suspected) or (not worker.serving and worker.touched == touched)
            ):
                # Otherwise the worker may have been given a request meanwhile, and be too busy to answer.
                self._failed(life, health, now)

    def _passed(self, life: Life) -> None:
        life.failures = 0
        if life.unhealthy:
            life.unhealthy = False
            self._roster.note(f"worker {life.worker.worker_id} answers again")
            self._roster.dispatcher.add(life.worker)
            self._roster.ready(life.worker)

    def _failed(self, life: Life, health: Health, now: float) -> None:
        life.failures += 1
        if life.failures >= self._readiness.failures:
            self._hung(life, f"{counted(life.failures, 'look')} failed, the last since {health.why}")
            return
        if not health.slow:
            life.check_at = now + min(RETRY_AFTER, self._readiness.interval)
        if not life.unhealthy:
            # Passed on to the worker, requests would come back, or wait for one that may be hung.
            life.unhealthy = True
            worker_id = life.worker.worker_id
            self._roster.note(f"worker {worker_id} isn't well, and gets no requests until it is: {health.why}")
            self._roster.dispatcher.withdraw(life.worker)
            self._roster.changed()
