"""Write simulated observations as OGIP event files, or as a spectrum with its response."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.outputs import writing
from livetime.simulate.frame_events import FrameEvents
from livetime.simulate.pileup import PileUp
from livetime.simulate.response import Response

if TYPE_CHECKING:
    from livetime.simulate.detector import Events

Floats = NDArray[np.float64]

PI_OF_ALL = 210
"""PI of events without energies: 10 keV of NuSTAR."""

PI_OFFSET = 1.6
PI_WIDTH = 0.04
"""Energy in keV of NuSTAR's channel PI 0, and the width of a channel."""

INSTRUMENT = {"TELESCOP": "NuSTAR", "OBJECT": "simulated"}
"""Keywords of a file, where no others are given."""

TIME_FRAME = {
    "MJDREFI": 55197,
    "MJDREFF": 7.660185200000000e-04,
    "TIMESYS": "TT",
    "TIMEREF": "LOCAL",
    "TIMEUNIT": "s",
    "TIMEZERO": 0.0,
}
"""NuSTAR's."""


def write_events(
    events: "Events",
    paths: Sequence[Path],
    *,
    dead_time: float,
    instruments: Sequence[str] = ("FPMA", "FPMB"),
    keywords: Mapping[str, Any] | None = None,
    start_time: float = 8e7,
    overwrite: bool = False,
) -> None:
    """Write one OGIP event file for each module: EVENTS (TIME, PI, ENERGY), GTI, keywords.

    Each file is written under a temporary name and then renamed.

    Arguments:
        events: times and good time intervals in s; energies in keV give NuSTAR's channel PI and a
            column ENERGY.
        paths: one for each module; a name that ends with .gz is compressed.
        dead_time: of each event in s; LIVETIME is ONTIME less that for each event.
        instruments: value of INSTRUME of each module.
        keywords: further keywords, or other values for keywords such as TELESCOP. Names of more
            than 8 characters become HIERARCH cards.
        start_time: mission time in s at which the times of `events` are zero.
        overwrite: whether files that exist are replaced.

    Raises:
        UserError: for a file that exists, unless it may be replaced.
        ValueError: for a wrong number of paths, or more dead time than good time.
    """
    if not len(paths) == len(events.times) <= len(instruments):
        raise ValueError(
            f"{len(paths)} paths and {len(instruments)} instruments "
            f"for {len(events.times)} modules; give one of each"
        )
    for path in paths:
        if path.exists() and not overwrite:
            raise UserError(str(path), "exists", "choose another name, or set overwrite=true")

    aside = [path.with_name(f".{os.getpid()}-{path.name}") for path in paths]
    try:
        for module, (path, final) in enumerate(zip(aside, paths, strict=True)):
            header = {
                **INSTRUMENT,
                "INSTRUME": instruments[module],
                **_timing(events.times[module], events.gti, dead_time, start_time),
                **(keywords or {}),
            }
            hdus = _event_hdus(events, module, start_time, header)
            with writing(final):
                path.parent.mkdir(parents=True, exist_ok=True)
                hdus.writeto(path, overwrite=True)
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
    return {
        **TIME_FRAME,
        "TSTART": start_time + float(gti[0, 0]),
        "TSTOP": start_time + float(gti[-1, 1]),
        "ONTIME": ontime,
        "EXPOSURE": livetime,
        "LIVETIME": livetime,
        "DEADC": livetime / ontime,
    }


def _event_hdus(
    events: "Events", module: int, start_time: float, header: Mapping[str, Any]
) -> fits.HDUList:
    """Build the file in memory."""
    times = events.times[module]
    pi = np.full(len(times), PI_OF_ALL)
    if events.energies:
        pi = np.round((events.energies[module] - PI_OFFSET) / PI_WIDTH)
    names = {key if len(key) <= 8 else f"HIERARCH {key}": value for key, value in header.items()}
    cards = fits.Header([fits.Card(key, value) for key, value in names.items()])
    gti = events.gti + start_time

    columns = [
        fits.Column("TIME", "D", unit="s", array=times + start_time),
        fits.Column("PI", "J", array=pi.astype(np.int32)),
    ]
    if events.energies:
        columns.append(fits.Column("ENERGY", "D", unit="keV", array=events.energies[module]))
    bounds = [
        fits.Column("START", "D", unit="s", array=gti[:, 0]),
        fits.Column("STOP", "D", unit="s", array=gti[:, 1]),
    ]
    return fits.HDUList(
        [
            fits.PrimaryHDU(header=cards.copy()),
            ogip_table(columns, "EVENTS", ("EVENTS", "ALL"), cards),
            ogip_table(bounds, "GTI", ("GTI", "STANDARD"), cards),
        ]
    )


