"""What `doctor` doubts, `infer` does not trust: real files, and files with one fault each."""

from pathlib import Path

import numpy as np
import pytest
from event_files import make, uniform

from livetime.compose import compose_experiment
from livetime.errors import UserError
from livetime.files.doctor import diagnose_files
from livetime.infer.instrument import prepare
from livetime.interface import read
from livetime.simulate.build import build_simulator

SHARED = Path(__file__).resolve().parents[3] / "shared"
EVENTS = sorted(SHARED.glob("data/**/*.evt")) + sorted(SHARED.glob("field/**/*.evt"))
EVENTS += sorted(SHARED.glob("data/**/*_short.fits"))
PAIRS = sorted({path.parent for path in EVENTS if len(list(path.parent.glob("*.evt"))) > 1})
KNOWN = {"dead_time": 1e-4, "detectors": 1}
"""What a person gives for an instrument that is not known."""


@pytest.fixture(scope="module")
def simulator():
    """The simulator of a network that takes any instrument."""
    return build_simulator(compose_experiment("deadtime_npe_any"))


def disagreements(simulator, *paths):
    """List what doctor doubts, if an answer would be trusted; a refusal is no trust."""
    alone, together = diagnose_files([str(path) for path in paths])
    warned = [f for each in (*alone, *together) for f in each.findings if f.doubtful]
    try:
        observed = read(*paths, **KNOWN)
        cut, _ = prepare(simulator, observed.observation, observed.files)
    except UserError:
        return []
    reasons = cut.reasons(simulator.detector)
    return [finding.reason for finding in warned if finding.reason not in reasons]


@pytest.mark.skipif(not EVENTS, reason="the folders ../shared/data and field are not there")
@pytest.mark.parametrize("path", EVENTS, ids=lambda path: path.stem)
def test_a_real_file_that_doctor_doubts_is_not_trusted(simulator, path):
    assert disagreements(simulator, path) == []


@pytest.mark.skipif(not PAIRS, reason="the folder ../shared/field is not there")
@pytest.mark.parametrize("folder", PAIRS, ids=lambda folder: folder.name)
def test_real_files_that_doctor_doubts_together_are_not_trusted(simulator, folder):
    assert disagreements(simulator, *sorted(folder.glob("*.evt"))[:2]) == []


SPAN = 320.0


def _step(times):
    return np.concatenate([times[times < 200], times[times >= 200][::4]])


def _silence(times):
    return times[(times < 30) | (times > 50)]


FAULTS = {
    "step": (lambda: _step(uniform(n=9600, span=SPAN)), {}),
    "silence": (lambda: _silence(uniform(n=3000)), {}),
    "burst": (lambda: np.sort([*uniform(n=640), *(30 + 1e-7 * np.arange(20))]), {}),
    "grid": (lambda: np.floor(uniform(n=640) / 1e-3) * 1e-3, {}),
    "line": (lambda: np.sort([*uniform(n=640), *np.arange(0, 64, 0.125)]), {}),
    "step of time": (uniform, {"TIMEDEL": 1e-3}),
    "live time": (lambda: uniform(n=6400), {"DEADC": 1.0, "ONTIME": 64.0}),
    "on time": (uniform, {"ONTIME": 100.0}),
    "one list twice": (lambda: np.repeat(uniform(), 2), {}),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_doctor_doubts_is_not_trusted(simulator, tmp_path, fault):
    times, header = FAULTS[fault]
    gti = [(0, SPAN if fault == "step" else 64)]
    path = make(tmp_path / "a.evt", times(), gti, header=header, pi=None)
    alone, _ = diagnose_files([str(path)])
    assert any(finding.severity != "note" for finding in alone[0].findings)
    assert disagreements(simulator, path) == []
