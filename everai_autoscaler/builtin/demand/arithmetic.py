"""The arithmetic of demand, on floats alone: what decays, what is ahead, and how many workers that makes.

Each function stands by itself and uses ``math`` only, so that a compiler of numerical Python takes it as it is and a
compiled replay counts exactly as the scaler does.
"""

from __future__ import annotations

from math import ceil, exp, expm1, sqrt

__all__ = ["NOTHING", "ahead", "decayed", "workers_for"]

NOTHING = 0.02
"""Demand, in requests at once, up to which no worker is wanted: one request, about four service times later."""
_ROUNDING = 1e-9
"""The share of a number of workers by which floats may be wrong: 3.0000000001 workers are three."""


def decayed(demand: float, arrivals: float, seconds: float, service_time: float) -> float:
    """The demand after so many *seconds* in which so many *arrivals* came, evenly spread.

    Each request counts as 1 when it arrives, and as ``exp(-t / service_time)`` when it has been there for ``t``
    seconds: what would be in service if nothing ever had to wait and service times were exponential. So a backlog,
    which lasts because workers are missing, isn't demand.

    Args:
        demand: the demand at the beginning, in requests at once; at least 0.
        arrivals: requests that arrived meanwhile; at least 0.
        seconds: the time that passed; where it is not above 0 the arrivals are added as they are.
        service_time: mean seconds that a request takes; above 0.

    >>> decayed(4.0, 0, seconds=10, service_time=10) == 4 * exp(-1)
    True
    >>> round(decayed(5.0, 10, seconds=20, service_time=10), 3)  # 0.5 a second x 10 s: it stays as it is
    5.0
    """
    past = seconds / service_time
    if past <= 0:
        return demand + arrivals
    return demand * exp(-past) - arrivals * expm1(-past) / past


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
