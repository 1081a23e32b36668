"""Every experiment end to end, in miniature, through the command line."""

import contextlib
import io
import json
import math
import re
import shutil
from functools import cache
from pathlib import Path

import arviz
import numpy as np
import pytest
import torch

from livetime.cli.main import main
from livetime.config import CONFIGS

EXPERIMENTS = sorted(path.stem for path in (CONFIGS / "experiment").glob("*.yaml"))
SHORT = [
    "debug=fast_dev_run",
    "prior.covariates.segments.low=2",
    "prior.covariates.segments.high=4",
]
SMALL = [
    *SHORT,
    "estimator/net=mlp",
    "estimator.net.widths=[16]",
    "estimator.hidden_features=[8]",
    "estimator.num_transforms=1",
]
FLOWS = ("demo", "deadtime_npe", "deadtime_npe_single")
SPECTRA = ("pileup_npe",)
STATES = ("states_mlp", "states_perceptron")
MINIATURES = {
    **dict.fromkeys((*FLOWS, "deadtime_npe_any", "pileup_timing_npe"), SMALL),
    **{
        name: ["debug=fast_dev_run", "prior.covariates.exposure.high=6e3", *SMALL[len(SHORT) :]]
        for name in SPECTRA
    },
    **{name: [*SHORT, "prior.covariates.rate.high=60"] for name in STATES},
    "lightcurve_npe": [
        *SHORT,
        "prior.parameters.rate.low=5",
        "prior.parameters.rate.high=10",
    ],  # hours of a faint source
}
CLASSIFIERS = ("qpo_cnn", "qpo_mlp", "qpo_whittle", "states_mlp", "states_perceptron")


def run(capsys, *words):
    """The last line that a command prints, which must end well."""
    with pytest.raises(SystemExit) as stop:
        main(words)
    captured = capsys.readouterr()
    assert stop.value.code == 0, captured.err
    return captured.out.splitlines()[-1]


def refused(capsys, *words):
    """The one line that says what is wrong."""
    with pytest.raises(SystemExit) as stop:
        main(words)
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert error.startswith("error: ")
    assert error.count("\n") == 1, error
    return error


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="module")
def trained(folder):
    """Gives the run folder of an experiment, trained in miniature when it is first asked for."""

    @cache
    def of(experiment):
        out = io.StringIO()
        with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as stop:
            main(
                [
                    "train",
                    f"experiment={experiment}",
                    *MINIATURES.get(experiment, SHORT),
                    f"outputs={folder}",
                ]
            )
        assert stop.value.code == 0
        return Path(out.getvalue().splitlines()[-1])

    return of


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_run_folder_holds_what_it_must(trained, folder, experiment):
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


@pytest.mark.parametrize("experiment", FLOWS)
def test_observe_and_infer(trained, folder, capsys, tmp_path, experiment):
    run_folder = trained(experiment)
    truth = {"qpo_rms": 0.2, "rate": 300.0, "segments": 3.0}
    files = run(
        capsys,
        "observe",
        f"experiment={experiment}",
        f"output={tmp_path}/a (1) = b",
        *(f"truth.{k}={v}" for k, v in truth.items()),
    )
    known = json.loads(Path(files, "truth.json").read_text())
    assert {k: known[k] for k in truth} == truth
    modules = json.loads((run_folder / "config.json").read_text())["detector"]["modules"]
    paths = [f"{files}/{'AB'[m]}.evt" for m in range(modules)]
    given = f"[{','.join(paths)}]" if modules > 1 else paths[0]
    answer = run(
        capsys,
        "infer",
        f"run={run_folder}",
        f"observation.path={given}",
        "draws=500",
        f"output={tmp_path}/answer",
    )
    summary = json.loads(Path(answer, "summary.json").read_text())
    posterior = arviz.from_netcdf(f"{answer}/posterior.nc").posterior
    prior = json.loads((run_folder / "config.json").read_text())["prior"]["parameters"]
    assert list(summary["parameters"]) == list(prior) == list(posterior.data_vars)
    for methods in (summary["parameters"], *summary["references"].values()):
        for name, row in methods.items():
            assert (
                prior[name]["low"]
                <= row["lo95"]
                <= row["lo68"]
                <= row["median"]
                <= row["hi68"]
                <= row["hi95"]
                <= prior[name]["high"]
            )
            assert row["unit"] == prior[name]["unit"]
    np.testing.assert_allclose(
        np.median(posterior["rate"]), summary["parameters"]["rate"]["median"], rtol=1e-6
    )
    assert set(summary["references"]) == {"naive", "dead_time_model", "averaged_dead_time_model"}
    assert summary["observation"]["segments"] == 3
    for name in ("corner.png", "predictive.png"):
        assert Path(answer, name).read_bytes()[:4] == b"\x89PNG"
    page = Path(answer, "report.html").read_text()
    assert summary["verdict"] in page
    assert 'src="data:image/png' in page
    assert "http" not in re.sub('base64,[^"]*', "", page)  # self-contained
    assert "overwrite=true" in refused(
        capsys,
        "infer",
        f"run={run_folder}",
        f"observation.path={given}",
        f"output={tmp_path}/answer",
    )


