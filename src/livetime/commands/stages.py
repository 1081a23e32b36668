"""The typed spine: simulate, train, evaluate, observe, infer, compare, inject.

Heavy packages are imported when a stage starts, so that `--help` and a bad key answer at once.
"""

import json
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from filelock import FileLock, Timeout

from livetime.config import ROOT, Injection, ObservationFiles, Reference, Trainer, Training, check
from livetime.errors import UserError, hint
from livetime.outputs import new_folder, provenance, refuse_existing, stamp, write_json
from livetime.progress import progress, say

if TYPE_CHECKING:
    from livetime.infer.run import Run
    from livetime.learn.module import LitEstimator
    from livetime.report.assessment import Assessment
    from livetime.simulate.bank import Bank
    from livetime.simulate.detector import Events
    from livetime.simulate.simulator import Simulator, TimingSimulator

Config = Mapping[str, Any]
TEST_SEED = 2**32
"""Added to a run's seed for the fresh simulations that diagnose it."""
LARGEST_BANK = 10**8
"""Simulator; their indices are held in memory."""
MOST = 1_000_000
"""Simulations that tell of a run, at the most: they are held in memory."""
TO_WIDEN = 5000
"""Simulations of the validation split, at the most, that tell how much wider an ensemble's posteriors must be."""


def outputs(config: Config) -> Path:
    """Where everything written lands: `outputs/` of the checkout, unless the config says otherwise."""
    return Path(config.get("outputs") or ROOT / "outputs")


# --- simulate ------------------------------------------------------------------------------------------------------------


def simulate(config: Config) -> Path:
    """Builds the bank of simulations that an experiment asks for, or makes it grow, and returns its folder."""
    from livetime.infer.build import build_simulator

    check(Training, config["training"], "training")
    check(Trainer, config["trainer"], "trainer")
    return _bank(config, build_simulator(config, config["threads"])).folder


def _refuse_number(n: int) -> None:
    if not 10 <= n <= LARGEST_BANK:
        raise UserError(
            f"simulations is {n}, but a bank has at least 10, and at most {LARGEST_BANK}"
        )


def _bank(config: Config, simulator: "Simulator") -> "Bank":
    from livetime.simulate.bank import Bank, BankError

    n = config["simulations"]
    _refuse_number(n)
    try:
        root = outputs(config) / "banks"
        found = min(n, Bank.found(root, simulator, config["seed"]))
        if found:
            say(f"{found} of {n} simulations are there already")
        with (
            progress("simulate", n, "simulations", done=found)
            if found < n
            else nullcontext() as bar
        ):
            bank = Bank.build(root, simulator, n, config["seed"], bar.advance if bar else None)
    except BankError as error:
        raise UserError(str(error)) from None
    lost = [row for row in bank.manifest["nonfinite"] if row["index"] < n]
    if lost:
        say(
            f"{len(lost)} of {n} simulations are not finite and left out; {bank.folder / 'manifest.json'} lists them"
        )
    return bank


# --- train ---------------------------------------------------------------------------------------------------------------


