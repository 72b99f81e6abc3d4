"""One measurement in one fresh process, the same lines for every side: prints one line of JSON.

Times are CPU seconds of this process, of the best batch: whatever else the machine does can only add. The predecessor
prints on each decision, so standard output is the null device while anything is measured, on every side.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

BATCH = 0.02
"""Seconds that a batch lasts at least."""


def best(action: Callable[[], object], budget: float) -> float:
    """The CPU seconds of one *action*: of the best batch in *budget* seconds, and of three at least."""
    action()
    began = time.process_time()
    action()
    once = time.process_time() - began
    count = max(1, int(BATCH / max(once, 1e-7)))
    found, spent, batches = float("inf"), 0.0, 0
    while spent < budget or batches < 3:
        began = time.process_time()
        for _ in range(count):
            action()
        took = time.process_time() - began
        found, spent, batches = min(found, took / count), spent + took, batches + 1
    return found


def scaler(name: str, workers: int) -> Any:
    """The scaler *name*, with room for all of the *workers* and nobody idle for long enough to go."""
    from everai_autoscaler.builtin import FreeWorkerAutoScaler, SimpleAutoScaler

    made: Any = {"simple": SimpleAutoScaler, "free-worker": FreeWorkerAutoScaler}[name]
    return made(1, workers + 1, 1, 10**9, 1)


def wire(path: str, workers: int, budget: float) -> dict[str, Any]:
    """Snapshot JSON to decision to JSON."""
    from everai_autoscaler.model import Factors

    text, policy = Path(path).read_text(), scaler("simple", workers)

    def whole_way() -> str:
        answer: str = policy.decide(Factors.from_json(text)).json()
        return answer

    return {"seconds": best(whole_way, budget), "answer": whole_way()}


def memory(path: str, workers: int, budget: float) -> dict[str, Any]:  # noqa: ARG001 - once is enough
    """The peak of one way from snapshot JSON to JSON over what the imports took, the text of the snapshot included."""
    from everai_autoscaler.model import Factors

    policy = scaler("simple", workers)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    answer = policy.decide(Factors.from_json(Path(path).read_text())).json()
    return {"megabytes": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024, "answer": answer}


def decide(path: str, workers: int, budget: float, name: str = "simple") -> dict[str, Any]:
    """A decision on a snapshot that was read before.

    The predecessor sorts the caller's list; so that each decision sees the order in which the workers were sent, it is
    put back before each, on every side.
    """
    from everai_autoscaler.model import Factors

    factors, policy = Factors.from_json(Path(path).read_text()), scaler(name, workers)
    sent = list(factors.workers or ())

    def once() -> Any:
        factors.workers[:] = sent  # type: ignore[index]  # it is known
        return policy.decide(factors)

    return {"seconds": best(once, budget), "answer": once().json()}


def decide_free_worker(path: str, workers: int, budget: float) -> dict[str, Any]:
    """The same with the other scaler."""
    return decide(path, workers, budget, "free-worker")


def pipeline(path: str, workers: int, budget: float) -> dict[str, Any]:
    """The same through the whole pipeline, without a record."""
    from everai_autoscaler.decision import Decider
    from everai_autoscaler.model import Factors

    arguments = {"min_workers": 1, "max_workers": workers + 1, "max_queue_size": 1, "max_idle_time": 10**9}
    factors, decider = Factors.from_json(Path(path).read_text()), Decider("simple", arguments)
    sent = list(factors.workers or ())

    def once() -> Any:
        factors.workers[:] = sent  # type: ignore[index]  # as the bare policy is measured
        return decider.decide(factors)

    return {"seconds": best(once, budget), "answer": once().json()}


def wrapped(path: str, workers: int, budget: float) -> dict[str, Any]:
    """Two policies, combined and with a pause, as the pipeline asks them."""
    from everai_autoscaler.model import Factors
    from everai_autoscaler.wrapper import Cooldown, Max

    policy = Cooldown(Max([scaler("simple", workers), scaler("free-worker", workers)]))
    factors = Factors.from_json(Path(path).read_text())
    sent = list(factors.workers or ())

    def once() -> Any:
        factors.workers[:] = sent  # type: ignore[index]  # as the bare policy is measured
        return policy.decide_with_memory(factors, None)[0]

    return {"seconds": best(once, budget), "answer": once().json()}


def demand(path: str, workers: int, budget: float) -> dict[str, Any]:
    """A decision of ``demand``, whose windows are full: two hours of falling demand, a snapshot every five seconds."""
    from everai_autoscaler.builtin import DemandAutoScaler
    from everai_autoscaler.model import Factors

    factors, policy = Factors.from_json(Path(path).read_text()), DemandAutoScaler(0, workers + 1)
    now, memory = 1722222800.0, None
    for step in range(1500):
        now += 5
        beside = {"observed_at": now, "arrivals": 30 - step // 60, "completions": 20, "start_times": [30.0] * 20}
        factors = factors.model_copy(update=beside)
        memory = policy.decide_with_memory(factors, memory)[1]
    factors = factors.model_copy(update={"observed_at": now + 5})

    def once() -> Any:
        return policy.decide_with_memory(factors, memory)[0]

    return {"seconds": best(once, budget), "answer": once().json()}


def versions(path: str, workers: int, budget: float) -> dict[str, Any]:  # noqa: ARG001 - all are called alike
    """What is measured here."""
    from importlib.metadata import version
    from platform import python_version

    return {"python": python_version(), **{name: version(name) for name in ("everai-autoscaler", "pydantic")}}


MEASUREMENTS = {
    one.__name__: one for one in (wire, memory, decide, decide_free_worker, pipeline, wrapped, demand, versions)
}

if __name__ == "__main__":
    what, where, number, seconds = sys.argv[1:]
    out = sys.stdout
    with Path(os.devnull).open("w") as sys.stdout:
        measured = MEASUREMENTS[what](where, int(number), float(seconds))
    print(json.dumps(measured), file=out)
