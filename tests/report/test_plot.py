"""What figures must show, and what they must not."""

import numpy as np
import pytest

from livetime.report import plot
from livetime.simulate.prior import Prior, Range, Samples

PRIOR = Prior({"a": Range(0.1, 10.0, "log"), "b": Range(-5.0, 5.0)})


@pytest.mark.parametrize(("naive", "beyond"), [(-0.9, True), (-0.1, False)])
def test_a_naive_answer_far_away_does_not_stretch_the_axes_of_the_others(naive, beyond):
    rng = np.random.default_rng(0)
    where = {"network": 0.0, "naive": naive, "dead_time_model": 0.02}
    figure = plot.corner_plot(
        {name: Samples(rng.normal(at, 0.1, (2000, 2)), PRIOR) for name, at in where.items()}
    )
    low, high = figure.axes[0].get_xlim()
    assert -0.6 < low < -0.2
    assert 0.2 < high < 0.6
    said = [text.get_text() for text in figure.legends[0].get_texts()]
    assert [text.endswith("(beyond the axes)") for text in said] == [False, beyond, False]
