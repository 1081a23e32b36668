"""Lorentzians and free power: spectra, prior of the components, and light curves that have them."""

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

from livetime.simulate.light_curve import FrequencyGrid, Source
from livetime.sources.distribution import RateDistribution, rate_power
from livetime.sources.free import FreePower
from livetime.sources.general import rms_on
from livetime.sources.lorentzians import (
    Lorentzians,
    centroid_and_width,
    lorentzian_power,
)

N = 40_000


def places(source, n, seed, **fixed):
    """Draw from the prior of a source: places from 0 to 1, and Q from 0 to 20."""
    rng = np.random.default_rng(seed)
    params = {name: rng.random(n) for name in source.parameters}
    for name in source.parameters:
        if name.endswith("quality"):
            params[name] = 20 * params[name] ** 2
    return {**params, "rate": np.full(n, 100.0), **fixed}


def one(params, i=0, **more):
    return {name: float(values[i]) for name, values in params.items()} | more


# The Lorentzian.


@pytest.mark.parametrize("quality", [0.0, 0.3, 1.0, 8.0])
def test_the_power_is_that_of_belloni_psaltis_and_van_der_klis(quality):
    rms, frequency = 0.2, 3.0
    centroid, width = centroid_and_width(frequency, quality)
    assert np.hypot(centroid, width) == pytest.approx(frequency)  # their eq. for nu_max
    assert centroid / (2 * width) == pytest.approx(quality)
    r2 = rms**2 / (0.5 + np.arctan(2 * quality) / np.pi)
    f = np.geomspace(0.01, 100, 50)
    theirs = r2 * width / np.pi / (width**2 + (f - centroid) ** 2)
    np.testing.assert_allclose(lorentzian_power(f, rms, frequency, quality), theirs)


@pytest.mark.parametrize("quality", [0.0, 0.3, 1.0, 8.0])
def test_rms_is_normalised_over_positive_frequencies(quality):
    power = lambda f: lorentzian_power(f, 0.2, 3.0, quality)  # noqa: E731
    variance = sum(quad(power, a, b, limit=200)[0] for a, b in ((0, 3), (3, 30), (30, np.inf)))
    assert variance == pytest.approx(0.04, rel=1e-6)


@pytest.mark.parametrize("quality", [0.0, 0.3, 1.0, 8.0])
def test_power_times_frequency_is_greatest_at_nu_max(quality):
    f = np.geomspace(0.3, 30, 200_001)
    assert f[(f * lorentzian_power(f, 0.2, 3.0, quality)).argmax()] == pytest.approx(3.0, rel=1e-3)


# The prior of the components.


def test_every_number_of_components_is_equally_probable():
    source = Lorentzians()
    found = source.lorentzians(places(source, N, 1))
    counts = np.bincount(found.components, minlength=7)
    assert len(counts) == 7
    assert stats.chisquare(counts).pvalue > 1e-4


def test_the_probability_of_absence_is_as_stated():
    source = Lorentzians(number=3, absent=0.4)
    found = source.lorentzians(places(source, N, 2))
    counts = np.bincount(found.components, minlength=4)
    expected = np.array([0.4, 0.6 * 0.4, 0.36 * 0.4, 0.216])
    assert stats.chisquare(counts, N * expected).pvalue > 1e-4
    assert ((found.rms > 0).sum(axis=1) == found.components).all()


def test_components_are_ordered_by_frequency_and_the_present_ones_come_first():
    source = Lorentzians()
    found = source.lorentzians(places(source, N, 3))
    number = np.arange(6)
    assert ((found.rms > 0) == (number < found.components[:, None])).all()
    both = found.rms[:, 1:] > 0
    assert (np.diff(found.frequency, axis=1)[both] >= 0).all()
    low, high = source.frequency
    assert (found.frequency >= low).all()
    assert (found.frequency <= high * (1 + 1e-12)).all()


