"""Pile-up: conservation, closed forms, and what comes beside the core."""

import numpy as np
import pytest
from piled_source import CENTRE, RESPONSE, soft, spectrum
from scipy import stats

from livetime.simulate.davis import Davis
from livetime.simulate.frame_events import FrameEvents
from livetime.simulate.pileup import PileUp

MEANS = pytest.mark.parametrize("mean", [0.01, 0.1, 0.5, 1.0])


# Conservation and closed forms.


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
    """The share of frames with a good event is `g0 exp(-mu) (exp(alpha mu) - 1)/alpha`."""
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


# What comes beside the core.


def test_a_rate_that_varies_is_seen_frame_by_frame():
    """Counts in a frame follow `1 - exp(-mu_k)`, which suppresses the rate's variability."""
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


# Bad input.


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
