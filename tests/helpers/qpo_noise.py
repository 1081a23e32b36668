"""A QPO and band-limited noise: the values and ranges that the tests of the references share."""

from livetime.simulate.prior import Range

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
