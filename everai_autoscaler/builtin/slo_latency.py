"""The scaler that holds a measured latency at a target."""

from __future__ import annotations

from math import ceil, exp, log
from typing import Any, ClassVar, Self

from attrs import asdict, frozen
from pydantic import JsonValue

from everai_autoscaler.builtin import rules
from everai_autoscaler.model import (
    ArgumentType,
    BuiltinAutoScaler,
    DecideResult,
    Decorators,
    Factors,
    Fleet,
    argument,
    bind,
)

__all__ = ["SloLatencyAutoScaler"]

_FARTHEST = log(4)
"""The largest error: a latency of 4 times the target, or of a fourth of it. Beyond, a queue says little of its load."""
_ROUNDING = 1e-9
_MOST = 1e15
"""Beyond any number that it remembers; not a number, which compares with nothing, isn't below it."""


@frozen(eq=False, slots=False)
class SloLatencyAutoScaler(BuiltinAutoScaler):
    """Hold the latency that the app's signal *signal* measures at *target*, by a PI controller in velocity form.

    For servers whose concurrency isn't known. It reacts more slowly than a policy that sees the demand, since a latency
    is late only once requests are. The sender says which percentile it measures, and over which time.

    With the error ``e = ln(latency / target)``, at most ``ln 4`` to either side and 0 within *tolerance*, the *level*,
    which is the number of workers before it is rounded, changes at each decision by::

        ln(level) += gain * ((e - e of the last decision) + e * seconds since then / integral_time)

    This is the velocity (incremental) form of a proportional and integral controller (K. J. Åström, T. Hägglund, "PID
    Controllers: Theory, Design, and Tuning", 2nd edition, 1995, chapter 3, on integrator windup and on digital
    implementation), in which the integral is the output itself. So it doesn't wind up: at each decision the level
    begins within half a worker of those that there are, and ends within the bounds and steps. The logarithm makes
    twice and half the target errors of one size, and lets one gain do for small and large fleets.

    It adds workers only above the target, and not while one is starting, since what that does isn't in the latency
    yet. It removes idle workers only; none while anything waits, or if the load on those that stay, which is larger
    in proportion, would bring the latency above the target. Where the signal isn't known, or is older than *max_age*,
    it holds.

    Raises:
        ArgumentError: an argument out of its bounds, or a minimum above the maximum.

    >>> from everai_autoscaler.testing import snapshot
    >>> policy = SloLatencyAutoScaler(signal="ttft", target=0.5, max_workers=9)
    >>> factors = snapshot(busy=4, signals={"ttft": {"value": 2.0, "age": 5}})
    >>> memory = {"level": 4, "error": 0.0, "at": factors.observed_at - 20}
    >>> result, memory = policy.decide_with_memory(factors, memory)
    >>> result.up, result.reasons[0].why
    (3, 'ttft 2, 4 times the target of 0.5: 4.0 to 6.7 workers: 7 wanted (1 to 9), 4 there')
    """

    monotone: ClassVar[bool] = True

    signal: ArgumentType = argument("ttft", help="name of the app's signal that measures the latency")
    target: ArgumentType = argument(1.0, gt=0, help="latency to hold, in the unit of the signal")
    min_workers: ArgumentType = rules.MIN_WORKERS
    max_workers: ArgumentType = rules.MAX_WORKERS
    max_idle_time: ArgumentType = rules.MAX_IDLE_TIME
    scale_up_step: ArgumentType = argument(4, ge=1, help="the most workers to start at once")
    decorators: Decorators | None = None
    scale_down_step: ArgumentType = argument(1, ge=1, kw_only=True, help="the most workers to remove at once")
    tolerance: ArgumentType = argument(
        0.1, ge=0, le=0.9, kw_only=True, help="share of the target by which the latency may differ without a change"
    )
    gain: ArgumentType = argument(
        0.3, gt=0, le=10, kw_only=True, help="relative change of the workers for that of the latency"
    )
    integral_time: ArgumentType = argument(
        60.0, gt=0, kw_only=True, help="seconds in which a lasting error changes the workers by as much again"
    )
    max_age: ArgumentType = argument(60.0, ge=0, kw_only=True, help="seconds after which a measurement is too old")
    start_timeout: ArgumentType = rules.START_TIMEOUT

    def __attrs_post_init__(self) -> None:
        rules.check_limits(self)

    @classmethod
    def autoscaler_name(cls) -> str:
        """``slo-latency``, as manifests call it."""
        return "slo-latency"

    def decide(self, factors: Factors | None) -> DecideResult:
        """What to do about *factors*, and why, when nothing is remembered: as after a restart."""
        return self.decide_with_memory(factors, None)[0]

    def decide_with_memory(self, factors: Factors | None, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
        """What to do about *factors*, and why; *memory* holds the level, the last error, and when that was."""
        limits: Any = bind(self)
        result, memory = _decided(limits, factors, memory)
        return result.spoken_by(self.autoscaler_name()), memory


def _decided(limits: Any, factors: Factors | None, memory: JsonValue) -> tuple[DecideResult, JsonValue]:
    """What to do about *factors*, and what to remember; *limits* are the bound arguments."""
    least, most = limits.min_workers, limits.max_workers
    fleet = None if factors is None else Fleet.of(factors, start_timeout=limits.start_timeout)
    if factors is None or fleet is None:
        return DecideResult.hold(factors, "the workers are not known", max_workers=most), memory
    waiting, latency = factors.waiting(), factors.signal(limits.signal, max_age=limits.max_age)
    demand = 0
    if fleet.present < least:
        wanted, why = least, "below the minimum"
    elif not fleet.present and waiting is not None:
        # Without a worker there is no latency; anything that waits wakes one.
        wanted, why = min(waiting, 1), f"{waiting} waiting and no worker"
    elif fleet.present and latency is not None:
        wanted, demand, why, past = _controlled(limits, fleet, max(0.0, latency), _Past.read(memory))
        memory = asdict(past)
    else:
        what = f"{limits.signal} is not known, or older than {limits.max_age:g} s"
        wanted, why = fleet.present, what if fleet.present else "no worker, and the queue is not known"
        if not fleet.suspects:  # else they go all the same
            return DecideResult.hold(factors, why, max_workers=most), memory
    result = DecideResult.towards(
        wanted, fleet, why, min_workers=least, max_workers=most, max_idle_time=limits.max_idle_time
    )
    return result.wanting(demand), memory


@frozen
class _Past:
    """What is remembered of the last decision."""

    level: float
    """The number of workers before it was rounded."""
    error: float
    """How far the latency was from the target, as a logarithm."""
    at: float
    """When it was, in epoch seconds."""

    @classmethod
    def read(cls, memory: Any) -> Self | None:
        """What *memory* holds; ``None`` where it holds nothing of the kind."""
        if not isinstance(memory, dict):
            return None
        numbers: list[Any] = [memory.get(name) for name in ("level", "error", "at")]
        if not all(isinstance(one, int | float) and abs(one) < _MOST for one in numbers):
            return None
        level, error, at = numbers
        return cls(max(0.0, level), _within(error, -_FARTHEST, _FARTHEST), at)


def _controlled(limits: Any, fleet: Fleet, latency: float, past: _Past | None) -> tuple[int, int, str, _Past]:
    """How many workers the controller wants, and would without the maximum, why, and what to remember."""
    there, now, error = fleet.present, fleet.factors.observed_at, _error(latency / limits.target, limits.tolerance)
    past = past or _Past(there, error, now)
    before = _within(past.level, there - 0.5, there + 0.5)
    seconds = _within(now - past.at, 0.0, limits.integral_time)
    after = before * exp(limits.gain * (error - past.error + error * seconds / limits.integral_time))
    lowest, highest = max(there - limits.scale_down_step, limits.min_workers), there + limits.scale_up_step
    free = _within(after, lowest, highest)
    level = min(free, limits.max_workers)
    why = f"{limits.signal} {latency:.3g}, {latency / limits.target:.3g} times the target of {limits.target:g}"
    if fleet.starting:
        return there, 0, f"{why}, {len(fleet.starting)} starting: waits for that", _Past(there, error, now)
    wanted, kept = _rounded(level, there, error), ""
    demand = _rounded(free, there, error) if error > 0 else 0
    if wanted < there:
        wanted, kept = _fewer(wanted, fleet, latency / limits.target)
    why = f"{why}: {before:.1f} to {level:.1f} workers{kept}"
    # Where it moves, it begins anew at the whole number: half a worker is what the way back takes, too.
    return wanted, demand, why, _Past(level if wanted == there else wanted, error, now)


def _error(ratio: float, tolerance: float) -> float:
    """How far the latency is from the target, of which it is *ratio* times: 0 within the *tolerance*."""
    error = _within(log(ratio), -_FARTHEST, _FARTHEST) if ratio > 0 else -_FARTHEST
    return max(0.0, error - log(1 + tolerance)) if error > 0 else min(0.0, error - log(1 - tolerance))


def _rounded(level: float, there: int, error: float) -> int:
    """The nearest whole number to *level*; above those that are *there* only while the latency is too high."""
    wanted = ceil(level - 0.5 - _ROUNDING)
    return min(wanted, there) if error <= 0 else wanted


def _fewer(wanted: int, fleet: Fleet, ratio: float) -> tuple[int, str]:
    """How many of the *fleet* stay where fewer are *wanted*, and what keeps them."""
    waiting, there = fleet.factors.waiting(), fleet.present
    if waiting is None:
        return there, ", and nobody leaves while the queue is not known"
    if waiting:
        return there, f", and nobody leaves while {waiting} wait"
    # The load on each of fewer workers is larger in proportion, and the latency larger by at least as much.
    carrying = there if ratio >= 1 else ceil(there * ratio - _ROUNDING)
    return (carrying, f", and {carrying} carry the load") if carrying > wanted else (wanted, "")


def _within(value: float, lowest: float, highest: float) -> float:
    return min(max(value, lowest), highest)
