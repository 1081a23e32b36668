"""What draws mean: the power in bins, its covariance, rms in bands, and probabilities."""

import numpy as np
import pytest

from livetime.sources.answer import SourceAnswer, mean_power
from livetime.sources.free import FreePower
from livetime.sources.lorentzians import Lorentzians


def draws(source, n, seed):
    rng = np.random.default_rng(seed)
    params = {name: rng.random(n) for name in source.parameters}
    return {
        name: values * (20 if name.endswith("quality") else 1) for name, values in params.items()
    }


@pytest.mark.parametrize(
    "source", [Lorentzians(number=3), FreePower()], ids=["lorentzians", "free"]
)
def test_the_power_in_bins_adds_up_to_the_rms_of_their_band(source):
    params = draws(source, 30, 1)
    for name in params:
        if name.endswith("quality"):
            params[name] /= 10
    power = mean_power(source, source.edges, params)
    variance = power @ np.diff(source.edges)
    rms = source.band_rms(params, source.edges[0], source.edges[-1])
    np.testing.assert_allclose(np.sqrt(variance), rms, rtol=0.02, atol=1e-6)


def test_table_and_covariance_are_those_of_the_draws():
    source = FreePower(bins=6)
    answer = SourceAnswer.from_draws(source, draws(source, 500, 2))
    table = answer.table()
    np.testing.assert_allclose(np.sqrt(np.diag(answer.covariance)), table["power_err"])
    np.testing.assert_allclose(table["power"], answer.power.mean(axis=0))
    assert (table["lo95"] <= table["lo68"]).all()
    assert (table["median"] <= table["hi68"]).all()
    np.testing.assert_allclose(table["freq"] + table["half_width"], source.edges[1:])


def test_probabilities_of_prior_draws_are_the_prior():
    source = Lorentzians(number=3)
    found = SourceAnswer.from_draws(source, draws(source, 4000, 3)).probabilities
    for k in range(4):
        assert found[f"number of components is {k}"] == pytest.approx(1 / 4, abs=0.03)
    for i in (1, 2, 3):
        assert found[f"lorentzian{i} is present"] == pytest.approx((4 - i) / 4, abs=0.04)


def test_intervals_leave_out_draws_without_the_component():
    source = Lorentzians(number=2)
    params = draws(source, 200, 4) | {"lorentzian2_amplitude": np.zeros(200)}
    rows = SourceAnswer.from_draws(source, params).intervals()
    assert "lorentzian2_frequency" not in rows
    assert rows["lorentzian2_rms"]["hi95"] == 0
    assert rows["lorentzian1_frequency"]["lo95"] >= source.frequency[0]
    assert rows["lorentzian1_frequency"]["unit"] == "Hz"
