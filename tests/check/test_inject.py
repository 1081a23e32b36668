"""A bright source has the posterior of its truth; what dead time leaves agrees with it."""

from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from livetime.check.agreement import injection_rows, variability
from livetime.check.inject import bright_source_posterior
from livetime.files.bright_source import Curve, EventList, open_bright_source
from livetime.reference.dead_time import DeadTimeModel
from livetime.reference.practice import Naive
from livetime.settings import Injection
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.light_curve import LightCurve
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.prior import Prior, Range, Samples
from livetime.simulate.timing import TimingSimulator

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
SPAN = 512.0
SIMULATOR = TimingSimulator(
    Prior(
        {
            "noise_rms": Range(0.03, 0.5, "log"),
            "noise_frequency": Range(0.2, 2.0, "log"),
            "rate": Range(20.0, 2000.0, "log"),
        },
        {"segments": Range(8.0, 64.0, "log")},
    ),
    LightCurve({"noise": "noise"}, 1 / 16),
    DeadTime(2),
    Periodogram(16.0, 1 / 16, 0.1),
)


def source(truth, seed, kind):
    """A bright source, as its rate in bins or as events."""
    rng, gti = np.random.default_rng(seed), np.array([[0.0, SPAN]])
    rate = SIMULATOR.source.rate({**truth, "rate": 5000.0}, SPAN, rng)
    if kind == "curve":
        values = rate.values.astype(np.float64)
        return Curve(
            Path(), gti, float(values.mean()), (), rate.dt * np.arange(len(values)), values, rate.dt
        )
    times = DeadTime(1, 0.0).record(rate, rng).times[0]
    return EventList(Path(), gti, len(times) / SPAN, (), times)


@pytest.mark.parametrize("kind", ["curve", "events"])
def test_the_bright_sources_posterior_is_that_of_the_truth(kind):
    rng, z = np.random.default_rng(1), []
    for case in range(12):
        truth = {"noise_rms": rng.uniform(0.1, 0.25), "noise_frequency": rng.uniform(0.3, 1.0)}
        found = bright_source_posterior(SIMULATOR, source(truth, case, kind), case).theta[:, :2]
        z.append((found.mean(axis=0) - np.log10(list(truth.values()))) / found.std(axis=0))
    assert (abs(np.mean(z, axis=0)) < 3.5 / np.sqrt(12)).all(), z
    assert stats.chi2.sf((np.array(z) ** 2).sum(axis=0), 12).min() > 1e-4, z


def test_what_dead_time_leaves_agrees_with_the_bright_source_and_the_naive_fit_does_not():
    truth, off, naive = {"noise_rms": 0.15, "noise_frequency": 0.5}, [], []
    for case in range(4):
        bright = source(truth, 50 + case, "events")
        x = SIMULATOR.summarise(
            bright.through(SIMULATOR.detector, 1000.0, np.random.default_rng(case)), {}
        )
        samples = {
            "bright_source": bright_source_posterior(SIMULATOR, bright, 0),
            "dead_time_model": DeadTimeModel(SIMULATOR).fit(x),
        }
        samples |= {"naive": Naive(SIMULATOR, steps=200, max_steps=200).fit(x)}
        rows = injection_rows(SIMULATOR, 1000.0, samples)
        off += [
            row["difference"] / row["sigma"] for row in rows if row["method"] == "dead_time_model"
        ]
        naive += [
            row for row in rows if row["method"] == "naive" and row["quantity"] == "noise_rms"
        ]
        assert all(
            row["sigma"] > 0 and 0 < row["expected"] < 1
            for row in rows
            if row["method"] == "dead_time_model"
        )
    assert len(off) == 8
    assert np.abs(off).max() < 3.5, off
    assert not any(row["inside68"] for row in naive)
    assert all(row["difference"] < -0.5 for row in naive)


def test_draws_that_all_lie_on_the_priors_edge_can_be_injection_rows():
    draws = {
        name: Samples(np.tile([value, 0.0, 2.0], (9, 1)), SIMULATOR.prior)
        for name, value in (("bright_source", -1.0), ("network", -0.5))
    }
    rows = [row for row in injection_rows(SIMULATOR, 100.0, draws) if row["method"] == "network"]
    assert all(
        np.isfinite([row["difference"], row["sigma"], row["expected"]]).all() for row in rows
    )


def test_of_a_power_law_the_rms_in_the_band_is_injection_rows():
    prior = Prior(
        {
            "red_norm": Range(1e-5, 1e-2, "log"),
            "red_index": Range(0.5, 2.0),
            "rate": Range(1.0, 9.0),
        },
        {"segments": Range(1.0, 9.0)},
    )
    simulator = TimingSimulator(
        prior, LightCurve({"red": "powerlaw"}, 1.0), DeadTime(1), Periodogram(64.0, 1.0, 0.1)
    )
    found = variability(simulator, Samples(np.array([[-3.0, 1.5, 4.0]]), prior))
    f = np.arange(1, 32) / 64
    assert found["red_rms"].logarithmic
    assert found["red_rms"].values[0] == pytest.approx(
        np.sqrt((1e-3 * f**-1.5).sum() / 64), rel=0.01
    )
    assert found["red_index"].values.tolist() == [1.5]
    assert not found["red_index"].logarithmic


@pytest.mark.skipif(not DATA.is_dir(), reason="the data folder ../shared/data is not there")
def test_the_variability_of_cygnus_x2_is_found_behind_dead_time():
    prior = {
        "red_norm": Range(1e-5, 5e-4, "log"),
        "red_index": Range(0.5, 1.5),
        "rate": Range(100.0, 2000.0, "log"),
    }
    source = LightCurve({"red": "powerlaw"}, 16.0)
    simulator = TimingSimulator(
        Prior(prior, {"segments": Range(2.0, 9.0)}),
        source,
        DeadTime(2),
        Periodogram(1024.0, 16.0, 0.1),
    )
    bright = open_bright_source(
        Injection(str(DATA / "rxte" / "cygx2_std1.lc")), simulator.summary, 9
    )
    samples = {"bright_source": bright_source_posterior(simulator, bright, 0)}
    x = simulator.summarise(
        bright.through(simulator.detector, 1000.0, np.random.default_rng(0)), {}
    )
    samples |= {
        "dead_time_model": DeadTimeModel(simulator).fit(x),
        "naive": Naive(simulator, steps=300, max_steps=300).fit(x),
    }
    rows = {
        (row["method"], row["quantity"]): row for row in injection_rows(simulator, 1000.0, samples)
    }
    assert 0.02 < rows["bright_source", "red_rms"]["median"] < 0.06
    for name in ("red_rms", "red_index"):
        row = rows["dead_time_model", name]
        assert abs(row["difference"]) < 3.5 * row["sigma"]
    assert rows["naive", "red_rms"]["difference"] < -1
