"""Pass bright sources through a detector, through the command line."""

import json
from pathlib import Path

import pytest
from command_line import refused, run


def test_a_bright_source_is_injected(trained, capsys, tmp_path):
    run_folder = trained("demo")
    bright = [
        "observe",
        "experiment=demo",
        "detector=constant",
        "detector.dead_time=1e-6",
        "truth.rate=6000",
        "truth.segments=4",
        "outside_prior=true",
    ]
    files = run(capsys, *bright, "truth.qpo_rms=0.2", f"output={tmp_path}/bright")
    words = [
        "inject",
        f"run={run_folder}",
        f"inject.path={files}/A.evt",
        "draws=500",
        f"output={tmp_path}/answer",
    ]
    assert "inject.rates is 5000.0, but the prior goes from 100 to 2000 counts/s" in refused(
        capsys, *words, "inject.rates=[5000]"
    )
    assert "inject.path is missing" in refused(capsys, *words[:2], *words[3:])
    assert "fixed.dead_time is not a covariate of the run's detector" in refused(
        capsys, *words, "fixed.dead_time=1e-3"
    )
    assert "rates is [-1.0]" in refused(capsys, *words, "inject.rates=[-1]")
    assert "is a classifier" in refused(capsys, *words[:1], f"run={trained('qpo_cnn')}", *words[2:])
    assert "is not of periodograms of events" in refused(
        capsys, *words[:1], f"run={trained('pileup_npe')}", *words[2:]
    )
    assert "is not of periodograms of events" in refused(
        capsys, *words[:1], f"run={trained('powerlaw_whittle')}", *words[2:]
    )
    longer = ["inject.stop=15.5"]
    assert "no good time interval as long as a segment of 16 s" in refused(capsys, *words, *longer)
    faint = ["inject.rates=[2000]", "detector=constant"]
    assert "detector" in refused(capsys, *words, *faint)
    assert not (tmp_path / "answer").exists()
    told = json.loads(
        Path(
            run(capsys, *words, "inject.rates=[200,1000]", "reference.names=[naive]"), "inject.json"
        ).read_text()
    )
    assert {(row["rate"], row["method"]) for row in told["rows"]} == {
        (r, m) for r in (200, 1000) for m in ("bright_source", "network", "naive")
    }
    assert {row["quantity"] for row in told["rows"]} == {
        "qpo_rms",
        "qpo_frequency",
        "noise_rms",
        "noise_frequency",
    }
    assert told["agree"]["naive"] is False
    blind = [note for note in told["notes"] if "is blind" in note]
    # A detector of a microsecond does not go by the name of one of milliseconds.
    assert [note.split(" itself is blind for ")[1][:5] for note in blind] == ["0.006"]
    assert not [note for note in blind if "None" in note]
    rms = next(
        row
        for row in told["rows"]
        if row["method"] == "bright_source" and row["quantity"] == "qpo_rms"
    )
    assert 0.1 < rms["median"] < 0.4
    assert told["bright_source"]["rate"] == pytest.approx(6000, rel=0.3)
    assert "The network" in told["verdict"]
    assert (tmp_path / "answer" / "inject.png").read_bytes()[:4] == b"\x89PNG"
    assert told["verdict"] in (tmp_path / "answer" / "inject.md").read_text()
    assert "overwrite=true" in refused(capsys, *words)
    again = json.loads(
        Path(
            run(capsys, *words, "inject.rates=[200]", "reference.names=[]", "overwrite=true"),
            "inject.json",
        ).read_text()
    )
    assert set(again["agree"]) == {"network"}
    assert [r for r in again["rows"] if r["method"] == "network"] == [
        r for r in told["rows"] if (r["rate"], r["method"]) == (200, "network")
    ]


def test_a_source_is_injected_into_a_run_for_any_detector(trained, capsys, tmp_path):
    bright = [
        "observe",
        "experiment=demo",
        "detector=constant",
        "detector.dead_time=1e-6",
        "truth.rate=3000",
        "truth.segments=4",
        "outside_prior=true",
    ]
    files = run(capsys, *bright, f"output={tmp_path}/bright")
    words = [
        "inject",
        f"run={trained('deadtime_npe_any')}",
        f"inject.path={files}/A.evt",
        "inject.rates=[500]",
        f"output={tmp_path}/answer",
    ]
    own = [
        "fixed.dead_time=1e-3",
        "fixed.detectors=2",
        "fixed.background_share=0.2",
        "fixed.kept_fraction=0.5",
    ]
    assert "fixed.kept_fraction is missing" in refused(capsys, *words, *own[:-1])
    assert "fixed.kept_fraction is 2.0, but the prior goes from 0.2 to 1" in refused(
        capsys, *words, *own[:-1], "fixed.kept_fraction=2"
    )
    assert "fixed.detectors is 1.5, but must be whole" in refused(
        capsys, *words, *own, "fixed.detectors=1.5"
    )
    assert "fixed.dead_time is 0.02, but the prior goes from 1e-06 to 0.005 s" in refused(
        capsys, *words, *own, "fixed.dead_time=0.02"
    )
    told = json.loads(
        Path(
            run(capsys, *words, *own, "reference.names=[dead_time_model]", "draws=500"),
            "inject.json",
        ).read_text()
    )
    row = told["posteriors"]["500"]["dead_time_model"]["rate"]
    assert row["lo95"] < 500 * 1.1
    assert row["hi95"] > 500 / 1.1
