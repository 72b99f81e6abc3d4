"""A Kubernetes HorizontalPodAutoscaler as the scaler ``hpa``."""

from __future__ import annotations

from typing import Any

from everai_autoscaler.importing.app import App
from everai_autoscaler.importing.metric import measure, use
from everai_autoscaler.importing.quantity import plain
from everai_autoscaler.importing.section import FOUND, Section

__all__ = ["DISTRIBUTION", "behavior", "metadata", "read_hpa"]

DISTRIBUTION = "everai-autoscaler-hpa"
_DEFAULT_USE = 80
"""Percent of the processor that a HorizontalPodAutoscaler without a metric aims at."""
_SOURCES = ("pods", "object", "external", "resource", "containerResource")
_MEASURED = "only requests, their share of the workers' capacity, and signals are measured here"


def read_hpa(document: Section) -> list[App]:
    """The app that a HorizontalPodAutoscaler scales, of ``autoscaling/v2`` (or its betas) or ``autoscaling/v1``.

    Raises:
        ContractError: it has no ``spec``, no ``maxReplicas``, or something in it can't be read.
    """
    version, _ = document.text("apiVersion"), document.take("kind")
    name, spec = metadata(document), document.section("spec")
    most, least = spec.whole("maxReplicas"), spec.whole("minReplicas")
    if most is None:
        raise spec.refusal("maxReplicas", "is missing")
    scaled = spec.section("scaleTargetRef")
    name = scaled.text("name") or name
    for key in ("apiVersion", "kind"):
        scaled.take(key)  # what is scaled is whatever runs the workers
    arguments = _v1(spec) if version == "autoscaling/v1" else _metrics(spec)
    arguments |= {"min_workers": 1 if least is None else least, "max_workers": most}
    arguments |= behavior(spec.section("behavior"))
    document.lose("status", FOUND)
    scaler = {"name": "hpa", "arguments": arguments}
    return [App("HorizontalPodAutoscaler", name, scaler, DISTRIBUTION)]


def metadata(document: Section) -> str:
    """The name of a *document*; a name alone is read of its metadata."""
    name = document.section("metadata").text("name")
    return name or "app"


def behavior(section: Section) -> dict[str, Any]:
    """The arguments that mean the same as a ``behavior``."""
    arguments: dict[str, Any] = {}
    for key, way in (("scaleUp", "up"), ("scaleDown", "down")):
        rules = section.section(key)
        window, tolerance = rules.number("stabilizationWindowSeconds"), rules.number("tolerance")
        select = rules.text("selectPolicy")
        if window is not None:
            arguments[f"{way}_window"] = plain(window)
        if tolerance is not None:
            arguments[f"{way}_tolerance"] = plain(tolerance)
        if select is not None:
            if select not in ("Max", "Min", "Disabled"):
                raise rules.refusal("selectPolicy", f"{select!r} is not one of Max, Min, Disabled")
            arguments[f"{way}_select"] = select.lower()
        policies = [_policy(policy) for policy in rules.sections("policies")]
        if policies:
            arguments[f"{way}_policies"] = ", ".join(policies)
    return arguments


def _policy(policy: Section) -> str:
    kind, value, period = policy.text("type"), policy.whole("value"), policy.whole("periodSeconds")
    if kind not in ("Pods", "Percent"):
        raise policy.refusal("type", f"{kind!r} is not one of Pods, Percent")
    if not value or not period:
        raise policy.refusal("" if value else "value", "has no value above 0, or no periodSeconds above 0")
    return f"{value}{'%' if kind == 'Percent' else ''}/{period}s"


def _v1(spec: Section) -> dict[str, Any]:
    percent = spec.number("targetCPUUtilizationPercentage")
    return use(_DEFAULT_USE if percent is None else percent, "the processor", spec, "targetCPUUtilizationPercentage")


def _metrics(spec: Section) -> dict[str, Any]:
    """The arguments for the first metric that has an equivalent; of the others it is said that they have none."""
    metrics, found = spec.sections("metrics"), None
    if not metrics:
        return use(_DEFAULT_USE, "the processor, which is the default", spec, "metrics")
    for metric in metrics:
        if found is not None:
            metric.drop("one metric decides here, the first that has an equivalent")
            continue
        found = _metric(metric)
        if found is None:
            metric.drop(_MEASURED)
    if found is None:
        raise spec.refusal("metrics", f"none of them has an equivalent: {_MEASURED}")
    return found


def _metric(metric: Section) -> dict[str, Any] | None:
    """The arguments for one *metric*; ``None`` where it has no equivalent."""
    metric.take("type")
    kind = next((one for one in _SOURCES if metric.values.get(one) is not None), None)
    if kind is None:
        raise metric.refusal("type", f"has none of {', '.join(_SOURCES)}")
    source = metric.section(kind)
    if kind in ("resource", "containerResource"):
        return _resource(source)
    described, target = source.section("metric"), source.section("target")
    name = described.text("name")
    if name is None:
        raise described.refusal("name", "is missing")
    described.lose("selector", "a signal has a name, and nothing else")
    source.lose("describedObject", "a signal has a name, and nothing else")
    target.take("type")
    value, average = target.number("value"), target.number("averageValue")
    aim = average if value is None else value
    if not aim:
        raise target.refusal("", "has neither a value nor an averageValue above 0")
    arguments: dict[str, Any] = {"target": plain(aim)}
    measured = measure(name, described, "name")
    if measured != "requests":
        arguments["metric"] = measured
    if value is not None:
        arguments["target_type"] = "value"
    elif kind == "pods" and measured != "requests":
        arguments["target_type"] = "worker"
    return arguments


def _resource(source: Section) -> dict[str, Any] | None:
    target = source.section("target")
    name, percent = source.text("name") or "a resource", target.number("averageUtilization")
    if percent is None:
        return None
    target.take("type")
    source.lose("container", "a worker is one thing here")
    return use(percent, {"cpu": "the processor"}.get(name, name), target, "averageUtilization")
