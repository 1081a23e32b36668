"""The typed spine: simulate, train, evaluate, infer, observe, compare; and where each came from.

Heavy packages are imported when a stage starts, so that `--help` and a bad key answer at once.
"""

import json
import math
import os
import platform
import shutil
import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from importlib import metadata
from itertools import pairwise, product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from livetime.config import ROOT, ObservationFiles, Reference, Trainer, Training, UserError, check, hint
from livetime.progress import progress, say

if TYPE_CHECKING:
    from livetime.infer.diagnose import Calibration
    from livetime.infer.run import Run
    from livetime.simulate.bank import Bank
    from livetime.simulate.prior import Samples
    from livetime.simulate.simulator import Simulator

Config = Mapping[str, Any]
TEST_SEED = 2**32
"""Added to a run's seed for the fresh simulations that diagnose it."""


# --- where things land, and where they came from ---------------------------------------------------------------------------


def outputs(config: Config) -> Path:
    """Where everything written lands: `outputs/` of the checkout, unless the config says otherwise."""
    return Path(config.get("outputs") or ROOT / "outputs")


def stamp() -> str:
    return f"{time.strftime('%Y-%m-%d_%H%M%S')}_{uuid.uuid4().hex[:6]}"


@contextmanager
def new_folder(path: Path, overwrite: bool) -> Iterator[Path]:
    """A folder to write into, which takes its name only when all is done.

    Raises: UserError if it exists, unless it may be overwritten.
    """
    refuse_existing(path, overwrite)
    aside = path.with_name(f".{path.name}.{uuid.uuid4().hex[:6]}")
    try:
        aside.mkdir(parents=True)
    except OSError as error:
        raise UserError(f"output={path} cannot be made: {error.strerror}; choose another folder") from None
    try:
        yield aside
        if path.exists():
            shutil.rmtree(path)
        aside.rename(path)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def refuse_existing(path: Path, overwrite: bool) -> None:
    if path.exists() and not overwrite:
        raise UserError(f"output={path} exists; choose another folder, or say overwrite=true")
    if path.exists() and not path.is_dir():
        raise UserError(f"output={path} is a file; choose a folder")


def write_json(path: Path, value: Any) -> None:
    aside = path.with_suffix(".part")
    aside.write_text(json.dumps(value, indent=1, allow_nan=False, default=float) + "\n")
    os.replace(aside, path)


def provenance() -> dict[str, Any]:
    """Git commit and whether the tree is dirty, versions, machine, time."""

    def git(*words: str) -> str | None:
        try:
            return subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=True).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            return None

    packages = ("livetime", "torch", "lightning", "sbi", "zuko", "hydra-core", "numpy", "scipy", "numba", "astropy", "emcee")
    status = git("status", "--porcelain")
    return {
        "git_commit": git("rev-parse", "HEAD"),
        "git_dirty": None if status is None else bool(status),
        "versions": {"python": platform.python_version(), **{p: metadata.version(p) for p in packages}},
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "date": time.strftime("%Y-%m-%dT%H:%M:%S%z"),
    }


# --- simulate ------------------------------------------------------------------------------------------------------------


def simulate(config: Config) -> Path:
    """Builds the bank of simulations that an experiment asks for, or makes it grow, and returns its folder."""
    from livetime.infer.run import build_simulator

    return _bank(config, build_simulator(config, config["threads"])).folder


