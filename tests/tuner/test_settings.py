"""What a user says of tuning."""

from __future__ import annotations

from typing import Any

import pytest

from everai_autoscaler.errors import ContractError
from everai_autoscaler.tuner.settings import Promise, TuningSettings


def test_nothing_said_is_advice_on_the_usual_promise() -> None:
    """99 % within 5 s, looked at every 5 minutes, on a tenth of a core at most."""
    settings = TuningSettings.read(None, "app.yaml: tuning")

    assert (False, 300.0, Promise(within=5.0, share=0.99), 0.1) == (
        settings.act,
        settings.every,
        settings.slo,
        settings.cpu,
    )
    assert settings == TuningSettings.read({}, "app.yaml: tuning")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"acts": True}, "key 'acts' is not one of act, book, cpu, every, price, ring, slo; did you mean 'act'?"),
        ({"every": 0}, "every: 0 given, should be greater than or equal to 1"),
        ({"slo": {"share": 1}}, "slo.share: 1 given, should be less than 1"),
        ({"slo": {"wihtin": 1}}, "slo: key 'wihtin' is not one of share, within; did you mean 'within'?"),
        ({"cpu": 2}, "cpu: 2 given, should be less than or equal to 1"),
        ({"ring": 0}, "ring: 0 given, should be greater than 0"),
        ({"price": -1}, "price: -1 given, should be greater than or equal to 0"),
        ([], "[] given"),
    ],
)
def test_what_is_wrong_is_one_line(given: Any, words: str) -> None:
    """It names the place and what is accepted."""
    with pytest.raises(ContractError) as raised:
        TuningSettings.read(given, "app.yaml: tuning")

    assert str(raised.value).startswith("app.yaml: tuning: ")
    assert words in str(raised.value)
