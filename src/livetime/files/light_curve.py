"""A bright source whose own variability is passed through another detector: an event file, or a light curve."""

import math
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from livetime.config import Injection
from livetime.errors import UserError
from livetime.files.finding import Finding
from livetime.files.finding import notes as said
from livetime.files.fits import (
    STEP,
    column,
    keywords,
    local_file,
    numbers,
    opened,
    refuse_words,
    seconds,
)
from livetime.files.gti import inside, of_file
from livetime.files.observation import read, segments_of
from livetime.simulate.detector import DeadTime, Events
from livetime.simulate.light_curve import Rate
from livetime.simulate.periodogram import Periodogram, segment_starts

Floats = NDArray[np.float64]
MOST = 1e9
"""Counts/s; Scorpius X-1 gives some 1e5 in the largest detectors."""
IDEAL = 1e5
"""Counts/s of the ideal detector that watches a light curve: their white noise, 2e-5 (fractional rms)^2/Hz, is next to none."""


@dataclass(frozen=True)
class BrightSource(ABC):
    """Arguments:
    path: the file.
    gti: intervals (G, 2) in s that hold a segment each, as they are used.
    rate: counts/s in them.
    notes: what was done, and what the reader must know.
    """

    path: Path
    gti: Floats
    rate: float
    notes: tuple[str, ...]

    @abstractmethod
    def through(self, detector: DeadTime, rate: float, rng: np.random.Generator) -> Events:
        """What a detector records of the source at incident counts/s of its first module. Raises UserError for more than there are."""

    @abstractmethod
    def ideal(self, summary: Periodogram, rng: np.random.Generator) -> NDArray[np.float32]:
        """The summary (X,) that one module without dead time gives of all that is known of the source."""


@dataclass(frozen=True)
class EventList(BrightSource):
    """Events of an instrument whose own dead time is next to none. Random subsets of them have the same fractional variability, and
    those of two modules, which have no event in common, are independent but for it."""

    times: Floats

    def through(self, detector: DeadTime, rate: float, rng: np.random.Generator) -> Events:
        share = np.cumsum(
            [rate / self.rate * (detector.area if m else 1.0) for m in range(detector.modules)]
        )
        if share[-1] > 1:
            most = self.rate * rate / (self.rate * share[-1])
            raise UserError(
                f"inject.rates has {rate:g} counts/s, but the {self.rate:.6g} counts/s of {self.path} can only be thinned, "
                f"to no more than {most:.6g} for each module: take lower ones, or a brighter source"
            )
        of = np.searchsorted(share, rng.random(len(self.times)), side="right")
        return Events(
            tuple(
                detector.sift(self.times[of == m], self.gti, rng) for m in range(detector.modules)
            ),
            self.gti,
        )

    def ideal(self, summary: Periodogram, rng: np.random.Generator) -> NDArray[np.float32]:
        return summary(Events((self.times,), self.gti))


@dataclass(frozen=True)
class Curve(BrightSource):
    """A count rate in bins of `step`, held over each: (N,) counts/s that begin at `starts` (N,) in s, gaps left out."""

    starts: Floats
    values: Floats
    step: float

    def through(self, detector: DeadTime, rate: float, rng: np.random.Generator) -> Events:
        parts: list[tuple[Floats, ...]] = []
        for a, b in self.gti:
            own = (self.starts + self.step > a + 1e-6) & (self.starts < b - 1e-6)
            recorded = detector.record(
                Rate((self.values[own] * (rate / self.rate)).astype(np.float32), self.step), rng
            ).times
            shifted = [times + self.starts[own][0] for times in recorded]
            parts.append(tuple(times[inside(times, np.array([[a, b]]))] for times in shifted))
        return Events(
            tuple(np.concatenate(module) for module in zip(*parts, strict=True)), self.gti
        )

    def ideal(self, summary: Periodogram, rng: np.random.Generator) -> NDArray[np.float32]:
        """Exactly Poisson in each bin, at `IDEAL` counts/s."""
        mean = self.integral(
            segment_starts(self.gti, summary.segment_size), summary.bins, summary.dt
        )
        counts = rng.poisson(mean * (IDEAL / self.rate)).astype(np.float32)
        return summary.vector(*summary.of_counts([counts]))

    def integral(self, starts: Floats, bins: int, dt: float) -> Floats:
        """Counts expected in so many bins of dt from each of `starts` (S,): (S, bins)."""
        knots = np.stack([self.starts, self.starts + self.step], axis=1).ravel()
        counts = (
            np.stack([np.zeros(len(self.values)), self.values * self.step], axis=1).ravel().cumsum()
        )
        edges = starts[:, None] + dt * np.arange(bins + 1)
        return np.asarray(np.diff(np.interp(edges, knots, counts), axis=1))


