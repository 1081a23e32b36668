"""Damaged spectra, responses and backgrounds.

Each mutation is a function of random numbers and the folder of the four files, which it changes;
it returns what it did.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from astropy.io import fits

from fuzzing.cards import edit

Rng = np.random.Generator
Mutation = Callable[[Rng, Path], str]
ODD = (np.nan, np.inf, -1.0, 0.0, 1e30, 0.5)


def _change(path: Path, table: int, name: str, change: Callable) -> None:
    """Replace a column by what a function makes of its values; the format follows."""
    with fits.open(path, memmap=False) as hdus:
        old = hdus[table]
        own = {n: _values(old.data[n]) for n in old.data.names if n != name}
        changed = change(np.array(old.data[name]))
        columns = []
        for column in old.columns:
            if column.name == name:
                form = {"f": "D", "i": "J", "U": "16A", "b": "L"}[changed.dtype.kind]
                if changed.ndim == 2:
                    form = f"{changed.shape[1]}{form}"
                columns.append(fits.Column(name, form, unit=column.unit, array=changed))
            else:
                columns.append(
                    fits.Column(
                        column.name, column.format, unit=column.unit, array=own[column.name]
                    )
                )
        header = fits.Header(
            [c for c in old.header.cards if not c.keyword.startswith(("TTYPE", "TFORM", "TUNIT"))]
        )
        tables = list(hdus)
        tables[table] = fits.BinTableHDU.from_columns(columns, header, name=old.name)
        _save(path, tables)


def _save(path: Path, tables: list) -> None:
    """Replace a file that is open."""
    aside = path.with_name("aside.fits")
    fits.HDUList(tables).writeto(aside, overwrite=True)
    aside.replace(path)


def _values(column: np.ndarray) -> np.ndarray:
    """Copy a column; rows of any length become arrays of their own."""
    if column.dtype.kind != "O":
        return np.array(column)
    rows = np.empty(len(column), dtype=object)
    for number, row in enumerate(column):
        rows[number] = np.array(row)
    return rows


def channels_shifted(rng: Rng, folder: Path) -> str:
    """Count channels from another number."""
    shift = int(rng.choice([-1, 1, 2, 100, -1000]))
    name = str(rng.choice(["source.pha", "background.pha"]))
    _change(folder / name, 1, "CHANNEL", lambda c: (c + shift).astype("i4"))
    return f"channels of {name} counted from {shift} more"


def counts_shifted(rng: Rng, folder: Path) -> str:
    """Move the counts by one channel, as a reader does that counts from 0 instead of 1.

    A file does not show larger shifts: they are spectra of other sources.
    """
    shift = int(np.sign(rng.choice([-300, -30, -1, 1, 30, 300])))
    _change(folder / "source.pha", 1, "COUNTS", lambda c: np.roll(c, shift))
    return f"counts moved by {shift} channels"


def odd_counts(rng: Rng, folder: Path) -> str:
    """Put odd numbers into the counts."""
    value = float(rng.choice([*ODD, 1e3, 1e5, 1e9]))
    name = str(rng.choice(["source.pha", "source.pha", "background.pha"]))

    def change(counts: np.ndarray) -> np.ndarray:
        counts = counts.astype(float)
        counts[rng.integers(len(counts), size=int(10 ** rng.uniform(0, 2)))] = value
        return counts

    _change(folder / name, 1, "COUNTS", change)
    return f"counts of {value:g} in {name}"


def retyped_counts(rng: Rng, folder: Path) -> str:
    """Store the counts as text, floats, rates or truth values."""
    kind = str(rng.choice(["f8", "U16", "rate", "bool", "double"]))

    def change(counts: np.ndarray) -> np.ndarray:
        if kind == "rate":
            return counts / 2e4
        if kind == "bool":
            return counts > 0
        if kind == "double":
            return np.stack([counts, counts], axis=1).astype("i4")
        return counts.astype(kind)

    _change(folder / "source.pha", 1, "COUNTS", change)
    return f"counts stored as {kind}"


def scaled_counts(rng: Rng, folder: Path) -> str:
    """Multiply the counts by nothing or by a thousand.

    A file does not show a smaller factor: it is the spectrum of a brighter source.
    """
    factor = 0 if rng.choice([0, 2, 3, 10, 1000]) < 3 else 1000
    _change(folder / "source.pha", 1, "COUNTS", lambda c: (c * factor).astype("i4"))
    return f"counts times {factor}"


def rows_reordered(rng: Rng, folder: Path) -> str:
    """Shuffle or reverse the rows of a spectrum."""
    name = str(rng.choice(["source.pha", "background.pha"]))
    reverse = rng.uniform() < 0.5
    path = folder / name
    with fits.open(path, memmap=False) as hdus:
        data = hdus[1].data
        order = np.arange(len(data))[::-1] if reverse else rng.permutation(len(data))
        hdus[1].data = data[order]
        _save(path, list(hdus))
    return f"rows of {name} {'reversed' if reverse else 'shuffled'}"


def rows_cut(rng: Rng, folder: Path) -> str:
    """Leave rows out, or write them twice."""
    name = str(rng.choice(["source.pha", "background.pha", "arf.fits", "rmf.fits"]))
    path = folder / name
    with fits.open(path, memmap=False) as hdus:
        data = hdus[1].data
        number = int(rng.integers(0, len(data)))
        twice = rng.uniform() < 0.3
        if name == "rmf.fits":
            edit(path, 1, "NAXIS2", number)
            return f"{number} rows declared in {name}"
        rows = np.arange(len(data)).repeat(2) if twice else np.arange(number)
        hdus[1].data = data[rows]
        _save(path, list(hdus))
    return f"{'every row twice' if twice else f'{number} rows left'} in {name}"


def grouped(rng: Rng, folder: Path) -> str:
    """Add QUALITY, GROUPING, SYS_ERR, AREASCAL or BACKSCAL as a column."""
    key = str(rng.choice(["QUALITY", "GROUPING", "SYS_ERR", "AREASCAL", "BACKSCAL", "EXPOSURE"]))
    value = float(rng.choice([*ODD, 1.0, 2.0, 5.0]))
    share = float(rng.choice([0.01, 1.0]))
    path = folder / str(rng.choice(["source.pha", "background.pha"]))
    with fits.open(path, memmap=False) as hdus:
        old = hdus[1]
        rows = rng.uniform(size=len(old.data)) < share
        column = fits.Column(key, "D", array=np.where(rows, value, 1.0))
        table = fits.BinTableHDU.from_columns(old.columns + column, old.header)
        fits.HDUList([hdus[0].copy(), table]).writeto(path, overwrite=True)
    return f"column {key} of {value:g} in {path.name}"


def response_edited(rng: Rng, folder: Path) -> str:
    """Change numbers of the response."""
    name, table, column = [
        ("arf.fits", 1, "SPECRESP"), ("arf.fits", 1, "ENERG_LO"), ("arf.fits", 1, "ENERG_HI"),
        ("rmf.fits", 1, "ENERG_LO"), ("rmf.fits", 1, "ENERG_HI"), ("rmf.fits", 1, "N_GRP"),
        ("rmf.fits", 1, "F_CHAN"), ("rmf.fits", 1, "N_CHAN"), ("rmf.fits", 2, "E_MIN"),
        ("rmf.fits", 2, "E_MAX"), ("rmf.fits", 2, "CHANNEL"),
    ][int(rng.integers(11))]  # fmt: skip
    how = str(rng.choice(["odd", "scaled", "reversed", "shifted", "nudged"]))
    value = float(rng.choice(ODD))

    def change(values: np.ndarray) -> np.ndarray:
        whole = values.dtype.kind == "i"
        values = values.astype(float)
        if how == "odd":
            values[int(rng.integers(len(values)))] = value
        elif how == "scaled":
            values = values * 3
        elif how == "reversed":
            values = values[::-1].copy()
        elif how == "shifted":
            values = values + 1
        else:
            values[int(rng.integers(len(values)))] *= 1.001
        return (
            np.nan_to_num(values, posinf=9e8, neginf=-9e8).clip(-2e9, 2e9).astype("i4")
            if whole
            else values
        )

    _change(folder / name, table, column, change)
    return f"{column} of {name} {how}{f', {value:g}' if how == 'odd' else ''}"


def matrix_edited(rng: Rng, folder: Path) -> str:
    """Change numbers of the redistribution."""
    value = float(rng.choice([np.nan, np.inf, -1.0, -1e-9, 1e30, 0.0]))
    path = folder / "rmf.fits"
    with fits.open(path, memmap=False) as hdus:
        rows = hdus[1].data["MATRIX"]
        for row in rng.integers(len(rows), size=int(10 ** rng.uniform(0, 2))):
            if len(rows[row]):
                rows[row][int(rng.integers(len(rows[row])))] = value
        _save(path, list(hdus))
    return f"numbers of the matrix set to {value:g}"


def response_swapped(rng: Rng, folder: Path) -> str:
    """Exchange files of the response, or leave one out."""
    first, second = [str(name) for name in rng.permutation(
        ["source.pha", "background.pha", "arf.fits", "rmf.fits"]
    )[:2]]  # fmt: skip
    if rng.uniform() < 0.3:
        (folder / first).unlink()
        return f"{first} absent"
    content = (folder / first).read_bytes()
    (folder / first).write_bytes((folder / second).read_bytes())
    (folder / second).write_bytes(content)
    return f"{first} and {second} exchanged"


def background_swapped(rng: Rng, folder: Path) -> str:
    """Give the source as its own background, or the background as the source."""
    source = folder / "source.pha"
    off = folder / "background.pha"
    if rng.uniform() < 0.5:
        off.write_bytes(source.read_bytes())
        return "the background is a copy of the source"
    source.write_bytes(off.read_bytes())
    return "the source is a copy of the background"


SPECTRA: tuple[Mutation, ...] = (
    channels_shifted, counts_shifted, odd_counts, retyped_counts, scaled_counts, rows_reordered,
    rows_cut, grouped,
)  # fmt: skip
RESPONSES: tuple[Mutation, ...] = (
    response_edited, response_edited, matrix_edited, response_swapped, background_swapped,
)  # fmt: skip
