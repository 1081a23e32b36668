"""What a network looks at: permutation importance and saliency of the entries of a summary."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from livetime.infer.run import Run
from livetime.simulate.layout import Layout

Floats = NDArray[np.floating[Any]]
MAX_INTERPRETED = 500
"""Held-out simulations, at most, on which importance and saliency are found."""


@dataclass(frozen=True)
class Interpretation:
    """How a network was trained, and what it looks at.

    Arguments:
        history: losses of each member by epoch, see `Run.history`.
        importance: group of entries -> mean and standard deviation of the rise of the loss.
        saliency: root mean square gradient by each entry, (X,).
        layout: names of the entries.
    """

    history: list[dict[str, list[float]]]
    importance: dict[str, tuple[float, float]]
    saliency: Floats
    layout: Layout


def blocks(layout: Layout, n: int = 8) -> dict[str, NDArray[np.intp]]:
    """Entries of a summary that are permuted together: name -> their numbers. A spectrum is cut into n bands, evenly in bins."""
    out = {}
    for name, s in layout.slices.items():
        entries = np.arange(s.start, s.stop)
        if name not in layout.spectra:
            out[name] = entries
            continue
        for part in np.array_split(np.arange(len(entries)), n):
            low, high = layout.axis.values[part[0]], layout.axis.values[part[-1]]
            out[f"{name} {low:.3g} to {high:.3g} {layout.axis.unit}"] = entries[part]
    return out


def importance(
    loss: Callable[[Floats], Floats],
    x: Floats,
    groups: dict[str, NDArray[np.intp]],
    rng: np.random.Generator,
    repeats: int = 5,
) -> dict[str, tuple[float, float]]:
    """Permutation importance: how much the mean loss rises when a group of entries is shuffled over the simulations.

    A group that other entries repeat has little importance, though the network may use it.

    Arguments:
        loss: of summaries (B, X), each with its own target: (B,).
        x: summaries (B, X).
        groups: as `blocks` gives them.
        rng: of the shuffles.
        repeats: shuffles of each group.

    Returns: mean and standard deviation of the rise for each group. Source: Breiman (2001); Fisher, Rudin & Dominici (2019).
    """
    least = loss(x).mean()
    out = {}
    for name, entries in groups.items():
        rises = []
        for _ in range(repeats):
            shuffled = x.copy()
            shuffled[:, entries] = x[rng.permutation(len(x))][:, entries]
            rises.append(loss(shuffled).mean() - least)
        out[name] = (float(np.mean(rises)), float(np.std(rises)))
    return out


def saliency(run: Run, theta: Floats, x: Floats, batch: int = 250) -> Floats:
    """Root mean square, over simulations (B, X) with their theta, of the loss's gradient by each entry times its standard deviation, (X,).

    Source: Simonyan, Vedaldi & Zisserman (2014).
    """
    total = np.zeros(x.shape[1])
    for start in range(0, len(x), batch):
        part = torch.from_numpy(
            np.asarray(x[start : start + batch], dtype=np.float32)
        ).requires_grad_()
        run.loss(theta[start : start + batch], part).sum().backward()  # type: ignore[no-untyped-call]
        assert part.grad is not None
        total += (part.grad.double() ** 2).sum(0).numpy()
    return np.asarray(np.sqrt(total / len(x)) * x.std(axis=0, dtype=np.float64))


def interpret(run: Run, theta: Floats, x: Floats, seed: int) -> Interpretation:
    """Find importance and saliency on held-out simulations (N, D + C), (N, X)."""
    theta, x, layout = theta[:MAX_INTERPRETED], x[:MAX_INTERPRETED], run.simulator.layout

    # A flow's loss has no limit where it was never trained: the prior's is the limit.
    prior = run.simulator.prior
    worst = np.inf if run.question.name == "class" else np.log(prior.high - prior.low).sum()

    def loss(rows: Floats) -> Floats:
        with torch.no_grad():
            losses = run.loss(theta, torch.from_numpy(rows)).double().numpy()
        return np.asarray(np.fmin(losses, worst))

    rises = importance(loss, x, blocks(layout), np.random.default_rng(seed))
    return Interpretation(run.history(), rises, saliency(run, theta, x), layout)
