"""Event files of one or two modules <-> Observation: what they have in common, cut into what a summary takes."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.doctor import barycentred, examine, measured_step
from livetime.files.events import EventFile, load
from livetime.files.finding import counted, notes
from livetime.files.fits import MJDREF, local_file, sum_key
from livetime.files.gti import inside, intersect
from livetime.files.mission import alike
from livetime.simulate.detector import Events
from livetime.simulate.periodogram import segment_starts

if TYPE_CHECKING:
    from livetime.simulate.detector import DeadTime, Ideal, Whittle
    from livetime.simulate.frames import FramePileUp
    from livetime.simulate.pileup import PileUp

Floats = NDArray[np.float64]
MOST = 1e7
"""Segments of an observation: five years of 16 s each. A stray time makes more than memory holds."""


@dataclass(frozen=True)
class Observation:
    """Events of one or two modules, ready for a summary.

    Arguments:
        events: times and good time intervals in s since `start_time`, sorted; intervals hold at least one segment each, and all events.
        start_time: mission time in s, TIMEZERO applied, of the zero of the event times.
        segments: number of whole segments in `events.gti`.
        info: what the files say and what was used, in plain JSON types. `start` and `stop` count in s from `origin`, the mission time at
            which the modules' first common good time starts, as those of `read` do. `live_time_fraction` and `incident_rate` describe
            all that a module triggered on over the whole file, where it says so; `recorded_rate` the rows in the intervals used.
        notes: one sentence for each thing that was mended or cut.
    """

    events: Events
    start_time: float
    segments: int
    info: dict[str, Any]
    notes: tuple[str, ...]

    @property
    def covariates(self) -> dict[str, float]:
        """What is known, physical: number of segments, recorded counts/s per module, and for a run that takes any its detector."""
        return {
            "segments": float(self.segments),
            "rate": float(np.mean(self.info["recorded_rate"])),
            **self.info.get("detector", {}),
        }

    @property
    def length(self) -> str:
        return f"{self.segments} segments of {self.info['segment_size']:g} s"

    def doubts(self, detector: "DeadTime | Ideal | Whittle | PileUp | FramePileUp") -> list[str]:
        """A dead time other than that of the file's instrument by a quarter or more deserves a word, where the run has but one; of frames
        that pile up, a frame time other than the file's by 2%."""
        cycle, frame = getattr(detector, "cycle", None), self.info.get("time_step")
        if cycle and not (frame and abs(frame / cycle - 1) < 0.02):
            return [
                f"the network takes frames of {cycle:.4g} s, but {f'the file has {frame:.4g} s' if frame else 'the file tells none'}"
            ]
        tau = (
            0.0 if "dead_time" in detector.parameters else getattr(detector, "mean_dead_time", 0.0)
        )
        mission, own, telescope = (
            self.info.get("mission"),
            self.info.get("dead_time"),
            self.info.get("telescope"),
        )
        if not telescope or tau == 0 or alike(own, tau):
            return []
        has = (
            f"{mission} has {own:.3g} s"
            if own
            else f"{mission} reads out frames"
            if mission
            else f"that of {telescope} is not known"
        )
        return [f"the network takes {tau:.3g} s of dead time after each event, but {has}"]


def read(
    paths: str | Path | Sequence[str | Path],
    *,
    modules: int,
    segment_size: float,
    max_segments: int | None = None,
    dead_time: float = 0.0,
    gti: Literal["file", "full"] = "file",
    start: float | None = None,
    stop: float | None = None,
    hard: float | None = None,
    band: tuple[float, float] | None = None,
    dt: float = math.inf,
) -> Observation:
    """Read one event file per module, and take the whole segments of their common good time.

    Arguments:
        paths: the files, in the order of the modules; gzip is fine.
        modules: number of files expected.
        segment_size: s.
        max_segments: use the first so many.
        dead_time: mean per event in s of the run's detector, for checks; 0 for none.
        gti: `file`, or `full` for all from the first to the last event of each file.
        start, stop: use this part, in s since the start of the first common good time interval.
        hard: PI channel from which on an event counts as hard; None for no energies.
        band: energies in keV that are used, without the second; None for all events.
        dt: bin width in s that the summary needs; files that resolve less are refused.

    Raises: UserError for files that are not what they should be or hold nothing to use, in one sentence that says what to do.
    """
    files = _files([paths] if isinstance(paths, (str, Path)) else paths, modules)
    parts = [load(file, gti, hard, band) for file in files]
    for part in parts:
        _refuse_coarse(part, dt)
    said = [note for part in parts for note in notes(examine(part, dead_time), part.path.name)]
    _consistent(parts, said)
    common = _common(parts, said)
    origin, names = float(common[0, 0]), " with ".join(map(str, files))
    whole, used = segments_of(common - origin, segment_size, max_segments, start, stop, names, said)
    start_time, intervals = origin + float(used[0, 0]), used - used[0, 0]
    chosen = [inside(part.times - start_time, intervals) for part in parts]
    times = tuple((part.times - start_time)[rows] for part, rows in zip(parts, chosen, strict=True))
    flags = tuple(
        part.hard[rows] for part, rows in zip(parts, chosen, strict=True) if part.hard is not None
    )
    segments = len(segment_starts(intervals, segment_size))
    info = {
        **_describe(parts, times, float(np.diff(intervals).sum()), dead_time),
        "band": None if band is None else list(band),
        "segment_size": segment_size,
        "segments_available": len(segment_starts(whole, segment_size)),
        "segments": segments,
        "gtis": len(used),
        "origin": origin,
        "start": float(used[0, 0]),
        "stop": float(used[-1, 1]),
    }
    return Observation(
        Events(times, intervals, flags or None), start_time, segments, info, tuple(said)
    )


