"""Join files that follow each other into one observation of one module."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.event_file import EventFile, EventRows
from livetime.files.finding import Finding
from livetime.files.gti import exposure_of, in_gti, intersect, subtract, union
from livetime.files.mismatch import FRAME_MARGIN
from livetime.files.successive_findings import compare_successive
from livetime.files.time_systems import clock_offset, refuse_clocks
from livetime.simulate.telescope import canonical_name

Floats = NDArray[np.float64]

MAX_OVERLAP = 0.5
"""Share of the shorter good time in common, from which on files are simultaneous modules."""

SUMMED = ("ONTIME", "LIVETIME", "EXPOSURE")
"""Keywords in s that add up over files."""


@dataclass(frozen=True)
class JoinedFile(EventFile):
    """Successive files of one module, as one.

    Arguments:
        parts: the files, in the order of time, in the clock of the first.

    Examples:
        >>> gti, rows = np.array([[0.0, 10.0]]), EventRows(np.array([1.0]))
        >>> first = EventFile(Path("a.evt"), {}, None, rows, gti, 1, 1, 0.0, None, None, ())
        >>> later = replace(first, path=Path("b.evt"), gti=gti + 20)
        >>> JoinedFile(**vars(first), parts=(first, later)).name
        'a.evt + b.evt'
    """

    parts: tuple[EventFile, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """List the files that the events are from."""
        return tuple(part.path for part in self.parts)

    @property
    def name(self) -> str:
        """Name the files, for findings."""
        return " + ".join(part.name for part in self.parts)

    @cached_property
    def measured_step(self) -> float | None:
        """Give the coarsest grid in s on which the times of a file lie, if they do."""
        steps = [part.measured_step for part in self.parts]
        return max((step for step in steps if step is not None), default=None)


def join_successive(parts: Sequence[EventFile], findings: list[Finding]) -> tuple[EventFile, ...]:
    """Join the files of one instrument that follow each other; others are modules.

    Files follow each other if TELESCOP, INSTRUME and DETNAM agree, and less than half of the
    shorter good time is in common. Files that do not name their instrument are never joined.

    Arguments:
        parts: the files, as they were given.
        findings: to which those on what was joined are added.

    Returns:
        one for each module, in the order of their first files.

    Raises:
        UserError: for successive files whose clocks or time steps differ.
    """
    chains: list[list[EventFile]] = []
    for part in parts:
        chain = next((chain for chain in chains if _continues(chain, part)), None)
        if chain is None:
            chains.append([part])
        else:
            chain.append(part)
    return tuple(chain[0] if len(chain) == 1 else _join(chain, findings) for chain in chains)


def _identity(part: EventFile) -> tuple[str, ...]:
    return tuple(canonical_name(part.word(key)) for key in ("TELESCOP", "INSTRUME", "DETNAM"))


def _continues(chain: Sequence[EventFile], part: EventFile) -> bool:
    """Say whether a file is of the same instrument as others, and at another time."""
    own = _identity(part)
    is_named = bool(own[0] and own[1])
    if not is_named or own != _identity(chain[0]):
        return False
    gti = part.gti + (clock_offset(part.header, chain[0].header) or 0.0)
    shares = [overlap_share(_in_clock(other, chain[0]).gti, gti) for other in chain]
    return max(shares) < MAX_OVERLAP


def overlap_share(first: Floats, second: Floats) -> float:
    """Find the share of the shorter good time that two lists (G, 2) in s have in common.

    Examples:
        >>> overlap_share(np.array([[0.0, 10.0]]), np.array([[9.0, 13.0]]))
        0.25
    """
    return exposure_of(intersect([first, second])) / min(exposure_of(first), exposure_of(second))


def _in_clock(part: EventFile, first: EventFile) -> EventFile:
    """Convert a file's times to another's clock."""
    offset = clock_offset(part.header, first.header)
    if not offset:
        return part
    rows = replace(part.events, times=part.times + offset)
    return replace(part, events=rows, gti=part.gti + offset)


def _join(chain: Sequence[EventFile], findings: list[Finding]) -> JoinedFile:
    first = chain[0]
    for part in chain[1:]:
        both = f"{first.path} and {part.path}"
        refuse_clocks(first.header, part.header, both)
        _refuse_steps(first, part, both)
    converted = [_in_clock(part, first) for part in chain]
    in_order = sorted(converted, key=lambda part: float(part.gti[0, 0]))
    compare_successive(chain, in_order, findings)
    alone = _without_overlap(in_order, findings)

    gti = np.concatenate([part.gti for part in alone])
    joined = union(gti[np.argsort(gti[:, 0], kind="stable")])
    # fmt: off
    return JoinedFile(
        first.path, _header(first, alone), first.mission, _rows(alone), joined,
        sum(part.rows for part in alone), sum(part.total for part in alone),
        max(part.precision for part in alone), _mean(alone, "live_before"), _mean(alone, "cost"),
        (), tuple(sorted({number for part in alone for number in part.present})), tuple(alone),
    )
    # fmt: on


def _refuse_steps(first: EventFile, part: EventFile, both: str) -> None:
    steps = (first.timedel, part.timedel)
    if None in steps or abs(steps[0] / steps[1] - 1) < FRAME_MARGIN:  # type: ignore[operator]
        return
    raise UserError(
        both,
        f"have time steps of {steps[0]:.4g} and {steps[1]:.4g} s",
        "infer each of them alone",
    )


def _without_overlap(in_order: Sequence[EventFile], findings: list[Finding]) -> list[EventFile]:
    """Cut each file to the time that no earlier one has."""
    alone = [in_order[0]]
    covered = in_order[0].gti
    for part in in_order[1:]:
        common = exposure_of(intersect([covered, part.gti]))
        if common > 0:
            findings.append(_overlap(alone, part, common))
            gti = subtract(part.gti, covered)
            inside = in_gti(part.times, gti)
            share = float(inside.mean())
            part = replace(
                part, events=part.events.take(inside), gti=gti, total=round(part.total * share)
            )
        alone.append(part)
        edges = np.concatenate([covered, part.gti])
        covered = union(edges[np.argsort(edges[:, 0], kind="stable")])
    return alone


def _overlap(earlier: Sequence[EventFile], part: EventFile, common: float) -> Finding:
    share = common / min(exposure_of(part.gti), sum(exposure_of(other.gti) for other in earlier))
    names = " + ".join(other.name for other in earlier)
    text = f"{names} and {part.name} overlap for {common:.6g} s, {share:.2g} of the shorter"
    action = f"only the events of {names} are used there"
    effect = "events that count twice raise the noise level and look like variability"
    return Finding("successive_overlap", "warning", text, action, effect, corrected=True)


def _rows(parts: Sequence[EventFile]) -> EventRows:
    """Merge the events of files in the order of time."""
    times = np.concatenate([part.times for part in parts])
    order = np.argsort(times, kind="stable")
    columns: list[Any] = []
    for name in ("kev", "detectors"):
        each = [getattr(part.events, name) for part in parts]
        columns.append(None if any(own is None for own in each) else np.concatenate(each)[order])
    return EventRows(times[order], *columns)


def _header(first: EventFile, parts: Sequence[EventFile]) -> dict[str, Any]:
    """Take one file's keywords, with exposures summed and the live share averaged."""
    header = dict(first.header)
    exposures = np.array([part.exposure for part in parts])
    for key in (*SUMMED, "DEADC"):
        values = [part.header.get(key) for part in parts]
        header.pop(key, None)
        if all(isinstance(value, (int, float)) for value in values):
            numbers = np.array(values, dtype=np.float64)
            weighted = float(np.average(numbers, weights=exposures))
            header[key] = float(numbers.sum()) if key in SUMMED else weighted
    return header


def _mean(parts: Sequence[EventFile], name: str) -> float | None:
    """Average a mean of events over files; None where one of them lacks it."""
    values = [getattr(part, name) for part in parts]
    if None in values:
        return None
    return float(np.average(values, weights=[max(1, len(part.times)) for part in parts]))
