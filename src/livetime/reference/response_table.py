"""Tabulate white noise and response of a detector over the rate of the source."""

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.periodogram import Periodogram

Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]

LOG_RATE_STEP = 0.05
"""Greatest step of the table in ln rate."""
MAX_IMAGE = 1000
"""Images of a frequency that are summed for the source's constant steps."""
MAX_BENT_IMAGE = 16
"""Images whose response to dead time is followed; further ones have next to no power."""


@lru_cache
def response_table(
    detector: DeadTime, summary: Periodogram, step: float, low: float, high: float
) -> Any:
    """Tabulate white noise and power response over the source's incident rate, as cubic splines.

    The rate is constant over steps of the light curve, and counts are binned at dt. A frequency f
    of the source thus has images at f + k/step. Each is multiplied by the response H at its own
    frequency, and folded back onto f in phase:

        A(f) = s sum_k sinc(g step) sinc(g dt) exp(-i pi g (step - dt)) H(g),    g = f + k/dt,

    with s the source's share of the events. Without dead time and with step = dt the sum is one.

    Arguments:
        detector: with exact laws of white noise and response.
        summary: gives frequencies and the bin width dt in s.
        step: of the source's light curve in s.
        low, high: range of ln of the incident counts/s per module.

    Returns: a spline of ln rate (...) -> (..., 2, F): white noise (Leahy), and `|A|^2`.
    """
    from scipy.interpolate import CubicSpline

    steps = int((high - low) / LOG_RATE_STEP)
    log_rate = np.linspace(low, high, steps + 2)
    frequency = summary.axis.values
    rate = np.exp(log_rate)
    noise = detector.white_noise(frequency, rate, summary.dt)
    amplitude = _folded_amplitude(detector, frequency, rate, step, summary.dt)
    power = np.abs(amplitude) ** 2
    return CubicSpline(log_rate, np.stack([noise, power], axis=1))


def _folded_amplitude(
    detector: DeadTime, frequency: Floats, rate: Floats, step: float, dt: float
) -> Complex:
    """Return the amplitude (R, F) with which a weak modulation is seen; see `response_table`."""
    undiluted = replace(detector, background=0.0)
    source_share = detector.source_share(rate)
    all_events = rate / source_share

    def shown(k: float) -> Complex:
        image = frequency + k / dt
        smoothed = np.sinc(image * step) * np.sinc(image * dt)
        return np.asarray(smoothed * np.exp(-1j * np.pi * image * (step - dt)))

    # images of a frequency are those that the source's steps leave
    every = range(-MAX_IMAGE, MAX_IMAGE + 1)
    images = [k for k in every if abs(k * step / dt - round(k * step / dt)) < 1e-9]
    amplitude = np.sum([shown(k) for k in images], axis=0) + np.zeros((len(rate), 1))
    for k in images:
        if abs(k) > MAX_BENT_IMAGE:
            continue
        response = undiluted.response(np.abs(frequency + k / dt), all_events)
        signed = response if k >= 0 else response.conj()
        amplitude += shown(k) * (signed - 1)
    amplitude *= source_share[:, None]
    return np.asarray(amplitude)
