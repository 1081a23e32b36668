import numpy as np
import pytest

from livetime.simulate.curve_features import CURVE_FEATURES, curve_features
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.detector import Events
from livetime.simulate.features import BANDS, Features, _State
from livetime.simulate.light_curve import LightCurve, Rate
from livetime.simulate.periodogram import segment_starts
from livetime.simulate.prior import Prior, Range
from livetime.simulate.timing import TimingSimulator

DURATION = 2560.0


def steady(rate: float, detector, seed: int = 1, duration: float = DURATION) -> Events:
    return detector.record(
        Rate(np.full(64, rate, np.float32), duration / 64), np.random.default_rng(seed)
    )


def varying(detector, seed: int = 1, duration: float = DURATION, rate: float = 300.0) -> Events:
    source = LightCurve({"noise": "noise", "qpo": "qpo"}, dt=1 / 64)
    params = {
        "noise_rms": 0.25,
        "noise_frequency": 0.3,
        "qpo_rms": 0.15,
        "qpo_frequency": 4.0,
        "qpo_quality": 8.0,
        "rate": rate,
    }
    rng = np.random.default_rng(seed)
    return detector.record(source.rate(params, duration, rng), rng)


def read(features: Features, events: Events, detector: DeadTime | None = None) -> dict[str, float]:
    """Name the features; of a detector without dead time where none is given."""
    detector = detector or DeadTime(len(events.times), 0.0)
    names = features.layout(detector).names()
    return dict(zip(names, features(events, detector).tolist(), strict=True))


@pytest.mark.parametrize(
    "detector",
    [
        DeadTime(1, 0.0),
        DeadTime(2, 0.0),
        DeadTime(1, 2.5e-3),
        DeadTime(2, 2.5e-3),
        DeadTime(1, "nustar"),
    ],
)
def test_a_steady_source_has_no_variance_left_in_any_band(detector):
    features, found = Features(hardness=False), []
    for seed in range(24):
        row = read(features, steady(400.0, detector, seed), detector)
        found.append([row[f"rms_{i}"] for i in (1, 2, 3, 4)])
    found = np.array(found)
    variance = np.sign(found) * found**2
    assert (np.abs(variance.mean(axis=0)) < 3.5 * variance.std(axis=0) / np.sqrt(24)).all()


def test_the_noise_of_the_wrong_dead_time_is_seen():
    found = read(Features(hardness=False), steady(400.0, DeadTime(1, 2.5e-3)))
    assert found["rms_4"] < -0.05
    assert found["nonpositive_4"] == 1


def test_power_colours_are_those_of_stingray():
    power_colors = pytest.importorskip("stingray.power_colors")
    events = varying(DeadTime(1, 0.0))
    features = Features(hardness=False)
    counts = np.zeros((1, len(segment_starts(events.gti, 256.0)), features.bins), np.float32)
    edges = np.arange(counts.shape[1] * features.bins + 1) * features.dt
    counts[0] = np.histogram(events.times[0], edges)[0].reshape(counts.shape[1:])
    rate = counts.sum(dtype=float) / DURATION
    power, _ = features._power(counts, _State.at_rates(np.array([rate]), DeadTime(1, 0.0)))
    frequency = np.arange(1, len(power) + 1) / 256
    inverse, _, pc2, _ = power_colors.power_color(
        frequency, power, freq_edges=[*BANDS[:-1], BANDS[-1] - 1 / 256]
    )
    found = read(features, events)
    # of its first, stingray 2.3 gives the inverse of the published definition
    assert 10 ** found["power_colour_1"] == pytest.approx(1 / inverse, rel=0.04)
    assert 10 ** found["power_colour_2"] == pytest.approx(pc2, rel=0.04)


def test_dead_time_leaves_rms_and_colours_as_they_are():
    ideal = [read(Features(hardness=False), varying(DeadTime(2, 0.0), seed)) for seed in range(8)]
    dead = [
        read(Features(hardness=False), varying(DeadTime(2, 2.5e-3), seed), DeadTime(2, 2.5e-3))
        for seed in range(8)
    ]
    for name, tolerance in (
        ("rms_2", 0.02),
        ("rms_3", 0.02),
        ("rms_4", 0.02),
        ("excess_rms", 0.05),
    ):
        a, b = (np.array([row[name] for row in rows]) for rows in (ideal, dead))
        assert b.mean() == pytest.approx(a.mean(), abs=tolerance), name
    # while the recorded variability itself is far smaller
    raw = read(Features(hardness=False), varying(DeadTime(2, 2.5e-3)))
    assert raw["rms_3"] < 0.75 * ideal[0]["rms_3"]


def test_the_bump_is_the_qpo():
    found = read(Features(hardness=False), varying(DeadTime(1, 0.0), 3))
    assert 10 ** found["bump_frequency"] == pytest.approx(4.0, rel=0.15)
    assert found["bump_rms"] == pytest.approx(0.15, rel=0.35)
    assert (
        found["bump"]
        > read(Features(hardness=False), steady(300.0, DeadTime(1, 0.0)))["bump"] + 0.5
    )


