"""Seconds until livetime passes the held-out log probability of sbi's `NPE.train()`.

sbi's is an nsf with all defaults. The simulations are those of deadtime_npe, as many as
--simulations, and both have the same ones, also held-out. livetime trains one member as the
experiment does, and is evaluated after each epoch; that and the simulations are not in the time.
One thread each. What sbi learned is kept under outputs/benchmark/ for the next time.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from benchmarks import bank as bank_of
from benchmarks import held_out, row
from benchmarks.npe import log_prob_of_peer, peer


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument(
        "run",
        type=Path,
        help="a run of deadtime_npe with simulations=30000, which gives the simulations",
    )
    parser.add_argument("--n", type=held_out, default=2000, help="held-out simulations")
    parser.add_argument("--epochs", type=int, default=30, help="of the one-cycle schedule")
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--hours", type=float, default=1.0, help="that sbi may take")


def rows(args: argparse.Namespace) -> list[dict]:
    """Measure, and return the rows of the table."""
    import torch

    from livetime.infer.run import Run

    torch.set_num_threads(1)
    run = Run.open(args.run)
    run.expect("posterior")
    theta, x = run.simulator.simulate(0, args.n, args.seed)
    theta = theta[:, : run.simulator.prior.dim]
    estimator, theirs, epochs, stopped = peer(run, args.seed, args.hours)
    goal = float(log_prob_of_peer(estimator, theta, x).mean())
    history = _train(run, args, theta, x, goal)
    stop = " (stopped by --hours)" if stopped else ""
    name = f"sbi NPE.train(), nsf, {epochs} epochs{stop}, {theirs:.0f} s"
    size = {"simulations": run.config["simulations"], "n": args.n}
    held = "held-out log probability"
    passed, ours, reached = history[-1]
    out = [
        row(f"{held}, sbi", goal, "nat", name, **size),
        row(f"{held}, livetime", reached, f"nat, after {passed} epochs", name, history=history),
    ]
    if reached <= goal:
        return [*out, row("livetime did not pass it", ours, "s", name)]
    return [*out, row("until livetime passes it", ours, "s", name, theirs / ours)]


def _train(
    run, args: argparse.Namespace, theta: np.ndarray, x: np.ndarray, goal: float
) -> list[tuple[int, float, float]]:
    """Train until the held-out log probability is above the goal.

    Returns: of each epoch its number, the seconds of training so far, and the log probability.
    """
    import torch

    from livetime.config import check
    from livetime.learn.data import BankDataModule, split
    from livetime.learn.module import LitEstimator
    from livetime.learn.training import on_machine
    from livetime.settings import Trainer, Training
    from livetime.simulate.build import shapes

    config = {**run.config["training"], "epochs": args.epochs}
    training = check(Training, config, "training")
    train_theta, train_x = bank_of(run).load(run.config["simulations"])
    torch.manual_seed(args.seed)
    history: list[tuple[int, float, float]] = []
    evaluated = _evaluated(theta, x, goal, history)

    module = LitEstimator(dict(run.config["estimator"]), shapes(run.simulator), config)
    parts = split(len(train_x), training)
    own = train_theta[:, : theta.shape[1]]
    data = BankDataModule(own, train_x, parts, training.batch_size, args.seed)
    module.standardise.fit(data.train.tensors[1])

    machine = check(Trainer, run.config["trainer"], "trainer")
    science = {"max_epochs": args.epochs, "gradient_clip_val": training.clip, "logger": False}
    quiet = {"enable_checkpointing": False, "num_sanity_val_steps": 0}
    on_machine(machine, **science, **quiet, callbacks=[evaluated]).fit(module, data)
    return history


def _evaluated(theta: np.ndarray, x: np.ndarray, goal: float, history: list):
    """Make the callback that evaluates after each epoch, and stops above the goal.

    The clock starts here. Evaluations are not in the seconds.
    """
    import torch
    from lightning.pytorch.callbacks import Callback

    truth = torch.as_tensor(theta, dtype=torch.float32)
    seen = torch.as_tensor(x)
    started = time.monotonic()

    class Evaluated(Callback):
        evaluating = 0.0

        def on_train_epoch_end(self, trainer, module) -> None:
            paused = time.monotonic()
            seconds = paused - started - self.evaluating
            module.eval()
            with torch.no_grad():
                log_prob = module.estimator.log_prob(truth[None], module.standardise(seen))[0]
            module.train()
            value = float(log_prob.mean())
            epoch = trainer.current_epoch + 1
            history.append((epoch, seconds, value))
            words = f"{epoch} epochs, {seconds:.0f} s, held-out log probability {value:.3f}"
            print(f"livetime: {words}", flush=True)
            trainer.should_stop = value > goal
            self.evaluating += time.monotonic() - paused

    return Evaluated()
