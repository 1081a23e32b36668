"""Corner plots: physical axes, contours that end at the prior, labels that stand apart."""

import numpy as np
import pytest
from drawn import outside, overlaps

from livetime.report.figures import densities
from livetime.report.figures.corner import corner
from livetime.report.words import Quantity
from livetime.simulate.prior import Prior, Range, Samples

PRIOR = Prior({"a": Range(0.1, 10.0, "log"), "b": Range(-5.0, 5.0)})
SIX = Prior(
    {
        "qpo_rms": Range(0.03, 0.5, "log"),
        "qpo_frequency": Range(0.5, 20.0, "log", "Hz"),
        "n_h": Range(0.05, 10.0, "log", "1e22/cm^2"),
        "powerlaw_norm": Range(3e-6, 3e-3, "log", "photons/cm^2/s/keV"),
        "dead_time": Range(1e-6, 5e-3, "sqrt", "s"),
        "alpha": Range(0.0, 1.0),
    }
)


def normal(prior, at, width, n=2000):
    rng = np.random.default_rng(0)
    span = prior.high - prior.low
    theta = prior.low + span * (at + width * rng.normal(size=(n, prior.dim)))
    return Samples(np.clip(theta, prior.low, prior.high), prior)


@pytest.mark.parametrize(("naive", "beyond"), [(-0.9, True), (-0.1, False)])
def test_a_naive_answer_far_away_does_not_stretch_the_axes_of_the_others(naive, beyond):
    rng = np.random.default_rng(0)
    where = {"network": 0.0, "naive": naive, "dead_time_model": 0.02}
    figure = corner(
        {name: Samples(rng.normal(at, 0.1, (2000, 2)), PRIOR) for name, at in where.items()}
    )
    low, high = np.log10(figure.axes[0].get_xlim())
    assert -0.6 < low < -0.2
    assert 0.2 < high < 0.6
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert ("naive (beyond the axes)" in words) == beyond
    assert ("naive" in words) == (not beyond)


@pytest.mark.parametrize(("at", "width"), [(0.5, 0.05), (0.9, 0.3), (0.02, 0.01)])
def test_labels_of_a_corner_stand_apart_and_have_units(at, width):
    figure = corner({"network": normal(SIX, at, width)}, dict.fromkeys(SIX.names, 0.1))
    assert overlaps(figure) == []
    assert outside(figure) == []
    labels = [ax.get_xlabel() for ax in figure.axes[-6:]]
    for label, unit in zip(labels, ["%", "Hz", "10^{22}", "keV", "s", ""], strict=True):
        assert unit in label
    assert "log" not in "".join(labels)


def test_axes_are_physical_and_end_at_the_prior():
    figure = corner({"network": normal(SIX, 0.9, 0.3)})
    for i, (name, bounds) in enumerate(SIX.parameters.items()):
        low, high = figure.axes[i * (i + 3) // 2].get_xlim()
        factor = high / bounds.high
        assert np.log10(factor) == pytest.approx(round(np.log10(factor)), abs=1e-6), name
        assert low >= factor * bounds.low * (1 - 1e-9)
    assert figure.axes[0].get_xscale() == "log"


def test_a_flat_posterior_is_flat_up_to_the_edge_of_the_prior():
    flat = Samples(PRIOR.sample(200_000, np.random.default_rng(0)), PRIOR)
    parameter = densities.Parameter(Quantity("b"), PRIOR.parameters["b"], -5.0, 5.0)
    values = densities.density(flat.theta[:, [1]], [parameter])
    np.testing.assert_allclose(values, 0.1, rtol=0.05)


def test_contours_enclose_the_masses_that_the_legend_gives():
    x, y = np.meshgrid(np.linspace(-4, 4, 101), np.linspace(-4, 4, 101))
    values = np.exp(-(x**2 + y**2) / 2)
    for height, mass in zip(densities.levels(values), (0.95, 0.68), strict=True):
        assert values[values >= height].sum() / values.sum() == pytest.approx(mass, abs=0.02)
    figure = corner({"network": normal(PRIOR, 0.5, 0.1)})
    words = [text.get_text() for text in figure.legends[0].get_texts()]
    assert "contours: 68% and 95% of the mass" in words
    assert "prior" in words


def test_a_known_truth_is_drawn_and_named():
    with_truth = corner({"network": normal(PRIOR, 0.5, 0.1)}, {"a": 1.0, "b": 0.0})
    words = [text.get_text() for text in with_truth.legends[0].get_texts()]
    assert "truth" in words
    at = [line.get_xdata()[0] for line in with_truth.axes[0].lines if line.get_linestyle() == "--"]
    assert at == [1.0]
