"""Pictures of comparisons: every policy has a mark, none hides another's name."""

from __future__ import annotations

import re

import pytest
from attrs import evolve

from everai_autoscaler.errors import ArgumentError
from everai_autoscaler.simulator.compare import Candidate, compare
from everai_autoscaler.simulator.plots import plot_comparison
from everai_autoscaler.simulator.plots.comparison_picture import comparison_scene
from everai_autoscaler.simulator.plots.scatter import front_of, look_of, share_scale, x_scale
from everai_autoscaler.simulator.plots.scene import Dots, Text, text_width
from everai_autoscaler.simulator.workload import Workload

IDLE = (20, 60, 200, 600)


@pytest.fixture(scope="module")
def compared():
    """Four policies on two workloads."""
    bursts = [(60.0 * burst + 2 * i, 9.0) for burst in (0, 5, 11) for i in range(12)]
    steady = [(5.0 * i, 4.0) for i in range(60)]
    workloads = [
        Workload(name, [came for came, _ in pairs], [service for _, service in pairs])
        for name, pairs in (("bursts", bursts), ("steady", steady))
    ]
    candidates = [
        Candidate("simple", {"max_workers": 5, "max_idle_time": idle}, label=f"idle {idle} s") for idle in IDLE
    ]
    return compare(candidates, workloads, share=0.9).cells


def words(scene):
    return [shape.text for shape in scene.shapes if isinstance(shape, Text)]


@pytest.mark.parametrize("ending", [".svg", ".html"])
def test_it_is_written_and_the_same_each_time(compared, ending, tmp_path):
    """Nothing of it depends on the moment."""
    for name in ("a", "b"):
        plot_comparison(compared, tmp_path / f"{name}{ending}")

    assert (tmp_path / f"a{ending}").read_bytes() == (tmp_path / f"b{ending}").read_bytes()


def test_each_policy_has_a_mark_in_each_panel(compared):
    """Eight cells are eight marks with a note each."""
    scene, notes = comparison_scene(compared)
    marks = [dots for frame in scene.frames for dots in frame.shapes if isinstance(dots, Dots) and dots.notes]

    assert [8, 8] == [len(marks), len(notes)]
    assert {"idle 20 s on bursts", "idle 600 s on steady"} <= {note["title"] for note in notes}


def test_one_workload_also_shows_the_waits(compared):
    """Late share and p99 stand side by side."""
    scene, _ = comparison_scene([cell for cell in compared if cell.trace == "bursts"])

    assert [True, False] == ["Late" in frame.name for frame in scene.frames]
    assert "Wait that 99 % don't exceed" in scene.frames[1].name


def test_labels_do_not_cover_each_other(compared):
    """No two texts of the picture are in one place."""
    scene, _ = comparison_scene(compared)
    boxes = []
    for text in scene.shapes:
        if isinstance(text, Text):
            wide = 0.85 * text_width(text.text, text.size, bold=text.bold)
            left = text.x - {"start": 0, "middle": wide / 2, "end": wide}[text.anchor]
            boxes.append((left, text.y - 0.7 * text.size, left + wide, text.y, text.text))

    covered = [
        (one[4], other[4])
        for place, one in enumerate(boxes)
        for other in boxes[place + 1 :]
        if one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
    ]
    assert [] == covered


def test_long_names_that_look_alike_are_numbers(compared):
    """Names that would be cut off at the same letter don't stand beside the marks; the key has them in full."""
    long = [evolve(cell, label=f"{'a very long name of a policy ' * 2}{cell.label}") for cell in compared]
    scene, _ = comparison_scene(long)

    assert not [text for text in words(scene) if text.endswith("…")]
    assert {"1", "2", "3", "4"} <= set(words(scene))


def test_the_best_possible_is_drawn(compared):
    """The optimum, the bound and the static fleet are lines that the key names."""
    scene, _ = comparison_scene(compared)
    said = " ".join(words(scene))

    assert "the best schedule known, which sees the future" in said
    assert "the best static fleet" in said


def test_a_policy_that_failed_is_named(compared):
    """It has no mark, but a sentence with the error."""
    broken = evolve(compared[0], metrics=None, error="ValueError: no <b>idea</b>")
    scene, _ = comparison_scene([broken, *compared[1:]])

    assert "idle 20 s on bursts has no mark: ValueError: no <b>idea</b>" in words(scene)


def test_nothing_to_compare_is_an_error(tmp_path):
    """One clear line."""
    with pytest.raises(ArgumentError, match="nothing to compare"):
        plot_comparison([], tmp_path / "nothing.svg")


def test_only_failures_make_a_picture(compared, tmp_path):
    """Even where every policy failed."""
    broken = [evolve(cell, metrics=None, optimum=None, error="no") for cell in compared]
    plot_comparison(broken, tmp_path / "broken.html")

    assert "has no mark: no" in re.sub(r"\s+", " ", (tmp_path / "broken.html").read_text("utf-8"))


def test_the_front_has_whom_nobody_beats():
    """Equal ones count once, and one that is dearer and later isn't in it."""

    assert [(1, 5), (2, 1)] == front_of([(2, 1), (1, 5), (2, 1), (3, 1), (2, 4)])


def test_twenty_eight_policies_look_different():
    """Colour and form together tell them apart."""

    assert 28 == len({look_of(number) for number in range(28)})


def test_very_different_costs_are_on_a_logarithmic_axis():
    """The cheapest stays in sight beside one that costs a hundred times as much."""
    scale = x_scale([1, 100])

    assert 0.02 < scale.place(1) < 0.1
    assert 0.4 < scale.place(10) < 0.6


@pytest.mark.parametrize("values", [[], [0.0], [0.004], [0.5], [1.0]])
@pytest.mark.parametrize("wanted", [0.0, 0.01, 0.3])
def test_any_share_has_a_place(values, wanted):
    """All late, none late, and whatever is wanted."""
    scale = share_scale(values, wanted)

    assert all(0 <= scale.place(value) <= 1 for value in [*values, wanted])
    assert len(scale.ticks) >= 2
