"""``everai-autoscaler secret``: values that are read when a decision is made, and never shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from everai_autoscaler.cli.app.held import Showing, add_commands
from everai_autoscaler.words import table

__all__ = ["secret"]


@click.group
def secret() -> None:
    """Keep values that are read when a decision is made, and never shown.

    They are like ConfigMaps, bound as secretKeyRef in a manifest. No command, page, log or record shows a value; only
    the owner of the state directory can read it. Prefer --from-file: what stands in a command can be seen by others.

    \b
    One with a value from a file, and what may be known of it:
      everai-autoscaler secret create quota --from-file max_workers=quota.txt
      everai-autoscaler secret get quota
    """  # noqa: D301 - a backspace is how click knows that lines are to stay


def _table(data: Mapping[str, str]) -> str:
    rows = [[key, str(len(value.encode()))] for key, value in data.items()]
    return table(["KEY", "BYTES"], rows, align_right=[1])


def _document(data: Mapping[str, str]) -> dict[str, Any]:
    return {"keys": {key: {"bytes": len(value.encode())} for key, value in data.items()}}


def _change(_key: str, old: str | None, new: str | None) -> str:
    return "removed" if new is None else "added" if old is None else "changed"


add_commands(secret, Showing("Secret", _table, _document, _change))