@pytest.mark.parametrize("k", [1, 3, 6])
def test_frequencies_are_ordered_draws_that_are_flat_in_the_logarithm(k):
    """The j-th of k ordered uniforms is Beta(j, k + 1 - j)."""
    source = Lorentzians()
    found = source.lorentzians(places(source, N, 4))
    low, high = source.frequency
    place = np.log(found.frequency / low) / np.log(high / low)
    rows = place[found.components == k]
    for j in range(k):
        assert stats.kstest(rows[:, j], stats.beta(j + 1, k - j).cdf).pvalue > 1e-4


def test_the_rms_of_a_present_component_is_flat_in_the_logarithm():
    source = Lorentzians(number=2)
    found = source.lorentzians(places(source, N, 5))
    low, high = source.rms
    present = found.rms[:, 1][found.rms[:, 1] > 0]
    place = np.log(present / low) / np.log(high / low)
    assert stats.kstest(place, "uniform").pvalue > 1e-4


def test_the_power_is_the_sum_of_the_present_components():
    source = Lorentzians(number=3)
    params = places(source, 20, 6)
    found = source.lorentzians(params)
    f = np.array([0.3, 2.0, 20.0])
    parts = [
        lorentzian_power(
            f, *(each[:, i, None] for each in (found.rms, found.frequency, found.quality))
        )
        for i in range(3)
    ]
    np.testing.assert_allclose(source.power(f, params), sum(parts))
    alone = source.power(f, one(params, 4))
    np.testing.assert_allclose(alone, source.power(f, params)[4])


def test_overtones_are_tied_to_the_most_coherent_component():
    source = Lorentzians(number=2, rms=(0.02, 0.3), overtones=1)
    params = places(source, 2, 7, lorentzian1_amplitude=0.9, lorentzian2_amplitude=0.9)
    params |= {"lorentzian1_quality": 2.0, "lorentzian2_quality": 9.0}
    params |= {"overtone1": np.array([0.3, 1.0])}
    found = source.lorentzians(params)
    np.testing.assert_allclose(found.frequency[:, 2], 2 * found.frequency[:, 1])
    assert (found.quality[:, 2] == 9.0).all()
    np.testing.assert_allclose(found.rms[:, 2], found.rms[:, 1] * [0.0, 1.0])
    assert (found.components == 2).all()


def test_derived_quantities_name_what_is_absent():
    source = Lorentzians(number=2)
    params = places(source, 1, 8, lorentzian1_amplitude=0.9, lorentzian2_amplitude=0.0)
    found = source.derived(params)
    assert found["components"].tolist() == [1]
    assert found["lorentzian2_rms"].tolist() == [0]
    assert np.isnan(found["lorentzian2_frequency"]).all()
    assert found["lorentzian1_centroid"][0] <= found["lorentzian1_frequency"][0]


# Free power.


def test_the_rms_is_that_of_the_whole_power():
    source = FreePower()
    params = places(source, 1, 9, rms=np.array([0.3]))
    grid = FrequencyGrid.for_steps(2**20, source.dt, 1.0)
    assert rms_on(grid, source.power(grid.frequency, one(params))) == pytest.approx(0.3, rel=2e-3)


def test_log_power_is_a_gaussian_process_with_the_stated_covariance():
    """Differences of neighbours have no constant, so their covariance follows from the kernel."""
    source = FreePower(bins=12)
    rows = source.log_power(places(source, N, 10, rms=np.full(N, 0.2)))
    rows += np.log(source.frequencies)
    kernel = source.root @ source.root
    assert kernel[3, 3] == pytest.approx(source.scatter**2)
    difference = np.diff(np.eye(12), axis=0)
    expected = difference @ kernel @ difference.T
    found = np.cov(rows @ difference.T, rowvar=False)
    np.testing.assert_allclose(found, expected, atol=0.05 * expected.max())
    assert np.abs(np.mean(rows @ difference.T, axis=0)).max() < 5 * np.sqrt(expected.max() / N)


def test_the_power_goes_through_its_values_and_beyond_them():
    source = FreePower(bins=5, frequency=(1.0, 16.0))
    params = places(source, 3, 11, rms=np.full(3, 0.2))
    at = np.exp(source.log_power(params))
    np.testing.assert_allclose(source.power(source.frequencies, params), at)
    beyond = source.power(np.array([0.1, 32.0]), params)
    np.testing.assert_allclose(beyond, np.stack([at[:, 0], at[:, -1] / 4], axis=1))


