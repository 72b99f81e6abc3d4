"""``everai-autoscaler describe``: what a name stands for, what it takes, and what it says."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Any

import click
from attrs import frozen

from everai_autoscaler.cli.options.parameters import Name
from everai_autoscaler.cli.options.scaler_options import argument_option, key_values, shown
from everai_autoscaler.cli.text.words import output_option, sentences
from everai_autoscaler.decision import Decider
from everai_autoscaler.errors import ArgumentError, UnknownNameError
from everai_autoscaler.model import Argument, Factors, Outcome, QueueReason, Schema, schema_of
from everai_autoscaler.model.schema import Nesting
from everai_autoscaler.plugin import KINDS, Plugin, Registry, default_registry
from everai_autoscaler.testing import snapshot, worker
from everai_autoscaler.words import table

__all__ = ["describe"]

_ROOM = 5
"""The maximum of the examples, where neither the default nor anybody gives the examples room."""
_SOME = 2
"""What stands for a number that is needed, and that nobody gives."""
_INSIDE = tuple({"name": name, "arguments": {"max_workers": _ROOM}} for name in ("simple", "free-worker"))
_STAND_IN: Mapping[Nesting, Any] = {Nesting.ONE: _INSIDE[0], Nesting.MANY: list(_INSIDE)}
"""What stands for scalers inside."""


@frozen
class _Thing:
    """What a name stands for."""

    kind: str
    name: str
    plugin: Plugin
    factory: Callable[..., Any]


@frozen
class _Example:
    """A decision on a snapshot that tells something."""

    of: str
    factors: Factors
    outcome: Outcome


@click.command
@click.argument("name", type=Name("name", lambda: _names(default_registry())))
@argument_option
@output_option
def describe(name: str, *, arguments: tuple[str, ...], output: str) -> None:
    """Show what NAME stands for: a scaler, a decorator, or a placeholder kind.

    Shown are what it does, which plugin gives it, and its arguments with their types, bounds, defaults and help; of a
    scaler also what it decides about a few snapshots, and the reasons that it gives. -a gives the arguments for those.

    \b
    A scaler, with other arguments for the examples, and a decorator:
      everai-autoscaler describe simple
      everai-autoscaler describe simple -a max_workers=2 -a min_workers=0
      everai-autoscaler describe time-match
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    registry = default_registry()
    things = [_Thing(kind, name, *registry.find(kind, name)) for kind in KINDS if name in registry.names(kind)]
    if not things:
        raise UnknownNameError.of("name", name, _names(registry))
    given = key_values("-a", arguments)
    told = _as_json if output == "json" else _in_words
    separator = "\n" if output == "json" else "\n\n\n"
    click.echo(separator.join(told(thing, given) for thing in things))


def _names(registry: Registry) -> list[str]:
    return sorted({name for kind in KINDS for name in registry.names(kind)})


def _in_words(thing: _Thing, given: Mapping[str, str]) -> str:
    paragraphs = [f"{thing.name}: {KINDS[thing.kind]}, of {thing.plugin}\n{_summary(thing.factory)}"]
    if thing.kind == "placeholder_kinds":
        paragraphs.append(f"In a file: {{placeholder: {{kind: {thing.name}, name: ..., key: ...}}}}")
        return "\n\n".join(paragraphs)
    schema = schema_of(thing.factory)
    paragraphs.append(_taken(schema))
    if thing.kind == "autoscalers":
        paragraphs.append(_by_example(thing, given))
    return "\n\n".join(paragraphs)


def _summary(factory: Callable[..., Any]) -> str:
    """The first sentence of its documentation."""
    text = inspect.getdoc(factory) or ""
    return " ".join(text.partition("\n\n")[0].split()) or "(It says nothing about itself.)"


def _taken(schema: Schema) -> str:
    if not schema.arguments:
        return "It takes any arguments." if schema.open else "It takes no arguments."
    rows = [(one.name, _type(one), _bounds(one), _default(one), one.help) for one in schema.arguments.values()]
    further = "\nand any further arguments" if schema.open else ""
    return table(("ARGUMENT", "TYPE", "BOUNDS", "DEFAULT", "HELP"), rows) + further


def _type(one: Argument) -> str:
    if one.nesting is not None:
        return one.nesting.value.removeprefix("a ")
    words = {int: "whole number", float: "number", str: "text", bool: "true or false"}
    return words.get(one.type) or str(getattr(one.type, "__name__", one.type)).replace("typing.", "")


