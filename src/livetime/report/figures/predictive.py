"""Draw data over posterior predictions, with residuals in units of sigma."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from livetime.check.arrays import Floats
from livetime.report.figures import scales
from livetime.report.style import (
    BLACK,
    BLUE,
    COLUMN,
    GREY,
    Style,
    look,
    styled,
)

FIRST_SIGMAS = 4.5
"""Least half-height of a panel of residuals, in sigma."""
LAST_SIGMAS = 9.0
"""Greatest half-height; residuals beyond it are drawn as arrows at the edge."""

_TITLE: Style = {"loc": "left", "fontsize": 7.5, "pad": 3}
POINTS: Style = {"fmt": ".", "color": BLACK, "elinewidth": 0.5, "ms": 2}
EDGES = (0.025, 0.16, 0.84, 0.975)
"""Quantiles at the edges of the bands."""
_MARGIN = 1.08
"""Factor by which the horizontal axis exceeds the data on both sides."""


@dataclass(frozen=True)
class Channel:
    """Keep one spectrum of an observation, and its predictions.

    Arguments:
        title: name of the spectrum.
        places: frequencies in Hz, or energies in keV, (F,).
        observed: (F,).
        error: one standard deviation of the measurement, (F,).
        predicted: spectra simulated with draws of the posterior, (P, F).
        references: method -> expected spectrum at its medians, (F,).
        noise: level of a constant source, or None if there is no such level.
        edges: edges of the bins where they are drawn, (F + 1,); None for points.
        scale: scale of the vertical axis, `log` or `linear`.

    >>> ones = np.ones(2)
    >>> Channel("power", ones, 3 * ones, ones, np.stack([ones, ones])).residuals.tolist()
    [2.0, 2.0]
    """

    title: str
    places: Floats
    observed: Floats
    error: Floats
    predicted: Floats
    references: Mapping[str, Floats] = field(default_factory=dict)
    noise: float | None = None
    edges: Floats | None = None
    scale: str = "log"

    @property
    def median(self) -> Floats:
        """Give the median of the predictions, (F,)."""
        return np.asarray(np.median(self.predicted, axis=0))

    @property
    def sigma(self) -> Floats:
        """Give the standard deviation of the predictions, (F,).

        It contains the noise of the measurement and the width of the posterior. Where that
        deviation is zero the measurement error takes its place.
        """
        spread = self.predicted.std(axis=0)
        return np.where(spread > 0, spread, self.error)

    @property
    def residuals(self) -> Floats:
        """Give (observed - median)/sigma, (F,)."""
        return (self.observed - self.median) / self.sigma


@styled
def power_spectra(channels: Sequence[Channel]) -> Figure:
    """Draw Leahy powers over frequency, with residuals under each power spectrum.

    Arguments:
        channels: one for each power spectrum, from the top.
    """
    figure = _spectra(channels, height=2.15)
    for ax in figure.axes[::2]:
        ax.set_ylabel("power (Leahy)")
    figure.axes[-1].set_xlabel("frequency (Hz)")
    return figure


@styled
def energy_spectra(channels: Sequence[Channel]) -> Figure:
    """Draw counts per second and keV over energy, with residuals under each spectrum.

    Arguments:
        channels: one for each spectrum, from the top.
    """
    figure = _spectra(channels, height=3.0)
    for ax in figure.axes[::2]:
        ax.set_ylabel("counts s$^{-1}$ keV$^{-1}$")
    figure.axes[-1].set_xlabel("energy (keV)")
    return figure


def _spectra(channels: Sequence[Channel], height: float) -> Figure:
    """Draw a tall and a low panel for each channel, and the legend over all of them."""
    count = len(channels)
    figure = Figure((COLUMN, height * count + 0.75))
    heights = [2.6, 1.0] * count
    axes = figure.subplots(2 * count, 1, sharex=True, height_ratios=heights)
    for channel, top, low in zip(channels, axes[::2], axes[1::2], strict=True):
        _draw_channel(top, channel)
        _draw_residuals(low, channel)
        top.set_title(channel.title, **_TITLE)

    first = channels[0]
    edges = first.places if first.edges is None else first.edges
    scales.log_axis_around(axes[-1], "x", edges, _MARGIN)
    figure.align_ylabels()
    handles, labels = axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=2)
    return figure


def _draw_channel(ax: Axes, channel: Channel) -> None:
    """Draw bands, references and data of one channel."""
    edges = np.quantile(channel.predicted, EDGES, axis=0)
    lowest, low, high, highest = edges
    _band(ax, channel, lowest, highest, 0.2)
    _band(ax, channel, low, high, 0.35)
    for name, expected in channel.references.items():
        method = look(name)
        ax.plot(channel.places, expected, label=method.label, **method.stroke)
    _data(ax, channel)
    if channel.noise is not None:
        ax.axhline(channel.noise, color=GREY, lw=0.6, ls=":")
    _vertical(ax, channel)


def _band(ax: Axes, channel: Channel, low: Floats, high: Floats, alpha: float) -> None:
    """Fill between two curves, as steps where the bins have edges."""
    label = "posterior predictive, 95%" if alpha < 0.3 else "posterior predictive, 68%"
    style: Style = {"color": BLUE, "alpha": alpha, "lw": 0, "label": label}
    if channel.edges is None:
        ax.fill_between(channel.places, low, high, **style)
    else:
        below = np.append(low, low[-1])
        above = np.append(high, high[-1])
        ax.fill_between(channel.edges, below, above, step="post", **style)


def _data(ax: Axes, channel: Channel) -> None:
    """Draw the data with one standard deviation; a log axis shows no bar to below zero."""
    below = channel.error
    if channel.scale == "log":
        below = np.minimum(channel.error, 0.9 * channel.observed)
    bars = np.stack([below, channel.error])
    across = None
    if channel.edges is not None:
        left = channel.places - channel.edges[:-1]
        right = channel.edges[1:] - channel.places
        across = np.stack([left, right])
    ax.errorbar(channel.places, channel.observed, bars, across, label="observed", **POINTS)


def _vertical(ax: Axes, channel: Channel) -> None:
    """Set the vertical axis of a channel from its data and predictions."""
    edges = np.quantile(channel.predicted, EDGES, axis=0)
    shown = np.concatenate([channel.observed, *edges])
    if channel.scale == "linear":
        low = float(shown.min())
        high = float(shown.max())
        margin = 0.08 * (high - low)
        ax.set_ylim(low - margin, high + margin)
        return

    ax.set_yscale("log")
    positive = shown[shown > 0]
    if len(positive):
        scales.log_axis_around(ax, "y", positive, 1.3)


def _draw_residuals(ax: Axes, channel: Channel) -> None:
    """Draw residuals in sigma; those beyond the panel are arrows at its edge."""
    values = channel.residuals
    farthest = 1.1 * np.abs(values).max()
    limit = float(np.clip(farthest, FIRST_SIGMAS, LAST_SIGMAS))
    ax.axhspan(-1, 1, color=BLUE, alpha=0.2, lw=0)
    ax.axhline(0, color=BLUE, lw=0.6)
    for name, expected in channel.references.items():
        difference = expected - channel.median
        style = look(name).stroke
        ax.plot(channel.places, difference / channel.sigma, **style)

    inside = np.abs(values) <= limit
    ax.errorbar(channel.places[inside], values[inside], 1.0, **POINTS)
    for sign, marker in ((1, "^"), (-1, "v")):
        places = channel.places[sign * values > limit]
        heights = np.full(len(places), 0.92 * sign * limit)
        ax.plot(places, heights, marker, color=BLACK)
    ax.set_ylim(-limit, limit)
    ax.set_yticks([-3, 0, 3])
    ax.set_ylabel(r"residual ($\sigma$)")
