"""The arithmetic of demand, on floats alone: what fades, what is ahead, and how many workers that makes.

Each function stands by itself and uses ``math`` only, so that a compiler of numerical Python takes it as it is and a
compiled replay counts exactly as the scaler does.
"""

from __future__ import annotations

from math import ceil, exp, expm1, sqrt

__all__ = ["NOTHING", "ahead", "faded", "weight_in_service", "workers_for"]

NOTHING = 0.02
"""Demand, in requests at once, up to which no worker is wanted: one request, about four service times later."""
_ROUNDING = 1e-9
"""The share of a number of workers by which floats may be wrong: 3.0000000001 workers are three."""


def faded(least: float, most: float, service_time: float) -> float:
    """What a request counts for that has waited: ``exp(-waited / service_time)``; the mean of waits evenly spread.

    With workers enough it would have begun when it came, and with this chance it would still be in service, if
    service times were exponential. So a backlog, which lasts because workers are missing, isn't demand.

    Args:
        least: the shortest wait in seconds; at least 0.
        most: the longest wait in seconds; at least that.
        service_time: mean seconds that a request takes; above 0.

    >>> faded(0, 0, 10), round(faded(10, 10, 10), 3), round(faded(0, 10, 10), 3)
    (1.0, 0.368, 0.632)
    """
    spread = (most - least) / service_time
    mean = -expm1(-spread) / spread if spread > 0 else 1.0
    return exp(-least / service_time) * mean


def weight_in_service(weight: float, served: float, begun: float, begun_weight: float) -> float:
    """What a request in service counts for on average, at most 1.

    Those that were in service before keep the mean that they had; those that have begun count as they did when they
    began. Of these, no more than are in service now are still there. It is 1 where nothing is served.

    Args:
        weight: what a request in service counted for before.
        served: requests in service now.
        begun: requests that began meanwhile.
        begun_weight: what these count for together.

    >>> weight_in_service(1.0, served=4, begun=2, begun_weight=1.0)  # two at 1, two at a half
    0.75
    """
    if served <= 0:
        return 1.0
    stayed = max(0.0, served - begun)
    return min(1.0, (weight * stayed + begun_weight * (served - stayed) / max(1.0, begun)) / served)


def ahead(present: float, rate: float, service_time: float, horizon: float) -> float:
    """The demand so many seconds ahead, if requests go on arriving at this *rate*.

    What is there now is served at ``1 / service_time``, and what arrives fills up to ``rate * service_time``: the mean
    of the queue with infinitely many workers, M/G/infinity, for exponential service times.

    Args:
        present: the demand now, in requests at once; at least 0.
        rate: arrivals per second; at least 0.
        service_time: mean seconds that a request takes; above 0.
        horizon: seconds to look ahead; at least 0.

    >>> ahead(8.0, rate=0.5, service_time=10, horizon=0)
    8.0
    >>> round(ahead(8.0, rate=0.5, service_time=10, horizon=1000), 3)
    5.0
    """
    gone = -expm1(-horizon / service_time)
    return present * (1 - gone) + rate * service_time * gone


def workers_for(a: float, b: float, h: float, value: float) -> int:
    """The workers that a term with these factors wants for the demand *value*; none for next to no demand.

    ``ceil(a * value + b * sqrt(value + 1/4) + h)``: *a* workers for each request at once, *b* for each standard
    deviation of a Poisson number with that mean (square-root staffing), and *h* more. A hair above a whole number, as
    floats are, is that number.

    Args:
        a: workers for each request at once; at least 0.
        b: workers for each unit of the root; at least 0.
        h: workers more; at least 0.
        value: the demand, in requests at once; at least 0.

    >>> workers_for(1.3, 1.5, 0, 3.2)  # 4.16 + 2.79
    7
    >>> workers_for(1, 0, 0, 0.1 + 0.2 + 2.7), workers_for(1, 1.5, 1, 0.02)
    (3, 0)
    """
    if value <= NOTHING:
        return 0
    exact = a * value + b * sqrt(value + 0.25) + h
    return ceil(exact - _ROUNDING * exact)
