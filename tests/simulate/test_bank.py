"""A bank is what was simulated, or says which file is not; it grows, goes on after a kill, and is
named by what shaped it."""

import json
import os
import shutil
import threading
from dataclasses import replace

import numpy as np
import pytest

from livetime.errors import UserError
from livetime.outputs import write_whole
from livetime.processes import locked
from livetime.simulate import bank as bank_module
from livetime.simulate import simulator as simulator_module
from livetime.simulate.bank import MANIFEST, Bank, bank_hash
from livetime.simulate.dead_time import dead_time_distribution
from livetime.simulate.dead_time_detector import DeadTime
from livetime.simulate.light_curve import LightCurve
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.prior import Prior, Range
from livetime.simulate.timing import TimingSimulator

SEGMENTS = {"segments": Range(1.0, 3.0)}
PARAMETERS = {
    "noise_rms": Range(0.05, 0.3, "log"),
    "noise_frequency": Range(1.0, 5.0, "log", "Hz"),
    "rate": Range(50.0, 500.0, "log"),
}
SIMULATOR = TimingSimulator(
    Prior(PARAMETERS, SEGMENTS),
    LightCurve({"noise": "noise"}, dt=1 / 32),
    DeadTime(1, 2.5e-3),
    Periodogram(2.0, 1 / 32, 0.2),
)
LINEAR = replace(SIMULATOR, source=LightCurve({"noise": "noise"}, dt=1 / 32, log_normal=False))


@pytest.fixture(autouse=True)
def small_shards(monkeypatch):
    monkeypatch.setattr(bank_module, "SHARD", 8)


def build(root, n=20, seed=1, simulator=SIMULATOR, progress=None):
    return Bank.build(root, simulator, n, seed, progress)


def assert_same(bank, n=20, seed=1, simulator=SIMULATOR):
    for found, expected in zip(bank.load(n), simulator.simulate(0, n, seed), strict=True):
        np.testing.assert_array_equal(found, expected)


def wild(high):
    """A linear source, part of which goes negative."""
    return replace(
        LINEAR, prior=Prior({**PARAMETERS, "noise_rms": Range(0.05, high, "log")}, SEGMENTS)
    )


# --- building -------------------------------------------------------------------------------------


def test_a_bank_holds_what_the_simulator_gives(tmp_path):
    bank = build(tmp_path)
    assert len(bank) == 20
    assert bank.folder == tmp_path / bank_hash(SIMULATOR, 1)
    assert_same(bank)
    assert_same(bank, 11)
    again = Bank.open(bank.folder)
    assert len(again) == 20
    assert_same(again)
    assert again.load()[0].shape == (20, 4)
    assert again.load()[1].dtype == np.float32


def test_a_bank_grows_and_simulates_nothing_twice(tmp_path, monkeypatch):
    build(tmp_path, 11)
    ranges, simulate = [], TimingSimulator.simulate

    def spy(self, start, stop, *rest):
        ranges.append((start, stop))
        return simulate(self, start, stop, *rest)

    monkeypatch.setattr(TimingSimulator, "simulate", spy)
    bank = build(tmp_path, 20)
    assert sorted(i for r in ranges for i in range(*r)) == list(range(11, 20))
    monkeypatch.undo()
    assert_same(bank)
    assert_same(Bank.open(bank.folder))
    ranges.clear()
    monkeypatch.setattr(TimingSimulator, "simulate", spy)
    assert len(build(tmp_path, 5)) == 20  # fewer than there are
    assert ranges == []


def test_progress_counts_what_is_found_and_what_is_made(tmp_path):
    for n, found in ((11, 0), (20, 11), (6, 20)):
        seen = []
        assert Bank.found(tmp_path, SIMULATOR, 1) == found
        build(tmp_path, n, progress=seen.append)
        assert sum(seen) == max(0, n - found)


@pytest.mark.parametrize("after", [0, 1, 8, 11, 19])
def test_a_killed_build_goes_on_to_the_same_bits(tmp_path, after):
    lock, count = threading.Lock(), [0]

    def kill(_):
        with lock:
            count[0] += 1
            if count[0] > after:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build(tmp_path, progress=kill)
    folder = tmp_path / bank_hash(SIMULATOR, 1)
    if (folder / MANIFEST).exists():  # what is there is whole
        assert len(Bank.open(folder)) in (8, 16)
        assert_same(Bank.open(folder), 8)
    assert_same(build(tmp_path))


@pytest.mark.parametrize("step", [3, 4])
def test_a_kill_while_writing_goes_on_to_the_same_bits(tmp_path, monkeypatch, step):
    """Before the second shard has its name, and between it and the manifest that names it."""
    calls = []

    def dying(path, data):
        calls.append(path)
        if len(calls) == step:
            path.with_name(f".{path.name}.0").write_bytes(b"half a file")
            raise KeyboardInterrupt
        write_whole(path, data)

    monkeypatch.setattr(bank_module, "write_whole", dying)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path)
    monkeypatch.undo()
    assert len(Bank.open(tmp_path / bank_hash(SIMULATOR, 1))) == 8
    assert_same(build(tmp_path))


