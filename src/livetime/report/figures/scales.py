"""Set physical axes: log, square-root or linear, with few ticks and labels such as 10^{-3}."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.ticker import (
    FixedFormatter,
    FixedLocator,
    LogLocator,
    MaxNLocator,
    NullFormatter,
    NullLocator,
)

from livetime.check.arrays import Floats
from livetime.simulate.prior import Range

STEPS = ((1.0,), (1.0, 3.0), (1.0, 2.0, 5.0))
"""Ticks in each decade, from the fewest."""
LEAST_PLAIN = 1e-2
"""Least number that is written out."""
MOST_PLAIN = 1e4
"""Number from which on a power of ten is used."""


def tick_label(value: float) -> str:
    r"""Write the label of a tick: a plain number if it is short, else with a power of ten.

    >>> tick_label(0.05), tick_label(1e-5), tick_label(3e-6), tick_label(20.0)
    ('0.05', '$10^{-5}$', '$3\\times10^{-6}$', '20')
    """
    if value == 0 or LEAST_PLAIN <= abs(value) < MOST_PLAIN:
        return f"{value:.6g}"
    mantissa, _, exponent = f"{value:.3e}".partition("e")
    power = f"10^{{{int(exponent)}}}"
    if float(mantissa) == 1:
        return f"${power}$"
    return rf"${float(mantissa):g}\times{power}$"


def log_ticks(low: float, high: float, fewest: int = 2) -> list[float]:
    """List a few round numbers from low to high on a log scale.

    Arguments:
        low: lower edge, above zero.
        high: upper edge.
        fewest: minimum number of ticks.

    >>> [float(f"{tick:g}") for tick in log_ticks(0.03, 0.5)]
    [0.03, 0.1, 0.3]
    """
    first = int(np.floor(np.log10(low)))
    last = int(np.ceil(np.log10(high)))
    decades = range(first, last + 1)
    for steps in STEPS:
        ticks = [step * 10.0**decade for decade in decades for step in steps]
        inside = [tick for tick in ticks if low <= tick <= high]
        if len(inside) >= fewest:
            return _thinned(inside)
    linear = MaxNLocator(3, steps=[1, 2, 5, 10]).tick_values(low, high)
    return [float(tick) for tick in linear if low <= tick <= high]


def _thinned(ticks: list[float], most: int = 4) -> list[float]:
    """Keep every other tick until there are few enough."""
    while len(ticks) > most:
        ticks = ticks[::2]
    return ticks


def set_ticks(axis: Axis, ticks: list[float]) -> None:
    """Put labelled ticks at given places, and no others."""
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FixedFormatter([tick_label(tick) for tick in ticks]))


def set_scale(ax: Axes, which: str, scale: str) -> None:
    """Set the x or y axis to the scale on which a parameter is sampled.

    Arguments:
        ax: the axes.
        which: `x` or `y`.
        scale: `log`, `sqrt` or `linear`, as `Range.scale`.
    """
    change = ax.set_xscale if which == "x" else ax.set_yscale
    if scale == "sqrt":
        change("function", functions=(_root, np.square))
    else:
        change(scale)


def _root(value: Floats) -> Floats:
    return np.sqrt(np.maximum(value, 0.0))


def physical_ticks(low: float, high: float, scale: str) -> list[float]:
    """List a few round numbers between the physical edges of an axis."""
    if scale == "log":
        return log_ticks(low, high)
    locator = MaxNLocator(3, steps=[1, 2, 2.5, 5, 10])
    ticks = np.asarray(locator.tick_values(low, high))
    margin = 1e-9 * (high - low)
    inside = (ticks >= low - margin) & (ticks <= high + margin)
    return [float(tick) for tick in ticks[inside]]


def log_axis(ax: Axes, which: str, low: float, high: float) -> None:
    """Make an axis logarithmic from low to high, with round ticks and minor ones between them.

    Arguments:
        ax: the axes.
        which: `x` or `y`.
        low: lower edge, above zero.
        high: upper edge.
    """
    physical_axis(ax, which, (low, high), "log")
    axis = ax.xaxis if which == "x" else ax.yaxis
    fewest = 3 if which == "x" else 2
    set_ticks(axis, log_ticks(low, high, fewest))
    axis.set_minor_locator(LogLocator(subs=range(1, 10)))
    axis.set_minor_formatter(NullFormatter())


def log_axis_around(ax: Axes, which: str, values: Floats, margin: float) -> None:
    """Make an axis logarithmic from the least to the greatest value, with a margin.

    Arguments:
        ax: the axes.
        which: `x` or `y`.
        values: above zero.
        margin: factor by which the axis exceeds them on both sides.
    """
    low = float(np.min(values))
    high = float(np.max(values))
    log_axis(ax, which, low / margin, high * margin)


def physical_axis(ax: Axes, which: str, edges: tuple[float, float], scale: str) -> None:
    """Set scale, edges and ticks of an axis in physical units."""
    set_scale(ax, which, scale)
    if which == "x":
        ax.set_xlim(*edges)
    else:
        ax.set_ylim(*edges)
    axis = ax.xaxis if which == "x" else ax.yaxis
    set_ticks(axis, physical_ticks(*edges, scale))


def display_range(bounds: Range, factor: float) -> Range:
    """Give a parameter's range in the unit that is shown, `factor` times the physical one."""
    low = bounds.low * factor
    high = bounds.high * factor
    return Range(low, high, bounds.scale, bounds.unit)
