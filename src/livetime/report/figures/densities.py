"""Estimate the densities of one and two parameters that a corner plot shows."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from livetime.report import words
from livetime.report.figures import scales
from livetime.simulate.prior import Range

Floats = NDArray[np.float64]
MASSES = (0.68, 0.95)
"""Mass of the posterior inside the two contours."""
_BINS = 48
SMOOTHING = 2.0
"""Standard deviation, in bins, of the Gaussian that smooths a histogram."""


@dataclass(frozen=True)
class Parameter:
    """Describe one parameter of a corner plot.

    Arguments:
        quantity: name, symbol and unit of the parameter.
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
        """Give the edges of the histogram's bins in sampling coordinates, (_BINS + 1,)."""
        return np.linspace(self.low, self.high, _BINS + 1)

    @cached_property
    def grid(self) -> Floats:
        """Give the points of a density in the unit that is shown: bin centres, and both edges."""
        half = (self.bins[1] - self.bins[0]) / 2
        places = np.append(self.bins - half, self.high)
        places[0] = self.low
        return self.bounds.to_physical(places)

    @property
    def edges(self) -> Floats:
        """Give the edges of the axis in the unit that is shown, (2,)."""
        ends = np.array([self.low, self.high])
        return self.bounds.to_physical(ends)

    @property
    def prior_density(self) -> float:
        """Give the density of the prior, which is flat in sampling coordinates."""
        low, high = sampling_edges(self.bounds)
        return float(1 / (high - low))

    def show(self, ax: Axes, which: str) -> None:
        """Set the x or y axis of a panel."""
        low, high = self.edges.tolist()
        scales.physical_axis(ax, which, (low, high), self.bounds.scale)


def sampling_edges(bounds: Range) -> Floats:
    """Give the prior's edges in sampling coordinates, (2,)."""
    return bounds.to_sampling([bounds.low, bounds.high])


def density(theta: Floats, parameters: Sequence[Parameter]) -> Floats:
    """Estimate the density of one or two parameters from draws.

    A histogram is smoothed by a Gaussian. Draws are mirrored at the edges of the prior, so that
    smoothing does not lower the density there.

    Arguments:
        theta: draws (n, 1) or (n, 2) in sampling coordinates.
        parameters: one or two.

    Returns: the density at `Parameter.grid` of each, per unit of the sampling coordinates.
    """
    bins = [parameter.bins for parameter in parameters]
    counts, _ = np.histogramdd(theta, bins)
    widths = [edges[1] - edges[0] for edges in bins]
    cell = len(theta) * np.prod(widths)
    smooth = gaussian_filter(counts / cell, SMOOTHING, mode="reflect")
    return np.pad(smooth, 1, mode="edge")


def levels(values: Floats) -> list[float]:
    """Find the densities whose contours enclose `MASSES`, lowest density first.

    Arguments:
        values: density on an even grid, padded by one cell on each side.
    """
    inner = values[1:-1, 1:-1]
    falling = -np.sort(-inner, axis=None)
    mass = np.cumsum(falling) / falling.sum()
    places = np.searchsorted(mass, MASSES)
    return sorted(falling[places].tolist())
