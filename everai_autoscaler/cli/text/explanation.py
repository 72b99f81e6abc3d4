"""Why a recorded decision was made, and what would have made it another: in words for people, and for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from everai_autoscaler.cli.text.words import as_json, sentences
from everai_autoscaler.errors import UnknownNameError
from everai_autoscaler.explain import Direction, Flip, Part, Search, direction, search
from everai_autoscaler.model import Outcome, Record, RecordedArgument
from everai_autoscaler.model.form import is_hidden
from everai_autoscaler.model.record import REDACTED
from everai_autoscaler.words import counted, moment, printable, reason_word, table

__all__ = ["argument_rows", "argument_table", "as_document", "explained", "in_words", "said"]

_LABEL = 12


def explained(record: Record, given: Mapping[str, str], known: Mapping[str, str] | None = None) -> Search:
    """What would have made the decision of *record* another, with the secrets that were *given*, or else are *known*.

    Raises:
        AutoscalerError: a secret was given that the record doesn't lack, or the decision can't be made again.
    """
    used = record.decorators
    lacks = record.secrets + [
        f"{one.name}.{name}"
        for one in (*used.arguments, *used.factors)
        for name, argument in one.arguments.items()
        if argument.redacted
    ]
    for name in given:
        if name not in lacks:
            raise UnknownNameError.of("secret", name, lacks)
    return search(record, secrets={**(known or {}), **given})


def in_words(where: str, found: Search, in_force: str = "", *, after: Sequence[str] = ()) -> str:
    """What was *found* about the decision that is *where* it says; the lines *after* are about what became of it."""
    record = found.unchanged.record
    heading = f"{where}, {moment(record.observed_at)}, app {printable(record.app)}{in_force}:"
    paragraphs = [[heading, said("decided", record.result), *_capped(record.result), *after]]
    if not found.unchanged.same:
        paragraphs[0] += [
            said("now", found.unchanged.outcome),
            "  Today's code and plugins decide otherwise than was recorded; what follows is about today's.",
        ]
    paragraphs.append(_limits(found))
    paragraphs.append(_changes(found))
    if record.arguments:
        paragraphs.append([argument_table(record.arguments)])
    return "\n\n".join("\n".join(lines) for lines in paragraphs)


def as_document(found: Search, **where: Any) -> dict[str, Any]:
    """What was *found*, and *where*: plain JSON."""
    record = found.unchanged.record
    return {
        **where,
        "app": record.app,
        "scaler": record.scaler,
        "recorded": json.loads(as_json(record.result, record.observed_at)),
        "replayed": json.loads(as_json(found.unchanged.outcome, record.observed_at)),
        **{
            kind: [_flip_as_document(flip) for flip in getattr(found, kind)]
            for kind in ("binding", "together", "limits", "flips")
        },
        "arguments": {name: one.model_dump(mode="json") for name, one in record.arguments.items()},
    }


def said(label: str, outcome: Outcome) -> str:
    """A line that says, under a *label*, what *outcome* does and why."""
    prefix = f"  {label + ':':<{_LABEL - 2}}"
    return prefix + sentences(outcome, indent=_LABEL)


def _capped(outcome: Outcome) -> list[str]:
    """A line that says which bound is in the way of more workers, where one is."""
    return [] if outcome.capped is None else [f"  {'capped:':<{_LABEL - 2}}{printable(str(outcome.capped))}"]


def argument_table(arguments: Mapping[str, RecordedArgument]) -> str:
    """A table of the *arguments*: what each was, where it came from, and why a last good value was used instead."""
    rows = [(place, value, source, one.kept or "") for place, value, source, one in argument_rows(arguments)]
    return table(
        ("ARGUMENT", "VALUE", "SOURCE", "KEPT"), [tuple(map(printable, row)) for row in rows], align_right=(1,)
    )


def argument_rows(arguments: Mapping[str, RecordedArgument]) -> Iterator[tuple[str, str, str, RecordedArgument]]:
    """Each of the *arguments*, also of scalers inside: its place, value and source, and the argument that it is of."""
    for name, one in arguments.items():
        for place, value, source in _rows(name, one.value):
            yield place, value, source or one.source, one


def _limits(found: Search) -> list[str]:
    rows = argument_rows(found.unchanged.record.arguments)
    secret = ", ".join(name for name, value, *_ in rows if value == REDACTED)
    untried = [f"  Not changed, since it isn't shown, and may bind: {secret}."] if secret else []
    if found.together:
        names = " and ".join(flip.name for flip in found.together)
        changes = " and ".join(f"{flip.name} {_values(flip)}" for flip in found.together)
        done = _done(found.together[0].outcome)
        return [f"Binding limits: {names}, together.", f"  With {changes}, it would have {done}.", *untried]
    if not found.binding:
        none = "none of those that are shown" if secret else "none; no argument alone held it back"
        return [f"Binding limit: {none}.", *untried]
    nearest = found.binding[0].nearness
    binding = [flip for flip in found.binding if flip.nearness == nearest]
    names = " and ".join(flip.name for flip in binding)
    return [
        f"Binding limit{'s' if len(binding) > 1 else ''}: {names}.",
        *(f"  {_sentence(flip)}" for flip in binding),
        *untried,
    ]


def _changes(found: Search) -> list[str]:
    if not found.flips:
        return ["Nearest change: none was found that flips the decision by itself."]
    nearest, *further = found.flips
    lines = [f"Nearest change: {_sentence(nearest)}", said("instead", nearest.outcome)]
    return (
        lines
        + (["Further changes that flip it, the nearest first:"] if further else [])
        + [f"  {_sentence(flip)}" for flip in further]
    )


def _sentence(flip: Flip) -> str:
    return f"{_change(flip)}, it would have {_done(flip.outcome)}."


def _change(flip: Flip) -> str:
    was, now = f"{flip.was:.10g}", f"{flip.now:.10g}"
    if flip.part is Part.WAITING:
        return f"With {now} waiting ({printable(reason_word(flip.name))}) instead of {was}"
    if flip.part is Part.WORKERS:
        return (
            f"With {counted(int(flip.now), f'{_STATUS.get(flip.name, flip.name)} worker', form=',')} instead of {was}"
        )
    if flip.part is Part.TIME:
        return f"{abs(flip.now):,} s {'later' if flip.now > 0 else 'earlier'}"
    if flip.part is Part.SIGNAL:
        return f"With the signal {printable(flip.name)} at {_values(flip)}"
    if flip.part is Part.KNOWN:
        return "With nobody known to be waiting" if flip.name == "queue" else "With the workers known to be none"
    return f"With {flip.name} {_values(flip)}"


def _values(flip: Flip) -> str:
    return f"{flip.now:.10g} instead of {flip.was:.10g}"


_STATUS = {"Inflight": "starting", "Free": "free", "Busy": "busy"}


def _done(outcome: Outcome) -> str:
    actions: list[Any] = outcome.actions
    match direction(outcome):
        case Direction.UP:
            return f"started {counted(sum(action['count'] for action in actions), 'worker', form=',')}"
        case Direction.DOWN:
            return f"removed {', '.join(printable(action['worker_id']) for action in actions)}"
        case Direction.HOLD:
            return "held"
        case Direction.NOTHING:
            return "done nothing"


def _rows(name: str, value: Any) -> Iterator[tuple[str, str, str]]:
    """A value, or those of which the scalers in it are made: each with its place, and a source of its own."""
    if isinstance(value, list) and value:
        for place, one in enumerate(value):
            yield from _rows(f"{name}[{place}]", one)
    elif isinstance(value, dict) and isinstance(value.get("arguments"), dict):
        yield name, str(value.get("name")), ""
        for inner, one in value["arguments"].items():
            yield from _rows(f"{name}.{inner}", one)
    elif isinstance(value, dict) and is_hidden(value):
        (source,) = value.values()
        yield name, REDACTED, str(source)
    else:
        yield name, str(value), ""


def _flip_as_document(flip: Flip) -> dict[str, Any]:
    return {
        "part": flip.part.value,
        "name": flip.name,
        "was": flip.was,
        "now": flip.now,
        "nearness": flip.nearness,
        "outcome": json.loads(as_json(flip.outcome, flip.replay.record.observed_at)),
    }
