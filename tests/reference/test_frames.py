"""The frame model expects what simulations give, and its posterior contains the truth."""

from dataclasses import replace

import numpy as np
import pytest
from shipped import shipped

from livetime.reference.frames import FrameModel
from livetime.reference.practice import Naive
from livetime.reference.registry import applicable, build_references
from livetime.simulate.frames import FramePileUp
from livetime.simulate.light_curve import LightCurve
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.prior import Prior, Range
from livetime.simulate.timing import TimingSimulator

FRAME = 0.005
PARAMETERS = {
    "qpo_rms": Range(0.03, 0.5, "log"),
    "qpo_frequency": Range(1.0, 20.0, "log"),
    "qpo_quality": Range(2.0, 20.0, "log"),
    "rate": Range(10.0, 1500.0, "log"),
}
SIMULATOR = TimingSimulator(
    Prior(PARAMETERS, {"segments": Range(2, 64, "log")}),
    LightCurve({"qpo": "qpo"}, dt=FRAME),
    FramePileUp(FRAME, 0.0, alpha=0.3, psf_fraction=0.8),
    Periodogram(8.0, 2 * FRAME, rebin=0.1),
)
TRUTH = {"qpo_rms": 0.3, "qpo_frequency": 4.0, "qpo_quality": 6.0, "rate": 100.0, "segments": 32.0}


def draw(simulator, n, seed, **changes):
    theta = simulator.prior.theta(
        {name: np.full(n, value) for name, value in {**TRUTH, **changes}.items()}
    )
    return theta[0, : simulator.prior.dim], simulator.draw(theta, seed)


@pytest.mark.parametrize("rate", [30.0, 200.0, 800.0])
@pytest.mark.parametrize("rms", [0.1, 0.4])
@pytest.mark.parametrize("step", [FRAME / 2, FRAME, 4 * FRAME])
def test_mean_powers_are_those_expected(rate, rms, step):
    """At 0.1 to 3 photons a frame, means of 1280 segments agree to their scatter and 2%."""
    prior = Prior(
        {**PARAMETERS, "qpo_frequency": Range(1.0, 10.0, "log")}, SIMULATOR.prior.covariates
    )
    simulator = replace(SIMULATOR, prior=prior, source=replace(SIMULATOR.source, dt=step))
    _, x = draw(simulator, 40, 3, rate=rate, qpo_rms=rms)
    layout, expected = (
        simulator.layout,
        FrameModel(simulator).expected({**TRUTH, "rate": rate, "qpo_rms": rms})["power"][0],
    )
    seen = 2 * np.exp(x[:, layout.slices["power"]].astype(float)).mean(axis=0)
    scatter = 1 / np.sqrt(40 * 32 * layout.axis.averaged)
    assert (np.abs(seen / expected - 1) < 4 * scatter + 0.02).all()
    assert abs((seen / expected - 1).mean()) < 0.01


def test_without_pile_up_it_is_naive():
    """Log-likelihoods that span 16 agree to 0.5.

    Each treats variability slower than the observation a little differently.
    """
    faint = replace(SIMULATOR, detector=replace(SIMULATOR.detector, psf_fraction=0.0))
    theta, x = draw(faint, 1, 1)
    near = theta + np.random.default_rng(1).normal(0, 0.01, (20, len(theta)))
    ours, theirs = (model(faint).log_likelihood(near, x[0]) for model in (FrameModel, Naive))
    assert np.ptp(theirs) > 10
    np.testing.assert_allclose(ours - ours.mean(), theirs - theirs.mean(), atol=0.5)


@pytest.mark.parametrize("rate", [100.0, 400.0])
def test_it_holds_the_truth_where_the_naive_fit_is_far_off(rate):
    """At 1.6 photons a frame the source is past the turnover, and the QPO nearly vanishes."""
    theta, x = draw(SIMULATOR, 1, 2, rate=rate)
    naive, frames = (
        reference(SIMULATOR, draws=2000).fit(x[0], 1) for reference in (Naive, FrameModel)
    )
    low, high = np.quantile(frames.theta, [0.0005, 0.9995], axis=0)
    assert ((theta > low) & (theta < high)).all()
    assert naive.theta[:, 0].mean() < theta[0] - 5 * naive.theta[:, 0].std()
    assert naive.theta[:, -1].mean() < theta[-1] - 5 * naive.theta[:, -1].std()


def test_which_references_apply():
    assert shipped(applicable(SIMULATOR, None)) == ("naive", "frame_model")
    assert set(build_references(SIMULATOR, ("frame_model",))) == {"frame_model"}
    with pytest.raises(ValueError, match="take some of naive, frame_model"):
        applicable(SIMULATOR, ["dead_time_model"])
