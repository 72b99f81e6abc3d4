"""Which names there are, and who gave them."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy
from attrs import evolve, field, frozen

from everai_autoscaler.errors import DuplicateNameError, PlaceholderError, PluginError, UnknownNameError
from everai_autoscaler.log import emit
from everai_autoscaler.model import Placeholder
from everai_autoscaler.plugin import hookspecs

__all__ = ["BLOCK_VARIABLE", "KINDS", "Plugin", "Registry", "default_registry"]

BLOCK_VARIABLE = "EVERAI_AUTOSCALER_BLOCK"
"""Names of plugins, or of their distributions, that aren't loaded; separated by commas."""

KINDS: Mapping[str, str] = {
    "autoscalers": "scaler",
    "factors_decorators": "factors decorator",
    "arguments_decorators": "arguments decorator",
    "placeholder_kinds": "placeholder kind",
}
"""What can have a name, as the hooks and as people call it."""

OURS = "everai-autoscaler"


@frozen
class Plugin:
    """What is known of one plugin."""

    name: str
    """The name of its entry point."""
    distribution: str = ""
    version: str = ""
    offers: Mapping[str, Mapping[str, Callable[..., Any]]] = field(factory=dict)
    """For each kind, the factories by name."""
    failure: str = ""
    """Why it, or a part of it, can't be used; empty when all of it can."""

    def __str__(self) -> str:
        """The plugin as messages call it.

        >>> print(Plugin("backlog", "everai-autoscaler-backlog", "0.3.0"))
        plugin 'backlog' (everai-autoscaler-backlog 0.3.0)
        """
        origin = f"{self.distribution} {self.version}".strip()
        return f"plugin {self.name!r} ({origin})" if origin else f"plugin {self.name!r}"


class Registry:
    """The names that plugins give to scalers, decorators and placeholder kinds.

    A plugin that can't be used doesn't take the others down: its failure is kept beside its name in ``plugins``,
    and told to whoever asks for something that isn't there. A name that two plugins offer belongs to neither of
    them; a builtin name stays the builtin's.

    >>> class Mine:
    ...     @hookspecs.hookimpl
    ...     def register_placeholder_kinds(self):
    ...         return {"Constant": lambda name, key: name}
    >>> registry = Registry()
    >>> registry.add(Mine(), name="mine").offers["placeholder_kinds"].keys()
    dict_keys(['Constant'])
    >>> registry.read_placeholder(Placeholder(kind="Constant", name="7"))
    '7'
    """

    def __init__(self) -> None:
        self._plugins: list[Plugin] = []

    @classmethod
    def installed(cls, *, blocked: Collection[str] | None = None) -> Registry:
        """A registry of the plugins that are installed, found by their entry points.

        Args:
            blocked: names of plugins, or of their distributions, to leave out; the environment variable
                ``EVERAI_AUTOSCALER_BLOCK`` says them where they aren't given.
        """
        if blocked is None:
            blocked = [name.strip() for name in os.environ.get(BLOCK_VARIABLE, "").split(",") if name.strip()]
        registry = cls()
        found = sorted(entry_points(group=hookspecs.PROJECT), key=lambda entry: (not _is_ours(entry), entry.name))
        names = Counter(entry.name for entry in found)
        unused = set(blocked)
        for entry in found:
            plugin = Plugin(entry.name, *_origin(entry))
            mentioned = {plugin.name, plugin.distribution} & set(blocked)
            unused -= mentioned
            if mentioned:
                registry._plugins.append(evolve(plugin, failure=f"blocked by {BLOCK_VARIABLE}"))
            elif names[entry.name] > 1 and not _is_ours(entry):
                others = [Plugin(other.name, *_origin(other)) for other in found if other.name == entry.name]
                failure = f"two distributions have a plugin of this name: {' and '.join(str(one) for one in others)}"
                registry._fail(evolve(plugin, failure=failure))
            else:
                registry._load(plugin, entry)
        for name in sorted(unused):
            emit(logging.WARNING, "blocked_plugin_unknown", name=name, variable=BLOCK_VARIABLE)
        for name, first, second in registry._contested():
            emit(logging.ERROR, "plugin_name_contested", name=name, first=str(first), second=str(second))
        return registry

    def add(self, plugin: object, *, name: str, distribution: str = "", version: str = "") -> Plugin:
        """Add the *plugin*, a module or an object with hook implementations.

        Raises:
            PluginError: it can't be used as it is.
            DuplicateNameError: it offers a name that is taken, or has one.
        """
        added = _inspect(Plugin(name, distribution, version), plugin)
        for present in self._plugins:
            if present.name == name:
                raise DuplicateNameError(f"{added}: {present} has this name already")
            for kind, offered in added.offers.items():
                for taken in sorted(offered.keys() & present.offers.get(kind, {}).keys()):
                    raise DuplicateNameError(f"{added} and {present} both offer the {KINDS[kind]} {taken!r}")
        self._plugins.append(added)
        return added

    @property
    def plugins(self) -> tuple[Plugin, ...]:
        """Every plugin there is, also those that failed."""
        return tuple(self._plugins)

    def names(self, kind: str) -> list[str]:
        """The names of one *kind* (of ``KINDS``), sorted; a contested one is among them."""
        return sorted({name for plugin in self._plugins for name in plugin.offers.get(kind, ())})

    def autoscaler(self, name: str) -> Callable[..., Any]:
        """The factory of the scaler *name*.

        Raises:
            UnknownNameError: there is none.
            DuplicateNameError: two plugins offer it.
        """
        return self.find("autoscalers", name)[1]

    def factors_decorator(self, name: str) -> Callable[..., Any]:
        """The factory of the factors decorator *name*; raises as ``autoscaler`` does."""
        return self.find("factors_decorators", name)[1]

    def arguments_decorator(self, name: str) -> Callable[..., Any]:
        """The factory of the arguments decorator *name*; raises as ``autoscaler`` does."""
        return self.find("arguments_decorators", name)[1]

    def read_placeholder(self, placeholder: Placeholder) -> str:
        """What *placeholder* says now.

        Raises:
            PlaceholderError: there is no such value.
            UnknownNameError: nobody knows its kind.
        """
        value = self.find("placeholder_kinds", placeholder.kind)[1](placeholder.name, placeholder.key)
        if not isinstance(value, str):
            raise PlaceholderError(f"{placeholder}: its reader gave a {type(value).__name__}, not text")
        return value

    def find(self, kind: str, name: str) -> tuple[Plugin, Callable[..., Any]]:
        """The plugin that offers *name* among its *kind*, and the factory; raises as ``autoscaler`` does."""
        offers = [plugin for plugin in self._plugins if name in plugin.offers.get(kind, {})]
        if len(offers) > 1:
            raise DuplicateNameError(f"{offers[0]} and {offers[1]} both offer the {KINDS[kind]} {name!r}; block one")
        if offers:
            return offers[0], offers[0].offers[kind][name]
        error = UnknownNameError.of(KINDS[kind], name, self.names(kind))
        failed = "; ".join(f"{plugin} can't be used: {plugin.failure}" for plugin in self._plugins if plugin.failure)
        raise UnknownNameError(f"{error} ({failed})" if failed else str(error))

    def _load(self, plugin: Plugin, entry: EntryPoint) -> None:
        try:
            loaded = entry.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a stranger's module raises stays with it
            return self._fail(evolve(plugin, failure=f"import of {entry.value!r} failed: {_told(error)}"))
        try:
            inspected = _inspect(plugin, loaded)
        except PluginError as error:
            return self._fail(evolve(plugin, failure=str(error).removeprefix(f"{plugin}: ")))
        builtin = next((present for present in self._plugins if present.distribution == OURS), None)
        taken = [
            (kind, name)
            for kind, offered in inspected.offers.items()
            for name in offered
            if builtin and name in builtin.offers.get(kind, {})
        ]
        if not taken:
            self._plugins.append(inspected)
            return None
        words = " and ".join(f"the {KINDS[kind]} {name!r}" for kind, name in taken)
        left = {
            kind: {name: factory for name, factory in offered.items() if (kind, name) not in taken}
            for kind, offered in inspected.offers.items()
        }
        return self._fail(evolve(inspected, offers=left, failure=f"{words} is builtin: the builtin stays"))

    def _fail(self, plugin: Plugin) -> None:
        emit(logging.ERROR, "plugin_failed", plugin=str(plugin), failure=plugin.failure)
        self._plugins.append(plugin)

    def _contested(self) -> Iterator[tuple[str, Plugin, Plugin]]:
        for kind in KINDS:
            for name in self.names(kind):
                offering = [plugin for plugin in self._plugins if name in plugin.offers.get(kind, {})]
                if len(offering) > 1:
                    yield f"{KINDS[kind]} {name}", offering[0], offering[1]


