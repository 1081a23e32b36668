"""Event files and observations: what OGIP FITS files hold, mended or refused, and a writer of the same files."""

import gzip
import io
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from livetime.config import UserError
from livetime.simulate.detector import Events
from livetime.simulate.summary import segment_starts

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_TIME_ZERO = ("TIMEZERO", "TIMEZERI", "TIMEZERF")
_MJDREF = ("MJDREF", "MJDREFI", "MJDREFF")
_LIVE = ("DEADC", "LIVETIME", "EXPOSURE", "ONTIME")
_KEYS = (_MJDREF, _TIME_ZERO, *((key,) for key in ("TELESCOP", "INSTRUME", "OBJECT", "TIMESYS", "TIMEREF", "TIMEUNIT", *_LIVE)))


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


@dataclass(frozen=True)
class _Module:
    """One file: header values, sorted mission times and good time intervals in s, rows in the file, mean of PRIOR in s."""

    path: Path
    header: dict[str, Any]
    times: Floats
    gti: Floats
    rows: int
    prior: float | None
    notes: list[str]


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
) -> Observation:
    """Read one event file per module, and take the whole segments of their common good time.

    Arguments:
        paths: the files, in the order of the modules; gzip is fine.
        modules: number of files expected.
        segment_size: s.
        max_segments: use the first so many.
        dead_time: mean per event in s, for checks; 0 for none.
        gti: `file`, or `full` for all from the first to the last event of each file.
        start, stop: use this part, in s since the start of the first common good time interval.

    Raises: UserError for files that are not what they should be or hold nothing to use, in one sentence that says what to do.
    """
    files = [Path(os.path.expanduser(p)) for p in ([paths] if isinstance(paths, (str, Path)) else paths)]
    _require(files, modules)
    parts = [_load(file, gti) for file in files]
    notes = [note for part in parts for note in part.notes]
    _consistent(parts, notes)
    common = _common(parts, notes)
    origin, names = float(common[0, 0]), " with ".join(map(str, files))
    whole = _whole(_part(common - origin, start, stop, names), segment_size, names, notes)
    used = _first(whole, segment_size, max_segments, notes)
    start_time, intervals = origin + float(used[0, 0]), used - used[0, 0]
    times = tuple(t[_inside(t, intervals)] for t in (part.times - start_time for part in parts))
    segments = len(segment_starts(intervals, segment_size))
    info = {
        **_describe(parts, times, float(np.diff(intervals).sum()), dead_time, notes),
        "segment_size": segment_size,
        "segments_available": len(segment_starts(whole, segment_size)),
        "segments": segments,
        "gtis": len(used),
        "origin": origin,
        "start": float(used[0, 0]),
        "stop": float(used[-1, 1]),
    }
    return Observation(Events(times, intervals), start_time, segments, info, tuple(notes))


# One file.


def _require(files: Sequence[Path], modules: int) -> None:
    """One file for each module, there and not empty."""
    if len(files) != modules:
        given = f"observation.path names {_count(len(files), 'file')}, but the run has {_count(modules, 'module')}"
        raise UserError(f"{given}: give one file per module")
    for i, path in enumerate(files):
        if not os.path.exists(path):  # other than Path.exists, it bears names that no file can have
            raise UserError(f"{path} does not exist: check observation.path")
        if not path.is_file():
            raise UserError(f"{path} is a folder or no plain file: name the event file itself in observation.path")
        if path.stat().st_size == 0:
            raise UserError(f"{path} is empty (0 bytes): copy or download it again")
        if any(os.path.samefile(path, other) for other in files[:i]):
            raise UserError(f"{path} is given for two modules, which must be independent: give each module's own file")


def _stream(path: Path) -> BinaryIO:
    """The file's bytes, unpacked here: astropy takes the end of a cut gzip file for the end of the FITS file, and says nothing."""
    stream = path.open("rb")
    if stream.read(2) == b"\x1f\x8b":
        with stream:
            return io.BytesIO(gzip.decompress(path.read_bytes()))
    stream.seek(0)
    return stream


