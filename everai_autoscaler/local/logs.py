"""What workers print: a file for each, of bounded length."""

from __future__ import annotations

import os
from pathlib import Path

from everai_autoscaler.words import printable

__all__ = ["Logs"]

LONGEST = 10_000_000
"""Bytes; the end of a longer log is put aside, and the log begins anew."""


class Logs:
    """The logs in one *directory*. A disk that is full raises nothing here: workers run without a log as well."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def path(self, worker_id: str) -> Path:
        """Where that worker's log is, or would be."""
        return self._directory / f"{worker_id}.log"

    def create(self, worker_id: str) -> Path | None:
        """The log for that worker, which only its owner may read; ``None`` where none can be made."""
        log = self.path(worker_id)
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            os.close(os.open(log, os.O_WRONLY | os.O_CREAT, 0o600))
        except OSError:
            return None
        return log

    def cut(self, worker_id: str) -> bool:
        """Put the end of that worker's log aside if it is too long, and begin it anew; whether it was.

        The worker goes on writing. What it writes in between is lost.
        """
        log = self.path(worker_id)
        try:
            with log.open("rb") as file:
                if file.seek(0, os.SEEK_END) <= LONGEST:
                    return False
                file.seek(-LONGEST, os.SEEK_END)
                end = file.read(LONGEST)
            aside = log.with_name(f"{log.name}.1")
            try:
                aside.touch(0o600)
                aside.write_bytes(end)
            except OSError:
                aside.unlink(missing_ok=True)  # the disk is full, perhaps because of it
            os.truncate(log, 0)
        except OSError:
            return False
        return True

    def last_line(self, worker_id: str) -> str:
        """The last line of that worker's log that isn't blank, shortened; empty when there is none."""
        try:
            with self.path(worker_id).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - 2048))
                lines = file.read().decode("utf-8", "replace").split("\n")
        except OSError:
            return ""
        line = next((line for line in reversed(lines) if line.strip()), "")
        text = printable(line, instead=" ")
        return text if len(text) <= 160 else f"{text[:159]}…"
