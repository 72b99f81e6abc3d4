"""Columns of numbers as text, for a state that is JSON."""

from __future__ import annotations

import base64
import zlib
from array import array
from collections.abc import Iterable

from everai_autoscaler.errors import ContractError

__all__ = ["packed", "unpacked"]


def packed(numbers: Iterable[float]) -> str:
    """*numbers* as a text of about eight characters each, or fewer.

    >>> unpacked(packed([1.5, -2.0]))
    array('d', [1.5, -2.0])
    """
    return base64.b64encode(zlib.compress(array("d", numbers).tobytes(), 1)).decode("ascii")


def unpacked(text: str) -> array[float]:
    """The numbers that ``packed()`` made a *text* of.

    Raises:
        ContractError: it isn't one.
    """
    numbers = array("d")
    try:
        numbers.frombytes(zlib.decompress(base64.b64decode(text, validate=True)))
    except (ValueError, TypeError, zlib.error) as error:
        raise ContractError(f"a column of numbers can't be read: {error}") from error
    return numbers
