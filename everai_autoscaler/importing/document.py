"""One document of a file: which kind it is, and what reads it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from everai_autoscaler.importing.app import App, Imported, Note
from everai_autoscaler.importing.hpa import read_hpa
from everai_autoscaler.importing.keda import read_keda
from everai_autoscaler.importing.knative import PREFIX, read_knative
from everai_autoscaler.importing.ray_serve import read_ray_serve
from everai_autoscaler.importing.section import Section, Source

__all__ = ["KINDS", "read"]

KINDS: Mapping[str, Callable[[Section], list[App]]] = {
    "hpa": read_hpa,
    "keda": read_keda,
    "knative": read_knative,
    "ray-serve": read_ray_serve,
}
"""What can be imported, and what reads it."""
_READ = "a HorizontalPodAutoscaler, a ScaledObject, a Knative Service or its annotations, or a Ray Serve config"


def read(document: object, source: Source, *, kind: str = "") -> Imported:
    """The apps that a *document* scales, and what is to be said about it.

    Args:
        document: what was parsed; the items of a Kubernetes ``List`` are read one by one.
        source: where it stood.
        kind: one of ``KINDS``, for a document that doesn't say what it is; documents of other kinds are left out.

    >>> annotations = {"autoscaling.knative.dev/target": "4", "autoscaling.knative.dev/max-scale": "8"}
    >>> read(annotations, Source("a.yaml")).apps[0].scaler["arguments"]
    {'min_workers': 0, 'max_workers': 8, 'concurrency': 4}

    Raises:
        ContractError: it is of such a kind, and can't be read.
    """
    return _read(document, source, (), kind)


def _read(document: object, source: Source, path: tuple[str | int, ...], kind: str) -> Imported:
    if isinstance(document, Mapping) and document.get("kind") == "List" and isinstance(document.get("items"), list):
        parts = [_read(one, source, (*path, "items", at), kind) for at, one in enumerate(document["items"])]
        return Imported([app for one in parts for app in one.apps], [note for one in parts for note in one.notes])
    found = _kind_of(document) or (kind if isinstance(document, Mapping) and "kind" not in document else "")
    section = Section.of(document, source, path)
    if not found or (kind and kind != found):
        what = section.values.get("kind") or "a mapping that says no kind"
        why = f"left out, since it is not of the kind {kind}" if found else f"left out, since it is not {_READ}"
        return Imported([], [Note("", source.line(path), f"{what}: {why}", lost=True)])
    apps = KINDS[found](section)
    return Imported(apps, section.told())


def _kind_of(document: Any) -> str:
    """Which of ``KINDS`` a *document* is; empty for any other."""
    if not isinstance(document, Mapping):
        return ""
    kind, group = document.get("kind"), str(document.get("apiVersion", "")).partition("/")[0]
    if kind in ("HorizontalPodAutoscaler", "ScaledObject", "RayService"):
        return {"HorizontalPodAutoscaler": "hpa", "ScaledObject": "keda"}.get(kind, "ray-serve")
    if kind in ("Service", "Configuration", "Revision") and group == "serving.knative.dev":
        return "knative"
    if kind is not None:
        return ""
    if "applications" in document or "deployments" in document:
        return "ray-serve"
    annotations = document.get("annotations", document)
    own = isinstance(annotations, Mapping) and any(str(key).startswith(PREFIX) for key in annotations)
    return "knative" if own else ""
