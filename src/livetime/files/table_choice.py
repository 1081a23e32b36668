"""Choose one of several tables in a file, by the name in brackets as CFITSIO does."""

from collections.abc import Sequence
from pathlib import Path

from astropy.io import fits

from livetime.errors import UserError
from livetime.files.fits import Table, fits_tables
from livetime.simulate.fits_names import fits_name


def chosen_tables(hdus: fits.HDUList, path: Path) -> list[Table]:
    """List the tables that a name in brackets chooses, and all of them without one.

    Arguments:
        hdus: the open file.
        path: its name, perhaps with a table in brackets.

    Raises:
        UserError: for a table that the file does not have.
    """
    tables = fits_tables(hdus, path)
    wanted = fits_name(path)
    found = [
        table
        for table in tables
        if wanted.chooses(number_of(table, hdus), table.name, table.hdu.ver)
    ]
    if wanted.table and not found:
        others = list_tables(tables, hdus)
        problem = f"has no table {wanted.table} (it has {others})"
        raise UserError(str(path), problem, "name one of them")
    return found


def number_of(table: Table, hdus: fits.HDUList) -> int:
    """Give the number of a table in its file, where the primary header is 0."""
    return next(number for number, hdu in enumerate(hdus) if hdu is table.hdu)


def list_tables(tables: Sequence[Table], hdus: fits.HDUList) -> str:
    """List tables with their numbers, for messages."""
    return ", ".join(f"{table.name or 'table'} [{number_of(table, hdus)}]" for table in tables)


def refuse_several(tables: Sequence[Table], hdus: fits.HDUList, path: Path, content: str) -> None:
    """Refuse several tables where one is needed.

    Arguments:
        tables: that are alike.
        hdus: the open file.
        path: its name.
        content: what each contains, for the message.

    Raises:
        UserError: for more than one table.
    """
    if len(tables) < 2:
        return
    first = number_of(tables[0], hdus)
    name = fits_name(path).file.name
    raise UserError(
        str(path),
        f"contains {len(tables)} tables of {content}: {list_tables(tables, hdus)}",
        f"name the one to read, as {name}[{first}]",
    )
