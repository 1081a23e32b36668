"""The energy of each event in keV, as far as a file and its mission tell it."""

from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.fits import column
from livetime.files.mission import Mission

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_KEV = {"": 1.0, "KEV": 1.0, "EV": 1e-3, "MEV": 1e3}


def values(hdu: Any, name: str, rows: Mask, file: str, use: str) -> Floats:
    """A column of one finite number per event, at the rows of the mask. Raises UserError, which says what the column is for."""
    if (own := column(hdu, name)) is None:
        raise UserError(f"{file} has no column {name}, {use}: give a file with calibrated energies")
    try:
        found = np.array(hdu.data[own], dtype=np.float64)[rows]
    except ValueError:
        found = np.full(1, np.nan)
    if found.ndim != 1 or not np.isfinite(found).all():
        raise UserError(
            f"{file} has no single finite number per event in column {own}: give a file with calibrated energies"
        )
    return found


def of_events(
    hdus: fits.HDUList, hdu: Any, rows: Mask, mission: Mission | None, file: str
) -> Floats:
    """Energies in keV of the rows of a mask: of column ENERGY, else by the mission's relation, the file's EBOUNDS, or RXTE's calibration.

    Raises: UserError where none of them serves, or gives an event no finite energy.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        found = _of_events(hdus, hdu, rows, mission, file)
    if not np.isfinite(found).all():
        raise UserError(
            f"{file} has no single finite number per event that is its energy in keV: give a file with calibrated energies"
        )
    return found


def _of_events(
    hdus: fits.HDUList, hdu: Any, rows: Mask, mission: Mission | None, file: str
) -> Floats:
    use = "by which observation.band picks energies"
    if (own := column(hdu, "ENERGY")) is not None:
        unit = str(hdu.columns[own].unit or "").strip().upper()
        if unit not in _KEV:
            raise UserError(f"{file} gives column {own} in {unit}: convert it to keV")
        return values(hdu, own.upper(), rows, file, use) * _KEV[unit]
    bounds = next((h for h in hdus if h.name == "EBOUNDS" and column(h, "E_MIN")), None)
    if bounds is not None and mission is not None and mission.kev is None:
        return _bounded(
            bounds, values(hdu, "PI" if column(hdu, "PI") else "PHA", rows, file, use), file
        )
    if mission is not None and mission.name == "RXTE/PCA":
        return _rxte(hdu, rows, file, use)
    channels = values(hdu, "PI", rows, file, use)
    if mission is None or mission.kev is None:
        raise UserError(
            f"{file} has PI channels whose energies livetime does not know: give a file with a column ENERGY"
        )
    return mission.kev[0] + mission.kev[1] * channels


def _bounded(bounds: Any, channels: Floats, file: str) -> Floats:
    """Geometric means of the channels' bounds (Fermi/GBM writes them beside the events)."""
    low, high = (
        np.array(bounds.data[column(bounds, name)], dtype=np.float64) for name in ("E_MIN", "E_MAX")
    )
    first = (
        int(np.array(bounds.data[column(bounds, "CHANNEL")])[0]) if column(bounds, "CHANNEL") else 0
    )
    at = channels.astype(np.int64) - first
    if not ((at >= 0) & (at < len(low))).all():
        raise UserError(
            f"{file} has events in channels that its table EBOUNDS does not hold: make the file again"
        )
    return np.sqrt(low * high)[at] * _KEV.get(
        str(bounds.columns[column(bounds, "E_MIN")].unit or "").strip().upper(), 1.0
    )


def _rxte(hdu: Any, rows: Mask, file: str, use: str) -> Floats:
    """RXTE packs channels as TEVTB2 says, and its gain depends on epoch and PCU: as stingray has both."""
    from stingray.mission_support import (
        get_rough_conversion_function,
        rxte_pca_event_file_interpretation,
    )

    packed, pcus = (
        values(hdu, name, rows, file, use).astype(np.int64) for name in ("PHA", "PCUID")
    )
    if not (packed.min() >= 0 and packed.max() < 2**16):
        raise UserError(
            f"{file} has channels from {packed.min()} to {packed.max()} in column PHA, which RXTE has not: make the file again"
        )
    header = hdu.header
    start = (
        header.get("MJDREFI", header.get("MJDREF", 49353))
        + header.get("MJDREFF", 0.0)
        + header.get("TSTART", 0.0) / 86400
    )
    try:
        absolute = rxte_pca_event_file_interpretation(
            {"PHA": np.arange(packed.max() + 1)}, header=header
        )["PHA"]
    except (KeyError, ValueError, IndexError):
        raise UserError(
            f"{file} does not tell in TEVTB2 how its channels are packed: leave observation.band out"
        ) from None
    kev = get_rough_conversion_function("xte", instrument="pca", epoch=start)
    found = np.zeros(len(packed))
    for pcu in np.unique(pcus):
        found[pcus == pcu] = np.asarray(kev(absolute, detector_id=int(pcu)), dtype=np.float64)[
            packed[pcus == pcu]
        ]
    return found
