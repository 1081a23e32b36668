"""Sizes are estimated, and refused with number, limit and remedy, before any work."""

import bz2
import gzip
import lzma
import resource
import shutil
import threading

import pytest
from command_line import SMALL, refused
from refusals import refusal

from livetime.commands.sizes import refuse_large_bank, refuse_large_training
from livetime.compose import compose_experiment
from livetime.files.fits import open_fits
from livetime.processes import MEMORY, locked
from livetime.simulate.build import build_simulator
from livetime.simulate.packed import unpacked, unpacked_limit
from livetime.simulate.response_files import read_response


@pytest.mark.parametrize(
    ("command", "override", "named"),
    [
        (
            "simulate",
            "prior.covariates.segments.high=1e7",
            "prior.covariates.segments.high is 1e+07",
        ),
        ("train", "prior.covariates.segments.high=1e7", "prior.covariates.segments.high is 1e+07"),
        ("train", "training.test=1000000000000", "training.test is 1000000000000, but 1000000"),
        ("train", "training.test=1000001", "training.test is 1000001, but 1000000 is the limit"),
        ("simulate", "summary.segment_size=1e9", "1e+07 is the limit"),
        ("simulate", "source.dt=1e-9", "GiB"),
        ("simulate", "prior.parameters.rate.high=1e12", "GiB"),
    ],
)
def test_an_absurd_size_is_refused_before_any_work(capsys, tmp_path, command, override, named):
    size = SMALL[:2] if command == "train" else ["simulations=20"]
    words = [command, "experiment=demo", *size, override]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert named in refused(capsys, *words, f"outputs={tmp_path}")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**20  # KiB
    assert not list(tmp_path.iterdir())


def test_the_estimate_is_not_below_what_was_measured():
    config = compose_experiment("demo")
    config["prior"]["covariates"]["segments"]["high"] = 1e5
    assert build_simulator(config).memory > 20.5e9


def test_a_bank_larger_than_disk_or_memory_is_refused(tmp_path, monkeypatch):
    simulator = build_simulator(compose_experiment("demo"))
    monkeypatch.setattr(shutil, "disk_usage", lambda path: shutil._ntuple_diskusage(9, 0, 10**6))
    refuse_large_bank(simulator, 500, 0, tmp_path / "new")
    refuse_large_bank(simulator, 1000, 500, tmp_path)
    assert "simulations is 1000, which take" in refusal(
        refuse_large_bank, simulator, 1000, 0, tmp_path / "new"
    )
    refuse_large_training(simulator, 10**6, 1000)
    assert "GiB is the limit" in refusal(refuse_large_training, simulator, MEMORY // 1000, 1000)


@pytest.mark.parametrize("packer", [gzip.compress, bz2.compress, lzma.compress])
def test_a_file_that_unpacks_without_end_is_refused(tmp_path, packer, monkeypatch):
    monkeypatch.setattr("livetime.simulate.packed.MAX_UNPACKED", 2**22)
    path = tmp_path / "bomb"
    path.write_bytes(packer(bytes(2**25)))
    for reading in (lambda: open_fits(path).__enter__(), lambda: read_response(path, path)):
        assert "unpacks to more than 0.00391 GiB" in refusal(reading)
    path.write_bytes(packer(b"SIMPLE"))
    with unpacked(path) as stream:
        assert stream.read() == b"SIMPLE"


def test_the_limit_follows_the_size_of_the_file_and_the_memory():
    assert unpacked_limit(3_500_000) == min(2**30, MEMORY // 4)
    assert unpacked_limit(10**12) == MEMORY // 4


def test_a_zip_archive_is_refused_by_name(tmp_path):
    path = tmp_path / "a.evt"
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    assert "is packed by zip" in refusal(unpacked, path)


def test_a_wait_names_the_process_that_it_is_for(tmp_path):
    said = []
    inside = threading.Event()
    leave = threading.Event()

    def first():
        with locked(tmp_path, "simulates 20", wait=True, notify=said.append):
            inside.set()
            leave.wait(10)

    def second():
        with locked(tmp_path, "simulates 30", wait=True, notify=notice):
            pass

    def notice(text):
        said.append(text)
        leave.set()

    threads = [threading.Thread(target=first), threading.Thread(target=second)]
    threads[0].start()
    assert inside.wait(10)
    sentence = refusal(
        lambda: locked(tmp_path, "trains", wait=False, notify=said.append).__enter__()
    )
    assert "is in use: process " in sentence
    threads[1].start()
    for thread in threads:
        thread.join(20)
    assert len(said) == 1
    assert "waiting for another process" in said[0]
    assert "simulates 20 since " in said[0]
    assert not (tmp_path / ".owner").exists()
