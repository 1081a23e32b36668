"""Answers without a network, on the same summary vector and under the same prior.

A power averaged over M segments and W Fourier frequencies is Gamma-distributed with shape M W about its expectation (Whittle's
likelihood; Vaughan 2010, Barret & Vaughan 2012). What is expected is white noise plus the source's power as a segment of finite length
shows it, behind the detector. `Naive` takes the detector for an ideal one. `DeadTimeModel` gives it the exact white noise and response of
a source that varies weakly; `AveragedDeadTimeModel` averages both over the rate's own distribution, and `FrameModel` does so for pile-up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livetime.reference.exact import Exact
from livetime.reference.expected_power import ORDER, ExpectedPower, Lines
from livetime.reference.sampler import posterior
from livetime.reference.spectral import SPECTRAL, SpectralReference
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.frames import FramePileUp
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.power_spectrum import POWER_SHAPES
from livetime.simulate.prior import Samples
from livetime.simulate.simulator import Simulator
from livetime.simulate.spectral import SpectralSimulator
from livetime.simulate.timing import TimingSimulator

Floats = NDArray[np.float64]
POPULATION = 600
"""Draws in the annealed start of a chain."""
NODES, _weights = np.polynomial.hermite_e.hermegauss(9)
WEIGHTS = _weights / _weights.sum()


@lru_cache
def _detector_table(
    detector: DeadTime, summary: Periodogram, step: float, low: float, high: float
) -> Any:
    """Cubic spline over ln of the source's incident rate, from low to high, of white noise and power response: (2, F).

    The rate is constant over steps of the light curve and counts are binned at dt, so a frequency f of the source has images at
    f + k/step, which come through with their own H and are folded onto f again, in phase. Without dead time and with step = dt that
    sums to one.
    """
    from scipy.interpolate import CubicSpline

    log_rate = np.linspace(low, high, int((high - low) / 0.05) + 2)
    f, dt, rate = summary.axis.values, summary.dt, np.exp(log_rate)
    undiluted, share = replace(detector, background=0.0), detector.source_share(rate)

    def shown(k: float) -> NDArray[np.complex128]:
        g = f + k / dt
        return np.asarray(
            np.sinc(g * step) * np.sinc(g * dt) * np.exp(-1j * np.pi * g * (step - dt))
        )

    images = [k for k in range(-1000, 1001) if abs(k * step / dt - round(k * step / dt)) < 1e-9]
    amplitude = np.sum([shown(k) for k in images], axis=0) + np.zeros((len(log_rate), 1))
    for k in (k for k in images if abs(k) <= 16):
        response = undiluted.response(np.abs(f + k / dt), rate / share)
        amplitude += shown(k) * ((response if k >= 0 else response.conj()) - 1)
    amplitude *= share[:, None]
    return CubicSpline(
        log_rate, np.stack([detector.white_noise(f, rate, dt), np.abs(amplitude) ** 2], axis=1)
    )


@dataclass(frozen=True)
class Data:
    """One observation of F powers, and the detector's state in it.

    `log_rate` is ln of the source's incident counts/s per module *during the observation*, known from the recorded rate with `precision`
    1/variance; `slope` (2, F) is that of white noise and response with it. `noise` (J, F) and `gains` (J, order) are tabulated over
    the variance (J,) of the source's log rate, at the observation's recorded rate.
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


