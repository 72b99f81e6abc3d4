"""The search itself: which arguments to try next, in a file where that is wanted; it needs optuna."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from attrs import frozen

from everai_autoscaler.errors import ContractError, MissingExtraError
from everai_autoscaler.model.binding import reconcile
from everai_autoscaler.simulator.searched import Searched
from everai_autoscaler.words import one_line

if TYPE_CHECKING:
    import optuna

__all__ = ["BATCH", "Search", "Trial"]

BATCH = 5
"""How many trials are asked for at once, on however many cores: so that a seed finds the same everywhere."""
_STUDY = "tune"


@frozen
class Trial:
    """One set of arguments that was tried in training."""

    number: int
    """From 0; 0 are the scaler's own defaults, moved into the ranges that are searched."""
    arguments: Mapping[str, float]
    """What was searched."""
    cost: float | None
    """Worker-seconds for each second of service that was asked for, on average over the workloads; ``None`` when it
    failed."""
    attainment: float
    """The share of requests that began in time, on the worst of the workloads; 0 when it failed."""
    error: str = ""
    """Why it failed, in one line."""

    def meets(self, share: float) -> bool:
        """Whether at least this *share* of the requests began in time on each of the workloads.

        >>> Trial(0, {"max_workers": 5}, cost=1.4, attainment=0.98).meets(0.99)
        False
        """
        return self.cost is not None and self.attainment >= share


class Search:
    """A search with a memory: asks what to try next, and is told what it came to.

    Args:
        searched: the arguments, with their ranges.
        share: the share of requests that are to begin in time: what no trial may fall short of.
        seed: decides what is asked, together with what was told.
        first: the arguments to try first.
        question: what is searched, in words, by name; a file that holds another search is refused.
        path: the file in which it is kept: ``.db`` or ``.sqlite`` a database, else a journal; in memory without one.

    Raises:
        MissingExtraError: optuna isn't installed.
        ContractError: the file is none of a search, or of another one; says what differs.
    """

    def __init__(
        self,
        searched: Sequence[Searched],
        *,
        share: float,
        seed: int,
        first: Mapping[str, float],
        question: Mapping[str, str],
        path: str | None = None,
    ) -> None:
        self._optuna = _optuna()
        self._share = share
        self._seed = seed
        self._path = path
        self._open: dict[int, optuna.Trial] = {}
        self._ranges = {one.name: self._range(one) for one in searched}
        with self._readable():
            self._study = self._optuna.create_study(
                study_name=_STUDY, storage=self._storage(), load_if_exists=True, direction="minimize"
            )
            self._ask_the_same(question)
            states = self._optuna.trial.TrialState
            for one in self._study.get_trials(deepcopy=False, states=(states.RUNNING,)):
                self._study.tell(one.number, state=states.FAIL)  # it was interrupted
            if not self._study.get_trials(deepcopy=False):
                self._study.enqueue_trial(dict(first))

    @property
    def trials(self) -> list[Trial]:
        """What was tried, in the order in which it was asked."""
        states = (self._optuna.trial.TrialState.COMPLETE,)
        return [self._trial(number, one) for number, one in enumerate(self._study.get_trials(states=states))]

    def ask(self, count: int) -> list[tuple[int, Mapping[str, float]]]:
        """What to try next: for each of *count* trials its number in the file, and its arguments."""
        with _quiet():
            # Of the number that is known already, so that a search that goes on asks what one in a piece would.
            seed = zlib.crc32(f"{self._seed}:{len(self.trials)}".encode())
            self._study.sampler = self._optuna.samplers.TPESampler(seed=seed, multivariate=True)
            asked = [self._study.ask(self._ranges) for _ in range(count)]
        self._open.update({one.number: one for one in asked})
        return [(one.number, _consistent(one.params)) for one in asked]

    def tell(self, number: int, *, cost: float | None, attainment: float, error: str = "") -> None:
        """What trial *number* of the file came to."""
        trial = self._open.pop(number)
        trial.set_user_attr("came to", {"cost": cost, "attainment": attainment, "error": error})
        trial.set_constraint("share", self._share - attainment)
        self._study.tell(trial, math.inf if cost is None else cost)

    def _range(self, one: Searched) -> optuna.distributions.BaseDistribution:
        kinds = self._optuna.distributions
        found: optuna.distributions.BaseDistribution = (
            kinds.IntDistribution(int(one.low), int(one.high), log=one.by_ratio)
            if one.whole
            else kinds.FloatDistribution(one.low, one.high, log=one.by_ratio)
        )
        return found

    def _storage(self) -> optuna.storages.BaseStorage | None:
        if self._path is None:
            return None
        if not _is_database(self._path):
            _check_journal(self._path)
        from sqlalchemy.pool import NullPool  # optuna needs it

        storages = self._optuna.storages
        found: optuna.storages.BaseStorage = (
            # Without a pool, which would leave connections open.
            storages.RDBStorage(f"sqlite:///{self._path}", engine_kwargs={"poolclass": NullPool})
            if _is_database(self._path)
            else storages.JournalStorage(storages.journal.JournalFileBackend(self._path))
        )
        return found

    def _ask_the_same(self, question: Mapping[str, str]) -> None:
        asked = self._study.user_attrs.get("question")
        if asked is None:
            self._study.set_user_attr("question", dict(question))
            return
        for name in sorted({*asked, *question}):
            was, now = asked.get(name), question.get(name)
            if was != now:
                raise ContractError(f"{self._path}: holds another search: {name} was {was!r}, and is now {now!r}")

    @staticmethod
    def _trial(number: int, one: optuna.trial.FrozenTrial) -> Trial:
        came_to = one.user_attrs["came to"]
        return Trial(number, _consistent(one.params), came_to["cost"], came_to["attainment"], came_to["error"])

    @contextmanager
    def _readable(self) -> Iterator[None]:
        """Whatever a storage makes of a file that is not its own is one line that names the file."""
        try:
            with _quiet():
                yield
        except ContractError:
            raise
        except Exception as error:
            if self._path is None:
                raise
            why = (str(error).splitlines() or [type(error).__name__])[0].rpartition("[Errno 2] ")[2]
            raise ContractError(
                f"{self._path}: can't be used to keep a search in: {one_line(why)}; "
                "name a new file, or one of an earlier search"
            ) from error


def _is_database(path: str) -> bool:
    return Path(path).suffix in (".db", ".sqlite", ".sqlite3")


def _check_journal(path: str) -> None:
    """Refuse a file that is there and no journal: a journal is appended to before it is looked at."""
    if not Path(path).exists():
        return
    with Path(path).open("rb") as lines:
        first = lines.readline()
    if first and not (first.startswith(b"{") and b'"op_code"' in first):
        raise ValueError("it is no journal of a search")


def _consistent(arguments: Mapping[str, float]) -> dict[str, float]:
    """What was asked, with the minimum lowered to the maximum where they contradict each other."""
    return reconcile(arguments)[0]


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise MissingExtraError(
            "a search for arguments needs optuna: pip install 'everai-autoscaler[simulator]'"
        ) from error
    return optuna


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what optuna logs about each trial."""
    logging = _optuna().logging
    before = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        yield
    finally:
        logging.set_verbosity(before)
