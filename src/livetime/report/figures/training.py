"""Draw the course of a training, and which entries of a summary a network uses."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from livetime.report import words
from livetime.report.figures import scales
from livetime.report.style import BLUE, COLUMN, PALETTE, styled

Floats = NDArray[np.floating[Any]]
SHOWN = 30
"""Groups of entries that are drawn, the most important ones."""
WIDE = 4.6
"""Width in inches of figures with long names on their vertical axis."""
NATS = "loss (nats)"


@styled
def history(members: Sequence[Mapping[str, Sequence[float]]]) -> Figure:
    """Draw training and validation loss over epochs, and the epoch whose weights are kept.

    Arguments:
        members: for each member the lists `epoch`, `train/loss` and `val/loss`.
    """
    figure = Figure((COLUMN, 3.0))
    ax = figure.subplots()
    for i, member in enumerate(members):
        colour = PALETTE[i % len(PALETTE)]
        epochs = member["epoch"]
        first = i == 0
        ax.plot(epochs, member["val/loss"], "-", color=colour, label="validation" if first else "")
        ax.plot(epochs, member["train/loss"], ":", color=colour, label="training" if first else "")
        if len(epochs):
            best = int(np.argmin(member["val/loss"]))
            place = (epochs[best], member["val/loss"][best])
            ax.plot(*place, "o", color=colour, label="weights that are kept" if first else "")

    _limit_losses(ax, [loss for member in members for loss in member["val/loss"]])
    ax.set_xlabel("epoch")
    ax.set_ylabel(NATS)
    ax.set_title(words.count(len(members), "network"))
    ax.xaxis.get_major_locator().set_params(integer=True)
    figure.legend(loc="outside lower center", ncols=3)
    return figure


def _limit_losses(ax: Axes, losses: Sequence[float]) -> None:
    """Leave out the first epochs' losses where they dwarf the others."""
    if not losses:
        return
    low, middle = np.quantile(losses, [0.05, 0.5])
    if max(losses) > middle + 5 * (middle - low):
        ax.set_ylim(top=float(np.quantile(losses, 0.95)))


@styled
def importance(rises: Mapping[str, tuple[float, float]]) -> Figure:
    """Draw how much the mean loss rises when a group of entries is shuffled.

    Arguments:
        rises: group -> mean and standard deviation of the rise.
    """
    chosen = sorted(rises.items(), key=lambda item: item[1][0])[-SHOWN:]
    names = [words.entry(name) for name, _ in chosen]
    means = [rise for _, (rise, _) in chosen]
    errors = [error for _, (_, error) in chosen]
    figure = Figure((WIDE, max(2.2, 0.17 * len(chosen) + 0.8)))
    ax = figure.subplots()
    ax.barh(names, means, xerr=errors, color=BLUE, alpha=0.8, error_kw={"elinewidth": 0.7})
    ax.tick_params(axis="y", labelsize=6.5, length=0)
    ax.margins(y=0.01)
    ax.set_xlabel("rise of the loss when shuffled (nats)")
    ax.set_ylabel("entries of the summary")
    return figure


@styled
def saliency(
    spectra: Mapping[str, tuple[Floats, Floats]], numbers: Mapping[str, float], axis: str
) -> Figure:
    """Draw the root-mean-square gradient of the loss by each standardised entry.

    Arguments:
        spectra: title -> places (F,) and gradients (F,).
        numbers: name of a single number -> its gradient.
        axis: label of the spectra's horizontal axis.
    """
    heights = [1.5] * len(spectra) + [0.15 * len(numbers) + 0.3]
    figure = Figure((WIDE, sum(heights) + 0.9))
    axes = figure.subplots(len(heights), 1, squeeze=False, height_ratios=heights)[:, 0]
    for ax, (title, (places, values)) in zip(axes, spectra.items(), strict=False):
        ax.plot(places, values, color=BLUE)
        scales.log_axis(ax, "x", float(places[0]) / 1.08, float(places[-1]) * 1.08)
        ax.set_ylim(bottom=0)
        ax.set_title(title, loc="left")
        ax.set_xlabel(axis)
        ax.set_ylabel("rms gradient (nats)")

    ordered = sorted(numbers, key=lambda name: numbers[name])
    names = [words.entry(name) for name in ordered]
    last = axes[-1]
    last.barh(names, [numbers[name] for name in ordered], color=BLUE, alpha=0.8)
    last.tick_params(axis="y", labelsize=6.5, length=0)
    last.margins(y=0.01)
    last.set_xlabel("rms gradient (nats per standard deviation)")
    last.set_ylabel("single numbers")
    return figure
