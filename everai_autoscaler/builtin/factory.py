"""The registry, as the predecessor's clients ask it: a factory for each kind of thing that has a name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from everai_autoscaler.errors import UnknownNameError
from everai_autoscaler.model import BuiltinAutoScaler, build

if TYPE_CHECKING:
    from everai_autoscaler.plugin import Registry

__all__ = ["BuiltinFactory", "Factory", "Singleton"]

T = TypeVar("T")


def _registry() -> Registry:
    # Late: a program that only imports a scaler doesn't load what finds plugins.
    from everai_autoscaler.plugin import default_registry

    return default_registry()


class Singleton(type):
    """The metaclass of a class that has one instance."""

    _instances: ClassVar[dict[type, Any]] = {}

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """The one instance; made on the first call."""
        if cls not in cls._instances:
            # setdefault: what a second thread has been given meanwhile stays the one.
            cls._instances.setdefault(cls, super().__call__(*args, **kwargs))
        return cls._instances[cls]


class Factory(Generic[T]):
    """Makes things by name: those that were registered here, then those that plugins offer.

    >>> factory = Factory()
    >>> factory.register("list", list)
    >>> factory.create("list", {"a": 1})
    ['a']
    """

    kind: ClassVar[str] = ""
    """What the plugins' things are called in the registry; empty when it has none."""

    def __init__(self) -> None:
        self._registered: dict[str, Callable[[Mapping[str, Any]], T]] = {}

    @property
    def elements(self) -> dict[str, Callable[[Mapping[str, Any]], T]]:
        """A creator for each name."""
        offered = _registry().names(self.kind) if self.kind else []
        return {name: self._creator(name) for name in offered} | self._registered

    def register(self, name: str, creator: Callable[[Mapping[str, Any]], T]) -> None:
        """Let *creator* make what is called *name*, for as long as this process lives."""
        self._registered[name] = creator

    def create(self, name: str, arguments: Mapping[str, Any] | None = None) -> T:
        """What is called *name*, made of *arguments*.

        Raises:
            UnknownNameError: nothing is called so.
            ArgumentError: it doesn't take the arguments; names the one, what was given and what is accepted.
        """
        creator = self._registered.get(name)
        if creator is None and not self.kind:
            raise UnknownNameError.of("element", name, self._registered)
        return (creator or self._creator(name))(arguments or {})

    def dump(self) -> str:
        """The names, as text for people."""
        return "\n".join(["available elements:", *self.elements])

    def _creator(self, name: str) -> Callable[[Mapping[str, Any]], T]:
        def create(arguments: Mapping[str, Any]) -> T:
            made: T = build(_registry().find(self.kind, name)[1], arguments, owner=name)
            return made

        return create


class BuiltinFactory(Factory[BuiltinAutoScaler], metaclass=Singleton):
    """Makes scalers by name.

    >>> BuiltinFactory().create("simple", {"max_workers": "5"}).max_workers
    5
    """

    kind = "autoscalers"
