"""What a user says of tuning, in the section ``tuning`` of an app's manifest, and what the tuner's process is told."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from everai_autoscaler.errors import ContractError
from everai_autoscaler.model.wire import describe_errors

__all__ = ["Config", "Promise", "TuningSettings"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Promise(_Section):
    """The SLO that a choice has to keep."""

    within: Annotated[float, Field(ge=0)] = 5.0
    """Seconds that a request may wait."""
    share: Annotated[float, Field(gt=0, lt=1)] = 0.99
    """The share of the requests that has to begin within them."""


class TuningSettings(_Section):
    """How an app is tuned.

    >>> TuningSettings.read({"act": True, "slo": {"within": 2}}, "app.yaml: tuning").slo
    Promise(within=2.0, share=0.99)
    >>> TuningSettings.read({"slo": {"share": 99}}, "app.yaml: tuning")
    Traceback (most recent call last):
    everai_autoscaler.errors.ContractError: app.yaml: tuning: slo.share: 99 given, should be less than 1
    """

    act: bool = False
    """Whether what is chosen comes into force; else it is advice."""
    every: Annotated[float, Field(ge=1, le=86_400)] = 300.0
    """Seconds between two looks at the traffic."""
    slo: Promise = Promise()
    book: Path | None = None
    """A JSON file with the candidates, relative to the manifest; the book that ships where it isn't given."""
    ring: Annotated[float, Field(gt=0, le=4096)] = 8.0
    """Megabytes of requests that are kept: 20 bytes each, so that 8 MB are a day of 4.8 requests a second."""
    cpu: Annotated[float, Field(gt=0, le=1)] = 0.1
    """The share of one core that the tuner may use over time."""
    price: Annotated[float, Field(ge=0)] | None = None
    """What a worker costs in an hour, in dollars; savings are told in worker-hours where it isn't given."""

    @classmethod
    def read(cls, given: Any, where: str) -> TuningSettings:
        """The section that was *given*; *where* says where it stands, for messages.

        Raises:
            ContractError: one line that names each field that is wrong.
        """
        try:
            return cls.model_validate({} if given is None else given)
        except ValidationError as error:
            raise ContractError(f"{where}: {describe_errors(error, cls)}") from error


class Config(_Section):
    """What the tuner's process is told."""

    app: str
    directory: Path
    """The state directory."""
    scaler: str
    """The name of the app's scaler."""
    tuned: tuple[str, ...]
    """Its arguments that are read from what is chosen."""
    interval: float
    """Seconds between two decisions."""
    settings: TuningSettings
    book: Path | None
    """The book's file; the one that ships where there is none."""
