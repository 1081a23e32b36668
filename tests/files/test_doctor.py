"""The doctor finds each fault that was put in, with its number, and nothing in a clean file."""

import json
import warnings
from pathlib import Path

import numpy as np
import pytest
import stingray
from astropy.io import fits
from event_files import make, uniform

from livetime.errors import UserError
from livetime.files.doctor import diagnose
from livetime.files.events import Selection, read_event_file
from livetime.files.finding import EXIT_CODES, noted_sentences
from livetime.files.mission import MISSION_NAMES
from livetime.files.observation import read_events
from livetime.files.writing import write_events
from livetime.report.doctor import diagnosis_table
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.detector import Events

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
STINGRAY = Path(stingray.__file__).parent / "tests" / "data"


def findings(path, **options):
    """The findings of a file by name, facts left out."""
    found = diagnose(str(path), **options)
    assert json.loads(json.dumps(found.plain(), allow_nan=False)) == found.plain()
    assert found.code == max((EXIT_CODES[f.severity] for f in found.findings), default=0)
    for finding in found.findings:
        assert finding.effect or finding.severity == "unusable"
        assert "\n" not in finding.text + finding.action + finding.effect
    return {finding.code: finding for finding in found.findings if finding.severity != "note"}


def dead(rate, span, tau=2.5e-3, seed=0):
    """Events of a constant rate behind a non-paralyzable dead time."""
    times = np.cumsum(tau + np.random.default_rng(seed).exponential(1 / rate, int(3 * rate * span)))
    return times[times < span]


@pytest.mark.parametrize("rate", [20.0, 300.0, 2000.0])
@pytest.mark.parametrize("suffix", [".evt", ".evt.gz"])
def test_what_the_writer_writes_is_clean(tmp_path, rate, suffix):
    times = tuple(dead(rate, 256.0, seed=seed) for seed in range(2))
    paths = [tmp_path / f"{m}{suffix}" for m in "AB"]
    write_events(Events(times, np.array([[0.0, 256.0]])), paths, dead_time=2.5e-3)
    for path in paths:
        found = diagnose(str(path))
        assert found.code == 0
        assert {finding.code for finding in found.findings} <= {"dead_time", "not_barycentred"}
        assert found.facts["live_time_fraction"] == pytest.approx(1 / (1 + rate * 2.5e-3), rel=0.02)
        assert found.facts["live_time_source"] == "DEADC"