def _bank(config: Config, simulator: "Simulator") -> "Bank":
    from livetime.simulate.bank import Bank, BankError

    n = config["simulations"]
    if n < 10:
        raise UserError(f"simulations is {n}, but a bank has at least 10")
    try:
        with progress("simulate", n, "simulations") as bar:
            bank = Bank.build(outputs(config) / "banks", simulator, n, config["seed"], bar.advance)
    except BankError as error:
        raise UserError(str(error)) from None
    lost = [row for row in bank.manifest["nonfinite"] if row["index"] < n]
    if lost:
        say(f"{len(lost)} of {n} simulations are not finite and left out; {bank.folder / 'manifest.json'} lists them")
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
        from livetime.infer.run import CONFIG

        folder = Path(config["resume"])
        if not (folder / CONFIG).exists():
            raise UserError(f"resume={folder} is not a run folder: it has no {CONFIG}; give the folder of a training that was stopped")
        if extra := [o for o in overrides if not o.startswith(("resume=", "trainer."))]:
            raise UserError(f"{extra[0]} cannot be changed by a resumed training; it goes on with what is in {folder / CONFIG}")
        config = {**json.loads((folder / CONFIG).read_text()), "trainer": config["trainer"], "threads": config["threads"]}
        if (folder / "metrics.json").exists():
            raise UserError(f"resume={folder} is finished; nothing is left to train")
    training, trainer = check(Training, config["training"], "training"), check(Trainer, config["trainer"], "trainer")

    from livetime.infer.run import CONFIG as CONFIG_FILE
    from livetime.infer.run import RANGE, RUN, Run, build_simulator

    simulator = build_simulator(config, config["threads"])
    if config["simulations"] * training.validation < 1:
        raise UserError(f"simulations is {config['simulations']}, too few for training.validation={training.validation}; ask for more")

    from livetime.config import build
    from livetime.learn.training import Member, fit_ensemble

    low, high = simulator.prior.low.tolist(), simulator.prior.high.tolist()
    build(config["estimator"], "estimator", low=low, high=high, x_dim=simulator.layout.size)
    times = {"started": time.time()}
    bank = _bank(config, simulator)
    times["simulated"] = time.time()
    if folder is None:
        folder = outputs(config) / config["name"] / stamp()
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / CONFIG_FILE).exists():
        write_json(folder / CONFIG_FILE, {k: v for k, v in config.items() if k not in ("resume", "truth", "output", "overwrite")})
        write_json(
            folder / RUN, {"name": config["name"], "overrides": overrides, "seed": config["seed"], **provenance(), "bank": bank.folder.name}
        )
    say(f"run folder: {folder}")
    x = bank.load(config["simulations"])[1]
    write_json(folder / RANGE, {"names": simulator.layout.names(), "low": x.min(axis=0).tolist(), "high": x.max(axis=0).tolist()})
    del x
    members = [
        Member(
            folder / f"member_{i}",
            dict(config["estimator"]),
            training,
            trainer,
            low,
            high,
            bank.folder,
            config["simulations"],
            seed=int(np.random.SeedSequence([config["seed"], i]).generate_state(1)[0]),
            overfit=config["overfit"],
        )
        for i in range(training.members)
    ]
    try:
        with progress("train", training.epochs * len(members), "epochs") as bar:
            results = fit_ensemble(
                members, lambda member, epochs, loss: bar.advance(epochs, f"member {member}, validation loss {loss:.3f}")
            )
    except KeyboardInterrupt:
        say(f"stopped; go on with: livetime train resume={folder}")
        raise
    times["trained"] = time.time()
    run = Run.open(folder)
    calibration = _held_out(run, training.test, config["seed"] + TEST_SEED, config["threads"])
    times["diagnosed"] = time.time()
    names = list(times)
    numbers = {
        **calibration.numbers(),
        "members": results,
        "simulations": config["simulations"],
        "seconds": {b: times[b] - times[a] for a, b in pairwise(names)},
    }
    _write_calibration(folder, calibration)
    _tensorboard(folder, config, calibration, numbers)
    write_json(folder / "metrics.json", numbers)
    say(_calibration_words(numbers))
    return folder, -float(numbers["log_prob"])


def _held_out(run: "Run", n: int, seed: int, threads: int | None) -> "Calibration":
    """Calibration on n simulations that are made for this and kept nowhere."""
    from livetime.infer.diagnose import calibrate
    from livetime.infer.run import build_simulator

    simulator = build_simulator(run.config, threads)
    with progress("simulate held-out", n, "simulations") as bar:
        theta, x = simulator.simulate(0, n, seed, bar.advance)
    finite = np.isfinite(x).all(axis=1)
    theta, x = theta[finite, : simulator.prior.dim], x[finite]
    with progress("calibrate", len(x), "posteriors") as bar:
        return calibrate(run.posterior, theta, x, seed % 2**31, progress=bar.advance)


def _write_calibration(folder: Path, calibration: "Calibration") -> None:
    from livetime.infer import plot

    for name, draw in (("coverage", plot.coverage), ("sbc_ranks", plot.sbc_ranks)):
        draw(calibration).savefig(folder / f"{name}.png", dpi=110)


