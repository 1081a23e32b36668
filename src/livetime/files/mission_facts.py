"""What is known of each instrument, with the source of its numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Mission:
    """An instrument, as its event files name it.

    Arguments:
        name: as astronomers write it.
        telescop: values of TELESCOP, in capitals.
        instrume: what INSTRUME starts with, in capitals.
        source: where the numbers are from.
        unsuitable: why no answer can be given; empty for an instrument that is supported.
        detector: column that numbers the detectors of a merged list; each has its own dead time.
            None for a single detector.
        dead_time: typical, of each event and detector, in s; None where frames take its place,
            or where no number is published that fits every event.
        reads_frames: whether frames take the place of a dead time.
        frame_key: keyword of the readout mode.
        frames: frame time of each mode in s, for files that do not give it.
        kev: energy of PI channel 0 and width of a channel, in keV; None where the file must give
            them.
        calibration: name of a calibration in `energy.py`; empty for none.
        max_energy: keV; no photon above it comes from the optics. None if that is not known.
        optics: whether mirrors concentrate the source. Without them a file is never free of
            background.
        background: its typical level, with a source; empty if that is not known.
        ccds: column that numbers the CCDs, each with good time intervals of its own.

    Examples:
        >>> Mission("NuSTAR", ("NUSTAR",), ("FPM",), "Harrison et al. 2013").optics
        True
    """

    name: str
    telescop: tuple[str, ...]
    instrume: tuple[str, ...]
    source: str
    detector: str | None = None
    dead_time: float | None = None
    reads_frames: bool = False
    frame_key: str = "DATAMODE"
    frames: Mapping[str, float] = field(default_factory=dict)
    kev: tuple[float, float] | None = None
    calibration: str = ""
    max_energy: float | None = None
    optics: bool = True
    background: str = ""
    ccds: str | None = None
    unsuitable: str = ""


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
        reads_frames=True,
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
        reads_frames=True,
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
        reads_frames=True,
        frames=XRT_FRAMES,
        kev=(0.0, 0.01),
        max_energy=10.0,
    ),
    Mission(
        "Chandra/ACIS",
        ("CHANDRA",),
        ("ACIS",),
        "Chandra Proposers' Observatory Guide, chapter 6 (TIMEDEL is the frame time)",
        reads_frames=True,
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
        background="without a fixed level, since it varies along the orbit "
        "(Fitzpatrick et al. 2011, arXiv:1111.3779)",
    ),
    Mission(
        "SRG/eROSITA",
        ("SRG",),
        ("TM", "MERGED"),
        "Predehl et al. 2021 (frames of 50 ms); eSASS, description of event files (PI in eV)",
        detector="TM_NR",
        reads_frames=True,
        frames={"FRAMESTORE": 0.05},
        kev=(0.0, 1e-3),
        max_energy=10.0,
    ),
    Mission(
        "XRISM/Xtend",
        ("XRISM",),
        ("XTEND",),
        "XRISM Proposers' Observatory Guide, chapter 6; Uchida et al. 2025, arXiv:2503.20180 "
        "(TIMEDEL is the frame time; energies from the file)",
        reads_frames=True,
        max_energy=13.0,
        ccds="CCD_ID",
    ),
    Mission(
        "Einstein Probe/FXT",
        ("EP",),
        ("FXT",),
        "Zhao et al. 2025, doi:10.1007/s41605-025-00526-8 "
        "(pn CCD, three readout modes; TIMEDEL is the frame time, energies from the file)",
        reads_frames=True,
        max_energy=10.0,
    ),
    Mission(
        "Insight-HXMT/HE",
        ("INSIGHT-HXMT",),
        ("HE",),
        "Li et al. 2022, arXiv:2302.03859 (18 detectors); Xiao et al. 2020, "
        "doi:10.1016/j.jheap.2020.02.003 (dead time is recorded for each second)",
        detector="DET_ID",
        optics=False,
    ),
    Mission(
        "Insight-HXMT/ME",
        ("INSIGHT-HXMT",),
        ("ME",),
        "Tuo et al. 2024, arXiv:2407.07807 (9 modules; dead time depends on the readout)",
        optics=False,
    ),
    Mission(
        "Insight-HXMT/LE",
        ("INSIGHT-HXMT",),
        ("LE",),
        "Zhao et al. 2019, arXiv:1910.04702 (swept charge devices, read out continuously)",
        optics=False,
    ),
    Mission(
        "XRISM/Resolve",
        ("XRISM",),
        ("RESOLVE",),
        "Mizumoto et al. 2025, arXiv:2501.03283",
        unsuitable="what is lost depends on pulses close in time, on a pixel's neighbours and on "
        "the load of the processor, which no dead time describes",
    ),
    Mission(
        "Swift/BAT",
        ("SWIFT",),
        ("BAT",),
        "Barthelmy et al. 2005, Space Sci. Rev. 120, 143",
        optics=False,
        unsuitable="a coded mask spreads all sources of the field over one detector, so that "
        "raw events are of no single source",
    ),
    Mission(
        "Fermi/LAT",
        ("GLAST",),
        ("LAT",),
        "Atwood et al. 2009, ApJ 697, 1071; gtltcube of the Fermitools",
        optics=False,
        unsuitable="the exposure to a source changes all the time with its angle to the axis, "
        "which looks like variability",
    ),
)
