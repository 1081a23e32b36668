"""One OGIP event file: what it holds, mended or refused; and a writer of the same."""

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

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_TIME_ZERO = ("TIMEZERO", "TIMEZERI", "TIMEZERF")
MJDREF = ("MJDREF", "MJDREFI", "MJDREFF")
LIVE = ("DEADC", "LIVETIME", "EXPOSURE", "ONTIME")
_KEYS = (MJDREF, _TIME_ZERO, *((key,) for key in ("TELESCOP", "INSTRUME", "OBJECT", "TIMESYS", "TIMEREF", "TIMEUNIT", *LIVE)))


@dataclass(frozen=True)
class EventFile:
    """One file: header values, sorted mission times and good time intervals in s, rows in the file, mean of PRIOR in s; where a band was
    asked for, which events are hard."""

    path: Path
    header: dict[str, Any]
    times: Floats
    gti: Floats
    rows: int
    prior: float | None
    notes: list[str]
    hard: Mask | None = None


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


def load(path: Path, gti: Literal["file", "full"], hard: float | None = None) -> EventFile:
    """Reads and mends one file; `hard` is the PI channel from which on an event is hard. Raises UserError."""
    notes: list[str] = []
    with _opened(path) as hdus:
        hdu = _event_table(hdus, path, notes)
        header = _keywords(hdus[0].header, hdu.header)
        for key in (*MJDREF, *_TIME_ZERO, *LIVE):
            if isinstance(header.get(key), (str, bool)):
                raise UserError(f"{path}: the keyword {key} is {header[key]!r}, which is no number: mend the header")
        times, rows = _times(hdu, header, path, notes)
        order = np.argsort(times, kind="stable")
        times, flags = times[order], None if hard is None else (_channels(hdu, rows, path) >= hard)[order]
        intervals = _file_gti(hdus, hdu, header, path, notes) if gti == "file" else np.array([[times[0], times[-1]]])
        prior = _mean_prior(hdu, rows)
    within = inside(times, intervals)
    if not within.any():
        raise UserError(
            f"{path} has no event within its good time intervals ({intervals[0, 0]:.1f} to {intervals[-1, 1]:.1f} s, "
            f"events {times[0]:.1f} to {times[-1]:.1f} s): check TIMEZERO, or set observation.gti=full"
        )
    add_note(notes, path, ~within, "event", "outside the good time intervals, left out")
    if gti == "full":
        notes.append(f"{path.name}: all from the first to the last event, {np.ptp(times):.6g} s, taken as good time (observation.gti=full)")
    return EventFile(path, header, times[within], intervals, len(rows), prior, notes, None if flags is None else flags[within])


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
    return values + sum_key(own, *_TIME_ZERO)


def sum_key(header: Mapping[str, Any], whole: str, integer: str, fraction: str) -> float:
    """A keyword that may be split in two for precision."""
    if integer in header or fraction in header:
        return float(header.get(integer, 0)) + float(header.get(fraction, 0))
    return float(header.get(whole, 0))


def _times(hdu: Any, header: Mapping[str, Any], path: Path, notes: list[str]) -> tuple[Floats, Mask]:
    """Mission times of the distinct events in s, and which rows they are."""
    times = _seconds(hdu, "TIME", header, path)
    rows = _photons(hdu, path, notes)
    if not rows.any():
        raise UserError(f"{path} has no events, only clock markers: give another file")
    if bad := int((~np.isfinite(times[rows])).sum()):
        raise UserError(f"{path} has {counted(bad, 'event')} whose TIME is not a finite number: remove those rows, or make the file again")
    rows[rows] = _distinct(times[rows], hdu, rows, path, notes)
    times = times[rows]
    add_note(notes, path, np.diff(times) < 0, "event", "earlier than the one before, now sorted")
    return times, rows


def _channels(hdu: Any, rows: Mask, path: Path) -> Floats:
    """Column PI of the rows."""
    if (name := _column(hdu, "PI")) is None:
        raise UserError(f"{path} has no column PI, by which observation.hard tells hard events: give a file with calibrated energies")
    try:
        values = np.array(hdu.data[name], dtype=np.float64)
    except ValueError:
        values = np.full(len(rows), np.nan)
    if values.ndim != 1 or not np.isfinite(values[rows]).all():
        raise UserError(f"{path} has no single finite number per event in column PI: give a file with calibrated energies")
    return values[rows]


