"""A box, flat in its sampling coordinates."""

import numpy as np
import pytest
from scipy import stats

from livetime.simulate.prior import Prior, Range, Samples

PRIOR = Prior(
    {
        "rms": Range(0.03, 0.5, "log"),
        "offset": Range(-2.0, 3.0, "linear", "keV"),
        "rate": Range(20.0, 2000.0, "log", "counts/s"),
    },
    {"segments": Range(8.0, 64.0, "log"), "dead_time": Range(1e-6, 5e-3, "sqrt", "s")},
)
TO_SAMPLING = {"log": np.log10, "sqrt": np.sqrt, "linear": np.asarray}


def draws(n=4000, seed=0):
    return PRIOR.sample(n, np.random.default_rng(seed))


def test_physical_and_theta_are_inverse():
    theta = draws()
    values = PRIOR.physical(theta)
    assert list(values) == ["rms", "offset", "rate", "segments", "dead_time"]
    np.testing.assert_allclose(PRIOR.theta(values), theta, rtol=1e-12, atol=1e-12)
    del values["segments"], values["dead_time"]
    np.testing.assert_allclose(PRIOR.theta(values), theta[:, :3], rtol=1e-12, atol=1e-12)
    assert list(PRIOR.physical(theta[:, :3])) == PRIOR.names


def test_shapes():
    assert PRIOR.dim == len(PRIOR.names) == len(PRIOR.low) == len(PRIOR.high) == 3
    assert PRIOR.physical(np.zeros((5, 2, 3)))["rate"].shape == (5, 2)
    assert PRIOR.log_prob(np.zeros((5, 2, 3))).shape == (5, 2)
    assert PRIOR.theta({"rms": 0.1, "offset": np.zeros(7), "rate": 100.0}).shape == (7, 3)


def test_samples_are_flat_in_the_sampling_coordinates():
    theta = draws()
    for i, r in enumerate(PRIOR.ranges.values()):
        low, high = TO_SAMPLING[r.scale]([r.low, r.high])
        assert stats.kstest((theta[:, i] - low) / (high - low), "uniform").pvalue > 1e-4
    off_diagonal = np.corrcoef(theta.T)[np.triu_indices(theta.shape[1], 1)]
    assert np.abs(off_diagonal).max() < 4 / np.sqrt(len(theta))
    for name, values in PRIOR.physical(theta).items():
        assert (
            PRIOR.ranges[name].low
            <= values.min()
            < values.max()
            <= PRIOR.ranges[name].high * (1 + 1e-12)
        )


def test_the_first_rows_do_not_depend_on_n():
    np.testing.assert_array_equal(draws(10), draws(1000)[:10])
    assert not np.array_equal(draws(10), draws(10, seed=1))


def test_log_prob_is_a_density_over_the_box_alone():
    theta = draws()
    volume = np.log10(0.5 / 0.03) * 5 * 2
    np.testing.assert_allclose(np.exp(PRIOR.log_prob(theta)) * volume, 1)
    wide = np.random.default_rng(1).uniform(PRIOR.low - 1, PRIOR.high + 1, (20_000, 3))
    inside = np.all((wide > PRIOR.low) & (wide < PRIOR.high), axis=1)
    np.testing.assert_array_equal(np.isfinite(PRIOR.log_prob(wide)), inside)
    mass = np.exp(PRIOR.log_prob(wide)).mean() * np.prod(PRIOR.high - PRIOR.low + 2)
    assert mass == pytest.approx(
        1, abs=4 * np.sqrt((1 - inside.mean()) / inside.mean() / len(wide))
    )
    assert PRIOR.log_prob([np.nan, 0.0, 2.0]) == -np.inf


def test_covariates_do_not_count_in_log_prob():
    theta = draws(5)
    np.testing.assert_array_equal(PRIOR.log_prob(theta), PRIOR.log_prob(theta[:, :3]))


def test_intervals_are_equal_tailed_quantiles_in_physical_units():
    theta = draws()[:, :3]
    rows = Samples(theta, PRIOR).intervals()
    for name, values in PRIOR.physical(theta).items():
        row = rows[name]
        assert row["unit"] == PRIOR.ranges[name].unit
        for low, high, share in (("lo68", "hi68", 0.68), ("lo95", "hi95", 0.95)):
            below, above = (values < row[low]).mean(), (values > row[high]).mean()
            assert below == pytest.approx((1 - share) / 2, abs=1e-3)
            assert above == pytest.approx((1 - share) / 2, abs=1e-3)
        assert (values < row["median"]).mean() == pytest.approx(0.5, abs=1e-3)


@pytest.mark.parametrize(
    ("args", "match"),
    [
        ((2.0, 1.0), r"low is 2\.0 and high is 1\.0"),
        ((1.0, 1.0), "low below high"),
        ((np.nan, 1.0), "low is nan"),
        ((0.0, np.inf), "high is inf"),
        ((0.0, 1.0, "log"), "must be above 0 on a log scale"),
        ((-1.0, 1.0, "log"), r"low is -1\.0"),
        ((-1.0, 1.0, "sqrt"), r"low is -1\.0, but must be 0 or more on a sqrt scale"),
    ],
)
def test_ranges_that_are_none_are_refused(args, match):
    with pytest.raises(ValueError, match=match):
        Range(*args)


def test_priors_that_are_none_are_refused():
    with pytest.raises(ValueError, match="parameters is empty"):
        Prior({})
    with pytest.raises(ValueError, match="rate is both a parameter and a covariate"):
        Prior({"rate": Range(0, 1)}, {"rate": Range(0, 1)})