def spoiled(path, what):
    """A NuSTAR file with 10 counts/s for 64 s and one fault, its code, and words of its finding."""
    rng, times = np.random.default_rng(1), uniform()
    order = np.arange(640)
    if what == "unsorted":
        order[[10, 11]] = 11, 10
        return make(path, times[order]), "unsorted", "1 event is earlier than the one before"
    if what == "outside":
        return (
            make(path, np.concatenate([[-2.0], times, [64.5, 65.0]])),
            "outside_gti",
            "3 events outside",
        )
    if what == "overlap":
        return (
            make(path, gti=[(0, 40), (30, 64)]),
            "overlapping_gti",
            "1 good time interval overlapping",
        )
    if what == "close":
        return (
            make(path, np.sort(np.concatenate([times, times[rng.choice(640, 30, False)] + 1e-3]))),
            "close_events",
            "30 events within 0.00125 s",
        )
    if what == "bursts":
        return (
            make(path, np.sort(np.concatenate([times, np.full(7, 30.0)])), pi=np.arange(647)),
            "bursts",
            "1 burst of up to 7 events",
        )
    if what == "silence":
        times = times[(times < 30) | (times > 36)]
        return (
            make(path, times),
            "silence",
            "1 stretch of good time without an event, the longest 6.",
        )
    if what == "wide":
        return make(path, gti=[(-5, 64)]), "silence", "from 0 s"
    if what == "frames":
        return (
            make(path, np.round(uniform(n=3000, span=512) / 0.1) * 0.1, [(0, 512)]),
            "time_step",
            "at multiples of 10 Hz",
        )
    if what == "timedel":
        times = np.round(uniform(n=3000, span=512) / 0.1) * 0.1
        return (
            make(path, times, [(0, 512)], header={"TIMEDEL": 0.37}),
            "timedel_wrong",
            "multiples of 0.1 s, but the file declares 0.37 s",
        )
    if what == "deadc":
        return (
            make(path, dead(100, 64), header={"DEADC": 1.0}),
            "deadc_one",
            "leave a live-time fraction of 0.8",
        )
    if what == "ontime":
        return (
            make(path, header={"ONTIME": 100.0}),
            "ontime_wrong",
            "ONTIME is 100 s, but the good time intervals last 64 s",
        )
    if what == "background":
        return (
            make(path, pi=np.where(np.arange(640) % 4, 100, 3000)),
            "background",
            "25.0% of the events are above 79 keV",
        )
    if what == "timeref":
        return (
            make(path, header={"TIMEREF": "SOLARSYSTEM"}, gti_header={"TIMEREF": "LOCAL"}),
            "mixed_timeref",
            "SOLARSYSTEM",
        )
    if what == "no telescop":
        return make(path, header={"TELESCOP": None}), "no_telescop", "TELESCOP is missing"
    if what == "unknown":
        return (
            make(path, header={"TELESCOP": "babasone"}),
            "unknown_mission",
            "TELESCOP babasone, INSTRUME FPMA is not an instrument",
        )
    if what == "float32":
        return (
            make(path, uniform(start=5e4), [(5e4, 5e4 + 64)], kind="E"),
            "coarse_times",
            "32-bit numbers, which resolve 0.00391 s",
        )
    if what == "no gti":
        return make(path, gtis={}), "no_gti", "has no good time intervals"
    if what == "limit":
        return (
            make(path, np.sort(rng.uniform(0, 64, 64 * 500))),
            "above_limit",
            "exceed 400 counts/s, the limit for a dead time of 0.0025 s",
        )
    if what == "live":
        return (
            make(path, dead(100, 64), header={"DEADC": 0.97}),
            "live_time_wrong",
            "DEADC gives a live-time fraction of 0.97",
        )
    raise AssertionError(what)


SPOILED = [
    "unsorted",
    "outside",
    "overlap",
    "close",
    "bursts",
    "silence",
    "wide",
    "frames",
    "timedel",
    "deadc",
    "ontime",
    "background",
    "timeref",
    "unknown",
    "float32",
    "live",
    "limit",
]


@pytest.mark.parametrize("what", [*SPOILED, "no telescop", "no gti"])
def test_a_fault_that_was_put_in_is_found_with_its_number(tmp_path, what):
    path, name, words = spoiled(tmp_path / "a.evt", what)
    found = findings(path)
    assert words in " ".join(
        part
        for finding in found.values()
        for part in (finding.text, finding.effect)
        if finding.code == name
    )
    along = {
        "float32": {"time_step"},
        "no gti": {"full_gti"},
        "limit": {"close_events"},
        "bursts": {"close_events", "repeated_events"},
        "timedel": {"time_step", "pile_up"},
    }
    along["frames"] = {"pile_up"}
    assert set(found) <= {name} | along.get(what, set())


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        ({"header": {"TELESCOP": 5, "OBJECT": 3.0}}, 1),
        ({"header": {"TIMEZERO": fits.card.Undefined()}}, 0),
        ({"times": [5.0], "gtis": {}}, 2),
        ({"header": {"TIMEZERO": 1e300}}, 2),
        ({"columns": [fits.Column("PRIOR", "D", array=np.full(640, 1e308))]}, 0),
        (
            {
                "header": {"TELESCOP": "NICER", "INSTRUME": "XTI"},
                "columns": [fits.Column("DET_ID", "2J", array=np.ones((640, 2)))],
            },
            2,
        ),
        (
            {
                "header": {"TELESCOP": "CHANDRA", "INSTRUME": "ACIS"},
                "columns": [fits.Column("CCD_ID", "3A", array=["abc"] * 640)],
            },
            2,
        ),
    ],
)
def test_whatever_a_file_holds_it_is_told(tmp_path, spoil, code):
    told = diagnose(str(make(tmp_path / "a.evt", **spoil)))
    assert told.code == code, told.findings
    assert json.dumps(told.plain(), allow_nan=False)
    assert not any("cannot be read" in finding.text for finding in told.findings)
    if told.facts:
        assert diagnosis_table(told).row_count


