"""A scaler as a file describes it: an app's manifest, its ``builtin`` section, or a name with its arguments."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any

from attrs import frozen

from everai_autoscaler.cli.text.yaml_text import yaml_documents
from everai_autoscaler.errors import ContractError
from everai_autoscaler.model import ArgumentType, AutoScaler, Decorator, Decorators, Placeholder

__all__ = ["AppManifest", "Description", "description_in", "parsed", "read_app", "read_manifest"]

_SCHEDULER = AutoScaler.scheduler_name()
"""The only one that there is."""
_TUNING = "tuning"
_KEYS = ("name", "arguments", "decorators")
_KINDS = ("arguments", "factors")
_REFERENCES = {"configMapKeyRef": "ConfigMap", "secretKeyRef": "Secret", "tunedKeyRef": "Tuned"}


@frozen
class Description:
    """A scaler's name, and what goes with it."""

    name: str
    arguments: Mapping[str, Any]
    """Plain values, placeholders, and for scalers inside mappings with ``name`` and ``arguments``."""
    decorators: Decorators | None
    scaler: AutoScaler | None = None
    """The scaler itself, where the file holds an object rather than a name that a plugin gave."""


@frozen
class AppManifest:
    """An app as a file describes it."""

    name: str
    description: Description
    """Its scaler."""
    settings: Any
    """The section named after the target on which it is run, as it was given; ``None`` where there is none."""
    directory: Path
    """Where the file is."""
    tuning: Any = None
    """The section ``tuning``, as it was given; ``None`` where there is none."""


def read_app(path: Path, *, target: str = "local") -> AppManifest:
    """The app that the YAML or JSON file *path* describes: the platform's manifest, with a section for the *target*.

    Its name is ``metadata.name``, else the file's own.

    Raises:
        ContractError: it can't be read; names the path to what is wrong in it.
        OSError: there is no such file.
    """
    document = _mapping(parsed(path), str(path))
    metadata = _mapping(document.get("metadata") or {}, f"{path}: metadata")
    name = metadata.get("name", path.stem)
    if not isinstance(name, str) or not name:
        raise ContractError(f"{path}: metadata.name: {_shown(name)} is not an app's name")
    spec = document.get("spec")
    inside = spec if isinstance(spec, Mapping) else {}
    scaler = {key: value for key, value in document.items() if key not in (target, _TUNING)}
    settings, tuning = (document.get(section, inside.get(section)) for section in (target, _TUNING))
    if _TUNING in document and tuning is None:
        tuning = {}
    return AppManifest(name, description_in(scaler, str(path)), settings, path.resolve().parent, tuning)


def read_manifest(path: Path) -> Description:
    """The scaler that the YAML or JSON file *path* describes.

    Raises:
        ContractError: it can't be read; names the path to what is wrong in it.
        OSError: there is no such file.
    """
    return description_in(parsed(path), str(path))


def parsed(path: Path) -> object:
    """What the YAML or JSON file *path* holds.

    Raises:
        ContractError: it can't be read, or holds several documents.
    """
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ContractError(f"{path}: is not UTF-8 text: {error.reason} at byte {error.start}") from error
    if path.suffix != ".json":
        documents = yaml_documents(text, str(path))
        if len(documents) > 1:
            raise ContractError(f"{path}: holds {len(documents)} documents, should be one")
        return documents[0] if documents else None
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise ContractError(f"{path}: line {error.lineno}: is not JSON: {error.msg}") from error
    except RecursionError:
        raise ContractError(f"{path}: is nested too deeply") from None
    except ValueError as error:  # a number of too many digits, say
        raise ContractError(f"{path}: can't be read: {error}") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"key {key!r} is twice in a mapping")
        found[key] = value
    return found


def description_in(document: object, where: str) -> Description:
    """The scaler that a *document* describes which was read already; *where* begins each message.

    Raises:
        ContractError: it can't be read; names the path to what is wrong in it.
    """
    section, where = _section(document, where)
    _check_keys(section, _KEYS, where)
    name = _name(section, where, "scaler")
    arguments = _arguments(section.get("arguments"), f"{where}.arguments")
    return Description(name, arguments, _decorators(section.get("decorators"), f"{where}.decorators"))


def _section(document: object, where: str) -> tuple[Mapping[Any, Any], str]:
    """The mapping that holds the scaler, wherever in the manifest it is."""
    section = _mapping(document, where)
    for key in ("spec", "autoscaler"):
        if key in section and "name" not in section:
            section, where = _mapping(section[key], f"{where}: {key}"), f"{where}: {key}"
    if section.get("scheduler", _SCHEDULER) != _SCHEDULER:
        raise ContractError(f"{where}: scheduler: {_shown(section['scheduler'])} given, should be {_SCHEDULER}")
    if "builtin" in section:
        return _mapping(section["builtin"], f"{where}: builtin"), f"{where}: builtin"
    if "name" not in section:
        raise ContractError(f"{where}: describes no scaler: it has neither autoscaler, nor builtin, nor name")
    return section, where


