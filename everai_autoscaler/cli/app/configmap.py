"""``everai-autoscaler configmap``: values that are read when a decision is made."""

from __future__ import annotations

from collections.abc import Mapping

import click

from everai_autoscaler.cli.app.held import Showing, add_commands, in_a_line
from everai_autoscaler.words import table

__all__ = ["configmap"]


@click.group
def configmap() -> None:
    """Keep values that are read when a decision is made.

    A scaler's argument that is bound to a ConfigMap, as configMapKeyRef in a manifest, has the value that is there
    then: a change applies at the next decision, without a restart.

    \b
    One with two values, a change of one of them, and what is there now:
      everai-autoscaler configmap create limits --from-literal min_workers=1 --from-literal max_workers=5
      everai-autoscaler configmap update limits --from-literal max_workers=8
      everai-autoscaler configmap get limits
    Each file of a directory, and a file in the form of Kubernetes:
      everai-autoscaler configmap create limits --from-file limits/min_workers --from-file limits/max_workers
      everai-autoscaler configmap create -f limits.yaml
    """  # noqa: D301 - a backspace is how click knows that lines are to stay


def _table(data: Mapping[str, str]) -> str:
    return table(["KEY", "VALUE"], [[key, in_a_line(value)] for key, value in data.items()])


def _change(_key: str, old: str | None, new: str | None) -> str:
    if new is None:
        return f"removed, was {in_a_line(old or '')}"
    return f"{in_a_line(new)} (new)" if old is None else f"{in_a_line(old)} -> {in_a_line(new)}"


add_commands(configmap, Showing("ConfigMap", _table, lambda data: {"data": dict(data)}, _change))
