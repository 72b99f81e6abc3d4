"""What tests of several rooms share: values that change between decisions, and a registry with a plugin more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from everai_autoscaler.plugin import Registry, hookimpl


class Late:
    """A late value, as the platform client's own placeholders are: it says what it is set to, and counts."""

    def __init__(self, value: object, *, kind: str = "ConfigMap", name: str = "settings", key: str = "n") -> None:
        self.value, self.kind, self.name, self.key = value, kind, name, key
        self.reads = 0

    def __call__(self) -> Any:
        self.reads += 1
        if isinstance(self.value, Exception):
            raise self.value
        return self.value


@pytest.fixture
def late() -> type[Late]:
    """Makes late values."""
    return Late


@pytest.fixture
def offering() -> Callable[..., Registry]:
    """Makes a registry of what is installed and of one plugin more, which offers what it is given."""

    def make(
        *,
        scalers: Mapping[str, Any] | None = None,
        factors: Mapping[str, Any] | None = None,
        arguments: Mapping[str, Any] | None = None,
        kinds: Mapping[str, Any] | None = None,
    ) -> Registry:
        plugin = SimpleNamespace(
            register_autoscalers=hookimpl(lambda: dict(scalers or {}), specname="register_autoscalers"),
            register_factors_decorators=hookimpl(lambda: dict(factors or {}), specname="register_factors_decorators"),
            register_arguments_decorators=hookimpl(
                lambda: dict(arguments or {}), specname="register_arguments_decorators"
            ),
            register_placeholder_kinds=hookimpl(lambda: dict(kinds or {}), specname="register_placeholder_kinds"),
        )
        registry = Registry.installed(blocked=())
        registry.add(plugin, name="tests", distribution="tests-of-decision", version="3.2.1")
        return registry

    return make
