"""From simulated files to a posterior, through the command line."""

import json
import re
import shutil
from pathlib import Path

import arviz
import numpy as np
import pytest
from astropy.table import Table
from command_line import FLOWS, QPO_AND_NOISE, refused, run
from shipped import shipped
from stingray import Powerspectrum


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
        "outside_prior=true",
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
    wanted = {"naive", "free_noise", "dead_time_model", "averaged_dead_time_model"}
    if experiment != "deadtime_npe_single":
        wanted.add("cospectrum")
    assert set(shipped(summary["references"])) == wanted
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


def check_source(answer, source, experiment):
    """The power of the source is exported, and the probabilities are consistent."""
    band = source["derived"]["rms_1_to_10_Hz"]
    assert 0 <= band["lo95"] <= band["median"] <= band["hi95"] < 1
    table = Table.read(Path(answer, "source_power.csv"), format="ascii.ecsv")
    covariance = np.loadtxt(Path(answer, "source_power_covariance.txt"))
    bins = len(table)
    assert covariance.shape == (bins, bins)
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), table["power_err"], rtol=1e-6)
    theirs = Powerspectrum.read(Path(answer, "source_power.csv"), fmt="ascii.ecsv")
    assert theirs.norm == "frac"
    np.testing.assert_allclose(theirs.power, table["power"])
    assert np.loadtxt(Path(answer, "source_power.txt")).shape == (bins, 4)
    group = arviz.from_netcdf(Path(answer, "posterior.nc"))["source"]
    assert group["source_power"].shape == (1, 300, bins)
    if experiment == "lorentzians_npe":
        shares = source["probabilities"]
        numbers = [shares[f"number of components is {k}"] for k in range(7)]
        assert sum(numbers) == pytest.approx(1)
        assert shares["lorentzian6 is present"] == pytest.approx(numbers[6])
    for name in ("corner.png", "source_power.png"):
        assert Path(answer, name).stat().st_size > 0


@pytest.mark.parametrize("experiment", ["lorentzians_npe", "free_npe"])
def test_a_source_without_references_is_inferred(trained, capsys, tmp_path, experiment):
    run_folder = trained(experiment)
    words = ["truth.dead_time=1e-3", "truth.detectors=2", "truth.rate=400", "truth.segments=3"]
    words += ["truth.background_share=0", "truth.kept_fraction=1", "outside_prior=true"]
    files = run(capsys, "observe", f"experiment={experiment}", f"output={tmp_path}/mine", *words)
    infer = ["infer", f"run={run_folder}", f"observation.path={files}/A.evt", "draws=300"]
    infer += ["observation.dead_time=1e-3", "observation.detectors=2"]
    answer = run(capsys, *infer, f"output={tmp_path}/answer")
    summary = json.loads(Path(answer, "summary.json").read_text())
    assert summary["references"] == {}
    assert set(summary["parameters"]) >= {"skewness", "rate"}
    check_source(answer, summary["source"], experiment)
    named = ["reference.names=[dead_time_model]", f"output={tmp_path}/other"]
    assert "does not apply to this source" in refused(capsys, *infer, *named)


def test_a_run_for_any_detector_takes_its_numbers_from_the_observation(trained, capsys, tmp_path):
    run_folder, own = (
        trained("deadtime_npe_any"),
        {"dead_time": 1e-3, "detectors": 3, "background_share": 0.25, "kept_fraction": 0.8},
    )
    words = [f"truth.{k}={v}" for k, v in {**own, "rate": 600, "segments": 3}.items()]
    words += ["outside_prior=true"]
    files = run(capsys, "observe", "experiment=deadtime_npe_any", f"output={tmp_path}/mine", *words)
    infer = [
        "infer",
        f"run={run_folder}",
        f"observation.path={files}/A.evt",
        f"output={tmp_path}/answer",
        "overwrite=true",
    ]
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
        **QPO_AND_NOISE,
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
    words = [*(f"truth.{k}={v}" for k, v in truth.items()), "outside_prior=true"]
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
    assert "take some of naive, frame_model" in refused(
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
    assert any("assumes frames of 0.005672 s, but the file has 0.01134 s" in w for w in warnings)


def test_what_training_did_not_see_is_named(trained, capsys, tmp_path):
    experiment, run_folder = "deadtime_npe_single", trained("deadtime_npe_single")
    files = run(
        capsys,
        "observe",
        f"experiment={experiment}",
        f"output={tmp_path}/faint",
        "truth.rate=1.5",
        "truth.segments=4",
        "outside_prior=true",
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
    assert "take simulator timing" in refused(
        capsys, "observe", "experiment=powerlaw_whittle", f"output={tmp_path}/none"
    )
    assert not list(tmp_path.iterdir())
    words = [
        "experiment=powerlaw_mdn",
        "detector=ideal",
        "truth.segments=3",
        "outside_prior=true",
        "truth.rate=300",
    ]
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
    assert shipped(summary["references"]) == ("exact",)
    assert set(summary["parameters"]) == {"powerlaw_norm", "powerlaw_index", "noise_level"}
    assert "naive" in refused(
        capsys,
        "infer",
        f"run={run_folder}",
        f"observation.path={files}/A.evt",
        "reference.names=[naive]",
        f"output={tmp_path}/no",
    )


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
    assert set(shipped(summary["references"])) == {"naive", "davis"}
    assert set(summary["parameters"]) == {
        "n_h",
        "powerlaw_index",
        "powerlaw_norm",
        "alpha",
        "psf_fraction",
    }
    assert summary["observation"]["exposure"] == 6e3
    assert (answered / "predictive.png").stat().st_size > 10_000
    assert "a.evt does not exist" in refused(
        capsys, *asked[:2], "observation.path=[a.evt]", f"output={answered}_no"
    )
    assert "path and spectrum are both given" in refused(
        capsys, *asked, "observation.path=[a.evt]", f"output={answered}_no"
    )
    assert not Path(f"{answered}_no").exists()


def test_a_network_that_failed_its_test_is_not_trusted(trained, capsys, tmp_path):
    copy = shutil.copytree(trained("deadtime_npe_single"), tmp_path / "run")
    metrics = json.loads((copy / "metrics.json").read_text())
    files = run(
        capsys,
        "observe",
        "experiment=deadtime_npe_single",
        f"output={tmp_path}/mine",
        "truth.segments=3",
        "outside_prior=true",
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
        assert any("failed its calibration test" in w for w in warnings) is not good
