"""What is missing from a run folder, or was changed in it, is named and never replaced."""

import json
import shutil

import pytest
from command_line import SMALL, refused, run

from livetime.cli.main import main
from livetime.commands.run_folder import refuse_other_run
from livetime.infer.posterior import NO_INFLATION
from livetime.infer.run import Run


@pytest.fixture
def copied(trained, tmp_path):
    return shutil.copytree(trained("demo"), tmp_path / "run")


def change(path, edit):
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("name", ["training_range.json", "run.json", "metrics.json"])
def test_a_missing_file_is_named(copied, capsys, name):
    (copied / name).unlink()
    assert name in refused(capsys, "evaluate", f"run={copied}", "n=100")


def test_a_missing_inflation_is_named_and_measured_again(copied, capsys):
    kept = (copied / "inflation.json").read_bytes()
    (copied / "inflation.json").unlink()
    sentence = refused(capsys, "evaluate", f"run={copied}", "n=100")
    assert "lacks inflation.json, without which posteriors may be too narrow" in sentence
    assert run(capsys, "train", f"resume={copied}") == str(copied)
    assert (copied / "inflation.json").read_bytes() == kept
    assert "is finished" in refused(capsys, "train", f"resume={copied}")


@pytest.mark.parametrize(
    "edit",
    [
        lambda c: c["prior"]["parameters"]["rate"].update(scale="linear"),
        lambda c: c["detector"].update(dead_time=1e-3),
        lambda c: c.update(seed=7),
        lambda c: c["source"].update(stretch=1.5),
    ],
)
@pytest.mark.parametrize("finished", [True, False])
def test_a_config_of_another_bank_is_refused(copied, capsys, edit, finished):
    change(copied / "config.json", edit)
    words = ["evaluate", f"run={copied}", "n=100"]
    if not finished:
        (copied / "metrics.json").unlink()
        words = ["train", f"resume={copied}"]
    sentence = refused(capsys, *words)
    assert "config.json was changed after training on bank" in sentence


@pytest.mark.parametrize("key", ["members", "folds"])
def test_a_config_without_a_number_of_networks_is_refused(copied, capsys, key):
    change(copied / "config.json", lambda c: c["training"].pop(key))
    assert f"training.{key} is missing" in refused(capsys, "evaluate", f"run={copied}")


def test_a_run_with_folds_needs_no_inflation(copied, monkeypatch):
    (copied / "inflation.json").unlink()
    monkeypatch.setattr(Run, "inflates", True)
    change(copied / "config.json", lambda c: c["training"].update(folds=2))
    assert Run.open(copied).inflation == NO_INFLATION


@pytest.mark.parametrize(
    ("override", "named"),
    [
        ("training.lr=1e-4", "training.lr = 0.002, which is 0.0001 now"),
        ("simulations=300", "simulations = 256, which is 300 now"),
        ("estimator.num_transforms=2", "estimator.num_transforms = 1, which is 2 now"),
    ],
)
def test_a_sweep_reports_no_old_network_under_new_overrides(
    copied, tmp_path, capsys, override, named
):
    sweep = tmp_path / "sweep"
    job = sweep / "0"
    shutil.copytree(copied, job)
    before = (job / "metrics.json").read_bytes()
    outputs = json.loads((job / "config.json").read_text())["outputs"]
    words = ["train", "-m", "experiment=demo", *SMALL, f"outputs={outputs}"]
    with pytest.raises(SystemExit) as stop:
        main([*words, override, f"hydra.sweep.dir={sweep}"])
    captured = capsys.readouterr()
    assert stop.value.code == 2
    assert named in captured.err
    assert "choose another hydra.sweep.dir" in captured.err
    assert "held-out loss" not in captured.out
    assert (job / "metrics.json").read_bytes() == before


@pytest.mark.parametrize("key", ["threads", "outputs", "trainer"])
def test_a_sweep_goes_on_in_its_own_folder_on_another_machine(copied, key):
    config = Run.open(copied).config
    refuse_other_run(copied, {**config, key: "another"})
    refuse_other_run(copied / "new", config)
