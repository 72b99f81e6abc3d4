"""What a tuner chose and advises, in a small file of the state directory, and how an argument reads it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import quote

from pydantic import Field, JsonValue

from everai_autoscaler.errors import ContractError, PlaceholderError
from everai_autoscaler.model import Sourced
from everai_autoscaler.model.wire import WireModel
from everai_autoscaler.runtime.state import make_directory, usable

__all__ = [
    "AdviceForm",
    "BudgetForm",
    "InForceForm",
    "StandingForm",
    "SwitchForm",
    "TuningForm",
    "chosen_path",
    "percent",
    "read_tuning",
    "requests_path",
    "span",
    "tuned_reader",
    "write_tuning",
]

SWITCHES = 20
"""Switches that are told of."""


class StandingForm(WireModel):
    """How a candidate did on the traffic of the last day, replayed."""

    number: int
    """Its place in the book."""
    scaler: str
    arguments: dict[str, JsonValue]
    workers: float
    """Its workers on average."""
    share: float
    """The share of requests that began in time under it."""
    risk: float
    """The late share that is reckoned with: with a margin for chance."""
    allowed: bool
    """Whether that is within the budget."""


class InForceForm(WireModel):
    """What is in force: the arguments that ``Tuned`` placeholders read."""

    number: int
    scaler: str
    arguments: dict[str, JsonValue]
    since: float
    why: str
    """Why it was chosen, in a sentence."""
    source: str
    """Where it comes from, as records and lists have it beside the argument."""


class AdviceForm(WireModel):
    """What the evidence speaks for now; it is what is in force where the tuner acts."""

    number: int
    scaler: str
    arguments: dict[str, JsonValue]
    since: float
    """Since when it is this one."""
    why: str
    saving: float | None = None
    """The share of the cost that it saves; null where there is nothing to compare with."""
    share: float | None = None
    """The share of requests that began in time under it."""
    workers: float | None = None
    """Its workers on average."""


class BudgetForm(WireModel):
    """How much lateness the SLO leaves, and how much was really spent; sums that fade over days."""

    due: float
    late: float
    aim: float
    """The share of late requests that is aimed at."""
    allowed: float
    """The share of late requests that a candidate may have now."""
    spent: float
    """The share of the budget that is spent."""
    left: float
    """How many more requests may be late before it is spent; below 0 where too many were."""


class SwitchForm(WireModel):
    """One change of what is chosen."""

    at: float
    was: int | None
    """The number of the candidate before."""
    number: int
    why: str
    acted: bool
    """Whether it came into force; else it was advice."""


class TuningForm(WireModel):
    """What a tuner chose, advises and knows. All times are epoch seconds, durations seconds."""

    app: str
    act: bool
    """Whether what is chosen comes into force."""
    within: float
    share: float
    """The SLO: at least this share of the requests begins within so many seconds."""
    every: float
    """Seconds between two looks at the traffic."""
    candidates: int
    """How many the book has."""
    price: float | None = None
    """What a worker costs in an hour; null where nobody said it."""
    in_force: InForceForm | None
    """Null where the tuner advises a scaler that isn't of its book, and nothing of it is in force."""
    advice: AdviceForm | None = None
    """Null while there is no evidence."""
    standing: StandingForm | None = None
    """How what is in force did on the traffic of the last day, replayed; null while there is no evidence."""
    chosen: StandingForm | None = None
    """How the advice did; null while there is no evidence."""
    budget: BudgetForm | None = None
    runners_up: list[StandingForm] = Field(default=[])
    switches: list[SwitchForm] = Field(default=[])
    """The last of them, the newest first."""
    switched: int = 0
    """How often it has changed."""
    hours: float = 0.0
    """Hours of traffic that are the evidence; they fade."""
    workers: float | None = None
    """The workers that there really were, on average over them."""
    said: str = ""
    """What it comes to, in a sentence."""
    assumed: str = ""
    """What of the evidence is a model rather than a measurement; empty where all is measured."""
    told_at: float
    """When this was written."""
    until: float | None = None
    """Up to when the traffic is known."""
    cpu: float | None = None
    """The share of one core that the tuner has used since it was started."""

    @property
    def regret(self) -> float | None:
        """The share of the cost that the present rule costs more than the advice; null where that isn't known."""
        return None if self.advice is None else self.advice.saving


def percent(share: float, digits: int = 2) -> str:
    """A *share* in percent, with so many digits after the point at most; what isn't the whole isn't rounded up to it.

    >>> percent(0.9931), percent(1.0), percent(0.999999), percent(0.12345, 0)
    ('99.31 %', '100 %', '99.99 %', '12 %')
    """
    rounded = round(100 * share, digits)
    text = f"{100 - 10**-digits if rounded == 100 and share < 1 else rounded:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if '.' in text else text} %"


def span(hours: float) -> str:
    """*hours* of traffic in words.

    >>> span(23.96), span(0.5), span(0.004)
    ('24 h', '30 min', '14 s')
    """
    if hours >= 1:
        return f"{hours:.3g} h"
    return f"{60 * hours:.0f} min" if hours >= 1 / 30 else f"{3600 * hours:.0f} s"


def chosen_path(directory: Path, app: str) -> Path:
    """Where what was chosen for *app* is kept in the state *directory*."""
    return directory / "tuned" / f"{quote(app, safe='')}.json"


def requests_path(directory: Path, app: str) -> Path:
    """Where the requests of *app* are kept, one by one."""
    return directory / "requests" / f"{quote(app, safe='')}.ring"


def read_tuning(directory: Path, app: str) -> TuningForm | None:
    """What the tuner of *app* has written; ``None`` where there is nothing.

    Raises:
        ContractError: it is broken; names the file.
        StateError: it can't be read.
    """
    path = chosen_path(directory, app)
    with usable(directory):
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
    try:
        return TuningForm.from_json(content)
    except ContractError as error:
        raise ContractError(f"{path}: {error}") from error


def write_tuning(directory: Path, form: TuningForm) -> None:
    """Put *form* in the place of what was there, all at once.

    Raises:
        StateError: it can't be written; what was there stays.
    """
    path = chosen_path(directory, form.app)
    make_directory(path.parent)
    with usable(directory):
        write_whole(path, form.json().encode())


def write_whole(path: Path, content: bytes) -> None:
    """Put *content* into the file at *path*, in the place of what was there, all at once, for its owner alone."""
    new = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def tuned_reader(directory: Path) -> Callable[[str, str], str]:
    """A function that reads an argument that is in force for an app, given both names: a provider for a Decider.

    Raises:
        PlaceholderError: by the function: there is no such value; says what there is.
    """

    def read(app: str, argument: str) -> str:
        thing = f"Tuned {app}/{argument}"
        try:
            form = read_tuning(directory, app)
        except ContractError as error:
            raise PlaceholderError(f"{thing}: {error}") from error
        if form is None or form.in_force is None:
            raise PlaceholderError(f"{thing}: nothing is tuned for {app} in {directory}; run it with --tune")
        return _value(form.in_force, argument, thing)

    return read


def _value(in_force: InForceForm, argument: str, thing: str) -> str:
    arguments: Mapping[str, JsonValue] = in_force.arguments
    if argument not in arguments:
        raise PlaceholderError(f"{thing}: no such argument is tuned; there are {', '.join(arguments) or 'none'}")
    value = arguments[argument]
    return Sourced(value if isinstance(value, str) else json.dumps(value), source=in_force.source)
