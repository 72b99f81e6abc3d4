"""``everai-autoscaler check``: whether a scaler keeps the rules of the testing kit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import click
from attrs import frozen

from everai_autoscaler.cli.options.parameters import SCALER, Seconds, Whole
from everai_autoscaler.cli.options.scaler_options import ScalerOptions, scaler_options
from everai_autoscaler.cli.text.words import output_option
from everai_autoscaler.words import counted, table

if TYPE_CHECKING:
    from everai_autoscaler.model import AutoScaler
    from everai_autoscaler.testing.checks import RuleBrokenError

__all__ = ["check"]

BROKEN = 1

_NOT_DECLARED = "not declared"


@frozen
class _Verdict:
    """What came of one rule."""

    rule: str
    fact: str
    result: str
    error: RuleBrokenError | None = None


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
    click.echo(_as_json(str(wanted), verdicts) if output == "json" else _in_words(str(wanted), verdicts))
    return BROKEN if any(verdict.error is not None for verdict in verdicts) else 0


def _verdicts(scaler: AutoScaler, examples: int, seed: int, within: float | None) -> Iterator[_Verdict]:
    # Late, since it needs an extra: everything else of the command line does without.
    from everai_autoscaler.testing.checks import CHECKS, RuleBrokenError, fact_of, name_of, yield_checks

    applying = {name_of(one): one for one in yield_checks(scaler, within=within)}
    for listed in CHECKS:
        rule, fact = name_of(listed), fact_of(listed)
        one = applying.get(rule)
        if one is None:
            yield _Verdict(rule, fact, "not asked" if rule == "decides_in_time" else _NOT_DECLARED)
            continue
        try:
            one(scaler, examples=examples, seed=seed)
        except RuleBrokenError as error:
            yield _Verdict(rule, fact, "failed", error)
        else:
            yield _Verdict(rule, fact, "passed")


def _in_words(scaler: str, verdicts: list[_Verdict]) -> str:
    # As wide as it may be, so that one scaler's table looks like another's.
    rows = [(verdict.rule, verdict.result.ljust(len(_NOT_DECLARED)), verdict.fact) for verdict in verdicts]
    paragraphs = [table(("RULE", "RESULT", "FACT"), rows)]
    broken = [verdict for verdict in verdicts if verdict.error is not None]
    kept = sum(verdict.result == "passed" for verdict in verdicts)
    paragraphs += [f"{verdict.rule}: {verdict.fact}\n\n{_story(verdict.error)}" for verdict in broken]
    if broken:
        paragraphs.append(f"{scaler} breaks {counted(len(broken), 'rule')}, and keeps {kept}.")
    else:
        paragraphs.append(f"{scaler} keeps {counted(kept, 'rule')}.")
    return "\n\n".join(paragraphs)


def _story(error: RuleBrokenError | None) -> str:
    """The snapshot, and what is decided about it, at the margin: it is there to be copied."""
    return dedent(str(error).partition("\n\n")[2])


def _as_json(scaler: str, verdicts: list[_Verdict]) -> str:
    return json.dumps({"scaler": scaler, "rules": [_verdict_as_json(verdict) for verdict in verdicts]})


def _verdict_as_json(verdict: _Verdict) -> dict[str, Any]:
    document: dict[str, Any] = {"rule": verdict.rule, "fact": verdict.fact, "result": verdict.result}
    if verdict.error is not None:
        document |= {
            "complaint": verdict.error.complaint,
            "code": verdict.error.code,
            "snapshot": json.loads(verdict.error.snapshot.json()),
            "memory": verdict.error.memory,
        }
    return document