def test_a_run_for_any_detector_is_told_of_each(trained, capsys, tmp_path):
    run_folder, own = (
        trained("deadtime_npe_any"),
        {"dead_time": 1e-3, "detectors": 3, "background_share": 0.25, "kept_fraction": 0.8},
    )
    words = [f"truth.{k}={v}" for k, v in {**own, "rate": 600, "segments": 3}.items()]
    files = run(capsys, "observe", "experiment=deadtime_npe_any", f"output={tmp_path}/mine", *words)
    infer = [
        "infer",
        f"run={run_folder}",
        f"observation.path={files}/A.evt",
        f"output={tmp_path}/answer",
        "overwrite=true",
    ]
    assert "observation.dead_time is missing" in refused(capsys, *infer)
    told = ["observation.dead_time=1e-3", "observation.detectors=3"]
    assert "observation.background" in refused(capsys, *infer, *told, "observation.background=1e5")
    assert "kept_fraction is 1.5" in refused(capsys, *infer, *told, "observation.kept_fraction=1.5")
    answer = run(
        capsys,
        *infer,
        *told,
        "observation.background=125",
        "reference.names=[dead_time_model]",
        "draws=500",
    )
    summary = json.loads(Path(answer, "summary.json").read_text())
    found = summary["observation"]["detector"]
    assert found["kept_fraction"] == pytest.approx(0.8, rel=0.02)  # from the live time
    assert found["background_share"] == pytest.approx(0.25, rel=0.1)
    row = summary["references"]["dead_time_model"]["rate"]
    assert row["lo95"] < 600 * 1.1
    assert row["hi95"] > 600 / 1.1
    answer = run(
        capsys,
        *infer,
        "observation.dead_time=1e-2",
        "observation.detectors=70",
        "reference.names=[]",
        "draws=500",
    )
    warnings = json.loads(Path(answer, "summary.json").read_text())["warnings"]
    assert any("dead time is 0.01 s, but training saw 1e-06 to 0.005" in w for w in warnings)
    assert any("detectors is 70, but training saw 1 to 56" in w for w in warnings)
    assert not any("background" in w for w in warnings)  # none is one of those that training saw
    fixed = {
        "qpo_frequency": 5,
        "qpo_quality": 8,
        "noise_rms": 0.1,
        "noise_frequency": 1,
        "segments": 4,
        "rate": 200,
        **own,
    }
    compare = [
        "compare",
        f"run={run_folder}",
        "grid.qpo_rms=[0.2]",
        "n=2",
        *(f"fixed.{k}={v}" for k, v in fixed.items()),
    ]
    assert "fixed.detectors" in refused(capsys, *compare[:-3], "fixed.detectors=2.5", *compare[-2:])
    answer = run(
        capsys, *compare, "reference.names=[dead_time_model]", f"output={tmp_path}/comparison"
    )
    assert {
        row["method"] for row in json.loads(Path(answer, "comparison.json").read_text())["rows"]
    } == {"network", "dead_time_model"}


