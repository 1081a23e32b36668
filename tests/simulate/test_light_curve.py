"""Light curves have the mean, variance and power spectrum that are asked for, leakage included."""

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from livetime.simulate.light_curve import LightCurve

BOTH = {"qpo": "qpo", "noise": "noise"}
PARAMS = {
    "qpo_rms": 0.15,
    "qpo_frequency": 4.0,
    "qpo_quality": 4.0,
    "noise_rms": 0.15,
    "noise_frequency": 1.0,
    "rate": 300.0,
}


def realisations(source, params, duration, n, seed):
    rng = np.random.default_rng(seed)
    return np.array([source.rate(params, duration, rng).values for _ in range(n)], dtype=np.float64)


def z_of_mean(values, expected):
    return (values.mean() - expected) / (values.std(ddof=1) / np.sqrt(len(values)))


def band_variance(source, params):
    """Power between zero and the Nyquist frequency of the grid."""
    edges = [0, 0.1, 1, 3, 4, 5, 10, 1 / (2 * source.dt)]
    power = lambda f: source.spectrum.power(np.array([f]), params)[0]  # noqa: E731
    return sum(quad(power, a, b, limit=200)[0] for a, b in pairwise(edges))


@pytest.mark.parametrize("log_normal", [True, False], ids=["log-normal", "linear"])
def test_mean_and_variance(log_normal):
    source = LightCurve(BOTH, dt=1 / 128, log_normal=log_normal)
    params = (
        PARAMS if log_normal else {**PARAMS, "qpo_rms": 0.1, "noise_rms": 0.1}
    )  # seven sd above zero
    g = realisations(source, params, 16, 600, 1) / PARAMS["rate"]
    variance = band_variance(source, params)
    assert abs(z_of_mean(g.mean(axis=1), 1)) < 4
    assert (
        abs(z_of_mean(((g - 1) ** 2).mean(axis=1), np.expm1(variance) if log_normal else variance))
        < 4
    )
    assert g.min() > 0


def test_the_logarithm_of_a_log_normal_rate_is_gaussian():
    source = LightCurve(BOTH, dt=1 / 128)
    params = {**PARAMS, "qpo_rms": 0.5, "noise_rms": 0.5}
    variance = band_variance(source, params)
    logs = np.log(
        realisations(source, params, 16, 600, 2)[:, ::512] / params["rate"]
    )  # 4 s apart: hardly correlated
    z = (logs + variance / 2) / np.sqrt(variance)
    assert stats.kstest(z.ravel(), "norm").pvalue > 1e-4


def test_the_mean_of_a_log_normal_rate_is_exact_however_it_varies():
    """Its expectation: the time averages of single realisations scatter about it."""
    params = {**PARAMS, "qpo_rms": 0.5, "noise_rms": 0.5, "noise_frequency": 5.0}
    means = (
        realisations(LightCurve(BOTH, dt=1 / 128), params, 16, 600, 9).mean(axis=1) / params["rate"]
    )
    assert abs(z_of_mean(means, 1)) < 4
    assert means.std() / np.sqrt(len(means)) < 0.003  # exp(-variance/2) is .79


def test_a_realisations_rms_scatters_about_the_parameter():
    g = (
        realisations(
            LightCurve({"noise": "noise"}, log_normal=False),
            {**PARAMS, "noise_frequency": 0.2},
            16,
            100,
            3,
        )
        / PARAMS["rate"]
    )
    assert g.std(axis=1).std() > 0.1 * PARAMS["noise_rms"]


def expected_periodogram(autocovariance, n, dt):
    """Expect a one-sided periodogram of n samples, from the autocovariance at lags 0 to n - 1.

    The triangle contains the leakage.
    """
    c = autocovariance * (1 - np.arange(n) / n)
    return 2 * dt * (2 * np.fft.rfft(c).real - c[0])


