"""Runs the code blocks of the pages as they stand there, and gives examples the time that they take."""

from __future__ import annotations

from doctest import ELLIPSIS

from hypothesis import HealthCheck, settings
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser, SkipParser

pytest_collect_file = Sybil(
    parsers=[PythonCodeBlockParser(doctest_optionflags=ELLIPSIS), SkipParser()],
    patterns=["README.md", "docs/*.md", "plugins/*/README.md"],
).pytest()

# How long an example takes says what else the machine has to do: none of them is a failure for that.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")
