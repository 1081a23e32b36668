"""Draw a corner plot: marginals and pairs of several posteriors on physical axes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from livetime.report import words
from livetime.report.figures import scales
from livetime.report.style import GREY, PAGE, look, styled
from livetime.simulate.prior import Prior, Range, Samples

Floats = NDArray[np.float64]
MASSES = (0.68, 0.95)
"""Mass of the posterior inside the two contours."""
BINS = 48
SMOOTHING = 2.0
"""Standard deviation, in bins, of the Gaussian that smooths a histogram."""
GAPS = {"w_pad": 0.02, "h_pad": 0.02, "wspace": 0.02, "hspace": 0.02}
"""White space between panels: in inches, and as a share of a panel."""
WIDE = 20.0
"""Ratio of the edges from which on an axis has ticks at powers of ten."""
LONG_UNIT = 8
"""Letters of a unit that fit beside a symbol."""
PANEL = 1.12
"""Side of a panel in inches, where there are many."""


@dataclass(frozen=True)
class Parameter:
    """Describe one parameter of a corner plot.

    Arguments:
        quantity: its words.
        bounds: the prior's edges, in the unit that is shown.
        low: lower edge of the axis, in sampling coordinates.
        high: upper edge of the axis, in sampling coordinates.

    >>> rate = Parameter(words.quantity("rate"), Range(1.0, 100.0, "log"), 0.5, 2.0)
    >>> rate.edges[-1]
    np.float64(100.0)
    """

    quantity: words.Quantity
    bounds: Range
    low: float
    high: float

    @cached_property
    def bins(self) -> Floats:
        """Give the edges of the histogram's bins in sampling coordinates, (BINS + 1,)."""
        return np.linspace(self.low, self.high, BINS + 1)

    @cached_property
    def grid(self) -> Floats:
        """Give where densities are drawn, in the unit that is shown: centres and both edges."""
        centres = (self.bins[1:] + self.bins[:-1]) / 2
        places = np.concatenate([[self.low], centres, [self.high]])
        return self.bounds.to_physical(places)

    @property
    def edges(self) -> Floats:
        """Give the edges of the axis in the unit that is shown, (2,)."""
        return self.bounds.to_physical(np.array([self.low, self.high]))

    @property
    def prior_density(self) -> float:
        """Give the prior's density in sampling coordinates, where it is flat."""
        low, high = self.bounds.to_sampling([self.bounds.low, self.bounds.high])
        return float(1 / (high - low))

    def show(self, ax: Axes, which: str) -> None:
        """Set the x or y axis of a panel."""
        low, high = self.edges
        scales.physical_axis(ax, which, (float(low), float(high)), self.bounds.scale)


@styled
def corner(samples: Mapping[str, Samples], truth: Mapping[str, float] | None = None) -> Figure:
    """Draw marginals and pairs of several posteriors of the same parameters.

    The axes are those of all methods except the naive one. A method whose median lies beyond
    them is left out, and the legend states it. Densities are smoothed and end at the prior's
    edges. The figure over each marginal is the first method's median and 68% interval.

    Arguments:
        samples: method -> its posterior; the first one is filled.
        truth: parameter -> physical value, drawn as lines; None where it is not known.

    Returns: a figure as wide as a page for four or more parameters.
    """
    quantities = _quantities(samples)
    shown = {name: _display(draws, quantities) for name, draws in samples.items()}
    prior = next(iter(samples.values())).prior
    parameters = _parameters(prior, quantities, shown)
    inside = {name: theta for name, theta in shown.items() if _within(theta, parameters)}
    beyond = [name for name in shown if name not in inside]

    side = _side(len(parameters))
    figure = Figure((side, side), layout="constrained")
    figure.get_layout_engine().set(**GAPS)
    panels = figure.subplots(len(parameters), len(parameters), squeeze=False)
    for (row, column), ax in _lower(panels):
        if row == column:
            _marginal(ax, row, parameters, inside)
        else:
            _pair(ax, (row, column), parameters, inside)
    _labels(figure, panels, parameters)

    if truth:
        pairs = zip(prior.names, quantities, strict=True)
        values = [truth.get(name, np.nan) * quantity.factor for name, quantity in pairs]
        _truth_lines(panels, parameters, values)
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


