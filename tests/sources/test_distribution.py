"""The rate has mean 1, its rms, and a shape between Gaussian and log-normal, and is positive."""

import numpy as np
import pytest
from scipy import stats

from livetime.simulate.light_curve import FrequencyGrid
from livetime.sources.distribution import (
    MIN_CURVATURE,
    RateDistribution,
    gaussian_power,
    rate_power,
)
from livetime.sources.lorentzians import lorentzian_power

Z = np.linspace(-8, 8, 40001)
WEIGHT = stats.norm.pdf(Z) / stats.norm.pdf(Z).sum()
SKEWNESS = (0.0, 0.2, 0.5, 0.9, 0.999, 1.0)


@pytest.mark.parametrize("rms", [0.01, 0.1, 0.3, 0.6, 1.0])
@pytest.mark.parametrize("skewness", SKEWNESS)
def test_mean_is_one_and_rms_is_as_stated_and_every_value_is_positive(rms, skewness):
    x = RateDistribution(rms, skewness).values(Z)
    assert WEIGHT @ x == pytest.approx(1, abs=1e-6)
    assert np.sqrt(WEIGHT @ (x - 1) ** 2) == pytest.approx(rms, rel=1e-4)
    assert x.min() > 0
    assert (np.diff(x) > 0).all()


@pytest.mark.parametrize("rms", [0.1, 0.5, 1.0])
def test_at_skewness_one_the_rate_is_log_normal(rms):
    variance = np.log1p(rms**2)
    expected = np.exp(np.sqrt(variance) * Z - variance / 2)
    np.testing.assert_allclose(RateDistribution(rms, 1.0).values(Z), expected, rtol=1e-6)
    near = RateDistribution(rms, 1 - 1e-6).values(Z)
    np.testing.assert_allclose(near[np.abs(Z) < 4], expected[np.abs(Z) < 4], rtol=1e-3)


@pytest.mark.parametrize("rms", [0.05, 0.2])
def test_at_skewness_zero_the_rate_is_nearly_gaussian(rms):
    x = RateDistribution(rms, 0.0).values(Z)
    within = np.abs(Z) < 3
    assert np.abs(x - 1 - rms * Z)[within].max() < 0.1 * rms
    skew = WEIGHT @ ((x - 1) / rms) ** 3
    assert abs(skew) < 0.03


@pytest.mark.parametrize("skewness", SKEWNESS)
def test_the_third_moment_of_weak_variability_is_three_times_curvature_and_rms(skewness):
    rms = 0.01
    x = RateDistribution(rms, skewness).values(Z)
    curvature = MIN_CURVATURE + (1 - MIN_CURVATURE) * skewness
    assert WEIGHT @ ((x - 1) / rms) ** 3 == pytest.approx(3 * curvature * rms, rel=0.02)


@pytest.mark.parametrize("skewness", SKEWNESS)
def test_a_larger_skewness_has_a_larger_third_moment(skewness):
    higher = min(skewness + 0.05, 1.0)
    rows = [RateDistribution(0.3, s).values(Z) for s in (skewness, higher)]
    low, high = (WEIGHT @ (x - 1) ** 3 for x in rows)
    assert low <= high


def test_the_correlation_of_a_log_normal_rate_is_known():
    """exp(variance rho) - 1 over exp(variance) - 1."""
    rms = 0.7
    variance = np.log1p(rms**2)
    rho = np.linspace(-0.9, 1, 20)
    expected = np.expm1(variance * rho) / np.expm1(variance)
    found = RateDistribution(rms, 1.0)
    np.testing.assert_allclose(found.rate_correlation(rho), expected, atol=1e-5)
    np.testing.assert_allclose(found.gaussian_correlation(expected), rho, atol=1e-5)


@pytest.mark.parametrize("skewness", [0.0, 0.5, 1.0])
def test_correlated_pairs_have_the_mapped_correlation(skewness):
    found = RateDistribution(0.6, skewness)
    first, other = np.random.default_rng(1).standard_normal((2, 400_000))
    for rho in (-0.5, 0.3, 0.8):
        second = rho * first + np.sqrt(1 - rho**2) * other
        x, y = found.values(first), found.values(second)
        expected = found.rate_correlation(np.array([rho]))[0]
        assert np.corrcoef(x, y)[0, 1] == pytest.approx(expected, abs=0.01)


@pytest.mark.parametrize("skewness", [0.0, 0.5, 1.0])
def test_broad_noise_of_any_shape_keeps_the_power_that_was_asked_for(skewness):
    grid = FrequencyGrid.for_steps(8192, 1 / 128, 1.0)
    power = 0.3**2 * 2 / np.pi / (1 + grid.frequency**2)
    variance = (power[:-1].sum() - power[0] / 2) * grid.df
    distribution = RateDistribution(np.sqrt(variance), skewness)
    found = rate_power(power, grid, distribution)
    np.testing.assert_allclose(found[:-1], power[:-1], rtol=0.02)
    gaussian = gaussian_power(power, grid, distribution)
    assert (gaussian[:-1].sum() - gaussian[0] / 2) * grid.df == pytest.approx(1)


@pytest.mark.parametrize(("rms", "skewness"), [(1.1, 0.5), (-0.1, 0.5), (0.1, 1.1), (0.1, -0.1)])
def test_impossible_distributions_are_refused(rms, skewness):
    with pytest.raises(ValueError, match="; "):
        RateDistribution(rms, skewness)


@pytest.mark.parametrize(
    ("rms", "skewness", "excess"), [(0.2, 1.0, 0.0057), (0.3, 1.0, 0.022), (0.4, 0.0, 0.0)]
)
def test_a_log_normal_rate_with_a_narrow_peak_has_more_power_at_zero_and_twice_its_frequency(
    rms, skewness, excess
):
    grid = FrequencyGrid.for_steps(4096, 1 / 256, 1.25)
    power = lorentzian_power(grid.frequency, rms, 5.0, 10.0)
    variance = (power[:-1].sum() - power[0] / 2) * grid.df
    found = rate_power(power, grid, RateDistribution(np.sqrt(variance), skewness))
    more = np.maximum(found - power, 0)
    assert more.sum() / power.sum() == pytest.approx(excess, abs=0.002)
    if excess:
        assert grid.frequency[more.argmax()] < 1
        above = grid.frequency > 5
        assert abs(grid.frequency[above][more[above].argmax()] - 10) < 1
