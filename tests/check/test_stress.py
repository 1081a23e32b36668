"""Sources that differ from those of a training: they are what they are called."""

from dataclasses import replace

import numpy as np
import pytest
from qpo_noise import SIMULATOR, SOURCE, TRUTH

from livetime.check import other_sources as others
from livetime.check.stress import SOURCES, simulate_source
from livetime.simulate.dead_time_detector import DeadTime

NUSTAR = replace(SIMULATOR, detector=DeadTime(2, "nustar"))
FREQUENCY = SIMULATOR.layout.axis.values
QPO = {**TRUTH, "qpo_rms": 0.2, "qpo_quality": 10.0, "noise_rms": 0.05}


def powers(name, truth, n=40):
    """Draw mean Leahy powers of another source and of the training's."""
    theta = SIMULATOR.prior.theta({k: np.full(n, v) for k, v in truth.items()})
    place = SIMULATOR.layout.slices["power"]
    other = simulate_source(SIMULATOR, name, theta, seed=3)[:, place]
    own = SIMULATOR.draw(theta, 4)[:, place]
    other = other[np.isfinite(other).all(axis=1)]  # a linear rate may be negative
    return 2 * np.exp(other).mean(axis=0), 2 * np.exp(own).mean(axis=0)


def near(frequency, width=0.1):
    return np.abs(FREQUENCY / frequency - 1) < width


@pytest.mark.parametrize("name", SOURCES)
def test_every_source_gives_summaries_that_a_seed_repeats(name):
    theta = NUSTAR.prior.theta({k: np.full(3, v) for k, v in TRUTH.items()})
    x = simulate_source(NUSTAR, name, theta, seed=3)
    assert x.shape == (3, NUSTAR.layout.size)
    assert np.isfinite(x).all()
    np.testing.assert_array_equal(x, simulate_source(NUSTAR, name, theta, seed=3))
    assert not np.array_equal(x, NUSTAR.draw(theta, 3))


@pytest.mark.parametrize(
    "name", sorted(set(SOURCES) - {"no_qpo", "dead_time_error", "paralyzable"})
)
def test_the_mean_rate_is_the_parameter(name):
    source = SOURCES[name].make(SIMULATOR).source
    params = {**TRUTH, "qpo_rms": 0.03, "noise_rms": 0.03}
    rng = np.random.default_rng(0)
    means = [source.rate(params, 256.0, rng).values.mean() for _ in range(8)]
    expected = 1000 / (1 - others.BACKGROUND) if name == "background" else 1000
    assert np.mean(means) == pytest.approx(expected, rel=5e-3)


def test_a_second_qpo_has_the_power_of_the_first():
    rng = np.random.default_rng(0)
    for frequency in (0.5, 2.9, 3.1, 20.0):
        params = {**QPO, "qpo_frequency": frequency}
        values = others.add_second_qpo(
            SOURCES["two_qpo"].make(SIMULATOR).source, params, rng
        ).values
        assert values["second_rms"] == 0.2
        factor = values["second_frequency"] / frequency
        assert 1.5 <= max(factor, 1 / factor) <= 4
        assert 0.5 <= values["second_frequency"] <= 20


def test_a_harmonic_lies_at_twice_the_frequency():
    other, own = powers("harmonic", QPO)
    expected = 1000 * 0.1**2 / (np.pi * 3.0 / 10)  # r rms^2/(pi w) at the centroid of 6 Hz
    excess = (other - own)[near(6.0, 0.01)].mean()
    assert excess == pytest.approx(expected, rel=0.2)


def test_five_lorentzians_have_power_below_above_and_between():
    other, own = powers("five_lorentzians", {**QPO, "noise_rms": 0.15})
    for frequency in (1.5, 6.0, 15.0):
        assert other[near(frequency)].mean() > 1.2 * own[near(frequency)].mean()
    np.testing.assert_allclose(other[near(3.0, 0.03)].mean(), own[near(3.0, 0.03)].mean(), rtol=0.2)


def test_a_broken_power_law_has_the_noises_rms():
    broken = others.BrokenPowerLaw({"noise": "noise"}, noise="noise")
    frequency = np.geomspace(1e-4, 1e4, 400_001)
    params = {"noise_rms": 0.3, "noise_frequency": 2.0}
    power = broken.spectrum.power(frequency, params)
    flat = power[0] * frequency[0]
    assert np.trapezoid(power, frequency) + flat == pytest.approx(0.3**2, rel=1e-3)


