"""Events become numbers: against brute force, against stingray, and against what is known of power
spectra."""

import numpy as np
import pytest
from scipy import stats

from livetime.simulate.dead_time import dead_time_distribution, white_noise
from livetime.simulate.dead_time_detector import IDEAL, DeadTime
from livetime.simulate.detector import Events
from livetime.simulate.light_curve import LightCurve, Rate
from livetime.simulate.periodogram import Periodogram, cospectrum, segment_starts
from livetime.simulate.power_spectrum import log_normal_power

UNBINNED = 1e-9  # so small a fraction that no frequencies are put together


def constant(rate, duration, dt=1 / 16):
    return Rate(np.full(round(duration / dt), rate, dtype=np.float32), dt)


def sine(rate, amplitude, f, duration, dt):
    mid = (np.arange(round(duration / dt)) + 0.5) * dt
    return Rate((rate * (1 + amplitude * np.sin(2 * np.pi * f * mid))).astype(np.float32), dt)


def scattered_events(modules=2, seed=0):
    """Modules with gaps in their good time, and events outside of it too."""
    rng = np.random.default_rng(seed)
    edges = np.cumsum(rng.uniform(0.3, 30, 24))
    gti = edges.reshape(-1, 2)
    times = tuple(np.sort(rng.uniform(0, edges[-1] + 10, 20_000)) for _ in range(modules))
    return Events(times, gti)


# --- frequencies and powers -----------------------------------------------------------------------


@pytest.mark.parametrize("f", [0.25, 3.0, 31.75, 60.25])
def test_a_sine_lands_in_its_bin_with_the_power_that_it_has(f):
    rate, amplitude, segment, n = 500, 0.2, 4.0, 100
    summary = Periodogram(segment, 1 / 256, UNBINNED)
    power = summary.periodograms(
        DeadTime(1, 0.0).record(
            sine(rate, amplitude, f, n * segment, 1 / 1024), np.random.default_rng(1)
        )
    )[0][0]
    assert summary.axis.values[power.argmax()] == pytest.approx(f)
    attenuation = np.sinc(f / 256) * np.sinc(f / 1024)  # of the bins, and of the steps of the rate
    signal = rate * segment * (amplitude * attenuation) ** 2 / 2
    z = (power.max() - 2 - signal) / np.sqrt((4 + 4 * signal) / n)  # non-central chi^2
    assert abs(z) < 4
    others = np.delete(power, power.argmax())
    assert abs(others.mean() / 2 - 1) < 4 / np.sqrt(n * len(others))


@pytest.mark.parametrize("modules", [1, 2])
def test_poisson_noise_has_leahy_power_2(modules):
    segments, summary = 512, Periodogram(4.0, 1 / 256, 0.02)
    powers, rates, n = summary.periodograms(
        DeadTime(modules, 0.0).record(constant(200, 4 * segments), np.random.default_rng(2))
    )
    assert n == segments
    for power in powers:
        z = (power / 2 - 1) * np.sqrt(segments * summary.axis.averaged)
        assert 1e-4 < stats.chi2.sf((z**2).sum(), len(z)) < 1 - 1e-4
    for rate in rates:
        assert abs(rate - 200) < 4 * np.sqrt(200 / (4 * segments))


@pytest.mark.parametrize("log_normal", [True, False], ids=["log-normal", "linear"])
def test_integrated_power_is_the_square_of_the_rms(log_normal):
    params = {
        "qpo_rms": 0.15,
        "qpo_frequency": 8.0,
        "qpo_quality": 5.0,
        "noise_rms": 0.1,
        "noise_frequency": 1.0,
        "rate": 1000.0,
    }
    source = LightCurve({"qpo": "qpo", "noise": "noise"}, log_normal=log_normal)
    summary, rng, found = Periodogram(16.0, 1 / 256, 0.03), np.random.default_rng(3), []
    for _ in range(60):
        (power,), (rate,), _ = summary.periodograms(
            DeadTime(1, 0.0).record(source.rate(params, 64, rng), rng)
        )
        excess = (power - 2) / rate  # fractional rms^2/Hz
        found.append((excess * summary.axis.averaged).sum() / summary.segment_size)
    f = np.arange(1, 2048) / 16
    spectrum = source.spectrum.power(f, params)
    expected = (spectrum * np.sinc(f / 256) ** 2).sum() / 16
    if log_normal:
        expected += (
            (log_normal_power(source.spectrum, f, params) - spectrum) * np.sinc(f / 256) ** 2
        ).sum() / 16
    assert expected == pytest.approx(
        0.15**2 + 0.1**2, rel=0.06
    )  # what of the rms is not below 1/16 Hz
    assert (
        abs(np.mean(found) - expected)
        < 4 * np.std(found, ddof=1) / np.sqrt(len(found)) + 0.005 * expected
    )
    assert np.std(found, ddof=1) / np.sqrt(len(found)) < 0.02 * expected


