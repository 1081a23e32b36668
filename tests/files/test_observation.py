"""Laws of event files: what is written is read; faults are refused, or corrected and counted."""

import gzip
import json
import shutil
import warnings
from dataclasses import replace
from pathlib import Path

import event_files
import numpy as np
import pytest
from astropy.io import fits
from event_files import make, uniform
from refusals import refusal

from livetime.errors import UserError
from livetime.files.events import Selection
from livetime.files.gti import clean_gti, intersect
from livetime.files.mission_facts import MISSIONS
from livetime.files.observation import read_events
from livetime.files.writing import write_events
from livetime.simulate.dead_time_detector import IDEAL, DeadTime
from livetime.simulate.detector import Events
from livetime.simulate.periodogram import Periodogram, segment_starts

DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
FIELD = DATA.parent / "field"
SEGMENT = 16.0


def get(*paths, segment_size=SEGMENT, **options):
    modules = options.pop("modules", len(paths))
    names = ("band", "gti", "start", "stop", "energies")
    selection = Selection(**{name: options.pop(name) for name in names if name in options})
    return read_events(paths, selection, modules).in_segments(segment_size, **options)


def refused(*paths, **options):
    """Read files that must be refused, and return the sentence."""
    return refusal(get, *paths, **options)


@pytest.fixture
def simulated():
    rng = np.random.default_rng(3)
    gti = np.array([[0.0, 50.0], [60.25, 60.25 + 160.0]])
    times = [
        np.concatenate([uniform(n=int(20 * (b - a)), span=b - a, start=a, rng=rng) for a, b in gti])
        for _ in range(2)
    ]
    return Events(tuple(times), gti)


class TestRoundTrip:
    @pytest.mark.parametrize("suffix", [".evt", ".evt.gz"])
    @pytest.mark.parametrize("start_time", [0.0, 8e7, 5.1e8 + 0.3])
    def test_what_is_written_is_read(self, tmp_path, simulated, suffix, start_time):
        paths = [tmp_path / f"{m}{suffix}" for m in "AB"]
        write_events(
            simulated,
            paths,
            dead_time=2.5e-3,
            start_time=start_time,
            keywords={"OBJECT": "Cyg X-1", "qpo_frequency": 3.0, "SEED": 7},
        )
        found = get(*paths)
        assert all("compare their clocks" in note for note in found.notes)
        assert found.start_time == pytest.approx(start_time, abs=1e-6)
        np.testing.assert_allclose(found.events.gti, simulated.gti, atol=1e-6)
        for a, b in zip(found.events.times, simulated.times, strict=True):
            np.testing.assert_allclose(a, b, atol=1e-6)
        assert found.segments == 3 + 10
        assert found.info["object"] == "Cyg X-1"
        assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in paths)
        with fits.open(paths[0]) as hdus:
            assert [hdu.name for hdu in hdus] == ["PRIMARY", "EVENTS", "GTI"]
            assert hdus[1].header["qpo_frequency"] == 3.0

    def test_summary_of_what_is_read(self, tmp_path, simulated):
        summary = Periodogram(SEGMENT, 1 / 32)
        write_events(simulated, [tmp_path / "A", tmp_path / "B"], dead_time=0.0)
        np.testing.assert_allclose(
            summary(get(tmp_path / "A", tmp_path / "B").events, IDEAL),
            summary(simulated, IDEAL),
            rtol=1e-4,
            atol=1e-4,
        )

    def test_live_time(self, tmp_path, simulated):
        write_events(simulated, [tmp_path / "A", tmp_path / "B"], dead_time=2.5e-3)
        header = fits.getheader(tmp_path / "A", "EVENTS")
        n = len(simulated.times[0])
        assert header["ONTIME"] == 210.0
        assert header["LIVETIME"] == pytest.approx(210.0 - n * 2.5e-3)
        found = get(tmp_path / "A", tmp_path / "B", dead_time=2.5e-3)
        r = n / 210.0
        assert found.info["incident_rate"][0] == pytest.approx(r / (1 - r * 2.5e-3))
        assert found.notes == (
            "A and B have too little common variability to compare their clocks, taken to agree",
        )

    def test_stingray_reads_it(self, tmp_path, simulated):
        from stingray import EventList

        write_events(simulated, [tmp_path / "A.evt", tmp_path / "B.evt"], dead_time=2.5e-3)
        with warnings.catch_warnings():
            warnings.filterwarnings("error", message="(?s).*GTI")
            events = EventList.read(str(tmp_path / "A.evt"), fmt="hea")
        np.testing.assert_allclose(
            np.asarray(events.time, dtype=float) - 8e7, simulated.times[0], atol=1e-6
        )
        np.testing.assert_allclose(events.gti - 8e7, simulated.gti, atol=1e-6)
        assert events.mjdref == pytest.approx(55197 + 7.660185200000000e-04, abs=1e-10)
        assert events.mission.lower() == "nustar"

    def test_nothing_is_overwritten_or_left_half(self, tmp_path, simulated):
        paths = [tmp_path / "A.evt", tmp_path / "B.evt"]
        paths[1].write_text("mine")
        with pytest.raises(
            UserError, match=r"B\.evt exists; choose another name, or set overwrite=true"
        ):
            write_events(simulated, paths, dead_time=0.0)
        with pytest.raises(ValueError, match="do not fit"):
            write_events(simulated, paths, dead_time=1.0, overwrite=True)
        assert paths[1].read_text() == "mine"
        assert list(tmp_path.iterdir()) == [paths[1]]
        write_events(simulated, paths, dead_time=0.0, overwrite=True)
        assert get(*paths).segments == 13

    @pytest.mark.parametrize(
        "name", ["a b.evt", "src(1)=x.evt", "x[1:2].evt", "*.evt", "über#.evt"]
    )
    def test_any_file_name(self, tmp_path, simulated, name):
        write_events(Events(simulated.times[:1], simulated.gti), [tmp_path / name], dead_time=0.0)
        assert get(str(tmp_path / name)).segments == 13


