"""``everai-autoscaler pause``, ``hold`` and ``resume``: an operator's override of the policy."""

from __future__ import annotations

import getpass
import os
import time
from contextlib import closing
from typing import Literal

import click
from attrs import frozen

from everai_autoscaler.cli.app.looking import word_of
from everai_autoscaler.cli.options.look import Look, form_options
from everai_autoscaler.cli.options.parameters import Duration, Whole, packed
from everai_autoscaler.errors import StateError
from everai_autoscaler.runtime.forms import StatusForm
from everai_autoscaler.runtime.override import Override
from everai_autoscaler.runtime.store import Store
from everai_autoscaler.runtime.view import AdminView, open_view
from everai_autoscaler.words import moment, printable

__all__ = ["hold", "pause", "resume", "somebody"]

_MOST = 100_000
_LONGEST_REASON = 500


@frozen
class _Terms:
    """For how long an override lasts (seconds; ``None`` until it is taken back), and why it is there."""

    lasts: float | None
    reason: str


def _reason(context: click.Context, parameter: click.Parameter, given: str) -> str:
    reason = printable(given)
    if len(reason) > _LONGEST_REASON:
        raise click.BadParameter(f"has {len(reason)} characters; {_LONGEST_REASON} at most", context, parameter)
    return reason


_terms_options = packed(
    "terms",
    _Terms,
    click.option(
        "--for", "lasts", type=Duration(), metavar="DURATION", help="For so long: 30m, 2h.  [default: until resume]"
    ),
    click.option("--reason", default="", metavar="TEXT", callback=_reason, help="Why, for whoever wonders."),
)


@click.command
@_terms_options
@form_options
def pause(*, terms: _Terms, look: Look) -> None:
    """Let the fleet stay as it is: the policy decides on, and nothing is done about it.

    That lasts until "resume", or for as long as --for says, also over a restart of the runtime. A worker that dies
    meanwhile is not replaced. Every list says that it is so, since when, by whom, and why.

    \b
      everai-autoscaler pause --reason "the disk is moved"
      everai-autoscaler pause --for 30m
      everai-autoscaler resume
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    _override("pause", None, terms, look)


@click.command
@click.argument("workers", type=Whole(min=0, max=_MOST), metavar="N")
@_terms_options
@form_options
def hold(workers: int, *, terms: _Terms, look: Look) -> None:
    """Keep N workers, whatever the policy says.

    What is missing is started, up to the policy's maximum. What is too many goes as soon as it is free: nobody who
    serves a request or holds a session is removed. That lasts until "resume", or for as long as --for says, also over a
    restart of the runtime. Every list says that it is so, since when, by whom, and why.

    \b
      everai-autoscaler hold 4 --for 30m --reason "the demo at three"
      everai-autoscaler hold 0 --reason "the night"
      everai-autoscaler resume
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    most = _override("hold", workers, terms, look).max_workers
    if most is not None and workers > most:
        click.echo(f"there will be {most} at most: that is the policy's maximum", err=True)


@click.command
@form_options
def resume(*, look: Look) -> None:
    """Let the policy decide again, after "pause" or "hold".

    \b
      everai-autoscaler resume
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    status = _store(look, None)
    word = word_of(status)
    said = (
        "the policy decides, as before: nobody had paused or held it"
        if word is None
        else f"the policy decides again; it was {printable(str(word))} (since {moment(word.since)})"
    )
    document = {"app": status.app, "operator": None, "was": word}
    click.echo(look.shown(document, lambda _: f"{status.app}: {said}"))


def somebody() -> str:
    """The name of the user who gives the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container's user often has no name
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "somebody"


def _override(word: Literal["pause", "hold"], workers: int | None, terms: _Terms, look: Look) -> StatusForm:
    """Override the policy, and say so; how the app was before."""
    now = time.time()
    until = None if terms.lasts is None else now + terms.lasts
    said = Override(word=word, since=now, by=somebody(), workers=workers, until=until, reason=terms.reason)
    status = _store(look, said)
    document = {"app": status.app, "operator": said}
    click.echo(look.shown(document, lambda _: f"{status.app}: {printable(str(said))}"))
    return status


def _store(look: Look, word: Override | None) -> StatusForm:
    """Store *word*, and have a runtime decide with it now; how the app was before."""
    with open_view(look.state_dir) as view:
        status = view.status()
        # Stored here rather than given to the runtime, so that it holds whatever becomes of the runtime.
        with closing(Store(look.state_dir)) as store:
            store.set_operator(view.app, None if word is None else word.model_dump())
        if not isinstance(view, AdminView):
            when = "it holds" if word is not None else "that is so"
            click.echo(f"nothing runs here: {when} when the app is run again", err=True)
            return status
        try:
            view.tick()
        except StateError as error:
            click.echo(f"it holds from the next decision: {error}", err=True)
    return status
