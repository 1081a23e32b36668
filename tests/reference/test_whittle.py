"""References expect the powers of simulations, and their posteriors are calibrated."""

import numpy as np
import pytest
from qpo_noise import RANGES, TRUTH
from scipy import stats

from livetime.reference.dead_time import AveragedDeadTimeModel, DeadTimeModel
from livetime.reference.expected_power import ExpectedPower
from livetime.reference.practice import Naive
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.light_curve import LightCurve
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.power_spectrum import PowerSpectrum, log_normal_power
from livetime.simulate.prior import Prior, Range
from livetime.simulate.timing import TimingSimulator

SPECTRUM = PowerSpectrum({"qpo": "qpo", "noise": "noise"})


def simulator(detector, names=tuple(RANGES), summary=None):
    prior = Prior({name: RANGES[name] for name in names}, {"segments": Range(8, 64, "log")})
    components = {name: name for name in ("qpo", "noise") if f"{name}_rms" in names}
    return TimingSimulator(prior, LightCurve(components), detector, summary or Periodogram())


@pytest.fixture(scope="module")
def nustar():
    return simulator(DeadTime(2, "nustar"))


def observe(simulator, n, seed=1, **changes):
    theta = simulator.prior.theta({**TRUTH, **changes})
    return simulator.draw(np.repeat(theta[None], n, 0), seed).astype(float)


def draw_from_model(reference, theta, segments, rng):
    """A vector drawn from the reference's own likelihood."""
    simulator = reference.simulator
    params = {name: value[None] for name, value in simulator.prior.physical(theta).items()}
    duration, modules = segments * simulator.summary.segment_size, simulator.detector.modules
    slow = reference.source(np.array([0.5 / duration]), params, duration)[0, 0] / (2 * duration)
    mean = (
        reference.effective_log_rate(np.log(params["rate"]), reference.variance(params))[0]
        - slow / 2
    )
    rate = np.exp(rng.normal(mean, slow**0.5))
    live = 1 / (1 + rate * reference.detector.mean_dead_time)
    data = reference.recorded_powers(model_vector(simulator, segments, rate * live))
    recorded = rate * live * np.exp(rng.normal(0, live / data.precision**0.5))
    noise, response = reference.tabulated(np.log(rate))
    signal = modules * recorded * response * reference.power_in_bins(params, np.ones((1, 3)))[0]
    shape = segments * simulator.layout.axis.averaged
    powers = [
        rng.gamma(shape, (noise + part) / shape)
        for part in ([signal] if modules == 1 else [signal, 0])
    ]
    return model_vector(simulator, segments, recorded, powers)


def model_vector(simulator, segments, recorded, powers=None):
    modules = simulator.detector.modules
    powers = powers or [np.full(len(simulator.layout.axis.values), 2.0)] * modules
    return np.concatenate(
        [*(np.log(p / 2) for p in powers), [np.log10(recorded)] * modules, [np.log10(segments)]]
    )


