"""The picture of the rooms in CONTRIBUTING.md is the one that the imports draw."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest

import everai_autoscaler

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "docs" / "rooms.py"


@pytest.fixture
def rooms():
    """The script, as a module."""
    if not SCRIPT.exists():
        pytest.skip("the documentation isn't here")
    spec = importlib.util.spec_from_file_location("rooms", SCRIPT)
    module = sys.modules["rooms"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_picture_is_the_present_one(rooms):
    """``python docs/rooms.py`` would draw what stands there already."""
    drawn = rooms.draw(rooms.read_rooms(Path(everai_autoscaler.__file__).parent))

    assert drawn == rooms.PICTURE.read_text("utf-8")


def test_contributing_shows_it(rooms):
    """The page that says how to work here has the picture."""

    assert f"](docs/{rooms.PICTURE.name})" in (ROOT / "CONTRIBUTING.md").read_text("utf-8")


def test_each_room_says_what_it_holds(rooms):
    """Every box has a sentence in it, from the room's docstring."""
    found = rooms.read_rooms(Path(everai_autoscaler.__file__).parent)

    assert [] == [room for room, (said, _) in found.items() if not said]


def test_an_arrow_that_follows_from_others_is_left_out(rooms):
    """Of a room that imports two, one of which imports the other, only the longer way is drawn."""

    assert {"top": ["middle"], "middle": ["low"], "low": []} == rooms.direct(
        {"top": {"middle", "low"}, "middle": {"low"}, "low": set()}
    )


def test_a_circle_is_refused(rooms):
    """Rooms that import each other have no levels, and are named."""
    with pytest.raises(ValueError, match="a circle of rooms: one, other"):
        rooms.levels_of({"one": {"other"}, "other": {"one"}})
