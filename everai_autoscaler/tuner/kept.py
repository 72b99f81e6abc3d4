"""What the tuner's process knows from one look to the next, in a file of the state directory that is replaced whole."""

from __future__ import annotations

import base64
import json
from array import array
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Self

from attrs import define, field
from pydantic import ValidationError

from everai_autoscaler.runtime.ring import Mark
from everai_autoscaler.runtime.state import make_directory, usable
from everai_autoscaler.runtime.tuned import TuningForm, chosen_path, write_whole
from everai_autoscaler.tuner.traffic import Follower, Request

__all__ = ["Kept"]

FORMAT = 1


@define
class Kept:
    """What is known after a look: how far the requests were read, what the tuner has learnt, and what was told."""

    follower: Follower
    mark: Mark = Mark()
    tuner: Any = None
    """The state of the tuner, a JSON value; ``None`` before the first look."""
    form: TuningForm | None = None
    """What was told last; ``None`` before the first look."""
    why: str = field(default="")
    """Why it begins afresh; empty where it doesn't, or never was."""

    @classmethod
    def read(cls, directory: Path, app: str, *, every: float) -> Self:
        """What was written last; all of it anew where there is nothing, or it is broken.

        Raises:
            StateError: it can't be read.
        """
        path = kept_path(directory, app)
        with usable(directory):
            try:
                content = path.read_bytes()
            except FileNotFoundError:
                return cls(Follower(every))
        try:
            given = json.loads(content)
            if given["format"] != FORMAT:
                return cls(Follower(every), why=f"{path} is of another version")
            fresh, known = _requests(given["fresh"]), _requests(given["known"])
            follower = Follower(every, given["since"], given["until"], fresh, known, given["service"])
            return cls(follower, Mark(*given["mark"]), given["tuner"], TuningForm.model_validate(given["form"]))
        except (ValueError, TypeError, LookupError, ValidationError):
            return cls(Follower(every), why=f"{path} is broken")

    def write(self, directory: Path) -> None:
        """Write all of it, in the place of what was there.

        Raises:
            StateError: it can't be written; what was there stays.
        """
        assert self.form is not None  # noqa: S101 - it is written after a look
        path = kept_path(directory, self.form.app)
        content = {
            "format": FORMAT,
            "mark": [self.mark.made_at, self.mark.number],
            "since": self.follower.since,
            "until": self.follower.until,
            "service": self.follower.service,
            "fresh": _columns(self.follower.fresh),
            "known": _columns(self.follower.known),
            "tuner": self.tuner,
            "form": self.form.model_dump(mode="json"),
        }
        make_directory(path.parent)
        with usable(directory):
            write_whole(path, json.dumps(content, separators=(",", ":")).encode())


def kept_path(directory: Path, app: str) -> Path:
    """Where the tuner of *app* keeps what it knows."""
    return chosen_path(directory, app).with_suffix(".state")


def _columns(requests: Iterable[Request]) -> list[str]:
    columns = [array("d", column) for column in zip(*requests, strict=True)] or [array("d")] * 3
    return [base64.b64encode(column.tobytes()).decode() for column in columns]


def _requests(given: list[str]) -> list[Request]:
    columns = [array("d", base64.b64decode(column)) for column in given]
    requests: list[Request] = list(zip(*columns, strict=True))
    return requests
