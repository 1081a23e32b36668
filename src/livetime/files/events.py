"""One OGIP event file: what it holds, mended or refused; and a writer of the same."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.energy import of_events, values
from livetime.files.finding import Finding, NoGoodTimeError, add, counted
from livetime.files.fits import (
    LIVE,
    MJDREF,
    STEP,
    TIME_ZERO,
    column,
    event_table,
    keywords,
    numbers,
    opened,
    refuse_words,
    seconds,
)
from livetime.files.gti import inside, of_file
from livetime.files.mission import NAMES, Mission, find

if TYPE_CHECKING:  # the simulator brings numba, which reading a file does not need
    from livetime.simulate.detector import Events

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class EventFile:
    """One file, mended.

    Arguments:
        header: keywords of the event table, or of the primary header.
        mission: what is known of the instrument; None for one that is not known.
        times, gti: sorted mission times and good time intervals in s, TIMEZERO added; times are of the middle of their frame.
        rows: photons in the file.
        prior: mean of the column PRIOR in s; None without.
        findings: what was found on the way.
        hard: which events are hard, where a channel was asked for.
        detectors: number of the detector of each event, where several are merged.
        kev: energy of each event in keV, where it can be told.
        deadtime: mean of the column DEADTIME in s; None without.
        precision: smallest difference of two times that the column can hold, in s.
        total: events in the good time of all energies, where a band was asked for some are not among `times`.
    """

    path: Path
    header: dict[str, Any]
    mission: Mission | None
    times: Floats
    gti: Floats
    rows: int
    prior: float | None
    findings: list[Finding]
    hard: Mask | None
    detectors: NDArray[np.int64] | None
    kev: Floats | None
    deadtime: float | None
    precision: float
    total: int

    @property
    def exposure(self) -> float:
        return float(np.diff(self.gti).sum())

    @property
    def timedel(self) -> float | None:
        """Time step that the file or its readout mode declares, in s: TIMEDEL, else XMM's FRMTIME in ms, else the mode's frame time."""
        for key, unit in (("TIMEDEL", 1.0), ("FRMTIME", 1e-3)):
            if isinstance(value := self.header.get(key), (int, float)) and value > 0:
                return float(value) * unit
        mode = str(self.header.get(self.mission.frame_key, "")) if self.mission else ""
        return self.mission.frames.get(mode.strip().upper()) if self.mission else None

    @property
    def dead_time(self) -> float | None:
        """Per event and detector in s: of the column DEADTIME, else typical of the mission; None where neither tells, and for frames."""
        return self.deadtime or (self.mission.dead_time if self.mission else None)

    @cached_property
    def detector_count(self) -> int:
        return 1 if self.detectors is None else max(1, len(np.unique(self.detectors)))

    def live_fraction(self, dead_time: float) -> tuple[float | None, str | None]:
        """Live-time fraction of a module over the whole file, and what says so.

        The mean of PRIOR is the live time per event, and each event costs one dead time, whatever was screened away since.
        An EXPOSURE as long as ONTIME says nothing: most missions leave the dead time in it. So does a DEADC of 1 on a bright file.
        """
        given = {
            key: float(self.header[key])
            for key in LIVE
            if isinstance(self.header.get(key), (int, float))
        }
        ontime = given.get("ONTIME") or self.exposure
        fractions = {
            "DEADC": given.get("DEADC", 0.0),
            **{key: given.get(key, 0.0) / ontime for key in ("LIVETIME", "EXPOSURE")},
        }
        for key, fraction in fractions.items():
            nothing = fraction >= 1 - 1e-6 and (
                key == "EXPOSURE"
                or self.total / self.exposure / self.detector_count * dead_time > 0.01
            )
            if 0 < fraction <= 1 + 1e-6 and not nothing:
                return min(fraction, 1.0), key
        return (
            (self.prior / (self.prior + dead_time), "PRIOR")
            if self.prior and dead_time > 0
            else (None, None)
        )


def load(
    path: Path,
    gti: Literal["file", "full"],
    hard: float | None = None,
    band: tuple[float, float] | None = None,
) -> EventFile:
    """Reads and mends one file.

    Arguments:
        gti: `file`, or `full` for all from the first to the last event.
        hard: PI channel from which on an event is hard.
        band: energies in keV, of which the second is no longer taken; None for all events.

    Raises: UserError, and NoGoodTimeError where `full` would help.
    """
    findings: list[Finding] = []
    with opened(path) as hdus:
        hdu = event_table(hdus, path, findings)
        header = keywords(hdus[0].header, hdu.header)
        refuse_words(header, (*MJDREF, *TIME_ZERO, *LIVE, *STEP), path)
        mission = _mission(header, findings)
        times, rows, precision = _times(hdu, header, path, findings)
        events: dict[str, Any] = {
            "times": times,
            "hard": None
            if hard is None
            else values(hdu, "PI", rows, str(path), "by which observation.hard tells hard events")
            >= hard,
            "kev": _energies(hdus, hdu, rows, mission, path, band is not None),
            "detectors": _detectors(hdu, rows, mission, path),
        }
        events = _take(events, np.argsort(times, kind="stable"))
        prior, deadtime = (_mean(hdu, rows, name, path) for name in ("PRIOR", "DEADTIME"))
        intervals = (
            of_file(hdus, hdu, header, mission, path, findings)
            if gti == "file"
            else events["times"][[[0, -1]]]
        )
    if not np.diff(intervals).sum() > 0:
        raise UserError(
            f"{path} has all its events at one time, {intervals[0, 0]:g} s: check its column TIME and TIMEZERO"
        )
    within = inside(events["times"], intervals)
    if not within.any():
        raise NoGoodTimeError(
            f"{path} has no event within its good time intervals ({intervals[0, 0]:.1f} to {intervals[-1, 1]:.1f} s, "
            f"events {events['times'][0]:.1f} to {events['times'][-1]:.1f} s): check TIMEZERO, or set observation.gti=full"
        )
    effect = "counted, they make steps of the rate at the intervals' ends"
    add(
        findings,
        "outside_gti",
        ~within,
        "event",
        "outside the good time intervals",
        "left out",
        effect,
    )
    if gti == "full":
        what = f"all from the first to the last event, {np.ptp(events['times']):.6g} s, taken as good time"
        effect = "gaps in which nothing was recorded count as time without photons: a rms that is not there"
        findings.append(Finding("full_gti", "warning", what, "observation.gti=full", effect))
    events, total = _take(events, within), int(within.sum())
    if band is not None:
        events = _take(events, _in_band(events["kev"], band, path, findings))
    return EventFile(
        path,
        header,
        mission,
        gti=intervals,
        rows=len(rows),
        prior=prior,
        findings=findings,
        deadtime=deadtime,
        precision=precision,
        total=total,
        **events,
    )


def _take(events: Mapping[str, Any], which: Any) -> dict[str, Any]:
    return {name: None if values is None else values[which] for name, values in events.items()}


def _mission(header: Mapping[str, Any], findings: list[Finding]) -> Mission | None:
    telescope, instrument = (str(header.get(key, "")).strip() for key in ("TELESCOP", "INSTRUME"))
    if (mission := find(telescope, instrument)) is None:
        effect = "what the instrument does to a power spectrum cannot be checked: its dead time must be known from elsewhere"
        done = f"read without it; known are {', '.join(NAMES)}"
        if telescope:
            what = f"TELESCOP {telescope}{f', INSTRUME {instrument}' if instrument else ''} is no instrument that livetime knows"
            findings.append(Finding("unknown_mission", "warning", what, done, effect))
        else:
            findings.append(
                Finding("no_telescop", "warning", "the keyword TELESCOP is missing", done, effect)
            )
    return mission


def _times(
    hdu: Any, header: Mapping[str, Any], path: Path, findings: list[Finding]
) -> tuple[Floats, Mask, float]:
    """Mission times of the distinct events in s, at the middle of their time step; which rows they are; and the column's precision in s."""
    times = seconds(hdu, "TIME", header, path)
    rows = _photons(hdu, findings)
    if not rows.any():
        raise UserError(f"{path} has no events, only clock markers: give another file")
    if bad := int((~np.isfinite(times[rows])).sum()):
        raise UserError(
            f"{path} has {counted(bad, 'event')} whose TIME is not a finite number: remove those rows, or make the file again"
        )
    precision = _precision(hdu, times[rows], path, findings)
    rows[rows] = _distinct(times[rows], hdu, rows, findings)
    times = times[rows]
    add(
        findings,
        "unsorted",
        np.diff(times) < 0,
        "event",
        "earlier than the one before",
        "now sorted",
        "none once they are sorted",
    )
    # OGIP: TIMEPIXR is the place of a time stamp within its step of TIMEDEL.
    return times + (0.5 - header.get("TIMEPIXR", 0.5)) * header.get("TIMEDEL", 0.0), rows, precision


