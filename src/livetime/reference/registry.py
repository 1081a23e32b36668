"""List the references, and find those that apply to a simulator."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from livetime.errors import UserError
from livetime.reference.base import Reference
from livetime.reference.dead_time import AveragedDeadTimeModel, DeadTimeModel
from livetime.reference.exact import Exact
from livetime.reference.frames import FrameModel
from livetime.reference.practice import CospectrumFit, FreeNoise, Naive
from livetime.reference.spectral import DavisModel, NaiveSpectrum
from livetime.simulate.simulator import Simulator

REFERENCES: tuple[type[Reference], ...] = (
    Naive,
    FreeNoise,
    CospectrumFit,
    DeadTimeModel,
    AveragedDeadTimeModel,
    FrameModel,
    Exact,
    NaiveSpectrum,
    DavisModel,
)
"""Every reference, in the order in which people see them. A name may stand for one class for
events and another for spectra."""

REFERENCE_LABELS: dict[str, str] = {reference.name: reference.label for reference in REFERENCES}
"""The human name of each reference by the name that a setting gives."""


def references_for(simulator: Simulator) -> dict[str, type[Reference]]:
    """Return the references that have an answer for a simulator's observations, by name."""
    return {own.name: own for own in REFERENCES if own.applies(simulator)}


def applicable(simulator: Simulator, names: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return the names of the chosen references.

    Arguments:
        simulator: of the observations.
        names: those asked for; None for all that apply.

    Raises: UserError for a name that has no answer for the simulator's detector and summary.
    """
    known = references_for(simulator)
    for name in names or ():
        if name not in known:
            there = f"take some of {', '.join(known)}" if known else "give an empty list"
            raise UserError(
                "reference.names",
                f"has {name}, which does not apply to this source, detector and summary",
                there,
            )
    if names is None:
        return tuple(known)
    return tuple(names)


def build_references(
    simulator: Simulator, names: Sequence[str], **options: Any
) -> dict[str, Reference]:
    """Build references for a simulator, by name.

    Arguments:
        simulator: gives source, detector, summary and prior.
        names: of `applicable` references.
        options: arguments of their classes, such as `draws` or `background`.
    """
    known = references_for(simulator)
    return {name: known[name](simulator, **options) for name in names}


def reference_source() -> str:
    """Return the source code of all references, on which a kept fit depends."""
    folder = Path(__file__).parent
    paths = sorted(folder.glob("*.py"))
    return "".join(path.read_text() for path in paths)
