"""Time zones by their names."""

from __future__ import annotations

from datetime import UTC
from zoneinfo import ZoneInfo

import pytest

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.model import zone_of


@pytest.mark.parametrize("name", [None, "UTC", "utc"])
def test_utc_is_the_default(name):
    """It is one object, which needs no database."""
    assert UTC is zone_of(name)


def test_a_name_is_read_in_any_case():
    """As people write it."""
    assert ZoneInfo("Europe/Berlin") is zone_of("europe/BERLIN")


@pytest.mark.parametrize("name", ["Europe/Berlim", "", "localtime", "../etc/passwd"])
def test_another_name_is_refused(name):
    """Also a name that means something on this machine only."""
    with pytest.raises(ArgumentError, match="is not known; accepted: a name of the IANA database"):
        zone_of(name)


def test_what_is_no_text_is_refused():
    """An offset in hours, say, is no zone."""
    with pytest.raises(ArgumentError, match="timezone 8 is not text; write a name such as 'Europe/Berlin'"):
        zone_of(8)