def test_two_builders_at_a_time_make_one_bank(tmp_path):
    failed = []

    def work():
        try:
            assert_same(build(tmp_path))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not failed
    shards = Bank.open(tmp_path / bank_hash(SIMULATOR, 1)).manifest["shards"]
    assert [(s["start"], s["stop"]) for s in shards] == [(0, 8), (8, 16), (16, 20)]


# --- damage ---------------------------------------------------------------------------------------


def shard_path(bank, i=1):
    return bank.folder / bank.manifest["shards"][i]["file"]


def refused(action, *words):
    with pytest.raises(UserError) as error:
        action()
    assert len(str(error.value).splitlines()) == 1
    for word in words:
        assert str(word) in str(error.value)


def test_a_damaged_shard_is_named(tmp_path):
    bank = build(tmp_path)
    path = shard_path(bank)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    refused(Bank.open(bank.folder).load, path, "damaged", "simulate again")
    path.write_bytes(data[:100])
    refused(Bank.open(bank.folder).load, path, "damaged")
    assert_same(bank, 8)  # the shards before it are whole


def test_a_deleted_shard_is_made_anew_with_the_same_bits(tmp_path):
    bank = build(tmp_path)
    path = shard_path(bank)
    whole = path.read_bytes()
    path.unlink()
    assert_same(build(tmp_path, 8))
    assert path.read_bytes() == whole
    assert Bank.open(bank.folder).manifest == bank.manifest


def test_a_shard_of_another_length_than_the_manifest_has_is_named(tmp_path):
    bank = build(tmp_path, 8)
    bank.manifest["shards"][0]["stop"] = 9
    (bank.folder / MANIFEST).write_text(json.dumps(bank.manifest))
    refused(Bank.open(bank.folder).load, bank.folder / MANIFEST, "damaged")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
@pytest.mark.parametrize("name", [MANIFEST, "00000000-00000008.npz"])
def test_what_is_no_regular_file_is_not_opened(tmp_path, name, make):
    bank = build(tmp_path, 8)
    (bank.folder / name).unlink()
    make(bank.folder / name)
    refused(lambda: Bank.open(bank.folder).load(), bank.folder / name, "is not a regular file")


def test_a_foreign_shard_is_named(tmp_path):
    bank, other = build(tmp_path), build(tmp_path, seed=2)
    shutil.copy(shard_path(other), shard_path(bank))
    refused(Bank.open(bank.folder).load, shard_path(bank), "another bank")


def test_a_missing_shard_is_named(tmp_path):
    bank = build(tmp_path)
    shard_path(bank, 2).unlink()
    refused(Bank.open(bank.folder).load, shard_path(bank, 2), "missing")


DAMAGED = {
    "empty": b"",
    "cut off": b'{"hash": "',
    "not text": b"\xff\xfe\x00\x01",
    "a list": b"[]",
    "null": b"null",
    "a number": b"3",
    "without keys": b"{}",
    "nested": b'{"hash": ' + b"[" * 100_000,
    "nested and whole": b'{"hash": ' + b"[" * 500 + b"]" * 500 + b"}",
}


@pytest.mark.parametrize("action", ["open", "build"])
@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_manifest_is_named(tmp_path, content, action):
    bank = build(tmp_path, 8)
    (bank.folder / MANIFEST).write_bytes(content)
    refused(
        (lambda: Bank.open(bank.folder)) if action == "open" else (lambda: build(tmp_path)),
        bank.folder / MANIFEST,
        "damaged",
    )
    assert (bank.folder / MANIFEST).read_bytes() == content


@pytest.mark.parametrize(
    "change",
    [
        {"hash": "0" * 16},
        {"shards": "many"},
        {"shards": [{}]},
        {"shards": [3]},
        {"shards": [{"file": "../a.npz", "start": 0, "stop": 8, "sha256": ""}]},
        {"shards": [{"file": "a.npz", "start": 4, "stop": 8, "sha256": ""}]},
        {"nonfinite": [3]},
    ],
)
@pytest.mark.parametrize("action", ["open", "build"])
def test_a_manifest_with_wrong_entries_is_named(tmp_path, change, action):
    bank = build(tmp_path, 8)
    (bank.folder / MANIFEST).write_text(json.dumps({**bank.manifest, **change}))
    refused(
        (lambda: Bank.open(bank.folder).load()) if action == "open" else (lambda: build(tmp_path)),
        bank.folder / MANIFEST,
    )


def test_what_is_no_bank_or_too_small_is_named(tmp_path):
    refused(lambda: Bank.open(tmp_path / "nothing"), tmp_path / "nothing", "not a bank")
    bank = build(tmp_path, 8)
    refused(lambda: bank.load(9), bank.folder, "has 8", "9")


# --- simulations that are not finite --------------------------------------------------------------


