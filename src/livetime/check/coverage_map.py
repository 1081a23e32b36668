"""Calibration where it may fail: coverage in cells of two quantities, such as rate times dead time and rms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from livetime.check.calibration import LEVELS, Calibration
from livetime.simulate.power_spectrum import POWER_SHAPES
from livetime.simulate.simulator import Simulator
from livetime.simulate.timing import TimingSimulator

Floats = NDArray[np.floating[Any]]
BLIND, RMS, SEGMENTS = "rate x dead time", "rms", "segments"
LEAST = 30
"""Simulations in a cell, with fewer of which it is left blank: the coverage of 68% regions is then known to no better than .085."""
A_CELL = 60
"""Simulations that a cell has on average, where there are enough for the most cells;"""
MOST = 6
"""which is so many along each quantity."""


def powerlaw_rms(
    simulator: TimingSimulator, name: str, params: Mapping[str, Any]
) -> NDArray[np.float64]:
    """Fractional rms (n,) of the power law `name` in the summary's band, with physical parameters (n,)."""
    layout = simulator.layout
    norm, index = (
        np.asarray(params[f"{name}_{field}"], dtype=np.float64)[..., None]
        for field in POWER_SHAPES["powerlaw"].fields
    )
    variance = (
        POWER_SHAPES["powerlaw"].power(layout.axis.values, norm, index)
        @ layout.axis.averaged
        / simulator.summary.segment_size
    )
    return np.asarray(np.sqrt(variance))


def quantities(calibration: Calibration, simulator: Simulator) -> dict[str, Floats]:
    """By name (N,), of each simulation: incident events per dead time of a detector, fractional rms of all components together, and number
    of segments; of parameters by their posterior means, for an observer knows no more (see `Calibration.terciles`). Those that vary."""
    if simulator.kind == "spectrum":
        return {}
    simulator = cast(TimingSimulator, simulator)
    prior = calibration.prior
    theta = {**dict(zip(prior.names, calibration.mean.T, strict=True)), **calibration.covariates}
    values = {
        name: prior.ranges[name].to_physical(v) for name, v in theta.items() if name in prior.ranges
    }
    out = {
        BLIND: _blind(simulator, values),
        RMS: _rms(simulator, values),
        SEGMENTS: np.asarray(values.get(SEGMENTS, np.ones(1))),
    }
    return {name: v for name, v in out.items() if np.ptp(v) > 0}


def _blind(simulator: TimingSimulator, values: Mapping[str, Floats]) -> Floats:
    detector = simulator.detector
    tau = (
        values["dead_time"]
        if "dead_time" in simulator.detector_covariates
        else detector.mean_dead_time
    )
    share = values.get("background_share", np.zeros(1))
    background = (
        0.0
        if "background_share" in simulator.detector_covariates
        else getattr(detector, "background", 0.0)
    )
    detectors = (
        values["detectors"]
        if "detectors" in simulator.detector_covariates
        else getattr(detector, "detectors", 1)
    )
    return np.asarray((values["rate"] / (1 - share) + background) * tau / detectors)


def _rms(simulator: TimingSimulator, values: Mapping[str, Floats]) -> Floats:
    components = simulator.source.spectrum.components.items()
    each = [
        powerlaw_rms(simulator, name, values) if shape == "powerlaw" else values[f"{name}_rms"]
        for name, shape in components
    ]
    return np.asarray(np.sqrt(sum(rms**2 for rms in each)))


@dataclass(frozen=True)
class CoverageMap:
    """Joint HPD regions in cells of two quantities.

    Arguments:
        names: of the quantities.
        edges: of the cells along each, such that each row and column has as many simulations: (A + 1,), (B + 1,).
        n: simulations in each cell, (A, B).
        inside: level -> truths inside its region, (A, B).
    """

    names: tuple[str, str]
    edges: tuple[Floats, Floats]
    n: NDArray[np.int64]
    inside: dict[float, NDArray[np.int64]]

    def coverage(self, level: float) -> Floats:
        """Share of truths inside, (A, B); NaN in cells of fewer than `LEAST`."""
        return np.where(self.n >= LEAST, self.inside[level] / np.maximum(self.n, 1), np.nan)

    def z(self, level: float) -> Floats:
        """Difference from the level in binomial standard deviations."""
        return np.asarray(
            (self.coverage(level) - level) / np.sqrt(level * (1 - level) / np.maximum(self.n, 1))
        )

    def p_value(self, level: float) -> float:
        """Of chi2 of all cells: small if they are off by more than chance has it; 1 where all are blank."""
        z = self.z(level)
        told = z[np.isfinite(z)]
        return float(stats.chi2.sf((told**2).sum(), len(told))) if len(told) else 1.0

    def plain(self) -> dict[str, Any]:
        """Plain types for metrics.json; null for blank cells."""
        shares = {
            f"{level:g}": [
                [None if np.isnan(c) else float(c) for c in row] for row in self.coverage(level)
            ]
            for level in self.inside
        }
        return {
            "along": list(self.names),
            "edges": [edge.tolist() for edge in self.edges],
            "n": self.n.tolist(),
            "coverage": shares,
            "chi2_p_value": {f"{level:g}": self.p_value(level) for level in self.inside},
        }


def of_pair(
    calibration: Calibration, names: tuple[str, str], values: tuple[Floats, Floats]
) -> CoverageMap:
    """CoverageMap of two quantities (N,) each."""
    k = int(np.clip(np.sqrt(len(calibration.hpd) / A_CELL), 2, MOST))
    edges = [np.unique(np.quantile(v, np.linspace(0, 1, k + 1))) for v in values]
    at = [
        np.clip(np.searchsorted(edge, v, side="right") - 1, 0, len(edge) - 2)
        for edge, v in zip(edges, values, strict=True)
    ]
    shape = (len(edges[0]) - 1, len(edges[1]) - 1)
    place = np.ravel_multi_index((at[0], at[1]), shape)

    def count(which: NDArray[Any]) -> NDArray[np.int64]:
        return np.bincount(place[which], minlength=shape[0] * shape[1]).reshape(shape)

    inside = {level: count(calibration.hpd <= level) for level in LEVELS}
    return CoverageMap(
        names, (edges[0], edges[1]), count(np.ones(len(place), dtype=np.bool_)), inside
    )


def of_calibration(calibration: Calibration, simulator: Simulator) -> list[CoverageMap]:
    """By rate times dead time against rms and against segments; rms against segments where there is no dead time."""
    found = quantities(calibration, simulator)
    first = next((name for name in (BLIND, RMS) if name in found), None)
    return [
        of_pair(calibration, (first, other), (found[first], found[other]))
        for other in found
        if first and other != first
    ]
