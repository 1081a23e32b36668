"""What is known of each mission's detector: one row for each, with the source of its numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Mission:
    """An instrument, as its event files name it.

    Arguments:
        name: as astronomers write it.
        telescop: values of TELESCOP, in capitals.
        instrume: what INSTRUME starts with, in capitals; empty for all.
        source: where the numbers are from.
        detector: column that numbers the detectors whose events are merged into one list, each with its own dead time; None for one.
        dead_time: typical, per event and detector, in s; None where frames take its place.
        frame_key, frames: keyword of the readout mode, and the frame time of each mode in s, for files that do not tell it.
        kev: energy in keV of PI channel 0, and per channel; None where a file must tell by itself.
        reach: energy in keV above which the optics bring nothing: such events are background; None for no optics.
        ccds: column that numbers the CCDs, each with good time intervals of its own.
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
    reach: float | None = None
    ccds: str | None = None


# Frame times in s by mode; live fractions within a frame are in LIVETIME.
_PN = {
    "PRIMEFULLWINDOW": 0.0734,
    "PRIMEFULLWINDOWEXTENDED": 0.1992,
    "PRIMELARGEWINDOW": 0.0477,
    "PRIMESMALLWINDOW": 0.0057,
    "FASTTIMING": 3e-5,
    "FASTBURST": 7e-6,
}
_MOS = {
    "PRIMEFULLWINDOW": 2.6,
    "PRIMEPARTIALW2": 0.3,
    "PRIMEPARTIALW3": 0.9,
    "PRIMEPARTIALW4": 0.3,
    "PRIMEPARTIALW5": 0.9,
    "FASTUNCOMPRESSED": 1.75e-3,
}
_XRT = {"WINDOWED": 1.778e-3, "PHOTON": 2.5073, "LOWRATE": 1.4e-4, "PILEDUP": 1.4e-4}
_HANDBOOK = "XMM-Newton Users' Handbook, table of the EPIC science modes; PI in eV"

# The relations of PI to keV are those of stingray.mission_support where it has one.
MISSIONS = (
    Mission(
        "NuSTAR",
        ("NUSTAR",),
        ("FPM",),
        "Harrison et al. 2013; Bachetti et al. 2015 (2.5 ms, for the four CZT chips of a module together)",
        dead_time=2.5e-3,
        kev=(1.62, 0.04),
        reach=79.0,
    ),
    Mission(
        "NICER",
        ("NICER",),
        ("XTI",),
        "Gendreau et al. 2016; the column DEADTIME of its event files (mostly 15 and 22.6 microseconds)",
        detector="DET_ID",
        dead_time=2.26e-5,
        kev=(0.0, 0.01),
        reach=12.0,
    ),
    Mission(
        "RXTE/PCA",
        ("XTE", "RXTE"),
        ("PCA",),
        "Jahoda et al. 2006 (about 10 microseconds per event of a PCU, more for very large ones)",
        detector="PCUID",
        dead_time=1e-5,
    ),
    Mission(
        "XMM/EPIC-pn",
        ("XMM",),
        ("EPN",),
        _HANDBOOK,
        frame_key="SUBMODE",
        frames=_PN,
        kev=(0.0, 1e-3),
        reach=15.0,
        ccds="CCDNR",
    ),
    Mission(
        "XMM/EPIC-MOS",
        ("XMM",),
        ("EMOS",),
        _HANDBOOK,
        frame_key="SUBMODE",
        frames=_MOS,
        kev=(0.0, 1e-3),
        reach=15.0,
        ccds="CCDNR",
    ),
    Mission(
        "Swift/XRT",
        ("SWIFT",),
        ("XRT",),
        "Burrows et al. 2005; Hill et al. 2004",
        frames=_XRT,
        kev=(0.0, 0.01),
        reach=10.0,
    ),
    Mission(
        "Chandra/ACIS",
        ("CHANDRA", "AXAF"),
        ("ACIS",),
        "Chandra Proposers' Observatory Guide, chapter 6 (TIMEDEL is the frame time)",
        kev=(-0.0146, 0.0146),
        reach=10.0,
        ccds="CCD_ID",
    ),
    Mission(
        "AstroSat/LAXPC",
        ("ASTROSAT",),
        ("LAXPC",),
        "Antia et al. 2017 (42 microseconds per event of a counter)",
        detector="LAXPC_NO.",
        dead_time=4.2e-5,
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
        ("GLAST", "FERMI"),
        ("GBM",),
        "Meegan et al. 2009 (2.6 microseconds per event, 10 in the overflow channel)",
        dead_time=2.6e-6,
    ),
)
NAMES = tuple(mission.name for mission in MISSIONS)


def alike(own: float | None, dead_time: float) -> bool:
    """Whether an instrument's own dead time, None for none, is within a quarter of another."""
    return own is not None and 0.75 * dead_time < own < 1.25 * dead_time


def find(telescop: str | None, instrume: str | None) -> Mission | None:
    """The row of a file's TELESCOP and INSTRUME, None for none; without INSTRUME the telescope's only row.

    >>> find("NuSTAR", "FPMA").dead_time
    0.0025
    """
    telescope, instrument = (telescop or "").strip().upper(), (instrume or "").strip().upper()
    rows = [m for m in MISSIONS if telescope in m.telescop]
    if instrument:
        rows = [m for m in rows if instrument.startswith(m.instrume)]
    return rows[0] if len(rows) == 1 else None