def test_simulations_that_are_not_finite_are_counted_listed_and_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(bank_module, "MAX_NONFINITE", 1.0)
    simulator = wild(1.0)
    bank = build(tmp_path, 40, simulator=simulator)
    theta, x = simulator.simulate(0, 40, 1)
    lost = np.flatnonzero(~np.isfinite(x).all(axis=1))
    assert 0 < len(lost) < 40
    assert [row["index"] for row in bank.manifest["nonfinite"]] == lost.tolist()
    for row in bank.manifest["nonfinite"]:
        expected = simulator.prior.physical(theta[row["index"]])
        assert {k: v for k, v in row.items() if k not in ("index", "entries")} == pytest.approx(
            {k: float(v) for k, v in expected.items()}
        )
    kept = np.isfinite(x).all(axis=1)
    found = Bank.open(bank.folder).load()
    np.testing.assert_array_equal(found[0], theta[kept])
    np.testing.assert_array_equal(found[1], x[kept])


def test_more_than_1_percent_stop_the_build_and_every_later_one(tmp_path):
    simulator = wild(2.0)
    for _ in range(7):
        refused(
            lambda: build(tmp_path, 40, simulator=simulator),
            "not finite",
            "1%",
            "noise_rms = ",
            tmp_path / bank_hash(simulator, 1),
        )


# --- identity -------------------------------------------------------------------------------------


def with_parameters(**change):
    return {"prior": Prior({**PARAMETERS, **change}, SEGMENTS)}


SOURCE, SUMMARY = SIMULATOR.source, SIMULATOR.summary
DIFFERENT = {
    "prior low": with_parameters(rate=Range(51.0, 500.0, "log")),
    "prior high": with_parameters(rate=Range(50.0, 501.0, "log")),
    "prior scale": with_parameters(rate=Range(50.0, 500.0)),
    "order of the columns": {"prior": Prior(dict(reversed(PARAMETERS.items())), SEGMENTS)},
    "covariate": {"prior": Prior(PARAMETERS, {"segments": Range(1.0, 4.0)})},
    "parameter as covariate": {
        "prior": Prior(
            {k: v for k, v in PARAMETERS.items() if k != "rate"},
            {"rate": PARAMETERS["rate"], **SEGMENTS},
        )
    },
    "source.components": {
        "source": LightCurve({"hump": "noise"}, dt=1 / 32),
        "prior": Prior({k.replace("noise", "hump"): v for k, v in PARAMETERS.items()}, SEGMENTS),
    },
    "source.dt": {"source": replace(SOURCE, dt=1 / 64)},
    "source.log_normal": {"source": replace(SOURCE, log_normal=False)},
    "source.stretch": {"source": replace(SOURCE, stretch=2.0)},
    "detector": {"detector": DeadTime(1, 0.0)},
    "detector.modules": {"detector": DeadTime(2, 2.5e-3)},
    "detector.dead_time": {"detector": DeadTime(1, 2.6e-3)},
    "detector.histogram": {"detector": DeadTime(1, "nustar")},
    "summary.segment_size": {"summary": replace(SUMMARY, segment_size=4.0)},
    "summary.dt": {"summary": replace(SUMMARY, dt=1 / 64)},
    "summary.rebin": {"summary": replace(SUMMARY, rebin=0.1)},
}


def test_every_part_changes_the_name():
    names = {"as it is": bank_hash(SIMULATOR, 1), "seed": bank_hash(SIMULATOR, 2)}
    names |= {
        part: bank_hash(replace(SIMULATOR, **change), 1) for part, change in DIFFERENT.items()
    }
    assert len(set(names.values())) == len(names), names


def test_the_version_and_the_numbers_of_the_histogram_change_the_name(monkeypatch):
    nustar = replace(SIMULATOR, detector=DeadTime(1, "nustar"))
    names = {bank_hash(nustar, 1)}
    monkeypatch.setattr(simulator_module, "VERSION", simulator_module.VERSION + 1)
    names.add(bank_hash(nustar, 1))
    other = replace(
        dead_time_distribution("nustar"), low=dead_time_distribution("nustar").low * 0.999
    )
    monkeypatch.setattr(DeadTime, "distribution", property(lambda self: other))
    names.add(bank_hash(nustar, 1))
    assert len(names) == 3


@pytest.mark.parametrize(
    "change",
    [
        {"threads": 1},
        with_parameters(rate=Range(50.0, 500.0, "log", "photons/s")),
        with_parameters(rate=Range(50, 500, "log")),
    ],
    ids=["threads", "unit", "whole numbers"],
)
def test_what_does_not_shape_a_simulation_does_not_change_the_name(change):
    assert bank_hash(replace(SIMULATOR, **change), 1) == bank_hash(SIMULATOR, 1)


def test_the_size_does_not_change_the_name(tmp_path):
    assert build(tmp_path, 3).folder == build(tmp_path, 9).folder


def test_entries_without_a_number_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(bank_module, "MAX_NONFINITE", 0.0)
    with pytest.raises(UserError, match=r"without a number: power at \S+ Hz and \d+ more"):
        build(tmp_path, 40, simulator=wild(1.0))


def test_a_bank_that_lacks_nothing_is_opened_while_another_process_grows_it(tmp_path):
    bank = build(tmp_path)
    with locked(bank.folder, "simulates more", wait=False, notify=print):
        assert_same(build(tmp_path))
