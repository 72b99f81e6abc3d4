"""Workers that several clusters share: who takes one leaves one fewer to the others."""

from __future__ import annotations

from everai_autoscaler.errors import ArgumentError, ContractError
from everai_autoscaler.words import counted

__all__ = ["Capacity"]


class Capacity:
    """At most *total* workers at a time, in all clusters together; those that start or drain are counted.

    >>> capacity = Capacity(3)
    >>> capacity.take(2), capacity.take(2), capacity.left
    (2, 1, 0)
    """

    def __init__(self, total: int) -> None:
        if total < 0:
            raise ArgumentError(f"capacity: {total} is not a number of workers of at least 0")
        self.total = total
        self.taken = 0
        """Workers that there are now."""

    @property
    def left(self) -> int:
        """Workers that may still be started."""
        return self.total - self.taken

    def take(self, wanted: int) -> int:
        """Take as many of the *wanted* workers as are left, and say how many those are."""
        given = min(wanted, self.left)
        self.taken += given
        return given

    def take_all(self, wanted: int) -> None:
        """Take all *wanted* workers.

        Raises:
            ContractError: fewer are left.
        """
        if wanted > self.left:
            given = f"{counted(wanted, 'worker')} at the start"
            raise ContractError(f"capacity: {given}, but only {self.left} of {self.total} are left")
        self.taken += wanted

    def give_back(self) -> None:
        """One worker is gone."""
        self.taken -= 1
