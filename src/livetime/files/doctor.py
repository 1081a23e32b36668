"""An event file as a referee reads it: every finding, what was done about it, and what it does to a rms or a QPO."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from livetime.errors import UserError
from livetime.files import timing_tests as scrutiny
from livetime.files.events import EventFile, load
from livetime.files.finding import Finding, NoGoodTimeError, Severity, counted
from livetime.files.fits import MJDREF, local_file, sum_key

COARSE = 2e-4
"""Time steps above this many s fold frequencies back that matter (kHz QPOs lie below 1.3 kHz)."""
FINE = 1e-5
"""Mission times of years resolve better than this in double precision."""
CODES: dict[Severity, int] = {"fact": 0, "warning": 1, "unusable": 2}


def examine(part: EventFile, dead_time: float | None = None) -> list[Finding]:
    """All findings of a file: what was found as it was read, and what its times tell.

    Arguments:
        dead_time: mean per event in s, taken for an instrument that is not known.
    """
    tau = (part.dead_time if part.mission else dead_time) or 0.0
    if part.mission and part.mission.detector and part.detectors is None:
        tau = 0.0  # of how many detectors the list is merged is not known
    step = measured_step(part)
    checks = (
        _steps_of_time(part, step),
        _groups(part, step, tau),
        _switching(part),
        _gaps(part),
        _live_time(part, tau),
        _rest(part, step),
    )
    return [*part.findings, *(finding for check in checks for finding in check)]


def measured_step(part: EventFile) -> float | None:
    """The grid in s on which the times lie, as far as it can be seen."""
    return scrutiny.time_step(part.times, part.precision, part.timedel) or (
        part.precision if part.precision > FINE else None
    )


def _steps_of_time(part: EventFile, measured: float | None) -> Iterator[Finding]:
    declared = part.timedel
    step = measured or declared
    if step is None:
        return
    if measured and declared and not 0.9 < measured / declared < 1.1:
        what = f"times are multiples of {measured:.4g} s, but the file declares {declared:.4g} s"
        yield Finding(
            "timedel_wrong",
            "warning",
            what,
            "",
            "bins that are no multiple of the true step beat with it: false lines",
        )
    readout, lowered = 1 / step, f"rms is lowered by sin(x)/x, x = {np.pi * step:.3g} s f"
    what = f"times come in steps of {step:.4g} s, as {'measured' if measured else 'declared'}"
    if step <= COARSE:
        yield Finding(
            "time_step",
            "fact",
            what,
            "",
            f"none: its lines and images lie at {readout / 2:.4g} Hz and above",
        )
    elif measured or (np.diff(part.times) < 500 * step).sum() < 20:
        images = f"what varies with f above {readout / 2:.4g} Hz appears at {readout:.4g} Hz - f"
        effect = f"bins that are no multiple of it make lines at {readout:.4g} Hz and its multiples; {images}; {lowered}"
        yield Finding("time_step", "warning", what, "", effect)
    else:
        effect = f"no lines, but nothing can be told of what varies faster than {readout / 2:.4g} Hz; {lowered}"
        yield Finding("time_step", "warning", f"{what}, but are spread within them", "", effect)
    rate = part.total / part.exposure
    if step > 1e-3 and rate * step > 0.1:
        what = f"{rate * step:.2g} events a frame of {step:.3g} s"
        effect = "if they are of one source, photons pile up: fewer counts, too hard, and rms too low; check it by its grades or its core"
        yield Finding("pile_up", "warning", what, "", effect)


def _groups(part: EventFile, step: float | None, tau: float) -> Iterator[Finding]:
    """Events closer together than the detector or chance allows."""
    if tau and not (step and step > tau / 2):
        n = scrutiny.close_pairs(part.times, part.detectors, tau / 2)
        if n > max(2, 1e-4 * len(part.times)):
            what = f"{counted(n, 'event')} within {tau / 2:.3g} s of the one before, half the dead time of {tau:.3g} s"
            effect = "two detectors in one list, or no dead time at all: the noise level is not what dead time leaves, and rms is wrong"
            yield Finding("close_events", "warning", what, "", effect)
    groups = scrutiny.bursts(part.times, step / 2 if step and step > FINE else FINE)
    if groups:
        most = max(n for _, n in groups)
        among = f"{sum(n for _, n in groups)} of {len(part.times)} events"
        what = f"{counted(len(groups), 'burst')} of up to {most} events within 10 microseconds or one time step, {among}"
        effect = "particles, or a finding of the readout: white noise above 2 (it is 2 n where all events come in groups of n)"
        yield Finding("bursts", "warning", what, "", effect)


def _switching(part: EventFile) -> Iterator[Finding]:
    """Detectors that come and go, and what else makes a rate jump."""
    origin = part.gti[0, 0]
    if part.detectors is not None and part.mission:
        away = scrutiny.absences(part.detectors)
        for a in sorted(away, key=lambda a: -a.expected)[:5]:
            span = f"{part.times[a.start] - origin:.6g} to {part.times[a.stop] - origin:.6g} s"
            what = f"{part.mission.detector} {a.detector} has no events from {span}, where about {a.expected:.3g} are missing"
            effect = f"the rate steps by a share of about 1/{part.detector_count}: false power at low frequencies; use a part without it"
            yield Finding("detector_off", "warning", what, "", effect)
        names, counts = np.unique(part.detectors, return_counts=True)
        median = float(np.median(counts))
        hot = (
            names[(counts > 1.5 * median) & (counts > median + 8 * np.sqrt(median) + 8)]
            if len(names) > 7
            else []
        )
        if len(hot):
            what = f"{part.mission.detector} {', '.join(map(str, hot))} has over 1.5 times the events of the others"
            yield Finding(
                "hot_detector",
                "warning",
                what,
                "",
                "noise of its own, which dilutes the rms and may flicker: leave it out",
            )
    for rate in scrutiny.rate_steps(part.times, part.gti)[:5]:
        what = f"the rate steps from {rate.before:.4g} to {rate.after:.4g} counts/s at {rate.time - origin:.6g} s"
        effect = "the source, or a detector or filter: a step puts power 1/f^2 at low frequencies; choose a part before or after it"
        yield Finding("rate_step", "warning", what, "", effect)


def _gaps(part: EventFile) -> Iterator[Finding]:
    gti = part.gti
    if len(gti) > 1:
        between, lengths = gti[1:, 0] - gti[:-1, 1], np.diff(gti).ravel()
        what = (
            f"{counted(len(between), 'gap')} of {between.min():.3g} to {between.max():.4g} s between good time intervals of "
            f"{lengths.min():.3g} to {lengths.max():.4g} s, which are {part.exposure / (gti[-1, 1] - gti[0, 0]):.0%} of the time"
        )
        effect = f"no segment crosses a gap: nothing below {1 / lengths.max():.2g} Hz can be told"
        yield Finding("gaps", "fact", what, "", effect)
    silent = scrutiny.silences(part.times, gti)
    if silent:
        worst = max(silent, key=lambda s: s.length)
        what = (
            f"{counted(len(silent), 'stretch').replace('stretchs', 'stretches')} of good time without an event, the longest "
            f"{worst.length:.4g} s from {worst.start - gti[0, 0]:.6g} s, where {worst.expected:.3g} were expected"
        )
        effect = "lost telemetry, an eclipse or intervals that are too wide: false rms, and power at low frequencies"
        yield Finding("silence", "warning", what, "", effect)
    ontime = part.header.get("ONTIME") or part.exposure
    if abs(ontime / part.exposure - 1) > 0.01 and not any(
        finding.name == "full_gti" for finding in part.findings
    ):
        what = f"ONTIME is {ontime:.6g} s, but the good time intervals hold {part.exposure:.6g} s"
        yield Finding(
            "ontime_wrong",
            "warning",
            what,
            "",
            "rates made with the keyword are wrong by the ratio, and so is the live time",
        )


def _live_time(part: EventFile, tau: float) -> Iterator[Finding]:
    """What the file says of its dead time, against what its rate and the instrument leave."""
    if not tau:
        return
    rate = part.total / part.exposure / part.detector_count
    rates = f"{rate:.4g} counts/s" + (
        "" if part.detector_count == 1 else f" in each of {part.detector_count} detectors"
    )
    expected = 1 - rate * tau
    if expected <= 0:
        what = f"{rates} are more than a dead time of {tau:.3g} s lets through, {1 / tau:.4g}"
        yield Finding(
            "above_limit",
            "unusable",
            what,
            "",
            "several detectors are in one list: no dead-time model holds",
        )
        return
    leave = f"{rates} of {tau:.3g} s dead time leave a live-time fraction of {expected:.4g}"
    if rate * tau > 1e-3:
        effect = f"slow variability shows a rms lower by {expected:.4g}, white noise is {2 * expected**2:.3g} instead of 2 at low frequencies"
        yield Finding("dead_time", "fact", leave, "", effect)
    fraction, source = part.live_fraction(tau)
    given = part.header.get(
        "DEADC", part.header.get("LIVETIME", 0.0) / (part.header.get("ONTIME") or part.exposure)
    )
    if given >= 1 - 1e-6 and rate * tau > 0.01:
        effect = f"incident rates and fluxes would come out low by {expected:.4g} or more"
        instead = (
            f"{source} taken for the live time instead" if source else "not taken for the live time"
        )
        yield Finding(
            "deadc_one",
            "warning",
            f"DEADC or LIVETIME say that no time is dead, but {leave}",
            instead,
            effect,
        )
    if fraction and abs(fraction - expected) > 0.02:
        says = f"{source} gives a live-time fraction of {fraction:.4g}, but {leave}"
        if fraction < expected:
            effect = f"what was screened away (background, grade, region) cost dead time, about {(1 - fraction) / tau:.3g} events/s in all"
            yield Finding(
                "screened",
                "fact",
                f"{says}: events were screened away",
                f"incident rate taken from {source}",
                effect,
            )
        else:
            effect = "the rate changed, or the dead time is another: incident rate and noise level are in doubt"
            yield Finding("live_time_wrong", "warning", says, "", effect)


def _rest(part: EventFile, step: float | None) -> Iterator[Finding]:
    if lines := scrutiny.lines(part.times, part.gti, step):
        listed, best = ", ".join(f"{line.frequency:.6g}" for line in lines[:4]), lines[0]
        sharp = best.frequency / best.resolution
        what = f"a coherent signal at {listed} Hz, {best.power:.3g} times the noise around it and no wider than {best.resolution:.2g} Hz"
        effect = f"a pulse, or a clock of the instrument: a quality factor above {sharp:.2g} is narrower than any QPO that is modelled here"
        yield Finding("coherent", "warning", what, "", effect)
    if part.kev is not None and part.mission and part.mission.reach:
        share = float((part.kev > part.mission.reach).mean())
        if share > 0.01:
            what = f"{share:.1%} of the events are above {part.mission.reach:g} keV, where the optics bring nothing: background, at least that"
            effect = f"rms of all events is that of the source times its share, {1 - share:.3g} at most; choose a band with observation.band"
            yield Finding("background", "warning" if share > 0.05 else "fact", what, "", effect)
    if not barycentred(part):
        what = f"times are not barycentred (TIMEREF {part.header.get('TIMEREF', 'missing')}, TIMESYS {part.header.get('TIMESYS', 'missing')})"
        yield Finding(
            "not_barycentred",
            "fact",
            what,
            "",
            "a coherent pulse is smeared by up to 1e-4 of its frequency, a QPO is not",
        )


def barycentred(part: EventFile) -> bool:
    header = part.header
    return (
        "SOLAR" in str(header.get("TIMEREF", "")).upper()
        or header.get("TIMESYS") == "TDB"
        or header.get("BARYCORR") is True
    )


def facts(part: EventFile) -> dict[str, Any]:
    """What was read, in plain JSON types."""
    fraction, source = part.live_fraction(part.dead_time or 0.0)
    return {
        "mission": part.mission.name if part.mission else None,
        **{
            key.lower(): part.header.get(key)
            for key in (
                "TELESCOP",
                "INSTRUME",
                "OBJECT",
                "DATAMODE",
                "TIMESYS",
                "TIMEREF",
                "TIMEPIXR",
            )
        },
        "barycentred": barycentred(part),
        "mjdref": sum_key(part.header, *MJDREF)
        if any(key in part.header for key in MJDREF)
        else None,
        "rows": part.rows,
        "events": len(part.times),
        "intervals": len(part.gti),
        "exposure": part.exposure,
        "rate": len(part.times) / part.exposure,
        "detectors": None if part.detectors is None else np.unique(part.detectors).tolist(),
        "time_step_declared": part.timedel,
        "time_step_measured": measured_step(part),
        "time_precision": part.precision,
        "dead_time": part.dead_time,
        "dead_time_source": "column DEADTIME"
        if part.deadtime
        else part.mission.source
        if part.mission
        else None,
        "live_time_fraction": fraction,
        "live_time_source": source,
        "kev": None if part.kev is None else [float(part.kev.min()), float(part.kev.max())],
    }


@dataclass(frozen=True)
class Diagnosis:
    """What is to be said of one file."""

    file: str
    facts: dict[str, Any]
    findings: tuple[Finding, ...]

    @property
    def code(self) -> int:
        """0 clean, 1 warnings, 2 unusable."""
        return max((CODES[finding.severity] for finding in self.findings), default=0)

    def plain(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "code": self.code,
            "facts": self.facts,
            "findings": [asdict(finding) for finding in self.findings],
        }


def diagnose(file: str, band: tuple[float, float] | None = None) -> Diagnosis:
    """Reads and examines one file; one without usable good time is examined from its first to its last event.

    A file that cannot be read has one finding, `refused`, and no facts.
    """
    extra: list[Finding] = []
    try:
        path = local_file(file)
        try:
            part = load(path, "file", band=band)
        except NoGoodTimeError as error:
            effect = "gaps within it count as time without photons: false rms"
            extra = [
                Finding(
                    "no_gti",
                    "warning",
                    str(error).partition(": ")[0].replace(f"{path} ", ""),
                    "observation.gti=full needed",
                    effect,
                )
            ]
            part = load(path, "full", band=band)
    except UserError as error:
        return Diagnosis(file, {}, (Finding("refused", "unusable", str(error)),))
    return Diagnosis(file, facts(part), (*extra, *examine(part)))


def table(told: Diagnosis) -> Table:
    """The findings of one file, worst first, for the terminal."""
    shown = Table(
        "",
        "finding",
        "what there is, and what was done",
        "what it does to a rms, a QPO or a power spectrum",
        title_justify="left",
    )
    shown.title = f"{told.file}: {_headline(told.facts)}"
    for finding in sorted(told.findings, key=lambda finding: -CODES[finding.severity]):
        shown.add_row(
            finding.severity, finding.name, escape(finding.note("")[2:]), escape(finding.effect)
        )
    return shown


def _headline(known: dict[str, Any]) -> str:
    if not known:
        return "unusable"
    names = " ".join(
        str(name)
        for name in [
            known["mission"] or known["telescop"] or "unknown mission",
            known["instrume"],
            known["object"],
        ]
        if name
    )
    live = (
        f", live-time fraction {known['live_time_fraction']:.4g} ({known['live_time_source']})"
        if known["live_time_fraction"]
        else ""
    )
    intervals = counted(known["intervals"], "good time interval")
    return escape(
        f"{names}, {known['events']} events in {known['exposure']:.6g} s ({intervals}), {known['rate']:.4g} counts/s{live}"
    )
