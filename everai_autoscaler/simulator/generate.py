"""Workloads that are generated: a process of arrivals, a model of service times, and a seed."""

from __future__ import annotations

from array import array
from itertools import islice
from random import Random

from attrs import fields

from everai_autoscaler.errors import ArgumentError, UnknownNameError
from everai_autoscaler.simulator.processes import PROCESSES, Process
from everai_autoscaler.simulator.service import Distribution, FromTokens, Service, distribution
from everai_autoscaler.simulator.service import service as service_of
from everai_autoscaler.simulator.spelled import number, spelled
from everai_autoscaler.simulator.workload import LONGEST_GAP, MOST_REQUESTS, Workload

__all__ = ["AN_HOUR", "LONGEST", "generate", "generated", "is_generated"]

AN_HOUR = 3600.0
LONGEST = 10 * LONGEST_GAP
"""Seconds that a generated workload may last: ten years."""
_OPTIONS = ("service", "duration", "seed", "input_tokens", "output_tokens")


def generate(
    process: Process,
    *,
    service: Service | float | str,
    duration: float = AN_HOUR,
    seed: int = 0,
    input_tokens: Distribution | float | str | None = None,
    output_tokens: Distribution | float | str | None = None,
    name: str = "",
) -> Workload:
    """The requests that *process* makes in *duration* seconds; the same for the same seed on every machine.

    Args:
        process: when requests come.
        service: how long each keeps a worker busy: seconds, a distribution, a rule of token counts, or text for one.
        duration: seconds, above 0 and up to ``LONGEST``.
        seed: of chance. Arrivals, service times and tokens are drawn from streams of their own: another model of
            service times leaves the arrivals as they are.
        input_tokens: what the numbers of input tokens are drawn from; rounded to whole tokens, at least 1.
        output_tokens: likewise.
        name: of the workload; by default the process in words.

    >>> from everai_autoscaler.simulator.processes import Poisson
    >>> generate(Poisson(2), service="exponential:3")
    Workload('Poisson at 2 a second': 7,059 requests in 3597.49 s, 2.96 s each)

    Raises:
        ArgumentError: a value that isn't accepted, or more requests than ``MOST_REQUESTS``.
    """
    model, lasts = service_of(service), number(duration)
    if not isinstance(lasts, float) or not 0 < lasts <= LONGEST:
        raise ArgumentError(f"duration: {duration!r} is not a number of seconds above 0 and up to {LONGEST:.0f}")
    arrivals = array("d", islice(process.arrivals(lasts, _chance(seed, "arrivals")), MOST_REQUESTS + 1))
    count = len(arrivals)
    if count > MOST_REQUESTS:
        raise ArgumentError(f"{process}: more than {MOST_REQUESTS:,} requests come in {lasts:g} s; fewer are accepted")
    inputs = None if input_tokens is None else _tokens(input_tokens, count, _chance(seed, "input_tokens"))
    outputs = None if output_tokens is None else _tokens(output_tokens, count, _chance(seed, "output_tokens"))
    if isinstance(model, FromTokens):
        if inputs is None or outputs is None:
            raise ArgumentError(f"service: {model}: give input_tokens and output_tokens, too, such as lognormal:1000:1")
        services = array("d", (round(model.seconds(*each), 6) for each in zip(inputs, outputs, strict=True)))
    else:
        chance, draw = _chance(seed, "service"), model.draw
        services = array("d", (round(draw(chance), 6) for _ in range(count)))
    return Workload(
        name or str(process),
        arrivals,
        services,
        input_tokens=inputs,
        output_tokens=outputs,
        source="generated",
        modelled=f"arrivals are {process}; service times are {model}, in seconds; generated with seed {seed}",
    )


def generated(text: str, *, service: Service | float | str | None = None, seed: int = 0) -> Workload:
    """The workload that *text* writes: a process with its fields, and what ``generate`` takes.

    Fields are those of the process in ``simulator.processes``, in order or by name, and ``service``, ``duration``,
    ``seed``, ``input_tokens`` and ``output_tokens``; the fields of a distribution stand behind colons.

    Args:
        text: what was written.
        service: a model of service times, in place of the one in *text*.
        seed: where *text* gives none.

    >>> generated("poisson:2,service=lognormal:6:1,duration=600")
    Workload('poisson:2,service=lognormal:6:1,duration=600': 1,204 requests in 599.621 s, 5.6 s each)

    Raises:
        UnknownNameError: a process, a field or a distribution that there isn't.
        ArgumentError: a value that isn't accepted, or one that is missing.
    """
    name, _, rest = (part.strip() for part in text.partition(":"))
    if name not in PROCESSES:
        raise UnknownNameError.of("process of arrivals", name, PROCESSES)
    own = [one.name for one in fields(PROCESSES[name])]
    options: dict[str, str] = {}
    others: list[str] = []
    for part in rest.split(",") if rest else []:
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals:
            others.append(part)
        elif key in options:
            raise ArgumentError(f"{text}: {key}: was given twice")
        elif key in _OPTIONS:
            options[key] = value
        elif key in own:
            others.append(part)
        else:
            raise UnknownNameError(f"{text}: {UnknownNameError.of(f'argument of {name}', key, [*own, *_OPTIONS])}")
    process: Process = spelled(f"{name}:{','.join(others)}", PROCESSES, kind="process of arrivals")
    model = service if service is not None else options.get("service")
    if model is None:
        raise ArgumentError(f"{text}: service missing: how long a request takes, such as service=exponential:3")
    try:
        return generate(
            process,
            service=model,
            duration=number(options.get("duration", AN_HOUR)),
            seed=_seed(options.get("seed", seed)),
            input_tokens=_distribution(options.get("input_tokens")),
            output_tokens=_distribution(options.get("output_tokens")),
            name=text,
        )
    except ArgumentError as error:
        raise ArgumentError(f"{text}: {error}") from error
    except UnknownNameError as error:
        raise UnknownNameError(f"{text}: {error}") from error


def is_generated(text: str) -> bool:
    """Whether *text* writes a workload to be generated, however well, rather than a name or a path.

    >>> is_generated("poisson:rate=2"), is_generated("poison:rate=2"), is_generated("C:/trace.csv")
    (True, True, False)
    """
    name, colon, rest = text.partition(":")
    return bool(colon) and (name.strip() in PROCESSES or (name.strip().isalpha() and "=" in rest))


def _chance(seed: int, stream: str) -> Random:
    return Random(f"{seed}:{stream}")  # noqa: S311 - repeats from run to run


def _tokens(given: Distribution | float | str, count: int, chance: Random) -> array[int]:
    draw = distribution(given).draw
    return array("q", (max(1, round(draw(chance))) for _ in range(count)))


def _distribution(given: str | None) -> Distribution | None:
    return None if given is None else distribution(given)


def _seed(given: str | int) -> int:
    try:
        return int(given)
    except ValueError:
        raise ArgumentError(f"seed: {given!r} is not a whole number") from None
