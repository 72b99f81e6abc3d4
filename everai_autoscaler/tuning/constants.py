"""The numbers of the tuner's algorithm, in one place."""

from __future__ import annotations

from attrs import field, frozen

__all__ = ["Constants"]


@frozen(kw_only=True)
class Constants:
    """The numbers that the tuner weighs evidence with. The defaults were found in trials on published traces.

    >>> Constants(switch_saving=0.05).switch_saving
    0.05
    """

    half_life: float = 86_400.0
    """Seconds after which evidence about a candidate counts half."""
    budget_half_life: float = 259_200.0
    """Seconds after which what was really spent counts half."""
    aim: float = 0.8
    """The share of the lateness that the SLO allows which is aimed at; the rest is a margin."""
    known_requests: float = 20_000.0
    """Requests after which an app counts as known; until then the budget is tighter."""
    early: float = 0.7
    """The part of the aim that is allowed to an app of which nothing is known."""
    slack_requests: float = 5_000.0
    """What is left of the budget is spread over the known requests and so many more."""
    least: float = 0.5
    """The budget is never less than this part of the aim."""
    most: float = 0.6
    """The budget is never more than the aim and this part of it, which only an app that is known gets whole."""
    margin: float = 1.0
    """Standard deviations of its late requests that are added to those of a candidate."""
    block: float = 300.0
    """Seconds of traffic whose late requests count as one draw in that deviation; also what is played at a time."""
    prior_requests: float = 500.0
    """Requests that what was expected before weighs as much as."""
    near: float = 1.05
    """Where no candidate is within the budget, the cheapest is chosen of those that are so many times as late as the
    best at most."""
    switch_saving: float = 0.03
    """The share of the cost that another candidate has to save before the choice changes."""
    first_stretches: int = 1
    """Times that it has to have learnt before anything is chosen."""
    first_requests: float = 100.0
    """Requests that have to have come before anything is chosen."""
    warm_up: float = 0.0
    """Seconds at the beginning of which nothing is evidence."""
    runners_up: int = field(default=5)
    """So many of those that come after the choice are told of."""
