"""The command line: an error is one line that names the key, before anything is written."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from astropy.io import fits
from terminal import PROBE, call, refused, tree

from livetime.config import CONFIGS
from livetime.simulate.bank import bank_hash
from livetime.simulate.build import build_simulator

SMALL = ["experiment=demo", "simulations=12", "prior.covariates.segments.high=9", "threads=1"]
FAKE = [SMALL[0], SMALL[2]]


# --- bad input ------------------------------------------------------------------------------------

EVERYWHERE = [
    (["simulatons=10"], ["simulatons", "did you mean simulations?"]),
    (["+simulatons=10"], ["simulatons"]),
    (["source=qpo_nois"], ["source=qpo_nois", "did you mean qpo_noise?"]),
    (["detector=chandra"], ["detector=chandra", "constant", "ideal", "nustar"]),
    (["sorce=qpo_noise"], ["sorce", "did you mean source?"]),
    (["experiment=zzz"], ["experiment=zzz", "demo"]),
    (["debug=fast"], ["debug=fast", "did you mean fast_dev_run?"]),
    (["seed=abc"], ["seed", "abc"]),
    (["seed=null"], ["seed"]),
    (["seed=-1"], ["seed", "-1"]),
    (["seed=18446744073709551616"], ["seed", "18446744073709551616"]),
    (["threads=0"], ["threads"]),
    (["threads=-1"], ["threads"]),
    (["summary.dt=-1"], ["summary", "dt is -1"]),
    (["summary.dt=nan"], ["summary", "dt is nan"]),
    (["summary.dt=0.3"], ["summary", "segment_size"]),
    (["summary.segment_size=1"], ["summary.segment_size", "too short", "_frequency.low"]),
    (["summary.dtt=1"], ["summary.dtt", "did you mean"]),
    (["+summary.dtt=1"], ["summary.dtt", "did you mean dt?"]),
    (["source.dt=-0.004"], ["source", "dt is -0.004"]),
    (["source.dt=1"], ["source.dt", "too coarse"]),
    (["source.stretch=inf"], ["source", "stretch", "inf"]),
    (["source.components.noise=lorentzian"], ["source.components.noise", "lorentzian", "powerlaw"]),
    (["source._target_=os.system"], ["source._target_", "os.system"]),
    (["source=powerlaw"], ["prior.parameters", "powerlaw_norm"]),
    (["detector.dead_time=nustra"], ["detector.dead_time", "nustar"]),
    (["prior.parameters.rate.low=5000"], ["prior.parameters.rate", "low is 5000", "high is 2000"]),
    (["prior.parameters.rate.low=-1"], ["prior.parameters.rate", "low is -1"]),
    (["prior.parameters.rate.low=nan"], ["prior.parameters.rate", "nan"]),
    (["prior.parameters.rate.scale=cubic"], ["prior.parameters.rate.scale", "cubic"]),
    (["prior.parameters.rate.lo=3"], ["prior.parameters.rate.lo", "low"]),
    (["+prior.parameters.foo={low: 1, high: 2}"], ["foo"]),
    (["~prior.parameters.rate"], ["prior.parameters", "rate"]),
    (["~prior.covariates.segments"], ["prior.covariates", "segments"]),
    (["prior.covariates.segments.low=0.5"], ["prior.covariates.segments.low"]),
    (
        ["prior.parameters.noise_frequency.low=0.01"],
        ["summary.segment_size", "noise_frequency.low", "100 s"],
    ),
    (["prior.parameters.qpo_frequency.high=1000"], ["source.dt", "too coarse"]),
    (["source=null"], ["source=null is not the name of a choice", "qpo_noise"]),
    (["experiment=3"], ["experiment=3 is not the name of a choice", "demo"]),
    (["lr=1"], ["lr is not known"]),
    (["learning_rate=1"], ["learning_rate is not known"]),
    (["training.lr=1"], ["training.lr is a key of train, not of simulate"]),
    (["estimator/net=cnn"], ["estimator/net is a key of train, not of simulate"]),
    (["output=mine"], ["output is a key of", "did you mean outputs?"]),
    (["demo"], ["demo is not a key; say experiment=demo"]),
    (["acis"], ["acis is not a key; say detector=acis"]),
    (["observation.path=A.evt"], ["observation.path is a key of infer, not of simulate"]),
    (["simulations"], ["simulations has no value; say simulations=<value>"]),
    (["simulations=(1"], ["(1"]),
]


@pytest.mark.parametrize(("words", "named"), EVERYWHERE, ids=[" ".join(w) for w, _ in EVERYWHERE])
def test_simulate_refuses(capsys, elsewhere, words, named):
    refused(capsys, elsewhere, ["simulate", *SMALL, *words], named)


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["simulations=0"], ["simulations is 0"]),
        ([f"simulations={10**19}"], ["from 10 to 100000000"]),
        (["simulations=-5"], ["simulations is -5"]),
        (["simulations=many"], ["simulations", "many"]),
        (["simulations=1e4"], ["simulations", "10000"]),
    ],
)
def test_simulate_refuses_sizes(capsys, elsewhere, words, named):
    refused(capsys, elsewhere, ["simulate", *SMALL, *words], named)


FAST = [
    "simulations=40",
    "training.epochs=1",
    "training.batch_size=16",
    "training.test=100",
    "training.members=1",
]
ABSENT = "cuda" if torch.backends.mps.is_available() else "mps"
TRAIN = [
    (["training.lrr=1"], ["training.lrr", "did you mean training.lr?"]),
    (["+training.lrr=1"], ["training.lrr", "did you mean lr?"]),
    (["training.members=0"], ["training", "members is 0"]),
    (["training.epochs=0"], ["training", "epochs is 0"]),
    (["training.epochs=many"], ["training.epochs", "many"]),
    (["training.validation=1e-9"], ["simulations is 40", "training.validation"]),
    (["training.test=5"], ["training", "test is 5"]),
    (["training.schedule=linear"], ["training.schedule", "linear"]),
    (["training=defalt"], ["training=defalt", "did you mean default?"]),
    (["trainer.threads=0"], ["trainer", "threads is 0"]),
    (["trainer.acelerator=cpu"], ["trainer.acelerator", "did you mean"]),
    (["trainer.accelerator=quantum"], ["trainer", "accelerator", "quantum"]),
    (
        [f"trainer.accelerator={ABSENT}"],
        [f"trainer.accelerator is {ABSENT}", "take trainer.accelerator=auto"],
    ),
    (["trainer.precision=7"], ["trainer", "precision", "7"]),
    (["estimator=nfs"], ["estimator=nfs", "did you mean"]),
    (["estimator.model=nfs"], ["estimator", "nfs"]),
    (["+estimator.hidden=3"], ["estimator.hidden", "did you mean"]),
    (["estimator._target_=torch.nn.Linear"], ["estimator._target_", "torch.nn.Linear"]),
    (["simulations=0"], ["simulations is 0"]),
    ([f"simulations={10**19}"], ["from 10 to 100000000"]),
    (["resume=nowhere"], ["resume is nowhere", "not a run folder"]),
    (["training.learning_rate=1"], ["training.learning_rate", "did you mean training.lr?"]),
    (["learning_rate=1"], ["learning_rate", "did you mean training.lr?"]),
    (["lr=1"], ["lr is not known", "did you mean training.lr?"]),
    (["overwrite=true"], ["overwrite is a key of", "not of train"]),
    (["name=../x"], ["name is '../x'", "leave out slashes"]),
    (["name="], ["name is ''"]),
]


@pytest.mark.parametrize(("words", "named"), TRAIN, ids=[" ".join(w) for w, _ in TRAIN])
def test_train_refuses(capsys, elsewhere, words, named):
    refused(capsys, elsewhere, ["train", *SMALL, *FAST, *words], named)


OBSERVE = [
    (["truth.ratee=100"], ["truth.ratee", "did you mean rate?"]),
    (["truth.rate=-1"], ["truth.rate is -1"]),
    (["truth.rate=nan"], ["truth.rate is nan"]),
    (["truth.rate=inf"], ["truth.rate is inf"]),
    (["truth.rate=bright"], ["truth.rate", "bright"]),
    (["truth.segments=0"], ["truth.segments is 0"]),
    (["truth.segments=8.5"], ["truth.segments is 8.5", "must be whole"]),
    (["truth.qpo_rms=50"], ["truth.qpo_rms is 50", "from 0.03 to 0.5; stay inside"]),
    (["truth.rate=1e300"], ["truth.rate is 1e+300", "to 2000 counts/s"]),
    (["truth.qpo_frequency=1e6"], ["truth.qpo_frequency is 1000000", "0.5 to 20 Hz"]),
    (["truth.noise_rms=0.02"], ["truth.noise_rms is 0.02", "0.03 to 0.5"]),
    (["truth.rate=0", "outside_prior=true"], ["truth.rate is 0", "above 0"]),
    (["truth.qpo_rms=50", "outside_prior=true"], ["rms of the log rate is 50", "lower qpo"]),
    (["truth.rate=1e300", "outside_prior=true"], ["1e+300 counts/s gives", "1 to 1e+08"]),
    (["truth.rate=1e-9", "outside_prior=true"], ["1e-09 counts/s gives", "events in"]),
    (["truth.qpo_frequency=1e6", "outside_prior=true"], ["is 1e+06 Hz", "end at 128 Hz"]),
    (["prior.parameters.qpo_rms.high=50"], ["prior.parameters reaches", "log rate is 50"]),
    (["truth.segments=1e9", "outside_prior=true"], ["steps of a light curve", "fewer segments"]),
    (
        [
            "simulator=periodograms",
            "~prior.parameters.rate",
            "+prior.covariates.rate={low: 1, high: 9}",
        ],
        ["detector is given, but PeriodogramSimulator takes none"],
    ),
    (
        ["detector=constant", "detector.frame_time=0.01"],
        ["detector is paralyzable or has frames", "frame_time=0"],
    ),
    (["output=taken"], ["output is taken", "exists", "overwrite=true"]),
    (["overwrite=perhaps"], ["overwrite", "perhaps"]),
    (["simulations=12"], ["simulations is a key of", "not of observe"]),
    (["output=file", "overwrite=true"], ["output is file", "is a file"]),
    (["output=file/below"], ["output is file/below", "cannot be made"]),
]


@pytest.mark.parametrize(("words", "named"), OBSERVE, ids=[" ".join(w) for w, _ in OBSERVE])
def test_observe_refuses(capsys, elsewhere, words, named):
    (elsewhere / "taken").mkdir()
    (elsewhere / "taken" / "mine").write_text("kept")
    (elsewhere / "file").write_text("kept")
    refused(capsys, elsewhere, ["observe", *FAKE, *words], named)
    assert (elsewhere / "taken" / "mine").read_text() == (elsewhere / "file").read_text() == "kept"


@pytest.fixture(scope="module")
def composed():
    from hydra import compose
    from hydra.initialize import initialize_config_dir
    from omegaconf import OmegaConf

    from livetime.cli.overrides import store_schemas

    store_schemas()
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = OmegaConf.to_container(compose("train", ["experiment=demo"]))
    del config["resume"]
    return json.dumps(config)


@pytest.fixture
def half_a_run(elsewhere, composed):
    """A run folder without its members' weights."""
    folder = elsewhere / "half a run"
    folder.mkdir()
    (folder / "config.json").write_text(composed)
    config = json.loads(composed)
    bank = bank_hash(build_simulator(config), config["seed"])
    (folder / "run.json").write_text(json.dumps({"bank": bank}))
    return folder