def _tensorboard(folder: Path, config: Config, calibration: "Calibration", numbers: Mapping[str, Any]) -> None:
    """Figures and the row of the HPARAMS tab."""
    from torch.utils.tensorboard import SummaryWriter

    from livetime.infer import plot

    flat = {f"{g}.{k}": v for g in ("estimator", "training") for k, v in config[g].items() if k != "_target_"}
    flat = {k: v if isinstance(v, bool | int | float | str) else str(v) for k, v in {**flat, "simulations": config["simulations"]}.items()}
    metrics = {
        "test/log_prob": numbers["log_prob"],
        "val/loss": float(np.mean([m["val_loss"] for m in numbers["members"]])),
        **{f"test/joint_coverage_{level}": c["joint"] for level, c in numbers["coverage"].items()},
    }
    with SummaryWriter(str(folder)) as writer:
        writer.add_figure("calibration/coverage", plot.coverage(calibration))
        writer.add_figure("calibration/sbc_ranks", plot.sbc_ranks(calibration))
        writer.add_hparams(flat, metrics, run_name=".")


def _calibration_words(numbers: Mapping[str, Any]) -> str:
    lines = [
        f"held-out log probability {numbers['log_prob']:.3f} +- {numbers['log_prob_standard_error']:.3f} on {numbers['n']} simulations"
    ]
    for level, shares in numbers["coverage"].items():
        lines.append(f"{float(level):.0%} regions hold: " + ", ".join(f"{name} {share:.3f}" for name, share in shares.items()))
    lines.append("mean z: " + ", ".join(f"{name} {p['mean_z']:+.3f}" for name, p in numbers["parameters"].items()))
    return "\n".join(lines)


# --- evaluate ------------------------------------------------------------------------------------------------------------


def evaluate(config: Config) -> tuple[Path, float]:
    """Calibration of a run on simulations made for this, with a seed of their own; returns the folder and the loss."""
    run = _open(config)
    n = config["n"] or 4000
    if n < 100:
        raise UserError(f"n is {n}, but calibration cannot be told from fewer than 100 simulations")
    if config["seed"] in (run.config["seed"], run.config["seed"] + TEST_SEED):
        raise UserError(f"seed is {config['seed']}, with which this run was trained or tested; choose another")
    folder = Path(config["output"] or run.folder / f"evaluate_{stamp()}")
    with new_folder(folder, config["overwrite"]) as aside:
        calibration = _held_out(run, n, config["seed"], config["threads"])
        numbers = calibration.numbers()
        _write_calibration(aside, calibration)
        write_json(aside / "evaluation.json", {"run": str(run.folder), "seed": config["seed"], **numbers, **provenance()})
    say(_calibration_words(numbers))
    return folder, -float(numbers["log_prob"])


def _open(config: Config) -> "Run":
    if not config["run"]:
        raise UserError("run is missing; say run=<run folder>, the last line that `livetime train` printed")
    folder = Path(config["run"])
    if not folder.is_dir():
        raise UserError(f"run={folder} does not exist; give the folder that `livetime train` printed")
    from livetime.infer.run import Run

    run = Run.open(folder)
    _ = run.members
    return run


# --- observe -------------------------------------------------------------------------------------------------------------


def observe(config: Config) -> Path:
    """Writes one simulated observation as OGIP event files, one per module, and `truth.json`; returns their folder.

    Parameters that `truth` does not give are drawn from the prior.
    """
    from livetime.infer.observation import write
    from livetime.infer.run import build_simulator
    from livetime.simulate.simulator import stream

    simulator = build_simulator(config)
    given = config["truth"]
    for name, value in given.items():
        if name not in simulator.prior.ranges:
            raise UserError(f"truth.{name} is not known; {hint(name, simulator.prior.ranges)}")
        if not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
            raise UserError(f"truth.{name} is {value!r}, but must be a positive number")
    seed = config["seed"]
    drawn = {name: float(v[0]) for name, v in simulator.prior.physical(simulator.theta(0, 1, seed)).items()}
    truth = {name: float(given.get(name, value)) for name, value in drawn.items()}
    truth["segments"] = float(max(1, round(truth["segments"])))
    folder = Path(config["output"] or outputs(config) / config["name"] / f"observation_{stamp()}")
    with new_folder(folder, config["overwrite"]) as aside:
        events = simulator.events(truth, stream(seed, 0))
        paths = [aside / f"{'AB'[m]}.evt" for m in range(simulator.detector.modules)]
        write(events, paths, dead_time=simulator.detector.mean_dead_time)
        write_json(aside / "truth.json", truth)
    drawn_names = [name for name in truth if name not in given]
    if drawn_names:
        say("drawn from the prior: " + ", ".join(f"{name} = {truth[name]:.4g}" for name in drawn_names))
    return folder


# --- infer ---------------------------------------------------------------------------------------------------------------


