"""Work on several cores: jobs in processes of their own, results in the order of the jobs."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from everai_autoscaler.errors import AutoscalerError, ContractError

__all__ = ["Spread", "cores"]

Job = TypeVar("Job")
Result = TypeVar("Result")

_WORTH_IT = 2.0
"""Seconds of work left from which on starting processes pays."""


def cores(processes: int) -> int:
    """How many *processes* are meant: as many as this machine has cores for this process where it says 0.

    >>> cores(3)
    3

    Raises:
        ContractError: a number below 0.
    """
    if processes < 0:
        raise ContractError(f"processes: {processes} is not a whole number of at least 0, where 0 means all cores")
    if processes:
        return processes
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Spread(Generic[Job, Result]):
    """Does jobs with *work*, a function of a module, on up to so many *processes*.

    Each process gets what all jobs *share* once. Little work is done here, without any further process; so is work on
    what can't be sent to one.

    >>> with Spread(pow, 2) as spread:
    ...     spread.do([3, 1, 10])
    [8, 2, 1024]
    """

    def __init__(self, work: Callable[[Any, Job], Result], share: Any, *, processes: int = 1) -> None:
        self._work = work
        self._share = share
        self._processes = cores(processes)
        self._pool: ProcessPoolExecutor | None = None
        self._others = set(multiprocessing.active_children())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._pool is None:
            return
        if kind is not None:  # nobody waits for the jobs that are under way
            for process in set(multiprocessing.active_children()) - self._others:
                process.terminate()
        self._pool.shutdown(wait=kind is None, cancel_futures=True)

    def do(self, jobs: Sequence[Job], *, more: int = 0, done: Callable[[int], None] | None = None) -> list[Result]:
        """The result of each of *jobs*, in their order, whichever was finished first.

        Args:
            jobs: what is to be done.
            more: how many jobs are expected after these.
            done: is told, after each job, how many have been done.

        Raises:
            AutoscalerError: a process ended before its work did.
        """
        results: list[Result] = []
        began = time.perf_counter()
        while len(results) < len(jobs):
            left = len(jobs) - len(results)
            if results and self._pool is None and self._processes > 1 and left > 1:
                each = (time.perf_counter() - began) / len(results)
                if each * (left + more) > _WORTH_IT:
                    self._pool = self._started()
            if self._pool is not None:
                return results + self._elsewhere(self._pool, jobs[len(results) :], len(results), done)
            results.append(self._work(self._share, jobs[len(results)]))
            if done is not None:
                done(len(results))
        return results

    def _started(self) -> ProcessPoolExecutor | None:
        try:
            sent = pickle.dumps((self._work, self._share))
        except (pickle.PicklingError, TypeError, AttributeError):
            self._processes = 1
            return None
        # Spawned on every system: a fork would copy the threads of the solver and of pictures in an unknown state.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._processes, mp_context=context, initializer=_begin, initargs=(sent,))

    @staticmethod
    def _elsewhere(
        pool: ProcessPoolExecutor, jobs: Sequence[Job], before: int, done: Callable[[int], None] | None
    ) -> list[Result]:
        with _uninterrupted():  # a process is started when it is given its first job
            futures: list[Future[Result]] = [pool.submit(_do, job) for job in jobs]
        left, told = set(futures), before
        try:
            while left:
                finished, left = wait(left, return_when="FIRST_COMPLETED")
                told += len(finished)
                for future in finished:
                    future.result()
                if done is not None:
                    done(told)
            return [future.result() for future in futures]
        except BrokenProcessPool as error:
            raise AutoscalerError(
                "a process that simulated ended before its work did: out of memory, perhaps; try --processes 1"
            ) from error


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Processes that are started meanwhile are never interrupted from the keyboard; this one is afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_begun: tuple[Callable[[Any, Any], Any], Any] | None = None


def _begin(sent: bytes) -> None:
    global _begun  # noqa: PLW0603 - a process of the pool has one piece of work
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # an interrupt is the parent's to answer
    _begun = pickle.loads(sent)  # noqa: S301 - from the parent


def _do(job: Any) -> Any:
    assert _begun is not None  # noqa: S101 - the initializer has run
    work, share = _begun
    return work(share, job)
