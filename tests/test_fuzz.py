"""Damaged files and folders: the laws of `scripts/fuzz`, on 60 cases without a network.

Where nothing is doubted, quantities that a network would infer are those of the undamaged files.
"""

import shutil
import time
import warnings

import event_files
import numpy as np
import ogip_files
import pytest
from fuzzing import worker
from fuzzing.agreement import Input, compare, inputs_of
from fuzzing.cases import MODULES, choose_family, make_case, question_of
from fuzzing.content import Content

from livetime.errors import UserError
from livetime.files.doctor import diagnose_files
from livetime.files.observation import EventObservation
from livetime.interface import load, read
from livetime.simulate.dead_time_detector import DeadTime

CASES = 60
MAX_SIGMA = 4.0
"""Of a Poisson error: that of a network's posterior is at least twice as wide."""

MIN_RATE = 0.3
"""Share of the undamaged rate below which a network doubts, since training has not seen it."""

SEGMENT = 16.0
BAND = (3.0, 79.0)
DETECTOR = DeadTime(2, 2.5e-3)


@pytest.fixture(scope="module")
def undamaged(tmp_path_factory):
    """Two modules of a constant source, and a spectrum with its background and response."""
    folder = tmp_path_factory.mktemp("undamaged")
    for number, name in enumerate(MODULES):
        times = event_files.uniform(seed=number, n=2560, span=128.0, start=8e7)
        header = {"INSTRUME": f"FPM{'AB'[number]}", "ONTIME": 128.0, "TIMEZERO": 0.0}
        channels = np.random.default_rng(number).integers(40, 700, len(times))
        event_files.make(folder / name, times, gti=[(8e7, 8e7 + 128)], header=header, pi=channels)
    times = {"TSTART": 5e8, "TSTOP": 5e8 + 3.1e4, "ONTIME": 3.02e4, "LIVETIME": 3e4}
    ogip_files.spectrum(folder / "source.pha", back="background.pha", **times)
    off = np.random.default_rng(3).poisson(0.05, ogip_files.CHANNELS)
    kinds = {"HDUCLAS2": "BKG", "BACKSCAL": 10.0}
    ogip_files.spectrum(folder / "background.pha", off, **{**times, **kinds})
    ogip_files.arf(folder / "arf.fits")
    ogip_files.rmf(folder / "rmf.fits")
    return folder


def open_case(question, folder, band=None):
    """Read what a case asks for, cut as a network does."""
    if question == "spectrum":
        return read(folder / "source.pha").observation
    observation = read(*(folder / name for name in MODULES), band=band).observation
    return observation.in_segments(SEGMENT, max_segments=8, dt=1 / 256, dead_time=2.5e-3)


def quantities(question, observation):
    """What a network would infer from, and its Poisson errors: (2, Q)."""
    if question == "spectrum":
        groups = np.array_split(observation.counts, 8)
        counts = np.array([group.sum() for group in groups])
        rates = np.stack([counts, np.sqrt(counts + 1)]) / observation.exposure
        scale = np.array([[observation.background.sum() * observation.exposure], [1.0]])
        return np.hstack([rates, scale])

    edges = np.arange(0.0, observation.events.gti[-1, 1] + 1e-6, 0.5)
    whole = [a for a in edges[:-1] if in_whole(a, observation.events.gti)]
    columns = []
    for times in observation.events.times:
        counts = np.histogram(times, edges)[0][np.isin(edges[:-1], whole)]
        rate, number = counts.mean(), len(counts)
        columns.append((rate, np.sqrt(rate / number)))
        columns.append((counts.var() / rate**2, np.sqrt(2 / number) / rate))
    return np.array(columns).T


def in_whole(start, gti):
    """Say whether a bin of 0.5 s lies in one interval."""
    return bool(((gti[:, 0] <= start) & (start + 0.5 <= gti[:, 1] + 1e-6)).any())


def one_sentence(error):
    """A refusal names what is wrong and what to do, in one line."""
    assert error.problem or error.key, repr(error)
    assert error.remedy, repr(error)
    assert "\n" not in str(error), repr(error)


