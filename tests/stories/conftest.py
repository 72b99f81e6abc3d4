"""How a story is played."""

from __future__ import annotations

from itertools import islice

import pytest

from everai_autoscaler.loop import run


@pytest.fixture(scope="session")
def play():
    """Tick every 20 seconds for so many seconds of virtual time, the first time at once; every tick must go well."""

    def play(target, scaler, *, seconds):
        ticks = []
        for tick in islice(run(target, scaler, interval=20, clock=target.clock), seconds // 20 + 1):
            assert "" == tick.failure
            ticks.append(tick)
        return ticks

    return play
