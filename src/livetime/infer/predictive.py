"""Compare an observation with simulations: of the training, and of its own posterior."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetime.simulate.prior import Samples
from livetime.simulate.simulator import GAIN, INCIDENT, LIVE, Simulator

Floats = NDArray[np.floating[Any]]
PREDICTIONS = 200
"""Simulations that are drawn from a posterior to compare with the observation."""
MIN_PREDICTIVE_P = 0.01
"""Posterior predictive p-value below which a posterior is not to be trusted."""
OUTSIDE = 1e-6
"""Excess over the range of the training, in units of the range, that still counts as inside."""
FOLLOWS = {
    LIVE: ("live-time fraction", ""),
    INCIDENT: ("incident rate of the source", " counts/s"),
    GAIN: ("power over the noise of variability of 1 (fractional rms)^2/Hz", ""),
}
"""Entries of a summary that follow from others: log10 of a quantity, with its unit."""


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
        for name, part in simulator.layout.slices.items():
            values = np.asarray(x[part], dtype=np.float64)
            low, high = self._edges(simulator, name, part)
            beyond = np.maximum(low - values, values - high) / (high - low + 1e-9)
            worst = int(beyond.argmax())
            if beyond[worst] <= OUTSIDE:
                continue
            count = int((beyond > OUTSIDE).sum())
            entry = np.array([values[worst], low[worst], high[worst]])
            words, unit, (value, least, most) = _quantity(simulator, name, worst, count, entry)
            seen = f"training saw {least:.4g} to {most:.4g}"
            out.append(f"{words} is {value:.4g}{unit}, but {seen}: the answer is extrapolated")
        return out

    def _edges(self, simulator: Simulator, name: str, part: slice) -> tuple[Floats, Floats]:
        """Find the range of the entries of one slice."""
        drawn = simulator.prior.covariates.get(name) if name in simulator.known else None
        if drawn is None:
            return self.low[part], self.high[part]
        low = np.atleast_1d(drawn.to_sampling([drawn.low]))
        return low, np.atleast_1d(drawn.to_sampling([drawn.high]))


def _quantity(
    simulator: Simulator, name: str, at: int, count: int, entry: Floats
) -> tuple[str, str, Floats]:
    """Name an entry, its unit, and its values, which are (value, low, high), in physical units."""
    drawn = simulator.prior.covariates.get(name) if name in simulator.known else None
    layout = simulator.layout
    words = name.replace("_", " ")
    if name in layout.spectra and layout.unit == "keV":
        return f"share of the counts at {layout.frequency[at]:.3g} keV", "%", 100 * entry**2
    if name in layout.spectra:
        n = layout.slices[name].stop - layout.slices[name].start
        place = f"{layout.frequency[at]:.3g} Hz ({count} of {n} frequencies are outside)"
        unit = " (where 2 is the detector's noise)" if simulator.known else " (Leahy)"
        return f"{name} power at {place}", unit, 2 * np.exp(entry)
    if drawn is not None:
        return words, f" {drawn.unit}".rstrip(), drawn.to_physical(entry)
    logarithms = {
        **FOLLOWS,
        "segments": ("number of segments", ""),
        "exposure": ("exposure", " s"),
        "rate": ("count rate", " counts/s"),
    }
    if name in logarithms:
        return *logarithms[name], 10**entry
    if name.startswith("rate"):
        return f"recorded rate of module {name[-1].upper()}", " counts/s", 10**entry
    return words, "", entry
