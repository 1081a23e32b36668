"""Answers for other sources than a run was trained on: detections, and words."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
from qpo_noise import RANGES, SIMULATOR, SOURCE

from livetime.check import robustness
from livetime.check.assessment import HeldOut
from livetime.check.stress import check_sources
from livetime.errors import UserError
from livetime.infer.ask_class import ClassQuestion
from livetime.infer.ask_posterior import PosteriorQuestion
from livetime.report.robustness import robustness_tables, robustness_words
from livetime.simulate.light_curve import LightCurve
from livetime.simulate.prior import Prior
from livetime.simulate.timing import TimingSimulator


@dataclass
class Run:
    """A run whose posterior of every parameter is even in the logarithm, between two values."""

    simulator: TimingSimulator
    question: object = PosteriorQuestion()
    folder: str = "somewhere"
    low: float = 0.2
    high: float = 0.4

    def posterior(self, x):
        return self

    def sample(self, n, seed):
        return np.random.default_rng(seed).uniform(
            np.log10(self.low), np.log10(self.high), (n, 40, 6)
        )


def test_where_nothing_can_be_simulated_the_words_give_the_number(monkeypatch):
    theta = SIMULATOR.prior.sample(9, np.random.default_rng(0))
    monkeypatch.setattr(robustness, "simulate_source", lambda *_: np.full((9, 3), np.nan))
    told = robustness.assess_source(
        Run(SIMULATOR), HeldOut(SIMULATOR, theta, np.zeros((9, 3)), 1), "no_qpo", None
    )
    assert robustness_words("no_qpo", told) == [
        "a source without a QPO: 0 simulations are left, too few to judge"
    ]
    assert robustness_tables({"no_qpo": told}) == {}


@pytest.mark.parametrize(("low", "detected"), [(0.2, 1.0), (0.03, 0.0)])
def test_a_qpo_is_detected_where_the_posterior_leaves_the_priors_edge(low, detected):
    run, n = Run(SIMULATOR, low=low), 80
    theta = SIMULATOR.prior.sample(n, np.random.default_rng(0))
    told = robustness.qpo_detections(run, theta, np.zeros((n, 3)), np.zeros((n, 3)), seed=1)[
        "qpo_rms"
    ]
    assert told["threshold"] == pytest.approx(1.5 * 0.03)
    assert told["detected"] == told["detected_where_present"] == detected
    assert all(
        row["upper_limit95"] == pytest.approx(0.4 * (0.4 / low) ** -0.05, rel=0.03)
        for row in told["by_rate"]
    )
    assert [row["n"] for row in told["by_rate"]] == 5 * [n // 5]
    assert [row["low"] for row in told["by_rate"]] == sorted(row["low"] for row in told["by_rate"])


def test_what_says_nothing_of_a_run_is_refused():
    check_sources(Run(SIMULATOR), ["linear", "drift", "no_qpo"])
    linear = replace(SIMULATOR, source=replace(SOURCE, log_normal=False))
    noise = Prior(
        {k: r for k, r in RANGES.items() if not k.startswith("qpo")}, SIMULATOR.prior.covariates
    )
    without = replace(SIMULATOR, prior=noise, source=LightCurve({"noise": "noise"}))
    for run, name, said in (
        (
            Run(SIMULATOR),
            "lineal",
            "stress has lineal, which is not a source; did you mean linear",
        ),
        (Run(linear), "linear", "run somewhere was trained on linear light curves; leave it out"),
        (Run(without), "no_qpo", "run somewhere does not look for a QPO; leave it out"),
        (
            Run(SIMULATOR, question=ClassQuestion()),
            "drift",
            "did not learn the parameters of light curves",
        ),
    ):
        with pytest.raises(UserError, match=said):
            check_sources(run, [name])
    with pytest.raises(UserError, match="stress has drift twice"):
        check_sources(Run(SIMULATOR), ["drift", "linear", "drift"])
