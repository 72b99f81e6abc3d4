"""The recorded form of a scaler."""

from __future__ import annotations

from everai_autoscaler.model.form import ScalerForm

INNER = {"name": "simple", "arguments": {"max_workers": 5, "token": {"redacted": "Secret s/k"}}}
FORM = ScalerForm("max", {"scalers": [INNER, {"redacted": "Mine"}], "weights": [1, 2], "word": "x"})


def test_its_leaves_are_the_values_that_are_no_scalers() -> None:
    """Each with the way there in words, in their order; a plain list is one value."""

    assert {
        "scalers[0].max_workers": 5,
        "scalers[0].token": {"redacted": "Secret s/k"},
        "scalers[1]": {"redacted": "Mine"},
        "weights": [1, 2],
        "word": "x",
    } == {leaf.place: leaf.value for leaf in FORM.leaves()}
    assert ["simple", "simple", "max", "max", "max"] == [leaf.scaler for leaf in FORM.leaves()]


def test_one_value_is_replaced_and_the_rest_stays() -> None:
    """In a form of its own."""
    changed = FORM.replace(("scalers", 1), INNER).replace(("scalers", 0, "max_workers"), 6)

    assert [6, {"redacted": "Secret s/k"}, 5] == [leaf.value for leaf in changed.leaves()][:3]
    assert "x" == changed.arguments["word"]
    assert 5 == next(FORM.leaves()).value