# --- against brute force --------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_segments_are_those_of_brute_force(seed):
    gti = scattered_events(seed=seed).gti
    expected = []
    for start, stop in gti.tolist():
        while start + 4.0 <= stop:
            expected.append(start)
            start += 4.0
    np.testing.assert_allclose(segment_starts(gti, 4.0), expected, rtol=1e-12)


def test_an_interval_of_whole_segments_loses_none_to_rounding():
    lost = 0
    for start in np.arange(0, 20, 0.7):
        for n in (1, 3, 7, 1000):
            stop = start + n * 0.1
            assert len(segment_starts(np.array([[start, stop]]), 0.1)) == n
            lost += np.floor((stop - start) / 0.1) < n
    assert lost > 10  # as they would be without care
    assert len(segment_starts(np.array([[0.0, 15.99]]), 16.0)) == 0


@pytest.mark.parametrize("modules", [1, 2])
def test_the_vector_is_that_of_brute_force(modules):
    events, summary = scattered_events(modules), Periodogram(4.0, 1 / 64, 0.05)
    detector = DeadTime(modules, 0.0)
    x, layout = summary(events, detector), summary.layout(detector)
    starts = segment_starts(events.gti, 4.0)
    counts = [
        np.array([np.histogram(t, s + np.arange(257) / 64)[0] for s in starts])
        for t in events.times
    ]
    series = [counts[0]] if modules == 1 else [counts[0] + counts[1], counts[0] - counts[1]]
    total = sum(c.sum() for c in counts)
    lowest = np.round((layout.axis.values * 2 * 4.0 - layout.axis.averaged + 1) / 2).astype(int)
    for name, c in zip(layout.slices, series, strict=False):
        raw = (np.abs(np.fft.rfft(c, axis=1)) ** 2).sum(axis=0) * 2 / total
        binned = [raw[k : k + w].mean() for k, w in zip(lowest, layout.axis.averaged, strict=True)]
        np.testing.assert_allclose(x[layout.slices[name]], np.log(np.array(binned) / 2), atol=2e-5)
    for m in range(modules):
        assert x[layout.slices[f"rate_{'ab'[m]}"]] == pytest.approx(
            np.log10(counts[m].sum() / (4.0 * len(starts))), abs=1e-6
        )
    assert x[layout.slices["segments"]] == pytest.approx(np.log10(len(starts)), abs=1e-6)


@pytest.mark.parametrize("rebin", [UNBINNED, 0.03, 0.3])
@pytest.mark.parametrize("bins", [4, 5, 64, 1001])
def test_rebinning_takes_every_frequency_once_without_zero_and_nyquist(bins, rebin):
    summary = Periodogram(bins / 64, 1 / 64, rebin)
    layout = summary.layout(DeadTime(1, 0.0))
    first = layout.axis.values * summary.segment_size - (layout.axis.averaged - 1) / 2
    np.testing.assert_allclose(
        first, np.concatenate([[1], 1 + np.cumsum(layout.axis.averaged)[:-1]])
    )
    assert layout.axis.averaged.sum() == (bins - 1) // 2
    assert layout.axis.values[-1] < 1 / (2 * summary.dt)
    assert np.all(layout.axis.averaged <= np.maximum(1, first * rebin + 1e-9))
    if rebin == UNBINNED:
        assert set(layout.axis.averaged) == {1}


def test_rebinning_keeps_the_integrated_power():
    events = scattered_events()
    fine, coarse = (Periodogram(4.0, 1 / 64, rebin) for rebin in (UNBINNED, 0.2))
    for a, b in zip(fine.periodograms(events)[0], coarse.periodograms(events)[0], strict=True):
        assert (b * coarse.axis.averaged).sum() == pytest.approx(a.sum(), rel=1e-6)


# --- against stingray -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stingray():
    import stingray

    return stingray


