"""Shapes integrate to what their docstrings say, and the log-normal spectrum is that of exp(g)."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from livetime.simulate.power_spectrum import (
    PowerSpectrum,
    log_normal_power,
    noise_power,
    qpo_power,
    red_noise_power,
)

BOTH = PowerSpectrum({"qpo": "qpo", "noise": "noise"})
PARAMS = {
    "qpo_rms": 0.3,
    "qpo_frequency": 2.0,
    "qpo_quality": 4.0,
    "noise_rms": 0.3,
    "noise_frequency": 0.5,
}


def integral(f, low, high, at):
    """Over a range split at the places where the shape is steep."""
    edges = sorted({low, high, *(a for a in at if low < a < high)})
    return sum(quad(f, a, b, limit=400)[0] for a, b in pairwise(edges))


@pytest.mark.parametrize("quality", [2.0, 5.0, 20.0])
def test_a_qpo_holds_its_rms(quality):
    rms, nu = 0.2, 3.0
    at = [nu - nu / quality, nu, nu + nu / quality]
    power = lambda f: qpo_power(f, rms, nu, quality)  # noqa: E731
    positive = integral(power, 0, np.inf, at)
    assert positive + integral(power, -np.inf, 0, []) == pytest.approx(rms**2, rel=1e-6)
    assert positive == pytest.approx(rms**2 * (0.5 + np.arctan(2 * quality) / np.pi), rel=1e-6)


def test_quality_is_centroid_over_full_width():
    nu, quality = 5.0, 10.0
    half = nu / quality / 2
    np.testing.assert_allclose(
        qpo_power(np.array([nu - half, nu + half]), 0.1, nu, quality),
        qpo_power(nu, 0.1, nu, quality) / 2,
    )


@pytest.mark.parametrize("w", [0.2, 5.0])
def test_noise_holds_its_rms_over_positive_frequencies(w):
    power = lambda f: noise_power(f, 0.3, w)  # noqa: E731
    assert integral(power, 0, np.inf, [w, 100 * w]) == pytest.approx(0.3**2, rel=1e-6)
    assert integral(power, 0, w, []) == pytest.approx(
        0.3**2 / 2, rel=1e-6
    )  # half of it below the half width


def test_a_power_law_has_its_norm_at_1_hz_and_its_slope():
    f = np.geomspace(0.01, 100, 50)
    power = red_noise_power(f, 0.02, 1.7)
    assert red_noise_power(1.0, 0.02, 1.7) == pytest.approx(0.02)
    np.testing.assert_allclose(np.diff(np.log(power)) / np.diff(np.log(f)), -1.7)


def test_a_spectrum_is_the_sum_of_its_components():
    f = np.linspace(0.1, 20, 60)
    expected = qpo_power(f, 0.3, 2.0, 4.0) + noise_power(f, 0.3, 0.5)
    np.testing.assert_allclose(BOTH.power(f, PARAMS), expected)
    assert BOTH.parameters == (
        "qpo_rms",
        "qpo_frequency",
        "qpo_quality",
        "noise_rms",
        "noise_frequency",
    )


def test_the_same_shape_can_stand_twice():
    f = np.linspace(0.1, 20, 60)
    two = PowerSpectrum({"qpo": "qpo", "harmonic": "qpo"})
    params = {"rms": 0.1, "quality": 5.0}
    params = {f"{name}_{k}": v for name in two.components for k, v in params.items()}
    power = two.power(f, {**params, "qpo_frequency": 2.0, "harmonic_frequency": 4.0})
    np.testing.assert_allclose(power, qpo_power(f, 0.1, 2.0, 5.0) + qpo_power(f, 0.1, 4.0, 5.0))


@pytest.mark.parametrize(
    "power",
    [BOTH.power, lambda f, p: log_normal_power(BOTH, f, p)],
    ids=["power", "log_normal_power"],
)
def test_arrays_of_parameters_give_one_row_each(power):
    f = np.linspace(0.1, 20, 30)
    rng = np.random.default_rng(1)
    many = {name: value * rng.uniform(0.5, 1.5, 4) for name, value in PARAMS.items()}
    rows = [power(f, {name: value[i] for name, value in many.items()}) for i in range(4)]
    np.testing.assert_allclose(power(f, many), rows, rtol=1e-12)


def test_nothing_to_add_up_is_refused():
    with pytest.raises(ValueError, match="components is empty"):
        PowerSpectrum({})


@pytest.mark.parametrize(("rms", "quality"), [(0.3, 4.0), (0.5, 20.0), (0.5, 4.0)])
def test_log_normal_power_is_the_transform_of_the_exponentiated_autocovariance(rms, quality):
    params = {**PARAMS, "qpo_rms": rms, "noise_rms": rms, "qpo_quality": quality}
    df, n = 1 / 256, 2**19
    f = np.arange(n // 2 + 1) * df
    first_order = BOTH.power(f, params)
    autocovariance = np.fft.irfft(first_order, n) * n * df / 2
    truth = np.fft.rfft(np.expm1(autocovariance)).real * 2 / (n * df)
    ours = log_normal_power(BOTH, f, params)
    band = (f > 0.05) & (f < 20)
    assert np.max(np.abs(ours - truth)[band]) < 0.004 * truth[band].max()
    assert (
        np.max(np.abs(ours / truth - 1)[band]) < 0.06
    )  # R of a QPO cut off at f = 0 is not quite a damped cosine
    assert np.max(np.abs(first_order / truth - 1)[band]) > 0.3  # what is converted is not small
    assert ours.sum() * df == pytest.approx(np.expm1(autocovariance[0]), rel=0.005)


@pytest.mark.parametrize("components", [{"qpo": "qpo"}, {"noise": "noise"}])
def test_each_component_alone_holds_the_variance_of_a_log_normal_rate(components):
    spectrum, params = PowerSpectrum(components), {**PARAMS, "qpo_rms": 0.5, "noise_rms": 0.5}
    f = np.arange(1, 2**19) / 256
    variance = spectrum.power(f, params).sum() / 256
    assert log_normal_power(spectrum, f, params, order=8).sum() / 256 == pytest.approx(
        np.expm1(variance), rel=0.01
    )


def test_weak_variability_is_not_converted():
    f = np.linspace(0.1, 20, 60)
    params = {**PARAMS, "qpo_rms": 1e-3, "noise_rms": 1e-3}
    np.testing.assert_allclose(log_normal_power(BOTH, f, params), BOTH.power(f, params), rtol=1e-4)


def test_a_power_law_stays_at_first_order():
    f = np.linspace(0.1, 20, 60)
    spectrum, params = (
        PowerSpectrum({"powerlaw": "powerlaw"}),
        {"powerlaw_norm": 0.1, "powerlaw_index": 1.5},
    )
    np.testing.assert_array_equal(log_normal_power(spectrum, f, params), spectrum.power(f, params))


def test_what_log_normal_power_cannot_convert_is_refused():
    with pytest.raises(ValueError, match="the limit is one of each"):
        log_normal_power(PowerSpectrum({"a": "qpo", "b": "qpo"}), np.ones(1), {})
