"""Findings on several files together: common events, clocks, and what their headers say."""

from collections.abc import Iterator, Sequence

import numpy as np

from livetime.files.clocks import CLOCK_DT, Delay, cross_spectrum, measure_delay
from livetime.files.event_file import EventFile
from livetime.files.finding import Finding
from livetime.files.gti import in_gti, intersect
from livetime.files.independence import check_shared_events
from livetime.files.modules import compare_modules
from livetime.files.rate_tests import ALPHA, displaced_share

CLOCK_ALPHA = 1e-3
"""Probability of a false alarm on the clocks of two modules."""

MIN_LOSS = 0.02
"""Share of the common power that a delay may take; less does not bias a power spectrum."""

MIN_DISPLACED = 0.02
"""Share of one module's events at other times than the other's; less biases no parameter."""

FINE_STEP = 1e-4
"""Time steps in s below this need no bins that are multiples of them."""

SIGMAS = 3.7
"""Standard deviations of a delay that is as rare as `CLOCK_ALPHA`, in several trials."""


def examine_together(parts: Sequence[EventFile]) -> list[Finding]:
    """List what the modules of one observation reveal together.

    Arguments:
        parts: one file for each module.

    Raises:
        UserError: for files that cannot be modules of one observation.
    """
    if len(parts) < 2:
        return []
    delays = [_delay(parts[0], part) for part in parts[1:]]
    findings = compare_modules(parts, [delay is not None for delay in delays])
    findings += check_shared_events(parts)
    findings += [found for part in parts[1:] for found in _rates(parts[0], part)]
    for part, delay in zip(parts[1:], delays, strict=True):
        findings.append(_clocks(parts[0].name, part.name, delay))
    return findings


def _delay(first: EventFile, second: EventFile) -> Delay | None:
    """Measure the delay of the second file's times; None where it cannot be measured."""
    gti = intersect([first.gti, second.gti])
    if len(gti) == 0:
        return None
    step = max(first.time_step or 0.0, second.time_step or 0.0)
    dt = CLOCK_DT if step < FINE_STEP else step * np.ceil(CLOCK_DT / step)
    found = cross_spectrum(first.times, second.times, gti, float(dt))
    return None if found is None else measure_delay(found)


def _rates(first: EventFile, second: EventFile) -> Iterator[Finding]:
    """Find a change of the rate that one module has alone."""
    gti = intersect([first.gti, second.gti])
    if len(gti) == 0:
        return
    own = first.times[in_gti(first.times, gti)]
    other = second.times[in_gti(second.times, gti)]
    if not (len(own) and len(other)):
        return
    share, chance = displaced_share(own, other)
    if share < MIN_DISPLACED or chance > ALPHA:
        return
    text = (
        f"the rates of {first.name} and {second.name} have no constant ratio: {share:.2g} of "
        f"the events of one are missing or in excess (chance probability {chance:.1g})"
    )
    effect = (
        "one module alone has a step, a gap, a burst or a wrong clock: "
        "rate and rms are biased; choose a part without it"
    )
    yield Finding("rates_differ", "warning", text, "", effect)


def _clocks(first: str, second: str, delay: Delay | None) -> Finding:
    """Describe the comparison of two clocks."""
    if delay is None:
        text = f"{first} and {second} have too little common variability to compare their clocks"
        effect = "an unseen delay between them would lower the rms and distort a QPO"
        return Finding("clocks_not_compared", "note", text, "taken to agree", effect)
    if delay.probability > CLOCK_ALPHA:
        text = (
            f"the clocks of {first} and {second} agree: they differ by "
            f"{delay.seconds:.2g} +- {delay.error:.2g} s"
        )
        seen = max(SIGMAS * delay.error, 0.0)
        effect = f"none; the comparison detects delays of {seen:.2g} s to {delay.max_lag:g} s"
        return Finding("clocks_agree", "note", text, "", effect)

    late = "later" if delay.seconds > 0 else "earlier"
    text = (
        f"the times of {second} are {abs(delay.seconds):.4g} +- {delay.error:.2g} s {late} than "
        f"those of {first}, with a probability below {max(delay.probability, 1e-12):.1g} by chance"
    )
    factor = np.cos(2 * np.pi * delay.frequency * delay.seconds)
    lowered = (
        f"common power is multiplied by cos(2 pi f {abs(delay.seconds):.3g} s), {factor:.2f} at "
        f"{delay.frequency:.3g} Hz"
    )
    if delay.suppression < MIN_LOSS:
        effect = f"{lowered}: the loss of common power is below {MIN_LOSS:.0%}"
        return Finding("small_delay", "note", text, "", effect)
    effect = f"{lowered}: rms is too low, and a QPO may be missed or have a wrong frequency"
    return Finding("clocks_differ", "warning", text, "", effect)