@pytest.mark.parametrize("log_normal", [True, False], ids=["log-normal", "linear"])
@pytest.mark.parametrize("w", [0.02, 1.0], ids=["leaking", "contained"])
def test_periodograms_scatter_about_the_spectrum_with_leakage(w, log_normal):
    dt, duration, rms, n = 1 / 64, 16, 0.15, 500
    source = LightCurve({"noise": "noise"}, dt=dt, log_normal=log_normal, stretch=64)
    params = {"noise_rms": rms, "noise_frequency": w, "rate": 1.0}
    g = realisations(source, params, duration, n, 4)
    bins = g.shape[1]
    autocovariance = rms**2 * np.exp(-2 * np.pi * w * np.arange(bins) * dt)
    if log_normal:
        autocovariance = np.expm1(autocovariance)
    expected = expected_periodogram(autocovariance, bins, dt)[1:]
    power = (np.abs(np.fft.rfft(g - 1)[:, 1:]) ** 2 * 2 * dt / bins)[
        :, : bins // 16
    ]  # beyond, aliases that the grid leaves out count
    expected, f = expected[: bins // 16], np.arange(1, bins // 16 + 1) / duration
    if w < 1 / duration:  # the law would notice if leakage were missing
        assert np.all(expected > 1.3 * source.spectrum.power(f, params))
    means = power.mean(axis=0)
    z = (means / expected - 1) / (power.std(axis=0, ddof=1) / means / np.sqrt(n))
    assert np.abs(z).max() < 4.5
    assert abs(z_of_mean((power / expected).mean(axis=1), 1)) < 4
    if w > 1 / duration:  # leakage makes neighbours depend on each other
        assert stats.chi2.sf((z**2).sum(), len(z)) > 1e-4


def test_power_below_the_lowest_frequency_moves_the_mean_of_a_realisation():
    w, duration, rms, n = 0.02, 16, 0.15, 400
    source = LightCurve({"noise": "noise"}, dt=1 / 16, log_normal=False, stretch=64)
    means = realisations(
        source, {"noise_rms": rms, "noise_frequency": w, "rate": 1.0}, duration, n, 5
    ).mean(axis=1)

    def covariance(t):
        return 2 / duration * (1 - t / duration) * rms**2 * np.exp(-2 * np.pi * w * t)

    variance = quad(covariance, 0, duration)[0]
    assert 1e-4 < stats.chi2.sf((n - 1) * means.var(ddof=1) / variance, n - 1) < 1 - 1e-4


def test_zero_frequency_power_leaks_into_the_mean_at_the_stretch_of_the_experiments():
    source = LightCurve({"noise": "noise"}, dt=1 / 16, log_normal=False)
    means = realisations(
        source, {"noise_rms": 0.15, "noise_frequency": 0.05, "rate": 1.0}, 16, 300, 6
    ).mean(axis=1)
    assert means.std() > 0.3 * 0.15


def test_a_linear_rate_that_goes_negative_becomes_nan_and_never_less():
    source = LightCurve({"noise": "noise"}, log_normal=False)
    assert np.isnan(
        realisations(source, {"noise_rms": 2.0, "noise_frequency": 1.0, "rate": 10.0}, 16, 5, 7)
    ).all()
    curves = realisations(
        source, {"noise_rms": 0.3, "noise_frequency": 0.2, "rate": 10.0}, 16, 200, 7
    )
    lost = np.isnan(curves).all(axis=1)
    assert 0 < lost.sum() < 200
    assert np.isfinite(curves[~lost]).all()
    assert (curves[~lost] >= 0).all()


@pytest.mark.parametrize("duration", [16, 48, 1])
@pytest.mark.parametrize("stretch", [1, 1.25, 3.3])
def test_length_and_randomness(duration, stretch):
    source = LightCurve(BOTH, dt=1 / 256, stretch=stretch)
    one, same, other = (
        source.rate(PARAMS, duration, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert one.values.shape == (duration * 256,)
    assert one.duration == duration
    assert one.values.dtype == np.float32
    np.testing.assert_array_equal(one.values, same.values)
    assert not np.array_equal(one.values, other.values)


def test_the_rate_is_a_factor():
    source = LightCurve(BOTH)
    one, two = (
        source.rate({**PARAMS, "rate": r}, 16, np.random.default_rng(1)).values
        for r in (1.0, 512.0)
    )
    np.testing.assert_allclose(two, 512 * one, rtol=1e-6)


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"dt": 0.0}, "dt is 0.0"),
        ({"dt": -1.0}, "dt is -1.0"),
        ({"dt": np.nan}, "dt is nan"),
        ({"dt": np.inf}, "dt is inf"),
        ({"stretch": 0.5}, "stretch is 0.5"),
        ({"stretch": np.nan}, "stretch is nan"),
        ({"stretch": np.inf}, "stretch is inf"),
        ({"components": {}}, "components is empty"),
    ],
)
def test_refusals_name_the_argument(change, match):
    with pytest.raises(ValueError, match=match):
        LightCurve(**{"components": BOTH, **change})