def _decorators(given: object, where: str) -> Decorators | None:
    if given is None:
        return None
    section = _mapping(given, where)
    _check_keys(section, _KINDS, where)
    return Decorators(**{kind: _list(section.get(kind), f"{where}.{kind}") for kind in _KINDS})


def _list(given: object, where: str) -> list[Decorator] | None:
    if given is None:
        return None
    if not isinstance(given, list):
        raise ContractError(f"{where}: {_shown(given)} is not a list of decorators")
    return [_decorator(_mapping(one, f"{where}.{place}"), f"{where}.{place}") for place, one in enumerate(given)]


def _decorator(given: Mapping[Any, Any], where: str) -> Decorator:
    name = _name(given, where, "decorator")
    arguments = _mapping(given.get("arguments") or {}, f"{where}.arguments")
    values = {str(key): _argument(value, f"{where}.arguments.{key}") for key, value in arguments.items()}
    return Decorator(name=name, arguments={key: one if callable(one) else str(one) for key, one in values.items()})


def _check_keys(section: Mapping[Any, Any], known: tuple[str, ...], where: str) -> None:
    unknown = [str(key) for key in section if key not in known]
    if unknown:
        raise ContractError(f"{where}: {', '.join(unknown)} is not one of {', '.join(known)}")


def _name(section: Mapping[Any, Any], where: str, what: str) -> str:
    name = section.get("name")
    if not isinstance(name, str) or not name:
        raise ContractError(f"{where}.name: a {what}'s name is missing")
    return name


def _arguments(given: object, where: str) -> dict[str, Any]:
    if given is None:
        return {}
    return {str(name): _value(value, f"{where}.{name}") for name, value in _mapping(given, where).items()}


def _value(given: object, where: str) -> Any:
    """An argument, or the scaler, or the list of scalers, that it is."""
    if isinstance(given, list):
        return [_scaler(one, f"{where}[{place}]") for place, one in enumerate(given)]
    if isinstance(given, Mapping) and "name" in given:
        return _scaler(given, where)
    return _argument(given, where)


def _scaler(given: object, where: str) -> dict[str, Any]:
    section = _mapping(given, where)
    return {
        str(key): _arguments(held, f"{where}.arguments") if key == "arguments" else held
        for key, held in section.items()
    }


def _argument(given: object, where: str) -> ArgumentType:
    if isinstance(given, Mapping) and len(given) == 1:
        form, held = next(iter(given.items()))
        inside = f"{where}.{form}"
        if form == "valueFrom":
            return _reference(_mapping(held, inside), inside)
        if form == "placeholder":
            return _placeholder(_mapping(held, inside), inside, ("kind", "name"))
        given = held if form == "value" else given
    if isinstance(given, bool) or not isinstance(given, int | float | str):
        raise ContractError(
            f"{where}: {_shown(given)} is not a text, a number, a mapping with one of value, valueFrom, placeholder,"
            " or a scaler's name and arguments"
        )
    return given


def _reference(given: Mapping[Any, Any], where: str) -> Placeholder:
    for form, kind in _REFERENCES.items():
        if form in given and len(given) == 1:
            return _placeholder(_mapping(given[form], f"{where}.{form}"), f"{where}.{form}", ("name", "key"), kind=kind)
    raise ContractError(f"{where}: {', '.join(map(str, given)) or 'nothing'} is not one of {', '.join(_REFERENCES)}")


def _placeholder(given: Mapping[Any, Any], where: str, needed: tuple[str, ...], **known: str) -> Placeholder:
    parts = {**known, **given}
    for part in needed:
        if not parts.get(part):
            raise ContractError(f"{where}.{part}: is missing")
    unknown = [str(part) for part in given if part not in ("kind", "name", "key") or part in known]
    if unknown:
        raise ContractError(f"{where}: {', '.join(unknown)} is not one of name, key")
    return Placeholder(**{part: str(value) for part, value in parts.items()})


def _mapping(given: object, where: str) -> Mapping[Any, Any]:
    if not isinstance(given, Mapping):
        raise ContractError(f"{where}: {_shown(given)} is not a mapping")
    return given


def _shown(given: object) -> str:
    try:
        return shorten(json.dumps(given, default=str), 60, placeholder="...")
    except (TypeError, ValueError):  # a key that JSON doesn't have, or a list that holds itself
        return f"a {type(given).__name__}"
