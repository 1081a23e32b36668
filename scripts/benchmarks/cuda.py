"""A device beside one core of the processor: training steps and posterior draws per second of a run's network.

Simulations are made by the processor, whose figures `simulate` tells; what is measured here is what a device takes over. It is refused
where there is none.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks import row
from livetime.errors import UserError


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run", type=Path)
    parser.add_argument("--batch-size", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--observations", type=int, default=200)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=2)


def rows(args: argparse.Namespace) -> list[dict]:
    import torch

    from livetime.infer.run import Run

    if not torch.cuda.is_available():
        raise UserError("there is no CUDA device here; run it on a machine with one")
    run = Run.open(args.run)
    run.expect("posterior")
    theta, x = run.simulator.simulate(0, max(args.batch_size, args.observations), args.seed)
    device, out = torch.cuda.get_device_name(), []
    for what, unit, work in (
        (
            "training",
            "steps/s",
            lambda module, t, s: _steps(
                module, t[: args.batch_size], s[: args.batch_size], args.steps
            ),
        ),
        (
            "posterior",
            "draws/s",
            lambda module, t, s: _draws(module, s[: args.observations], args.draws),
        ),
    ):
        speed = {}
        for place in ("cpu", "cuda"):
            module = run.members[0].to(place)
            t = torch.as_tensor(
                theta[:, : run.simulator.prior.dim], dtype=torch.float32, device=place
            )
            s = torch.as_tensor(x, device=place)
            speed[place] = work(module, t, s)
            module.to("cpu").eval()
        out.append(
            row(
                f"{what}, one member, on {device}",
                speed["cuda"],
                unit,
                f"one core: {speed['cpu']:.4g}",
                speed["cuda"] / speed["cpu"],
            )
        )
    return out


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
