"""A scaler that a platform can run by name, from its arguments in a manifest."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Self

from everai_autoscaler.model.autoscaler import AutoScaler
from everai_autoscaler.model.binding import build
from everai_autoscaler.model.decorator import Decorators
from everai_autoscaler.model.late import ArgumentType
from everai_autoscaler.model.schema import schema_of

__all__ = ["BuiltinAutoScaler"]


class BuiltinAutoScaler(AutoScaler):
    """A scaler that a platform's client writes into a manifest as a name, arguments and decorators."""

    decorators: Decorators | None = None
    """What goes round it. Its own ``decide`` doesn't apply them: the pipeline does."""

    @classmethod
    @abstractmethod
    def autoscaler_name(cls) -> str:
        """The name that manifests use."""

    def autoscaler_arguments(self) -> dict[str, ArgumentType]:
        """The arguments for a manifest, in their order; late ones unread.

        An argument that platforms don't know yet is among them only when it was set.
        """
        taken = schema_of(type(self)).arguments.values()
        given = {one.name: one.of(self) for one in taken}
        return {one.name: given[one.name] for one in taken if not one.newer or given[one.name] != one.default}

    @classmethod
    def from_arguments(cls, arguments: Mapping[str, ArgumentType]) -> Self:
        """The scaler with *arguments*, whose text is fitted to their types; late values stay late.

        Raises:
            ArgumentError: a name that the scaler doesn't take, or a value that doesn't fit.
        """
        return build(cls, arguments, owner=cls.autoscaler_name())
