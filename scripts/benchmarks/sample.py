"""1000 posterior draws for each of 200 observations: `Posterior.sample` of a run beside `sample_batched` of sbi's own posterior.

sbi's is what `NPE.train()` (nsf, all defaults) learns of the run's simulations, as `npe` and `train` keep it. Draws out of the prior are
not rejected, as sbi does by default: where a hundredth of them falls inside, that takes minutes, and ours has none. One thread, medians
of --repeats turns.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks import row
from benchmarks.npe import peer


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path)
    parser.add_argument("--observations", type=int, default=200)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--hours",
        type=float,
        default=1.0,
        help="that the training of sbi's may take, where it is not there yet",
    )


def rows(args: argparse.Namespace) -> list[dict]:
    import torch
    from sbi.inference.posteriors import DirectPosterior
    from sbi.utils import BoxUniform

    from livetime.infer.run import Run

    torch.set_num_threads(1)
    run = Run.open(args.run)
    run.expect("posterior")
    prior = run.simulator.prior
    _, x = run.simulator.simulate(0, args.observations, args.seed)
    seen = torch.as_tensor(x)
    box = BoxUniform(
        torch.as_tensor(prior.low, dtype=torch.float32),
        torch.as_tensor(prior.high, dtype=torch.float32),
    )
    estimator, _, epochs, _ = peer(run, args.seed, args.hours)
    theirs = DirectPosterior(estimator, box)
    steps = (
        lambda: run.posterior(x).sample(args.draws, args.seed),
        lambda: theirs.sample_batched(
            (args.draws,), seen, reject_outside_prior=False, show_progress_bars=False
        ),
    )
    found = []
    for step in steps:
        shape = tuple(step().shape)
        assert shape == (args.draws, args.observations, prior.dim), shape
        found.append(np.median([_seconds(step) for _ in range(args.repeats)]))
    ours, other = found
    what = f"{args.draws} draws of {args.observations}"
    members = len(run.members)
    name = f"sbi sample_batched, nsf, {epochs} epochs: {other:.2f} s"
    return [
        row(
            f"{what}, {members} member{'s' if members > 1 else ''}, one thread",
            ours,
            "s",
            name,
            other / ours,
        )
    ]


def _seconds(step) -> float:
    started = time.process_time()
    step()
    return time.process_time() - started
