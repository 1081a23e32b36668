import numpy as np
import pytest
import torch

from livetime.check.importance import entry_groups, importance, saliency
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.features import Features
from livetime.simulate.periodogram import Periodogram


def test_blocks_hold_every_entry_once():
    for layout in (Periodogram().layout(DeadTime(2, 0.0)), Features().layout(DeadTime(2, 0.0))):
        groups = entry_groups(layout)
        assert sorted(np.concatenate(list(groups.values())).tolist()) == list(range(layout.size))
    assert set(entry_groups(Features().layout(DeadTime(1, 0.0)))) == set(
        Features().layout(DeadTime(1, 0.0)).names()
    )


def test_importance_of_a_linear_loss_is_twice_the_variance_that_an_entry_carries():
    rng = np.random.default_rng(1)
    x = rng.standard_normal((20_000, 3)).astype(np.float32)
    weights = np.array([2.0, 1.0, 0.0])
    target = x @ weights
    found = importance(
        lambda rows: (rows @ weights - target) ** 2,
        x,
        {name: np.array([i]) for i, name in enumerate("abc")},
        rng,
    )
    assert found["a"][0] == pytest.approx(8.0, rel=0.05)
    assert found["b"][0] == pytest.approx(2.0, rel=0.05)
    assert found["c"] == (0.0, 0.0)
    together = importance(
        lambda rows: (rows @ weights - target) ** 2, x, {"ab": np.array([0, 1])}, rng
    )
    assert together["ab"][0] == pytest.approx(10.0, rel=0.05)


class Linear:
    """Stands for a run whose loss is known."""

    def loss(self, theta, x):
        return x @ torch.tensor([3.0, 0.5, 0.0])


def test_saliency_is_the_gradient_in_units_of_each_entrys_spread():
    x = np.random.default_rng(1).standard_normal((1000, 3)) * [1.0, 4.0, 9.0]
    np.testing.assert_allclose(
        saliency(Linear(), x, x), np.array([3.0, 0.5, 0.0]) * x.std(axis=0), rtol=1e-5
    )
