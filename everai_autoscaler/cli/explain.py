"""``everai-autoscaler explain``: why a recorded decision was made, and what would have made it another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import click

from everai_autoscaler.cli.scaler_options import key_values, secret_option
from everai_autoscaler.cli.words import as_json, count, moment, output_option, printable, sentences
from everai_autoscaler.decision.flip import Direction, Flip, Part, Search, direction, search
from everai_autoscaler.decision.nested import is_hidden
from everai_autoscaler.errors import AutoscalerError, ContractError
from everai_autoscaler.model import Outcome, Record
from everai_autoscaler.model.record import REDACTED
from everai_autoscaler.testing import table

__all__ = ["explain"]

_LABEL = 12


@click.command
@click.argument("file", metavar="RECORD", type=click.Path(exists=True, dir_okay=False, allow_dash=True))
@click.option("--line", type=click.IntRange(min=1), metavar="N", help="The line of the record.  [default: the last]")
@secret_option
@output_option
def explain(file: str, *, line: int | None, secrets: tuple[str, ...], output: str) -> None:
    """Say why the last decision in the file RECORD was made, and what would have made it another.

    Shown are the reasons; the limit that binds, which is the argument whose least change does anything else; the
    nearest single change of the snapshot or of an argument that flips the decision, to start, to remove, to do nothing
    or to hold, with the decision that is made with it; and where each argument came from.

    The changes are found by making the decision again, with one number changed at a time. How near one is, is measured
    as a share of the larger of both values, or of 1 where that is smaller: one worker more is nearer where there are
    nine than where there is one. This is an open loop: the snapshot is the recorded one, but for the change.

    \b
    The last decision, and that of a line:
      everai-autoscaler explain decisions.jsonl
      everai-autoscaler explain decisions.jsonl --line 7
    For a program:
      everai-autoscaler explain decisions.jsonl -o json
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    number, text = _line_of(file, line)
    try:
        record = Record.from_json(text)
        found = search(record, secrets=key_values("--secret", secrets))
    except AutoscalerError as error:
        raise ContractError(f"{file}: line {number}: {error}") from error
    click.echo(_as_json(number, found) if output == "json" else _in_words(number, found))


def _line_of(file: str, line: int | None) -> tuple[int, bytes]:
    """The record on *line*, or the last one, and on which line it is.

    Raises:
        ContractError: there is none.
    """
    last: tuple[int, bytes] | None = None
    with click.open_file(file, "rb") as lines:
        for number, text in enumerate(lines, 1):
            if text.strip() and line in (None, number):
                last = number, text
    if last is None:
        raise ContractError(f"{file}: has no records" if line is None else f"{file}: line {line}: there is no record")
    return last


def _in_words(number: int, found: Search) -> str:
    record = found.unchanged.record
    paragraphs = [
        [f"line {number}, {moment(record.observed_at)}, app {printable(record.app)}:", _said("decided", record.result)],
    ]
    if not found.unchanged.same:
        paragraphs[0] += [
            _said("now", found.unchanged.outcome),
            "  Today's code and plugins decide otherwise than was recorded; what follows is about today's.",
        ]
    paragraphs.append(_limits(found))
    paragraphs.append(_changes(found))
    if record.arguments:
        paragraphs.append([_arguments(record)])
    return "\n\n".join("\n".join(lines) for lines in paragraphs)


def _limits(found: Search) -> list[str]:
    if not found.limits:
        return ["Binding limit: none; no argument alone makes another decision."]
    nearest = found.limits[0].nearness
    binding = [flip for flip in found.limits if flip.nearness == nearest]
    names = " and ".join(flip.name for flip in binding)
    return [
        f"Binding limit{'s' if len(binding) > 1 else ''}: {names}.",
        *(f"  {_sentence(flip)}" for flip in binding),
    ]


def _changes(found: Search) -> list[str]:
    if not found.flips:
        return ["Nearest change: none was found that flips the decision by itself."]
    nearest, *further = found.flips
    lines = [f"Nearest change: {_sentence(nearest)}", _said("instead", nearest.outcome)]
    return (
        lines
        + (["Further changes that flip it, the nearest first:"] if further else [])
        + [f"  {_sentence(flip)}" for flip in further]
    )


def _said(label: str, outcome: Outcome) -> str:
    prefix = f"  {label + ':':<{_LABEL - 2}}"
    return prefix + sentences(outcome, indent=_LABEL)


def _sentence(flip: Flip) -> str:
    return f"{_change(flip)}, it would have {_done(flip.outcome)}."


def _change(flip: Flip) -> str:
    was, now = f"{flip.was:.10g}", f"{flip.now:.10g}"
    if flip.part is Part.WAITING:
        return f"With {now} waiting ({printable(flip.name)}) instead of {was}"
    if flip.part is Part.WORKERS:
        return f"With {count(int(flip.now), f'{_STATUS.get(flip.name, flip.name)} worker')} instead of {was}"
    if flip.part is Part.TIME:
        return f"{abs(flip.now):,} s {'later' if flip.now > 0 else 'earlier'}"
    if flip.part is Part.KNOWN:
        return "With nobody known to be waiting" if flip.name == "queue" else "With the workers known to be none"
    return f"With {flip.name} {now} instead of {was}"


_STATUS = {"Inflight": "starting", "Free": "free", "Busy": "busy"}


def _done(outcome: Outcome) -> str:
    actions: list[Any] = outcome.actions
    match direction(outcome):
        case Direction.UP:
            return f"started {count(sum(action['count'] for action in actions), 'worker')}"
        case Direction.DOWN:
            return f"removed {', '.join(printable(action['worker_id']) for action in actions)}"
        case Direction.HOLD:
            return "held"
        case Direction.NOTHING:
            return "done nothing"


def _arguments(record: Record) -> str:
    rows = [
        (place, value, source or one.source, one.kept or "")
        for name, one in record.arguments.items()
        for place, value, source in _rows(name, one.value)
    ]
    return table(
        ("ARGUMENT", "VALUE", "SOURCE", "KEPT"), [tuple(map(printable, row)) for row in rows], align_right=(1,)
    )


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


def _as_json(number: int, found: Search) -> str:
    record = found.unchanged.record
    return json.dumps(
        {
            "line": number,
            "app": record.app,
            "scaler": record.scaler,
            "recorded": json.loads(as_json(record.result, record.observed_at)),
            "replayed": json.loads(as_json(found.unchanged.outcome, record.observed_at)),
            "limits": [_flip_as_json(flip) for flip in found.limits],
            "flips": [_flip_as_json(flip) for flip in found.flips],
            "arguments": {name: one.model_dump(mode="json") for name, one in record.arguments.items()},
        }
    )


def _flip_as_json(flip: Flip) -> dict[str, Any]:
    return {
        "part": flip.part.value,
        "name": flip.name,
        "was": flip.was,
        "now": flip.now,
        "nearness": flip.nearness,
        "outcome": json.loads(as_json(flip.outcome, flip.replay.record.observed_at)),
    }
