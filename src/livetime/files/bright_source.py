"""A bright source, as events or a light curve, whose variability another detector records."""

import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.events import Selection
from livetime.files.finding import Finding, noted_sentences
from livetime.files.fits import local_file, open_fits
from livetime.files.gti import in_gti
from livetime.files.light_curve import LightCurveTable, find_light_curve, read_light_curve
from livetime.files.observation import read_events
from livetime.files.segments import choose_part, first_segments, whole_segments
from livetime.settings import Injection
from livetime.simulate.dead_time_detector import IDEAL, DeadTime
from livetime.simulate.detector import Events
from livetime.simulate.light_curve import Rate
from livetime.simulate.periodogram import Periodogram, segment_starts

Floats = NDArray[np.float64]

MAX_RATE = 1e9
"""Counts/s; Scorpius X-1 gives some 1e5 in the largest detectors."""

IDEAL_RATE = 1e5
"""Counts/s of the ideal detector that watches a light curve.

Their white noise is 2e-5 (fractional rms)^2/Hz, which is next to nothing.
"""


@dataclass(frozen=True)
class BrightSource(ABC):
    """A bright source in the good time that a network uses.

    Arguments:
        path: the file.
        gti: intervals (G, 2) in s, at least one segment long each.
        rate: mean counts/s within `gti`.
        notes: what was done to the data, and what limits it.
    """

    path: Path
    gti: Floats
    rate: float
    notes: tuple[str, ...]

    @abstractmethod
    def through(self, detector: DeadTime, rate: float, rng: np.random.Generator) -> Events:
        """Record the source with a detector.

        Arguments:
            detector: of the network.
            rate: incident counts/s in its first module.
            rng: for all draws.

        Raises:
            UserError: for a higher rate than the source has.
        """

    @abstractmethod
    def ideal(self, summary: Periodogram, rng: np.random.Generator) -> NDArray[np.float32]:
        """Summarise the undistorted source, as one module without dead time records it, (X,)."""


@dataclass(frozen=True)
class EventList(BrightSource):
    """Events of an instrument whose own dead time is negligible.

    Random subsets of the events have the same fractional variability. The subsets of two modules
    have no event in common: apart from that variability they are independent.

    Arguments:
        times: in s, sorted, (N,).

    Examples:
        >>> times = np.array([0.5, 1.5])
        >>> source = EventList(Path("a.evt"), np.array([[0.0, 2.0]]), 1.0, (), times)
        >>> source.through(DeadTime(1, 0.0), 1.0, np.random.default_rng(0)).times[0].tolist()
        [0.5, 1.5]
    """

    times: Floats

    def through(self, detector: DeadTime, rate: float, rng: np.random.Generator) -> Events:
        """Thin the events to a rate, and record them with a detector."""
        areas = [detector.area if module else 1.0 for module in range(detector.modules)]
        share = np.cumsum([rate / self.rate * area for area in areas])
        if share[-1] > 1:
            highest = self.rate * rate / (self.rate * share[-1])
            raise UserError(
                "inject.rates",
                f"has {rate:g} counts/s, but {self.path} gives at most {highest:.6g} counts/s "
                "to each module",
                "give lower rates, or a brighter source",
            )
        module_of = np.searchsorted(share, rng.random(len(self.times)), side="right")
        times = tuple(
            detector.sift(self.times[module_of == module], self.gti, rng)
            for module in range(detector.modules)
        )
        return Events(times, self.gti)

    def ideal(self, summary: Periodogram, rng: np.random.Generator) -> NDArray[np.float32]:
        """Summarise all events."""
        return summary(Events((self.times,), self.gti), IDEAL)


@dataclass(frozen=True)
class Curve(BrightSource):
    """A count rate that is constant within each bin.

    Arguments:
        starts: of the bins in s, (N,); gaps are left out.
        values: counts/s, (N,).
        step: width of a bin in s.

    Examples:
        >>> gti, bins = np.array([[0.0, 3.0]]), np.arange(3.0)
        >>> curve = Curve(Path("a.lc"), gti, 2.0, (), bins, np.array([1.0, 2.0, 3.0]), 1.0)
        >>> curve.counts(np.array([0.0]), 3, 1.0).tolist()
        [[1.0, 2.0, 3.0]]
    """

    starts: Floats
    values: Floats
    step: float

    def through(self, detector: DeadTime, rate: float, rng: np.random.Generator) -> Events:
        """Draw events from the rate, and record them with a detector."""
        parts: list[tuple[Floats, ...]] = []
        for start, stop in self.gti:
            own = (self.starts + self.step > start + 1e-6) & (self.starts < stop - 1e-6)
            scaled = (self.values[own] * (rate / self.rate)).astype(np.float32)
            recorded = detector.record(Rate(scaled, self.step), rng).times
            shifted = [times + self.starts[own][0] for times in recorded]
            interval = np.array([[start, stop]])
            parts.append(tuple(times[in_gti(times, interval)] for times in shifted))
        modules = zip(*parts, strict=True)
        return Events(tuple(np.concatenate(module) for module in modules), self.gti)

    def ideal(self, summary: Periodogram, rng: np.random.Generator) -> NDArray[np.float32]:
        """Summarise Poisson counts at `IDEAL_RATE` counts/s."""
        starts = segment_starts(self.gti, summary.segment_size)
        mean = self.counts(starts, summary.bins, summary.dt)
        counts = rng.poisson(mean * (IDEAL_RATE / self.rate)).astype(np.float32)
        return summary.from_counts([counts])

    def counts(self, starts: Floats, bins: int, dt: float) -> Floats:
        """Compute the expected counts (S, bins) in bins of dt s from each of `starts` (S,) in
        s."""
        knots = np.stack([self.starts, self.starts + self.step], axis=1).ravel()
        in_bins = np.stack([np.zeros(len(self.values)), self.values * self.step], axis=1)
        total = in_bins.ravel().cumsum()
        edges = starts[:, None] + dt * np.arange(bins + 1)
        return np.asarray(np.diff(np.interp(edges, knots, total), axis=1))