def test_the_fault_of_an_unknown_mission_names_those_that_are_known(tmp_path):
    finding = findings(make(tmp_path / "a.evt", header={"TELESCOP": "babasone"}))["unknown_mission"]
    assert all(name in finding.action for name in MISSION_NAMES)


def test_deadc_of_one_does_not_count_where_it_cannot_be_true(tmp_path):
    """On a faint file it can; on a bright one PRIOR tells, or nothing."""
    faint = make(tmp_path / "a.evt", uniform(n=64), header={"DEADC": 1.0})
    assert read_event_file(faint).live_fraction(2.5e-3) == (1.0, "DEADC")
    times = dead(100, 64)
    bright = make(tmp_path / "b.evt", times, header={"DEADC": 1.0, "LIVETIME": 64.0})
    assert read_event_file(bright).live_fraction(2.5e-3) == (None, None)
    prior = fits.Column("PRIOR", "D", array=np.diff(times, prepend=-2.5e-3) - 2.5e-3)
    told = read_event_file(
        make(tmp_path / "c.evt", times, header={"DEADC": 1.0}, columns=[prior])
    ).live_fraction(2.5e-3)
    assert told == (pytest.approx(0.8, abs=0.01), "PRIOR")


@pytest.mark.parametrize("factor", [0.4, 1.8])
def test_a_step_of_the_rate(tmp_path, factor):
    times = np.concatenate([dead(100, 60), 60 + dead(100 * factor, 60, seed=1)])
    finding = findings(make(tmp_path / "a.evt", times, [(0, 120)]))["rate_step"]
    assert "the rate steps from 79" in finding.text  # 100/(1 + .25) = 80
    assert float(finding.text.rpartition(" at ")[2].removesuffix(" s")) == pytest.approx(60, abs=2)


NICER = {"TELESCOP": "NICER", "INSTRUME": "XTI", "TIMEDEL": 4e-8, "TIMEPIXR": 0.0}


