"""What is known of a detector: from settings, the file, or its mission."""

import numpy as np
import pytest
from astropy.io import fits
from event_files import make, uniform

from livetime.errors import UserError
from livetime.files.events import Selection
from livetime.files.observation import read_events
from livetime.infer.instrument import count_files, with_detector
from livetime.settings import ObservationFiles
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.light_curve import LightCurve, Rate
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.prior import Prior, Range
from livetime.simulate.timing import TimingSimulator

KNOWN = {
    "dead_time": Range(1e-6, 5e-3, "log", "s"),
    "detectors": Range(1.0, 56.0, "log"),
    "background_share": Range(0.0, 0.5),
    "kept_fraction": Range(0.2, 1.0, "log"),
}
PARAMETERS = {
    "noise_rms": Range(0.03, 0.3, "log"),
    "noise_frequency": Range(0.3, 5.0, "log"),
    "rate": Range(20.0, 1000.0, "log"),
}


def simulator(detector):
    covariates = {
        "segments": Range(2.0, 6.0, "log"),
        **{name: KNOWN[name] for name in detector.covariates},
    }
    return TimingSimulator(
        Prior(PARAMETERS, covariates),
        LightCurve({"noise": "noise"}),
        detector,
        Periodogram(4.0, 1 / 64, 0.1),
    )


ANY = simulator(DeadTime(1, None, detectors=None, background=None, kept_fraction=None))
PLAIN = simulator(DeadTime(1, 2.5e-3))


def of(*paths, simulator=ANY, **options):
    files = ObservationFiles(path=tuple(map(str, paths)), **options)
    found = read_events(
        files.path, Selection(files.band), count_files(simulator, files, len(files.path))
    )
    return with_detector(simulator, files, found.in_segments(4.0))


