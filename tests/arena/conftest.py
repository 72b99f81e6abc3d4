"""The arena stands in the checkout, beside the package."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

# At the end of the path, so that the package itself is still the one that is installed.
sys.path.append(str(Path(__file__).parents[2]))
collect_ignore_glob = [] if find_spec("benchmarks") else ["test_*.py"]
