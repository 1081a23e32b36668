"""Measure how often a late clock of a second module is found, and how often a right one is blamed.

A QPO of rms 0.08 at 5 Hz (Q = 8) and noise of rms 0.08 (1 Hz) are seen by two modules with a dead
time of 2.5 ms. Each row gives the share of pairs whose delay is reported as a warning.
"""

import argparse

import numpy as np
from rich.console import Console
from rich.table import Table

from livetime.files.clocks import cross_spectrum, measure_delay
from livetime.files.examine_modules import CLOCK_ALPHA
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.light_curve import LightCurve
from livetime.simulate.simulator import stream

SOURCE = LightCurve({"qpo": "qpo", "noise": "noise"}, dt=1 / 128)
PARAMS = {
    "qpo_rms": 0.08,
    "qpo_frequency": 5.0,
    "qpo_quality": 8.0,
    "noise_rms": 0.08,
    "noise_frequency": 1.0,
}
MARGIN = 16.0
"""Time in s before and after the observation, so that a delay leaves no gap."""
DETECTOR = DeadTime(2, 2.5e-3)
RATES = (50.0, 100.0, 200.0, 400.0)
SPANS = (1024.0, 4096.0, 16384.0)
DELAYS = (0.0, 0.01, 0.1, 3.0)


def delayed_pair(
    rate: float,
    delay: float,
    seed: int | np.random.Generator,
    span: float = 512.0,
    detector: DeadTime | None = None,
    **changes: float,
) -> tuple[list[np.ndarray], np.ndarray]:
    """Simulate two modules that see one source, the second with a clock that is late.

    Arguments:
        rate: counts/s of the source in a module.
        delay: of the second clock, in s.
        seed: of the random numbers, or their generator.
        span: length of the observation in s.
        detector: of both modules; None for one without dead time.
        changes: parameters of the source that are not those of `PARAMS`.

    Returns: event times of both modules within 0 to span s, and the good time.
    """
    rng = np.random.default_rng(seed)
    curve = SOURCE.rate({**PARAMS, **changes, "rate": rate}, span + 2 * MARGIN, rng)
    first, second = (detector or DeadTime(2, 0.0)).record(curve, rng).times
    shifted = [first - MARGIN, second - MARGIN + delay]
    inside = [times[(times >= 0) & (times <= span)] for times in shifted]
    return inside, np.array([[0.0, span]])


def share(rate: float, span: float, delay: float, pairs: int) -> tuple[float, float]:
    """Find the share of pairs with power in common, and of those with a delay reported."""
    common = 0
    reported = 0
    for i in range(pairs):
        rng = stream(i, round(delay * 1000))
        lists, gti = delayed_pair(rate, delay, rng, span, DETECTOR)
        spectrum = cross_spectrum(*lists, gti)
        found = None if spectrum is None else measure_delay(spectrum)
        common += found is not None
        reported += found is not None and found.probability < CLOCK_ALPHA
    return common / pairs, reported / pairs


def main() -> None:
    """Print one row for each rate and length."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=20)
    pairs = parser.parse_args().pairs
    delays = [f"{delay:g} s reported" for delay in DELAYS]
    table = Table("counts/s a module", "length (s)", "power in common", *delays)
    for span in SPANS:
        for rate in RATES:
            shares = [share(rate, span, delay, pairs) for delay in DELAYS]
            common = np.mean([each[0] for each in shares])
            row = [f"{rate:g}", f"{span:g}", f"{common:.2f}"]
            table.add_row(*row, *(f"{each[1]:.2f}" for each in shares))
    Console().print(table)


if __name__ == "__main__":
    main()
