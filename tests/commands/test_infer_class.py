"""From simulated files to the probabilities of classes, through the command line."""

import json
import shutil
from pathlib import Path

import pytest
from command_line import refused, run


def observed_qpo(capsys, folder):
    """Write the event files of a source that is a continuum or has a QPO, and return where."""
    words = [f"output={folder}/mine", "truth.segments=3", "outside_prior=true", "truth.rate=300"]
    return run(capsys, "observe", "experiment=qpo_cnn", *words)


def test_a_classifier_gives_the_classes_of_an_event_file(trained, capsys, tmp_path):
    run_folder = trained("qpo_cnn")
    files = observed_qpo(capsys, tmp_path)
    given = f"observation.path=[{files}/A.evt,{files}/B.evt]"
    answer = Path(run(capsys, "infer", f"run={run_folder}", given, f"output={tmp_path}/answer"))
    summary = json.loads((answer / "summary.json").read_text())
    assert set(summary["references"]) == {"logistic_regression", "likelihood_ratio"}
    for probabilities in (summary["classes"], *summary["references"].values()):
        assert list(probabilities) == ["continuum", "qpo"]
        assert sum(probabilities.values()) == pytest.approx(1)
    for name in ("p_value", "pooled_p_value"):
        assert 0 < summary["likelihood_ratio_test"][name] <= 1
    assert summary["verdict"] in (answer / "report.html").read_text()
    assert (answer / "classes.png").stat().st_size > 0

    equal = summary["classes"]
    odds = ["prior_odds={continuum: 9, qpo: 1}", f"output={tmp_path}/rare"]
    answer = Path(run(capsys, "infer", f"run={run_folder}", given, *odds))
    rare = json.loads((answer / "summary.json").read_text())
    assert rare["prior"] == {"continuum": 0.9, "qpo": 0.1}
    assert rare["classes"]["qpo"] / rare["classes"]["continuum"] == pytest.approx(
        equal["qpo"] / equal["continuum"] / 9
    )
    assert "for a prior probability of" in rare["verdict"]
    for wrong, words in (
        ("{continuum: 9}", "the classes of the run are continuum, qpo"),
        ("{continuum: 9, qpo: 0}", "prior_odds.qpo is 0"),
        ("{continuum: .inf, qpo: 1}", "prior_odds.continuum is .inf, but must be positive"),
    ):
        sentence = refused(capsys, "infer", f"run={run_folder}", given, f"prior_odds={wrong}")
        assert words in sentence

    copied = shutil.copytree(run_folder, tmp_path / "run")
    (copied / "logistic_regression.json").unlink()
    sentence = refused(capsys, "infer", f"run={copied}", given, f"output={tmp_path}/other")
    assert "lacks logistic_regression.json; resume the training" in sentence


def test_a_state_is_found_from_an_event_file_with_energies(trained, capsys, tmp_path):
    run_folder = trained("states_perceptron")
    files = run(
        capsys,
        "observe",
        "experiment=states_perceptron",
        f"output={tmp_path}/mine",
        "truth.segments=3",
        "outside_prior=true",
        "truth.rate=50",
    )
    words = [
        "infer",
        f"run={run_folder}",
        f"observation.path=[{files}/A.evt,{files}/B.evt]",
        f"output={tmp_path}/answer",
    ]
    assert "all soft" in refused(capsys, *words, "observation.hard=100")
    answer = Path(run(capsys, *words, "observation.hard=10"))
    summary = json.loads((answer / "summary.json").read_text())
    assert list(summary["classes"]) == ["hard", "hard_intermediate", "soft_intermediate", "soft"]
    assert sum(summary["references"]["logistic_regression"].values()) == pytest.approx(1)
    truth = json.loads(Path(files, "truth.json").read_text())
    names = json.loads((run_folder / "training_range.json").read_text())["names"]
    assert {"power_colour_1", "hardness", "segments"} <= set(names)
    assert truth["segments"] == 3
    assert not any("hardness" in w for w in summary["warnings"])


def test_a_classifier_has_no_posterior(trained, capsys, tmp_path):
    run_folder = trained("qpo_cnn")
    files = run(
        capsys,
        "observe",
        "experiment=qpo_cnn",
        f"output={tmp_path}/mine",
        "truth.segments=4",
        "outside_prior=true",
    )
    given = f"observation.path=[{files}/A.evt,{files}/B.evt]"
    words = ["infer", f"run={run_folder}", given, f"output={tmp_path}/answer"]
    assert "is a classifier (continuum, qpo)" in refused(capsys, *words, "reference.names=[naive]")
    assert "is a classifier" in refused(
        capsys,
        "compare",
        f"run={run_folder}",
        "grid.qpo_rms=[0.1]",
        "n=2",
        f"output={tmp_path}/answer",
    )
    assert not (tmp_path / "answer").exists()


@pytest.mark.parametrize(
    ("file", "content", "said"),
    [
        (
            "likelihood_ratio.json",
            '{"statistic": [1, 2], "label": [0, 0]}',
            "likelihood_ratio.json is damaged",
        ),
        ("likelihood_ratio.json", "[]", "likelihood_ratio.json is damaged"),
        (
            "logistic_regression.json",
            '{"mean": [1], "scale": [1], "weights": [[1, 2]], "bias": [1, 2]}',
            "logistic_regression.json is damaged",
        ),
        ("logistic_regression.json", '{"mean": [NaN]}', "logistic_regression.json is damaged"),
        ("metrics.json", None, "is not finished"),
        ("metrics.json", "no", "metrics.json is damaged"),
        ("metrics.json", "{}", "metrics.json is damaged"),
        ("metrics.json", '{"good": "no", "verdict": "fine"}', "metrics.json is damaged"),
        ("training_range.json", '{"low": 1, "high": 2}', "training_range.json is damaged"),
    ],
)
def test_a_damaged_run_of_a_classifier_is_named(trained, capsys, tmp_path, file, content, said):
    copy = shutil.copytree(trained("qpo_cnn"), tmp_path / "run")
    (copy / file).unlink()
    if content:
        (copy / file).write_text(content)
    files = observed_qpo(capsys, tmp_path)
    words = [
        "infer",
        f"run={copy}",
        f"observation.path=[{files}/A.evt,{files}/B.evt]",
        f"output={tmp_path}/answer",
    ]
    assert said in refused(capsys, *words)
    assert not (tmp_path / "answer").exists()
