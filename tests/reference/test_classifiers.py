"""Classifiers without a network."""

import json
from dataclasses import replace

import numpy as np
import pytest
import sklearn.metrics as sk
from scipy import stats
from scipy.optimize import minimize

from livetime.reference.classifiers import (
    CLASSIFIER_LABELS,
    CLASSIFIERS,
    BoostedTrees,
    Logistic,
    Majority,
    classifiers_for,
)
from livetime.reference.exact import Exact
from livetime.reference.likelihood_ratio import LikelihoodRatio
from livetime.reference.likelihood_ratio_classifier import Threshold
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.light_curve import LightCurve
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.periodograms import PeriodogramSimulator
from livetime.simulate.prior import Prior, Range
from livetime.simulate.timing import TimingSimulator

PARAMETERS = {
    "qpo_rms": Range(0.02, 0.3, "log"),
    "qpo_frequency": Range(0.5, 10.0, "log", "Hz"),
    "qpo_quality": Range(2.0, 20.0, "log"),
    "noise_rms": Range(0.03, 0.4, "log"),
    "noise_frequency": Range(0.2, 5.0, "log", "Hz"),
}
COVARIATES = {"rate": Range(50.0, 1000.0, "log"), "segments": Range(4.0, 16.0, "log")}
CLASSES = {"continuum": {"qpo_rms": 0.0}, "qpo": {}}
EXACT = PeriodogramSimulator(
    Prior(PARAMETERS, COVARIATES, CLASSES),
    LightCurve({"qpo": "qpo", "noise": "noise"}, dt=1 / 64),
    Periodogram(8.0, 1 / 64, 0.1),
)
DEAD = TimingSimulator(EXACT.prior, EXACT.source, DeadTime(2, "nustar"), EXACT.summary)


@pytest.fixture(scope="module")
def simulations():
    theta, x = EXACT.simulate(0, 300, 1)
    return theta, x, theta[:, -1].astype(int)


# --- likelihood ratio -----------------------------------------------------------------------------


def test_the_greatest_likelihoods_are_those_of_another_optimiser(simulations):
    """L-BFGS in double precision, from the truth and from a QPO at 20 other frequencies."""
    theta, x, _ = simulations
    exact, low, width = Exact(EXACT), EXACT.prior.low, EXACT.prior.high - EXACT.prior.low
    elsewhere = [
        np.array([0.3, p, q, 0.4, 0.5]) for p in np.linspace(0.03, 0.97, 20) for q in (0.25, 0.75)
    ]
    found = LikelihoodRatio(EXACT).statistic(x[:8])
    for row, truth, statistic in zip(x[:8], theta[:8, :5], found, strict=True):

        def greatest(free, starts, row=row):
            def negative(u):
                point = low.copy()
                point[0] = -np.inf  # no QPO, unless it is free
                point[5 - free :] = low[5 - free :] + width[5 - free :] * u
                return -exact.log_likelihood(point[None], row)[0]

            return max(
                -minimize(negative, start[5 - free :], bounds=[(1e-4, 1 - 1e-4)] * free).fun
                for start in starts
            )

        place = np.where(np.isfinite(truth), (truth - low) / width, 0.1).clip(0.01, 0.99)
        without = greatest(2, [place, *elsewhere])
        gain = 2 * (max(greatest(5, [place, *elsewhere]), without) - without)
        assert statistic == pytest.approx(gain, abs=0.2 + 0.01 * gain)


def test_the_ratio_tells_a_strong_qpo_and_is_no_better_than_the_exact_answer(simulations):
    theta, x, labels = simulations
    statistic = LikelihoodRatio(EXACT).statistic(x)
    assert statistic[labels == 0].max() < 25
    strong = (labels == 1) & (theta[:, 0] > -0.8) & (theta[:, 5] > 2.5)
    assert strong.sum() > 5
    assert (statistic[strong] > 25).all()
    few = slice(150)
    best = sk.roc_auc_score(labels[few], Exact(EXACT).class_probabilities(x[few])[:, 1])
    assert best - 0.1 < sk.roc_auc_score(labels[few], statistic[few]) < best + 0.04


def test_dead_time_is_no_qpo():
    """A steady bright source has a bent spectrum; the exact noise level leaves no bump to fit."""
    quiet = Prior(
        {**PARAMETERS, "noise_rms": Range(0.03, 0.04, "log")},
        {**COVARIATES, "rate": Range(800.0, 1000.0)},
        CLASSES,
    )
    simulator = TimingSimulator(quiet, DEAD.source, DEAD.detector, DEAD.summary)
    theta, x = simulator.simulate(0, 60, 2)
    nothing = theta[:, -1] == 0
    assert LikelihoodRatio(DEAD).statistic(x[nothing]).max() < 25


CONTINUUM = {"noise_rms": 0.15, "noise_frequency": 1.5, "rate": 400.0, "segments": 16.0}
ABSENT = {"qpo_rms": 0.02, "qpo_frequency": 3.0, "qpo_quality": 5.0}


