"""Standardisation removes what the numbers of a summary imply for its spectra, and nothing else."""

import numpy as np
import pytest
import torch

from livetime.learn.standardise import Standardise


def spectra(n=20_000, seed=0, dead_time=False):
    """Draw two powers whose mean and scatter follow from rate and segments, and the numbers.

    One of the powers has a weak signal.
    """
    rng = np.random.default_rng(seed)
    rate, segments = rng.uniform(1, 3.3, n), rng.uniform(0.9, 1.8, n)
    signal = rng.normal(size=n)
    scatter = 10 ** (-0.5 * segments - 1)
    level, other = -0.4 * rate**2, 0.1 * rate**3
    if dead_time:  # the white noise of low and of high frequencies
        level = -2 * np.log1p(10 ** (rate - 2.6))
        other = 0.5 * level**2
    powers = [level + scatter * (rng.normal(size=n) + signal), other + scatter * rng.normal(size=n)]
    return torch.tensor(np.stack([*powers, rate, segments], axis=1), dtype=torch.float32), signal


def test_powers_are_standardised_by_what_the_numbers_tell():
    x, signal = spectra()
    model = Standardise(4, spectral=2)
    model.fit(x)
    fresh, signal = spectra(seed=1)
    z = model(fresh).numpy()
    np.testing.assert_allclose(z.mean(0), 0, atol=0.03)
    np.testing.assert_allclose(z.std(0), 1, atol=0.03)
    plain = (fresh[:, 0] - x[:, 0].mean()) / x[:, 0].std()
    assert abs(np.corrcoef(plain, signal)[0, 1]) < 0.1
    assert np.corrcoef(z[:, 0], signal)[0, 1] > 0.68  # at most 1/sqrt(2)
    for part in (fresh[:, 3] < 1.2, fresh[:, 3] > 1.5, fresh[:, 2] < 1.5, fresh[:, 2] > 2.8):
        np.testing.assert_allclose(z[part.numpy(), :2].mean(0), 0, atol=0.12)
        np.testing.assert_allclose(z[part.numpy(), :2].std(0), 1, atol=0.12)


def test_of_dead_time_noise_a_third_order_leaves_less_than_a_third_of_a_standard_deviation():
    """Which is no polynomial: the price of an order that does not bend at the ends of a range."""
    x, _ = spectra(dead_time=True)
    model = Standardise(4, spectral=2)
    model.fit(x)
    fresh, signal = spectra(seed=1, dead_time=True)
    z = model(fresh).numpy()
    assert np.corrcoef(z[:, 0], signal)[0, 1] > 0.64  # at most 1/sqrt(2)
    for part in (fresh[:, 3] < 1.2, fresh[:, 3] > 1.5, fresh[:, 2] < 1.5, fresh[:, 2] > 2.8):
        np.testing.assert_allclose(z[part.numpy(), :2].mean(0), 0, atol=1 / 3)
        np.testing.assert_allclose(z[part.numpy(), :2].std(0), 1, atol=0.2)


def test_numbers_are_standardised_plainly_and_constants_are_zero():
    x, _ = spectra(3000)
    x = torch.cat(
        [x[:, :2], torch.full((3000, 1), 0.7), x[:, 2:], torch.full((3000, 1), 2.0)], dim=1
    )
    model = Standardise(6, spectral=3)
    model.fit(x)
    z = model(x)
    torch.testing.assert_close(
        z[:, 3:5], (x[:, 3:5] - x[:, 3:5].mean(0)) / x[:, 3:5].std(0), rtol=1e-3, atol=1e-3
    )
    assert (z[:, 5] == 0).all()
    assert (z[:, 2].abs() < 1e-2).all()


def test_far_outside_of_training_it_stays_finite():
    x, _ = spectra(3000)
    model = Standardise(4, spectral=2)
    model.fit(x)
    far = torch.tensor([[30.0, -30.0, 12.0, -8.0]])
    assert torch.isfinite(model(far)).all()
    edge = far.clone()
    edge[:, 2:] = torch.stack([x[:, 2].max(), x[:, 3].min()])
    torch.testing.assert_close(model(far)[:, :2], model(edge)[:, :2], rtol=1e-4, atol=1e-4)


def test_a_wide_spread_of_the_source_does_not_bend_the_standardisation_at_the_ends_of_a_range():
    """Else an observation as long as any in training would be read wrongly, and with confidence."""
    rng = np.random.default_rng(2)
    n = 50_000
    segments = rng.uniform(0.9, 1.8, n)
    x = np.stack([rng.normal(size=n), rng.uniform(1, 3.3, n), segments], axis=1).astype(np.float32)
    model = Standardise(3, spectral=1)
    model.fit(torch.from_numpy(x))
    ends = torch.tensor([[3.0, 2.0, value] for value in (1.7, 1.75, 1.8)])
    z = model(ends)[:, 0]
    assert z.max() - z.min() < 0.05


@pytest.mark.parametrize("n", [20, 150])
def test_few_simulations_are_standardised_by_mean_and_spread_alone(n):
    x, _ = spectra(n)
    model = Standardise(4, spectral=2)
    model.fit(x)
    torch.testing.assert_close(
        model(x), (x - x.mean(0)) / x.std(0, correction=0), rtol=1e-3, atol=1e-3
    )
