"""What the requests of one router share: the workers with their queue and connections, and what hears of events."""

from __future__ import annotations

import time
from collections.abc import Callable

from attrs import define, field

from everai_autoscaler.router.metrics import RequestMetrics
from everai_autoscaler.router.pool import Pool
from everai_autoscaler.router.settings import Settings
from everai_autoscaler.router.worker import ListeningWorker
from everai_autoscaler.serving.dispatcher import Dispatcher

__all__ = ["Upstream"]


@define(kw_only=True)
class Upstream:
    """The workers behind a router, as its requests see them."""

    settings: Settings
    dispatcher: Dispatcher[ListeningWorker]
    trouble: Callable[[ListeningWorker, str], None]
    """Called with a worker that failed a request, and what it did."""
    metrics: RequestMetrics
    changed: Callable[[], None]
    """Called when the queue or what is served has changed."""
    wanted: Callable[[], None]
    """Called when a request waits and there is no worker at all."""
    came: Callable[[float], None] = lambda _arrived: None
    """Called with when a request came."""
    served: Callable[[float, float | None, float], None] = lambda _arrived, _began, _ended: None
    """Called with each request that is over: when it came, when a worker took it (``None`` where none ever did), and
    when it ended, which is infinite where it was turned away at once."""
    clock: Callable[[], float] = time.time
    """Epoch seconds."""
    pool: Pool = field(factory=Pool, init=False)
    stopping: bool = field(default=False, init=False)
    """Whether new requests are refused."""
