"""A book: the candidates that a tuner chooses among, and where they come from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from attrs import field, frozen

from everai_autoscaler.errors import AutoscalerError, ContractError, words_of
from everai_autoscaler.tuning.forms import Candidate, canonical

__all__ = ["MOST_CANDIDATES", "Book"]

MOST_CANDIDATES = 1000
"""Candidates that a book may have."""


def _candidates(given: Sequence[Candidate]) -> tuple[Candidate, ...]:
    return tuple(given)


@frozen
class Book:
    """Candidates in an order that stays, so that each has a number, from 0 on.

    >>> book = Book([Candidate("simple", {"max_workers": 5}), Candidate("simple", {"max_workers": 9})], source="mine")
    >>> len(book), book.start
    (2, Candidate(scaler='simple', arguments={'max_workers': 5}))

    As JSON it is an object: ``candidates`` is a list of objects with ``scaler``, ``arguments`` and, if known, ``prior``
    (for cold starts in seconds, the late share that is expected); ``start`` is the number of the candidate to begin
    with, 0 unless given; ``source`` says where the candidates come from.

    Raises:
        ContractError: no candidate, too many, the same twice, or a start that isn't among them.
    """

    candidates: tuple[Candidate, ...] = field(converter=_candidates)
    first: int = 0
    """The number of the candidate that is in force until there is evidence."""
    source: str = field(default="", kw_only=True)
    """Where the candidates come from, in words."""

    def __attrs_post_init__(self) -> None:
        if not 0 < len(self.candidates) <= MOST_CANDIDATES:
            raise ContractError(f"book: {len(self.candidates)} candidates; 1 to {MOST_CANDIDATES} are accepted")
        if not 0 <= self.first < len(self.candidates):
            raise ContractError(f"book: start: there is no candidate {self.first}; they are numbered from 0 on")
        seen: dict[str, int] = {}
        for number, one in enumerate(self.candidates):
            earlier = seen.setdefault(canonical(one.to_json()), number)
            if earlier != number:
                raise ContractError(f"book: candidate {number}: {one} is there already, as candidate {earlier}")

    def __len__(self) -> int:
        return len(self.candidates)

    def __getitem__(self, number: int) -> Candidate:
        return self.candidates[number]

    @property
    def start(self) -> Candidate:
        """The candidate that is in force until there is evidence."""
        return self.candidates[self.first]

    @property
    def digest(self) -> str:
        """A short text that differs from that of any other book."""
        told = [{**one.to_json(), "prior": sorted(one.prior.items())} for one in self.candidates]
        return hashlib.sha256(canonical([self.first, told]).encode()).hexdigest()[:16]

    @classmethod
    def shipped(cls) -> Self:
        """The book that ships: 224 rules of the ``demand`` scaler, each with what is expected of it."""
        return cls.of(json.loads((files("everai_autoscaler.tuning") / "data" / "book.json").read_text("utf-8")))

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """The book in the JSON file *path*.

        Raises:
            ContractError: it can't be read, or isn't a book; names the file.
        """
        try:
            return cls.of(json.loads(Path(path).read_text("utf-8")), place=f"{path}: ")
        except AutoscalerError:
            raise
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or f"no JSON: {words_of(error)}"
            raise ContractError(f"{path}: {why}") from error

    @classmethod
    def of(cls, given: object, *, place: str = "") -> Self:
        """The book that a JSON value is; *place* comes first in whatever is wrong with it.

        Raises:
            ContractError: it isn't one; says what is wrong.
        """
        if not isinstance(given, dict) or not isinstance(given.get("candidates"), list):
            raise ContractError(
                f'{place}a book is an object with "candidates", a list; "start" and "source" may follow'
            )
        try:
            candidates = [_candidate(number, one) for number, one in enumerate(given["candidates"])]
            return cls(candidates, _number(given.get("start", 0)), source=str(given.get("source", "")))
        except ContractError as error:
            raise ContractError(f"{place}{error}") from error

    def to_json(self) -> dict[str, Any]:
        """It as a JSON value, as ``read()`` reads it."""
        told = [
            one.to_json() | ({"prior": {f"{c:g}": p for c, p in sorted(one.prior.items())}} if one.prior else {})
            for one in self.candidates
        ]
        return {"source": self.source, "start": self.first, "candidates": told}


def _number(given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, int):
        raise ContractError(f"book: start: {given!r} is not the number of a candidate")
    return given


def _candidate(number: int, given: object) -> Candidate:
    where = f"book: candidate {number}"
    if not isinstance(given, Mapping) or not isinstance(given.get("scaler"), str):
        raise ContractError(f'{where}: {given!r:.60} is not an object with "scaler", the name of one')
    if unknown := sorted({*given} - {"scaler", "arguments", "prior"}):
        raise ContractError(f"{where}: {unknown[0]!r} is not one of scaler, arguments, prior")
    arguments, prior = given.get("arguments", {}), given.get("prior", {})
    if not isinstance(arguments, Mapping):
        raise ContractError(f"{where}: arguments: {arguments!r:.60} is not an object")
    try:
        shares = {float(cold_start): float(share) for cold_start, share in prior.items()}
    except (AttributeError, TypeError, ValueError):
        shares = {-1.0: -1.0}
    if not all(cold_start >= 0 and 0 <= share <= 1 for cold_start, share in shares.items()):
        raise ContractError(
            f"{where}: prior: {prior!r:.60} does not give shares from 0 to 1 for cold starts in seconds"
        )
    return Candidate(given["scaler"], dict(arguments), prior=shares)
