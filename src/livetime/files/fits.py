"""A FITS file opened, its table of events found among the others, and its keywords; whatever is not one is refused in a sentence."""

import gzip
import io
import os
import re
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.finding import Finding

Floats = NDArray[np.float64]
TIME_ZERO = ("TIMEZERO", "TIMEZERI", "TIMEZERF")
MJDREF = ("MJDREF", "MJDREFI", "MJDREFF")
LIVE = ("DEADC", "LIVETIME", "EXPOSURE", "ONTIME")
STEP = ("TIMEDEL", "TIMEPIXR", "FRMTIME")
_WORDS = (
    "TELESCOP",
    "INSTRUME",
    "OBJECT",
    "TIMESYS",
    "TIMEREF",
    "TIMEUNIT",
    "DATAMODE",
    "SUBMODE",
    "BARYCORR",
    "PLEPHEM",
)
_KEYS = (MJDREF, TIME_ZERO, *((key,) for key in (*_WORDS, *LIVE, *STEP)))
_MEMORY = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
_WORKING = 60
"""Bytes per event that reading and sorting take beside the row itself."""


def local_file(given: str | Path) -> Path:
    """The path of a file that is there and not empty; raises UserError."""
    if re.match(r"[a-z][a-z0-9+.-]+:/", str(given), re.IGNORECASE) and not os.path.exists(given):
        raise UserError(
            f"{given} is on another machine: download it first, and give the local file"
        )
    path = Path(os.path.expanduser(given))
    if not os.path.exists(path):  # other than Path.exists, it bears names that no file can have
        raise UserError(f"{path} does not exist: check the path")
    if not path.is_file():
        raise UserError(f"{path} is a folder or no plain file: name the file itself")
    if path.stat().st_size == 0:
        raise UserError(f"{path} is empty (0 bytes): copy or download it again")
    return path