def ogip_table(
    columns: list[fits.Column], name: str, kinds: Sequence[str], keys: Any
) -> fits.BinTableHDU:
    """Build an OGIP table.

    Arguments:
        columns: of the table.
        name: EXTNAME.
        kinds: HDUCLAS1, HDUCLAS2, ...
        keys: further keywords, a mapping or a FITS header.
    """
    header = fits.Header(keys)  # a copy, since a table writes its own name into it
    table = fits.BinTableHDU.from_columns(columns, header, name=name)
    table.header["HDUCLASS"] = "OGIP"
    for i, kind in enumerate(kinds, 1):
        table.header[f"HDUCLAS{i}"] = kind
    return table


# Spectra.


def write_spectrum(
    events: FrameEvents,
    exposure: float,
    detector: PileUp,
    folder: Path,
    telescope: str = "SIMULATED",
) -> None:
    """Write `source.pha`, and the detector's response as `arf.fits` and `rmf.fits` beside it.

    Arguments:
        events: events of good grades, which are counted.
        exposure: in s.
        detector: whose response is written.
        folder: folder of the three files.
        telescope: value of TELESCOP, where the response has none.
    """
    response = detector.response
    names = {"TELESCOP": response.telescope or telescope, "INSTRUME": response.instrument or "CCD"}
    keys = {
        **names,
        "EXPOSURE": exposure,
        "BACKSCAL": 1.0,
        "AREASCAL": 1.0,
        "CORRSCAL": 1.0,
        "ANCRFILE": "arf.fits",
        "RESPFILE": "rmf.fits",
        "BACKFILE": "none",
        "CORRFILE": "none",
        "CHANTYPE": "PI",
        "DETCHANS": response.channels,
        "POISSERR": True,
        "TIMEDEL": detector.frame_time + detector.transfer_time,
    }
    counts = fits.Column("COUNTS", "J", array=events.counts(response.channels))
    columns = [_channel_column(response), counts]
    _save([ogip_table(columns, "SPECTRUM", ("SPECTRUM",), keys)], folder / "source.pha")

    area = fits.Column("SPECRESP", "D", unit="cm**2", array=response.area)
    columns = [*_energy_columns(response), area]
    _save([ogip_table(columns, "SPECRESP", ("RESPONSE",), names)], folder / "arf.fits")
    _save([_matrix(response, names), _bounds(response, names)], folder / "rmf.fits")


def _save(tables: list[fits.BinTableHDU], path: Path) -> None:
    with writing(path):
        fits.HDUList([fits.PrimaryHDU(), *tables]).writeto(path)


def _channel_column(response: Response) -> fits.Column:
    channel = response.first_channel + np.arange(response.channels)
    return fits.Column("CHANNEL", "J", array=channel)


def _energy_columns(response: Response) -> list[fits.Column]:
    return [
        fits.Column("ENERG_LO", "D", unit="keV", array=response.low),
        fits.Column("ENERG_HI", "D", unit="keV", array=response.high),
    ]


def _matrix(response: Response, names: Mapping[str, Any]) -> fits.BinTableHDU:
    """Build the table of redistribution, one group of channels for each energy."""
    dense = response.matrix.toarray()
    first = (dense > 0).argmax(axis=1)
    after = response.channels - (dense[:, ::-1] > 0).argmax(axis=1)
    rows = [row[a:b] for row, a, b in zip(dense, first, after, strict=True)]
    columns = [
        *_energy_columns(response),
        fits.Column("N_GRP", "J", array=np.ones(len(dense))),
        fits.Column("F_CHAN", "J", array=response.first_channel + first),
        fits.Column("N_CHAN", "J", array=after - first),
        fits.Column("MATRIX", "PD()", array=np.array(rows, dtype=object)),
    ]
    keys = {**names, "TLMIN4": response.first_channel}
    return ogip_table(columns, "MATRIX", ("RESPONSE",), keys)


def _bounds(response: Response, names: Mapping[str, Any]) -> fits.BinTableHDU:
    """Build the table of the channels' nominal energies."""
    columns = [
        _channel_column(response),
        fits.Column("E_MIN", "D", unit="keV", array=response.e_min),
        fits.Column("E_MAX", "D", unit="keV", array=response.e_max),
    ]
    return ogip_table(columns, "EBOUNDS", ("RESPONSE",), names)