def train(config: Config, overrides: list[str], folder: Path | None = None) -> tuple[Path, float]:
    """Simulates, trains every member, diagnoses the run, and returns its folder and the held-out loss.

    Arguments:
        config: resolved; that of the run folder where `resume` names one.
        overrides: as typed, for the record.
        folder: the run folder; None for a new one under outputs/<name>/.
    """
    if config["resume"]:
        from livetime.infer.run import CONFIG, METRICS, Run

        folder = Path(config["resume"])
        if not (folder / CONFIG).exists():
            raise UserError(
                f"resume={folder} is not a run folder: it has no {CONFIG}; give the folder of a training that was stopped"
            )
        if extra := [o for o in overrides if not o.startswith(("resume=", "trainer."))]:
            raise UserError(
                f"{extra[0]} cannot be changed by a resumed training; it goes on with what is in {folder / CONFIG}"
            )
        config = {
            **Run.open(folder).config,
            "trainer": config["trainer"],
            "threads": config["threads"],
        }
        if (folder / METRICS).exists():
            raise UserError(f"resume={folder} is finished; nothing is left to train")
    training, trainer = (
        check(Training, config["training"], "training"),
        check(Trainer, config["trainer"], "trainer"),
    )

    import torch

    from livetime.infer.build import build_simulator, shapes
    from livetime.infer.run import CONFIG, INFLATION, METRICS, RANGE, RUN, Run

    simulator = build_simulator(config, config["threads"])
    if config["simulations"] * training.validation < 1:
        raise UserError(
            f"simulations is {config['simulations']}, too few for training.validation={training.validation}; ask for more"
        )
    _refuse_number(config["simulations"])
    if config.get("output"):
        raise UserError(
            "output is for observe, infer, evaluate and compare; a run lands under outputs=<folder>, by its name"
        )

    from livetime.learn.module import LitEstimator
    from livetime.learn.training import Member, fit_ensemble

    known = shapes(simulator)
    module = LitEstimator(dict(config["estimator"]), known, config["training"])
    _refuse_what_cannot_be_trained(config, training, trainer, simulator, module)
    times = {"started": time.time()}
    bank = _bank(config, simulator)
    times["simulated"] = time.time()
    if folder is None:
        folder = outputs(config) / config["name"] / stamp()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / CONFIG).exists():
        write_json(
            folder / CONFIG,
            {
                k: v
                for k, v in config.items()
                if k not in ("resume", "truth", "output", "overwrite")
            },
        )
        write_json(
            folder / RUN,
            {
                "name": config["name"],
                "overrides": overrides,
                "seed": config["seed"],
                **provenance(),
                "bank": bank.folder.name,
            },
        )
    say(f"run folder: {folder}")
    if not (folder / RANGE).exists():
        x = bank.load(config["simulations"])[1]
        names, low, high = simulator.layout.names(), x.min(axis=0), x.max(axis=0)
        write_json(folder / RANGE, {"names": names, "low": low.tolist(), "high": high.tolist()})
        if constant := [name for name, same in zip(names, low == high, strict=True) if same]:
            say(
                f"the same in all simulations, and so of no use to the network: {', '.join(constant)}"
            )
        del x
    members = [
        Member(
            folder / f"member_{i}",
            dict(config["estimator"]),
            training,
            trainer,
            known,
            bank.folder,
            config["simulations"],
            seed=int(np.random.SeedSequence([config["seed"], i]).generate_state(1)[0]),
            fold=i,
            overfit=config["overfit"],
        )
        for i in range(training.trainings)
    ]
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
        with progress("train", training.epochs * len(members), "epochs") as bar:
            results = fit_ensemble(
                members,
                lambda member, epochs, loss: bar.advance(
                    epochs, f"member {member}, validation loss {loss:.3f}"
                ),
            )
    except Timeout:
        raise UserError(
            f"{folder} is being trained by another process; wait for it, or stop it"
        ) from None
    except KeyboardInterrupt:
        say(f"stopped; go on with: livetime train resume={folder}")
        raise
    finally:
        lock.release()
    times["trained"] = time.time()
    torch.set_num_threads(1)  # as in every other command
    run = Run.open(folder)
    if run.inflates and training.folds == 1 and not (folder / INFLATION).exists():
        _widen(run, bank, training)
    result = _held_out(
        run,
        lambda: bank.load(config["simulations"]),
        training.test,
        config["seed"] + TEST_SEED,
        config["threads"],
    )
    times["diagnosed"] = time.time()
    names = list(times)
    numbers = {
        **result.numbers,
        "members": results,
        "val_loss": float(np.mean([m["val_loss"] for m in results])),
        "val_loss_std": float(np.std([m["val_loss"] for m in results])),
        "simulations": config["simulations"],
        "seconds": {b: times[b] - times[a] for a, b in pairwise(names)},
    }

    from livetime.report import assessment as outcome

    outcome.write(result, folder, f"livetime: {config['name']}, {folder.name}")
    outcome.tensorboard(
        result,
        folder,
        _hparams(config, json.loads((folder / RUN).read_text())["overrides"]),
        numbers["val_loss"],
    )
    write_json(folder / METRICS, numbers)
    if training.folds > 1:
        say(
            f"validation loss of {training.folds} folds: {numbers['val_loss']:.4f}, standard deviation {numbers['val_loss_std']:.4f}"
        )
    say(result.words)
    return folder, result.loss


