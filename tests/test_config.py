"""Every YAML file composes and builds; and what a config may name is held against the code."""

import importlib
import inspect
import sys
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from livetime import config as config_module
from livetime.commands.settings import ExperimentSettings
from livetime.config import CONFIGS, build, check, target_class
from livetime.errors import UserError, hint
from livetime.settings import Injection, ObservationFiles, Reference, Trainer, Training

NAN, INF = float("nan"), float("inf")
SETTINGS = {
    "training": Training,
    "trainer": Trainer,
    "reference": Reference,
    "observation": ObservationFiles,
    "inject": Injection,
}
PARTS = ("source", "detector", "summary", "prior", "estimator")
EXTRA = {
    "estimator": {
        "shapes": {"low": [-1.0, 0.0], "high": [1.0, 2.0], "x_dim": 7, "classes": ["a", "b"]}
    }
}
ROOTS = {"reference": "infer", "observation": "infer", "inject": "inject"}
COMMANDS = ("simulate", "train", "evaluate", "observe", "infer", "compare", "inject")


def files(*groups):
    return [
        (group, path.stem) for group in groups for path in sorted((CONFIGS / group).glob("*.yaml"))
    ]


GROUPS = sorted(path.name for path in CONFIGS.iterdir() if path.is_dir())


@pytest.fixture(scope="module")
def compose():
    """A composed root as plain types, exactly as `livetime` composes it."""
    from hydra import compose as hydra_compose
    from hydra.core.global_hydra import GlobalHydra
    from hydra.initialize import initialize_config_dir
    from omegaconf import OmegaConf

    from livetime.cli.overrides import store_schemas

    store_schemas()

    def one(*overrides, root="train"):
        GlobalHydra.instance().clear()
        with initialize_config_dir(str(CONFIGS), version_base="1.3"):
            return OmegaConf.to_container(hydra_compose(root, list(overrides)), resolve=True)

    yield one
    GlobalHydra.instance().clear()


# --- every YAML file --------------------------------------------------------------------------


def test_every_group_is_one_that_these_tests_know():
    assert set(GROUPS) <= {*PARTS, *SETTINGS, "simulator", "experiment", "debug", "shared"}, (
        "a new group: say here how it is built"
    )


@pytest.mark.parametrize(("group", "name"), files(*PARTS))
def test_every_part_composes_and_builds(compose, group, name):
    node = compose(f"{group}={name}")[group]
    part = build(node, group, **EXTRA.get(group, {}))
    assert type(part).__module__.startswith("livetime.")
    known = set(inspect.signature(type(part)).parameters) - set(EXTRA.get(group, {}))
    assert (
        set(node) - {"_target_"} == known
    )  # a file is exactly the keyword arguments of its target


@pytest.mark.parametrize("name", [name for _, name in files("simulator")])
def test_every_simulator_is_exactly_its_arguments(compose, name):
    node = compose(f"simulator={name}")["simulator"]
    arguments = inspect.signature(target_class(node, "simulator")).parameters
    others = {"prior", "source", "detector", "summary", "threads"}
    assert set(node) - {"_target_"} == set(arguments) - others


@pytest.mark.parametrize("name", [name for _, name in files("estimator/net")])
def test_every_net_builds_and_is_exactly_its_arguments(compose, name):
    from livetime.learn.nets import Shapes

    node = compose(f"estimator/net={name}")["estimator"]["net"]
    net = build(node, "estimator.net", shapes=Shapes((0.0,), (1.0,), 103, 2, 50), out=3)
    assert set(node) - {"_target_"} == set(inspect.signature(type(net)).parameters) - {
        "shapes",
        "out",
    }


@pytest.mark.parametrize(("group", "name"), files(*SETTINGS))
def test_every_file_of_settings_composes_and_checks(compose, group, name):
    node = compose(f"{group}={name}", root=ROOTS.get(group, "train"))[group]
    settings = check(SETTINGS[group], node, group)
    assert set(node) == {f.name for f in fields(settings)}
    again = {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(settings).items()}
    assert again == node  # nothing was rounded or reinterpreted


