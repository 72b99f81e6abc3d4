"""What to do, and why: the answer of a policy."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import Discriminator, Field, PrivateAttr, Tag, model_validator

from everai_autoscaler.model.capped import Capped
from everai_autoscaler.model.factors import Factors
from everai_autoscaler.model.fleet import Fleet
from everai_autoscaler.model.wire import WireModel, made

__all__ = [
    "Action",
    "DecideResult",
    "Reason",
    "ScaleDownAction",
    "ScaleUpAction",
    "actions_to_json",
]

POLICY = "policy"
"""The name in a policy's own reasons until the pipeline puts the policy's name there."""


def _refuse(kind: str, other: str) -> Any:
    """A check that an action of *kind* doesn't have the field *other*, which belongs to the other kind."""

    def check(fields: Any) -> Any:
        if isinstance(fields, dict) and fields.get(other) is not None:
            raise ValueError(f"a {kind} has no {other}")
        return fields

    return model_validator(mode="before")(check)


class ScaleUpAction(WireModel):
    """Start *count* more workers."""

    _check = _refuse("ScaleUp", "worker_id")

    count: Annotated[int, Field(ge=1)]
    action: Literal["ScaleUp"] = "ScaleUp"


class ScaleDownAction(WireModel):
    """Remove the worker *worker_id*."""

    _check = _refuse("ScaleDown", "count")

    worker_id: str
    action: Literal["ScaleDown"] = "ScaleDown"


