"""How things get names: the hooks, and the registry of what plugins offer."""

from __future__ import annotations

from everai_autoscaler.plugin.hookspecs import hookimpl, hookspec
from everai_autoscaler.plugin.registry import (
    BLOCK_VARIABLE,
    KINDS,
    Plugin,
    Registry,
    default_registry,
    read_placeholder,
)

__all__ = [
    "BLOCK_VARIABLE",
    "KINDS",
    "Plugin",
    "Registry",
    "default_registry",
    "hookimpl",
    "hookspec",
    "read_placeholder",
]
