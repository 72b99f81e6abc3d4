"""What a ConfigMap or a Secret may be called and hold: what Kubernetes allows."""

from __future__ import annotations

import re
from collections.abc import Mapping

from everai_autoscaler.errors import ContractError

__all__ = ["check_held"]

NAME = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
KEY = re.compile(r"[-._a-zA-Z0-9]+")
LONGEST = 253
"""Most characters of a name or a key."""
MOST = 1 << 20
"""Most bytes of all values together."""


def check_held(kind: str, name: str, data: Mapping[str, str], where: str) -> None:
    """Refuse what Kubernetes would refuse of a ConfigMap or Secret; *where* begins each message but that on the name.

    >>> check_held("ConfigMap", "limits", {"max_workers": 2 * MOST * "5"}, "x.yaml")
    Traceback (most recent call last):
    everai_autoscaler.errors.ContractError: x.yaml: has more than 1048576 bytes, the most that a ConfigMap may have

    Raises:
        ContractError: it may not be stored.
    """
    if len(name) > LONGEST or not NAME.fullmatch(name):
        raise ContractError(
            f"{kind} {name!r}: a name is of lower-case letters, digits, '-' and '.', and begins and ends with a letter"
            f" or a digit; at most {LONGEST} characters"
        )
    for key in data:
        if len(key) > LONGEST or not KEY.fullmatch(key) or key.startswith(".."):
            raise ContractError(
                f"{where}: key {key!r}: a key is of letters, digits, '-', '_' and '.', at most {LONGEST}"
            )
    if sum(len(_bytes(value, f"{where}: {key}")) for key, value in data.items()) > MOST:
        raise ContractError(f"{where}: has more than {MOST} bytes, the most that a {kind} may have")


def _bytes(value: str, where: str) -> bytes:
    try:
        return value.encode()
    except UnicodeEncodeError:
        pass
    # Without its cause, which holds the value.
    raise ContractError(f"{where}: the value is not text (UTF-8)")