def _photons(hdu: Any, path: Path, notes: list[str]) -> Mask:
    """RXTE's event modes write clock markers among the events: the first bit, M[1]{1} in TEVTB2, tells them apart."""
    rows = np.ones(len(hdu.data), dtype=np.bool_)
    if hdu.name == "XTE_SE" and (name := _column(hdu, "EVENT")) and str(hdu.header.get("TEVTB2", "")).startswith("(M[1]{1}"):
        rows = np.array(hdu.data[name])[:, 0].astype(np.bool_)
        add_note(notes, path, ~rows, "clock marker", "among the events, left out")
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
        notes.append(f"{path.name}: {counted(repeated, 'row')} like another in all columns, kept since {apart} more share only the time")
        return np.ones(len(times), dtype=np.bool_)
    add_note(notes, path, ~keep, "duplicated row", "left out")
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
    common = intersect(gtis)
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
    add_note(notes, path, np.diff(gti[:, 0]) < 0, "good time interval", "earlier than the one before, now sorted")
    gti = gti[np.argsort(gti[:, 0], kind="stable")]
    reach = np.maximum.accumulate(gti[:, 1])
    add_note(notes, path, gti[1:, 0] < reach[:-1], "good time interval", "overlapping an earlier one, now merged")
    apart = gti[1:, 0] > reach[:-1]
    return np.stack([gti[np.append(True, apart)[: len(gti)], 0], reach[np.append(apart, True)[: len(gti)]]], axis=1)


def intersect(gtis: Sequence[Floats]) -> Floats:
    """The time common to all; each argument is sorted and free of overlaps.

    >>> intersect([np.array([[0.0, 10.0], [20.0, 30.0]]), np.array([[5.0, 22.0]])]).tolist()
    [[5.0, 10.0], [20.0, 22.0]]
    """
    edges = np.concatenate([gti.T.ravel() for gti in gtis])
    steps = np.concatenate([np.repeat([1, -1], len(gti)) for gti in gtis])
    order = np.lexsort((steps, edges))  # at equal times stops come first: a touch is no common time
    at = np.flatnonzero(np.cumsum(steps[order]) == len(gtis))
    edges = np.append(edges[order], np.inf)
    return np.stack([edges[at], edges[at + 1]], axis=1)


def inside(times: Floats, gti: Floats) -> Mask:
    at = np.searchsorted(gti[:, 0], times, side="right") - 1
    inside: Mask = (at >= 0) & (times <= gti[at, 1])
    return inside


# Words.


def counted(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def add_note(notes: list[str], path: Path, which: Any, what: str, outcome: str) -> None:
    if n := int(which.sum()):
        notes.append(f"{path.name}: {counted(n, what)} {outcome}")


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

    Each file is written aside and then renamed. Energies are not simulated: events get PI 210 (NuSTAR's 10 keV), or where they are told
    hard from soft 310 and 110 (14 and 6 keV).

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
        channels = [np.where(hard, 310, 110) for hard in events.hard] if events.hard else [np.full(len(t), 210) for t in events.times]
        for times, pi, instrument, path in zip(events.times, channels, instruments, aside, strict=False):
            header = {**names, "INSTRUME": instrument, **_timing(times, events.gti, dead_time, start_time), **(keywords or {})}
            path.parent.mkdir(parents=True, exist_ok=True)
            _hdus(times + start_time, pi, events.gti + start_time, header).writeto(path, overwrite=True)
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


def _hdus(times: Floats, channels: NDArray[np.integer[Any]], gti: Floats, header: Mapping[str, Any]) -> fits.HDUList:
    """The file in memory; times in mission s."""
    cards = fits.Header([fits.Card(key if len(key) <= 8 else f"HIERARCH {key}", value) for key, value in header.items()])
    time = fits.Column("TIME", "D", unit="s", array=times)
    pi = fits.Column("PI", "J", array=channels.astype(np.int32))
    bounds = [fits.Column(name, "D", unit="s", array=gti[:, i]) for i, name in enumerate(("START", "STOP"))]
    hdus = [fits.PrimaryHDU(header=cards.copy())]  # copies, since an HDU writes its own name into its header
    for columns, name, kind, detail in (([time, pi], "EVENTS", "EVENTS", "ALL"), (bounds, "GTI", "GTI", "STANDARD")):
        hdus.append(fits.BinTableHDU.from_columns(columns, cards.copy(), name=name))
        hdus[-1].header.update({"HDUCLASS": "OGIP", "HDUCLAS1": kind, "HDUCLAS2": detail})
    return fits.HDUList(hdus)
