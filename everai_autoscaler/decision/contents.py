"""What a snapshot holds, put back where somebody changed it."""

from __future__ import annotations

from typing import Any

from attrs import define

from everai_autoscaler.model import Factors

__all__ = ["Contents"]


@define
class Contents:
    """Shallow copies of all in a snapshot that could be changed; the workers themselves are frozen.

    >>> factors = Factors(queue={"QueueDueBusy": 3})
    >>> contents = Contents.of(factors)
    >>> factors.queue.clear()
    >>> contents.restore()
    ['queue']
    >>> factors.waiting()
    3
    """

    held: list[tuple[str, Any, Any]]
    """For each container its field, itself, and its copy; inner ones before those that hold them."""

    @classmethod
    def of(cls, factors: Factors) -> Contents:
        """What *factors* hold now."""
        held: list[tuple[str, Any, Any]] = []
        fields = vars(factors)
        for name, value in fields.items():
            if isinstance(value, dict):
                held.extend([(name, inner, inner.copy()) for inner in value.values() if isinstance(inner, dict)])
                held.append((name, value, value.copy()))
            elif isinstance(value, list):
                held.append((name, value, value.copy()))
        held.append(("fields", fields, fields.copy()))
        return cls(held)

    def restore(self) -> list[str]:
        """Undo what was changed since, and say in which fields that was."""
        changed: list[str] = []
        for name, container, copy in self.held:
            # Of what is held the identity is compared before the contents, so that this is cheap.
            if container == copy:
                continue
            if isinstance(container, list):
                container[:] = copy
            else:
                container.clear()
                container.update(copy)
            if name not in changed:
                changed.append(name)
        return changed
