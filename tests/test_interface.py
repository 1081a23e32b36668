"""The Python interface does in three calls what the commands do, from any folder."""

import json
import subprocess
import sys
from pathlib import Path

import arviz
import numpy as np
import pytest
from astropy.table import Table

import livetime
from livetime.cli.main import main
from livetime.errors import UserError


@pytest.fixture(scope="module")
def network(demo_run):
    return livetime.load(demo_run)


@pytest.fixture(scope="module")
def observation(demo_files):
    return livetime.read(*demo_files)


@pytest.fixture(scope="module")
def answer(network, observation):
    return network.infer(observation, draws=400, seed=3, references=["naive"])


def test_importing_the_package_imports_nothing_heavy():
    heavy = "{'torch', 'numpy', 'astropy', 'hydra', 'matplotlib', 'numba'}"
    code = f"import sys, livetime; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_importing_the_package_takes_less_than_a_third_of_a_second():
    timed = "import time; t = time.perf_counter(); import livetime; print(time.perf_counter() - t)"
    done = subprocess.run([sys.executable, "-c", timed], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 0.3


def test_the_package_offers_its_functions_and_no_others():
    assert {"load", "read", "simulate", "compare"} <= set(dir(livetime))
    assert livetime.__version__.count(".") == 2
    with pytest.raises(AttributeError, match="no attribute loda"):
        _ = livetime.loda


def test_the_room_of_the_simulator_can_be_called_and_imported():
    """`livetime.simulate` is a function for people and a package for the code."""
    import livetime.simulate.prior as prior
    from livetime import simulate

    assert simulate.prior is prior
    assert callable(simulate)


def test_a_network_says_what_it_is_for(network):
    words = repr(network)
    assert "Network demo: the posterior of 6 parameters from event files" in words
    assert network.verdict in words
    for name, r in network.prior.ranges.items():
        line = next(line for line in words.splitlines() if line.startswith(name))
        assert f"{r.low:g} to {r.high:g}" in line
        assert r.unit in line
    assert network._repr_html_().count("<tr>") == 1 + len(network.prior.ranges)


def test_an_observation_lists_its_findings(observation, demo_files):
    assert all(finding.severity for finding in observation.findings)
    assert Path(demo_files[0]).name in repr(observation)


def test_files_that_cannot_be_read_are_refused(tmp_path):
    with pytest.raises(UserError, match="paths are missing"):
        livetime.read()
    with pytest.raises(UserError, match=r"nowhere\.evt"):
        livetime.read(tmp_path / "nowhere.evt")
    with pytest.raises(UserError, match="nowhere"):
        livetime.load(tmp_path / "nowhere")


def test_an_answer_has_posterior_references_and_verdict(answer, network):
    assert set(answer.references) == {"naive"}
    assert answer.posterior.theta.shape == (400, network.prior.dim)
    assert answer.verdict.sentence in repr(answer)
    assert answer.verdict.trust is (not answer.verdict.reasons)
    rows = repr(answer).splitlines()[-network.prior.dim :]
    assert rows[-1].startswith("incident rate (counts")
    assert len(rows) == network.prior.dim
    assert "<table>" in answer._repr_html_()
    with pytest.raises(UserError, match="probabilities"):
        _ = answer.probabilities


def test_the_same_seed_gives_the_same_answer(answer, network, observation):
    again = network.infer(observation, draws=400, seed=3, references=[])
    np.testing.assert_array_equal(again.posterior.theta, answer.posterior.theta)


def test_figures_are_drawn(answer):
    assert len(answer.plot_corner().axes) >= answer.posterior.prior.dim
    assert answer.plot_predictive().axes


def test_arviz_has_a_group_for_each_method_and_the_data(answer):
    data = answer.to_arviz()
    groups = {"posterior", "naive", "prior", "posterior_predictive", "observed_data"}
    assert set(data.groups()) == groups
    prior = answer.posterior.prior
    for group in ("posterior", "naive", "prior"):
        assert list(data[group].data_vars) == prior.names
        assert data[group]["rate"].attrs["units"] == "counts/s"
    for name, r in prior.parameters.items():
        drawn = data.prior[name]
        assert r.low <= drawn.min() <= drawn.max() <= r.high
    predicted = data.posterior_predictive
    for name, values in data.observed_data.data_vars.items():
        assert predicted[name].shape[2:] == values.shape
        assert np.isfinite(values).all()
    assert data.attrs["verdict"] == answer.verdict.sentence


def test_a_saved_answer_is_read_by_other_programs(answer, tmp_path):
    folder = answer.save(tmp_path / "mine")
    data = arviz.from_netcdf(str(folder / "posterior.nc"))
    np.testing.assert_allclose(data.posterior["rate"][0], answer.posterior.physical()["rate"])
    assert data.attrs["verdict"] == answer.verdict.sentence

    summary = json.loads((folder / "summary.json").read_text())
    assert summary["verdict"] == answer.verdict.sentence
    draws = (folder / "draws.csv").read_text().splitlines()
    assert draws[0].startswith("method,")
    assert "rate [counts/s]" in draws[0]
    assert len(draws) == 1 + 400 + len(answer.references["naive"].theta)
    assert (folder / "report.html").exists()
    with pytest.raises(UserError, match="exists"):
        answer.save(tmp_path / "mine")
    answer.save(tmp_path / "mine", overwrite=True)


def test_the_power_spectrum_is_what_stingray_and_xspec_read(answer, tmp_path):
    from stingray import Powerspectrum

    folder = answer.save(tmp_path / "mine")
    table = Table.read(folder / "power_spectrum.csv", format="ascii.ecsv")
    assert table["freq"].unit == "Hz"
    spectrum = Powerspectrum.read(str(folder / "power_spectrum.csv"), fmt="ascii.ecsv")
    np.testing.assert_allclose(spectrum.power, table["power"])
    assert spectrum.norm == "leahy"

    low, high, power, error = np.loadtxt(folder / "power_spectrum.txt").T
    np.testing.assert_allclose(low[1:], high[:-1])  # bins are contiguous
    np.testing.assert_allclose(power / (high - low), table["power"], rtol=1e-6)
    np.testing.assert_allclose(error / (high - low), table["power_err"], rtol=1e-6)
    assert set(np.unique(table["segments"])) == {3.0}
    recorded = float(np.mean(answer.result.observation.info["recorded_rate"]))
    live = 1 - recorded * 2.536e-3  # NuSTAR's mean dead time: at low frequencies noise is 2 live^2
    assert table["noise_level"][0] == pytest.approx(2 * live**2, rel=0.02)


def test_a_disk_that_is_full_raises_an_error_and_nothing_else(answer, monkeypatch, tmp_path):
    """HDF5 would abort the process; the bytes are made in memory and written by Python."""

    def full(self, data):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UserError, match="cannot be written: No space left"):
        answer.save(tmp_path / "mine")
    assert not (tmp_path / "mine").exists()