class TestTimes:
    @pytest.mark.parametrize("split", [{"TIMEZERO": 3.5}, {"TIMEZERI": 3, "TIMEZERF": 0.5}])
    def test_time_zero_shifts_events_and_gti_alike(self, tmp_path, split):
        plain = get(make(tmp_path / "a.evt", uniform(start=100.0), [(100, 164)]))
        shifted = get(make(tmp_path / "b.evt", uniform(start=100.0), [(100, 164)], header=split))
        assert shifted.start_time == plain.start_time + 3.5
        np.testing.assert_allclose(shifted.events.times[0], plain.events.times[0], atol=1e-9)
        np.testing.assert_array_equal(shifted.events.gti, plain.events.gti)
        assert shifted.notes == ()

    def test_time_zero_of_the_gti_table_is_its_own(self, tmp_path):
        zeros = {"header": {"TIMEZERO": 3.5}, "gti_header": {"TIMEZERO": 0.0}}
        found = get(make(tmp_path / "a.evt", uniform(start=100.0), [(103.5, 167.5)], **zeros))
        assert found.notes == ()
        assert found.start_time == 103.5

    def test_intervals_take_the_time_zero_of_the_events_not_of_the_primary_header(self, tmp_path):
        make(tmp_path / "a.evt", uniform(start=100.0), [(100, 164)], header={"TIMEZERO": 3.5})
        fits.setval(tmp_path / "a.evt", "TIMEZERI", value=700, ext=0)
        assert get(tmp_path / "a.evt").start_time == 103.5

    def test_the_unit_of_keywords_is_not_that_of_a_column(self, tmp_path):
        """TIMEUNIT is of TIMEZERO; the column says its own unit."""
        days = {"TIMEUNIT": "d", "TIMEZERO": 100 / 86400}
        found = get(make(tmp_path / "a.evt", header=days, gti_header=days))
        np.testing.assert_allclose(found.events.times[0], uniform(), atol=1e-9)
        assert found.start_time == pytest.approx(100.0)

    def test_the_handed_events_with_keywords_in_days(self):
        path = FIELD / "4_timeunit_of_keywords" / "timeunit_d.evt"
        if not path.exists():
            pytest.skip("the folder ../shared/field is not there")
        found = read_events(path)
        assert found.info["exposure"] == pytest.approx(320)
        assert found.info["recorded_rate"][0] == pytest.approx(109, rel=0.03)

    @pytest.mark.parametrize("name", ["NONE", "unknown", ""])
    def test_a_placeholder_is_no_telescope(self, tmp_path, name):
        found = get(make(tmp_path / "a.evt", header={"TELESCOP": name}))
        assert found.info["telescope"] is None
        assert any("TELESCOP is missing" in note for note in found.notes)

    @pytest.mark.parametrize("unit", ["d", "min", "sec", "ms"])
    def test_times_in_other_units_are_converted(self, tmp_path, unit):
        factor = {"d": 86400.0, "min": 60.0, "sec": 1.0, "ms": 1e-3}[unit]
        found = get(make(tmp_path / "a.evt", uniform() / factor, unit=unit))
        np.testing.assert_allclose(found.events.times[0], uniform(), atol=1e-9)

    @pytest.mark.parametrize("name", ["EVENTS", "XTE_SE", "STDEVT", "event file", "PHOTONS"])
    def test_table_and_column_of_any_name(self, tmp_path, name):
        assert get(make(tmp_path / "a.evt", name=name, time="Time")).segments == 4

    def test_other_tables_with_times_are_no_events(self, tmp_path):
        make(tmp_path / "a.evt")
        with fits.open(tmp_path / "a.evt") as hdus:
            first = fits.BinTableHDU.from_columns(
                [fits.Column("TIME", "D", array=np.zeros(3))], name="BADPIX"
            )
            fits.HDUList([hdus[0], first, *hdus[1:]]).writeto(tmp_path / "b.evt")
        assert get(tmp_path / "b.evt").info["events_read"] == [640]

    def test_whole_segments_in_spite_of_rounding(self, tmp_path):
        for size in (
            10 + np.arange(20) / 300
        ):  # two segments each, between floats that are 6e-8 s apart
            gti = 5e8 + np.array([[0, 2 * size], [25, 25 + 2 * size]])
            assert (
                get(make(tmp_path / "a.evt", uniform(start=5e8), gti), segment_size=size).segments
                == 4
            )


