"""Network and references on simulations with known truth, on a grid: bias, coverage and width of each."""

import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetime.infer.build import build_simulator
from livetime.infer.run import Run
from livetime.processes import process_pool
from livetime.progress import progress, say
from livetime.reference import exact, sampler
from livetime.reference import expected_power as source_power
from livetime.reference import spectral as spectral_reference
from livetime.reference import whittle as reference
from livetime.reference.whittle import Answering, references
from livetime.simulate.prior import Prior

Floats = NDArray[np.floating[Any]]
QUANTILES = (0.025, 0.16, 0.5, 0.84, 0.975)
MAX_STEPS = 2000
"""Of a chain: medians and 68% intervals need no more, and there are many chains."""
BLOCK = 50
"""Fits that are written at a time."""
Cell = Mapping[str, float]


def fit(
    run: Run,
    cells: Sequence[Cell],
    n: int,
    names: Sequence[str],
    seed: int,
    processes: int | None,
    kept: Path,
) -> dict[str, Floats]:
    """Quantiles of every posterior.

    What the references say does not depend on the network: their fits are kept, in blocks, in a folder named by what shapes them (the
    simulator, the cells, n, the seed and the references' own source code), so that a comparison which was stopped goes on where it was and
    the next network is compared with the same ones.

    Arguments:
        run: a finished run.
        cells: physical values of all parameters and covariates.
        n: simulations in each.
        names: of the references.
        seed: of simulations and draws.
        processes: in which the references are fitted; None for one a core.
        kept: folder of folders of fits, beside the banks.

    Returns: method -> (cells, n, 5, D) in sampling coordinates, at QUANTILES.
    """
    simulator = run.simulator
    summaries, network = [], []
    with progress("simulate and infer", len(cells) * n, "observations") as bar:
        for i, cell in enumerate(cells):
            theta = simulator.prior.theta({name: np.full(n, value) for name, value in cell.items()})
            summaries.append(simulator.draw(theta, seed, start=i * n))
            draws = run.posterior(summaries[-1]).sample(4000, seed + i)
            network.append(np.quantile(draws, QUANTILES, axis=0).transpose(1, 0, 2))
            bar.advance(n)
    x = np.concatenate(summaries)
    out: dict[str, Floats] = {"network": np.array(network)}
    if not names:
        return out
    key = {
        "identity": simulator.identity(),
        "cells": [dict(cell) for cell in cells],
        "n": n,
        "seed": seed,
        "steps": MAX_STEPS,
    }
    sources = "".join(
        inspect.getsource(module)
        for module in (reference, source_power, sampler, exact, spectral_reference)
    )
    folder = (
        kept / hashlib.sha256((json.dumps(key, sort_keys=True) + sources).encode()).hexdigest()[:16]
    )
    blocks = [(name, start) for name in names for start in range(0, len(x), BLOCK)]
    found = sum(
        len(x[start : start + BLOCK])
        for name, start in blocks
        if _block(folder, name, start).exists()
    )
    workers = process_pool(processes, _start, (run.config, tuple(names)))
    with workers as pool, progress("references", len(x) * len(names), "fits", done=found) as bar:
        for name, start in blocks:
            path = _block(folder, name, start)
            if path.exists():
                continue
            tasks = [
                (name, row, seed + start + k) for k, row in enumerate(x[start : start + BLOCK])
            ]
            rows = []
            for row in pool.map(_fit, tasks):
                rows.append(row)
                bar.advance()
            path.parent.mkdir(parents=True, exist_ok=True)
            aside = path.with_name(f".{path.name}")
            np.savez(
                aside,
                quantiles=np.array([q for q, _ in rows]),
                lost=np.array([bool(complaints) for _, complaints in rows]),
            )
            aside.rename(path)
    for name in names:
        parts = [np.load(_block(folder, name, start)) for start in range(0, len(x), BLOCK)]
        if lost := sum(int(part["lost"].sum()) for part in parts):
            say(
                f"{lost} of {len(x)} chains of the {name.replace('_', ' ')} posterior did not converge in {MAX_STEPS} steps"
            )
        out[name] = np.concatenate([part["quantiles"] for part in parts]).reshape(
            len(cells), n, len(QUANTILES), -1
        )
    return out


def _block(folder: Path, name: str, start: int) -> Path:
    return folder / f"{name}_{start:06d}.npz"


_references: dict[str, Answering] = {}


def _start(config: Mapping[str, Any], names: Sequence[str]) -> None:
    _references.update(references(build_simulator(config), names, max_steps=MAX_STEPS))


def _fit(task: tuple[str, Floats, int]) -> tuple[Floats, tuple[str, ...]]:
    name, x, seed = task
    samples = _references[name].fit(x, seed)
    return np.quantile(samples.theta, QUANTILES, axis=0), samples.notes


def rows(
    run: Run, cells: Sequence[Cell], grid: Sequence[str], fits: Mapping[str, Floats], target: str
) -> list[dict[str, Any]]:
    """One row for each cell and method, of what `quantity` says: bias of the median and its standard error, scatter of the median, mean
    half-width of the 68% interval, and the share of the 68% and 95% intervals that hold the truth."""
    prior = run.simulator.prior
    column, out = prior.names.index(target), []
    scale = prior.parameters[target]
    for i, cell in enumerate(cells):
        for method, quantiles in fits.items():
            values = scale.to_physical(quantiles[i, :, :, column])
            off = np.log(values / cell[target]) if scale.scale == "log" else values - cell[target]
            lo95, lo68, median, hi68, hi95 = off.T
            scatter = float(median.std(ddof=1))
            out.append(
                {
                    "cell": {name: cell[name] for name in grid},
                    "method": method,
                    "bias": float(median.mean()),
                    "bias_error": scatter / len(median) ** 0.5,
                    "scatter": scatter,
                    "half_width": float((hi68 - lo68).mean() / 2),
                    "coverage68": float(((lo68 <= 0) & (hi68 >= 0)).mean()),
                    "coverage95": float(((lo95 <= 0) & (hi95 >= 0)).mean()),
                }
            )
    return out


def quantity(prior: Prior, target: str) -> str:
    """What a bias is of: the natural logarithm of a parameter that the prior has on a log scale, else the parameter, which may be zero."""
    return f"ln {target}" if prior.parameters[target].scale == "log" else target


@dataclass(frozen=True)
class Comparison:
    """Compare a network and references on a grid of truths.

    Arguments:
        rows: one for each cell and method, see `rows`.
        grid: names of the parameters and covariates that vary over the cells.
        target: the parameter that is compared.
        quantity: the target, or its logarithm.
        settings: what else was asked for, in plain types.
    """

    rows: list[dict[str, Any]]
    grid: list[str]
    target: str
    quantity: str
    settings: Mapping[str, Any]

    @property
    def methods(self) -> list[str]:
        """The network and the references, in the order of the rows."""
        return list(dict.fromkeys(row["method"] for row in self.rows))

    def pooled(self) -> dict[str, dict[str, float]]:
        """Find the coverage of the 68% and 95% intervals of each method over all cells."""
        out = {}
        for method in self.methods:
            own = [row for row in self.rows if row["method"] == method]
            out[method] = {
                level: float(np.mean([row[f"coverage{level}"] for row in own]))
                for level in ("68", "95")
            }
        return out

    def numbers(self) -> dict[str, Any]:
        """List all numbers in plain types."""
        return {
            "target": self.target,
            "quantity": self.quantity,
            **self.settings,
            "rows": self.rows,
            "pooled": self.pooled(),
        }