@contextmanager
def _opened(path: Path) -> Iterator[fits.HDUList]:
    """The file with all its headers read; whatever astropy stumbles over in a broken one becomes a sentence."""
    truncated = UserError(f"{path} is truncated, its end is missing or damaged: copy or download it again")
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            warnings.filterwarnings("error", message=".*truncated")
            with _stream(path) as stream, fits.open(stream) as hdus:
                len(hdus)
                yield hdus
    except UserError as error:
        # Astropy leaves out a table whose header is cut, with a warning.
        if any("corrupted" in str(warning.message) for warning in caught):
            raise truncated from error
        raise
    except Exception as error:
        reason = f"{type(error).__name__}: {' '.join(str(error).split()).split('. ')[0].rstrip('.')}"
        if any(words in reason for words in ("truncated", "ended before", "smaller than", "Header missing END")):
            raise truncated from error
        raise UserError(f"{path} cannot be read as FITS ({reason}): give an event file, or copy it again if it is one") from error


def _load(path: Path, gti: Literal["file", "full"]) -> _Module:
    notes: list[str] = []
    with _opened(path) as hdus:
        hdu = _event_table(hdus, path, notes)
        header = _keywords(hdus[0].header, hdu.header)
        times, rows = _times(hdu, header, path, notes)
        intervals = _file_gti(hdus, hdu, header, path, notes) if gti == "file" else np.array([[times[0], times[-1]]])
        prior = _mean_prior(hdu, rows)
    inside = _inside(times, intervals)
    if not inside.any():
        raise UserError(
            f"{path} has no event within its good time intervals ({intervals[0, 0]:.1f} to {intervals[-1, 1]:.1f} s, "
            f"events {times[0]:.1f} to {times[-1]:.1f} s): check TIMEZERO, or set observation.gti=full"
        )
    _note(notes, path, ~inside, "event", "outside the good time intervals, left out")
    if gti == "full":
        notes.append(f"{path.name}: all from the first to the last event, {np.ptp(times):.6g} s, taken as good time (observation.gti=full)")
    return _Module(path, header, times[inside], intervals, len(rows), prior, notes)


def _keywords(primary: fits.Header, own: fits.Header) -> dict[str, Any]:
    """The event table's keywords, and the primary header's where it has none; of a keyword that may be split, never parts of both."""
    found: dict[str, Any] = {}
    for group in _KEYS:
        header = own if any(key in own for key in group) else primary
        found |= {key: header[key] for key in group if isinstance(header.get(key), (str, int, float))}
    return found


def _column(hdu: Any, name: str) -> str | None:
    """The column's own spelling, since names in FITS tables do not care for case; None where there is none."""
    names = hdu.columns.names if isinstance(hdu, fits.BinTableHDU) else []
    return next((n for n in names if n.upper() == name), None)


def _rank(hdu: Any) -> int | None:
    """How much a table looks like events, 0 for most; None without TIME, or for something else that has times."""
    name, kind = hdu.name.upper(), str(hdu.header.get("HDUCLAS1", "")).upper()
    if _column(hdu, "TIME") is None or _is_light_curve(hdu):
        return None
    if kind.startswith("EVENT") or any(word in name for word in ("EVENT", "EVT", "XTE_SE")):
        return 0 if name == "EVENTS" else 1
    other = kind in ("GTI", "ARRAY") or any(word in name for word in ("GTI", "BADPIX", "EXPOSU", "FPM_SEL", "XTE_SA"))
    return None if other else 2


def _is_light_curve(hdu: Any) -> bool:
    return hdu.header.get("HDUCLAS1") == "LIGHTCURVE" or hdu.name.upper().startswith("RATE") or _column(hdu, "RATE") is not None


def _event_table(hdus: fits.HDUList, path: Path, notes: list[str]) -> Any:
    tables = [(rank, i) for i, hdu in enumerate(hdus) if (rank := _rank(hdu)) is not None]
    if not tables:
        what = "holds a light curve, not events" if any(map(_is_light_curve, hdus)) else "has no table of events with a TIME column"
        raise UserError(f"{path} {what}: give the event file that the mission's pipeline wrote")
    rank, best = min(tables)
    if (several := [r for r, _ in tables].count(rank)) > 1:
        notes.append(f"{path.name}: {several} tables of events, of which only the first, {hdus[best].name}, is read")
    if len(hdus[best].data) == 0:
        raise UserError(f"{path} has no events, table {hdus[best].name} is empty: check the filters that it was made with")
    return hdus[best]


