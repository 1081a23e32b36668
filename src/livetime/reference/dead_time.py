"""Define the dead-time model: exact white noise and response, at or around the mean rate."""

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from livetime.reference.periodogram import WEIGHTS, analytic_law
from livetime.reference.whittle import WhittleReference
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.simulator import Simulator

Floats = NDArray[np.float64]

MAX_VARIANCE = 1.0
"""Greatest variance of the log rate at which noise and gains are tabulated."""
VARIANCES = 17
"""Number of tabulated variances, from 0."""


@dataclass(frozen=True)
class DeadTimeModel(WhittleReference):
    """Fit a periodogram with the exact white noise and response |H|^2 of the detector's dead time.

    Both are taken at the mean rate. This is first order in the variability, and accurate up to an
    rms of about 0.2. With the incident rate r and `Phi(f) = E[exp(-2 pi i f tau)]`, the response is
    `H = 1/[1 + r (1 - Phi)/(2 pi i f)]`. With `phi = Phi r/(r + 2 pi i f)` the white noise is
    `2 (1 - |phi|^2)/|1 - phi|^2`.

    It applies to `DeadTime` detectors, with three exceptions. A paralyzable detector has two
    incident rates for one recorded rate. A detector with frames has other noise. Modules of
    unequal areas have a sum and a difference that are not independent.

    Arguments:
        simulator: gives source, detector, summary and prior.
        draws, walkers, steps, max_steps: see `SampledReference`.
    """

    name: ClassVar[str] = "dead_time_model"
    label: ClassVar[str] = "dead-time model"

    @classmethod
    def applies(cls, simulator: Simulator) -> bool:
        """Say whether the summary is a periodogram of events behind a known dead time."""
        return analytic_law(simulator) == "dead time"

    @cached_property
    def detector(self) -> DeadTime:
        """Return the simulator's own detector."""
        return cast(DeadTime, self.simulator.detector_at({}))


@dataclass(frozen=True)
class AveragedDeadTimeModel(DeadTimeModel):
    """Average the dead-time model over the rate's own distribution.

    It is valid for log-normal variability that is slow compared with the dead time. For a rate
    that is not log-normal it equals `DeadTimeModel`.

    Arguments:
        simulator: gives source, detector, summary and prior.
        draws, walkers, steps, max_steps: see `SampledReference`.

    Source: Price 1958 (IRE Trans. Inf. Theory 4, 69), for memoryless functions of a Gaussian.
    """

    name: ClassVar[str] = "averaged_dead_time_model"
    label: ClassVar[str] = "averaged dead-time model"

    @property
    def _averages(self) -> bool:
        """Say whether an average differs from the first order."""
        return self.simulator.source.log_normal and self.detector.mean_dead_time > 0

    def _variance_grid(self) -> Floats:
        if not self._averages:
            return super()._variance_grid()
        return np.linspace(0, MAX_VARIANCE, VARIANCES)

    def noise_and_gains(self, log_rate: Floats, variance: Floats) -> tuple[Floats, Floats]:
        """Return white noise (m, F), and the gain (m, order) in the power of each order.

        The noise is E[R N]/E[R] over the distribution of the rate, with the noise N and the
        recorded rate R at each rate. R is a memoryless function of the Gaussian log rate g. So the
        k-th power of g's autocovariance is multiplied by E[d^k R/dg^k]^2. R is proportional to the
        share of the time in which a detector is blind, u = q/(1 + q). Here q is the number of
        incident events per detector and dead time. With the source's share s of the events, u' = u
        (1 - u) s and s' = s (1 - s), which gives all higher derivatives. The gains are relative to
        those of a weak modulation.

        Arguments:
            log_rate: ln of the source's mean incident counts/s, (m,).
            variance: of the log rate, (m,).
        """
        if not self._averages:
            return super().noise_and_gains(log_rate, variance)
        nodes = self._at_nodes(log_rate, variance)
        blind_fraction, source_share = self._fractions(nodes)
        mean_blind = blind_fraction @ WEIGHTS
        weight = WEIGHTS * blind_fraction / mean_blind[:, None]
        noise_at_nodes = self.tabulated(nodes)[:, :, 0]
        noise = np.einsum("mi,mif->mf", weight, noise_at_nodes)

        # derivatives over those of a weak variability at the effective rate
        derivatives = _log_derivatives(blind_fraction, source_share)
        mean = np.einsum("mi,mik->mk", weight, derivatives)
        effective = self.effective_log_rate(log_rate, variance)
        weak_blind, weak_share = self._fractions(effective)
        weak = ((1 - weak_blind) * weak_share)[:, None]
        gains = (mean / weak) ** 2
        return noise, gains

    def _fractions(self, log_rate: Floats) -> tuple[Floats, Floats]:
        """Return the blind fraction of the time and the source's share of the events, (...)."""
        rate = np.exp(log_rate)
        live_fraction = self.detector.live_fraction(self.detector.recorded(rate))
        source_share = self.detector.source_share(rate)
        return 1 - live_fraction, source_share


def _log_derivatives(blind_fraction: Floats, source_share: Floats) -> Floats:
    """Return d^k R/dg^k over R for k = 1, 2, 3; (..., 3) for fractions (...)."""
    u = blind_fraction
    s = source_share
    second = s**2 * (1 - 2 * u) + s * (1 - s)
    cubic = s**3 * (1 - 6 * u + 6 * u**2)
    mixed = 3 * s**2 * (1 - s) * (1 - 2 * u)
    linear = s * (1 - s) * (1 - 2 * s)
    third = cubic + mixed + linear
    return (1 - u)[..., None] * np.stack([s, second, third], axis=-1)
