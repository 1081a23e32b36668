"""The cases of the fuzz: a number makes a damaged copy of undamaged files, always the same."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fuzzing import cards, columns, events, good_time, keywords, runs, spectra
from fuzzing.inputs import BAND

Rng = np.random.Generator
MODULES = ("A.evt", "B.evt")
SPECTRUM = ("source.pha", "background.pha", "arf.fits", "rmf.fits")


@dataclass(frozen=True)
class Case:
    """One damaged input.

    Arguments:
        seed: that makes it.
        family: of the mutation.
        what: was done.
        banded: whether events are inferred in a band of energies.
    """

    seed: int
    family: str
    what: str
    banded: bool

    @property
    def question(self) -> str:
        """Say what is inferred: from `events` or from a `spectrum`."""
        return question_of(self.family)

    @property
    def band(self) -> tuple[float, float] | None:
        """Give the energies in keV that are inferred from; None for all, and for a spectrum."""
        return BAND if self.banded and self.question == "events" else None


def _pick(rng: Rng, folder: Path, names: tuple[str, ...]) -> Path:
    return folder / names[int(rng.integers(len(names)))]


def _event_bytes(rng: Rng, folder: Path) -> str:
    damage = cards.DAMAGES[int(rng.integers(len(cards.DAMAGES)))]
    return damage(rng, _pick(rng, folder, MODULES))


def _event_keywords(rng: Rng, folder: Path) -> str:
    groups = ("NAMES", "STRUCTURE", "COLUMNS", "TIMES", "TIMES", "LIVE")
    name = groups[int(rng.integers(len(groups)))]
    values = getattr(keywords, name)
    if name in ("TIMES", "LIVE", "NAMES") and rng.uniform() < 0.3:
        return keywords.edit_every(rng, [folder / module for module in MODULES], values)
    return keywords.edit_one(rng, _pick(rng, folder, MODULES), values, name == "COLUMNS")


def _spectral_bytes(rng: Rng, folder: Path) -> str:
    damage = cards.DAMAGES[int(rng.integers(len(cards.DAMAGES)))]
    return damage(rng, _pick(rng, folder, ("source.pha", *SPECTRUM)))


def _spectral_keywords(rng: Rng, folder: Path) -> str:
    groups = ("NAMES", "STRUCTURE", "COLUMNS", "SPECTRAL", "SPECTRAL", "SPECTRAL", "LIVE")
    name = groups[int(rng.integers(len(groups)))]
    path = _pick(rng, folder, ("source.pha", *SPECTRUM))
    return keywords.edit_one(rng, path, getattr(keywords, name), name == "COLUMNS")


def _one_of(mutations: tuple) -> Callable[[Rng, Path], str]:
    return lambda rng, folder: mutations[int(rng.integers(len(mutations)))](rng, folder)


def _of_modules(mutations: tuple) -> Callable[[Rng, Path], str]:
    def mutate(rng: Rng, folder: Path) -> str:
        paths = [folder / module for module in MODULES]
        return str(mutations[int(rng.integers(len(mutations)))](rng, paths))

    return mutate


FAMILIES: dict[str, tuple[int, Callable[[Rng, Path], str]]] = {
    "event file, bytes": (14, _event_bytes),
    "event file, keywords": (16, _event_keywords),
    "event file, columns": (10, _of_modules(columns.COLUMNS)),
    "event file, good time": (10, _of_modules(good_time.GOOD_TIME)),
    "event file, events": (14, _of_modules(events.EVENTS)),
    "spectrum, bytes": (7, _spectral_bytes),
    "spectrum, keywords": (9, _spectral_keywords),
    "spectrum, table": (6, _one_of(spectra.SPECTRA)),
    "response and background": (6, _one_of(spectra.RESPONSES)),
    "run folder": (14, lambda rng, folder: _one_of(runs.RUNS)(rng, folder / "run")),
}
"""Family -> its weight, and the mutation of a folder."""

SPECTRAL = ("spectrum, bytes", "spectrum, keywords", "spectrum, table", "response and background")


def question_of(family: str) -> str:
    """Say from what a family infers: `events` or a `spectrum`."""
    return "spectrum" if family in SPECTRAL else "events"


def make_case(seed: int, folder: Path) -> Case:
    """Damage the files of a folder.

    Arguments:
        seed: of the case.
        folder: has A.evt, B.evt, source.pha, background.pha, arf.fits, rmf.fits and, for the
            family of run folders, run; it is changed.
    """
    family, rng = choose_family(seed)
    what = FAMILIES[family][1](rng, folder)
    return Case(seed, family, what, banded=bool(rng.uniform() < 0.3))


def choose_family(seed: int) -> tuple[str, Rng]:
    """Choose the family of a case, and give the random numbers of the rest."""
    rng = np.random.default_rng(seed)
    names = list(FAMILIES)
    weights = np.array([FAMILIES[name][0] for name in names], float)
    return names[int(rng.choice(len(names), p=weights / weights.sum()))], rng
