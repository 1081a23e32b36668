"""A file's table of events: which table it is, which rows are events, and their times."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.finding import Finding, plural
from livetime.files.fits import Table, seconds
from livetime.files.table_choice import chosen_tables, refuse_several
from livetime.processes import MEMORY
from livetime.simulate.fits_units import unit_factor

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

WORKING_BYTES = 60
"""Bytes of memory that reading and sorting take for each event, beside its row."""

MAX_ROWS = 2**31
"""No event file has as many rows."""

MAX_PRECISION = 0.1
"""Times that are stored more coarsely, in s, are refused."""

OTHER_NAMES = ("GTI", "BADPIX", "EXPOSU", "FPM_SEL", "XTE_SA")
"""Parts of the names of tables that have times, but no events."""

POSITIONS = ("X", "RAWX", "DETX")
"""Columns with which no two photons look the same."""


def find_event_table(hdus: fits.HDUList, path: Path, findings: list[Finding]) -> Table:
    """Find the table that looks most like events.

    Arguments:
        hdus: the open file.
        path: for messages.
        findings: gets a finding for further, empty tables of events.

    Raises:
        UserError: where no table or several tables have events, or the events do not fit in
            memory.
    """
    tables = chosen_tables(hdus, path)
    ranks = [_rank(table) for table in tables]
    known = [rank for rank in ranks if rank is not None]
    if not known:
        raise UserError(
            str(path), _what_it_is(tables), "give the event file that the mission's pipeline wrote"
        )

    best = min(known)
    alike = [table for table, rank in zip(tables, ranks, strict=True) if rank == best]
    filled = [table for table in alike if table.rows > 0] or alike[:1]
    refuse_several(filled, hdus, path, "events")
    if len(alike) > 1:
        text = f"{len(alike)} tables of events, {len(alike) - 1} without a row"
        findings.append(Finding("empty_event_tables", "note", text, "left out", "none"))
    _refuse_size(filled[0])
    return filled[0]


def _rank(table: Table) -> int | None:
    """Rank how much a table looks like events, 0 for most; None for one that has no events."""
    name = table.name.upper()
    if not table.has("TIME") or is_light_curve(table):
        return None
    if table.kind.startswith("EVENT") or any(word in name for word in ("EVENT", "EVT", "XTE_SE")):
        return 0 if name == "EVENTS" else 1
    other = table.kind in ("GTI", "ARRAY") or any(word in name for word in OTHER_NAMES)
    return None if other else 2


def is_light_curve(table: Table) -> bool:
    """Say whether a table is a light curve by HDUCLAS1, its name, or a column RATE."""
    named = table.kind == "LIGHTCURVE" or table.name.upper().startswith("RATE")
    return named or table.has("RATE")


def _is_spectrum(table: Table) -> bool:
    named = table.name.upper() in ("SPECTRUM", "SPECRESP", "MATRIX")
    return named or table.kind in ("SPECTRUM", "RESPONSE")


def _is_binned(table: Table) -> bool:
    return table.name.upper() == "XTE_SA" or table.kind == "ARRAY"


def _what_it_is(tables: list[Table]) -> str:
    if any(_is_binned(table) for table in tables):
        return "contains binned counts, not events"
    if any(_is_spectrum(table) for table in tables):
        return "contains a spectrum or a response, not events"
    if any(is_light_curve(table) for table in tables):
        return "contains a light curve, not events"
    return "has no table of events with a TIME column"


def _refuse_size(table: Table) -> None:
    path = str(table.path)
    if table.rows == 0:
        problem = f"has no events: table {table.name} is empty"
        raise UserError(path, problem, "check the filters that it was made with")
    needed = table.rows * (int(table.header["NAXIS1"]) + WORKING_BYTES)
    if table.rows >= MAX_ROWS or needed > MEMORY // 2:
        problem = (
            f"declares {table.rows} events, which take {needed / 2**30:.3g} GiB of memory; "
            f"{MEMORY / 2**31:.3g} GiB is the limit"
        )
        raise UserError(path, problem, "cut it into shorter pieces")


# Rows and times.


def read_times(
    table: Table, header: Mapping[str, Any], findings: list[Finding]
) -> tuple[Floats, Mask, float]:
    """Read the mission times of distinct events in s, at the middle of their time step.

    OGIP: TIMEPIXR is the place of a time stamp within its step of TIMEDEL.

    Arguments:
        table: of events.
        header: keywords.
        findings: gets the findings on rows and times.

    Returns:
        times (N,) in the order of the file, the mask (R,) of their rows, and the smallest
        difference in s that the column can store.

    Raises:
        UserError: for times that are not finite, or too coarse.
    """
    times = seconds(table, "TIME", header)
    rows = _photons(table, findings)
    _refuse_times(table, times[rows], bool(rows.any()))
    precision = _precision(table, times[rows], findings)
    rows[rows] = _distinct(table, times[rows], rows, findings)
    times = times[rows]

    late = int((np.diff(times) < 0).sum())
    if late:
        verb = "is" if late == 1 else "are"
        text = f"{plural(late, 'event')} {verb} earlier than the one before"
        effect = "none once they are sorted"
        findings.append(Finding("unsorted", "warning", text, "now sorted", effect, corrected=True))

    to_middle = 0.5 - header.get("TIMEPIXR", 0.5)
    return times + to_middle * header.get("TIMEDEL", 0.0), rows, precision


def _refuse_times(table: Table, times: Floats, any_event: bool) -> None:
    path = str(table.path)
    if not any_event:
        raise UserError(path, "has no events, only clock markers", "give another file")
    bad = int((~np.isfinite(times)).sum())
    if bad:
        raise UserError(
            path,
            f"has {plural(bad, 'event')} whose TIME is not a finite number",
            "remove those rows, or make the file again",
        )


def _photons(table: Table, findings: list[Finding]) -> Mask:
    """Mask the clock markers among RXTE's events, by the first bit (M[1]{1} in TEVTB2)."""
    rows = np.ones(len(table.hdu.data), dtype=np.bool_)
    packing = str(table.header.get("TEVTB2", ""))
    if table.name != "XTE_SE" or not table.has("EVENT") or not packing.startswith("(M[1]{1}"):
        return rows

    rows = table.raw("EVENT")[:, 0].astype(np.bool_)
    markers = int((~rows).sum())
    if markers:
        text = f"{plural(markers, 'clock marker')} among the events"
        effect = "counted, they make lines at the markers' frequency"
        findings.append(Finding("clock_markers", "note", text, "left out", effect))
    return rows