@cache
def default_registry() -> Registry:
    """The registry of what is installed; built on first use."""
    return Registry.installed()


def _inspect(plugin: Plugin, implementation: object) -> Plugin:
    """*plugin* with what the *implementation* offers; pluggy judges it alone, so that it can't hurt another."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(implementation, name=plugin.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(f"{plugin}: {' '.join(str(error).split())}; the hooks are {_hooks()}") from error
    offers = {kind: _call(plugin, manager, kind) for kind in KINDS}
    if not manager.get_hookcallers(implementation):
        raise PluginError(f"{plugin}: offers nothing: no function in it is marked @hookimpl; the hooks are {_hooks()}")
    return evolve(plugin, offers={kind: offered for kind, offered in offers.items() if offered})


def _call(plugin: Plugin, manager: pluggy.PluginManager, kind: str) -> Mapping[str, Callable[..., Any]]:
    hook = f"register_{kind}"
    try:
        results = getattr(manager.hook, hook)()
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a stranger's hook raises stays with it
        raise PluginError(f"{plugin}: {hook}() failed: {_told(error)}") from error
    for offered in results:  # one plugin, so at most one result
        wrong = offered if not isinstance(offered, Mapping) else _wrong_item(offered)
        if wrong is not None:
            raise PluginError(f"{plugin}: {hook}() gave {wrong!r}, not a mapping from name to factory")
        return dict(offered)
    return {}


def _wrong_item(offered: Mapping[Any, Any]) -> object:
    for name, factory in offered.items():
        if not isinstance(name, str) or not name.strip() or not callable(factory):
            return {name: factory}
    return None


def _hooks() -> str:
    return ", ".join(f"register_{kind}" for kind in KINDS)


def _origin(entry: EntryPoint) -> tuple[str, str]:
    return (entry.dist.name, entry.dist.version) if entry.dist else ("", "")


def _is_ours(entry: EntryPoint) -> bool:
    return _origin(entry)[0].replace("_", "-") == OURS


def _told(error: BaseException) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
