"""The values that a command is given for a ConfigMap or a Secret: in options, in files, in Kubernetes' own form."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click
from attrs import frozen

from everai_autoscaler.cli.options.parameters import misused, packed
from everai_autoscaler.cli.options.scaler_options import key_values
from everai_autoscaler.cli.text.yaml_text import yaml_documents
from everai_autoscaler.errors import ContractError, UnknownNameError
from everai_autoscaler.runtime.held import check_held
from everai_autoscaler.runtime.store import Kind

__all__ = ["GivenValues", "values_options"]


@frozen
class GivenValues:
    """Where the values are that a command is given."""

    document: Path | None
    files: tuple[str, ...]
    literals: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.document or self.files or self.literals)

    def values(self, kind: Kind, name: str | None) -> dict[str, dict[str, str]]:
        """For each name the values that were given for it, by options or in a file."""
        if self.document is not None:
            if self.literals or self.files:
                raise misused("--file says all of it: not together with --from-literal or --from-file")
            found = _documents(kind, self.document)
            if name is not None and name not in found:
                raise UnknownNameError.of(f"{kind} in {self.document}:", name, found)
            return found if name is None else {name: found[name]}
        if name is None:
            raise misused(f"which {kind}? Give its name, or --file FILE")
        data = key_values("--from-literal", self.literals)
        for one in self.files:
            key, equals, path = one.partition("=")
            data[key if equals else Path(one).name] = _content(Path(path if equals else one))
        check_held(kind, name, data, f"{kind} {name}")
        return {name: data}


values_options = packed(
    "given",
    GivenValues,
    click.option(
        "--from-literal", "literals", multiple=True, metavar="KEY=VALUE", help="A key and its value; repeatable."
    ),
    click.option(
        "--from-file",
        "files",
        multiple=True,
        metavar="[KEY=]FILE",
        help="A key whose value is what the file holds; the file's name where no key is given. Repeatable.",
    ),
    click.option(
        "-f",
        "--file",
        "document",
        type=click.Path(exists=True, dir_okay=False, path_type=Path),
        metavar="FILE",
        help="A YAML file with one or several of them, in the form of Kubernetes.",
    ),
)


def _documents(kind: Kind, path: Path) -> dict[str, dict[str, str]]:
    """The documents of that *kind* in a YAML file, by their names."""
    found: dict[str, dict[str, str]] = {}
    documents = _parsed(kind, path)
    for place, one in enumerate(documents, 1):
        where = f"{path}: document {place}" if len(documents) > 1 else str(path)
        if not isinstance(one, Mapping) or one.get("kind") != kind:
            said = repr(one.get("kind")) if isinstance(one, Mapping) else f"a {type(one).__name__}"
            raise ContractError(f"{where}: kind: {said} given, should be {kind}")
        metadata = one.get("metadata")
        name = metadata.get("name") if isinstance(metadata, Mapping) else None
        if not isinstance(name, str):
            raise ContractError(f"{where}: metadata.name: is missing")
        _check_sections(kind, one, where)
        data = dict(_values(one.get("data"), f"{where}: data"))
        if kind == "Secret":
            data = {key: _decoded(value, f"{where}: data.{key}") for key, value in data.items()}
            data |= _values(one.get("stringData"), f"{where}: stringData")
        check_held(kind, name, data, where)
        if name in found:
            raise ContractError(f"{where}: {kind} {name} is in the file already, as an earlier document")
        found[name] = data
    if not found:
        raise ContractError(f"{path}: has no {kind}")
    return found


_SECTIONS: Mapping[Kind, tuple[str, ...]] = {
    "ConfigMap": ("apiVersion", "kind", "metadata", "data", "immutable"),
    "Secret": ("apiVersion", "kind", "metadata", "data", "stringData", "immutable", "type"),
}
"""What a document of that kind may have."""


def _check_sections(kind: Kind, document: Mapping[Any, Any], where: str) -> None:
    known = _SECTIONS[kind]
    for section in document:
        if section == "binaryData":
            raise ContractError(f"{where}: binaryData: can't be kept; texts can, under data")
        if section not in known:
            if kind == "Secret":  # what YAML takes for a key may be a part of a value
                raise ContractError(f"{where}: has a key that is not one of {', '.join(sorted(known))}")
            raise UnknownNameError.of(f"{where}: key", section, known)


def _parsed(kind: Kind, path: Path) -> list[Any]:
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise ContractError(f"{path}: is not text (UTF-8)") from None
    return yaml_documents(text, str(path), secret=kind == "Secret")


def _values(section: object, where: str) -> Iterator[tuple[str, str]]:
    if section is None:
        return
    if not isinstance(section, Mapping):
        raise ContractError(f"{where}: a {type(section).__name__} given, should be a mapping of keys to texts")
    for key, value in section.items():
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise ContractError(f"{where}.{key}: a {type(value).__name__} given, should be a text; quote it")
        yield str(key), str(value)


def _decoded(value: str, where: str) -> str:
    try:
        return base64.b64decode(value, validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError):
        pass
    # Without its cause, which holds the value.
    raise ContractError(f"{where}: is no text in base64; write it under stringData as it is")


def _content(path: Path) -> str:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise misused(f"--from-file: {path}: {error.strerror}") from error
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        pass
    raise ContractError(f"--from-file: {path}: its content is not text (UTF-8)")
