"""Find where a posterior fails: coverage in cells of two quantities, such as dead time and rms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from livetime.check.arrays import Floats
from livetime.check.calibration import LEVELS, Calibration
from livetime.simulate.power_spectrum import PowerSpectrum
from livetime.simulate.simulator import Simulator
from livetime.simulate.timing import TimingSimulator

Integers = NDArray[np.int64]
BLIND = "rate x dead time"
"""Incident events per dead time of a detector."""
RMS = "rms"
"""Fractional rms of all components together."""
SEGMENTS = "segments"
"""Number of averaged segments."""
MIN_IN_CELL = 30
"""Simulations below which a cell is blank: its 68% coverage has an error of 0.085 or more."""
MEAN_IN_CELL = 60
"""Simulations of a mean cell, unless there are enough for the most cells."""
MAX_CELLS = 6
"""The most cells along each quantity."""


def powerlaw_rms(simulator: TimingSimulator, name: str, params: Mapping[str, Any]) -> Floats:
    """Find the fractional rms (n,) of a power law in the summary's band.

    Arguments:
        simulator: its summary is a periodogram.
        name: of the component.
        params: name -> physical values (n,).
    """
    return _rms_of(simulator, PowerSpectrum({name: "powerlaw"}), params)


def summary_rms(simulator: TimingSimulator, params: Mapping[str, Any]) -> Floats:
    """Find the fractional rms (n,) of the source in the summary's band.

    Arguments:
        simulator: its summary is a periodogram.
        params: name -> physical values (n,).
    """
    return _rms_of(simulator, simulator.source.spectrum, params)


def _rms_of(
    simulator: TimingSimulator, spectrum: PowerSpectrum, params: Mapping[str, Any]
) -> Floats:
    axis = simulator.layout.axis
    power = spectrum.power(axis.values, params)
    variance = power @ axis.averaged / simulator.summary.segment_size
    return np.asarray(np.sqrt(variance))


def map_quantities(calibration: Calibration, simulator: Simulator) -> dict[str, Floats]:
    """Find the quantities that may matter for calibration, of each of N simulations.

    A parameter is represented by its posterior mean, as in `Calibration.terciles`.

    Returns:
        physical values (N,) of `BLIND`, `RMS` and `SEGMENTS`, as far as they vary.
    """
    if simulator.kind == "spectrum":
        return {}
    timing = cast(TimingSimulator, simulator)
    values = _physical(calibration)
    quantities = {
        BLIND: _events_per_dead_time(timing, values),
        RMS: _rms(timing, values),
        SEGMENTS: np.asarray(values.get(SEGMENTS, np.ones(1))),
    }
    return {name: v for name, v in quantities.items() if np.ptp(v) > 0}


def _physical(calibration: Calibration) -> dict[str, Floats]:
    """Find posterior means and covariates in physical units, by name."""
    prior = calibration.prior
    means = dict(zip(prior.names, calibration.mean.T, strict=True))
    sampled = {**means, **calibration.covariates}
    known = prior.ranges
    return {name: known[name].to_physical(v) for name, v in sampled.items() if name in known}


def _events_per_dead_time(simulator: TimingSimulator, values: Mapping[str, Floats]) -> Floats:
    """Find the mean number of incident events, source and background, in a dead time."""
    detector = simulator.detector
    varies = "dead_time" in values
    dead_time = values["dead_time"] if varies else detector.mean_dead_time
    detectors = values.get("detectors", getattr(detector, "detectors", 1))
    background = 0.0 if "background_share" in values else getattr(detector, "background", 0.0)
    share = values.get("background_share", np.zeros(1))
    all_events = values["rate"] / (1 - share)
    incident = all_events + background
    in_dead_time = incident * dead_time
    return np.asarray(in_dead_time / detectors)


def _rms(simulator: TimingSimulator, values: Mapping[str, Floats]) -> Floats:
    if not simulator.source.components:
        return summary_rms(simulator, values)
    variance: Any = 0.0
    for name, shape in simulator.source.spectrum.components.items():
        is_powerlaw = shape == "powerlaw"
        rms = powerlaw_rms(simulator, name, values) if is_powerlaw else values[f"{name}_rms"]
        variance = variance + rms**2
    return np.asarray(np.sqrt(variance))


@dataclass(frozen=True)
class CoverageMap:
    """Count truths inside their joint credible regions, in cells of two quantities.

    Arguments:
        names: of the two quantities.
        edges: of the cells, (A + 1,) and (B + 1,); each row and column has as many simulations.
        n: simulations in each cell, (A, B).
        inside: level -> truths inside their joint region, (A, B).

    Examples:
        >>> edges = (np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0]))
        >>> n = np.array([[100], [20]])
        >>> found = CoverageMap(("rms", "segments"), edges, n, {0.68: np.array([[65], [12]])})
        >>> found.coverage(0.68)
        array([[0.65],
               [ nan]])
    """

    names: tuple[str, str]
    edges: tuple[Floats, Floats]
    n: Integers
    inside: dict[float, Integers]

    def coverage(self, level: float) -> Floats:
        """Find the share of truths inside, (A, B); NaN in cells of fewer than `MIN_IN_CELL`."""
        filled = self.n >= MIN_IN_CELL
        share = self.inside[level] / np.maximum(self.n, 1)
        return np.where(filled, share, np.nan)

    def z(self, level: float) -> Floats:
        """Find the excess of the coverage over the level, in binomial standard deviations."""
        variance = level * (1 - level) / np.maximum(self.n, 1)
        excess = self.coverage(level) - level
        return np.asarray(excess / np.sqrt(variance))

    def p_value(self, level: float) -> float:
        """Find the p-value of the chi-square of all cells; 1 where all are blank."""
        z = self.z(level)
        filled = z[np.isfinite(z)]
        if len(filled) == 0:
            return 1.0
        chi_square = (filled**2).sum()
        return float(stats.chi2.sf(chi_square, len(filled)))

    def plain(self) -> dict[str, Any]:
        """List all numbers in plain types, for metrics.json; None for blank cells."""
        coverage = {}
        p_values = {}
        for level in self.inside:
            shares = self.coverage(level).astype(object)
            shares[self.n < MIN_IN_CELL] = None
            coverage[f"{level:g}"] = shares.tolist()
            p_values[f"{level:g}"] = self.p_value(level)
        return {
            "along": list(self.names),
            "edges": [edge.tolist() for edge in self.edges],
            "n": self.n.tolist(),
            "coverage": coverage,
            "chi2_p_value": p_values,
        }


def coverage_map(
    calibration: Calibration, names: tuple[str, str], values: tuple[Floats, Floats]
) -> CoverageMap:
    """Count coverage in cells of two quantities.

    Arguments:
        calibration: of N simulations.
        names: of the quantities.
        values: of each quantity, (N,).
    """
    cells = int(np.clip(np.sqrt(len(calibration.hpd) / MEAN_IN_CELL), 2, MAX_CELLS))
    levels = np.linspace(0, 1, cells + 1)
    first, second = (np.unique(np.quantile(v, levels)) for v in values)
    shape = (len(first) - 1, len(second) - 1)
    at = (_place(first, values[0]), _place(second, values[1]))
    cell = np.ravel_multi_index(at, shape)

    def count(rows: NDArray[Any]) -> Integers:
        return np.bincount(cell[rows], minlength=shape[0] * shape[1]).reshape(shape)

    inside = {level: count(calibration.hpd <= level) for level in LEVELS}
    everything = np.ones(len(cell), dtype=np.bool_)
    n = count(everything)
    return CoverageMap(names, (first, second), n, inside)


def _place(edges: Floats, values: Floats) -> Integers:
    """Find the cell of each value; the last edge belongs to the last cell."""
    edge = np.searchsorted(edges, values, side="right")
    last = len(edges) - 2
    return np.clip(edge - 1, 0, last)


def coverage_maps(calibration: Calibration, simulator: Simulator) -> list[CoverageMap]:
    """Map coverage by events per dead time against rms and segments.

    Without dead time, the only map is that of rms against segments.
    """
    found = map_quantities(calibration, simulator)
    first = next((name for name in (BLIND, RMS) if name in found), None)
    if first is None:
        return []
    others = [name for name in found if name != first]
    return [
        coverage_map(calibration, (first, other), (found[first], found[other])) for other in others
    ]