RUNS = [
    ([], ["run is missing", "(run=<run folder>)"]),
    (["run=nowhere"], ["run is nowhere", "does not exist"]),
    (["run=empty"], ["run empty", "config.json"]),
    (["half a run"], ["half a run is a run folder; say run=half a run"]),
    (["run=damaged"], ["damaged", "config.json"]),
    (["run=listed"], ["listed", "config.json"]),
    (["run=half a run"], ["half a run", "0 of 2 members"]),
    (["rnu=empty"], ["rnu", "did you mean run?"]),
    (["seed=abc"], ["seed", "abc"]),
]
OWN = {
    "evaluate": [
        (["run=half a run", "n=some"], ["n", "some"]),
        (
            ["stress=linear,drift"],
            ["stress=linear,drift is more than one value", "stress=[linear,drift]"],
        ),
        (["stress=[linear"], ["stress=[linear cannot be understood", "brackets"]),
        (["stress=a b"], ["stress must be a list"]),
    ],
    "infer": [
        (["observation.path=nothing.evt", "draws=3", "run=half a run"], ["draws is 3"]),
        (["+observation.paths=x"], ["observation.paths", "did you mean path?"]),
        (["reference.names=naive"], ["reference.names", "a list"]),
        (["reference=other"], ["reference=other", "default"]),
        (["grid.rate=[1]"], ["grid.rate is a key of compare, not of infer"]),
        (["threads=1"], ["threads is a key of", "not of infer"]),
        (["observation=A.evt"], ["say observation.path=A.evt"]),
        (["C.evt"], ["C.evt is not an existing file"]),
    ],
    "compare": [],
    "inject": [
        (["inject.path=nothing.lc", "draws=3", "run=half a run"], ["draws is 3"]),
        (["inject.rates=[]"], ["inject", "rates is []"]),
        (["inject.rates=[bright]"], ["inject.rates", "bright"]),
        (["inject.rates=bright"], ["inject.rates", "bright"]),
        (["inject.rates=300"], ["run is missing"]),
        (["observation.path=A.evt"], ["observation.path is a key of infer, not of inject"]),
        (
            ["inject.rates=[300,300]"],
            ["inject", "rates is [300.0, 300.0], with one twice"],
        ),
        (["inject.band=[10,3]"], ["inject", "band is 10 to 3"]),
        (["inject.band=[3]"], ["inject.band is [3], too few values"]),
        (["+inject.paths=x"], ["inject.paths", "did you mean path?"]),
    ],
}
OF_A_RUN = [(command, words, named) for command in OWN for words, named in [*RUNS, *OWN[command]]]