class TestGoodTime:
    @pytest.mark.parametrize("seed", range(5))
    def test_intersection_and_merging_against_brute_force(self, seed):
        rng = np.random.default_rng(seed)
        lists = []
        for _ in range(3):
            start = rng.integers(0, 100, 8)
            lists.append(np.stack([start, start + rng.integers(1, 20, 8)], axis=1).astype(float))
        merged = [clean_gti(gti, "GTI", Path("x"), []) for gti in lists]
        common = intersect(merged)
        points = np.arange(0, 130, 0.25) + 0.125

        def covered(gti):
            return ((points[:, None] > gti[:, 0]) & (points[:, None] < gti[:, 1])).any(axis=1)

        for before, after in zip(lists, merged, strict=True):
            np.testing.assert_array_equal(covered(before), covered(after))
            assert (np.diff(after.ravel()) > 0).all()
        np.testing.assert_array_equal(
            covered(common), np.all([covered(gti) for gti in lists], axis=0)
        )
        assert (np.diff(common.ravel()) > 0).all()

    def test_modules_use_their_common_time(self, tmp_path):
        a = make(tmp_path / "a.evt", uniform(1), [(0, 40)])
        b = make(tmp_path / "b.evt", uniform(2), [(5, 64)], header={"INSTRUME": "FPMB"})
        found = get(a, b)
        np.testing.assert_allclose(found.events.gti, [[0, 35]])
        assert found.start_time == 5.0
        assert found.segments == 2
        for module, seed in enumerate((1, 2)):
            assert (
                found.info["events_used"][module]
                == ((uniform(seed) >= 5) & (uniform(seed) <= 40)).sum()
            )
        assert any(
            "the modules have 40 and 59 s of good time, their 35 s in common are used" in note
            for note in found.notes
        )

    def test_several_tables_are_intersected(self, tmp_path):
        found = get(make(tmp_path / "a.evt", gtis={"GTI": [(0, 64)], "STDGTI": [(10, 64)]}))
        np.testing.assert_allclose(found.events.gti, [[0, 54]])
        assert any("2 tables of good time intervals" in note for note in found.notes)

    def test_an_empty_table_is_no_statement(self, tmp_path):
        """A table without rows is of a detector that was off: the other gives the good time."""
        gtis = {"GTI1": [(0, 30), (40, 64)], "GTI5": []}
        found = get(make(tmp_path / "a.evt", gtis=gtis), segment_size=8.0)
        np.testing.assert_allclose(found.events.gti, [[0, 30], [40, 64]])
        assert any("GTI5 is empty, left out" in note for note in found.notes)

    def test_intervals_without_length_are_left_out(self, tmp_path):
        found = get(make(tmp_path / "a.evt", gti=[(0, 30), (31, 31), (32, 64), (70, 70)]))
        np.testing.assert_allclose(found.events.gti, [[0, 30], [32, 64]])
        assert any("2 good time intervals without length, left out" in n for n in found.notes)

    def test_the_handed_empty_table(self):
        path = FIELD / "6_empty_gti_table" / "one_module_on.evt"
        if not path.exists():
            pytest.skip("the folder ../shared/field is not there")
        found = read_events(path)
        assert found.info["exposure"] == pytest.approx(280)
        assert found.info["gtis"] == 2
        assert any("GTI5 is empty" in note for note in found.notes)

    def test_xmm_tables_of_other_ccds_do_not_count(self, tmp_path):
        ccd = fits.Column("CCDNR", "B", array=np.full(640, 4))
        gtis = {"STDGTI01": [(500, 600)], "STDGTI04": [(0, 64)]}
        found = get(
            make(
                tmp_path / "a.evt",
                columns=[ccd],
                gtis=gtis,
                header={"TELESCOP": "XMM", "INSTRUME": "EPN"},
            )
        )
        assert found.notes == ()
        assert found.segments == 4

    def test_full(self, tmp_path):
        times = uniform()
        found = get(make(tmp_path / "a.evt", times, gtis={}), gti="full")
        np.testing.assert_allclose(found.events.gti, [[0, np.ptp(times)]], atol=1e-6)
        assert found.start_time == times[0]
        assert len(found.notes) == 1

    def test_short_intervals_are_left_out(self, tmp_path):
        found = get(make(tmp_path / "a.evt", gti=[(0, 5), (6, 30), (31, 40), (42, 64)]))
        np.testing.assert_allclose(found.events.gti, [[0, 24], [36, 58]])
        assert found.segments == 2
        assert found.start_time == 6.0
        assert any(
            "2 good time intervals shorter than a segment of 16 s, left out (14 of 60 s)" in note
            for note in found.notes
        )