Action: TypeAlias = ScaleUpAction | ScaleDownAction
"""One thing to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:  # a dataclass, which pydantic knows too: every decision makes some, and a model costs five times as much
    """A sentence that could be read out in an incident, and who says it."""

    who: str
    why: str

    def __str__(self) -> str:
        return f"{self.who}: {self.why}"


def _kind(action: Any) -> str:
    """The kind that an action says it is, or the one that its fields mean when it says none."""
    if isinstance(action, dict):
        kind = action.get("action", "ScaleDown" if "worker_id" in action else "ScaleUp")
    else:
        kind = getattr(action, "action", None)
    return f"[{kind}]"  # in brackets, so that it is no part of the path in an error


class DecideResult(WireModel):
    """What to do, and why.

    The wire form is ``max_workers`` and ``actions``; reasons travel beside it, and take no part in equality.

    >>> factors = Factors(queue={"WorkerBusy": 8})
    >>> result = DecideResult.scale_to(2, factors, max_workers=5).because("8 waiting, none busy: 2 workers wanted")
    >>> result.up, result.down
    (2, ())
    >>> print(*result.reasons)
    policy: 8 waiting, none busy: 2 workers wanted
    >>> result.json()
    '{"max_workers":5,"actions":[{"count":2,"action":"ScaleUp"}]}'
    """

    max_workers: Annotated[int, Field(ge=0)]
    """The most workers that there may be."""
    actions: list[
        Annotated[
            Annotated[ScaleUpAction, Tag("[ScaleUp]")] | Annotated[ScaleDownAction, Tag("[ScaleDown]")],
            Discriminator(
                _kind,
                custom_error_type="action_kind",
                custom_error_message="should be an action that is a 'ScaleUp' or a 'ScaleDown'",
            ),
        ]
    ]
    """What to do; empty when nothing is to be done."""

    # One attribute for all, looked up in pydantic's own dictionary: every decision makes and reads some.
    _beside: tuple[tuple[Reason, ...], bool, Capped | None] = PrivateAttr(default_factory=lambda: ((), False, None))
    """The reasons, whether it is a hold, and which bound is in the way of more workers."""

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, DecideResult) or type(self) is not type(other):
            return NotImplemented
        return self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]  # it holds a list

    def __repr_args__(self) -> Iterable[tuple[str | None, Any]]:
        yield from super().__repr_args__()
        yield "held", self.held
        if self.capped is not None:
            yield "capped", str(self.capped)
        yield "reasons", [str(reason) for reason in self.reasons]

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """The reasons, in the order in which they were given."""
        reasons: tuple[Reason, ...] = (self.__pydantic_private__ or {})["_beside"][0]
        return reasons

    @property
    def held(self) -> bool:
        """Whether this is "not known, so nothing is done" rather than "satisfied, so nothing is to be done"."""
        held: bool = (self.__pydantic_private__ or {})["_beside"][1]
        return held

    @property
    def capped(self) -> Capped | None:
        """Which bound is in the way of workers that the policy wants; ``None`` where none is, as far as it says."""
        capped: Capped | None = (self.__pydantic_private__ or {})["_beside"][2]
        return capped

    @property
    def up(self) -> int:
        """How many workers it starts."""
        return sum(action.count for action in self.actions if isinstance(action, ScaleUpAction))

    @property
    def down(self) -> tuple[str, ...]:
        """The ids of the workers that it removes."""
        return tuple(action.worker_id for action in self.actions if isinstance(action, ScaleDownAction))

    def because(self, why: str, *, who: str = POLICY) -> Self:
        """The same answer with one more reason; the pipeline puts the policy's name where *who* isn't given."""
        return self.explained((Reason(who=who, why=why),))

    def explained(self, reasons: Iterable[Reason]) -> Self:
        """The same answer with more *reasons*."""
        return self.saying((*self.reasons, *reasons))

    def spoken_by(self, who: str) -> Self:
        """The same answer, with the policy's own reasons under the name *who*."""
        if all(reason.who != POLICY for reason in self.reasons):
            return self
        return self.saying(
            Reason(who=who, why=reason.why) if reason.who == POLICY else reason for reason in self.reasons
        )

    def saying(self, reasons: Iterable[Reason]) -> Self:
        """The same answer with other *reasons*."""
        copied = self.model_copy()
        copied._beside = tuple(reasons), self.held, self.capped  # noqa: SLF001 - a copy of this very object
        return copied

    def wanting(self, wanted: int, *, allowed: int | None = None, by: str = Capped.MAXIMUM) -> Self:
        """The same answer of a policy that would have *wanted* so many workers without its bounds.

        Where that is more than there may be, the answer is ``capped``: runtimes count it and tell it. It changes
        nothing that is done, and isn't part of the wire form.

        Args:
            wanted: how many workers the policy would have, without those that drain.
            allowed: how many there may be; ``max_workers`` where it isn't given.
            by: what allows no more: ``maximum``, or the name of a wrapper.

        >>> full = DecideResult(max_workers=5, actions=[]).because("9 waiting, and 5 of at most 5 there")
        >>> print(full.wanting(9).capped)
        wanted 9, may have 5: maximum
        >>> full.wanting(5).capped is None
        True
        """
        most = self.max_workers if allowed is None else allowed
        capped = Capped.narrowed(self.capped, wanted=wanted, allowed=most, by=by)
        if capped == self.capped:
            return self
        copied = self.model_copy()
        copied._beside = self.reasons, self.held, capped  # noqa: SLF001 - a copy of this very object
        return copied

    @classmethod
    def of(
        cls,
        actions: list[Action],
        why: str | Iterable[Reason],
        *,
        max_workers: int,
        who: str = POLICY,
        held: bool = False,
        capped: Capped | None = None,
    ) -> Self:
        """The answer with these *actions* and reasons.

        >>> DecideResult.of([ScaleUpAction(count=1)], "one is missing", max_workers=5).up
        1
        """
        beside = (Reason(who=who, why=why),) if isinstance(why, str) else tuple(why), held, capped
        if cls is DecideResult and _are_valid(max_workers, actions):
            # Every decision makes one, and to have pydantic look at it again would take three times as long.
            values = {"max_workers": max_workers, "actions": actions.copy()}
            return made(cls, values, set(values), {"_beside": beside})
        result = cls(max_workers=max_workers, actions=actions)
        result._beside = beside
        return result

    @classmethod
    def hold(cls, factors: Factors | None, why: str, *, max_workers: int | None = None, who: str = POLICY) -> Self:
        """Do nothing, because something isn't known.

        Where *max_workers* isn't given it is the number of workers there are, as far as that is known, and at
        least 1: a hold must not lower the fleet.

        >>> result = DecideResult.hold(Factors(workers=None), "workers not known")
        >>> result.held, result.actions, result.max_workers
        (True, [], 1)
        """
        if max_workers is None:
            max_workers = max(1, _known_workers(factors))
        return cls.of([], why, max_workers=max_workers, who=who, held=True)

    @classmethod
    def scale_to(
        cls,
        wanted: int,
        factors: Factors,
        *,
        max_workers: int,
        min_workers: int = 0,
        max_idle_time: float = 0,
        start_timeout: float = inf,
    ) -> Self:
        """Go towards *wanted* workers, between *min_workers* and *max_workers*.

        Up at once, by whole workers; down by workers that are starting (newest first), then by those that are
        free, without sessions and idle for at least *max_idle_time* seconds (newest first, so that the oldest stay).
        Draining workers count towards *max_workers* only; so do those that have been starting for longer than
        *start_timeout* seconds, which are given up: one where it takes the place of a new one, else all of them in the
        first answer that starts no worker. It holds where the workers aren't known.

        >>> from everai_autoscaler.testing import snapshot
        >>> DecideResult.scale_to(1, snapshot(free=3, idle_for=60), max_workers=5, max_idle_time=60).down
        ('free-3', 'free-2')
        """
        fleet = Fleet.of(factors, start_timeout=start_timeout)
        if fleet is None:
            return cls.hold(factors, "workers not known", max_workers=max_workers)
        wanted = max(wanted, min_workers)
        return cls._to(wanted, fleet, max_workers=max_workers, max_idle_time=max_idle_time)

    @classmethod
    def towards(
        cls, wanted: int, fleet: Fleet, why: str, *, min_workers: int, max_workers: int, max_idle_time: float = 0
    ) -> Self:
        """Go towards *wanted* workers as ``scale_to`` does, and say so: the ending of most policies.

        Args:
            wanted: how many workers the policy wants, before its bounds.
            fleet: the workers that there are; its ``start_timeout`` says which of them are given up.
            why: what *wanted* comes from; the numbers follow it.
            min_workers: the fewest workers that there should be.
            max_workers: the most workers that there may be; it wins over the minimum.
            max_idle_time: seconds without work after which a free worker may go.

        >>> from everai_autoscaler.testing import snapshot
        >>> fleet = Fleet.of(snapshot(waiting=8, busy=1))
        >>> result = DecideResult.towards(3, fleet, "8 waiting", min_workers=1, max_workers=10)
        >>> result.up, result.reasons[0].why
        (2, '8 waiting: 3 wanted (1 to 10), 1 there')
        """
        wanted = max(wanted, min_workers)
        goal = min(wanted, max_workers)
        result = cls._to(wanted, fleet, max_workers=max_workers, max_idle_time=max_idle_time)
        stay = "; nobody may go yet" if goal < fleet.present and not result.actions else ""
        return result.because(f"{why}: {goal} wanted ({min_workers} to {max_workers}), {fleet.present} there{stay}")

    @classmethod
    def _to(cls, wanted: int, fleet: Fleet, *, max_workers: int, max_idle_time: float) -> Self:
        goal = min(wanted, max_workers)
        capped = Capped(wanted=wanted, allowed=max_workers) if wanted > max_workers else None
        missing, room = goal - fleet.present, max_workers - fleet.total
        if missing > 0 and room > 0:
            up: list[Action] = [ScaleUpAction(count=min(missing, room))]
            return cls.of(up, (), max_workers=max_workers, capped=capped)
        leaving = fleet.leaving(goal, max_idle_time=max_idle_time)
        if missing > 0:
            leaving = leaving[:1]  # the suspect that takes the place of a new worker
        down: list[Action] = [ScaleDownAction(worker_id=one.worker_id) for one in leaving]
        result = cls.of(down, (), max_workers=max_workers, capped=capped)
        given_up = ", ".join(worker.worker_id for worker in leaving[: len(fleet.suspects)])
        why = f"gives up {given_up}: starting for longer than {fleet.start_timeout:g} s"
        return result.because(why) if given_up else result


def actions_to_json(actions: Sequence[Action]) -> str:
    """The *actions* as JSON text.

    >>> actions_to_json([ScaleUpAction(count=1), ScaleDownAction(worker_id="a")])
    '[{"count": 1, "action": "ScaleUp"}, {"worker_id": "a", "action": "ScaleDown"}]'
    """
    return json.dumps([action.model_dump() for action in actions])


def _are_valid(max_workers: Any, actions: Any) -> bool:
    """Whether a result may have these as they are: pydantic would accept them, and change nothing."""
    if type(max_workers) is not int or max_workers < 0 or type(actions) is not list:
        return False
    return all(type(action) in (ScaleUpAction, ScaleDownAction) for action in actions)


def _known_workers(factors: Factors | None) -> int:
    if factors is None:
        return 0
    if factors.workers is not None:
        return len(factors.workers)
    return sum((factors.worker or {}).values())
