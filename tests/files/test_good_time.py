"""Good time of one's own, margins at the ends of intervals, and detectors left out."""

import numpy as np
import pytest
from astropy.io import fits
from event_files import HEADER, make, uniform
from refusals import refusal

from livetime.files.events import Selection, read_event_file
from livetime.files.mismatch import instrument_mismatches
from livetime.files.observation import read_events
from livetime.simulate.dead_time_detector import DeadTime

NICER = {"TELESCOP": "NICER", "INSTRUME": "XTI"}


def own(path, gti, name="STDGTI", header=None, unit="s"):
    """A file of good time intervals, as gtibuild or maketime write it."""
    bounds = np.array(gti, dtype=float).reshape(-1, 2)
    columns = [
        fits.Column(c, "D", unit=unit, array=bounds[:, i]) for i, c in enumerate(("START", "STOP"))
    ]
    keys = fits.Header(HEADER if header is None else header)
    table = fits.BinTableHDU.from_columns(columns, keys, name=name)
    fits.HDUList([fits.PrimaryHDU(), table]).writeto(path, overwrite=True)
    return str(path)


def codes(found):
    return {finding.code for finding in found.findings}


class TestOwnGoodTime:
    @pytest.mark.parametrize("seed", range(4))
    def test_it_is_intersected_by_brute_force(self, tmp_path, seed):
        rng = np.random.default_rng(seed)
        edges = [np.sort(rng.choice(640, 12, replace=False)) / 10 for _ in range(2)]
        lists = [pair.reshape(-1, 2) for pair in edges]
        path = make(tmp_path / "a.evt", gti=lists[0])
        part = read_event_file(path, Selection(gti=own(tmp_path / "my.gti", lists[1])))
        grid = np.arange(0.05, 64, 0.1)
        inside = [((grid[:, None] > g[:, 0]) & (grid[:, None] < g[:, 1])).any(1) for g in lists]
        assert part.exposure == pytest.approx(0.1 * (inside[0] & inside[1]).sum())

    @pytest.mark.parametrize("days", [1, -3, 0.5])
    def test_another_mjdref_is_converted(self, tmp_path, days):
        header = {**HEADER, "MJDREFI": HEADER["MJDREFI"] + int(days)}
        header["MJDREFF"] = HEADER["MJDREFF"] + days % 1
        path = own(tmp_path / "my.gti", np.array([[16, 48]]) - 86400 * days, header=header)
        found = read_events(make(tmp_path / "a.evt"), Selection(gti=path))
        assert found.info["exposure"] == pytest.approx(32, abs=1e-4)
        assert found.start_time == pytest.approx(16, abs=1e-4)
        assert "gti_clock" in codes(found)

    def test_a_clock_that_is_not_stated_is_a_reason_for_doubt(self, tmp_path):
        path = own(tmp_path / "my.gti", [(16, 48)], header={})
        found = read_events(make(tmp_path / "a.evt"), Selection(gti=path))
        assert found.info["exposure"] == 32
        assert any("same clock is assumed" in r for r in found.reasons(DeadTime(1, 2.5e-3)))

    @pytest.mark.parametrize(("key", "value"), [("TIMEREF", "SOLARSYSTEM"), ("TIMESYS", "UTC")])
    def test_other_times_are_refused(self, tmp_path, key, value):
        path = own(tmp_path / "my.gti", [(16, 48)], header={**HEADER, key: value})
        sentence = refusal(read_events, make(tmp_path / "a.evt"), Selection(gti=path))
        assert f"differ in {key}" in sentence

    def test_units_and_packing(self, tmp_path):
        path = own(tmp_path / "my.gti", np.array([[16, 48]]) / 86400, unit="d")
        found = read_events(make(tmp_path / "a.evt"), Selection(gti=path))
        assert found.info["exposure"] == pytest.approx(32)

    def test_events_without_good_time(self, tmp_path):
        path = own(tmp_path / "my.gti", [(16, 48)])
        found = read_events(make(tmp_path / "a.evt", gtis={}), Selection(gti=path))
        assert found.info["exposure"] == 32

    @pytest.mark.parametrize(
        ("gti", "words"), [([(100, 200)], "100.0 to 200.0 s"), ([], "no good time")]
    )
    def test_no_time_left(self, tmp_path, gti, words):
        path = own(tmp_path / "my.gti", gti)
        assert words in refusal(read_events, make(tmp_path / "a.evt"), Selection(gti=path))

    def test_a_file_that_is_missing_or_another_kind(self, tmp_path):
        path = make(tmp_path / "a.evt")
        assert "but must be file, full" in refusal(read_events, path, Selection(gti="fule"))
        events = make(tmp_path / "b.evt", gtis={})
        sentence = refusal(read_events, path, Selection(gti=str(events)))
        assert "no table of good time" in sentence