def _precision(hdu: Any, times: Floats, path: Path, findings: list[Finding]) -> float:
    """Smallest difference of times that the column can hold; refuses those with which no frequency can be told."""
    kind = np.asarray(hdu.data[column(hdu, "TIME")][:1]).dtype
    largest = float(np.abs(times).max())
    if kind.kind == "f" and kind.itemsize == 8:
        return float(np.spacing(largest))
    precision = float(np.spacing(np.float32(largest))) if kind.kind == "f" else 1.0
    what = (
        f"the times are stored as {8 * kind.itemsize}-bit numbers, which resolve {precision:.3g} s"
    )
    if precision > 0.1:
        raise UserError(
            f"{path}: {what}, too coarse for any power spectrum: make the file again with TIME in double precision (format D)"
        )
    effect = f"a grid of times: false power at multiples of {1 / precision:.4g} Hz, and images of what is above {0.5 / precision:.4g} Hz"
    findings.append(Finding("coarse_times", "warning", what, "", effect))
    return precision


def _energies(
    hdus: fits.HDUList, hdu: Any, rows: Mask, mission: Mission | None, path: Path, asked: bool
) -> Floats | None:
    """In keV; where a band is not asked for, None rather than a refusal or a slow import (RXTE's calibration)."""
    if not asked and (mission is None or (mission.kev is None and column(hdu, "ENERGY") is None)):
        return None
    try:
        return of_events(hdus, hdu, rows, mission, str(path))
    except UserError:
        if asked:
            raise
        return None


