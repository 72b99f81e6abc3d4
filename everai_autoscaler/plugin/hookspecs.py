"""What a plugin may give a name to. Every hook has one shape: return a mapping from name to factory."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pluggy

from everai_autoscaler.loop import Target
from everai_autoscaler.model import ArgumentsDecorator, AutoScaler, FactorsDecorator

PROJECT = "everai_autoscaler"
"""The project name for pluggy, and the group of the entry points."""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_autoscalers() -> Mapping[str, Callable[..., AutoScaler]]:  # type: ignore[empty-body]
    """Scalers by name; a factory is a class, or any callable whose typed parameters are the arguments."""


@hookspec
def register_factors_decorators() -> Mapping[str, Callable[..., FactorsDecorator]]:  # type: ignore[empty-body]
    """Factors decorators by name; a factory takes the decorator's arguments and gives the decorator."""


@hookspec
def register_arguments_decorators() -> Mapping[str, Callable[..., ArgumentsDecorator]]:  # type: ignore[empty-body]
    """Arguments decorators by name; a factory takes the decorator's arguments and gives the decorator."""


@hookspec
def register_placeholder_kinds() -> Mapping[str, Callable[[str, str], str]]:  # type: ignore[empty-body]
    """Placeholder kinds by name; a reader takes a placeholder's name and key and gives the value as text now.

    It raises ``PlaceholderError`` where there is no such value.
    """


@hookspec
def register_targets() -> Mapping[str, Callable[..., Target]]:  # type: ignore[empty-body]
    """Targets by name; a factory makes the engine of one app, which ``everai-autoscaler run --on NAME`` operates.

    It is called as ``factory(host, settings, home=directory)``: with what the runtime offers to an engine (``Host`` of
    ``everai_autoscaler.engine``), the section of the app's manifest that has the target's name, and the directory of
    the manifest. It raises ``ContractError`` where the settings are wrong.
    """
