"""Compute the power of a source in the bins of a summary, for references of periodograms."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livetime.reference.base import SampledReference
from livetime.reference.expected_power import ExpectedPower, Lines
from livetime.simulate.power_spectrum import POWER_SHAPES
from livetime.simulate.simulator import Simulator
from livetime.simulate.timing import TimingSimulator, draws_events

Floats = NDArray[np.float64]

NODES, _weights = np.polynomial.hermite_e.hermegauss(9)
"""Nodes of a Gaussian average, in standard deviations."""
WEIGHTS = _weights / _weights.sum()
"""Weights of the nodes; their sum is 1."""


def analytic_law(simulator: Simulator) -> str:
    """Name the analytic model of a simulator's periodograms of events; empty if none exists.

    The detector names it: `dead time` or `frames`. It needs a source that is a sum of named
    shapes.
    """
    if not draws_events(simulator) or not simulator.summary.is_periodogram:
        return ""
    if not simulator.source.components:
        return ""
    return simulator.detector.law


def as_arrays(params: Mapping[str, ArrayLike]) -> dict[str, Floats]:
    """Return parameters, each a number or (n,), as arrays (1,) or (n,).

    Examples:
        >>> as_arrays({"rate": 100})
        {'rate': array([100.])}
    """
    return {name: np.atleast_1d(np.asarray(v, dtype=np.float64)) for name, v in params.items()}


@dataclass(frozen=True)
class PeriodogramReference(SampledReference):
    """Compute the power of a source in the bins of an averaged periodogram.

    Arguments:
        simulator: gives source, detector, summary and prior.
        draws, walkers, steps, max_steps: see `SampledReference`.
    """

    simulator: TimingSimulator

    @cached_property
    def source(self) -> ExpectedPower:
        """Return the expected power of the source in segments of finite length."""
        source = self.simulator.source
        return ExpectedPower(source.spectrum, source.log_normal)

    def variance(self, params: Mapping[str, ArrayLike], lines: Lines | None = None) -> Floats:
        """Return the variance (n,) of the log rate; of a power law, only in the summary's band.

        Arguments:
            params: physical, each a number or (n,).
            lines: those of the same params, if the caller has them.
        """
        layout = self.simulator.layout
        segment_size = self.simulator.summary.segment_size
        lines = self.source.lines(params) if lines is None else lines
        total = lines.total
        for norm, index in self.source.fields("powerlaw", params):
            power = POWER_SHAPES["powerlaw"].power(layout.axis.values, norm, index)
            total = total + power @ layout.axis.averaged / segment_size
        return total

    def power_in_bins(
        self, params: Mapping[str, ArrayLike], gains: Floats, lines: Lines | None = None
    ) -> Floats:
        """Return the source's power (n, F), averaged over the W Fourier frequencies of each bin.

        The average uses two frequencies: the mean of the bin plus and minus the standard deviation
        of its frequencies, sqrt((W^2 - 1)/12)/T. Frequencies beyond the light curve's Nyquist are
        folded back.

        Arguments:
            params: physical, each a number or (n,).
            gains: factor for each order of the log-normal series, (n, order) or (1, order).
            lines: those of the same params, if the caller has them.
        """
        layout = self.simulator.layout
        segment_size = self.simulator.summary.segment_size
        step = self.simulator.source.dt
        several = layout.axis.averaged > 1
        deviation = np.sqrt((layout.axis.averaged**2 - 1) / 12) / segment_size
        centre = layout.axis.values
        below = centre - deviation
        above = (centre + deviation)[several]

        nodes = np.concatenate([below, above])
        folded = np.abs(nodes - np.round(nodes * step) / step)
        power = self.source(folded, params, segment_size, gains, lines)
        mean = power[:, : len(deviation)]
        upper = power[:, len(deviation) :]
        mean[:, several] = (mean[:, several] + upper) / 2
        return mean

    def slow_variance(
        self, params: Mapping[str, ArrayLike], duration: float, gains: Floats, lines: Lines
    ) -> Floats:
        """Return the variance (n,) of the log mean rate of one observation about the long-term
        mean.

        It comes from the variability below the frequency 1/duration:
        `P(1/(2 duration))/(2 duration)`.

        Arguments:
            params: physical, each (n,).
            duration: of the observation in s.
            gains: factor for each order of the log-normal series, (n, order) or (1, order).
            lines: of the source.
        """
        frequency = np.array([0.5 / duration])
        power = self.source(frequency, params, duration, gains, lines)[:, 0]
        return power / (2 * duration)


@dataclass(frozen=True)
class RecordedPowers:
    """Keep the content of a summary vector, and the state of the detector in that observation.

    Arguments:
        channels: Leahy powers (F,) of each channel; the source's first.
        shape: shape M W of their Gamma distributions, (F,).
        total: recorded counts/s of all modules.
        duration: of the observation in s.
        log_rate: ln of the source's incident counts/s per module during the observation, from
            the recorded rate.
        precision: 1/variance of log_rate, from the number of counts.
        response: power response (F,) of the source at log_rate.
        slope: derivatives (2, F) of white noise and response with the log rate.
        variance: grid of the variance of the source's log rate, for `noise` and `gains`, (J,).
        noise: white noise (J, F) at the observation's recorded rate.
        gains: of each order of the variability's power, (J, order).
    """

    channels: list[Floats]
    shape: Floats
    total: float
    duration: float
    log_rate: float
    precision: float
    response: Floats
    slope: Floats
    variance: Floats
    noise: Floats
    gains: Floats

    def at(self, variance: Floats) -> tuple[Floats, Floats]:
        """Interpolate noise (n, F) and gains (n, order) linearly at variances (n,)."""
        if len(self.variance) == 1:
            return self.noise, self.gains
        place = variance[:, None].clip(max=self.variance[-1]) / self.variance[1]
        distance = np.abs(place - np.arange(len(self.variance)))
        closeness = 1 - distance
        weight = np.maximum(0, closeness)
        return weight @ self.noise, weight @ self.gains


@dataclass
class Terms:
    """Expand a log-likelihood to second order in the offset of the log rate.

    Arguments:
        value: at the recorded rate, (n,).
        slope: first derivative (n,).
        curvature: minus the second derivative (n,), with that of the recorded rate.

    Examples:
        >>> Terms.constant(np.array([-3.0]), 400.0).curvature
        array([400.])
    """

    value: Floats
    slope: Floats
    curvature: Floats

    @classmethod
    def constant(cls, value: Floats, precision: float) -> "Terms":
        """Make the terms of powers that say nothing about the offset: the recorded rate does."""
        return cls(value, np.zeros(len(value)), np.full(len(value), precision))