def test_a_light_curve_of_frames_that_pile_up(trained, capsys, tmp_path):
    run_folder, truth = (
        trained("pileup_timing_npe"),
        {"qpo_rms": 0.3, "rate": 300.0, "alpha": 0.3, "segments": 3.0},
    )
    words = [f"truth.{k}={v}" for k, v in truth.items()]
    files = run(
        capsys, "observe", "experiment=pileup_timing_npe", *words, f"output={tmp_path}/mine"
    )
    infer = [
        "infer",
        f"run={run_folder}",
        f"observation.path={files}/A.evt",
        "draws=200",
        f"output={tmp_path}/answer",
    ]
    assert "it can be naive, frame_model" in refused(
        capsys, *infer, "reference.names=[dead_time_model]"
    )
    answer = run(capsys, *infer, "reference.names=[naive]")
    summary = json.loads(Path(answer, "summary.json").read_text())
    assert set(summary["parameters"]) == {
        *truth,
        "qpo_frequency",
        "qpo_quality",
        "noise_rms",
        "noise_frequency",
        "psf_fraction",
    } - {"segments"}
    assert summary["observation"]["time_step"] == pytest.approx(5.6718e-3, rel=1e-4)
    assert summary["observation"]["live_time_fraction"] == [pytest.approx(0.71, abs=1e-4)]
    assert not any("frames" in w for w in summary["warnings"])
    wide = run(
        capsys,
        "observe",
        "experiment=pileup_timing_npe",
        *words,
        "detector.frame_time=9.6988e-3",
        f"output={tmp_path}/wide",
    )
    answer = run(
        capsys,
        *infer[:2],
        f"observation.path={wide}/A.evt",
        *infer[3:],
        "overwrite=true",
        "reference.names=[]",
    )
    warnings = json.loads(Path(answer, "summary.json").read_text())["warnings"]
    assert any("takes frames of 0.005672 s, but the file has 0.01134 s" in w for w in warnings)


def test_other_detectors_are_observed_but_for_those_whose_live_time_is_not_known(capsys, tmp_path):
    words = ["observe", "experiment=deadtime_npe_single", "truth.rate=300", "truth.segments=3"]
    run(capsys, *words, "detector=rxte_pca", f"output={tmp_path}/pca")
    assert "detector.paralyzable" in refused(
        capsys, *words, "detector.paralyzable=true", f"output={tmp_path}/no"
    )
    assert "frame_time" in refused(capsys, *words, "detector=swift_wt", f"output={tmp_path}/no")
    assert not Path(tmp_path, "no").exists()