@pytest.mark.filterwarnings("ignore")
def test_the_periodogram_is_stingrays(stingray):
    events, summary = scattered_events(1), Periodogram(4.0, 1 / 64, UNBINNED)
    theirs = stingray.AveragedPowerspectrum.from_time_array(
        events.times[0], gti=events.gti, segment_size=4.0, dt=1 / 64, norm="leahy", silent=True
    )
    (power,), _, segments = summary.periodograms(events)
    assert segments == theirs.m
    np.testing.assert_allclose(summary.axis.values, theirs.freq)
    np.testing.assert_allclose(power, theirs.power, rtol=1e-4)


@pytest.mark.filterwarnings("ignore")
def test_the_cospectrum_is_stingrays(stingray):
    """Theirs is normalised by the geometric mean of the modules' counts, ours by the arithmetic
    one."""
    events = DeadTime(2, "nustar").record(
        sine(300, 0.3, 5.0, 400, 1 / 256), np.random.default_rng(4)
    )
    summary = Periodogram(4.0, 1 / 64, UNBINNED)
    theirs = stingray.AveragedCrossspectrum.from_time_array(
        *events.times, gti=events.gti, segment_size=4.0, dt=1 / 64, norm="leahy", silent=True
    )
    (total, difference), (a, b), _ = summary.periodograms(events)
    ours = cospectrum(total, difference) * (a + b) / 2 / np.sqrt(a * b)
    np.testing.assert_allclose(ours, theirs.power.real, rtol=1e-3, atol=1e-4)


# --- two modules ----------------------------------------------------------------------------------


def test_the_cospectrum_has_no_white_noise_in_the_mean_under_dead_time():
    rate, segments = 1000, 1024
    summary = Periodogram(4.0, 1 / 256, 0.02)
    events = DeadTime(2, "nustar").record(constant(rate, 4 * segments), np.random.default_rng(5))
    (total, difference), _, _ = summary.periodograms(events)
    layout = summary.layout(DeadTime(2, 0.0))
    noise = white_noise(layout.axis.values, rate, dead_time_distribution("nustar"), summary.dt)
    weight = segments * layout.axis.averaged
    for power in (total, difference):
        z = (power / noise - 1) * np.sqrt(weight)
        assert stats.chi2.sf((z**2).sum(), len(z)) > 1e-4
    z = (
        (total - difference) / (2 * noise) * np.sqrt(2 * weight)
    )  # twice the cospectrum, whose variance is P_A P_B/(2 M W)
    assert 1e-4 < stats.chi2.sf((z**2).sum(), len(z)) < 1 - 1e-4
    assert abs(np.sum(z * np.sqrt(weight)) / np.sqrt(weight.sum())) < 4
    assert noise.max() < 1.5  # the sum alone has noise that is far from 2


def test_the_source_drops_out_of_the_difference_of_ideal_modules():
    events = DeadTime(2, 0.0).record(sine(500, 0.3, 5.0, 400, 1 / 256), np.random.default_rng(6))
    (total, difference), _, segments = Periodogram(4.0, 1 / 64, UNBINNED).periodograms(events)
    assert total[19] > 50
    assert abs(difference[19] / 2 - 1) < 4 / np.sqrt(segments)


def test_the_leahy_cospectrum_of_a_sine_is_its_power_without_noise():
    """As `cospectrum` says: Re(A B*) 2/N with N the counts of one module."""
    rate, amplitude, segment, n = 500, 0.3, 4.0, 200
    events = DeadTime(2, 0.0).record(
        sine(rate, amplitude, 5.0, n * segment, 1 / 256), np.random.default_rng(7)
    )
    (total, difference), _, _ = Periodogram(segment, 1 / 64, UNBINNED).periodograms(events)
    signal = rate * segment * (amplitude * np.sinc(5 / 64) * np.sinc(5 / 256)) ** 2 / 2
    found = cospectrum(total, difference)[19]
    assert abs(found - signal) < 4 * np.sqrt((2 + 2 * signal) / n)


def test_swapping_the_modules_swaps_the_rates_alone():
    events, summary = scattered_events(), Periodogram(4.0, 1 / 64)
    events = Events((events.times[0], events.times[1][::2]), events.gti)
    x, y = (summary(e, IDEAL) for e in (events, Events(events.times[::-1], events.gti)))
    layout = summary.layout(DeadTime(2, 0.0)).slices
    np.testing.assert_allclose(x[: layout["rate_a"].start], y[: layout["rate_a"].start], atol=1e-5)
    assert x[layout["rate_a"]] == y[layout["rate_b"]] != x[layout["rate_b"]]


# --- events ---------------------------------------------------------------------------------------


