"""YAML as people write it: what can't be read, or would be dropped in silence, is one line that says where."""

from __future__ import annotations

from typing import Any

import yaml

from everai_autoscaler.errors import ContractError

__all__ = ["yaml_documents"]

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
    try:
        return [one for one in yaml.load_all(text, _Loader) if one is not None]
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
