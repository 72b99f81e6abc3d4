"""The picture of a search: each trial's cost against its lateness, and how the best does on what was held out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from everai_autoscaler.simulator.plots.caption import arguments_line
from everai_autoscaler.simulator.plots.scale import duration
from everai_autoscaler.simulator.plots.scatter import Form, Mark, scatter, share_scale, x_scale
from everai_autoscaler.simulator.plots.scene import Dots, Frame, Line, Scene, Text
from everai_autoscaler.words import counted, printable

if TYPE_CHECKING:
    from everai_autoscaler.simulator.tune import Tuning

__all__ = ["tuning_scene"]

_WIDTH = 1200.0
_EDGE = 24.0
_HIGH = 440.0


def tuning_scene(tuning: Tuning) -> tuple[Scene, list[dict[str, Any]]]:
    """*tuning* as one picture, and a note for each mark."""
    scene = Scene(_WIDTH, title=printable(f"The search for arguments of {tuning.scaler}"))
    y = scene.paragraph(scene.title, _EDGE, 16, _WIDTH - 2 * _EDGE, size=20, bold=True)
    for words in _words(tuning):
        y = scene.paragraph(words, _EDGE, y + 2, _WIDTH - 2 * _EDGE, size=13)
    frame = Frame(_EDGE + 60, y + 28, _WIDTH - 2 * _EDGE - 64, _HIGH)
    frame.name = "Cost against lateness, a mark for each trial"
    scene.frames.append(frame)
    marks, notes = _marks(tuning)
    across = x_scale([mark.x for mark in marks])
    up = share_scale([mark.y for mark in marks], 1 - tuning.share)
    if len(marks) > 1 and tuning.training.cost is not None and tuning.held_out.cost is not None:
        ends = [
            (tuning.training.cost, 1 - tuning.training.attainment),
            (tuning.held_out.cost, 1 - tuning.held_out.attainment),
        ]
        frame.shapes.append(
            Line(
                [[(across.place(a) * frame.width, frame.height * (1 - up.place(b))) for a, b in ends]], "series 2", 1.2
            )
        )
    scatter(
        scene,
        frame,
        marks,
        across=across,
        up=up,
        x_title="Cost: worker-seconds for each second of service that was asked for",
        limit=1 - tuning.share,
        front=False,
    )
    scene.shapes.append(Text(_EDGE, y + 14, f"Late: waited more than {duration(tuning.slo)}", "muted", 12))
    scene.height = _key(scene, y + 28 + _HIGH + 48) + 16
    return scene, notes


def _words(tuning: Tuning) -> list[str]:
    met = sum(trial.meets(tuning.share) for trial in tuning.trials)
    fixed = f" with {arguments_line(dict(tuning.fixed))} given" if tuning.fixed else ""
    wanted = f"{tuning.share * 100:g} % begin within {duration(tuning.slo)}"
    trials = f"{counted(len(tuning.trials), 'trial')}, of which {met} kept in training that {wanted}"
    return [
        f"Found: {arguments_line(dict(tuning.best.arguments))}{fixed}.",
        tuning.overfits or "What was found in training holds on what was held out.",
        f"{trials}: those below the dashed line. Further left is cheaper. {printable(tuning.split).capitalize()}.",
    ]


def _marks(tuning: Tuning) -> tuple[list[Mark], list[dict[str, Any]]]:
    notes: list[dict[str, Any]] = []
    marks = []

    def add(
        where: str, cost: float | None, attainment: float, look: tuple[str, Form, float], words: str, label: str = ""
    ) -> None:
        if cost is None:
            return
        role, form, size = look
        rows = [["cost", f"{cost:.4g}"], [f"began within {duration(tuning.slo)}", f"{attainment * 100:.4g} %"]]
        marks.append(Mark(cost, 1 - attainment, role, form, label, size=size, note=len(notes)))
        notes.append({"title": where, "rows": rows, "words": words})

    for trial in tuning.trials:
        role = "series 1" if trial.meets(tuning.share) else "held"
        look: tuple[str, Form, float] = (role, "round", 7.0)
        add(
            f"Trial {trial.number}, in training",
            trial.cost,
            trial.attainment,
            look,
            arguments_line(dict(trial.arguments)),
        )
    found = arguments_line(dict(tuning.best.arguments))
    for where, evidence, look, words in (
        ("as given, held out", tuning.usual, ("series 3", "square", 13.0), "the arguments as they were given"),
        ("found, in training", tuning.training, ("series 2", "round", 13.0), found),
        ("found, held out", tuning.held_out, ("series 2", "diamond", 14.0), found),
    ):
        add(where.capitalize(), evidence.cost, evidence.attainment, look, words, where)
    return marks, notes


def _key(scene: Scene, y: float) -> float:
    entries: list[tuple[str, Form, float, str]] = [
        ("series 1", "round", 7, "a trial in training that keeps what is wanted"),
        ("held", "round", 7, "one that doesn't"),
        ("series 2", "round", 12, "what was found, in training"),
        ("series 2", "diamond", 13, "the same on what was held out"),
        ("series 3", "square", 12, "the arguments as given, on what was held out"),
    ]
    for role, form, size, words in entries:
        scene.shapes.append(Dots([(_EDGE + 8, y + 10)], role, size, form))
        scene.shapes.append(Text(_EDGE + 24, y + 14, words, "ink", 12.5))
        y += 20
    return y