def test_a_rate_that_drifts_ends_at_twice_its_start():
    steady = {**TRUTH, "qpo_rms": 1e-6, "noise_rms": 1e-6}
    source = SOURCES["drift"].make(SIMULATOR).source
    values = source.rate(steady, 64.0, np.random.default_rng(0)).values
    assert values[-1] / values[0] == pytest.approx(others.DRIFT, rel=1e-3)
    np.testing.assert_allclose(values, np.linspace(values[0], values[-1], len(values)), rtol=1e-5)


def test_a_flare_reaches_three_times_the_rate_once():
    steady = {**TRUTH, "qpo_rms": 1e-6, "noise_rms": 1e-6}
    source = SOURCES["flare"].make(SIMULATOR).source
    values = source.rate(steady, 64.0, np.random.default_rng(0)).values
    quiet = np.median(values)
    assert values.max() / quiet == pytest.approx(3, rel=0.01)
    assert np.mean(values > 1.01 * quiet) == pytest.approx(0.13, abs=0.02)


def test_a_qpo_that_moves_starts_low_and_ends_high():
    source = SOURCES["frequency_drift"].make(SIMULATOR).source
    params = {**QPO, "qpo_frequency": 5.0, "qpo_quality": 20.0, "noise_rms": 1e-3}
    rng = np.random.default_rng(0)
    first, last, rms = [], [], []
    for _ in range(20):
        values = source.rate(params, 256.0, rng).values / 1000
        rms.append(values.std())
        for part, found in ((values[: 2**12], first), (values[-(2**12) :], last)):
            found.append(np.abs(np.fft.rfft(part - part.mean())) ** 2)
    frequency = np.fft.rfftfreq(2**12, 1 / 256)
    at = frequency < 10  # without the harmonic of the log-normal rate
    for found, expected in ((first, 0.8), (last, 1.2)):
        power = np.mean(found, axis=0)[at]
        assert power @ frequency[at] / power.sum() == pytest.approx(5 * expected, rel=0.06)
    assert np.mean(rms) == pytest.approx(0.2, rel=0.05)


@pytest.mark.parametrize("name", ["dead_time_error", "paralyzable"])
def test_another_detector_records_fewer_events(name):
    params = {**TRUTH, "qpo_rms": 1e-3, "noise_rms": 1e-3}
    theta = NUSTAR.prior.theta({k: np.full(8, v) for k, v in params.items()})
    place = NUSTAR.layout.slices["rate_a"]
    rate = 10 ** simulate_source(NUSTAR, name, theta, seed=3)[:, place].mean()
    tau = NUSTAR.detector.distribution.mean
    expected = {
        "dead_time_error": 1000 / (1 + 1100 * tau),
        "paralyzable": 1000 * np.exp(-1000 * tau),
    }
    assert rate == pytest.approx(expected[name], rel=0.02)


def test_a_source_without_a_qpo_has_no_power_there():
    absent, present = powers("no_qpo", {**TRUTH, "qpo_rms": 0.3})
    noise_alone = 2 + 1000 * SOURCE.spectrum.power(FREQUENCY, {**TRUTH, "qpo_rms": 0.0})
    at, far = near(3.0), FREQUENCY > 20
    np.testing.assert_allclose(absent[at].mean(), noise_alone[at].mean(), rtol=0.15)
    assert present[at].mean() > 5 * absent[at].mean()
    np.testing.assert_allclose(absent[far].mean(), present[far].mean(), rtol=0.05)


def test_a_linear_source_has_no_power_at_twice_the_qpos_frequency():
    truth = {**TRUTH, "qpo_rms": 0.25, "qpo_quality": 20.0, "noise_rms": 0.03}
    linear, log_normal = powers("linear", truth)
    at = near(6.0, 0.03)
    first_order = 2 + 1000 * SOURCE.spectrum.power(FREQUENCY, truth)[at].mean()
    assert linear[at].mean() == pytest.approx(first_order, rel=0.1)
    assert log_normal[at].mean() > 1.5 * first_order
