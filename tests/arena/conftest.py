"""The arena stands in the checkout, beside the package."""

from __future__ import annotations

from importlib.util import find_spec

collect_ignore_glob = [] if find_spec("benchmarks") else ["test_*.py"]
