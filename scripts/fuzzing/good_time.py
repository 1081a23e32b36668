"""Damaged good time of event files.

Each mutation is a function of random numbers and the paths of both modules' files, which it
changes; it returns what it did.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np

from fuzzing.content import ODD, Mutation, Rng, edited, names_of, some


def _gti(rng: Rng, paths: list[Path], how: str, change: Callable, unit: str = "s") -> str:
    chosen = some(rng, paths)
    for content in edited(chosen, unit):
        content.gti = np.asarray(change(content.gti), float).reshape(-1, 2)
    return f"good time of {names_of(chosen)} {how}"


def gti_empty(rng: Rng, paths: list[Path]) -> str:
    """Leave no interval, or one without length."""
    if rng.uniform() < 0.5:
        return _gti(rng, paths, "empty", lambda gti: np.zeros((0, 2)))
    return _gti(rng, paths, "without length", lambda gti: [[gti[0, 0], gti[0, 0]]])


def gti_reversed(rng: Rng, paths: list[Path]) -> str:
    """Exchange starts and stops."""
    return _gti(rng, paths, "reversed", lambda gti: gti[:, ::-1])


def gti_overlapping(rng: Rng, paths: list[Path]) -> str:
    """Write intervals that overlap, or one twice."""
    start, length = rng.uniform(0, 200), rng.uniform(1, 60)
    return _gti(
        rng,
        paths,
        f"with a second interval from {start:.3g} s",
        lambda gti: [*gti, [gti[0, 0] + start, gti[0, 0] + start + length]],
    )


def gti_cut(rng: Rng, paths: list[Path]) -> str:
    """Write short intervals, in any order."""
    number = int(rng.integers(2, 40))

    def change(gti: np.ndarray) -> np.ndarray:
        edges = np.sort(rng.uniform(gti[0, 0], gti[-1, 1], 2 * number)).reshape(-1, 2)
        return rng.permutation(edges)

    return _gti(rng, paths, f"in {number} pieces", change)


def gti_shifted(rng: Rng, paths: list[Path]) -> str:
    """Move intervals against the events."""
    shift = float(rng.choice([-1, 1]) * 10 ** rng.uniform(-3, 9))
    return _gti(rng, paths, f"shifted by {shift:.3g} s", lambda gti: gti + shift)


def gti_wider(rng: Rng, paths: list[Path]) -> str:
    """Let intervals reach beyond the events."""
    more = float(10 ** rng.uniform(0, 6))
    return _gti(rng, paths, f"{more:.3g} s longer", lambda gti: gti + np.array([0.0, more]))


def gti_unit(rng: Rng, paths: list[Path]) -> str:
    """Give another unit to the intervals, with or without other numbers."""
    unit, factor = [("ms", 1e3), ("d", 1 / 86400), ("min", 1 / 60), ("m", 1.0)][
        int(rng.integers(4))
    ]
    right = rng.uniform() < 0.5
    how = f"in {unit}{'' if right else ', numbers in s'}"
    return _gti(rng, paths, how, lambda gti: gti * (factor if right else 1.0), unit)


def gti_odd(rng: Rng, paths: list[Path]) -> str:
    """Put an odd number into an interval."""
    value = float(rng.choice(ODD))
    column = int(rng.integers(2))

    def change(gti: np.ndarray) -> np.ndarray:
        gti[0, column] = value
        return gti

    return _gti(rng, paths, f"with {value:g} as {('start', 'stop')[column]}", change)


def gti_many(rng: Rng, paths: list[Path]) -> str:
    """Write very many intervals that touch, or a second table."""
    number = int(10 ** rng.uniform(2, 5))

    def change(gti: np.ndarray) -> np.ndarray:
        edges = np.linspace(gti[0, 0], gti[-1, 1], number + 1)
        return np.stack([edges[:-1], edges[1:]], axis=1)

    return _gti(rng, paths, f"in {number} pieces that touch", change)


GOOD_TIME: tuple[Mutation, ...] = (
    gti_empty, gti_reversed, gti_overlapping, gti_cut, gti_shifted, gti_wider, gti_unit,
    gti_odd, gti_many,
)  # fmt: skip
