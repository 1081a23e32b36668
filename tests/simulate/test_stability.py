"""How rate and power change from segment to segment: laws of the numbers in a summary."""

import numpy as np
import pytest

from livetime.simulate.dead_time_detector import IDEAL, DeadTime
from livetime.simulate.light_curve import Rate
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.stability import MIN_SEGMENTS

TWO = DeadTime(2, 0.0)
PLAIN = Periodogram(4.0, 1 / 64)
STABLE = Periodogram(4.0, 1 / 64, stability=True)


def summaries(detector, factor, segments=16, n=200, rate=100.0):
    """Draw summaries of a rate that follows a function of the place from 0 to 1, by name."""
    steps = segments * 64 * 4
    place = (np.arange(steps) + 0.5) / steps
    values = (rate * factor(place) * np.ones(steps)).astype(np.float32)
    rng = np.random.default_rng(1)
    source = Rate(values, 1 / 64)
    x = np.array([STABLE(detector.record(source, rng), detector) for _ in range(n)])
    return STABLE.layout(detector).split(x)


@pytest.mark.parametrize("detector", [IDEAL, TWO], ids=["one module", "two modules"])
def test_the_vector_begins_with_that_of_the_plain_summary(detector):
    events = detector.record(Rate(np.full(8192, 50, np.float32), 1 / 64), np.random.default_rng(0))
    plain = PLAIN(events, detector)
    with_stability = STABLE(events, detector)
    assert len(with_stability) == STABLE.layout(detector).size > len(plain)
    np.testing.assert_array_equal(with_stability[: len(plain)], plain)


@pytest.mark.parametrize("detector", [IDEAL, TWO], ids=["one module", "two modules"])
def test_trends_of_white_noise_have_unit_scatter(detector):
    parts = summaries(detector, lambda place: 1.0)
    trends = np.concatenate(
        [v for k, v in parts.items() if k.startswith("stability_power")], axis=1
    )
    assert trends.shape[1] > 8
    assert trends.mean() == pytest.approx(0, abs=0.05)
    # The scatter of P_s/P is below that of P_s, since P is the mean of the same segments.
    assert trends.std() == pytest.approx(1, abs=0.06)


def test_a_rate_that_doubles_has_a_trend_of_two_thirds():
    parts = summaries(IDEAL, lambda place: 1 + place)
    assert parts["stability_trend"].mean() == pytest.approx(2 / 3, abs=0.01)


def test_a_flare_raises_the_peak():
    flare = summaries(IDEAL, lambda place: 1 + 4.0 * (np.abs(place - 0.4) < 1 / 32), n=20)
    steady = summaries(IDEAL, lambda place: 1.0, n=20)
    assert flare["stability_peak"].min() > 2 * steady["stability_peak"].max()
    assert flare["stability_scatter"].min() > 2 * steady["stability_scatter"].max()


def test_a_constant_rate_scatters_as_photons_do():
    parts = summaries(IDEAL, lambda place: 1.0, segments=64)
    photons = 1 / np.sqrt(100.0 * 4)
    assert np.expm1(parts["stability_scatter"]).mean() == pytest.approx(photons, rel=0.03)


def test_a_band_whose_power_appears_late_has_a_positive_trend():
    def factor(place):
        t = place * 64
        return 1 + 0.5 * np.sin(2 * np.pi * 5 * t) * (place > 0.5)

    parts = summaries(IDEAL, factor, n=20)
    labels = {block.name: block.label for block in STABLE.layout(IDEAL).blocks}
    greatest = max(labels, key=lambda name: parts[name].mean() if "stability_power" in name else -1)
    low, high = (
        labels[greatest].removeprefix("trend of the power at ").split(" Hz")[0].split(" to ")
    )
    assert float(low) <= 5 <= float(high)
    assert parts[greatest].min() > 4  # standard deviations of white noise


def test_few_segments_say_nothing():
    parts = summaries(IDEAL, lambda place: 1 + place, segments=MIN_SEGMENTS - 1, n=3)
    added = [v for k, v in parts.items() if k.startswith("stability")]
    values = [part for part in added if part.shape[1] == 1]
    assert np.count_nonzero(np.concatenate(values)) == 0
