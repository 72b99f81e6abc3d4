"""The picture of a search: every trial has a mark, and what was found is compared with what was held out."""

from __future__ import annotations

import pytest
from attrs import evolve

from everai_autoscaler.simulator.plots import plot_tuning
from everai_autoscaler.simulator.plots.scene import Text
from everai_autoscaler.simulator.plots.tuning_picture import tuning_scene
from everai_autoscaler.simulator.search import Trial
from everai_autoscaler.simulator.tune import Evidence, Tuning


@pytest.fixture
def tuning():
    """Three trials, one of which failed."""
    trials = (
        Trial(0, {"max_idle_time": 60}, 2.0, 0.9),
        Trial(1, {"max_idle_time": 300}, 2.5, 0.995),
        Trial(2, {"max_idle_time": 1}, None, 0.0, "ValueError: no"),
    )
    return Tuning(
        scaler="simple",
        searched=(),
        fixed={"max_workers": 5},
        best=trials[1],
        trials=trials,
        training=Evidence((), 2.5, 0.995),
        held_out=Evidence((), 2.6, 0.97),
        usual=Evidence((), 2.1, 0.93),
        slo=5.0,
        share=0.99,
        warm_up=0.0,
        stopped="",
        split="trained on monday; tuesday was held out",
    )


def words(scene):
    return [shape.text for shape in scene.shapes if isinstance(shape, Text)]


def test_each_trial_that_ran_has_a_mark(tuning):
    """Two of three, next to what was found in training and held out, and the arguments as given."""
    _, notes = tuning_scene(tuning)

    assert ["Trial 0, in training", "Trial 1, in training"] == [note["title"] for note in notes[:2]]
    assert ["As given, held out", "Found, in training", "Found, held out"] == [note["title"] for note in notes[2:]]


def test_it_names_what_was_found(tuning):
    """Arguments, and whether it holds."""
    scene, _ = tuning_scene(tuning)

    assert "Found: max_idle_time=300 with max_workers=5 given." in words(scene)
    assert {"found, in training", "found, held out", "as given, held out"} <= set(words(scene))


@pytest.mark.parametrize("ending", [".svg", ".html"])
def test_it_is_written_whatever_failed(tuning, ending, tmp_path):
    """Also where nothing that was found could be simulated."""
    nothing = Evidence((), None, 0.0, "no")
    plot_tuning(tuning, tmp_path / f"tuning{ending}")
    plot_tuning(
        evolve(
            tuning, training=nothing, held_out=nothing, usual=nothing, trials=tuning.trials[2:], best=tuning.trials[2]
        ),
        tmp_path / f"nothing{ending}",
    )

    assert (tmp_path / f"nothing{ending}").stat().st_size > 1000
