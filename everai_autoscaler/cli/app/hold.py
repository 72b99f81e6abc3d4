"""``everai-autoscaler hold``: so many workers, whatever the policy says."""

from __future__ import annotations

from pathlib import Path

import click

from everai_autoscaler.cli.app.operating import lasting_options, say
from everai_autoscaler.cli.options.bounded import Whole
from everai_autoscaler.cli.options.state_options import form_option, state_option

__all__ = ["hold"]

_MOST = 100_000


@click.command
@click.argument("workers", type=Whole(min=0, max=_MOST), metavar="N")
@lasting_options
@form_option
@state_option
def hold(workers: int, *, lasts: float | None, reason: str, form: str, state_dir: Path) -> None:
    """Keep N workers, whatever the policy says.

    What is missing is started, up to the policy's maximum. What is too many goes as soon as it is free: nobody who
    serves a request or holds a session is removed. That lasts until "resume", or for as long as --for says, also over a
    restart of the runtime. Every list says that it is so, since when, by whom, and why.

    \b
      everai-autoscaler hold 4 --for 30m --reason "the demo at three"
      everai-autoscaler hold 0 --reason "the night"
      everai-autoscaler resume
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    say(state_dir, "hold", workers=workers, lasts=lasts, reason=reason, form=form)