def test_a_classifier_gives_probabilities(classifier_run, demo_files):
    network = livetime.load(classifier_run)
    modules = network.run.simulator.detector.modules
    answer = network.infer(livetime.read(*demo_files[:modules]))
    for p in answer.probabilities.values():
        assert sum(p.values()) == pytest.approx(1)
        assert list(p) == list(network.prior.classes)
    assert "qpo" in repr(answer)
    with pytest.raises(UserError, match="posterior"):
        _ = answer.posterior


def test_simulated_events_are_those_of_the_seed_and_the_truth():
    events = livetime.simulate("deadtime_npe", qpo_rms=0.2, rate=800, segments=8, seed=3)
    again = livetime.simulate("deadtime_npe", qpo_rms=0.2, rate=800, segments=8, seed=3)
    assert len(events.times) == 2
    for times, same in zip(events.times, again.times, strict=True):
        np.testing.assert_array_equal(times, same)
        rate = len(times) / float(np.diff(events.gti).sum())
        assert rate == pytest.approx(800 / (1 + 800 * 2.5e-3), rel=0.15)
    with pytest.raises(UserError, match=r"truth\.rat .*did you mean rate"):
        livetime.simulate("deadtime_npe", rat=800)
    with pytest.raises(UserError, match="did you mean deadtime_npe"):
        livetime.simulate("deadtime_np")


