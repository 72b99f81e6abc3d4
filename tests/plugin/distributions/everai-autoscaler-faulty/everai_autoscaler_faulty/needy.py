"""Needs a library that isn't there."""

import a_library_that_nobody_has  # noqa: F401
