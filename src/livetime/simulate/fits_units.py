"""Convert units of FITS columns and keywords, also in spellings that the standard has not."""

import numpy as np

UNIT_SPELLINGS = {
    "sec": "s",
    "secs": "s",
    "second": "s",
    "seconds": "s",
    "ev": "eV",
    "kev": "keV",
    "mev": "MeV",
}
"""Spellings of units that files have and the FITS standard has not, in lower case."""


def unit_factor(given: str, wanted: str) -> float | None:
    """Find the factor from one unit to another, or None for other quantities.

    Examples:
        >>> unit_factor("keV", "eV"), unit_factor("sec", "s"), unit_factor("J", "s")
        (1000.0, 1.0, None)
    """
    from astropy import units  # most simulations read no file

    try:
        own = units.Unit(UNIT_SPELLINGS.get(given.lower(), given))
        factor = float(own.to(units.Unit(wanted)))
    except (ValueError, TypeError, units.UnitConversionError):
        return None
    return 1.0 if np.isclose(factor, 1.0, rtol=1e-12, atol=0) else factor
