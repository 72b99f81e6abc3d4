"""Scalers that are to be compared: named in the command, or described in a file."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from pathlib import Path

from everai_autoscaler.cli.options.manifest import Description, description_in, parsed
from everai_autoscaler.cli.options.parameters import misused
from everai_autoscaler.cli.options.scaler_options import ScalerOptions, WantedScaler, key_values
from everai_autoscaler.errors import ContractError
from everai_autoscaler.simulator.compare import Candidate

__all__ = ["candidate_of", "candidates_of"]


def candidate_of(wanted: WantedScaler) -> Candidate:
    """The scaler that is *wanted*, to be tried."""
    return Candidate(
        wanted.name, wanted.arguments, str(wanted), decorators=wanted.decorators, providers=wanted.providers
    )


def candidates_of(texts: tuple[str, ...], options: ScalerOptions) -> list[Candidate]:
    """The scalers that *texts* name with their arguments, and those of the file, in this order.

    Raises:
        click.UsageError: there is none, or a text that doesn't name one.
        ContractError: the file can't be read.
    """
    found = [_written(text, options) for text in texts]
    if options.file is not None:
        found += _described(options.file, options)
    if not found:
        raise misused("which scalers? Name each with --scaler, or all in -f FILE")
    return found


def _written(text: str, options: ScalerOptions) -> Candidate:
    try:
        name, *arguments = shlex.split(text)
    except ValueError as error:
        raise misused(f"--scaler: {text!r} names no scaler: {str(error).lower() or 'it is empty'}") from error
    return _candidate(Description(name, key_values("--scaler", tuple(arguments)), None), "", options)


def _described(path: Path, options: ScalerOptions) -> list[Candidate]:
    document = parsed(path)
    entries = document if isinstance(document, list) else [document]
    if not entries:
        raise ContractError(f"{path}: holds an empty list, should hold at least one scaler")
    found = []
    for place, entry in enumerate(entries):
        where = f"{path}: [{place}]" if isinstance(document, list) else str(path)
        label = ""
        if isinstance(entry, Mapping) and "label" in entry:
            label = str(entry["label"])
            entry = {name: value for name, value in entry.items() if name != "label"}  # noqa: PLW2901 - the rest of it
        found.append(_candidate(description_in(entry, where), label, options))
    return found


def _candidate(described: Description, label: str, options: ScalerOptions) -> Candidate:
    own = WantedScaler(described.name, described.arguments, described.decorators, options.readers())
    return Candidate(
        described.name,
        {**described.arguments, **options.arguments},
        label or str(own),  # what all of them have needs no place in each label
        decorators=own.decorators,
        providers=own.providers,
    )
