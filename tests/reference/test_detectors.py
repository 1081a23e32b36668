"""Laws of the references for detectors that are merged, screened, or have a background."""

from dataclasses import replace

import numpy as np
import pytest
import qpo_noise
from scipy import stats
from shipped import shipped

from livetime.reference.dead_time import AveragedDeadTimeModel, DeadTimeModel
from livetime.reference.practice import Naive
from livetime.reference.registry import applicable
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.light_curve import LightCurve
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.prior import Prior, Range
from livetime.simulate.timing import TimingSimulator

TAU = 2.5e-3
TRUTH = {**qpo_noise.TRUTH, "qpo_rms": 0.06, "noise_rms": 0.06}
RANGES = {**qpo_noise.RANGES, "rate": Range(20, 3000, "log")}
SEGMENTS = {"segments": Range(4, 64, "log")}
KNOWN = {
    "dead_time": Range(1e-6, 5e-3, "log"),
    "detectors": Range(1, 56, "log"),
    "background_share": Range(0.0, 0.5),
    "kept_fraction": Range(0.2, 1.0, "log"),
}
KINDS = {
    "merged": DeadTime(1, TAU, detectors=4),
    "background": DeadTime(1, TAU, background=500.0),
    "screened": DeadTime(1, TAU, kept_fraction=0.5),
    "gaussian": DeadTime(1, TAU, scatter=0.2),
    "no dead time": DeadTime(1, 0.0, background=500.0, kept_fraction=0.5),
    "all, two modules": DeadTime(
        2, 1e-3, scatter=0.1, detectors=2, background=300.0, kept_fraction=0.7
    ),
}
ALL = pytest.mark.parametrize("kind", KINDS)


def simulator(detector, covariates=SEGMENTS):
    return TimingSimulator(
        Prior(RANGES, covariates),
        LightCurve({"qpo": "qpo", "noise": "noise"}),
        detector,
        Periodogram(),
    )


ANY = simulator(
    DeadTime(1, None, detectors=None, background=None, kept_fraction=None), {**SEGMENTS, **KNOWN}
)


def observe(simulator, n, seed=1, **changes):
    theta = simulator.prior.theta({**TRUTH, **changes})
    return simulator.draw(np.repeat(theta[None], n, 0), seed).astype(float)


def too_far(observed, model, segments, averaged):
    """Find p of chi2 of the mean over observations, whose scatter is that of the Gamma law."""
    return stats.chi2.sf(
        (len(observed) * segments * averaged * (observed.mean(0) / model - 1) ** 2).sum(),
        len(model),
    )


@pytest.mark.parametrize(("model", "rms"), [(DeadTimeModel, 0.06), (AveragedDeadTimeModel, 0.3)])
@ALL
def test_expected_powers_are_those_of_simulations(kind, model, rms):
    own, changes = simulator(KINDS[kind]), {"qpo_rms": rms, "noise_rms": rms}
    x = observe(own, 30, **changes)
    for channel, power in model(own).expected({**TRUTH, **changes}).items():
        observed = 2 * np.exp(x[:, own.layout.slices[channel]])
        assert too_far(observed, power[0], 16, own.layout.axis.averaged) > 1e-4, channel
    if KINDS[kind].mean_dead_time:  # the law would notice a plain detector of that dead time
        plain = simulator(DeadTime(KINDS[kind].modules, TAU))
        channel, power = next(iter(model(plain).expected({**TRUTH, **changes}).items()))
        if kind != "gaussian":  # whose scatter hardly shows
            assert (
                too_far(
                    2 * np.exp(x[:, own.layout.slices[channel]]),
                    power[0],
                    16,
                    own.layout.axis.averaged,
                )
                < 1e-4
            )


@ALL
def test_the_rate_of_an_observation_and_its_error_are_those_of_simulations(kind):
    own = simulator(KINDS[kind])
    quiet = replace(
        own,
        prior=replace(
            own.prior,
            parameters={**RANGES, "qpo_rms": Range(1e-4, 0.5), "noise_rms": Range(1e-4, 0.5)},
        ),
    )
    reference = DeadTimeModel(own)
    data = [
        reference.recorded_powers(x)
        for x in observe(quiet, 60, seed=2, qpo_rms=1e-4, noise_rms=1e-4)
    ]
    z = np.array([(d.log_rate - np.log(TRUTH["rate"])) * d.precision**0.5 for d in data])
    assert 1e-4 < stats.chi2.sf((z**2).sum(), len(z)) < 1 - 1e-4
    assert abs(z.mean()) < 4 / len(z) ** 0.5


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].mean_dead_time])
def test_gains_of_the_variability_are_derivatives_of_the_recorded_rate(kind):
    """Integrate and differentiate numerically: E[d^k R/dg^k]/(dR/dg at the effective rate).

    R is the recorded rate, g the log rate.
    """
    reference, variance = AveragedDeadTimeModel(simulator(KINDS[kind])), np.array([0.05])
    log_rate = np.log(np.array([1000.0]))
    found = reference.noise_and_gains(log_rate, variance)[1][0]
    g = np.linspace(-12, 12, 4001) * variance**0.5 + log_rate - variance / 2
    density = np.exp(-((g - log_rate + variance / 2) ** 2) / (2 * variance))
    derivative, gains = reference.detector.recorded(np.exp(g)), []
    for _ in range(3):
        derivative = np.gradient(derivative, g)
        gains.append((derivative * density).sum() / density.sum())
    effective = reference.effective_log_rate(log_rate, variance)[0] + np.array([-1e-4, 1e-4])
    slope = np.diff(reference.detector.recorded(np.exp(effective)))[0] / 2e-4
    np.testing.assert_allclose(found, (np.array(gains) / slope) ** 2, rtol=2e-3)


