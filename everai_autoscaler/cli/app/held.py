"""What ``configmap`` and ``secret`` have in common: their commands, names and keys, and where values come from."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click
from attrs import frozen

from everai_autoscaler.cli.options.look import Look, look_options, state_option
from everai_autoscaler.cli.options.parameters import misused, packed
from everai_autoscaler.cli.options.scaler_options import key_values
from everai_autoscaler.cli.text.words import printable
from everai_autoscaler.cli.text.yaml_text import yaml_documents
from everai_autoscaler.errors import ContractError, StateError, UnknownNameError
from everai_autoscaler.runtime.held import check_held
from everai_autoscaler.runtime.state import usable
from everai_autoscaler.runtime.store import Held, Kind, Store
from everai_autoscaler.words import counted, moment, table

__all__ = ["Showing", "add_commands", "in_a_line"]

WIDEST = 100


@frozen
class Showing:
    """How much of a kind is shown."""

    kind: Kind
    table: Callable[[Mapping[str, str]], str]
    """What is in one, for people."""
    document: Callable[[Mapping[str, str]], dict[str, Any]]
    """The same, for programs."""
    change: Callable[[str, str | None, str | None], str]
    """What became of a key, whose value was and is now this; ``None`` where it isn't there."""


def add_commands(group: click.Group, showing: Showing) -> None:
    """Give *group* the commands that make, change, show and forget what *showing* shows."""
    _add_create(group, showing.kind)
    _add_update(group, showing)
    _add_list(group, showing)
    _add_get(group, showing)
    _add_delete(group, showing.kind)


def _add_create(group: click.Group, kind: Kind) -> None:
    @_used(kind, f"create limits {_GIVEN[kind]}", "create -f limits.yaml")
    @group.command
    @click.argument("name", required=False)
    @_values_options
    @click.option("--keep", is_flag=True, help="Leave one that is there already as it is, instead of failing.")
    @state_option
    def create(name: str | None, *, given: _Given, keep: bool, state_dir: Path) -> None:
        """Make a new one; one that is there already isn't changed."""
        wanted = given.values(kind, name)
        with closing(Store(state_dir)) as store, store.alone():
            there = {one for one in wanted if store.get(kind, one) is not None}
            if there and not keep:
                raise ContractError(
                    f"{kind} {min(there)} is there already; change it: everai-autoscaler {kind.lower()} update "
                    f"{min(there)} ..., or leave it: --keep"
                )
            for one, data in wanted.items():
                if one in there:
                    click.echo(f"{kind} {one} is there already, and left as it is")
                else:
                    store.put(kind, one, data)
                    click.echo(f"{kind} {one} created: {', '.join(sorted(data)) or 'empty'}")


def _add_update(group: click.Group, showing: Showing) -> None:
    kind = showing.kind

    @_used(kind, f"update limits {_GIVEN[kind]}", "update limits --remove max_idle_time")
    @group.command
    @click.argument("name", required=False)
    @_values_options
    @click.option("--remove", "removed", multiple=True, metavar="KEY", help="A key to take away; repeatable.")
    @state_option
    def update(name: str | None, *, given: _Given, removed: tuple[str, ...], state_dir: Path) -> None:
        """Change the keys that are given, and leave the others. It is read at the next decision."""
        wanted = given.values(kind, name)
        if not removed and not given:
            raise misused(f"what of {kind} {name} is to change? Give --from-literal, --from-file, --remove or --file")
        with _there(state_dir, kind) as store, store.alone():
            before = {one: _existing(store, kind, one).data for one in wanted}
            after = {one: _without({**before[one], **data}, removed, one) for one, data in wanted.items()}
            for one, data in after.items():
                changed = [key for key in sorted({*before[one], *data}) if before[one].get(key) != data.get(key)]
                if changed:
                    store.put(kind, one, data)
                click.echo(f"{kind} {one} {'updated; read at the next decision' if changed else 'is so already'}")
                for key in changed:
                    click.echo(f"  {key}: {showing.change(key, before[one].get(key), data.get(key))}")


