"""YAML as people write it: what can't be read, or would be dropped in silence, is one line that says where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import yaml

from everai_autoscaler.errors import ContractError

__all__ = ["Lines", "yaml_documents", "yaml_with_lines"]

Lines: TypeAlias = dict[tuple[str | int, ...], int]
"""The line of each key and item of a document, from 1, by its path; of the document itself, by an empty one."""

_MERGE = "tag:yaml.org,2002:merge"


def yaml_documents(text: str, where: str, *, secret: bool = False) -> list[Any]:
    r"""The documents in *text* that aren't empty.

    Args:
        where: begins each message.
        secret: nothing of the text may stand in a message.

    >>> yaml_documents("a: 1\nb: 2\na: 3", "app.yaml")
    Traceback (most recent call last):
    everai_autoscaler.errors.ContractError: app.yaml: line 3: key 'a' is there already, in line 1

    Raises:
        ContractError: it is no YAML, or a mapping has a key twice.
    """
    return [document for document, _ in _read(text, where, secret=secret, lines=False)]


def yaml_with_lines(text: str, where: str) -> list[tuple[Any, Lines]]:
    r"""The documents in *text* that aren't empty, each with the lines of what is in it.

    >>> yaml_with_lines("a:\n- 1\n- 2\n", "app.yaml")
    [({'a': [1, 2]}, {(): 1, ('a',): 1, ('a', 0): 2, ('a', 1): 3})]

    Raises:
        ContractError: it is no YAML, or a mapping has a key twice.
    """
    return _read(text, where, secret=False, lines=True)


def _read(text: str, where: str, *, secret: bool, lines: bool) -> list[tuple[Any, Lines]]:
    try:
        return [one for one in _documents(text, lines=lines) if one[0] is not None]
    except RecursionError:
        failure = "is nested too deeply"
    except _TwiceError as error:
        key = "a key" if secret else f"key {error.key!r}"
        failure = f"line {error.line}: {key} is there already, in line {error.first}"
    except (yaml.YAMLError, ValueError) as error:  # the latter of a date that there isn't, say
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 1}: " if mark else ""
        # What YAML takes for an alias or a tag may be a secret value.
        why = "a value may need quotes" if secret else getattr(error, "problem", None) or error
        failure = f"{line}is not YAML: {why}"
    # Without its cause, which holds the text.
    raise ContractError(f"{where}: {failure}")


def _documents(text: str, *, lines: bool) -> Iterator[tuple[Any, Lines]]:
    loader = _Loader(text)
    while loader.check_node():
        node, found = loader.get_node(), Lines()
        if lines and node is not None:  # before it is constructed, which puts merged keys in
            _walk(node, (), node.start_mark.line + 1, found, set())
        yield loader.construct_document(node), found


def _walk(node: yaml.Node, path: tuple[str | int, ...], line: int, found: Lines, seen: set[int]) -> None:
    """Note the lines of *node*, which stands at *path*, and of what is in it; an alias is looked into once."""
    found[path] = line
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                _walk(value, (*path, key.value), key.start_mark.line + 1, found, seen)
    elif isinstance(node, yaml.SequenceNode):
        for place, item in enumerate(node.value):
            _walk(item, (*path, place), item.start_mark.line + 1, found, seen)


class _TwiceError(yaml.YAMLError):
    def __init__(self, key: str, line: int, first: int) -> None:
        super().__init__(key)
        self.key = key
        self.line = line
        self.first = first


class _Loader(yaml.SafeLoader):
    """The safe loader, but two equal keys in a mapping are refused."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        # Looked at here, where merged keys, which may be overridden, aren't among them yet.
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, Any], int] = {}
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != _MERGE:
                line, this = key.start_mark.line + 1, (key.tag, key.value)
                if this in lines:
                    raise _TwiceError(key.value, line, lines[this])
                lines[this] = line
        return node
