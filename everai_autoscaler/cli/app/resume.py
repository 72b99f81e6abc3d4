"""``everai-autoscaler resume``: the policy decides again."""

from __future__ import annotations

from pathlib import Path

import click

from everai_autoscaler.cli.app.operating import unsay
from everai_autoscaler.cli.options.state_options import form_option, state_option

__all__ = ["resume"]


@click.command
@form_option
@state_option
def resume(*, form: str, state_dir: Path) -> None:
    """Let the policy decide again, after "pause" or "hold".

    \b
      everai-autoscaler resume
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    unsay(state_dir, form=form)
