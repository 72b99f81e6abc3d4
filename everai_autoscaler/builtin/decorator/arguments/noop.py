"""The arguments decorator that changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Self

from attrs import frozen

from everai_autoscaler.errors import ArgumentError

__all__ = ["NoopDecorator"]


@frozen
class NoopDecorator:
    """Give the arguments back as they are.

    >>> NoopDecorator()({"max_workers": "5"})
    {'max_workers': '5'}
    """

    @staticmethod
    def name() -> str:
        """What a manifest calls it."""
        return "noop"

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, object] | None = None) -> Self:
        """The decorator that a manifest asks for; it takes no arguments.

        Raises:
            ArgumentError: it is given any.
        """
        if arguments:
            raise ArgumentError(f"noop: argument {next(iter(arguments))!r} is not known; it takes no arguments")
        return cls()

    def __call__(
        self,
        arguments: Mapping[str, object],
        mock_now: datetime | None = None,  # noqa: ARG002 - old callers give it to every decorator of arguments
    ) -> dict[str, object]:
        """A copy of *arguments*, whatever the time."""
        return dict(arguments)
