"""Pile-up: conservation and closed forms, the mean of the simulation against Davis's model, and that against a slow one and sherpa's."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln

from livetime.simulate import pileup
from livetime.simulate.davis import Davis, multinomial_log_likelihood
from livetime.simulate.frame_events import FrameEvents
from livetime.simulate.photon_spectrum import PhotonSpectrum
from livetime.simulate.pileup import PileUp
from livetime.simulate.response import Response, analytic_response

RESPONSE = analytic_response()
CENTRE = (RESPONSE.low + RESPONSE.high) / 2
POWER = PhotonSpectrum({"powerlaw": "powerlaw"}, absorption=None)
PARAMS = {"powerlaw_norm": 1.0, "powerlaw_index": 1.7}
MEANS = pytest.mark.parametrize("mean", [0.01, 0.1, 0.5, 1.0])


def spectrum(detector, mean, shape=None):
    """Counts/s in each energy bin, of a power law or another shape, with that many photons per frame and region."""
    shape = (
        POWER.photons(RESPONSE.low, RESPONSE.high, PARAMS) * RESPONSE.area
        if shape is None
        else shape
    )
    return shape * mean / detector.mean_photons(shape, detector.psf_fraction)


def soft():
    """Photons of .5 to 1 keV: eleven of them fit below the end of the response."""
    return np.where((RESPONSE.low > 0.5) & (RESPONSE.high < 1.0), 1.0, 0.0)


def exposure_for(model, rate, counts):
    """Seconds that are expected to give so many counts."""
    return counts / (model.expected(rate, 1e6, {}).sum() / 1e6)


def chi_square(counts, core, poisson, trials, least=50):
    """Chi-square of groups of at least so many expected counts, with the covariance of multinomial plus Poisson, and its probability."""
    mean = trials * core + poisson
    group = np.minimum(np.floor(np.cumsum(mean) / least), np.floor(mean.sum() / least) - 1).astype(
        int
    )
    group = np.unique(group, return_inverse=True)[1]
    d, p, variance = (np.bincount(group, x) for x in (counts - mean, core, mean))
    covariance = np.diag(variance) - trials * np.outer(p, p)
    value = d @ np.linalg.solve(covariance, d)
    return value, stats.chi2.sf(value, len(d))


# --- conservation and closed forms -----------------------------------------------------------------------------------------


@MEANS
def test_energy_and_photons_are_conserved_before_migration_and_thresholds(mean):
    detector = PileUp(alpha=1.0, psf_fraction=1.0)
    rate = spectrum(detector, mean, soft())
    exposure = 3.2 * 100_000 / mean
    events = detector.record(rate, exposure, {}, np.random.default_rng(1))
    photons, energy = rate.sum() * exposure, (rate * CENTRE).sum() * exposure
    assert abs(events.photons.sum() - photons) < 3.3 * np.sqrt(photons)
    assert abs(events.energy.sum() - energy) < 3.3 * np.sqrt((rate * CENTRE**2).sum() * exposure)
    assert events.good.all()
    core, _ = Davis(detector).events(rate, {})
    assert core @ CENTRE == pytest.approx(mean * (rate * CENTRE).sum() / rate.sum(), rel=1e-6)


@MEANS
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("regions", [1, 3])
def test_the_lost_rate_follows_its_closed_form(mean, alpha, regions):
    """A region reads a good event in a share `g0 exp(-mu) (exp(alpha mu) - 1)/alpha` of the frames."""
    detector = PileUp(alpha=alpha, psf_fraction=1.0, regions=regions, g0=0.8)
    rate = spectrum(detector, mean, soft())
    seen = 0.8 * np.exp(-mean) * (np.expm1(alpha * mean) / alpha if alpha else mean)
    assert Davis(detector).core(rate, {}).sum() == pytest.approx(seen, rel=2e-5)
    trials = Davis(detector).trials(exposure := 3.2 * 100_000)
    counts = (
        detector.record(rate, exposure, {}, np.random.default_rng(2))
        .counts(RESPONSE.channels)
        .sum()
    )
    assert stats.binomtest(int(counts), trials, seen).pvalue > 0.001


def test_at_most_one_event_per_region_and_frame():
    detector = PileUp(alpha=1.0, psf_fraction=1.0, regions=2)
    events = detector.record(
        spectrum(detector, 3.0, soft()), 3.2 * 1000, {}, np.random.default_rng(3)
    )
    assert np.bincount(events.frame).max() == 2
    assert len(events.frame) > 1850


@pytest.mark.parametrize("alpha", [0.2, 0.9])
def test_photons_per_event_and_their_grades_are_distributed_as_they_should(alpha):
    detector = PileUp(alpha=alpha, psf_fraction=1.0)
    events = detector.record(
        spectrum(detector, 1.2, soft()), 3.2 * 100_000, {}, np.random.default_rng(4)
    )
    p = np.arange(1, 6)
    expected = stats.poisson.pmf(p, 1.2) * 100_000
    assert (
        stats.chisquare(
            [*np.bincount(events.photons, minlength=6)[1:6], 100_000 - (events.photons < 6).sum()],
            [*expected, 100_000 - expected.sum()],
        ).pvalue
        > 0.001
    )
    for k in (1, 2, 3):
        of = events.photons == k
        assert (
            stats.binomtest(int(events.good[of].sum()), int(of.sum()), alpha ** (k - 1)).pvalue
            > 0.001
        )


def test_counts_rise_with_the_flux_or_turn_over_at_one_photon_per_frame():
    means = np.array([0.1, 0.5, 1.0, 2.0, 5.0])
    for alpha in (0.0, 1.0):
        detector = PileUp(alpha=alpha, psf_fraction=1.0)
        counts = [Davis(detector).core(spectrum(detector, m, soft()), {}).sum() for m in means]
        rises = np.diff(counts) > 0
        assert rises.all() if alpha else (rises == [True, True, False, False]).all()


# --- the mean against Davis ------------------------------------------------------------------------------------------------


@MEANS
@pytest.mark.parametrize(
    "options",
    [
        {"alpha": 0.5, "psf_fraction": 0.9},
        {"alpha": 1.0, "psf_fraction": 1.0, "regions": 3, "fracexp": 0.8},
        {"alpha": 0.7, "psf_fraction": 0.95, "upper_threshold": 6.0},
    ],
)
def test_the_mean_spectrum_is_that_of_davis(mean, options):
    """A million counts."""
    detector = PileUp(**options)
    model = Davis(detector)
    rate = spectrum(detector, mean)
    exposure = exposure_for(model, rate, 1e6)
    counts = detector.record(rate, exposure, {}, np.random.default_rng(5)).counts(RESPONSE.channels)
    _, p = chi_square(
        counts, model.core(rate, {}), exposure * model.wings(rate, {}), model.trials(exposure)
    )
    assert p > 0.001


def test_the_mean_test_can_fail():
    """It sees a grade migration that is wrong by .1."""
    detector = PileUp(alpha=0.5, psf_fraction=0.9)
    model, wrong = Davis(detector), Davis(replace(detector, alpha=0.6))
    rate = spectrum(detector, 0.5)
    exposure = exposure_for(model, rate, 1e6)
    counts = detector.record(rate, exposure, {}, np.random.default_rng(5)).counts(RESPONSE.channels)
    assert (
        chi_square(
            counts, wrong.core(rate, {}), exposure * wrong.wings(rate, {}), wrong.trials(exposure)
        )[1]
        < 1e-6
    )


def test_counts_scatter_as_a_multinomial_and_not_as_poisson():
    detector = PileUp(alpha=1.0, psf_fraction=1.0)
    rate = spectrum(detector, 1.0, soft())
    counts = [
        detector.record(rate, 3.2 * 200, {}, np.random.default_rng(i))
        .counts(RESPONSE.channels)
        .sum()
        for i in range(2000)
    ]
    p = 1 - np.exp(-1)
    value = np.var(counts) / (200 * p * (1 - p)) * 2000
    assert 0.001 < stats.chi2.cdf(value, 1999) < 0.999


def test_without_pile_up_it_is_the_folded_spectrum():
    photons = POWER.photons(RESPONSE.low, RESPONSE.high, PARAMS)
    rate, folded = photons * RESPONSE.area, RESPONSE.fold(photons)
    spread = PileUp(alpha=0.5, psf_fraction=0.0)
    np.testing.assert_allclose(Davis(spread).expected(rate, 1e4, {}), 1e4 * folded, rtol=1e-10)
    faint = PileUp(alpha=0.5, psf_fraction=1.0)
    np.testing.assert_allclose(
        Davis(faint).expected(rate * 1e-10, 3.2e4, {}),
        3.2e4 * 1e-10 * folded,
        rtol=1e-6,
        atol=1e-14 * folded.max(),
    )
    exposure = 1e6 / folded.sum()
    counts = spread.record(rate, exposure, {}, np.random.default_rng(6)).counts(RESPONSE.channels)
    assert chi_square(counts, np.zeros_like(folded), exposure * folded, 1)[1] > 0.001


def test_the_piled_share_of_the_events():
    detector = PileUp(alpha=0.6, psf_fraction=0.9)
    rate = spectrum(detector, 0.8, soft())
    events = detector.record(rate, 3.2 * 200_000, {}, np.random.default_rng(7))
    piled = events.photons[events.good] > 1
    assert (
        stats.binomtest(
            int(piled.sum()), len(piled), float(Davis(detector).piled_fraction(rate, {}))
        ).pvalue
        > 0.001
    )


# --- Davis against other ways ----------------------------------------------------------------------------------------------


def slowly(detector, density, terms=25, step=0.0025):
    """Photon by photon: direct convolutions of counts/s/keV on a fine grid; p cells j1 ... jp lie at (j1 + ... + jp + p/2) step."""
    energy = (np.arange(round(12 / step)) + 0.5) * step
    inside = (energy > RESPONSE.edges[0]) & (energy < RESPONSE.edges[-1])
    photons = (
        np.where(inside, density(energy) * step, 0)
        * detector.psf_fraction
        * detector.frame_time
        / (detector.regions * detector.fracexp)
    )
    total, power, factor = np.zeros(len(CENTRE)), photons, detector.g0 * np.exp(-photons.sum())
    for p in range(1, terms + 1):
        cells = (np.arange(len(power) + 1) + (p - 1) / 2) * step
        total += factor * np.diff(np.interp(RESPONSE.edges, cells, np.cumsum([0, *power])))
        power, factor = (
            np.convolve(power, photons)[: len(energy)],
            factor * detector.alpha / (p + 1),
        )
    return RESPONSE.redistribute(total)


@pytest.mark.parametrize(
    ("mean", "alpha", "regions"), [(0.3, 0.5, 1), (1.0, 1.0, 2), (3.0, 0.7, 1)]
)
def test_one_transform_equals_the_sum_of_convolutions(mean, alpha, regions):
    detector = PileUp(alpha=alpha, psf_fraction=0.9, regions=regions, fracexp=0.9)

    def density(energy):
        return energy**-1.7 * 600 * np.exp(-(np.log(energy / 1.6) ** 2) / (2 * 0.8**2))

    norm = mean / detector.mean_photons(density(CENTRE) * 0.01, 0.9)
    ours = Davis(detector).core(density(CENTRE) * 0.01 * norm, {})
    theirs = slowly(detector, lambda e: norm * density(e))
    band = (RESPONSE.e_min > 0.5) & (RESPONSE.e_max < 8)
    np.testing.assert_allclose(ours[band], theirs[band], rtol=3e-4)


def test_a_line_makes_lines_at_its_multiples_with_poisson_weights():
    detector = PileUp(alpha=0.5, psf_fraction=1.0)
    line = (np.abs(CENTRE - 2.005) < 1e-6).astype(float)
    core, _ = Davis(detector).events(spectrum(detector, 0.7, line), {})
    for p in range(1, 6):
        near = np.abs(CENTRE - p * 2.005) < 0.06
        assert core[near].sum() == pytest.approx(
            0.5 ** (p - 1) * stats.poisson.pmf(p, 0.7), rel=1e-6
        )
        assert core[near] @ CENTRE[near] / core[near].sum() == pytest.approx(p * 2.005, abs=1e-6)


def test_many_parameters_at_once():
    detector = PileUp()
    rates = np.array([spectrum(PileUp(psf_fraction=0.9), m) for m in (0.1, 1.0)])
    columns = {"alpha": np.array([0.0, 0.5]), "psf_fraction": np.array([0.9, 1.0])}
    both = Davis(detector).expected(rates, 1e4, columns)
    for i in range(2):
        one = Davis(detector).expected(
            rates[i], 1e4, {name: values[i] for name, values in columns.items()}
        )
        np.testing.assert_allclose(both[i], one, rtol=1e-10)


SHERPA_CELL = 15 / 4096


def shifted(by):
    return Response(
        RESPONSE.low + by,
        RESPONSE.high + by,
        RESPONSE.area,
        RESPONSE.matrix,
        RESPONSE.e_min,
        RESPONSE.e_max,
    )


@pytest.mark.parametrize("mean", [0.01, 0.3, 1.0, 2.0])
@pytest.mark.parametrize(
    ("index", "alpha", "fraction", "regions", "fracexp", "g0"),
    [
        (1.4, 0.5, 0.9, 1, 1.0, 1.0),
        (1.4, 0.0, 0.95, 1, 1.0, 1.0),
        (2.2, 1.0, 1.0, 2, 0.8, 1.0),
        (2.2, 0.5, 0.9, 1, 1.0, 0.8),
    ],
)
def test_davis_equals_sherpa(monkeypatch, mean, index, alpha, fraction, regions, fracexp, g0):
    """1e-3 in groups of 8 channels from .5 to 8 keV.

    Both get the same A S as one smooth function: sherpa interpolates an ARF between the lower edges of its bins, 2 to 5 eV off, and so is
    .6% off the folded spectrum at the mirror's edge at 2.1 keV, without any pile-up. Its sums of p photons lie (p - 1)/2 cells of its grid,
    1.8 eV each, too high, which shifting the response of ours imitates; left alone the two differ by up to 3e-3.
    It takes A S for what is left of single photons after a share g0, per photon; ours is the same with A S/g0 and alpha g0.
    """
    models = pytest.importorskip("sherpa.astro.models", reason="sherpa is not installed")
    monkeypatch.setattr(pileup, "analytic_response", lambda: shifted(SHERPA_CELL / 2))
    detector = PileUp(
        alpha=alpha * g0, psf_fraction=fraction, regions=regions, fracexp=fracexp, g0=g0
    )

    def photons(low, high):
        low, high = np.maximum(low, 0.2), np.minimum(high, 12.0)
        inside = high > low
        out = np.zeros(len(low))
        middle = (low[inside] + high[inside]) / 2
        area = 600 * np.exp(-(np.log(middle / 1.6) ** 2) / (2 * 0.8**2))
        out[inside] = (
            POWER.photons(
                low[inside], high[inside], {"powerlaw_norm": 1.0, "powerlaw_index": index}
            )
            * area
        )
        return out

    norm = mean / detector.mean_photons(photons(RESPONSE.low, RESPONSE.high), fraction)
    rate, exposure = norm * photons(RESPONSE.low, RESPONSE.high), 3.2 * 20000
    pars = [alpha, g0, fraction, regions, 3.2, fracexp, 30]
    flat = np.ones(len(rate))
    theirs = models.JDPileup().calc(
        pars,
        flat,
        exposure,
        RESPONSE.low,
        RESPONSE.high,
        flat,
        lambda lo, hi, *_: norm * photons(lo, hi),
    )
    theirs, ours = RESPONSE.redistribute(theirs), Davis(detector).expected(rate / g0, exposure, {})
    group = np.arange(len(ours)) // 8
    band = (RESPONSE.e_min > 0.5) & (RESPONSE.e_max < 8)
    ours, theirs = (
        np.bincount(group[band], x[band])[np.unique(group[band])] for x in (ours, theirs)
    )
    np.testing.assert_allclose(ours, theirs, rtol=1e-3)


# --- what comes beside the core --------------------------------------------------------------------------------------------


def test_a_rate_that_varies_is_seen_frame_by_frame():
    """Counts in a frame follow `1 - exp(-mu_k)`: the variability of the incident rate is suppressed."""
    detector = PileUp(alpha=1.0, psf_fraction=1.0)
    frames = 40_000
    profile = np.tile([0.2, 1.8], frames // 2)
    events = detector.record(
        spectrum(detector, 1.0, soft()), 3.2 * frames, {}, np.random.default_rng(8), profile
    )
    faint, bright = np.bincount(events.frame % 2)
    for seen, mean in ((faint, 0.2), (bright, 1.8)):
        assert stats.binomtest(int(seen), frames // 2, 1 - np.exp(-mean)).pvalue > 0.001
    assert (bright - faint) / (bright + faint) < 0.65 < 0.8


def test_wings_follow_the_profile_and_do_not_pile_up():
    detector = PileUp(alpha=1.0, psf_fraction=0.0)
    rate = soft() * 0.1
    events = detector.record(
        rate, 3.2 * 1000, {}, np.random.default_rng(9), np.repeat([0.0, 2.0], 500)
    )
    assert events.frame.min() >= 500
    assert (events.photons == 1).all()
    assert abs(len(events.frame) - rate.sum() * 3200) < 3.3 * np.sqrt(rate.sum() * 3200)


def test_a_profile_of_ones_is_a_constant_rate():
    detector = PileUp(alpha=0.5, psf_fraction=0.8, regions=2)
    rate = spectrum(detector, 0.3)
    a = detector.record(rate, 3200, {}, np.random.default_rng(10))
    b = detector.record(rate, 3200, {}, np.random.default_rng(10), np.ones(1000))
    core = [events.frame[events.photons > 1] for events in (a, b)]
    np.testing.assert_array_equal(*core)


def test_background_adds_its_counts():
    detector = PileUp(alpha=0.5, psf_fraction=0.9)
    background = np.zeros(RESPONSE.channels)
    background[100:200] = 0.02
    events = detector.record(
        soft() * 1e-12, 5000, {}, np.random.default_rng(11), background=background
    )
    assert abs(len(events.frame) - 1e4) < 3.3 * 100
    assert (events.photons == 0).all()
    assert events.channel.min() >= 100
    assert events.channel.max() < 200
    assert events.frame.max() < detector.frames(5000)


def test_nothing_above_the_upper_threshold():
    detector = PileUp(alpha=1.0, psf_fraction=0.9, upper_threshold=1.5)
    events = detector.record(spectrum(detector, 1.0, soft()), 3200, {}, np.random.default_rng(12))
    assert events.energy.max() <= 1.5
    core, wings = Davis(detector).events(spectrum(detector, 1.0), {})
    assert core[RESPONSE.low >= 1.5].max() == wings[RESPONSE.low >= 1.5].max() == 0


def test_times_are_starts_of_frames_in_order():
    detector = PileUp(alpha=0.5, psf_fraction=0.9, fracexp=0.5, transfer_time=0.041)
    events = detector.record(spectrum(detector, 0.5), 3200, {}, np.random.default_rng(13))
    times = detector.times(events)
    np.testing.assert_allclose(times / 3.241, np.round(times / 3.241), atol=1e-9)
    assert (np.diff(times) >= 0).all()
    assert 3000 < times[-1] < 1000 * 3.241


def test_the_same_seed_gives_the_same_events_and_another_others():
    detector = PileUp()
    params = {"alpha": 0.4, "psf_fraction": 0.9}
    rate = spectrum(PileUp(psf_fraction=0.9), 0.5)
    one, same, other = (
        detector.record(rate, 3200, params, np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    for name in FrameEvents.__dataclass_fields__:
        np.testing.assert_array_equal(getattr(one, name), getattr(same, name))
    assert len(one.frame) != len(other.frame) or (one.channel != other.channel).any()


def test_no_rate_no_events():
    detector = PileUp(alpha=0.5, psf_fraction=0.9)
    assert (
        detector.record(np.zeros(len(CENTRE)), 3200, {}, np.random.default_rng(1))
        .counts(RESPONSE.channels)
        .sum()
        == 0
    )
    assert Davis(detector).expected(np.zeros(len(CENTRE)), 3200, {}).sum() == 0


# --- the likelihood --------------------------------------------------------------------------------------------------------


def test_without_wings_the_likelihood_is_the_multinomial():
    core, counts = np.array([0.1, 0.25, 0.05]), np.array([9, 31, 4])
    exact = stats.multinomial.logpmf([*counts, 100 - counts.sum()], 100, [*core, 1 - core.sum()])
    assert multinomial_log_likelihood(counts, core, np.zeros(3), 100) == pytest.approx(
        exact, rel=1e-10
    )


def test_without_a_core_and_with_many_frames_it_is_poisson():
    mean, counts = np.array([5.0, 80.0, 0.3]), np.array([7, 71, 0])
    exact = stats.poisson.logpmf(counts, mean).sum()
    assert multinomial_log_likelihood(counts, np.zeros(3), mean, 50) == pytest.approx(
        exact, rel=1e-10
    )
    assert multinomial_log_likelihood(counts, 0.7 * mean / 1e9, 0.3 * mean, 10**9) == pytest.approx(
        exact, abs=1e-5
    )


def brute(counts, core, poisson, trials):
    """The sum over all ways to share the counts between core and wings."""
    total = 0.0
    for split in product(*(range(k + 1) for k in counts)):
        j = np.array(split)
        if j.sum() <= trials:
            multinomial = (
                gammaln(trials + 1)
                - gammaln(trials - j.sum() + 1)
                - gammaln(j + 1).sum()
                + (j * np.log(core)).sum()
            )
            multinomial += (trials - j.sum()) * np.log1p(-core.sum())
            total += np.exp(multinomial + stats.poisson.logpmf(counts - j, poisson).sum())
    return np.log(total)


@pytest.mark.parametrize("counts", [(14, 25, 6), (20, 33, 9), (8, 17, 3)])
def test_with_wings_it_is_the_sum_over_all_shares(counts):
    core, poisson = np.array([0.12, 0.25, 0.04]), np.array([3.0, 4.0, 2.0])
    counts = np.array(counts)
    assert multinomial_log_likelihood(counts, core, poisson, 80) == pytest.approx(
        brute(counts, core, poisson, 80), abs=0.03
    )


def test_more_events_than_frames_cannot_be():
    assert multinomial_log_likelihood(np.array([11]), np.array([0.5]), np.zeros(1), 10) == -np.inf
    assert multinomial_log_likelihood(
        np.array([10]), np.array([0.5]), np.zeros(1), 10
    ) == pytest.approx(10 * np.log(0.5))


# --- bad input -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(
            ("frame_time", 0.0),
            ("frame_time", np.nan),
            ("alpha", 1.1),
            ("alpha", -0.1),
            ("psf_fraction", 1.5),
            ("fracexp", 0.0),
        ),
        *(
            ("g0", 2.0),
            ("regions", 0),
            ("transfer_time", -1.0),
            ("upper_threshold", 0.0),
            ("arf", "only.arf"),
        ),
    ],
)
def test_a_number_out_of_its_range_is_named(option, value):
    with pytest.raises(ValueError, match="rmf is missing" if option == "arf" else option):
        PileUp(**{option: value})


def test_what_cannot_be_recorded_is_refused():
    rng = np.random.default_rng(1)
    with pytest.raises(ValueError, match=r"alpha is 1\.2"):
        PileUp(psf_fraction=0.9).record(soft(), 3200, {"alpha": 1.2}, rng)
    detector = PileUp(alpha=0.5, psf_fraction=0.9)
    with pytest.raises(ValueError, match="exposure is 0"):
        detector.record(soft(), 0.0, {}, rng)
    with pytest.raises(ValueError, match="negative or not finite"):
        detector.record(-soft(), 3200, {}, rng)
    with pytest.raises(ValueError, match="a profile of 3 frames does not fit an exposure of 1000"):
        detector.record(soft(), 3200, {}, rng, np.ones(3))
