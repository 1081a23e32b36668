"""Held-out log probability of a run beside that of sbi's `NPE.train()` on the same simulations.

sbi's is an nsf with all defaults. It stops by its own rule, or after --hours (then the row says
so), and is kept under outputs/benchmark/ for the next run on the same simulations.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks import bank as bank_of
from benchmarks import held_out, log_prob, row
from livetime.config import ROOT


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("run", type=Path)
    parser.add_argument("--n", type=held_out, default=4000)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--hours", type=float, default=1.0)


def rows(args: argparse.Namespace) -> list[dict]:
    """Measure, and return the rows of the table."""
    import torch

    from livetime.infer.run import Run

    torch.set_num_threads(1)
    run = Run.open(args.run)
    run.expect("posterior")
    simulator, prior = run.simulator, run.simulator.prior
    estimator, seconds, epochs, timed_out = peer(run, args.seed, args.hours)
    truth, seen = simulator.simulate(0, args.n, args.seed)
    truth = truth[:, : prior.dim]
    ours = log_prob(run, truth, seen)
    theirs = log_prob_of_peer(estimator, truth, seen)
    difference = ours - theirs
    error = float(difference.std() / np.sqrt(args.n))
    peer_name = (
        f"sbi NPE.train(), nsf, {epochs} epochs{' (stopped by --hours)' if timed_out else ''}"
    )
    return [
        row("held-out log probability, livetime", ours.mean(), "nat", peer_name),
        row("held-out log probability, sbi", theirs.mean(), "nat", peer_name),
        row("median difference", np.median(difference), "nat", peer_name),
        row("mean difference", difference.mean(), f"nat (+- {error:.3f})", peer_name),
        row("sbi training", seconds, "s", peer_name),
    ]


def peer(run, seed: int, hours: float = 1.0):
    """Train sbi's own estimator by `NPE.train()` (nsf, all defaults) on a run's simulations.

    Returns: the estimator, the seconds of one thread that it took, its epochs, and whether the
    time stopped it.
    """
    import torch

    n = run.config["simulations"]
    kept = ROOT / "outputs" / "benchmark" / f"npe_peer_{bank_of(run).folder.name}_{n}.pt"
    if kept.exists():  # hours of work, and the same for every run on these simulations
        return torch.load(kept, weights_only=False)
    kept.parent.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    found = _train_peer(run, hours)
    torch.save(found, kept)
    return found


def _train_peer(run, hours: float):
    """Train sbi's estimator on the run's simulations; returns what `peer` does."""
    import torch
    from sbi.utils import BoxUniform
    from torch.utils.tensorboard import SummaryWriter

    bank, prior = bank_of(run), run.simulator.prior
    theta, x = (
        torch.as_tensor(a, dtype=torch.float32) for a in bank.load(run.config["simulations"])
    )
    low, high = (torch.as_tensor(a, dtype=torch.float32) for a in (prior.low, prior.high))
    logs = SummaryWriter(str(ROOT / "outputs" / "benchmark" / "sbi"))
    options = {"density_estimator": "nsf", "show_progress_bars": False, "summary_writer": logs}
    timed = _timed_npe(hours)(prior=BoxUniform(low, high), **options)
    timed.append_simulations(theta[:, : prior.dim], x)
    started = time.monotonic()
    estimator = timed.train()
    seconds = time.monotonic() - started
    return estimator, seconds, timed.summary["epochs_trained"][-1], timed.timed_out


def _timed_npe(hours: float) -> type:
    """Make sbi's NPE that stops by its own rule, or when the time is over."""
    from sbi.inference import NPE

    started = time.monotonic()

    class Timed(NPE):
        timed_out = False

        def _converged(self, epoch: int, stop_after_epochs: int) -> bool:
            seconds = time.monotonic() - started
            if epoch:
                loss = self.summary["validation_loss"][-1]
                print(f"sbi: {epoch} epochs, {seconds:.0f} s, loss {loss:.3f}", flush=True)
            self.timed_out = seconds > 3600 * hours
            converged = super()._converged(epoch, stop_after_epochs)
            if self.timed_out and not converged:
                self._neural_net.load_state_dict(self._best_model_state_dict)
            return converged or self.timed_out

    return Timed


def log_prob_of_peer(estimator, theta: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Compute the log probability (n,) of parameters under sbi's estimator."""
    import torch

    t, s = torch.as_tensor(theta, dtype=torch.float32), torch.as_tensor(x)
    with torch.no_grad():
        return torch.cat(
            [
                estimator.log_prob(a[None], b)[0]
                for a, b in zip(t.split(200), s.split(200), strict=True)
            ]
        ).numpy()
