"""Findings on the rates of a file: detectors, steps, gaps, live time and background."""

from collections.abc import Iterator

import numpy as np

from livetime.files import rate_tests
from livetime.files.event_file import ALL_LIVE, BRIGHT, EventFile
from livetime.files.finding import Finding, Severity, plural

MAX_LISTED = 5
"""Findings of one kind that are listed."""

MIN_DETECTORS = 8
"""Number of detectors from which on a hot one can be compared with their median."""

HOT = 1.5
"""Times the median events of a detector."""

ONTIME_MARGIN = 0.01
LIVE_MARGIN = 0.02
"""Differences from what a file declares that are still normal."""

MIN_ABOVE = 0.01
MANY_ABOVE = 0.05
"""Shares of events above the optics' reach that are worth a note, and a warning."""


def check_detectors(part: EventFile) -> Iterator[Finding]:
    """Find detectors that are off for a while, and those that record too many events."""
    detectors = part.events.detectors
    if detectors is None or part.mission is None:
        return
    name = part.mission.detector
    origin = part.gti[0, 0]

    absences = rate_tests.absences(detectors)
    for away in sorted(absences, key=lambda absence: -absence.expected)[:MAX_LISTED]:
        first = part.times[away.start] - origin
        last = part.times[away.stop] - origin
        text = (
            f"{name} {away.detector} has no events from {first:.6g} to {last:.6g} s, "
            f"where about {away.expected:.3g} are missing"
        )
        effect = (
            f"the rate steps by a share of about 1/{part.detector_count}: "
            "false power at low frequencies; use a part without it"
        )
        yield Finding("detector_off", "warning", text, "", effect)

    numbers, counts = np.unique(detectors, return_counts=True)
    median = float(np.median(counts))
    scatter = 8 * np.sqrt(median) + 8
    hot = numbers[(counts > HOT * median) & (counts > median + scatter)]
    if len(numbers) >= MIN_DETECTORS and len(hot):
        text = f"{name} {', '.join(map(str, hot))} has over {HOT:g} times the events of the others"
        effect = "electronic noise, which dilutes the rms and may vary: leave this detector out"
        yield Finding("hot_detector", "warning", text, "", effect)


def check_rate_steps(part: EventFile) -> Iterator[Finding]:
    """Find jumps of the rate."""
    for step in rate_tests.rate_steps(part.times, part.gti)[:MAX_LISTED]:
        text = (
            f"the rate steps from {step.before:.4g} to {step.after:.4g} counts/s "
            f"at {step.time - part.gti[0, 0]:.6g} s"
        )
        effect = (
            "the source, or a detector or filter: a step puts power 1/f^2 at low frequencies; "
            "choose a part before or after it"
        )
        yield Finding("rate_step", "warning", text, "", effect)


def check_gaps(part: EventFile) -> Iterator[Finding]:
    """Describe the gaps between good time intervals."""
    gti = part.gti
    if len(gti) < 2:
        return
    gaps = gti[1:, 0] - gti[:-1, 1]
    lengths = np.diff(gti).ravel()
    share = part.exposure / (gti[-1, 1] - gti[0, 0])
    text = (
        f"{plural(len(gaps), 'gap')} of {gaps.min():.3g} to {gaps.max():.4g} s between "
        f"good time intervals of {lengths.min():.3g} to {lengths.max():.4g} s, "
        f"which are {share:.0%} of the time"
    )
    effect = f"no segment crosses a gap: frequencies below {1 / lengths.max():.2g} Hz are not seen"
    yield Finding("gaps", "note", text, "", effect)


def check_silences(part: EventFile) -> Iterator[Finding]:
    """Find stretches of good time without an event."""
    silences = rate_tests.silences(part.times, part.gti)
    if not silences:
        return
    longest = max(silences, key=lambda silence: silence.length)
    number = f"{len(silences)} {'stretch' if len(silences) == 1 else 'stretches'}"
    text = (
        f"{number} of good time without an event, the longest {longest.length:.4g} s from "
        f"{longest.start - part.gti[0, 0]:.6g} s, where {longest.expected:.3g} were expected"
    )
    effect = (
        "lost telemetry, an eclipse or intervals that are too wide: "
        "false rms, and power at low frequencies"
    )
    yield Finding("silence", "warning", text, "", effect)


