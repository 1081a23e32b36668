"""Files that follow each other are one observation; files at the same time are modules."""

import numpy as np
import pytest
from astropy.io import fits
from event_files import HEADER, make, uniform
from refusals import refusal

from livetime.files.doctor import diagnose_files
from livetime.files.observation import read_events
from livetime.simulate.dead_time_detector import DeadTime

NUSTAR = DeadTime(1, 2.5e-3)


def at(path, start, seed=0, n=640, span=64.0, **options):
    """A file of 64 s from a start on."""
    times = uniform(seed, n, span, start)
    return make(path, times, [(start, start + span)], **options)


def codes(found):
    return {finding.code for finding in found.findings}


def test_two_files_are_the_sum_of_both(tmp_path):
    paths = [at(tmp_path / "late.evt", 100, 1), at(tmp_path / "early.evt", 0, 2)]
    found = read_events(paths, modules=1)
    alone = [read_events(path) for path in paths]
    assert found.info["exposure"] == 128
    assert found.gti.tolist() == [[0, 64], [100, 164]]
    parts = [own.start_time + own.events.times[0] for own in alone]
    np.testing.assert_allclose(
        found.start_time + found.events.times[0], np.sort(np.concatenate(parts)), atol=1e-9
    )
    assert found.info["events_read"] == [1280]
    assert found.info["files"] == [str(path) for path in reversed(paths)]
    assert any("taken as one observation" in note for note in found.notes)
    assert found.in_segments(16.0).segments == 8
    assert not [r for r in found.reasons(NUSTAR) if "early" in r]


def test_successive_files_of_two_modules(tmp_path):
    """A1, A2, B1 and B2, in any order, are two modules of two observations."""
    b = {"INSTRUME": "FPMB"}
    paths = [
        at(tmp_path / "A1.evt", 0, 1),
        at(tmp_path / "B2.evt", 100, 4, header=b),
        at(tmp_path / "A2.evt", 100, 2),
        at(tmp_path / "B1.evt", 0, 3, header=b),
    ]
    found = read_events(paths, modules=2)
    assert found.info["events_used"] == [1280, 1280]
    assert found.info["instruments"] == ["FPMA", "FPMB"]
    assert "same_instrument" not in codes(found)
    assert "4 files of 2 modules" in refusal(read_events, paths, modules=3)


@pytest.mark.parametrize("overlap", [0.05, 0.3])
def test_an_overlap_is_named_and_counts_once(tmp_path, overlap):
    """The events that both files contain are those of the first."""
    times = uniform(0, 1280, 128)
    common = 64 * overlap
    first = times[times < 64]
    later = times[(times > 64 - common) & (times < 128 - common)]
    paths = [
        make(tmp_path / "a.evt", first, [(0, 64)]),
        make(tmp_path / "b.evt", later, [(64 - common, 128 - common)]),
    ]
    found = read_events(paths)
    assert found.info["exposure"] == pytest.approx(128 - common)
    np.testing.assert_allclose(
        found.events.times[0], times[times < 128 - common], rtol=0, atol=1e-9
    )
    (finding,) = [f for f in found.findings if f.code == "successive_overlap"]
    assert f"{overlap:.2g} of the shorter" in finding.text
    assert "repeated_events" not in codes(found)


def test_more_than_half_in_common_is_two_modules(tmp_path):
    paths = [at(tmp_path / "a.evt", 0, 1), at(tmp_path / "b.evt", 30, 2)]
    found = read_events(paths)
    assert len(found.events.times) == 2
    assert "same_instrument" in codes(found)


@pytest.mark.parametrize("days", [1, -2])
@pytest.mark.parametrize("is_later", [True, False])
def test_another_mjdref_is_converted(tmp_path, days, is_later):
    """The second file is 100 s later or earlier, in a clock that starts on another day."""
    header = {"MJDREFI": HEADER["MJDREFI"] + days}
    away = 100 if is_later else -100
    paths = [
        at(tmp_path / "a.evt", 0, 1),
        at(tmp_path / "b.evt", away - 86400 * days, 2, header=header),
    ]
    found = read_events(paths)
    np.testing.assert_allclose(found.gti, [[0, 64], [100, 164]], atol=1e-6)
    assert found.start_time == pytest.approx(min(0, away), abs=1e-6)
    assert found.info["mjdref"] == pytest.approx(HEADER["MJDREFI"] + HEADER["MJDREFF"])
    assert "clock_converted" in codes(found)


