"""Which names there are, and which plugin gave each."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

import pluggy
from attrs import evolve, field, frozen

from everai_autoscaler.errors import (
    DuplicateNameError,
    PlaceholderError,
    PluginError,
    UnknownNameError,
    describe_error,
    words_of,
)
from everai_autoscaler.log import emit
from everai_autoscaler.model import Placeholder
from everai_autoscaler.plugin import hookspecs
from everai_autoscaler.words import one_line

__all__ = ["BLOCK_VARIABLE", "KINDS", "Plugin", "Registry", "default_registry", "read_placeholder"]

BLOCK_VARIABLE = "EVERAI_AUTOSCALER_BLOCK"
"""Names of plugins, or of their distributions, that aren't loaded; separated by commas."""

KINDS: Mapping[str, str] = {
    "autoscalers": "scaler",
    "factors_decorators": "factors decorator",
    "arguments_decorators": "arguments decorator",
    "placeholder_kinds": "placeholder kind",
    "targets": "target",
}
"""What can have a name, as the hooks and as people call it."""

OURS = "everai-autoscaler"


@frozen
class Plugin:
    """One plugin: where it comes from, what it offers, and what is wrong with it."""

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
    """The names that plugins give to scalers, decorators, placeholder kinds and targets.

    A plugin that can't be used doesn't take the others down: its failure stands beside its name in ``plugins``, and in
    the error that a name which isn't there raises. A name that two plugins offer belongs to neither of them; a builtin
    name stays the builtin's.

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
        by = BLOCK_VARIABLE if blocked is None else "the caller"
        if blocked is None:
            blocked = [name.strip() for name in os.environ.get(BLOCK_VARIABLE, "").split(",") if name.strip()]
        registry = cls()
        found = [(_origin(entry), entry) for entry in entry_points(group=hookspecs.PROJECT)]
        found.sort(key=lambda one: (not _is_ours(one[0]), one[0].name, one[0].distribution))
        # Who is blocked contests no name.
        wanted = [plugin for plugin, _ in found if not _mentions(blocked, plugin)]
        for plugin, entry in found:
            twins = [str(other) for other in wanted if other.name == plugin.name]
            if _mentions(blocked, plugin):
                registry._plugins.append(evolve(plugin, failure=f"blocked by {by}"))
            elif len(twins) > 1 and not _is_ours(plugin):
                failure = f"more than one distribution has a plugin of this name: {' and '.join(twins)}"
                registry._fail(evolve(plugin, failure=f"{failure}; block one by its distribution's name"))
            else:
                registry._load(plugin, entry)
        mentioned = {name for plugin, _ in found for name in _mentions(blocked, plugin)}
        for name in sorted(set(blocked) - mentioned):
            emit(logging.WARNING, "blocked_plugin_unknown", name=name, by=by)
        for name, offering in registry._contested():
            emit(logging.ERROR, "plugin_name_contested", name=name, plugins=offering)
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
            DuplicateNameError: more than one plugin offers it.
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
            UnknownNameError: no plugin offers its kind.
        """
        value = self.find("placeholder_kinds", placeholder.kind)[1](placeholder.name, placeholder.key)
        if not isinstance(value, str):
            raise PlaceholderError(f"{placeholder}: its reader gave a {type(value).__name__}, not text")
        return value

    def find(self, kind: str, name: str) -> tuple[Plugin, Callable[..., Any]]:
        """The plugin that offers *name* among its *kind*, and the factory; raises as ``autoscaler`` does."""
        offers = [plugin for plugin in self._plugins if name in plugin.offers.get(kind, {})]
        if len(offers) > 1:
            offering = " and ".join(str(plugin) for plugin in offers)
            remedy = f"block all but one through {BLOCK_VARIABLE}"
            raise DuplicateNameError(f"{offering} each offer the {KINDS[kind]} {name!r}; {remedy}")
        if offers:
            return offers[0], offers[0].offers[kind][name]
        error = UnknownNameError.of(KINDS[kind], name, self.names(kind))
        failed = "; ".join(f"{plugin} can't be used: {plugin.failure}" for plugin in self._plugins if plugin.failure)
        raise UnknownNameError(f"{error} ({failed})" if failed else str(error))

    def _load(self, plugin: Plugin, entry: EntryPoint) -> None:
        try:
            loaded = entry.load()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a stranger's module raises stays with it
            return self._fail(evolve(plugin, failure=f"import of {entry.value!r} failed: {describe_error(error)}"))
        try:
            inspected = _inspect(plugin, loaded)
        except PluginError as error:
            return self._fail(evolve(plugin, failure=str(error).removeprefix(f"{plugin}: ")))
        taken = _names_of(inspected) & {
            name for present in self._plugins if _is_ours(present) for name in _names_of(present)
        }
        if not taken:
            self._plugins.append(inspected)
            return None
        words = " and ".join(f"the {KINDS[kind]} {name!r}" for kind, name in sorted(taken))
        left = {
            kind: {name: factory for name, factory in offered.items() if (kind, name) not in taken}
            for kind, offered in inspected.offers.items()
        }
        failure = f"it offers {words}, which are builtin and stay so; the rest of it can be used"
        return self._fail(evolve(inspected, offers=left, failure=failure))

    def _fail(self, plugin: Plugin) -> None:
        emit(logging.ERROR, "plugin_failed", plugin=str(plugin), failure=plugin.failure)
        self._plugins.append(plugin)

    def _contested(self) -> Iterator[tuple[str, list[str]]]:
        for kind in KINDS:
            for name in self.names(kind):
                offering = [str(plugin) for plugin in self._plugins if name in plugin.offers.get(kind, {})]
                if len(offering) > 1:
                    yield f"{KINDS[kind]} {name!r}", offering


