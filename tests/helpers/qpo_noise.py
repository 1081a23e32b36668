"""A QPO and band-limited noise: the values and ranges that the tests of the references share."""

from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.light_curve import LightCurve
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.prior import Prior, Range
from livetime.simulate.timing import TimingSimulator

TRUTH = {
    "qpo_rms": 0.1,
    "qpo_frequency": 3.0,
    "qpo_quality": 8.0,
    "noise_rms": 0.1,
    "noise_frequency": 1.0,
    "rate": 1000.0,
    "segments": 16.0,
}
RANGES = {
    "qpo_rms": Range(0.03, 0.5, "log"),
    "qpo_frequency": Range(0.5, 20, "log"),
    "qpo_quality": Range(2, 20, "log"),
    "noise_rms": Range(0.03, 0.5, "log"),
    "noise_frequency": Range(0.2, 5, "log"),
    "rate": Range(20, 2000, "log"),
}
SOURCE = LightCurve({"qpo": "qpo", "noise": "noise"})
SIMULATOR = TimingSimulator(
    Prior(RANGES, {"segments": Range(4, 64, "log")}),
    SOURCE,
    DeadTime(1, 0.0),
    Periodogram(),
    threads=1,
)
"""One detector without dead time."""