def _bounds(one: Argument) -> str:
    bounds = [
        f"{sign} {bound:g}" for sign, bound in ((">=", one.ge), (">", one.gt), ("<=", one.le)) if bound is not None
    ]
    return ", ".join(bounds)


def _default(one: Argument) -> str:
    return "(needed)" if one.required else str(one.default)


def _by_example(thing: _Thing, given: Mapping[str, str]) -> str:
    try:
        examples, arguments = _examples(thing, given)
    except ArgumentError as error:
        return f"It can't be shown by example: {' '.join(str(error).split())}; -a gives arguments for the examples."
    said = " ".join(f"{name}={shown(value)}" for name, value in arguments.items())
    lines = [f"By example{f', with {said}' if said else ''}:"]
    width = max(len(example.of) for example in examples) + 2
    lines += [f"  {example.of:<{width}}{sentences(example.outcome, indent=width + 2)}" for example in examples]
    return "\n".join(lines)


def _examples(thing: _Thing, given: Mapping[str, str]) -> tuple[list[_Example], Mapping[str, Any]]:
    """What it decides about each of a few snapshots, and the arguments with which it does.

    Raises:
        ArgumentError: it doesn't take the arguments, or needs others.
    """
    taken = schema_of(thing.factory).arguments
    needed = {name: _STAND_IN[one.nesting] for name, one in taken.items() if one.required and one.nesting is not None}
    needed |= {name: _SOME for name, one in taken.items() if one.required and one.type in (int, float)}
    most = taken.get("max_workers")
    narrow = most is not None and (most.required or (isinstance(most.default, int) and most.default < _ROOM))
    arguments: dict[str, Any] = {**needed, **({"max_workers": _ROOM} if narrow else {}), **given}
    decider = Decider(thing.name, arguments)
    return [_Example(of, factors, Outcome.of(decider.decide(factors))) for of, factors in _TELLING.items()], arguments


def _waiting(count: int, reason: QueueReason = QueueReason.QueueDueBusy) -> dict[str, Any]:
    """So many that wait, the first of them for half a minute."""
    return {"waiting": {reason: count}, "oldest_wait": {reason: 30.0}}


_TELLING: Mapping[str, Factors] = {
    "nobody there, 1 waiting": snapshot(**_waiting(1, QueueReason.NotDispatch)),
    "1 busy, nobody waiting": snapshot(busy=1),
    "1 busy, 1 free, nobody waiting": snapshot(busy=1, free=1),
    "1 busy, 3 waiting": snapshot(busy=1, **_waiting(3)),
    "1 busy, 1 starting, 3 waiting": snapshot(busy=1, inflight=1, **_waiting(3)),
    "5 busy, 20 waiting": snapshot(busy=5, **_waiting(20)),
    "1 busy, 2 free for 10 minutes": snapshot(busy=1, free=2, idle_for=600),
    "1 busy, 1 starting for an hour": snapshot(busy=1, workers=[worker("stuck-1", "Inflight", started_ago=3600)]),
    "2 free, the queue not known": snapshot(waiting=None, free=2, idle_for=600),
    "3 waiting, the workers not known": snapshot(workers=None, **_waiting(3)),
}


def _as_json(thing: _Thing, given: Mapping[str, str]) -> str:
    schema = schema_of(thing.factory)
    told: dict[str, Any] = {
        "name": thing.name,
        "kind": KINDS[thing.kind],
        "plugin": thing.plugin.name,
        "distribution": thing.plugin.distribution or None,
        "version": thing.plugin.version or None,
        "summary": _summary(thing.factory),
        "arguments": [_argument_as_json(one) for one in schema.arguments.values()],
        "open": schema.open,
    }
    if thing.kind == "autoscalers":
        try:
            examples, arguments = _examples(thing, given)
        except ArgumentError as error:
            return json.dumps({**told, "examples": [], "error": str(error)})
        told["examples"] = [
            {
                "of": example.of,
                "arguments": arguments,
                "snapshot": json.loads(example.factors.json()),
                **example.outcome.model_dump(mode="json"),
            }
            for example in examples
        ]
    return json.dumps(told)


def _argument_as_json(one: Argument) -> dict[str, Any]:
    plain = one.default is None or isinstance(one.default, int | float | str)
    return {
        "name": one.name,
        "type": _type(one),
        "ge": one.ge,
        "gt": one.gt,
        "le": one.le,
        "required": one.required,
        "default": None if one.required else one.default if plain else str(one.default),
        "help": one.help,
    }
