"""A run of pileup_npe beside the posterior under Davis's probabilities with the multinomial likelihood, on held-out cases.

Classifier two-sample test (5-fold MLP, .5 where draws cannot be told apart), with two chains of the reference of different seeds as its
control; greatest and median difference of the medians over the cases, in standard deviations of the reference, and ratio of the 68%
widths, per parameter in sampling coordinates. The chains are long, so that their draws are nearly independent; they are kept under
outputs/benchmark/davis/: what was stopped goes on, and the next network is held against the same ones.
"""

import argparse
import hashlib
import inspect
import json
from pathlib import Path

import numpy as np

from benchmarks import row
from livetime.config import ROOT, UserError

STEPS = 3000
"""Of a chain of 40 walkers, at the least: 96,000 after its start is dropped."""
MOST = 24_000


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path)
    parser.add_argument("--cases", type=int, default=10)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--processes", type=int, default=None, help="one a core if not given")


def rows(args: argparse.Namespace) -> list[dict]:
    import torch
    from sbi.utils.metrics import c2st

    from livetime.infer.run import Run
    from livetime.simulate.spectral import SpectralSimulator

    torch.set_num_threads(1)
    run = Run.open(args.run)
    run.refuse_classifier()
    if not isinstance(run.simulator, SpectralSimulator):
        raise UserError(f"{args.run} is not a run of spectra; train one: livetime train experiment=pileup_npe")
    if args.seed == run.config["seed"]:
        raise UserError(f"--seed is {args.seed}, that of the run's own simulations; take another")
    theta, x = run.simulator.simulate(0, args.cases, args.seed)
    chains = _chains(run, x, args)
    names, told, cases = run.simulator.prior.names, run.simulator.prior.physical(theta), []
    for i, (reference, other, lost) in enumerate(chains):
        network = run.posterior(x[i]).samples(args.draws, i).theta
        a, b, c = (torch.as_tensor(draws, dtype=torch.float32) for draws in (reference, network, other))
        case = {"c2st": float(c2st(a, b, classifier="mlp")), "control": float(c2st(a, c, classifier="mlp")), "lost": bool(lost)}
        case |= {"truth": {name: float(values[i]) for name, values in told.items()}, "counts": _counts(run.simulator, x[i])}
        cases.append(case | _apart(network, reference, names))
        print(json.dumps(cases[-1]), flush=True)
    return _rows(cases, names)


def _counts(simulator, x: np.ndarray) -> int:
    return int(simulator.summary.counts(x, simulator.layout)[0].sum())


def _apart(network: np.ndarray, reference: np.ndarray, names: list[str]) -> dict:
    """Difference of the medians over the reference's standard deviation, and ratio of the 68% widths, by parameter."""
    ours, theirs = (np.quantile(draws, [0.16, 0.5, 0.84], axis=0) for draws in (network, reference))
    shift = (ours[1] - theirs[1]) / reference.std(axis=0)
    ratio = (ours[2] - ours[0]) / (theirs[2] - theirs[0])
    return {"shift": dict(zip(names, shift.tolist(), strict=True)), "ratio": dict(zip(names, ratio.tolist(), strict=True))}


def _chains(run, x: np.ndarray, args: argparse.Namespace) -> list[tuple[np.ndarray, np.ndarray, bool]]:
    """Two independent chains of each case, and whether one did not converge."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    from livetime.infer import sampler, spectral_reference
    from livetime.progress import progress
    from livetime.simulate.simulator import available_cores

    key = json.dumps([run.simulator.identity(), args.seed, args.draws, STEPS, MOST], sort_keys=True)
    key += "".join(inspect.getsource(module) for module in (sampler, spectral_reference))
    folder = ROOT / "outputs" / "benchmark" / "davis" / hashlib.sha256(key.encode()).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    tasks = [(run.config, row, folder / f"{i}_{k}.npz", args.draws, 2 * i + k) for i, row in enumerate(x) for k in (0, 1)]
    missing = [task for task in tasks if not task[2].exists()]
    pool = ProcessPoolExecutor(args.processes or available_cores(), get_context("spawn"))
    with pool, progress("references", len(tasks), "chains", done=len(tasks) - len(missing)) as bar:
        for _ in pool.map(_chain, missing):
            bar.advance()
    done = [np.load(task[2]) for task in tasks]
    return [(a["theta"], b["theta"], bool(a["lost"] or b["lost"])) for a, b in zip(done[::2], done[1::2], strict=True)]


def _chain(task: tuple) -> None:
    from livetime.infer.run import build_simulator
    from livetime.infer.spectral_reference import DavisModel

    config, x, path, draws, seed = task
    samples = DavisModel(build_simulator(config, 1), draws=draws, steps=STEPS, max_steps=MOST).fit(x, seed)
    aside = path.with_name(f".{path.name}")
    np.savez(aside, theta=samples.theta, lost=bool(samples.notes))
    aside.rename(path)


def _rows(cases: list[dict], names: list[str]) -> list[dict]:
    out = []
    for key, told in (("c2st", "network and Davis model"), ("control", "two chains of the Davis model")):
        values = [case[key] for case in cases]
        out.append(row(f"C2ST median, {told}", np.median(values), f"(greatest {max(values):.3f})", f"{len(cases)} cases", cases=cases))
    for name in names:
        shift, ratio = (np.array([case[key][name] for case in cases]) for key in ("shift", "ratio"))
        out.append(
            row(f"difference of medians, {name}: median", np.median(np.abs(shift)), "sigma", f"(greatest {np.abs(shift).max():.3f})")
        )
        out.append(row(f"ratio of 68% widths, {name}: median", np.median(ratio), "", f"({ratio.min():.3f} to {ratio.max():.3f})"))
    out.append(row("cases whose chains did not converge", sum(case["lost"] for case in cases), "", f"of {len(cases)}"))
    return out