@pytest.mark.parametrize(
    ("command", "words", "named"), OF_A_RUN, ids=[f"{c} {' '.join(w)}" for c, w, _ in OF_A_RUN]
)
def test_commands_that_take_a_run_refuse(capsys, elsewhere, half_a_run, command, words, named):
    (elsewhere / "empty").mkdir()
    for name, text in (("damaged", '{"seed": '), ("listed", "[1, 2]")):
        (elsewhere / name).mkdir()
        (elsewhere / name / "config.json").write_text(text)
    if command == "infer" and not any(w.startswith("observation.") for w in words):
        words = [*words, "observation.path=A.evt"]
    if command == "inject" and not any(w.startswith("inject.path") for w in words):
        words = [*words, "inject.path=A.evt"]
    refused(capsys, elsewhere, [command, *words], named)


def test_infer_asks_for_a_path(capsys, elsewhere, half_a_run):
    refused(capsys, elsewhere, ["infer", "run=half a run"], ["observation.path"])


def test_a_run_folder_that_names_another_callable_is_refused(capsys, elsewhere, half_a_run):
    path = half_a_run / "config.json"
    config = json.loads(path.read_text())
    config["training"]["members"] = 0
    config["prior"]["_target_"] = "os.system"
    path.write_text(json.dumps(config))
    refused(
        capsys, elsewhere, ["evaluate", "run=half a run", "seed=7"], ["prior._target_", "os.system"]
    )