@cache
def default_registry() -> Registry:
    """The registry of what is installed; built on first use."""
    return Registry.installed()


def read_placeholder(placeholder: Placeholder) -> str:
    """What *placeholder* says now, as the installed plugins read it: this is how it is read outside any Decider."""
    return default_registry().read_placeholder(placeholder)


def _inspect(plugin: Plugin, implementation: object) -> Plugin:
    """*plugin* with what the *implementation* offers; pluggy judges it alone, so that it can't hurt another."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    try:
        manager.register(implementation, name=plugin.name)
        manager.check_pending()
    except pluggy.PluginValidationError as error:
        raise PluginError(f"{plugin}: {words_of(error)}; the hooks are {_hooks()}") from error
    except (Exception, SystemExit) as error:  # what a stranger's object does when it is looked at stays with it
        raise PluginError(f"{plugin}: can't be looked at: {describe_error(error)}") from error
    offers = {kind: _call(plugin, manager, kind) for kind in KINDS}
    if not manager.get_hookcallers(implementation):
        raise PluginError(f"{plugin}: offers nothing: no function in it is marked @hookimpl; the hooks are {_hooks()}")
    return evolve(plugin, offers={kind: offered for kind, offered in offers.items() if offered})


def _call(plugin: Plugin, manager: pluggy.PluginManager, kind: str) -> Mapping[str, Callable[..., Any]]:
    hook = f"register_{kind}"
    # Not through pluggy's own call, which leaves out a hook that gives None: its author forgot the return.
    for implementation in getattr(manager.hook, hook).get_hookimpls():  # one plugin, so at most one
        try:
            given = implementation.function()
            offered = dict(given) if isinstance(given, Mapping) else given
        except (Exception, SystemExit) as error:
            raise PluginError(f"{plugin}: {hook}() failed: {describe_error(error)}") from error
        wrong = _wrong_part(offered)
        if wrong is not None:
            raise PluginError(f"{plugin}: {hook}() gave {one_line(wrong)}, not a mapping from name to factory")
        return cast("dict[str, Callable[..., Any]]", offered)
    return {}


def _wrong_part(offered: object) -> str | None:
    """What in *offered* keeps it from being a mapping from name to factory, as people are shown it."""
    if not isinstance(offered, dict):
        return repr(offered)
    for name, factory in offered.items():
        if not isinstance(name, str) or not name.strip() or not callable(factory):
            return repr({name: factory})
    return None


def _hooks() -> str:
    return ", ".join(f"register_{kind}" for kind in KINDS)


def _names_of(plugin: Plugin) -> set[tuple[str, str]]:
    return {(kind, name) for kind, offered in plugin.offers.items() for name in offered}


def _origin(entry: EntryPoint) -> Plugin:
    # Asked with get(), since half of a distribution's metadata may be missing after a broken installation.
    metadata: Any = entry.dist.metadata if entry.dist else {}
    return Plugin(entry.name, metadata.get("Name") or "", metadata.get("Version") or "")


def _is_ours(plugin: Plugin) -> bool:
    return _normalised(plugin.distribution) == OURS


def _mentions(blocked: Collection[str], plugin: Plugin) -> set[str]:
    distribution = _normalised(plugin.distribution)
    return {name for name in blocked if name == plugin.name or _normalised(name) == distribution}


def _normalised(distribution: str) -> str:
    return re.sub(r"[-_.]+", "-", distribution).lower()