def _refuse_what_cannot_be_trained(
    config: Config,
    training: Training,
    trainer: Trainer,
    simulator: "Simulator",
    module: "LitEstimator",
) -> None:
    """What can be known of a training before anything is simulated; raises UserError."""
    from livetime.learn.data import split
    from livetime.learn.training import on_machine

    on_machine(trainer, logger=False, enable_checkpointing=False)
    n, classes = config["simulations"], simulator.prior.classes
    learns_classes = module.estimator.target == "class"
    if classes and not learns_classes:
        raise UserError(
            f"estimator={config['estimator']['_target_'].rpartition('.')[-1]} learns parameters, but prior.classes has "
            f"{', '.join(classes)}; take estimator=classifier, or a prior without classes"
        )
    labels = simulator.theta(0, n, config["seed"])[:, -1].astype(int) if learns_classes else None
    for fold in range(training.folds):
        part = split(n, training, fold, labels, config["overfit"], list(classes))[0]
        left = len(range(n)[part]) if isinstance(part, slice) else len(part)
        if training.batch_size and training.batch_size > left:
            raise UserError(
                f"training.batch_size is {training.batch_size}, but {left} simulations are trained on; take a smaller one, or null"
            )
    if training.batch_size == 1 and module.normalises_batches:
        raise UserError(
            "training.batch_size is 1, of which normalisation=batch has no variance; take normalisation=layer, or more a batch"
        )


def _widen(run: "Run", bank: "Bank", training: Training) -> None:
    """Finds how much wider the posteriors must be, on the validation split, and writes it into the run folder."""
    from livetime.check.calibration import widening
    from livetime.infer.run import INFLATION, INFLATIONS
    from livetime.learn.data import split

    theta, x = bank.load(run.config["simulations"])
    part = split(len(x), training)[1]
    theta, x = theta[part][:TO_WIDEN, : run.simulator.prior.dim], x[part][:TO_WIDEN]
    with progress("widen", len(INFLATIONS), "factors") as bar:
        width = widening(run.inflated, theta, x, run.config["seed"], progress=bar.advance)
    write_json(run.folder / INFLATION, {"inflation": width, "simulations": len(x)})
    if width == INFLATIONS[-1]:
        say(
            f"posteriors are widened by a factor of {width:g}, the most that is tried, and may still hold too few truths"
        )
    elif width > 1:
        say(
            f"posteriors are widened by a factor of {width:.3f}, so that on the validation split they hold the truths that they say"
        )


def _hparams(config: Config, overrides: list[str]) -> dict[str, Any]:
    """What tells runs apart in the HPARAMS tab, which shows five columns unasked: what was overridden, and little else."""
    shown: dict[str, Any] = {
        "experiment": config["name"],
        "simulations": config["simulations"],
        "training.lr": config["training"]["lr"],
    }
    for key, _, value in (o.lstrip("+~").partition("=") for o in overrides):
        if key not in (
            *shown,
            "outputs",
            "output",
            "overwrite",
            "resume",
            "threads",
        ) and not key.startswith("trainer"):
            try:
                shown[key] = float(value)
            except ValueError:
                shown[key] = value
    return shown