def test_a_bright_source_is_injected(trained, capsys, tmp_path):
    run_folder = trained("demo")
    bright = [
        "observe",
        "experiment=demo",
        "detector=constant",
        "detector.dead_time=1e-6",
        "truth.rate=6000",
        "truth.segments=4",
    ]
    files = run(capsys, *bright, "truth.qpo_rms=0.2", f"output={tmp_path}/bright")
    words = [
        "inject",
        f"run={run_folder}",
        f"inject.path={files}/A.evt",
        "draws=500",
        f"output={tmp_path}/answer",
    ]
    assert "inject.rates has 5000 counts/s, but the run knows 100 to 2000" in refused(
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
    assert not [note for note in told["notes"] if "is blind" in note], (
        "a detector of a microsecond went by the name of one of milliseconds"
    )
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
    assert "fixed: kept_fraction is 2" in refused(capsys, *words, *own[:-1], "fixed.kept_fraction=2")
    assert "fixed.detectors is 1.5, but must be whole" in refused(
        capsys, *words, *own, "fixed.detectors=1.5"
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


def test_out_of_range_is_said(trained, capsys, tmp_path):
    experiment, run_folder = "deadtime_npe_single", trained("deadtime_npe_single")
    files = run(
        capsys,
        "observe",
        f"experiment={experiment}",
        f"output={tmp_path}/faint",
        "truth.rate=1.5",
        "truth.segments=4",
    )
    answer = run(
        capsys,
        "infer",
        f"run={run_folder}",
        f"observation.path={files}/A.evt",
        "reference.names=[]",
        f"output={tmp_path}/answer",
    )
    summary = json.loads(Path(answer, "summary.json").read_text())
    assert not summary["trust"]
    assert any(
        "recorded rate of module A is 1." in w and "training saw" in w for w in summary["warnings"]
    )


def test_the_exact_posterior_stands_beside_a_run_of_whittles_detector(trained, capsys, tmp_path):
    run_folder = trained("powerlaw_whittle")
    assert "detector=ideal" in refused(
        capsys, "observe", "experiment=powerlaw_whittle", f"output={tmp_path}/none"
    )
    assert not list(tmp_path.iterdir())
    words = ["experiment=powerlaw_mdn", "detector=ideal", "truth.segments=3", "truth.rate=300"]
    files = run(capsys, "observe", *words, f"output={tmp_path}/mine")
    answer = run(
        capsys,
        "infer",
        f"run={run_folder}",
        f"observation.path={files}/A.evt",
        "draws=500",
        f"output={tmp_path}/answer",
    )
    summary = json.loads(Path(answer, "summary.json").read_text())
    assert set(summary["references"]) == {"exact"}
    assert set(summary["parameters"]) == {"powerlaw_norm", "powerlaw_index", "noise_level"}
    assert "naive" in refused(
        capsys,
        "infer",
        f"run={run_folder}",
        f"observation.path={files}/A.evt",
        "reference.names=[naive]",
        f"output={tmp_path}/no",
    )


def test_a_classifier_gives_the_classes_of_an_event_file(trained, capsys, tmp_path):
    run_folder = trained("qpo_cnn")
    files = run(
        capsys,
        "observe",
        "experiment=qpo_cnn",
        f"output={tmp_path}/mine",
        "truth.segments=3",
        "truth.rate=300",
    )
    given = f"observation.path=[{files}/A.evt,{files}/B.evt]"
    answer = Path(run(capsys, "infer", f"run={run_folder}", given, f"output={tmp_path}/answer"))
    summary = json.loads((answer / "summary.json").read_text())
    assert set(summary["references"]) == {"logistic_regression", "likelihood_ratio"}
    for probabilities in (summary["classes"], *summary["references"].values()):
        assert list(probabilities) == ["continuum", "qpo"]
        assert sum(probabilities.values()) == pytest.approx(1)
    assert 0 < summary["likelihood_ratio_test"]["p_value"] <= 1
    assert summary["verdict"] in (answer / "report.html").read_text()
    assert (answer / "classes.png").stat().st_size > 0


def test_a_state_is_told_from_an_event_file_with_energies(trained, capsys, tmp_path):
    run_folder = trained("states_perceptron")
    files = run(
        capsys,
        "observe",
        "experiment=states_perceptron",
        f"output={tmp_path}/mine",
        "truth.segments=3",
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
        capsys, "observe", "experiment=qpo_cnn", f"output={tmp_path}/mine", "truth.segments=4"
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


def test_folds_are_members_and_their_scatter_is_told(folder, capsys):
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
        (["experiment=qpo_whittle", "training.folds=3", "training.members=2"], "members=1"),
        (["experiment=demo", "estimator=classifier"], "prior.classes"),
        (
            ["experiment=qpo_whittle", "detector=nustar", "prior.classes.continuum.qpo_rms=-1"],
            "classes.continuum.qpo_rms is -1",
        ),
        (["experiment=powerlaw_whittle", "prior=powerlaw"], "noise_level"),
        (["experiment=qpo_whittle", "estimator=regression"], "estimator=classifier"),
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
            "normalisation=layer",
        ),
        (["experiment=qpo_whittle", "output=mine"], "outputs=<folder>"),
        (["experiment=states_mlp", "estimator/net=cnn"], "periodograms"),
        (["experiment=states_mlp", "summary.dead_time=0"], "summary.dead_time=nustar"),
        (["experiment=states_mlp", "prior.classes.hard.hardness=5"], "classes.hard.hardness is 5"),
    ],
)
def test_what_cannot_be_trained_is_refused_at_once(folder, capsys, words, said):
    before = sorted(folder.rglob("*"))
    assert said in refused(capsys, "train", *words, *SHORT, f"outputs={folder}")
    assert sorted(folder.rglob("*")) == before


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
        ("training_range.json", '{"low": 1, "high": 2}', "training_range.json does not fit"),
    ],
)
def test_a_damaged_run_of_a_classifier_is_named(trained, capsys, tmp_path, file, content, said):
    copy = shutil.copytree(trained("qpo_cnn"), tmp_path / "run")
    (copy / file).unlink()
    if content:
        (copy / file).write_text(content)
    files = run(
        capsys,
        "observe",
        "experiment=qpo_cnn",
        f"output={tmp_path}/mine",
        "truth.segments=3",
        "truth.rate=300",
    )
    words = [
        "infer",
        f"run={copy}",
        f"observation.path=[{files}/A.evt,{files}/B.evt]",
        f"output={tmp_path}/answer",
    ]
    assert said in refused(capsys, *words)
    assert not (tmp_path / "answer").exists()


