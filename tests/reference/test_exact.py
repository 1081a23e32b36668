"""The exact answers against closed forms, against simulations, and against themselves."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp
from shipped import shipped

from livetime.reference.exact import Exact
from livetime.reference.registry import applicable
from livetime.reference.sampler import Chain, sample_posterior
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.light_curve import LightCurve
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.periodograms import PeriodogramSimulator
from livetime.simulate.prior import Bounds, Prior, Range
from livetime.simulate.timing import TimingSimulator

COVARIATES = {"rate": Range(50.0, 500.0, "log"), "segments": Range(4.0, 16.0, "log")}
POWERLAW = PeriodogramSimulator(
    Prior(
        {
            "powerlaw_norm": Range(1e-4, 1e-2, "log"),
            "powerlaw_index": Range(0.5, 2.0),
            "noise_level": Range(1.5, 2.5),
        },
        COVARIATES,
    ),
    LightCurve({"powerlaw": "powerlaw"}),
    Periodogram(8.0, 1 / 64, 0.1),
    noise=None,
)
CLASSES = {
    "quiet": {"noise_rms": 0.0},
    "weak": {"noise_rms": Bounds(0.01, 0.05)},
    "strong": {"noise_rms": Bounds(0.1, 0.3)},
}
STATES = PeriodogramSimulator(
    Prior(
        {"noise_rms": Range(0.01, 0.3, "log"), "noise_frequency": Range(0.2, 5.0, "log")},
        COVARIATES,
        CLASSES,
    ),
    LightCurve({"noise": "noise"}),
    Periodogram(8.0, 1 / 64, 0.1),
)


# --- the simulator --------------------------------------------------------------------------------


def test_powers_have_whittles_distribution():
    """P shape/expected is Gamma(shape) at every frequency, and frequencies are independent."""
    theta, x = POWERLAW.simulate(0, 3000, 1)
    params = POWERLAW.prior.physical(theta)
    expected = POWERLAW.expected(params)
    shape = np.round(params["segments"])[:, None] * POWERLAW.layout.axis.averaged
    u = stats.gamma.cdf(
        2 * np.exp(x[:, POWERLAW.layout.slices["power"]].astype(float)) / expected * shape, shape
    )
    p = [stats.kstest(column, "uniform").pvalue for column in u.T]
    assert min(p) > 1e-4
    assert stats.kstest(p, "uniform").pvalue > 1e-3
    correlation = np.corrcoef(u.T)[np.triu_indices(u.shape[1], 1)]
    assert np.abs(correlation).max() < 5 / np.sqrt(3000)


def test_the_recorded_rate_and_the_segments_are_known():
    theta, x = POWERLAW.simulate(0, 50, 2)
    params = POWERLAW.prior.physical(theta)
    for name, column in (("rate", "rate_a"), ("segments", "segments")):
        np.testing.assert_allclose(
            10 ** x[:, POWERLAW.layout.slices[column]].ravel(), params[name], rtol=1e-5
        )


def test_it_draws_no_events():
    with pytest.raises(ValueError, match="draws periodograms"):
        POWERLAW.events({"segments": 4.0}, np.random.default_rng(0))


def test_the_rate_must_be_known():
    ranges = {**POWERLAW.prior.parameters, "rate": COVARIATES["rate"]}
    with pytest.raises(ValueError, match=r"prior\.covariates"):
        PeriodogramSimulator(
            Prior(ranges, {"segments": COVARIATES["segments"]}),
            POWERLAW.source,
            POWERLAW.summary,
            noise=None,
        )


@pytest.mark.parametrize("noise", [0.0, -1.0, np.inf])
def test_a_noise_level_must_be_positive(noise):
    with pytest.raises(ValueError, match="noise is"):
        replace(POWERLAW, noise=noise)


# --- the posterior --------------------------------------------------------------------------------


def test_noise_alone_has_the_posterior_of_a_gamma_scale():
    """Almost without a source, the noise level's posterior is inverse gamma."""
    simulator = PeriodogramSimulator(
        Prior(
            {"noise_level": Range(1.0, 3.0)},
            {
                "powerlaw_norm": Range(1e-12, 2e-12),
                "powerlaw_index": Range(0.0, 1e-6),
                **COVARIATES,
            },
        ),
        POWERLAW.source,
        POWERLAW.summary,
        noise=None,
    )
    _, x = simulator.simulate(0, 1, 3)
    power, shape, _ = Exact(simulator).given(x[0])
    exact = stats.invgamma(shape.sum() - 1, scale=power @ shape)
    level = np.linspace(1.5, 2.5, 41)
    values = {
        "noise_level": level,
        "powerlaw_norm": 1e-12,
        "powerlaw_index": 0.0,
        "rate": 100.0,
        "segments": 8.0,
    }
    value = Exact(simulator).log_likelihood(simulator.prior.theta(values), x[0])
    np.testing.assert_allclose(
        value - value[20], exact.logpdf(level) - exact.logpdf(level[20]), atol=1e-4
    )


