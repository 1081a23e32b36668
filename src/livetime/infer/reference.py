"""Answers without a network, on the same summary vector and under the same prior: Whittle's likelihood, with and without dead time.

A power averaged over M segments and W Fourier frequencies is Gamma-distributed with shape M W about its expectation (Vaughan 2010;
Barret & Vaughan 2012). What is expected is the source's power as a segment of finite length shows it, behind the detector, plus
the white noise. `Whittle` takes the detector for an ideal one; `DeadTimeModel` gives it its exact white noise and its response to a
weak modulation, which is first order in the variability.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from math import factorial, prod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, log_expit, logit, logsumexp

from livetime.simulate.detector import DeadTimeDistribution, dead_time_distribution, modulation_response, white_noise
from livetime.simulate.prior import Samples
from livetime.simulate.psd import SHAPES, Spectrum
from livetime.simulate.simulator import Simulator

Floats = NDArray[np.float64]
HERMITE_NODES, _weights = np.polynomial.hermite_e.hermegauss(9)
HERMITE_WEIGHTS = _weights / _weights.sum()
POPULATION = 600
"""Of the annealed start."""


@dataclass(frozen=True)
class _Remembered(DeadTimeDistribution):
    """A distribution that computes its characteristic function, which costs the most, once for each set of frequencies."""

    known: dict[bytes, NDArray[np.complex128]] = field(default_factory=dict)

    def phi(self, f: ArrayLike) -> NDArray[np.complex128]:
        key = np.asarray(f, dtype=np.float64).tobytes()
        if key not in self.known:
            self.known[key] = super().phi(f)
        return self.known[key]


@dataclass(frozen=True)
class SourcePower:
    """The source's power as a segment of finite length shows it, on average; one-sided, (fractional rms of the rate)^2/Hz.

    A segment's expected periodogram is the spectrum convolved with the Fejer kernel of width 1/T: at T = 16 s a QPO of .5 Hz and
    Q = 20 loses half of its peak. For a Lorentzian, whose autocovariance is a damped cosine, `z = 2 pi (w + i (f - nu))` gives
    `Re[1/z - (1 - exp(-z T))/(z^2 T)]` in place of `Re[1/z]`. Where w T is large that is a Lorentzian of half width w + 1/(2 pi T), which
    is used for all but the QPOs themselves. A power law is not convolved.

    For a log-normal rate the series of `psd.log_normal_power` is summed to the given order.

    Arguments:
        spectrum: of the log rate, or for `log_normal=False` of the rate.
        log_normal: as in `LightCurve`.
        order: of the series.
    """

    spectrum: Spectrum
    log_normal: bool = True
    order: int = 3

    def _of_shape(self, shape: str) -> list[str]:
        return [name for name, s in self.spectrum.components.items() if s == shape]

    @cached_property
    def _products(self) -> tuple[Floats, Floats]:
        """Exponents (K, L) of the L lines in each product of two to `order` lines, and what it weighs in the series.

        A QPO is two lines, at its frequency and at minus it; of two products that mirror each other one is kept, with twice the weight.
        """
        qpos, noises = len(self._of_shape("qpo")), len(self._of_shape("noise"))
        exponents, weights = [], []
        for e in product(range(self.order + 1), repeat=2 * qpos + noises) if self.log_normal else ():
            mirror = (*(x for i in range(qpos) for x in (e[2 * i + 1], e[2 * i])), *e[2 * qpos :])
            if 2 <= sum(e) <= self.order and e >= mirror:
                exponents.append(e)
                weights.append((2 if e > mirror else 1) / np.pi / prod(factorial(x) for x in e))
        return np.array(exponents, dtype=np.float64).reshape(len(weights), 2 * qpos + noises), np.array(weights)

    def lines(self, params: Mapping[str, ArrayLike]) -> tuple[Floats, Floats, Floats]:
        """Variance, half width and centre in Hz of every line, each (n, L)."""
        out = []
        for name in self._of_shape("qpo"):
            rms, nu, q = (np.atleast_1d(np.asarray(params[f"{name}_{x}"], dtype=np.float64)) for x in ("rms", "frequency", "quality"))
            variance = rms**2 * (0.5 + np.arctan(2 * q) / np.pi) / 2
            out += [(variance, nu / (2 * q), nu), (variance, nu / (2 * q), -nu)]
        for name in self._of_shape("noise"):
            rms, w = (np.atleast_1d(np.asarray(params[f"{name}_{x}"], dtype=np.float64)) for x in ("rms", "frequency"))
            out.append((rms**2, w, np.zeros_like(w)))
        variance, width, centre = (np.stack([line[i] for line in out], axis=-1) if out else np.zeros((1, 0)) for i in range(3))
        return variance, width, centre

    def __call__(self, f: Floats, params: Mapping[str, ArrayLike], duration: float) -> Floats:
        """The expected power (n, F) at f (F,) in Hz, over segments of `duration` s; parameters are numbers or (n,)."""
        total = self._first_order(f, params, duration)
        exponents, weights = self._products
        variance, width, centre = self.lines(params)
        weight = weights * np.exp(np.log(variance) @ exponents.T)
        w, c = width @ exponents.T + 1 / (2 * np.pi * duration), centre @ exponents.T
        # weight w [1/((f - c)^2 + w^2) + 1/((f + c)^2 + w^2)] = (factor t + offset)/(t^2 + scale) with t = f^2 + shift; the cost of a fit is here
        u = (f**2).astype(np.float32)
        terms = (w**2 - c**2, 2 * weight * w, 4 * weight * w * c**2, 4 * c**2 * w**2)
        shift, factor, offset, scale = (a.astype(np.float32)[..., None] for a in terms)
        block = max(1, 50_000 // total.size)
        for k in range(0, len(weights), block):
            part = np.s_[:, k : k + block]
            t = u + shift[part]
            low = t * t
            low += scale[part]
            t *= factor[part]
            t += offset[part]
            t /= low
            total += t.sum(axis=1)
        return total

    def _first_order(self, f: Floats, params: Mapping[str, ArrayLike], duration: float) -> Floats:
        n = max(np.size(params[name]) for name in self.spectrum.parameters)
        total: Floats = np.zeros((n, len(f)))
        for name, shape in self.spectrum.components.items():
            args = [np.asarray(params[f"{name}_{x}"], dtype=np.float64)[..., None] for x in SHAPES[shape].fields]
            if shape == "qpo":
                rms, nu, q = args
                a = np.pi * nu / q
                c = (1 - np.exp((2j * np.pi * nu - a) * duration)) / duration
                delta = 2 * np.pi * (f - nu)
                d = 1 / (delta**2 + a**2)
                delta *= 2 * a * c.imag
                delta += 2 * a * a * c.real
                delta *= d
                np.subtract(a + c.real, delta, out=delta)
                delta *= d
                delta *= 2 * rms**2
                total += delta
            elif shape == "noise":
                total += SHAPES[shape].power(f, args[0], args[1] + 1 / (2 * np.pi * duration))
            else:
                total += SHAPES[shape].power(f, *args)
        return total


@dataclass(frozen=True)
class _Data:
    """One observation, and the detector's state in it.

    `log_rate` is ln of the incident counts/s per module *during the observation*, known from the recorded rate and the difference
    channel with `precision` 1/variance; white noise and response (F,) are those at this rate, with their slopes d/d(log_rate).
    """

    power: Floats
    shape: Floats
    total: float
    duration: float
    log_rate: float
    precision: float
    noise: Floats
    noise_slope: Floats
    response: Floats
    response_slope: Floats


@dataclass(frozen=True)
class Reference:
    """A posterior without a network; `Whittle` and `DeadTimeModel` say which.

    The parameter `rate` is the source's long-term mean; an observation's own mean scatters about it by the variability below 1/duration,
    in both modules alike. Noise and response follow the observation's own rate, which is integrated out (a Gaussian integral, first
    order in its uncertainty).

    Arguments:
        simulator: gives source, detector, summary and prior.
        walkers: of emcee's ensemble.
        steps: length of the first chain; it grows until it spans 50 autocorrelation times.
        max_steps: where it stops growing, with a note.
        draws: number of draws that are handed out.
    """

    simulator: Simulator
    walkers: int = 40
    steps: int = 500
    max_steps: int = 4000
    draws: int = 4000

    @property
    def name(self) -> str:
        raise NotImplementedError

    @property
    def distribution(self) -> DeadTimeDistribution:
        """The dead time that the model knows of."""
        raise NotImplementedError

    @cached_property
    def source(self) -> SourcePower:
        return SourcePower(self.simulator.source.spectrum, self.simulator.source.log_normal)

    @cached_property
    def _tau(self) -> _Remembered:
        d = self.distribution
        return _Remembered(d.low, d.high, d.probability)

    def log_likelihood(self, theta: ArrayLike, x: ArrayLike) -> Floats:
        """Log density (n,) of x given theta (n, D) in sampling coordinates, up to a constant that depends on x alone.

        Raises: ValueError if x is not finite or its recorded rate is beyond what the dead time allows.
        """
        return self._evaluate(np.atleast_2d(np.asarray(theta, dtype=np.float64)), self._data(x))

    def power(self, params: Mapping[str, ArrayLike]) -> dict[str, Floats]:
        """Expected Leahy powers (n, F) of each channel of the summary; params: physical, each a number or (n,)."""
        params = {name: np.atleast_1d(np.asarray(value, dtype=np.float64)) for name, value in params.items()}
        source = self._in_bins(params)
        rate = np.exp(self._effective_rate(params, source))
        noise, response = self._detector(np.log(rate))
        modules = self.simulator.detector.modules
        recorded = modules * rate / (1 + rate * self._tau.mean)
        signal = noise + recorded[:, None] * response * source
        return {"power": signal} if modules == 1 else {"sum": signal, "difference": np.broadcast_to(noise, signal.shape)}

    def _detector(self, log_rate: ArrayLike) -> tuple[Floats, Floats]:
        """White noise and response (n, F) of the power, at ln of the incident rates (n,).

        The rate is constant over steps of source.dt and the counts are binned at dt: a frequency f of the grid has images at f + k/source.dt,
        which all come through with their own H and are folded onto f again, in phase.
        """
        rate = np.exp(np.atleast_1d(log_rate))
        f, dt, step = self.simulator.layout.frequency, self.simulator.summary.dt, self.simulator.source.dt
        folded = [k for k in range(-16, 17) if abs(k * step / dt - round(k * step / dt)) < 1e-9]
        amplitude: NDArray[np.complex128] = np.zeros((len(rate), len(f)), dtype=np.complex128)
        for g in (f + k / dt for k in folded):
            shown = np.sinc(g * step) * np.sinc(g * dt) * np.exp(-1j * np.pi * g * (step - dt))
            amplitude += shown * modulation_response(g, rate, self._tau)
        return white_noise(f, rate, self._tau, dt), np.abs(amplitude) ** 2

    def _in_bins(self, params: Mapping[str, ArrayLike]) -> Floats:
        """The source's power (n, F), averaged over the W Fourier frequencies of each bin by two nodes at their mean -+ standard deviation."""
        layout, size, step = self.simulator.layout, self.simulator.summary.segment_size, self.simulator.source.dt
        several = layout.averaged > 1
        spread = np.sqrt((layout.averaged**2 - 1) / 12) / size
        f = np.concatenate([layout.frequency - spread, (layout.frequency + spread)[several]])
        power = self.source(np.abs(f - np.round(f * step) / step), params, size)
        mean = power[:, : len(spread)]
        mean[:, several] = (mean[:, several] + power[:, len(spread) :]) / 2
        return mean

    def _effective_rate(self, params: Mapping[str, ArrayLike], source: Floats) -> Floats:
        """ln of the constant incident rate (n,) that is recorded at the mean rate of the varying one: dead time takes more from its peaks."""
        rate, tau = np.asarray(params["rate"], dtype=np.float64), self._tau.mean
        if tau == 0:
            return np.log(rate)
        variance = np.log1p(source @ self.simulator.layout.averaged / self.simulator.summary.segment_size)[:, None]
        varying = rate[:, None] * np.exp(np.sqrt(variance) * HERMITE_NODES - variance / 2)
        recorded = (varying / (1 + varying * tau)) @ HERMITE_WEIGHTS
        return np.log(recorded / (1 - recorded * tau))

    def _data(self, x: ArrayLike) -> _Data:
        layout, values = self.simulator.layout, np.asarray(x, dtype=np.float64)
        part = {name: values[s] for name, s in layout.slices.items()}
        rates = np.array([10 ** part[name].item() for name in part if name.startswith("rate_")])
        segments = round(10 ** part["segments"].item())
        recorded, duration, shape = float(rates.mean()), segments * self.simulator.summary.segment_size, segments * layout.averaged
        live = 1 - recorded * self._tau.mean
        if not (np.isfinite(values).all() and live > 0):
            raise ValueError(f"x is not finite, or its recorded rate of {recorded:g} counts/s per module is above 1/dead time")
        log_rate = start = float(np.log(recorded / live))
        dispersion = white_noise(np.array([0.01]), recorded / live, self._tau)[0] / 2  # of counts in long intervals
        from_rate = len(rates) * recorded * duration * live**2 / dispersion
        for _ in range(3 if "difference" in part else 1):
            noise, response = self._detector(log_rate + np.array([0, -0.01, 0.01]))
            noise_slope, response_slope = ((a[2] - a[1]) / 0.02 for a in (noise, response))
            precision = from_rate
            if "difference" in part:  # a Newton step
                slope = noise_slope / noise[0]
                from_noise = shape @ slope**2
                pull = (shape * (2 * np.exp(part["difference"]) / noise[0] - 1)) @ slope
                precision = from_rate + from_noise
                log_rate = float((from_rate * start + from_noise * log_rate + pull) / precision)
        power = 2 * np.exp(part.get("sum", part.get("power")))
        total = float(rates.sum())
        return _Data(power, shape, total, duration, log_rate, precision, noise[0], noise_slope, response[0], response_slope)

    def _evaluate(self, theta: Floats, data: _Data) -> Floats:
        """Log-likelihood (n,): Gamma for the powers, Gaussian for the rate, and the integral over the observation's own rate."""
        params = self.simulator.prior.physical(theta)
        source = self._in_bins(params)
        expected = data.noise + (data.total * data.response) * source
        ratio = data.power / expected
        power_term = -(ratio + np.log(expected)) @ data.shape
        # second order in d = (observation's own log rate) - data.log_rate; with max(ratio, 1) it never overshoots
        slope = (data.noise_slope + (data.total * data.response_slope) * source) / expected
        gradient = ((ratio - 1) * slope) @ data.shape
        precision = data.precision + (np.maximum(ratio, 1) * slope**2) @ data.shape
        slow = self.source(np.array([0.5 / data.duration]), params, data.duration)[:, 0] / (2 * data.duration)
        d = self._effective_rate(params, source) - slow / 2 - data.log_rate
        rate_term = (gradient * d + (gradient**2 * slow - precision * d**2) / 2) / (1 + precision * slow) - np.log1p(precision * slow) / 2
        return np.asarray(power_term + rate_term)

    def fit(self, x: ArrayLike, seed: int = 0) -> Samples:
        """Draws from the posterior of x, with emcee (Foreman-Mackey et al. 2013) from an annealed start; the same for the same seed.

        The first fifth of the chain is left out. `notes` says so if it is shorter than 50 autocorrelation times, or walkers disagree.
        """
        from emcee import EnsembleSampler
        from emcee.autocorr import integrated_time
        from emcee.moves import DEMove, MHMove

        prior, data, rng = self.simulator.prior, self._data(x), np.random.default_rng(seed)
        width = prior.high - prior.low

        def log_prob(u: Floats) -> Floats:  # u is the logit of theta's place in the box
            place = expit(u)
            log_prior = (log_expit(u) + log_expit(-u)).sum(axis=1)
            return self._evaluate(prior.low + width * place, data) + log_prior

        start = (prior.sample(POPULATION, rng)[:, : prior.dim] - prior.low) / width
        at = prior.names.index("rate")
        near = prior.parameters["rate"].to_sampling(np.exp(data.log_rate + 0.05 * rng.standard_normal(POPULATION)))
        start[:, at] = np.clip((near - prior.low[at]) / width[at], 0.001 * start[:, at], 1 - 0.001 * start[:, at])
        population = anneal(log_prob, logit(start), rng)

        moves = [(MHMove(_Kernels(population[: int(0.9 * POPULATION)], population)), 0.6), (DEMove(), 0.35), (DEMove(gamma0=1.0), 0.05)]
        sampler = EnsembleSampler(self.walkers, prior.dim, log_prob, moves=moves, vectorize=True)
        sampler.random_state = np.random.RandomState(rng.integers(2**32)).get_state()
        state, length = rng.permutation(population)[: self.walkers], min(self.steps, self.max_steps)
        while True:
            state = sampler.run_mcmc(state, length - sampler.iteration, skip_initial_state_check=True)
            chain = expit(sampler.get_chain(discard=length // 5))
            with np.errstate(invalid="ignore"):  # a walker that never moved
                tau = float(np.nan_to_num(integrated_time(chain, tol=0), nan=np.inf).max())
            apart = float(np.sqrt(chain.mean(axis=0).var(axis=0) / chain.var(axis=0).mean(axis=0)).max())
            converged = len(chain) >= 50 * tau and apart < 0.3
            if converged or length == self.max_steps:
                break
            length = int(min(self.max_steps, max(length + self.steps, 70 * tau)))
        note = (
            f"{self.name}: the chain did not converge, do not trust its intervals: {len(chain)} steps are {len(chain) / tau:.0f} autocorrelation "
            f"times (50 are wanted), the walkers' means scatter by {apart:.2f} standard deviations (less than .3 is wanted)"
        )
        flat = prior.low + width * chain.reshape(-1, prior.dim)
        theta = flat[np.linspace(0, len(flat) - 1, self.draws).round().astype(int)]
        return Samples(theta, prior, () if converged else (note,))


class _Kernels:
    """Proposes from a Gaussian kernel estimate of a population's density, whatever the present place.

    Arguments:
        bulk: (m, D), gives the kernels' covariance.
        population: (n, D), their centres.
        width: of a kernel over that of the bulk.
    """

    def __init__(self, bulk: Floats, population: Floats, width: float = 0.6) -> None:
        self.mean, self.width = bulk.mean(axis=0), width
        covariance = np.cov(bulk.T)
        self.root = np.linalg.cholesky(covariance + 1e-9 * np.diag(np.diag(covariance) + 1e-9))
        self.centres = np.linalg.solve(self.root, (population - self.mean).T).T

    def log_density(self, u: Floats) -> Floats:
        z = np.linalg.solve(self.root, (u - self.mean).T).T
        squared = (z**2).sum(axis=1)[:, None] + (self.centres**2).sum(axis=1) - 2 * z @ self.centres.T
        return np.asarray(logsumexp(-squared / (2 * self.width**2), axis=1))

    def __call__(self, u: Floats, random: Any) -> tuple[Floats, Floats]:
        z = self.centres[random.randint(len(self.centres), size=len(u))] + self.width * random.standard_normal(u.shape)
        proposal = self.mean + z @ self.root.T
        return proposal, self.log_density(u) - self.log_density(proposal)


def anneal(log_prob: Callable[[Floats], Floats], start: Floats, rng: np.random.Generator, sweeps: int = 3, last: int = 15) -> Floats:
    """Carries draws from a broad distribution to one of density exp(log_prob), so that no mode is missed or dwelt on.

    The power of the density grows from 0 to 1 (sequential Monte Carlo, Del Moral et al. 2006), each time so far that the weights leave a
    third of the draws; these are resampled and moved by differential evolution.

    Arguments:
        log_prob: (n, D) -> (n,).
        start: (n, D), inside the support.
        sweeps, last: moves of every draw at each power, and at the end.

    Returns: (n, D), the most probable first.
    """
    n, dim = start.shape
    theta, value, power = start, log_prob(start), 0.0
    while power < 1:
        weight, step = _tempered(value, 1 - power)
        power = min(1.0, power + step)
        chosen = np.searchsorted(np.cumsum(weight), (np.arange(n) + rng.random()) / n).clip(max=n - 1)
        theta, value = theta[chosen], value[chosen]
        for _ in range(sweeps if power < 1 else last):
            gamma = np.where(rng.random((n, 1)) < 0.9, 2.38 / np.sqrt(2 * dim), 1.0)
            a, b = rng.integers(n, size=(2, n))
            proposal = theta + gamma * (theta[a] - theta[b])
            proposed = log_prob(proposal)
            accept = np.log(rng.random(n)) < power * (proposed - value)
            theta, value = np.where(accept[:, None], proposal, theta), np.where(accept, proposed, value)
    return theta[np.argsort(-value)]


def _tempered(value: Floats, most: float) -> tuple[Floats, float]:
    """Weights exp(step value), normalised, and the largest step up to `most` that leaves an effective third of them."""
    from scipy.optimize import brentq

    def weights(step: float) -> Floats:
        w = np.exp(step * (value - value.max()))
        return np.asarray(w / w.sum())

    def excess(log_step: float) -> float:
        return float(1 / (weights(np.exp(log_step)) ** 2).sum() - len(value) / 3)

    step = most if excess(np.log(most)) >= 0 else float(np.exp(brentq(excess, -40, np.log(most), xtol=0.01)))
    return weights(step), step


@dataclass(frozen=True)
class Whittle(Reference):
    """Naive: Leahy noise 2, and recorded rate = incident rate."""

    @property
    def name(self) -> str:
        return "naive"

    @property
    def distribution(self) -> DeadTimeDistribution:
        return dead_time_distribution(0.0)


@dataclass(frozen=True)
class DeadTimeModel(Reference):
    """White noise and response of the detector's own dead time, exact for a weak modulation."""

    @property
    def name(self) -> str:
        return "dead-time model"

    @property
    def distribution(self) -> DeadTimeDistribution:
        return self.simulator.detector.distribution