def expected_periodogram(params, log_normal, size=16.0, dt=1 / 256, long=2048.0):
    """Find by brute force the autocovariance of the spectrum, seen through a segment."""
    f = np.arange(round(long / dt) // 2 + 1) / long
    power = SPECTRUM.power(f, params) / long
    power[0] /= 2
    covariance = np.fft.irfft(power * len(f[:-1]))
    covariance = np.expm1(covariance) if log_normal else covariance
    seen = covariance[: round(size / dt)] * (1 - np.arange(round(size / dt)) * dt / size)
    return np.arange(round(size / dt) // 2 + 1) / size, 2 * dt * (
        2 * np.fft.rfft(seen).real - seen[0]
    )


@pytest.mark.parametrize("log_normal", [False, True])
@pytest.mark.parametrize(
    ("frequency", "quality", "rms"),
    [(0.5, 20.0, 0.1), (0.5, 2.0, 0.1), (2.0, 20.0, 0.5), (10.0, 8.0, 0.5)],
)
def test_power_is_that_of_a_segment_of_finite_length(frequency, quality, rms, log_normal):
    params = {
        "qpo_rms": rms,
        "qpo_frequency": frequency,
        "qpo_quality": quality,
        "noise_rms": rms,
        "noise_frequency": 1.0,
    }
    f, wanted = expected_periodogram(params, log_normal)
    band = (f > 0.1) & (f < 20)
    power = ExpectedPower(SPECTRUM, log_normal)(f[band], params, 16.0)[0]
    np.testing.assert_allclose(power, wanted[band], rtol=0.06)
    assert abs(power - wanted[band]).sum() < 0.01 * wanted[band].sum()


def test_power_of_a_long_segment_is_the_spectrum():
    f = np.geomspace(0.1, 100, 200)
    params = {name: np.array([TRUTH[name], 0.4 * TRUTH[name]]) for name in SPECTRUM.parameters}
    np.testing.assert_allclose(
        ExpectedPower(SPECTRUM, False)(f, params, 1e12), SPECTRUM.power(f, params), rtol=1e-5
    )
    np.testing.assert_allclose(
        ExpectedPower(SPECTRUM)(f, params, 1e12),
        log_normal_power(SPECTRUM, f, params, order=3),
        rtol=1e-5,
    )
    powerlaw = PowerSpectrum({"red": "powerlaw"})
    np.testing.assert_allclose(
        ExpectedPower(powerlaw)(f, {"red_norm": 0.01, "red_index": 1.5}, 16.0)[0], 0.01 * f**-1.5
    )


def test_bins_hold_the_mean_over_their_fourier_frequencies(nustar):
    params = {**TRUTH, "qpo_quality": 20.0, "qpo_frequency": 17.3, "qpo_rms": 0.3}
    edges = nustar.summary._edges
    fine = ExpectedPower(SPECTRUM)(np.arange(1, edges[-1]) / 16, params, 16.0)[0]
    wanted = np.add.reduceat(fine, edges[:-1] - 1) / np.diff(edges)
    np.testing.assert_allclose(
        DeadTimeModel(nustar).power_in_bins(params, np.ones((1, 3)))[0], wanted, rtol=0.02
    )


def too_far(observed, model, segments, averaged):
    """Find p of chi2 of the mean over observations, whose scatter is that of the Gamma law."""
    chi2 = (len(observed) * segments * averaged * (observed.mean(0) / model - 1) ** 2).sum()
    return stats.chi2.sf(chi2, len(model))


@pytest.mark.parametrize(
    ("model", "rate", "rms"),
    [
        (DeadTimeModel, 100.0, 0.06),
        (DeadTimeModel, 1000.0, 0.06),
        (AveragedDeadTimeModel, 100.0, 0.3),
        (AveragedDeadTimeModel, 1000.0, 0.3),
    ],
)
def test_expected_powers_are_those_of_simulations(nustar, model, rate, rms):
    changes = {"rate": rate, "qpo_rms": rms, "noise_rms": rms}
    x = observe(nustar, 30, **changes)
    powers = model(nustar).expected({**TRUTH, **changes})
    for channel, power in powers.items():
        observed = 2 * np.exp(x[:, nustar.layout.slices[channel]])
        assert too_far(observed, power[0], 16, nustar.layout.axis.averaged) > 1e-4, channel
    if model is AveragedDeadTimeModel:  # where the first order does fail
        first = DeadTimeModel(nustar).expected({**TRUTH, **changes})["sum"][0]
        assert (
            too_far(
                2 * np.exp(x[:, nustar.layout.slices["sum"]]),
                first,
                16,
                nustar.layout.axis.averaged,
            )
            < 1e-4
        )


def test_without_dead_time_all_coincide():
    for detector in (DeadTime(2, 0.0), DeadTime(2, 0.0)):
        ideal = simulator(detector)
        x, theta = (
            observe(ideal, 1, rate=200.0)[0],
            ideal.prior.sample(20, np.random.default_rng(0))[:, :6],
        )
        naive, weak, averaged = (
            model(ideal).log_likelihood(theta, x)
            for model in (Naive, DeadTimeModel, AveragedDeadTimeModel)
        )
        np.testing.assert_allclose(naive, weak)
        np.testing.assert_allclose(naive, averaged)
        np.testing.assert_allclose(Naive(ideal).expected(TRUTH)["difference"], 2.0)


@pytest.mark.parametrize("modules", [1, 2])
def test_likelihood_is_gamma_times_normal(modules):
    ideal = simulator(DeadTime(modules, 0.0))
    reference, x = Naive(ideal), observe(ideal, 1, rate=300.0)[0]
    data, layout = reference.recorded_powers(x), ideal.layout
    theta = ideal.prior.sample(10, np.random.default_rng(1))[:, :6]
    theta[:, 5] = np.log10(300) + np.linspace(-0.02, 0.02, 10)
    params = ideal.prior.physical(theta)
    signal = data.total * reference.power_in_bins(params, np.ones((1, 3)))
    shape, wanted = 16 * layout.axis.averaged, np.zeros(10)
    for channel, power in (
        ("power", 2 + signal),
        ("sum", 2 + signal),
        ("difference", 2 + 0 * signal),
    ):
        if channel in layout.slices:
            wanted += stats.gamma.logpdf(
                2 * np.exp(x[layout.slices[channel]]), shape, scale=power / shape
            ).sum(axis=1)
    slow = reference.source(np.array([0.5 / 256]), params, 256.0)[:, 0] / 512
    poisson = 1 / (data.total * 256)
    wanted += stats.norm.logpdf(
        data.log_rate, np.log(params["rate"]) - slow / 2, np.sqrt(slow + poisson)
    )
    found = reference.log_likelihood(theta, x)
    np.testing.assert_allclose(found - found[0], wanted - wanted[0], atol=0.02)


def test_own_rate_is_integrated_out(nustar):
    reference = DeadTimeModel(nustar)
    x = draw_from_model(reference, nustar.prior.theta(TRUTH)[:6], 16, np.random.default_rng(3))
    data, theta = (
        reference.recorded_powers(x),
        nustar.prior.theta(TRUTH)[None, :6]
        + 0.01 * np.random.default_rng(2).standard_normal((8, 6)),
    )
    params = nustar.prior.physical(theta)
    y = data.log_rate + np.linspace(-8, 8, 401) / data.precision**0.5
    noise, response = np.moveaxis(reference.tabulated(y), 1, 0)[:, :, None, :]
    signal = data.total * response * reference.power_in_bins(params, np.ones((1, 3)))
    value = sum(
        -(p / m + np.log(m)) @ data.shape
        for p, m in zip(data.channels, (noise + signal, noise), strict=True)
    )
    slow = reference.source(np.array([0.5 / 256]), params, 256.0)[:, 0] / 512
    mean = (
        reference.effective_log_rate(np.log(params["rate"]), reference.variance(params)) - slow / 2
    )
    value = value + stats.norm.logpdf(y, data.log_rate, data.precision**-0.5)[:, None]
    value = value + stats.norm.logpdf(y[:, None], mean, np.sqrt(slow))
    wanted = np.log(np.exp(value - value.max(axis=0)).sum(axis=0)) + value.max(axis=0)
    found = reference.log_likelihood(theta, x)
    np.testing.assert_allclose(found - found[0], wanted - wanted[0], atol=0.1)


def test_posterior_is_calibrated_on_data_of_the_model():
    names = ("noise_rms", "noise_frequency", "rate")
    small = simulator(DeadTime(1, 2.5e-3), names, Periodogram(8.0, 1 / 64, 0.2))
    reference, rng, cases = (
        DeadTimeModel(small, draws=500, steps=250, max_steps=1000),
        np.random.default_rng(5),
        40,
    )
    theta = small.prior.sample(cases, rng)[:, :3]
    ranks = np.array(
        [
            (reference.fit(draw_from_model(reference, t, 30, rng), k).theta < t).mean(axis=0)
            for k, t in enumerate(theta)
        ]
    )
    inside = (abs(ranks - 0.5) < 0.34).sum(axis=0)
    low, high = stats.binom.ppf([5e-4, 1 - 5e-4], cases, 0.68)
    assert ((low <= inside) & (inside <= high)).all(), inside
    assert (abs(ranks.mean(axis=0) - 0.5) < 3.5 / np.sqrt(12 * cases)).all(), ranks.mean(axis=0)


def test_bright_source_needs_the_dead_time_model(nustar):
    truth, z = nustar.prior.theta(TRUTH)[:6], []
    x = observe(nustar, 3, seed=8, segments=32.0)
    for k, row in enumerate(x):
        theta = DeadTimeModel(nustar).fit(row, k).theta
        z.append((np.median(theta, axis=0) - truth)[[0, 3, 5]] / theta.std(axis=0)[[0, 3, 5]])
    assert (abs(np.mean(z, axis=0)) < 3 / 3**0.5).all(), z
    naive = Naive(nustar, steps=200, max_steps=200).fit(x[0]).intervals()
    assert naive["qpo_rms"]["hi95"] < TRUTH["qpo_rms"] / 2
    assert naive["noise_rms"]["hi95"] < TRUTH["noise_rms"] / 2
    assert naive["rate"]["hi95"] < TRUTH["rate"] / 2


def test_fit_depends_on_its_seed_alone_and_says_when_it_did_not_converge(nustar):
    reference, x = DeadTimeModel(nustar, draws=300, steps=30, max_steps=30), observe(nustar, 1)[0]
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first, second, other = (reference.fit(x, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(before, np.random.get_state()[1])  # noqa: NPY002
    np.testing.assert_array_equal(first.theta, second.theta)
    assert first.theta.shape == (300, 6)
    assert not np.array_equal(first.theta, other.theta)
    assert np.isfinite(nustar.prior.log_prob(first.theta)).all()
    assert "dead-time model: the chain of 24 steps did not converge" in first.notes[0]


def test_impossible_rate_is_refused():
    single = simulator(DeadTime(1, 2.5e-3))
    x = model_vector(single, 16, 450.0)
    with pytest.raises(ValueError, match="above 1/dead time"):
        DeadTimeModel(single).fit(x)


@pytest.mark.parametrize("model", [Naive, DeadTimeModel, AveragedDeadTimeModel])
def test_numbers_on_stability_do_not_change_the_likelihood(model):
    found = []
    for stability in (False, True):
        own = simulator(DeadTime(2, 2.5e-3), summary=Periodogram(stability=stability))
        theta = own.prior.theta(TRUTH)
        x = observe(own, 1)[0]
        found.append(model(own).log_likelihood(theta[: own.prior.dim], x))
    np.testing.assert_array_equal(*found)