def test_a_resumed_training_takes_no_other_settings(capsys, elsewhere, half_a_run):
    refused(
        capsys,
        elsewhere,
        ["train", "resume=half a run", "training.lr=1"],
        ["training.lr cannot be changed", "resumed"],
    )


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("simulatons: 3", ["simulatons", "did you mean simulations?"]),
        ("simulations: many", ["simulations", "many"]),
        ("training: {epochz: 3}", ["training.epochz", "did you mean epochs?"]),
        ("defaults:\n  - override /detector: chandra", ["detector", "chandra"]),
        ("simulations: [", ["mine"]),
    ],
)
def test_a_faulty_experiment_file_is_refused(capsys, elsewhere, text, named):
    folder = elsewhere / "configs" / "experiment"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text(f"# @package _global_\n{text}\n")
    search = f"hydra.searchpath=[file://{elsewhere / 'configs'}]"
    refused(capsys, elsewhere, ["train", "experiment=mine", *FAST[1:], search], named)


def test_unknown_commands_are_refused(capsys, elsewhere):
    refused(capsys, elsewhere, ["simulat"], ["simulat", "did you mean simulate?"])
    refused(capsys, elsewhere, ["--frobnicate"], ["--frobnicate"])


def test_unknown_flags_are_refused(capsys, elsewhere):
    refused(capsys, elsewhere, ["simulate", *SMALL, "--frobnicate"], ["--frobnicate"])


# --- what works -----------------------------------------------------------------------------------


def test_simulate_prints_the_bank_and_writes_nothing_elsewhere(capsys, elsewhere):
    code, out, err = call(capsys, "simulate", *SMALL, "outputs=some where (1)")
    assert (code, err) == (0, "")
    folder = Path(out.splitlines()[-1])
    assert folder.parent == Path("some where (1)/banks")
    assert json.loads((folder / "manifest.json").read_text())["shards"][-1]["stop"] == 12
    assert os.listdir(elsewhere) == ["some where (1)"]
    assert call(capsys, "simulate", *SMALL, "outputs=some where (1)")[1].splitlines()[-1] == str(
        folder
    )


