"""Check the fits that observers make: free noise level, and cospectrum."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln, kve

from livetime.reference.dead_time import DeadTimeModel
from livetime.reference.practice import CospectrumFit, FreeNoise, Naive, log_gamma_difference
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.light_curve import LightCurve
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.prior import Prior, Range
from livetime.simulate.timing import TimingSimulator

RANGES = {
    "noise_rms": Range(0.03, 0.5, "log"),
    "noise_frequency": Range(0.3, 5.0, "log", "Hz"),
    "rate": Range(20.0, 2000.0, "log", "counts/s"),
}
TRUTH = {"noise_rms": 0.1, "noise_frequency": 1.0, "rate": 200.0, "segments": 60.0}


def simulator(modules):
    prior = Prior(RANGES, {"segments": Range(8, 64, "log")})
    source = LightCurve({"noise": "noise"})
    return TimingSimulator(prior, source, DeadTime(modules, 2.5e-3), Periodogram(8.0, 1 / 64, 0.2))


def observation(modules, seed=3):
    own = simulator(modules)
    theta = own.prior.theta({name: np.array([value]) for name, value in TRUTH.items()})
    return own, theta[0, : own.prior.dim], own.draw(theta, seed)[0]


@pytest.mark.parametrize("shape", [4, 8, 30, 100])
@pytest.mark.parametrize("means", [(1.0, 1.0), (2.0, 0.5), (5.0, 1.8)])
def test_the_density_is_the_bessel_function_of_the_variance_gamma_law(shape, means):
    a, b = means
    d = np.linspace(-b, 2 * a, 200)
    order, first, second = shape - 0.5, shape / a, shape / b
    z = (first + second) * np.abs(d) / 2
    bessel = np.log(kve(order, z)) - z
    power = order * np.log(np.abs(d) / (first + second))
    exact = shape * np.log(first * second) - np.log(np.pi) / 2 - gammaln(shape)
    exact = exact + power + (second - first) * d / 2 + bessel
    there = np.isfinite(exact)
    assert there.sum() > 100
    found = log_gamma_difference(d, shape, a, b)
    np.testing.assert_allclose(found[there], exact[there], atol=2e-4)


def test_the_density_is_that_of_drawn_differences():
    rng = np.random.default_rng(1)
    drawn = rng.gamma(5, 2.0 / 5, 4000) - rng.gamma(5, 0.7 / 5, 4000)

    def density(d):
        return np.exp(log_gamma_difference(d, 5.0, 2.0, 0.7))

    grid = np.linspace(-5, 12, 4001)
    cumulative = np.cumsum(density(grid)) * (grid[1] - grid[0])
    assert cumulative[-1] == pytest.approx(1, abs=2e-3)
    law = stats.kstest(drawn, lambda d: np.interp(d, grid, cumulative))
    assert law.pvalue > 0.01


def test_the_noise_level_is_integrated_over():
    own, theta, x = observation(1)
    reference = FreeNoise(own)
    observed = reference.recorded_powers(x)
    points = theta + np.array([[0.0, 0.0, 0.0], [0.1, 0.05, 0.0], [-0.2, 0.3, 0.0]])
    params = own.prior.physical(points)
    lines = reference.source.lines(params)
    _, gains = observed.at(reference.variance(params, lines))
    source = observed.total * reference.power_in_bins(params, gains, lines)
    found = reference.compare_powers(observed, observed.noise, source).value

    def numerical(signal):
        def log_likelihood(level):
            expected = level + observed.response[0] * signal
            return -(observed.channels[0] / expected + np.log(expected)) @ observed.shape

        values = np.array([log_likelihood(level) for level in np.linspace(0.3, 2, 4000)])
        return values.max() + np.log(np.exp(values - values.max()).sum())

    exact = np.array([numerical(signal) for signal in source])
    np.testing.assert_allclose(found - found[0], exact - exact[0], atol=0.02)


@pytest.mark.parametrize(("kind", "modules"), [(FreeNoise, 1), (FreeNoise, 2), (CospectrumFit, 2)])
def test_practice_is_right_where_the_naive_fit_is_not(kind, modules):
    own, theta, x = observation(modules)
    options = {"draws": 1000, "walkers": 20, "steps": 300, "max_steps": 3000}
    practice = kind(own, **options).fit(x, seed=1).theta[:, 0]
    naive = Naive(own, **options).fit(x, seed=1).theta[:, 0]
    exact = DeadTimeModel(own, **options).fit(x, seed=1).theta[:, 0]
    assert abs(practice.mean() - theta[0]) < 3 * practice.std()
    assert abs(naive.mean() - theta[0]) > 5 * naive.std()
    assert practice.std() > 0.9 * exact.std()


def test_a_cospectrum_needs_two_modules():
    assert CospectrumFit.applies(simulator(2))
    assert not CospectrumFit.applies(simulator(1))