# Light curves.


SOURCES = [
    pytest.param(Lorentzians(number=2, dt=1 / 64, frequency=(0.1, 30)), id="lorentzians"),
    pytest.param(FreePower(bins=12, dt=1 / 64, frequency=(0.1, 20), scatter=1.0), id="free"),
]


@pytest.mark.parametrize("skewness", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("source", SOURCES)
def test_light_curves_have_the_mean_the_rms_and_the_power_of_the_source(source, skewness):
    params = one(places(source, 1, 12, rms=np.array([0.3])), rate=50.0, skewness=skewness)
    params |= {name: 0.8 for name in params if name.endswith("amplitude")}
    duration, n = 16.0, 1500
    rng = np.random.default_rng(13)
    rows = np.array([source.rate(params, duration, rng).values for _ in range(n)], np.float64) / 50
    assert rows.min() > 0
    mean = rows.mean(axis=1)
    assert abs(mean.mean() - 1) < 4 * mean.std() / np.sqrt(n)

    grid = FrequencyGrid.for_steps(round(duration / source.dt), source.dt, source.stretch)
    power = source.power(grid.frequency, params)
    rms = rms_on(grid, power)
    square = ((rows - 1) ** 2).mean(axis=1)
    assert abs(square.mean() - rms**2) < 4 * square.std() / np.sqrt(n)

    # Averaged over wide bands, where leakage of a periodogram is small.
    periodogram = 2 * source.dt / rows.shape[1] * np.abs(np.fft.rfft(rows, axis=1)) ** 2
    f = np.fft.rfftfreq(rows.shape[1], source.dt)
    expected = rate_power(power, grid, RateDistribution(rms, skewness))
    for low, high in ((0.2, 1), (1, 4), (4, 30)):
        band = periodogram[:, (f >= low) & (f < high)].mean(axis=1)
        inside = (grid.frequency >= low) & (grid.frequency < high)
        error = band.std() / np.sqrt(n)
        wanted = expected[inside].mean()
        asked = source.power(f[(f >= low) & (f < high)], params).mean()
        assert abs(band.mean() - wanted) < 4 * error + 0.08 * wanted
        assert wanted == pytest.approx(asked, rel=0.12)


@pytest.mark.parametrize("source", SOURCES)
def test_a_rate_depends_on_its_stream_alone(source):
    params = one(places(source, 1, 14, rms=np.array([0.3])))
    a, b = (source.rate(params, 8.0, np.random.default_rng(3)).values for _ in range(2))
    assert (a == b).all()
    assert a.dtype == np.float32
    assert len(a) == 512


def test_a_source_without_components_is_constant():
    source = Lorentzians(number=1)
    params = one(places(source, 1, 15, lorentzian1_amplitude=np.zeros(1)), rate=70.0)
    assert (source.rate(params, 4.0, np.random.default_rng(0)).values == 70).all()


@pytest.mark.parametrize("source", SOURCES)
def test_the_sources_are_sources_without_named_shapes(source):
    assert isinstance(source, Source)
    assert not source.components
    assert not source.spectrum.names_of_shape("qpo")
    params = places(source, 3, 16, rms=np.full(3, 0.2))
    f = np.array([1.0, 2.0])
    np.testing.assert_array_equal(source.spectrum.power(f, params), source.power(f, params))
    assert source.band_rms(params, 1.0, 4.0).shape == (3,)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Lorentzians(number=0), "number"),
        (lambda: Lorentzians(absent=1.0), "absent"),
        (lambda: Lorentzians(rms=(0.1, 0.9)), "rms"),
        (lambda: Lorentzians(frequency=(0.1, 200)), "frequency"),
        (lambda: Lorentzians(dt=0), "dt"),
        (lambda: FreePower(bins=1), "bins"),
        (lambda: FreePower(scatter=0), "scatter"),
        (lambda: FreePower(frequency=(2, 1)), "frequency"),
        (lambda: FreePower(stretch=0.5), "stretch"),
    ],
)
def test_impossible_sources_are_refused(make, words):
    with pytest.raises(ValueError, match=words):
        make()
