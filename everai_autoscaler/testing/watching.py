"""What a policy must not reach for, watched while it decides.

Every call of a C function is seen, in whichever module its name was imported and when: patching ``time.time`` would
miss a module that did ``from time import time`` before.
"""

from __future__ import annotations

import datetime as dt
import gc
import os
import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, TypeAlias

__all__ = ["Forbidden", "a_clock", "a_connection", "a_random_source", "watch"]

Forbidden: TypeAlias = Callable[[Any], str]
"""Gives the name of a C function that may not be called, and nothing for all others."""

_CLOCKS = {
    getattr(time, name): f"time.{name}"
    for base in ("time", "monotonic", "perf_counter", "process_time", "thread_time", "clock_gettime")
    for name in (base, f"{base}_ns")
    if hasattr(time, name)
} | {time.sleep: "time.sleep"}
_SOURCES = {
    getattr(os, name): f"os.{name}" for name in ("urandom", "getrandom") if hasattr(os, name)
}  # the secrets and uuid modules end there
_NETWORK = {"connect", "connect_ex", "sendto", "sendmsg", "bind", "listen", "accept"}
_NAMES = {"getaddrinfo", "gethostbyname", "gethostbyname_ex", "gethostbyaddr", "getnameinfo"}
_LOGGING = {"logging", "structlog"}


def a_clock(called: Any) -> str:
    """The name of *called* where that tells the time, or waits for it."""
    of = getattr(called, "__self__", None)
    if isinstance(of, type) and issubclass(of, dt.date) and called.__name__ in ("now", "today", "utcnow"):
        return f"{of.__name__}.{called.__name__}"
    return _known(_CLOCKS, called)


def a_random_source(called: Any) -> str:
    """The name of *called* where that draws from the source that all share, or from the system's."""
    # A generator that a policy makes from a seed of its own gives the same numbers each time.
    if getattr(called, "__self__", None) is random._inst:  # noqa: SLF001 - it has no other name
        return f"random.{called.__name__}"
    return _known(_SOURCES, called)


def a_connection(called: Any) -> str:
    """The name of *called* where that asks the network."""
    of, name = getattr(called, "__self__", None), getattr(called, "__name__", "")
    if isinstance(of, socket.SocketType) and name in _NETWORK:
        return f"socket.{name}"
    return f"socket.{name}" if getattr(of, "__name__", "") == "_socket" and name in _NAMES else ""


@contextmanager
def watch(forbidden: Forbidden) -> Iterator[list[str]]:
    """Write down who calls what is *forbidden*, and where, in this thread and in those that it starts.

    What a logger does doesn't count: it may stamp what it writes. Nor does the garbage collector, which others ask to
    call them, and which waits meanwhile.
    """
    seen: list[str] = []

    def look(frame: FrameType, event: str, called: Any) -> None:
        if event == "c_call" and (name := forbidden(called)) and not _logs(frame):
            seen.append(f"{name} ({Path(frame.f_code.co_filename).name}:{frame.f_lineno}, {frame.f_code.co_name})")

    before: Any = sys.getprofile()
    of_threads = threading.getprofile()
    collects = gc.isenabled()
    gc.disable()
    threading.setprofile(look)
    sys.setprofile(look)
    try:
        yield seen
    finally:
        # cProfile's own object isn't a function that could be set again.
        before.enable() if hasattr(before, "enable") else sys.setprofile(before)
        if collects:
            gc.enable()
        threading.setprofile(of_threads)


def _known(names: dict[Any, str], called: Any) -> str:
    try:
        return names.get(called, "")
    except TypeError:  # bound to something that has no hash
        return ""


def _logs(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_globals.get("__name__", "").split(".")[0] in _LOGGING:
            return True
        frame = frame.f_back
    return False
