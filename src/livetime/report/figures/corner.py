"""Draw a corner plot: marginals and pairs of several posteriors on physical axes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray

from livetime.report import words
from livetime.report.figures import scales
from livetime.report.figures.densities import (
    MASSES,
    Parameter,
    density,
    levels,
    sampling_edges,
)
from livetime.report.style import (
    GREY,
    PAGE,
    Style,
    look,
    styled,
)
from livetime.simulate.prior import Prior, Samples

Floats = NDArray[np.float64]
PALE: Style = {"alpha": 0.15, "lw": 0}
_TITLE: Style = {"fontsize": 7.5, "pad": 6}
GAPS: Style = {"w_pad": 0.02, "h_pad": 0.02, "wspace": 0.02, "hspace": 0.02}
"""White space between panels: in inches, and as a share of a panel."""
_WIDE = 20.0
"""Ratio of the edges from which on an axis has ticks at powers of ten."""
_SHOWN = (0.005, 0.995)
"""Quantiles of the draws that an axis shows."""
PAD = 0.12
"""Share of the axis that is added on both sides."""
LONG_UNIT = 8
"""Letters of a unit that fit beside a symbol."""
PANEL = 1.12
"""Side of a panel in inches, where there are many."""


@styled
def corner(samples: Mapping[str, Samples], truth: Mapping[str, float] | None = None) -> Figure:
    """Draw marginals and pairs of several posteriors of the same parameters.

    The axes cover all methods except the naive one. A method whose median lies outside of them is
    left out, and the legend states it. Densities are smoothed and end at the edges of the prior.
    The numbers above each marginal are median and 68% interval of the first method.

    Arguments:
        samples: method -> its posterior; the first one is filled.
        truth: parameter -> physical value, drawn as lines; None where it is not known.

    Returns: a figure as wide as a page for four or more parameters.
    """
    first = next(iter(samples.values()))
    prior = first.prior
    quantities = _quantities(first)
    shown = {name: _display(draws, quantities) for name, draws in samples.items()}
    parameters = _parameters(prior, quantities, shown)
    names = [name for name in shown if _within(shown[name], parameters)]
    inside = {name: shown[name] for name in names}
    beyond = [name for name in shown if name not in inside]

    side = _side(len(parameters))
    figure = Figure((side, side), layout=ConstrainedLayoutEngine(**GAPS))
    panels = figure.subplots(len(parameters), len(parameters), squeeze=False)
    for (row, column), ax in _lower(panels):
        if row == column:
            _marginal(ax, row, parameters, inside)
        else:
            _pair(ax, (row, column), parameters, inside)
    _labels(figure, panels, parameters)

    if truth:
        values = [truth.get(name, np.nan) for name in prior.names]
        factors = [quantity.factor for quantity in quantities]
        _truth_lines(panels, parameters, np.multiply(values, factors))
    _legend(figure, list(inside), beyond, truth is not None)
    return figure


def _side(count: int) -> float:
    """Choose width and height in inches: one column for up to two parameters."""
    return min(PAGE, max(3.5, PANEL * count + 0.7))


def _lower(panels: NDArray[np.object_]) -> list[tuple[tuple[int, int], Axes]]:
    """List the panels on and below the diagonal, and remove the others."""
    kept = []
    for (row, column), ax in np.ndenumerate(panels):
        if row < column and ax.figure is not None:
            ax.remove()
        elif row >= column:
            kept.append(((row, column), ax))
    return kept


def _quantities(draws: Samples) -> list[words.Quantity]:
    """Describe the parameters; a narrow range of small numbers gets a power of ten in its unit."""
    units = words.prior_units(draws.prior)
    found = []
    for name, values in draws.physical().items():
        quantity = words.quantity(name, units)
        shown = quantity.factor * values
        bounds = draws.prior.parameters[name]
        power = _power(shown, bounds.scale)
        found.append(quantity.scaled(power))
    return found


def _power(values: Floats, scale: str) -> int:
    """Choose the power of ten of an axis; 0 where plain numbers or decades serve."""
    low, middle, high = np.quantile(values, [0.01, 0.5, 0.99])
    wide = scale == "log" and high >= _WIDE * low
    if wide or middle <= 0:
        return 0
    power = int(np.floor(np.log10(middle)))
    return 0 if -2 <= power < 5 else power


def _display(draws: Samples, quantities: Sequence[words.Quantity]) -> Floats:
    """Give draws in sampling coordinates of the units that are shown, (n, D)."""
    ranges = draws.prior.parameters.values()
    physical = draws.physical().values()
    columns = []
    for quantity, bounds, values in zip(quantities, ranges, physical, strict=True):
        shown = scales.display_range(bounds, quantity.factor)
        column = shown.to_sampling(values * quantity.factor)
        columns.append(column)
    return np.stack(columns, axis=1)


def _parameters(
    prior: Prior, quantities: Sequence[words.Quantity], shown: Mapping[str, Floats]
) -> list[Parameter]:
    """Choose the axes: from the draws of all methods except the naive one, within the prior."""
    trusted = [shown[name] for name in shown if name != "naive"]
    every = trusted or list(shown.values())
    quantiles = [np.quantile(theta, _SHOWN, axis=0) for theta in every]
    spans = np.stack(quantiles)
    lowest = spans[:, 0].min(axis=0)
    highest = spans[:, 1].max(axis=0)
    pad = PAD * np.maximum(highest - lowest, 1e-6)

    edges = np.stack([lowest - pad, highest + pad], axis=1)
    ranges = prior.parameters.values()
    found = []
    for quantity, physical, span in zip(quantities, ranges, edges, strict=True):
        bounds = scales.display_range(physical, quantity.factor)
        low, high = np.clip(span, *sampling_edges(bounds)).tolist()
        found.append(Parameter(quantity, bounds, low, high))
    return found


def _within(theta: Floats, parameters: Sequence[Parameter]) -> bool:
    """Check that the median of every parameter lies on its axis."""
    median = np.median(theta, axis=0)
    low = [parameter.low for parameter in parameters]
    high = [parameter.high for parameter in parameters]
    return bool(((median >= low) & (median <= high)).all())


def _marginal(
    ax: Axes, i: int, parameters: Sequence[Parameter], samples: Mapping[str, Floats]
) -> None:
    """Draw the densities of one parameter, and the prior's."""
    parameter = parameters[i]
    highest = 0.0
    for place, (name, theta) in enumerate(samples.items()):
        values = density(theta[:, [i]], [parameter])
        highest = max(highest, float(values.max()))
        style = look(name)
        ax.plot(parameter.grid, values, **style.stroke)
        if place == 0:
            ax.fill_between(parameter.grid, values, color=style.colour, **PALE)
            interval = _interval(theta[:, i], parameter)
            ax.set_title(interval, **_TITLE)
    ax.axhline(parameter.prior_density, color=GREY, lw=0.6)
    ax.set_ylim(0, 1.12 * highest)
    ax.set_yticks([])
    parameter.show(ax, "x")


