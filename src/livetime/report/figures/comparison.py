"""Draw the bias on a grid of simulations with known truth, and injections."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from livetime.report import words
from livetime.report.figures import scales
from livetime.report.style import (
    BAND,
    BLACK,
    COLUMN,
    PAGE,
    Style,
    look,
    styled,
)
from livetime.report.units import unit_math

SPREAD = 1.045
"""Factor between the places of two methods, so that their error bars do not overlap."""
LINEAR = 0.05
"""Bias below which the vertical axis is linear: a naive fit is off by orders of magnitude."""
TICKS = (-100.0, -10.0, -1.0, -0.1, -LINEAR, 0.0, LINEAR, 0.1, 1.0, 10.0, 100.0)
SOURCE = "bright_source"
WIDE_BARS: Style = {"fmt": "none", "alpha": 0.25, "lw": 3}
Floats = NDArray[np.float64]
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
        quantity: quantity whose bias is drawn, such as `ln rate`.
        along: parameter of the horizontal axis.
        by: parameter with a panel for each value, or None.
        coverage: method -> fraction of true values in the 68% interval, of all cells.
    """
    values: list[float | None] = [None]
    if by is not None:
        values = sorted({row["cell"][by] for row in rows})
    width = PAGE if len(values) > 1 else COLUMN
    figure = Figure((width, 3.3))
    axes = figure.subplots(1, len(values), sharey=True, squeeze=False)[0]
    for ax, value in zip(axes, values, strict=True):
        chosen = [row for row in rows if row["cell"].get(by) == value]
        _panel(ax, chosen, along, coverage)
        if by is not None and value is not None:
            ax.set_title(_cell_words(by, value))
    axes[0].set_ylabel(bias_label(quantity))
    handles, labels = axes[0].get_legend_handles_labels()
    columns = 2 if len(values) > 1 else 1
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)
    return figure


def bias_label(quantity: str) -> str:
    """Describe the vertical axis of a comparison.

    >>> bias_label("ln rate")
    'bias of the median: ln(incident rate)'
    """
    logarithm, _, name = quantity.rpartition(" ")
    found = words.quantity(name)
    text = f"ln({found.words})" if logarithm else found.text
    return f"bias of the median: {text}"


def _cell_words(name: str, value: float) -> str:
    """Write the value of a parameter that a panel has."""
    found = words.quantity(name)
    unit = f" {unit_math(found.unit)}" if found.unit else ""
    shown = found.factor * value
    return f"{found.words} {shown:g}{unit}"


def _panel(ax: Axes, rows: Sequence[Row], along: str, coverage: Mapping[str, float]) -> None:
    """Draw all methods of one panel."""
    found = words.quantity(along)
    methods = list(coverage)
    for number, method in enumerate(methods):
        style = look(method)
        mine = [row for row in rows if row["method"] == method]
        values = _column([row["cell"] for row in mine], along)
        places = found.factor * values * _shift(number, len(methods))
        bias = _column(mine, "bias")
        ax.errorbar(places, bias, _column(mine, "half_width"), ecolor=style.colour, **WIDE_BARS)

        label = f"{style.label}: 68% intervals cover {coverage[method]:.0%}"
        errors = _column(mine, "bias_error")
        ax.errorbar(places, bias, errors, label=label, **style.points)

    ax.axhline(0, color=BLACK, lw=0.7)
    ax.axhspan(-LINEAR, LINEAR, color=BAND, alpha=0.5, lw=0, zorder=0)
    ax.set_yscale("symlog", linthresh=LINEAR)
    limits = ax.get_ylim()
    ticks = [tick for tick in TICKS if _between(tick, limits)]
    scales.set_ticks(ax.yaxis, ticks)
    cells = _column([row["cell"] for row in rows], along)
    grid = np.unique(found.factor * cells)
    ax.set_xlabel(found.text if not found.unit else found.long_axis)
    _value_axis(ax, grid.tolist())


def _column(rows: Sequence[Row], name: str) -> Floats:
    """Collect one number of every row."""
    return np.array([row[name] for row in rows])


def _shift(number: int, count: int) -> float:
    """Give the factor that sets one of several methods apart on a log axis."""
    place = number - (count - 1) / 2
    return float(SPREAD**place)


def _between(value: float, limits: tuple[float, float]) -> bool:
    return limits[0] <= value <= limits[1]


def _value_axis(ax: Axes, values: Sequence[float]) -> None:
    """Set a log axis with ticks at the values of a grid; a linear one if any is not positive."""
    if values[0] > 0:
        margin = 1.3 if len(values) < 2 else 1.25
        ax.set_xscale("log")
        low = min(values)
        high = max(values)
        ax.set_xlim(low / margin, high * margin)
    ticks = [float(f"{value:.3g}") for value in values]
    scales.set_ticks(ax.xaxis, ticks)


@styled
def injection(rows: Sequence[Row]) -> Figure:
    """Draw medians and 68% intervals at each rate, beside those of the bright source.

    Arguments:
        rows: one for each rate, method and quantity, with `median`, `lo68` and `hi68`.
    """
    quantities = [row["quantity"] for row in rows]
    names = list(dict.fromkeys(quantities))
    columns = min(3, len(names))
    panels = -(-len(names) // columns)
    width = PAGE if columns > 1 else COLUMN
    figure = Figure((width, 2.2 * panels + 0.6))
    axes = figure.subplots(panels, columns, squeeze=False).ravel()
    for ax in axes[len(names) :]:
        ax.set_visible(False)
    for ax, name in zip(axes, names, strict=False):
        mine = [row for row in rows if row["quantity"] == name]
        _injected(ax, mine, name)
    figure.supxlabel(r"incident rate (counts s$^{-1}$ per module)", fontsize=8)
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3)
    return figure


def _injected(ax: Axes, rows: Sequence[Row], name: str) -> None:
    """Draw one quantity at all rates."""
    found = words.quantity(name)
    by_method: dict[str, list[Row]] = {}
    for row in rows:
        by_method.setdefault(row["method"], []).append(row)
    truth = by_method.pop(SOURCE)[0]
    label = f"{look(SOURCE).label} (68%)"
    low = found.factor * truth["lo68"]
    high = found.factor * truth["hi68"]
    ax.axhspan(low, high, color=BAND, lw=0, label=label)
    ax.axhline(found.factor * truth["median"], color=BLACK, lw=0.8)

    for number, (method, mine) in enumerate(by_method.items()):
        style = look(method)
        places = _column(mine, "rate") * _shift(number, len(by_method))
        medians = found.factor * _column(mine, "median")
        below = medians - found.factor * _column(mine, "lo68")
        above = found.factor * _column(mine, "hi68") - medians
        bars = np.stack([below, above])
        ax.errorbar(places, medians, bars, label=style.label, **style.points)

    rates = np.unique(_column(rows, "rate"))
    _value_axis(ax, rates.tolist())
    low, high = ax.get_ylim()
    if not name.endswith("_index") and low > 0:
        scales.log_axis(ax, "y", low, high)
    ax.set_ylabel(found.text)