def _held_out(
    run: "Run",
    bank: Callable[[], Any],
    n: int,
    seed: int,
    threads: int | None,
    others: Sequence[str] = (),
) -> "Assessment":
    """What n simulations that are made for this and kept nowhere say of a run, and those of other sources with the same parameters; `bank`
    gives theta and x that it was trained on."""
    from livetime.check import robustness as stress
    from livetime.check.calibration import calibrate
    from livetime.report import assessment as outcome
    from livetime.simulate.simulator import LIVE, TimingSimulator

    simulator = replace(run.simulator, threads=threads)
    with progress("simulate held-out", n, "simulations") as bar:
        theta, x = simulator.simulate(0, n, seed, bar.advance)
    finite = np.isfinite(x).all(axis=1)
    theta, x = theta[finite], x[finite]
    seed %= 2**31
    if run.question.name == "class":
        result = outcome.classify(run, theta, x, bank(), seed)
    else:
        dim = simulator.prior.dim
        covariates = dict(zip(simulator.prior.covariates, theta[:, dim:].T, strict=True))
        if LIVE in simulator.layout.slices:
            covariates[LIVE] = x[:, simulator.layout.slices[LIVE].start]
        with progress("calibrate", len(x), "posteriors") as bar:
            normal = calibrate(
                run.posterior, theta[:, :dim], x, seed, progress=bar.advance, covariates=covariates
            )
        told = {
            name: stress.ask(run, simulator, name, normal, theta, x, seed)
            for name in others
            if isinstance(simulator, TimingSimulator)
        }
        result = outcome.stressed(outcome.of_posterior(normal, simulator), told)
    return outcome.interpreted(result, run, theta, x, seed)


# --- evaluate ------------------------------------------------------------------------------------------------------------


def evaluate(config: Config) -> tuple[Path, float]:
    """Calibration of a run on simulations made for this, with a seed of their own; returns the folder and the loss."""
    run = _open(config)
    n = 4000 if config["n"] is None else config["n"]
    if n < 100:
        raise UserError(f"n is {n}, but calibration cannot be told from fewer than 100 simulations")
    if n > MOST:
        raise UserError(f"n is {n}, but no more than {MOST} simulations are asked for; take fewer")
    if config["seed"] in (run.config["seed"], run.config["seed"] + TEST_SEED):
        raise UserError(
            f"seed is {config['seed']}, with which this run was trained or tested; choose another"
        )
    folder = Path(config["output"] or run.folder / f"evaluate_{stamp()}")
    from livetime.check import robustness as stress

    stress.refuse(run, config["stress"])
    with new_folder(folder, config["overwrite"]) as aside:
        bank = lambda: _bank(run.config, run.simulator).load(run.config["simulations"])  # noqa: E731
        result = _held_out(run, bank, n, config["seed"], config["threads"], config["stress"])

        from livetime.report import assessment as outcome

        outcome.write(result, aside, f"livetime: {run.config['name']}, evaluated")
        write_json(
            aside / "evaluation.json",
            {"run": str(run.folder), "seed": config["seed"], **result.numbers, **provenance()},
        )
    say(result.words)
    return folder, result.loss


def _open(config: Config, for_posterior: bool = False) -> "Run":
    if not config["run"]:
        raise UserError(
            "run is missing; say run=<run folder>, the last line that `livetime train` printed"
        )
    folder = Path(config["run"])
    if not folder.is_dir():
        raise UserError(
            f"run={folder} {'is not a folder' if folder.exists() else 'does not exist'}; give the folder that `livetime train` printed"
        )
    import torch

    from livetime.infer.run import Run

    torch.set_num_threads(1)  # the same bits on any number of cores, and no slower
    run = Run.open(folder)
    _ = run.simulator, run.members, run.training_range, run.metrics
    _ = run.inflation
    if for_posterior:
        run.expect("posterior")
    return run


def _references(run: "Run", which: Reference) -> tuple[str, ...]:
    from livetime.reference.whittle import applicable

    try:
        return applicable(run.simulator, which.names)
    except ValueError as error:
        raise UserError(str(error)) from None


# --- observe -------------------------------------------------------------------------------------------------------------


