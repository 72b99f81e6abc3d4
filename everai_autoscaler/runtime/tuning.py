"""What the runtime does for a tuner: it keeps the requests, keeps the tuner running, and looks at what it chose."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Gauge

from everai_autoscaler.errors import AutoscalerError
from everai_autoscaler.runtime.beside import Watch
from everai_autoscaler.runtime.plan import Beside
from everai_autoscaler.runtime.ring import Ring
from everai_autoscaler.runtime.tuned import TuningForm, chosen_path, read_tuning, requests_path

__all__ = ["Tuning", "TuningMetrics"]


class TuningMetrics:
    """What a tuner chose and spent, for Prometheus.

    >>> registry = CollectorRegistry()
    >>> metrics = TuningMetrics(registry)
    >>> registry.get_sample_value("everai_autoscaler_tuning_switches_total")
    0.0
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        def gauge(name: str, words: str) -> Gauge:
            return Gauge(f"everai_autoscaler_tuning_{name}", words, registry=registry)

        self._spent = gauge(
            "budget_spent_ratio", "The share of the error budget that is spent; above 1 it is overspent."
        )
        self._left = gauge("budget_left_requests", "How many more requests may be late; below 0 too many were.")
        self._allowed = gauge("budget_allowed_ratio", "The share of late requests that a rule may have now.")
        self._regret = gauge("regret_ratio", "The share of the cost that the tuner's advice would save.")
        self._hours = gauge("evidence_hours", "Hours of traffic that are the evidence; they fade.")
        self._number = gauge("rule", "The number in the book of the rule that is in force; -1 where none of it is.")
        self._told = gauge("told_timestamp_seconds", "When the tuner last said something, in epoch seconds.")
        self._cpu = gauge("cpu_ratio", "The share of one core that the tuner's process has used.")
        self._switches = Counter(
            "everai_autoscaler_tuning_switches", "Changes of what the tuner chose.", registry=registry
        )
        self._starts = Counter("everai_autoscaler_tuner_starts", "Starts of the tuner's process.", registry=registry)
        self._switched: int | None = None

    def told(self, form: TuningForm) -> None:
        """The tuner has said this."""
        if form.budget is not None:
            self._spent.set(form.budget.spent)
            self._left.set(form.budget.left)
            self._allowed.set(form.budget.allowed)
        if form.regret is not None:
            self._regret.set(form.regret)
        self._hours.set(form.hours)
        self._number.set(-1 if form.in_force is None else form.in_force.number)
        self._told.set(form.told_at)
        if form.cpu is not None:
            self._cpu.set(form.cpu)
        if self._switched is not None:
            self._switches.inc(max(0, form.switched - self._switched))
        self._switched = form.switched

    def started(self, number: int) -> None:
        """Its process was started so many times more."""
        self._starts.inc(number)


class Tuning:
    """The ring of requests and the tuner's process of one app.

    Args:
        app: the app's name.
        beside: the process, and how large the ring is.
        directory: the state directory.
        note: tells an operator something, in a line.
        registry: collects what Prometheus is shown.

    Raises:
        StateError: the ring can't be made.
    """

    def __init__(
        self, app: str, beside: Beside, directory: Path, *, note: Callable[[str], None], registry: CollectorRegistry
    ) -> None:
        self._app = app
        self._directory = directory
        self._note = note
        self._ring = Ring(requests_path(directory, app), records=beside.records)
        self._watch = Watch(beside, log=directory / "logs" / "tuner.log", note=note)
        self._metrics = TuningMetrics(registry)
        self._starts = 0
        self._changed_at: int | None = None
        self._failure = ""
        self.came = self._ring.came
        """Takes when a request came; costs next to nothing."""
        self.served = self._ring.add
        """Takes each request that is over; likewise."""
        self.run = self._watch.run
        """Keeps the tuner running until it is cancelled."""

    @property
    def pid(self) -> int | None:
        """Of the tuner's process, while there is one."""
        return self._watch.pid

    def beat(self, waiting: int) -> bool:
        """Write the requests that have ended, and look at what the tuner chose. It waits for the disk.

        Args:
            waiting: how many requests wait now.

        Returns:
            Whether the tuner has said something new.
        """
        try:
            self._ring.tell_open(waiting)
            self._ring.flush()
            new = self._look()
        except AutoscalerError as error:
            # Scaling goes on; it is said once, not at every beat.
            if str(error) != self._failure:
                self._note(f"tuning: {error}")
            self._failure = str(error)
            return False
        self._failure = ""
        return new

    def _look(self) -> bool:
        self._metrics.started(self._watch.starts - self._starts)
        self._starts = self._watch.starts
        try:
            changed_at = chosen_path(self._directory, self._app).stat().st_mtime_ns
        except OSError:
            changed_at = None
        if changed_at == self._changed_at:
            return False
        self._changed_at = changed_at
        form = read_tuning(self._directory, self._app)
        if form is not None:
            self._metrics.told(form)
        return True
