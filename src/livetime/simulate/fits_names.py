"""Names of FITS files as CFITSIO has them: a table in brackets, and `.gz` beside a name."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

CHOICE = re.compile(r"(?P<file>.+?)(\[(?P<table>[^\[\]]+)\])?(\{(?P<row>\d+)\})?")
"""`file.fits[EVENTS]`, `file.fits[2]`, and XSPEC's `file.pha{3}` for a row of type II."""


@dataclass(frozen=True)
class FitsName:
    """A file on disk, and what of it was chosen.

    Arguments:
        file: that is opened; it may be missing.
        table: number of the extension, or its name, or its name and version; empty for any.
        row: of a file of type II, from 1; None for any.

    Examples:
        >>> fits_name("no_such.evt[EVENTS]").table
        'EVENTS'
    """

    file: Path
    table: str = ""
    row: int | None = None

    def chooses(self, number: int, name: str, version: int) -> bool:
        """Say whether the brackets choose a table; without brackets every table is chosen.

        `[2]` is its number in the file, where the primary header is 0; `[EVENTS]` is its EXTNAME,
        and `[EVENTS,2]` that with EXTVER = 2.
        """
        if not self.table:
            return True
        if self.table.isdigit():
            return number == int(self.table)
        wanted, _, wanted_version = self.table.partition(",")
        is_named = name.upper() == wanted.strip().upper()
        return is_named and wanted_version.strip() in ("", str(version))


def fits_name(given: str | Path) -> FitsName:
    """Find the file of a name, with `.gz` at its end if only that file exists.

    The name of a file that exists is taken as it is, brackets and all.

    Arguments:
        given: name of a file, perhaps with a table in brackets and a row in braces.

    Examples:
        >>> fits_name("no_such.pha[2]{3}")
        FitsName(file=PosixPath('no_such.pha'), table='2', row=3)
    """
    name = os.path.expanduser(given)
    if os.path.exists(name):
        return FitsName(Path(name))
    if os.path.exists(f"{name}.gz"):
        return FitsName(Path(f"{name}.gz"))
    parts = CHOICE.fullmatch(name)
    if parts is None or parts["file"] == name:
        return FitsName(Path(name))
    row = None if parts["row"] is None else int(parts["row"])
    return FitsName(fits_name(parts["file"]).file, (parts["table"] or "").strip(), row)