def test_outputs_land_in_the_checkout_whatever_the_working_folder(capsys, elsewhere, monkeypatch):
    (elsewhere / "deep" / "down").mkdir(parents=True)
    monkeypatch.chdir(elsewhere / "deep" / "down")
    code, out, _ = call(capsys, "simulate", *SMALL)
    assert code == 0
    assert Path(out.splitlines()[-1]).parent == elsewhere / "outputs" / "banks"


def test_observe_writes_one_file_a_module_and_the_truth(capsys, elsewhere):
    words = ["observe", *FAKE, "truth.rate=150", "truth.segments=2", "output=my (fake)=1"]
    words += ["outside_prior=true"]
    code, out, err = call(capsys, *words)
    assert (code, err) == (0, "")
    folder = elsewhere / "my (fake)=1"
    assert out.splitlines()[-1] == "my (fake)=1"
    assert sorted(os.listdir(folder)) == ["A.evt", "B.evt", "truth.json"]
    truth = json.loads((folder / "truth.json").read_text())
    assert truth["rate"] == 150
    assert truth["segments"] == 2
    before = (folder / "A.evt").read_bytes()
    refused(capsys, elsewhere, words, ["my (fake)=1", "overwrite=true"])
    assert (folder / "A.evt").read_bytes() == before
    code, _, _ = call(capsys, *words, "overwrite=true", "seed=5")
    assert code == 0
    assert (folder / "A.evt").read_bytes() != before
    assert os.listdir(elsewhere) == ["my (fake)=1"]


@pytest.mark.parametrize(
    "line",
    [["-m", "simulations=0,12"], ["simulations=0,12", "-m"], ["simulations=0,12", "--multirun"]],
)
def test_a_sweep_goes_on_after_a_bad_job_and_ends_with_2(capsys, elsewhere, line):
    words = [w for w in SMALL if not w.startswith("simulations")]
    code, out, err = call(capsys, "simulate", *words, *line)
    assert code == 2
    assert re.fullmatch(r"error: job 0 \(.*simulations=0.*\): simulations is 0.*\n", err)
    assert len(list((elsewhere / "outputs" / "banks").iterdir())) == 1
    assert str(elsewhere / "outputs" / "banks") in out
    assert os.listdir(elsewhere) == ["outputs"]
    assert set(os.listdir(elsewhere / "outputs")) <= {"banks", "sweeps"}


@pytest.mark.parametrize("flags", [["--cfg", "job"], ["-c", "job"]])
def test_cfg_prints_the_config_and_does_nothing(capsys, elsewhere, flags):
    from omegaconf import OmegaConf

    code, out, err = call(
        capsys, "train", *flags, "experiment=demo", "training.lr=3e-4", "resume=a (b)=c d"
    )
    assert (code, err) == (0, "")
    config = OmegaConf.create(out)
    assert (config.name, config.training.lr, config.resume) == ("demo", 3e-4, "a (b)=c d")
    assert tree(elsewhere) == []


# --- doctor ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def event_files(tmp_path_factory):
    """A clean file of two seconds, one with unsorted times, and a text."""
    from livetime.files.writing import write_events
    from livetime.simulate.detector import Events

    folder = tmp_path_factory.mktemp("events")
    times = np.arange(0.01, 2, 0.02) + np.random.default_rng(0).uniform(0, 0.01, 100)
    write_events(Events((times,), np.array([[0.0, 2.0]])), [folder / "clean.evt"], dead_time=2.5e-3)
    with fits.open(folder / "clean.evt") as hdus:
        hdus["EVENTS"].data = hdus["EVENTS"].data[np.arange(100)[::-1]]
        hdus["EVENTS"].data["TIME"] -= 0.004  # as another module's
        hdus.writeto(folder / "un=sorted [1].evt")
    (folder / "text.evt").write_text("no FITS")
    return folder


@pytest.mark.parametrize(
    ("names", "expected", "told"),
    [
        (["clean.evt"], 0, ["NuSTAR FPMA simulated", "100 events"]),
        (
            ["un=sorted [1].evt"],
            1,
            ["warning", "unsorted", "99 events are earlier than the one before, now sorted"],
        ),
        (["clean.evt", "un=sorted [1].evt"], 1, ["clean.evt", "un=sorted [1].evt"]),
        (["text.evt", "clean.evt"], 2, ["clean.evt"]),
    ],
)
def test_doctor_ends_with_the_worst_fault(capsys, elsewhere, event_files, names, expected, told):
    code, out, err = call(capsys, "doctor", *(str(event_files / name) for name in names))
    assert code == expected
    flat = re.sub(r"[\s│]+", " ", out)
    assert all(words in flat for words in told)
    assert len(err.splitlines()) == (expected == 2)
    assert ("text.evt cannot be read as FITS" in err) == (expected == 2)
    assert tree(elsewhere) == []


