"""Laws of the test that compares residuals with those of held-out simulations."""

import json

import numpy as np
import pytest
from scipy import stats

from livetime.learn.discrepancy import DiscrepancyTest
from livetime.simulate.layout import Axis, Block, Layout

AXIS = Axis(np.geomspace(0.1, 50.0, 80), "Hz", np.arange(1, 81))
LAYOUT = Layout((Block("power", 80, AXIS), Block("rate_a"), Block("segments")))


def residuals(n, seed, scale=1.3, offset=0.2):
    """Draw residuals of correct simulations; an emulator may be biased, and its scatter wrong."""
    x = offset + scale * np.random.default_rng(seed).standard_normal((n, LAYOUT.size))
    x[:, -1] = 0.0  # known, not predicted
    return x


@pytest.fixture(scope="module")
def test_of_power():
    return DiscrepancyTest.fit(LAYOUT, residuals(4000, seed=1))


def test_p_values_are_uniform_under_the_model(test_of_power):
    p = test_of_power.p_values(residuals(4000, seed=2))
    assert stats.kstest(p, "uniform").pvalue > 1e-3
    # Binomial, with the scatter of the 2000 ranks themselves.
    assert abs((p < 0.05).mean() - 0.05) < 4 * np.sqrt(0.05 * 0.95 * (1 / 4000 + 1 / 2000))


@pytest.mark.parametrize("n", [250, 1000])
def test_few_simulations_give_no_more_false_alarms(n):
    """Each of many statistics may exceed all that were seen; that is not rare for one of them."""
    p = []
    for seed in range(8):
        test = DiscrepancyTest.fit(LAYOUT, residuals(2 * n, seed=10 + seed))
        p.append(test.p_values(residuals(2000, seed=50 + seed)))
    assert np.mean(np.concatenate(p) < 0.01) == pytest.approx(0.01, abs=0.006)
    assert np.mean(np.concatenate(p) < 0.05) == pytest.approx(0.05, abs=0.015)


@pytest.mark.parametrize("quality", [8.0, 0.5])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_lorentzian_is_found_where_it_is(test_of_power, quality, sign):
    f = AXIS.values
    half_width = 5.0 / (2 * quality)
    shape = 1 / (1 + ((f - 5.0) / half_width) ** 2)
    matched = shape * np.sqrt(AXIS.averaged)
    x = residuals(200, seed=3)
    x[:, :80] += sign * 1.3 * 8 * matched / np.sqrt((matched**2).sum())  # 8 sigma in all

    assert (test_of_power.p_values(x) < 0.05).mean() > 0.99
    first = [test_of_power.find(row)[0].words for row in x]
    words = "an excess of" if sign > 0 else "a deficit of"
    assert np.mean([words in found for found in first]) > 0.99
    sizes = [float(found.split(" of ")[1].split()[0]) for found in first]
    assert abs(np.median(sizes) - 8) < 0.5
    widths = [float(found.split("Q near ")[1].rstrip(")")) for found in first]
    assert 0.5 <= np.median(widths) / quality <= 2
    if quality == 8.0:
        place = [float(found.split(" at ")[1].split()[0]) for found in first]
        assert abs(np.median(place) / 5.0 - 1) < 0.1


def test_a_run_of_one_sign_is_found(test_of_power):
    x = residuals(1, seed=4)[0]
    x[20:60] = 0.2 + 0.3 * np.abs(x[20:60])
    names = [found.name for found in test_of_power.find(x) if found.p_value < 0.01]
    assert "run of power" in names


def test_a_number_far_from_its_prediction_is_named(test_of_power):
    x = residuals(1, seed=5)[0]
    x[80] = 0.2 - 8 * 1.3
    found = next(f for f in test_of_power.find(x) if f.name == "numbers")
    assert "rate a is 8" in found.words
    assert "below the prediction" in found.words
    assert found.p_value < 1e-3


def test_a_known_entry_does_not_count(test_of_power):
    x = residuals(1, seed=6)
    moved = x.copy()
    moved[:, -1] = 1e6
    assert test_of_power.p_values(moved) == test_of_power.p_values(x)


def test_a_summary_without_spectra_has_a_test_too():
    layout = Layout((Block("skewness"), Block("hardness")))
    rng = np.random.default_rng(7)
    numbers = DiscrepancyTest.fit(layout, rng.standard_normal((2000, 2)))
    assert abs((numbers.p_values(rng.standard_normal((2000, 2))) < 0.05).mean() - 0.05) < 0.03
    assert numbers.p_values(np.array([[0.0, 6.0]])) < 0.01


def test_plain_types_give_the_same_test(test_of_power):
    kept = json.loads(json.dumps(test_of_power.plain()))
    again = DiscrepancyTest.from_plain(LAYOUT, kept)
    x = residuals(500, seed=8)
    # Numbers are rounded to six digits, so that a rank may differ by a few of 2000.
    assert np.abs(again.p_values(x) - test_of_power.p_values(x)).mean() < 2e-3
    del kept["values"]["distance"]
    with pytest.raises(ValueError, match="not those of the summary"):
        DiscrepancyTest.from_plain(LAYOUT, kept)


@pytest.mark.parametrize("name", ["mean", "scatter", "response_scatter", "least"])
def test_a_test_of_other_numbers_is_refused(test_of_power, name):
    kept = json.loads(json.dumps(test_of_power.plain()))
    for numbers in ([kept[name]], [], [np.inf, *kept[name][1:]]):
        with pytest.raises(ValueError, match="not those of a test"):
            DiscrepancyTest.from_plain(LAYOUT, {**kept, name: numbers})
