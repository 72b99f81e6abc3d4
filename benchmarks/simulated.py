"""One measurement of benchmarks/simulator.py, in a process of its own; prints it as JSON.

``python benchmarks/simulated.py SIDE REQUESTS WORKERS``: an M/M/k queue whose workers start when they are needed and
stop when they are idle, by the same rule on every side. All sides get the same arrivals and service times.
"""

from __future__ import annotations

import json
import math
import resource
import sys
import time
from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

INTERVAL = 20.0
"""Seconds between decisions."""
SERVICE = 0.1
"""Seconds that a request keeps a worker busy, on average."""
COLD_START = 40.0
"""A whole number of intervals, since ciw changes its servers only then."""
SPARE = 0.25
"""Free workers for each busy one; what is above that may go."""


def rule(free: int, busy: int, starting: int, waiting: int) -> int:
    """How many workers to start or, below 0, free ones to stop: one for each that waits; one by one."""
    if waiting:
        return max(0, waiting - starting)
    return -1 if free > 1 + SPARE * busy else 0


def requests(number: int, workers: int) -> tuple[Any, Any]:
    """Arrivals that keep 0.8 of so many *workers* busy, and exponential service times."""
    chance = np.random.default_rng(13)
    return np.cumsum(chance.exponential(SERVICE / (0.8 * workers), number)), chance.exponential(SERVICE, number)


# -- the peers --------------------------------------------------------------------------------------------------------


def with_simpy(came: list[float], service: list[float], workers: int) -> float:
    """The mean wait."""
    import simpy

    environment = simpy.Environment()
    free = simpy.Store(environment)
    free.items.extend(range(workers))
    waits: list[float] = []
    counts = {"busy": 0, "starting": 0}

    def request(seconds: float) -> Any:
        at = environment.now
        worker = yield free.get()
        counts["busy"] += 1
        waits.append(environment.now - at)
        yield environment.timeout(seconds)
        counts["busy"] -= 1
        yield free.put(worker)

    def arrivals() -> Any:
        for moment, seconds in zip(came, service, strict=True):
            yield environment.timeout(moment - environment.now)
            environment.process(request(seconds))

    def start() -> Any:
        counts["starting"] += 1
        yield environment.timeout(COLD_START)
        counts["starting"] -= 1
        yield free.put(0)

    def decisions() -> Any:
        while len(waits) < len(came):
            more = rule(len(free.items), counts["busy"], counts["starting"], len(free.get_queue))
            for _ in range(more):
                environment.process(start())
            del free.items[: max(0, -more)]
            yield environment.timeout(INTERVAL)

    environment.process(decisions())
    environment.process(arrivals())
    environment.run()
    return math.fsum(waits) / len(waits)


def with_salabim(came: list[float], service: list[float], workers: int) -> float:
    """The mean wait."""
    import salabim

    environment = salabim.Environment(trace=False, yieldless=False)
    places = salabim.Resource("places", capacity=workers, monitor=False)
    waits: list[float] = []
    counts = {"starting": 0}

    class Request(salabim.Component):  # type: ignore[misc]
        def process(self, seconds: float) -> Any:
            at = environment.now()
            yield self.request(places)
            waits.append(environment.now() - at)
            yield self.hold(seconds)
            self.release()

    class Arrivals(salabim.Component):  # type: ignore[misc]
        def process(self) -> Any:
            for moment, seconds in zip(came, service, strict=True):
                yield self.hold(till=moment)
                Request(seconds=seconds, name="", suppress_trace=True)

    class Start(salabim.Component):  # type: ignore[misc]
        def process(self) -> Any:
            counts["starting"] += 1
            yield self.hold(COLD_START)
            counts["starting"] -= 1
            places.set_capacity(places.capacity() + 1)

    class Decisions(salabim.Component):  # type: ignore[misc]
        def process(self) -> Any:
            while len(waits) < len(came):
                busy = int(places.claimed_quantity())
                more = rule(int(places.capacity()) - busy, busy, counts["starting"], len(places.requesters()))
                for _ in range(more):
                    Start()
                if more < 0:
                    places.set_capacity(places.capacity() + more)
                yield self.hold(INTERVAL)

    Decisions()
    Arrivals()
    environment.run()
    return math.fsum(waits) / len(waits)


