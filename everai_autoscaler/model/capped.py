"""More workers are wanted than there may be: by how much, and which bound is in the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

__all__ = ["Capped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Capped:  # a dataclass for the sake of speed, as ``Reason`` is one
    """A bound is in the way of workers that are wanted.

    >>> print(Capped(wanted=9, allowed=5, by="budget"))
    wanted 9, may have 5: budget
    """

    MAXIMUM: ClassVar[str] = "maximum"
    """What the bound ``max_workers`` of any policy is called."""

    wanted: int
    """How many workers the policy would have without its bounds."""
    allowed: int
    """How many there may be."""
    by: str = "maximum"
    """What is in the way, ``maximum`` or the name of the wrapper that allows no more."""

    @classmethod
    def narrowed(cls, earlier: Capped | None, *, wanted: int, allowed: int, by: str = "maximum") -> Capped | None:
        """What *earlier* is with one bound more; ``None`` where no bound is in the way.

        The most that was wanted counts, and the least that is allowed; of equal bounds the earlier.

        >>> Capped.narrowed(Capped(wanted=9, allowed=8), wanted=8, allowed=5, by="ceiling")
        Capped(wanted=9, allowed=5, by='ceiling')
        >>> Capped.narrowed(None, wanted=5, allowed=5) is None
        True
        """
        if earlier is not None:
            wanted = max(wanted, earlier.wanted)
            if earlier.allowed <= allowed:
                allowed, by = earlier.allowed, earlier.by
        return cls(wanted=wanted, allowed=allowed, by=by) if wanted > allowed else None

    def __str__(self) -> str:
        return f"wanted {self.wanted}, may have {self.allowed}: {self.by}"