def infer(config: Config) -> Path:
    """From event files to a posterior, beside the references': numbers, figures and a page; returns their folder."""
    files = check(ObservationFiles, config["observation"], "observation")
    which = check(Reference, config["reference"], "reference")
    if not files.path:
        raise UserError("observation.path is missing; say observation.path=<event file>, or observation.path=[A.evt,B.evt] for two modules")
    if config["draws"] < 100:
        raise UserError(f"draws is {config['draws']}, but must be at least 100")
    if not config["run"]:
        _open(config)
    folder = Path(config["output"] or ROOT / "outputs" / "infer" / f"{Path(files.path[0]).stem}_{stamp()}")
    refuse_existing(folder, config["overwrite"])
    run = _open(config)

    from livetime.infer import observation

    simulator, prior = run.simulator, run.simulator.prior
    seen = observation.read(
        files.path,
        modules=simulator.detector.modules,
        segment_size=simulator.summary.segment_size,
        max_segments=round(prior.covariates["segments"].high),
        dead_time=simulator.detector.mean_dead_time,
        gti=files.gti,
        start=files.start,
        stop=files.stop,
    )
    x = simulator.summary(seen.events)
    if not np.isfinite(x).all():
        raise UserError(
            f"{files.path[0]} has no counts in some frequencies or modules; choose a brighter stretch with observation.start/stop"
        )
    with new_folder(folder, config["overwrite"]) as aside:
        _infer_into(aside, config, run, x, seen, which)
    return folder


def _infer_into(folder: Path, config: Config, run: "Run", x: Any, seen: Any, which: Reference) -> None:
    from livetime.infer.diagnose import predictive_p_value

    simulator, seed = run.simulator, config["seed"]
    say(f"observation: {seen.segments} segments of {simulator.summary.segment_size:g} s")
    samples: dict[str, Samples] = {"network": run.posterior(x).samples(config["draws"], seed)}
    references = _references(simulator, which)
    for name, reference in references.items():
        say(f"sampling the {name.replace('_', ' ')}")
        samples[name] = reference.fit(x, seed)
    rng = np.random.default_rng(seed)
    chosen = samples["network"].theta[rng.choice(config["draws"], 200)]
    segments = np.full((len(chosen), 1), simulator.prior.covariates["segments"].to_sampling(seen.segments))
    with progress("simulate predictions", len(chosen), "simulations") as bar:
        predicted = simulator.draw(np.hstack([chosen, segments]), seed, progress=bar.advance)
    predicted = predicted[np.isfinite(predicted).all(axis=1)]
    p_value = predictive_p_value(x, predicted)
    warnings = run.out_of_range(x)
    if p_value < 0.01:
        warnings.append(
            f"posterior predictive p-value is {p_value:.3f}, below .01: "
            "simulations with the inferred parameters do not look like this observation"
        )
    notes = [*seen.notes, *(f"{name.replace('_', ' ')}: {note}" for name, s in samples.items() for note in s.notes)]
    trust = not warnings
    verdict = (
        "No reason to distrust this posterior was found: the observation lies where the network was trained, and simulations "
        f"with the inferred parameters look like it (posterior predictive p = {p_value:.2f})."
        if trust
        else f"Do not trust this posterior as it is: {'; '.join(warnings)}."
    )
    summary = {
        "parameters": samples["network"].intervals(),
        "references": {name: samples[name].intervals() for name in references},
        "warnings": warnings,
        "notes": notes,
        "trust": trust,
        "verdict": verdict,
        "predictive_p_value": p_value,
        "observation": seen.info,
        "run": str(run.folder),
        "seed": seed,
        **provenance(),
    }
    _write_posterior(folder / "posterior.nc", samples["network"])
    write_json(folder / "summary.json", summary)
    _infer_figures(folder, simulator, samples, references, x, predicted)
    _infer_page(folder, summary, samples)
    for note in notes:
        say(f"note: {note}")
    _table(samples, None)
    for warning in warnings:
        say(f"warning: {warning}")
    say(verdict)


def _references(simulator: "Simulator", which: Reference) -> dict[str, Any]:
    from livetime.infer.reference import DeadTimeModel, Whittle

    classes = {"naive": Whittle, "dead_time_model": DeadTimeModel}
    return {name: classes[name](simulator, draws=which.draws) for name in which.names}


def _write_posterior(path: Path, samples: "Samples") -> None:
    import arviz

    arviz.from_dict(posterior={name: values[None] for name, values in samples.physical().items()}).to_netcdf(str(path), engine="h5netcdf")