def open_bright_source(
    settings: Injection, summary: Periodogram, max_segments: int
) -> BrightSource:
    """The events or the light curve of a file, cut into what holds the run's segments.

    Arguments:
        settings: names the file and the part of it.
        summary: of the run.
        max_segments: use the first so many.

    Raises: UserError for a file that is neither or holds nothing to use, in one sentence that says what to do.
    """
    path = local_file(settings.path or "")
    try:
        with opened(path) as hdus:
            table = _table(hdus, path)
            found: BrightSource | None = (
                None
                if table is None
                else _curve(table, hdus, path, settings, summary, max_segments)
            )
        found = found or _events(path, settings, summary, max_segments)
    except UserError as error:
        raise UserError(_own_keys(str(error))) from None
    return replace(found, notes=tuple(map(_own_keys, found.notes)))


def _own_keys(text: str) -> str:
    """What is said of an observation's keys, said of ours."""
    return re.sub(
        r"observation\.(?=(path|gti|start|stop|band)\b)", "inject.", text
    )  # a file's name may hold the word too


def _events(path: Path, settings: Injection, summary: Periodogram, max_segments: int) -> EventList:
    seen = read(
        path,
        modules=1,
        segment_size=summary.segment_size,
        max_segments=max_segments,
        gti=settings.gti,
        start=settings.start,
        stop=settings.stop,
        band=settings.band,
        dt=summary.dt,
    )
    rate, notes = seen.info["recorded_rate"][0], list(seen.notes)
    if tau := seen.info["dead_time"]:
        blind = rate * tau / (seen.info["detectors"][0] or 1)
        notes.append(
            f"{seen.info['mission']} is blind for {blind:.2g} of the time itself, which its Whittle posterior leaves out of account"
        )
    return EventList(path, seen.events.gti, rate, tuple(notes), seen.events.times[0])


def _table(hdus: fits.HDUList, path: Path) -> Any:
    """The light curve of a file, None where there is none."""
    for hdu in hdus:
        declared = str(
            hdu.header.get("HDUCLAS1", "")
        ).strip().upper() == "LIGHTCURVE" or hdu.name.upper().startswith("RATE")
        if column(hdu, "TIME") and (column(hdu, "RATE") or (declared and column(hdu, "COUNTS"))):
            return hdu
        if declared:
            raise UserError(
                f"{path} holds a light curve without the columns TIME and RATE or COUNTS: give one of counts/s, or an event file"
            )
    return None


def _curve(
    hdu: Any,
    hdus: fits.HDUList,
    path: Path,
    settings: Injection,
    summary: Periodogram,
    max_segments: int,
) -> Curve:
    if settings.band is not None:
        raise UserError(
            f"inject.band is given, but {path} is a light curve, without energies; leave it out"
        )
    header = keywords(hdus[0].header, hdu.header)
    refuse_words(header, STEP, path)
    starts, step = _bins(hdu, header, path)
    if step > summary.dt * (1 + 1e-6):
        raise UserError(
            f"{path} has bins of {step:.4g} s, but the run's summary has bins of {summary.dt:.4g} s: choose a run for frequencies "
            f"below {0.5 / step:.3g} Hz (summary.dt={step:.4g} or more), or a finer light curve"
        )
    starts, values, variance, findings = _good(
        hdus, hdu, header, (starts, *_rates(hdu, step, path)), step, settings.gti, path
    )
    starts, notes = starts - starts[0], said(findings, path.name)
    apart = np.diff(starts) > 1.001 * step
    if len(apart) and apart.all():
        raise UserError(
            f"{path} has bins of {step:.4g} s that are {np.median(np.diff(starts)):.4g} s apart, so that there is a gap after each: "
            "mend TIMEDEL, which must be in s, or give a light curve without gaps"
        )
    first = np.concatenate([[0], np.flatnonzero(apart) + 1])
    runs = np.stack([starts[first], starts[np.append(first[1:], len(starts)) - 1] + step], axis=1)
    used = segments_of(
        runs, summary.segment_size, max_segments, settings.start, settings.stop, str(path), notes
    )[1]
    curve = Curve(path, used, 1.0, (), starts, values, step)
    counts = curve.integral(segment_starts(used, summary.segment_size), summary.bins, summary.dt)
    if (rate := float(counts.mean() / summary.dt)) <= 0:
        raise UserError(
            f"{path} has a rate of zero in the segments chosen: choose others with inject.start and inject.stop"
        )
    if not rate < MOST:
        raise UserError(
            f"{path} has {rate:.3g} counts/s, more than any detector records: give a light curve in counts/s"
        )
    within = inside(curve.starts + step / 2, used)
    noise = (
        2 * step * float(variance[within].mean()) / rate / rate
    )  # the square of a tiny one is zero
    top = float(summary.layout(1).frequency[-1])
    notes += [
        f"events are drawn from a rate that is held over bins of {step:.4g} s, so that its power is down by sinc^2(f {step:.4g} s), "
        f"to {np.sinc(top * step) ** 2:.2f} at {top:.3g} Hz, the highest of the summary",
        f"the light curve's own photon noise, {noise:.2g} (fractional rms)^2/Hz, is part of that rate, and so of the known answer",
    ]
    return replace(curve, rate=rate, notes=tuple(notes))


