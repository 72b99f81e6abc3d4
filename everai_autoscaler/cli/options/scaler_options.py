"""The options that say which scaler decides, with which arguments, and where late values are read."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
from attrs import frozen

from everai_autoscaler.cli.options.manifest import read_manifest
from everai_autoscaler.cli.options.parameters import misused, packed
from everai_autoscaler.decision import Decider
from everai_autoscaler.decision.nested import Nested, nest
from everai_autoscaler.decision.secrets import Secrets
from everai_autoscaler.errors import PlaceholderError
from everai_autoscaler.model import ArgumentType, AutoScaler, Decorators, Placeholder, schema_of
from everai_autoscaler.model.binding import build
from everai_autoscaler.model.late import read, reader, source_of
from everai_autoscaler.plugin import default_registry

__all__ = ["ScalerOptions", "WantedScaler", "argument_option", "key_values", "scaler_options", "secret_option", "shown"]


@frozen
class WantedScaler:
    """A scaler as a command is to use it: its name, its arguments, and where its late values are read."""

    name: str
    arguments: Mapping[str, ArgumentType]
    decorators: Decorators | None
    providers: Mapping[str, Callable[[str, str], str]]

    def decider(self) -> Decider:
        """The pipeline that decides with it.

        Raises:
            AutoscalerError: there is no such scaler, or it doesn't take the arguments.
        """
        return Decider(self.name, self.arguments, decorators=self.decorators, providers=self.providers)

    def scaler(self) -> AutoScaler:
        """The scaler itself, without the pipeline, and without its decorators; late values are read now.

        Raises:
            AutoscalerError: there is no such scaler, or it doesn't take the arguments.
        """
        registry = default_registry()
        factory = registry.autoscaler(self.name)
        with self.placeholders_read():
            given = nest(self.arguments, schema_of(factory), registry, owner=self.name)
            made: AutoScaler = build(
                factory, {one: self._now(one, value) for one, value in given.items()}, owner=self.name
            )
        return made

    def _now(self, argument: str, value: Any) -> Any:
        if isinstance(value, Nested):
            return value.read(Secrets(), [])[0]
        return read(value, name=f"{self.name}: {argument}") if isinstance(value, Placeholder) else value

    @contextmanager
    def placeholders_read(self) -> Iterator[None]:
        """Read placeholders where the options say, as long as this lasts."""
        token = reader.set(self._read)
        try:
            yield
        finally:
            reader.reset(token)

    def _read(self, placeholder: Placeholder) -> str:
        provider = self.providers.get(placeholder.kind)
        if provider is not None:
            return provider(placeholder.name, placeholder.key)
        return default_registry().read_placeholder(placeholder)

    def __str__(self) -> str:
        given = (f"{name}={shown(value)}" for name, value in self.arguments.items())
        named = self.decorators or Decorators()
        decorators = [one.name for one in (*(named.arguments or ()), *(named.factors or ()))]
        return " ".join([self.name, *given, *(["with", ", ".join(decorators)] if decorators else [])])


def shown(value: Any) -> str:
    """An argument as people are shown it; a scaler as its name and arguments in brackets."""
    if isinstance(value, list):
        return f"[{', '.join(map(shown, value))}]"
    if isinstance(value, Mapping):
        arguments = (value.get("arguments") or {}).items()
        return f"{value.get('name')}({', '.join(f'{name}={shown(one)}' for name, one in arguments)})"
    return source_of(value) if callable(value) else str(value)


@frozen
class ScalerOptions:
    """What the options of a command say about the scaler."""

    arguments: Mapping[str, str]
    file: Path | None
    configmaps: Path | None
    secrets: Path | None
    entries: Mapping[tuple[str, str], str]
    """Values of ConfigMaps that were given in the command itself."""

    def wanted(self, name: str | None, defaults: Mapping[str, ArgumentType] | None = None) -> WantedScaler:
        """The scaler that the file describes, or that has this *name*, whose *defaults* the options override.

        Raises:
            click.UsageError: neither a file nor a name, or both.
            ContractError: the file can't be read.
        """
        providers = self.readers()
        if self.file is None:
            if name is None:
                raise misused("which scaler? Give its name, or -f FILE")
            return WantedScaler(name, {**(defaults or {}), **self.arguments}, None, providers)
        if name is not None:
            raise misused(f"{self.file} names the scaler: {name!r} is one too many")
        described = read_manifest(self.file)
        return WantedScaler(described.name, {**described.arguments, **self.arguments}, described.decorators, providers)

    def readers(self) -> Mapping[str, Callable[[str, str], str]]:
        """For each placeholder kind that the options give values of, what reads them."""
        providers: dict[str, Callable[[str, str], str]] = {}
        if self.configmaps or self.entries:
            providers["ConfigMap"] = functools.partial(_read, "ConfigMap", self.configmaps, self.entries)
        if self.secrets:
            providers["Secret"] = functools.partial(_read, "Secret", self.secrets, {})
        return providers


argument_option = click.option(
    "-a",
    "--argument",
    "arguments",
    multiple=True,
    metavar="KEY=VALUE",
    help="An argument of the scaler; repeatable, and overrides the file's.",
)
secret_option = click.option(
    "--secret",
    "secrets",
    multiple=True,
    metavar="NAME=VALUE",
    help="A secret argument, which records don't hold; a decorator's is DECORATOR.NAME. Repeatable.",
)


def key_values(option: str, given: tuple[str, ...], form: str = "KEY=VALUE") -> dict[str, str]:
    """What was *given* to *option* in the *form* of key and value; of one key twice, the later.

    Raises:
        click.UsageError: one has no ``=``, or no key.
    """
    pairs = [(text, *text.partition("=")) for text in given]
    for text, key, _, _ in pairs:
        if not key or key == text:
            raise misused(f"{option}: {text!r} is not of the form {form}")
    return {key: value for _, key, _, value in pairs}


def _options(
    arguments: tuple[str, ...],
    file: Path | None,
    entries: tuple[str, ...],
    configmaps: Path | None,
    secrets: Path | None,
) -> ScalerOptions:
    given, held = key_values("-a", arguments), {}
    for place, value in key_values("--configmap", entries, _ENTRY).items():
        name, _, key = place.partition(":")
        if not name or not key:
            raise misused(f"--configmap: {place!r} is not of the form {_ENTRY}")
        held[name, key] = value
    return ScalerOptions(given, file, configmaps, secrets, held)


_ENTRY = "NAME:KEY=VALUE"
_DIRECTORY = click.Path(exists=True, file_okay=False, path_type=Path)

scaler_options = packed(
    "options",
    _options,
    argument_option,
    click.option(
        "-f",
        "--file",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="A YAML or JSON file with the scaler, its arguments and decorators: an app's manifest, its builtin "
        "section, or name, arguments and decorators alone.",
    ),
    click.option("--configmap", "entries", multiple=True, metavar=_ENTRY, help="One value of a ConfigMap; repeatable."),
    click.option(
        "--configmaps",
        type=_DIRECTORY,
        metavar="DIR",
        help="Where ConfigMaps are: a directory each, in which each key is a file.",
    ),
    click.option("--secrets", type=_DIRECTORY, metavar="DIR", help="Where Secrets are; likewise."),
)
"""Gives a command its :class:`ScalerOptions`, as *options*."""


def _read(kind: str, directory: Path | None, entries: Mapping[tuple[str, str], str], name: str, key: str) -> str:
    if (name, key) in entries:
        return entries[name, key]
    if directory is None:
        known = ", ".join(f"{name}:{key}" for name, key in entries)
        raise PlaceholderError(f"{kind} {name}/{key}: --configmap gave {known} only")
    if not name or name in (".", "..") or "/" in name or not (directory / name).is_dir():
        there = ", ".join(sorted(path.name for path in directory.iterdir() if path.is_dir())) or "none"
        raise PlaceholderError(f"{kind} {name}/{key}: no {kind} of this name in {directory}, which has {there}")
    _, read_file = default_registry().find("placeholder_kinds", "File")
    value: str = read_file(str(directory / name), key)
    return value
