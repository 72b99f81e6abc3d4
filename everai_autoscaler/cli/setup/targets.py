"""``everai-autoscaler targets``: on what an app can be run, and what that needs."""

from __future__ import annotations

import json

import click

from everai_autoscaler.cli.text.words import output_option
from everai_autoscaler.plugin import default_registry
from everai_autoscaler.words import table

__all__ = ["targets"]


@click.command
@output_option
def targets(output: str) -> None:
    """Show on what an app can be run: each target with the plugin that offers it, and what it needs.

    \b
    To read, and for a program:
      everai-autoscaler targets
      everai-autoscaler targets -o json
    Run an app on one of them:
      everai-autoscaler run app.yaml --on local
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    found = [
        {
            "name": name,
            "plugin": plugin.name,
            "distribution": plugin.distribution or None,
            "version": plugin.version or None,
            "needs": getattr(factory, "needs", None),
        }
        for plugin in default_registry().plugins
        for name, factory in sorted(plugin.offers.get("targets", {}).items())
    ]
    if output == "json":
        click.echo(json.dumps(found))
        return
    rows = [[str(one[key] or "") for key in ("name", "plugin", "distribution", "version", "needs")] for one in found]
    click.echo(table(["NAME", "PLUGIN", "DISTRIBUTION", "VERSION", "NEEDS"], rows))
