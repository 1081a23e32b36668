"""Read the response of an instrument from OGIP files.

Source: George, Arnaud, Pence & Ruamsuwan (1992), OGIP memos CAL/GEN/92-002 and 92-002a.
"""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from livetime.errors import UserError
from livetime.simulate.area_inside import declares_area, split_area
from livetime.simulate.response import Response
from livetime.simulate.response_tables import (
    COPY_RESPONSE,
    MATRIX,
    MATRIX_COLUMNS,
    ResponseTable,
    read_table,
)
from livetime.simulate.telescope import names_differ

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

AREA = ("SPECRESP",)
BOUNDS = ("EBOUNDS",)
"""Values of HDUCLAS2, and names of the tables."""

EDGE_MARGIN = 1e-3
"""Relative and absolute (keV) difference of energies that counts as rounding."""

MAX_NEGATIVE = 1e-3
"""Share of negative values, of a row's sum or the largest area, that is set to zero."""

MADE_FOR_IT = "take an ARF that was made for this RMF"


def read_response(arf: str | Path | None, rmf: str | Path) -> Response:
    """Read effective area and redistribution of an instrument.

    Tables are found by HDUCLAS2, and by their names if they have none. Energies are converted to
    keV, areas to cm^2. A matrix M that contains the area is split into the area
    `A(E) = sum_h M(E, h)` and the redistribution `M / A`.

    Arguments:
        arf: effective area, table SPECRESP; None for a matrix that contains it (`.rsp`).
        rmf: redistribution, tables MATRIX (or SPECRESP MATRIX, RSP_MATRIX) and EBOUNDS.

    Raises:
        UserError: for a file that is missing or damaged, lacks a table or a column, is of another
            instrument than the other file, whose energies or channels do not match, or for an
            area that is given twice or never.
    """
    area = None if arf is None else read_table(arf, AREA, ("ENERG_LO", "ENERG_HI", "SPECRESP"))
    rows = read_table(rmf, MATRIX, MATRIX_COLUMNS)
    bounds = read_table(rmf, BOUNDS, ("CHANNEL", "E_MIN", "E_MAX"))
    if area is not None:
        _compare(area, rows)
    notes: list[str] = []
    first = _first_channel(bounds, notes)
    _compare_channels(rows, first)
    if area is None:
        edges = _edges(rows)
        full = _matrix(rows, first, len(bounds.data), notes)
        specresp, matrix = split_area(full, rows, notes)
    else:
        edges = _energies(area, rows, notes)
        specresp = _area(area, notes)
        matrix = _matrix(rows, first, len(bounds.data), notes)

    e_min = bounds.numbers("E_MIN", "keV")
    e_max = bounds.numbers("E_MAX", "keV")
    telescope = str(rows.header.get("TELESCOP") or "").strip()
    instrument = str(rows.header.get("INSTRUME") or "").strip()
    content = (*edges, specresp, matrix, e_min, e_max, first)
    try:
        return Response(*content, telescope, instrument, tuple(notes))
    except ValueError as error:
        problem = f"cannot be used: {error}"
        remedy = "take the files that the mission's software made"
        both = f"{rmf}" if arf is None else f"{arf} with {rmf}"
        raise UserError(both, problem, remedy) from None


def _compare(area: ResponseTable, rows: ResponseTable) -> None:
    """Compare the instruments, and refuse an RMF that contains the area too."""
    for key in ("TELESCOP", "INSTRUME"):
        own = area.header.get(key)
        other = rows.header.get(key)
        if names_differ(own, other):
            problem = f"is of {key} {own}, but {rows.path} of {other}"
            raise UserError(area.path, problem, "take an ARF and an RMF of one observation")
    if declares_area(rows):
        problem = f"contains the effective area itself (HDUCLAS3 = FULL), as {area.path} does"
        remedy = "leave the ARF out (arf=none), or take an RMF of redistribution only"
        raise UserError(rows.path, problem, remedy)


# Energies and areas.


def _energies(area: ResponseTable, rows: ResponseTable, notes: list[str]) -> tuple[Floats, Floats]:
    """Read the edges of the energy bins in keV, (E,) each, which both files must share.

    Where only the outermost edges differ, the narrower bin is taken.
    """
    low, high = _edges(rows)
    if len(low) != len(area.data):
        problem = f"has {len(area.data)} energies, but {rows.path} has {len(low)}"
        raise UserError(area.path, problem, MADE_FOR_IT)
    area_low = area.numbers("ENERG_LO", "keV")
    area_high = area.numbers("ENERG_HI", "keV")

    for name, own, other, outermost in (
        ("starts", area_low, low, 0),
        ("ends", area_high, high, len(low) - 1),
    ):
        differs = ~np.isclose(own, other, rtol=EDGE_MARGIN, atol=EDGE_MARGIN)
        places = np.flatnonzero(differs)
        if len(places) == 0:
            continue
        row = int(places[0])
        words = f"row {row + 1} {name} at {own[row]:.6g}, not {other[row]:.6g} keV"
        if len(places) > 1 or row != outermost:
            problem = f"differs from {rows.path} in {len(places)} of {len(low)} edges: {words}"
            raise UserError(area.path, problem, MADE_FOR_IT)
        seen = other[row]
        narrower = max(own[row], other[row]) if name == "starts" else min(own[row], other[row])
        other[row] = narrower
        notes.append(
            f"row {row + 1} of {area.path} {name} at {own[row]:.6g} keV, "
            f"that of {rows.path} at {seen:.6g} keV; {narrower:.6g} keV is used"
        )

    return low, high