def refused(*paths, **options):
    with pytest.raises(UserError) as caught:
        of(*paths, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def nicer(path, detectors=7, cost=1.5e-5, **options):
    rng = np.random.default_rng(4)
    names = [
        fits.Column(
            "DET_ID", "B", array=rng.permutation(np.arange(640) % detectors).astype(np.uint8)
        ),
        fits.Column("DEADTIME", "D", unit="s", array=np.full(640, cost)),
    ]
    return make(path, header={"TELESCOP": "NICER", "INSTRUME": "XTI"}, columns=names, **options)


def test_the_missions_numbers_unless_others_are_given(tmp_path):
    file = make(tmp_path / "a.evt")
    found = of(file).info["detector"]
    assert found == {
        "dead_time": 2.5e-3,
        "detectors": 1.0,
        "background_share": 0.0,
        "kept_fraction": 1.0,
    }
    given = of(file, dead_time=1e-3, detectors=3, background=2.5, kept_fraction=0.5)
    assert given.info["detector"] == {
        "dead_time": 1e-3,
        "detectors": 3.0,
        "background_share": 0.25,
        "kept_fraction": 0.5,
    }
    values = "dead time 0.001 s, detectors 3, background share 0.25, kept fraction 0.5"
    assert given.notes[-1] == f"the detector, taken to have {values}"


def test_the_files_own_dead_time_and_detectors(tmp_path):
    found = of(nicer(tmp_path / "a.evt")).info["detector"]
    assert found["dead_time"] == pytest.approx(1.5e-5)
    assert found["detectors"] == 7


def test_several_files_are_merged_into_one_list(tmp_path):
    a, b = (
        make(tmp_path / "a.evt"),
        make(tmp_path / "b.evt", uniform(1), header={"INSTRUME": "FPMB"}),
    )
    seen = of(a, b, background=4.0)
    assert seen.info["detector"]["detectors"] == 2
    assert seen.info["detector"]["background_share"] == pytest.approx(4 / 20)
    (times,) = seen.events.times
    np.testing.assert_allclose(
        times, np.sort(np.concatenate([of(file).events.times[0] for file in (a, b)]))
    )
    x = ANY.summarise(seen.events, {**seen.info["detector"], "rate": 1.0})
    assert 10 ** x[ANY.layout.slices["rate_a"]][0] == pytest.approx(20, rel=1e-6)
    assert 10 ** x[ANY.layout.slices["live_fraction"]][0] == pytest.approx(
        1 - 10 * 2.5e-3, rel=1e-6
    )


def test_frames_cost_no_dead_time_for_each_event_but_what_comes_in_the_readout(tmp_path):
    xmm = {"TELESCOP": "XMM", "INSTRUME": "EPN", "SUBMODE": "FASTTIMING", "DEADC": 0.995}
    file = make(tmp_path / "a.evt", header=xmm)
    assert of(file).info["detector"] == {
        "dead_time": 1e-6,
        "detectors": 1.0,
        "background_share": 0.0,
        "kept_fraction": pytest.approx(0.995),
    }
    assert of(file, dead_time=1e-4).info["detector"]["dead_time"] == 1e-4
    assert (
        of(make(tmp_path / "b.evt"), dead_time=0.0).info["detector"]["dead_time"] == 1e-6
    )  # the least that the run knows


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_what_was_screened_away_is_told_by_the_live_time(tmp_path, share):
    detector = DeadTime(1, 2.5e-3, kept_fraction=share)
    times = detector.record(
        Rate(np.full(64 * 64, 300.0, dtype=np.float32), 1 / 64), np.random.default_rng(5)
    ).times[0]
    found = of(make(tmp_path / "a.evt", times, header={"DEADC": 1 / (1 + 300 * 2.5e-3)})).info[
        "detector"
    ]
    assert found["kept_fraction"] == pytest.approx(share, rel=0.02)
    assert (
        of(make(tmp_path / "b.evt", times)).info["detector"]["kept_fraction"] == 1
    )  # nothing says so


def test_a_band_leaves_its_share_of_the_events(tmp_path):
    file = make(
        tmp_path / "a.evt", pi=np.where(np.arange(640) % 4 == 0, 300, 100)
    )  # 13.6 and 5.6 keV
    assert of(file, band=(3.0, 10.0)).info["detector"]["kept_fraction"] == pytest.approx(0.75)
    assert of(file, band=(3.0, 10.0), kept_fraction=0.3).info["detector"]["kept_fraction"] == 0.3


def test_only_what_the_run_takes(tmp_path):
    one = simulator(DeadTime(1, None))
    seen = of(make(tmp_path / "a.evt"), simulator=one)
    assert seen.info["detector"] == {"dead_time": 2.5e-3}
    plain = of(make(tmp_path / "b.evt"), simulator=PLAIN)
    assert "detector" not in plain.info
    assert (
        count_files(one, ObservationFiles(path=("a", "b")), 2) == 1
    )  # no list is merged where the number of detectors is not known


def test_refusals_name_the_key(tmp_path):
    unknown = make(tmp_path / "a.evt", header={"TELESCOP": "EINSTEIN", "INSTRUME": "HRI"})
    assert (
        "observation.dead_time is missing, and that of TELESCOP EINSTEIN is not known"
        in refused(unknown)
    )
    assert of(unknown, dead_time=1e-3).info["detector"]["detectors"] == 1
    assert "does not name its instrument" in refused(
        make(tmp_path / "b.evt", header={"TELESCOP": None, "INSTRUME": None})
    )
    merged = make(tmp_path / "d.evt", header={"TELESCOP": "NICER", "INSTRUME": "XTI"})
    assert "observation.detectors is missing" in refused(merged)
    assert of(merged, detectors=50).info["detector"]["detectors"] == 50
    file = make(tmp_path / "e.evt")
    assert "observation.background is 10 counts/s" in refused(file, background=10.0)
    assert "1 detector with a dead time of 0.5 s" in refused(file, dead_time=0.5)
    assert "2 detectors with a dead time of 0.1 s" in refused(
        file, dead_time=0.1, detectors=2, kept_fraction=0.4
    )
    for option in ("dead_time", "detectors", "background", "kept_fraction"):
        said = refused(file, simulator=PLAIN, **{option: 1})
        assert f"observation.{option} is given" in said
        assert "leave it out" in said
