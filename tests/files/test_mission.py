"""The table of missions: each row is found by what its files say, and agrees with stingray."""

import numpy as np
import pytest
from stingray.mission_support import get_rough_conversion_function

from livetime.files.mission import find_mission
from livetime.files.mission_facts import MISSIONS

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
