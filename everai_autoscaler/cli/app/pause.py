"""``everai-autoscaler pause``: the fleet stays as it is."""

from __future__ import annotations

from pathlib import Path

import click

from everai_autoscaler.cli.app.operating import lasting_options, say
from everai_autoscaler.cli.options.state_options import form_option, state_option

__all__ = ["pause"]


@click.command
@lasting_options
@form_option
@state_option
def pause(*, lasts: float | None, reason: str, form: str, state_dir: Path) -> None:
    """Let the fleet stay as it is: the policy decides on, and nothing is done about it.

    That lasts until "resume", or for as long as --for says, also over a restart of the runtime. A worker that dies
    meanwhile is not replaced. Every list says that it is so, since when, by whom, and why.

    \b
      everai-autoscaler pause --reason "the disk is moved"
      everai-autoscaler pause --for 30m
      everai-autoscaler resume
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    say(state_dir, "pause", workers=None, lasts=lasts, reason=reason, form=form)
