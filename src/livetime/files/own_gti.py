"""Read good time intervals from a file of the user's own."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from astropy.io import fits
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.finding import Finding
from livetime.files.fits import Table, local_file, open_fits, seconds
from livetime.files.gti import clean_gti, exposure_of, gti_tables, intersect
from livetime.files.keywords import MJDREF, TIME_ZERO, keywords, refuse_words
from livetime.files.table_choice import chosen_tables, refuse_several
from livetime.files.time_systems import clock_offset, refuse_clocks
from livetime.simulate.fits_names import fits_name

Floats = NDArray[np.float64]


def read_own_gti(given: str, header: Mapping[str, Any], findings: list[Finding]) -> Floats:
    """Read the intervals (G, 2) of a FITS file, in mission s of an event file's clock.

    Arguments:
        given: the file, perhaps with a table in brackets.
        header: the events' keywords.
        findings: to which those on the intervals and the clock are added.

    Raises:
        UserError: for a file without one table of intervals, or of another TIMESYS or TIMEREF.
    """
    if not fits_name(given).file.is_file():
        problem = f"is {given}, but must be file, full, or a FITS file that exists"
        raise UserError("observation.gti", problem, "check the path")
    path = local_file(given)
    own: list[Finding] = []
    with open_fits(path) as hdus:
        table = _interval_table(hdus, given)
        keys = keywords(hdus[0].header, table.header)
        refuse_words(keys, (*MJDREF, *TIME_ZERO), path)
        bounds = [seconds(table, name, keys) for name in ("START", "STOP")]
        gti = clean_gti(np.stack(bounds, axis=1), table.name, path, own)
    if len(gti) == 0:
        raise UserError(str(path), "contains no good time", "give another observation.gti")

    refuse_clocks(keys, header, f"{path} and the event file")
    offset = clock_offset(keys, header)
    own += _clock_findings(offset)
    findings += [finding.of_file(path.name) for finding in own]
    shifted: Floats = gti + (offset or 0.0)
    return shifted


def _interval_table(hdus: fits.HDUList, given: str) -> Table:
    path = local_file(given)
    named = bool(fits_name(path).table)
    tables = chosen_tables(hdus, path) if named else gti_tables(hdus, path)
    found = [table for table in tables if table.has("START", "STOP")]
    if not found:
        raise UserError(
            str(path),
            "has no table of good time intervals with the columns START and STOP",
            "give another observation.gti",
        )
    refuse_several(found, hdus, path, "good time intervals")
    return found[0]


def _clock_findings(offset: float | None) -> list[Finding]:
    if offset is None:
        text = "MJDREF is missing here or in the event file"
        action = "the same clock is assumed"
        effect = "with another clock, other times would be chosen"
        return [Finding("gti_clock_assumed", "warning", text, action, effect)]
    if offset:
        text = f"MJDREF differs from that of the events by {offset:.6f} s"
        return [Finding("gti_clock", "note", text, "the intervals are converted", "none")]
    return []


def within_own_gti(gti: Floats, own: Floats, name: str, findings: list[Finding]) -> Floats:
    """Cut a file's good time (G, 2) in s to that of the user.

    Arguments:
        gti: of the file, in s.
        own: of the user, in s of the same clock.
        name: of the user's file, for messages.
        findings: to which one on the time left is added.

    Raises:
        UserError: for lists without common time.
    """
    common = intersect([gti, own])
    if len(common) == 0:
        spans = f"{own[0, 0]:.1f} to {own[-1, 1]:.1f} s, but the events' are"
        raise UserError(
            f"observation.gti={name}",
            f"has intervals from {spans} from {gti[0, 0]:.1f} to {gti[-1, 1]:.1f} s",
            "give intervals of this observation, in its mission time",
        )
    text = f"{name} leaves {exposure_of(common):.6g} of {exposure_of(gti):.6g} s of good time"
    findings.append(Finding("own_gti", "note", text, "only that is used"))
    return common
