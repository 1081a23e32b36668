"""Draw comparisons with a known answer: bias on a grid of simulations, and injections."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from livetime.report import words
from livetime.report.figures import scales
from livetime.report.style import BAND, BLACK, COLUMN, PAGE, look, styled

SPREAD = 1.045
"""Factor between the places of two methods, so that their error bars do not overlap."""
LINEAR = 0.05
"""Bias below which the vertical axis is linear: a naive fit is off by orders of magnitude."""
TICKS = (-100.0, -10.0, -1.0, -0.1, -LINEAR, 0.0, LINEAR, 0.1, 1.0, 10.0, 100.0)
Row = Mapping[str, Any]


@styled
def comparison(
    rows: Sequence[Row],
    quantity: str,
    along: str,
    by: str | None,
    coverage: Mapping[str, float],
) -> Figure:
    """Draw the bias of the posterior median in each cell of a grid.

    Thin bars give the standard error of the bias, wide pale bars the mean half-width of the 68%
    intervals.

    Arguments:
        rows: one for each cell and method, with `cell`, `method`, `bias`, `bias_error` and
            `half_width`.
        quantity: what the bias is of, such as `ln rate`.
        along: parameter of the horizontal axis.
        by: parameter that has a panel for each value, or None.
        coverage: method -> fraction of true values in the 68% interval, of all cells.
    """
    values: list[float | None] = [None]
    if by is not None:
        values = sorted({row["cell"][by] for row in rows})
    width = PAGE if len(values) > 1 else COLUMN
    figure = Figure((width, 3.3))
    axes = figure.subplots(1, len(values), sharey=True, squeeze=False)[0]
    for ax, value in zip(axes, values, strict=True):
        chosen = [row for row in rows if by is None or row["cell"][by] == value]
        _panel(ax, chosen, along, coverage)
        if by is not None and value is not None:
            ax.set_title(_cell_words(by, value))
    axes[0].set_ylabel(bias_label(quantity))
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2 if len(values) > 1 else 1)
    return figure


def bias_label(quantity: str) -> str:
    """Word the vertical axis of a comparison.

    >>> bias_label("ln rate")
    'bias of the median: ln(incident rate)'
    """
    logarithm, _, name = quantity.rpartition(" ")
    found = words.quantity(name)
    text = f"ln({found.words})" if logarithm else found.text
    return f"bias of the median: {text}"


def _cell_words(name: str, value: float) -> str:
    """Word the value of a parameter that a panel has."""
    found = words.quantity(name)
    unit = f" {words.unit_math(found.unit)}" if found.unit else ""
    return f"{found.words} {found.factor * value:g}{unit}"


def _panel(ax: Axes, rows: Sequence[Row], along: str, coverage: Mapping[str, float]) -> None:
    """Draw all methods of one panel."""
    found = words.quantity(along)
    methods = list(coverage)
    for number, method in enumerate(methods):
        mine = [row for row in rows if row["method"] == method]
        shift = SPREAD ** (number - (len(methods) - 1) / 2)
        places = np.array([row["cell"][along] for row in mine]) * found.factor * shift
        bias = [row["bias"] for row in mine]
        wide = {"fmt": "none", "ecolor": look(method).colour, "alpha": 0.25, "lw": 3}
        ax.errorbar(places, bias, [row["half_width"] for row in mine], **wide)
        label = f"{look(method).label}: 68% intervals cover {coverage[method]:.0%}"
        errors = [row["bias_error"] for row in mine]
        ax.errorbar(places, bias, errors, label=label, **look(method).points)

    ax.axhline(0, color=BLACK, lw=0.7)
    ax.axhspan(-LINEAR, LINEAR, color=BAND, alpha=0.5, lw=0, zorder=0)
    ax.set_yscale("symlog", linthresh=LINEAR)
    scales.set_ticks(ax.yaxis, [tick for tick in TICKS if _between(tick, ax.get_ylim())])
    values = sorted({row["cell"][along] * found.factor for row in rows})
    ax.set_xlabel(found.text if not found.unit else found.long_axis)
    _value_axis(ax, values)


def _between(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]


def _value_axis(ax: Axes, values: Sequence[float]) -> None:
    """Set a log axis with ticks at the values of a grid; a linear one if any is not positive."""
    if values[0] > 0:
        margin = 1.3 if len(values) < 2 else 1.25
        ax.set_xscale("log")
        ax.set_xlim(values[0] / margin, values[-1] * margin)
    scales.set_ticks(ax.xaxis, [float(f"{value:.3g}") for value in values])


@styled
def injection(rows: Sequence[Row]) -> Figure:
    """Draw medians and 68% intervals at each rate over those of the bright source.

    Arguments:
        rows: one for each rate, method and quantity, with `median`, `lo68` and `hi68`.
    """
    names = list(dict.fromkeys(row["quantity"] for row in rows))
    columns = min(3, len(names))
    panels = -(-len(names) // columns)
    figure = Figure((PAGE if columns > 1 else COLUMN, 2.2 * panels + 0.6))
    axes = figure.subplots(panels, columns, squeeze=False).ravel()
    for ax in axes[len(names) :]:
        ax.set_visible(False)
    for ax, name in zip(axes, names, strict=False):
        _injected(ax, [row for row in rows if row["quantity"] == name], name)
    figure.supxlabel(r"incident rate (counts s$^{-1}$ per module)", fontsize=8)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def _injected(ax: Axes, rows: Sequence[Row], name: str) -> None:
    """Draw one quantity at all rates."""
    found = words.quantity(name)
    truth = next(row for row in rows if row["method"] == "bright_source")
    low, middle, high = (found.factor * truth[key] for key in ("lo68", "median", "hi68"))
    ax.axhspan(low, high, color=BAND, lw=0, label=f"{look('bright_source').label} (68%)")
    ax.axhline(middle, color=BLACK, lw=0.8)

    methods = dict.fromkeys(row["method"] for row in rows if row["method"] != "bright_source")
    for number, method in enumerate(methods):
        mine = [row for row in rows if row["method"] == method]
        shift = SPREAD ** (number - (len(methods) - 1) / 2)
        places = [row["rate"] * shift for row in mine]
        medians = np.array([found.factor * row["median"] for row in mine])
        below = medians - [found.factor * row["lo68"] for row in mine]
        above = [found.factor * row["hi68"] for row in mine] - medians
        points = look(method).points
        ax.errorbar(places, medians, [below, above], label=look(method).label, **points)

    _value_axis(ax, sorted({row["rate"] for row in rows}))
    low, high = ax.get_ylim()
    if not name.endswith("_index") and low > 0:
        scales.log_axis(ax, "y", low, high)
    ax.set_ylabel(found.text)