class TestMargin:
    def test_what_is_lost_is_stated(self, tmp_path):
        path = make(tmp_path / "a.evt", gti=[(0, 20), (30, 33), (40, 64)])
        found = read_events(path, Selection(margin=2.0))
        np.testing.assert_allclose(found.gti, [[2, 18], [42, 62]])
        assert any("11 of 47 s are lost" in note for note in found.notes)
        assert any("1 too short" in note for note in found.notes)

    def test_zero_changes_nothing(self, tmp_path):
        path = make(tmp_path / "a.evt")
        plain, same = read_events(path), read_events(path, Selection(margin=0.0))
        assert plain.findings == same.findings
        np.testing.assert_array_equal(plain.gti, same.gti)

    def test_start_counts_from_the_same_zero(self, tmp_path):
        path = make(tmp_path / "a.evt", gti=[(10, 64)])
        found = read_events(path, Selection(margin=4.0, start=20.0))
        np.testing.assert_allclose(found.gti, [[20, 50]])

    def test_more_than_all_is_refused(self, tmp_path):
        sentence = refusal(read_events, make(tmp_path / "a.evt"), Selection(margin=32.0))
        assert "has 64 s" in sentence
        assert "less than 32 s" in sentence


def nicer(path, ids=(10, 14, 34), n=640, seed=0, **options):
    """Events of several detectors in turn, each with its own time of life."""
    numbers = np.array(ids)[np.arange(n) % len(ids)]
    column = fits.Column("DET_ID", "J", array=numbers)
    return make(path, uniform(seed, n), columns=[column], header=NICER, **options)


class TestExclude:
    def test_events_and_number_of_detectors_follow(self, tmp_path):
        path = nicer(tmp_path / "a.evt", range(40))
        plain, fewer = (read_events(path, Selection(exclude=ids)) for ids in ((), (14, 34)))
        assert (plain.info["detectors"], fewer.info["detectors"]) == ([40], [38])
        assert plain.info["events_read"] == [640]
        assert len(fewer.events.times[0]) == 640 * 38 // 40
        assert any("DET_ID 14, 34 with 32 events of 640, left out" in n for n in fewer.notes)

    def test_dead_time_uses_the_detectors_that_remain(self, tmp_path):
        """Of three detectors one is left: a third of the events, the same rate of each."""
        found = read_events(nicer(tmp_path / "a.evt"), Selection(exclude=(14, 34)))
        (finding,) = instrument_mismatches(found.info, DeadTime(1, 2.26e-5, detectors=3))
        assert finding.code == "other_detectors"
        assert not instrument_mismatches(found.info, DeadTime(1, 2.26e-5, detectors=1))

    @pytest.mark.parametrize("unknown", [99, 0])
    def test_what_no_file_has_is_refused(self, tmp_path, unknown):
        sentence = refusal(read_events, nicer(tmp_path / "a.evt"), Selection(exclude=(14, unknown)))
        assert f"names detector {unknown}" in sentence
        assert "10, 14, 34" in sentence

    def test_one_of_several_files_may_lack_it(self, tmp_path):
        paths = [
            nicer(tmp_path / "a.evt"),
            nicer(tmp_path / "b.evt", (10, 34), seed=1, gti=[(0, 64)]),
        ]
        found = read_events(paths, Selection(exclude=(14,)))
        assert found.info["detectors"] == [2, 2]

    def test_all_or_unnumbered_detectors_are_refused(self, tmp_path):
        path = nicer(tmp_path / "a.evt")
        assert "leaves no event" in refusal(read_events, path, Selection(exclude=(10, 14, 34)))
        plain = make(tmp_path / "b.evt")
        assert "does not number" in refusal(read_events, plain, Selection(exclude=(1,)))

    def test_ccds_and_their_good_time(self, tmp_path):
        """The good time of a CCD that is left out does not limit that of the others."""
        ccds = fits.Column("CCDNR", "J", array=np.arange(640) % 2 + 4)
        path = make(
            tmp_path / "a.evt",
            columns=[ccds],
            header={"TELESCOP": "XMM", "INSTRUME": "EPN", "FRMTIME": 1e-4},
            gtis={"STDGTI04": [(0, 64)], "STDGTI05": [(0, 16)]},
        )
        assert read_event_file(path).exposure == 16
        assert read_event_file(path, Selection(exclude=(5,))).exposure == 64