@dataclass(frozen=True)
class Reference:
    """A posterior without a network.

    The parameter `rate` is the source's long-term mean; an observation's own mean scatters about it by the variability at less than
    1/duration, in both modules alike. Noise and response follow the observation's own rate, which the recorded rate gives and which is
    integrated out (a Gaussian integral). Where the detector has covariates, `of` makes a reference for those of an observation, and `fit`
    asks that one.

    Arguments:
        simulator: gives source, detector, summary and prior.
        draws: number of draws that `fit` hands out.
        walkers: of emcee's ensemble.
        steps: length of the first chain; it grows until it spans 50 autocorrelation times,
        max_steps: or reaches this length, which is then noted.
    """

    simulator: TimingSimulator
    draws: int = 4000
    walkers: int = 40
    steps: int = 500
    max_steps: int = 12000

    name: ClassVar[str]
    averaged: ClassVar[bool] = False

    @cached_property
    def detector(self) -> DeadTime:
        """The one that the model believes in."""
        return cast(DeadTime, self.simulator.detector_at({}))

    def of(self, params: Mapping[str, ArrayLike]) -> Self:
        """The same for a detector whose covariates are known: physical, each a number; of the background that beside `rate`."""
        own = {
            name: float(np.ravel(params[name])[0])
            for name in (*self.simulator.detector_covariates, "rate")
        }
        return replace(self, simulator=self.simulator.at(own))

    def _of(self, x: ArrayLike) -> Self:
        """`of` what a summary vector says of its detector; the background is its share of what was incident in the observation."""
        layout, values = self.simulator.layout, np.asarray(x, dtype=np.float64)
        ranges = self.simulator.prior.covariates
        known = {
            name: float(ranges[name].to_physical(values[layout.slices[name]])[0])
            for name in self.simulator.detector_covariates
        }
        rates = [
            10 ** float(values[s][0])
            for name, s in layout.slices.items()
            if name.startswith("rate_")
        ]
        alone = self.of({**known, "background_share": 0.0, "rate": 1.0}).detector
        incident = max(
            float(alone.incident(np.mean(rates))), 1e-9
        )  # a recorded rate that cannot be is for `data` to refuse
        return self.of({**known, "rate": (1 - known.get("background_share", 0.0)) * incident})

    @property
    def _averages(self) -> bool:
        return (
            self.averaged and self.simulator.source.log_normal and self.detector.mean_dead_time > 0
        )

    @cached_property
    def source(self) -> ExpectedPower:
        return ExpectedPower(self.simulator.source.spectrum, self.simulator.source.log_normal)

    def log_likelihood(self, theta: ArrayLike, x: ArrayLike) -> Floats:
        """Log density (n,) of x given theta (n, D) in sampling coordinates, up to a constant that depends on x alone.

        Raises: ValueError if x is not finite or its recorded rate is beyond what the dead time allows.
        """
        if self.simulator.detector_covariates:
            return self._of(x).log_likelihood(theta, self.simulator.raw(x))
        return self._evaluate(np.atleast_2d(np.asarray(theta, dtype=np.float64)), self.data(x))

    def power(self, params: Mapping[str, ArrayLike]) -> dict[str, Floats]:
        """Expected Leahy powers (n, F) of each channel of the summary; params: physical, each a number or (n,), the detector's a number."""
        if self.simulator.detector_covariates:
            return self.of(params).power(params)
        params = {
            name: np.atleast_1d(np.asarray(value, dtype=np.float64))
            for name, value in params.items()
        }
        lines = self.source.lines(params)
        log_rate, variance = np.log(params["rate"]), self._variance(params, lines)
        log_rate, variance = np.broadcast_arrays(log_rate, variance)
        effective = self._effective(log_rate, variance)
        noise, gains = self._varying(log_rate, variance)
        response = self._table(effective)[:, 1]
        modules = self.simulator.detector.modules
        recorded = modules * self.detector.recorded(np.exp(effective))[:, None]
        signal = noise + recorded * response * self._in_bins(params, gains, lines)
        return (
            {"power": signal}
            if modules == 1
            else {"sum": signal, "difference": np.broadcast_to(noise, signal.shape)}
        )

    def _table(self, log_rate: ArrayLike, slope: int = 0) -> Floats:
        """White noise and response (..., 2, F) at ln of incident rates (...), or their slope with it."""
        r = self.simulator.prior.ranges["rate"]
        low, high = np.log(r.low) - 3, np.log(r.high) + 3
        spline = _detector_table(
            self.detector, self.simulator.summary, self.simulator.source.dt, low, high
        )
        return np.asarray(spline(np.clip(log_rate, low, high), slope))

    def _variance(self, params: Mapping[str, ArrayLike], lines: Lines | None = None) -> Floats:
        """Variance (n,) of the log rate; of a power law that in the summary's band."""
        layout = self.simulator.layout
        total: Floats = (lines or self.source.lines(params))[0].sum(axis=1)
        for norm, index in self.source.of_shape("powerlaw", params):
            total = (
                total
                + POWER_SHAPES["powerlaw"].power(layout.axis.values, norm, index)
                @ layout.axis.averaged
                / self.simulator.summary.segment_size
            )
        return total

    def _in_bins(
        self, params: Mapping[str, ArrayLike], gains: Floats, lines: Lines | None = None
    ) -> Floats:
        """The source's power (n, F), averaged over the W Fourier frequencies of each bin: two nodes, their mean -+ standard deviation."""
        layout, size, step = (
            self.simulator.layout,
            self.simulator.summary.segment_size,
            self.simulator.source.dt,
        )
        several = layout.axis.averaged > 1
        spread = np.sqrt((layout.axis.averaged**2 - 1) / 12) / size
        f = np.concatenate([layout.axis.values - spread, (layout.axis.values + spread)[several]])
        power = self.source(np.abs(f - np.round(f * step) / step), params, size, gains, lines)
        mean = power[:, : len(spread)]
        mean[:, several] = (mean[:, several] + power[:, len(spread) :]) / 2
        return mean

    def _effective(self, log_rate: Floats, variance: Floats) -> Floats:
        """ln of the constant incident rate that is recorded like the mean of a varying one: dead time takes more from its peaks."""
        varying = np.exp(
            log_rate[:, None] + np.sqrt(variance)[:, None] * NODES - variance[:, None] / 2
        )
        return np.asarray(np.log(self.detector.incident(self.detector.recorded(varying) @ WEIGHTS)))

    def _state(self, log_rate: Floats) -> tuple[Floats, Floats]:
        """Blind share of the time `u = q/(1 + q)`, q incident events per detector and dead time, and the source's share of the events."""
        rate = np.exp(log_rate)
        return 1 - self.detector.live_fraction(
            self.detector.recorded(rate)
        ), self.detector.source_share(rate)

    def _varying(self, log_rate: Floats, variance: Floats) -> tuple[Floats, Floats]:
        """White noise (m, F), and power gain (m, order) of each order of the variability over that of a weak one.

        When averaged, for variability that is slow against tau: the noise N is E[R N]/E[R] over the rate's distribution, R being the
        recorded rate, in proportion to the blind share u = q/(1 + q) of the time. R is a memoryless function of the Gaussian log rate g, so
        that the k-th power of g's autocovariance comes through with E[d^k R/dg^k]^2 (Price 1958). With the source's share s of the events,
        u' = u (1 - u) s and s' = s (1 - s), and so on. Without dead time and background that is E[r]^2.
        """
        if not self._averages:
            return self._table(self._effective(log_rate, variance))[:, 0], np.ones(
                (len(log_rate), ORDER)
            )
        nodes = log_rate[:, None] + np.sqrt(variance)[:, None] * NODES - variance[:, None] / 2
        u, s = self._state(nodes)
        weight = WEIGHTS * u / (u @ WEIGHTS)[:, None]
        noise = np.einsum("mi,mif->mf", weight, self._table(nodes)[:, :, 0])
        second = s**2 * (1 - 2 * u) + s * (1 - s)
        third = (
            s**3 * (1 - 6 * u + 6 * u**2)
            + 3 * s**2 * (1 - s) * (1 - 2 * u)
            + s * (1 - s) * (1 - 2 * s)
        )
        orders = (1 - u)[..., None] * np.stack([s, second, third], axis=-1)
        blind, diluted = self._state(self._effective(log_rate, variance))
        return noise, (
            np.einsum("mi,mik->mk", weight, orders) / ((1 - blind) * diluted)[:, None]
        ) ** 2

    def data(self, x: ArrayLike) -> Data:
        """What a summary vector says; for a detector without covariates."""
        layout, values = self.simulator.layout, np.asarray(x, dtype=np.float64)
        part = {name: values[s] for name, s in layout.slices.items()}
        rates = np.array([10 ** part[name].item() for name in part if name.startswith("rate_")])
        segments = round(10 ** part["segments"].item())
        recorded, duration = float(rates.mean()), segments * self.simulator.summary.segment_size
        live = float(self.detector.live_fraction(recorded))
        if not (np.isfinite(values).all() and live > 0):
            raise ValueError(
                f"x is not finite, or its recorded rate of {recorded:g} counts/s per module is above 1/dead time"
            )
        if not (incident := float(self.detector.incident(recorded))) > 0:
            raise ValueError(
                f"its recorded rate of {recorded:g} counts/s per module is not above that of the background alone"
            )
        log_rate = np.log(incident)
        dispersion = (
            self.detector.white_noise(np.array([0.01]), incident)[0] / 2
        )  # of counts in long intervals
        precision = (
            len(rates)
            * recorded
            * duration
            * (float(self.detector.source_share(incident)) * live) ** 2
            / dispersion
        )
        variance = np.linspace(0, 1, 17) if self._averages else np.zeros(1)
        mean = np.full(len(variance), log_rate)
        for _ in range(30):  # the mean rate that, with each variance, is recorded as it was
            mean += log_rate - self._effective(mean, variance)
        noise, gains = self._varying(mean, variance)
        channels = [
            2 * np.exp(part[name]) for name in ("power", "sum", "difference") if name in part
        ]
        response, slope = self._table(log_rate)[1], self._table(log_rate, 1)
        shape, total = segments * layout.axis.averaged.astype(np.float64), float(rates.sum())
        return Data(
            channels,
            shape,
            total,
            duration,
            float(log_rate),
            float(precision),
            response,
            slope,
            variance,
            noise,
            gains,
        )

    def _evaluate(self, theta: Floats, data: Data) -> Floats:
        """Log-likelihood (n,): Gamma for the powers, Gaussian for the rate, and the integral over the observation's own rate."""
        params = self.simulator.prior.physical(theta)
        lines = self.source.lines(params)
        variance = self._variance(params, lines)
        noise, gains = data.noise, data.gains
        if self._averages:
            place = variance[:, None].clip(max=data.variance[-1]) / data.variance[1] - np.arange(
                len(data.variance)
            )
            between = np.maximum(0, 1 - np.abs(place))  # linear interpolation
            noise, gains = between @ noise, between @ gains
        source = data.total * self._in_bins(params, gains, lines)
        # second order in d = (observation's own log rate) - data.log_rate; max(ratio, 1) keeps it from overshooting
        value, gradient, precision = (
            np.zeros(len(theta)),
            np.zeros(len(theta)),
            np.full(len(theta), data.precision),
        )
        for observed, signal in zip(data.channels, (source, np.zeros((1, 1))), strict=False):
            expected = noise + data.response * signal
            ratio = observed / expected
            slope = (data.slope[0] + data.slope[1] * signal) / expected
            value -= (ratio + np.log(expected)) @ data.shape
            gradient += ((ratio - 1) * slope) @ data.shape
            precision += (np.maximum(ratio, 1) * slope**2) @ data.shape
        slow = self.source(np.array([0.5 / data.duration]), params, data.duration, gains, lines)[
            :, 0
        ] / (2 * data.duration)
        d = self._effective(np.log(params["rate"]), variance) - slow / 2 - data.log_rate
        spread = 1 + precision * slow
        return np.asarray(
            value
            + (gradient * d + (gradient**2 * slow - precision * d**2) / 2) / spread
            - np.log(spread) / 2
        )

    def fit(self, x: ArrayLike, seed: int = 0) -> Samples:
        """Draws from the posterior of x by emcee; the same for the same seed. A note says so if the chain did not converge."""
        if self.simulator.detector_covariates:
            return replace(self._of(x).fit(self.simulator.raw(x), seed), prior=self.simulator.prior)
        prior, data, rng = self.simulator.prior, self.data(x), np.random.default_rng(seed)
        width = prior.high - prior.low

        place = (prior.sample(POPULATION, rng)[:, : prior.dim] - prior.low) / width
        at = prior.names.index("rate")
        near = prior.parameters["rate"].to_sampling(
            np.exp(data.log_rate + 0.05 * rng.standard_normal(POPULATION))
        )
        place[:, at] = np.clip(
            (near - prior.low[at]) / width[at], 0.001 * place[:, at], 1 - 0.001 * place[:, at]
        )
        lengths = (self.walkers, self.steps, self.max_steps)
        return posterior(
            self.name,
            lambda theta: self._evaluate(theta, data),
            prior,
            place,
            rng,
            *lengths,
            self.draws,
        )


