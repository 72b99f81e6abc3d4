"""``everai-autoscaler plugins``: what is installed, what each plugin offers, what failed and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import click

from everai_autoscaler.cli.text.words import output_option
from everai_autoscaler.plugin import BLOCK_VARIABLE, KINDS, Plugin, default_registry
from everai_autoscaler.words import one_line

__all__ = ["contested", "plugins"]


@click.command(
    epilog="A plugin, or all those of a distribution, can be left out: "
    f"{BLOCK_VARIABLE}=NAME[,NAME...] in the environment."
)
@output_option
def plugins(output: str) -> None:
    """Show what is installed: each plugin with its distribution and version, what it offers, and what failed and why.

    \b
    To read, and for a program:
      everai-autoscaler plugins
      everai-autoscaler plugins -o json
    Without one of them:
      EVERAI_AUTOSCALER_BLOCK=backlog everai-autoscaler plugins
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    installed = default_registry().plugins
    names = contested(installed)
    found = [_as_document(plugin, names) for plugin in installed]
    click.echo(json.dumps(found) if output == "json" else "\n\n".join(map(_in_words, found)))


def contested(installed: tuple[Plugin, ...]) -> Mapping[tuple[str, str], list[Plugin]]:
    """The plugins that offer the same name, for each name that several offer: none of them gets it."""
    offering: dict[tuple[str, str], list[Plugin]] = {}
    for plugin in installed:
        for kind, offered in plugin.offers.items():
            for name in offered:
                offering.setdefault((kind, name), []).append(plugin)
    return {place: offerers for place, offerers in offering.items() if len(offerers) > 1}


def _failures(plugin: Plugin, names: Mapping[tuple[str, str], list[Plugin]]) -> list[str]:
    failures = [plugin.failure] if plugin.failure else []
    for (kind, name), offerers in names.items():
        others = [str(one) for one in offerers if one is not plugin]
        if len(others) < len(offerers):
            failures.append(f"{' and '.join(others)} offers the {KINDS[kind]} {name!r} too: it is neither's, block one")
    return failures


def _as_document(plugin: Plugin, names: Mapping[tuple[str, str], list[Plugin]]) -> dict[str, Any]:
    return {
        "plugin": plugin.name,
        "distribution": plugin.distribution or None,
        "version": plugin.version or None,
        "offers": {kind: sorted(offered) for kind, offered in plugin.offers.items()},
        "failures": _failures(plugin, names),
    }


def _in_words(plugin: Mapping[str, Any]) -> str:
    origin = f"{plugin['distribution'] or ''} {plugin['version'] or ''}".strip()
    lines = [f"{plugin['plugin']}  ({origin})" if origin else plugin["plugin"]]
    lines += [f"  {KINDS[kind] + 's:':<22}{', '.join(names)}" for kind, names in plugin["offers"].items() if names]
    return "\n".join(lines + [f"  failed: {one_line(failure)}" for failure in plugin["failures"]])