EXPERIMENTS = [None, *(name for _, name in files("experiment"))]
DEBUGS = [None, *(name for _, name in files("debug"))]


@pytest.mark.parametrize("debug", DEBUGS)
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_composes_and_its_simulator_builds(compose, experiment, debug):
    chosen = [
        f"{group}={name}" for group, name in (("experiment", experiment), ("debug", debug)) if name
    ]
    node = compose(*chosen)
    simulator = build_simulator()(node)
    assert simulator.layout.size > 10
    training = check(Training, node["training"], "training")
    check(Trainer, node["trainer"], "trainer")
    assert node["simulations"] * training.validation >= 1
    if experiment:
        assert node["name"] == experiment
    from livetime.simulate.build import shapes

    build(node["estimator"], "estimator", shapes=shapes(simulator))


def build_simulator():
    from livetime.simulate.build import build_simulator

    return build_simulator


@pytest.mark.parametrize("name", [name for _, name in files("experiment")])
def test_experiments_hold_only_differences_and_no_launcher(name):
    import yaml

    text = (CONFIGS / "experiment" / f"{name}.yaml").read_text()
    assert text.startswith("# @package _global_")
    own = yaml.safe_load(text)
    assert all(key.startswith("override /") for d in own.pop("defaults", []) for key in d)
    allowed = {f.name for f in fields(ExperimentSettings)}
    assert set(own) <= allowed  # no hydra, so no sweep and no launcher
    assert "_target_" not in text  # a group's choice is a default, not a copy


@pytest.mark.parametrize("command", COMMANDS)
def test_the_root_of_a_command_is_its_settings(compose, command):
    module = importlib.import_module(f"livetime.commands.{command}")
    settings = getattr(module, f"{command.capitalize()}Settings")
    composed = compose(root=command)
    assert set(composed) == {f.name for f in fields(settings)}
    groups = {*PARTS, *SETTINGS, "simulator"}
    plain = {key: value for key, value in composed.items() if key not in groups}
    given = asdict(settings())
    assert plain == {key: given[key] for key in plain}


def test_what_the_experiments_promise(compose):
    """Ranges, segments and modules of deadtime_npe and deadtime_npe_single."""
    for name, modules, lowest in (("deadtime_npe", 2, 20), ("deadtime_npe_single", 1, 5)):
        simulator = build_simulator()(compose(f"experiment={name}"))
        ranges = {k: (r.low, r.high) for k, r in simulator.prior.ranges.items()}
        assert ranges == {
            "qpo_rms": (0.03, 0.5),
            "qpo_frequency": (0.5, 20),
            "qpo_quality": (2, 20),
            "noise_rms": (0.03, 0.5),
            "noise_frequency": (0.2, 5),
            "rate": (lowest, 2000),
            "segments": (8, 64),
        }
        assert {r.scale for r in simulator.prior.ranges.values()} == {"log"}
        assert list(simulator.prior.covariates) == ["segments"]
        assert (simulator.detector.modules, simulator.summary.segment_size) == (modules, 16)
        assert simulator.layout.axis.values[-1] > 64 * 0.97
        assert simulator.detector.dead_time == ("nustar" if modules == 2 else 2.5e-3)


PRESETS = {
    "nustar": ("NuSTAR", "FPMA"),
    "nicer": ("NICER", "XTI"),
    "rxte_pca": ("XTE", "PCA"),
    "laxpc": ("ASTROSAT", "LAXPC"),
    "xmm_timing": ("XMM", "EPN"),
    "gbm": ("GLAST", "GBM"),
    "swift_wt": ("SWIFT", "XRT"),
    "ixpe": ("IXPE", "GPD"),
}


