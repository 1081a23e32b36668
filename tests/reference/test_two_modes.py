"""Where a faint and a bright source explain the counts alike, both are found, with their weights.

With alpha = 0 and no wings a region reads `mu exp(-mu)` events a frame, all of single photons: the
spectrum has the same shape at any flux, and two mu give the same count rate below 1/e. The prior
alone decides between them. For a log-uniform prior the weight of each is in proportion to
`|d ln mu/d ln(count rate)| = 1/|1 - mu|`.
"""

import numpy as np
import pytest
import torch
from banks import bank_of
from scipy.optimize import brentq

from livetime.infer.posterior import FlowPosterior
from livetime.learn.checkpoints import load
from livetime.learn.training import Member, fit
from livetime.reference.spectral import DavisModel
from livetime.settings import Trainer, Training
from livetime.simulate.build import shapes
from livetime.simulate.counts_spectrum import EnergySpectrum
from livetime.simulate.photon_spectrum import PhotonSpectrum
from livetime.simulate.pileup import PileUp
from livetime.simulate.prior import Prior, Range
from livetime.simulate.spectral import SpectralSimulator

DETECTOR = PileUp(alpha=0.0, psf_fraction=1.0)
SOURCE = PhotonSpectrum({"powerlaw": "powerlaw"}, None)
PHOTONS = SOURCE.photons(
    DETECTOR.response.low, DETECTOR.response.high, {"powerlaw_norm": 1.0, "powerlaw_index": 1.7}
)
PER_NORM = float(DETECTOR.mean_photons(PHOTONS * DETECTOR.response.area, 1.0))
"""Photons per frame at a norm of 1."""
SIMULATOR = SpectralSimulator(
    Prior(
        {
            "powerlaw_index": Range(0.7, 2.7),
            "powerlaw_norm": Range(0.02 / PER_NORM, 6 / PER_NORM, "log"),
        },
        {"exposure": Range(950, 970, "log", "s")},
    ),
    SOURCE,
    DETECTOR,
    EnergySpectrum(0.3, 10.0, resolution=10.0),
)
FAINT = 0.2
BRIGHT = brentq(lambda mean: mean * np.exp(-mean) - FAINT * np.exp(-FAINT), 1, 10)


def observed(mean):
    """A spectrum of 300 frames at so many photons in each."""
    truth = {"powerlaw_index": 1.7, "powerlaw_norm": mean / PER_NORM, "exposure": 960.0}
    return SIMULATOR.draw(
        SIMULATOR.prior.theta({name: np.array([value]) for name, value in truth.items()}), 4
    )[0]


def bright_share(theta):
    """Find the share of draws with more than one photon per frame, at an index of 1.7."""
    return (10 ** theta[:, 1] * PER_NORM > 1).mean()


def quadrature(x, n=(21, 200)):
    """Index and log norm of a grid, and its weights from Davis's likelihood, (N, 2) and (N,)."""
    prior = SIMULATOR.prior
    axes = [
        low + (np.arange(m) + 0.5) / m * (high - low)
        for low, high, m in zip(prior.low, prior.high, n, strict=True)
    ]
    theta = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    value = np.concatenate(
        [DavisModel(SIMULATOR).log_likelihood(part, x) for part in np.array_split(theta, 8)]
    )
    weight = np.exp(value - value.max())
    return theta, weight / weight.sum()


@pytest.fixture(scope="module")
def seen():
    """Give a spectrum and its exact posterior: grid, weights, and the bright mode."""
    x = observed(FAINT)
    theta, weight = quadrature(x)
    return x, theta, weight, 10 ** theta[:, 1] * PER_NORM > 1


def moments(theta, weight):
    mean = weight @ theta / weight.sum()
    return mean, np.sqrt(weight @ (theta - mean) ** 2 / weight.sum())


def test_the_weights_are_as_the_slopes_of_the_count_rate(seen):
    """Up to the curvature of mu exp(-mu) within a mode."""
    _, theta, weight, bright = seen
    between = np.abs(np.log(10 ** theta[:, 1] * PER_NORM)) < 0.2
    assert weight[between].sum() < 1e-6
    law = np.array([1 / (1 - FAINT), 1 / (BRIGHT - 1)])
    assert weight[bright].sum() == pytest.approx(law[1] / law.sum(), abs=0.03)
    places = [moments(theta[mode], weight[mode]) for mode in (~bright, bright)]
    assert places[0][1][1] / places[1][1][1] == pytest.approx(law[0] / law[1], rel=0.1)
    assert places[1][0][1] - places[0][0][1] == pytest.approx(np.log10(BRIGHT / FAINT), abs=0.1)


def test_the_sampler_finds_both_modes_with_their_weights(seen):
    x, theta, weight, bright = seen
    samples = DavisModel(SIMULATOR).fit(x, 3)
    assert samples.notes == ()
    assert bright_share(samples.theta) == pytest.approx(
        weight[bright].sum(), abs=0.08
    )  # three times its scatter over seeds
    drawn = 10 ** samples.theta[:, 1] * PER_NORM > 1
    for found, mode in ((~drawn, ~bright), (drawn, bright)):
        mean, std = moments(theta[mode], weight[mode])
        assert (np.abs(samples.theta[found].mean(axis=0) - mean) < 0.25 * std).all()
        np.testing.assert_allclose(samples.theta[found].std(axis=0), std, rtol=0.2)


NET = {"_target_": "livetime.learn.nets.MLP", "widths": [64, 64]}
MIXTURE = {"_target_": "livetime.learn.estimators.MixtureDensity", "net": NET, "components": 6}


def trained(folder):
    theta, x = SIMULATOR.simulate(0, 5000, 1)
    bank_of(folder, theta[:, : SIMULATOR.prior.dim], x)
    settings = Training(epochs=15, batch_size=100)
    member = Member(
        folder / "member_0",
        MIXTURE,
        settings,
        Trainer(accelerator="cpu"),
        shapes(SIMULATOR),
        folder,
        len(x),
        0,
    )
    fit(member, lambda *_: None)
    return load(member.folder)


def test_a_small_network_finds_both_modes(seen, tmp_path):
    x, theta, weight, bright = seen
    draws = FlowPosterior(
        (trained(tmp_path / "bank"),), torch.from_numpy(x[None]), SIMULATOR.prior
    ).sample(4000, seed=1)[:, 0]
    assert bright_share(draws) == pytest.approx(weight[bright].sum(), abs=0.1)
    drawn = 10 ** draws[:, 1] * PER_NORM > 1
    for found, mode in ((~drawn, ~bright), (drawn, bright)):
        mean, std = moments(theta[mode], weight[mode])
        assert (np.abs(draws[found].mean(axis=0) - mean) < std).all()
        np.testing.assert_allclose(draws[found].std(axis=0), std, rtol=0.6)
    assert (
        np.abs(np.log(10 ** draws[:, 1] * PER_NORM)) < 0.2
    ).mean() < 0.02  # next to none between them
