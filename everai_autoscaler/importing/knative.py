"""The autoscaling annotations of a Knative Service as the scaler ``kpa``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from everai_autoscaler.importing.app import App
from everai_autoscaler.importing.hpa import metadata
from everai_autoscaler.importing.metric import use
from everai_autoscaler.importing.quantity import plain
from everai_autoscaler.importing.section import FOUND, STARTS, Section

__all__ = ["PREFIX", "read_knative"]

PREFIX = "autoscaling.knative.dev/"
_KPA, _HPA = "everai-autoscaler-kpa", "everai-autoscaler-hpa"
_OLDER = {
    "minScale": "min-scale",
    "maxScale": "max-scale",
    "initialScale": "initial-scale",
    "activationScale": "activation-scale",
    "scaleDownDelay": "scale-down-delay",
    "scaleToZeroPodRetentionPeriod": "scale-to-zero-pod-retention-period",
    "targetBurstCapacity": "target-burst-capacity",
    "targetUtilizationPercentage": "target-utilization-percentage",
    "panicWindowPercentage": "panic-window-percentage",
    "panicThresholdPercentage": "panic-threshold-percentage",
}
"""Annotations by the names that they had first."""
_GRACE = 30.0
_DEFAULT_TARGET = 100
_PERCENTAGES = ("panic_window_percentage", "panic_threshold_percentage")


def read_knative(document: Section) -> list[App]:
    """The app that a Knative Service, Configuration or Revision is, or that annotations alone are of.

    Raises:
        ContractError: an annotation can't be read.
    """
    kind = document.text("kind") or "annotations"
    if kind == "annotations":
        alone = "annotations" not in document.values
        return [_app(kind, "app", document if alone else document.section("annotations"), document.section("spec"))]
    document.take("apiVersion")
    name, spec = metadata(document), document.section("spec")
    if kind == "Revision":
        own, inner = document.section("metadata"), spec
    else:
        template = spec.section("template")
        own, inner = template.section("metadata"), template.section("spec")
        spec.lose("traffic", "there is one version of an app here")
    document.lose("status", FOUND)
    return [_app(kind, name, own.section("annotations"), inner)]


def _app(kind: str, name: str, annotations: Section, inner: Section) -> App:
    found = _Annotations(annotations)
    limit = inner.whole("containerConcurrency")
    inner.lose("containers", STARTS)
    scaler, distribution = _scaler(found, limit, inner)
    return App(kind, name, scaler, distribution)


class _Annotations:
    """The autoscaling annotations, by either of their names."""

    def __init__(self, section: Section) -> None:
        self.section = section
        own = {key.removeprefix(PREFIX): key for key in section.values if key.startswith(PREFIX)}
        self._named = {_OLDER.get(name, name): key for name, key in own.items()}

    def key(self, name: str) -> str:
        return self._named.get(name, PREFIX + name)

    def number(self, name: str) -> float | None:
        return self.section.number(self.key(name))

    def whole(self, name: str) -> int | None:
        return self.section.whole(self.key(name))

    def seconds(self, name: str) -> float | None:
        return self.section.seconds(self.key(name))

    def text(self, name: str) -> str | None:
        return self.section.text(self.key(name))

    def assume(self, name: str, why: str) -> None:
        self.section.assume(self.key(name), why)

    def lose(self, name: str, why: str) -> None:
        self.section.lose(self.key(name), why)


def _scaler(found: _Annotations, limit: int | None, inner: Section) -> tuple[Mapping[str, Any], str]:
    least, most = found.whole("min-scale"), found.whole("max-scale")
    bounds: dict[str, Any] = {"min_workers": least or 0}
    if most:
        bounds["max_workers"] = most
    else:
        found.section.seen.add(found.key("max-scale"))
        found.assume("max-scale", "Knative has no maximum where none is given; here it is the scaler's own, 10 workers")
    found.lose("initial-scale", "a runtime begins with min_workers, or with those that it finds")
    kind, metric = found.text("class"), found.text("metric")
    if kind is not None and kind.startswith("hpa."):
        return _as_hpa(found, metric, bounds), _HPA
    if kind is not None and not kind.startswith("kpa."):
        found.lose("class", "it is read as if it were of Knative's own autoscaler")
    if metric not in (None, "concurrency"):
        found.lose("metric", "requests at once are counted instead")
        found.lose("target", f"it is one of {metric}")
    arguments = {**bounds, **_target(found, limit, inner), **_windows(found)}
    found.lose("target-burst-capacity", "there is no activator: requests wait in one queue")
    delay, scaler = found.seconds("scale-down-delay"), {"name": "kpa", "arguments": arguments}
    if not delay:
        return scaler, _KPA
    return {"name": "stabilize", "arguments": {"scaler": scaler, "down_window": plain(delay)}}, _KPA


def _target(found: _Annotations, limit: int | None, inner: Section) -> dict[str, Any]:
    """Requests at once for each worker, and the share of them to aim at."""
    of_requests = found.text("metric") in (None, "concurrency")
    target, share = found.number("target") if of_requests else None, found.number("target-utilization-percentage")
    if target is not None and limit:
        target = min(target, limit)  # it never aims at more than a worker takes
    concurrency = target or limit or _DEFAULT_TARGET
    if not target and not limit:
        found.assume("target", f"without one, and without containerConcurrency, it is Knative's {_DEFAULT_TARGET}")
    if limit:
        inner.assume("containerConcurrency", f"tell it to the workers, too: concurrency: {limit} in the section local")
    return {"concurrency": plain(concurrency)} | ({} if share is None else {"target_utilization": share / 100})


def _windows(found: _Annotations) -> dict[str, Any]:
    window, retention, first = (
        found.seconds("window"),
        found.seconds("scale-to-zero-pod-retention-period"),
        found.whole("activation-scale"),
    )
    shares = {name: found.number(f"{name.replace('_', '-')}") for name in _PERCENTAGES}
    arguments = {name: plain(value) for name, value in shares.items() if value is not None}
    arguments |= {} if window is None else {"stable_window": plain(window)}
    arguments |= {} if first is None else {"activation_scale": first}
    if retention is not None:
        # Knative waits for the retention, and up to the grace period for its network; here the grace always passes.
        arguments["scale_to_zero_grace_period"] = plain(max(retention, _GRACE))
    return arguments


def _as_hpa(found: _Annotations, metric: str | None, bounds: dict[str, Any]) -> Mapping[str, Any]:
    """What a Service of the class of HorizontalPodAutoscalers is."""
    percent = None
    if metric in (None, "cpu"):
        percent = found.number("target")
    else:
        found.lose("metric", "the share of the workers' capacity in use counts instead")
        found.lose("target", f"it is one of {metric}")
    arguments = use(80.0 if percent is None else percent, "the processor", found.section, found.key("target"))
    return {"name": "hpa", "arguments": {**bounds, **arguments}}