class TestPart:
    GTI = [(100, 150), (160, 260), (300, 400)]

    @pytest.fixture
    def path(self, tmp_path):
        return make(tmp_path / "a.evt", uniform(n=6000, span=300, start=100), self.GTI)

    @pytest.mark.parametrize("count", [1, 3, 4, 9, 10, 14, 15, 16])
    def test_first_segments(self, path, count):
        everything, found = get(path), get(path, max_segments=count)
        starts = segment_starts(everything.events.gti, SEGMENT)
        assert everything.segments == len(starts) == 15
        np.testing.assert_allclose(segment_starts(found.events.gti, SEGMENT), starts[:count])
        assert found.segments == min(count, 15)
        assert found.info["segments_available"] == 15
        said = f"observation has 15 segments of 16 s, the first {count} are used"
        assert any(said in note for note in found.notes) == (count < 15)

    def test_start_and_stop_count_from_the_first_good_time(self, path):
        found = get(path, start=70.0, stop=250.0)
        np.testing.assert_allclose(found.events.gti, [[0, 90], [130, 180]])
        assert found.start_time == 170.0
        again = get(path, start=found.info["start"], stop=found.info["stop"])
        np.testing.assert_array_equal(again.events.times[0], found.events.times[0])

    def test_events_lie_in_the_intervals_used(self, path):
        found = get(path, start=70.0, max_segments=7)
        times, gti = found.events.times[0], found.events.gti
        assert (np.diff(times) >= 0).all()
        assert ((times[:, None] >= gti[:, 0]) & (times[:, None] <= gti[:, 1])).any(axis=1).all()
        assert found.info["events_used"] == [len(times)]
        assert found.info["recorded_rate"] == [len(times) / np.diff(gti).sum()]

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"start": -1.0}, "observation.start is -1.0 s"),
            ({"start": 300.1}, "observation.start is 300.1 s"),
            ({"stop": 301.0}, "observation.stop is 301.0 s"),
            ({"start": float("nan")}, "observation.start is nan s"),
            ({"start": 90.0, "stop": 20.0}, "must be below observation.stop"),
            ({"start": 51.0, "stop": 59.0}, "choose no good time"),
            ({"start": 45.0, "stop": 70.0}, "the longest is 10 s"),
        ],
    )
    def test_outside(self, path, options, words):
        assert words in refused(path, **options)


def with_bad_time(path):
    times = uniform()
    times[[3, 5]] = np.nan, np.inf
    return make(path, times)


def without_events(path):
    return make(path, [])


def cut(path, keep):
    make(path)
    path.write_bytes(path.read_bytes()[:keep])
    return path


def cut_gzip(path):
    make(path)
    path.write_bytes(gzip.compress(path.read_bytes())[:-200])
    return path


def light_curve(path):
    table = [
        fits.Column("TIME", "D", unit="s", array=np.arange(9.0)),
        fits.Column("RATE", "D", array=np.ones(9)),
    ]
    fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(table, name="RATE")]).writeto(
        path
    )
    return path


def text(path, content):
    path.write_text(content)
    return path


def of(name, kind, value):
    """A column of one value, as long as `uniform` has events."""
    return fits.Column(name, kind, array=np.array([value] * 640))


def table(name, **columns):
    """One row of text."""
    return fits.BinTableHDU.from_columns(
        [fits.Column(c, "3A", array=[value]) for c, value in columns.items()], name=name
    )


