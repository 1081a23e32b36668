"""Findings on the clock of a file: time steps, events too close together, coherent signals."""

from collections.abc import Iterator

import numpy as np

from livetime.files import timing_tests
from livetime.files.event_file import FINE, EventFile
from livetime.files.finding import Finding, plural

COARSE = 2e-4
"""Time steps above this, in s, alias frequencies that matter: kHz QPOs lie below 1.3 kHz."""

MIN_CLOSE_EVENTS = 2
MIN_CLOSE_SHARE = 1e-4
"""Number and share of events within half a dead time of another that are still normal."""

PILE_UP = 0.1
"""Events in a frame from which on photons of one source pile up."""

MIN_FRAME = 1e-3
"""Shorter time steps in s are those of a clock, not of frames."""


def check_time_step(part: EventFile, measured: float | None) -> Iterator[Finding]:
    """Compare the measured time step with the declared one, and say what it does."""
    declared = part.timedel
    step = measured or declared
    if step is None:
        return
    if measured and declared and not 0.9 < measured / declared < 1.1:
        text = f"times are multiples of {measured:.4g} s, but the file declares {declared:.4g} s"
        effect = "bins that are not a multiple of the true step beat with it: false lines"
        yield Finding("timedel_wrong", "warning", text, "", effect)

    # A grid of declared steps is visible where gaps are short enough to count them.
    few_short_gaps = (np.diff(part.times) < 500 * step).sum() < 20
    yield _step_finding(step, measured is not None, bool(few_short_gaps))

    in_a_frame = part.total / part.exposure * step
    if step > MIN_FRAME and in_a_frame > PILE_UP:
        text = f"{in_a_frame:.2g} events fall in a frame of {step:.3g} s"
        effect = (
            "photons of one source pile up: fewer counts, too hard, and rms too low; "
            "check it by its grades or its core"
        )
        yield Finding("pile_up", "warning", text, "", effect)


def _step_finding(step: float, is_measured: bool, few_short_gaps: bool) -> Finding:
    readout = 1 / step
    half = f"{readout / 2:.4g} Hz"
    lowered = f"power at {half} is lowered by 59% or more"
    text = f"times come in steps of {step:.4g} s, as {'measured' if is_measured else 'declared'}"
    if step <= COARSE:
        effect = f"none: its lines and images lie at {half} and above"
        return Finding("time_step", "note", text, "", effect)
    if is_measured or few_short_gaps:
        effect = (
            f"variability above {half} is aliased; {lowered}; lines appear at multiples of "
            f"{readout:.4g} Hz unless bins are multiples of the step"
        )
        return Finding("time_step", "warning", text, "", effect)
    text = f"{text}, but are spread within them"
    effect = f"no lines, but variability above {half} is lost; {lowered}"
    return Finding("time_step", "warning", text, "", effect)


def check_close_events(part: EventFile, step: float | None, tau: float) -> Iterator[Finding]:
    """Count events closer together than a dead time of tau s allows."""
    unresolved = step is not None and step > tau / 2
    if not tau or unresolved:
        return
    number = timing_tests.close_pairs(part.times, part.events.detectors, tau / 2)
    if number > max(MIN_CLOSE_EVENTS, MIN_CLOSE_SHARE * len(part.times)):
        text = (
            f"{plural(number, 'event')} within {tau / 2:.3g} s of the one before, "
            f"half the dead time of {tau:.3g} s"
        )
        effect = (
            "the list merges detectors, or there is no dead time: "
            "the dead-time model does not apply, and noise level and rms are wrong"
        )
        yield Finding("close_events", "warning", text, "", effect)


def check_bursts(part: EventFile, step: float | None) -> Iterator[Finding]:
    """Find groups of events closer together than chance allows."""
    is_grid = step is not None and step > FINE
    groups = timing_tests.bursts(part.times, step / 2 if step and is_grid else FINE)
    if not groups:
        return
    largest = max(number for _, number in groups)
    among = f"{sum(number for _, number in groups)} of {len(part.times)} events"
    text = (
        f"{plural(len(groups), 'burst')} of up to {largest} events "
        f"within 10 microseconds or one time step, {among}"
    )
    effect = (
        "particles, or a fault of the readout: white noise above 2 "
        "(it is 2 n where all events come in groups of n)"
    )
    yield Finding("bursts", "warning", text, "", effect)


def check_lines(part: EventFile, step: float | None) -> Iterator[Finding]:
    """Find coherent signals."""
    lines = timing_tests.lines(part.times, part.gti, step)
    if not lines:
        return
    best = lines[0]
    listed = ", ".join(f"{line.frequency:.6g}" for line in lines[:4])
    text = (
        f"a coherent signal at {listed} Hz, {best.power:.3g} times the noise around it "
        f"and no wider than {best.resolution:.2g} Hz"
    )
    effect = (
        "a pulse, or a clock of the instrument: a quality factor above "
        f"{best.frequency / best.resolution:.2g} is narrower than any QPO that is modelled here"
    )
    yield Finding("coherent", "warning", text, "", effect)


def check_barycentre(part: EventFile) -> Iterator[Finding]:
    """Say whether times are not barycentred."""
    if part.barycentred:
        return
    frame = part.header.get("TIMEREF", "missing")
    system = part.header.get("TIMESYS", "missing")
    text = f"times are not barycentred (TIMEREF {frame}, TIMESYS {system})"
    effect = "a coherent pulse is smeared by up to 1e-4 of its frequency, a QPO is not"
    yield Finding("not_barycentred", "note", text, "", effect)
