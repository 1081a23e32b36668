"""Compare posteriors behind dead time with the posterior of the same source without it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from livetime.check.arrays import Floats
from livetime.check.coverage_map import powerlaw_rms, summary_rms
from livetime.simulate.power_spectrum import POWER_SHAPES
from livetime.simulate.prior import Samples
from livetime.simulate.timing import TimingSimulator

Row = dict[str, Any]
BRIGHT_SOURCE = "bright_source"
"""Name of the posterior of the source without dead time."""
MIN_SCATTER = 0.3
"""Least scatter of a median about the bright source's, in half-widths: neither is exact."""
MAX_SCATTERS = 3.0
"""Scatters of a difference beyond which two posteriors contradict each other."""
MIN_VARIANCE = 1e-12
"""Least variance of a scatter, for draws that all lie on an edge of the prior."""


@dataclass(frozen=True)
class Variability:
    """Draws of one quantity that describes variability.

    Arguments:
        values: in physical units, (n,).
        logarithmic: whether its logarithm is compared rather than its value.

    Examples:
        >>> Variability(np.array([1.0, 2.0, 3.0]), logarithmic=False).scaled
        array([1.32, 2.  , 2.68])
    """

    values: Floats
    logarithmic: bool

    @property
    def quantiles(self) -> Floats:
        """Find the 16%, 50% and 84% quantiles, in physical units."""
        return np.quantile(self.values, [0.16, 0.5, 0.84])

    @property
    def scaled(self) -> Floats:
        """Find the same quantiles on the scale of the comparison, which may be logarithmic."""
        if self.logarithmic:
            return np.log(self.quantiles)
        return self.quantiles

    @property
    def half_width(self) -> float:
        """Find half the width of the 68% interval, on the scale of the comparison."""
        low, _, high = self.scaled
        return float(high - low) / 2


def variability(simulator: TimingSimulator, samples: Samples) -> dict[str, Variability]:
    """Find rms and frequency of every component of the power spectrum.

    For a power law they are its fractional rms in the band of the summary, and its index; for a
    source without named shapes the rms in that band alone.

    Arguments:
        simulator: names the components.
        samples: draws from a posterior.
    """
    values = samples.physical()
    found = {}
    if not simulator.source.components:
        found["rms"] = Variability(summary_rms(simulator, values), logarithmic=True)
    for name, shape in simulator.source.spectrum.components.items():
        if shape == "powerlaw":
            rms = powerlaw_rms(simulator, name, values)
            found[f"{name}_rms"] = Variability(rms, logarithmic=True)
            found[f"{name}_index"] = Variability(values[f"{name}_index"], logarithmic=False)
            continue
        fields = [field for field in POWER_SHAPES[shape].fields if field != "quality"]
        for field in fields:
            key = f"{name}_{field}"
            found[key] = Variability(values[key], logarithmic=True)
    return found


def injection_rows(
    simulator: TimingSimulator, rate: float, samples: Mapping[str, Samples]
) -> list[Row]:
    """Compare every method with the bright source's own posterior, quantity by quantity.

    The bright source has lost no events to dead time, so its posterior is narrower. An exact
    posterior behind dead time has a median that scatters about the bright source's. The variance
    of that scatter is the difference of both variances (Hausman 1978, doi:10.2307/1913827).

    Arguments:
        simulator: of the run.
        rate: incident counts/s per module.
        samples: method -> draws; one of them is `BRIGHT_SOURCE`.

    Returns:
        rows with median and 68% interval. Methods other than `BRIGHT_SOURCE` also have the
        difference of the medians, and whether the median lies inside the bright source's 68%
        interval. All but the naive fit have the scatter `sigma` and the probability `expected` of
        lying inside.
    """
    truth = variability(simulator, samples[BRIGHT_SOURCE])
    rows = []
    for method, draws in samples.items():
        for name, own in variability(simulator, draws).items():
            low, median, high = own.quantiles.tolist()
            row = {"rate": rate, "method": method, "quantity": name}
            row |= {"median": median, "lo68": low, "hi68": high}
            if method != BRIGHT_SOURCE:
                row |= _difference(own, truth[name])
            if method not in (BRIGHT_SOURCE, "naive"):
                row |= _scatter(own.half_width, truth[name].half_width)
            rows.append(row)
    return rows


def _difference(own: Variability, truth: Variability) -> Row:
    low, _, high = truth.quantiles
    _, median, _ = own.quantiles
    inside = low <= median <= high

    _, scaled, _ = own.scaled
    _, scaled_truth, _ = truth.scaled
    difference = scaled - scaled_truth
    return {"difference": float(difference), "inside68": bool(inside)}


def _scatter(half_width: float, truth: float) -> Row:
    """Find the scatter of an exact posterior's median, and how often it would lie inside."""
    difference = half_width**2 - truth**2
    sigma = math.sqrt(max(difference, (MIN_SCATTER * half_width) ** 2, MIN_VARIANCE))
    return {"sigma": sigma, "expected": math.erf(truth / sigma / math.sqrt(2))}


def agreement(rows: Sequence[Mapping[str, Any]]) -> dict[str, bool]:
    """Find whether all medians of a method lie inside the bright source's 68% intervals."""
    agrees: dict[str, bool] = {}
    for row in rows:
        method = row["method"]
        if method != BRIGHT_SOURCE:
            agrees[method] = agrees.get(method, True) and row["inside68"]
    return agrees


def contradicts(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Say whether any of the network's medians is too far from the bright source's."""
    own = [row for row in rows if row["method"] == "network"]
    return any(abs(row["difference"]) > MAX_SCATTERS * row["sigma"] for row in own)


def agreement_sentence(rows: Sequence[Mapping[str, Any]]) -> str:
    """Judge the network in one sentence, and the naive fit, if any, in another."""
    network = [row for row in rows if row["method"] == "network"]
    naive = [row for row in rows if row["method"] == "naive"]
    sentences = [_network_sentence(network)]
    if naive:
        agrees = "agrees" if all(row["inside68"] for row in naive) else "does not agree"
        sentences.append(f"The naive fit {agrees} with it: {_inside(naive)}.")
    return " ".join(sentences)


def _inside(rows: Sequence[Mapping[str, Any]]) -> str:
    inside = sum(row["inside68"] for row in rows)
    where = "inside the 68% interval of the source without dead time"
    return f"{inside} of {len(rows)} medians lie {where}"


def _network_sentence(rows: Sequence[Mapping[str, Any]]) -> str:
    verb = "is consistent with"
    if contradicts(rows):
        verb = "contradicts"
    elif all(row["inside68"] for row in rows):
        verb = "agrees with"
    expected = sum(row["expected"] for row in rows)
    worst = max(abs(row["difference"]) / row["sigma"] for row in rows)
    return (
        f"The network {verb} the bright source: {_inside(rows)} ({expected:.1f} expected); "
        f"the largest difference is {worst:.1f} standard deviations."
    )
