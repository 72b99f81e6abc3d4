"""One answer of several: by how many workers each of them wants."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from pydantic import JsonValue

from everai_autoscaler.model import AutoScaler, DecideResult, Factors, Fleet
from everai_autoscaler.words import counted
from everai_autoscaler.wrapper.asking import Opinion, ask, held, scaled
from everai_autoscaler.wrapper.memory import nothing, recall, together

__all__ = ["combine"]


def combine(
    scalers: Sequence[AutoScaler],
    factors: Factors,
    memory: JsonValue,
    *,
    who: str,
    choose: Callable[[Iterable[int]], int],
) -> tuple[DecideResult, JsonValue]:
    """What *scalers* say together, when of the numbers that they want one is to be *chosen*, and what they remember.

    Only those whom all want to remove may go; who holds has no opinion, and doesn't know whether anybody may go.
    """
    recalled = recall(memory, who=who, children=len(scalers), read=nothing, fresh=bool)
    opinions = [ask(scaler, factors, before) for scaler, before in zip(scalers, recalled.children, strict=True)]
    kept = together(None, [opinion.memory for opinion in opinions])
    fleet = Fleet.of(factors)
    deciding = [opinion for opinion in opinions if not opinion.held]
    if fleet is None or not deciding:
        return held(opinions, factors, why="nobody knows", who=who).explained(recalled.reasons), kept
    wanted = choose(opinion.wanted for opinion in deciding)
    agreed = _named_by_all(deciding) if len(deciding) == len(opinions) else ()
    result = scaled(
        wanted,
        fleet,
        leaving=agreed,
        max_workers=min(opinion.result.max_workers for opinion in deciding),
        reasons=[reason for opinion in opinions for reason in opinion.result.reasons] + [*recalled.reasons],
    )
    return result.because(_why(opinions, result, fleet, wanted), who=who), kept


def _named_by_all(deciding: Sequence[Opinion]) -> Sequence[str]:
    first, *others = deciding
    named = set(first.leaving).intersection(*(other.leaving for other in others))
    return [one for one in first.leaving if one in named]


def _why(opinions: Sequence[Opinion], result: DecideResult, fleet: Fleet, wanted: int) -> str:
    why = f"{wanted} wanted ({', '.join(map(str, opinions))})"
    if result.up:
        why += f": starts {counted(result.up, 'worker')}"
    elif result.down:
        why += f": removes {counted(len(result.down), 'worker')}"
    if wanted > fleet.present + result.up:
        return f"{why}, and {fleet.total} of at most {result.max_workers} there"
    missing = fleet.present - len(result.down) - wanted
    if missing <= 0:
        return why
    if any(opinion.held for opinion in opinions):
        return f"{why}, but removes nobody while one of them can't know"
    return f"{why}, but {'no more' if result.down else 'nobody'} whom all of them would remove"