FAULTS = {
    "missing": (lambda p: p, "does not exist"),
    "empty": (lambda p: text(p, ""), "is empty (0 bytes)"),
    "impossible name": (lambda p: p.with_name("x" * 3000), "does not exist"),
    "folder": (lambda p: p.mkdir() or p, "is a folder"),
    "text": (lambda p: text(p, "time,pi\n1.0,3\n" * 500), "cannot be read as FITS"),
    "truncated events": (lambda p: cut(p, 2880 * 4), "is truncated"),
    "truncated header": (lambda p: cut(p, 2880 + 1200), "is truncated"),
    "truncated by a byte": (lambda p: cut(p, -1), "is truncated"),
    "truncated gzip": (cut_gzip, "is truncated"),
    "image": (
        lambda p: fits.PrimaryHDU(np.ones((8, 8))).writeto(p) or p,
        "has no table of events with a TIME column",
    ),
    "no TIME": (lambda p: make(p, time="T"), "has no table of events with a TIME column"),
    "light curve": (light_curve, "contains a light curve, not events"),
    "no events": (without_events, "has no events"),
    "bad times": (with_bad_time, "has 2 events whose TIME is not a finite number"),
    "metres": (lambda p: make(p, unit="m"), "gives column TIME of table EVENTS in m"),
    "no GTI table": (lambda p: make(p, gtis={}), "observation.gti=full"),
    "no GTI": (lambda p: make(p, gti=[]), "observation.gti=full"),
    "reversed GTI": (
        lambda p: make(p, gti=[(0, 30), (64, 40)]),
        "64.000000 to 40.000000 s in row 2 of table GTI",
    ),
    "GTI without length": (lambda p: make(p, gti=[(40, 40)]), "observation.gti=full"),
    "broken GTI": (lambda p: make(p, gti=[(0, np.nan)]), "reversed or broken"),
    "GTI tables apart": (
        lambda p: make(p, gtis={"GTI": [(0, 30)], "STDGTI": [(30, 64)]}),
        "without common time",
    ),
    "short GTI": (
        lambda p: make(p, gti=[(0, 15.5), (20, 30)]),
        "a segment of 16 s, the longest is 15.5 s",
    ),
    "GTI without end": (
        lambda p: make(p, gti=[(0, 1e300)]),
        "no observation lasts more than 1e+08 s; correct its times",
    ),
    "GTI of text": (
        lambda p: make(p, gtis={}, extra=[table("GTI", START="a", STOP="b")]),
        "has no numbers in column START of table GTI",
    ),
    "times of text": (
        lambda p: make(p, time="T", columns=[of("TIME", "3A", "abc")]),
        "has no numbers in column TIME of table EVENTS",
    ),
    "PRIOR of text": (
        lambda p: make(p, columns=[of("PRIOR", "3A", "abc")]),
        "has no numbers in column PRIOR of table EVENTS",
    ),
    "two times per row": (
        lambda p: make(p, time="T", columns=[of("TIME", "2D", (1.0, 2.0))]),
        "has several values per row in column TIME",
    ),
    "TIMEZERO of the GTI": (
        lambda p: make(p, gti_header={"TIMEZERO": "x"}),
        "the keyword TIMEZERO = 'x', which is not a number",
    ),
    "GTI apart from events": (
        lambda p: make(p, gti=[(1000, 1064)]),
        "has no event within its good time intervals",
    ),
}


SUITABLE = [mission for mission in MISSIONS if not mission.unsuitable]


