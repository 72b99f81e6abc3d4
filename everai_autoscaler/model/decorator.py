"""Which decorators go round a scaler: their names and arguments, as manifests write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Protocol

from pydantic import BeforeValidator

from everai_autoscaler.model.factors import Factors
from everai_autoscaler.model.late import ArgumentType
from everai_autoscaler.model.wire import WireModel

__all__ = ["ArgumentsDecorator", "Decorator", "Decorators", "FactorsDecorator"]


def _as_text(value: Any) -> Any:
    """A plain number for its text: a manifest may write either."""
    if isinstance(value, str) or callable(value):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise ValueError("should be text, a number or a callable")


class Decorator(WireModel):
    """One decorator: the *name* that a plugin gave it, and its arguments."""

    name: str
    arguments: dict[str, Annotated[str | Callable[[], Any], BeforeValidator(_as_text)]] | None = None


class Decorators(WireModel):
    """The decorators of a scaler, in the order in which they are applied.

    >>> Decorators.from_json('{"factors": [{"name": "average", "arguments": {"used_histories": 3}}]}').factors
    [Decorator(name='average', arguments={'used_histories': '3'})]
    """

    arguments: list[Decorator] | None = None
    factors: list[Decorator] | None = None


class FactorsDecorator(Protocol):
    """Turns a snapshot into another; ``None`` when what it would say is not known."""

    def __call__(self, factors: Factors, /) -> Factors | None:
        """*factors*, decorated."""


class ArgumentsDecorator(Protocol):
    """Turns a set of arguments into another.

    An implementation may take fewer of the keyword arguments, never others: *observed_at*, the snapshot's moment
    in epoch seconds, and *accepted*, the names that the scaler takes.
    """

    # With *args, so that a type checker lets an implementation take fewer.
    def __call__(self, arguments: Mapping[str, ArgumentType], /, *args: Any, **context: Any) -> Mapping[str, object]:
        """*arguments*, decorated."""
