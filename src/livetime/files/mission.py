"""Find what is known of the instrument of a file."""

from pathlib import Path

from livetime.errors import UserError
from livetime.files.mission_facts import MISSIONS, Mission
from livetime.simulate.telescope import canonical_name

MISSION_NAMES = tuple(mission.name for mission in MISSIONS if not mission.unsuitable)

SIMILAR = 0.25
"""Dead times that differ by a smaller share count as the same."""


def similar_dead_time(own: float | None, other: float) -> bool:
    """Say whether an instrument's dead time is within a quarter of another, both in s.

    Examples:
        >>> similar_dead_time(2.5e-3, 2.2e-3), similar_dead_time(None, 2.5e-3)
        (True, False)
    """
    return own is not None and (1 - SIMILAR) * other < own < (1 + SIMILAR) * other


def refuse_unsuitable(mission: Mission | None, path: Path) -> None:
    """Refuse an instrument that is known, but whose events no detector model describes.

    Arguments:
        mission: None for an instrument that is not known.
        path: the file.

    Raises:
        UserError: for such an instrument, with the reason.
    """
    if mission is not None and mission.unsuitable:
        raise UserError(
            str(path),
            f"is of {mission.name}, which is known, but not suitable: {mission.unsuitable}",
            "give a file of another instrument",
        )


def find_mission(telescop: str | None, instrume: str | None) -> Mission | None:
    """Find the mission of a file's TELESCOP and INSTRUME, or None.

    Without INSTRUME it is the telescope's only instrument in the table that is suitable.

    Examples:
        >>> find_mission("NuSTAR", "FPMA").dead_time
        0.0025
    """
    telescope = canonical_name(telescop)
    instrument = canonical_name(instrume)
    found = [mission for mission in MISSIONS if telescope in mission.telescop]
    if instrument:
        found = [mission for mission in found if instrument.startswith(mission.instrume)]
    else:
        found = [mission for mission in found if not mission.unsuitable]
    return found[0] if len(found) == 1 else None