def _in_band(kev: Floats, band: tuple[float, float], path: Path, findings: list[Finding]) -> Mask:
    chosen: Mask = (kev >= band[0]) & (kev < band[1])
    if not chosen.any():
        raise UserError(
            f"{path} has no events of observation.band, {band[0]:g} to {band[1]:g} keV: choose a band within "
            f"{kev.min():.4g} to {kev.max():.4g} keV"
        )
    what = f"{int(chosen.sum())} of {len(kev)} events are of {band[0]:g} to {band[1]:g} keV"
    effect = "those of other energies cost dead time all the same, as they do in the network only if it was trained so"
    findings.append(Finding("band", "fact", what, "the others left out", effect))
    return chosen


def _detectors(
    hdu: Any, rows: Mask, mission: Mission | None, path: Path
) -> NDArray[np.int64] | None:
    name = column(hdu, mission.detector) if mission and mission.detector else None
    return None if name is None else numbers(hdu, name, path)[rows].astype(np.int64)


def _photons(hdu: Any, findings: list[Finding]) -> Mask:
    """RXTE's event modes write clock markers among the events: the first bit, M[1]{1} in TEVTB2, tells them apart."""
    rows = np.ones(len(hdu.data), dtype=np.bool_)
    if (
        hdu.name == "XTE_SE"
        and (name := column(hdu, "EVENT"))
        and str(hdu.header.get("TEVTB2", "")).startswith("(M[1]{1}")
    ):
        rows = np.array(hdu.data[name])[:, 0].astype(np.bool_)
        effect = "counted, they make lines at the markers' frequency"
        add(
            findings,
            "clock_markers",
            ~rows,
            "clock marker",
            "among the events",
            "left out",
            effect,
            "fact",
        )
    return rows


def _distinct(times: Floats, hdu: Any, rows: Mask, findings: list[Finding]) -> Mask:
    """Mask of the events that do not repeat another row in all columns; equal times alone are no finding of a coarse clock."""
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
    effect = "a photon that is counted twice raises the noise level: at most by twice the share of duplicates"
    if repeated and apart > repeated and not any(column(hdu, c) for c in ("X", "RAWX", "DETX")):
        # Without positions, two photons of one tick and one channel look the same.
        what = f"{counted(repeated, 'row')} like another in all columns"
        findings.append(
            Finding(
                "like_rows", "fact", what, f"kept since {apart} more share only the time", effect
            )
        )
        return np.ones(len(times), dtype=np.bool_)
    add(findings, "duplicates", ~keep, "duplicated row", "", "left out", effect)
    return keep


