"""Dead time, against the exact laws of renewal processes, against filtering all incident events,
and against stingray."""

import numpy as np
import pytest
from scipy import stats

from livetime.simulate.dead_time import (
    DeadTimeDistribution,
    dead_time_distribution,
    modulation_response,
    white_noise,
)
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.dead_time_events import filter_dead_time
from livetime.simulate.light_curve import LightCurve, Rate
from livetime.simulate.periodogram import Periodogram

TAU = 2.5e-3
BOTH = pytest.mark.parametrize("dead_time", [TAU, "nustar"])
RATES = pytest.mark.parametrize("rate", [10, 100, 500, 2000])


def constant(rate, duration, dt=1 / 16):
    return Rate(np.full(round(duration / dt), rate, dtype=np.float32), dt)


def spread(tau):
    """Variance of the dead time."""
    return (
        float(tau.probability @ (((tau.low + tau.high) / 2) ** 2 + (tau.high - tau.low) ** 2 / 12))
        - tau.mean**2
    )


def incident(rate, rng):
    """All incident events, by a way of its own: Poisson counts in each step, uniform within it."""
    counts = rng.poisson(rate.values.astype(np.float64) * rate.dt)
    times = (np.repeat(np.arange(len(counts)), counts) + rng.random(counts.sum())) * rate.dt
    return np.sort(times)


def random_dead_times(tau, n, rng):
    """By the inverse of the cumulative distribution."""
    cumulative = np.concatenate([[0], np.cumsum(tau.probability)])
    return np.interp(rng.random(n), cumulative, np.append(tau.low, tau.high[-1]))


def varying(seed=0):
    """A rate that varies by factors, within a dead time too."""
    source = LightCurve({"noise": "noise"}, dt=1 / 1024)
    return source.rate(
        {"noise_rms": 0.7, "noise_frequency": 20.0, "rate": 400.0}, 64, np.random.default_rng(seed)
    )


# --- the distribution of dead time ----------------------------------------------------------------


def test_the_nustar_histogram_has_the_moments_of_its_docstring():
    tau = dead_time_distribution("nustar")
    assert tau.probability.sum() == pytest.approx(1)
    assert tau.probability.min() >= 0
    np.testing.assert_allclose(
        tau.high[:-1], tau.low[1:], rtol=1e-9
    )  # the test's own draws lean on it
    assert tau.mean == pytest.approx(2.536e-3, abs=1e-6)
    assert np.sqrt(spread(tau)) == pytest.approx(0.210e-3, abs=1e-6)


@BOTH
def test_phi_is_the_characteristic_function(dead_time):
    tau = dead_time_distribution(dead_time)
    f = np.array([0.0, 1.0, 50.0, 400.0])
    fine = np.linspace(0, 1, 200)
    fine = (fine[1:] + fine[:-1]) / 2
    points = tau.low[:, None] + (tau.high - tau.low)[:, None] * fine
    expected = [
        np.sum(tau.probability[:, None] / len(fine) * np.exp(-2j * np.pi * g * points)) for g in f
    ]
    np.testing.assert_allclose(tau.phi(f), expected, atol=1e-6)
    assert tau.phi(0.0) == pytest.approx(1)
    assert tau.phi(np.ones((2, 3))).shape == (2, 3)


# --- recorded events ------------------------------------------------------------------------------


@pytest.mark.parametrize("modules", [1, 2])
def test_no_dead_time_is_the_ideal_detector(modules):
    ideal, none = (
        d.record(varying(), np.random.default_rng(3))
        for d in (DeadTime(modules, 0.0), DeadTime(modules, 0.0))
    )
    assert len(ideal.times) == modules
    for a, b in zip(ideal.times, none.times, strict=True):
        np.testing.assert_array_equal(a, b)


def test_ideal_events_of_a_constant_source_are_poisson():
    times = DeadTime(1, 0.0).record(constant(200, 1024), np.random.default_rng(4)).times[0]
    counts = np.histogram(times, np.arange(0, 1024 + 0.1, 0.125))[0]
    dispersion = ((counts - counts.mean()) ** 2).sum() / counts.mean()
    assert 1e-4 < stats.chi2.sf(dispersion, len(counts) - 1) < 1 - 1e-4
    assert 1e-4 < stats.poisson.cdf(len(times), 200 * 1024) < 1 - 1e-4
    assert stats.kstest(times / 1024, "uniform").pvalue > 1e-4
    assert stats.kstest(np.diff(times) * 200, "expon").pvalue > 1e-4


