"""Counts drawn without events have the moments, noise and memory of those of the events."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from livetime.simulate.binned_dead_time import can_draw_counts, counts_are_faster, draw_counts
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.light_curve import LightCurve, Rate
from livetime.simulate.periodogram import Periodogram, bin_counts

DT = 1 / 256
KINDS = {
    "no dead time": DeadTime(1, 0.0, background=50.0, kept_fraction=0.6),
    "seldom blind": DeadTime(1, 1e-5),
    "blind for a part of a bin": DeadTime(1, 1e-3),
    "blind for more than a bin": DeadTime(1, 7e-3),
    "merged": DeadTime(1, 2e-3, detectors=4),
    "all": DeadTime(1, 1e-3, detectors=2, background=200.0, kept_fraction=0.5),
}
ALL = pytest.mark.parametrize("kind", KINDS)


def constant(rate, duration):
    return Rate(np.full(round(duration * 64), rate, dtype=np.float32), 1 / 64)


def of_events(detector, rate, rng):
    out = np.zeros((1, round(rate.duration / DT)), dtype=np.float32)
    bin_counts(detector.record(rate, rng).times[0], np.zeros(1), DT, out)
    return out[0]


@ALL
@pytest.mark.parametrize("mean", [40.0, 1000.0])
def test_rate_and_noise_are_those_of_the_law(kind, mean):
    detector, segments, summary = KINDS[kind], 128, Periodogram(8.0, DT, 0.05)
    (found,) = draw_counts(detector, constant(mean, 8.0 * segments), DT, np.random.default_rng(1))
    recorded, fano = (
        float(detector.recorded(mean)),
        float(detector.white_noise([0.01], mean)[0]) / 2,
    )
    assert (
        abs(found.sum() - recorded * 8 * segments) < 4 * np.sqrt(recorded * 8 * segments * fano) + 2
    )
    (power,), _, _ = summary.of_counts([found.reshape(segments, -1)])
    width = summary.axis.averaged
    fine = detector.white_noise(np.arange(1, width.sum() + 1) / 8, mean, DT)
    expected = np.add.reduceat(fine, np.concatenate([[0], np.cumsum(width)[:-1]])) / width
    z = (power / expected - 1) * np.sqrt(segments * width)
    assert stats.chi2.sf((z**2).sum(), len(z)) > 1e-4
    assert abs(np.sum(z * np.sqrt(width)) / np.sqrt(width.sum())) < 4


@ALL
def test_bins_are_filled_as_events_fill_them_whatever_the_rate_does(kind):
    """Numbers in a bin, of pairs of neighbours, and the mean in each bin."""
    rate = LightCurve({"noise": "noise"}, dt=1 / 64).rate(
        {"noise_rms": 0.7, "noise_frequency": 20.0, "rate": 500.0}, 32, np.random.default_rng(2)
    )
    rng, n = np.random.default_rng(3), 60
    a, b = (
        np.array([draw() for _ in range(n)])
        for draw in (
            lambda: draw_counts(KINDS[kind], rate, DT, rng)[0],
            lambda: of_events(KINDS[kind], rate, rng),
        )
    )
    for sums in (lambda x: x, lambda x: x[:, 1:] * (x[:, :-1] + 1)):
        table = np.array(
            [np.bincount(np.minimum(sums(x), 30).astype(int).ravel(), minlength=31) for x in (a, b)]
        )
        table = table[:, table.sum(axis=0) > 50]
        assert stats.chi2_contingency(table).pvalue > 1e-4  # bins hardly depend on each other
    z = (a.mean(axis=0) - b.mean(axis=0)) / np.sqrt(
        (a.var(axis=0, ddof=1) + b.var(axis=0, ddof=1)) / n + 1e-4
    )
    assert abs((z**2).mean() - 1) < 0.25
    assert stats.ttest_ind(a.sum(axis=1), b.sum(axis=1)).pvalue > 1e-4
    assert (
        1e-4
        < stats.f.cdf(a.sum(axis=1).var(ddof=1) / b.sum(axis=1).var(ddof=1), n - 1, n - 1)
        < 1 - 1e-4
    )


def test_no_dead_time_is_poisson():
    (found,) = draw_counts(DeadTime(1, 0.0), constant(700.0, 64), DT, np.random.default_rng(4))
    assert 1e-4 < stats.chi2.sf(((found - 700 * DT) ** 2).sum() / (700 * DT), len(found)) < 1 - 1e-4
    again = draw_counts(DeadTime(1, 1e-12), constant(700.0, 64), DT, np.random.default_rng(4))[0]
    assert abs(again.mean() - found.mean()) < 4 * np.sqrt(2 * 700 * DT / len(found))


def test_a_detector_that_is_blind_for_bins_records_once_in_them():
    (found,) = draw_counts(DeadTime(1, 2.5 * DT), constant(1e4, 64), DT, np.random.default_rng(5))
    assert set(found) == {0.0, 1.0}
    assert np.diff(np.flatnonzero(found)).min() == 2  # 2.5 bins later, two at the least
    assert found.sum() == pytest.approx(64 / (2.5 * DT + 1e-4), rel=1e-3)


def test_modules_are_independent_and_see_their_own_area():
    a, b = draw_counts(
        DeadTime(2, 1e-5, area=0.5), constant(900.0, 64), DT, np.random.default_rng(6)
    )
    assert b.mean() / a.mean() == pytest.approx(0.5, rel=0.02)
    assert stats.pearsonr(a, b).pvalue > 1e-4


@pytest.mark.parametrize(
    "change",
    [
        {"paralyzable": True},
        {"scatter": 0.1},
        {"frame_time": 1e-3},
        {"dead_time": None},
        {"dead_time": "nustar"},
    ],
)
def test_what_cannot_be_counted_is_refused(change):
    rate = constant(100.0, 4)
    assert can_draw_counts(DeadTime(1, 1e-3), rate, DT)
    with pytest.raises(ValueError, match="counts are drawn for"):
        draw_counts(replace(DeadTime(1, 1e-3), **change), rate, DT, np.random.default_rng(7))
    for dt in (1 / 100, 1 / 32):
        with pytest.raises(ValueError, match="counts are drawn for"):
            draw_counts(DeadTime(1, 1e-3), rate, dt, np.random.default_rng(7))


def test_bright_detectors_that_are_seldom_blind_are_counted():
    rate = constant(1000.0, 4)
    assert counts_are_faster(DeadTime(1, 1e-5), rate, DT, 1000.0)
    assert counts_are_faster(DeadTime(1, 1e-5, detectors=5), rate, DT, 1000.0)
    assert not counts_are_faster(DeadTime(1, 1e-5, detectors=50), rate, DT, 1000.0)
    assert not counts_are_faster(DeadTime(1, 2.5e-3), rate, DT, 1000.0)
    assert not counts_are_faster(DeadTime(1, "nustar"), rate, DT, 1000.0)