def test_simulated_truths_pass_the_checks_of_the_prior():
    with pytest.raises(UserError, match=r"qpo_rms is 0\.6, but the prior goes from 0\.03 to 0\.5"):
        livetime.simulate("demo", qpo_rms=0.6)
    with pytest.raises(UserError, match="noise_frequency is 200 Hz, but steps"):
        livetime.simulate("demo", outside_prior=True, noise_frequency=200)
    with pytest.raises(UserError, match="of the component powerlaw"):
        livetime.simulate("powerlaw_npe", outside_prior=True, powerlaw_norm=1e3)
    with pytest.raises(UserError, match="photons in"):
        livetime.simulate("pileup_npe", outside_prior=True, powerlaw_norm=1e-15)
    events = livetime.simulate("demo", outside_prior=True, qpo_rms=0.6, rate=50, segments=2)
    assert events.gti[-1, 1] == 32


def test_network_and_references_are_compared(network):
    middle = {
        name: float(r.to_physical((r.to_sampling(r.low) + r.to_sampling(r.high)) / 2))
        for name, r in network.prior.ranges.items()
    }
    fixed = {**middle, "segments": 3.0}
    del fixed["rate"]
    grid = {"rate": [200.0, 800.0]}
    compared = livetime.compare(network, grid, fixed, n=2, references=[])
    assert compared.methods == ["network"]
    assert [row["cell"] for row in compared.rows] == [{"rate": 200.0}, {"rate": 800.0}]


def test_it_works_in_a_folder_that_is_not_the_checkout(demo_run, demo_files, tmp_path):
    code = (
        "import livetime\n"
        f"answer = livetime.load({str(demo_run)!r}).infer(livetime.read(*{demo_files!r}),"
        " draws=100, references=[])\n"
        "print(answer.save('mine'))\n"
        "print(len(livetime.simulate('demo', segments=8, seed=3).times))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "mine" / "summary.json").exists()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"draws": 0}, "draws is 0"),
        ({"draws": 150.5}, "draws is 150.5"),
        ({"draws": "many"}, "draws is 'many'"),
        ({"seed": -1}, "seed is -1"),
        ({"references": "nave"}, "reference.names has nave"),
    ],
)
def test_inference_refuses_what_makes_no_sense(network, observation, change, named):
    with pytest.raises(UserError, match=named):
        network.infer(observation, **change)


def test_only_what_was_read_is_inferred_from(network, demo_files):
    with pytest.raises(UserError, match=r"livetime\.read first"):
        network.infer(demo_files)
    with pytest.raises(UserError, match="each file as an argument"):
        livetime.read(list(demo_files))
    with pytest.raises(UserError, match="path is given by its name"):
        livetime.read(demo_files[0], path=demo_files)


@pytest.mark.parametrize("seed", [-1, 1.5, "a"])
def test_seeds_are_whole_numbers(seed):
    with pytest.raises(UserError, match="seed is"):
        livetime.simulate("demo", seed=seed)


def test_numbers_of_numpy_are_numbers():
    events = livetime.simulate("demo", rate=np.float32(200), segments=np.int64(8))
    assert events.gti[-1, 1] == 8 * 16


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"n": 0}, "n is 0"),
        ({"n": 2.5}, "n is 2.5"),
        ({"target": "rat"}, "did you mean rate?"),
        ({"grid": {"rate": ["a"]}}, "grid.rate is a"),
    ],
)
def test_comparisons_refuse_before_they_simulate(network, change, named):
    middle = {name: (r.low * r.high) ** 0.5 for name, r in network.prior.ranges.items()}
    fixed = {**middle, "segments": 3}
    del fixed["rate"]
    with pytest.raises(UserError) as refusal:
        livetime.compare(network, **{"grid": {"rate": [300.0]}, "fixed": fixed, **change})
    assert named in str(refusal.value)


def test_draws_and_verdicts_are_printed_for_people(answer):
    assert str(answer.verdict) == answer.verdict.sentence
    words = repr(answer.posterior)
    median = answer.posterior.intervals()["rate"]["median"]
    assert words.startswith("400 draws, median (68% interval):")
    assert f"rate: {median:.4g} (" in words


def test_an_output_that_cannot_be_made_is_refused_before_the_work(
    demo_run, demo_files, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr("livetime.interface.Network.infer", lambda *_: pytest.fail("it began"))
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit) as stop:
        main(["infer", *demo_files, f"run={demo_run}", f"output={tmp_path}/file/new"])
    assert stop.value.code == 2
    assert "cannot be made" in capsys.readouterr().err
