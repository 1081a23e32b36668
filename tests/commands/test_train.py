"""Train every experiment in miniature, through the command line."""

import json
import math
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from command_line import CLASSIFIERS, EXPERIMENTS, SHORT, SMALL, SPECTRA, refused, run
from filelock import FileLock

from livetime.cli.main import main


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_a_run_folder_is_complete(trained, folder, experiment):
    run_folder = trained(experiment)
    assert run_folder.parent == folder / experiment
    config = json.loads((run_folder / "config.json").read_text())
    name, high = ("exposure", 6e3) if experiment in SPECTRA else ("segments", 4)
    assert config["prior"]["covariates"][name]["high"] == high
    record = json.loads((run_folder / "run.json").read_text())
    assert record["seed"] == 1
    assert "debug=fast_dev_run" in record["overrides"]
    assert (folder / "banks" / record["bank"] / "manifest.json").exists()
    metrics = json.loads((run_folder / "metrics.json").read_text())
    assert [p.relative_to(run_folder) for p in run_folder.rglob("metrics.json")] == [
        Path("metrics.json")
    ]
    if experiment in CLASSIFIERS:
        assert metrics["classes"] == list(config["prior"]["classes"])
        rivals = {"majority", "logistic_regression", "boosted_trees"}
        rivals |= {"likelihood_ratio"} if "qpo" in experiment else set()
        rivals |= {"exact"} if "whittle" in experiment else set()
        assert set(metrics["references"]) == set(metrics["network_minus_reference"]) == rivals
        for scores in (metrics["scores"], *(r["scores"] for r in metrics["references"].values())):
            for row in scores.values():
                assert row["interval95"][0] <= row["value"] + 0.02
                assert row["interval95"][1] >= row["value"] - 0.02
    else:
        assert math.isfinite(metrics["log_prob"])
        assert 0 <= metrics["coverage"]["0.68"]["joint"] <= 1
    of_classes = (
        "confusion.png",
        "curves.png",
        "distributions.png",
        "correlations.png",
        "principal_components.png",
    )
    figures = (
        of_classes
        if experiment in CLASSIFIERS
        else ("coverage.png", "coverage_of_terciles.png", "sbc_ranks.png")
    )
    figures += ("history.png", "importance.png", "saliency.png")
    for name in (*figures, "report.html", "member_0/metrics.csv", "member_0/checkpoints/best.ckpt"):
        assert (run_folder / name).stat().st_size > 0
    assert list(run_folder.glob("events.out.tfevents.*"))
    assert list(run_folder.glob("member_0/events.out.tfevents.*"))


def test_folds_are_members_and_their_scatter_is_recorded(folder, capsys):
    words = [
        "experiment=powerlaw_whittle",
        *SHORT,
        "training.folds=3",
        "training.pca=5",
        "training.batch_size=null",
    ]
    run_folder = Path(run(capsys, "train", *words, f"outputs={folder}"))
    metrics = json.loads((run_folder / "metrics.json").read_text())
    losses = [m["val_loss"] for m in metrics["members"]]
    assert len(losses) == 3
    assert metrics["val_loss"] == pytest.approx(np.mean(losses))
    assert metrics["val_loss_std"] == pytest.approx(np.std(losses))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["experiment=qpo_whittle", "training.batch_size=300"], "training.batch_size is 300"),
        (["experiment=qpo_whittle", "estimator=mdn", "training.pca=1000"], "training.pca is 1000"),
        (["experiment=qpo_whittle", "estimator/net=cnn", "training.pca=5"], "estimator/net=mlp"),
        (
            ["experiment=qpo_whittle", "training.folds=3", "training.members=2"],
            "set one of them to 1",
        ),
        (["experiment=demo", "estimator=classifier"], "prior.classes"),
        (
            ["experiment=qpo_cnn", "prior.classes.continuum.qpo_rms=-1"],
            "classes.continuum.qpo_rms is -1",
        ),
        (["experiment=powerlaw_whittle", "prior=powerlaw"], "noise_level"),
        (["experiment=qpo_whittle", "estimator=regression"], "take a classifier"),
        (
            ["experiment=qpo_whittle", "training.folds=200"],
            "training.folds is 200, but the smallest class",
        ),
        (
            ["experiment=qpo_whittle", "training.folds=2", "training.batch_size=130"],
            "128 simulations are trained on",
        ),
        (
            [
                "experiment=qpo_whittle",
                "simulations=20",
                "training.validation=0.06",
                "training.batch_size=8",
            ],
            "no simulation of class",
        ),
        (
            ["experiment=qpo_mlp", "estimator.net.normalisation=batch", "training.batch_size=1"],
            "take layer normalisation",
        ),
        (["experiment=qpo_whittle", "output=mine"], "did you mean outputs?"),
        (["experiment=states_mlp", "estimator/net=cnn"], "periodograms"),
        (["experiment=states_mlp", "prior.classes.hard.hardness=5"], "classes.hard.hardness is 5"),
    ],
)
def test_what_cannot_be_trained_is_refused_at_once(folder, capsys, words, said):
    before = sorted(folder.rglob("*"))
    assert said in refused(capsys, "train", *words, *SHORT, f"outputs={folder}")
    assert sorted(folder.rglob("*")) == before


