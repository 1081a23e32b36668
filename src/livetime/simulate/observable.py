"""Refuse frequencies, rms and counts that cannot be simulated, before any long work."""

from collections.abc import Mapping

import numpy as np

from livetime.simulate.light_curve import Source
from livetime.simulate.power_spectrum import POWER_SHAPES

MAX_CURVE_STEPS = 1e8
"""Steps of a light curve; each takes about 20 bytes."""

MAX_INCIDENT = 1e8
"""Events of a module that are drawn at the most, recorded or not."""

MAX_LOG_RMS = 4.0
"""Rms of a log rate. The rate is above its mean in 2% of the time; beyond, an observation has none
of the rare moments from which a mean comes, and so too few events."""

BYTES_PER_STEP = 40
BYTES_PER_EVENT = 24
"""Memory of one simulation for a step of its light curve, and for an incident event (measured)."""

MAX_BINS = 10**7
"""Bins of one segment at the most."""


def check_bins(segment_size: float, dt: float) -> None:
    """Refuse a segment with too many bins.

    Arguments:
        segment_size: in s.
        dt: width of a bin in s.

    Raises:
        ValueError: with the number and the limit.
    """
    bins = segment_size / dt
    if bins > MAX_BINS:
        raise ValueError(
            f"summary.segment_size {segment_size:g} s has {bins:.3g} bins of summary.dt, "
            f"but {MAX_BINS:.0e} is the limit; take a shorter segment"
        )


def check_light_curve(
    source: Source, params: Mapping[str, float], duration: float, background: float = 0.0
) -> None:
    """Refuse parameters whose light curve or events cannot be simulated.

    Arguments:
        source: the light curve.
        params: physical values of the source's parameters.
        duration: of the observation in s.
        background: incident counts/s of a module beside the source's.

    Raises:
        ValueError: that names the parameter, the number, the limit and, behind a semicolon, the
            remedy.

    Examples:
        >>> from livetime.simulate.light_curve import LightCurve
        >>> source = LightCurve({"noise": "noise"})
        >>> params = {"noise_rms": 0.1, "noise_frequency": 500.0, "rate": 100.0}
        >>> check_light_curve(source, params, 16.0)
        Traceback (most recent call last):
        ...
        ValueError: noise_frequency is 500 Hz, but steps of 0.00390625 s end at 128 Hz; lower it, or
        choose a smaller source.dt
    """
    steps = duration / source.dt * source.stretch
    if not steps <= MAX_CURVE_STEPS:
        raise ValueError(
            f"{duration:g} s need {steps:.3g} steps of a light curve, but {MAX_CURVE_STEPS:g} can "
            "be simulated; choose fewer segments, or a larger source.dt"
        )
    highest = 1 / (2 * source.dt)
    for name in source.parameters:
        if name.endswith("_frequency") and not params[name] <= highest:
            raise ValueError(
                f"{name} is {params[name]:g} Hz, but steps of {source.dt:g} s end at "
                f"{highest:g} Hz; lower it, or choose a smaller source.dt"
            )
    check_rms(source, params, duration)

    incident = (params["rate"] + background) * duration
    if not 1 <= incident <= MAX_INCIDENT:
        raise ValueError(
            f"a rate of {params['rate']:g} counts/s gives {incident:.3g} events in {duration:g} s, "
            f"but 1 to {MAX_INCIDENT:g} can be simulated; choose another rate or length"
        )


def check_rms(source: Source, params: Mapping[str, float], duration: float) -> None:
    """Refuse variability with which a light curve does not reach its mean rate.

    Arguments:
        source: the light curve; the rms of one without named shapes is not limited.
        params: physical values of the parameters of its power spectrum.
        duration: of the observation in s.

    Raises:
        ValueError: that names the rms, the limit and the largest component.
    """
    shares = _variances(source, params, duration)
    rms = float(np.sqrt(sum(shares.values())))
    limit = MAX_LOG_RMS if source.log_normal else 1.0
    if rms <= limit:
        return
    largest = max(shares, key=lambda name: shares[name])
    what = "of the log rate" if source.log_normal else "of a linear light curve"
    raise ValueError(
        f"the rms {what} is {rms:.3g}, mostly of the component {largest}, but can be {limit:g} "
        f"at the most; lower {largest}"
    )


def _variances(source: Source, params: Mapping[str, float], duration: float) -> dict[str, float]:
    """Find the variance of each component; of a power law, that within the observation."""
    found = {}
    f = np.geomspace(1 / duration, 1 / (2 * source.dt), 1000)
    for component, name in source.components.items():
        shape = POWER_SHAPES[name]
        values = [params[f"{component}_{field}"] for field in shape.fields]
        if shape.fields[0] == "rms":
            found[component] = values[0] ** 2
            continue
        with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused
            found[component] = float(np.trapezoid(shape.power(f, *values) * f, np.log(f)))
    return found