def _seconds(hdu: Any, name: str, header: Mapping[str, Any], path: Path) -> Floats:
    """A column of times in s, TIMEZERO added: of the table's own header, or of the events' where that has none."""
    column = hdu.columns[_column(hdu, name)]
    where = f"column {column.name} of table {hdu.name}"
    for unit in (column.unit, hdu.header.get("TIMEUNIT", header.get("TIMEUNIT"))):
        if str(unit or "s").strip().lower() not in ("s", "sec", "secs", "second", "seconds"):
            raise UserError(f"{path} gives {where} in {str(unit).strip()}: convert it to seconds (unit s)")
    values = np.array(hdu.data[column.name], dtype=np.float64)
    if values.ndim != 1:
        raise UserError(f"{path} has several values per row in {where}: give a file with one time per row")
    own = hdu.header if any(key in hdu.header for key in _TIME_ZERO) else header
    return values + _sum_key(own, *_TIME_ZERO)


def _sum_key(header: Mapping[str, Any], whole: str, integer: str, fraction: str) -> float:
    """A keyword that may be split in two for precision."""
    if integer in header or fraction in header:
        return float(header.get(integer, 0)) + float(header.get(fraction, 0))
    return float(header.get(whole, 0))


def _times(hdu: Any, header: Mapping[str, Any], path: Path, notes: list[str]) -> tuple[Floats, Mask]:
    """Sorted mission times of the distinct events in s, and which rows they are."""
    times = _seconds(hdu, "TIME", header, path)
    rows = _photons(hdu, path, notes)
    if not rows.any():
        raise UserError(f"{path} has no events, only clock markers: give another file")
    if bad := int((~np.isfinite(times[rows])).sum()):
        raise UserError(f"{path} has {_count(bad, 'event')} whose TIME is not a finite number: remove those rows, or make the file again")
    rows[rows] = _distinct(times[rows], hdu, rows, path, notes)
    times = times[rows]
    _note(notes, path, np.diff(times) < 0, "event", "earlier than the one before, now sorted")
    return np.sort(times), rows


def _photons(hdu: Any, path: Path, notes: list[str]) -> Mask:
    """RXTE's event modes write clock markers among the events: the first bit, M[1]{1} in TEVTB2, tells them apart."""
    rows = np.ones(len(hdu.data), dtype=np.bool_)
    if hdu.name == "XTE_SE" and (name := _column(hdu, "EVENT")) and str(hdu.header.get("TEVTB2", "")).startswith("(M[1]{1}"):
        rows = np.array(hdu.data[name])[:, 0].astype(np.bool_)
        _note(notes, path, ~rows, "clock marker", "among the events, left out")
    return rows


def _distinct(times: Floats, hdu: Any, rows: Mask, path: Path, notes: list[str]) -> Mask:
    """Mask of the events that do not repeat another row in all columns; equal times alone are no fault of a coarse clock."""
    keep = np.ones(len(times), dtype=np.bool_)
    order = np.argsort(times, kind="stable")
    same = np.concatenate([[False], np.diff(times[order]) == 0, [False]])
    tied = np.sort(order[same[1:] | same[:-1]])
    if len(tied) == 0 or len(hdu.columns) == 1:
        return keep
    raw = np.ascontiguousarray(hdu.data.view(np.ndarray)[np.flatnonzero(rows)[tied]])
    _, first = np.unique(raw.view(f"V{raw.dtype.itemsize}"), return_index=True)
    keep[tied] = False
    keep[tied[first]] = True
    repeated, apart = len(tied) - len(first), len(first) - len(np.unique(times[tied]))
    if repeated and apart > repeated and not any(_column(hdu, c) for c in ("X", "RAWX", "DETX")):
        # Without positions, two photons of one tick and one channel look the same.
        notes.append(f"{path.name}: {_count(repeated, 'row')} like another in all columns, kept since {apart} more share only the time")
        return np.ones(len(times), dtype=np.bool_)
    _note(notes, path, ~keep, "duplicated row", "left out")
    return keep


def _mean_prior(hdu: Any, rows: Mask) -> float | None:
    """Mean live time since the previous event in s, where the column PRIOR gives it."""
    if (name := _column(hdu, "PRIOR")) is None:
        return None
    prior = np.array(hdu.data[name], dtype=np.float64)[rows]
    prior = prior[np.isfinite(prior) & (prior > 0)]
    return float(prior.mean()) if len(prior) else None


# Good time intervals: arrays (G, 2) in s.


