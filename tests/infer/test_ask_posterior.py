"""What an answer says of the instrument."""

import numpy as np
import pytest

from livetime.files.observation import EventObservation
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.detector import Events


@pytest.mark.parametrize(
    ("mission", "own", "telescope", "tau", "said"),
    [
        ("NuSTAR", 2.5e-3, "NuSTAR", 2.536e-3, None),
        ("NuSTAR", 2.5e-3, "NuSTAR", 0.0, None),
        (
            "RXTE/PCA",
            1e-5,
            "XTE",
            2.5e-3,
            "the network assumes 0.0025 s of dead time after each event, but RXTE/PCA has 1e-05 s",
        ),
        ("RXTE/PCA", 1e-5, "XTE", 1e-5, None),
        (
            "Chandra/ACIS",
            None,
            "CHANDRA",
            2.5e-3,
            "the network assumes 0.0025 s of dead time after each event, "
            "but that of Chandra/ACIS differs from event to event",
        ),
        (
            None,
            None,
            "babasone",
            2.5e-3,
            "the network assumes 0.0025 s of dead time after each event, "
            "but that of babasone is not known",
        ),
        (
            None,
            None,
            None,
            2.5e-3,
            "the network assumes 0.0025 s of dead time after each event, "
            "but the file does not name its instrument (TELESCOP)",
        ),
    ],
)
def test_another_dead_time_is_said(mission, own, telescope, tau, said):
    info = {"mission": mission, "dead_time": own, "telescope": telescope}
    observation = EventObservation(Events((), np.zeros((0, 2))), 0.0, info, ())
    found = observation.mismatches(DeadTime(1, tau) if tau else DeadTime(1, 0.0))
    assert [finding.sentence for finding in found] == ([said] if said else [])
