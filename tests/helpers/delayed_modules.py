"""Two modules that see one source, the second with a clock that is late, for tests."""

import numpy as np

from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.light_curve import LightCurve

SOURCE = LightCurve({"qpo": "qpo", "noise": "noise"}, dt=1 / 128)
WEAK = {
    "qpo_rms": 0.08,
    "qpo_frequency": 5.0,
    "qpo_quality": 8.0,
    "noise_rms": 0.08,
    "noise_frequency": 1.0,
}
MARGIN = 16.0
"""Time in s before and after the observation, so that a delay leaves no gap."""


def delayed_pair(rate, delay, seed, span=512.0, detector=None, **changes):
    """Event times of both modules within 0 to span s, and the good time."""
    rng = np.random.default_rng(seed)
    params = {**WEAK, **changes, "rate": rate}
    curve = SOURCE.rate(params, span + 2 * MARGIN, rng)
    first, second = (detector or DeadTime(2, 0.0)).record(curve, rng).times
    shifted = [first - MARGIN, second - MARGIN + delay]
    return [times[(times >= 0) & (times <= span)] for times in shifted], np.array([[0.0, span]])
