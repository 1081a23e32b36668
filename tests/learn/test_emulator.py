"""The emulator predicts mean and scatter of a summary whose distribution is known."""

import numpy as np
import pytest
import torch
from scipy import optimize, special, stats

from livetime.learn.emulator import Emulator, emulator_residuals, likelihood_weights
from livetime.learn.module import LitEstimator
from livetime.learn.nets import Shapes

SHAPES = {"low": [0.0, 1.0], "high": [1.0, 2.0], "x_dim": 3}
NODE = {"_target_": "livetime.learn.emulator.Emulator", "widths": [64, 64]}


def simulate(n, seed):
    """Draw theta and summaries: mean sin(6 a), scatter b/10; the last one does not depend on it."""
    rng = np.random.default_rng(seed)
    theta = rng.uniform([0.0, 1.0], [1.0, 2.0], (n, 2))
    noise = rng.standard_normal((n, 3))
    mean = np.stack([np.sin(6 * theta[:, 0]), theta[:, 1], np.zeros(n)], axis=1)
    return theta.astype(np.float32), (mean + theta[:, 1:] / 10 * noise).astype(np.float32)


@pytest.fixture(scope="module")
def emulator():
    theta, x = (torch.from_numpy(part) for part in simulate(8000, 0))
    torch.manual_seed(0)
    module = LitEstimator(NODE, SHAPES, {})
    module.standardise.fit(x)
    optimizer = torch.optim.Adam(module.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(600):
        rows = torch.randint(len(x), (400,), generator=generator)
        loss = module.loss(theta[rows], x[rows]).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return module.eval()


def test_mean_and_scatter_are_those_of_the_simulations(emulator):
    theta, x = simulate(4000, 1)
    draws = theta[None, :, :1]  # the first is inferred, the second is known
    residual = emulator_residuals(emulator, draws, theta[:, 1:], x)
    assert residual.shape == x.shape
    assert np.abs(residual.mean(axis=0)).max() < 0.1
    assert np.abs(residual.std(axis=0) - 1).max() < 0.1
    low = theta[:, 1] < 1.2
    assert np.abs(residual[low].std(axis=0) - 1).max() < 0.15


def test_a_prediction_is_the_mean_over_the_draws_weighted_by_their_likelihood(emulator):
    theta, x = simulate(50, 2)
    known = theta[:, 1:]
    wide = np.stack([np.full((50, 1), place, np.float32) for place in (0.1, 0.4, 0.9)])
    means, scatters = [], []
    for draw in wide:
        at = torch.from_numpy(np.concatenate([draw, known], axis=1))
        with torch.no_grad():
            mean, scatter = emulator.estimator.moments(at)
        means.append(mean.numpy())
        scatters.append(scatter.numpy())
    observed = emulator.standardise(torch.from_numpy(x)).numpy()
    density = stats.norm(np.array(means), np.array(scatters)).logpdf(observed).sum(-1)
    weights = np.array([_tempered(column) for column in density.T]).T[..., None]
    variance = (weights * np.square(scatters)).sum(0)
    expected = (observed - (weights * means).sum(0)) / np.sqrt(variance)
    found = emulator_residuals(emulator, wide, known, x)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def _tempered(log_likelihood):
    """Weight draws by the greatest power of the likelihood that leaves 1.5 effective draws."""

    def excess(power):
        return 1 / (special.softmax(power * log_likelihood) ** 2).sum() - 1.5

    power = 1.0 if excess(1.0) >= 0 else optimize.brentq(excess, 0.0, 1.0, xtol=1e-14)
    return special.softmax(power * log_likelihood)


def test_one_draw_is_never_all():
    log_likelihood = torch.tensor([[0.0, 0.0], [-1e4, 0.0], [-2e4, 0.0]])
    weights = likelihood_weights(log_likelihood)
    torch.testing.assert_close(weights.sum(0), torch.ones(2))
    assert 1 / float((weights[:, 0] ** 2).sum()) == pytest.approx(1.5, rel=1e-3)
    torch.testing.assert_close(weights[:, 1], torch.full((3,), 1 / 3))


def test_the_loss_is_the_gaussian_likelihood_of_each_entry():
    emulator = Emulator(Shapes(**SHAPES), widths=[8])
    theta, x = (torch.from_numpy(part) for part in simulate(20, 3))
    mean, scatter = emulator.moments(theta)
    density = torch.distributions.Normal(mean, scatter).log_prob(x)
    expected = -density.mean(-1) - np.log(2 * np.pi) / 2
    torch.testing.assert_close(emulator.loss(theta, x), expected)