@pytest.mark.parametrize("name", PRESETS)
def test_presets_of_missions_are_what_is_known_of_their_files(compose, name):
    from livetime.files.mission import find_mission

    detector, mission = (
        build(compose(f"detector={name}")["detector"], "detector"),
        find_mission(*PRESETS[name]),
    )
    assert mission is not None
    if mission.dead_time:
        assert detector.mean_dead_time == pytest.approx(mission.dead_time, rel=0.02)
        assert (detector.detectors > 1) == (mission.detector is not None)
    else:
        assert detector.frame_time in mission.frames.values()
    assert detector.covariates == ()


def test_one_experiment_is_for_any_of_them(compose):
    """Its box contains the presets that list single events, and rates up to five a dead time."""
    simulator = build_simulator()(compose("experiment=deadtime_npe_any"))
    ranges = {k: (r.low, r.high) for k, r in simulator.prior.ranges.items()}
    assert ranges["rate"] == (5, 3000)
    assert ranges["dead_time"] == (1e-6, 5e-3)
    assert ranges["segments"] == (4, 64)
    assert ranges["rate"][1] * ranges["dead_time"][1] >= 5
    assert list(simulator.prior.covariates) == [
        "segments",
        "dead_time",
        "detectors",
        "background_share",
        "kept_fraction",
    ]
    for name in PRESETS:
        detector = build(compose(f"detector={name}")["detector"], "detector")
        if not detector.frame_time:
            assert ranges["dead_time"][0] <= detector.mean_dead_time <= ranges["dead_time"][1]
            assert ranges["detectors"][0] <= detector.detectors <= ranges["detectors"][1]


# --- build --------------------------------------------------------------------------

SOURCE = {"_target_": "livetime.simulate.light_curve.LightCurve", "components": {"noise": "noise"}}


def refusal(action):
    with pytest.raises(UserError) as error:
        action()
    assert len(str(error.value).splitlines()) == 1
    return str(error.value)


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "builtins.eval",
        "torch.nn.Linear",
        "livetime_evil.simulate.Prior",
        "livetimeX.Prior",
        "Livetime.simulate.prior.Prior",
        ".livetime.simulate.prior.Prior",
        "posix.system",
        "",
        None,
        3,
        "livetime",
        "livetime.",
        "livetime.nothing.Here",
        "livetime.simulate.prior.Priorr",
        "livetime.simulate.prior",  # a module
        "livetime.simulate.simulator.VERSION",  # a number
    ],
)
def test_targets_that_are_not_classes_of_livetime_are_refused(target):
    message = refusal(lambda: build({**SOURCE, "_target_": target}, "source"))
    assert "source" in message
    assert "_target_" in message


@pytest.mark.parametrize(
    "target",
    [
        "livetime.commands.train.Path",
        "livetime.simulate.simulator.ThreadPoolExecutor",
        "livetime.outputs.subprocess.Popen",
        "livetime.outputs.shutil.rmtree",
        "livetime.config.TypeAdapter",
        "livetime.cli.main",
    ],
)
def test_what_livetime_merely_imports_or_runs_cannot_be_named(target):
    assert target in refusal(lambda: build({"_target_": target}, "source"))


def test_a_refused_target_is_not_even_imported(monkeypatch):
    monkeypatch.delitem(sys.modules, "this", raising=False)
    refusal(lambda: build({"_target_": "this.s"}, "source"))
    assert "this" not in sys.modules