def with_ciw(came: list[float], service: list[float], workers: int) -> float:
    """The mean wait."""
    import ciw

    class Scaled(ciw.Node):  # type: ignore[misc]
        starting: list[float]
        began = False

        def change_shift(self) -> None:
            if not self.began:
                self.began, self.starting = True, []
                self.add_new_servers(workers)
            ready = [moment for moment in self.starting if moment <= self.now]
            self.starting = [moment for moment in self.starting if moment > self.now]
            self.add_new_servers(len(ready))
            self.begin_service_if_possible_change_shift()
            idle = [server for server in self.servers if not server.busy]
            waiting = self.number_of_individuals - self.number_in_service
            more = rule(len(idle), len(self.servers) - len(idle), len(self.starting), waiting)
            self.starting += [self.now + COLD_START] * more
            for server in idle[: max(0, -more)]:
                self.kill_server(server)
            self.c = len(self.servers)
            self.next_shift_change = self.schedule.next_shift_change_date = self.now + INTERVAL

    between = np.diff(came, prepend=0.0).tolist()
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Sequential([*between, 1e12])],
        service_distributions=[ciw.dists.Sequential(service)],
        number_of_servers=[ciw.Schedule(numbers_of_servers=[workers], shift_end_dates=[INTERVAL])],
    )
    simulation = ciw.Simulation(network, node_class=Scaled)
    simulation.simulate_until_max_customers(len(came), method="Finish")
    waits = [record.waiting_time for record in simulation.get_all_records()]
    return math.fsum(waits) / len(waits)


# -- ours -------------------------------------------------------------------------------------------------------------


def policy() -> Any:
    """The rule as a policy."""
    from everai_autoscaler.model import AutoScaler, DecideResult, Factors, ScaleDownAction, ScaleUpAction, WorkerStatus

    class Rule(AutoScaler):
        def decide(self, factors: Factors) -> DecideResult:
            counts = factors.worker or {}
            free, busy, starting = (
                counts[one] for one in (WorkerStatus.Free, WorkerStatus.Busy, WorkerStatus.Inflight)
            )
            more = rule(free, busy, starting, factors.waiting() or 0)
            idle = (
                [one.worker_id for one in factors.workers or () if one.status is WorkerStatus.Free] if more < 0 else []
            )
            down = [ScaleDownAction(worker_id=worker_id) for worker_id in idle[: max(0, -more)]]
            up = [ScaleUpAction(count=more)] if more > 0 else []
            return DecideResult(max_workers=10**6, actions=[*up, *down])

    return Rule()


def workload_of(came: Any, service: Any) -> Any:
    """The requests as a workload."""
    from everai_autoscaler.simulator import Workload

    return Workload("M/M/k", array("d", came.tobytes()), array("d", service.tobytes()))


def simulated(engine: str, workload: Any, workers: int, *, keep: str = "all") -> Any:
    """The run by our engine of that name."""
    from everai_autoscaler.simulator import simulate

    began = time.process_time()
    run: Any = simulate(
        policy(), workload, cold_start=COLD_START, interval=INTERVAL, workers=workers, engine=engine, keep=keep
    )
    return run, time.process_time() - began


def ours(engine: str, number: int, workers: int) -> dict[str, Any]:
    """The whole way: snapshot, Decider, guard and cluster; and the cluster by itself, asked by the same rule."""
    if engine == "compiled":
        simulated(engine, workload_of(*requests(20_000, 5)), 5)  # compiles it, or loads what was compiled before
    run, seconds = simulated(engine, workload_of(*requests(number, workers)), workers)
    wait = float(np.mean(np.asarray(run.requests.began) - np.asarray(run.requests.came)))
    return {"seconds": seconds, "wait": wait, "ticks": len(run.ticks)}