def _interval(values: Floats, parameter: Parameter) -> str:
    """Write median and 68% interval, `$3.12^{+0.21}_{-0.25}$`."""
    quantiles = np.quantile(values, [0.5, 0.16, 0.84])
    physical = parameter.bounds.to_physical(quantiles)
    return words.median_math(*physical.tolist())


def _pair(
    ax: Axes, place: tuple[int, int], parameters: Sequence[Parameter], samples: Mapping[str, Floats]
) -> None:
    """Draw the contours of two parameters."""
    row, column = place
    horizontal = parameters[column]
    vertical = parameters[row]
    for number, (name, theta) in enumerate(samples.items()):
        pair = theta[:, [column, row]]
        values = density(pair, [horizontal, vertical])
        surface = (horizontal.grid, vertical.grid, values.T)
        _contours(ax, name, surface, filled=number == 0)
    horizontal.show(ax, "x")
    vertical.show(ax, "y")


def _contours(ax: Axes, name: str, surface: tuple[Floats, Floats, Floats], *, filled: bool) -> None:
    """Draw the contours of one method; the surface is x, y and density."""
    heights = levels(surface[2])
    if heights[0] >= heights[1]:
        return
    style = look(name)
    colours: Style = {"colors": [style.colour]}
    if filled:
        outer, inner = heights
        ax.contourf(*surface, levels=[outer, inner], alpha=0.18, **colours)
        ax.contourf(*surface, levels=[inner, np.inf], alpha=0.38, **colours)
    lines: Style = {"linewidths": 0.9, "linestyles": [style.line]}
    ax.contour(*surface, levels=heights, **lines, **colours)


def _labels(figure: Figure, panels: NDArray[np.object_], parameters: Sequence[Parameter]) -> None:
    """Label the outer axes, in line with each other, and slant ticks that would touch."""
    last = len(parameters) - 1
    for (row, column), ax in _lower(panels):
        if row == last:
            ax.set_xlabel(_axis_label(parameters[column]), linespacing=1.4)
            for text in ax.get_xticklabels():
                text.set(rotation=45, ha="right", rotation_mode="anchor")
        else:
            ax.tick_params(labelbottom=False)
        if column == 0 and row > 0:
            ax.set_ylabel(_axis_label(parameters[row]), linespacing=1.4)
        elif row != column:
            ax.tick_params(labelleft=False)
    figure.align_labels()


def _axis_label(parameter: Parameter) -> str:
    """Write the label of an axis; a long unit stands on a line of its own."""
    quantity = parameter.quantity
    if len(quantity.unit) <= LONG_UNIT:
        return quantity.axis
    return quantity.axis.replace(" (", "\n(")


def _truth_lines(
    panels: NDArray[np.object_], parameters: Sequence[Parameter], values: Floats
) -> None:
    """Draw the truth as a line in each panel; one beyond an axis is not drawn."""
    style: Style = {**look("truth").stroke, "lw": 0.8}
    inside = list(map(_on_axis, values, parameters))
    for (row, column), ax in _lower(panels):
        if inside[column]:
            ax.axvline(values[column], **style)
        if row > column and inside[row]:
            ax.axhline(values[row], **style)


def _on_axis(value: float, parameter: Parameter) -> bool:
    low, high = parameter.edges
    return bool(low <= value <= high)


def _legend(figure: Figure, inside: Sequence[str], beyond: Sequence[str], truth: bool) -> None:
    """Name the methods, the prior, the truth and the contours' masses, off the panels."""
    first = look(inside[0]) if inside else look("network")
    handles: list[Line2D | Patch] = []
    for name in inside:
        handles.append(Line2D([], [], **look(name).stroke))
    labels = [look(name).label for name in inside]
    for name in beyond:
        style = look(name)
        handles.append(Line2D([], [], **style.stroke))
        labels.append(f"{style.label} (beyond the axes)")
    if truth:
        handles.append(Line2D([], [], **look("truth").stroke))
        labels.append("truth")
    handles.append(Line2D([], [], color=GREY, lw=0.6))
    labels.append("prior")
    handles.append(Patch(color=first.colour, alpha=0.45, lw=0))
    inner, outer = MASSES
    labels.append(f"contours: {inner:.0%} and {outer:.0%} of the mass")
    handles.append(Line2D([], [], lw=0))
    labels.append(f"numbers: median and 68% interval, {first.label}")
    figure.legend(handles, labels, loc="upper right", bbox_to_anchor=(0.985, 0.97))