@dataclass(frozen=True)
class Naive(Reference):
    """Whittle's likelihood with Leahy noise 2, and recorded rate = incident rate, but for what is background or was screened away."""

    name: ClassVar[str] = "naive"

    @cached_property
    def detector(self) -> DeadTime:
        return self.simulator.detector_at({}).naive()


@dataclass(frozen=True)
class DeadTimeModel(Reference):
    """Exact white noise and response |H|^2 of the detector's dead time at the mean rate: first order in the variability.

    For any detector of `DeadTime` but paralyzable ones, of which two incident rates give the same recorded one, those with frames, and
    modules of unequal areas, of which sum and difference are not independent.
    """

    name: ClassVar[str] = "dead-time model"


@dataclass(frozen=True)
class AveragedDeadTimeModel(DeadTimeModel):
    """The dead-time model averaged over the rate's own distribution: for any log-normal variability that is slow against the dead time."""

    name: ClassVar[str] = "averaged dead-time model"
    averaged: ClassVar[bool] = True


@dataclass(frozen=True)
class FrameModel(Reference):
    """Pile-up frame by frame: exact white noise and response of `FramePileUp`, both averaged over the rate's own distribution.

    Counts of a frame depend on the rate in that frame alone, so that for a log-normal source the average is exact up to the series' order:
    with C(g) the mean counts at a log rate g, the k-th power of g's autocovariance comes through with `E[d^k C/dg^k]^2` (Price 1958), and
    the noise is `2 E[variance]/E[C]`. The recorded rate scatters about its mean by noise and by the variability at less than 1/duration.
    Counts are not monotonic in the rate: the posterior may have two modes.
    """

    name: ClassVar[str] = "frame model"

    def power(self, params: Mapping[str, ArrayLike]) -> dict[str, Floats]:
        own: dict[str, Floats] = {
            name: np.atleast_1d(np.asarray(value, dtype=np.float64))
            for name, value in params.items()
        }
        recorded, noise, gains, lines = self._seen(own)
        return {
            "power": noise[:, None]
            + recorded[:, None] * self._shown * self._in_bins(own, gains, lines)
        }

    @property
    def _frames(self) -> FramePileUp:
        return cast(FramePileUp, self.simulator.detector)

    @cached_property
    def _shown(self) -> Floats:
        """Share of the power (F,) that is left of a rate which is constant over steps, in bins; where one is a multiple of the other."""
        f, (short, long) = (
            self.simulator.layout.axis.values,
            sorted((self.simulator.source.dt, self.simulator.summary.dt)),
        )
        return np.asarray((np.sinc(f * long) / np.sinc(f * short)) ** 2)

    def _seen(self, params: Mapping[str, Floats]) -> tuple[Floats, Floats, Floats, Lines]:
        """Recorded counts/s (n,), white noise (n,), gains (n, order), and the source's lines."""
        lines, frames = self.source.lines(params), self._frames
        variance = self._variance(params, lines)[:, None] * self.simulator.source.log_normal
        nodes = params["rate"][:, None] * np.exp(np.sqrt(variance) * NODES - variance / 2)
        own = {name: params[name][:, None] for name in frames.parameters}
        counts = np.stack(
            [frames.counts(nodes, own, k) @ WEIGHTS for k in range(ORDER + 1)], axis=1
        )
        gains = (counts[:, 1:] / counts[:, :1]) ** 2
        return (
            counts[:, 0] / frames.cycle,
            2 * (frames.variance(nodes, own) @ WEIGHTS) / counts[:, 0],
            gains,
            lines,
        )

    def log_likelihood(self, theta: ArrayLike, x: ArrayLike) -> Floats:
        return self._of_powers(
            np.atleast_2d(np.asarray(theta, dtype=np.float64)), np.asarray(x, dtype=np.float64)
        )

    def _of_powers(self, theta: Floats, x: Floats) -> Floats:
        layout, params = self.simulator.layout, self.simulator.prior.physical(theta)
        power, observed, segments = (
            x[layout.slices[name]] for name in ("power", "rate_a", "segments")
        )
        segments, total = np.round(10**segments), 10**observed
        recorded, noise, gains, lines = self._seen(params)
        expected = noise[:, None] + total * self._shown * self._in_bins(params, gains, lines)
        value: Floats = -(2 * np.exp(power) / expected + np.log(expected)) @ (
            segments * layout.axis.averaged
        )
        duration = float(segments[0] * self.simulator.summary.segment_size)
        slow = self.source(np.array([0.5 / duration]), params, duration, gains, lines)[:, 0] / (
            2 * duration
        )
        variance = slow + noise / (2 * recorded * duration)
        d = observed[0] * np.log(10) - np.log(recorded) + variance / 2
        value = value - d**2 / (2 * variance) - np.log(variance) / 2
        return np.where(
            np.isfinite(value), value, -1e30
        )  # no counts at all are expected of far too bright a core

    def fit(self, x: ArrayLike, seed: int = 0) -> Samples:
        prior, rng, values = (
            self.simulator.prior,
            np.random.default_rng(seed),
            np.asarray(x, dtype=np.float64),
        )
        place, lengths = (
            rng.random((POPULATION, prior.dim)),
            (self.walkers, self.steps, self.max_steps),
        )
        return posterior(
            self.name,
            lambda theta: self._of_powers(theta, values),
            prior,
            place,
            rng,
            *lengths,
            self.draws,
        )


