"""Laws of clocks: a delay is recovered within its error, and chance makes no delay."""

import numpy as np
import pytest
from clock_delays import delayed_pair
from event_files import make

from livetime.errors import UserError
from livetime.files.clocks import cross_spectrum, measure_delay
from livetime.files.doctor import diagnose_files
from livetime.files.observation import read_events
from livetime.simulate.dead_time_detector import DeadTime

SPAN = 512.0
FAST = 1 / 64
"""Bins in s with which hundreds of pairs are compared."""
NUSTAR = DeadTime(2, 2.5e-3)


def measured(*arguments, dt=FAST, **options):
    lists, gti = delayed_pair(*arguments, **options)
    return measure_delay(cross_spectrum(*lists, gti, dt))


def written(folder, lists, gti, **header):
    """Write both modules as event files."""
    first = make(folder / "A.evt", lists[0], gti)
    second = make(folder / "B.evt", lists[1], gti, header={"INSTRUME": "FPMB", **header})
    return [first, second]


def test_a_right_clock_is_blamed_by_chance_alone():
    """Of 240 pairs, half with power that is barely found, 1% or fewer are below 0.01."""
    found = [measured(rate, 0.0, seed) for rate in (110.0, 300.0) for seed in range(120)]
    probability = np.array([1.0 if delay is None else delay.probability for delay in found])
    compared = sum(delay is not None for delay in found)
    assert 120 < compared < 240
    assert (probability < 0.01).sum() <= 6  # 2.4 are expected; more have a chance of 1%
    assert (probability < 0.001).sum() <= 1


def test_noise_is_no_common_power():
    rng = np.random.default_rng(0)
    gti = np.array([[0.0, SPAN]])
    for rate in np.geomspace(2, 2000, 60):
        lists = [np.sort(rng.uniform(0, SPAN, rng.poisson(rate * SPAN))) for _ in range(2)]
        assert measure_delay(cross_spectrum(*lists, gti, FAST)) is None


@pytest.mark.parametrize("delay", [0.0, 0.01, -0.03, 0.1, 3.0, -7.3])
def test_a_delay_is_recovered_within_its_error(delay):
    found = [measured(400.0, delay, seed, dt=1 / 256) for seed in range(8)]
    pulls = np.array([(each.seconds - delay) / each.error for each in found])
    assert np.abs(pulls).max() < 4.5
    assert 0.4 < np.sqrt((pulls**2).mean()) < 1.8
    assert all(each.error < 3e-3 for each in found)
    if abs(delay) > 0.02:
        assert max(each.probability for each in found) < 1e-3


@pytest.mark.parametrize(
    "detector",
    [
        DeadTime(2, 2.5e-3, area=0.7),
        DeadTime(2, 2.5e-3, background=200.0),
        DeadTime(2, 5e-3, paralyzable=True),
    ],
)
def test_modules_may_differ_in_area_and_dead_time(detector):
    """Their dead time turns phases by less than a millisecond."""
    for seed in range(3):
        found = measured(800.0, 0.0, seed, detector=detector, qpo_rms=0.3, dt=1 / 256)
        assert found.probability > 1e-3
        assert abs(found.seconds) < 4 * found.error < 0.01


def test_a_delay_that_takes_no_power_is_a_note(tmp_path):
    broad = {"qpo_rms": 0.3, "qpo_frequency": 3.0, "qpo_quality": 2.0, "noise_rms": 0.03}
    lists, gti = delayed_pair(500.0, 4e-3, 1, span=1024.0, **broad)
    found = {
        finding.code: finding for finding in read_events(written(tmp_path, lists, gti)).findings
    }
    assert found["small_delay"].severity == "note"
    assert "clocks_differ" not in found


@pytest.mark.parametrize(("delay", "words"), [(3.0, "later"), (0.1, "later"), (-0.25, "earlier")])
def test_a_late_clock_withholds_trust(tmp_path, delay, words):
    lists, gti = delayed_pair(200.0, delay, 3, span=1024.0, detector=NUSTAR)
    read = read_events(written(tmp_path, lists, gti))
    (finding,) = [finding for finding in read.findings if finding.code == "clocks_differ"]
    assert float(finding.text.split(" are ")[1].split()[0]) == pytest.approx(abs(delay), abs=0.02)
    assert f"s {words} than those of A.evt" in finding.text
    assert "common power is multiplied by cos(2 pi f" in finding.effect
    assert finding.reason in read.reasons(NUSTAR)


def test_doctor_compares_what_an_answer_compares(tmp_path):
    lists, gti = delayed_pair(400.0, 3.0, 4, span=1024.0, detector=NUSTAR)
    paths = written(tmp_path, lists, gti, OBJECT="Cyg X-1")
    single, (together,) = diagnose_files([str(path) for path in paths])
    assert together.file == "A.evt with B.evt"
    assert together.code == 1
    of_files = [finding for diagnosis in single for finding in diagnosis.findings]
    answered = read_events(paths).findings
    assert {*of_files, *together.findings} == set(answered)


