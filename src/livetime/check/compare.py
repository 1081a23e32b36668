"""Compare a network and references on simulations with known truth, on a grid of parameters."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from livetime.check.arrays import Floats
from livetime.check.kept_fits import QUANTILES, KeptFits
from livetime.check.truths import Truths
from livetime.errors import UserError, hint
from livetime.infer.run import Run
from livetime.progress import progress
from livetime.simulate.prior import Prior

NETWORK_DRAWS = 4000
"""Draws from each of the network's posteriors."""


@dataclass(frozen=True)
class Comparison:
    """Keep the comparison of a network with references.

    Arguments:
        rows: one for each cell and method, see `comparison_rows`.
        truths: the cells.
        target: the parameter that is compared.
        quantity: the target, or its logarithm, see `compared_quantity`.
        run: folder of the network.

    Examples:
        >>> row = {"method": "network", "coverage68": 0.7, "coverage95": 0.94}
        >>> truths = Truths([{"rate": 50.0}], ("rate",))
        >>> Comparison([row], truths, "rate", "ln rate", "outputs/demo/1").pooled()
        {'network': {'68': 0.7, '95': 0.94}}
    """

    rows: list[dict[str, Any]]
    truths: Truths
    target: str
    quantity: str
    run: str

    @property
    def grid(self) -> list[str]:
        """Name the parameters and covariates that vary over the cells."""
        return list(self.truths.varied)

    @property
    def settings(self) -> dict[str, Any]:
        """List fixed values, simulations in a cell, seed and run, in plain types."""
        truths = self.truths
        first = truths.cells[0]
        return {
            "fixed": {name: first[name] for name in first if name not in truths.varied},
            "n": self.truths.n,
            "seed": self.truths.seed,
            "run": self.run,
        }

    @property
    def methods(self) -> list[str]:
        """List the network and the references, in the order of the rows."""
        return list(dict.fromkeys(row["method"] for row in self.rows))

    def pooled(self) -> dict[str, dict[str, float]]:
        """Find the coverage of the 68% and 95% intervals of each method over all cells."""
        pooled = {}
        for method in self.methods:
            own = [row for row in self.rows if row["method"] == method]
            shares = {}
            for level in ("68", "95"):
                shares[level] = float(np.mean([row[f"coverage{level}"] for row in own]))
            pooled[method] = shares
        return pooled

    def numbers(self) -> dict[str, Any]:
        """List all numbers in plain types."""
        return {
            "target": self.target,
            "quantity": self.quantity,
            **self.settings,
            "rows": self.rows,
            "pooled": self.pooled(),
        }


def choose_target(prior: Prior, given: str | None, grid: Mapping[str, Any]) -> str:
    """Choose the parameter that is compared: the given one, else the first of the grid.

    Arguments:
        prior: of the run.
        given: a name; None for the first of the grid.
        grid: name -> physical values.

    Raises:
        UserError: if it is not a parameter.
    """
    target = given or next(iter(grid))
    if target not in prior.parameters:
        problem = f"is {target}, which is not a parameter"
        raise UserError("target", problem, hint(target, prior.parameters))
    return target


def compare_methods(
    run: Run,
    truths: Truths,
    target: str,
    names: Sequence[str],
    processes: int | None = None,
) -> Comparison:
    """Compare bias, scatter, width and coverage of a network and references.

    Arguments:
        run: of a posterior estimator.
        truths: where they are compared.
        target: the parameter that is compared.
        names: of the references.
        processes: number that fit the references; None for one per core.
    """
    fits = fit_quantiles(run, truths, names, processes)
    prior = run.simulator.prior
    rows = comparison_rows(prior, truths, fits, target)
    return Comparison(rows, truths, target, compared_quantity(prior, target), str(run.folder))


def compared_quantity(prior: Prior, target: str) -> str:
    """Name the compared quantity: the logarithm of a parameter on a log scale, else the
    parameter."""
    return f"ln {target}" if prior.parameters[target].scale == "log" else target


def comparison_rows(
    prior: Prior, truths: Truths, fits: Mapping[str, Floats], target: str
) -> list[dict[str, Any]]:
    """Summarise the quantiles of each cell and method.

    Arguments:
        prior: names the columns of the fits.
        truths: the cells.
        fits: method -> quantiles, see `fit_quantiles`.
        target: the parameter that is compared.

    Returns:
        rows with bias of the median and its standard error, scatter of the median, mean half-width
        of the 68% interval, and coverage of both intervals.
    """
    column = prior.names.index(target)
    scale = prior.parameters[target]
    rows = []
    for i, cell in enumerate(truths.cells):
        for method, quantiles in fits.items():
            values = scale.to_physical(quantiles[i, :, :, column])
            truth = cell[target]
            error = np.log(values / truth) if scale.scale == "log" else values - truth
            varied = {name: cell[name] for name in truths.varied}
            rows.append({"cell": varied, "method": method, **_summary(error)})
    return rows


def _summary(error: Floats) -> dict[str, float]:
    """Summarise quantiles minus truth, (n, 5)."""
    low95, low68, median, high68, high95 = error.T
    inside68 = (low68 <= 0) & (high68 >= 0)
    inside95 = (low95 <= 0) & (high95 >= 0)
    width = (high68 - low68).mean()
    scatter = float(median.std(ddof=1))
    return {
        "bias": float(median.mean()),
        "bias_error": scatter / len(median) ** 0.5,
        "scatter": scatter,
        "half_width": float(width / 2),
        "coverage68": float(inside68.mean()),
        "coverage95": float(inside95.mean()),
    }


def fit_quantiles(
    run: Run, truths: Truths, names: Sequence[str], processes: int | None = None
) -> dict[str, Floats]:
    """Find the quantiles of every posterior of a network and of references.

    The fits of references are kept beside the banks. A comparison that was stopped continues,
    and the next network is compared with the same fits.

    Arguments:
        run: of a posterior estimator.
        truths: parameters of the simulations.
        names: of the references.
        processes: number that fit the references; None for one per core.

    Returns:
        method -> (cells, n, 5, D) in sampling coordinates, at `QUANTILES`.
    """
    x, network = _network_quantiles(run, truths)
    fits = {"network": network}
    if not names:
        return fits

    kept = KeptFits.open(run, truths)
    kept.fit(run, x, names, processes)
    shape = (len(truths.cells), truths.n, len(QUANTILES), -1)
    for name in names:
        fits[name] = kept.load(name).reshape(shape)
    return fits


def _network_quantiles(run: Run, truths: Truths) -> tuple[Floats, Floats]:
    """Simulate all summaries, and find the quantiles of the network's posteriors."""
    simulator = run.simulator
    n = truths.n
    summaries = []
    quantiles = []
    with progress("simulate and infer", len(truths.cells) * n, "observations") as bar:
        for i, cell in enumerate(truths.cells):
            params = {name: np.full(n, value) for name, value in cell.items()}
            theta = simulator.prior.theta(params)
            x = simulator.draw(theta, truths.seed, start=i * n)
            summaries.append(x)
            draws = run.posterior(x).sample(NETWORK_DRAWS, truths.seed + i)
            by_quantile = np.quantile(draws, QUANTILES, axis=0)
            quantiles.append(by_quantile.transpose(1, 0, 2))
            bar.advance(n)
    return np.concatenate(summaries), np.array(quantiles)
