"""Exact posteriors pass the calibration test; overconfident, cautious and biased ones fail."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from scipy import stats

from livetime.check.assess_posterior import posterior_verdict
from livetime.check.calibration import Calibration, calibrate
from livetime.check.inflation import MAX_TRIALS, find_inflation
from livetime.simulate.layout import Block, Layout
from livetime.simulate.prior import Prior, Range

PRIOR = Prior(
    {"a": Range(-10.0, 10.0), "b": Range(-10.0, 10.0)},
    {"segments": Range(1.0, 100.0, "log"), "constant": Range(1.0, 2.0)},
)


@dataclass
class Gaussian:
    """Posterior N(x, scale^2) of theta ~ x + N(0, 1), far from the edges."""

    x: np.ndarray
    scale: float = 1.0
    shift: float = 0.0
    prior = PRIOR

    def sample(self, n, seed):
        return (
            self.x
            + self.shift
            + self.scale * np.random.default_rng(seed).standard_normal((n, *self.x.shape))
        )

    def log_prob(self, theta):
        return stats.norm.logpdf(theta, self.x + self.shift, self.scale).sum(axis=-1)


def numbers(scale=1.0, shift=0.0, n=2000):
    rng = np.random.default_rng(0)
    theta = rng.uniform(-4, 4, (n, 2))
    x = theta + rng.standard_normal((n, 2))
    # The flat prior is far wider than the noise: the posterior of theta is N(x, 1).
    return calibrate(lambda b: Gaussian(b, scale, shift), theta, x, seed=1, draws=500)


def test_exact_posterior_is_calibrated():
    result = numbers()
    for level in (0.68, 0.95):
        for name, share in result.coverage(level).items():
            assert abs(share - level) < 4 * np.sqrt(level * (1 - level) / 2000), (level, name)
    n = result.numbers()
    assert all(p["sbc_p_value"] > 1e-3 for p in n["parameters"].values())
    assert all(abs(p["mean_z"]) < 0.09 for p in n["parameters"].values())
    assert n["parameters"]["a"]["contraction"] == pytest.approx(1 - 12 / 400, abs=0.003)
    assert n["log_prob"] == pytest.approx(-1 - np.log(2 * np.pi), abs=0.1)
    assert stats.kstest(result.hpd, "uniform").pvalue > 1e-3


def test_coverage_of_as_many_draws_as_are_usual_has_no_bias_of_its_own():
    for draws in (199, 399):
        ranks = (np.arange(draws + 1) + 0.5) / (draws + 1)  # of an exact posterior, each as often
        exact = Calibration(
            Prior({"a": Range(0.0, 1.0)}),
            ranks[:, None],
            ranks,
            *[ranks[:, None]] * 4,
            ranks,
            draws,
        )
        for level in (0.68, 0.95):
            assert set(exact.coverage(level).values()) == {level}


@pytest.mark.parametrize(("scale", "sign"), [(0.8, -1), (1.25, 1)])
def test_wrong_width_shows_in_joint_and_marginals(scale, sign):
    for level in (0.68, 0.95):
        for share in numbers(scale).coverage(level).values():
            assert sign * (share - level) > 0.02


def test_a_flaw_of_bright_sources_alone_shows_in_their_tercile():
    """A posterior that is too narrow here and too wide there passes overall, not in terciles."""
    rng = np.random.default_rng(0)
    theta = rng.uniform(-40, 40, (6000, 2))
    x = theta + rng.standard_normal((6000, 2))
    segments = rng.uniform(1, 2, 6000)

    def biased(b):
        p = Gaussian(b)
        p.scale = np.where(b[:, :1] > 13, 0.85, 1.3)
        return p

    covariates = {"segments": segments, "constant": np.ones(6000)}
    result = replace(calibrate(biased, theta, x, seed=1), covariates=covariates)
    assert min(min(result.coverage(level).values()) - level for level in (0.68, 0.95)) > -0.01
    terciles = result.terciles()
    assert list(terciles) == ["a", "b", "segments"]
    by_a, by_segments = (
        [t["coverage"]["0.68"]["joint"] for t in terciles[name]] for name in ("a", "segments")
    )
    assert by_a[2] < 0.62
    assert by_a[0] > 0.8
    assert np.ptp(by_segments) < 0.06
    assert [t["n"] for t in terciles["a"]] == [2000] * 3
    assert terciles["a"][0]["high"] < terciles["a"][1]["low"]
    assert terciles["segments"][2]["high"] == pytest.approx(10 ** segments.max())  # physical
    verdict = posterior_verdict(result.numbers())
    assert verdict.sentence.startswith("Overconfident where a is high: ")
    assert not verdict.good
    exact = calibrate(
        Gaussian, theta, x, seed=1
    ).terciles()  # terciles of its own mean are calibrated
    shares = np.array([t["coverage"]["0.68"]["joint"] for rows in exact.values() for t in rows])
    assert np.abs(shares - 0.68).max() < 4 * np.sqrt(0.68 * 0.32 / 2000)


def test_bias_shows_in_mean_z_and_ranks():
    n = numbers(shift=0.3).numbers()
    assert all(p["mean_z"] == pytest.approx(0.3, abs=0.1) for p in n["parameters"].values())
    assert all(p["sbc_p_value"] < 1e-6 for p in n["parameters"].values())


@pytest.mark.parametrize(("scale", "expected"), [(0.8, 1.25), (0.95, 1.05), (1.3, 1.0), (0.2, 2.0)])
def test_widening_brings_an_overconfident_posterior_to_its_width_and_leaves_a_cautious_one(
    scale, expected
):
    rng = np.random.default_rng(0)
    theta = rng.uniform(-4, 4, (4000, 2))
    x = theta + rng.standard_normal((4000, 2))
    counted = []

    def inflated(inflation):
        return lambda b: Gaussian(b, scale * float(max(inflation.base, 1.0)))

    found = find_inflation(inflated, {}, theta, x, 1, progress=counted.append)
    assert max(found.base, 1.0) == pytest.approx(expected, abs=0.03)
    assert sum(counted) == MAX_TRIALS


def test_widening_follows_the_number_that_decides_how_much_is_lacking():
    """Posteriors are too narrow by 1.5 where a number is low, and right where it is high."""
    rng = np.random.default_rng(0)
    n = 6000
    layout = Layout((Block("a", 1), Block("b", 1), Block("segments"), Block("other")))
    theta = rng.uniform(-4, 4, (n, 2))
    segments = rng.uniform(0.9, 1.2, n)
    x = np.column_stack([theta + rng.standard_normal((n, 2)), segments, rng.uniform(0, 1, n)])

    def narrow(segments):
        return np.exp(-np.log(1.5) * (1.2 - segments) / 0.3)

    def inflated(inflation):
        def posterior(rows):
            factors = inflation.factors(layout, torch.from_numpy(rows)).numpy()
            return Gaussian(rows[:, :2], (narrow(rows[:, 2]) * factors)[:, None])

        return posterior

    numbers = {"segments": x[:, 2], "other": x[:, 3]}
    found = find_inflation(inflated, numbers, theta, x, 1)
    assert found.slopes["segments"].slope < 0
    assert abs(found.slopes["other"].slope) < 0.03
    factors = found.factors(layout, torch.from_numpy(x)).numpy()
    assert np.abs(factors * narrow(segments) - 1).max() < 0.06
