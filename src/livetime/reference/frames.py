"""Define the frame model: exact white noise and response of pile-up, averaged over the rate."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livetime.reference.annealing import Density
from livetime.reference.base import as_floats
from livetime.reference.expected_power import ORDER, Lines
from livetime.reference.periodogram import (
    NODES,
    WEIGHTS,
    PeriodogramReference,
    analytic_law,
    as_arrays,
)
from livetime.simulate.frames import FramePileUp
from livetime.simulate.simulator import Simulator

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RecordedFrames:
    """Keep what a detector with frames is expected to record, for n sets of parameters.

    Arguments:
        rate: recorded counts/s, (n,).
        noise: white noise (Leahy), (n,).
        gains: power gain of each order of the variability, (n, order).
        lines: those of the source.
    """

    rate: Floats
    noise: Floats
    gains: Floats
    lines: Lines


@dataclass(frozen=True)
class FrameModel(PeriodogramReference):
    """Fit a periodogram with pile-up frame by frame: white noise and response of `FramePileUp`.

    The counts of a frame depend on the rate in that frame alone. So for a log-normal source the
    average over the rate is exact up to the order of the series. Let C(g) be the mean counts at a
    log rate g. The k-th power of g's autocovariance is multiplied by `E[d^k C/dg^k]^2`, and the
    noise is `2 E[variance]/E[C]`. The recorded rate scatters about its mean by noise and by
    variability below the frequency 1/duration. Counts are not monotonic in the rate: the posterior
    may have two modes.

    Arguments:
        simulator: gives source, detector, summary and prior.
        draws, walkers, steps, max_steps: see `SampledReference`.

    Source: Price 1958 (IRE Trans. Inf. Theory 4, 69), for memoryless functions of a Gaussian.
    """

    name: ClassVar[str] = "frame_model"
    label: ClassVar[str] = "frame model"

    @classmethod
    def applies(cls, simulator: Simulator) -> bool:
        """Say whether the summary is a periodogram of events that are read in frames."""
        return analytic_law(simulator) == "frames"

    def expected(self, params: Mapping[str, ArrayLike]) -> dict[str, Floats]:
        """Return the expected Leahy power (n, F) of the only channel, `power`.

        Arguments:
            params: physical, each a number or (n,).
        """
        values = as_arrays(params)
        recorded = self._recorded(values)
        power = self.power_in_bins(values, recorded.gains, recorded.lines)
        signal = recorded.rate[:, None] * self._smoothing * power
        return {"power": recorded.noise[:, None] + signal}

    def likelihood(self, x: ArrayLike) -> Density:
        """Return the log-likelihood of a summary x (X,) as a function of theta (n, D)."""
        values = as_floats(x)
        return lambda theta: self._evaluate(theta, values)

    @property
    def _frames(self) -> FramePileUp:
        return cast(FramePileUp, self.simulator.detector)

    @cached_property
    def _smoothing(self) -> Floats:
        """Return the share of the power (F,) of a rate, constant over steps, that bins leave.

        One of step and bin width is a multiple of the other.
        """
        frequency = self.simulator.layout.axis.values
        steps = (self.simulator.source.dt, self.simulator.summary.dt)
        short = min(steps)
        long = max(steps)
        return np.asarray((np.sinc(frequency * long) / np.sinc(frequency * short)) ** 2)

    def _recorded(self, params: Mapping[str, Floats]) -> RecordedFrames:
        """Return what is expected at parameters (n,) each."""
        frames = self._frames
        lines = self.source.lines(params)
        log_normal = self.simulator.source.log_normal
        variance = self.variance(params, lines)[:, None] * log_normal
        nodes = np.exp(np.sqrt(variance) * NODES - variance / 2)
        rate = params["rate"][:, None] * nodes
        own = {name: params[name][:, None] for name in frames.parameters}

        orders = range(ORDER + 1)
        counts = np.stack([frames.counts(rate, own, k) @ WEIGHTS for k in orders], axis=1)
        mean = counts[:, 0]
        return RecordedFrames(
            rate=mean / frames.cycle,
            noise=2 * (frames.variance(rate, own) @ WEIGHTS) / mean,
            gains=(counts[:, 1:] / counts[:, :1]) ** 2,
            lines=lines,
        )

    def _evaluate(self, theta: Floats, values: Floats) -> Floats:
        """Return the log-likelihood (n,): Gamma for the powers, Gaussian for the log rate."""
        layout = self.simulator.layout
        params = self.simulator.prior.physical(theta)
        part = {name: values[s] for name, s in layout.slices.items()}
        segments = np.round(10 ** part["segments"])
        observed = part["rate_a"]

        recorded = self._recorded(params)
        lines = recorded.lines
        power = self.power_in_bins(params, recorded.gains, lines)
        expected = recorded.noise[:, None] + 10**observed * self._smoothing * power
        ratio = 2 * np.exp(part["power"]) / expected
        shape = segments * layout.axis.averaged
        value: Floats = -(ratio + np.log(expected)) @ shape

        duration = float(segments[0] * self.simulator.summary.segment_size)
        slow = self.slow_variance(params, duration, recorded.gains, lines)
        variance = slow + recorded.noise / (2 * recorded.rate * duration)
        offset = observed[0] * np.log(10) - np.log(recorded.rate) + variance / 2
        value = value - offset**2 / (2 * variance) - np.log(variance) / 2
        # far too bright a core is expected to give no counts at all
        return np.where(np.isfinite(value), value, -1e30)
