"""What a light curve and a detector cannot represent is refused before the work, with its limit."""

import numpy as np
import pytest

from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.light_curve import LightCurve
from livetime.simulate.observable import MAX_LOG_RMS, check_light_curve
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.prior import Prior, Range
from livetime.simulate.simulator import stream
from livetime.simulate.timing import TimingSimulator

SOURCE = LightCurve({"qpo": "qpo", "noise": "noise"}, dt=1 / 64)
LINEAR = LightCurve({"noise": "noise"}, dt=1 / 64, log_normal=False)
RED = LightCurve({"powerlaw": "powerlaw"}, dt=1 / 64)
PARAMS = {
    "qpo_rms": 0.1,
    "qpo_frequency": 5.0,
    "qpo_quality": 8.0,
    "noise_rms": 0.1,
    "noise_frequency": 1.0,
    "powerlaw_norm": 1e-3,
    "powerlaw_index": 1.5,
    "rate": 100.0,
}


@pytest.mark.parametrize("source", [SOURCE, LINEAR, RED])
def test_what_can_be_simulated_passes(source):
    check_light_curve(source, PARAMS, 64.0)
    check_light_curve(source, {**PARAMS, "rate": 1 / 64}, 64.0)


@pytest.mark.parametrize(
    ("source", "change", "named"),
    [
        (SOURCE, {"qpo_frequency": 33.0}, "qpo_frequency is 33 Hz, .* end at 32 Hz"),
        (SOURCE, {"noise_frequency": 1e6}, "noise_frequency is 1e.06 Hz"),
        (SOURCE, {"qpo_rms": 50.0}, "log rate is 50, mostly of the component qpo"),
        (SOURCE, {"noise_rms": 4.1}, "log rate is 4.1, mostly of the component noise"),
        (LINEAR, {"noise_rms": 1.2}, "linear light curve is 1.2"),
        (RED, {"powerlaw_norm": 1e3}, "mostly of the component powerlaw"),
        (RED, {"powerlaw_index": 400.0}, "mostly of the component powerlaw"),
        (SOURCE, {"rate": 1e300}, "gives 6.4e.301 events"),
        (SOURCE, {"rate": 1e-9}, "gives 6.4e-08 events"),
        (SOURCE, {"rate": np.nan}, "nan"),
    ],
)
def test_what_cannot_be_simulated_is_named(source, change, named):
    with pytest.raises(ValueError, match=named):
        check_light_curve(source, {**PARAMS, **change}, 64.0)


def test_too_long_a_light_curve_is_refused_before_it_is_drawn():
    with pytest.raises(ValueError, match="steps of a light curve"):
        check_light_curve(SOURCE, PARAMS, 1e9)


def test_the_limit_is_where_a_light_curve_still_has_its_mean():
    """The rate exceeds its mean where g > var/2, which is 2% of the time at the limit."""
    values = np.random.default_rng(0).normal(size=1_000_000)
    rate = np.exp(MAX_LOG_RMS * values - MAX_LOG_RMS**2 / 2)
    assert (rate > 1).mean() == pytest.approx(0.023, rel=0.03)


def simulator(source=LINEAR, **ranges):
    own = {
        "noise_rms": Range(0.1, 0.3),
        "noise_frequency": Range(0.5, 2.0),
        "rate": Range(1.0, 100.0, "log"),
        **ranges,
    }
    prior = Prior(own, {"segments": Range(1, 3)})
    return TimingSimulator(prior, source, DeadTime(2, 0.0), Periodogram(4.0, 1 / 64))


def test_a_prior_beyond_the_light_curve_is_refused():
    source = LightCurve({"noise": "noise"}, dt=1 / 64)
    with pytest.raises(ValueError, match=r"prior\.parameters reaches what .* is 50"):
        simulator(source, noise_rms=Range(0.1, 50.0))
    assert simulator(source, noise_rms=Range(0.1, 3.9)).source == source


@pytest.mark.parametrize(
    ("change", "named"),
    [({"noise_rms": 0.9}, "negative at times"), ({"rate": 0.01}, "no event in 4 s")],
)
def test_no_empty_or_negative_observation_is_given(change, named):
    params = {"noise_rms": 0.1, "noise_frequency": 1.0, "rate": 50.0, "segments": 1.0, **change}
    with pytest.raises(ValueError, match=named):
        simulator().events(params, stream(1, 0))
