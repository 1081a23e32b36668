"""`livetime compare`: network and references on simulations with known truth, on a grid."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from livetime.commands.runs import applicable_references, open_posterior_run
from livetime.commands.settings import RunSettings, check_count, check_number, result_folder
from livetime.config import Reference, check
from livetime.errors import UserError, hint
from livetime.outputs import new_folder, stamp

if TYPE_CHECKING:
    from livetime.simulate.prior import Prior

MIN_SIMULATIONS = 2


@dataclass
class CompareSettings(RunSettings):
    """Say at which parameters network and references are compared.

    Arguments:
        grid: name -> physical values; each combination is a cell.
        fixed: name -> physical value, the same in all cells.
        n: simulations in each cell.
        target: parameter that is compared; None for the first of the grid.
        reference: keyword arguments of `livetime.config.Reference`.
        processes: that fit the references; None for one a core.

    Raises:
        UserError: for a number of simulations or processes out of range.

    Example:
        >>> CompareSettings(run="outputs/demo/1", grid={"rate": [50.0, 500.0]}).n
        100
    """

    grid: dict[str, list[float]] = field(default_factory=dict)
    fixed: dict[str, float] = field(default_factory=dict)
    n: int = 100
    target: str | None = None
    reference: dict[str, Any] = field(default_factory=dict)
    processes: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("processes", self.processes)
        check_number(self.n, MIN_SIMULATIONS, "the scatter in a cell")


def compare(settings: CompareSettings) -> Path:
    """Compare bias, coverage and width of network and references on a grid.

    Returns: the folder of the table and the figure.
    """
    from livetime.check import compare as comparison
    from livetime.report.comparison import save_comparison

    run = open_posterior_run(settings.run)
    reference = check(Reference, settings.reference, "reference")
    prior = run.simulator.prior
    refuse_cells(prior, settings.grid, settings.fixed)
    target = _target(prior, settings)
    names = applicable_references(run, reference)
    folder = result_folder(settings.output, run.folder / f"compare_{stamp()}")

    with new_folder(folder, settings.overwrite) as aside:
        grid = settings.grid
        values = product(*grid.values())
        cells = [{**settings.fixed, **dict(zip(grid, row, strict=True))} for row in values]
        kept = run.folder.resolve().parents[1] / "references"
        fits = comparison.fit(
            run, cells, settings.n, names, settings.seed, settings.processes, kept
        )
        rows = comparison.rows(run, cells, list(grid), fits, target)
        record = {
            "fixed": settings.fixed,
            "n": settings.n,
            "seed": settings.seed,
            "run": str(run.folder),
        }
        quantity = comparison.quantity(prior, target)
        compared = comparison.Comparison(rows, list(grid), target, quantity, record)
        save_comparison(compared, aside)
    return folder


def refuse_cells(
    prior: "Prior", grid: Mapping[str, list[float]], fixed: Mapping[str, float]
) -> None:
    """Check that grid and fixed values together cover the prior's names, inside its ranges.

    Raises:
        UserError: for a name that is unknown, missing or given twice, and for a value outside.
    """
    for name, values in grid.items():
        _refuse_values(prior, "grid", name, np.atleast_1d(values))
    for name, value in fixed.items():
        _refuse_values(prior, "fixed", name, np.atleast_1d(value))
        if name in grid:
            raise UserError(f"fixed.{name}", "stands both in grid and in fixed", "remove one")

    missing = [name for name in prior.ranges if name not in grid and name not in fixed]
    if missing:
        raise UserError(
            f"fixed.{missing[0]}", "is missing, and not in grid", "give one value, or a grid"
        )
    if not grid:
        raise UserError("grid", "is empty", "give values of one or two parameters")


def _refuse_values(prior: "Prior", place: str, name: str, values: Any) -> None:
    """Refuse values that the run does not know."""
    from livetime.simulate.simulator import WHOLE

    key = f"{place}.{name}"
    if name not in prior.ranges:
        raise UserError(key, "is not in the prior", hint(name, prior.ranges))
    if len(values) == 0:
        raise UserError(key, "is empty", "give one value or more")

    known = prior.ranges[name]
    values = np.asarray(values, dtype=np.float64)
    if not ((values >= known.low) & (values <= known.high)).all():
        raise UserError(
            key,
            f"is {values.tolist()}, but the run knows {known.low:g} to {known.high:g}",
            "stay inside",
        )
    if name in WHOLE and (values % 1).any():
        raise UserError(key, f"is {values.tolist()}, but must be whole", "round it")


def _target(prior: "Prior", settings: CompareSettings) -> str:
    """Choose the parameter that is compared."""
    target = settings.target or next(iter(settings.grid))
    if target not in prior.parameters:
        raise UserError(
            "target", f"is {target}, which is not a parameter", hint(target, prior.parameters)
        )
    return target