@BOTH
def test_events_are_sorted_within_the_observation_and_apart_by_a_dead_time(dead_time):
    rate = varying()
    events = DeadTime(2, dead_time).record(rate, np.random.default_rng(5))
    assert events.gti.tolist() == [[0.0, rate.duration]]
    for times in events.times:
        assert times[0] >= 0
        assert times[-1] < rate.duration
        assert np.diff(times).min() >= dead_time_distribution(dead_time).low[0] - 1e-12


@BOTH
@RATES
def test_recorded_rate(rate, dead_time):
    duration, tau = 1000, dead_time_distribution(dead_time)
    n = len(
        DeadTime(1, dead_time).record(constant(rate, duration), np.random.default_rng(6)).times[0]
    )
    wait, variance = (
        1 / rate + tau.mean,
        1 / rate**2 + spread(tau),
    )  # of a renewal process; Cox (1962)
    expected = duration * rate / (1 + rate * tau.mean)
    offset = (variance - wait**2) / (2 * wait**2) + tau.mean / wait  # it starts alive
    assert abs(n - expected - offset) < 4 * np.sqrt(duration * variance / wait**3)


def test_recorded_rate_saturates_at_one_event_a_dead_time():
    times = DeadTime(1, TAU).record(constant(1e6, 10), np.random.default_rng(7)).times[0]
    assert len(times) == pytest.approx(10 / (TAU + 1e-6), abs=2)


def test_waits_in_the_integrated_rate_are_exponential_after_each_dead_time():
    """The time-rescaling theorem: an exact law of direct sampling, whatever the rate does."""
    rate = varying()
    times = DeadTime(1, TAU).record(rate, np.random.default_rng(8)).times[0]
    grid = np.arange(len(rate.values) + 1) * rate.dt
    integral = np.concatenate([[0], np.cumsum(rate.values.astype(np.float64) * rate.dt)])
    waits = np.interp(times[1:], grid, integral) - np.interp(times[:-1] + TAU, grid, integral)
    assert len(waits) > 10_000
    assert stats.kstest(waits, "expon").pvalue > 1e-4


def test_nothing_comes_from_where_the_rate_is_zero():
    values = np.zeros(64, dtype=np.float32)
    assert [
        len(t) for t in DeadTime(2, TAU).record(Rate(values, 0.5), np.random.default_rng(9)).times
    ] == [0, 0]
    values[20:22] = 500
    times = DeadTime(1, TAU).record(Rate(values, 0.5), np.random.default_rng(9)).times[0]
    assert 10 <= times[0] < 10.1
    assert 10.9 < times[-1] < 11


def test_a_rate_that_is_not_a_number_gives_no_number():
    rate = Rate(np.full(64, np.nan, dtype=np.float32), 0.5)
    for detector in (DeadTime(2, TAU), DeadTime(2, "nustar"), DeadTime(2, 0.0)):
        assert [
            bool(np.isnan(t).any()) for t in detector.record(rate, np.random.default_rng(10)).times
        ] == [True, True]


# --- direct sampling and filtering agree ----------------------------------------------------------


@BOTH
@pytest.mark.parametrize("varies", [False, True], ids=["constant", "varying"])
def test_direct_sampling_and_filtering_all_incident_events_agree(varies, dead_time):
    rate, n = varying(1) if varies else constant(400, 64), 60
    tau, rng, edges = (
        dead_time_distribution(dead_time),
        np.random.default_rng(11),
        np.arange(0, 64.1, 0.5),
    )
    direct = [DeadTime(1, dead_time).record(rate, rng).times[0] for _ in range(n)]
    filtered = []
    for _ in range(n):
        times = incident(rate, rng)
        filtered.append(times[filter_dead_time(times, random_dead_times(tau, len(times), rng))])

    gaps = [np.concatenate([np.diff(t) for t in sample]) for sample in (direct, filtered)]
    assert stats.ks_2samp(*gaps).pvalue > 1e-4
    a, b = (np.array([np.histogram(t, edges)[0] for t in sample]) for sample in (direct, filtered))
    assert (
        stats.ttest_ind(a.sum(axis=1), b.sum(axis=1)).pvalue > 1e-4
    )  # counts of an observation, and their scatter
    assert (
        1e-4
        < stats.f.cdf(a.sum(axis=1).var(ddof=1) / b.sum(axis=1).var(ddof=1), n - 1, n - 1)
        < 1 - 1e-4
    )
    assert stats.ks_2samp((a - a.mean(axis=0)).ravel(), (b - b.mean(axis=0)).ravel()).pvalue > 1e-4
    z = (a.mean(axis=0) - b.mean(axis=0)) / np.sqrt(
        (a.var(axis=0, ddof=1) + b.var(axis=0, ddof=1)) / n
    )  # where the rate is high or low
    dof = 2 * n - 2
    assert 1e-4 < stats.chi2.sf((z**2).sum() * (dof - 2) / dof, len(z)) < 1 - 1e-4


