"""The file to which a command appends the record of each decision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from everai_autoscaler.errors import ContractError
from everai_autoscaler.model import Decision

__all__ = ["record_file", "record_lines", "record_option"]

record_option = click.option(
    "--record",
    "record_to",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Append the record of each decision to FILE, a JSON line each, for replay.",
)


def record_lines(path: str) -> Iterator[tuple[int, bytes]]:
    """Each record in the file *path*, with the number of its line.

    Raises:
        ContractError: there is none.
    """
    number = 0
    with click.open_file(path, "rb") as lines:
        for number, line in ((number, line) for number, line in enumerate(lines, 1) if line.strip()):
            yield number, line
    if not number:
        raise ContractError(f"{path}: has no records")


@contextmanager
def record_file(path: str | None) -> Iterator[Callable[[Decision], None]]:
    """What appends the record of a decision to the file *path*, and does nothing where there is no path.

    Raises:
        click.ClickException: the file can't be opened or written.
    """
    if path is None:
        yield lambda _: None
        return
    with _naming(path):
        stream = Path(path).open("a", encoding="utf-8")  # noqa: SIM115 - closed below, where a full disk has its say

    def append(decision: Decision) -> None:
        if (record := decision.record()) is not None:
            with _naming(path):
                stream.write(record.json() + "\n")
                stream.flush()

    try:
        yield append
    finally:
        with _naming(path):
            stream.close()


@contextmanager
def _naming(path: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"can't write {path}: {error.strerror}") from error
