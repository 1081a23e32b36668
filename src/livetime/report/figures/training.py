"""Draw the course of a training, and the entries of a summary that a network uses."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from livetime.check.arrays import Floats
from livetime.files.finding import plural
from livetime.report import words
from livetime.report.figures import scales
from livetime.report.style import (
    BLUE,
    COLUMN,
    PALETTE,
    Style,
    styled,
)

BARS: Style = {"color": BLUE, "alpha": 0.8}
_SHOWN = 30
"""Groups of entries that are drawn, the most important ones."""
LOSS_LINES: dict[str, Style] = {
    "validation": {"ls": "-"},
    "training": {"ls": ":"},
    "weights that are kept": {"ls": "", "marker": "o"},
}
"""Entry of the legend -> its look."""
_WIDE = 4.6
"""Width in inches of figures with long names on their vertical axis."""
_MARGIN = 1.08
"""Factor by which a log axis exceeds the data on both sides."""
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
        ax.plot(epochs, member["val/loss"], "-", color=colour)
        ax.plot(epochs, member["train/loss"], ":", color=colour)
        if len(epochs):
            best = int(np.argmin(member["val/loss"]))
            loss = member["val/loss"][best]
            ax.plot(epochs[best], loss, "o", color=colour)

    losses = [member["val/loss"] for member in members]
    _limit_losses(ax, np.concatenate([*losses, []]))
    ax.set_xlabel("epoch")
    ax.set_ylabel(NATS)
    ax.set_title(plural(len(members), "network"))
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    handles = [Line2D([], [], color=BLUE, **style) for style in LOSS_LINES.values()]
    figure.legend(handles, list(LOSS_LINES), loc="outside lower center", ncols=3)
    return figure


def _limit_losses(ax: Axes, losses: Floats) -> None:
    """Leave out the first epochs' losses where they dwarf the others."""
    if not len(losses):
        return
    low, middle = np.quantile(losses, [0.05, 0.5])
    if max(losses) > middle + 5 * (middle - low):
        ax.set_ylim(top=float(np.quantile(losses, 0.95)))


@styled
def importance(rises: Mapping[str, tuple[float, float]]) -> Figure:
    """Draw the rise of the mean loss when a group of entries is exchanged between simulations.

    Arguments:
        rises: group -> mean and standard deviation of the rise.
    """
    ordered = sorted(rises, key=lambda name: rises[name][0])
    chosen = ordered[-_SHOWN:]
    names = [words.entry(name) for name in chosen]
    means = [rises[name][0] for name in chosen]
    errors = [rises[name][1] for name in chosen]

    height = 0.17 * len(chosen) + 0.8
    figure = Figure((_WIDE, max(2.2, height)))
    ax = figure.subplots()
    thin: Style = {"elinewidth": 0.7}
    ax.barh(names, means, xerr=errors, error_kw=thin, **BARS)
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
    last_height = 0.15 * len(numbers) + 0.3
    heights = [1.5] * len(spectra)
    heights.append(last_height)
    figure = Figure((_WIDE, sum(heights) + 0.9))
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    for row, (title, spectrum) in enumerate(spectra.items()):
        places, values = spectrum
        ax = figure.add_subplot(grid[row])
        ax.plot(places, values, color=BLUE)
        scales.log_axis_around(ax, "x", places, _MARGIN)
        ax.set_ylim(bottom=0)
        ax.set_title(title, loc="left")
        ax.set_xlabel(axis)
        ax.set_ylabel("rms gradient (nats)")

    ordered = sorted(numbers, key=numbers.__getitem__)
    names = [words.entry(name) for name in ordered]
    last = figure.add_subplot(grid[-1])
    last.barh(names, sorted(numbers.values()), **BARS)
    last.tick_params(axis="y", labelsize=6.5, length=0)
    last.margins(y=0.01)
    last.set_xlabel("rms gradient (nats per standard deviation)")
    last.set_ylabel("single numbers")
    return figure