REFERENCES: dict[str, type[Reference] | type[Exact]] = {
    "naive": Naive,
    "dead_time_model": DeadTimeModel,
    "averaged_dead_time_model": AveragedDeadTimeModel,
    "frame_model": FrameModel,
    "exact": Exact,
}
"""By the name that a config gives."""


Answering = Reference | Exact | SpectralReference
"""What has a posterior without a network."""


def applicable(simulator: Simulator, names: Sequence[str] | None) -> tuple[str, ...]:
    """The references that are wanted (None: all there are) and have an answer for the simulator's detector.

    Raises: ValueError for one that is asked for by name and has none.
    """
    known: tuple[str, ...] = ()
    if simulator.kind == "spectrum":
        known = tuple(SPECTRAL)
    elif simulator.kind == "periodograms":
        known = ("exact",)
    else:
        timing = cast(TimingSimulator, simulator)
        of_law = {"dead time": tuple(REFERENCES)[:3], "frames": ("naive", "frame_model"), "": ()}
        if timing.summary.is_periodogram:
            known = of_law[timing.detector.law]
    for name in names or ():
        if name not in known:
            there = f"it can be {', '.join(known)}" if known else "say reference.names=[]"
            raise ValueError(
                f"reference.names has {name}, which has no answer for this run's detector and summary; {there}"
            )
    return known if names is None else tuple(names)


def references(simulator: Simulator, names: Sequence[str], **options: Any) -> dict[str, Answering]:
    """By name, those of the `applicable` names; `options` are arguments of their classes."""
    if simulator.kind == "spectrum":
        return {
            name: SPECTRAL[name](cast(SpectralSimulator, simulator), **options) for name in names
        }
    return {name: REFERENCES[name](cast(Any, simulator), **options) for name in names}
