"""The smallest snapshot, or constant load, at which a policy breaks a rule: how it is found."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from functools import lru_cache
from random import Random
from typing import Any, TypeAlias

from attrs import evolve, frozen
from pydantic import JsonValue

from everai_autoscaler.errors import MissingExtraError

try:
    from hypothesis import HealthCheck, Phase, Verbosity, find, settings
    from hypothesis import strategies as st
    from hypothesis.errors import NoSuchExample
except ImportError as error:
    raise MissingExtraError("hypothesis is missing: pip install 'everai-autoscaler[testing]'") from error

from everai_autoscaler.model import AutoScaler, Dispatch, Factors
from everai_autoscaler.simulator.cluster import Cluster as VirtualTarget
from everai_autoscaler.simulator.load import Clients
from everai_autoscaler.testing.asking import bound, remembered
from everai_autoscaler.testing.pasteable import as_code, call, literal
from everai_autoscaler.testing.rule import EXAMPLES, Broken, Case, Check, RuleBrokenError, fact_of, name_of
from everai_autoscaler.testing.shrinking import simpler_snapshots, smaller_numbers, smallest
from everai_autoscaler.testing.snapshots import NOW
from everai_autoscaler.testing.strategies import factors as snapshots
from everai_autoscaler.testing.strategies import lives

__all__ = ["ConstantLoad", "rule", "rule_of_loads"]

Look: TypeAlias = Callable[[AutoScaler, Any], Broken | None]
"""What a rule makes of one case, or of one load."""


def rule(look: Look) -> Check:
    """The rule that is broken where *look*, at any snapshot, finds it so."""
    return _search(look, lambda policy: _ANY_OF_A_LIFE if _remembers(policy) else _ANY, share=1)


def rule_of_loads(look: Look) -> Check:
    """The rule that is broken where *look* finds it so at any constant load; it looks at few: each takes long."""
    return _search(look, lambda _policy: _LOADS, share=10)


@frozen
class ConstantLoad:
    """So many clients, each of which sends its next request when the last is answered; for ever."""

    clients: int
    service_time: float
    cold_start: float
    workers: int
    dispatch: Dispatch

    def met_by(self, _policy: AutoScaler) -> ConstantLoad:
        """It is the same for each policy."""
        return self

    def simpler(self) -> Iterator[ConstantLoad]:
        """Loads that are closer to the simplest one."""
        for clients in smaller_numbers(self.clients):
            yield evolve(self, clients=clients)
        for workers in smaller_numbers(self.workers):
            yield evolve(self, workers=workers)
        yield evolve(self, service_time=10.0)
        yield evolve(self, cold_start=15.0)
        yield evolve(self, dispatch=Dispatch.MOST_RECENTLY_USED)

    def target(self) -> VirtualTarget:
        """A target under that load."""
        load = [Clients(self.clients, service_time=self.service_time)] if self.clients else []
        return VirtualTarget(workers=self.workers, cold_start=self.cold_start, load=load, dispatch=self.dispatch)

    def code(self) -> str:
        """That target as an expression."""
        client = call("Clients", str(self.clients), f"service_time={literal(self.service_time)}")
        load = [f"load=[{client}]"] if self.clients else []
        said = [f"workers={self.workers}", f"cold_start={literal(self.cold_start)}", *load]
        return call("VirtualTarget", *said, f"dispatch={literal(self.dispatch)}")


@frozen
class _Drawn:
    """A snapshot, and those that a policy was shown before."""

    factors: Factors
    past: Sequence[Factors] = ()

    def met_by(self, policy: AutoScaler) -> Case:
        """The snapshot, with what *policy* remembers of those before."""
        memory: JsonValue = None
        for moment in self.past:
            answer = Case(moment, memory).answer(policy)
            memory = memory if answer is None else remembered(answer)
        return Case(self.factors, memory)

    def simpler(self) -> Iterator[_Drawn]:
        """The same with a shorter past, or a simpler snapshot."""
        for place in range(len(self.past)):
            yield _Drawn(self.factors, (*self.past[:place], *self.past[place + 1 :]))
        for factors in simpler_snapshots(self.factors):
            yield _Drawn(factors, self.past)

    def code(self) -> str:
        """What tells it from others."""
        return "\n".join(map(as_code, (*self.past, self.factors)))


@st.composite
def _any_of_a_life(draw: st.DrawFn) -> _Drawn:
    """Any snapshot after a fleet's life, or the last one of that."""
    past: list[Factors] = draw(lives(min_size=0, max_size=5))
    following: Factors = draw(snapshots(since=past[-1].observed_at if past else NOW))
    return draw(st.sampled_from([_Drawn(following, past), *([_Drawn(past[-1], past[:-1])] if past else [])]))


_ANY = st.builds(_Drawn, snapshots())
_ANY_OF_A_LIFE = _any_of_a_life()
_LOADS = st.builds(
    ConstantLoad,
    clients=st.integers(0, 6),
    service_time=st.sampled_from([10.0, 20.0, 33.0, 70.0]),
    cold_start=st.sampled_from([15.0, 0.0, 30.0]),
    workers=st.integers(0, 4),
    dispatch=st.sampled_from(Dispatch),
)


def _search(look: Look, strategy: Callable[[AutoScaler], st.SearchStrategy[Any]], share: int) -> Check:
    def check(scaler: AutoScaler, /, *, examples: int = EXAMPLES, seed: int = 0) -> None:
        policy = bound(scaler)
        found: list[Broken] = []

        def breaks(drawn: Any) -> bool:
            broken = look(policy, drawn.met_by(policy))
            if broken is not None:
                found.append(broken)
            return broken is not None

        large = next(filter(breaks, _drawn(strategy(policy), max(1, examples // share), seed)), None)
        if large is not None:
            smallest(large, lambda one: one.simpler(), breaks, key=lambda one: one.code())
            raise RuleBrokenError(name_of(check), fact_of(check), scaler, found[-1])

    check.__name__ = check.__qualname__ = look.__name__
    check.__doc__ = look.__doc__
    return check


@lru_cache(maxsize=8)
def _drawn(strategy: st.SearchStrategy[Any], examples: int, seed: int) -> Sequence[Any]:
    """The examples that every rule looks at: they are drawn once, since that takes longer than looking at them."""
    drawn: list[Any] = []

    def keep(one: Any) -> bool:
        drawn.append(one)
        return False

    with suppress(NoSuchExample):
        find(
            strategy,
            keep,
            settings=settings(
                max_examples=examples,
                database=None,
                derandomize=False,  # the seed says which examples
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
                verbosity=Verbosity.quiet,
            ),
            random=Random(seed),  # noqa: S311 - examples that repeat from run to run
        )
    return drawn


def _remembers(policy: AutoScaler) -> bool:
    own = getattr(type(policy), "decide_with_memory", None)
    return own is not None and own is not AutoScaler.decide_with_memory
