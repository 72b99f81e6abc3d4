"""What a policy would have cost: workloads, a cluster in virtual time, runs of it, and how good anything could be.

>>> from everai_autoscaler.simulator import simulate
>>> run = simulate("simple", [(0, 10), (5, 10), (90, 10)], arguments={"max_workers": 2}, cold_start=30, price=2.5)
>>> round(run.slo(5.0), 2), round(run.cost, 3)
(1.0, 0.069)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from everai_autoscaler.simulator.attainment import Attainment
from everai_autoscaler.simulator.backtest import Backtest, Difference, backtest
from everai_autoscaler.simulator.capacity import Capacity
from everai_autoscaler.simulator.cluster import Cluster
from everai_autoscaler.simulator.compare import Candidate, Cell, Comparison, Rank, compare
from everai_autoscaler.simulator.elasticity import Elasticity, elasticity
from everai_autoscaler.simulator.faults import ColdStart, Faults, Machine
from everai_autoscaler.simulator.generate import generate
from everai_autoscaler.simulator.lag import Lag, Lagged
from everai_autoscaler.simulator.load import Clients
from everai_autoscaler.simulator.metrics import Metrics, measure
from everai_autoscaler.simulator.optimum import Optimum, optimum
from everai_autoscaler.simulator.oracle import RateOracle
from everai_autoscaler.simulator.reading import names, read, read_apps
from everai_autoscaler.simulator.real import real_run
from everai_autoscaler.simulator.rebuilt import Rebuilt, simulate_records
from everai_autoscaler.simulator.run import Life, Requests, Run, Setting, TickRow
from everai_autoscaler.simulator.saving import load, save
from everai_autoscaler.simulator.search import Trial
from everai_autoscaler.simulator.simulate import simulate
from everai_autoscaler.simulator.together import App, simulate_together
from everai_autoscaler.simulator.totals import Totals
from everai_autoscaler.simulator.tune import Evidence, Tuning, tune
from everai_autoscaler.simulator.workload import Workload

if TYPE_CHECKING:
    from everai_autoscaler.simulator.plots import plot_comparison, plot_run, plot_tuning

__all__ = [
    "App",
    "Attainment",
    "Backtest",
    "Candidate",
    "Capacity",
    "Cell",
    "Clients",
    "Cluster",
    "ColdStart",
    "Comparison",
    "Difference",
    "Elasticity",
    "Evidence",
    "Faults",
    "Lag",
    "Lagged",
    "Life",
    "Machine",
    "Metrics",
    "Optimum",
    "Rank",
    "RateOracle",
    "Rebuilt",
    "Requests",
    "Run",
    "Setting",
    "TickRow",
    "Totals",
    "Trial",
    "Tuning",
    "Workload",
    "backtest",
    "compare",
    "elasticity",
    "generate",
    "load",
    "measure",
    "names",
    "optimum",
    "plot_comparison",
    "plot_run",
    "plot_tuning",
    "read",
    "read_apps",
    "real_run",
    "save",
    "simulate",
    "simulate_records",
    "simulate_together",
    "tune",
]

_LATE = dict.fromkeys(("plot_comparison", "plot_run", "plot_tuning"), "plots")
"""What only some need, by the module that is imported when it is first used."""


def __getattr__(name: str) -> Any:
    module = _LATE.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return __all__