def open_bright_source(
    settings: Injection, summary: Periodogram, max_segments: int
) -> BrightSource:
    """Read the events or the light curve of a file, cut into the network's segments.

    Arguments:
        settings: the file, its band, and the part to use.
        summary: of the network.
        max_segments: number of segments to use, from the first on.

    Raises:
        UserError: for a file that is neither, or has no usable segment.
    """
    path = local_file(settings.path or "")
    try:
        with open_fits(path) as hdus:
            table = find_light_curve(hdus, path)
            if table is not None:
                _refuse_band(settings, path)
                bins = read_light_curve(table, hdus, settings.gti, summary.dt)
        if table is None:
            found: BrightSource = _events(path, settings, summary, max_segments)
        else:
            found = _curve(bins, path, settings, summary, max_segments)
    except UserError as error:
        parts = (error.key, error.problem, error.remedy)
        raise UserError(*(_own_keys(part) for part in parts)) from None
    return replace(found, notes=tuple(map(_own_keys, found.notes)))


def _own_keys(text: str) -> str:
    """Replace the keys of an observation by those of an injection."""
    keys = r"observation\.(?=(path|gti|start|stop|band)\b)"  # a file's name may have the word too
    return re.sub(keys, "inject.", text)


def _refuse_band(settings: Injection, path: Path) -> None:
    if settings.band is not None:
        raise UserError(
            "inject.band",
            f"is given, but {path} is a light curve, without energies",
            "leave it out",
        )


def _events(path: Path, settings: Injection, summary: Periodogram, max_segments: int) -> EventList:
    selection = Selection(settings.band, settings.gti, settings.start, settings.stop)
    observed = read_events(path, selection, modules=1).in_segments(
        summary.segment_size, max_segments=max_segments, dt=summary.dt
    )
    info = observed.info
    rate = info["recorded_rate"][0]
    notes = list(observed.notes)
    if info["dead_time"]:
        detectors = info["detectors"][0] or 1
        blind = rate * info["dead_time"] / detectors
        notes.append(
            f"{info['mission'] or path.name} itself is blind for {blind:.2g} of the time, "
            "which its Whittle posterior ignores"
        )
    return EventList(path, observed.events.gti, rate, tuple(notes), observed.events.times[0])


def _curve(
    bins: LightCurveTable,
    path: Path,
    settings: Injection,
    summary: Periodogram,
    max_segments: int,
) -> Curve:
    findings: list[Finding] = []
    part = choose_part(bins.stretches(), settings.start, settings.stop, str(path))
    whole = whole_segments(part, summary.segment_size, str(path), findings)
    used = first_segments(whole, summary.segment_size, max_segments, findings)
    curve = Curve(path, used, 1.0, (), bins.starts, bins.values, bins.step)

    starts = segment_starts(used, summary.segment_size)
    counts = curve.counts(starts, summary.bins, summary.dt)
    rate = float(counts.mean() / summary.dt)
    _refuse_rate(path, rate)
    of_file = [finding.of_file(path.name) for finding in bins.findings]
    notes = (
        *noted_sentences([*of_file, *findings]),
        *_limits(bins, used, rate, summary),
    )
    return replace(curve, rate=rate, notes=notes)


def _refuse_rate(path: Path, rate: float) -> None:
    if rate <= 0:
        raise UserError(
            str(path),
            "has a rate of 0 counts/s in the chosen segments",
            "choose others with inject.start and inject.stop",
        )
    if not rate < MAX_RATE:
        raise UserError(
            str(path),
            f"has {rate:.3g} counts/s, but the limit is {MAX_RATE:g} counts/s",
            "give a light curve in counts/s",
        )


def _limits(
    bins: LightCurveTable, used: Floats, rate: float, summary: Periodogram
) -> tuple[str, str]:
    """Describe what binning and photon noise do to the known answer."""
    step = bins.step
    within = in_gti(bins.starts + step / 2, used)
    variance = float(bins.variance[within].mean())
    noise = 2 * step * variance / rate / rate  # the square of a tiny rate is zero
    highest = float(summary.axis.values[-1])
    lowered = np.sinc(highest * step) ** 2
    return (
        f"the rate is constant over bins of {step:.4g} s: power is multiplied by "
        f"sinc^2(f {step:.4g} s), which is {lowered:.2f} at {highest:.3g} Hz",
        f"the light curve's own photon noise, {noise:.2g} (fractional rms)^2/Hz, "
        "counts as variability of the source",
    )
