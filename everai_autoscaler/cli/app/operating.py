"""What ``pause``, ``hold`` and ``resume`` have in common: how an operator's word is kept, and the policy told."""

from __future__ import annotations

import getpass
import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Literal

import click

from everai_autoscaler.cli.app.looking import PROGRAMS, word_of
from everai_autoscaler.cli.options.state_options import Duration, shown_as
from everai_autoscaler.cli.text.words import printable
from everai_autoscaler.errors import StateError
from everai_autoscaler.runtime.forms import StatusForm
from everai_autoscaler.runtime.operator import Word
from everai_autoscaler.runtime.store import Store
from everai_autoscaler.runtime.view import AdminView, open_view
from everai_autoscaler.words import moment

__all__ = ["lasting_options", "say", "somebody", "unsay"]

_LONGEST_REASON = 500


def lasting_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give *command* ``--for`` as *lasts*, and ``--reason``."""
    for option in (
        click.option("--reason", default="", metavar="TEXT", callback=_reason, help="Why, for whoever wonders."),
        click.option(
            "--for", "lasts", type=Duration(), metavar="DURATION", help="For so long: 30m, 2h.  [default: until resume]"
        ),
    ):
        command = option(command)
    return command


def say(
    directory: Path, word: Literal["pause", "hold"], *, workers: int | None, lasts: float | None, reason: str, form: str
) -> None:
    """Put a *word* over the policy of the app of the state *directory*, for so many seconds or until "resume"."""
    now = time.time()
    until = None if lasts is None else now + lasts
    said = Word(word=word, since=now, by=somebody(), workers=workers, until=until, reason=reason)
    status = _keep(directory, said)
    if form in PROGRAMS:
        click.echo(shown_as(form, {"app": status.app, "operator": said}))
    else:
        click.echo(f"{status.app}: {printable(str(said))}")
    most = status.max_workers
    if workers is not None and most is not None and workers > most:
        click.echo(f"there will be {most} at most: that is the policy's maximum", err=True)


def unsay(directory: Path, *, form: str) -> None:
    """Take back what an operator has said over the policy of the app of the state *directory*."""
    status = _keep(directory, None)
    word = word_of(status)
    if form in PROGRAMS:
        click.echo(shown_as(form, {"app": status.app, "operator": None, "was": word}))
    elif word is None:
        click.echo(f"{status.app}: the policy decides, as before: nobody had paused or held it")
    else:
        click.echo(
            f"{status.app}: the policy decides again; it was {printable(str(word))} (since {moment(word.since)})"
        )


def somebody() -> str:
    """Who gives the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user often has no name
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "somebody"


def _keep(directory: Path, word: Word | None) -> StatusForm:
    """Keep *word*, and have whoever runs decide with it now; how the app was before."""
    with open_view(directory) as view:
        status = view.status()
        # Kept here rather than told to who runs: so it holds whatever becomes of that.
        with closing(Store(directory)) as store:
            store.set_operator(view.app, None if word is None else word.as_dict())
        if not isinstance(view, AdminView):
            when = "it holds" if word is not None else "that is so"
            click.echo(f"nothing runs here: {when} when the app is run again", err=True)
            return status
        try:
            view.tick()
        except StateError as error:
            click.echo(f"it holds from the next decision: {error}", err=True)
    return status


def _reason(context: click.Context, parameter: click.Parameter, given: str) -> str:
    reason = printable(given)
    if len(reason) > _LONGEST_REASON:
        raise click.BadParameter(f"has {len(reason)} characters; {_LONGEST_REASON} at most", context, parameter)
    return reason
