"""Choose known truths for a comparison: cells of a grid, inside the prior of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from numbers import Integral
from typing import Any

import numpy as np

from livetime.errors import UserError
from livetime.settings import check_seed
from livetime.simulate.build import check_values
from livetime.simulate.prior import Prior

Cell = Mapping[str, float]
"""Physical values of all parameters and covariates."""


@dataclass(frozen=True)
class Truths:
    """Choose the parameters at which network and references are compared.

    Arguments:
        cells: physical values of all parameters and covariates.
        varied: names that distinguish the cells.
        n: simulations in each cell, at least 2.
        seed: of the simulations and of all draws.

    Examples:
        >>> from livetime.simulate.prior import Range
        >>> prior = Prior({"rate": Range(10.0, 1000.0), "qpo_rms": Range(0.01, 0.5)})
        >>> truths = Truths.on_grid(prior, {"rate": [50.0, 500.0]}, {"qpo_rms": 0.1}, n=10)
        >>> truths.cells[1]
        {'qpo_rms': 0.1, 'rate': 500.0}
    """

    cells: Sequence[Cell]
    varied: tuple[str, ...]
    n: int = 100
    seed: int = 2

    @classmethod
    def on_grid(
        cls,
        prior: Prior,
        grid: Mapping[str, Sequence[float]],
        fixed: Cell,
        n: int = 100,
        seed: int = 2,
    ) -> "Truths":
        """Make a cell of every combination of the values of a grid.

        Arguments:
            prior: of the run; grid and fixed together give all its names.
            grid: name -> physical values.
            fixed: name -> physical value, the same in all cells.
            n: simulations in each cell.
            seed: of the simulations and of all draws.

        Raises:
            UserError: for fewer than two simulations in a cell; and see `check_grid`.
        """
        if not isinstance(n, Integral) or n < 2:
            problem = f"is {n}, but the scatter in a cell needs 2 simulations"
            raise UserError("n", problem, "give a whole number, 2 or more")
        check_seed(seed)
        check_grid(prior, grid, fixed)
        combinations = product(*(np.atleast_1d(values).tolist() for values in grid.values()))
        cells = [{**fixed, **dict(zip(grid, values, strict=True))} for values in combinations]
        return cls(cells, tuple(grid), n, seed)

    def plain(self) -> dict[str, Any]:
        """List all that determines the simulations, in plain types."""
        return {"cells": [dict(cell) for cell in self.cells], "n": self.n, "seed": self.seed}


def check_grid(prior: Prior, grid: Mapping[str, Sequence[float]], fixed: Cell) -> None:
    """Check that a grid and fixed values together cover a prior, inside its ranges.

    Arguments:
        prior: of the run.
        grid: name -> physical values.
        fixed: name -> physical value.

    Raises:
        UserError: for a name that is unknown, missing or given twice, and for a value outside.
    """
    for name, values in grid.items():
        check_values(prior, f"grid.{name}", name, np.atleast_1d(values).tolist())
    for name, value in fixed.items():
        check_values(prior, f"fixed.{name}", name, [value])
        if name in grid:
            raise UserError(f"fixed.{name}", "is both in grid and in fixed", "remove one")

    missing = [name for name in prior.ranges if name not in grid and name not in fixed]
    if missing:
        problem = "is missing, and not in grid"
        raise UserError(f"fixed.{missing[0]}", problem, "give one value, or a grid")
    if not grid:
        raise UserError("grid", "is empty", "give values of one or two parameters")
