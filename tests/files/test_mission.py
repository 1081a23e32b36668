"""The table of missions: each row is found by what its files say, and agrees with stingray."""

from dataclasses import replace

import numpy as np
import pytest
from event_files import make
from stingray.mission_support import get_rough_conversion_function

from livetime.errors import UserError
from livetime.files.events import read_event_file
from livetime.files.mission import find_mission
from livetime.files.mission_facts import MISSIONS
from livetime.files.observation import read_events
from livetime.simulate.dead_time_detector import DeadTime

NAMES = [mission.name for mission in MISSIONS]


@pytest.mark.parametrize("mission", MISSIONS, ids=NAMES)
def test_each_row_is_found_by_its_own_keywords_alone(mission):
    for telescope in mission.telescop:
        for instrument in mission.instrume:
            for spelling in (str.upper, str.lower, str.title):
                assert (
                    find_mission(spelling(telescope) + " ", spelling(instrument) + "1") is mission
                )


@pytest.mark.parametrize("mission", MISSIONS, ids=NAMES)
def test_rows_are_complete(mission):
    assert mission.source
    assert mission.dead_time is None or not mission.reads_frames
    assert mission.reads_frames or not mission.frames
    assert all(0 < frame < 10 for frame in mission.frames.values())
    assert all(key == key.upper() for key in mission.frames)
    assert mission.dead_time is None or 1e-6 < mission.dead_time < 5e-3


@pytest.mark.parametrize(
    ("telescope", "instrument"),
    [
        (None, None),
        ("NONE", "unknown"),
        ("", ""),
        ("babasone", "INSTRUMO"),
        ("XTE", "HEXTE"),
        ("CHANDRA", "HRC"),
        ("XMM", None),
    ],
)
def test_what_is_not_known_or_not_unique_is_none(telescope, instrument):
    assert find_mission(telescope, instrument) is None


def test_without_an_instrument_the_only_row_of_a_telescope():
    assert find_mission("NuSTAR", None).name == "NuSTAR"


@pytest.mark.parametrize(
    ("name", "stingrays"),
    [
        ("NuSTAR", "nustar"),
        ("NICER", "nicer"),
        ("XMM/EPIC-pn", "xmm"),
        ("IXPE", "ixpe"),
        ("Chandra/ACIS", "axaf"),
    ],
)
def test_energies_of_channels_are_stingrays(name, stingrays):
    zero, slope = MISSIONS[NAMES.index(name)].kev
    channels = np.arange(1, 300)
    np.testing.assert_allclose(
        zero + slope * channels,
        get_rough_conversion_function(stingrays)(channels),
        rtol=1e-12,
        atol=1e-12,
    )


@pytest.mark.parametrize(
    ("alias", "name"),
    [("AXAF", "CHANDRA"), ("CXC", "Chandra"), ("RXTE", "XTE"), ("FERMI", "GLAST")],
)
def test_other_names_of_a_telescope_are_the_same(alias, name):
    for mission in MISSIONS:
        instrument = mission.instrume[0]
        assert find_mission(alias, instrument) is find_mission(name, instrument)


@pytest.mark.parametrize(
    ("telescope", "instrument", "name", "frames", "optics"),
    [
        ("eROSITA", "TM3", "SRG/eROSITA", True, True),
        ("eROSITA", "merged", "SRG/eROSITA", True, True),
        ("XRISM", "XTEND", "XRISM/Xtend", True, True),
        ("EP", "FXT", "Einstein Probe/FXT", True, True),
        ("HXMT", "HE", "Insight-HXMT/HE", False, False),
        ("Insight-HXMT", "LE", "Insight-HXMT/LE", False, False),
    ],
)
def test_what_is_known_of_newer_missions(telescope, instrument, name, frames, optics):
    mission = find_mission(telescope, instrument)
    assert (mission.name, mission.reads_frames, mission.optics) == (name, frames, optics)
    assert mission.dead_time is None
    assert mission.source


@pytest.mark.parametrize(
    ("telescope", "instrument", "words"),
    [
        ("SWIFT", "BAT", "coded mask"),
        ("FERMI", "LAT", "angle to the axis"),
        ("XRISM", "RESOLVE", "no dead time describes"),
    ],
)
def test_known_but_not_suitable_is_refused_with_the_reason(tmp_path, telescope, instrument, words):
    path = make(tmp_path / "a.evt", header={"TELESCOP": telescope, "INSTRUME": instrument})
    with pytest.raises(UserError, match=words) as error:
        read_event_file(path)
    assert "known, but not suitable" in str(error.value)


def test_an_unsuitable_instrument_hides_no_other():
    assert find_mission("SWIFT", None).name == "Swift/XRT"
    assert find_mission("GLAST", "").name == "Fermi/GBM"


def test_erosita_frames_are_in_ms(tmp_path):
    header = {"TELESCOP": "eROSITA", "INSTRUME": "TM1", "FRAMETIM": 50.0}
    part = read_event_file(make(tmp_path / "a.evt", header=header))
    assert part.timedel == pytest.approx(0.05)
    assert part.events.kev.max() == pytest.approx(0.049)


DOUBT = ("the file does not name its instrument", "give observation.dead_time")


@pytest.mark.parametrize("telescope", [None, "", "NONE", "UNKNOWN"])
@pytest.mark.parametrize("tau", [0.0, 2.5e-3])
def test_a_file_without_telescope_is_not_trusted(tmp_path, telescope, tau):
    header = {"TELESCOP": telescope, "INSTRUME": None}
    found = read_events(make(tmp_path / "a.evt", header=header))
    (reason,) = [r for r in found.reasons(DeadTime(1, tau)) if "dead time" in r]
    assert all(words in reason for words in DOUBT)


@pytest.mark.parametrize(("given", "doubt"), [(2.5e-3, False), (2.2e-3, False), (1e-3, True)])
def test_a_dead_time_that_is_given_settles_it(tmp_path, given, doubt):
    found = read_events(make(tmp_path / "a.evt", header={"TELESCOP": None}))
    stated = replace(found, info={**found.info, "dead_time": given})
    assert bool([r for r in stated.reasons(DeadTime(1, 2.5e-3)) if "dead time" in r]) == doubt
