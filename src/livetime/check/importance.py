"""Find what a network looks at: permutation importance and saliency of a summary's entries."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from livetime.check.arrays import Floats
from livetime.infer.run import Run
from livetime.simulate.layout import Layout

Groups = dict[str, NDArray[np.intp]]
"""Name of a group -> numbers of its entries."""
MAX_INTERPRETED = 500
"""Held-out simulations, at most, on which importance and saliency are found."""
_BANDS = 8
"""Bands into which a spectrum is cut."""
SHUFFLES = 5
"""Shuffles of each group."""
SALIENCY_BATCH = 250
"""Simulations whose gradients are found together."""


@dataclass(frozen=True)
class Interpretation:
    """Keep the losses of a training, and the entries that the network uses.

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


def interpret(run: Run, theta: Floats, x: Floats, seed: int) -> Interpretation:
    """Find importance and saliency on some held-out simulations.

    Arguments:
        run: a finished run.
        theta: parameters and covariates (N, D + C); with classes (N, D + C + 1).
        x: summaries (N, X).
        seed: of the shuffles.
    """
    theta = theta[:MAX_INTERPRETED]
    x = x[:MAX_INTERPRETED]

    # A flow's loss has no limit where it was never trained: that of the prior is the limit.
    prior = run.simulator.prior
    worst = np.inf
    if run.question.name == "posterior":
        width = prior.high - prior.low
        worst = np.log(width).sum()

    def loss(rows: Floats) -> Floats:
        with torch.no_grad():
            losses = run.loss(theta, torch.from_numpy(rows)).double().numpy()
        return np.asarray(np.fmin(losses, worst))

    layout = run.simulator.layout
    rises = importance(loss, x, entry_groups(layout), np.random.default_rng(seed))
    return Interpretation(run.history(), rises, saliency(run, theta, x), layout)


def entry_groups(layout: Layout, bands: int = _BANDS) -> Groups:
    """Group the entries of a summary that are shuffled together.

    Arguments:
        layout: names the entries.
        bands: number of bands of a spectrum, with as many bins each.

    Examples:
        >>> from livetime.simulate.dead_time_detector import IDEAL
        >>> from livetime.simulate.periodogram import Periodogram
        >>> list(entry_groups(Periodogram().layout(IDEAL), 2))[-2:]
        ['rate_a', 'segments']
    """
    groups = {}
    for name, part in layout.slices.items():
        entries = np.arange(part.start, part.stop)
        if name not in layout.spectra:
            groups[name] = entries
            continue
        for band in np.array_split(np.arange(len(entries)), bands):
            within = layout.axis.values[band]
            low = within[0]
            high = within[-1]
            groups[f"{name} {low:.3g} to {high:.3g} {layout.axis.unit}"] = entries[band]
    return groups


def importance(
    loss: Callable[[Floats], Floats],
    x: Floats,
    groups: Groups,
    rng: np.random.Generator,
    repeats: int = SHUFFLES,
) -> dict[str, tuple[float, float]]:
    """Find how much the mean loss rises when a group of entries is shuffled over simulations.

    A group that repeats other entries has little importance, though the network may use it.
    Source: Breiman (2001); Fisher, Rudin & Dominici (2019), arXiv:1801.01489.

    Arguments:
        loss: of summaries (B, X), each with its own target: (B,).
        x: summaries (B, X).
        groups: as `entry_groups` gives them.
        rng: of the shuffles.
        repeats: shuffles of each group.

    Returns:
        group -> mean and standard deviation of the rise.

    Examples:
        >>> x = np.arange(6.0).reshape(3, 2)
        >>> groups = {"first": np.array([0]), "second": np.array([1])}
        >>> rises = importance(lambda rows: rows[:, 0], x, groups, np.random.default_rng(0))
        >>> rises["second"]
        (0.0, 0.0)
    """
    unshuffled = loss(x).mean()
    rises = {}
    for name, entries in groups.items():
        own = []
        for _ in range(repeats):
            shuffled = x.copy()
            shuffled[:, entries] = x[rng.permutation(len(x))][:, entries]
            own.append(loss(shuffled).mean() - unshuffled)
        rises[name] = (float(np.mean(own)), float(np.std(own)))
    return rises


def saliency(run: Run, theta: Floats, x: Floats, batch: int = SALIENCY_BATCH) -> Floats:
    """Find the gradient of the loss by each entry, in units of the entry's standard deviation.

    Source: Simonyan, Vedaldi & Zisserman (2014), arXiv:1312.6034.

    Arguments:
        run: a finished run.
        theta: parameters and covariates of each simulation, (B, D + C).
        x: summaries (B, X).
        batch: simulations at a time.

    Returns:
        the root mean square over the simulations, (X,).
    """
    total = np.zeros(x.shape[1])
    for start in range(0, len(x), batch):
        rows = slice(start, start + batch)
        part = torch.from_numpy(np.asarray(x[rows], dtype=np.float32)).requires_grad_()
        run.loss(theta[rows], part).sum().backward()  # type: ignore[no-untyped-call]
        assert part.grad is not None
        total += (part.grad.double() ** 2).sum(0).numpy()
    deviation = x.std(axis=0, dtype=np.float64)
    return np.asarray(np.sqrt(total / len(x)) * deviation)
