"""``everai-autoscaler configmap`` and ``secret``: values that are read when a decision is made."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click
from attrs import frozen

from everai_autoscaler.cli.options.look import Look, look_options, state_option
from everai_autoscaler.cli.options.parameters import misused
from everai_autoscaler.cli.options.values import GivenValues, values_options
from everai_autoscaler.errors import ContractError, StateError, UnknownNameError
from everai_autoscaler.runtime.state import usable
from everai_autoscaler.runtime.store import Held, Kind, Store
from everai_autoscaler.words import counted, moment, printable, table

__all__ = ["configmap", "secret"]

WIDEST = 100


@frozen
class _Showing:
    """How much of a kind is shown."""

    kind: Kind
    table: Callable[[Mapping[str, str]], str]
    """What is in one, for people."""
    document: Callable[[Mapping[str, str]], dict[str, Any]]
    """The same, for programs."""
    change: Callable[[str | None, str | None], str]
    """What became of a key, whose value was and is now this; ``None`` where it isn't there."""


def _add_create(group: click.Group, showing: _Showing) -> None:
    kind = showing.kind

    @_used(kind, f"create limits {_GIVEN[kind]}", "create -f limits.yaml")
    @group.command
    @click.argument("name", required=False)
    @values_options
    @click.option("--keep", is_flag=True, help="Leave one that is there already as it is, instead of failing.")
    @state_option
    def create(name: str | None, *, given: GivenValues, keep: bool, state_dir: Path) -> None:
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


def _add_update(group: click.Group, showing: _Showing) -> None:
    kind = showing.kind

    @_used(kind, f"update limits {_GIVEN[kind]}", "update limits --remove max_idle_time")
    @group.command
    @click.argument("name", required=False)
    @values_options
    @click.option("--remove", "removed", multiple=True, metavar="KEY", help="A key to take away; repeatable.")
    @state_option
    def update(name: str | None, *, given: GivenValues, removed: tuple[str, ...], state_dir: Path) -> None:
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
                    click.echo(f"  {key}: {showing.change(before[one].get(key), data.get(key))}")


def _add_list(group: click.Group, showing: _Showing) -> None:
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


def _add_get(group: click.Group, showing: _Showing) -> None:
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


def _add_delete(group: click.Group, showing: _Showing) -> None:
    kind = showing.kind

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


def _in_a_line(value: str) -> str:
    r"""*value* as a table can show it: the beginning of a long value, or of one with several lines.

    >>> _in_a_line("5"), _in_a_line("a\nb\nc")
    ('5', 'a (and 2 lines more)')
    """
    first, *more = value.splitlines() or [""]
    shown = printable(first)
    shown = shown if len(shown) <= WIDEST else f"{shown[: WIDEST - 3]}..."
    return f"{shown} (and {counted(len(more), 'line', form=',')} more)" if more else shown


_GIVEN: Mapping[Kind, str] = {"ConfigMap": "--from-literal max_workers=8", "Secret": "--from-file max_workers=most.txt"}
"""How an example gives a value: a secret isn't written into a command."""


def _used(kind: Kind, *examples: str) -> Callable[[click.Command], click.Command]:
    """End the help of a command with *examples* of its use."""

    def add(command: click.Command) -> click.Command:
        lines = [f"  everai-autoscaler {kind.lower()} {one}" for one in examples]
        command.help = "\n".join([command.help or "", "", "\b", *lines])
        return command

    return add


@contextmanager
def _there(directory: Path, kind: Kind) -> Iterator[Store]:
    """The store of the state *directory*, for a command that doesn't make one: the directory may be misspelt."""
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


def _document(showing: _Showing, found: Held) -> dict[str, Any]:
    """The form of Kubernetes."""
    metadata = {"name": found.name, "creationTimestamp": moment(found.created_at)}
    held = showing.document(dict(sorted(found.data.items())))
    return {"apiVersion": "v1", "kind": showing.kind, "metadata": metadata, **held}


@click.group
def configmap() -> None:
    """Keep values that are read when a decision is made.

    A scaler's argument that is bound to a ConfigMap, as configMapKeyRef in a manifest, has the value that is there
    then: a change applies at the next decision, without a restart.

    \b
    One with two values, a change of one of them, and what is there now:
      everai-autoscaler configmap create limits --from-literal min_workers=1 --from-literal max_workers=5
      everai-autoscaler configmap update limits --from-literal max_workers=8
      everai-autoscaler configmap get limits
    Each file of a directory, and a file in the form of Kubernetes:
      everai-autoscaler configmap create limits --from-file limits/min_workers --from-file limits/max_workers
      everai-autoscaler configmap create -f limits.yaml
    """  # noqa: D301 - a backspace is how click knows that lines are to stay


@click.group
def secret() -> None:
    """Keep values that are read when a decision is made, and never shown.

    They are like ConfigMaps, bound as secretKeyRef in a manifest. No command, page, log or record shows a value; only
    the owner of the state directory can read it. Prefer --from-file: what stands in a command can be seen by others.

    \b
    One with a value from a file, and what may be known of it:
      everai-autoscaler secret create quota --from-file max_workers=quota.txt
      everai-autoscaler secret get quota
    """  # noqa: D301 - a backspace is how click knows that lines are to stay


def _values_table(data: Mapping[str, str]) -> str:
    return table(["KEY", "VALUE"], [[key, _in_a_line(value)] for key, value in data.items()])


def _values_change(old: str | None, new: str | None) -> str:
    if new is None:
        return f"removed, was {_in_a_line(old or '')}"
    return f"{_in_a_line(new)} (new)" if old is None else f"{_in_a_line(old)} -> {_in_a_line(new)}"


def _sizes_table(data: Mapping[str, str]) -> str:
    return table(["KEY", "BYTES"], [[key, str(len(value.encode()))] for key, value in data.items()], align_right=[1])


def _sizes_document(data: Mapping[str, str]) -> dict[str, Any]:
    return {"keys": {key: {"bytes": len(value.encode())} for key, value in data.items()}}


def _sizes_change(old: str | None, new: str | None) -> str:
    return "removed" if new is None else "added" if old is None else "changed"


for _group, _shows in (
    (configmap, _Showing("ConfigMap", _values_table, lambda data: {"data": dict(data)}, _values_change)),
    (secret, _Showing("Secret", _sizes_table, _sizes_document, _sizes_change)),
):
    for _add in (_add_create, _add_update, _add_list, _add_get, _add_delete):
        _add(_group, _shows)