def _good(
    hdus: fits.HDUList,
    hdu: Any,
    header: Any,
    bins: tuple[Floats, ...],
    step: float,
    gti: str,
    path: Path,
) -> tuple[Floats, Floats, Floats, list[Finding]]:
    """Start, rate and variance of the bins that are finite, exposed in full and within good time, in order."""
    starts, values, _ = bins
    good, findings = (
        np.isfinite(starts) & np.isfinite(values) & _exposed(hdu, path),
        list[Finding](),
    )
    if gti == "file" and any("GTI" in h.name.upper() and column(h, "START") for h in hdus):
        intervals = of_file(hdus, hdu, header, None, path, findings)
        for edge in (1e-3, 1 - 1e-3):
            good &= inside(np.where(good, starts + edge * step, -np.inf), intervals)
    order = np.flatnonzero(good)[np.argsort(starts[good], kind="stable")]
    if len(order) == 0:
        raise UserError(
            f"{path} has no finite rate within its good time intervals and exposed in full: give another file, or set inject.gti=full"
        )
    starts, values, variance = (values[order] for values in bins)
    if (values < 0).any():
        raise UserError(
            f"{path} has negative rates, of which no events can be drawn: give a light curve whose background was not subtracted"
        )
    if (np.diff(starts) < 0.999 * step).any():
        raise UserError(
            f"{path} has bins that overlap, at a step of {step:.4g} s: give a light curve with bins of one width, and times in s"
        )
    return starts, values, variance, findings


def _bins(hdu: Any, header: Any, path: Path) -> tuple[Floats, float]:
    """Where each bin starts, and the width of all, in s."""
    times = seconds(hdu, "TIME", header, path)
    if len(times) < 2:
        raise UserError(f"{path} has {len(times)} bins in its light curve: give a longer one")
    step = header.get("TIMEDEL")
    if not (isinstance(step, int | float) and 0 < step < math.inf):
        step = float(np.nanmedian(np.diff(times)))
    if not step > 0:
        raise UserError(
            f"{path} does not tell the width of its bins: give a light curve with the keyword TIMEDEL, in s"
        )
    return times - header.get("TIMEPIXR", 0.5) * step, float(step)


def _rates(hdu: Any, step: float, path: Path) -> tuple[Floats, Floats]:
    """Counts/s, and their variance: of the column ERROR, or that of photons."""
    name = column(hdu, "RATE") or column(hdu, "COUNTS")
    assert name is not None  # or `_table` would not have taken it
    unit = str(hdu.columns[name].unit or "counts/s")
    values = numbers(hdu, name, path)
    if not unit.strip().lower().startswith(("c", "ph")):
        raise UserError(
            f"{path} gives {name} in {unit.strip()}, from which no events can be drawn: give a light curve in counts/s"
        )
    if column(hdu, "RATE") is None:
        values = values / step
    photons = np.abs(values) / step
    if (error := column(hdu, "ERROR")) and column(hdu, "RATE"):
        given = numbers(hdu, error, path) ** 2
        return values, np.where(np.isfinite(given), given, photons)
    return values, photons


def _exposed(hdu: Any, path: Path) -> NDArray[np.bool_]:
    """Which bins were exposed in full."""
    if (name := column(hdu, "FRACEXP")) is None:
        return np.ones(len(hdu.data), dtype=np.bool_)
    return np.asarray(numbers(hdu, name, path) > 0.99)