def _files(given: Sequence[str | Path], modules: int) -> list[Path]:
    """One file for each module, there and not empty."""
    if len(given) != modules:
        wrong = f"observation.path names {counted(len(given), 'file')}, but the run has {counted(modules, 'module')}"
        raise UserError(f"{wrong}: give one file per module")
    files = [local_file(path) for path in given]
    for i, path in enumerate(files):
        if any(os.path.samefile(path, other) for other in files[:i]):
            raise UserError(
                f"{path} is given for two modules, which must be independent: give each module's own file"
            )
    return files


def _refuse_coarse(part: EventFile, dt: float) -> None:
    if (step := measured_step(part) or part.timedel or 0.0) > dt * (1 + 1e-6):
        raise UserError(
            f"{part.path} has times in steps of {step:.4g} s, but the run's summary has bins of {dt:.4g} s: "
            f"choose a run for frequencies below {0.5 / step:.3g} Hz, or data of a faster mode of the instrument"
        )


# Modules together, and the part that is used.


def _consistent(parts: Sequence[EventFile], notes: list[str]) -> None:
    """Modules must be of one telescope and count time alike, and must not be one and the same."""
    for a, b in ((parts[0], part) for part in parts[1:]):
        both = f"{a.path} and {b.path}"
        if np.array_equal(a.times, b.times):
            raise UserError(
                f"{both} hold the same events, but modules must be independent: give each module's own file"
            )
        for key in ("TELESCOP", "TIMESYS", "TIMEREF"):
            if None not in (pair := (_text(a, key), _text(b, key))) and pair[0] != pair[1]:
                raise UserError(
                    f"{both} differ in {key} ({pair[0]} and {pair[1]}): give two modules of one observation, treated alike"
                )
        if (
            (zero := _mjdref(a)) is not None
            and (other := _mjdref(b)) is not None
            and abs(zero - other) > 1e-10
        ):
            raise UserError(
                f"{both} differ in MJDREF ({zero} and {other}): give two modules of one observation, treated alike"
            )
        if (name := _text(a, "INSTRUME")) and name == _text(b, "INSTRUME"):
            notes.append(
                f"both files are of instrument {name}: they must be independent detectors of it"
            )


def _text(part: EventFile, key: str) -> str | None:
    return str(part.header.get(key, "")).strip() or None


def _mjdref(part: EventFile) -> float | None:
    return sum_key(part.header, *MJDREF) if any(key in part.header for key in MJDREF) else None


def _common(parts: Sequence[EventFile], notes: list[str]) -> Floats:
    common = intersect([part.gti for part in parts])
    if len(common) == 0:
        spans = " and ".join(
            f"{part.path} ({part.gti[0, 0]:.1f} to {part.gti[-1, 1]:.1f} s)" for part in parts
        )
        raise UserError(f"{spans} have no common good time: give two modules of one observation")
    shared, each = np.diff(common).sum(), [np.diff(part.gti).sum() for part in parts]
    if max(each) - shared > 1e-3:
        both = " and ".join(f"{exposure:.6g}" for exposure in each)
        notes.append(
            f"the modules have {both} s of good time, their {shared:.6g} s in common are used"
        )
    return common


def segments_of(
    gti: Floats,
    segment_size: float,
    max_segments: int | None,
    start: float | None,
    stop: float | None,
    names: str,
    notes: list[str],
) -> tuple[Floats, Floats]:
    """The good time intervals from start to stop that hold a segment, and of these what is used; see `read`."""
    whole = _whole(_part(gti, start, stop, names), segment_size, names, notes)
    return whole, _first(whole, segment_size, max_segments, notes)