def test_the_slope_is_that_of_red_noise():
    source = LightCurve({"powerlaw": "powerlaw"}, dt=1 / 64, stretch=4.0)
    rng = np.random.default_rng(2)
    for index in (0.8, 1.3):
        rate = source.rate(
            {"powerlaw_norm": 5e-3, "powerlaw_index": index, "rate": 3000.0}, DURATION, rng
        )
        found = read(Features(hardness=False), DeadTime(1, 0.0).record(rate, rng))
        assert found["slope"] == pytest.approx(-index, abs=0.12)


def test_hardness_is_the_ratio_of_counts_whatever_the_dead_time():
    events = steady(500.0, DeadTime(1, 2.5e-3))
    hard = np.random.default_rng(1).random(len(events.times[0])) < 0.25
    energies = np.where(hard, 14.0, 6.0)
    found = read(Features(), Events(events.times, events.gti, (energies,)), DeadTime(1, 2.5e-3))
    assert 10 ** found["hardness"] == pytest.approx(hard.sum() / (~hard).sum(), rel=1e-3)
    with pytest.raises(ValueError, match="have no energies"):
        read(Features(), events)


def test_light_curve_features_of_what_is_known():
    t = np.arange(256.0)
    sine = 100 * (1 + 0.3 * np.sin(2 * np.pi * (t + 0.5) / 32))[None]
    found = dict(zip(CURVE_FEATURES, curve_features(sine, noise=0.0)[0], strict=True))
    assert found["excess_rms"] == pytest.approx(0.3 / np.sqrt(2), rel=1e-3)
    assert found["amplitude"] == pytest.approx(0.3, rel=0.01)
    assert found["skew"] == pytest.approx(0, abs=1e-6)
    assert found["kurtosis"] == pytest.approx(-1.5, abs=0.01)
    assert found["stetson_k"] == pytest.approx(2 * np.sqrt(2) / np.pi, rel=0.01)
    assert found["beyond_1_std"] == pytest.approx(0.5, abs=0.02)
    assert found["max_slope"] == pytest.approx(0.3 * 2 * np.pi / 32, rel=0.01)
    assert found["pair_slope_trend"] == pytest.approx(0, abs=0.02)
    scaled = curve_features(7 * sine, noise=0.0)
    np.testing.assert_allclose(scaled, curve_features(sine, noise=0.0), rtol=1e-9, atol=1e-9)


def test_the_excess_rms_of_noise_alone_is_zero_with_and_without_dead_time():
    for detector in (DeadTime(1, 0.0), DeadTime(1, 2.5e-3)):
        features = Features(hardness=False)
        found = np.array(
            [
                read(features, steady(300.0, detector, seed), detector)["excess_rms"]
                for seed in range(20)
            ]
        )
        variance = np.sign(found) * found**2
        assert abs(variance.mean()) < 4 * variance.std() / np.sqrt(20)


def test_no_counts_are_no_number_and_no_segment_is_an_error():
    features = Features(hardness=False)
    assert np.isnan(
        features(Events((np.zeros(0),), np.array([[0.0, 512.0]])), DeadTime(1, 0.0))
    ).all()
    with pytest.raises(ValueError, match="segment_size is 256 s, but the longest"):
        features(Events((np.arange(10.0),), np.array([[0.0, 100.0]])), DeadTime(1, 0.0))


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        ({"segment_size": 64.0}, "1/256"),
        ({"dt": 0.1}, "16 Hz"),
        ({"rebin": 0.0}, "rebin"),
        ({"dt": 0.03}, "whole"),
    ],
)
def test_other_sizes_are_refused(wrong, word):
    with pytest.raises(ValueError, match=word):
        Features(**wrong)


PRIOR = Prior(
    {
        "noise_rms": Range(0.1, 0.3),
        "noise_frequency": Range(0.5, 2.0),
        "rate": Range(50.0, 100.0),
        "hardness": Range(0.1, 1.0),
    },
    {"segments": Range(1.0, 2.0)},
)
SOURCE = LightCurve({"noise": "noise"}, dt=1 / 64)


def test_a_simulator_of_features_gives_one_number_each_and_the_same_with_two_threads():
    x = [
        TimingSimulator(PRIOR, SOURCE, DeadTime(2, "nustar"), Features(), threads=threads).simulate(
            0, 6, 1
        )[1]
        for threads in (1, 2)
    ]
    np.testing.assert_array_equal(*x)
    assert np.isfinite(x[0]).all()
    layout = TimingSimulator(PRIOR, SOURCE, DeadTime(2, "nustar"), Features()).layout
    assert layout.names() == Features().layout(DeadTime(2)).names()
    assert x[0].shape == (6, layout.size)


@pytest.mark.parametrize("detector", [DeadTime(1, 2.5e-3, paralyzable=True), DeadTime(1, None)])
def test_features_refuse_a_detector_whose_noise_is_not_known(detector):
    with pytest.raises(ValueError, match="summary=features"):
        TimingSimulator(PRIOR, SOURCE, detector, Features())