# --- the filter -----------------------------------------------------------------------------------


def brute_force(times, tau, paralyzable):
    keep, end = [], []
    for i, t in enumerate(times):
        blind = [end[j] for j in range(i) if paralyzable or keep[j]]
        keep.append(not blind or t >= max(blind))
        end.append(t + tau[i])
    return keep


@pytest.mark.parametrize("paralyzable", [False, True])
def test_the_filter_is_the_definition(paralyzable):
    rng = np.random.default_rng(12)
    times = np.sort(rng.uniform(0, 1, 300))
    tau = rng.exponential(TAU * 2, len(times))
    assert filter_dead_time(times, tau, paralyzable).tolist() == brute_force(
        times, tau, paralyzable
    )


def test_filtering_twice_changes_nothing_and_no_dead_time_loses_nothing():
    times = incident(constant(500, 100), np.random.default_rng(13))
    kept = times[filter_dead_time(times, TAU)]
    assert len(kept) < len(times)
    assert np.diff(kept).min() >= TAU - 1e-12
    assert filter_dead_time(kept, TAU).all()
    assert filter_dead_time(times, 0.0).all()
    assert filter_dead_time(times[:0], TAU).tolist() == []


@pytest.mark.parametrize("rate", [100, 400, 2000])
def test_paralyzable_recorded_rate(rate):
    times = incident(constant(rate, 1000), np.random.default_rng(14))
    counts = np.histogram(
        times[filter_dead_time(times, TAU, paralyzable=True)], np.arange(0, 1001, 10)
    )[0]
    z = (counts.mean() - 10 * rate * np.exp(-rate * TAU)) / (
        counts.std(ddof=1) / np.sqrt(len(counts))
    )
    assert abs(z) < 4


@pytest.fixture(scope="module")
def stingray():
    import stingray.deadtime.model
    import stingray.filters

    return stingray


@pytest.mark.parametrize("paralyzable", [False, True])
def test_the_filter_is_stingrays_event_by_event(stingray, paralyzable):
    times = incident(varying(2), np.random.default_rng(15))
    theirs = stingray.filters.get_deadtime_mask(times, TAU, paralyzable=paralyzable)
    assert 0.2 < theirs.mean() < 0.8
    np.testing.assert_array_equal(filter_dead_time(times, TAU, paralyzable), theirs)


def test_the_filter_is_stingrays_with_a_dead_time_for_each_event(stingray):
    times = incident(varying(2), np.random.default_rng(16))
    theirs, more = stingray.filters.get_deadtime_mask(times, TAU, dt_sigma=TAU / 5, return_all=True)
    tau = np.full(len(times), 1e9)  # an event that is not recorded has no dead time
    tau[theirs] = more.deadtime
    np.testing.assert_array_equal(filter_dead_time(times, tau), theirs)


# --- white noise ----------------------------------------------------------------------------------


@BOTH
@RATES
def test_the_white_noise_level_is_the_renewal_formula(rate, dead_time):
    segments, summary = 256, Periodogram(segment_size=16.0, dt=1 / 1024, rebin=0.05)
    events = DeadTime(1, dead_time).record(constant(rate, 16 * segments), np.random.default_rng(17))
    power = summary.periodograms(events)[0][0]
    coarse = np.linspace(1 / 16, 512, 300)
    level = white_noise(coarse, rate, dead_time_distribution(dead_time), summary.dt)
    fine = np.interp(np.arange(1, 8192) / 16, coarse, level)
    width = summary.axis.averaged
    expected = np.add.reduceat(fine, np.concatenate([[0], np.cumsum(width)[:-1]])) / width
    z = (power / expected - 1) * np.sqrt(segments * width)
    assert stats.chi2.sf((z**2).sum(), len(z)) > 1e-4
    assert abs(np.sum(z * np.sqrt(width)) / np.sqrt(width.sum())) < 4
    assert expected.min() < 1.98  # the law would notice if there were no dead time


