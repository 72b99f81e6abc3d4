"""The command ``everai-autoscaler`` itself: which commands there are, and how each of them fails."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click
from click.shell_completion import CompletionItem

from everai_autoscaler._version import __version__
from everai_autoscaler.errors import AutoscalerError, words_of
from everai_autoscaler.log import LOGGER
from everai_autoscaler.words import one_line

__all__ = ["everai_autoscaler"]

BAD_INPUT = 2
INTERRUPTED = 130
BROKEN_PIPE = 141

_COMMANDS = {
    "run": "Run an app with autoscaling on this machine.",
    "worker": "Show the workers of an app, what they write, and let one go.",
    "app": "Show how an app is, and what waits for it.",
    "decisions": "Show what was decided about an app, and why.",
    "pause": "Let the fleet of an app stay as it is.",
    "hold": "Keep so many workers, whatever the policy says.",
    "resume": "Let the policy decide again.",
    "configmap": "Keep values that are read when a decision is made.",
    "secret": "Keep values that are never shown.",
    "decide": "Decide on a snapshot, or on a stream of them.",
    "walk": "Watch a fleet follow its load, in virtual time.",
    "replay": "Make recorded decisions again.",
    "explain": "Say why a decision was made, and what would have flipped it.",
    "describe": "Show what a name stands for, what it takes and says.",
    "check": "Look for a snapshot at which a scaler breaks a rule.",
    "new": "Make a plugin distribution to begin with.",
    "doctor": "Look for what is wrong, installed or in arguments.",
    "plugins": "Show what is installed, and what each plugin offers.",
    "completion": "Print the completion script for your shell.",
}
"""Each command is a module of its own, imported when it is asked for: the help doesn't wait for all of them."""

_SECTIONS = {
    "app": ("Run an app here", ["run", "worker", "app", "decisions", "pause", "hold", "resume", "configmap", "secret"]),
    "policy": ("Decide and look", ["decide", "walk", "replay", "explain", "describe", "check"]),
    "setup": ("Plugins and this installation", ["new", "plugins", "doctor", "completion"]),
}
"""For each folder of commands, the heading under which the help lists them, and their order."""

_NO_COMMAND: tuple[type[click.UsageError], ...] = (
    (click.exceptions.NoArgsIsHelpError,) if hasattr(click.exceptions, "NoArgsIsHelpError") else ()
)
"""What a group that is given none of its commands raises, since click 8.2; before, it showed its help."""

_TOLD_BY = {
    "run": ("arguments_contradict",),
    "plugins": ("plugin_failed", "plugin_name_contested"),
    "doctor": ("plugin_failed", "plugin_name_contested", "blocked_plugin_unknown", "arguments_contradict"),
}
"""The events that a command tells by itself."""


class _Commands(click.Group):
    """The commands; each failure is one line on standard error."""

    def main(self, *args: Any, **options: Any) -> Any:
        """Run, and exit: 2 for what was given wrong, 130 when interrupted, else with the command's own status."""
        options["standalone_mode"] = False
        if os.environ.get("NO_COLOR"):
            options["color"] = False
        try:
            with _warnings_on_stderr():
                status = super().main(*args, **options)
        except click.exceptions.Abort:
            sys.exit(INTERRUPTED)
        except _NO_COMMAND as error:
            click.echo(error.ctx.get_help() if error.ctx is not None else "")
            sys.exit(0)
        except (click.ClickException, AutoscalerError, OSError) as error:
            click.echo(f"error: {_in_one_line(error)}", err=True)
            sys.exit(BAD_INPUT)
        sys.exit(status or 0)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            # Whoever read has enough, so nobody is told; what is left in the buffer goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(BROKEN_PIPE)

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return [name for _, names in _SECTIONS.values() for name in names]

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        folder = next(folder for folder, (_, names) in _SECTIONS.items() if name in names)
        command: click.Command = getattr(import_module(f"everai_autoscaler.cli.{folder}.{name}"), name)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, _COMMANDS))
        for section, names in _SECTIONS.values():
            with formatter.section(section):
                formatter.write_dl([(name.ljust(width), _COMMANDS[name]) for name in names])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [CompletionItem(name, help=text) for name, text in _COMMANDS.items() if name.startswith(incomplete)]
        return names + click.Command.shell_complete(self, ctx, incomplete)


@click.group(
    name="everai-autoscaler",
    cls=_Commands,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(
    __version__,
    message=f"everai-autoscaler %(version)s (Python {sys.version.split()[0]})",
    prog_name="everai-autoscaler",
)
@click.pass_context
def everai_autoscaler(context: click.Context) -> None:
    """Decide how many workers an AI-inference app should have, and which one may go.

    \b
    Watch a fleet follow its load, and why:
      everai-autoscaler walk
    Decide on a snapshot:
      everai-autoscaler decide simple -a max_workers=5 snapshot.json
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@contextmanager
def _warnings_on_stderr() -> Iterator[None]:
    handler = _StandardError(logging.WARNING)
    LOGGER.addHandler(handler)
    try:
        yield
    finally:
        LOGGER.removeHandler(handler)


class _StandardError(logging.Handler):
    """Warnings of the library, a line each."""

    def emit(self, record: logging.LogRecord) -> None:
        event: dict[str, Any] = dict(getattr(record, "event_dict", {"event": record.getMessage()}))
        name = str(event.pop("event"))
        context = click.get_current_context(silent=True)
        running = (context and context.info_name) or ""
        # The live view of "run" has no place for what its lines tell.
        told = () if running == "run" and sys.stdout.isatty() else _TOLD_BY.get(running, ())
        if name not in ("tick_failed", *told):
            click.echo(one_line(f"warning: {name.replace('_', ' ')}: {_why(event)}"), err=True)


def _why(event: dict[str, Any]) -> str:
    why = next((event[name] for name in ("why", "warning", "failure", "error") if name in event), None)
    if why is None:
        return ", ".join(" and ".join(map(str, v)) if isinstance(v, list) else str(v) for v in event.values())
    return f"{event['plugin']}: {why}" if "plugin" in event else str(why)


def _in_one_line(error: Exception) -> str:
    if isinstance(error, click.UsageError) and error.ctx is not None:
        said = f"{error.format_message().rstrip('.')} (see {error.ctx.command_path} --help)"
    elif isinstance(error, click.ClickException):
        said = error.format_message()
    elif isinstance(error, OSError) and not isinstance(error, AutoscalerError) and error.filename is not None:
        said = f"{os.fsdecode(error.filename)}: {error.strerror}"
    else:
        said = words_of(error)
    return one_line(said)