@pytest.mark.parametrize(
    ("group", "change", "words"),
    [
        ("source", {"dtt": 1}, ["source.dtt", "did you mean dt?"]),
        ("source", {"dt": "fast"}, ["source.dt", "fast"]),
        ("source", {"dt": -1.0}, ["source", "dt is -1.0"]),
        ("source", {"dt": None}, ["source.dt"]),
        ("source", {"dt": INF}, ["source", "dt is inf"]),
        ("source", {"stretch": INF}, ["source", "stretch is inf"]),
        ("source", {"stretch": 0.9}, ["source", "stretch is 0.9"]),
        ("source", {"log_normal": 3}, ["source.log_normal", "3"]),
        (
            "source",
            {"components": {"a": "lorentzian"}},
            ["source.components.a", "qpo", "lorentzian"],
        ),
        ("source", {"components": {}}, ["source", "components is empty"]),
        ("source", {"components": ["qpo"]}, ["source.components"]),
        ("detector", {"modules": 3}, ["detector.modules", "3"]),
        ("detector", {"modules": 1.5}, ["detector.modules", "1.5"]),
        ("detector", {"dead_time": "chandra"}, ["detector.dead_time", "nustar", "chandra"]),
        ("detector", {"dead_time": -1.0}, ["detector", "dead_time is -1.0"]),
        ("summary", {"rebin": 0.0}, ["summary", "rebin is 0.0"]),
        ("summary", {"rebin": INF}, ["summary", "rebin is inf"]),
        ("summary", {"segment_size": INF}, ["summary", "segment_size is inf"]),
        ("summary", {"dt": [1, 2]}, ["summary.dt"]),
        ("summary", {"segment_size": 16.001}, ["summary", "segment_size"]),
        ("prior", {"parameters": {}}, ["prior", "parameters is empty"]),
        (
            "prior",
            {"parameters": {"rate": {"low": 2.0, "high": 1.0}}},
            ["prior.parameters.rate", "low is 2.0"],
        ),
        ("prior", {"parameters": {"rate": {"low": 2.0}}}, ["prior.parameters.rate", "high"]),
        (
            "prior",
            {"parameters": {"rate": {"low": 1.0, "high": 2.0, "scale": "cubic"}}},
            ["prior.parameters.rate.scale", "cubic"],
        ),
        (
            "prior",
            {"parameters": {"rate": {"low": 1.0, "high": 2.0, "lwo": 3}}},
            ["prior.parameters.rate.lwo"],
        ),
        (
            "prior",
            {"parameters": {"rate": {"low": 1.0, "high": INF}}},
            ["prior.parameters.rate", "high is inf"],
        ),
        (
            "prior",
            {"parameters": {"rate": {"low": "much", "high": 1.0}}},
            ["prior.parameters.rate.low", "much"],
        ),
        ("prior", {"parameters": {"rate": 3.0}}, ["prior.parameters.rate"]),
        ("estimator", {"model": "zuko_nfs"}, ["estimator", "zuko_nfs", "zuko_nsf"]),
        ("estimator", {"features": 0}, ["estimator", "features"]),
        (
            "estimator",
            {"net": {"_target_": "livetime.learn.nets.MLP", "widths": []}},
            ["estimator.net", "widths"],
        ),
        (
            "estimator",
            {"net": {"_target_": "livetime.learn.nets.MLP", "width": 3}},
            ["estimator.net.width", "did you mean widths?"],
        ),
        (
            "estimator",
            {"net": {"_target_": "livetime.learn.nets.MLP", "dropout": 1.0}},
            ["estimator.net", "dropout is 1.0"],
        ),
        (
            "estimator",
            {"net": {"_target_": "livetime.learn.nets.PeriodogramCNN"}},
            ["estimator.net", "periodograms"],
        ),
        ("estimator", {"num_transforms": "many"}, ["estimator.num_transforms", "many"]),
        (
            "estimator",
            {"num_transform": 3},
            ["estimator.num_transform", "did you mean num_transforms?"],
        ),
        ("estimator", {"num_transforms": 0}, ["estimator", "num_transforms"]),
        ("estimator", {"num_bins": 0}, ["estimator", "num_bins"]),
        ("estimator", {"hidden_features": 0}, ["estimator", "hidden_features"]),
        ("estimator", {"hidden_features": [64, -1]}, ["estimator", "hidden_features"]),
        ("estimator", {"shapes": {"low": [0.0]}}, ["estimator.shapes"]),
    ],
)
def test_what_a_part_does_not_take_is_refused_by_name(compose, group, change, words):
    node = {**compose()[group], **change}
    message = refusal(lambda: build(node, group, **EXTRA.get(group, {})))
    for word in words:
        assert word in message


