"""Pile-up in a light curve: the simulation has the rate, noise and response of closed forms."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.frames import FramePileUp, read_probability
from livetime.simulate.light_curve import LightCurve, Rate
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.pileup import PileUp
from livetime.simulate.prior import Prior, Range
from livetime.simulate.response import analytic_response
from livetime.simulate.simulator import stream
from livetime.simulate.timing import TimingSimulator

FRAME = 0.005
DETECTOR = FramePileUp(FRAME, 0.0, alpha=0.4, psf_fraction=1.0)
SOURCE = LightCurve({"qpo": "qpo"}, dt=FRAME)
PARAMETERS = {
    "qpo_rms": Range(0.05, 0.5, "log"),
    "qpo_frequency": Range(1.0, 20.0, "log"),
    "qpo_quality": Range(2.0, 20.0, "log"),
    "rate": Range(10.0, 1000.0, "log"),
}
SIMULATOR = TimingSimulator(
    Prior(PARAMETERS, {"segments": Range(2, 8, "log")}), SOURCE, DETECTOR, Periodogram(4.0, 0.01)
)


def constant(rate, frames=200_000):
    return Rate(np.full(frames, rate, dtype=np.float32), FRAME)


def per_frame(detector, rate, seed):
    events = detector.record(rate, np.random.default_rng(seed))
    frames = round(rate.duration / detector.cycle)
    return np.bincount((events.times[0] / detector.cycle).astype(int), minlength=frames)


def test_an_event_is_read_as_often_as_the_sum_over_photons_says():
    p = np.arange(1, 60)
    for mean in (0.01, 0.3, 1.0, 5.0):
        for alpha in (0.0, 0.3, 1.0):
            assert read_probability(mean, alpha) == pytest.approx(
                (stats.poisson.pmf(p, mean) * alpha ** (p - 1.0)).sum(), rel=3e-6
            )
    assert read_probability(1e4, 1.0) == 1.0


@pytest.mark.parametrize("order", [1, 2, 3])
def test_derivatives_are_those_of_the_one_below(order):
    x, step = np.log(np.array([0.02, 0.5, 1.0, 3.0])), 1e-5
    for alpha in (0.0, 0.4, 1.0):
        high, low = (read_probability(np.exp(x + s), alpha, order - 1) for s in (step, -step))
        np.testing.assert_allclose(
            read_probability(np.exp(x), alpha, order),
            (high - low) / (2 * step),
            rtol=1e-3,
            atol=1e-4,
        )


@pytest.mark.parametrize("alpha", [0.2, 0.6])
def test_counts_are_greatest_where_the_closed_form_says(alpha):
    mean = np.log(1 / (1 - alpha)) / alpha
    assert read_probability(mean, alpha, 1) == pytest.approx(0, abs=1e-12)
    assert read_probability(mean / 2, alpha, 1) > 0 > read_probability(mean * 2, alpha, 1)


@pytest.mark.parametrize("mean", [0.05, 0.5, 2.0])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"psf_fraction": 0.7},
        {"regions": 3, "g0": 0.8},
        {"transfer_time": 0.002, "psf_fraction": 0.5},
    ],
)
def test_recorded_rate_and_white_noise_of_a_constant_source(mean, options):
    """Of 140,000 frames or more, in which a variance has a relative error below sqrt(3/frames)."""
    detector, rate = replace(DETECTOR, **options), mean / FRAME
    counts = per_frame(detector, constant(rate), 1)
    mean_counts, variance = float(detector.counts(rate, {})), float(detector.variance(rate, {}))
    assert abs(counts.mean() - mean_counts) < 3.3 * np.sqrt(variance / len(counts))
    assert counts.var() == pytest.approx(
        variance, rel=3.3 * np.sqrt(5 / len(counts) / min(1, variance))
    )
    assert detector.recorded(rate, {}) == pytest.approx(mean_counts / detector.cycle)
    power, _, segments = Periodogram(100 * detector.cycle, detector.cycle).periodograms(
        detector.record(constant(rate), stream(2, 0))
    )
    level = float(detector.white_noise(rate, {}))
    layout = Periodogram(100 * detector.cycle, detector.cycle).layout(DeadTime(1, 0.0))
    z = (power[0] / level - 1) * np.sqrt(segments * layout.axis.averaged)
    assert stats.chi2.sf((z**2).sum(), len(z)) > 0.001


def test_the_core_alone_has_binomial_noise_and_the_wings_poisson():
    q = read_probability(0.8, 0.4)
    assert DETECTOR.white_noise(0.8 / FRAME, {}) == pytest.approx(2 * (1 - q))
    assert replace(DETECTOR, regions=2).white_noise(1.6 / FRAME, {}) == pytest.approx(2 * (1 - q))
    assert replace(DETECTOR, psf_fraction=0.0).white_noise(0.8 / FRAME, {}) == pytest.approx(2)


def test_a_faint_source_is_seen_as_it_is():
    assert DETECTOR.counts(1e-3, {}) == pytest.approx(1e-3 * FRAME, rel=1e-5)
    assert DETECTOR.response(1e-3, {}) == pytest.approx(1, rel=1e-5)
    assert DETECTOR.white_noise(1e-3, {}) == pytest.approx(2, rel=1e-5)


@pytest.mark.parametrize(
    ("mean", "options"),
    [(0.2, {}), (0.7, {}), (3.0, {}), (1.0, {"psf_fraction": 0.6, "regions": 2})],
)
def test_a_weak_modulation_comes_through_as_the_law_says(mean, options):
    """A sine of 5% and 25 frames is seen upside down where the source is past the turnover."""
    detector, frames, rate = replace(DETECTOR, **options), 2_000_000, mean / FRAME
    wave = np.sin(2 * np.pi * (np.arange(frames) + 0.5) / 25)
    counts = per_frame(detector, Rate((rate * (1 + 0.05 * wave)).astype(np.float32), FRAME), 3)
    error = (
        np.sqrt(2 * float(detector.variance(rate, {})) / frames)
        / float(detector.counts(rate, {}))
        / 0.05
    )
    seen = 2 * (counts * wave).mean() / counts.mean() / 0.05
    law = float(detector.response(rate, {}))
    assert abs(seen - law) < 3.3 * error + 0.003 * abs(law)
    assert (law < 0) == (mean == 3.0)


def test_events_of_a_frame_share_its_middle_and_the_transfer_is_blind():
    detector = FramePileUp(0.003, 0.002, alpha=0.5, psf_fraction=0.5)
    values = np.tile(
        np.array([0, 0, 0, 900, 900], dtype=np.float32), 2000
    )  # of 1 ms: it shines in the transfers alone
    assert len(detector.record(Rate(values, 0.001), stream(1, 0)).times[0]) == 0
    events = detector.record(Rate(values[::-1].copy(), 0.001), stream(1, 0))
    np.testing.assert_allclose((events.times[0] / 0.005) % 1, 0.5, atol=1e-6)
    assert events.times[0].max() < 10
    expected = 2000 * detector.counts(600, {})  # 2 of 3 ms at 900 counts/s
    assert abs(len(events.times[0]) - expected) < 3.3 * np.sqrt(expected)


def test_it_loses_what_the_pile_up_of_spectra_loses():
    """`PileUp.record` draws the same core photon by photon, too soft to pass the threshold."""
    response = analytic_response()
    spectrum = np.where((response.low > 0.5) & (response.high < 1.0), 1.0, 0.0)
    ccd = PileUp(frame_time=FRAME, transfer_time=0.0, alpha=0.4, psf_fraction=0.8)
    frames, rate = 100_000, 1.2 / FRAME
    events = ccd.record(
        spectrum * rate / spectrum.sum(), frames * FRAME, {}, np.random.default_rng(4)
    )
    good = np.bincount(events.frame[events.good], minlength=frames)
    detector = replace(DETECTOR, psf_fraction=0.8)
    assert abs(good.mean() - detector.counts(rate, {})) < 3.3 * np.sqrt(
        detector.variance(rate, {}) / frames
    )
    assert good.var() == pytest.approx(detector.variance(rate, {}), rel=0.02)


def test_a_simulation_depends_on_seed_and_number_alone():
    theta, x = SIMULATOR.simulate(0, 8, 5)
    later = replace(SIMULATOR, threads=1).simulate(4, 8, 5)
    assert (x[4:] == later[1]).all()
    assert (theta[4:] == later[0]).all()
    assert np.isfinite(x).all()


def test_parameters_are_of_the_prior():
    free = {**PARAMETERS, "alpha": Range(0, 1), "psf_fraction": Range(0.3, 0.7)}
    simulator = replace(
        SIMULATOR, prior=Prior(free, SIMULATOR.prior.covariates), detector=FramePileUp(FRAME, 0.0)
    )
    assert np.isfinite(simulator.simulate(0, 3, 1)[1]).all()
    assert FramePileUp().at({"alpha": 0.3, "psf_fraction": 0.6, "rate": 5.0}) == FramePileUp(
        alpha=0.3, psf_fraction=0.6
    )
    with pytest.raises(ValueError, match=r"psf_fraction goes from 0\.3 to 1\.7"):
        replace(
            simulator,
            prior=Prior({**free, "psf_fraction": Range(0.3, 1.7)}, SIMULATOR.prior.covariates),
        )


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(
            ("frame_time", 0.0),
            ("frame_time", np.inf),
            ("transfer_time", -1.0),
            ("alpha", 1.1),
            ("psf_fraction", -0.5),
        ),
        *(("regions", 0), ("g0", 0.0)),
    ],
)
def test_a_number_out_of_its_range_is_named(option, value):
    with pytest.raises(ValueError, match=option):
        FramePileUp(**{option: value})


def test_bins_that_beat_with_the_frames_are_refused():
    with pytest.raises(
        ValueError,
        match=r"summary\.dt is 0\.008 s, but must be a whole number of frames.*summary\.dt=0\.01",
    ):
        replace(SIMULATOR, summary=Periodogram(4.0, 0.008))
    with pytest.raises(ValueError, match=r"summary\.dt=0\.005"):
        replace(SIMULATOR, summary=Periodogram(4.0, 0.002))


def test_a_rate_that_is_no_number_gives_no_number():
    assert np.isnan(DETECTOR.record(constant(np.nan, 10), stream(1, 0)).times[0]).all()