def cluster(engine: str, number: int, workers: int) -> dict[str, Any]:
    """The cluster without snapshots or policy: the rule is told the numbers, as the peers' is."""
    from everai_autoscaler.model import DecideResult, ScaleDownAction, ScaleUpAction
    from everai_autoscaler.simulator import Cluster

    kind: Any = Cluster
    if engine == "compiled":
        from everai_autoscaler.simulator.compiled import CompiledCluster as kind  # noqa: N813

    def play(count: int, fleet: int) -> tuple[float, Any]:
        came, service = requests(count, fleet)
        workload = workload_of(came, service)
        target = kind(load=[workload], workers=fleet, cold_start=COLD_START)
        began, now = time.process_time(), target.clock.now()
        while True:
            target.clock.sleep_until(now)
            if target.at_rest:
                break
            serving, here = target.line.serving, target._fleet.here.values()  # noqa: SLF001 - no snapshot is made
            free = [one for one in here if one.ready_at is not None and not serving[one.slot]]
            starting = sum(one.ready_at is None for one in here)
            more = rule(len(free), len(here) - len(free) - starting, starting, len(target.line.waiting))
            actions: list[Any] = [ScaleUpAction(count=more)] if more > 0 else []
            actions += [ScaleDownAction(worker_id=one.worker_id) for one in free[: max(0, -more)]]
            target.apply(DecideResult(max_workers=10**6, actions=actions))
            now += INTERVAL
        return time.process_time() - began, target.fates()

    play(20_000, 5)  # compiles what it needs, or loads what was compiled before: starts and removals, too
    seconds, fates = play(number, workers)
    return {"seconds": seconds, "wait": float(np.mean(np.asarray(fates.began) - np.asarray(fates.came)))}


def day(path: str) -> dict[str, Any]:
    """A trace through the whole Decider, with its metrics."""
    from everai_autoscaler.simulator import read, simulate

    workload = read(path)
    began = time.process_time()
    run = simulate("free-worker", workload, arguments={"max_workers": 100, "min_free_workers": 2}, price=2.5)
    metrics = run.metrics(slo=5.0)
    seconds = time.process_time() - began
    return {"seconds": seconds, "requests": len(workload), "ticks": len(run.ticks), "wait": metrics.mean_wait}


def memory(engine: str, keep: str, number: int, workers: int) -> dict[str, Any]:
    """Mebibytes that a run takes over those of its workload."""
    simulated(engine, workload_of(*requests(1000, 5)), 5, keep=keep)
    workload = workload_of(*requests(number, workers))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _, seconds = simulated(engine, workload, workers, keep=keep)
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {"megabytes": (after - before) / 1024, "seconds": seconds}


def best(wait: float, number: int) -> dict[str, Any]:
    """The optimum of so many requests."""
    from everai_autoscaler.simulator import Workload, optimum

    optimum(Workload("first", [0.0], [1.0]), wait=wait)
    came, service = requests(number, 20)
    workload = Workload("M/M/k", array("d", came.tobytes()), array("d", service.tobytes()))
    began = time.process_time()
    found = optimum(workload, wait=wait, cold_start=30.0)
    return {"seconds": time.process_time() - began, "bound": found.bound, "schedule": found.schedule}


def peer(play: Callable[[list[float], list[float], int], float], number: int, workers: int) -> dict[str, Any]:
    """How long a peer takes."""
    came, service = (column.tolist() for column in requests(number, workers))
    began = time.process_time()
    wait = play(came, service, workers)
    return {"seconds": time.process_time() - began, "wait": wait}


def main() -> None:
    """Measure what the arguments say."""
    side, *given = sys.argv[1:]
    peers = {"simpy": with_simpy, "salabim": with_salabim, "ciw": with_ciw}
    found: dict[str, Any]
    if side in peers:
        found = peer(peers[side], int(given[0]), int(given[1]))
    elif side == "day":
        found = day(given[0])
    elif side == "memory":
        found = memory(given[0], given[1], int(given[2]), int(given[3]))
    elif side == "optimum":
        found = best(float(given[0]), int(given[1]))
    elif side.startswith("cluster-"):
        found = cluster(side.removeprefix("cluster-"), int(given[0]), int(given[1]))
    else:
        found = ours(side, int(given[0]), int(given[1]))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