# --- check --------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, -1])
@pytest.mark.parametrize("key", ["epochs", "batch_size", "patience", "members", "lr", "clip"])
def test_what_must_be_above_zero(key, value):
    message = refusal(lambda: check(Training, {key: value}, "training"))
    assert "training" in message
    assert f"{key} is {value}" in message


@pytest.mark.parametrize(
    ("group", "change", "words"),
    [
        ("training", {"epoch": 3}, ["training.epoch", "did you mean epochs?"]),
        ("training", {"epochs": "many"}, ["training.epochs", "many"]),
        ("training", {"epochs": 1.5}, ["training.epochs", "1.5"]),
        ("training", {"epochs": None}, ["training.epochs"]),
        ("training", {"schedule": "linear"}, ["training.schedule", "onecycle", "linear"]),
        ("training", {"lr": NAN}, ["lr"]),
        ("training", {"lr": INF}, ["lr"]),
        ("training", {"clip": NAN}, ["clip"]),
        ("training", {"validation": 0.0}, ["validation is 0.0"]),
        ("training", {"validation": 1.0}, ["validation is 1.0"]),
        ("training", {"validation": NAN}, ["validation is nan"]),
        ("training", {"weight_decay": -1.0}, ["weight_decay is -1.0"]),
        ("training", {"weight_decay": NAN}, ["weight_decay"]),
        ("training", {"weight_decay": INF}, ["weight_decay"]),
        ("training", {"test": 99}, ["test is 99"]),
        ("trainer", {"threads": 0}, ["threads is 0"]),
        ("trainer", {"threads": -1}, ["threads is -1"]),
        ("trainer", {"processes": 0}, ["processes is 0"]),
        ("trainer", {"acelerator": "cpu"}, ["trainer.acelerator", "did you mean accelerator?"]),
        ("reference", {"name": ["naive"]}, ["reference.name", "did you mean names?"]),
        ("reference", {"names": "naive"}, ["reference.names", "a list in brackets"]),
        ("observation", {"gti": 3}, ["observation.gti"]),
        ("observation", {"margin": -1}, ["observation.margin", "margin is -1"]),
        ("observation", {"row": 0}, ["observation.row", "row is 0"]),
        ("observation", {"exclude": 14}, ["observation.exclude", "a list in brackets"]),
        ("observation", {"path": 3}, ["observation.path"]),
        ("observation", {"start": "now"}, ["observation.start", "now"]),
    ],
)
def test_settings_that_are_wrong_are_refused_by_name(group, change, words):
    message = refusal(lambda: check(SETTINGS[group], change, group))
    for word in [group, *words]:
        assert word in message


def test_settings_are_the_types_that_they_say():
    training = check(Training, {"lr": 1, "epochs": 3}, "training")
    assert (training.lr, type(training.lr), training.epochs) == (1.0, float, 3)
    assert check(ObservationFiles, {"path": ["a", "b"]}, "observation").path == ("a", "b")


# --- the rest --------------------------------------------------------------------------


def test_a_hint_is_the_nearest_word_or_all_of_them():
    assert hint("ratte", ["rate", "qpo_rms"]) == "did you mean rate?"
    assert hint("zzz", ["b", "a"]) == "there are: a, b"


def test_the_configs_are_those_of_the_checkout():
    assert CONFIGS.is_dir()
    assert Path(config_module.__file__).is_relative_to(config_module.ROOT)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"band": (1, 2, 3)}, "observation.band is [1, 2, 3], too many values; give 2"),
        ({"band": 3}, "but must be a list in brackets"),
        ({"detectors": 1.5}, "observation.detectors is 1.5, but must be a whole number;"),
        ({"band": (float("nan"), 3)}, "but energies in keV are finite"),
    ],
)
def test_values_of_a_wrong_type_are_refused_in_plain_words(change, words):
    with pytest.raises(UserError) as refusal:
        check(ObservationFiles, change, "observation")
    assert words in str(refusal.value)
