"""References for spectra agree where they must, and pile-up biases the naive one."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.special import gammaln, xlogy

from livetime.reference.registry import applicable, build_references
from livetime.reference.spectral import DavisModel, NaiveSpectrum
from livetime.simulate.counts_spectrum import EnergySpectrum
from livetime.simulate.photon_spectrum import PhotonSpectrum
from livetime.simulate.pileup import PileUp
from livetime.simulate.prior import Prior, Range
from livetime.simulate.spectral import SpectralSimulator

SIMULATOR = SpectralSimulator(
    Prior(
        {"powerlaw_index": Range(0.5, 3.0), "powerlaw_norm": Range(1e-6, 3e-3, "log")},
        {"exposure": Range(5e3, 4e5, "log", "s")},
    ),
    PhotonSpectrum({"powerlaw": "powerlaw"}, None),
    PileUp(alpha=0.5, psf_fraction=0.95),
    EnergySpectrum(resolution=1.0),
)


def one(simulator, **truth):
    theta = simulator.prior.theta({name: np.array([value]) for name, value in truth.items()})
    return theta[0, : simulator.prior.dim], simulator.draw(theta, 1)[0]


def test_without_pile_up_both_are_the_folded_spectrum():
    params = {"powerlaw_index": 1.7, "powerlaw_norm": 1e-7}
    naive, davis = (
        reference(SIMULATOR).expected({**params, "exposure": 1e5})["spectrum"]
        for reference in (NaiveSpectrum, DavisModel)
    )
    np.testing.assert_allclose(davis, naive, rtol=1e-3)


def test_the_naive_likelihood_is_that_of_poisson():
    theta, x = one(SIMULATOR, powerlaw_index=1.7, powerlaw_norm=1e-4, exposure=2e4)
    counts, exposure = SIMULATOR.summary.counts(x, SIMULATOR.layout)
    params = {**SIMULATOR.prior.physical(theta), "exposure": exposure}
    expected = NaiveSpectrum(SIMULATOR).expected(params)["spectrum"]
    poisson = (xlogy(counts, expected) - expected - gammaln(counts + 1)).sum()
    assert NaiveSpectrum(SIMULATOR).log_likelihood(theta, x)[0] == pytest.approx(poisson)


def test_a_background_is_added():
    background = np.full(len(SIMULATOR.layout.axis.values), 1e-3)
    params = {"powerlaw_index": 1.7, "powerlaw_norm": 1e-4, "exposure": 2e4}
    for reference in (NaiveSpectrum, DavisModel):
        bright = reference(SIMULATOR, background=background).expected(params)
        dark = reference(SIMULATOR).expected(params)
        more = bright["spectrum"] - dark["spectrum"]
        np.testing.assert_allclose(more, 20.0, rtol=1e-9)


def test_davis_holds_the_truth_where_the_naive_fit_is_far_off():
    """At 0.6 photons a frame the naive photon index is too hard by many standard deviations."""
    theta, x = one(SIMULATOR, powerlaw_index=1.7, powerlaw_norm=2e-4, exposure=5e4)
    naive, davis = (
        reference(SIMULATOR, draws=2000).fit(x, 1).theta
        for reference in (NaiveSpectrum, DavisModel)
    )
    z = [(draws.mean(axis=0) - theta) / draws.std(axis=0) for draws in (naive, davis)]
    assert np.abs(z[1]).max() < 3.5
    assert z[0][0] < -5


def test_counts_that_few_of_the_prior_can_give_are_fitted():
    """More events than frames in most of the box, where the likelihood is zero."""
    bright = replace(SIMULATOR, detector=PileUp(alpha=1.0, psf_fraction=0.3, frame_time=100.0))
    _, x = one(bright, powerlaw_index=0.6, powerlaw_norm=2.9e-3, exposure=5e3)
    assert np.isfinite(
        DavisModel(bright, draws=200, steps=200, max_steps=200).fit(x, 3).theta
    ).all()


def test_which_references_apply():
    assert applicable(SIMULATOR, None) == ("naive", "davis")
    assert set(build_references(SIMULATOR, ("davis",))) == {"davis"}
    with pytest.raises(ValueError, match="take some of naive, davis"):
        applicable(replace(SIMULATOR, threads=1), ["exact"])


def test_references_take_annuli_together():
    apart = replace(SIMULATOR, summary=replace(SIMULATOR.summary, annuli=True))
    (theta, x), (_, both) = (
        one(s, powerlaw_index=1.7, powerlaw_norm=1e-4, exposure=1e4) for s in (SIMULATOR, apart)
    )
    for reference in (NaiveSpectrum, DavisModel):
        assert reference(apart).log_likelihood(theta, both) == pytest.approx(
            reference(SIMULATOR).log_likelihood(theta, x)
        )
