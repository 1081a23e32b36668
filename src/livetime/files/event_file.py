"""One event file as it was read: its events, good time, keywords and findings."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetime.files import timing_tests
from livetime.files.finding import Finding
from livetime.files.gti import exposure_of
from livetime.files.keywords import LIVE_KEYS, MJDREF, sum_keys
from livetime.files.mission_facts import Mission
from livetime.simulate.telescope import PLACEHOLDERS

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

ALL_LIVE = 1 - 1e-6
"""From this live-time fraction on, a file says that no time is dead."""

FINE = 1e-5
"""Mission times of years in double precision resolve less than this, in s."""

BRIGHT = 0.01
"""Share of dead time from which on a live-time fraction of 1 cannot be true."""


@dataclass(frozen=True)
class EventRows:
    """List the events of one file in the order of time; each array has the shape (N,).

    Arguments:
        times: mission times in s, TIMEZERO added, at the middle of their time step.
        kev: energies in keV; None where the file does not give them.
        detectors: numbers of the detectors; None for a single one.

    Examples:
        >>> rows = EventRows(np.array([3.0, 1.0]), np.array([6.4, 2.0]))
        >>> rows.take(np.array([1, 0])).kev.tolist()
        [2.0, 6.4]
    """

    times: Floats
    kev: Floats | None = None
    detectors: NDArray[np.int64] | None = None

    def take(self, which: NDArray[Any]) -> "EventRows":
        """Select events by a mask or by indices."""
        return EventRows(
            self.times[which],
            None if self.kev is None else self.kev[which],
            None if self.detectors is None else self.detectors[which],
        )


@dataclass(frozen=True)
class EventFile:
    """One event file, cleaned.

    Arguments:
        path: the file.
        header: keywords of the event table, or else of the primary header.
        mission: what is known of the instrument; None for one that is not known.
        events: those in the good time, and in the band where one was asked for.
        gti: good time intervals (G, 2) in mission s.
        rows: number of photons in the file.
        total: number of events of all energies in the good time.
        precision: smallest difference of two times in s that the column can store.
        live_before: mean of the column PRIOR in s, the live time before an event; None without.
        cost: mean of the column DEADTIME in s; None without.
        findings: what was found while reading.
        present: numbers of the detectors in the file, where some of them are left out.

    Examples:
        >>> gti, rows = np.array([[0.0, 10.0]]), EventRows(np.array([1.0, 2.0]))
        >>> file = EventFile(Path("a"), {"DEADC": 0.9}, None, rows, gti, 2, 2, 0.0, None, None, ())
        >>> file.exposure, file.live_fraction(2.5e-3)
        (10.0, (0.9, 'DEADC'))
    """

    path: Path
    header: dict[str, Any]
    mission: Mission | None
    events: EventRows
    gti: Floats
    rows: int
    total: int
    precision: float
    live_before: float | None
    cost: float | None
    findings: tuple[Finding, ...]
    present: tuple[int, ...] = ()

    @property
    def paths(self) -> tuple[Path, ...]:
        """List the files that the events are from."""
        return (self.path,)

    @property
    def name(self) -> str:
        """Name the file, for findings."""
        return self.path.name

    @property
    def label(self) -> str:
        """Give the whole path, for messages."""
        return " + ".join(str(path) for path in self.paths)

    @property
    def times(self) -> Floats:
        """Give the mission times (N,) in s, sorted."""
        return self.events.times

    @property
    def exposure(self) -> float:
        """Add up the good time, in s."""
        return exposure_of(self.gti)

    @property
    def timedel(self) -> float | None:
        """Give the declared time step in s: a keyword, or the frame time of the mode."""
        for key, unit in (("TIMEDEL", 1.0), ("FRMTIME", 1e-3), ("FRAMETIM", 1e-3)):
            value = self.header.get(key)
            if isinstance(value, (int, float)) and value > 0:
                return float(value) * unit
        if self.mission is None:
            return None
        mode = str(self.header.get(self.mission.frame_key, "")).strip().upper()
        return self.mission.frames.get(mode)

    @cached_property
    def measured_step(self) -> float | None:
        """Measure the step in s of the grid on which the times lie; None without a grid."""
        step = timing_tests.time_step(self.times, self.precision, self.timedel)
        if step is not None:
            return step
        return self.precision if self.precision > FINE else None

    @property
    def time_step(self) -> float | None:
        """Give the measured time step in s, or else the declared one."""
        return self.measured_step or self.timedel

    @property
    def dead_time(self) -> float | None:
        """Give the dead time in s of each event and detector; None if unknown, and for frames.

        It is that of the column DEADTIME, of the mission, or of the simulation that wrote the file.
        """
        if self.cost:
            return self.cost
        if self.mission is not None:
            return self.mission.dead_time
        stated = self.header.get("DEADTIME")
        is_simulated = self.word("CREATOR") == "livetime" and isinstance(stated, (int, float))
        return float(stated) if is_simulated and stated is not None else None

    @property
    def merges_unnumbered_detectors(self) -> bool:
        """Say whether the instrument merges detectors, but the file has no column of them."""
        several = self.mission is not None and self.mission.detector is not None
        return several and self.events.detectors is None

    @cached_property
    def detector_count(self) -> int:
        """Count the detectors that the file's events name; 1 without such a column."""
        detectors = self.events.detectors
        return 1 if detectors is None else max(1, len(np.unique(detectors)))

    @property
    def mjdref(self) -> float | None:
        """Give the MJD at which mission times are zero; None if missing."""
        has_one = any(key in self.header for key in MJDREF)
        return sum_keys(self.header, MJDREF) if has_one else None

    @property
    def barycentred(self) -> bool:
        """Say whether times are those at the solar system's barycentre."""
        frame = str(self.header.get("TIMEREF", "")).upper()
        is_tdb = self.header.get("TIMESYS") == "TDB"
        return "SOLAR" in frame or is_tdb or self.header.get("BARYCORR") is True

    def word(self, key: str) -> str | None:
        """Give a keyword as text; None if it is missing, empty, or a placeholder such as NONE."""
        text = str(self.header.get(key, "")).strip()
        return None if text.upper() in PLACEHOLDERS else text

    def live_fraction(self, dead_time: float) -> tuple[float | None, str | None]:
        """Find the live-time fraction of the whole file, and the keyword or column that gives it.

        The mean of PRIOR is the live time before an event, and each event costs one dead time.
        Events that were screened away later do not change this. An EXPOSURE as long as ONTIME is
        ignored, since most missions do not subtract dead time from it. A DEADC of 1 in a bright
        file is ignored too.

        Arguments:
            dead_time: of each event and detector in s.

        Returns:
            the fraction and the name of its keyword or column; None twice if unknown.
        """
        rate = self.total / self.exposure / self.detector_count
        cannot_be_one = rate * dead_time > BRIGHT
        for key, fraction in self._declared_fractions().items():
            says_one = fraction >= ALL_LIVE
            ignored = says_one and (key == "EXPOSURE" or cannot_be_one)
            if 0 < fraction <= 1 + 1e-6 and not ignored:
                return min(fraction, 1.0), key
        if self.live_before and dead_time > 0:
            return self.live_before / (self.live_before + dead_time), "PRIOR"
        return None, None

    def _declared_fractions(self) -> dict[str, float]:
        given = {key: self.header.get(key) for key in LIVE_KEYS}
        values = {k: float(v) if isinstance(v, (int, float)) else 0.0 for k, v in given.items()}
        ontime = values["ONTIME"] or self.exposure
        return {
            "DEADC": values["DEADC"],
            "LIVETIME": values["LIVETIME"] / ontime,
            "EXPOSURE": values["EXPOSURE"] / ontime,
        }
