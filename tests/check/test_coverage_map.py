"""A calibrated posterior covers in all cells; a cell where one is overconfident is found."""

import numpy as np
import pytest
from qpo_noise import RANGES

from livetime.check import coverage_map as cells
from livetime.check.calibration import Calibration
from livetime.report.assessment_posterior import map_words
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.light_curve import LightCurve
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.prior import Prior, Range
from livetime.simulate.timing import TimingSimulator

SEGMENTS = Range(4, 64, "log")
SIMULATOR = TimingSimulator(
    Prior(RANGES, {"segments": SEGMENTS}),
    LightCurve({"qpo": "qpo", "noise": "noise"}),
    DeadTime(1, 2e-3),
    Periodogram(),
)


def calibration(simulator=SIMULATOR, n=4000, narrow=None):
    """Calibrate an exact posterior; where `narrow` is true, one whose regions are too small."""
    rng = np.random.default_rng(0)
    theta = simulator.prior.sample(n, rng)
    hpd = rng.random(n)
    if narrow is not None:
        hpd = np.where(narrow(simulator.prior.physical(theta)), np.maximum(hpd, rng.random(n)), hpd)
    dim = simulator.prior.dim
    own = theta[:, :dim]
    covariates = dict(zip(simulator.prior.covariates, theta[:, dim:].T, strict=True))
    return Calibration(simulator.prior, own, hpd, own, own, own, own, hpd, 399, covariates)


def test_the_quantities_are_what_they_say():
    c = calibration()
    found, values = cells.map_quantities(c, SIMULATOR), SIMULATOR.prior.physical(c.mean)
    np.testing.assert_allclose(found[cells.BLIND], values["rate"] * 2e-3)
    np.testing.assert_allclose(found[cells.RMS], np.hypot(values["qpo_rms"], values["noise_rms"]))
    np.testing.assert_allclose(
        found[cells.SEGMENTS], SEGMENTS.to_physical(c.covariates["segments"])
    )


def test_incident_events_per_dead_time_of_a_detector_with_covariates():
    known = {
        "dead_time": Range(1e-4, 5e-3, "sqrt"),
        "detectors": Range(1, 8, "log"),
        "background_share": Range(0.0, 0.5),
        "kept_fraction": Range(0.2, 1.0),
    }
    detector = DeadTime(1, None, detectors=None, background=None, kept_fraction=None)
    simulator = TimingSimulator(
        Prior(RANGES, {"segments": SEGMENTS, **known}), SIMULATOR.source, detector, Periodogram()
    )
    c = calibration(simulator, n=300)
    values = simulator.prior.physical(
        np.hstack([c.mean, np.stack(list(c.covariates.values()), axis=1)])
    )
    expected = (
        values["rate"]
        / (1 - values["background_share"])
        * values["dead_time"]
        / values["detectors"]
    )
    np.testing.assert_allclose(cells.map_quantities(c, simulator)[cells.BLIND], expected)


def test_without_dead_time_there_is_rms_against_segments_alone():
    ideal = TimingSimulator(SIMULATOR.prior, SIMULATOR.source, DeadTime(1, 0.0), SIMULATOR.summary)
    assert [found.names for found in cells.coverage_maps(calibration(ideal), ideal)] == [
        (cells.RMS, cells.SEGMENTS)
    ]


def test_a_calibrated_posterior_is_so_in_all_cells():
    for found in cells.coverage_maps(calibration(), SIMULATOR):
        assert found.n.sum() == 4000
        assert found.n.shape == (cells.MAX_CELLS, cells.MAX_CELLS)
        np.testing.assert_allclose(
            found.n.sum(axis=0), 4000 / cells.MAX_CELLS, atol=1
        )  # even along each quantity
        for level in (0.68, 0.95):
            assert found.p_value(level) > 1e-3


def test_where_a_posterior_is_overconfident_is_found_though_its_average_hides_it():
    off = calibration(
        narrow=lambda v: (v["rate"] > 900) & (np.hypot(v["qpo_rms"], v["noise_rms"]) > 0.25)
    )
    assert off.coverage(0.68)["joint"] > 0.64
    found = cells.coverage_maps(off, SIMULATOR)[0]
    assert found.names == (cells.BLIND, cells.RMS)
    assert found.p_value(0.68) < 1e-6
    assert np.unravel_index(np.nanargmin(found.z(0.68)), found.n.shape)[0] == cells.MAX_CELLS - 1
    assert f"events per dead time {found.edges[0][-2]:.3g} to" in map_words(found)


def test_cells_of_too_few_are_blank():
    found = cells.coverage_map(
        calibration(n=100), ("a", "b"), (np.arange(100.0), np.arange(100.0))
    )  # all on the diagonal
    assert np.isnan(found.coverage(0.68)).tolist() == [[False, True], [True, False]]
    assert found.plain()["coverage"]["0.68"][0][1] is None
    few = cells.coverage_map(calibration(n=20), ("a", "b"), (np.arange(20.0), np.arange(20.0)))
    assert map_words(few) == "cells of a and b have too few simulations to judge (fewer than 30)"


def test_a_power_laws_rms_is_that_of_the_summarys_band():
    prior = Prior(
        {
            "powerlaw_norm": Range(1e-4, 1e-2, "log"),
            "powerlaw_index": Range(0.5, 2.0),
            "rate": Range(50, 2000, "log"),
        },
        {"segments": SEGMENTS},
    )
    simulator = TimingSimulator(
        prior, LightCurve({"powerlaw": "powerlaw"}), DeadTime(1, 2e-3), Periodogram(rebin=0.01)
    )
    rms = cells.powerlaw_rms(
        simulator, "powerlaw", {"powerlaw_norm": [1e-3], "powerlaw_index": [1.0]}
    )
    assert rms[0] == pytest.approx(np.sqrt(1e-3 * np.log(128 / (0.5 / 16))), rel=0.02)
