"""The command ``everai-autoscaler`` itself: which commands there are, and how each of them fails."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from keyword import iskeyword
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

_SECTIONS = {
    "Run an app here": {
        "run": ("app.run", "Run an app with autoscaling on this machine."),
        "worker": ("app.worker", "Show the workers of an app, what they write, and let one go."),
        "app": ("app.app", "Show how an app is, and what waits for it."),
        "tuning": ("app.tuning", "Show what an app's tuner chose, spent and would choose."),
        "decisions": ("app.decisions", "Show what was decided about an app, and why."),
        "pause": ("app.operating", "Let the fleet of an app stay as it is."),
        "hold": ("app.operating", "Keep so many workers, whatever the policy says."),
        "resume": ("app.operating", "Let the policy decide again."),
        "configmap": ("app.held", "Keep values that are read when a decision is made."),
        "secret": ("app.held", "Keep values that are never shown."),
    },
    "Decide and look": {
        "decide": ("policy.decide", "Decide on a snapshot, or on a stream of them."),
        "walk": ("policy.walk", "Watch a fleet follow its load, in virtual time."),
        "replay": ("policy.replay", "Make recorded decisions again."),
        "explain": ("policy.explain", "Say why a decision was made, and what would have flipped it."),
        "describe": ("policy.describe", "Show what a name stands for, what it takes and says."),
        "check": ("policy.check", "Look for a snapshot at which a scaler breaks a rule."),
    },
    "Simulate": {
        "simulate": ("policy.simulate", "Say what a policy would have cost on a workload."),
        "compare": ("policy.compare", "Compare scalers, or sets of arguments, on several workloads."),
        "tune": ("policy.tune", "Search the arguments that cost least and meet an SLO."),
        "backtest": ("policy.backtest", "Say what another scaler would have decided, and saved."),
    },
    "Plugins and this installation": {
        "import": ("setup.importing", "Turn another autoscaler's configuration into a manifest."),
        "new": ("setup.new", "Make a plugin distribution to begin with."),
        "plugins": ("setup.plugins", "Show what is installed, and what each plugin offers."),
        "targets": ("setup.targets", "Show on what an app can be run."),
        "doctor": ("setup.doctor", "Look for what is wrong, installed or in arguments."),
        "completion": ("setup.completion", "Print the completion script for your shell."),
    },
}
"""Under each heading of the help its commands: the module, imported when it is asked for, and what the help says."""
_COMMANDS = {name: text for section in _SECTIONS.values() for name, (_, text) in section.items()}
_MODULES = {name: module for section in _SECTIONS.values() for name, (module, _) in section.items()}

_NO_COMMAND: tuple[type[click.UsageError], ...] = (
    (click.exceptions.NoArgsIsHelpError,) if hasattr(click.exceptions, "NoArgsIsHelpError") else ()
)
"""What a group that is given none of its commands raises, since click 8.2; before, it showed its help."""

_SHOWN_BY = {
    "run": ("arguments_contradict",),
    "plugins": ("plugin_failed", "plugin_name_contested"),
    "doctor": ("plugin_failed", "plugin_name_contested", "blocked_plugin_unknown", "arguments_contradict"),
}
"""The events that a command shows itself."""


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
            # The reader has had enough, which is no error; what is left in the buffer is dropped.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(BROKEN_PIPE)

    def list_commands(self, _ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        called = f"{name}_" if iskeyword(name) else name
        command: click.Command = getattr(import_module(f"everai_autoscaler.cli.{_MODULES[name]}"), called)
        return command

    def format_commands(self, _ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, _COMMANDS))
        for heading, names in _SECTIONS.items():
            with formatter.section(heading):
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
        # The lines of "run" show it; its live view has no room for it.
        shown = () if running == "run" and sys.stdout.isatty() else _SHOWN_BY.get(running, ())
        if name not in ("tick_failed", *shown):
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