def _quantities(samples: Mapping[str, Samples]) -> list[words.Quantity]:
    """Word the parameters; a narrow range of small numbers gets a power of ten in its unit."""
    draws = next(iter(samples.values()))
    units = {name: bounds.unit for name, bounds in draws.prior.ranges.items()}
    found = []
    for name, values in draws.physical().items():
        quantity = words.quantity(name, units)
        low, middle, high = np.quantile(values, [0.01, 0.5, 0.99]) * quantity.factor
        power = int(np.floor(np.log10(middle))) if middle > 0 else 0
        narrow = high < WIDE * low or draws.prior.parameters[name].scale != "log"
        found.append(quantity.scaled(power) if narrow and not -2 <= power < 5 else quantity)
    return found


def _display(draws: Samples, quantities: Sequence[words.Quantity]) -> Floats:
    """Give draws in sampling coordinates of the units that are shown, (n, D)."""
    values = draws.physical()
    columns = []
    for quantity, (name, bounds) in zip(quantities, draws.prior.parameters.items(), strict=True):
        shown = scales.display_range(bounds, quantity.factor)
        columns.append(shown.to_sampling(values[name] * quantity.factor))
    return np.stack(columns, axis=1)


def _parameters(
    prior: Prior, quantities: Sequence[words.Quantity], shown: Mapping[str, Floats]
) -> list[Parameter]:
    """Choose the axes: from the draws of all methods except the naive one, within the prior."""
    trusted = [theta for name, theta in shown.items() if name != "naive"]
    spans = np.stack([np.quantile(t, [0.005, 0.995], axis=0) for t in trusted or shown.values()])
    lowest = spans[:, 0].min(axis=0)
    highest = spans[:, 1].max(axis=0)
    pad = 0.12 * np.maximum(highest - lowest, 1e-6)

    found = []
    for i, (quantity, physical) in enumerate(zip(quantities, prior.parameters.values(), strict=True)):
        bounds = scales.display_range(physical, quantity.factor)
        low, high = bounds.to_sampling([bounds.low, bounds.high])
        left = max(float(low), lowest[i] - pad[i])
        right = min(float(high), highest[i] + pad[i])
        found.append(Parameter(quantity, bounds, left, right))
    return found


def _within(theta: Floats, parameters: Sequence[Parameter]) -> bool:
    """Check that the median of every parameter lies on its axis."""
    median = np.median(theta, axis=0)
    return all(p.low <= m <= p.high for p, m in zip(parameters, median, strict=True))


def density(theta: Floats, parameters: Sequence[Parameter]) -> Floats:
    """Estimate the density of one or two parameters from draws.

    A histogram is smoothed by a Gaussian; draws are mirrored at the edges, so that a density
    which does not vanish at the prior's edge stays what it is there.

    Arguments:
        theta: draws (n, 1) or (n, 2) in sampling coordinates.
        parameters: one or two.

    Returns: the density at `Parameter.grid` of each, per unit of the sampling coordinates.
    """
    counts, edges = np.histogramdd(theta, [parameter.bins for parameter in parameters])
    cell = np.prod([edge[1] - edge[0] for edge in edges])
    smooth = gaussian_filter(counts / (len(theta) * cell), SMOOTHING, mode="reflect")
    return np.pad(smooth, 1, mode="edge")


def levels(values: Floats) -> list[float]:
    """Find the densities whose contours enclose `MASSES`, in rising order.

    Arguments:
        values: density on an even grid.
    """
    ordered = np.sort(values[1:-1, 1:-1], axis=None)[::-1]
    mass = np.cumsum(ordered) / ordered.sum()
    found = [float(ordered[np.searchsorted(mass, target)]) for target in MASSES]
    return sorted(found)