def observe(config: Config) -> Path:
    """Writes one simulated observation as OGIP event files, one per module, or as a spectrum with its response, and `truth.json`.

    Parameters that `truth` does not give are drawn from the prior.
    """
    from livetime.files import spectrum as pha
    from livetime.infer.build import build_simulator
    from livetime.simulate.detector import COVARIATES, DeadTime, Events
    from livetime.simulate.pileup import FrameEvents
    from livetime.simulate.simulator import WHOLE, TimingSimulator, stream
    from livetime.simulate.spectral import SpectralSimulator

    simulator = build_simulator(config)
    if isinstance(simulator.detector, DeadTime) and (
        simulator.detector.paralyzable or simulator.detector.frame_time
    ):
        raise UserError(
            "observe writes the live time of a non-paralyzable detector without frames; leave detector.paralyzable and frame_time"
        )
    given = config["truth"]
    for name, value in given.items():
        if name not in simulator.prior.ranges:
            raise UserError(f"truth.{name} is not known; {hint(name, simulator.prior.ranges)}")
        positive = isinstance(value, int | float) and math.isfinite(value) and value > 0
        if not (positive or (value == 0 and simulator.prior.ranges[name].low <= 0)):
            raise UserError(f"truth.{name} is {value!r}, but must be a positive number")
    seed = config["seed"]
    theta, classes = simulator.theta(0, 1, seed), list(simulator.prior.classes)
    of_class = {"class": classes[int(theta[0, -1])]} if classes else {}
    drawn = {name: float(v[0]) for name, v in simulator.prior.physical(theta).items()}
    truth = {name: float(given.get(name, value)) for name, value in drawn.items()}
    truth.update({name: float(max(1, round(truth[name]))) for name in WHOLE if name in truth})
    folder = Path(config["output"] or outputs(config) / config["name"] / f"observation_{stamp()}")
    try:
        events = simulator.events(truth, stream(seed, 0))
    except ValueError as error:
        raise UserError(str(error)) from None
    with new_folder(folder, config["overwrite"]) as aside:
        if isinstance(simulator, TimingSimulator) and isinstance(events, Events):
            _write_events(events, simulator, truth, aside)
        elif isinstance(simulator, SpectralSimulator) and isinstance(events, FrameEvents):
            pha.write(events, truth["exposure"], simulator.detector, aside)
        write_json(aside / "truth.json", {**truth, **of_class})
    if of_class:
        say(f"drawn from the class {of_class['class']}; another seed=<n> draws another")
    if "hardness" in truth:
        say("hard events have PI 310, soft ones 110; tell them apart with observation.hard=210")
    if isinstance(events, Events) and simulator.known:
        recorded = len(events.times[0]) / float(np.diff(events.gti).sum())
        told = {
            **truth,
            "background_share": truth.get("background_share", 0.0) * recorded,
        }  # is asked for in counts/s
        say(
            "infer from it with "
            + " ".join(
                f"observation.{o}={told[c]:.6g}"
                for o, c in COVARIATES.items()
                if c in simulator.known
            )
        )
    drawn_names = [name for name in truth if name not in given]
    if drawn_names:
        say(
            "drawn from the prior: "
            + ", ".join(f"{name} = {truth[name]:.4g}" for name in drawn_names)
        )
    return folder


def _write_events(
    events: "Events", simulator: "TimingSimulator", truth: Mapping[str, float], folder: Path
) -> None:
    from livetime.files.events import write
    from livetime.files.mission import alike, find
    from livetime.simulate.frames import FramePileUp

    paths = [folder / f"{'AB'[m]}.evt" for m in range(simulator.detector.modules)]
    # A mission's name stands for the mission's numbers.
    nustar = find("NuSTAR", "FPMA")
    is_one = (
        nustar
        and simulator.detector.renewal
        and alike(nustar.dead_time, simulator.detector.mean_dead_time)
    )
    telescope, instruments = ("NuSTAR", ("FPMA", "FPMB")) if is_one else ("", ("SIMA", "SIMB"))
    frames = simulator.detector if isinstance(simulator.detector, FramePileUp) else None
    # for each row of what several detectors record and screening leaves
    dead_time = 0.0 if frames else 1 - float(simulator.detector_at(truth).live_fraction(1.0))
    exposed = frames.exposed * float(np.diff(events.gti).sum()) if frames else 0.0
    told = (
        {"TIMEDEL": frames.cycle, "EXPOSURE": exposed, "LIVETIME": exposed, "DEADC": frames.exposed}
        if frames
        else None
    )
    try:
        write(
            events,
            paths,
            dead_time=dead_time,
            telescope=telescope,
            instruments=instruments,
            keywords=told,
        )
    except ValueError as error:
        raise UserError(
            f"truth.rate is {truth['rate']:g} counts/s: {error}; take a lower one"
        ) from None