def test_doctor_compares_no_files_of_other_times_or_telescopes(tmp_path):
    lists, gti = delayed_pair(100.0, 0.0, 5, span=64.0)
    first = make(tmp_path / "A.evt", lists[0], gti)
    of_b = {"INSTRUME": "FPMB"}
    later = make(tmp_path / "later.evt", lists[1] + 1e5, gti + 1e5, header=of_b)
    other = make(tmp_path / "other.evt", lists[1], gti, header={"TELESCOP": "XTE"})
    assert diagnose_files([str(first), str(later), str(other)])[1] == []
    assert diagnose_files([str(first), str(first)])[1][0].code == 2


def test_clocks_that_cannot_be_compared_are_named(tmp_path):
    lists, gti = delayed_pair(20.0, 0.0, 6, span=64.0)
    codes = {finding.code for finding in read_events(written(tmp_path, lists, gti)).findings}
    assert "clocks_not_compared" in codes


@pytest.mark.parametrize(
    ("first", "second", "differ"),
    [
        ("Cyg X-1", "CYG_X1", False),
        ("Cyg X-1", "GX 339-4", True),
        ("80001", "UNKNOWN", False),
    ],
)
@pytest.mark.parametrize("key", ["OBJECT", "OBS_ID"])
def test_names_of_source_and_observation_are_compared(tmp_path, key, first, second, differ):
    lists, gti = delayed_pair(20.0, 0.0, 7, span=64.0)
    one = make(tmp_path / "A.evt", lists[0], gti, header={key: first})
    other = make(tmp_path / "B.evt", lists[1], gti, header={key: second, "INSTRUME": "FPMB"})
    found = {finding.code: finding for finding in read_events([one, other]).findings}
    assert ("other_target" in found) == differ
    if second == "UNKNOWN":
        assert f"B.evt has no {key}" in found["missing_keyword"].text
        assert found["missing_keyword"].severity == "note"


@pytest.mark.parametrize("key", ["TIMEREF", "TIMESYS"])
def test_a_clock_that_one_file_does_not_name_is_doubtful_unless_measured(tmp_path, key):
    for rate, severity in ((20.0, "warning"), (600.0, "note")):
        lists, gti = delayed_pair(rate, 0.0, 8)
        found = read_events(written(tmp_path, lists, gti, **{key: None})).findings
        (finding,) = [finding for finding in found if finding.code == "missing_keyword"]
        assert f"B.evt has no {key}" in finding.text
        assert finding.severity == severity


@pytest.mark.parametrize(("key", "value"), [("TIMEREF", "SOLARSYSTEM"), ("MJDREFI", 55198)])
def test_unlike_times_are_refused(tmp_path, key, value):
    lists, gti = delayed_pair(20.0, 0.0, 9, span=64.0)
    with pytest.raises(UserError, match=f"differ in {key[:6]}"):
        read_events(written(tmp_path, lists, gti, **{key: value}))


@pytest.mark.parametrize("frame", [0.0057, 0.1])
def test_clocks_with_time_steps_are_compared(tmp_path, frame):
    """Bins are multiples of the step, so that frames make no common power."""
    for delay, code in ((0.0, {"clocks_agree", "clocks_not_compared"}), (3.0, {"clocks_differ"})):
        lists, gti = delayed_pair(400.0, delay, 10, qpo_frequency=1.0, qpo_rms=0.2)
        framed = [(np.floor(times / frame) + 0.5) * frame for times in lists]
        inside = [times[times < SPAN] for times in framed]
        found = read_events(written(tmp_path, inside, gti, TIMEDEL=frame)).findings
        assert {finding.code for finding in found if "clocks" in finding.code} <= code


@pytest.mark.parametrize("length", [20.0, 40.0])
def test_clocks_are_compared_in_short_good_time(length):
    starts = np.arange(0, SPAN, length + 5)
    (first, second), _ = delayed_pair(600.0, 0.1, 11, qpo_rms=0.2)
    gti = np.stack([starts, starts + length], axis=1)[:-1]
    inside = [
        times[((times[:, None] >= gti[:, 0]) & (times[:, None] <= gti[:, 1])).any(axis=1)]
        for times in (first, second)
    ]
    found = measure_delay(cross_spectrum(*inside, gti, FAST))
    assert found.seconds == pytest.approx(0.1, abs=4 * found.error)
    assert found.max_lag == (4.0 if length < 32 else 8.0)
    assert cross_spectrum(*inside, np.array([[0.0, 10.0]]), FAST) is None


def test_segments_without_events_say_nothing():
    """Good time that reaches a week beyond the events changes neither the answer nor the cost."""
    lists, gti = delayed_pair(400.0, 0.1, 1)
    found = [cross_spectrum(*lists, gti + np.array([0.0, more]), FAST) for more in (0.0, 6e5)]
    assert found[1].segments <= found[0].segments + 1
    delays = [measure_delay(each).seconds for each in found]
    assert delays[1] == pytest.approx(delays[0], abs=1e-2)
