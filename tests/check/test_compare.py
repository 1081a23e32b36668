"""A bias is on the prior's own scale, and finite where a parameter is zero."""

import numpy as np
import pytest

from livetime.check.compare import compared_quantity, comparison_rows
from livetime.check.truths import Truths
from livetime.simulate.prior import Prior, Range

PRIOR = Prior(
    {
        "rate": Range(10.0, 1000.0, "log", "counts/s"),
        "alpha": Range(0.0, 1.0),
        "tau": Range(0.0, 4.0, "sqrt"),
    }
)
CELL = {"rate": 100.0, "alpha": 0.0, "tau": 1.0}
TRUTHS = Truths([CELL], ("rate",))


def rows(target, low, middle, high):
    """One cell of two observations, whose medians are 20% above and below the middle one."""
    levels = np.array([low, low, middle, high, high])
    physical = {name: np.full((2, 5), value) for name, value in CELL.items()} | {
        target: np.array([0.8, 1.2])[:, None] * levels
    }
    return comparison_rows(PRIOR, TRUTHS, {"network": PRIOR.theta(physical)[None]}, target)[0]


def test_a_log_parameter_is_compared_by_its_logarithm():
    row = rows("rate", 50, 110, 200)
    assert compared_quantity(PRIOR, "rate") == "ln rate"
    assert row["bias"] == pytest.approx(np.log([0.88, 1.32]).mean())
    assert row["half_width"] == pytest.approx(np.log(200 / 50) / 2)


@pytest.mark.parametrize(("target", "truth"), [("alpha", 0.0), ("tau", 1.0)])
def test_others_are_compared_as_they_are(target, truth):
    row = rows(target, 0.1, 0.3, 0.7)
    assert compared_quantity(PRIOR, target) == target
    assert row["bias"] == pytest.approx(0.3 - truth)
    assert row["half_width"] == pytest.approx(0.3)
    assert row["scatter"] == pytest.approx(0.3 * 0.4 / np.sqrt(2))
    assert row["coverage68"] == 0
