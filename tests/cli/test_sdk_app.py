"""A Python file that is to be run, where the everai SDK isn't installed; with it: ``tests/compat/sdk``."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from everai_autoscaler.cli.options.sdk_app import read_sdk_app
from everai_autoscaler.errors import MissingExtraError


@pytest.mark.skipif(find_spec("everai") is not None, reason="the everai SDK is installed")
def test_a_python_file_needs_the_sdk(tmp_path):
    """What is missing, and the line that installs it; the file isn't run."""
    (tmp_path / "app.py").write_text("raise SystemExit('run')")
    with pytest.raises(
        MissingExtraError, match=r"pip install '\.\[runtime\]' \./plugins/everai-builtin-autoscaler everai$"
    ):
        read_sdk_app(tmp_path / "app.py")
