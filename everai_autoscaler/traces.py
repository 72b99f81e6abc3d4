"""When real requests came: public traces that ship with the package, and a loader for traces of your own.

The names by which ``everai_autoscaler.simulator`` was known before it was there: a ``Trace`` is a ``Workload``.
"""

from __future__ import annotations

from os import PathLike

from everai_autoscaler.simulator.reading import names, read
from everai_autoscaler.simulator.workload import Workload

__all__ = ["Trace", "load", "names"]

Trace = Workload
"""The arrivals of a workload, and where they come from."""


def load(name_or_path: str | PathLike[str]) -> Trace:
    """The trace of that name, or in that file.

    >>> code = load("azure_llm_code_2023")
    >>> len(code), next(iter(code)), code.licence
    (8819, (0.0, 0.984), 'CC-BY-4.0')
    >>> len(code.between(600, 900))
    1116

    Raises:
        UnknownNameError: neither a name of ``names()`` nor a file.
        ContractError: the file can't be read, or a line of it; names the line.
    """
    return read(name_or_path)
