"""``everai-autoscaler check``: whether a scaler keeps the rules of the testing kit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import click

from everai_autoscaler.cli.options.parameters import SCALER, Seconds, Whole
from everai_autoscaler.cli.options.scaler_options import ScalerOptions, scaler_options
from everai_autoscaler.cli.text.words import output_option
from everai_autoscaler.words import counted, table

if TYPE_CHECKING:
    from everai_autoscaler.model import AutoScaler

__all__ = ["check"]

BROKEN = 1

_NOT_DECLARED = "not declared"


@click.command
@click.argument("name", required=False, metavar="[SCALER]", type=SCALER)
@scaler_options
@click.option(
    "--examples",
    type=Whole(min=1),
    default=200,
    show_default=True,
    metavar="N",
    help="Snapshots that each rule looks at.",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Which snapshots those are: the same each time.")
@click.option(
    "--within",
    type=Seconds(min=0, min_open=True),
    metavar="SECONDS",
    help="What a decision on 10,000 workers may take; not looked at where it isn't given.",
)
@output_option
def check(
    name: str | None, *, options: ScalerOptions, examples: int, seed: int, within: float | None, output: str
) -> int:
    """Look for a snapshot at which SCALER breaks a rule of the testing kit.

    The rules are those of everai_autoscaler.testing.check_autoscaler, asked of the scaler alone: no guard corrects it,
    and decorators that a file names are left out. Of a rule that is broken the smallest snapshot that was found is
    shown, as code for a test, and the exit status is 1. "not declared" are rules for scalers that say of themselves
    that they are steady, or monotone.

    \b
    An installed scaler, with its defaults, and with arguments:
      everai-autoscaler check simple
      everai-autoscaler check simple -a max_workers=8 -a max_idle_time=0
    What a file describes, closely:
      everai-autoscaler check -f app.yaml --examples 5000 --within 0.5
    """  # noqa: D301 - a backspace is how click knows that lines are to stay
    wanted = options.wanted(name)
    with wanted.placeholders_read():
        verdicts = list(_verdicts(wanted.scaler(), examples, seed, within))
    if output == "json":
        click.echo(json.dumps({"scaler": str(wanted), "rules": [verdict for verdict, _ in verdicts]}))
    else:
        click.echo(_in_words(str(wanted), verdicts))
    return BROKEN if any(story for _, story in verdicts) else 0


def _verdicts(
    scaler: AutoScaler, examples: int, seed: int, within: float | None
) -> Iterator[tuple[dict[str, Any], str]]:
    """What came of each rule, for programs; and where it is broken the story of it: a snapshot, and what is decided."""
    # Late, since it needs an extra: everything else of the command line does without.
    from everai_autoscaler.testing.checks import CHECKS, RuleBrokenError, fact_of, name_of, yield_checks

    applying = {name_of(one): one for one in yield_checks(scaler, within=within)}
    for listed in CHECKS:
        rule = name_of(listed)
        verdict = {"rule": rule, "fact": fact_of(listed), "result": "passed"}
        try:
            if rule in applying:
                applying[rule](scaler, examples=examples, seed=seed)
            else:
                verdict["result"] = "not asked" if rule == "decides_in_time" else _NOT_DECLARED
        except RuleBrokenError as error:
            found = {
                "complaint": error.complaint,
                "code": error.code,
                "snapshot": json.loads(error.snapshot.json()),
                "memory": error.memory,
            }
            # At the margin: it is there to be copied.
            yield {**verdict, "result": "failed", **found}, dedent(str(error).partition("\n\n")[2])
        else:
            yield verdict, ""


def _in_words(scaler: str, verdicts: list[tuple[dict[str, Any], str]]) -> str:
    # As wide as it may be, so that one scaler's table looks like another's.
    rows = [(one["rule"], one["result"].ljust(len(_NOT_DECLARED)), one["fact"]) for one, _ in verdicts]
    broken = [f"{one['rule']}: {one['fact']}\n\n{story}" for one, story in verdicts if story]
    kept = sum(one["result"] == "passed" for one, _ in verdicts)
    end = f"breaks {counted(len(broken), 'rule')}, and keeps {kept}." if broken else f"keeps {counted(kept, 'rule')}."
    return "\n\n".join([table(("RULE", "RESULT", "FACT"), rows), *broken, f"{scaler} {end}"])
