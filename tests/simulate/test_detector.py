"""Laws of every detector: each class, with each file of configs/detector."""

import inspect
import json
import re
from pathlib import Path

import numpy as np
import pytest
import yaml

from livetime.config import CONFIGS, build
from livetime.simulate.davis import Davis
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.detector import Detector, Events
from livetime.simulate.frames import FramePileUp
from livetime.simulate.light_curve import Rate
from livetime.simulate.photon_spectrum import PhotonSpectrum
from livetime.simulate.pileup import PileUp

PARAMS = {
    "alpha": 0.5,
    "psf_fraction": 0.8,
    "dead_time": 1e-3,
    "detectors": 3.0,
    "background_share": 0.2,
    "kept_fraction": 0.6,
    "rate": 300.0,
}
CONSTANT = Rate(np.full(64 * 128, PARAMS["rate"], dtype=np.float32), 1 / 64)
SPECTRUM = PhotonSpectrum({"powerlaw": "powerlaw"}, "wabs")
SOURCE = {"powerlaw_norm": 1e-3, "powerlaw_index": 1.7, "n_h": 0.3}
EXPOSURE = 20_000.0


def of_file(path: Path):
    return build(yaml.safe_load(path.read_text()), "detector")


ALL = {path.stem: of_file(path) for path in sorted((CONFIGS / "detector").glob("*.yaml"))}
ALL |= {
    "paralyzable": DeadTime(2, 1e-3, paralyzable=True),
    "merged and screened": DeadTime(1, 1e-3, 0.2, detectors=4, background=50.0, kept_fraction=0.4),
    "unequal areas": DeadTime(2, 1e-3, area=0.5),
    "frames without pile-up": FramePileUp(alpha=0.0, psf_fraction=0.0),
}
TIMING = {name: d for name, d in ALL.items() if "events" in d.simulators}
SPECTRAL = {name: d for name, d in ALL.items() if "spectrum" in d.simulators}
EVERY = pytest.mark.parametrize("detector", ALL.values(), ids=ALL)
EVERY_TIMING = pytest.mark.parametrize("detector", TIMING.values(), ids=TIMING)


def classes(base=Detector):
    for cls in base.__subclasses__():
        yield cls
        yield from classes(cls)


def record(detector, seed=1):
    return detector.at(PARAMS).record(CONSTANT, np.random.default_rng(seed))


def test_every_class_is_among_them():
    own = {cls for cls in classes() if cls.__module__.startswith("livetime.")}
    concrete = {cls for cls in own if not inspect.isabstract(cls)}
    assert concrete <= {type(detector) for detector in TIMING.values()}
    assert {*TIMING, *SPECTRAL} == set(ALL)


@EVERY
def test_the_detector_of_an_observation_has_nothing_open_and_stays_as_it_is(detector):
    own = detector.at(PARAMS)
    assert own.parameters == own.covariates == ()
    assert own.at(PARAMS) == own
    assert own.at({}) == own
    assert type(own) is type(detector)


@EVERY
def test_parameters_and_covariates_are_named_once(detector):
    names = [*detector.parameters, *detector.covariates]
    assert len(set(names)) == len(names)
    assert set(names) <= set(PARAMS)


@EVERY
def test_keywords_and_identity_are_plain(detector):
    keywords = detector.at(PARAMS).keywords(np.array([[0.0, 100.0]]))
    for key, value in keywords.items():
        assert re.fullmatch(r"[A-Z0-9_-]{1,8}", key)
        assert isinstance(value, float)
        assert np.isfinite(value)
    assert json.loads(json.dumps(detector.identity()))["class"] == type(detector).__name__


@EVERY_TIMING
def test_events_are_sorted_and_within_good_time(detector):
    events = record(detector)
    assert isinstance(events, Events)
    assert len(events.times) == detector.modules
    np.testing.assert_array_equal(events.gti, [[0.0, CONSTANT.duration]])
    for times in events.times:
        assert len(times) > 100
        assert (np.diff(times) >= 0).all()
        assert times[0] >= 0
        assert times[-1] < CONSTANT.duration


@EVERY_TIMING
def test_the_same_random_numbers_give_the_same_events(detector):
    one, two, other = record(detector), record(detector), record(detector, 2)
    for a, b, c in zip(one.times, two.times, other.times, strict=True):
        np.testing.assert_array_equal(a, b)
        assert not np.array_equal(a, c)


@EVERY_TIMING
def test_the_mean_recorded_rate_is_the_law(detector):
    """Counts within five standard deviations of a Poisson process, which scatters more."""
    own = detector.at(PARAMS)
    given = ({},) if "params" in inspect.signature(own.recorded).parameters else ()
    expected = float(own.recorded(PARAMS["rate"], *given)) * CONSTANT.duration
    found = len(record(detector).times[0])
    assert abs(found - expected) < 5 * np.sqrt(expected) + 1


@EVERY_TIMING
def test_a_rate_that_is_not_finite_gives_a_time_that_is_not(detector):
    rate = Rate(np.full(64, np.nan, dtype=np.float32), 1 / 64)
    events = detector.at(PARAMS).record(rate, np.random.default_rng(0))
    assert all(np.isnan(times).any() for times in events.times)


@pytest.mark.parametrize("detector", SPECTRAL.values(), ids=SPECTRAL)
def test_events_of_frames_are_in_order_and_as_many_as_the_law_says(detector):
    assert isinstance(detector, PileUp)
    own = detector.at(PARAMS)
    response = own.response
    rate = SPECTRUM.photons(response.low, response.high, SOURCE) * response.area
    events = own.record(rate, EXPOSURE, {}, np.random.default_rng(1))
    assert (np.diff(events.frame) >= 0).all()
    assert events.frame.min() >= 0
    assert events.frame.max() < own.frames(EXPOSURE)
    assert events.channel.max() < response.channels
    expected = float(Davis(own).expected(rate, EXPOSURE, {}).sum())
    assert abs(int(events.good.sum()) - expected) < 5 * np.sqrt(expected)
