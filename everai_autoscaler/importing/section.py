"""A mapping of a document that remembers what was read of it, so that nothing is left out in silence."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from textwrap import shorten
from typing import Any, TypeAlias

from attrs import define, field, frozen

from everai_autoscaler.errors import ContractError
from everai_autoscaler.importing.app import Note
from everai_autoscaler.importing.quantity import parse_duration, parse_quantity

__all__ = ["FOUND", "STARTS", "Lines", "Section", "Source", "path_of"]

FOUND = "it is what the cluster found, not what it was told"
"""Why a ``status`` has no equivalent."""
STARTS = "how a worker is started goes into a section named after the target: local"
"""Why what describes a worker has none."""
_NO_EQUIVALENT = "has no equivalent"

Path: TypeAlias = tuple[str | int, ...]
Lines: TypeAlias = Mapping[Path, int]
"""The line of each key and item of a document, by its path."""


@frozen
class Source:
    """Where a document stood."""

    where: str
    """The file; begins each message."""
    lines: Lines = field(factory=dict)
    parse: Callable[[str], tuple[object, Lines]] | None = None
    """Reads YAML inside a text of the document."""

    def line(self, path: Path) -> int | None:
        """The line of *path*, or of the nearest thing round it; ``None`` where none is known."""
        near = (path[:length] for length in range(len(path), -1, -1))
        return next((self.lines[one] for one in near if one in self.lines), None)

    def refusal(self, path: Path, why: str) -> ContractError:
        """The error for what stands at *path*."""
        note = Note(path_of(path), self.line(path), why, lost=True)
        return ContractError(f"{self.where}: {note}")


@define
class Section:
    """A mapping, each key of which is read, or told of in the notes."""

    values: Mapping[str, Any]
    path: Path
    source: Source
    notes: list[Note] = field(factory=list)
    seen: set[str] = field(factory=set)
    inside: list[Section] = field(factory=list)

    @classmethod
    def of(cls, document: object, source: Source, path: Path = ()) -> Section:
        """The mapping that a *document* is.

        Raises:
            ContractError: it is none.
        """
        if not isinstance(document, Mapping):
            raise source.refusal(path, f"{_shown(document)} is not a mapping")
        return cls({str(key): value for key, value in document.items()}, path, source)

    def take(self, key: str) -> Any:
        """The value under *key*; ``None`` where there is none."""
        self.seen.add(key)
        return self.values.get(key)

    def section(self, key: str) -> Section:
        """The mapping under *key*; an empty one where there is none."""
        held = self.take(key)
        return self._within({} if held is None else held, (*self.path, key))

    def sections(self, key: str) -> list[Section]:
        """The mappings of the list under *key*; none where there is no list."""
        held = self.take(key)
        if held is not None and not isinstance(held, list):
            raise self.refusal(key, f"{_shown(held)} is not a list")
        return [self._within(one, (*self.path, key, place)) for place, one in enumerate(held or [])]

    def text(self, key: str) -> str | None:
        """The text under *key*; ``None`` where there is none."""
        held = self.take(key)
        if held is None or isinstance(held, str):
            return held or None
        if isinstance(held, int | float):
            return str(held)
        raise self.refusal(key, f"{_shown(held)} is not text")

    def number(self, key: str) -> float | None:
        """The number under *key*, maybe a quantity such as ``500m``; ``None`` where there is none."""
        held = self.take(key)
        if held is None:
            return None
        number = parse_quantity(str(held)) if not isinstance(held, bool) else None
        if number is None:
            raise self.refusal(key, f"{_shown(held)} is not a number")
        return number

    def whole(self, key: str) -> int | None:
        """The whole number of at least 0 under *key*; ``None`` where there is none."""
        number = self.number(key)
        if number is not None and (number < 0 or number != int(number)):
            raise self.refusal(key, f"{number:g} is not a whole number of at least 0")
        return None if number is None else int(number)

    def seconds(self, key: str) -> float | None:
        """The duration under *key*, such as ``1m30s``, in seconds; ``None`` where there is none."""
        held = self.take(key)
        if held is None:
            return None
        seconds = parse_duration(str(held))
        if seconds is None:
            raise self.refusal(key, f"{_shown(held)} is not a duration such as 90s or 1m30s")
        return seconds

    def lose(self, key: str, why: str = "") -> None:
        """Say that what stands under *key* has no equivalent, if it is there."""
        if self.values.get(key) is not None:
            self.seen.add(key)
            self._note(key, f"{_NO_EQUIVALENT}: {why}" if why else _NO_EQUIVALENT, lost=True)

    def drop(self, why: str) -> None:
        """Say that all of it has no equivalent, whatever was read of it."""
        self.inside.clear()
        self.notes.clear()
        self.seen.update(self.values)
        self._note("", f"{_NO_EQUIVALENT}: {why}", lost=True)

    def assume(self, key: str, why: str) -> None:
        """Say what stands in the manifest for what is, or isn't, under *key*."""
        self._note(key, why, lost=False)

    def refusal(self, key: str, why: str) -> ContractError:
        """The error for what stands under *key*."""
        return self.source.refusal((*self.path, key) if key else self.path, why)

    def told(self) -> list[Note]:
        """All notes about it and what is in it, in the order of the file; what wasn't read has no equivalent."""
        for key in self.values:
            if key not in self.seen:
                self.lose(key)
        notes = [*self.notes, *(note for one in self.inside for note in one.told())]
        return sorted(notes, key=lambda note: note.line or 0)

    def _within(self, held: object, path: Path) -> Section:
        """The section for what is *held* at *path*, the same one each time."""
        section = next((one for one in self.inside if one.path == path), None)
        if section is None:
            section = Section.of(held, self.source, path)
            self.inside.append(section)
        return section

    def _note(self, key: str, why: str, *, lost: bool) -> None:
        path = (*self.path, key) if key else self.path
        self.notes.append(Note(path_of(path), self.source.line(path), why, lost))


def path_of(path: Path) -> str:
    """A *path* as people write it.

    >>> path_of(("spec", "metrics", 1, "type")), path_of(("annotations", "autoscaling.knative.dev/window"))
    ('spec.metrics[1].type', 'annotations.autoscaling.knative.dev/window')
    """
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in path]
    return "".join(parts).removeprefix(".")


def _shown(given: object) -> str:
    return shorten(json.dumps(given, default=str), 60, placeholder="...")