def _infer_figures(
    folder: Path, simulator: "Simulator", samples: Mapping[str, "Samples"], references: Config, x: Any, predicted: Any
) -> None:
    from livetime.infer import plot

    plot.corner_plot(samples).savefig(folder / "corner.png", dpi=90)
    curves = {}
    for name, reference in references.items():
        medians = {k: row["median"] for k, row in samples[name].intervals().items()}
        curves[name] = {channel: np.ravel(power) for channel, power in reference.power(medians).items()}
    plot.predictive(x, simulator.layout, predicted, curves).savefig(folder / "predictive.png", dpi=110)


def _infer_page(folder: Path, summary: Mapping[str, Any], samples: Mapping[str, "Samples"]) -> None:
    from livetime.infer import report

    rows = []
    for name, row in summary["parameters"].items():
        others = [report.interval(summary["references"][r][name]) for r in summary["references"]]
        rows.append([name.replace("_", " "), row["unit"], report.interval(row), *others])
    header = ["median (68% interval)", "unit", *(name.replace("_", " ") for name in samples)]
    parts = [
        ("Parameters", report.table(header, rows)),
        ("Posterior", report.figure(folder / "corner.png")),
        ("Does the model describe the data?", report.figure(folder / "predictive.png")),
        ("Warnings", report.bullets(summary["warnings"])),
        ("What was done to the data", report.bullets(summary["notes"])),
        ("Observation", report.table(["", ""], [[str(k), json.dumps(v)] for k, v in summary["observation"].items()])),
        ("Run", report.table(["", ""], [[k, json.dumps(summary[k])] for k in ("run", "seed", "git_commit", "versions")])),
    ]
    title = "livetime: " + ", ".join(str(Path(f).name) for f in summary["observation"]["files"])
    (folder / "report.html").write_text(report.page(title, summary["trust"], summary["verdict"], parts))


def _table(samples: Mapping[str, "Samples"], truth: Mapping[str, float] | None) -> None:
    """Prints medians and 68% intervals side by side, and the truth where it is known."""
    from rich.console import Console
    from rich.table import Table

    from livetime.infer.report import interval

    table = Table("parameter", *(["truth"] if truth else []), *(name.replace("_", " ") for name in samples))
    intervals = {name: s.intervals() for name, s in samples.items()}
    for parameter, row in intervals["network"].items():
        label = parameter + (f" [{row['unit']}]" if row["unit"] else "")
        known = [f"{truth[parameter]:.3g}"] if truth else []
        table.add_row(label.replace("[", "\\["), *known, *(interval(rows[parameter]) for rows in intervals.values()))
    Console(width=None if os.isatty(1) else 150).print(table)


# --- compare -------------------------------------------------------------------------------------------------------------


def compare(config: Config) -> Path:
    """Network and references on simulations with known truth, on a grid; returns the folder of the table and the figure."""
    run = _open(config)
    prior, n = run.simulator.prior, config["n"] or 100
    which = check(Reference, config["reference"], "reference")
    grid, fixed = dict(config["grid"]), dict(config["fixed"])
    for place, names in (("grid", grid), ("fixed", fixed)):
        for name in names:
            if name not in prior.ranges:
                raise UserError(f"{place}.{name} is not known; {hint(name, prior.ranges)}")
    if missing := [name for name in prior.ranges if name not in grid and name not in fixed]:
        raise UserError(f"{missing[0]} stands neither in grid nor in fixed; say fixed.{missing[0]}=<value>, or grid.{missing[0]}=[...]")
    if not grid:
        raise UserError("grid is empty; say grid.<name>=[...] for one or two of the parameters")
    target = config["target"] or next(iter(grid))
    if target not in prior.parameters:
        raise UserError(f"target={target} is not a parameter; {hint(target, prior.parameters)}")
    folder = Path(config["output"] or run.folder / f"compare_{stamp()}")
    with new_folder(folder, config["overwrite"]) as aside:
        cells = [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]
        fits = _compare_fits(run, cells, fixed, n, which, config)
        _write_comparison(aside, run, cells, fits, target, list(grid), fixed, n, config["seed"])
    return folder


