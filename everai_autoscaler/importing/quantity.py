"""Numbers and durations as Kubernetes and Go write them."""

from __future__ import annotations

import re
from math import isfinite

__all__ = ["parse_duration", "parse_quantity", "plain"]

_QUANTITY = re.compile(r"([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|[+-]?\.\d+)(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
_DECIMAL = {"n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_SECONDS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def parse_quantity(text: str) -> float | None:
    """The number that *text* states as a Kubernetes quantity; ``None`` where it states none.

    >>> parse_quantity("500m"), parse_quantity("2k"), parse_quantity("1Gi"), parse_quantity("many")
    (0.5, 2000.0, 1073741824.0, None)
    """
    match = _QUANTITY.fullmatch(text.strip())
    if match is None:
        return None
    number, suffix = match.groups()
    if suffix is None:
        value = float(number)
    elif suffix.endswith("i"):
        value = float(number) * 1024.0 ** ("KMGTPE".index(suffix[0]) + 1)
    else:
        value = float(f"{number}e{_DECIMAL[suffix]}") if "e" not in number.lower() else float("nan")
    return value if isfinite(value) else None


def parse_duration(text: str) -> float | None:
    """The seconds that *text* states as a Go duration; ``None`` where it states none.

    >>> parse_duration("1m30s"), parse_duration("0"), parse_duration("90")
    (90.0, 0.0, None)
    """
    parts = _DURATION.findall(text)
    if text.strip() == "0":
        return 0.0
    if not parts or "".join(number + unit for number, unit in parts) != text.strip():
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def plain(number: float) -> int | float:
    """A *number* as people write it: without a fraction where it has none.

    >>> plain(5.0), plain(0.5)
    (5, 0.5)
    """
    return int(number) if number == int(number) else number
