"""Posterior predictive p-values."""

import numpy as np
from scipy import stats

from livetime.infer.predictive import predictive_p_value


def test_predictive_p_value_is_uniform_if_the_model_holds_and_small_if_not():
    rng = np.random.default_rng(3)
    p = [predictive_p_value(x[0], x[1:]) for x in rng.standard_normal((300, 101, 20))]
    assert stats.kstest(p, "uniform").pvalue > 1e-3
    x = rng.standard_normal((101, 20))
    assert predictive_p_value(x[0] + 3, x[1:]) < 0.02
    x[:, 0] = 1.0  # a constant entry, such as the number of segments, does not divide by zero
    assert 0 < predictive_p_value(x[0], x[1:]) <= 1
