"""``everai-autoscaler describe``: what a name stands for, what it takes, and what it says."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import click

from everai_autoscaler.cli.options.parameters import Name
from everai_autoscaler.cli.options.scaler_options import argument_option, key_values, shown
from everai_autoscaler.cli.text.words import output_option, sentences
from everai_autoscaler.decision import Decider
from everai_autoscaler.errors import ArgumentError, UnknownNameError
from everai_autoscaler.model import Argument, Factors, Outcome, QueueReason, Schema, schema_of
from everai_autoscaler.model.schema import Nesting
from everai_autoscaler.plugin import KINDS, Plugin, Registry, default_registry
from everai_autoscaler.testing import snapshot, worker
from everai_autoscaler.words import one_line, table

__all__ = ["describe"]

_ROOM = 5
"""The maximum in the examples, where the default leaves them no room and none is given."""
_SOME = 2
"""The value of a required number that isn't given."""
_INSIDE = tuple({"name": name, "arguments": {"max_workers": _ROOM}} for name in ("simple", "free-worker"))
_STAND_IN: Mapping[Nesting, Any] = {Nesting.ONE: _INSIDE[0], Nesting.MANY: list(_INSIDE)}
"""The value of a required argument that is a scaler, or several."""


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
    given = key_values("-a", arguments)
    documents = [_document(kind, name, registry, given) for kind in KINDS if name in registry.names(kind)]
    if not documents:
        raise UnknownNameError.of("name", name, _names(registry))
    if output == "json":
        click.echo("\n".join(map(json.dumps, documents)))
    else:
        click.echo("\n\n\n".join(map(_in_words, documents)))


def _names(registry: Registry) -> list[str]:
    return sorted({name for kind in KINDS for name in registry.names(kind)})


def _document(kind: str, name: str, registry: Registry, given: Mapping[str, str]) -> dict[str, Any]:
    """All that there is to say of the thing of that *kind* and *name*, for programs."""
    plugin, factory = registry.find(kind, name)
    # What a target takes is the app's manifest's own section, which only its factory knows.
    schema = Schema({}, open=True) if kind == "targets" else schema_of(factory)
    document: dict[str, Any] = {
        "name": name,
        "kind": KINDS[kind],
        "plugin": plugin.name,
        "distribution": plugin.distribution or None,
        "version": plugin.version or None,
        "summary": _summary(factory),
        "arguments": [_argument(one) for one in schema.arguments.values()],
        "open": schema.open,
    }
    if kind != "autoscalers":
        return document
    try:
        return {**document, "examples": _examples(name, schema, given)}
    except ArgumentError as error:
        return {**document, "examples": [], "error": str(error)}


def _summary(factory: Callable[..., Any]) -> str:
    """The first sentence of its documentation."""
    text = inspect.getdoc(factory) or ""
    return one_line(text.partition("\n\n")[0]) or "(It says nothing about itself.)"


def _argument(one: Argument) -> dict[str, Any]:
    words = {int: "whole number", float: "number", str: "text", bool: "true or false"}
    kind = words.get(one.type) or str(getattr(one.type, "__name__", one.type)).replace("typing.", "")
    plain = one.default is None or isinstance(one.default, int | float | str)
    return {
        "name": one.name,
        "type": kind if one.nesting is None else one.nesting.value.removeprefix("a "),
        "ge": one.ge,
        "gt": one.gt,
        "le": one.le,
        "required": one.required,
        "default": None if one.required else one.default if plain else str(one.default),
        "help": one.help,
    }


def _examples(name: str, schema: Schema, given: Mapping[str, str]) -> list[dict[str, Any]]:
    """What the scaler decides about each of a few snapshots, with nothing remembered, and with which arguments.

    Raises:
        ArgumentError: it doesn't take the arguments, or needs others.
    """
    taken = schema.arguments
    needed = {one: _STAND_IN[it.nesting] for one, it in taken.items() if it.required and it.nesting is not None}
    needed |= {one: _SOME for one, it in taken.items() if it.required and it.type in (int, float)}
    most = taken.get("max_workers")
    narrow = most is not None and (most.required or (isinstance(most.default, int) and most.default < _ROOM))
    arguments: dict[str, Any] = {**needed, **({"max_workers": _ROOM} if narrow else {}), **given}
    return [
        {
            "of": of,
            "arguments": arguments,
            "snapshot": json.loads(factors.json()),
            # Each by itself: what one of them left in the memory would be read of the next.
            **Outcome.of(Decider(name, arguments).decide(factors)).model_dump(mode="json"),
        }
        for of, factors in _TELLING.items()
    ]


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


def _in_words(found: Mapping[str, Any]) -> str:
    plugin = Plugin(found["plugin"], found["distribution"] or "", found["version"] or "")
    paragraphs = [f"{found['name']}: {found['kind']}, of {plugin}\n{found['summary']}"]
    if found["kind"] == KINDS["placeholder_kinds"]:
        paragraphs.append(f"In a file: {{placeholder: {{kind: {found['name']}, name: ..., key: ...}}}}")
    elif found["kind"] == KINDS["targets"]:
        name = found["name"]
        paragraphs.append(f"An app with a section {name} is run on it: everai-autoscaler run app.yaml --on {name}")
    elif found["arguments"]:
        rows = [(one["name"], one["type"], _bounds(one), _default(one), one["help"]) for one in found["arguments"]]
        further = "\nand any further arguments" if found["open"] else ""
        paragraphs.append(table(("ARGUMENT", "TYPE", "BOUNDS", "DEFAULT", "HELP"), rows) + further)
    else:
        paragraphs.append("It takes any arguments." if found["open"] else "It takes no arguments.")
    if "error" in found:
        why = one_line(found["error"])
        paragraphs.append(f"It can't be shown by example: {why}; -a gives arguments for the examples.")
    elif "examples" in found:
        paragraphs.append("\n".join(_by_example(found["examples"])))
    return "\n\n".join(paragraphs)


def _bounds(one: Mapping[str, Any]) -> str:
    signs = {"ge": ">=", "gt": ">", "le": "<="}
    return ", ".join(f"{sign} {one[bound]:g}" for bound, sign in signs.items() if one[bound] is not None)


def _default(one: Mapping[str, Any]) -> str:
    return "(needed)" if one["required"] else str(one["default"])


def _by_example(examples: list[dict[str, Any]]) -> Iterator[str]:
    said = " ".join(f"{name}={shown(value)}" for name, value in examples[0]["arguments"].items())
    yield f"By example{f', with {said}' if said else ''}:"
    width = max(len(one["of"]) for one in examples) + 2
    for one in examples:
        yield f"  {one['of']:<{width}}{sentences(Outcome.model_validate(one), indent=width + 2)}"
