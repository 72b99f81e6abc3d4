"""A Ray Serve config, or a RayService that holds one, as the scaler ``ray-serve``."""

from __future__ import annotations

from typing import Any

from everai_autoscaler.importing.app import App
from everai_autoscaler.importing.quantity import plain
from everai_autoscaler.importing.section import FOUND, STARTS, Section, Source

__all__ = ["read_ray_serve"]

_DISTRIBUTION = "everai-autoscaler-ray-serve"
_AUTO_MOST = 100
"""The most replicas with ``num_replicas: auto``."""
_NUMBERS = {
    "target_ongoing_requests": "target_ongoing_requests",
    "upscale_delay_s": "upscale_delay",
    "downscale_delay_s": "downscale_delay",
    "downscale_to_zero_delay_s": "downscale_to_zero_delay",
    "look_back_period_s": "look_back",
}


def read_ray_serve(document: Section) -> list[App]:
    """The deployments that a Ray Serve config scales.

    Raises:
        ContractError: none of its deployments scales, or something in it can't be read.
    """
    if document.take("kind") == "RayService":
        return _of_ray_service(document)
    applications = document.sections("applications") or [document]
    for key in ("proxy_location", "http_options", "grpc_options", "logging_config"):
        document.lose(key, "a runtime has a router of its own")
    apps = [app for application in applications for app in _apps(application)]
    if not apps:
        raise document.refusal("", "none of its deployments has an autoscaling_config, or num_replicas: auto")
    return apps


def _of_ray_service(document: Section) -> list[App]:
    """What the text ``serveConfigV2`` of a RayService holds."""
    for key in ("apiVersion", "metadata"):
        document.take(key)
    spec = document.section("spec")
    text = spec.text("serveConfigV2")
    if text is None or document.source.parse is None:
        raise spec.refusal("serveConfigV2", "is missing")
    held, lines = document.source.parse(text)
    path = (*spec.path, "serveConfigV2")
    first = document.source.line(path) or 0
    moved = {(*path, *inner): first + line for inner, line in lines.items()}
    config = Section.of(held, Source(document.source.where, {**document.source.lines, **moved}), path)
    document.inside.append(config)
    spec.lose("rayClusterConfig", STARTS)
    document.lose("status", FOUND)
    return read_ray_serve(config)


def _apps(application: Section) -> list[App]:
    """The deployments of an *application* that scale."""
    name = application.text("name")
    application.lose("import_path", STARTS)
    application.lose("runtime_env", STARTS)
    application.lose("route_prefix", "a runtime serves one app, at its own address")
    deployments = application.sections("deployments")
    apps = [_app(name, deployment, alone=len(deployments) == 1) for deployment in deployments]
    return [app for app in apps if app is not None]


def _app(application: str | None, deployment: Section, *, alone: bool) -> App | None:
    """What a *deployment* is; ``None`` where it doesn't scale."""
    name, replicas = deployment.text("name") or "app", deployment.take("num_replicas")
    if deployment.take("autoscaling_config") is None and replicas != "auto":
        deployment.drop(f"{replicas or 1} of {name}, always: it doesn't scale")
        return None
    if replicas not in (None, "auto"):
        deployment.lose("num_replicas", "the autoscaling_config decides")
    limit = deployment.whole("max_ongoing_requests")
    if limit is not None:
        deployment.assume("max_ongoing_requests", f"tell it to the workers: concurrency: {limit} in the section local")
    arguments = _arguments(deployment.section("autoscaling_config"), auto=replicas == "auto")
    for key in ("ray_actor_options", "user_config", "placement_group_bundles", "placement_group_strategy"):
        deployment.lose(key, STARTS)
    name = name if alone or application is None else f"{application}-{name}"
    return App("Ray Serve deployment", name, {"name": "ray-serve", "arguments": arguments}, _DISTRIBUTION)


def _arguments(config: Section, *, auto: bool) -> dict[str, Any]:
    """The arguments that mean the same as an ``autoscaling_config``."""
    found: dict[str, float | None] = {ours: config.number(theirs) for theirs, ours in _NUMBERS.items()}
    older = config.number("target_num_ongoing_requests_per_replica")
    if found["target_ongoing_requests"] is None:
        found["target_ongoing_requests"] = older
    both = config.number("smoothing_factor")
    for way in ("up", "down"):
        factor, older = config.number(f"{way}scaling_factor"), config.number(f"{way}scale_smoothing_factor")
        # Of the three names that it has had, the newest wins.
        found[f"{way}scaling_factor"] = next((one for one in (factor, older, both) if one is not None), None)
    least, most, first = (config.whole(f"{which}_replicas") for which in ("min", "max", "initial"))
    arguments: dict[str, Any] = {ours: plain(value) for ours, value in found.items() if value is not None}
    aggregation = config.text("aggregation_function")
    arguments |= {} if aggregation is None else {"aggregation": aggregation.lower()}
    arguments |= {} if first is None else {"initial_workers": first}
    arguments |= {"min_workers": 1 if least is None else least}
    arguments |= {"max_workers": (_AUTO_MOST if auto else 1) if most is None else most}
    config.lose("metrics_interval_s", "every decision has a snapshot of its own moment")
    config.lose("policy", "a policy of one's own is a plugin here")
    return arguments
