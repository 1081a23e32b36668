"""Small OGIP spectra, responses and light curves with any peculiarity, for tests."""

from math import erf

import numpy as np
from astropy.io import fits

CHANNELS = 128
EDGES = np.geomspace(0.3, 10.0, 61)
BOUNDS = np.linspace(0.0, 10.24, CHANNELS + 1)
INSTRUMENT = {"TELESCOP": "TESTSAT", "INSTRUME": "CCD", "HDUCLASS": "OGIP"}


def response():
    """Effective area (E,) in cm^2 and redistribution (E, C) of a CCD of 60 eV sigma."""
    middle = np.sqrt(EDGES[1:] * EDGES[:-1])
    rows = [[(1 + erf((bound - e) / 0.06 / 2**0.5)) / 2 for bound in BOUNDS] for e in middle]
    return 300 * np.exp(-(np.log(middle / 1.5) ** 2)), np.diff(rows, axis=1)


def expected(norm=3e-4, index=1.7):
    """Counts/s in each channel of a power law, photons/cm^2/s/keV at 1 keV."""
    area, redistribution = response()
    powers = EDGES ** (1 - index)
    return (norm / (1 - index) * np.diff(powers) * area) @ redistribution


def save(path, *tables):
    fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(path, overwrite=True)
    return path


def table(columns, name, **keys):
    """A table; a keyword of None is left out."""
    hdu = fits.BinTableHDU.from_columns(columns, name=name)
    for key, value in {**INSTRUMENT, **keys}.items():
        if value is not None:
            hdu.header[key] = value
    return hdu


def energy_columns(low=EDGES[:-1], high=EDGES[1:], unit="keV"):
    return [
        fits.Column("ENERG_LO", "D", unit=unit, array=np.array(low)),
        fits.Column("ENERG_HI", "D", unit=unit, array=np.array(high)),
    ]


def arf(path, *, unit="cm**2", scale=1.0, energies=None, area=None, **keys):
    """An effective area; `scale` is of its numbers."""
    own = response()[0] if area is None else area
    columns = [*(energies or energy_columns())]
    columns.append(fits.Column("SPECRESP", "D", unit=unit, array=own * scale))
    return save(path, table(columns, "SPECRESP", HDUCLAS1="RESPONSE", HDUCLAS2="SPECRESP", **keys))


def rmf(path, *, name="MATRIX", first=1, tlmin=None, numbers=None, energies=None, matrix=None,
        bounds_keys=(), **keys):  # fmt: skip
    """A redistribution with one group of all channels; `tlmin` is where F_CHAN counts from."""
    rows = response()[1] if matrix is None else matrix
    lowest = first if tlmin is None else tlmin
    n = len(rows)
    columns = [
        *(energies or energy_columns()),
        fits.Column("N_GRP", "I", array=np.ones(n)),
        fits.Column("F_CHAN", "I", array=np.full(n, lowest)),
        fits.Column("N_CHAN", "I", array=np.full(n, CHANNELS)),
        fits.Column("MATRIX", f"{CHANNELS}D", array=rows),
    ]
    common = {"HDUCLAS1": "RESPONSE", "DETCHANS": CHANNELS, **keys}
    redistribution = {"HDUCLAS2": "RSP_MATRIX", "TLMIN4": lowest, **common}
    channel = first + np.arange(CHANNELS) if numbers is None else numbers
    bounds = [
        fits.Column("CHANNEL", "J", array=channel),
        fits.Column("E_MIN", "D", unit="keV", array=BOUNDS[:-1]),
        fits.Column("E_MAX", "D", unit="keV", array=BOUNDS[1:]),
    ]
    of_bounds = {**common, "HDUCLAS2": "EBOUNDS", **dict(bounds_keys)}
    return save(
        path,
        table(columns, name, **redistribution),
        table(bounds, "EBOUNDS", **of_bounds),
    )


def spectrum(path, counts=None, exposure=3e4, *, first=1, columns=(), back="none", **keys):
    """A spectrum of counts beside arf.fits and rmf.fits."""
    own = np.random.default_rng(1).poisson(expected() * exposure) if counts is None else counts
    base = {
        "HDUCLAS1": "SPECTRUM", "HDUCLAS2": "TOTAL", "HDUCLAS3": "COUNT", "EXPOSURE": exposure,
        "BACKSCAL": 1.0, "AREASCAL": 1.0, "DETCHANS": len(own), "ANCRFILE": "arf.fits",
        "RESPFILE": "rmf.fits", "BACKFILE": back, "QUALITY": 0, "GROUPING": 0,
    }  # fmt: skip
    content = [
        fits.Column("CHANNEL", "J", array=first + np.arange(len(own))),
        fits.Column("COUNTS", "J", unit="count", array=own),
        *columns,
    ]
    return save(path, table(content, "SPECTRUM", **{**base, **keys}))


def type_two(path, counts, exposure=3e4, spectra=1):
    """A file of type II, whose rows are spectra."""
    n = len(counts)
    columns = [
        fits.Column("SPEC_NUM", "I", array=1 + np.arange(spectra)),
        fits.Column("CHANNEL", f"{n}I", array=[1 + np.arange(n)] * spectra),
        fits.Column("COUNTS", f"{n}J", array=[counts] * spectra),
        fits.Column("EXPOSURE", "D", unit="s", array=[exposure] * spectra),
    ]
    keys = {"HDUCLAS1": "SPECTRUM", "HDUCLAS4": "TYPE:II", "DETCHANS": n, "BACKSCAL": 1.0}
    files = {"ANCRFILE": "arf.fits", "RESPFILE": "rmf.fits", "BACKFILE": "none"}
    return save(path, table(columns, "SPECTRUM", **keys, **files))


def column(name, value):
    """A column of one value, or of those given, for each channel."""
    return fits.Column(name, "D", array=np.broadcast_to(np.asarray(value, dtype=float), CHANNELS))