def test_doctor_writes_all_that_it_tells(capsys, elsewhere, event_files):
    paths = [str(event_files / name) for name in ("clean.evt", "un=sorted [1].evt", "text.evt")]
    code, out, _ = call(capsys, "doctor", *paths, "output=new/told.json")
    assert code == 2
    assert out.splitlines()[-1] == "new/told.json"
    told = json.loads((elsewhere / "new" / "told.json").read_text())
    assert [file["code"] for file in told["files"]] == [0, 1, 2]
    assert [file["file"] for file in told["files"]] == paths
    assert [
        finding["code"]
        for finding in told["files"][1]["findings"]
        if finding["severity"] == "warning"
    ] == ["unsorted"]
    assert set(told["files"][1]["findings"][0]) == {
        "code",
        "severity",
        "text",
        "action",
        "effect",
        "file",
        "corrected",
    }
    assert told["files"][0]["facts"]["events"] == 100
    (compared,) = told["together"]
    assert compared["facts"]["files"] == ["clean.evt", "un=sorted [1].evt"]
    assert compared["code"] == 0
    assert told["versions"]["livetime"]
    refused(
        capsys,
        elsewhere,
        ["doctor", paths[0], "output=new/told.json"],
        ["output is new/told.json, which exists", "overwrite=true"],
    )
    shutil.copy(paths[0], elsewhere / "new" / "told.part")
    assert call(capsys, "doctor", "new/told.part", "output=new/told.json", "overwrite=true")[0] == 0
    assert sorted(path.name for path in (elsewhere / "new").iterdir()) == ["told.json", "told.part"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ([], ["files are missing"]),
        (["output=a.json"], ["files are missing"]),
        (["there.evt"], ["there.evt does not exist"]),
        (["http://a.b/c.evt"], ["http://a.b/c.evt is on another machine"]),
        (["CLEAN", "outputs=a.json"], ["outputs=a.json is not known", "did you mean output?"]),
        (["CLEAN", "--json"], ["--json is not known"]),
        (["CLEAN", "output=."], ["output is .", "which is a folder"]),
        (
            ["CLEAN", "output=CLEAN/a.json"],
            ["clean.evt/a.json", "clean.evt is not a folder"],
        ),
        (["CLEAN", "output=CLEAN", "overwrite=true"], ["one of the files that are read"]),
        (["CLEAN", "overwrite=yes"], ["overwrite is yes"]),
        (["CLEAN", "band=3"], ["band is 3, but must be two energies in keV"]),
        (
            ["CLEAN", "band=[10,3]"],
            ["band is 10 to 3, but must go from one energy in keV to a higher one"],
        ),
        (["CLEAN", "band=[30,40]"], ["no events of observation.band, 30 to 40 keV"]),
    ],
)
def test_doctor_refuses(capsys, elsewhere, event_files, words, named):
    clean = str(event_files / "clean.evt")
    refused(capsys, elsewhere, ["doctor", *(word.replace("CLEAN", clean) for word in words)], named)


def test_doctor_answers_fast_without_heavy_imports(event_files, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROBE, "doctor", str(event_files / "clean.evt")],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0
    _, seconds, *heavy = done.stderr.split()
    assert heavy == ["astropy", "scipy"]
    assert float(seconds) < 3


@pytest.mark.parametrize("words", [["train"], ["train", "-m"], ["simulate"]])
def test_what_takes_long_does_not_start_by_itself(capsys, elsewhere, words):
    refused(capsys, elsewhere, words, ["experiment is missing"])


def test_two_experiments_are_a_sweep(capsys, elsewhere):
    words = ["train", "experiment=demo,qpo_cnn"]
    refused(capsys, elsewhere, words, ["choose one, or say -m"])


@pytest.mark.parametrize(
    ("word", "named"),
    [
        ("band=[nan,3]", "band is nan to 3, but energies"),
        ("output=", "output has no value"),
        ("{file}", "is given twice"),
    ],
)
def test_doctor_refuses_in_its_own_words(capsys, elsewhere, event_files, word, named):
    file = str(event_files / "clean.evt")
    refused(capsys, elsewhere, ["doctor", file, word.format(file=file)], [named])