@pytest.mark.parametrize(("key", "value"), [("TIMEREF", "SOLARSYSTEM"), ("TIMESYS", "TDB")])
def test_other_clocks_are_refused(tmp_path, key, value):
    paths = [
        at(tmp_path / "a.evt", 0, 1),
        at(tmp_path / "b.evt", 100, 2, header={key: value}),
    ]
    assert f"differ in {key}" in refusal(read_events, paths)


def test_a_clock_without_reference_is_a_reason_for_doubt(tmp_path):
    none = {"MJDREFI": None, "MJDREFF": None}
    paths = [at(tmp_path / "a.evt", 0, 1), at(tmp_path / "b.evt", 100, 2, header=none)]
    assert any("same clock is assumed" in r for r in read_events(paths).reasons(NUSTAR))


@pytest.mark.parametrize(
    "header",
    [{"INSTRUME": "FPMB"}, {"DETNAM": "DU2"}, {"TELESCOP": None}, {"INSTRUME": None}],
)
def test_what_does_not_name_one_detector_is_not_joined(tmp_path, header):
    of_first = {"DETNAM": "DU1"} if "DETNAM" in header else {}
    paths = [
        at(tmp_path / "a.evt", 0, 1, header=of_first),
        at(tmp_path / "b.evt", 100, 2, header=header),
    ]
    assert "no common good time" in refusal(read_events, paths)


@pytest.mark.parametrize(
    ("n", "header", "code"),
    [
        (320, {}, "rate_differs"),
        (640, {"OBJECT": "Cyg X-2"}, "object_differs"),
        (640, {"OBJECT": "CYGX-1"}, None),
        (660, {"OBJECT": "Cyg X-1"}, None),
    ],
)
def test_files_that_are_not_alike(tmp_path, n, header, code):
    paths = [
        at(tmp_path / "a.evt", 0, 1, header={"OBJECT": "Cyg X-1"}),
        at(tmp_path / "b.evt", 100, 2, n, header=header),
    ]
    found = read_events(paths)
    doubtful = {f.code for f in found.findings if f.doubtful} - {"silence"}
    assert doubtful == ({code} if code else set())


def test_other_time_steps_are_refused(tmp_path):
    paths = [
        at(tmp_path / "a.evt", 0, 1, header={"TIMEDEL": 1e-3}),
        at(tmp_path / "b.evt", 100, 2, header={"TIMEDEL": 2e-3}),
    ]
    assert "time steps of 0.001 and 0.002 s" in refusal(read_events, paths)


def test_live_time_adds_up(tmp_path):
    """Exposures are summed, and the live share is weighted by them."""
    live = [{"DEADC": 0.9, "LIVETIME": 57.6, "ONTIME": 64.0}, {"DEADC": 0.6, "LIVETIME": 19.2}]
    live[1]["ONTIME"] = 32.0
    paths = [
        at(tmp_path / "a.evt", 0, 1, header=live[0]),
        at(tmp_path / "b.evt", 100, 2, 320, 32.0, header=live[1]),
    ]
    (part,) = read_events(paths).files
    assert part.header["LIVETIME"] / part.header["ONTIME"] == pytest.approx(0.8)
    assert part.header["DEADC"] == pytest.approx(0.8)


def test_detectors_that_differ_are_named(tmp_path):
    nicer = {"TELESCOP": "NICER", "INSTRUME": "XTI"}

    def of(ids):
        return [fits.Column("DET_ID", "J", array=np.arange(640) % ids)]

    paths = [
        at(tmp_path / "a.evt", 0, 1, header=nicer, columns=of(50)),
        at(tmp_path / "b.evt", 100, 2, header=nicer, columns=of(20)),
    ]
    found = read_events(paths)
    assert found.info["detectors"] == [50]
    assert "detectors_differ" in codes(found)


def test_doctor_names_what_infer_does(tmp_path):
    paths = [at(tmp_path / "a.evt", 0, 1), at(tmp_path / "b.evt", 40, 2)]
    single, (together,) = diagnose_files([str(path) for path in paths])
    of_files = {finding for diagnosis in single for finding in diagnosis.findings}
    assert {*of_files, *together.findings} == set(read_events(paths).findings)
