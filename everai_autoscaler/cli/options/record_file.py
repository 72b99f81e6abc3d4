"""The file to which a command appends the record of each decision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import click
from attrs import define, field

from everai_autoscaler.model import Decision

__all__ = ["RecordFile", "record_file", "record_option"]

record_option = click.option(
    "--record",
    "record_to",
    type=click.Path(dir_okay=False),
    metavar="FILE",
    help="Append the record of each decision to FILE, a JSON line each, for replay.",
)


@define
class RecordFile:
    """An open file of records, or none."""

    path: str
    stream: IO[str] | None
    failure: OSError | None = field(default=None, init=False)

    def append(self, decision: Decision) -> None:
        """Write the record of *decision*, where records are to be written."""
        record = None if self.stream is None else decision.record()
        if self.stream is None or record is None:
            return
        try:
            self.stream.write(record.json() + "\n")
            self.stream.flush()
        except OSError as error:
            self.failure = error

    def check(self) -> None:
        """Fail when a record couldn't be written: the user would miss it.

        Raises:
            click.ClickException: says why.
        """
        if self.failure is not None:
            raise click.ClickException(f"can't write {self.path}: {self.failure.strerror}")


@contextmanager
def record_file(path: str | None) -> Iterator[RecordFile]:
    """The file *path*, open to append; nothing is decided when it can't be written.

    Raises:
        click.ClickException: it can't be opened.
    """
    if path is None:
        yield RecordFile("", None)
        return
    try:
        stream = Path(path).open("a", encoding="utf-8")  # noqa: SIM115 - closed below, whatever a full disk says to that
    except OSError as error:
        raise click.ClickException(f"can't write {path}: {error.strerror}") from error
    file = RecordFile(path, stream)
    try:
        yield file
    finally:
        try:
            stream.close()
        except OSError as error:
            file.failure = file.failure or error
    file.check()
