"""What ``run --tune`` and a manifest's section ``tuning`` ask for, checked before anything runs."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs
from attrs import frozen

from everai_autoscaler.cli.options.manifest import AppManifest, Description
from everai_autoscaler.errors import AutoscalerError, ContractError, MissingExtraError
from everai_autoscaler.model import Placeholder
from everai_autoscaler.runtime.plan import Beside
from everai_autoscaler.runtime.ring import records_in
from everai_autoscaler.runtime.tuned import TuningForm, read_tuning, write_tuning
from everai_autoscaler.tuner.settings import Config, TuningSettings
from everai_autoscaler.tuner.telling import first
from everai_autoscaler.tuning import Book

__all__ = ["SILENCE", "WORDS", "WantedTuning", "wanted_tuning"]

WORDS = ("advise", "act", "off")
"""What ``--tune`` may say."""
SILENCE = 600.0
"""Seconds without a sign of life after which the tuner's process is ended."""
_NEEDED = ("numpy", "numba")
_ONE_THREAD = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")


@frozen(kw_only=True)
class WantedTuning:
    """How an app is to be tuned."""

    app: str
    scaler: str
    settings: TuningSettings
    book: Book
    book_file: Path | None
    tuned: tuple[str, ...]
    """The arguments that are read from what is chosen."""
    unread: tuple[str, ...]
    """What the book sets and the app doesn't read."""

    def begin(self, directory: Path) -> str:
        """See to it that there is a first choice before the first decision.

        Returns:
            What was wrong with what was there; empty where nothing was.

        Raises:
            StateError: it can't be written.
        """
        before, why = self._before(directory)
        read = bool(self.tuned)
        write_tuning(directory, first(self.app, self.book, self.settings, before=before, now=time.time(), read=read))
        return why

    def _before(self, directory: Path) -> tuple[TuningForm | None, str]:
        begins = "it begins with the start of the book"
        try:
            before = read_tuning(directory, self.app)
        except AutoscalerError as error:
            return None, f"what was tuned before can't be read, {begins}: {error}"
        if before is None:
            return None, ""
        there = {} if before.in_force is None else before.in_force.arguments
        missing = [name for name in self.tuned if name not in there]
        return (None, f"what was tuned before has no {', '.join(missing)}, {begins}") if missing else (before, "")

    def beside(self, directory: Path, *, interval: float) -> Beside:
        """The process that tunes it."""
        config = Config(
            app=self.app,
            directory=directory.resolve(),
            scaler=self.scaler,
            tuned=self.tuned,
            interval=interval,
            settings=self.settings,
            book=self.book_file,
        )
        return Beside(
            command=(sys.executable, "-m", "everai_autoscaler.tuner", config.model_dump_json()),
            records=records_in(self.settings.ring),
            silence=SILENCE,
            environment=_ONE_THREAD,
        )

    def introduction(self) -> Iterator[str]:
        """What an operator is told of it at the beginning, a line each."""
        slo = self.settings.slo
        share = f"{100 * slo.share:.6g} %"
        does = "acts" if self.settings.act else "advises; --tune=act lets it act"
        yield (
            f"tuned for {share} of requests within {slo.within:g} s, among {len(self.book)} rules: the tuner {does}. "
            f"{share} unless a burst larger than the error budget arrives faster than a cold start"
        )
        if self.settings.act and self.unread:
            names = ", ".join(self.unread)
            yield f"tuning: the book also sets {names}, which the app doesn't read: {_line(self.app, self.unread[0])}"


def wanted_tuning(manifest: AppManifest, file: Path, word: str | None) -> WantedTuning | None:
    """How the app of a *manifest* is to be tuned; ``None`` where it isn't.

    Args:
        manifest: the app.
        file: where it was read, for messages.
        word: what ``--tune`` says, which goes before the section; ``None`` where it isn't given.

    Raises:
        ContractError: a setting that is wrong, or acting on arguments that nobody reads.
        MissingExtraError: what the tuner needs isn't installed.
    """
    if word == "off" or (word is None and manifest.tuning is None):
        return None
    where = f"{file}: tuning"
    settings = TuningSettings.read(manifest.tuning, where)
    if word is not None:
        settings = settings.model_copy(update={"act": word == "act"})
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        raise MissingExtraError(f"tuning needs {' and '.join(missing)}: pip install 'everai-autoscaler[simulator]'")
    book_file = None if settings.book is None else (manifest.directory / settings.book).resolve()
    book = Book.shipped() if book_file is None else Book.read(book_file)
    tuned = tuple(dict.fromkeys(_tuned(manifest.description, manifest.name)))
    wanted = WantedTuning(
        app=manifest.name,
        scaler=manifest.description.name,
        settings=settings,
        book=book,
        book_file=book_file,
        tuned=tuned,
        unread=tuple(name for name in _varied(book) if name not in tuned),
    )
    _check(wanted, where)
    return wanted


def _check(wanted: WantedTuning, where: str) -> None:
    """Refuse what could never come into force as the evidence has it."""
    names = _varied(wanted.book)
    for name in wanted.tuned:
        if any(name not in one.arguments for one in wanted.book.candidates):
            raise ContractError(f"{where}: {name} is read as Tuned, and not every candidate of the book has it")
    if not wanted.settings.act:
        return
    if not wanted.tuned:
        raise ContractError(
            f"{where}: nothing reads what would be chosen, so that it can't act; write into the arguments of "
            f"{wanted.scaler}: {_line(wanted.app, names[0] if names else 'rule')}, or run it with --tune=advise"
        )
    others = sorted({one.scaler for one in wanted.book.candidates} - {wanted.scaler})
    if others:
        raise ContractError(
            f"{where}: the book has candidates of {', '.join(others)}, and the app's scaler is {wanted.scaler}: "
            f"give it the scaler {others[0]}, another book, or run it with --tune=advise"
        )


def _line(app: str, name: str) -> str:
    return f"{name}: {{valueFrom: {{tunedKeyRef: {{name: {app}, key: {name}}}}}}}"


def _varied(book: Book) -> list[str]:
    """The arguments that the candidates set, each once."""
    return list(dict.fromkeys(name for one in book.candidates for name in one.arguments))


def _tuned(described: Description, app: str) -> Iterator[str]:
    """The keys of the placeholders that read what is chosen for *app*, wherever among the arguments they are."""
    yield from _keys(described.arguments, app)
    if described.scaler is not None:
        yield from _keys(described.scaler, app)


def _keys(value: Any, app: str) -> Iterator[str]:
    if getattr(value, "kind", None) == "Tuned" and isinstance(value, Placeholder):
        if value.name == app:
            yield value.key
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _keys(one, app)
    elif isinstance(value, Sequence) and not isinstance(value, str | bytes):
        for one in value:
            yield from _keys(one, app)
    elif attrs.has(type(value)):
        for one in attrs.fields(type(value)):
            yield from _keys(getattr(value, one.name, None), app)