def _edges(rows: ResponseTable) -> tuple[Floats, Floats]:
    """Read the edges of the matrix's energy bins in keV, (E,) each."""
    low = rows.numbers("ENERG_LO", "keV")
    high = rows.numbers("ENERG_HI", "keV")
    if low[0] <= 0:  # a photon spectrum is not defined at zero
        low[0] = min(1e-5, high[0] / 100)
    return low, high


def _area(table: ResponseTable, notes: list[str]) -> Floats:
    """Read the effective area in cm^2, (E,)."""
    area = table.numbers("SPECRESP", "cm2")
    lowest = float(area.min())
    if lowest < 0 and -lowest <= MAX_NEGATIVE * float(area.max()):
        row = int(area.argmin()) + 1
        notes.append(f"the area in row {row} of {table.path} is {lowest:.3g} cm^2; 0 is used")
        area = np.maximum(area, 0)
    return area


# Channels.


def _first_channel(bounds: ResponseTable, notes: list[str]) -> int:
    """Find the number of the first channel: of EBOUNDS, or of TLMIN if that is not consecutive."""
    numbers = bounds.numbers("CHANNEL").astype(np.int64)
    if (np.diff(numbers) == 1).all():
        return int(numbers[0])
    lowest = bounds.lowest("CHANNEL")
    declared = bounds.header.get("DETCHANS")
    if lowest is None or declared != len(numbers):
        problem = "has channels in EBOUNDS that are not consecutive"
        raise UserError(bounds.path, problem, COPY_RESPONSE)
    notes.append(
        f"the channels in EBOUNDS of {bounds.path} are not consecutive; "
        f"TLMIN and DETCHANS are used: {lowest} to {lowest + len(numbers) - 1}"
    )
    return lowest


def _compare_channels(rows: ResponseTable, first: int) -> None:
    """Refuse two numberings of channels, which differ in where each photon is read."""
    lowest = rows.lowest("F_CHAN")
    if lowest is not None and lowest != first:
        raise UserError(
            rows.path,
            f"counts channels from {lowest} in F_CHAN (TLMIN), but from {first} in EBOUNDS",
            "correct the one that is wrong",
        )


def _matrix(table: ResponseTable, first: int, channels: int, notes: list[str]) -> csr_array:
    """Read groups of consecutive channels, variable in number and length, as a matrix (E, C)."""
    indices: list[Integers] = []
    values: list[Floats] = []
    data = table.data
    columns = (data["N_GRP"], data["F_CHAN"], data["N_CHAN"], data["MATRIX"])
    for groups, starts, lengths, row in zip(*columns, strict=True):
        index = _channels_of_row(table.path, (groups, starts, lengths), first, channels)
        probability = np.atleast_1d(row)[: len(index)].astype(np.float64)
        if len(probability) < len(index):
            raise UserError(table.path, "has rows with fewer values than channels", COPY_RESPONSE)
        indices.append(index)
        values.append(_non_negative(probability, len(values) + 1, table.path, notes))
    pointer = np.concatenate([[0], np.cumsum([len(index) for index in indices])])
    flat = (np.concatenate(values), np.concatenate(indices), pointer)
    return csr_array(flat, shape=(len(indices), channels))


def _channels_of_row(
    path: str, groups: tuple[Any, Any, Any], first: int, channels: int
) -> Integers:
    """List the indices of the channels of one energy.

    Arguments:
        path: for messages.
        groups: N_GRP, F_CHAN and N_CHAN of the row.
        first: number of the first channel.
        channels: number of channels.
    """
    number, starts, lengths = groups
    try:
        start = np.atleast_1d(starts)[: int(number)].astype(int) - first
        length = np.atleast_1d(lengths)[: int(number)].astype(int)
    except (TypeError, ValueError):
        problem = "has values in N_GRP, F_CHAN or N_CHAN that are not numbers"
        raise UserError(path, problem, COPY_RESPONSE) from None
    outside = (length > 0) & ((start < 0) | (start + length > channels))
    if (length < 0).any() or outside.any():
        problem = f"has groups of channels beyond the {channels} of its EBOUNDS"
        raise UserError(path, problem, COPY_RESPONSE)
    runs = [np.arange(a, a + n) for a, n in zip(start, length, strict=True)]
    return np.concatenate([np.zeros(0, dtype=np.int64), *runs])


def _non_negative(row: Floats, number: int, path: str, notes: list[str]) -> Floats:
    """Set slightly negative probabilities of one row to zero."""
    if not np.isfinite(row).all():
        problem = f"has redistribution probabilities that are not finite, in row {number}"
        raise UserError(path, problem, COPY_RESPONSE)
    negative = float(-row[row < 0].sum())
    if negative == 0:
        return row
    total = float(row.sum())
    if negative > MAX_NEGATIVE * total:
        problem = f"has redistribution probabilities of {-negative:.3g} in row {number}"
        raise UserError(path, problem, COPY_RESPONSE)
    notes.append(f"row {number} of {path} has probabilities of {-negative:.3g} in sum; 0 is used")
    return np.maximum(row, 0)