@pytest.mark.parametrize("i", range(4))
def test_quadrature_has_a_mass_of_one_and_draws_to_match(i):
    x = POWERLAW.simulate(0, 4, 4)[1]
    exact = Exact(POWERLAW, draws=20_000)
    draws = exact.fit(x[i], 1).theta
    rng = np.random.default_rng(0)
    low, high = draws.min(axis=0), draws.max(axis=0)
    pad = 0.1 * (high - low)
    low, high = (
        np.maximum(low - pad, POWERLAW.prior.low),
        np.minimum(high + pad, POWERLAW.prior.high),
    )
    points = rng.uniform(low, high, (40_000, 3))
    weight = np.exp(exact.log_prob(points, x[i])) * np.prod(high - low)
    assert weight.mean() == pytest.approx(1, abs=5 * weight.std() / 200)
    mean, variance = (
        (weight @ points) / weight.sum(),
        (weight @ (points - draws.mean(axis=0)) ** 2) / weight.sum(),
    )
    np.testing.assert_allclose(mean, draws.mean(axis=0), atol=0.06 * draws.std(axis=0).max())
    np.testing.assert_allclose(variance, draws.var(axis=0), rtol=0.12)
    assert exact.log_prob(POWERLAW.prior.high[None] + 0.1, x[i])[0] == -np.inf


def test_the_exact_posterior_is_calibrated():
    theta, x = POWERLAW.simulate(0, 200, 5)
    exact = Exact(POWERLAW, draws=400)
    ranks = np.array(
        [
            (exact.fit(row, i).theta < t[:3]).mean(axis=0)
            for i, (t, row) in enumerate(zip(theta, x, strict=True))
        ]
    )
    for column in ranks.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3


def test_more_parameters_go_to_emcee_and_agree_with_quadrature():
    """The two-parameter problem, once as it is and once with a third that the data do not know."""
    simulator = PeriodogramSimulator(
        Prior(STATES.prior.parameters, COVARIATES), STATES.source, STATES.summary
    )
    _, x = simulator.simulate(0, 8, 6)
    row = x[np.argmax(x[:, 0])]
    direct = Exact(simulator).fit(row, 0)
    place, rng = np.random.default_rng(0).random((400, 2)), np.random.default_rng(1)
    chain = sample_posterior(
        "exact",
        lambda theta: Exact(simulator).log_likelihood(theta, row),
        simulator.prior,
        place,
        rng,
        Chain(walkers=40, steps=500, max_steps=4000, draws=20_000),
    )
    assert chain.notes == ()
    theta = chain.theta
    np.testing.assert_allclose(
        theta.mean(axis=0), direct.theta.mean(axis=0), atol=0.15 * direct.theta.std(axis=0).max()
    )
    np.testing.assert_allclose(theta.std(axis=0), direct.theta.std(axis=0), rtol=0.15)


# --- classes --------------------------------------------------------------------------------------


