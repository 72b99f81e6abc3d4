"""The command line, ``everai-autoscaler``, a folder for each section of its help."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

__all__ = ["main"]

_CLI = "the command line isn't installed: pip install 'everai-autoscaler[cli]'"
_RUNTIME = "the local runtime isn't installed: pip install 'everai-autoscaler[runtime]'"
_SIMULATOR = "what this needs of the simulator isn't installed: pip install 'everai-autoscaler[simulator]'"
_POSIX = "the local runtime wants file locks and process groups, which this system hasn't: use Linux or macOS"
_MISSING = {
    **dict.fromkeys(("click", "yaml"), _CLI),
    **dict.fromkeys(("aiohttp", "prometheus_client", "psutil", "rich", "shortuuid"), _RUNTIME),
    **dict.fromkeys(("highspy", "matplotlib", "numba", "numpy", "optuna", "pyarrow"), _SIMULATOR),
    **dict.fromkeys(("fcntl", "resource"), _POSIX),
}
"""What there is to say when one of these can't be imported."""


def main() -> None:
    """Run the command that the process was started with, and exit with its status."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # the process was started without it
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - it stays open
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that the terminal has no letters for is no reason to fail.
            stream.reconfigure(errors="backslashreplace")
    try:
        from everai_autoscaler.cli.commands import everai_autoscaler

        everai_autoscaler.main(prog_name="everai-autoscaler")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _MISSING:
            raise
        sys.stderr.write(f"error: {_MISSING[missing]}\n")
        sys.exit(2)
