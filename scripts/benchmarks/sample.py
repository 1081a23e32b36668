"""Posterior draws: `Posterior.sample` of a run beside `sample_batched` of sbi's own posterior.

1000 draws for each of 200 observations. sbi's network is what `NPE.train()` (nsf, all defaults)
learns from the run's simulations, as `npe` and `train` keep it. Draws outside the prior are not
rejected, although sbi does so by default: where a hundredth of them falls inside, that takes
minutes, and ours has none outside. One thread, medians of --repeats turns.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks import row
from benchmarks.npe import peer


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
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
    """Measure, and return the rows of the table."""
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

    def own_draws() -> np.ndarray:
        return run.posterior(x).sample(args.draws, args.seed)

    def peer_draws() -> torch.Tensor:
        options = {"reject_outside_prior": False, "show_progress_bars": False}
        return theirs.sample_batched((args.draws,), seen, **options)

    ours, other = (
        _median_seconds(step, (args.draws, args.observations, prior.dim), args.repeats)
        for step in (own_draws, peer_draws)
    )
    members = len(run.members)
    label = f"{args.draws} draws of {args.observations}, {members} member{'s' * (members > 1)}"
    name = f"sbi sample_batched, nsf, {epochs} epochs: {other:.2f} s"
    return [row(f"{label}, one thread", ours, "s", name, other / ours)]


def _median_seconds(step, shape: tuple[int, ...], repeats: int) -> float:
    """Measure CPU seconds of drawing, after a first turn that checks the shape."""
    found = tuple(step().shape)
    assert found == shape, found
    return float(np.median([_seconds(step) for _ in range(repeats)]))


def _seconds(step) -> float:
    started = time.process_time()
    step()
    return time.process_time() - started
