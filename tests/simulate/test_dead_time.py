"""Dead time that is paralyzable or Gaussian; detectors that are merged, screened or in frames."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from livetime.simulate.dead_time import dead_time_distribution, modulation_response, white_noise
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.light_curve import Rate
from livetime.simulate.periodogram import Periodogram

TAU = 2.5e-3
SEGMENTS = 128
SUMMARY = Periodogram(segment_size=8.0, dt=1 / 1024, rebin=0.05)
KINDS = {
    "paralyzable": DeadTime(1, TAU, paralyzable=True),
    "paralyzable_gaussian": DeadTime(1, TAU, scatter=0.2, paralyzable=True),
    "paralyzable_nustar": DeadTime(1, "nustar", paralyzable=True),
    "gaussian": DeadTime(1, TAU, scatter=0.2),
    "merged": DeadTime(1, TAU, detectors=5),
    "merged_paralyzable": DeadTime(1, TAU, detectors=3, paralyzable=True),
    "background": DeadTime(1, TAU, background=250.0),
    "screened": DeadTime(1, TAU, kept_fraction=0.6),
    "all": DeadTime(
        1, TAU, scatter=0.1, paralyzable=True, detectors=2, background=200.0, kept_fraction=0.7
    ),
}
ALL = pytest.mark.parametrize("kind", KINDS)
RATES = pytest.mark.parametrize("rate", [100.0, 900.0])


def constant(rate, duration):
    return Rate(np.full(round(duration * 16), rate, dtype=np.float32), 1 / 16)


def times(detector, rate, seed, module=0):
    return detector.record(rate, np.random.default_rng(seed)).times[module]


@ALL
@RATES
def test_rate_and_noise_level_of_a_constant_source(kind, rate):
    """Both at once, since the scatter of the counts is that of the noise level at low frequency."""
    detector, duration = KINDS[kind], SEGMENTS * SUMMARY.segment_size
    events = detector.record(constant(rate, duration), np.random.default_rng(31))
    recorded = float(detector.recorded(rate))
    fano = float(detector.white_noise([0.01], rate)[0]) / 2
    assert (
        abs(len(events.times[0]) - recorded * duration)
        < 4 * np.sqrt(recorded * duration * fano) + 2
    )

    power = SUMMARY.periodograms(events)[0][0]
    width = SUMMARY.axis.averaged
    coarse = np.linspace(1 / 8, 512, 300)
    fine = np.interp(
        np.arange(1, width.sum() + 1) / 8, coarse, detector.white_noise(coarse, rate, SUMMARY.dt)
    )
    expected = np.add.reduceat(fine, np.concatenate([[0], np.cumsum(width)[:-1]])) / width
    z = (power / expected - 1) * np.sqrt(SEGMENTS * width)
    assert stats.chi2.sf((z**2).sum(), len(z)) > 1e-4
    assert abs(np.sum(z * np.sqrt(width)) / np.sqrt(width.sum())) < 4
    if rate > 500:  # the law would notice another kind of dead time
        other = replace(detector, paralyzable=not detector.paralyzable).white_noise(
            coarse, rate, SUMMARY.dt
        )
        wrong = np.add.reduceat(
            np.interp(np.arange(1, width.sum() + 1) / 8, coarse, other),
            np.concatenate([[0], np.cumsum(width)[:-1]]),
        )
        assert (
            stats.chi2.sf((((power / (wrong / width) - 1) ** 2) * SEGMENTS * width).sum(), len(z))
            < 1e-4
        )


@pytest.mark.parametrize("rate", [50.0, 400.0, 2000.0])
def test_paralyzable_dead_time_records_r_exp_minus_r_tau(rate):
    detector, duration = KINDS["paralyzable"], 500
    n = len(times(detector, constant(rate, duration), 32))
    expected = rate * np.exp(-rate * TAU) * duration
    assert detector.recorded(rate) * duration == pytest.approx(expected)
    assert abs(n - expected) < 4 * np.sqrt(expected)  # more regular than Poisson
    assert detector.recorded(1 / TAU) > max(
        detector.recorded(0.9 / TAU), detector.recorded(1.1 / TAU)
    )  # and paralyses beyond


@pytest.mark.parametrize("rate", [30.0, 500.0])
def test_paralyzable_noise_of_a_constant_dead_time_is_a_closed_form(rate):
    f = np.linspace(0.5, 700, 60)
    q = rate * np.exp(-rate * TAU)
    np.testing.assert_allclose(
        white_noise(f, rate, dead_time_distribution(TAU), paralyzable=True),
        2 - 2 * q * np.sin(2 * np.pi * f * TAU) / (np.pi * f),
    )


def test_a_gaussian_of_no_width_is_a_constant():
    f, narrow = np.linspace(1, 500, 50), dead_time_distribution(TAU, 1e-9)
    for paralyzable in (False, True):
        constant_tau = white_noise(f, 400.0, dead_time_distribution(TAU), paralyzable=paralyzable)
        np.testing.assert_allclose(
            white_noise(f, 400.0, narrow, paralyzable=paralyzable), constant_tau, rtol=1e-4
        )


@pytest.mark.parametrize("scatter", [0.05, 0.2])
def test_the_gaussian_has_its_moments(scatter):
    tau = dead_time_distribution(TAU, scatter * TAU)
    centre = (tau.low + tau.high) / 2
    assert tau.mean == pytest.approx(TAU, rel=1e-6)
    assert np.sqrt(tau.probability @ (centre - TAU) ** 2) == pytest.approx(scatter * TAU, rel=2e-3)
    gaps = np.diff(
        times(DeadTime(1, TAU, scatter=scatter), constant(1e6, 20), 33)
    )  # at such a rate the waits are the dead times
    assert stats.kstest(gaps - 1e-6, "norm", args=(TAU, scatter * TAU)).pvalue > 1e-4


@pytest.mark.parametrize(
    "kind", ["paralyzable", "paralyzable_nustar", "merged", "background", "screened"]
)
@pytest.mark.parametrize("f", [20, 200])
def test_a_weak_sine_comes_through_with_the_response_phase_and_all(kind, f):
    detector, a, rate, dt, duration = KINDS[kind], 0.1, 300.0, 1 / 2048, 64
    mid = (np.arange(duration * 2048) + 0.5) * dt
    wave = Rate((rate * (1 + a * np.cos(2 * np.pi * f * mid))).astype(np.float32), dt)
    rng = np.random.default_rng(34)
    events = np.concatenate([detector.record(wave, rng).times[0] for _ in range(60)])
    amplitude = 2 * np.mean(np.exp(-2j * np.pi * f * events)) / a / np.sinc(f * dt)
    response = complex(detector.response([f], rate)[0])
    variance = 2 * float(detector.white_noise([f], rate)[0]) / len(events) / a**2
    assert variance < (0.25 * abs(response)) ** 2
    assert np.exp(-(abs(amplitude - response) ** 2) / variance) > 1e-4


def test_a_paralyzable_detector_answers_a_slow_modulation_by_one_minus_r_tau():
    tau = dead_time_distribution(TAU)
    for rate in (100.0, 1000.0):  # beyond 1/tau more light gives fewer events
        assert modulation_response([1e-3], rate, tau, paralyzable=True)[0] == pytest.approx(
            1 - rate * TAU, abs=1e-4
        )


def test_merged_detectors_are_the_sum_of_single_ones():
    """Five detectors in one list have the gaps and counts of five lists of a fifth of the rate."""
    merged = times(DeadTime(1, TAU, detectors=5), constant(1500, 200), 35)
    rng, single = np.random.default_rng(36), DeadTime(1, TAU)
    together = np.sort(
        np.concatenate([single.record(constant(300, 200), rng).times[0] for _ in range(5)])
    )
    assert stats.ks_2samp(np.diff(merged), np.diff(together)).pvalue > 1e-4
    counts = [np.histogram(t, np.arange(0, 200.01, 0.05))[0] for t in (merged, together)]
    assert stats.ks_2samp(*counts).pvalue > 1e-4
    assert np.diff(merged).min() < TAU / 100  # one detector does not blind another


def test_background_dilutes_the_rms_by_the_share_of_the_source():
    """Slow and without dead time, the law of every X-ray astronomer: rms times S/(S + B)."""
    mid = (np.arange(512 * 64) + 0.5) / 64
    wave = Rate((300 * (1 + 0.3 * np.sin(2 * np.pi * 0.5 * mid))).astype(np.float32), 1 / 64)
    events = times(DeadTime(1, 0.0, background=200.0), wave, 39)
    amplitude = 2 * abs(np.mean(np.exp(-2j * np.pi * 0.5 * events)))
    assert amplitude == pytest.approx(0.3 * 300 / 500, abs=4 * np.sqrt(2 / len(events)))
    assert abs(DeadTime(1, 0.0, background=200.0).response([0.5], 300.0)[0]) == pytest.approx(
        300 / 500
    )


def test_frames_bring_a_signal_back_at_the_readout_frequency_less_its_own():
    """Frames of 1/100 s show 90 Hz at 10 Hz, reduced by sin(x)/x of the frame alone."""
    mid = (np.arange(256 * 2048) + 0.5) / 2048
    wave = Rate((1000 * (1 + 0.5 * np.cos(2 * np.pi * 90 * mid))).astype(np.float32), 1 / 2048)
    events = times(DeadTime(1, 0.0, frame_time=0.01), wave, 40)
    amplitude, level = 2 * abs(np.mean(np.exp(-2j * np.pi * 10 * events))), np.sqrt(2 / len(events))
    assert amplitude == pytest.approx(0.5 * np.sinc(90 * 0.01), abs=4 * level)
    assert amplitude > 8 * level
    assert (
        2 * abs(np.mean(np.exp(-2j * np.pi * 10 * times(DeadTime(1, 0.0), wave, 40)))) < 4 * level
    )  # not there without frames
    frames = events / 0.01 - 0.5
    np.testing.assert_allclose(frames, np.round(frames), atol=1e-6)


def test_the_second_module_sees_its_own_area():
    events = DeadTime(2, TAU, area=0.5).record(constant(400, 500), np.random.default_rng(41))
    for t, rate in zip(events.times, (400, 200), strict=True):
        expected = 500 * rate / (1 + rate * TAU)
        assert abs(len(t) - expected) < 4 * np.sqrt(expected)


def test_a_rate_that_is_not_a_number_gives_no_number():
    rate = Rate(np.full(64, np.nan, dtype=np.float32), 0.5)
    assert all(np.isnan(times(detector, rate, 42)).any() for detector in KINDS.values())


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"scatter": -0.1}, "scatter is -0.1"),
        ({"dead_time": "nustar", "scatter": 0.1}, "scatter is 0.1, but the empirical"),
        ({"detectors": 0}, "detectors is 0"),
        ({"background": -1.0}, "background is -1"),
        ({"background": np.nan}, "background is nan"),
        ({"kept_fraction": 0.0}, "kept_fraction is 0"),
        ({"kept_fraction": 1.5}, "kept_fraction is 1.5"),
        ({"area": 0.0, "modules": 2}, "area is 0"),
        ({"area": 0.5}, "area is 0.5, but needs two modules"),
        ({"frame_time": -1.0}, "frame_time is -1"),
    ],
)
def test_refusals_name_the_argument(given, match):
    with pytest.raises(ValueError, match=match):
        DeadTime(**{"modules": 1, "dead_time": TAU, **given})