def test_events_outside_good_time_and_in_what_is_left_of_an_interval_do_not_count():
    events, summary = scattered_events(1), Periodogram(4.0, 1 / 64)
    starts = segment_starts(events.gti, 4.0)
    times = events.times[0]
    segment = np.searchsorted(starts, times, side="right") - 1
    inside = times[(segment >= 0) & (times - starts[segment] < 4.0)]
    assert len(inside) < len(times)
    np.testing.assert_array_equal(
        summary(events, IDEAL), summary(Events((inside,), events.gti), IDEAL)
    )


def test_the_zero_of_time_does_not_matter():
    events, summary = scattered_events(), Periodogram(4.0, 1 / 64)
    grid = 2.0**-20  # exact in both
    times = tuple(np.round(t / grid) * grid for t in events.times)
    gti = np.round(events.gti)
    moved = Events(tuple(t + 2.0**27 for t in times), gti + 2.0**27)
    np.testing.assert_array_equal(summary(Events(times, gti), IDEAL), summary(moved, IDEAL))


def test_no_counts_are_not_finite_and_no_segment_is_refused():
    summary = Periodogram(4.0, 1 / 64)
    empty = Events((np.zeros(0), np.zeros(0)), np.array([[0.0, 16.0]]))
    with np.errstate(all="ignore"):
        assert not np.isfinite(summary(empty, IDEAL)).all()
    with pytest.raises(ValueError, match=r"segment_size is 4 s, but the longest"):
        summary(Events((np.arange(3.0),), np.array([[0.0, 3.0]])), IDEAL)


# --- layout and refusals --------------------------------------------------------------------------


@pytest.mark.parametrize("modules", [1, 2])
def test_the_layout_names_every_entry_of_the_vector_once(modules):
    summary = Periodogram()
    layout = summary.layout(DeadTime(modules, 0.0))
    assert list(layout.slices) == (
        ["power", "rate_a", "segments"]
        if modules == 1
        else ["sum", "difference", "rate_a", "rate_b", "segments"]
    )
    covered = np.concatenate([np.arange(s.start, s.stop) for s in layout.slices.values()])
    np.testing.assert_array_equal(covered, np.arange(layout.size))
    assert len(layout.names()) == len(set(layout.names())) == layout.size
    x = summary(scattered_events(modules), IDEAL)
    assert x.shape == (layout.size,)
    assert x.dtype == np.float32


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"dt": -1 / 64}, "dt is -"),
        ({"dt": 0.0}, "dt is 0"),
        ({"dt": np.nan}, "dt is nan"),
        ({"dt": np.inf}, r"dt\b.* inf"),
        ({"segment_size": -1.0}, "segment_size is -1"),
        ({"segment_size": np.inf}, "segment_size is inf"),
        ({"rebin": 0.0}, "rebin is 0"),
        ({"rebin": np.nan}, "rebin is nan"),
        ({"rebin": np.inf}, "rebin is inf"),
        ({"segment_size": 4.001}, "whole number"),
        ({"segment_size": 3 / 64}, "4 or more"),
    ],
)
def test_refusals_name_the_argument(change, match):
    with pytest.raises(ValueError, match=match):
        Periodogram(**{"segment_size": 4.0, "dt": 1 / 64, **change})


@pytest.mark.parametrize("modules", [1, 2])
def test_powers_do_not_depend_on_how_many_segments_are_transformed_at_once(monkeypatch, modules):
    """And they are those of the definition: the squared modulus of the transform of what each
    module counts above its mean."""
    import livetime.simulate.periodogram as module

    summary = Periodogram(4.0, 1 / 64, 0.1)
    counts = np.random.default_rng(4).poisson(3.0, (modules, 9, summary.bins)).astype(np.float32)
    found = []
    for block in (1, 4 * summary.bins, 2**20):
        monkeypatch.setattr(module, "MAX_TRANSFORMED", block)
        found.append(np.array(summary.of_counts(list(counts.copy()))[0]))
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])
    z = np.fft.rfft(counts - counts.mean(axis=(1, 2), dtype=np.float64, keepdims=True))
    pairs = [z[0]] if modules == 1 else [z[0] + z[1], z[0] - z[1]]
    edges = summary._edges
    expected = [
        np.add.reduceat((np.abs(pair) ** 2).sum(axis=0)[: edges[-1]], edges[:-1]) / np.diff(edges)
        for pair in pairs
    ]
    np.testing.assert_allclose(found[0], np.array(expected) * 2 / counts.sum(), rtol=1e-5)
