"""How the candidates of a book did on workloads, in words and a table for people, and as JSON for programs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from everai_autoscaler.cli.text.simulated import percent
from everai_autoscaler.words import counted, printable, table

if TYPE_CHECKING:
    from everai_autoscaler.tuning import Book, Ranking, Standing

__all__ = ["ranking_document", "ranking_in_words"]

_SHOWN = 8
_EXPLAINED = """\
WORKERS is how many there were on average. RISK is the share of late requests that is reckoned with: what was late, a
margin for chance, and what was expected before."""


def ranking_in_words(found: Ranking, book: Book) -> str:
    """The best candidates, and whether the first of them does well on what was held out."""
    within = sum(one.allowed for one in found.standings)
    headers = ["CANDIDATE", "WORKERS", f"WITHIN {found.slo.within:g} s", "RISK", "ARGUMENTS"]
    lines = [
        f"Book:  {counted(len(book), 'candidate')}{f'; {printable(book.source)}' if book.source else ''}",
        f"Judged on {found.hours:.3g} h, the first two thirds of each trace; its last third was held out.",
        f"At most {found.budget.allowed:.2%} may be late: {within} of {len(book)} are within that.",
        "",
        _EXPLAINED,
        "",
        table(headers, list(map(_row, found.standings[:_SHOWN])), align_right=range(1, 4)),
        "",
        *_verdict(found),
    ]
    return "\n".join(lines)


def _row(one: Standing) -> tuple[str, ...]:
    risk = f"{one.risk:.2%}{'' if one.allowed else ' *'}"
    return str(one.number), f"{one.workers:.2f}", percent(one.share), risk, printable(str(one.candidate))


def _verdict(found: Ranking) -> Iterator[str]:
    best, held = found.best, found.held_out
    if not best.allowed:
        yield "None is within the budget; this one is nearest (* marks those that aren't)."
    elif held.share < found.slo.share:
        yield f"It doesn't hold on what was held out: {percent(held.share)} began in time. Judge on longer traces."
    else:
        saved = 1 - held.workers / found.start_held_out.workers if found.start_held_out.workers else 0.0
        than = f", and costs {abs(saved):.0%} {'less' if saved >= 0 else 'more'} than the start of the book"
        than = than if best != found.start else ""
        yield f"It holds on what was held out: {percent(held.share)} began in time{than}."
    yield ""
    yield "Run it with:"
    arguments = " ".join(f"-a '{name}={value}'" for name, value in best.candidate.arguments.items())
    yield f"  --scaler {best.candidate.scaler} {arguments}".rstrip()


def ranking_document(found: Ranking, model: Mapping[str, Any]) -> dict[str, Any]:
    """All standings, the best first; plain JSON."""
    return {
        "model": dict(model),
        "hours": found.hours,
        "allowed": found.budget.allowed,
        "best": found.best.to_json(),
        "start": found.start.to_json(),
        "held_out": found.held_out.to_json(),
        "start_held_out": found.start_held_out.to_json(),
        "standings": [one.to_json() for one in found.standings],
    }
