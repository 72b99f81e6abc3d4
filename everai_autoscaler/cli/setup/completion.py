"""``everai-autoscaler completion``: the script that completes commands, options and names in a shell."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

__all__ = ["completion"]


@click.command
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that completes commands, options and names in SHELL.

    \b
    For this session, and in ~/.bashrc or ~/.zshrc for all:
      eval "$(everai-autoscaler completion bash)"
      eval "$(everai-autoscaler completion zsh)"
    For fish, once:
      everai-autoscaler completion fish > ~/.config/fish/completions/everai-autoscaler.fish
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    found = get_completion_class(shell)
    if found is None:
        raise click.ClickException(f"click has no completion for {shell}")
    group = context.find_root()
    click.echo(found(group.command, {}, "everai-autoscaler", "_EVERAI_AUTOSCALER_COMPLETE").source())