def _compare_fits(run: "Run", cells: list[dict[str, float]], fixed: Config, n: int, which: Reference, config: Config) -> dict[str, Any]:
    """Method -> quantiles (cells, n, 5, D) of the posteriors in sampling coordinates."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    from livetime.simulate.simulator import available_cores

    simulator = run.simulator
    summaries, network = [], []
    with progress("simulate and infer", len(cells) * n, "observations") as bar:
        for i, cell in enumerate(cells):
            theta = simulator.prior.theta({name: np.full(n, v) for name, v in {**fixed, **cell}.items()})
            summaries.append(simulator.draw(theta, config["seed"], start=i * n))
            draws = run.posterior(summaries[-1]).sample(4000, config["seed"] + i)
            network.append(np.quantile(draws, QUANTILES, axis=0).transpose(1, 0, 2))
            bar.advance(n)
    out = {"network": np.array(network)}
    x = np.concatenate(summaries)
    workers = config["processes"] or available_cores()
    if which.names:
        with (
            ProcessPoolExecutor(workers, get_context("spawn"), _start_reference, (dict(run.config), asdict(which))) as pool,
            progress("references", len(x) * len(which.names), "fits") as bar,
        ):
            for name in which.names:
                rows = []
                for row in pool.map(_fit_reference, [(name, row, config["seed"] + k) for k, row in enumerate(x)], chunksize=4):
                    rows.append(row)
                    bar.advance()
                out[name] = np.array(rows).reshape(len(cells), n, len(QUANTILES), -1)
    return out


QUANTILES = (0.025, 0.16, 0.5, 0.84, 0.975)
_process_references: dict[str, Any] = {}


def _start_reference(config: Config, which: Config) -> None:
    from livetime.infer.run import build_simulator

    _process_references.update(_references(build_simulator(config), check(Reference, which, "reference")))


def _fit_reference(task: tuple[str, Any, int]) -> Any:
    name, x, seed = task
    return np.quantile(_process_references[name].fit(x, seed).theta, QUANTILES, axis=0)


def _write_comparison(
    folder: Path, run: "Run", cells: list[dict[str, float]], fits: Config, target: str, grid: list[str], fixed: Config, n: int, seed: int
) -> None:
    from livetime.infer import plot

    r = run.simulator.prior.parameters[target]
    column = list(run.simulator.prior.parameters).index(target)
    rows: list[dict[str, Any]] = []
    hits68, hits95 = dict.fromkeys(fits, 0.0), dict.fromkeys(fits, 0.0)
    for i, cell in enumerate(cells):
        truth = float({**fixed, **cell}[target])
        for method, quantiles in fits.items():
            values = np.log(r.to_physical(quantiles[i][:, :, column]) / truth)
            lo95, lo68, median, hi68, hi95 = values.T
            inside68, inside95 = float(((lo68 <= 0) & (hi68 >= 0)).mean()), float(((lo95 <= 0) & (hi95 >= 0)).mean())
            hits68[method] += inside68 / len(cells)
            hits95[method] += inside95 / len(cells)
            error = float(median.std(ddof=1) / np.sqrt(len(median)))
            row: dict[str, Any] = {
                "cell": cell,
                "method": method,
                "bias": float(median.mean()),
                "bias_error": error,
                "scatter": float(median.std(ddof=1)),
            }
            rows.append({**row, "half_width": float((hi68 - lo68).mean() / 2), "coverage68": inside68, "coverage95": inside95})
    write_json(
        folder / "comparison.json",
        {
            "target": target,
            "fixed": dict(fixed),
            "n": n,
            "seed": seed,
            "rows": rows,
            "pooled68": hits68,
            "pooled95": hits95,
            **provenance(),
        },
    )
    lines = [
        f"| {' | '.join(grid)} | method | bias of ln {target} | error | 68% half-width | in 68% | in 95% |",
        "|" + " --- |" * (len(grid) + 6),
    ]
    for row in rows:
        numbers = (
            f"{row['bias']:+.3f} | {row['bias_error']:.3f} | {row['half_width']:.3f} | {row['coverage68']:.2f} | {row['coverage95']:.2f}"
        )
        lines.append(f"| {' | '.join(f'{v:g}' for v in row['cell'].values())} | {row['method'].replace('_', ' ')} | {numbers} |")
    lines += ["", *(f"Pooled, {m.replace('_', ' ')}: 68% holds {hits68[m]:.3f}, 95% holds {hits95[m]:.3f}." for m in fits)]
    (folder / "comparison.md").write_text("\n".join(lines) + "\n")
    say("\n".join(lines))
    along = grid[-1] if grid[-1] != target or len(grid) == 1 else grid[0]
    by = next((name for name in grid if name != along), None)
    plot.comparison(rows, target, along, by, hits68).savefig(folder / "comparison.png", dpi=110)