def test_classes_are_drawn_evenly_from_their_boxes():
    theta = STATES.theta(0, 3000, 7)
    number, params = theta[:, -1].astype(int), STATES.prior.physical(theta)
    assert theta.shape == (3000, 5)
    assert stats.chisquare(np.bincount(number)).pvalue > 1e-3
    rms = params["noise_rms"]
    assert (rms[number == 0] == 0).all()
    assert ((rms[number == 1] >= 0.01) & (rms[number == 1] <= 0.05)).all()
    assert ((rms[number == 2] >= 0.1) & (rms[number == 2] <= 0.3)).all()
    assert stats.kstest(np.log(rms[number == 2] / 0.1) / np.log(3), "uniform").pvalue > 1e-3
    for name in ("noise_frequency", "rate"):  # the same for all: brightness gives nothing away
        assert stats.ks_2samp(params[name][number == 0], params[name][number == 2]).pvalue > 1e-3
    np.testing.assert_array_equal(STATES.theta(100, 200, 7), theta[100:200])


def test_evidence_equals_a_mean_over_the_prior():
    _, x = STATES.simulate(0, 6, 8)
    exact = Exact(STATES)
    for row in x:
        for name in CLASSES:
            low, high = STATES.prior.box(name).T
            with np.errstate(invalid="ignore"):
                theta = low + np.where(np.isfinite(low), high - low, 0) * np.random.default_rng(
                    1
                ).random((40_000, 2))
            value = exact.log_likelihood(theta, row)
            plain = logsumexp(value) - np.log(len(value))
            effective = np.exp(2 * logsumexp(value) - logsumexp(2 * value))
            found = exact.log_evidence(row, STATES.prior.box(name), np.random.default_rng(2))
            assert found == pytest.approx(plain, abs=0.35 + 5 / np.sqrt(effective))


def test_class_probabilities_are_calibrated_and_sum_to_one():
    theta, x = STATES.simulate(0, 400, 9)
    p = Exact(STATES).class_probabilities(x)
    np.testing.assert_allclose(p.sum(axis=1), 1)
    labels = theta[:, -1].astype(int)
    for k in range(3):
        z = ((labels == k) - p[:, k]).sum() / np.sqrt((p[:, k] * (1 - p[:, k])).sum())
        assert abs(z) < 4
    assert (p.argmax(axis=1) == labels).mean() > 0.6


@pytest.mark.parametrize(
    ("classes", "words"),
    [
        ({"a": {}}, "needs 2 classes or more"),
        ({"a": {}, "b": {"noise_rsm": 0.0}}, "classes.b.noise_rsm is not one of parameters"),
        ({"a": {}, "b": {"noise_rms": Bounds(0.2, 0.4)}}, "must lie within"),
        ({"a": {}, "b": {"noise_rms": Bounds(0.2, 0.1)}}, "must lie within"),
        ({"a": {}, "b": {"noise_rms": -1.0}}, "or 0, or one number within"),
        ({"a": {}, "b": {"noise_rms": np.nan}}, "or 0, or one number within"),
        ({"a": {}, "b": {"rate": 1.0}}, "not one of parameters"),
    ],
)
def test_bad_classes_are_refused(classes, words):
    with pytest.raises(ValueError, match=words):
        Prior(STATES.prior.parameters, COVARIATES, classes)


# --- which reference answers ----------------------------------------------------------------------


def test_each_detector_has_its_references():
    ideal = TimingSimulator(
        Prior(
            {**STATES.prior.parameters, "rate": COVARIATES["rate"]},
            {"segments": COVARIATES["segments"]},
        ),
        STATES.source,
        DeadTime(1, 0.0),
        STATES.summary,
    )
    assert shipped(applicable(POWERLAW, None)) == ("exact",)
    assert shipped(applicable(ideal, None)) == (
        "naive",
        "free_noise",
        "dead_time_model",
        "averaged_dead_time_model",
    )
    assert applicable(ideal, []) == ()
    paralyzable = replace(ideal, detector=DeadTime(1, 2.5e-3, paralyzable=True))
    assert shipped(applicable(paralyzable, None)) == ()
    with pytest.raises(ValueError, match=r"reference\.names has exact"):
        applicable(ideal, ["exact"])
    with pytest.raises(ValueError, match=r"reference\.names has naive"):
        applicable(POWERLAW, ["naive"])
    with pytest.raises(ValueError, match="exact"):
        Exact(ideal)
