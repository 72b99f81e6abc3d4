"""How far a command is that takes long, at a terminal."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

import click

__all__ = ["Progress"]

_PATIENCE = 2.0
"""Seconds after which it is shown."""
_WIDTH = 24


class Progress:
    """Shows on standard error, where that is a terminal, how much is done of *what* takes longer than two seconds.

    Args:
        what: what is being done, as in "of the load".
        beside: standard output is written meanwhile: where that is a terminal, nothing is shown between its lines.
    """

    def __init__(self, what: str, *, beside: bool = False) -> None:
        self._what = what
        self._hidden = not sys.stderr.isatty() or (beside and sys.stdout.isatty())
        self._began = time.monotonic()
        self._shown = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.forget()

    def tell(self, share: float) -> None:
        """Show that this *share* is done, 0 to 1."""
        if self._hidden or time.monotonic() - self._began < _PATIENCE:
            return
        done = min(1.0, max(0.0, share))
        filled = round(done * _WIDTH)
        line = f"\r{'#' * filled}{'.' * (_WIDTH - filled)} {done:4.0%} {self._what}"
        if line != self._shown:
            click.echo(line, nl=False, err=True)
        self._shown = line

    def say(self, doing: str) -> None:
        """Show what is being *doing* next, of which no share can be told."""
        if not self._hidden:
            self.forget()
            click.echo(f"\r{doing} ...", nl=False, err=True)
            self._shown = doing

    def forget(self) -> None:
        """Wipe what was shown."""
        if self._shown:
            click.echo("\r\x1b[K", nl=False, err=True)
        self._shown = ""