def _add_list(group: click.Group, showing: Showing) -> None:
    def words(found: list[Held]) -> str:
        rows = [[one.name, str(len(one.data)), moment(one.created_at), moment(one.updated_at)] for one in found]
        return table(["NAME", "KEYS", "CREATED_AT", "UPDATED_AT"], rows, align_right=[1])

    @_used(showing.kind, "list")
    @group.command("list")
    @look_options
    def list_(*, look: Look) -> None:
        """Show which there are."""
        with _there(look.state_dir, showing.kind) as store:
            look.show(
                lambda: store.names(showing.kind), words, lambda found: [_document(showing, one) for one in found]
            )


def _add_get(group: click.Group, showing: Showing) -> None:
    @_used(showing.kind, "get limits", "get limits -o yaml")
    @group.command
    @click.argument("name")
    @look_options
    def get(name: str, *, look: Look) -> None:
        """Show what is in one."""
        with _there(look.state_dir, showing.kind) as store:
            look.show(
                lambda: _existing(store, showing.kind, name),
                lambda found: showing.table(dict(sorted(found.data.items()))),
                lambda found: _document(showing, found),
            )


def _add_delete(group: click.Group, kind: Kind) -> None:
    @_used(kind, "delete limits")
    @group.command
    @click.argument("name")
    @state_option
    def delete(name: str, *, state_dir: Path) -> None:
        """Forget one. Whoever still reads it keeps the last value that was good, and says so."""
        with _there(state_dir, kind) as store:
            _existing(store, kind, name)
            store.delete(kind, name)
        click.echo(f"{kind} {name} deleted")


def in_a_line(value: str) -> str:
    r"""*value* as a table can show it: one of several lines, or a long one, is told of in short.

    >>> in_a_line("5"), in_a_line("a\nb\nc")
    ('5', 'a (and 2 lines more)')
    """
    first, *more = value.splitlines() or [""]
    shown = printable(first)
    shown = shown if len(shown) <= WIDEST else f"{shown[: WIDEST - 3]}..."
    return f"{shown} (and {counted(len(more), 'line', form=',')} more)" if more else shown


_GIVEN: Mapping[Kind, str] = {
    "ConfigMap": "--from-literal max_workers=8",
    "Secret": "--from-file max_workers=most.txt",
}
"""How an example gives a value; a secret one doesn't stand in a command."""


def _used(kind: Kind, *examples: str) -> Callable[[click.Command], click.Command]:
    """End the help of a command with *examples* of its use."""

    def add(command: click.Command) -> click.Command:
        lines = [f"  everai-autoscaler {kind.lower()} {one}" for one in examples]
        command.help = "\n".join([command.help or "", "", "\b", *lines])
        return command

    return add


@frozen
class _Given:
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


_values_options = packed(
    "given",
    _Given,
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


@contextmanager
def _there(directory: Path, kind: Kind) -> Iterator[Store]:
    """The store of the state *directory*, for whoever doesn't make one: the directory may be misspelt."""
    with usable(directory):
        try:
            (directory / "state.db").stat()
        except FileNotFoundError:
            raise StateError(
                f"there is nothing in the state directory {directory} yet: everai-autoscaler {kind.lower()} create NAME"
            ) from None
    with closing(Store(directory)) as store:
        yield store


def _existing(store: Store, kind: Kind, name: str) -> Held:
    found = store.get(kind, name)
    if found is None:
        raise UnknownNameError.of(kind, name, [one.name for one in store.names(kind)])
    return found


def _without(data: Mapping[str, str], removed: tuple[str, ...], name: str) -> dict[str, str]:
    for key in removed:
        if key not in data:
            raise UnknownNameError.of(f"key of {name}:", key, data)
    return {key: value for key, value in data.items() if key not in removed}


def _document(showing: Showing, found: Held) -> dict[str, Any]:
    """The form of Kubernetes."""
    metadata = {"name": found.name, "creationTimestamp": moment(found.created_at)}
    held = showing.document(dict(sorted(found.data.items())))
    return {"apiVersion": "v1", "kind": showing.kind, "metadata": metadata, **held}