class TestRefusals:
    @pytest.mark.parametrize("mission", SUITABLE, ids=[mission.name for mission in SUITABLE])
    @pytest.mark.parametrize("finding", FAULTS)
    def test_file(self, tmp_path, monkeypatch, finding, mission):
        keywords = {"TELESCOP": mission.telescop[0], "INSTRUME": mission.instrume[0]}
        monkeypatch.setattr(event_files, "HEADER", {**event_files.HEADER, **keywords})
        spoil, words = FAULTS[finding]
        path = spoil(tmp_path / "spoiled.evt")
        sentence = refused(path)
        assert words in sentence
        assert str(path) in sentence

    @pytest.mark.parametrize(
        "finding", ["reversed GTI", "broken GTI", "no GTI", "GTI apart from events"]
    )
    def test_full_helps_where_the_intervals_are_at_fault(self, tmp_path, finding):
        assert get(FAULTS[finding][0](tmp_path / "a.evt"), gti="full").segments == 3

    @pytest.mark.parametrize(("modules", "files"), [(2, 1), (1, 2), (2, 3), (1, 0)])
    def test_number_of_files(self, tmp_path, modules, files):
        sentence = refused(
            *(make(tmp_path / f"{i}.evt", uniform(i)) for i in range(files)), modules=modules
        )
        assert sentence.startswith(f"observation.path names {files} file")

    def test_same_file_twice(self, tmp_path):
        path = make(tmp_path / "a.evt")
        link, copy = tmp_path / "link.evt", tmp_path / "copy.evt"
        link.symlink_to(path)
        shutil.copy(path, copy)
        for other, words in (
            (path, "for two modules"),
            (link, "for two modules"),
            (copy, "the same events"),
        ):
            sentence = refused(path, other)
            assert words in sentence
            assert str(other) in sentence

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("TIMESYS", "TDB"),
            ("TIMEREF", "SOLARSYSTEM"),
            ("TELESCOP", "XTE"),
            ("MJDREFI", 55198),
            ("MJDREFF", 7.6e-4),
        ],
    )
    def test_modules_must_count_time_alike(self, tmp_path, key, value):
        sentence = refused(
            make(tmp_path / "a.evt"),
            make(tmp_path / "b.evt", uniform(1), header={"INSTRUME": "FPMB", key: value}),
        )
        assert f"differ in {key[:6] if key.startswith('MJD') else key} " in sentence
        assert "a.evt" in sentence
        assert "b.evt" in sentence

    def test_one_instrument_twice_is_said(self, tmp_path):
        found = get(make(tmp_path / "a.evt"), make(tmp_path / "b.evt", uniform(1)))
        assert found.notes == (
            "both files are of instrument FPMA, taken as independent detectors of it",
            "a.evt and b.evt have too little common variability to compare their clocks, "
            "taken to agree",
        )

    def test_modules_without_common_time(self, tmp_path):
        sentence = refused(
            make(tmp_path / "a.evt", gti=[(0, 32)]),
            make(tmp_path / "b.evt", uniform(1), [(32, 64)], header={"INSTRUME": "FPMB"}),
        )
        assert "a.evt" in sentence
        assert "b.evt (32.0 to 64.0 s) have no common good time" in sentence

    def test_rate_above_one_over_dead_time(self, tmp_path):
        path = make(tmp_path / "a.evt")  # 10 counts/s
        assert "has 10 recorded counts/s" in refused(path, dead_time=0.101)
        assert get(path, dead_time=0.099).segments == 4

    def test_no_events_in_the_part_used(self, tmp_path):
        path = make(tmp_path / "a.evt", gti=[(0, 200)])
        assert "no events in the chosen segments" in refused(path, start=100.0)