def _precision(table: Table, times: Floats, findings: list[Finding]) -> float:
    """Find the smallest difference of times in s that the column can store.

    It is that of the numbers in the column, to which TIMEZERO is added in double precision.
    """
    raw = table.raw("TIME")
    stored = raw[:1].dtype
    in_sum = float(np.spacing(np.abs(times).max()))
    is_float = stored.kind == "f"
    if is_float and stored.itemsize == 8:
        return in_sum

    unit = unit_factor(table.unit("TIME") or "s", "s") or 1.0
    largest = np.float32(np.nanmax(np.abs(raw[np.isfinite(raw)])))
    in_column = unit * (float(np.spacing(largest)) if is_float else 1.0)
    precision = max(in_column, in_sum)
    text = f"times are stored as {8 * stored.itemsize}-bit numbers, which resolve {precision:.3g} s"
    if precision > MAX_PRECISION:
        raise UserError(
            str(table.path),
            f"has {text}, but power spectra need {MAX_PRECISION:g} s or less",
            "make it again with TIME in double precision (format D)",
        )
    effect = (
        f"a grid of times: false power at multiples of {1 / precision:.4g} Hz, "
        f"and images of what is above {0.5 / precision:.4g} Hz"
    )
    findings.append(Finding("coarse_times", "warning", text, "", effect))
    return precision


def _distinct(table: Table, times: Floats, rows: Mask, findings: list[Finding]) -> Mask:
    """Mask the events that repeat another row in all columns.

    Equal times alone are normal for a coarse clock.
    """
    keep = np.ones(len(times), dtype=np.bool_)
    tied = _tied(times)
    if len(tied) == 0 or len(table.hdu.columns) == 1:
        return keep

    bytes_of_rows = table.hdu.data.view(np.ndarray)[np.flatnonzero(rows)[tied]]
    raw = np.ascontiguousarray(bytes_of_rows)
    _, first = np.unique(raw.view(f"V{raw.dtype.itemsize}"), return_index=True)
    repeated = len(tied) - len(first)
    if not repeated:
        return keep

    # Without positions, two photons of one tick and one channel look the same.
    apart = len(first) - len(np.unique(times[tied]))
    has_positions = any(table.has(name) for name in POSITIONS)
    effect = "rows that count twice raise the noise level by up to twice their share"
    if apart > repeated and not has_positions:
        text = f"{plural(repeated, 'row')} like another in all columns"
        action = f"kept, because {apart} different events also have equal times"
        findings.append(Finding("like_rows", "note", text, action, effect))
        return keep

    keep[tied] = False
    keep[tied[first]] = True
    text = plural(repeated, "duplicated row")
    findings.append(Finding("duplicates", "warning", text, "left out", effect, corrected=True))
    return keep


def _tied(times: Floats) -> NDArray[np.int64]:
    """List the events that share their time with another."""
    order = np.argsort(times, kind="stable")
    same = np.concatenate([[False], np.diff(times[order]) == 0, [False]])
    with_neighbour = same[1:] | same[:-1]
    return np.sort(order[with_neighbour])
