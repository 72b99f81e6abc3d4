"""Which metric of another autoscaler is which measure here."""

from __future__ import annotations

import re
from typing import Any

from everai_autoscaler.importing.quantity import plain
from everai_autoscaler.importing.section import Section

__all__ = ["counts_requests", "measure", "use"]

_COUNTS = re.compile(
    r"requests?|queued?|in_?flight|concurren(cy|t)|ongoing|backlog|waiting|pending|messages?|tasks?|jobs?"
)
_OTHERWISE = re.compile(
    r"rate|per_?sec(ond)?|rps|qps|latency|duration|seconds|ms|age|percent(age)?|ratio|perc|util(ization)?"
)


def counts_requests(name: str) -> bool:
    """Whether a metric of this *name* seems to be a number of requests, rather than a rate, a time or a share.

    >>> [counts_requests(name) for name in ("num_requests_waiting", "http_requests_per_second", "gpu_cache_usage_perc")]
    [True, False, False]
    """
    spaced = re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
    words = re.split(r"[^a-z0-9]+", spaced)
    together = "_".join(words)
    return any(_COUNTS.fullmatch(word) for word in words) and not (
        any(_OTHERWISE.fullmatch(word) for word in words) or "per_sec" in together
    )


def measure(name: str, section: Section, key: str, *, query: str = "") -> str:
    """What a metric of this *name* is called here, ``requests`` or as a signal; a note on *key* says which.

    Args:
        name: the metric's own, or what stands for it.
        section: where it stood.
        key: the key that it stood under.
        query: what is asked for, where the metric has no name of its own.
    """
    if counts_requests(query or name):
        section.assume(key, f"{query or name} is taken to count requests: those that are served or wait stand for it")
        return "requests"
    section.assume(key, f"{name} is read as the signal of this name; where nobody sends it, the scaler holds")
    return name


def use(percent: float, of: str, section: Section, key: str) -> dict[str, Any]:
    """The arguments for so many *percent* of use of a resource that isn't measured here; a note on *key* says so."""
    section.assume(
        key, f"{percent:g} % of the requests that the workers can serve at once stand for {percent:g} % of {of}"
    )
    return {"target_type": "utilization", "target": plain(percent / 100)}
