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

    held: list[tuple[str, list[Any], list[Any]]]
    """Containers and their copies, with the field that they are in; inner ones before those that hold them."""

    @classmethod
    def of(cls, factors: Factors) -> Contents:
        """What *factors* hold now."""
        held: list[tuple[str, list[Any], list[Any]]] = []
        fields = vars(factors)
        for name, value in fields.items():
            if isinstance(value, dict):
                # Histories hold many small ones: copied and compared together, since one by one takes much longer.
                inner = [one for one in value.values() if isinstance(one, dict)]
                if inner:
                    held.append((name, inner, list(map(dict.copy, inner))))
                held.append((name, [value], [value.copy()]))
            elif isinstance(value, list):
                held.append((name, [value], [value.copy()]))
        held.append(("fields", [fields], [fields.copy()]))
        return cls(held)

    def restore(self) -> list[str]:
        """Undo what was changed since, and say in which fields that was."""
        changed: list[str] = []
        for name, containers, copies in self.held:
            # Of what is held the identity is compared before the contents, so that this is cheap.
            if containers == copies:
                continue
            for container, copy in zip(containers, copies, strict=True):
                if isinstance(container, list):
                    container[:] = copy
                else:
                    container.clear()
                    container.update(copy)
            if name not in changed:
                changed.append(name)
        return changed
