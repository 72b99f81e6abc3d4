"""The simulator against queueing theory, whose formulas are written out here with their sources."""

from __future__ import annotations

import math
import random
from statistics import NormalDist, fmean, stdev

import pytest

from everai_autoscaler import AutoScaler, DecideResult
from everai_autoscaler.model import ScaleDownAction, ScaleUpAction
from everai_autoscaler.simulator.cluster import Cluster
from everai_autoscaler.simulator.simulate import simulate
from everai_autoscaler.simulator.workload import Workload

BATCHES = 30
T_99 = 2.756
"""Student's t for 29 degrees of freedom: 99 % of the intervals hold the true mean."""


def poisson(arrivals, service, number, *, seed):
    """Arrivals and services that are both exponential: *arrivals* and 1 / *service* a second."""
    luck = random.Random(f"theory:{seed}")
    came, moments = 0.0, []
    for _ in range(number):
        came += luck.expovariate(arrivals)
        moments.append(came)
    return Workload("M/M", moments, [luck.expovariate(1 / service) for _ in range(number)])


def fixed_pool(workload, workers, **more):
    """The run of a pool that nobody scales; few decisions, since there is nothing to decide."""
    arguments = {"min_workers": workers, "max_workers": workers}
    return simulate("simple", workload, arguments=arguments, workers=workers, interval=50_000, **more)


def interval_of(values):
    """The mean of the batches' means, and half of its 99 % confidence interval, by the method of batch means."""
    size = len(values) // BATCHES
    means = [fmean(values[batch * size : (batch + 1) * size]) for batch in range(BATCHES)]
    return fmean(means), T_99 * stdev(means) / math.sqrt(BATCHES)


def waits_of(requests, *, first=0):
    """How long each waited, after the *first* of them."""
    return [began - came for came, began in zip(requests.came[first:], requests.began[first:], strict=True)]


def erlang_c(servers, load):
    """The share of requests that wait in M/M/k: A. K. Erlang, 1917, by the stable recursion over Erlang B."""
    blocked = 1.0
    for number in range(1, servers + 1):
        blocked = load * blocked / (number + load * blocked)
    return servers * blocked / (servers - load * (1 - blocked))


def test_one_server_waits_as_m_m_1_says():
    """Mean wait rho / (mu - lambda): at 0.8 of a server that answers in 1 s it is 4 s."""
    run = fixed_pool(poisson(0.8, 1.0, 60_000, seed=1), 1, warm_up=1_000)
    mean, half = interval_of(waits_of(run.requests, first=1_000))

    assert half < 0.8
    assert abs(mean - 0.8 / (1.0 - 0.8)) < half


@pytest.mark.parametrize(
    ("servers", "load", "number"),
    [(2, 1.5, 60_000), (8, 6.4, 60_000), pytest.param(50, 46.0, 400_000, marks=pytest.mark.slow)],
)
def test_a_pool_waits_as_erlang_c_says(servers, load, number):
    """The share that waits is Erlang's C, and the mean wait is C / (k mu - lambda)."""
    run = fixed_pool(poisson(load / 10, 10.0, number, seed=2), servers)
    waits = waits_of(run.requests, first=2_000)
    mean, half = interval_of(waits)
    waited, half_share = interval_of([float(wait > 0) for wait in waits])

    assert abs(mean - erlang_c(servers, load) / (servers / 10 - load / 10)) < half
    assert abs(waited - erlang_c(servers, load)) < half_share