# --- infer ---------------------------------------------------------------------------------------------------------------


def infer(config: Config) -> Path:
    """From event files or a spectrum to a posterior, or the classes' probabilities, beside the references': figures and a page."""
    files = check(ObservationFiles, config["observation"], "observation")
    which = check(Reference, config["reference"], "reference")
    inputs = [
        Path(file)
        for file in (*files.path, files.spectrum, files.arf, files.rmf, files.background_spectrum)
        if file
    ]
    if not (files.path or files.spectrum):
        raise UserError(
            "observation.path is missing; say observation.path=<event file>, observation.path=[A.evt,B.evt] for two modules, "
            "or observation.spectrum=<PHA file> for a run of spectra"
        )
    if not 100 <= config["draws"] <= 1_000_000:
        raise UserError(f"draws is {config['draws']}, but must be from 100 to 1000000")
    folder = Path(config["output"] or ROOT / "outputs" / "infer" / f"{inputs[0].stem}_{stamp()}")
    refuse_existing(folder, config["overwrite"], inputs)
    run = _open(config)

    from livetime.infer.instrument import read_observation
    from livetime.infer.question import AnswerSettings
    from livetime.report.result import print_result, save

    settings = AnswerSettings(config["draws"], config["seed"], which.names)
    run.question.check(settings, run.simulator)
    seen, x = read_observation(run.simulator, files, run.config["name"])
    with new_folder(folder, config["overwrite"], [*inputs, run.folder]) as aside:
        say(f"observation: {seen.length}")
        result = run.question.answer(run, seen, x, settings)
        save(result, aside)
    print_result(result)
    return folder


# --- doctor --------------------------------------------------------------------------------------------------------------


def doctor(
    files: Sequence[str],
    band: tuple[float, float] | None = None,
    output: str | None = None,
    overwrite: bool = False,
) -> int:
    """Tells every finding of event files as tables, and in a JSON file; returns the exit code: 0 clean, 1 warnings, 2 one is unusable.

    Arguments:
        band: energies in keV that are looked at, without the second; None for all.
        output: the JSON file; None for none.
    """
    if not files:
        raise UserError("no event file is given; say livetime doctor <event file> ...")
    if band is not None:
        band = check(ObservationFiles, {"band": band}, "doctor").band
    target = None if output is None else Path(output)
    if target and target.is_dir():
        raise UserError(f"output={target} is a folder; name a JSON file in it")
    if target and target.exists() and not overwrite:
        raise UserError(f"output={target} exists; choose another file, or say overwrite=true")
    if target and (
        wrong := next((p for p in target.parents if p.exists() and not p.is_dir()), None)
    ):
        raise UserError(
            f"output={target} cannot be made, since {wrong} is no folder; choose another file"
        )
    if target and any(
        Path(file).exists() and target.exists() and target.samefile(file) for file in files
    ):
        raise UserError(f"output={target} is one of the files to be read; choose another file")

    from rich.console import Console

    from livetime.files.doctor import diagnose, table

    told = [diagnose(file, band) for file in files]
    for diagnosis in told:
        if diagnosis.facts:
            Console(width=140).print(table(diagnosis))
        for finding in diagnosis.findings:
            if finding.severity == "unusable":
                print(f"error: {finding.what}", file=sys.stderr, flush=True)
    if target:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_json(target, {"files": [diagnosis.plain() for diagnosis in told], **provenance()})
        print(target)
    return max(diagnosis.code for diagnosis in told)


# --- compare -------------------------------------------------------------------------------------------------------------