def _stream(path: Path) -> BinaryIO:
    """The file's bytes, unpacked here: astropy takes the end of a cut gzip file for the end of the FITS file, and says nothing."""
    stream = path.open("rb")
    if stream.read(2) == b"\x1f\x8b":
        stream.close()
        with gzip.open(path) as packed:
            data = packed.read(_MEMORY // 2)
        if len(data) == _MEMORY // 2:
            raise UserError(
                f"{path} unpacks to more than half of the memory: unpack it with gunzip, and cut it into pieces"
            )
        return io.BytesIO(data)
    stream.seek(0)
    return stream


@contextmanager
def opened(path: Path) -> Iterator[fits.HDUList]:
    """The file with all its headers read; whatever astropy stumbles over in a broken one becomes a sentence."""
    truncated = UserError(
        f"{path} is truncated, its end is missing or damaged: copy or download it again"
    )
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            warnings.filterwarnings("error", message=".*truncated")
            with _stream(path) as stream, fits.open(stream) as hdus:
                len(hdus)
                yield hdus
    except UserError as error:
        # Astropy leaves out a table whose header is cut, with a warning.
        if any("corrupted" in str(warning.message) for warning in caught):
            raise truncated from error
        raise
    except Exception as error:
        reason = (
            f"{type(error).__name__}: {' '.join(str(error).split()).split('. ')[0].rstrip('.')}"
        )
        if any(
            words in reason
            for words in ("truncated", "ended before", "smaller than", "Header missing END")
        ):
            raise truncated from error
        raise UserError(
            f"{path} cannot be read as FITS ({reason}): give a FITS file, or copy it again if it is one"
        ) from error


def keywords(primary: fits.Header, own: fits.Header) -> dict[str, Any]:
    """The event table's keywords, and the primary header's where it has none; of a keyword that may be split, never parts of both."""
    found: dict[str, Any] = {}
    for group in _KEYS:
        header = own if any(key in own for key in group) else primary
        found |= {
            key: header[key] for key in group if isinstance(header.get(key), (str, int, float))
        }
    return found


def refuse_words(header: Mapping[str, Any], keys: Iterable[str], path: Path) -> None:
    """Raises UserError where one of these keywords, which must be numbers, is none."""
    for key in keys:
        if isinstance(header.get(key), (str, bool)):
            raise UserError(
                f"{path}: the keyword {key} is {header[key]!r}, which is no number: mend the header"
            )


def column(hdu: Any, name: str) -> str | None:
    """The column's own spelling, since names in FITS tables do not care for case; None where there is none."""
    names = hdu.columns.names if isinstance(hdu, fits.BinTableHDU) else []
    return next((n for n in names if n.upper() == name), None)


def numbers(hdu: Any, own: str, path: Path) -> Floats:
    """A column of one number per row, by its `own` spelling; raises UserError for any other."""
    rows = hdu.data  # which tells of a truncated file, and is not to be caught here
    where = f"column {own} of table {hdu.name}"
    try:
        found = np.array(rows[own], dtype=np.float64)
    except ValueError:  # text, or rows of any length
        raise UserError(f"{path} has no numbers in {where}: make the file again") from None
    if found.ndim != 1:
        raise UserError(
            f"{path} has several values per row in {where}: give a file with one per row"
        )
    return found


def _rank(hdu: Any) -> int | None:
    """How much a table looks like events, 0 for most; None without TIME, or for something else that has times."""
    name, kind = hdu.name.upper(), str(hdu.header.get("HDUCLAS1", "")).upper()
    if column(hdu, "TIME") is None or _is_light_curve(hdu):
        return None
    if kind.startswith("EVENT") or any(word in name for word in ("EVENT", "EVT", "XTE_SE")):
        return 0 if name == "EVENTS" else 1
    other = kind in ("GTI", "ARRAY") or any(
        word in name for word in ("GTI", "BADPIX", "EXPOSU", "FPM_SEL", "XTE_SA")
    )
    return None if other else 2


def _is_light_curve(hdu: Any) -> bool:
    return (
        hdu.header.get("HDUCLAS1") == "LIGHTCURVE"
        or hdu.name.upper().startswith("RATE")
        or column(hdu, "RATE") is not None
    )


def _is_spectrum(hdu: Any) -> bool:
    return str(hdu.header.get("HDUCLAS1", "")).upper() in (
        "SPECTRUM",
        "RESPONSE",
    ) or hdu.name.upper() in ("SPECTRUM", "SPECRESP", "MATRIX")


def event_table(hdus: fits.HDUList, path: Path, findings: list[Finding]) -> Any:
    tables = [(rank, i) for i, hdu in enumerate(hdus) if (rank := _rank(hdu)) is not None]
    if not tables:
        what = "has no table of events with a TIME column"
        for kind, is_it in (
            ("a light curve", _is_light_curve),
            ("a spectrum or a response", _is_spectrum),
            ("binned counts", _is_binned),
        ):
            what = f"holds {kind}, not events" if any(map(is_it, hdus)) else what
        raise UserError(f"{path} {what}: give the event file that the mission's pipeline wrote")
    rank, best = min(tables)
    hdu = hdus[best]
    if (several := [r for r, _ in tables].count(rank)) > 1:
        done, effect = (
            f"of which only the first, {hdu.name}, is read",
            "the events of the others are missing",
        )
        findings.append(
            Finding("several_event_tables", "warning", f"{several} tables of events", done, effect)
        )
    rows, width = int(hdu.header["NAXIS2"]), int(hdu.header["NAXIS1"])
    if rows == 0:
        raise UserError(
            f"{path} has no events, table {hdu.name} is empty: check the filters that it was made with"
        )
    if rows >= 2**31 or rows * (width + _WORKING) > _MEMORY // 2:
        size = rows * (width + _WORKING) / 2**30
        raise UserError(
            f"{path} declares {rows} events, for which {size:.3g} GiB of memory are needed: cut it into shorter pieces"
        )
    return hdu


def _is_binned(hdu: Any) -> bool:
    return hdu.name.upper() == "XTE_SA" or str(hdu.header.get("HDUCLAS1", "")).upper() == "ARRAY"


def seconds(hdu: Any, name: str, header: Mapping[str, Any], path: Path) -> Floats:
    """A column of times in s, TIMEZERO added: of the table's own header, or of the events' where that has none."""
    own_column = hdu.columns[column(hdu, name)]
    where = f"column {own_column.name} of table {hdu.name}"
    for unit in (own_column.unit, hdu.header.get("TIMEUNIT", header.get("TIMEUNIT"))):
        if str(unit or "s").strip().lower() not in ("s", "sec", "secs", "second", "seconds"):
            raise UserError(
                f"{path} gives {where} in {str(unit).strip()}: convert it to seconds (unit s)"
            )
    own = hdu.header if any(hdu.header.get(key) is not None for key in TIME_ZERO) else header
    refuse_words(own, TIME_ZERO, path)
    return numbers(hdu, own_column.name, path) + sum_key(own, *TIME_ZERO)


def sum_key(header: Mapping[str, Any], whole: str, integer: str, fraction: str) -> float:
    """A keyword that may be split in two for precision; one that stands there without a value is none."""
    if integer in header or fraction in header:
        return float(header.get(integer) or 0) + float(header.get(fraction) or 0)
    return float(header.get(whole) or 0)
