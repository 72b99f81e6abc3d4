"""What the runtime is to run, and how."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from attrs import field, frozen

from everai_autoscaler.engine import Engine, Host
from everai_autoscaler.model import AutoScaler

__all__ = ["Beside", "MakeScaler", "Plan"]


class MakeScaler(Protocol):
    """Makes the pipeline that decides, given what the runtime has for it."""

    def __call__(
        self,
        *,
        providers: Mapping[str, Callable[[str, str], str]],
        memory: Any,
    ) -> AutoScaler:
        """The pipeline; what it then remembers is its ``memory``."""


@frozen(kw_only=True)
class Beside:
    """The tuner that runs beside the loop, in a process of its own."""

    command: Sequence[str]
    """The program and its arguments. It says a line for each thing that an operator would want to read, an empty one
    when there is nothing to say, and ends when its standard input does."""
    records: int
    """Requests that the ring has, which it reads."""
    silence: float
    """Seconds without a line after which it hangs, and is ended."""
    environment: Mapping[str, str] = field(factory=dict)
    """In addition to the runtime's own."""


@frozen(kw_only=True)
class Plan:
    """What is to be run, and how."""

    app: str
    """The app's name."""
    scaler: str
    """The policy's name."""
    make_scaler: MakeScaler
    make_engine: Callable[[Host], Engine]
    """Makes what has the workers, given what the runtime offers to it."""
    host: str = "127.0.0.1"
    """The address on which the admin side listens."""
    admin_port: int = 8081
    """Its port; 0 for any free one."""
    interval: float = 20.0
    """Seconds between two decisions."""
    dry_run: bool = False
    """Decide and show, and apply nothing."""
    token: str | None = None
    """What a visitor of the admin side has to know; ``None`` on the loopback interface."""
    beside: Beside | None = None
    """The tuner; ``None`` where nothing is tuned."""
