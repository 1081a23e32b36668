"""Damaged columns of event files.

Each mutation is a function of random numbers and the paths of both modules' files, which it
changes; it returns what it did.
"""

from pathlib import Path

import numpy as np

from fuzzing.cards import edit
from fuzzing.content import ODD, Content, Mutation, Rng, edited, names_of, some


def rename(rng: Rng, paths: list[Path]) -> str:
    """Rename a column."""
    old = str(rng.choice(["TIME", "PI"]))
    new = str(rng.choice(["Time", "time", "BARYTIME", "ENERGY", "PHA", "PI", "RATE", "DEADTIME"]))
    chosen = some(rng, paths)
    for content in edited(chosen):
        content.columns = {
            new if name == old else name: values for name, values in content.columns.items()
        }
        content.units[new] = content.units.pop(old)
    return f"column {old} of {names_of(chosen)} named {new}"


def retype(rng: Rng, paths: list[Path]) -> str:
    """Store a column in another format."""
    name = str(rng.choice(["TIME", "TIME", "PI"]))
    form = str(rng.choice(["E", "J", "I", "K", "20A", "L", "C", "2D", "PD()"]))
    chosen = some(rng, paths)
    for content in edited(chosen):
        values = content.columns[name]
        content.formats[name] = form
        if form == "20A":
            values = values.astype(str)
        elif form == "2D":
            values = np.stack([values, values], axis=1)
        elif form == "PD()":
            values = np.array([np.array([value], float) for value in values], dtype=object)
        elif form in "JIK":
            bits = {"I": 16, "J": 32, "K": 64}[form]
            wrapped = values.astype(np.int64) & ((1 << (bits - 1)) - 1)
            values = wrapped.astype(f"i{bits // 8}")
        elif form == "L":
            values = values > 0
        content.columns[name] = values.astype("f4") if form == "E" else values
    return f"column {name} of {names_of(chosen)} stored as {form}"


def scale(rng: Rng, paths: list[Path]) -> str:
    """Store times as scaled integers with TSCAL and TZERO, or in another unit."""
    chosen = some(rng, paths)
    unit, factor = [("s", 1.0), ("ms", 1e-3), ("min", 60.0), ("d", 86400.0)][int(rng.integers(4))]
    how = int(rng.integers(3))
    for path in chosen:
        content = Content.read(path)
        content.units["TIME"] = unit
        content.columns["TIME"] = content.times / factor
        if how:
            resolution = (1e-6, 1e-3)[how - 1] / factor
            zero = float(content.times[0])
            content.columns["TIME"] = np.round((content.times - zero) / resolution).astype("i8")
            content.formats["TIME"] = "K"
        content.write()
        if how:
            edit(path, 1, "TSCAL1", resolution)
            edit(path, 1, "TZERO1", zero)
    return f"TIME of {names_of(chosen)} in {unit}, {('as it was', 'in 1 us', 'in 1 ms')[how]}"


def reorder(rng: Rng, paths: list[Path]) -> str:
    """Change the order of columns, and add foreign ones."""
    chosen = some(rng, paths)
    for content in edited(chosen):
        number = len(content.times)
        more = {
            "GRADE": rng.integers(0, 32, number).astype("i4"),
            "X": rng.integers(0, 1000, number).astype("i4"),
            "STATUS": np.zeros(number, "i4"),
        }
        every = {**content.columns, **more}
        names = [str(name) for name in rng.permutation(sorted(every))]
        content.columns = {name: every[name] for name in names}
    return f"columns of {names_of(chosen)} in another order, with more of them"


def odd_times(rng: Rng, paths: list[Path]) -> str:
    """Put odd numbers into the column TIME."""
    chosen = some(rng, paths)
    value = float(rng.choice(ODD))
    share = float(10 ** rng.uniform(-5, 0))
    for content in edited(chosen):
        rows = rng.uniform(size=len(content.times)) < share
        rows[int(rng.integers(len(rows)))] = True
        content.times[rows] = value
    return f"a share of {share:.1g} of TIME in {names_of(chosen)} set to {value:g}"


def odd_energies(rng: Rng, paths: list[Path]) -> str:
    """Put odd numbers into PI, or give energies of odd numbers."""
    chosen = some(rng, paths)
    value = float(rng.choice(ODD))
    share = float(10 ** rng.uniform(-4, 0))
    name = str(rng.choice(["PI", "ENERGY"]))
    for content in edited(chosen):
        energies = 1.6 + 0.04 * content.columns["PI"]
        rows = rng.uniform(size=len(energies)) < share
        if name == "ENERGY":
            energies[rows] = value
            content.columns["ENERGY"] = energies
            content.units["ENERGY"] = str(rng.choice(["keV", "eV", "", "s"]))
        else:
            number = int(np.clip(np.nan_to_num(value), -(2**31), 2**31 - 1))
            content.columns["PI"] = np.where(rows, number, content.columns["PI"])
    return f"a share of {share:.1g} of {name} in {names_of(chosen)} set to {value:g}"


def foreign_columns(rng: Rng, paths: list[Path]) -> str:
    """Add the columns PRIOR, DEADTIME or DET_ID with odd numbers."""
    chosen = some(rng, paths)
    name = str(rng.choice(["PRIOR", "DEADTIME", "DET_ID", "CCDNR"]))
    value = float(rng.choice([*ODD, 2.5e-3, 1e-5, 0.5]))
    for content in edited(chosen):
        content.columns[name] = np.full(len(content.times), value)
    return f"column {name} of {value:g} added to {names_of(chosen)}"


COLUMNS: tuple[Mutation, ...] = (
    rename, retype, scale, reorder, odd_times, odd_times, odd_energies, foreign_columns,
)  # fmt: skip
