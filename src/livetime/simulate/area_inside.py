"""Response matrices that contain the effective area, as `.rsp` files do.

Source: George & Arnaud (1992), OGIP memo CAL/GEN/92-002a: HDUCLAS3 = FULL.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, diags_array

from livetime.errors import UserError
from livetime.simulate.fits_units import unit_factor
from livetime.simulate.response import MAX_ROW_SUM
from livetime.simulate.response_tables import MATRIX, MATRIX_COLUMNS, ResponseTable, read_table

Floats = NDArray[np.float64]

NO_AREA = ("REDIST", "DETECTOR")
"""Values of HDUCLAS3 that say that a matrix lacks the area of the optics."""


def declares_area(table: ResponseTable) -> bool:
    """Say whether a matrix declares that it contains the effective area."""
    return _kind(table) == "FULL"


def _kind(table: ResponseTable) -> str:
    return str(table.header.get("HDUCLAS3") or "").strip().upper()


def contains_area(path: Path) -> bool:
    """Say whether a response file contains the area, or does not say that it lacks it."""
    return _kind(read_table(path, MATRIX, MATRIX_COLUMNS)) not in NO_AREA


def split_area(full: csr_array, table: ResponseTable, notes: list[str]) -> tuple[Floats, csr_array]:
    """Split a matrix with the area inside into area and redistribution.

    A matrix without HDUCLAS3 contains the area if its rows add up to more than probabilities do.

    Arguments:
        full: cm^2 per channel, (E, C).
        table: the matrix's keywords and units.
        notes: to which one on what was assumed is added.

    Returns:
        the area (E,) in cm^2, and the redistribution (E, C).

    Raises:
        UserError: for a matrix without area, or of another unit.
    """
    total = np.asarray(full.sum(axis=1), dtype=np.float64)
    kind = _kind(table)
    is_probability = kind != "FULL" and total.max() < MAX_ROW_SUM
    if kind in NO_AREA or is_probability:
        declared = f" (HDUCLAS3 = {kind})" if kind else ""
        problem = f"is a redistribution without effective area{declared}, and no ARF is given"
        raise UserError(table.path, problem, "give the ARF too")
    if kind != "FULL":
        notes.append(
            f"{table.path} does not say what it contains (HDUCLAS3); its rows add up to "
            f"{total.max():.4g}: it is taken as cm^2 with the area inside"
        )

    factor = _unit(table)
    share = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
    return total * factor, csr_array(diags_array(share) @ full)


def _unit(table: ResponseTable) -> float:
    """Find the factor from the matrix's unit to cm^2; no unit stands for cm^2."""
    given = str(table.data.columns["MATRIX"].unit or "cm2").strip()
    factor = unit_factor(given, "cm2")
    if factor is None:
        raise UserError(table.path, f"gives column MATRIX in {given}", "convert it to cm^2")
    return factor