def _file_gti(hdus: fits.HDUList, events: Any, header: Mapping[str, Any], path: Path, notes: list[str]) -> Floats:
    """What all tables of good time intervals have in common: RXTE writes two, XMM and Chandra one per CCD."""
    tables = [h for h in hdus if _column(h, "START") and _column(h, "STOP") and "GTI" in (h.name + str(h.header.get("HDUCLAS1"))).upper()]
    if name := _column(events, "CCDNR"):  # XMM: STDGTInn is that of CCD nn
        own = {f"STDGTI{ccd:02d}" for ccd in np.unique(events.data[name])}
        tables = [h for h in tables if h.name in own] or tables
    if not any(len(h.data) for h in tables):
        raise UserError(f"{path} has no good time intervals (GTI): set observation.gti=full to take all from its first to its last event")
    gtis = [_mended(np.stack([_seconds(h, c, header, path) for c in ("START", "STOP")], axis=1), h.name, path, notes) for h in tables]
    common = _intersect(gtis)
    if len(common) == 0:
        raise UserError(f"{path} has {len(gtis)} tables of good time intervals without common time: set observation.gti=full")
    if any(not np.array_equal(gti, common) for gti in gtis):
        notes.append(f"{path.name}: {len(gtis)} tables of good time intervals, their {np.diff(common).sum():.6g} s in common are used")
    return common


def _mended(gti: Floats, table: str, path: Path, notes: list[str]) -> Floats:
    """Sorted, and merged where they overlap or touch."""
    wrong = ~(gti[:, 0] < gti[:, 1]) | ~np.isfinite(gti).all(axis=1)
    if wrong.any():
        i = int(np.argmax(wrong))
        raise UserError(
            f"{path} has a reversed or broken good time interval, {gti[i, 0]:.6f} to {gti[i, 1]:.6f} s in row {i + 1} of table {table}: "
            "correct the table, or set observation.gti=full"
        )
    _note(notes, path, np.diff(gti[:, 0]) < 0, "good time interval", "earlier than the one before, now sorted")
    gti = gti[np.argsort(gti[:, 0], kind="stable")]
    reach = np.maximum.accumulate(gti[:, 1])
    _note(notes, path, gti[1:, 0] < reach[:-1], "good time interval", "overlapping an earlier one, now merged")
    apart = gti[1:, 0] > reach[:-1]
    return np.stack([gti[np.append(True, apart)[: len(gti)], 0], reach[np.append(apart, True)[: len(gti)]]], axis=1)


def _intersect(gtis: Sequence[Floats]) -> Floats:
    """The time common to all; each argument is sorted and free of overlaps.

    >>> _intersect([np.array([[0.0, 10.0], [20.0, 30.0]]), np.array([[5.0, 22.0]])]).tolist()
    [[5.0, 10.0], [20.0, 22.0]]
    """
    edges = np.concatenate([gti.T.ravel() for gti in gtis])
    steps = np.concatenate([np.repeat([1, -1], len(gti)) for gti in gtis])
    order = np.lexsort((steps, edges))  # at equal times stops come first: a touch is no common time
    at = np.flatnonzero(np.cumsum(steps[order]) == len(gtis))
    edges = np.append(edges[order], np.inf)
    return np.stack([edges[at], edges[at + 1]], axis=1)


def _inside(times: Floats, gti: Floats) -> Mask:
    at = np.searchsorted(gti[:, 0], times, side="right") - 1
    inside: Mask = (at >= 0) & (times <= gti[at, 1])
    return inside


# Modules together, and the part that is used.


def _consistent(parts: Sequence[_Module], notes: list[str]) -> None:
    """Modules must be of one telescope and count time alike, and must not be one and the same."""
    for a, b in ((parts[0], part) for part in parts[1:]):
        both = f"{a.path} and {b.path}"
        if np.array_equal(a.times, b.times):
            raise UserError(f"{both} hold the same events, but modules must be independent: give each module's own file")
        for key in ("TELESCOP", "TIMESYS", "TIMEREF"):
            if None not in (pair := (_text(a, key), _text(b, key))) and pair[0] != pair[1]:
                raise UserError(f"{both} differ in {key} ({pair[0]} and {pair[1]}): give two modules of one observation, treated alike")
        if (zero := _mjdref(a)) is not None and (other := _mjdref(b)) is not None and abs(zero - other) > 1e-10:
            raise UserError(f"{both} differ in MJDREF ({zero} and {other}): give two modules of one observation, treated alike")
        if (name := _text(a, "INSTRUME")) and name == _text(b, "INSTRUME"):
            notes.append(f"both files are of instrument {name}: they must be independent detectors of it")


def _text(part: _Module, key: str) -> str | None:
    return str(part.header.get(key, "")).strip() or None


def _mjdref(part: _Module) -> float | None:
    return _sum_key(part.header, *_MJDREF) if any(key in part.header for key in _MJDREF) else None