@pytest.mark.parametrize("spare", [0.5, pytest.param(1.5, marks=pytest.mark.slow)])
def test_square_root_staffing_holds_the_share_that_waits(spare):
    """With a + b sqrt(a) servers the share is 1 / (1 + b Phi(b) / phi(b)), whatever a: Halfin and Whitt, 1981."""
    load, normal = 100.0, NormalDist()
    servers = round(load + spare * math.sqrt(load))
    beta = (servers - load) / math.sqrt(load)
    expected = 1 / (1 + beta * normal.cdf(beta) / normal.pdf(beta))
    run = fixed_pool(poisson(load / 10, 10.0, 60_000, seed=3), servers)
    waited, half = interval_of([float(wait > 0) for wait in waits_of(run.requests, first=5_000)])

    assert abs(waited - erlang_c(servers, load)) < half
    assert expected == pytest.approx(erlang_c(servers, load), abs=0.03)


def with_setup(workload, most, setups):
    """The requests of M/M/k with set-up times, exact: decided at each event, not at ticks.

    A server that finds nobody waiting is switched off at once; as many are being set up as requests wait, as far as
    there are servers left. This is the model of Gandhi, Harchol-Balter and Adan.
    """
    cluster = Cluster(workers=0, cold_start=setups, load=[workload], start=0.0)
    line = cluster.line
    while not cluster.at_rest:
        arrival = line.came[line.index] if line.index < len(line.came) else math.inf
        answer = line.done[0][0] if line.done else math.inf
        ready = min((moment for moment, *_ in cluster._events._planned), default=math.inf)
        cluster.clock.sleep_until(min(arrival, answer, ready))
        here = list(cluster._fleet.here.values())
        starting = [member.worker_id for member in here if member.ready_at is None]
        free = [m.worker_id for m in here if m.ready_at is not None and not line.serving[m.slot]]
        wanted = min(len(line.waiting), most - len(line.done))
        over = starting[wanted:] if len(starting) > wanted else []
        down = [ScaleDownAction(worker_id=worker_id) for worker_id in (*free, *over)]
        up = [ScaleUpAction(count=wanted - len(starting))] if len(starting) < wanted else []
        if up or down:
            cluster.apply(DecideResult(max_workers=most, actions=[*down, *up]))
    return cluster.fates()


def test_one_server_with_set_up_times_waits_one_set_up_longer():
    """Exponential set-up times add their mean to the wait of M/M/1, whatever the load: P. D. Welch, 1964."""
    luck = random.Random("setups")
    setups = [luck.expovariate(1 / 3.0) for _ in range(20_000)]
    fates = with_setup(poisson(0.5, 1.0, 8_000, seed=4), 1, setups)
    mean, half = interval_of(waits_of(fates))

    assert abs(mean - (0.5 / (1 - 0.5) + 3.0)) < half


@pytest.mark.slow
def test_one_server_with_a_constant_set_up_time():
    """A constant set-up D adds (2 D + lambda D^2) / (2 (1 + lambda D)): P. D. Welch, 1964."""
    fates = with_setup(poisson(0.5, 1.0, 25_000, seed=5), 1, 4.0)
    mean, half = interval_of(waits_of(fates))

    assert abs(mean - (0.5 / (1 - 0.5) + (2 * 4 + 0.5 * 16) / (2 * (1 + 0.5 * 4)))) < half


def setup_chain(servers, arrivals, setup, *, most=300):
    """The mean wait of M/M/k with exponential set-up times, answers taking 1 s, from its Markov chain cut at *most*.

    States are (busy, waiting); min(waiting, k - busy) servers are being set up. A. Gandhi, M. Harchol-Balter, I. Adan,
    "Server farms with setup costs", Performance Evaluation 67 (2010).
    """
    numpy = pytest.importorskip("numpy")
    place = {state: number for number, state in enumerate((i, j) for i in range(servers + 1) for j in range(most + 1))}
    rates = numpy.zeros((len(place), len(place)))
    for (busy, waiting), here in place.items():
        moves = [((busy, waiting + 1), arrivals if waiting < most else 0.0)]
        if waiting:
            moves += [((busy, waiting - 1), float(busy))]
            if busy < servers:
                moves += [((busy + 1, waiting - 1), min(waiting, servers - busy) / setup)]
        elif busy:
            moves += [((busy - 1, 0), float(busy))]
        for state, rate in moves:
            if rate:
                rates[here, place[state]] += rate
                rates[here, here] -= rate
    equations = numpy.vstack([rates.T[:-1], numpy.ones(len(place))])
    shares = numpy.linalg.solve(equations, numpy.eye(len(place))[-1])
    return sum(share * waiting for (_, waiting), share in zip(place, shares, strict=True)) / arrivals


