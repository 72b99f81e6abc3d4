"""Numbers that commands are given."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("hold", "x"), "'x' is not a whole number from 0 to 100000"),
        (("hold", "100001"), "'100001' is not a whole number from 0 to 100000"),
        (("run", __file__, "--port", "abc"), "'abc' is not a whole number from 0 to 65535"),
        (("decisions", "show", "x"), "'x' is not a whole number from 0 up"),
        (("decisions", "list", "--limit", "0"), "'0' is not a whole number from 1 up"),
        (("worker", "logs", "Vt", "--tail", "x"), "'x' is not a whole number from 0 up"),
        (("worker", "logs", "Vt", "--tail", "-1"), "'-1' is not a whole number from 0 up"),
        (("walk", "--interval", "x"), "'x' is not a number of seconds above 0"),
        (("walk", "--interval", "0"), "'0' is not a number of seconds above 0"),
        (("walk", "--interval", "inf"), "inf is not a finite number of seconds"),
        (("walk", "--cold-start", "x"), "'x' is not a number of seconds from 0 up"),
        (("walk", "--workers", "1.5"), "'1.5' is not a whole number from 0 up"),
        (("check", "simple", "--within", "x"), "'x' is not a number of seconds above 0"),
        (("explain", "--line", "0", "x.jsonl"), "'0' is not a whole number from 1 up"),
    ],
)
def test_a_number_that_is_none_is_told_what_is_accepted(run, arguments, told):
    """One line says what was given, and which numbers there may be."""
    result = run(*arguments)

    assert (2, 1) == (result.exit_code, result.stderr.count("\n"))
    assert told in result.stderr