def check_ontime(part: EventFile) -> Iterator[Finding]:
    """Compare ONTIME with the good time."""
    is_full = any(finding.code == "full_gti" for finding in part.findings)
    ontime = part.header.get("ONTIME") or part.exposure
    if is_full or abs(ontime / part.exposure - 1) <= ONTIME_MARGIN:
        return
    text = f"ONTIME is {ontime:.6g} s, but the good time intervals last {part.exposure:.6g} s"
    effect = "rates and live time from this keyword are wrong by the ratio of both"
    yield Finding("ontime_wrong", "warning", text, "", effect)


def check_live_time(part: EventFile, tau: float) -> Iterator[Finding]:
    """Compare the declared live time with what the rate and a dead time of tau s leave."""
    if not tau:
        return
    rate = part.total / part.exposure / part.detector_count
    each = f" in each of {part.detector_count} detectors" if part.detector_count > 1 else ""
    expected = 1 - rate * tau
    if expected <= 0:
        text = (
            f"{rate:.4g} counts/s{each} exceed {1 / tau:.4g} counts/s, "
            f"the limit for a dead time of {tau:.3g} s"
        )
        effect = "the list merges several detectors: no dead-time model applies"
        yield Finding("above_limit", "unusable", text, "", effect)
        return

    leave = (
        f"{rate:.4g} counts/s{each} of {tau:.3g} s dead time leave "
        f"a live-time fraction of {expected:.4g}"
    )
    if rate * tau > 1e-3:
        effect = (
            f"at low frequencies the rms is multiplied by {expected:.4g}, and white noise is "
            f"{2 * expected**2:.3g} instead of 2"
        )
        yield Finding("dead_time", "note", leave, "", effect)
    yield from _declared_live_time(part, tau, rate * tau, leave)


def _declared_live_time(
    part: EventFile, tau: float, dead_share: float, leave: str
) -> Iterator[Finding]:
    fraction, source = part.live_fraction(tau)
    expected = 1 - dead_share
    if _declares_no_dead_time(part) and dead_share > BRIGHT:
        text = f"DEADC or LIVETIME declare no dead time, but {leave}"
        action = "not used as live time"
        if source:
            action = f"{source} is used as live time instead"
        effect = f"incident rates and fluxes would be multiplied by {expected:.4g} or less"
        used = source is not None
        yield Finding("deadc_one", "warning", text, action, effect, corrected=used)

    if fraction is None or abs(fraction - expected) <= LIVE_MARGIN:
        return
    text = f"{source} gives a live-time fraction of {fraction:.4g}, but {leave}"
    if fraction > expected:
        effect = "the rate changed, or the dead time differs: incident rate and noise are in doubt"
        yield Finding("live_time_wrong", "warning", text, "", effect)
        return
    effect = (
        "screened events (background, grade, region) also caused dead time: "
        f"about {(1 - fraction) / tau:.3g} events/s triggered the detector"
    )
    text = f"{text}: events were screened away"
    yield Finding("screened", "note", text, f"incident rate taken from {source}", effect)


def _declares_no_dead_time(part: EventFile) -> bool:
    ontime = part.header.get("ONTIME") or part.exposure
    fraction = part.header.get("DEADC", part.header.get("LIVETIME", 0.0) / ontime)
    return bool(fraction >= ALL_LIVE)


def check_background(part: EventFile) -> Iterator[Finding]:
    """Count the events above the energies that the optics reach."""
    highest = part.mission.max_energy if part.mission else None
    if part.events.kev is None or highest is None:
        return
    share = float((part.events.kev > highest).mean())
    if share <= MIN_ABOVE:
        return
    text = (
        f"{share:.1%} of the events are above {highest:g} keV, where the optics collect none: "
        "at least this share is background"
    )
    effect = (
        f"background dilutes the rms by the source's share of the events, {1 - share:.3g} at most; "
        "choose a band with observation.band"
    )
    severity: Severity = "warning" if share > MANY_ABOVE else "note"
    yield Finding("background", severity, text, "", effect)