@pytest.mark.parametrize("rate", [30.0, 300.0, 1000.0])
def test_white_noise_contains_zhang(stingray, rate):
    """Zhang et al. (1995, eq. 44): for segments of n bins the weight of the autocovariance
    at k bins is 1 - k/n."""
    n = 512
    f, theirs = stingray.deadtime.model.pds_model_zhang(n, rate, TAU, 1 / 1024, limit_k=100)
    everywhere = np.arange(n // 2 + 1) * 1024 / n
    everywhere[0] = 1e-4
    autocovariance = np.fft.irfft(
        white_noise(everywhere, rate, dead_time_distribution(TAU), 1 / 1024), n
    )
    ours = np.fft.rfft(autocovariance * np.maximum(1 - np.arange(n) / n, np.arange(n) / n)).real
    np.testing.assert_allclose(ours[: len(f)], theirs, rtol=1e-3, atol=2e-5)


def test_white_noise_without_dead_time_is_2():
    f = np.geomspace(0.01, 1000, 20)
    for dt in (None, 1 / 256):
        np.testing.assert_allclose(white_noise(f, 300.0, dead_time_distribution(0.0), dt), 2)


@BOTH
@RATES
def test_white_noise_at_low_and_high_frequency(rate, dead_time):
    tau = dead_time_distribution(dead_time)
    fano = (1 / rate**2 + spread(tau)) / (
        1 / rate + tau.mean
    ) ** 2  # variance over mean of the counts, Cox (1962)
    low = white_noise([1e-3], rate, tau)[0]
    assert low == pytest.approx(2 * fano, rel=1e-4)
    if dead_time == TAU:
        assert low == pytest.approx(2 / (1 + rate * TAU) ** 2, rel=1e-4)
    assert white_noise([1e6], rate, tau)[0] == pytest.approx(2, rel=0.01)


@pytest.mark.parametrize("rate", [30.0, 300.0, 2000.0])
def test_white_noise_in_bins_shorter_than_a_dead_time_holds_their_variance(rate):
    """Counts are then 0 or 1, with variance p (1 - p); the mean power over all frequencies is 2
    variance/mean."""
    dt = 1 / 512
    f = (np.arange(8192) + 0.5) / 8192 / dt / 2
    p = rate / (1 + rate * TAU) * dt
    assert white_noise(f, rate, dead_time_distribution(TAU), dt).mean() == pytest.approx(
        2 * (1 - p), rel=1e-3
    )


@pytest.mark.parametrize(
    "law", [lambda f, r, tau: white_noise(f, r, tau, 1 / 256), white_noise, modulation_response]
)
def test_many_rates_give_one_row_each(law):
    f, rates, tau = (
        np.linspace(1, 100, 7),
        np.array([10.0, 500.0]),
        dead_time_distribution("nustar"),
    )
    np.testing.assert_allclose(law(f, rates, tau), [law(f, r, tau) for r in rates])


# --- signals --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "f"), [(1000, 20), (1000, 200), (300, 300), (2000, 100)])
@BOTH
def test_a_weak_sine_comes_through_with_the_response_phase_and_all(dead_time, rate, f):
    a, dt, duration, tau = 0.1, 1 / 2048, 64, dead_time_distribution(dead_time)
    mid = (np.arange(duration * 2048) + 0.5) * dt
    wave = Rate((rate * (1 + a * np.cos(2 * np.pi * f * mid))).astype(np.float32), dt)
    rng = np.random.default_rng(18)
    times = np.concatenate([DeadTime(1, dead_time).record(wave, rng).times[0] for _ in range(60)])
    amplitude = 2 * np.mean(np.exp(-2j * np.pi * f * times)) / a / np.sinc(f * dt)
    response = complex(modulation_response([f], rate, tau)[0])
    variance = (
        2 * float(white_noise([f], rate, tau)[0]) / len(times) / a**2
    )  # of the complex amplitude
    assert variance < (0.1 * abs(response)) ** 2
    assert np.exp(-(abs(amplitude - response) ** 2) / variance) > 1e-4
    static = 1 / (1 + rate * tau.mean)
    if f > 20:  # the law would notice the static approximation
        assert np.exp(-(abs(amplitude - static) ** 2) / variance) < 1e-4


@BOTH
@RATES
def test_limits_of_the_response(rate, dead_time):
    tau = dead_time_distribution(dead_time)
    assert modulation_response([1e-3], rate, tau)[0] == pytest.approx(
        1 / (1 + rate * tau.mean), rel=1e-3
    )
    assert abs(modulation_response([1e6], rate, tau)[0]) == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(
        modulation_response([1.0, 50.0], rate, dead_time_distribution(0.0)), 1
    )


def test_the_response_of_the_design_page():
    assert abs(modulation_response([200.0], 1000, dead_time_distribution(TAU))[0]) == pytest.approx(
        0.532, abs=0.001
    )


# --- two modules ----------------------------------------------------------------------------------


def test_modules_are_independent_for_a_constant_source():
    a, b = DeadTime(2, "nustar").record(constant(600, 2000), np.random.default_rng(19)).times
    edges = np.arange(0, 2000.01, 0.05)
    assert stats.pearsonr(np.histogram(a, edges)[0], np.histogram(b, edges)[0]).pvalue > 1e-4
    nearest = np.searchsorted(
        b, a[1:-1]
    )  # and event by event: the wait for the other module's next event knows nothing of this one's
    inside = (nearest > 0) & (nearest < len(b))
    waits = b[nearest[inside]] - a[1:-1][inside]
    blind = np.random.default_rng(20).uniform(1, 1999, len(waits))
    assert stats.ks_2samp(waits[::20], (b[np.searchsorted(b, blind)] - blind)[::20]).pvalue > 1e-4


def test_modules_see_the_same_source():
    a, b = DeadTime(2, TAU).record(varying(), np.random.default_rng(21)).times
    edges = np.arange(0, 64.001, 0.25)
    assert stats.pearsonr(np.histogram(a, edges)[0], np.histogram(b, edges)[0])[0] > 0.5


# --- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: DeadTime(3, TAU), "modules is 3"),
        (lambda: DeadTime(0, TAU), "modules is 0"),
        (lambda: DeadTime(3, 0.0), "modules is 3"),
        (lambda: DeadTime(1, -1e-3), "dead_time is -0.001"),
        (lambda: DeadTime(1, 2.5), "dead_time is 2.5"),
        (lambda: DeadTime(1, np.nan), "dead_time is nan"),
        (lambda: DeadTime(1, "chandra"), "dead_time is 'chandra'"),
    ],
)
def test_refusals_name_the_argument(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_a_distribution_of_one_bin_without_width_is_a_constant():
    tau = DeadTimeDistribution(np.array([TAU]), np.array([TAU]), np.ones(1))
    assert tau.mean == TAU
    assert spread(tau) == pytest.approx(0, abs=1e-18)


@pytest.mark.parametrize("dead_time", [TAU, "nustar"])
@pytest.mark.parametrize(
    "kind", [{}, {"detectors": 3}, {"paralyzable": True}], ids=["one", "several", "paralyzable"]
)
def test_a_list_that_must_grow_holds_the_same_events(monkeypatch, kind, dead_time):
    """A list that was long enough has the same: nothing is drawn twice or left out."""
    import livetime.simulate.dead_time_detector as module

    rate, whole = Rate(np.full(640, 500.0, dtype=np.float32), 1 / 64), module.draw_all
    first, second = (DeadTime(1, dead_time, **kind) for _ in range(2))
    known = first.record(rate, np.random.default_rng(3)).times[0]
    monkeypatch.setattr(
        module, "draw_all", lambda kernel, expected, *args: whole(kernel, 0.0, *args)
    )
    np.testing.assert_array_equal(second.record(rate, np.random.default_rng(3)).times[0], known)


def test_draws_in_compiled_loops_are_those_of_the_generator():
    from numba import njit

    from livetime.simulate.numba_random import exponential, poisson, uniform

    @njit
    def compiled(rng, n):
        bits, out = rng.bit_generator, np.empty((n, 4))
        for i in range(n):
            out[i, 0] = exponential(bits)
            out[i, 1] = uniform(bits)
            out[i, 2] = poisson(bits, 3.0)
            out[i, 3] = poisson(bits, 30.0)
        return out

    rng = np.random.Generator(np.random.Philox(7))
    expected = [
        (rng.standard_exponential(), rng.random(), rng.poisson(3.0), rng.poisson(30.0))
        for _ in range(2000)
    ]
    np.testing.assert_allclose(
        compiled(np.random.Generator(np.random.Philox(7)), 2000), expected, rtol=1e-14
    )