class TestMending:
    """Each fault is corrected and counted; the events are then those of the file without it."""

    @staticmethod
    def mended(found, expected):
        plain = uniform()
        np.testing.assert_allclose(found.events.times[0], plain - found.start_time, atol=1e-9)
        assert len(found.notes) == len(expected)
        for note, words in zip(found.notes, expected, strict=True):
            assert words in note
        assert all("a.evt" in note for note in found.notes)

    def test_unsorted_times(self, tmp_path):
        times = uniform()
        times[[10, 11, 400, 401]] = times[[11, 10, 401, 400]]
        self.mended(
            get(make(tmp_path / "a.evt", times)),
            ["2 events are earlier than the one before, now sorted"],
        )

    def test_events_outside(self, tmp_path):
        times = np.concatenate([[-3.0, -1.0], uniform(), [64.5]])
        self.mended(
            get(make(tmp_path / "a.evt", times)),
            ["3 events outside the good time intervals, left out"],
        )

    def test_overlapping_and_unsorted_intervals(self, tmp_path):
        found = get(make(tmp_path / "a.evt", gti=[(30, 64), (0, 20), (10, 30), (12, 15)]))
        self.mended(
            found,
            [
                "1 good time interval is earlier than the one before",
                "2 good time intervals overlapping an earlier one",
            ],
        )
        assert found.segments == 4

    def test_duplicated_rows(self, tmp_path):
        order = np.sort(np.concatenate([np.arange(640), [5, 5, 300]]))
        make(tmp_path / "a.evt")
        with fits.open(tmp_path / "a.evt") as hdus:
            hdus[1].data = hdus[1].data[order]
            hdus.writeto(tmp_path / "aa.evt")
        found = get(tmp_path / "aa.evt")
        self.mended(found, ["3 duplicated rows, left out"])
        assert found.info["events_read"] == [643]

    @pytest.mark.parametrize("position", [True, False])
    def test_equal_times_are_no_duplicates(self, tmp_path, position):
        times = np.floor(uniform() / 0.5) * 0.5  # frames of 0.5 s with 5 events each
        columns = [fits.Column("X", "J", array=np.arange(640) * 2 // 3)] if position else []
        make(tmp_path / "a.evt", times, columns=columns)
        with fits.open(tmp_path / "a.evt", mode="update") as hdus:
            hdus[1].data["PI"] = (
                np.arange(640) * 2 // 3
            )  # some rows are now like the one before in TIME and PI
        found = get(tmp_path / "a.evt")
        same = (np.diff(times) == 0) & (np.diff(np.arange(640) * 2 // 3) == 0)
        assert len(found.events.times[0]) == (640 - same.sum() if position else 640)
        assert any(
            f"{same.sum()} {'duplicated rows, left out' if position else 'rows like another'}"
            in note
            for note in found.notes
        )

    def test_clock_markers_of_rxte(self, tmp_path):
        bits = np.ones((640, 16), dtype=bool)
        bits[::64, 0] = False
        column = fits.Column("Event", "16X", array=bits)
        found = get(
            make(
                tmp_path / "a.evt",
                name="XTE_SE",
                columns=[column],
                header={"TEVTB2": "(M[1]{1},D[0:4]{3})^(M[127]{8})"},
            )
        )
        assert found.info["events_used"] == [630]
        assert any("10 clock markers among the events, left out" in note for note in found.notes)


class TestInfo:
    def test_plain_json(self, tmp_path):
        found = get(make(tmp_path / "a.evt"), dead_time=1e-3, max_segments=3)
        assert json.loads(json.dumps(found.info, allow_nan=False)) == found.info
        assert found.info["telescope"] == "NuSTAR"
        assert found.info["instruments"] == ["FPMA"]
        assert found.info["timesys"] == "TT"
        assert found.info["mjdref"] == pytest.approx(55197.00076601852, abs=1e-10)
        assert found.info["exposure"] == 48.0
        assert found.info["live_time_fraction"] == [None]
        assert found.info["incident_rate"] == [None]

    @pytest.mark.parametrize(
        ("header", "fraction", "source"),
        [
            ({"DEADC": 0.9, "LIVETIME": 32.0}, 0.9, "DEADC"),
            ({"LIVETIME": 48.0}, 0.75, "LIVETIME"),
            ({"LIVETIME": 48.0, "EXPOSURE": 48.0, "ONTIME": 60.0}, 0.8, "LIVETIME"),
            ({"EXPOSURE": 48.0}, 0.75, "EXPOSURE"),
            ({"EXPOSURE": 64.0, "ONTIME": 64.0}, None, None),
            ({"LIVETIME": 0.0, "EXPOSURE": 0.0, "ONTIME": 0.0}, None, None),
        ],
    )
    def test_live_time_fraction(self, tmp_path, header, fraction, source):
        found = get(make(tmp_path / "a.evt", header=header))
        assert found.info["live_time_source"] == [source]
        assert found.info["live_time_fraction"] == [pytest.approx(fraction) if fraction else None]
        assert found.info["incident_rate"] == [pytest.approx(10 / fraction) if fraction else None]

    def test_prior_tells_of_events_that_were_screened_away(self, tmp_path):
        rng = np.random.default_rng(0)
        prior = rng.exponential(1 / 100, 8000)  # 100 incident counts/s
        times = np.cumsum(prior + 2.5e-3)
        kept = rng.random(8000) < 640 / 8000
        span = times[-1]
        column = fits.Column("PRIOR", "D", array=prior[kept])
        found = get(
            make(tmp_path / "a.evt", times[kept], [(0, span)], columns=[column]), dead_time=2.5e-3
        )
        assert found.info["live_time_source"] == ["PRIOR"]
        assert found.info["live_time_fraction"][0] == pytest.approx(1 / 1.25, abs=0.03)
        assert any("events were screened away" in note for note in found.notes)


@pytest.mark.skipif(not DATA.is_dir(), reason="the data folder ../shared/data is not there")
class TestRealFiles:
    def test_rxte(self):
        found = get(DATA / "rxte" / "B1509_RXTE_short.fits", max_segments=64, dead_time=2.5e-3)
        assert found.info["segments_available"] == 218
        assert found.info["recorded_rate"][0] == pytest.approx(7.4, abs=0.3)
        assert found.start_time == pytest.approx(
            537721726 + 3.37842846, abs=1e-6
        )  # the later of two GTI tables, and TIMEZERO
        assert any("63 events outside" in note for note in found.notes)

    def test_nustar(self):
        found = get(DATA / "nustar" / "b1937_fpma.evt", dead_time=2.5e-3)
        assert found.info["live_time_fraction"] == [pytest.approx(0.930582820848)]
        assert found.info["instruments"] == ["FPMA"]
        assert found.segments == 2544
        assert any("158 good time intervals shorter" in note for note in found.notes)
        assert any("screened away" in note for note in found.notes)

    @pytest.mark.parametrize("name", ["ngc300nicer_bary.evt", "J0218_nicer_bary.evt"])
    def test_nicer(self, name):
        found = get(DATA / "nicer" / name)
        assert found.info["telescope"] == "NICER"
        assert found.info["live_time_fraction"] == [None]
        assert found.segments == len(segment_starts(found.events.gti, SEGMENT)) > 80

    def test_what_is_no_event_file(self):
        assert "light curve" in refused(DATA / "rxte" / "cygx2_std1.lc")
        for name in ("arf.fits", "rmf.fits", "source_bin10.pi"):
            assert "a spectrum or a response, not events" in refused(
                DATA / "chandra_ngc4258" / name
            )
        assert "cannot be read as FITS" in refused(DATA / "nustar" / "nustar_deadtime_hist.csv")

    def test_two_telescopes(self):
        assert "differ in" in refused(
            DATA / "nustar" / "b1937_fpma.evt", DATA / "rxte" / "B1509_RXTE_short.fits"
        )


# Energies.


def test_energies_are_those_of_their_events_whatever_their_order_and_gti(tmp_path):
    shuffled = np.random.default_rng(2).permutation(640)
    times = uniform()[shuffled]
    path = make(tmp_path / "a.evt", times, gti=[(0, 33), (40, 64)])
    found = get(path, energies=True)
    energy_of = dict(zip(times, 1.62 + 0.04 * (np.arange(640) % 50), strict=True))
    kept = found.events.times[0] + found.start_time
    (energies,) = found.events.energies
    np.testing.assert_allclose(energies, [energy_of[time] for time in kept])


def test_energies_survive_the_writer(tmp_path):
    times = uniform()
    energies = np.where(np.arange(640) % 3 == 0, 14.0, 6.0)
    events = Events((times,), np.array([[0.0, 64.0]]), (energies,))
    write_events(events, [tmp_path / "a.evt"], dead_time=0.0)
    np.testing.assert_array_equal(get(tmp_path / "a.evt").events.energies[0], energies)
    with fits.open(tmp_path / "a.evt") as hdus:
        assert set(hdus["EVENTS"].data["PI"]) == {110, 310}


def test_a_file_without_channels_has_no_energies(tmp_path):
    path = make(tmp_path / "a.evt")
    with fits.open(path) as hdus:
        hdus[1].columns.change_name("PI", "PHA")
        hdus.writeto(path, overwrite=True)
    assert get(path).events.energies is None
    assert "no column PI" in refused(path, energies=True)


@pytest.mark.parametrize("stop", [2e8, 1e300])
def test_a_good_time_that_no_observation_has_is_refused(tmp_path, stop):
    assert "no observation lasts more than 1e+08 s" in refused(
        make(tmp_path / "a.evt", gti=[(0, stop)])
    )


def test_more_columns_than_a_table_has_are_refused_before_they_are_read(tmp_path):
    path = make(tmp_path / "a.evt")
    path.write_bytes(
        path.read_bytes().replace(
            b"TFIELDS =                    2", b"TFIELDS =           1000000000", 1
        )
    )
    assert "declares 1000000000 columns (TFIELDS), but a table has 999" in refused(path)


def test_truth_values_are_no_numbers(tmp_path):
    path = make(tmp_path / "a.evt", pi=np.arange(640) % 2 == 0, kind="D")
    with fits.open(path) as hdus:
        columns = hdus[1].columns
        truths = fits.Column("PI", "L", array=np.arange(640) % 2 == 0)
        table = fits.BinTableHDU.from_columns([columns["TIME"], truths], hdus[1].header)
        fits.HDUList([hdus[0].copy(), table, hdus[2].copy()]).writeto(path, overwrite=True)
    assert "has no numbers in column PI" in refused(path, energies=True)


# Background.

PCA = {"TELESCOP": "XTE", "INSTRUME": "PCA"}
WITH_BACKGROUND = {"background_share": 0.4}


@pytest.mark.parametrize("keys", [PCA, {"TELESCOP": "ASTROSAT", "INSTRUME": "LAXPC1"}])
def test_a_file_without_optics_is_not_trusted_without_its_background(tmp_path, keys):
    found = get(make(tmp_path / "a.evt", header=keys))
    detector = DeadTime(1, 1e-5 if keys is PCA else 4.2e-5)
    (reason,) = found.reasons(detector)
    assert "has no optics: its background is never zero, typically" in reason
    assert "rms is a lower limit" in reason
    assert "give observation.background" in reason
    given = replace(found, info={**found.info, "detector": WITH_BACKGROUND})
    assert given.reasons(detector) == []


def test_an_instrument_with_optics_may_have_no_background(tmp_path):
    assert get(make(tmp_path / "a.evt")).reasons(DeadTime(1, 2.5e-3)) == []


def test_the_handed_file_without_optics():
    path = FIELD / "10_no_optics_no_background" / "pca_like.evt"
    if not path.exists():
        pytest.skip("the folder ../shared/field is not there")
    found = read_events(path)
    assert any("RXTE/PCA has no optics" in reason for reason in found.reasons(DeadTime(1, 1e-5)))
