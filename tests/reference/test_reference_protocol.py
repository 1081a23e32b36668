"""One law for each member of the `Reference` protocol, over every registered reference."""

import numpy as np
import pytest
import qpo_noise

from livetime.errors import UserError
from livetime.reference import base, whittle
from livetime.reference.dead_time import AveragedDeadTimeModel, DeadTimeModel
from livetime.reference.exact import Exact
from livetime.reference.frames import FrameModel
from livetime.reference.practice import CospectrumFit, FreeNoise, Naive
from livetime.reference.registry import (
    REFERENCE_LABELS,
    REFERENCES,
    applicable,
    build_references,
    reference_source,
)
from livetime.reference.spectral import DavisModel, NaiveSpectrum
from livetime.simulate.counts_spectrum import EnergySpectrum
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.frames import FramePileUp
from livetime.simulate.light_curve import LightCurve
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.periodograms import PeriodogramSimulator
from livetime.simulate.photon_spectrum import PhotonSpectrum
from livetime.simulate.pileup import PileUp
from livetime.simulate.prior import Prior, Range
from livetime.simulate.spectral import SpectralSimulator
from livetime.simulate.timing import TimingSimulator

NAMES = ("noise_rms", "noise_frequency", "rate")
SEGMENTS = {"segments": Range(8, 64, "log")}
NOISE = {name: qpo_noise.RANGES[name] for name in NAMES}
VARIABLE = {"noise_rms": 0.3, "noise_frequency": 1.0, "segments": 60.0}


def events(detector, dt=1 / 64):
    summary = Periodogram(8.0, dt, 0.2)
    return TimingSimulator(
        Prior(NOISE, SEGMENTS), LightCurve({"noise": "noise"}), detector, summary
    )


PERIODOGRAMS = PeriodogramSimulator(
    Prior(
        {name: NOISE[name] for name in NAMES[:2]},
        {"rate": Range(50.0, 500.0, "log"), **SEGMENTS},
    ),
    LightCurve({"noise": "noise"}),
    Periodogram(8.0, 1 / 64, 0.2),
)
SPECTRA = SpectralSimulator(
    Prior(
        {"powerlaw_index": Range(1.2, 2.2), "powerlaw_norm": Range(1e-6, 2e-4, "log")},
        {"exposure": Range(1e3, 2e5, "log", "s")},
    ),
    PhotonSpectrum({"powerlaw": "powerlaw"}, None),
    PileUp(alpha=0.5, psf_fraction=0.95),
    EnergySpectrum(resolution=5.0),
)
FRAMES = TimingSimulator(
    Prior(NOISE, SEGMENTS),
    LightCurve({"noise": "noise"}, dt=0.01),
    FramePileUp(0.005, 0.0, alpha=0.3, psf_fraction=0.8),
    Periodogram(8.0, 0.01, 0.2),
)
FAINT = {"powerlaw_index": 1.7, "powerlaw_norm": 2e-6, "exposure": 1e5}
CASES = {
    Naive: (events(DeadTime(2, 0.0)), {**VARIABLE, "rate": 300.0}),
    FreeNoise: (events(DeadTime(1, 2.5e-3)), {**VARIABLE, "noise_rms": 0.1, "rate": 150.0}),
    CospectrumFit: (events(DeadTime(2, 2.5e-3)), {**VARIABLE, "noise_rms": 0.1, "rate": 800.0}),
    DeadTimeModel: (
        events(DeadTime(1, 2.5e-3)),
        {**VARIABLE, "noise_rms": 0.1, "rate": 800.0},
    ),
    AveragedDeadTimeModel: (events(DeadTime(2, 2.5e-3)), {**VARIABLE, "rate": 300.0}),
    FrameModel: (FRAMES, {**VARIABLE, "rate": 60.0}),
    Exact: (PERIODOGRAMS, {**VARIABLE, "rate": 400.0}),
    NaiveSpectrum: (SPECTRA, FAINT),
    DavisModel: (SPECTRA, {**FAINT, "powerlaw_norm": 5e-5, "exposure": 5e3}),
}
"""Reference -> a simulator to which it applies, and the parameters of a strong observation."""
EVERY = pytest.mark.parametrize("kind", REFERENCES, ids=lambda kind: kind.__name__)


def observed(kind):
    simulator, truth = CASES[kind]
    theta = simulator.prior.theta({name: np.array([value]) for name, value in truth.items()})
    return simulator, truth, theta[0, : simulator.prior.dim], simulator.draw(theta, 3)[0]


@EVERY
def test_it_is_registered_with_names_and_applies(kind):
    simulator, _ = CASES[kind]
    assert kind.applies(simulator)
    assert kind.name in applicable(simulator)
    assert REFERENCE_LABELS[kind.name] == kind.label
    assert isinstance(build_references(simulator, [kind.name])[kind.name], kind)
    strange = next(own for own, _ in CASES.values() if not kind.applies(own))
    if kind.name not in applicable(strange):
        with pytest.raises(UserError, match=kind.name):
            applicable(strange, [kind.name])


@EVERY
def test_it_expects_positive_numbers_in_the_channels_of_the_layout(kind):
    simulator, truth, _, _ = observed(kind)
    layout = simulator.layout
    expected = kind(simulator).expected(truth)
    assert list(expected) == layout.spectra
    for name, values in expected.items():
        assert values.shape == (1, layout[name].size)
        assert (values > 0).all()


@EVERY
def test_its_likelihood_is_finite_in_the_whole_box(kind):
    simulator, _, theta, x = observed(kind)
    prior = simulator.prior
    inside = prior.sample(200, np.random.default_rng(1))[:, : prior.dim]
    edges = np.stack([prior.low, prior.high])
    points = np.concatenate([theta[None], inside, edges])
    value = kind(simulator).log_likelihood(points, x)
    assert value.shape == (203,)
    assert np.isfinite(value).all()
    assert value[0] > np.quantile(value[1:], 0.9)


@EVERY
def test_its_draws_contain_the_truth_and_depend_on_the_seed_alone(kind, monkeypatch):
    for module in (base, whittle):  # few parameters need no more, and most of the time goes there
        monkeypatch.setattr(module, "POPULATION", 100)
    simulator, _, theta, x = observed(kind)
    reference = kind(simulator, draws=400, walkers=16, steps=100, max_steps=100)
    first, again, other = (reference.fit(x, seed).theta for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == (400, simulator.prior.dim)
    assert np.isfinite(simulator.prior.log_prob(first)).all()
    z = (np.median(first, axis=0) - theta) / first.std(axis=0)
    assert np.abs(z).max() < 4, z


def test_a_fit_that_is_kept_depends_on_all_of_the_code():
    for kind in REFERENCES:
        assert f"class {kind.__name__}(" in reference_source()
