"""Compare an observation with simulations: of the training, and of its own posterior."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetime.simulate.layout import Block
from livetime.simulate.prior import Samples
from livetime.simulate.simulator import Simulator

Floats = NDArray[np.floating[Any]]
PREDICTIONS = 200
"""Simulations that are drawn from a posterior to compare with the observation."""
MIN_PREDICTIVE_P = 0.01
"""Posterior predictive p-value below which a posterior is not to be trusted."""
OUTSIDE = 1e-6
"""Excess over the range of the training, in units of the range, that still counts as inside."""


def predict(
    simulator: Simulator,
    samples: Samples,
    covariates: Mapping[str, float],
    seed: int,
    progress: Callable[[int], object] | None = None,
) -> Floats:
    """Simulate what a posterior predicts for another observation under the same conditions.

    Arguments:
        simulator: of the observation.
        samples: draws from the posterior.
        covariates: what is known of the observation, in physical units.
        seed: of the choice of draws and of the simulations.
        progress: is called with the number of simulations done since.

    Returns:
        finite summaries (P, X), P at most `PREDICTIONS`.
    """
    n = min(len(samples.theta), PREDICTIONS)
    rows = np.random.default_rng(seed).choice(len(samples.theta), n, replace=False)
    ranges = simulator.prior.covariates
    known = [float(r.to_sampling(covariates[name])) for name, r in ranges.items()]
    theta = np.hstack([samples.theta[rows], np.tile(known, (n, 1))])

    predicted = simulator.draw(theta, seed, progress=progress)
    return predicted[np.isfinite(predicted).all(axis=1)]


def predictive_p_value(x: Floats, predicted: Floats) -> float:
    """Find how often a predicted summary is at least as far from the predicted mean as x.

    The distance is the mean square of the standardised entries, of those that vary. A value below
    0.01 means that the model does not describe the observation, or that the posterior is wrong.

    Arguments:
        x: observed summary (X,).
        predicted: summaries (P, X) simulated with draws from the posterior.

    Returns:
        the posterior predictive p-value, above 0 and at most 1.

    Example:
        >>> predicted = np.random.default_rng(0).standard_normal((99, 20))
        >>> predictive_p_value(np.full(20, 5.0), predicted)
        0.01
    """
    scatter = predicted.std(axis=0)
    varies = scatter > 1e-6
    scatter = scatter[varies]
    mean = predicted[:, varies].mean(axis=0)

    distances = (((predicted[:, varies] - mean) / scatter) ** 2).mean(axis=1)
    observed = (((x[varies] - mean) / scatter) ** 2).mean()
    return float(((distances >= observed).sum() + 1) / (len(distances) + 1))


@dataclass(frozen=True)
class TrainingRange:
    """The range of each entry of the summaries that a network was trained on.

    Arguments:
        low, high: least and greatest value of each entry, (X,).

    Example:
        >>> TrainingRange(np.zeros(2), np.ones(2)).low
        array([0., 0.])
    """

    low: Floats
    high: Floats

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
            if beyond[worst] <= OUTSIDE:
                continue
            entry = block.to_physical([values[worst], low[worst], high[worst]])
            value, least, most = entry.tolist()
            words, unit = _in_words(block, worst, int((beyond > OUTSIDE).sum()))
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