def _part(gti: Floats, start: float | None, stop: float | None, names: str) -> Floats:
    """What of the intervals lies between start and stop."""
    end = float(gti[-1, 1])
    for key, value in (("start", start), ("stop", stop)):
        if value is not None and not 0 <= value <= end + 1e-6:
            raise UserError(
                f"observation.{key} is {value} s, but must lie between 0 and {end:.6f} s, the time span of {names}"
            )
    low, high = 0.0 if start is None else start, end if stop is None else stop
    if not low < high:
        raise UserError(
            f"observation.start is {low} s, but must be below observation.stop, here {high} s of {names}"
        )
    chosen = intersect([gti, np.array([[low, high]])])
    if len(chosen) == 0:
        raise UserError(
            f"observation.start={low} and observation.stop={high} choose no good time of {names}: choose another part"
        )
    return chosen


def _whole(gti: Floats, segment_size: float, names: str, notes: list[str]) -> Floats:
    """The intervals that hold a segment.

    Mission times resolve some 0.1 microseconds, so 160 s may come out a little shorter and hold nine segments of 16 s: where a
    microsecond is missing, it is added.
    """
    fitting = np.floor((gti[:, 1] - gti[:, 0] + 1e-6) / segment_size)
    gti = np.stack([gti[:, 0], np.maximum(gti[:, 1], gti[:, 0] + fitting * segment_size)], axis=1)
    long, length = fitting > 0, gti[:, 1] - gti[:, 0]
    if not long.any():
        raise UserError(
            f"{names} has no good time interval as long as a segment of {segment_size:g} s, the longest is {length.max():.6g} s: "
            "choose a run with shorter segments, or another part or file"
        )
    if fitting.sum() > MOST:
        raise UserError(
            f"{names} has {length.sum():.3g} s of good time, {fitting.sum():.3g} segments of {segment_size:g} s, more than there are: "
            "correct its times, or choose a part with observation.start and observation.stop"
        )
    if not long.all():
        lost = f"{counted(int((~long).sum()), 'good time interval')} shorter than a segment of {segment_size:g} s, left out"
        notes.append(f"{lost} ({length[~long].sum():.6g} of {length.sum():.6g} s)")
    whole: Floats = gti[long]
    return whole


def _first(gti: Floats, segment_size: float, max_segments: int | None, notes: list[str]) -> Floats:
    """The intervals up to the end of the last segment allowed."""
    starts = segment_starts(gti, segment_size)
    if max_segments is None or len(starts) <= max_segments:
        return gti
    notes.append(
        f"observation has {len(starts)} segments of {segment_size:g} s; the first {max_segments} are used; "
        "choose others with observation.start and observation.stop"
    )
    used: Floats = gti[gti[:, 0] <= starts[max_segments - 1]].copy()
    used[-1, 1] = starts[max_segments - 1] + segment_size
    return used


def _describe(
    parts: Sequence[EventFile], times: Sequence[Floats], exposure: float, dead_time: float
) -> dict[str, Any]:
    """What the files say and what was used, in plain types."""
    rates = [len(t) / exposure for t in times]
    live = [part.live_fraction(dead_time or part.dead_time or 0.0) for part in parts]
    for part, rate in zip(parts, rates, strict=True):
        _check_rate(part, rate, dead_time)
    return {
        "files": [str(part.path) for part in parts],
        "mission": parts[0].mission.name if parts[0].mission else None,
        **{
            name: _text(parts[0], key)
            for name, key in (
                ("telescope", "TELESCOP"),
                ("object", "OBJECT"),
                ("timesys", "TIMESYS"),
            )
        },
        "instruments": [_text(part, "INSTRUME") for part in parts],
        "mjdref": _mjdref(parts[0]),
        "barycentred": barycentred(parts[0]),
        "dead_time": parts[0].dead_time,
        "time_step": measured_step(parts[0]) or parts[0].timedel,
        "detectors": [
            None if p.detectors is None and p.mission and p.mission.detector else p.detector_count
            for p in parts
        ],
        "share_in_band": [len(part.times) / part.total for part in parts],
        "exposure": exposure,
        "events_read": [part.rows for part in parts],
        "events_used": [len(t) for t in times],
        "recorded_rate": rates,
        "live_time_fraction": [fraction for fraction, _ in live],
        "live_time_source": [source for _, source in live],
        "incident_rate": [
            rate / fraction if fraction else None
            for rate, (fraction, _) in zip(rates, live, strict=True)
        ],
    }


def _check_rate(part: EventFile, rate: float, dead_time: float) -> None:
    if rate == 0:
        raise UserError(
            f"{part.path} has no events in the segments chosen: choose others with observation.start and observation.stop"
        )
    if rate * dead_time > 1:
        raise UserError(
            f"{part.path} has {rate:.6g} recorded counts/s, more than a dead time of {dead_time:.4g} s lets through ({1 / dead_time:.6g}): "
            "choose a run with this instrument's dead time"
        )
