"""A run of pileup_npe beside the posterior under Davis's model, on held-out cases.

The reference has Davis's probabilities with the multinomial likelihood. The comparison is a
classifier two-sample test (5-fold MLP; 0.5 for draws that cannot be separated), with two samples
of the reference from different seeds as the control. Other rows are the largest and the median
difference of the medians over the cases, in standard deviations of the reference, and the ratio
of the 68% widths, per parameter in sampling coordinates.

The reference's draws are carried from the prior to the posterior all together, so that no mode is
missed. Narrow kernels, which follow its bends, then move them until they are nearly independent.
They are kept under outputs/benchmark/davis/, so that a stopped measurement continues and the next
network is compared with the same ones.
"""

import argparse
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import row
from livetime.config import ROOT
from livetime.errors import UserError

SWEEPS = 20
"""Moves of every draw at the end."""
CENTRES, WIDTH = 1500, 0.2
"""Of the kernels that propose; five to fifteen times as far a move as differential evolution's."""
CHUNK = 100
"""Draws that are evaluated at a time, as many as stay near the processor."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("run", type=Path)
    parser.add_argument("--cases", type=int, default=10)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--processes", type=int, default=None, help="one per core if not given")


def rows(args: argparse.Namespace) -> list[dict]:
    """Measure, and return the rows of the table."""
    import torch

    from livetime.infer.run import Run

    torch.set_num_threads(1)
    run = Run.open(args.run)
    run.expect("posterior")
    if run.simulator.kind != "spectrum":
        raise UserError("run", f"is {args.run}, not of spectra", "train experiment=pileup_npe")
    if args.seed == run.config["seed"]:
        raise UserError("seed", f"is {args.seed}, that of the run's simulations", "take another")
    theta, x = run.simulator.simulate(0, args.cases, args.seed)
    names = run.simulator.prior.names
    truths = run.simulator.prior.physical(theta)
    cases = []
    for i, (reference, other) in enumerate(_references(run, x, args)):
        network = run.posterior(x[i]).samples(args.draws, i).theta
        case = {
            "c2st": _c2st(reference, network),
            "control": _c2st(reference, other),
            "truth": {name: float(values[i]) for name, values in truths.items()},
            "counts": _counts(run.simulator, x[i]),
        }
        cases.append(case | _apart(network, reference, names))
        print(json.dumps(cases[-1]), flush=True)
    return _rows(cases, names)


def _c2st(first: np.ndarray, second: np.ndarray) -> float:
    """Score a classifier two-sample test of two sets of draws; 0.5 if it cannot separate them."""
    import torch
    from sbi.utils.metrics import c2st

    draws = (torch.as_tensor(part, dtype=torch.float32) for part in (first, second))
    return float(c2st(*draws, classifier="mlp"))


def _counts(simulator, x: np.ndarray) -> int:
    return int(simulator.summary.counts(x, simulator.layout)[0].sum())


def _apart(network: np.ndarray, reference: np.ndarray, names: list[str]) -> dict:
    """Compare medians, in the reference's standard deviations, and 68% widths, by parameter."""
    ours, theirs = (np.quantile(draws, [0.16, 0.5, 0.84], axis=0) for draws in (network, reference))
    shift = (ours[1] - theirs[1]) / reference.std(axis=0)
    ratio = (ours[2] - ours[0]) / (theirs[2] - theirs[0])
    return {
        "shift": dict(zip(names, shift.tolist(), strict=True)),
        "ratio": dict(zip(names, ratio.tolist(), strict=True)),
    }


def _references(
    run, x: np.ndarray, args: argparse.Namespace
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Two independent samples of the reference for each case."""
    from livetime.processes import process_pool
    from livetime.progress import progress
    from livetime.reference.registry import reference_source

    key = json.dumps(
        [run.simulator.identity(), args.seed, args.draws, SWEEPS, CENTRES, WIDTH], sort_keys=True
    )
    key += reference_source()
    folder = (
        ROOT / "outputs" / "benchmark" / "davis" / hashlib.sha256(key.encode()).hexdigest()[:16]
    )
    folder.mkdir(parents=True, exist_ok=True)
    tasks = [
        (run.config, row, folder / f"{i}_{k}.npy", args.draws, [args.seed, i, k])
        for i, row in enumerate(x)
        for k in (0, 1)
    ]
    missing = [task for task in tasks if not task[2].exists()]
    with (
        process_pool(args.processes) as pool,
        progress("references", len(tasks), "samples", done=len(tasks) - len(missing)) as bar,
    ):
        for _ in pool.map(_reference, missing):
            bar.advance()
    done = [np.load(task[2]) for task in tasks]
    return list(zip(done[::2], done[1::2], strict=True))


def _reference(task: tuple) -> None:
    from scipy.special import expit, logit

    from livetime.reference.annealing import anneal
    from livetime.reference.sampler import log_logistic
    from livetime.reference.spectral import DavisModel
    from livetime.simulate.build import build_simulator

    config, x, path, draws, seed = task
    model, rng = DavisModel(build_simulator(config, 1)), np.random.default_rng(seed)
    prior = model.simulator.prior

    def theta(u: np.ndarray) -> np.ndarray:
        return prior.low + (prior.high - prior.low) * expit(u)

    def log_likelihood(u: np.ndarray) -> np.ndarray:
        return np.concatenate(
            [model.log_likelihood(theta(u[i : i + CHUNK]), x) for i in range(0, len(u), CHUNK)]
        )

    u = anneal(log_likelihood, log_logistic, logit(rng.random((draws, prior.dim))), rng)[0]
    u = _moved(rng.permutation(u), lambda u: log_likelihood(u) + log_logistic(u), rng)
    aside = path.with_name(f".{path.name}")
    np.save(aside, theta(u))
    aside.rename(path)


def _moved(
    u: np.ndarray, log_density: Callable[[np.ndarray], np.ndarray], rng: np.random.Generator
) -> np.ndarray:
    """Move draws (n, D) by Metropolis-Hastings, one half at a time.

    A kernel estimate of the other half's density proposes the moves.
    """
    from livetime.reference.sampler import _Kernels

    random, halves = np.random.RandomState(rng.integers(2**32)), list(np.array_split(u, 2))
    values = [log_density(half) for half in halves]
    for _ in range(SWEEPS):
        for mine, other in ((0, 1), (1, 0)):
            kernels = _Kernels(halves[other], rng.permutation(halves[other])[:CENTRES], WIDTH)
            proposal, odds = kernels(halves[mine], random)
            proposed = log_density(proposal)
            accept = np.log(rng.random(len(proposal))) < proposed - values[mine] + odds
            halves[mine] = np.where(accept[:, None], proposal, halves[mine])
            values[mine] = np.where(accept, proposed, values[mine])
    return np.concatenate(halves)


def _rows(cases: list[dict], names: list[str]) -> list[dict]:
    out = []
    pairs = {"c2st": "network and Davis model", "control": "Davis model and itself"}
    for key, label in pairs.items():
        values = [case[key] for case in cases]
        spread = f"(greatest {max(values):.3f})"
        number = f"{len(cases)} cases"
        out.append(row(f"C2ST median, {label}", np.median(values), spread, number, cases=cases))

    for name in names:
        shift = np.abs([case["shift"][name] for case in cases])
        label = f"difference of medians, {name}: median"
        out.append(row(label, np.median(shift), "sigma", f"(greatest {shift.max():.3f})"))

        ratio = np.array([case["ratio"][name] for case in cases])
        label = f"ratio of 68% widths, {name}: median"
        out.append(row(label, np.median(ratio), "", f"({ratio.min():.3f} to {ratio.max():.3f})"))
    return out
