"""Check finished runs, and refuse damaged ones, through the command line."""

import json
import math
import shutil
from pathlib import Path

import pytest
import torch
from command_line import refused, run

from livetime.infer.run import Run


def test_evaluate(trained, capsys, tmp_path):
    run_folder = shutil.copytree(trained("demo"), tmp_path / "run")
    words = ["stress=[linear,drift,no_qpo]", f"output={tmp_path}/evaluation"]
    answer = run(capsys, "evaluate", f"run={run_folder}", "n=200", *words)
    numbers = json.loads(Path(answer, "evaluation.json").read_text())
    assert numbers["n"] == 200
    assert Path(answer, "coverage_map.png").exists()
    assert [found["along"] for found in numbers["coverage_maps"]] == [
        ["rate x dead time", "rms"],
        ["rate x dead time", "segments"],
    ]
    told = numbers["robustness"]
    assert told["drift"]["n"] == 200
    assert (
        told["drift"]["own_coverage"] == numbers["coverage"]
    )  # all of them have the same parameters
    assert 0 < told["linear"]["left_out"] < 1
    assert 0 <= told["no_qpo"]["qpos"]["qpo_rms"]["detected"] <= 1
    assert "a rate that drifts" in Path(answer, "report.html").read_text()
    assert "stress has eclipse" in refused(
        capsys, "evaluate", f"run={run_folder}", "stress=eclipse"
    )
    assert "stress has ['drift']" in refused(
        capsys, "evaluate", f"run={run_folder}", "stress=[[drift]]"
    )
    for n in (99, 10**19):
        assert f"n is {n}" in refused(capsys, "evaluate", f"run={run_folder}", f"n={n}")
    assert "seed" in refused(capsys, "evaluate", f"run={run_folder}", "seed=1")


def test_answers_read_the_test_with_most_simulations(trained, capsys, tmp_path):
    run_folder = shutil.copytree(trained("demo"), tmp_path / "run")
    trained_with = json.loads((run_folder / "metrics.json").read_text())
    tests = Run.open(run_folder).test
    assert tests == trained_with

    answer = run(capsys, "evaluate", f"run={run_folder}", "n=120", f"output={tmp_path}/small")
    own = json.loads(Path(answer, "evaluation.json").read_text())
    assert own["n"] > trained_with["n"]
    kept = Run.open(run_folder).test
    assert kept == {name: own[name] for name in ("good", "verdict", "n", "seed")}

    later = run_folder / "later_test.json"
    for good, reasons in ((True, 0), (False, 1)):
        later.write_text(json.dumps({**kept, "good": good}))
        assert len(Run.open(run_folder).failed_test()) == reasons
    later.write_text(json.dumps({**kept, "good": True, "n": 1}))
    assert Run.open(run_folder).test == trained_with

    for damaged in ("[]", '{"good": 1, "verdict": "", "n": 5}', '{"good": true, "n": 5}'):
        later.write_text(damaged)
        said = refused(capsys, "evaluate", f"run={run_folder}", "n=100")
        assert "later_test.json is damaged" in said
        assert "delete it" in said


def test_a_damaged_run_is_named_with_its_remedy(trained, capsys, tmp_path):
    def refusal_of(change) -> str:
        copy = shutil.copytree(trained("demo"), tmp_path / "run")
        change(copy)
        said = refused(capsys, "evaluate", f"run={copy}", "n=100", f"output={tmp_path}/answer")
        shutil.rmtree(copy)
        return said

    def not_finite(copy: Path) -> None:
        path = copy / "member_0" / "checkpoints" / "best.ckpt"
        checkpoint = torch.load(path, weights_only=True)
        next(v for v in checkpoint["state_dict"].values() if v.is_floating_point()).fill_(math.nan)
        torch.save(checkpoint, path)

    def exchanged(copy: Path) -> None:
        seen = json.loads((copy / "training_range.json").read_text())
        (copy / "training_range.json").write_text(
            json.dumps({**seen, "low": seen["high"], "high": seen["low"]})
        )

    assert "weights that are not finite; train again" in refusal_of(not_finite)
    assert "training_range.json is damaged" in refusal_of(exchanged)
    assert "inflation.json is damaged" in refusal_of(
        lambda copy: (copy / "inflation.json").write_text('{"inflation": 1' + 400 * "0" + "}")
    )
    assert "0 of 1 members of its config.json; train again" in refusal_of(
        lambda copy: shutil.rmtree(copy / "member_0")
    )
    assert not (tmp_path / "answer").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda c: c["prior"]["parameters"]["rate"].update(high=150.0),
        lambda c: c["summary"].update(rebin=0.1),
        lambda c: c.pop("prior"),
        lambda c: c.update(training=None),
        lambda c: c.update(source=3),
        lambda c: c["source"].update(_target_="os.system"),
    ],
)
def test_a_run_whose_config_was_changed_is_refused(trained, capsys, tmp_path, change):
    run_folder = trained("demo")
    copy = tmp_path / "copy"
    shutil.copytree(run_folder, copy)
    config = json.loads((copy / "config.json").read_text())
    change(config)
    (copy / "config.json").write_text(json.dumps(config))
    assert refused(capsys, "evaluate", f"run={copy}", "n=100")
    assert not list(copy.glob("evaluate*"))