def test_a_network_found_wanting_is_not_to_be_trusted(trained, capsys, tmp_path):
    copy = shutil.copytree(trained("deadtime_npe_single"), tmp_path / "run")
    metrics = json.loads((copy / "metrics.json").read_text())
    files = run(
        capsys,
        "observe",
        "experiment=deadtime_npe_single",
        f"output={tmp_path}/mine",
        "truth.segments=3",
        "truth.rate=300",
    )
    for good in (True, False):
        (copy / "metrics.json").write_text(json.dumps({**metrics, "good": good}))
        words = [
            "infer",
            f"run={copy}",
            f"observation.path={files}/A.evt",
            "reference.names=[]",
            "draws=200",
        ]
        answer = run(capsys, *words, f"output={tmp_path}/answer_{good}")
        warnings = json.loads(Path(answer, "summary.json").read_text())["warnings"]
        assert any("said after training" in w for w in warnings) is not good


def test_what_is_wrong_with_a_finished_run_is_said_and_how_to_mend_it(trained, capsys, tmp_path):
    def said_of(change) -> str:
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

    assert "best.ckpt holds weights that are not finite; train again" in said_of(not_finite)
    assert "training_range.json does not fit" in said_of(exchanged)
    assert "width.json is damaged" in said_of(
        lambda copy: (copy / "width.json").write_text('{"width": 1' + 400 * "0" + "}")
    )
    assert "0 of 1 members that its config.json asks for; train again" in said_of(
        lambda copy: shutil.rmtree(copy / "member_0")
    )
    assert not (tmp_path / "answer").exists()


def test_evaluate(trained, capsys, tmp_path):
    run_folder = trained("demo")
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
    assert "stress has flare" in refused(capsys, "evaluate", f"run={run_folder}", "stress=flare")
    assert "stress has ['drift']" in refused(
        capsys, "evaluate", f"run={run_folder}", "stress=[[drift]]"
    )
    for n in (99, 10**19):
        assert f"n is {n}" in refused(capsys, "evaluate", f"run={run_folder}", f"n={n}")
    assert "seed" in refused(capsys, "evaluate", f"run={run_folder}", "seed=1")


def test_compare(trained, capsys, tmp_path):
    run_folder = trained("demo")
    fixed = {
        "qpo_frequency": 5,
        "qpo_quality": 8,
        "noise_rms": 0.1,
        "noise_frequency": 1,
        "segments": 4,
    }
    words = [f"fixed.{k}={v}" for k, v in fixed.items()]
    grid = ["grid.qpo_rms=[0.15,0.35]", "grid.rate=[200,1000]"]
    assert "grid.rat " in refused(capsys, "compare", f"run={run_folder}", *words, "grid.rat=[1,2]")
    assert "rate" in refused(capsys, "compare", f"run={run_folder}", *words, grid[0])
    assert "grid.rate is [100000.0]" in refused(
        capsys, "compare", f"run={run_folder}", *words, grid[0], "grid.rate=1e5"
    )  # one value, bare
    answer = run(
        capsys,
        "compare",
        f"run={run_folder}",
        *words,
        *grid,
        "n=2",
        "reference.names=[naive]",
        f"output={tmp_path}/comparison",
    )
    table = json.loads(Path(answer, "comparison.json").read_text())
    assert len(table["rows"]) == 4 * 2
    assert table["target"] == "qpo_rms"
    kept = {
        path: path.stat().st_mtime_ns
        for path in (run_folder.parents[1] / "references").rglob("*.npz")
    }
    assert kept
    again = run(
        capsys,
        "compare",
        f"run={run_folder}",
        *words,
        *grid,
        "n=2",
        "reference.names=[naive]",
        f"output={tmp_path}/again",
    )
    assert json.loads(Path(again, "comparison.json").read_text())["rows"] == table["rows"]
    assert {
        path: path.stat().st_mtime_ns
        for path in (run_folder.parents[1] / "references").rglob("*.npz")
    } == kept  # not fitted again


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["grid.qpo_rms=[]"], "grid.qpo_rms is empty"),
        (["grid.qpo_rms=[.nan]"], "grid.qpo_rms"),
        (["grid.qpo_rms=[0.9]"], "stay inside"),
        (["grid.qpo_rms=[0.1]", "fixed.segments=2.5"], "whole"),
        (["grid.qpo_rms=[0.1]", "fixed.qpo_rms=0.1"], "both"),
        (["grid.qpo_rms=[0.1]", "n=1"], "n is 1"),
        (["grid.qpo_rms=[0.1]", "target=segments"], "target"),
    ],
)
def test_compare_refuses_what_makes_no_sense(trained, capsys, words, said):
    run_folder = trained("demo")
    fixed = {
        "qpo_frequency": 5,
        "qpo_quality": 8,
        "noise_rms": 0.1,
        "noise_frequency": 1,
        "segments": 4,
        "rate": 200,
    }
    assert said in refused(
        capsys,
        "compare",
        f"run={run_folder}",
        *(f"fixed.{k}={v}" for k, v in fixed.items()),
        *words,
    )