def _marginal(
    ax: Axes, i: int, parameters: Sequence[Parameter], samples: Mapping[str, Floats]
) -> None:
    """Draw the densities of one parameter, and the prior's."""
    parameter = parameters[i]
    highest = 0.0
    for place, (name, theta) in enumerate(samples.items()):
        values = density(theta[:, [i]], [parameter])
        highest = max(highest, float(values.max()))
        ax.plot(parameter.grid, values, **look(name).stroke)
        if place == 0:
            ax.fill_between(parameter.grid, values, color=look(name).colour, alpha=0.15, lw=0)
            ax.set_title(_interval(theta[:, i], parameter), fontsize=7.5, pad=3)
    ax.axhline(parameter.prior_density, color=GREY, lw=0.6)
    ax.set_ylim(0, 1.12 * highest)
    ax.set_yticks([])
    parameter.show(ax, "x")


def _interval(values: Floats, parameter: Parameter) -> str:
    """Word median and 68% interval, `$3.12^{+0.21}_{-0.25}$`."""
    low, median, high = parameter.bounds.to_physical(np.quantile(values, [0.16, 0.5, 0.84]))
    return words.median_math(float(median), float(low), float(high))


def _pair(
    ax: Axes, place: tuple[int, int], parameters: Sequence[Parameter], samples: Mapping[str, Floats]
) -> None:
    """Draw the contours of two parameters."""
    row, column = place
    horizontal = parameters[column]
    vertical = parameters[row]
    for number, (name, theta) in enumerate(samples.items()):
        values = density(theta[:, [column, row]], [horizontal, vertical])
        _contours(ax, name, (horizontal.grid, vertical.grid, values.T), filled=number == 0)
    horizontal.show(ax, "x")
    vertical.show(ax, "y")


def _contours(ax: Axes, name: str, surface: tuple[Floats, Floats, Floats], *, filled: bool) -> None:
    """Draw the contours of one method; the surface is x, y and density."""
    heights = levels(surface[2])
    if heights[0] >= heights[1]:
        return
    colour = look(name).colour
    if filled:
        bounds = [*heights, np.inf]
        ax.contourf(*surface, levels=bounds[:2], colors=[colour], alpha=0.18)
        ax.contourf(*surface, levels=bounds[1:], colors=[colour], alpha=0.38)
    line = look(name).line
    ax.contour(*surface, levels=heights, colors=[colour], linewidths=0.9, linestyles=[line])


def _labels(
    figure: Figure, panels: NDArray[np.object_], parameters: Sequence[Parameter]
) -> None:
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
    """Word an axis; a long unit stands on a line of its own."""
    label = parameter.quantity.axis
    return label.replace(" (", "\n(") if len(parameter.quantity.unit) > LONG_UNIT else label


def _truth_lines(
    panels: NDArray[np.object_], parameters: Sequence[Parameter], values: Sequence[float]
) -> None:
    """Draw the truth as a line in each panel; one beyond an axis is not drawn."""
    style = {**look("truth").stroke, "lw": 0.8}
    for (row, column), ax in _lower(panels):
        if _on_axis(values[column], parameters[column]):
            ax.axvline(values[column], **style)
        if row > column and _on_axis(values[row], parameters[row]):
            ax.axhline(values[row], **style)


def _on_axis(value: float, parameter: Parameter) -> bool:
    low, high = parameter.edges
    return bool(low <= value <= high)


def _legend(figure: Figure, inside: Sequence[str], beyond: Sequence[str], truth: bool) -> None:
    """Name the methods, the prior, the truth and the contours' masses, off the panels."""
    first = look(inside[0]) if inside else look("network")
    handles: list[Line2D | Patch] = [Line2D([], [], **look(name).stroke) for name in inside]
    labels = [look(name).label for name in inside]
    for name in beyond:
        handles.append(Line2D([], [], **look(name).stroke))
        labels.append(f"{look(name).label} (beyond the axes)")
    if truth:
        handles.append(Line2D([], [], **look("truth").stroke))
        labels.append("truth")
    handles.append(Line2D([], [], color=GREY, lw=0.6))
    labels.append("prior")
    handles.append(Patch(color=first.colour, alpha=0.45, lw=0))
    labels.append(f"contours: {MASSES[0]:.0%} and {MASSES[1]:.0%} of the mass")
    handles.append(Line2D([], [], lw=0))
    labels.append(f"numbers: median and 68% interval, {first.label}")
    figure.legend(handles, labels, loc="upper right", bbox_to_anchor=(0.985, 0.97))