def nicer(path, off=False, hot=False):
    rng = np.random.default_rng(3)
    times = np.sort(rng.uniform(0, 64, 20_000))
    detectors = 10 * rng.integers(0, 7, 20_000) + rng.integers(0, 8, 20_000)
    if hot:
        detectors[rng.random(20_000) < 0.03] = 34
    keep = ~((detectors // 10 == 1) & (times > 20) & (times < 40)) if off else np.ones(20_000, bool)
    columns = [
        fits.Column("DET_ID", "B", array=detectors[keep]),
        fits.Column("DEADTIME", "D", array=np.full(keep.sum(), 2e-5)),
    ]
    return make(path, times[keep], columns=columns, header=NICER)


class TestDetectors:
    def test_dead_time_is_of_each_detector(self, tmp_path):
        """Events of 56 detectors may be close; the dead time is that of the column DEADTIME."""
        found = diagnose(str(nicer(tmp_path / "a.evt")))
        assert found.code == 0
        assert found.facts["dead_time"] == pytest.approx(2e-5)
        assert len(found.facts["detectors"]) == 56

    def test_an_mpu_that_is_off_for_a_while_is_eight_detectors(self, tmp_path):
        diagnosis = diagnose(str(nicer(tmp_path / "a.evt", off=True)))
        off = [finding for finding in diagnosis.findings if finding.code == "detector_off"]
        assert 1 <= len(off) <= 8
        assert all(finding.text.startswith("DET_ID 1") for finding in off)

    def test_a_hot_detector(self, tmp_path):
        assert findings(nicer(tmp_path / "a.evt", hot=True))["hot_detector"].text.startswith(
            "DET_ID 34 has"
        )

    def test_a_pcu_that_is_switched_off(self, tmp_path):
        rng = np.random.default_rng(4)
        times, pcus = np.sort(rng.uniform(0, 500, 50_000)), rng.choice([0, 2, 3], 50_000)
        keep = (pcus != 3) | (times < 250)
        path = make(
            tmp_path / "a.evt",
            times[keep],
            [(0, 500)],
            columns=[fits.Column("PCUID", "B", array=pcus[keep])],
            header={"TELESCOP": "XTE", "INSTRUME": "PCA", "TIMEDEL": 2.0**-20},
            name="XTE_SE",
        )
        found = findings(path)
        assert "PCUID 3 has no events from 249.958 to 499.991 s" in found["detector_off"].text
        assert float(found["detector_off"].text.split()[-3]) == pytest.approx(
            (~keep).sum(), rel=0.03
        )
        assert "the rate steps from 10" in found["rate_step"].text
        assert float(
            found["rate_step"].text.rpartition(" at ")[2].removesuffix(" s")
        ) == pytest.approx(250, abs=2)


def test_half_a_frame_is_added_where_stamps_are_of_its_start(tmp_path):
    frames = np.floor(uniform(n=3000, span=512) / 0.1) * 0.1
    header = {"TELESCOP": "SWIFT", "INSTRUME": "XRT", "TIMEDEL": 0.1}
    stamps = [
        read_event_file(
            make(tmp_path / "a.evt", frames, [(-1, 513)], header={**header, "TIMEPIXR": at})
        ).times
        for at in (0.0, 0.5, 1.0)
    ]
    np.testing.assert_allclose(stamps[0] - stamps[1], 0.05, atol=1e-9)
    np.testing.assert_allclose(stamps[2] - stamps[1], -0.05, atol=1e-9)


SYNTHETIC = {
    "Swift/XRT": {
        "TELESCOP": "SWIFT",
        "INSTRUME": "XRT",
        "DATAMODE": "WINDOWED",
        "TIMEDEL": 1.778e-3,
        "TIMEPIXR": 0.5,
    },
    "IXPE": {"TELESCOP": "IXPE", "INSTRUME": "GPD", "TIMEDEL": 1e-6},
    "Fermi/GBM": {"TELESCOP": "GLAST", "INSTRUME": "GBM"},
    "XMM/EPIC-pn": {"TELESCOP": "XMM", "INSTRUME": "EPN", "SUBMODE": "PrimeSmallWindow"},
    "XMM/EPIC-MOS": {"TELESCOP": "XMM", "INSTRUME": "EMOS2", "SUBMODE": "FastUncompressed"},
    "NICER": NICER,
    "AstroSat/LAXPC": {"TELESCOP": "ASTROSAT", "INSTRUME": "LAXPC1"},
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", SYNTHETIC)
def test_files_of_missions_of_which_there_is_no_real_one_are_read_as_stingray_does(tmp_path, name):
    header = {**SYNTHETIC[name], "TSTART": 3e8, "TSTOP": 3e8 + 64}
    xmm = {"columns": [fits.Column("CCDNR", "B", array=np.full(2000, 4))]} if "XMM" in name else {}
    gtis = {"STDGTI04" if xmm else "GTI": [(3e8, 3e8 + 64)]}
    path = make(tmp_path / "a.evt", uniform(start=3e8, n=2000), header=header, gtis=gtis, **xmm)
    found, theirs = diagnose(str(path)), stingray.EventList.read(str(path), fmt="hea")
    assert found.facts["mission"] == name
    ours = read_event_file(path)
    np.testing.assert_allclose(ours.times, np.asarray(theirs.time, dtype=float), rtol=0, atol=1e-7)
    np.testing.assert_allclose(ours.gti, np.asarray(theirs.gti, dtype=float), rtol=0, atol=1e-3)
    assert found.code == (1 if name == "XMM/EPIC-pn" or "MOS" in name or "Swift" in name else 0)


def test_xmm_tells_its_frame_time_in_ms_or_by_its_mode(tmp_path):
    header = SYNTHETIC["XMM/EPIC-pn"]
    assert read_event_file(make(tmp_path / "a.evt", header=header)).timedel == 0.0057
    assert (
        read_event_file(make(tmp_path / "a.evt", header={**header, "FRMTIME": 6})).timedel == 0.006
    )


def test_without_the_number_of_detectors_nothing_is_said_of_their_dead_time(tmp_path):
    """RXTE's packed events have no column PCUID: close ones may be of two PCUs."""
    times = np.sort(np.random.default_rng(5).uniform(0, 64, 64 * 4000))
    found = diagnose(
        str(make(tmp_path / "a.evt", times, header={"TELESCOP": "XTE", "INSTRUME": "PCA"}))
    )
    assert found.code == 0
    assert "dead_time" not in {finding.code for finding in found.findings}


@pytest.mark.parametrize(("step", "dt"), [(3.24104, 1 / 256), (0.1, 1 / 16)])
@pytest.mark.parametrize("seen", [True, False])
def test_infer_refuses_frames_that_are_longer_than_its_bins(tmp_path, step, dt, seen):
    times = uniform(n=2000, span=512)
    times = np.floor(times / step) * step if seen else times
    path = make(
        tmp_path / "a.evt",
        times,
        [(0, 512)],
        header={"TELESCOP": "CHANDRA", "INSTRUME": "ACIS", "TIMEDEL": step},
    )
    with pytest.raises(
        UserError, match=rf"in steps of {step:.4g} s, .* summary.dt={step:.4g} or more"
    ):
        read_events(path).in_segments(16.0, dt=dt)
    assert read_events(path).in_segments(16.0, dt=step).segments == 32


def test_a_ccd_with_a_stray_event_does_not_shape_the_good_time(tmp_path):
    ccd = np.full(640, 4)
    ccd[7] = 9
    gtis = {"STDGTI04": [(0, 64)], "STDGTI09": [(100, 200)]}
    columns = [fits.Column("CCDNR", "B", array=ccd)]
    part = read_event_file(
        make(tmp_path / "a.evt", columns=columns, gtis=gtis, header=SYNTHETIC["XMM/EPIC-pn"])
    )
    np.testing.assert_array_equal(part.gti, [[0, 64]])


def test_chandra_tables_of_ccds_without_events_do_not_count(tmp_path):
    columns = [fits.Column("ccd_id", "I", array=np.full(640, 7))]
    header = {"TELESCOP": "CHANDRA", "INSTRUME": "ACIS", "TIMEDEL": 3.24104, "TIMEPIXR": 0.5}
    path = make(
        tmp_path / "a.evt",
        np.floor(uniform() / 3.24104) * 3.24104,
        columns=columns,
        header=header,
        gtis={"GTI": [(0, 64)]},
    )
    with fits.open(path, mode="update") as hdus:
        hdus["GTI"].header["CCD_ID"] = 7
        other = hdus["GTI"].copy()
        other.data["START"] = 500
        other.data["STOP"] = 600
        other.header["CCD_ID"] = 3
        hdus.append(other)
    np.testing.assert_array_equal(read_event_file(path).gti, [[0, 64]])


def huge(path, sparse):
    make(path)
    raw = path.read_bytes()
    path.write_bytes(
        raw.replace(b"NAXIS2  =                  640", b"NAXIS2  =           2147483648")
    )
    if sparse:
        with path.open("r+b") as stream:
            stream.truncate(2**31 * 12 + 2880 * 10)


@pytest.mark.parametrize(
    ("sparse", "words"), [(False, "is truncated"), (True, "declares 2147483648 events")]
)
def test_two_billion_rows_are_refused_before_memory_is_taken(tmp_path, sparse, words):
    huge(tmp_path / "a.evt", sparse)
    finding = findings(tmp_path / "a.evt")["refused"]
    assert words in finding.text


@pytest.mark.parametrize(
    "address", ["http://heasarc.gsfc.nasa.gov/a.evt", "s3://nasa-heasarc/a.evt.gz", "ftp://x/a.evt"]
)
def test_a_remote_path_is_refused(address):
    (finding,) = diagnose(address).findings
    assert finding.severity == "unusable"
    assert (
        finding.text
        == f"{address} is on another machine; download it first, and give the local file"
    )


def test_float32_times_that_resolve_nothing_are_refused(tmp_path):
    path = make(tmp_path / "a.evt", uniform(start=8e7), [(8e7, 8e7 + 64)], kind="E")
    assert (
        "32-bit numbers, which resolve 8 s, but power spectra need 0.1 s"
        in findings(path)["refused"].text
    )


def test_the_precision_of_float32_times_is_that_of_the_column_before_timezero(tmp_path):
    """64 s in 32 bits resolve 4 microseconds, whatever TIMEZERO is added in double precision."""
    keys = {"TIMEZERO": 8e7}
    path = make(tmp_path / "a.evt", uniform(), kind="E", header=keys)
    found = findings(path)
    assert "refused" not in found
    assert "32-bit numbers, which resolve 3.81e-06 s" in found["coarse_times"].text
    assert read_events(path).info["exposure"] == 64.0


def test_a_band_without_pi_is_refused_and_without_a_band_not(tmp_path):
    path = make(tmp_path / "a.evt", pi=None)
    assert findings(path) == {}
    assert "has no column PI" in findings(path, band=(3.0, 10.0))["refused"].text


def test_infer_says_what_the_doctor_says(tmp_path):
    """The notes of an answer are the doctor's findings in which something is wrong or was done."""
    for what in SPOILED:
        path, _, _ = spoiled(tmp_path / f"{what}.evt", what)
        told = read_events(path).in_segments(16.0)
        assert (
            [note for note in told.notes if note.startswith(path.name)]
            == list(noted_sentences(diagnose(str(path)).findings))
            != []
        )


def test_a_band_is_used_by_infer_and_said(tmp_path):
    path = make(tmp_path / "a.evt", pi=np.arange(640) % 100)
    told = read_events(path, Selection((3.22, 4.02))).in_segments(16.0)
    assert told.info["events_used"] == [int(np.isin(np.arange(640) % 100, np.arange(40, 60)).sum())]
    assert told.info["band"] == [3.22, 4.02]
    assert any("events are of 3.22 to 4.02 keV, the others left out" in note for note in told.notes)


REAL = {
    "chandra_test.fits": (
        "Chandra/ACIS",
        4612,
        {"time_step", "pile_up", "ontime_wrong", "background"},
    ),
    "chandra_noener_test.fits": (
        "Chandra/ACIS",
        4612,
        {"time_step", "pile_up", "ontime_wrong", "background"},
    ),
    "laxpc_file_read.fits": ("AstroSat/LAXPC", 1000, {"no_gti", "full_gti", "detector_off"}),
    "monol_testA.evt": ("NuSTAR", 1000, set()),
    "monol_testA_calib.evt": ("NuSTAR", 1000, {"no_gti", "full_gti"}),
    "monol_testA_calib_unsrt.evt": ("NuSTAR", 1000, {"no_gti", "full_gti", "unsorted"}),
    "nomission.evt": (None, 1000, {"unknown_mission", "unsorted"}),
    "xmm_test.fits": ("XMM/EPIC-pn", 1708244, {"silence"}),
    "xte_gx_test.evt.gz": ("RXTE/PCA", 3415, {"outside_gti"}),
    "xte_test.evt.gz": ("RXTE/PCA", 999, {"outside_gti"}),
    "nicer/J0218_nicer_bary.evt": ("NICER", 3361, set()),
    "nicer/ngc300nicer_bary.evt": ("NICER", 2408, set()),
    "nustar/b1937_fpma.evt": ("NuSTAR", 937, {"background"}),
    "rxte/B1509_RXTE_short.fits": ("RXTE/PCA", 25765, {"outside_gti", "coherent"}),
}


@pytest.mark.parametrize("name", REAL)
def test_real_files(name):
    path = (DATA if "/" in name else STINGRAY) / name
    if not path.exists():
        pytest.skip("the file is not there")
    mission, events, expected = REAL[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = diagnose(str(path))
    assert found.facts["mission"] == mission
    assert found.facts["events"] == events
    assert {finding.code for finding in found.findings if finding.severity != "note"} == expected


OTHER = {
    "lcurveA.fits": "light curve",
    "lcurve_new.fits": "light curve",
    "LightCurve_bexvar.fits": "light curve",
    "sample_variable_series.fits": "no table of events with a TIME column",
    "test.rmf": "a spectrum or a response",
    "rxte/cygx2_std1.lc": "light curve",
    "chandra_ngc4258/arf.fits": "a spectrum or a response",
    "chandra_ngc4258/source_bin10.pi": "a spectrum or a response",
    "nustar/nustar_deadtime_hist.csv": "cannot be read as FITS",
}


@pytest.mark.parametrize("name", OTHER)
def test_what_is_no_event_file_is_refused_with_what_it_is(name):
    path = (DATA if "/" in name else STINGRAY) / name
    if not path.exists():
        pytest.skip("the file is not there")
    (finding,) = diagnose(str(path)).findings
    assert OTHER[name] in finding.text


@pytest.mark.skipif(not DATA.is_dir(), reason="the data folder ../shared/data is not there")
def test_the_pulse_of_b1509_is_found_and_said_to_be_narrower_than_a_qpo():
    path = DATA / "rxte" / "B1509_RXTE_short.fits"
    finding = findings(path)["coherent"]
    frequency = float(finding.text.split()[4])
    assert frequency == pytest.approx(
        6.596, abs=0.002
    )  # 6.6115 Hz in 2003, -6.7e-11 Hz/s (Livingstone & Kaspi 2011)
    assert "narrower than any QPO" in finding.effect
    times = read_event_file(path).times  # by the definition of Leahy's power, without bins
    power = 2 / len(times) * np.abs(np.exp(-2j * np.pi * frequency * (times - times[0])).sum()) ** 2
    assert power > 300
    assert any(
        "a coherent signal at 6.59" in note for note in read_events(path).in_segments(16.0).notes
    )


def test_a_warning_is_a_reason_to_distrust_with_its_effect_unless_it_was_corrected(tmp_path):
    """Whatever the doctor warns of enters the verdict of a network, but what was corrected."""
    corrected = {"unsorted", "outside", "overlap", "unknown", "no telescop"}
    detector = DeadTime(1, 2.5e-3)
    for what in SPOILED:
        path, code, _ = spoiled(tmp_path / f"{what}.evt", what)
        found = read_events(path)
        said = [f for f in found.findings if f.code == code]
        of_file = [f.reason for f in said if f.reason in found.reasons(detector)]
        assert bool(of_file) == (what not in corrected), what
        assert all(f.effect in reason for f, reason in zip(said, of_file, strict=False))


def test_the_rate_step_of_the_handed_files_is_a_reason():
    folder = DATA.parent / "field" / "9_rate_step_and_verdict"
    if not folder.is_dir():
        pytest.skip("the folder ../shared/field is not there")
    found = read_events([folder / "A.evt", folder / "B.evt"]).in_segments(16.0)
    reasons = found.reasons(DeadTime(2, 2.5e-3))
    assert sum("the rate steps from" in reason for reason in reasons) == 2
    assert all("choose a part before or after it" in reason for reason in reasons)
