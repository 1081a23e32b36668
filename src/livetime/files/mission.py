"""Missions: what is known of each instrument, with the source of its numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from livetime.simulate.telescope import canonical_name


@dataclass(frozen=True)
class Mission:
    """An instrument, as its event files name it.

    Arguments:
        name: as astronomers write it.
        telescop: values of TELESCOP, in capitals.
        instrume: what INSTRUME starts with, in capitals; an empty string stands for all.
        source: where the numbers are from.
        detector: column that numbers the detectors of a merged list; each has its own dead time.
            None for a single detector.
        dead_time: typical, of each event and detector, in s; None where frames take its place.
        frame_key: keyword of the readout mode.
        frames: frame time of each mode in s, for files that do not give it.
        kev: energy in keV of PI channel 0, and of one channel; None where the file must give it.
        calibration: name of a calibration in `energy.py`; empty for none.
        max_energy: keV; no photon above it comes from the optics. None if that is not known.
        optics: whether mirrors concentrate the source. Without them a file is never free of
            background.
        background: its typical level, with a source; empty if that is not known.
        ccds: column that numbers the CCDs, each with good time intervals of its own.

    Examples:
        >>> find_mission("NICER", "XTI").dead_time
        2.26e-05
    """

    name: str
    telescop: tuple[str, ...]
    instrume: tuple[str, ...]
    source: str
    detector: str | None = None
    dead_time: float | None = None
    frame_key: str = "DATAMODE"
    frames: Mapping[str, float] = field(default_factory=dict)
    kev: tuple[float, float] | None = None
    calibration: str = ""
    max_energy: float | None = None
    optics: bool = True
    background: str = ""
    ccds: str | None = None


# Frame times in s by mode; live fractions within a frame are in LIVETIME.
PN_FRAMES = {
    "PRIMEFULLWINDOW": 0.0734,
    "PRIMEFULLWINDOWEXTENDED": 0.1992,
    "PRIMELARGEWINDOW": 0.0477,
    "PRIMESMALLWINDOW": 0.0057,
    "FASTTIMING": 3e-5,
    "FASTBURST": 7e-6,
}
MOS_FRAMES = {
    "PRIMEFULLWINDOW": 2.6,
    "PRIMEPARTIALW2": 0.3,
    "PRIMEPARTIALW3": 0.9,
    "PRIMEPARTIALW4": 0.3,
    "PRIMEPARTIALW5": 0.9,
    "FASTUNCOMPRESSED": 1.75e-3,
}
XRT_FRAMES = {"WINDOWED": 1.778e-3, "PHOTON": 2.5073, "LOWRATE": 1.4e-4, "PILEDUP": 1.4e-4}
XMM_HANDBOOK = "XMM-Newton Users' Handbook, table of the EPIC science modes; PI in eV"

# The relations of PI to keV are those of stingray.mission_support where it has one.
MISSIONS = (
    Mission(
        "NuSTAR",
        ("NUSTAR",),
        ("FPM",),
        "Harrison et al. 2013; Bachetti et al. 2015 (2.5 ms for a module's four chips together)",
        dead_time=2.5e-3,
        kev=(1.62, 0.04),
        max_energy=79.0,
    ),
    Mission(
        "NICER",
        ("NICER",),
        ("XTI",),
        "Gendreau et al. 2016; column DEADTIME of its files (mostly 15 and 22.6 microseconds)",
        detector="DET_ID",
        dead_time=2.26e-5,
        kev=(0.0, 0.01),
        max_energy=12.0,
    ),
    Mission(
        "RXTE/PCA",
        ("XTE",),
        ("PCA",),
        "Jahoda et al. 2006 (about 10 microseconds per event of a PCU, more for very large ones)",
        detector="PCUID",
        dead_time=1e-5,
        calibration="rxte_pca",
        optics=False,
        background="90 mCrab (HEASARC, RXTE Learning Center: PCA)",
    ),
    Mission(
        "XMM/EPIC-pn",
        ("XMM",),
        ("EPN",),
        XMM_HANDBOOK,
        frame_key="SUBMODE",
        frames=PN_FRAMES,
        kev=(0.0, 1e-3),
        max_energy=15.0,
        ccds="CCDNR",
    ),
    Mission(
        "XMM/EPIC-MOS",
        ("XMM",),
        ("EMOS",),
        XMM_HANDBOOK,
        frame_key="SUBMODE",
        frames=MOS_FRAMES,
        kev=(0.0, 1e-3),
        max_energy=15.0,
        ccds="CCDNR",
    ),
    Mission(
        "Swift/XRT",
        ("SWIFT",),
        ("XRT",),
        "Burrows et al. 2005; Hill et al. 2004",
        frames=XRT_FRAMES,
        kev=(0.0, 0.01),
        max_energy=10.0,
    ),
    Mission(
        "Chandra/ACIS",
        ("CHANDRA",),
        ("ACIS",),
        "Chandra Proposers' Observatory Guide, chapter 6 (TIMEDEL is the frame time)",
        kev=(-0.0146, 0.0146),
        max_energy=10.0,
        ccds="CCD_ID",
    ),
    Mission(
        "AstroSat/LAXPC",
        ("ASTROSAT",),
        ("LAXPC",),
        "Antia et al. 2017 (42 microseconds per event of a counter)",
        detector="LAXPC_NO.",
        dead_time=4.2e-5,
        optics=False,
        background="200 counts/s in LAXPC20 (Antia et al. 2022, arXiv:2205.03136)",
    ),
    Mission(
        "IXPE",
        ("IXPE",),
        ("GPD",),
        "Baldini et al. 2021 (about 1 ms per event of a detector unit, more for longer tracks)",
        dead_time=1.1e-3,
        kev=(0.0, 0.04),
    ),
    Mission(
        "Fermi/GBM",
        ("GLAST",),
        ("GBM",),
        "Meegan et al. 2009 (2.6 microseconds per event, 10 in the overflow channel)",
        dead_time=2.6e-6,
        optics=False,
        background="most of the events, save in bright bursts",
    ),
)
MISSION_NAMES = tuple(mission.name for mission in MISSIONS)

SIMILAR = 0.25
"""Dead times that differ by a smaller share count as the same."""


def similar_dead_time(own: float | None, other: float) -> bool:
    """Say whether an instrument's dead time is within a quarter of another, both in s.

    Examples:
        >>> similar_dead_time(2.5e-3, 2.2e-3), similar_dead_time(None, 2.5e-3)
        (True, False)
    """
    return own is not None and (1 - SIMILAR) * other < own < (1 + SIMILAR) * other


def find_mission(telescop: str | None, instrume: str | None) -> Mission | None:
    """Find the mission of a file's TELESCOP and INSTRUME, or None.

    Without INSTRUME it is the telescope's only instrument in the table.

    Examples:
        >>> find_mission("NuSTAR", "FPMA").dead_time
        0.0025
    """
    telescope = canonical_name(telescop)
    instrument = canonical_name(instrume)
    found = [mission for mission in MISSIONS if telescope in mission.telescop]
    if instrument:
        found = [mission for mission in found if instrument.startswith(mission.instrume)]
    return found[0] if len(found) == 1 else None
