"""Who takes part: each peer with what has to be given to it, and the grid on which its arguments are tuned."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from attrs import frozen

from benchmarks.arena.peers.aws import AwsTargetTrackingAutoScaler
from benchmarks.arena.peers.beta9 import Beta9AutoScaler
from benchmarks.arena.peers.dask import DaskAutoScaler
from benchmarks.arena.peers.dynamo import DynamoAutoScaler
from benchmarks.arena.peers.fixed import FixedAutoScaler
from benchmarks.arena.peers.skyserve import SkyServeAutoScaler
from everai_autoscaler import FreeWorkerAutoScaler, SimpleAutoScaler
from everai_autoscaler.model import AutoScaler
from everai_autoscaler.simulator.oracle import RateOracle
from everai_autoscaler.simulator.workload import Workload

__all__ = ["COMPANY", "MOST_WORKERS", "PEERS", "Peer", "made", "oracle_peer", "static_peer"]

MOST_WORKERS = 200
"""The bound that every policy is given: far above what any trace needs, and below what a wrong rule would ask for."""

_PLUGINS = Path(__file__).parents[2] / "plugins"


@frozen
class Peer:
    """One policy of the arena."""

    name: str
    make: Callable[..., AutoScaler]
    rule: str
    """What it does by default, in a few words, and where that is published."""
    grid: Mapping[str, Sequence[Any]]
    """For each argument that is tuned, the values that it may take, in order."""
    given: Callable[[Workload, float], dict[str, Any]] = lambda _workload, _cold_start: {}
    """What has no default and has to be given, from the trace in hindsight and the cold start."""
    scaled: Mapping[str, float] | None = None
    """Arguments whose grid is a multiple of something of the trace: of the seconds of a request (1), or of the requests
    that a worker serves in a second (-1)."""


def _plugin(distribution: str, name: str, **renamed: str) -> Callable[..., AutoScaler]:
    """The class *name* of an example plugin, installed or in this checkout.

    What is *renamed* is an argument of the arena, with its name there.
    """
    module = distribution.replace("-", "_")

    def make(**arguments: Any) -> AutoScaler:
        if find_spec(module) is None:
            sys.path.append(str(_PLUGINS / distribution))
        given = {renamed.get(key, key): value for key, value in arguments.items()}
        scaler: AutoScaler = getattr(import_module(module), name)(**given)
        return scaler

    return make


def _a_rate(workload: Workload, _cold_start: float) -> dict[str, Any]:
    """What a worker serves in a second at 80 % of use."""
    return {"target_qps_per_replica": 0.8 / workload.mean_service}


_IDLE = (30, 60, 120, 240, 480, 900)
_TARGETS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
_STEPS = (1, 2, 3, 5, 8, 12, 20, 40)

PEERS = (
    Peer(
        "simple",
        SimpleAutoScaler,
        "one worker more while more than one request waits for a busy worker; idle ones go after 120 s (shipped)",
        {"max_queue_size": (0, 1, 2, 4, 8), "scale_up_step": _STEPS, "max_idle_time": _IDLE},
    ),
    Peer(
        "free-worker",
        FreeWorkerAutoScaler,
        "one worker more while none is free; idle ones go after 120 s (shipped)",
        {"min_free_workers": (1, 2, 3, 4, 6, 8, 12, 16, 24, 32), "scale_up_step": _STEPS, "max_idle_time": _IDLE},
    ),
    Peer(
        "target tracking (plugin)",
        _plugin("everai-autoscaler-target-tracking", "TargetTrackingAutoScaler"),
        "80 % of the workers in use, tolerance 0.1; idle ones go after 60 s (example plugin)",
        {"target": _TARGETS, "tolerance": (0.0, 0.05, 0.1, 0.2), "max_idle_time": _IDLE},
    ),
    Peer(
        "Knative KPA (plugin)",
        _plugin("everai-autoscaler-kpa", "KpaAutoScaler"),
        "0.7 requests at once for each worker over 60 s, panic over 6 s (example plugin; knative.dev)",
        {
            "target_utilization": _TARGETS,
            "stable_window": (20, 40, 60, 120, 240, 480, 900),
            "panic_threshold_percentage": (110, 130, 150, 200, 400),
        },
    ),
    Peer(
        "Kubernetes HPA",
        _plugin("everai-autoscaler-hpa", "HpaAutoScaler"),
        "0.8 requests for each worker, tolerance 0.1, 300 s stabilisation down (kubernetes.io)",
        {"target": _TARGETS, "down_window": (20, 60, 120, 300, 600, 1200), "tolerance": (0.0, 0.05, 0.1, 0.2)},
    ),
    Peer(
        "KEDA queue length",
        _plugin("everai-autoscaler-hpa", "KedaAutoScaler", queue_length="target"),
        "5 requests for each worker through an HPA, none after 300 s (keda.sh)",
        {
            "queue_length": (*_TARGETS, 1.5, 2, 3, 5),
            "down_window": (20, 60, 120, 300, 600, 1200),
            "cooldown": (60, 300, 900),
        },
    ),
    Peer(
        "Ray Serve",
        _plugin("everai-autoscaler-ray-serve", "RayServeAutoScaler"),
        "2 ongoing requests for each worker, 30 s delay up, 600 s down (docs.ray.io)",
        {
            "target_ongoing_requests": (*_TARGETS, 1.5, 2),
            "upscale_delay": (0, 10, 30, 60),
            "downscale_delay": (20, 60, 120, 300, 600, 1200),
        },
    ),
    Peer(
        "AWS target tracking",
        AwsTargetTrackingAutoScaler,
        "0.7 requests for each worker: 3 minutes above scale out, 15 well below scale in by one (docs.aws.amazon.com)",
        {"target": _TARGETS, "scale_in_cooldown": (0, 60, 300, 600), "scale_in_step": (1, 2, 4, 8)},
    ),
    Peer(
        "SkyServe request rate",
        SkyServeAutoScaler,
        "a rate for each worker, 300 s delay up, 1200 s down (docs.skypilot.co)",
        {
            "target_qps_per_replica": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0),
            "upscale_delay": (20, 60, 120, 300),
            "downscale_delay": (60, 120, 300, 600, 1200),
        },
        given=_a_rate,
        scaled={"target_qps_per_replica": -1},
    ),
    Peer(
        "Dask adaptive",
        DaskAutoScaler,
        "known work over 5 s, three looks down (docs.dask.org)",
        {"target_duration": (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.5, 2), "wait_count": (1, 3, 6, 12, 30)},
        scaled={"target_duration": 1},
    ),
    Peer(
        "NVIDIA Dynamo load",
        DynamoAutoScaler,
        "one more above a load of 100 %, one fewer below 60 % (docs.nvidia.com/dynamo)",
        {"scale_up_load": (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0), "scale_down_load": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6)},
    ),
    Peer(
        "beta9 in flight",
        Beta9AutoScaler,
        "a worker for each request in flight, kept warm for 180 s (docs.beam.cloud)",
        {"tasks_per_container": (1, 2, 3, 4), "keep_warm_seconds": (0, 30, 60, 120, 180, 300, 600, 1200)},
    ),
)

static_peer = Peer("best static fleet", FixedAutoScaler, "the smallest of constant size that meets the SLO", {})
oracle_peer = Peer(
    "rate oracle",
    RateOracle,
    "knows the true arrival rate now and a cold start from now",
    {},
    given=lambda workload, cold_start: {"workload": workload, "cold_start": cold_start},
)
COMPANY = (static_peer, oracle_peer)
"""Who is no peer: each knows something in hindsight."""


def made(peer: Peer, arguments: Mapping[str, Any]) -> AutoScaler:
    """The policy with these *arguments*, and the arena's bound."""
    bound = {} if peer is static_peer else {"max_workers": MOST_WORKERS}
    return peer.make(**{**bound, **arguments})
