"""A device beside one core: training steps and posterior draws per second of a run's network.

The processor makes the simulations, and `simulate` measures them. This measures what a device can
take over. It needs a device.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import row
from livetime.errors import UserError


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("run", type=Path)
    parser.add_argument("--batch-size", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--observations", type=int, default=200)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=2)


def rows(args: argparse.Namespace) -> list[dict]:
    """Measure, and return the rows of the table."""
    import torch

    from livetime.infer.run import Run

    if not torch.cuda.is_available():
        raise UserError("cuda", "is missing here", "run it on a machine with a device")
    run = Run.open(args.run)
    run.expect("posterior")
    theta, x = run.simulator.simulate(0, max(args.batch_size, args.observations), args.seed)
    device = torch.cuda.get_device_name()

    def training(module, theta, x) -> float:
        return _steps(module, theta[: args.batch_size], x[: args.batch_size], args.steps)

    def posterior(module, theta, x) -> float:
        return _draws(module, x[: args.observations], args.draws)

    out = []
    for work, unit in ((training, "steps/s"), (posterior, "draws/s")):
        speed = {place: _speed(run, work, theta, x, place) for place in ("cpu", "cuda")}
        label = f"{work.__name__}, one member, on {device}"
        ratio = speed["cuda"] / speed["cpu"]
        out.append(row(label, speed["cuda"], unit, f"one core: {speed['cpu']:.4g}", ratio))
    return out


def _speed(run, work, theta: np.ndarray, x: np.ndarray, place: str) -> float:
    """Measure one kind of work of the run's first member on a device."""
    import torch

    module = run.members[0].to(place)
    own = theta[:, : run.simulator.prior.dim]
    t = torch.as_tensor(own, dtype=torch.float32, device=place)
    speed = work(module, t, torch.as_tensor(x, device=place))
    module.to("cpu").eval()
    return float(speed)


def _steps(module, theta, x, steps: int) -> float:
    """Optimiser steps per second on one batch; on a copy, so that the run stays what it is."""
    import copy

    import torch

    own = copy.deepcopy(module).train()
    optimizer = torch.optim.AdamW(own.parameters(), 1e-4)

    def step() -> None:
        optimizer.zero_grad()
        own.loss(theta, x).mean().backward()
        optimizer.step()

    return 1 / _median(step, steps)


def _draws(module, x, draws: int) -> float:
    import torch

    with torch.no_grad():
        z = module.standardise(x)
        return draws * len(x) / _median(lambda: module.estimator.sample(draws, z), 5)


def _median(step: Callable[[], object], n: int) -> float:
    """Seconds of one turn by the clock, the device's work included."""
    import torch

    spent = []
    for _ in range(n + 3):
        started = time.perf_counter()
        step()
        torch.cuda.synchronize()
        spent.append(time.perf_counter() - started)
    return float(np.median(spent[3:]))