@pytest.mark.parametrize("seed", [s for s in range(70) if choose_family(s)[0] != "run folder"])
def test_damaged_files_are_refused_doubted_or_answered_as_the_undamaged(undamaged, tmp_path, seed):
    for path in undamaged.iterdir():
        shutil.copy(path, tmp_path)
    case = make_case(seed, tmp_path)
    warnings.simplefilter("ignore")
    try:
        found = open_case(case.question, tmp_path, BAND if case.banded else None)
    except UserError as error:
        one_sentence(error)
        return

    if case.question == "events":
        reasons = found.reasons(DETECTOR)
        alone, together = diagnose_files([str(tmp_path / name) for name in MODULES])
        warned = [f for each in (*alone, *together) for f in each.findings if f.doubtful]
        assert bool(reasons) >= bool(warned), [f.text for f in warned]
    else:
        reasons = [f.reason for f in found.findings if f.doubtful]
        own = open_case(case.question, undamaged).response
        reasons += ["another response"] * (found.response.digest != own.digest)
    expected = quantities(case.question, open_case(case.question, undamaged))
    values = quantities(case.question, found)
    few = values[0, 0] < MIN_RATE * expected[0, 0]
    if reasons or few:
        return

    sigma = np.abs(values[0] - expected[0]) / np.maximum(values[1], expected[1])
    assert sigma.max() <= MAX_SIGMA, (case, sigma, found.notes)


RUN_CASES = [s for s in range(250) if choose_family(s)[0] == "run folder"][:12]


@pytest.mark.parametrize("seed", RUN_CASES)
def test_damaged_run_folders_are_loaded_or_refused(demo_run, undamaged, tmp_path, seed):
    shutil.copytree(demo_run, tmp_path / "run")
    _ = make_case(seed, tmp_path)
    try:
        network = load(tmp_path / "run")
        _ = network.run.history()
    except UserError as error:
        one_sentence(error)


def test_a_case_is_the_same_whenever_it_is_made(undamaged, tmp_path):
    contents = []
    for name in ("first", "second"):
        shutil.copytree(undamaged, tmp_path / name)
        case = make_case(5, tmp_path / name)
        contents.append(
            [case, *(path.read_bytes() for path in sorted((tmp_path / name).iterdir()))]
        )
    assert contents[0] == contents[1]


def test_every_family_has_a_question():
    families = {choose_family(seed)[0] for seed in range(200)}
    assert {question_of(family) for family in families} == {"events", "spectrum"}
    assert len(families) == 10


# The processes of scripts/fuzz.


def slow_work(base, seed, scratch, connection):
    """Send a case, and then a report or nothing at all."""
    connection.send({"seed": seed, "family": "event file, bytes"})
    if seed == 2:
        time.sleep(600)
    if seed != 3:
        time.sleep(0.3)
        connection.send(worker.Report("refused", memory=5))


@pytest.fixture
def reports(monkeypatch):
    """What becomes of four cases; the second hangs, and the third crashes."""
    monkeypatch.setattr(worker, "_work", slow_work)
    monkeypatch.setattr(worker, "MAX_SECONDS", 2.0)
    monkeypatch.setattr(worker.os, "getloadavg", lambda: (0.0, 0.0, 0.0))
    return {r.case["seed"]: r for r in worker.run_cases(None, [1, 2, 3, 4], 2)}


def test_a_case_that_hangs_or_crashes_is_a_fault_of_its_own(reports):
    outcomes = {seed: report.outcome for seed, report in reports.items()}
    assert outcomes == {1: "refused", 2: "hang", 3: "traceback", 4: "refused"}
    assert reports[2].case["family"] == "event file, bytes"


def test_the_time_of_a_case_is_that_to_its_report(reports):
    assert 0.3 <= reports[1].seconds < 2
    assert reports[2].seconds >= 2


# What scripts/agreement compares.


@pytest.fixture
def lowered(demo_files, tmp_path):
    """Two modules, of which the second loses most events from the middle on."""
    for name, file in zip(MODULES, demo_files, strict=True):
        shutil.copy(file, tmp_path / name)
    content = Content.read(tmp_path / "B.evt")
    late = content.times > content.gti.mean()
    content.take(~late | (np.arange(len(late)) % 5 == 0))
    content.write()
    return tmp_path


def test_agreement_asks_about_each_file_and_each_pair(undamaged):
    found = [(each.network, [f.name for f in each.files]) for each in inputs_of(undamaged)]
    alone = [("spectrum", ["background.pha"]), ("spectrum", ["source.pha"])]
    alone += [("instrument", [name]) for name in MODULES]
    assert found == [*alone, ("events", [*MODULES]), ("instrument", [*MODULES])]


def test_what_doctor_warns_of_is_in_the_verdict(demo_run, lowered):
    pair = Input(tuple(lowered / name for name in MODULES), "events")
    level, codes, against = compare(load(demo_run), pair)
    assert "rates_differ" in codes
    assert (level, against) == ("do not use", [])


def test_agreement_notices_a_verdict_without_the_warnings(demo_run, lowered, monkeypatch):
    monkeypatch.setattr(EventObservation, "reasons", lambda *_: [])
    pair = Input(tuple(lowered / name for name in MODULES), "events")
    _, _, against = compare(load(demo_run), pair)
    assert any("no constant ratio" in reason for reason in against)
