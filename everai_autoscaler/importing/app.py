"""What an import gives: an app with its scaler, and what was left behind or assumed on the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from attrs import frozen

__all__ = ["App", "Imported", "Note"]


@frozen
class Note:
    """One thing that isn't in the manifest, or that stands in it for something else."""

    path: str
    """Where in the document, as in ``spec.metrics[1]``."""
    line: int | None
    """The line of the file, from 1; ``None`` where the whole document is meant."""
    why: str
    lost: bool
    """Whether it has no equivalent; else something was assumed for it."""

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line is not None else ""
        return f"{place}{self.path}: {self.why}" if self.path else f"{place}{self.why}"


@frozen
class App:
    """One app, as it is scaled."""

    kind: str
    """What it was, as in ``HorizontalPodAutoscaler``."""
    name: str
    scaler: Mapping[str, Any]
    """The scaler's ``name`` and ``arguments``; a scaler inside is such a mapping, too."""
    distribution: str
    """The plugin that gives the scaler its name."""

    def manifest(self) -> dict[str, Any]:
        """The manifest of the app, as ``run``, ``simulate`` and ``decide`` read it."""
        autoscaler = {"scheduler": "queue", "builtin": dict(self.scaler)}
        return {
            "version": "everai/v1alpha1",
            "kind": "App",
            "metadata": {"name": self.name},
            "spec": {"autoscaler": autoscaler},
        }

    @property
    def names(self) -> list[str]:
        """The names of the scalers in it, the outermost first."""
        names, scaler = [str(self.scaler["name"])], self.scaler
        while isinstance(inner := scaler["arguments"].get("scaler"), Mapping):
            names.append(str(inner["name"]))
            scaler = inner
        return names


@frozen
class Imported:
    """What one document came to."""

    apps: Sequence[App]
    notes: Sequence[Note]
    """In the order of the file."""
