"""The decorator that leaves a snapshot as it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from attrs import frozen

from everai_autoscaler.model import Factors, build

__all__ = ["NoopDecorator"]


@frozen
class NoopDecorator:
    """Leave the snapshot as it is.

    >>> factors = Factors(queue={})
    >>> NoopDecorator()(factors) is factors
    True
    """

    @staticmethod
    def name() -> str:
        """``noop``, as manifests call it."""
        return "noop"

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, Any]) -> Self:
        """The decorator; it takes no arguments."""
        return build(cls, arguments, owner=cls.name())

    def __call__(self, factors: Factors) -> Factors | None:
        """*factors*, unchanged."""
        return factors
