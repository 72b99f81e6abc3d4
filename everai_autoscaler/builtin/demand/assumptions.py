"""What the scaler ``demand`` takes for granted where nothing better is known: every constant that trials may change."""

from __future__ import annotations

__all__ = [
    "COLD_START",
    "COLD_START_QUANTILE",
    "COUNTS_OF_WORKERS",
    "LEARNT_OVER",
    "LONGEST",
    "LONGEST_GAP",
    "RULE",
    "SERVICE_TIME",
    "SETTLING",
    "SHORTEST",
    "SLIGHTLY_BACK",
    "THINNING",
]

RULE = "1*now[1200s] + 1.5*root + 1"
"""The rule where none is given."""
SERVICE_TIME = 10.0
"""Seconds that a request takes while nothing is known; it counts as one request that took so long."""
SHORTEST, LONGEST = 0.001, 86_400.0
"""Seconds between which a service time has to lie to be believed; a cold start has the same upper bound."""
LEARNT_OVER = 1000.0
"""Completions after which what was learnt of the service time counts half."""
COUNTS_OF_WORKERS = 100.0
"""Requests as which the workers' own average counts at most, where it is the first guess."""
COLD_START = 30.0
"""Seconds from start to ready while nothing is known."""
COLD_START_QUANTILE = 0.75
"""The quantile of the last start times that a forecast looks ahead by: three of four starts are no slower."""
LONGEST_GAP = 900.0
"""Seconds between two decisions above which the windows begin afresh: what happened between isn't known."""
SLIGHTLY_BACK = 5.0
"""Seconds by which a clock may be set back without a fresh beginning; no time has passed then."""
SETTLING = 600.0
"""Seconds after a fresh beginning in which nobody who was there is removed: there is too little data."""
THINNING = 16
"""What is remembered of moments is exact to a sixteenth of their age, where there are many."""