@pytest.mark.parametrize(
    ("servers", "arrivals", "setup", "number"),
    [
        (3, 1.8, 5.0, 6_000),
        pytest.param(1, 0.5, 3.0, 25_000, marks=pytest.mark.slow),
        pytest.param(6, 3.0, 10.0, 25_000, marks=pytest.mark.slow),
    ],
)
def test_several_servers_with_set_up_times_wait_as_their_markov_chain_says(servers, arrivals, setup, number):
    """The chain is solved here; of one server it gives Welch's formula."""
    luck = random.Random("setups of several")
    setups = [luck.expovariate(1 / setup) for _ in range(60_000)]
    expected = setup_chain(servers, arrivals, setup, most=120)
    mean, half = interval_of(waits_of(with_setup(poisson(arrivals, 1.0, number, seed=6), servers, setups)))

    assert abs(mean - expected) < half
    if servers == 1:
        assert expected == pytest.approx(arrivals / (1 - arrivals) + setup, rel=1e-6)


class Watching(AutoScaler):
    """A scaler of eager rules that keeps all it was shown, and what it decided."""

    def __init__(self):
        self.seen = []

    def decide(self, factors):
        wanted = 1 + (factors.waiting() or 0)
        result = DecideResult.scale_to(wanted, factors, max_workers=9, max_idle_time=40)
        self.seen.append((factors.model_dump_json(), factors.observed_at, result.model_dump_json()))
        return result


@pytest.mark.parametrize("dispatch", ["most-recently-used", "longest-idle", "oldest"])
def test_no_policy_can_see_the_future(dispatch):
    """A burst that would be profitable to see, and longer answers of what is served then, change nothing before.

    All that a policy is shown up to the last decision before the burst is the same, to the last digit; so are its
    decisions and what was done. The burst is worth seeing: without workers ready for it, it waits for a cold start.
    """
    luck = random.Random("future")
    calm = sorted(luck.uniform(0, 1000) for _ in range(60))
    services = [luck.uniform(5, 30) for _ in calm]
    burst = [1001.0] * 8
    planted = [service if came + service <= 1000 else 500.0 for came, service in zip(calm, services, strict=True)]
    with_it = Workload("planted", [*calm, *burst], [*planted, *[40.0] * 8])
    without = Workload("calm", calm, services)
    watched, unaware = Watching(), Watching()
    first = simulate(watched, with_it, dispatch=dispatch, cold_start=60)
    second = simulate(unaware, without, dispatch=dispatch, cold_start=60)
    before = sum(tick.at <= 1000 for tick in first.ticks)

    assert 51 == before
    assert watched.seen[:before] == unaware.seen[:before]
    assert first.ticks[:before] == second.ticks[:before]
    assert max(waits_of(first.requests, first=60)) > 30
    assert any(came <= 1000 < came + service for came, service in zip(calm, planted, strict=True))


def test_what_comes_before_the_warm_up_is_over_is_not_judged():
    """A start with too few workers costs its requests dearly, and the judged ones nothing."""
    workload = Workload("late", [*range(40), *range(400, 500, 5)], [5.0] * 60)
    arguments = {"max_workers": 9, "scale_up_step": 8, "max_idle_time": 600}
    run = simulate("simple", workload, arguments=arguments, cold_start=60, warm_up=300)

    assert max(waits_of(run.requests)) > 30
    assert (20, 1.0) == (run.metrics().requests, run.slo(0.0))
    assert run.worker_seconds <= 9 * (run.ended_at - 300)
