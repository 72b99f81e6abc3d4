"""Measures what a look of the tuner's process takes, at a rate of requests.

``python benchmarks/tuner.py [RATE SERVICE [LOOKS]]`` lets a tuner with the book that ships look at Poisson traffic
every 300 s, in virtual time: CPU time of a look, its share of a core, memory, and what is kept on disk. Decisions every
5 s, at most 200 workers. Without arguments: half a request a second of 10 s each, and 50 of 2 s. Needs the extras
``runtime`` and ``simulator``.
"""

from __future__ import annotations

import resource
import sys
import time
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory

from everai_autoscaler.runtime.ring import Ring
from everai_autoscaler.runtime.store import Store, TickRow
from everai_autoscaler.runtime.tuned import requests_path
from everai_autoscaler.tuner.loop import Loop
from everai_autoscaler.tuner.settings import Config, TuningSettings
from everai_autoscaler.tuning.tuner import Tuner

EVERY, PERIOD, MOST = 300.0, 5.0, 200
START = 1_700_000_000.0
USUAL = ((0.5, 10.0), (50.0, 2.0))


def main() -> None:
    """Measure what was asked for, or the usual."""
    given = [float(word) for word in sys.argv[1:]]
    looks = int(given[2]) if len(given) > 2 else 8
    for rate, service in [(given[0], given[1])] if given else USUAL:
        with TemporaryDirectory() as directory:
            print(measured(Path(directory), rate, service, looks))


def measured(directory: Path, rate: float, service: float, looks: int) -> str:
    """What *looks* take at that *rate* (requests a second) and mean *service* time (seconds)."""
    now, chance = START, Random(1)  # noqa: S311 - the same traffic each time
    store = Store(directory)
    ring = Ring(requests_path(directory, "app"), records=400_000, clock=lambda: now)
    config = Config(
        app="app",
        directory=directory,
        scaler="demand",
        tuned=("rule", "min_workers"),
        interval=PERIOD,
        settings=TuningSettings(),
        book=None,
    )
    loop = Loop(config, lambda _: None, Tuner.resume, clock=lambda: now)
    took = []
    for number in range(looks + 2):
        began = time.process_time()
        loop.look()
        if number > 1:  # the first finds nothing, and the second compiles
            took.append(time.process_time() - began)
        came = now + chance.expovariate(rate)
        while came < now + EVERY:
            ring.add(came, came, came + chance.expovariate(1 / service))
            came += chance.expovariate(rate)
        ring.flush()
        for step in range(int(EVERY / PERIOD)):
            store.write_tick("app", _tick(now + step * PERIOD, busy=round(rate * service)))
        now += EVERY
    store.close()
    kept = sum(path.stat().st_size for path in (directory / "tuned").iterdir())
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    share = median(took) / EVERY
    return (
        f"{rate:g} requests a second of {service:g} s: a look takes {median(took):.3f} s (longest {max(took):.3f} s), "
        f"{share:.2%} of a core; {memory:.0f} MB, {kept / 1000:.0f} kB on disk"
    )


def _tick(at: float, *, busy: int) -> TickRow:
    numbers = {"inflight": 0, "free": 1, "busy": busy, "draining": 0, "waiting": {}, "max_workers": MOST}
    return TickRow(
        at=at,
        took=0.0,
        lag=0.0,
        record=None,
        memory=None,
        applied=None,
        operator=None,
        failure="nothing is decided here",
        workers=[],
        queue=[],
        sample={"at": at, **numbers},
    )


if __name__ == "__main__":
    main()
