"""Event files with any finding, for tests."""

import numpy as np
from astropy.io import fits

HEADER = {
    "TELESCOP": "NuSTAR",
    "INSTRUME": "FPMA",
    "TIMESYS": "TT",
    "TIMEREF": "LOCAL",
    "MJDREFI": 55197,
    "MJDREFF": 7.66018520e-4,
}


def uniform(seed=0, n=640, span=64.0, start=0.0, rng=None):
    """Event times that are uniform, but never within 3 ms of another, as those of NuSTAR."""
    rng = rng or np.random.default_rng(seed)
    return start + np.sort(rng.uniform(0, span - 3e-3 * n, n)) + 3e-3 * np.arange(n)


def make(
    path,
    times=None,
    gti=((0, 64),),
    *,
    header=(),
    name="EVENTS",
    unit="s",
    gti_header=None,
    columns=(),
    time="TIME",
    gtis=None,
    pi=True,
    kind="D",
    extra=(),
):
    """An event file with any fault: times and gti are written as they are; None is left out."""
    times = uniform() if times is None else np.asarray(times, dtype=float)
    keys = fits.Header(
        {key: value for key, value in {**HEADER, **dict(header)}.items() if value is not None}
    )
    own = [fits.Column(time, kind, unit=unit, array=times), *columns]
    if pi is not None:
        own.append(fits.Column("PI", "J", array=np.arange(len(times)) % 50 if pi is True else pi))
    hdus = [fits.PrimaryHDU(), fits.BinTableHDU.from_columns(own, keys, name=name)]
    for title, rows in ({"GTI": gti} if gtis is None else gtis).items():
        bounds = np.array(rows, dtype=float).reshape(-1, 2)
        table = [
            fits.Column(c, "D", unit="s", array=bounds[:, i])
            for i, c in enumerate(("START", "STOP"))
        ]
        hdus.append(fits.BinTableHDU.from_columns(table, fits.Header(gti_header or {}), name=title))
    fits.HDUList([*hdus, *extra]).writeto(path, overwrite=True)
    return path
