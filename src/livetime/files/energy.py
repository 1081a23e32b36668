"""Find the energy of each event in keV, from the file or its mission."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.fits import Table, fits_tables
from livetime.files.mission_facts import Mission
from livetime.files.time_systems import DAY

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

CALIBRATED = "give a file with calibrated energies"
MAX_PCA_CHANNEL = 2**16
"""Packed channels of RXTE have at most 16 bits."""

MJD_OF_RXTE = 49353
"""MJDREFI of RXTE's files, for a header without it."""


def event_energies(
    hdus: fits.HDUList, events: Table, rows: Mask, mission: Mission | None
) -> Floats:
    """Read the energies in keV of the rows of a mask, (N,).

    The column ENERGY gives them. Without that column they follow from the table EBOUNDS, from
    RXTE's calibration, or from the mission's relation between channel and energy.

    Arguments:
        hdus: the open file.
        events: its table of events.
        rows: which rows are events, (R,).
        mission: None for an instrument that is not known.

    Raises:
        UserError: where no source of energies applies, or an energy is not finite.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        found = _energies(hdus, events, rows, mission)
    if not np.isfinite(found).all():
        raise UserError(
            str(events.path), "has events whose energy in keV is not a finite number", CALIBRATED
        )
    return found


def _energies(hdus: fits.HDUList, events: Table, rows: Mask, mission: Mission | None) -> Floats:
    if events.has("ENERGY"):
        return events.quantity("ENERGY", "keV")[rows]

    bounds = _bounds_table(hdus, events)
    if bounds is not None and mission is not None and mission.kev is None:
        name = "PI" if events.has("PI") else "PHA"
        return _from_bounds(bounds, event_channels(events, name, rows))

    if mission is not None and mission.calibration == "rxte_pca":
        return _rxte(events, rows)

    pi = event_channels(events, "PI", rows)
    if mission is None or mission.kev is None:
        raise UserError(
            str(events.path),
            "has PI channels whose energies livetime does not know",
            "give a file with a column ENERGY",
        )
    zero, width = mission.kev
    return zero + width * pi


def event_channels(events: Table, name: str, rows: Mask) -> Floats:
    """Read a column of one finite number for each event, at the rows of a mask.

    Raises:
        UserError: where the column is missing, or a number is not finite.
    """
    path = str(events.path)
    if not events.has(name):
        raise UserError(path, f"has no column {name}, which gives the energies", CALIBRATED)
    found = events.numbers(name)[rows]
    if not np.isfinite(found).all():
        problem = f"has numbers that are not finite in {events.place(name)}"
        raise UserError(path, problem, CALIBRATED)
    return found


def _bounds_table(hdus: fits.HDUList, events: Table) -> Table | None:
    """Find the table of channel bounds that Fermi/GBM writes beside the events."""
    for table in fits_tables(hdus, events.path):
        if table.name == "EBOUNDS" and table.has("E_MIN", "E_MAX"):
            return table
    return None


def _from_bounds(bounds: Table, channel: Floats) -> Floats:
    """Take the geometric mean of each channel's bounds."""
    low = bounds.quantity("E_MIN", "keV")
    high = bounds.quantity("E_MAX", "keV")
    first = int(bounds.raw("CHANNEL")[0]) if bounds.has("CHANNEL") else 0
    at = channel.astype(np.int64) - first
    if not ((at >= 0) & (at < len(low))).all():
        raise UserError(
            str(bounds.path),
            f"has events in channels outside its table EBOUNDS, {first} to {first + len(low) - 1}",
            "make the file again",
        )
    middle: Floats = np.sqrt(low * high)
    return middle[at]


# RXTE.


def _rxte(events: Table, rows: Mask) -> Floats:
    """Unpack RXTE's channels as TEVTB2 says; their gain depends on epoch and PCU."""
    from stingray.mission_support import get_rough_conversion_function

    packed = event_channels(events, "PHA", rows).astype(np.int64)
    pcus = event_channels(events, "PCUID", rows).astype(np.int64)
    absolute = _absolute_channels(events, packed)
    conversion = get_rough_conversion_function(
        "xte", instrument="pca", epoch=_start_mjd(events.header)
    )

    found = np.zeros(len(packed))
    for pcu in np.unique(pcus):
        own = pcus == pcu
        energies = np.asarray(conversion(absolute, detector_id=int(pcu)), dtype=np.float64)
        found[own] = energies[packed[own]]
    return found


def _absolute_channels(events: Table, packed: NDArray[np.int64]) -> NDArray[Any]:
    """List the absolute channel of each packed one, from 0 to the largest in the file."""
    from stingray.mission_support import rxte_pca_event_file_interpretation

    path = str(events.path)
    low, high = int(packed.min()), int(packed.max())
    if low < 0 or high >= MAX_PCA_CHANNEL:
        problem = f"has channels {low} to {high} in column PHA, outside 0 to {MAX_PCA_CHANNEL - 1}"
        raise UserError(path, problem, "make the file again")

    try:
        unpacked = rxte_pca_event_file_interpretation(
            {"PHA": np.arange(high + 1)}, header=events.header
        )
    except (KeyError, ValueError, IndexError):
        problem = "has no readable keyword TEVTB2, which says how its channels are packed"
        raise UserError(path, problem, "leave observation.band out") from None
    return np.asarray(unpacked["PHA"])


def _start_mjd(header: Mapping[str, Any]) -> float:
    whole = header.get("MJDREFI", header.get("MJDREF", MJD_OF_RXTE))
    days = header.get("TSTART", 0.0) / DAY
    return float(whole + header.get("MJDREFF", 0.0) + days)