def _mean(hdu: Any, rows: Mask, name: str, path: Path) -> float | None:
    """Mean of a column in s, where it is positive and no longer than a mission.

    NuSTAR's PRIOR is the live time since the previous event, NICER's DEADTIME what the event costs.
    """
    if (own := column(hdu, name)) is None:
        return None
    given = numbers(hdu, own, path)[rows]
    given = given[(given > 0) & (given < 1e9)]
    return float(given.mean()) if len(given) else None


# The writer.


def write(
    events: "Events",
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
        raise ValueError(
            f"{len(paths)} paths and {len(instruments)} instruments for {len(events.times)} modules"
        )
    for path in paths:
        if path.exists() and not overwrite:
            raise UserError(f"{path} exists: choose another name, or set overwrite=true")
    aside = [path.with_name(f".{os.getpid()}-{path.name}") for path in paths]
    names = {"TELESCOP": telescope, "OBJECT": object_name}
    try:
        channels = (
            [np.where(hard, 310, 110) for hard in events.hard]
            if events.hard
            else [np.full(len(t), 210) for t in events.times]
        )
        for times, pi, instrument, path in zip(
            events.times, channels, instruments, aside, strict=False
        ):
            header = {
                **names,
                "INSTRUME": instrument,
                **_timing(times, events.gti, dead_time, start_time),
                **(keywords or {}),
            }
            path.parent.mkdir(parents=True, exist_ok=True)
            _hdus(times + start_time, pi, events.gti + start_time, header).writeto(
                path, overwrite=True
            )
        for path, final in zip(aside, paths, strict=True):
            path.replace(final)
    finally:
        for path in aside:
            path.unlink(missing_ok=True)


def _timing(times: Floats, gti: Floats, dead_time: float, start_time: float) -> dict[str, Any]:
    ontime = float(np.diff(gti).sum())
    livetime = ontime - len(times) * dead_time
    if livetime <= 0:
        raise ValueError(
            f"{len(times)} events of {dead_time} s dead time each do not fit in {ontime} s"
        )
    reference = {
        "MJDREFI": 55197,
        "MJDREFF": 7.660185200000000e-04,
        "TIMESYS": "TT",
        "TIMEREF": "LOCAL",
        "TIMEUNIT": "s",
        "TIMEZERO": 0.0,
    }
    span = {"TSTART": start_time + float(gti[0, 0]), "TSTOP": start_time + float(gti[-1, 1])}
    return {
        **reference,
        **span,
        "ONTIME": ontime,
        "EXPOSURE": livetime,
        "LIVETIME": livetime,
        "DEADC": livetime / ontime,
    }


def _hdus(
    times: Floats, channels: NDArray[np.integer[Any]], gti: Floats, header: Mapping[str, Any]
) -> fits.HDUList:
    """The file in memory; times in mission s."""
    cards = fits.Header(
        [
            fits.Card(key if len(key) <= 8 else f"HIERARCH {key}", value)
            for key, value in header.items()
        ]
    )
    time = fits.Column("TIME", "D", unit="s", array=times)
    pi = fits.Column("PI", "J", array=channels.astype(np.int32))
    bounds = [
        fits.Column(name, "D", unit="s", array=gti[:, i])
        for i, name in enumerate(("START", "STOP"))
    ]
    hdus = [
        fits.PrimaryHDU(header=cards.copy())
    ]  # copies, since an HDU writes its own name into its header
    for columns, name, kind, detail in (
        ([time, pi], "EVENTS", "EVENTS", "ALL"),
        (bounds, "GTI", "GTI", "STANDARD"),
    ):
        hdus.append(fits.BinTableHDU.from_columns(columns, cards.copy(), name=name))
        hdus[-1].header.update({"HDUCLASS": "OGIP", "HDUCLAS1": kind, "HDUCLAS2": detail})
    return fits.HDUList(hdus)