def compare(config: Config) -> Path:
    """Network and references on simulations with known truth, on a grid; returns the folder of the table and the figure."""
    run = _open(config, for_posterior=True)
    from livetime.simulate.simulator import WHOLE

    prior, n = run.simulator.prior, 100 if config["n"] is None else config["n"]
    if n < 2:
        raise UserError(
            f"n is {n}, but bias and scatter cannot be told from fewer than 2 simulations in a cell"
        )
    if n > MOST:
        raise UserError(f"n is {n}, but no more than {MOST} simulations are asked for; take fewer")
    which = check(Reference, config["reference"], "reference")
    grid, fixed = dict(config["grid"]), dict(config["fixed"])
    for place, names in (("grid", grid), ("fixed", fixed)):
        for name in names:
            if name not in prior.ranges:
                raise UserError(f"{place}.{name} is not known; {hint(name, prior.ranges)}")
            values = np.atleast_1d(
                np.asarray(
                    {**fixed, **grid}[name] if place == "grid" else fixed[name], dtype=np.float64
                )
            )
            r = prior.ranges[name]
            if place == "fixed" and name in grid:
                raise UserError(f"{name} stands both in grid and in fixed; take one of them out")
            if len(values) == 0:
                raise UserError(f"{place}.{name} is empty; give it one value or more")
            if not ((values >= r.low) & (values <= r.high)).all():
                raise UserError(
                    f"{place}.{name} is {values.tolist()}, but the run knows {r.low:g} to {r.high:g}; stay inside"
                )
            if name in WHOLE and (values % 1).any():
                raise UserError(f"{place}.{name} is {values.tolist()}, but must be whole")
    if missing := [name for name in prior.ranges if name not in grid and name not in fixed]:
        raise UserError(
            f"{missing[0]} stands neither in grid nor in fixed; say fixed.{missing[0]}=<value>, or grid.{missing[0]}=[...]"
        )
    if not grid:
        raise UserError("grid is empty; say grid.<name>=[...] for one or two of the parameters")
    target = config["target"] or next(iter(grid))
    if target not in prior.parameters:
        raise UserError(f"target={target} is not a parameter; {hint(target, prior.parameters)}")
    folder = Path(config["output"] or run.folder / f"compare_{stamp()}")
    from livetime.check import compare as comparison

    references = _references(run, which)
    with new_folder(folder, config["overwrite"]) as aside:
        cells = [
            {**fixed, **dict(zip(grid, values, strict=True))} for values in product(*grid.values())
        ]
        fits = comparison.fit(
            run,
            cells,
            n,
            references,
            config["seed"],
            config["processes"],
            run.folder.resolve().parents[1] / "references",
        )
        rows = comparison.rows(run, cells, list(grid), fits, target)
        settings = {"fixed": fixed, "n": n, "seed": config["seed"], "run": str(run.folder)}
        comparison.write(rows, list(grid), target, prior, settings, aside)
    return folder


# --- inject --------------------------------------------------------------------------------------------------------------


def inject(config: Config) -> Path:
    """A bright source's own variability through the run's detector, beside its answer without dead time; returns the folder."""
    settings, which = (
        check(Injection, config["inject"], "inject"),
        check(Reference, config["reference"], "reference"),
    )
    if not settings.path:
        raise UserError(
            "inject.path is missing; say inject.path=<event file or light curve of a bright source>"
        )
    if not 100 <= config["draws"] <= 1_000_000:
        raise UserError(f"draws is {config['draws']}, but must be from 100 to 1000000")
    folder = Path(
        config["output"] or ROOT / "outputs" / "inject" / f"{Path(settings.path).stem}_{stamp()}"
    )
    refuse_existing(folder, config["overwrite"], [Path(settings.path)])
    run = _open(config, for_posterior=True)

    from livetime.check import inject as injection
    from livetime.files.light_curve import open_bright_source

    fixed, rates = dict(config["fixed"]), settings.rates or injection.default_rates(run)
    summary, most = injection.refuse(run, rates, fixed)
    names = _references(run, which)
    original = open_bright_source(settings, summary, most)
    with new_folder(folder, config["overwrite"], [Path(settings.path), run.folder]) as aside:
        injected = injection.inject(
            run, original, rates, fixed, names, config["draws"], config["seed"]
        )
        injection.write(
            injected, {"run": str(run.folder), "seed": config["seed"], "fixed": fixed}, aside
        )
    return folder