def _common(parts: Sequence[_Module], notes: list[str]) -> Floats:
    common = _intersect([part.gti for part in parts])
    if len(common) == 0:
        spans = " and ".join(f"{part.path} ({part.gti[0, 0]:.1f} to {part.gti[-1, 1]:.1f} s)" for part in parts)
        raise UserError(f"{spans} have no common good time: give two modules of one observation")
    shared, each = np.diff(common).sum(), [np.diff(part.gti).sum() for part in parts]
    if max(each) - shared > 1e-3:
        both = " and ".join(f"{exposure:.6g}" for exposure in each)
        notes.append(f"the modules have {both} s of good time, their {shared:.6g} s in common are used")
    return common


def _part(gti: Floats, start: float | None, stop: float | None, names: str) -> Floats:
    """What of the intervals lies between start and stop."""
    end = float(gti[-1, 1])
    for key, value in (("start", start), ("stop", stop)):
        if value is not None and not 0 <= value <= end + 1e-6:
            raise UserError(f"observation.{key} is {value} s, but must lie between 0 and {end:.6f} s, the time span of {names}")
    low, high = 0.0 if start is None else start, end if stop is None else stop
    if not low < high:
        raise UserError(f"observation.start is {low} s, but must be below observation.stop, here {high} s of {names}")
    chosen = _intersect([gti, np.array([[low, high]])])
    if len(chosen) == 0:
        raise UserError(f"observation.start={low} and observation.stop={high} choose no good time of {names}: choose another part")
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
    if not long.all():
        lost = f"{_count(int((~long).sum()), 'good time interval')} shorter than a segment of {segment_size:g} s, left out"
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


def _describe(parts: Sequence[_Module], times: Sequence[Floats], exposure: float, dead_time: float, notes: list[str]) -> dict[str, Any]:
    """What the files say and what was used, in plain types."""
    rates = [len(t) / exposure for t in times]
    live = [_live_fraction(part, dead_time) for part in parts]
    for part, rate, (fraction, source) in zip(parts, rates, live, strict=True):
        _check_rate(part, rate, dead_time, fraction, source, notes)
    return {
        "files": [str(part.path) for part in parts],
        **{name: _text(parts[0], key) for name, key in (("telescope", "TELESCOP"), ("object", "OBJECT"), ("timesys", "TIMESYS"))},
        "instruments": [_text(part, "INSTRUME") for part in parts],
        "mjdref": _mjdref(parts[0]),
        "exposure": exposure,
        "events_read": [part.rows for part in parts],
        "events_used": [len(t) for t in times],
        "recorded_rate": rates,
        "live_time_fraction": [fraction for fraction, _ in live],
        "live_time_source": [source for _, source in live],
        "incident_rate": [rate / fraction if fraction else None for rate, (fraction, _) in zip(rates, live, strict=True)],
    }


def _check_rate(part: _Module, rate: float, dead_time: float, live: float | None, source: str | None, notes: list[str]) -> None:
    if rate == 0:
        raise UserError(f"{part.path} has no events in the segments chosen: choose others with observation.start and observation.stop")
    if rate * dead_time > 1:
        raise UserError(
            f"{part.path} has {rate:.6g} recorded counts/s, more than a dead time of {dead_time:.4g} s lets through ({1 / dead_time:.6g}): "
            "choose a run with this instrument's dead time"
        )
    expected = 1 - rate * dead_time
    if live and dead_time and abs(live - expected) > 0.02:
        why = "events were screened away, the rate changed, or the dead time is another"
        notes.append(
            f"{part.path.name}: {source} gives a live-time fraction of {live:.4g}, but {rate:.4g} recorded counts/s of {dead_time:.4g} s "
            f"dead time leave {expected:.4g}: {why}"
        )


def _live_fraction(part: _Module, dead_time: float) -> tuple[float | None, str | None]:
    """Live-time fraction of a module over the whole file, and what says so.

    The mean of PRIOR is the live time per event, and each event costs one dead time, whatever was screened away since.
    An EXPOSURE as long as ONTIME says nothing: most missions leave the dead time in it.
    """
    given = {key: float(part.header[key]) for key in _LIVE if isinstance(part.header.get(key), (int, float))}
    ontime = given.get("ONTIME") or float(np.diff(part.gti).sum())
    fractions = {"DEADC": given.get("DEADC", 0.0), **{key: given.get(key, 0.0) / ontime for key in ("LIVETIME", "EXPOSURE")}}
    for key, fraction in fractions.items():
        if 0 < fraction <= 1 + 1e-6 and (key != "EXPOSURE" or fraction < 1 - 1e-6):
            return min(fraction, 1.0), key
    return (part.prior / (part.prior + dead_time), "PRIOR") if part.prior and dead_time > 0 else (None, None)


