"""A policy to fit and bind, and a late value as the platform's client has it."""

from __future__ import annotations

from typing import Any

import attrs

from everai_autoscaler.model import ArgumentType, argument


@attrs.define(slots=False)
class Policy:
    """A policy of two bounds and a share."""

    min_workers: ArgumentType = argument(1, ge=0)
    max_workers: ArgumentType = argument(5, ge=0, help="the most")
    share: float = argument(0.5, gt=0, le=1)
    decorators: object = None
    limit: ArgumentType = argument(600, kw_only=True, newer=True)


@attrs.frozen
class ClientPlaceholder:
    """What the platform client's own placeholder looks like: a callable with these attributes."""

    kind: str
    name: str
    key: str
    value: Any = "4"

    def __call__(self) -> Any:
        """The value."""
        return self.value
