"""Keywords that are missing, foreign, duplicated, or of an impossible value."""

from pathlib import Path

import numpy as np

from fuzzing.cards import edit, headers

Rng = np.random.Generator

NAMES = {
    "TELESCOP": (None, "", "NONE", "SWIFT", "XTE", "nustar", 5, "AXAF"),
    "INSTRUME": (None, "", "FPMB", "XRT", "PCA", 7),
    "OBJECT": (None, "another source", 3),
    "EXTNAME": (None, "GTI", "OTHER", "EVENTS", "SPECTRUM", 3),
    "HDUCLASS": (None, "foreign"),
    "HDUCLAS1": (None, "GTI", "EVENTS", "SPECTRUM", "LIGHTCURVE", "RESPONSE", 1),
}
STRUCTURE = {
    "NAXIS1": (0, 1, 11, 13, 4000, -12, b"12.5"),
    "NAXIS2": (0, 1, -5, 100, 10**7, 10**12, 10**18, b"abc"),
    "PCOUNT": (-1, 10**6, 10**12, b"x"),
    "GCOUNT": (0, 2, -1),
    "TFIELDS": (0, 1, 3, 999, 10**9, b"?"),
    "BITPIX": (16, -32, 7),
    "XTENSION": ("IMAGE", "TABLE", "FOREIGN"),
}
COLUMNS = {
    "TTYPE": (None, "OTHER", "", "TIME", "PI", 5),
    "TFORM": (None, "E", "J", "K", "I", "8A", "2D", "1QD", "Z", "999999D", "0D"),
    "TUNIT": ("", "ms", "min", "d", "keV", "furlong", "s s s", 3),
    "TSCAL": (0.0, 2.0, -1.0, 1e-3, 1e300, "a", b"NaN"),
    "TZERO": (1.0, 1e5, -1e9, 1e300, "a", b"INF"),
    "TNULL": (0, 210, "x"),
    "TDIM": ("(2,3)", "(1)", "x", "(0)"),
    "TDISP": ("F8.3", "Z99"),
    "TLMIN": (0, 1, 5, -10, "x"),
    "TLMAX": (0, 10, "x"),
}
TIMES = {
    "TIMEZERO": (0.5, 1e3, 1e8, -8e7, 1e300, "x", b"NaN", None),
    "TIMEZERI": (100, "x"),
    "TIMEDEL": (0.1, 3.2, -1.0, 1e-6, 0.0, 1e300, "x"),
    "TIMEPIXR": (0.0, 1.0, 5.0, -1.0, "x", b"NaN"),
    "MJDREFI": (None, 55196, 0, "x", 10**12, b"NaN"),
    "MJDREFF": (None, 0.5, 1e300, "x"),
    "MJDREF": (51910.0, "x"),
    "TIMEUNIT": (None, "d", "ms", "furlong", 3, ""),
    "TIMESYS": (None, "TDB", "UTC", "x", 5),
    "TIMEREF": (None, "SOLARSYSTEM", "GEOCENTRIC", "x"),
    "TSTART": (None, 0.0, 1e300, "x"),
    "TSTOP": (None, 0.0, -1.0, "x"),
}
LIVE = {
    "EXPOSURE": (None, 0.0, -1.0, 10.0, 1e4, 1e300, "x", b"NaN"),
    "LIVETIME": (None, 0.0, -1.0, 10.0, 1e4, 1e300, "x", b"NaN"),
    "ONTIME": (None, 0.0, -1.0, 10.0, 1e4, 1e300, "x", b"NaN"),
    "DEADC": (None, 0.0, -1.0, 0.1, 1.0, 7.0, 1e300, "x", b"NaN"),
}
SPECTRAL = {
    "BACKSCAL": (None, 0.0, -1.0, 1e-6, 1e6, 1e300, "x", b"NaN"),
    "AREASCAL": (None, 0.0, 0.5, 1.01, 2.0, "x", b"NaN"),
    "CORRSCAL": (None, 0.0, 2.0, "x"),
    "QUALITY": (1, 5, "x"),
    "GROUPING": (1, "x"),
    "SYS_ERR": (0.05, 5, "x"),
    "DETCHANS": (None, 0, 1, 10, 10**6, "x", b"12.5"),
    "CHANTYPE": (None, "PHA", 4),
    "POISSERR": (False, None, "x"),
    "RESPFILE": (None, "", "none", "missing.rmf", "arf.fits", "../source.pha", "/dev/zero", 5),
    "ANCRFILE": (None, "", "none", "missing.arf", "rmf.fits", "source.pha", "/", 5),
    "BACKFILE": (None, "", "none", "missing.pha", "source.pha", "rmf.fits", 5),
    "HDUCLAS2": (None, "NET", "BKG", "TOTAL", "x"),
    "HDUCLAS3": (None, "RATE", "COUNT", "x"),
    "TIMEDEL": (None, 0.0, 0.1, 3.2, 40.0, "x"),
    "LO_THRES": (0.5, "x"),
}


def edit_one(rng: Rng, path: Path, values: dict, numbers: bool = False) -> str:
    """Edit one card of one header of a file, now and then beside the old one.

    Arguments:
        rng: random numbers.
        path: the file, which is changed.
        values: values by key.
        numbers: whether keys end with the number of a column.
    """
    key = str(rng.choice(sorted(values)))
    options = values[key]
    value = options[int(rng.integers(len(options)))]
    if numbers:
        key += str(int(rng.integers(1, 4)))
    last = len(headers(path.read_bytes())) - 1
    table = 1 if rng.uniform() < 0.7 else int(rng.integers(last + 1))
    twice = value is not None and rng.uniform() < 0.15
    done = edit(path, table, key, value, twice)
    words = "removed" if value is None else f"set to {value!r}{' in a second card' * twice}"
    return f"{path.name}[{table}] {key} {words}{'' if done else ' (no room: as it was)'}"


def edit_every(rng: Rng, paths: list[Path], values: dict) -> str:
    """Edit one keyword in every header of several files, as a wrong pipeline would."""
    key = str(rng.choice(sorted(values)))
    options = values[key]
    value = options[int(rng.integers(len(options)))]
    for path in paths:
        for table in range(len(headers(path.read_bytes()))):
            edit(path, table, key, value)
    return f"{key} of every header of {len(paths)} files set to {value!r}"
