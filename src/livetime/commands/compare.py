"""`livetime compare`: network and references on simulations with known truth, on a grid."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livetime.commands.runs import applicable_references, open_posterior_run
from livetime.commands.settings import RunSettings, check_count, check_number, result_folder
from livetime.config import check
from livetime.outputs import new_folder, stamp
from livetime.settings import Reference


@dataclass
class CompareSettings(RunSettings):
    """Set the parameters at which network and references are compared.

    Arguments:
        grid: name -> physical values; each combination is a cell.
        fixed: name -> physical value, the same in all cells.
        n: simulations in each cell.
        target: parameter that is compared; None for the first of the grid.
        reference: keyword arguments of `livetime.config.Reference`.
        processes: number that fit the references; None for one per core.

    Raises:
        UserError: for a number of simulations or processes out of range.

    Examples:
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
        check_number(self.n, 2, "the scatter in a cell")


def compare(settings: CompareSettings) -> Path:
    """Compare bias, coverage and width of network and references on a grid.

    Returns: the folder of the table and the figure.
    """
    from livetime.check.compare import choose_target, compare_methods
    from livetime.check.truths import Truths
    from livetime.report.comparison import save_comparison

    run = open_posterior_run(settings.run)
    reference = check(Reference, settings.reference, "reference")
    prior = run.simulator.prior
    truths = Truths.on_grid(prior, settings.grid, settings.fixed, settings.n, settings.seed)
    target = choose_target(prior, settings.target, settings.grid)
    names = applicable_references(run, reference)
    folder = result_folder(settings.output, run.folder / f"compare_{stamp()}")

    with new_folder(folder, settings.overwrite) as aside:
        compared = compare_methods(run, truths, target, names, settings.processes)
        save_comparison(compared, aside)
    return folder
