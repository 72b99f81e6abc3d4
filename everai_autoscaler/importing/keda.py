"""A KEDA ScaledObject as the scaler ``keda``, with ``schedule`` round it where it has triggers of cron."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import frozen

from everai_autoscaler.importing.app import App
from everai_autoscaler.importing.cron import window
from everai_autoscaler.importing.hpa import DISTRIBUTION, behavior, metadata
from everai_autoscaler.importing.metric import measure, use
from everai_autoscaler.importing.quantity import plain
from everai_autoscaler.importing.section import FOUND, Section

__all__ = ["read_keda"]


@frozen
class _Trigger:
    """How a kind of trigger states its target."""

    target: str
    default: float | None = None
    queue: bool = True
    """Whether it counts what waits in a queue, which requests stand for."""

    @property
    def activation(self) -> str:
        """The key of its activation threshold."""
        return f"activation{self.target[0].upper()}{self.target[1:]}"


_TRIGGERS = {
    "activemq": _Trigger("targetQueueSize", 10),
    "apache-kafka": _Trigger("lagThreshold", 10),
    "artemis-queue": _Trigger("queueLength", 10),
    "aws-cloudwatch": _Trigger("targetMetricValue", queue=False),
    "aws-sqs-queue": _Trigger("queueLength", 5),
    "azure-monitor": _Trigger("targetValue", queue=False),
    "azure-queue": _Trigger("queueLength", 5),
    "azure-servicebus": _Trigger("messageCount", 5),
    "beanstalkd": _Trigger("value"),
    "gcp-pubsub": _Trigger("value", 10),
    "gcp-stackdriver": _Trigger("targetValue", 5, queue=False),
    "graphite": _Trigger("threshold", queue=False),
    "ibmmq": _Trigger("queueDepth", 20),
    "influxdb": _Trigger("thresholdValue", queue=False),
    "kafka": _Trigger("lagThreshold", 10),
    "metrics-api": _Trigger("targetValue", queue=False),
    "mongodb": _Trigger("queryValue", queue=False),
    "mssql": _Trigger("targetValue", queue=False),
    "mysql": _Trigger("queryValue", queue=False),
    "nats-jetstream": _Trigger("lagThreshold", 10),
    "new-relic": _Trigger("threshold", queue=False),
    "postgresql": _Trigger("targetQueryValue", queue=False),
    "prometheus": _Trigger("threshold", queue=False),
    "pulsar": _Trigger("msgBacklogThreshold", 10),
    "rabbitmq": _Trigger("value"),
    "redis": _Trigger("listLength", 5),
    "redis-cluster": _Trigger("listLength", 5),
    "redis-sentinel": _Trigger("listLength", 5),
    "redis-streams": _Trigger("pendingEntriesCount", 5),
    "solace-event-queue": _Trigger("messageCountTarget"),
    "stan": _Trigger("lagThreshold", 10),
    "temporal": _Trigger("targetQueueSize", 5),
}
"""Triggers by their type, as keda.sh documents each scaler."""
_RATES = ("MessageRate", "DeliverGetRate", "PublishedToDeliveredRatio")


def read_keda(document: Section) -> list[App]:
    """The app that a ScaledObject scales.

    Raises:
        ContractError: none of its triggers has an equivalent, or something in it can't be read.
    """
    for key in ("apiVersion", "kind"):
        document.take(key)
    name, spec = metadata(document), document.section("spec")
    scaled = spec.section("scaleTargetRef")
    name = scaled.text("name") or name
    for key in ("apiVersion", "kind"):
        scaled.take(key)  # what is scaled is whatever runs the workers
    least, most, cooldown = (spec.whole(key) for key in ("minReplicaCount", "maxReplicaCount", "cooldownPeriod"))
    triggers = spec.sections("triggers")
    windows = [one for one in (_window(trigger) for trigger in triggers if _is_cron(trigger)) if one is not None]
    arguments = _triggers(spec, [trigger for trigger in triggers if not _is_cron(trigger)])
    arguments |= {"min_workers": least or 0, "max_workers": 100 if most is None else most}
    arguments |= {} if cooldown is None else {"cooldown": cooldown}
    advanced = spec.section("advanced")
    of_hpa = advanced.section("horizontalPodAutoscalerConfig")
    arguments |= behavior(of_hpa.section("behavior"))
    spec.lose("pollingInterval", "it is an option of the runtime: run --interval SECONDS")
    spec.lose("fallback", "where the metric isn't known, the scaler holds")
    spec.lose("idleReplicaCount", "there are minReplicaCount workers also while nothing is to be done")
    spec.lose("initialCooldownPeriod", "the cooldown begins with the first decision")
    advanced.lose("restoreToOriginalReplicaCount", "nothing is left behind that could be restored")
    advanced.lose("scalingModifiers", "one metric decides here")
    document.lose("status", FOUND)
    scaler: dict[str, Any] = {"name": "keda", "arguments": arguments}
    if windows:
        scaler = {"name": "schedule", "arguments": {"scaler": scaler, "windows": "; ".join(windows)}}
    return [App("ScaledObject", name, scaler, DISTRIBUTION)]


def _is_cron(trigger: Section) -> bool:
    return trigger.text("type") == "cron"


def _window(trigger: Section) -> str | None:
    """The window that a *trigger* of cron is; ``None`` where it is no plain one."""
    details = trigger.section("metadata")
    start, end, zone = (details.text(key) for key in ("start", "end", "timezone"))
    least = details.whole("desiredReplicas")
    found = window(start or "", end or "", zone or "", least or 0)
    if found is None:
        trigger.drop("a window begins and ends at one time of the day, on the same days of the week")
    return found


def _triggers(spec: Section, triggers: Sequence[Section]) -> dict[str, Any]:
    """The arguments for the first trigger that has an equivalent; of the others it is said that they have none."""
    found: dict[str, Any] | None = None
    for trigger in triggers:
        if found is not None:
            trigger.drop("one trigger decides here, the first that has an equivalent")
            continue
        found, why = _trigger(trigger)
        if found is None:
            trigger.drop(why)
    if found is None:
        raise spec.refusal("triggers", "none of them has an equivalent, beside windows of cron")
    return found


def _trigger(trigger: Section) -> tuple[dict[str, Any] | None, str]:
    """The arguments for one *trigger*, or why there are none."""
    kind, stated, details = trigger.text("type") or "", trigger.text("metricType"), trigger.section("metadata")
    if kind in ("cpu", "memory"):
        return _use(kind, stated, details)
    known = _TRIGGERS.get(kind)
    if known is None:
        return None, f"a trigger of type {kind} isn't known here"
    mode = details.text("mode")
    if mode in _RATES:
        return None, "a rate isn't measured here"
    named = known.target
    if kind == "rabbitmq" and details.values.get("queueLength") is not None:
        named = "queueLength"  # as it was called before it had modes
    target, activation = details.number(named), details.number(known.activation)
    target = known.default if target is None else target
    if not target:
        raise details.refusal(named, "is missing, or not above 0")
    arguments: dict[str, Any] = {"target": plain(target)}
    arguments |= {} if activation is None else {"activation": plain(activation)}
    arguments |= {"target_type": "value"} if stated == "Value" else {}
    if known.queue:
        trigger.assume("type", f"requests that are served or wait stand for the length of the queue of {kind}")
    else:
        arguments |= _signal(kind, trigger, details)
    asks = (
        "whoever sends the signal asks for it" if "metric" in arguments else "requests are counted as they are served"
    )
    for key in details.values:
        if key not in details.seen:
            details.lose(key, asks)
    return arguments, ""


def _signal(kind: str, trigger: Section, details: Section) -> dict[str, Any]:
    """Which measure a trigger is that looks at any metric."""
    query, named = details.values.get("query"), trigger.text("name") or details.text("metricName")
    measured = measure(named or kind, trigger, "type", query="" if named else str(query or ""))
    return {} if measured == "requests" else {"metric": measured}


def _use(kind: str, stated: str | None, details: Section) -> tuple[dict[str, Any] | None, str]:
    percent, stated = details.number("value"), stated or details.text("type") or "Utilization"
    if stated != "Utilization" or not percent:
        return None, "only the share of the workers' capacity in use is measured here"
    return use(percent, {"cpu": "the processor"}.get(kind, kind), details, "value"), ""