@pytest.mark.parametrize("model", [Naive, DeadTimeModel, AveragedDeadTimeModel])
def test_a_detector_with_covariates_is_answered_by_that_of_the_observation(model):
    known = {"dead_time": TAU, "detectors": 3.0, "background_share": 0.0, "kept_fraction": 0.5}
    plain = simulator(DeadTime(1, TAU, detectors=3, kept_fraction=0.5))
    x = observe(ANY, 1, **known)[0]
    own = ANY.raw(x)
    np.testing.assert_allclose(own, observe(plain, 1)[0], rtol=1e-5, atol=1e-5)
    theta = plain.prior.sample(10, np.random.default_rng(3))[:, :6]
    a, b = (
        model(ANY, draws=200, steps=30, max_steps=30),
        model(plain, draws=200, steps=30, max_steps=30),
    )
    np.testing.assert_allclose(a.log_likelihood(theta, x), b.log_likelihood(theta, own), rtol=1e-6)
    np.testing.assert_allclose(a.expected({**TRUTH, **known})["power"], b.expected(TRUTH)["power"])
    samples = a.fit(x, 1)
    np.testing.assert_allclose(samples.theta, b.fit(own, 1).theta, atol=1e-3)
    assert samples.prior is ANY.prior


def test_the_background_is_its_share_of_what_was_incident():
    known = {
        "dead_time": TAU,
        "detectors": 2.0,
        "background_share": 0.4,
        "kept_fraction": 0.8,
        "rate": 600.0,
    }
    x = observe(ANY, 1, **known, qpo_rms=0.03, noise_rms=0.03)[0]
    reference = DeadTimeModel(ANY).from_summary(x)
    assert reference.detector.background == pytest.approx(400, rel=0.02)
    assert np.exp(reference.recorded_powers(ANY.raw(x)).log_rate) == pytest.approx(600, rel=0.02)
    naive = Naive(ANY).from_summary(x)  # takes what was recorded for incident
    assert naive.detector.background == pytest.approx(
        0.4 * ANY.detector_at(known).recorded(600.0) / 0.8, rel=0.02
    )


def test_a_bright_background_and_many_detectors_do_not_bias_the_dead_time_model():
    known = {"dead_time": TAU, "detectors": 2.0, "background_share": 0.3, "kept_fraction": 0.8}
    changes = {"qpo_rms": 0.1, "noise_rms": 0.1, "segments": 64.0}
    truth = ANY.prior.theta({**TRUTH, **changes, **known})[:6]
    x, z = observe(ANY, 4, seed=5, **known, **changes), []
    for k, row in enumerate(x):
        theta = DeadTimeModel(ANY).fit(row, k).theta
        z.append((np.median(theta, axis=0) - truth)[[0, 3, 5]] / theta.std(axis=0)[[0, 3, 5]])
    assert (abs(np.mean(z, axis=0)) < 3 / 4**0.5).all(), z


def test_rates_that_cannot_be_are_refused():
    x = observe(
        ANY, 1, dead_time=TAU, detectors=1.0, background_share=0.2, kept_fraction=1.0, rate=100.0
    )[0]
    x[ANY.layout.slices["rate_a"]] = np.log10(450.0)
    with pytest.raises(ValueError, match="above 1/dead time"):
        DeadTimeModel(ANY).fit(x)
    dim = simulator(DeadTime(1, TAU, background=500.0))
    row = observe(dim, 1)[0]
    row[dim.layout.slices["rate_a"]] = np.log10(100.0)
    with pytest.raises(ValueError, match="not above that of the background"):
        DeadTimeModel(dim).fit(row)


@pytest.mark.parametrize(
    ("change", "there"),
    [({"paralyzable": True}, 0), ({"frame_time": 1e-3}, 0), ({}, 4), ({"dead_time": None}, 4)],
)
def test_where_the_references_apply(change, there):
    detector = replace(DeadTime(1, TAU, detectors=3), **change)
    covariates = {**SEGMENTS, **{name: KNOWN[name] for name in detector.covariates}}
    assert len(shipped(applicable(simulator(detector, covariates), None))) == there