def test_nothing_but_an_answer_is_overwritten(trained, capsys, tmp_path):
    run_folder = trained("demo")
    files = run(capsys, "observe", "experiment=demo", f"output={tmp_path}/mine", "truth.segments=4")
    assert "run.json" not in refused(
        capsys, "evaluate", f"run={run_folder}", f"output={run_folder}", "overwrite=true"
    )
    assert (run_folder / "run.json").exists()
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "to_my_aunt.txt").write_text("dear aunt")
    assert "letters" in refused(
        capsys, "observe", "experiment=demo", f"output={tmp_path}/letters", "overwrite=true"
    )
    assert (tmp_path / "letters" / "to_my_aunt.txt").exists()
    given = f"observation.path=[{files}/A.evt,{files}/B.evt]"
    assert "needed" in refused(
        capsys, "infer", f"run={run_folder}", given, f"output={files}", "overwrite=true"
    )
    assert Path(files, "A.evt").exists()
    again = run(
        capsys,
        "observe",
        "experiment=demo",
        f"output={tmp_path}/mine",
        "truth.segments=3",
        "overwrite=true",
    )
    assert json.loads(Path(again, "truth.json").read_text())["segments"] == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["letters", "mine"]


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


def test_finished_and_foreign_runs_are_not_resumed(trained, capsys, tmp_path):
    run_folder = trained("demo")
    assert "finished" in refused(capsys, "train", f"resume={run_folder}")
    assert "resume" in refused(capsys, "train", f"resume={tmp_path}")
    assert "training.lr" in refused(capsys, "train", f"resume={run_folder}", "training.lr=1")


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


# --- spectra --------------------------------------------------------------------------


def test_a_spectrum_goes_from_observe_to_an_answer(trained, folder, capsys):
    run_folder, observed, answered = (
        trained("pileup_npe"),
        folder / "spectrum",
        folder / "spectrum_answer",
    )
    words = (
        "truth.exposure=6e3",
        "truth.powerlaw_norm=3e-4",
        "truth.alpha=0",
        f"output={observed}",
    )
    run(capsys, "observe", "experiment=pileup_npe", *words)
    assert {p.name for p in observed.iterdir()} == {
        "source.pha",
        "arf.fits",
        "rmf.fits",
        "truth.json",
    }
    asked = (
        "infer",
        f"run={run_folder}",
        f"observation.spectrum={observed / 'source.pha'}",
        "draws=500",
    )
    run(capsys, *asked, f"output={answered}")
    summary = json.loads((answered / "summary.json").read_text())
    assert set(summary["references"]) == {"naive", "davis"}
    assert set(summary["parameters"]) == {
        "n_h",
        "powerlaw_index",
        "powerlaw_norm",
        "alpha",
        "psf_fraction",
    }
    assert summary["observation"]["exposure"] == 6e3
    assert (answered / "predictive.png").stat().st_size > 10_000
    assert "is of spectra; give observation.spectrum" in refused(
        capsys, *asked[:2], "observation.path=[a.evt]", f"output={answered}_no"
    )
    assert "both path and spectrum" in refused(
        capsys, *asked, "observation.path=[a.evt]", f"output={answered}_no"
    )
    assert not Path(f"{answered}_no").exists()
