"""Held-out log probability of a run beside that of sbi's own `NPE.train()` (nsf, all defaults) on the same simulations.

sbi stops where it stops, or after --hours (then the row says so), and is kept under outputs/benchmark/ for the next run on them.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks import bank as bank_of
from benchmarks import held_out, log_prob, row
from livetime.config import ROOT


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path)
    parser.add_argument("--n", type=held_out, default=4000)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--hours", type=float, default=1.0)


def rows(args: argparse.Namespace) -> list[dict]:
    import torch
    from sbi.inference import NPE
    from sbi.utils import BoxUniform
    from torch.utils.tensorboard import SummaryWriter

    from livetime.infer.run import Run

    torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    run = Run.open(args.run)
    run.refuse_classifier()
    simulator, prior = run.simulator, run.simulator.prior
    (ROOT / "outputs" / "benchmark").mkdir(parents=True, exist_ok=True)
    bank = bank_of(run)
    theta, x = (torch.as_tensor(a, dtype=torch.float32) for a in bank.load(run.config["simulations"]))
    box = BoxUniform(torch.as_tensor(prior.low, dtype=torch.float32), torch.as_tensor(prior.high, dtype=torch.float32))

    class Timed(NPE):
        """Stops as sbi does, or when the time is over."""

        timed_out = False

        def _converged(self, epoch: int, stop_after_epochs: int) -> bool:
            if epoch:
                print(
                    f"sbi: {epoch} epochs, {time.monotonic() - started:.0f} s, loss {self.summary['validation_loss'][-1]:.3f}", flush=True
                )
            self.timed_out = time.monotonic() - started > 3600 * args.hours
            converged = super()._converged(epoch, stop_after_epochs)
            if self.timed_out and not converged:
                self._neural_net.load_state_dict(self._best_model_state_dict)
            return converged or self.timed_out

    kept = ROOT / "outputs" / "benchmark" / f"npe_peer_{bank.folder.name}_{len(x)}.pt"
    if kept.exists():  # hours of work, and the same for every run on these simulations
        estimator, seconds, epochs, timed_out = torch.load(kept, weights_only=False)
    else:
        logs = SummaryWriter(str(ROOT / "outputs" / "benchmark" / "sbi"))
        peer = Timed(prior=box, density_estimator="nsf", show_progress_bars=False, summary_writer=logs)
        peer.append_simulations(theta[:, : prior.dim], x)
        started = time.monotonic()
        estimator = peer.train()
        seconds, epochs, timed_out = time.monotonic() - started, peer.summary["epochs_trained"][-1], peer.timed_out
        torch.save((estimator, seconds, epochs, timed_out), kept)
    truth, seen = simulator.simulate(0, args.n, args.seed)
    truth = truth[:, : prior.dim]
    ours = log_prob(run, truth, seen)
    with torch.no_grad():
        t, s = torch.as_tensor(truth, dtype=torch.float32), torch.as_tensor(seen)
        theirs = torch.cat([estimator.log_prob(a[None], b)[0] for a, b in zip(t.split(200), s.split(200), strict=True)]).numpy()
    difference = ours - theirs
    error = float(difference.std() / np.sqrt(args.n))
    peer_name = f"sbi NPE.train(), nsf, {epochs} epochs{' (stopped by --hours)' if timed_out else ''}"
    return [
        row("held-out log probability, livetime", ours.mean(), "nat", peer_name),
        row("held-out log probability, sbi", theirs.mean(), "nat", peer_name),
        row("median difference", np.median(difference), "nat", peer_name),
        row("mean difference", difference.mean(), f"nat (+- {error:.3f})", peer_name),
        row("sbi training", seconds, "s", peer_name),
    ]
