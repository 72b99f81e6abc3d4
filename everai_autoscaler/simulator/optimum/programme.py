"""Linear programmes whose bound is computed here, from a solver's prices, so that no tolerance can make it wrong."""

from __future__ import annotations

import math

import highspy
import numpy as np
import numpy.typing as npt
from attrs import define, field

from everai_autoscaler.simulator.optimum.exact import Floats

__all__ = ["Places", "Programme", "Solution"]

Places = npt.NDArray[np.int64]
"""Numbers of variables, one for each row of a block."""
_EPSILON = float(np.finfo(np.float64).eps)


class _Silent(highspy.Highs):
    """HiGHS without its banner, which it prints when callbacks are enabled, before it can be told to be silent."""

    def enableCallbacks(self) -> None:  # noqa: N802 - HiGHS's name
        """Leaves them off: nothing here calls back."""


@define(eq=False)
class Solution:
    """What a solver found."""

    values: Floats
    """The variables."""
    prices: Floats
    """For each row, what a unit of its limit is worth: the dual."""
    objective: float
    """What the solver says that the least is; to be believed only as far as its tolerances go."""
    status: str


@define(eq=False)
class Programme:
    """Minimise the cost of variables between finite limits, under rows with limits; built block by block.

    >>> programme = Programme()
    >>> x = programme.variables(2, cost=[1, 2], least=0, most=10)
    >>> rows = programme.rows(3, np.inf, (x[:1], 1), (x[1:], 1))
    >>> round(programme.bound(programme.solve().prices), 6)
    3.0
    """

    variables_count: int = 0
    rows_count: int = 0
    _variables: list[tuple[Floats, Floats, Floats]] = field(factory=list)
    _limits: list[tuple[Floats, Floats]] = field(factory=list)
    _entries: list[tuple[Places, Places, Floats]] = field(factory=list)

    def variables(self, count: int, *, cost: npt.ArrayLike, least: npt.ArrayLike, most: npt.ArrayLike) -> Places:
        """Adds *count* variables with these costs and limits, each one number or one for each; says their places."""
        self._variables.append((_filled(cost, count), _filled(least, count), _filled(most, count)))
        self.variables_count += count
        return np.arange(self.variables_count - count, self.variables_count)

    def rows(self, least: npt.ArrayLike, most: npt.ArrayLike, *terms: tuple[Places, npt.ArrayLike]) -> Places:
        """Adds rows: in each, the sum of the variables times their factors is between *least* and *most*.

        Says the rows' places, for :meth:`term`.

        Args:
            least: one limit, or one for each row; minus infinity where there is none.
            most: likewise; infinity where there is none.
            terms: for each term the variables' places, one for each row, and their factors.
        """
        count = len(terms[0][0])
        rows = np.arange(self.rows_count, self.rows_count + count)
        self._limits.append((_filled(least, count), _filled(most, count)))
        self._entries += [(rows, places, _filled(factors, count)) for places, factors in terms]
        self.rows_count += count
        return rows

    def term(self, rows: Places, places: Places, factors: npt.ArrayLike) -> None:
        """Adds the variables at *places* to *rows*, one to one, times their *factors*."""
        self._entries.append((rows, places, _filled(factors, len(rows))))

    def solve(self, *, seconds: float = 60.0) -> Solution:
        """What HiGHS finds within about so many *seconds*."""
        cost, least, most = self.limits
        lower, upper = self._row_limits()
        rows, places, factors = self._matrix()
        order = np.lexsort((rows, places))
        problem = highspy.HighsLp()
        problem.num_col_, problem.num_row_ = self.variables_count, self.rows_count
        problem.col_cost_, problem.col_lower_, problem.col_upper_ = cost, least, most
        problem.row_lower_, problem.row_upper_ = lower, upper
        problem.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        starts = np.cumsum(np.bincount(places, minlength=self.variables_count))
        problem.a_matrix_.start_ = np.concatenate(([0], starts)).astype(np.int32)
        problem.a_matrix_.index_ = rows[order].astype(np.int32)
        problem.a_matrix_.value_ = factors[order]
        solver = _Silent()  # type: ignore[no-untyped-call]  # HiGHS ships no types
        solver.setOptionValue("output_flag", False)
        solver.setOptionValue("threads", 1)
        solver.setOptionValue("solver", "simplex")
        solver.setOptionValue("time_limit", float(seconds))
        solver.passModel(problem)
        solver.run()
        found = solver.getSolution()
        return Solution(
            _filled(found.col_value or 0.0, self.variables_count),
            _filled(found.row_dual or 0.0, self.rows_count),
            float(solver.getInfo().objective_function_value),
            str(solver.modelStatusToString(solver.getModelStatus())),
        )

    def bound(self, prices: Floats) -> float:
        """A number that no feasible choice costs less than, whatever *prices* are; the best ones make it the least.

        For a feasible x and any prices y, cost x = y (A x) + (cost - y A) x. The first part is at least the sum of
        each price times the row's lower limit where the price is positive, and its upper limit where it is negative
        (a price with no such limit is taken as 0); the second at least the sum of each remaining cost times the
        variable's lower or upper limit, whichever is less. What rounding may have added is taken off.
        """
        cost, least, most = self.limits
        lower, upper = self._row_limits()
        rows, places, factors = self._matrix()
        unlimited = ((prices > 0) & np.isinf(lower)) | ((prices < 0) & np.isinf(upper)) | ~np.isfinite(prices)
        prices = np.where(unlimited, 0.0, prices)
        limits = np.where(prices > 0, lower, np.where(prices < 0, upper, 0.0))
        products = factors * prices[rows]
        remaining = cost - np.bincount(places, products, minlength=self.variables_count)
        size = np.abs(cost) + np.bincount(places, np.abs(products), minlength=self.variables_count)
        terms = 4 + np.bincount(places, minlength=self.variables_count)
        rounding = _EPSILON * float(np.sum(terms * size * np.maximum(np.abs(least), np.abs(most))))
        rounding += _EPSILON * float(np.sum(np.abs(prices * limits)))
        parts = np.concatenate((prices * limits, np.minimum(remaining * least, remaining * most)))
        return math.fsum(parts.tolist()) - 2 * rounding

    @property
    def limits(self) -> tuple[Floats, Floats, Floats]:
        """The variables' costs, and their lower and upper limits."""
        cost, least, most = (np.concatenate(column) for column in zip(*self._variables, strict=True))
        return cost, least, most

    def _row_limits(self) -> tuple[Floats, Floats]:
        lower, upper = (np.concatenate(limit) for limit in zip(*self._limits, strict=True))
        return lower, upper

    def _matrix(self) -> tuple[Places, Places, Floats]:
        rows, places, factors = (np.concatenate(part) for part in zip(*self._entries, strict=True))
        return rows, places, factors


def _filled(value: npt.ArrayLike, count: int) -> Floats:
    return np.array(np.broadcast_to(np.asarray(value, np.float64), count))
