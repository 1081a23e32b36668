"""Events that no source makes, or that a clock or a detector spoils.

Each mutation is a function of random numbers and the paths of both modules' files, which it
changes; it returns what it did.
"""

from pathlib import Path

import numpy as np
from astropy.io import fits

from fuzzing.content import Content, Mutation, Rng, edited, names_of, some


def unsorted(rng: Rng, paths: list[Path]) -> str:
    """Shuffle events, or swap two stretches."""
    chosen = some(rng, paths)
    for content in edited(chosen):
        number = len(content.times)
        cut = int(rng.integers(1, number))
        order = rng.permutation(number)
        if rng.uniform() < 0.5:
            order = np.roll(np.arange(number), cut)
        content.take(order)
    return f"events of {names_of(chosen)} out of order"


def duplicated(rng: Rng, paths: list[Path]) -> str:
    """Write events twice, in all columns or in TIME alone."""
    chosen = some(rng, paths)
    share = float(10 ** rng.uniform(-3, 0))
    whole = rng.uniform() < 0.5
    for content in edited(chosen):
        rows = rng.uniform(size=len(content.times)) < share
        again = content.copies(rows)
        if not whole:
            again["PI"] = again["PI"] + 1
        content.add(again)
        content.sort()
    return f"a share of {share:.2g} of {names_of(chosen)} twice{'' if whole else ', with other PI'}"


def shared(rng: Rng, paths: list[Path]) -> str:
    """Let both modules share events, with a delay or without."""
    share = float(10 ** rng.uniform(-2.5, 0))
    delay = float(rng.choice([0.0, 0.0, 1e-6, 1e-4]))
    first = Content.read(paths[0])
    second = Content.read(paths[1])
    rows = rng.uniform(size=len(first.times)) < share
    common = first.copies(rows)
    common["TIME"] = common["TIME"] + delay
    second.take(rng.uniform(size=len(second.times)) >= share)
    second.add(common)
    second.sort()
    second.write()
    return f"a share of {share:.2g} of A in B, {delay:g} s later"


def copied(rng: Rng, paths: list[Path]) -> str:
    """Give one module's file for both, or one after the other."""
    if rng.uniform() < 0.5:
        paths[1].write_bytes(paths[0].read_bytes())
        return "B is a copy of A"
    first = paths[0].read_bytes()
    paths[0].write_bytes(paths[1].read_bytes())
    paths[1].write_bytes(first)
    return "A and B exchanged"


def clock(rng: Rng, paths: list[Path]) -> str:
    """Shift the clock of one module, or let it drift."""
    content = Content.read(paths[1])
    shift = float(rng.choice([-1, 1]) * 10 ** rng.uniform(-5, 2))
    drift = float(rng.choice([0.0, 0.0, 1e-5, 1e-3]))
    origin = content.gti[0, 0]
    with_gti = rng.uniform() < 0.5
    content.columns["TIME"] = content.times + shift + drift * (content.times - origin)
    if with_gti:
        content.gti = content.gti + shift
    content.write()
    return f"clock of B late by {shift:.3g} s, drift {drift:g}{', good time too' * with_gti}"


def jump(rng: Rng, paths: list[Path]) -> str:
    """Let the clock jump in the middle."""
    chosen = some(rng, paths)
    size = float(rng.choice([-1, 1]) * 10 ** rng.uniform(-2, 1.5))
    place = float(rng.uniform(0.1, 0.9))
    for content in edited(chosen):
        middle = content.gti[0, 0] + place * (content.gti[-1, 1] - content.gti[0, 0])
        content.columns["TIME"] = np.where(
            content.times > middle, content.times + size, content.times
        )
    return f"clock of {names_of(chosen)} jumps by {size:.3g} s at {place:.2g} of the time"


def step(rng: Rng, paths: list[Path]) -> str:
    """Lower the rate from some time on."""
    chosen = some(rng, paths)
    kept = float(rng.uniform(0, 0.9))
    place = float(rng.uniform(0.1, 0.9))
    for content in edited(chosen):
        middle = content.gti[0, 0] + place * (content.gti[-1, 1] - content.gti[0, 0])
        keep = (content.times < middle) | (rng.uniform(size=len(content.times)) < kept)
        content.take(keep)
    return f"rate of {names_of(chosen)} lower by {kept:.2g} from {place:.2g} of the time on"


def flare(rng: Rng, paths: list[Path]) -> str:
    """Add many events in a short time."""
    chosen = some(rng, paths)
    number = int(10 ** rng.uniform(1, 4.5))
    length = float(10 ** rng.uniform(-6, 1))
    for content in edited(chosen):
        start = rng.uniform(content.gti[0, 0], content.gti[-1, 1] - length)
        rows = rng.integers(len(content.times), size=number)
        more = content.copies(rows)
        more["TIME"] = start + length * rng.uniform(size=number)
        content.add(more)
        content.sort()
    return f"{number} more events within {length:.2g} s of {names_of(chosen)}"


def gap(rng: Rng, paths: list[Path]) -> str:
    """Remove the events of some stretches, not from the good time."""
    chosen = some(rng, paths)
    number = int(rng.integers(1, 20))
    length = float(10 ** rng.uniform(-1.5, 1.5))
    for content in edited(chosen):
        starts = rng.uniform(content.gti[0, 0], content.gti[-1, 1], number)
        for start in starts:
            content.take(~((content.times > start) & (content.times < start + length)))
    return f"{number} gaps of {length:.2g} s in {names_of(chosen)}"


def rounded(rng: Rng, paths: list[Path]) -> str:
    """Round times to a grid."""
    chosen = some(rng, paths)
    grid = float(10 ** rng.uniform(-5, 1))
    for content in edited(chosen):
        content.columns["TIME"] = np.round(content.times / grid) * grid
    return f"times of {names_of(chosen)} rounded to {grid:.2g} s"


def line(rng: Rng, paths: list[Path]) -> str:
    """Add a periodic train of events, as a calibration source."""
    chosen = some(rng, paths)
    period = float(10 ** rng.uniform(-2, 1))
    for content in edited(chosen):
        times = np.arange(content.gti[0, 0], content.gti[-1, 1], period)
        rows = rng.integers(len(content.times), size=len(times))
        more = content.copies(rows)
        more["TIME"] = times
        content.add(more)
        content.sort()
    return f"an event every {period:.2g} s more in {names_of(chosen)}"


def few(rng: Rng, paths: list[Path]) -> str:
    """Leave few events, or none."""
    chosen = some(rng, paths)
    number = int(rng.choice([0, 1, 2, 3, 10, 100]))
    for content in edited(chosen):
        rows = np.sort(rng.choice(len(content.times), number, replace=False))
        content.take(rows)
    return f"{number} events left in {names_of(chosen)}"


def second_table(rng: Rng, paths: list[Path]) -> str:
    """Add a second table of events or of good time."""
    chosen = some(rng, paths)
    which = int(rng.integers(1, 3))
    rename_it = rng.uniform() < 0.5
    for path in chosen:
        with fits.open(path) as hdus:
            again = hdus[which].copy()
            if rename_it:
                again.name = f"{again.name}02"
            again.data = again.data[: max(1, len(again.data) // 2)]
            fits.HDUList([*(hdu.copy() for hdu in hdus), again]).writeto(path, overwrite=True)
    return f"a second table {('EVENTS', 'GTI')[which - 1]} in {names_of(chosen)}"


EVENTS: tuple[Mutation, ...] = (
    unsorted, duplicated, shared, copied, clock, jump, step, flare, gap, rounded, line, few,
    second_table,
)  # fmt: skip