def drawn_from(simulator, n, seed):
    """Draw n summaries of one continuum, without a QPO."""
    values = {name: np.full(n, value) for name, value in {**CONTINUUM, **ABSENT}.items()}
    theta = simulator.prior.theta(values)
    box = simulator.prior.dim + len(simulator.prior.covariates)
    theta = np.column_stack([theta[:, :box], np.zeros(n)])
    theta[:, 0] = -np.inf
    return simulator.draw(theta, seed)


@pytest.mark.parametrize("simulator", [EXACT, DEAD], ids=["exact", "dead time"])
def test_a_bootstrap_has_the_statistic_of_a_continuum(simulator):
    test = LikelihoodRatio(simulator, starts=24, steps=100)
    x = drawn_from(simulator, 100, 1).astype(np.float64)
    done = []
    drawn = test.drawn_statistic(x, 2, done.append)
    assert sum(done) == 100
    assert stats.ks_2samp(test.statistic(x), drawn).pvalue > 0.01


def test_a_strong_qpo_has_the_least_p_value(simulations):
    theta, x, labels = simulations
    strong = (labels == 1) & (theta[:, 0] > -0.8) & (theta[:, 5] > 2.5)
    test = LikelihoodRatio(EXACT)
    assert test.p_value(x[strong][0], n=40) == 1 / 41
    p = test.p_value(x[labels == 0][0], n=40, seed=1)
    assert p > 1 / 41
    assert p == test.p_value(x[labels == 0][0], n=40, seed=1)


def test_its_probabilities_are_calibrated_on_simulations(simulations):
    _, x, labels = simulations
    test = LikelihoodRatio(EXACT)
    probability = Threshold(test.statistic(x[:200]), labels[:200]).probabilities(
        test.statistic(x[200:])
    )
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    assert abs(probability[:, 1].mean() - labels[200:].mean()) < 0.15


def test_it_applies_where_a_qpo_is_the_question():
    assert LikelihoodRatio.applies(EXACT)
    assert LikelihoodRatio.applies(DEAD)
    assert not LikelihoodRatio.applies(replace(EXACT, prior=Prior(PARAMETERS, COVARIATES)))


def test_scikit_learns_classifiers_see_what_there_is(simulations):
    _, x, labels = simulations
    majority, logistic, trees = (
        kind.fit(EXACT, x[:200], labels[:200]) for kind in (Majority, Logistic, BoostedTrees)
    )
    assert np.ptp(majority.probabilities(x), axis=0).max() == 0
    assert logistic.parameters == x.shape[1] + 1
    assert trees.parameters > 10


@pytest.mark.parametrize("k", [2, 3])
def test_logistic_regression_kept_as_plain_numbers_is_scikit_learns(k):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    labels = rng.integers(k, size=400)
    x = 5 * rng.standard_normal((400, 4)) + labels[:, None] * np.array([3, -2, 0, 1])
    x[:, 3] = 1.0  # one that never varies
    plain = json.loads(json.dumps(Logistic.fit(EXACT, x, labels).plain()))
    again = Logistic(**{name: np.array(values) for name, values in plain.items()})
    expected = (
        make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        .fit(x, labels)
        .predict_proba(x)
    )
    np.testing.assert_allclose(again.probabilities(x), expected, rtol=1e-9)


def test_a_false_alarm_is_as_frequent_as_it_says():
    rng = np.random.default_rng(1)
    threshold = Threshold(
        np.concatenate([rng.chisquare(3, 999), rng.chisquare(3, 500) + 20]),
        np.repeat([0, 1], [999, 500]),
    )
    p = [threshold.false_alarm(s) for s in rng.chisquare(3, 2000)]
    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=0.02)
    assert threshold.false_alarm(1e9) == 1 / 1000
    assert threshold.probabilities(np.array([1.0, 25.0]))[:, 1] == pytest.approx([0, 1], abs=0.05)


# --- the protocol, over every registered classifier -----------------------------------------------

EVERY = pytest.mark.parametrize("kind", CLASSIFIERS, ids=lambda kind: kind.__name__)


@EVERY
def test_a_classifier_applies_to_priors_with_classes_alone(kind):
    assert classifiers_for(EXACT)[kind.name] is kind
    assert CLASSIFIER_LABELS[kind.name] == kind.label
    assert not kind.applies(replace(EXACT, prior=Prior(PARAMETERS, COVARIATES)))


@EVERY
def test_a_classifier_gives_probabilities_and_survives_its_plain_types(kind, simulations):
    _, x, labels = simulations
    done = []
    fitted = kind.fit(EXACT, x[:40], labels[:40], done.append)
    probability = fitted.probabilities(x[40:44], 1, done.append)
    assert probability.shape == (4, 2)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    assert (probability >= 0).all()
    assert sum(done) == kind.slow_steps(40, 4)
    assert fitted.parameters >= 0
    assert all(np.isfinite(value) for value in fitted.details(x[40]).values())
    if not kind.stored:
        assert fitted.plain() == {}
        return
    again = kind.from_plain(EXACT, json.loads(json.dumps(fitted.plain())))
    np.testing.assert_allclose(again.probabilities(x[40:44], 1), probability, rtol=1e-6)
    for name, values in fitted.plain().items():
        with pytest.raises((ValueError, TypeError, KeyError)):
            kind.from_plain(EXACT, {**fitted.plain(), name: values[:-1]})
