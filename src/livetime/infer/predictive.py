"""Compare an observation with the simulations of the training, and with posterior predictions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from livetime.learn.emulator import emulator_residuals
from livetime.simulate.layout import Block, Layout
from livetime.simulate.periodogram import cospectrum
from livetime.simulate.prior import Samples
from livetime.simulate.simulator import Simulator

if TYPE_CHECKING:
    from livetime.infer.run import Run

Floats = NDArray[np.floating[Any]]
PREDICTIONS = 200
"""Simulations that are drawn from a posterior to compare with the observation."""
MIN_PREDICTIVE_P = 0.01
"""p-value of the residuals below which a posterior is not to be used."""
CAUTION_P = 0.05
"""p-value of the residuals below which a posterior is to be used with caution."""
RESIDUAL_DRAWS = 64
"""Posterior draws behind the residuals of a summary."""
RESIDUAL_BATCH = 40
"""Summaries whose residuals are found together."""
_OUTSIDE = 1e-6
"""Excess over the range of the training, in units of the range, that still counts as inside."""


def predict(
    simulator: Simulator,
    samples: Samples,
    covariates: Mapping[str, float],
    seed: int,
    progress: Callable[[int], object] | None = None,
) -> Floats:
    """Simulate further observations with draws of a posterior, under the same conditions.

    Arguments:
        simulator: of the observation.
        samples: draws from the posterior.
        covariates: what is known of the observation, in physical units.
        seed: of the choice of draws and of the simulations.
        progress: receives the number of simulations done since its last call.

    Returns:
        finite summaries (P, X), P at most `PREDICTIONS`.
    """
    n = min(len(samples.theta), PREDICTIONS)
    rows = np.random.default_rng(seed).choice(len(samples.theta), n, replace=False)
    known = known_covariates(simulator, covariates)
    theta = np.hstack([samples.theta[rows], np.tile(known, (n, 1))])

    predicted = simulator.draw(theta, seed, progress=progress)
    return predicted[np.isfinite(predicted).all(axis=1)]


def known_covariates(simulator: Simulator, covariates: Mapping[str, float]) -> Floats:
    """Give what is known of an observation in sampling coordinates, (C,).

    Arguments:
        simulator: its prior has the covariates.
        covariates: name -> physical value.
    """
    ranges = simulator.prior.covariates
    return np.array([float(r.to_sampling(covariates[name])) for name, r in ranges.items()])


def posterior_residuals(
    run: "Run",
    x: Floats,
    covariates: Floats,
    seed: int,
    progress: Callable[[int], object] | None = None,
) -> Floats:
    """Compare summaries with the emulator's prediction, averaged over their posteriors.

    Arguments:
        run: of a posterior estimator, with its emulator.
        x: summaries (N, X).
        covariates: of each, (N, C) in sampling coordinates.
        seed: of the posterior draws.
        progress: receives the number of summaries done since its last call.

    Returns:
        residuals (N, X), see `livetime.learn.emulator.emulator_residuals`. Those of a covariate
        are zero: it is known, not predicted.
    """
    parts = []
    for start in range(0, len(x), RESIDUAL_BATCH):
        rows = slice(start, start + RESIDUAL_BATCH)
        draws = run.posterior(x[rows]).sample(RESIDUAL_DRAWS, seed + start)
        parts.append(emulator_residuals(run.emulator, draws, covariates[rows], x[rows]))
        if progress:
            progress(len(parts[-1]))
    found = np.concatenate(parts)

    for name in run.simulator.prior.covariates:
        place = run.simulator.layout.slices.get(name)
        if place is not None:
            found[:, place] = 0.0
    return found


@dataclass(frozen=True)
class TrainingRange:
    """The range of each entry of the summaries that a network was trained on.

    Arguments:
        low, high: least and greatest value of each entry, (X,).

    Examples:
        >>> TrainingRange(np.zeros(2), np.ones(2)).low
        array([0., 0.])
    """

    low: Floats
    high: Floats

    @classmethod
    def from_plain(cls, layout: Layout, plain: Mapping[str, Any]) -> "TrainingRange":
        """Make the range from the contents of a file.

        Arguments:
            layout: of a summary.
            plain: `low` and `high` as lists.

        Raises:
            ValueError: if the range does not fit the layout, or low exceeds high.
        """
        low = np.array(plain["low"], dtype=np.float64)
        high = np.array(plain["high"], dtype=np.float64)
        fits = low.shape == high.shape == (layout.size,)
        if not (fits and np.isfinite([low, high]).all() and (low <= high).all()):
            raise ValueError("the range does not fit the summary")
        return cls(low, high)

    def doubts(self, simulator: Simulator, x: Floats) -> list[str]:
        """List the quantities of a summary (X,) that lie outside, each with both numbers.

        Arguments:
            simulator: names the entries; the range of a covariate is that of its prior.
            x: observed summary (X,).
        """
        out = []
        for block in simulator.layout.blocks:
            values = np.asarray(x[simulator.layout.slices[block.name]], dtype=np.float64)
            low, high = self._edges(simulator, block.name)
            beyond = np.maximum(low - values, values - high) / (high - low + 1e-9)
            worst = int(beyond.argmax())
            if beyond[worst] <= _OUTSIDE:
                continue
            entry = block.to_physical([values[worst], low[worst], high[worst]])
            value, least, most = entry.tolist()
            words, unit = _in_words(block, worst, int((beyond > _OUTSIDE).sum()))
            seen = f"training saw {least:.4g} to {most:.4g}"
            out.append(f"{words} is {value:.4g}{unit}, but {seen}: the answer is extrapolated")
        return out

    def _edges(self, simulator: Simulator, name: str) -> tuple[Floats, Floats]:
        """Find the range of the entries of one block."""
        if name in simulator.detector_covariates:
            drawn = simulator.prior.covariates[name]
            edges = drawn.to_sampling([drawn.low, drawn.high])
            return edges[:1], edges[1:]
        part = simulator.layout.slices[name]
        return self.low[part], self.high[part]


def _in_words(block: Block, at: int, outside: int) -> tuple[str, str]:
    """Name an entry of a block, and its unit."""
    if block.axis is None:
        return block.label, f" {block.unit}".rstrip()
    place = f"{block.label} at {block.axis.values[at]:.3g} {block.axis.unit}"
    words = f"{place} ({outside} of {block.size} entries are outside)"
    return words, "%" if block.unit == "%" else f" ({block.unit})"


def physical_values(simulator: Simulator, x: Floats) -> dict[str, Floats]:
    """Convert a summary back to physical quantities.

    Arguments:
        simulator: gives the layout.
        x: summary (X,).

    Returns:
        block name -> values in the block's unit: Leahy powers, counts/s, numbers.
    """
    layout = simulator.layout
    own = simulator.raw(x)
    out: dict[str, Floats] = {}
    for name, part in layout.slices.items():
        # A detector's covariates, and what follows from them, stand after the summary's own vector.
        values = own[part] if part.stop <= len(own) else np.asarray(x[part], dtype=np.float64)
        out[name] = layout[name].to_physical(values)
    return out


def spectrum_table(
    simulator: Simulator, x: Floats, covariates: Mapping[str, float]
) -> dict[str, Floats]:
    """Tabulate the power spectrum, or the spectrum of counts, of an observation.

    A power averaged over M segments and W frequencies has the error `P/sqrt(M W)`. The difference
    of two modules A - B contains only noise. Their cospectrum has no noise in the mean.

    Arguments:
        simulator: of the run.
        x: summary (X,) of the observation.
        covariates: what is known of the observation, in physical units.

    Returns:
        column name -> (F,). For powers: `freq` and `half_width` in Hz, `power`, `power_err` and
        `noise_level` in Leahy units (nan if unknown), and `segments`. For counts: `energy` and
        `half_width` in keV, `counts` and `counts_err`. Empty for other summaries.
    """
    return _TABLES[simulator.kind](simulator, x, covariates)


def _power_table(simulator: Any, x: Floats, covariates: Mapping[str, float]) -> dict[str, Floats]:
    """Tabulate averaged powers."""
    axis = simulator.layout.axis
    values = physical_values(simulator, x)
    total = next((values[name] for name in ("power", "sum") if name in values), None)
    if total is None:
        return {}
    segments = float(np.round(values["segments"][0]))
    relative = 1 / np.sqrt(segments * axis.averaged)
    table = {
        "freq": axis.values,
        "half_width": axis.averaged / (2 * simulator.summary.segment_size),
        "power": total,
        "power_err": total * relative,
        "noise_level": _noise_level(simulator, values, covariates),
        "segments": np.full(len(total), segments),
    }
    if "difference" in values:
        difference = values["difference"]
        table["difference"] = difference
        table["difference_err"] = difference * relative
        table["cospectrum"] = cospectrum(total, difference)
        # Sum and difference are independent for equal rates.
        table["cospectrum_err"] = np.hypot(total, difference) * relative / 2
    return table


def _noise_level(
    simulator: Any, values: Mapping[str, Floats], covariates: Mapping[str, float]
) -> Floats:
    """Find the exact white noise of a constant source at the recorded rate; nan if not known."""
    frequency = simulator.layout.axis.values
    if simulator.detector.law != "dead time":
        return np.full(len(frequency), np.nan)

    # The noise is that of all events, of the source or of the background.
    params = {**covariates, "background_share": 0.0, "rate": 0.0}
    detector = simulator.detector.at(params)
    rates = [values[name][0] for name in simulator.layout.module_rates]
    recorded = float(np.mean(rates))
    point = detector.operating_point(recorded, frequency, simulator.summary.dt, {})
    return np.asarray(point.noise)


def _counts_table(simulator: Any, x: Floats, covariates: Mapping[str, float]) -> dict[str, Floats]:
    """Tabulate counts in groups of channels."""
    edges = simulator.summary.energies(simulator.detector.response)
    counts = np.asarray(simulator.summary.counts(x, simulator.layout)[0], dtype=np.float64)
    return {
        "energy": (edges[1:] + edges[:-1]) / 2,
        "half_width": np.diff(edges) / 2,
        "counts": counts,
        "counts_err": np.sqrt(counts),
        "exposure": np.full(len(counts), covariates["exposure"]),
    }


_TABLES: dict[str, Callable[..., dict[str, Floats]]] = {
    "events": _power_table,
    "periodograms": _power_table,
    "spectrum": _counts_table,
}