def test_finished_and_foreign_runs_are_not_resumed(trained, capsys, tmp_path):
    run_folder = trained("demo")
    assert "finished" in refused(capsys, "train", f"resume={run_folder}")
    assert "resume" in refused(capsys, "train", f"resume={tmp_path}")
    assert "training.lr" in refused(capsys, "train", f"resume={run_folder}", "training.lr=1")


def flipped(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 4
    path.write_bytes(data)


def test_a_damaged_bank_is_named_and_leaves_no_run(trained, capsys, tmp_path):
    outputs = trained("demo").parents[1]
    shutil.copytree(outputs / "banks", tmp_path / "banks")
    bank = json.loads((trained("demo") / "run.json").read_text())["bank"]
    shard = next((tmp_path / "banks" / bank).glob("*.npz"))
    flipped(shard)
    words = ("experiment=demo", *SMALL, f"outputs={tmp_path}")
    assert str(shard) in refused(capsys, "train", *words)
    assert list(tmp_path.iterdir()) == [tmp_path / "banks"]


def unfinished(run_folder, outputs):
    """Copy a run and its bank, and take away what the end of a training writes."""
    copy = shutil.copytree(run_folder, outputs / "demo" / "run")
    shutil.copytree(run_folder.parents[1] / "banks", outputs / "banks")
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, "outputs": str(outputs)}))
    (copy / "metrics.json").unlink()
    return copy


def test_a_resumed_training_makes_what_a_kill_left_out(trained, capsys, tmp_path):
    """Earlier versions wrote `config.json` before `run.json`."""
    copy = unfinished(trained("demo"), tmp_path)
    made = ("run.json", "training_range.json", "inflation.json")
    before = {name: json.loads((copy / name).read_text()) for name in made}
    for name in (*made, "report.html"):
        (copy / name).unlink()
    assert run(capsys, "train", f"resume={copy}", "threads=1") == str(copy)
    after = {name: json.loads((copy / name).read_text()) for name in made}
    assert after["run.json"]["bank"] == before["run.json"]["bank"]
    assert {**after, "run.json": 0} == {**before, "run.json": 0}
    whole = json.loads((trained("demo") / "metrics.json").read_text())
    again = json.loads((copy / "metrics.json").read_text())
    assert {**again, "seconds": 0} == {**whole, "seconds": 0}


@pytest.mark.parametrize(
    ("key", "value"), [("threads", "a"), ("training", {"epochs": -1}), ("source", {})]
)
def test_a_damaged_config_is_not_resumed(trained, capsys, tmp_path, key, value):
    copy = unfinished(trained("demo"), tmp_path)
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps({**config, key: value}))
    assert f"{copy / 'config.json'} is damaged" in refused(capsys, "train", f"resume={copy}")


def test_of_two_trainings_of_a_run_one_is_refused(trained, capsys, tmp_path):
    copy = unfinished(trained("demo"), tmp_path)
    with FileLock(copy / ".lock"):
        assert "is in use" in refused(capsys, "train", f"resume={copy}")


def test_sweep_makes_one_bank_and_a_run_for_each_value(capsys, tmp_path):
    words = [
        "train",
        "experiment=demo",
        "training.lr=1e-3,2e-3",
        *SMALL,
        f"outputs={tmp_path}",
        "-m",
    ]
    with pytest.raises(SystemExit) as stop:
        main(words)
    said = capsys.readouterr()
    assert stop.value.code == 0, said.err
    assert "ightning" not in said.out + said.err  # its tips and advertisements
    assert len(list((tmp_path / "banks").iterdir())) == 1
    *_, first, second, last = said.out.splitlines()
    assert re.fullmatch(r"job 0 \(training\.lr=0\.001\): held-out loss -?[\d.]+", first)
    assert re.fullmatch(r"job 1 \(training\.lr=0\.002\): held-out loss -?[\d.]+", second)
    assert Path(last) == next((tmp_path / "sweeps").iterdir())
    runs = sorted(path.parent for path in (tmp_path / "sweeps").glob("*/*/metrics.json"))
    assert [json.loads((r / "config.json").read_text())["training"]["lr"] for r in runs] == [
        1e-3,
        2e-3,
    ]
