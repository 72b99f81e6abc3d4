"""The builtin scalers, decorators and placeholder kinds, offered as any plugin offers its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from everai_autoscaler.builtin import placeholders
from everai_autoscaler.builtin.decorator import arguments, factors
from everai_autoscaler.builtin.demand import DemandAutoScaler
from everai_autoscaler.builtin.free_worker import FreeWorkerAutoScaler
from everai_autoscaler.builtin.simple import SimpleAutoScaler
from everai_autoscaler.builtin.slo_latency import SloLatencyAutoScaler
from everai_autoscaler.model import ArgumentsDecorator, AutoScaler, FactorsDecorator
from everai_autoscaler.plugin import hookimpl


@hookimpl
def register_autoscalers() -> Mapping[str, Callable[..., AutoScaler]]:
    """The scalers."""
    scalers = (SimpleAutoScaler, FreeWorkerAutoScaler, DemandAutoScaler, SloLatencyAutoScaler)
    return {one.autoscaler_name(): one for one in scalers}


@hookimpl
def register_factors_decorators() -> Mapping[str, Callable[..., FactorsDecorator]]:
    """The decorators of snapshots."""
    return {one.name(): one for one in (factors.NoopDecorator, factors.AverageDecorator)}


@hookimpl
def register_arguments_decorators() -> Mapping[str, Callable[..., ArgumentsDecorator]]:
    """The decorators of arguments."""
    return {one.name(): one for one in (arguments.NoopDecorator, arguments.TimeMatchDecorator)}


@hookimpl
def register_placeholder_kinds() -> Mapping[str, Callable[[str, str], str]]:
    """Where late values come from."""
    return {
        "Env": placeholders.read_env,
        "File": placeholders.read_file,
        "ConfigMap": placeholders.read_configmap,
        "Secret": placeholders.read_secret,
        "Tuned": placeholders.read_tuned,
    }
