"""Leave out the events of chosen detectors or CCDs."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.finding import Finding, plural
from livetime.files.fits import Table
from livetime.files.mission_facts import Mission

Mask = NDArray[np.bool_]

MAX_NUMBERS = 60
"""Numbers of detectors that a message lists; NICER has 56."""


def leave_out(
    table: Table,
    rows: Mask,
    mission: Mission | None,
    exclude: Sequence[int],
    findings: list[Finding],
) -> tuple[Mask, tuple[int, ...]]:
    """Select the events outside the excluded detectors.

    Arguments:
        table: of events.
        rows: which of its rows are events, (R,).
        mission: None for an instrument that is not known.
        exclude: numbers of detectors or CCDs.
        findings: list that receives a finding on the excluded events.

    Returns:
        which of the events are kept, (N,), and the numbers that the file has.

    Raises:
        UserError: for a file without numbers of detectors, or without an event that is left.
    """
    if not exclude:
        return np.ones(int(rows.sum()), dtype=np.bool_), ()
    column = _column(table, mission)
    numbers = table.numbers(column)[rows]
    kept = ~np.isin(numbers, exclude)
    if not kept.any():
        raise UserError("observation.exclude", f"leaves no event of {table.path}", "name fewer")
    present = np.unique(numbers[np.isfinite(numbers)]).astype(int).tolist()
    left_out = sorted(set(exclude) & set(present))
    if left_out:
        names = ", ".join(map(str, left_out))
        text = f"{column} {names} with {plural(int((~kept).sum()), 'event')} of {len(kept)}"
        action = f"left out; {plural(len(present) - len(left_out), 'detector')} remain"
        findings.append(
            Finding("excluded", "note", text, action, "none; the other events are used")
        )
    return kept, tuple(present)


def _column(table: Table, mission: Mission | None) -> str:
    """Find the column that numbers the detectors, or else the CCDs."""
    named = (mission.detector, mission.ccds) if mission else ()
    for column in named:
        if column is not None and table.has(column):
            return column
    raise UserError(
        str(table.path),
        "does not number its detectors in a column that livetime knows",
        "leave observation.exclude out",
    )


def refuse_unknown_detectors(exclude: Sequence[int], present: Iterable[int]) -> None:
    """Refuse numbers of detectors that no file has.

    Arguments:
        exclude: numbers to leave out.
        present: those that the files have.

    Raises:
        UserError: for the first number that is not among them.
    """
    known = sorted(set(present))
    unknown = [number for number in exclude if number not in known]
    if unknown:
        names = ", ".join(map(str, known[:MAX_NUMBERS]))
        raise UserError(
            "observation.exclude",
            f"names detector {unknown[0]}, but the events are of detectors {names}",
            "choose among these",
        )
