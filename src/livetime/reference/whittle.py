"""Define Whittle's likelihood of averaged periodograms.

A power averaged over M segments and W Fourier frequencies is Gamma-distributed with shape M W
about its expectation (Vaughan 2010, Barret & Vaughan 2012). The expectation is white noise plus
the power of the source in segments of finite length, after the response of the detector.
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livetime.reference.annealing import Density
from livetime.reference.base import POPULATION, as_floats
from livetime.reference.expected_power import ORDER
from livetime.reference.periodogram import (
    NODES,
    WEIGHTS,
    PeriodogramReference,
    RecordedPowers,
    Terms,
    as_arrays,
)
from livetime.reference.response_table import response_table
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.prior import Samples

Floats = NDArray[np.float64]

TABLE_MARGIN = 3.0
"""The response is tabulated this far beyond the prior's rates, in ln rate."""
MEAN_RATE_STEPS = 30
"""Steps of the iteration for the mean rate that is recorded as an observation was."""


@dataclass(frozen=True)
class WhittleReference(PeriodogramReference):
    """Use Whittle's likelihood for events of a detector whose dead-time laws are known.

    The parameter `rate` is the long-term mean of the source. Variability below the frequency
    1/duration scatters the mean of one observation about it, in both modules alike. Noise and
    response depend on the mean of the observation. The recorded rate constrains that mean, and a
    Gaussian integral marginalises over it.

    Where the detector has covariates, `from_summary` makes a reference for the detector of one
    observation; `fit` uses it.

    Arguments:
        simulator: gives source, detector, summary and prior.
        draws, walkers, steps, max_steps: see `SampledReference`.
    """

    @property
    @abstractmethod
    def detector(self) -> DeadTime:
        """Return the detector that the model assumes."""

    def for_observation(self, params: Mapping[str, ArrayLike]) -> Self:
        """Return the same reference for the detector of one observation.

        Arguments:
            params: physical covariates of the detector, each a number, and the `rate`, from which
                a background share gives counts/s.
        """
        names = (*self.simulator.detector_covariates, "rate")
        own = {name: float(np.ravel(params[name])[0]) for name in names}
        simulator = self.simulator.at(own)
        return replace(self, simulator=simulator)

    def from_summary(self, x: ArrayLike) -> Self:
        """Return the same reference for the detector that a summary x (X,) describes.

        The background is given as its share of the incident events.
        """
        layout = self.simulator.layout
        ranges = self.simulator.prior.covariates
        values = as_floats(x)
        covariates = {
            name: float(ranges[name].to_physical(values[layout.slices[name]])[0])
            for name in self.simulator.detector_covariates
        }
        rates = self._recorded_rates(values)
        recorded = np.mean(rates)

        # all events first; an impossible recorded rate is refused later, by `recorded_powers`
        alone = {**covariates, "background_share": 0.0, "rate": 1.0}
        incident = float(self.for_observation(alone).detector.incident(recorded))
        background = covariates.get("background_share", 0.0)
        source_share = 1 - background
        return self.for_observation({**covariates, "rate": source_share * max(incident, 1e-9)})

    def expected(self, params: Mapping[str, ArrayLike]) -> dict[str, Floats]:
        """Return the expected Leahy powers (n, F) of each channel of the summary.

        Arguments:
            params: physical, each a number or (n,); covariates of the detector a number.
        """
        if self.simulator.detector_covariates:
            return self.for_observation(params).expected(params)
        values = as_arrays(params)
        lines = self.source.lines(values)
        variance = self.variance(values, lines)
        log_rate, variance = np.broadcast_arrays(np.log(values["rate"]), variance)
        effective = self.effective_log_rate(log_rate, variance)
        noise, gains = self.noise_and_gains(log_rate, variance)

        modules = self.simulator.detector.modules
        recorded = modules * self.detector.recorded(np.exp(effective))[:, None]
        response = self.tabulated(effective)[:, 1]
        signal = noise + recorded * response * self.power_in_bins(values, gains, lines)
        if modules == 1:
            return {"power": signal}
        return {"sum": signal, "difference": np.broadcast_to(noise, signal.shape)}

    def tabulated(self, log_rate: ArrayLike, derivative: int = 0) -> Floats:
        """Return white noise and power response (..., 2, F), or their derivative.

        Arguments:
            log_rate: ln of the source's incident counts/s, (...).
            derivative: order of the derivative with the log rate.
        """
        prior = self.simulator.prior.ranges["rate"]
        low = np.log(prior.low) - TABLE_MARGIN
        high = np.log(prior.high) + TABLE_MARGIN
        step = self.simulator.source.dt
        table = response_table(self.detector, self.simulator.summary, step, low, high)
        return np.asarray(table(np.clip(log_rate, low, high), derivative))

    def effective_log_rate(self, log_rate: Floats, variance: Floats) -> Floats:
        """Return ln of the constant rate with the same mean recorded rate as a varying one, (n,).

        Dead time removes a larger share of the peaks of a light curve than of its troughs.

        Arguments:
            log_rate: ln of the source's mean incident counts/s, (n,).
            variance: of the log rate, (n,).
        """
        nodes = self._at_nodes(log_rate, variance)
        varying = np.exp(nodes)
        recorded = self.detector.recorded(varying) @ WEIGHTS
        return np.asarray(np.log(self.detector.incident(recorded)))

    def noise_and_gains(self, log_rate: Floats, variance: Floats) -> tuple[Floats, Floats]:
        """Return white noise (m, F), and the gain (m, order) in the power of each order.

        Arguments:
            log_rate: ln of the source's mean incident counts/s, (m,).
            variance: of the log rate, (m,).
        """
        effective = self.effective_log_rate(log_rate, variance)
        noise = self.tabulated(effective)[:, 0]
        return noise, np.ones((len(log_rate), ORDER))

    def recorded_powers(self, x: ArrayLike) -> RecordedPowers:
        """Read a summary x (X,); for a detector without covariates.

        Raises: ValueError if x is not finite, or its recorded rate is impossible.
        """
        layout = self.simulator.layout
        values = as_floats(x)
        part = {name: values[s] for name, s in layout.slices.items()}
        segments = round(10 ** part["segments"].item())
        segment_size = self.simulator.summary.segment_size
        duration = segments * segment_size
        rates = self._recorded_rates(values)
        log_rate = self._log_rate(values)
        variance = self._variance_grid()
        noise, gains = self.noise_and_gains(self._mean_log_rate(log_rate, variance), variance)
        channels = [name for name in ("power", "sum", "difference") if name in part]
        return RecordedPowers(
            channels=[2 * np.exp(part[name]) for name in channels],
            shape=segments * layout.axis.averaged.astype(np.float64),
            total=float(rates.sum()),
            duration=duration,
            log_rate=float(log_rate),
            precision=self._precision(rates, duration),
            response=self.tabulated(log_rate)[1],
            slope=self.tabulated(log_rate, 1),
            variance=variance,
            noise=noise,
            gains=gains,
        )

    def likelihood(self, x: ArrayLike) -> Density:
        """Return the log-likelihood of a summary x (X,) as a function of theta (n, D).

        Powers have a Gamma distribution, the recorded rate a Gaussian one. The integral over the
        mean rate of the observation is of second order in its logarithm.

        Raises: ValueError if x is not finite, or its recorded rate is impossible.
        """
        if self.simulator.detector_covariates:
            return self.from_summary(x).likelihood(self.simulator.raw(x))
        observed = self.recorded_powers(x)
        return lambda theta: self._evaluate(theta, observed)

    def fit(self, x: ArrayLike, seed: int = 0) -> Samples:
        """Draw from the posterior of x by emcee; a note reports a chain that did not converge.

        Arguments:
            x: summary (X,).
            seed: the same seed gives the same draws.

        Returns: `draws` samples in sampling coordinates.
        """
        if not self.simulator.detector_covariates:
            return super().fit(x, seed)
        samples = self.from_summary(x).fit(self.simulator.raw(x), seed)
        return replace(samples, prior=self.simulator.prior)

    def _start(self, x: ArrayLike, rng: np.random.Generator) -> Floats:
        """Draw starting points from the prior, with a rate near the observation's, in its units."""
        prior = self.simulator.prior
        width = prior.high - prior.low
        drawn = prior.sample(POPULATION, rng)[:, : prior.dim]
        place: Floats = (drawn - prior.low) / width

        column = prior.names.index("rate")
        log_rate = float(self._log_rate(as_floats(x)))
        near = np.exp(log_rate + 0.05 * rng.standard_normal(POPULATION))
        rate = prior.parameters["rate"].to_sampling(near)
        rate_place = (rate - prior.low[column]) / width[column]

        # strictly inside the box, and different from each other
        margin = 0.001 * place[:, column]
        place[:, column] = np.clip(rate_place, margin, 1 - margin)
        return place

    def _at_nodes(self, log_rate: Floats, variance: Floats) -> Floats:
        """Return the log rates (n, 9) over which a Gaussian average is taken."""
        deviation = np.sqrt(variance)[:, None]
        return np.asarray(log_rate[:, None] + deviation * NODES - variance[:, None] / 2)

    def _variance_grid(self) -> Floats:
        """Return the variances (J,) of the log rate at which noise and gains are tabulated."""
        return np.zeros(1)

    def _mean_log_rate(self, log_rate: Floats, variance: Floats) -> Floats:
        """Return the mean log rates (J,) that, varying so much, are recorded like log_rate."""
        mean = np.full(len(variance), log_rate)
        for _ in range(MEAN_RATE_STEPS):
            mean += log_rate - self.effective_log_rate(mean, variance)
        return mean

    def _recorded_rates(self, values: Floats) -> Floats:
        """Return the recorded counts/s (modules,) in a summary (X,)."""
        layout = self.simulator.layout
        return np.array([10 ** values[layout.slices[name]].item() for name in layout.module_rates])

    def _log_rate(self, values: Floats) -> Floats:
        """Return ln of the source's incident counts/s in an observation.

        Raises: ValueError if a summary (X,) is not finite, or its recorded rate is impossible.
        """
        rates = self._recorded_rates(values)
        recorded = float(rates.mean())
        module = f"its recorded rate of {recorded:g} counts/s per module is"
        live_fraction = float(self.detector.live_fraction(recorded))
        if not (np.isfinite(values).all() and live_fraction > 0):
            raise ValueError(
                f"x is not finite, or {module} above 1/dead time; check the dead time and the rate"
            )
        incident = float(self.detector.incident(recorded))
        if not incident > 0:
            raise ValueError(
                f"{module} not above that of the background alone; give a lower background"
            )
        return np.asarray(np.log(incident))

    def _precision(self, rates: Floats, duration: float) -> float:
        """Return 1/variance of the log rate, from the number of counts and their dispersion.

        The dispersion of counts in long intervals is half of the white noise near zero frequency.
        """
        recorded = float(rates.mean())
        incident = float(self.detector.incident(recorded))
        noise = self.detector.white_noise(np.array([0.01]), incident)
        dispersion = noise[0] / 2
        live_fraction = float(self.detector.live_fraction(recorded))
        source_share = float(self.detector.source_share(incident))
        counts = len(rates) * recorded * duration
        return float(counts * (source_share * live_fraction) ** 2 / dispersion)

    def compare_powers(self, observed: RecordedPowers, noise: Floats, source: Floats) -> Terms:
        """Return the log-likelihood of a summary's powers, and how it changes with the log rate.

        Arguments:
            observed: the summary.
            noise: white noise (n, F) or (1, F) at the recorded rate.
            source: power (n, F) of the source before the response.
        """
        terms = Terms.constant(np.zeros(len(source)), observed.precision)
        signals = (source, np.zeros((1, 1)))
        for power, signal in zip(observed.channels, signals, strict=False):
            expected = noise + observed.response * signal
            change = (observed.slope[0] + observed.slope[1] * signal) / expected
            ratio = power / expected
            terms.value -= (ratio + np.log(expected)) @ observed.shape
            terms.slope += ((ratio - 1) * change) @ observed.shape
            # at least the expected curvature, so that the second order does not overshoot
            terms.curvature += (np.maximum(ratio, 1) * change**2) @ observed.shape
        return terms

    def _evaluate(self, theta: Floats, observed: RecordedPowers) -> Floats:
        """Return the log-likelihood (n,) of theta (n, D); see `likelihood`."""
        params = self.simulator.prior.physical(theta)
        lines = self.source.lines(params)
        variance = self.variance(params, lines)
        noise, gains = observed.at(variance)
        source = observed.total * self.power_in_bins(params, gains, lines)
        terms = self.compare_powers(observed, noise, source)

        # the Gaussian integral over the offset, whose prior is the slow variability's
        slow = self.slow_variance(params, observed.duration, gains, lines)
        effective = self.effective_log_rate(np.log(params["rate"]), variance)
        offset = effective - slow / 2 - observed.log_rate
        spread = 1 + terms.curvature * slow
        square = terms.slope**2 * slow - terms.curvature * offset**2
        exponent = terms.slope * offset + square / 2
        return np.asarray(terms.value + exponent / spread - np.log(spread) / 2)