# Words.


def _count(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def _note(notes: list[str], path: Path, which: Any, what: str, outcome: str) -> None:
    if n := int(which.sum()):
        notes.append(f"{path.name}: {_count(n, what)} {outcome}")


# The writer.


def write(
    events: Events,
    paths: Sequence[Path],
    *,
    dead_time: float,
    telescope: str = "NuSTAR",
    instruments: Sequence[str] = ("FPMA", "FPMB"),
    object_name: str = "simulated",
    keywords: Mapping[str, Any] | None = None,
    start_time: float = 8e7,
    overwrite: bool = False,
) -> None:
    """Write one OGIP event file per module: EVENTS (TIME, PI), GTI, and the mission's keywords.

    Each file is written aside and then renamed. All events get PI 210 (NuSTAR's 10 keV): energies are not simulated.

    Arguments:
        events: times and good time intervals in s.
        paths: one per module; a name that ends with .gz is compressed.
        dead_time: mean per event in s; LIVETIME is ONTIME less that for each event.
        keywords: further ones, or other values for those written; names of more than 8 characters become HIERARCH cards.
        start_time: mission time in s at which the times of `events` are zero.

    Raises: UserError if a file exists, unless `overwrite`; ValueError for a wrong number of paths, or more dead time than time.
    """
    if not len(paths) == len(events.times) <= len(instruments):
        raise ValueError(f"{len(paths)} paths and {len(instruments)} instruments for {len(events.times)} modules")
    for path in paths:
        if path.exists() and not overwrite:
            raise UserError(f"{path} exists: choose another name, or set overwrite=true")
    aside = [path.with_name(f".{os.getpid()}-{path.name}") for path in paths]
    names = {"TELESCOP": telescope, "OBJECT": object_name}
    try:
        for times, instrument, path in zip(events.times, instruments, aside, strict=False):
            header = {**names, "INSTRUME": instrument, **_timing(times, events.gti, dead_time, start_time), **(keywords or {})}
            path.parent.mkdir(parents=True, exist_ok=True)
            _hdus(times + start_time, events.gti + start_time, header).writeto(path, overwrite=True)
        for path, final in zip(aside, paths, strict=True):
            path.replace(final)
    finally:
        for path in aside:
            path.unlink(missing_ok=True)


def _timing(times: Floats, gti: Floats, dead_time: float, start_time: float) -> dict[str, Any]:
    ontime = float(np.diff(gti).sum())
    livetime = ontime - len(times) * dead_time
    if livetime <= 0:
        raise ValueError(f"{len(times)} events of {dead_time} s dead time each do not fit in {ontime} s")
    reference = {"MJDREFI": 55197, "MJDREFF": 7.660185200000000e-04, "TIMESYS": "TT", "TIMEREF": "LOCAL", "TIMEUNIT": "s", "TIMEZERO": 0.0}
    span = {"TSTART": start_time + float(gti[0, 0]), "TSTOP": start_time + float(gti[-1, 1])}
    return {**reference, **span, "ONTIME": ontime, "EXPOSURE": livetime, "LIVETIME": livetime, "DEADC": livetime / ontime}


def _hdus(times: Floats, gti: Floats, header: Mapping[str, Any]) -> fits.HDUList:
    """The file in memory; times in mission s."""
    cards = fits.Header([fits.Card(key if len(key) <= 8 else f"HIERARCH {key}", value) for key, value in header.items()])
    time = fits.Column("TIME", "D", unit="s", array=times)
    pi = fits.Column("PI", "J", array=np.full(len(times), 210, dtype=np.int32))
    bounds = [fits.Column(name, "D", unit="s", array=gti[:, i]) for i, name in enumerate(("START", "STOP"))]
    hdus = [fits.PrimaryHDU(header=cards.copy())]  # copies, since an HDU writes its own name into its header
    for columns, name, kind, detail in (([time, pi], "EVENTS", "EVENTS", "ALL"), (bounds, "GTI", "GTI", "STANDARD")):
        hdus.append(fits.BinTableHDU.from_columns(columns, cards.copy(), name=name))
        hdus[-1].header.update({"HDUCLASS": "OGIP", "HDUCLAS1": kind, "HDUCLAS2": detail})
    return fits.HDUList(hdus)
