"""Draw how well a posterior is calibrated: coverage, terciles, ranks, and a map of coverage."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

from livetime.check.arrays import Floats
from livetime.check.calibration import Calibration
from livetime.check.coverage_map import CoverageMap
from livetime.report import words
from livetime.report.style import (
    BAND,
    BLACK,
    BLUE,
    COLUMN,
    PAGE,
    PALETTE,
    Style,
    styled,
)

GREY_BAND: Style = {"color": BAND, "lw": 0}
RANK_BINS = 20
CELL_TEXT: Style = {"ha": "center", "va": "center", "fontsize": 5.5}
MAP_LIMIT = 4
"""Binomial standard deviations at the ends of the colour scale of a coverage map."""


def parameter_words(calibration: Calibration) -> dict[str, str]:
    """Give the words of each parameter of a calibration, and of the joint region."""
    units = words.prior_units(calibration.prior)
    found = {"joint": "joint (HPD)"}
    for name in calibration.names:
        found[name] = words.quantity(name, units).words
    return found


def _stroke(name: str, calibration: Calibration) -> dict[str, Any]:
    """Give the line of a parameter, or of the joint region."""
    if name == "joint":
        return {"color": BLACK, "lw": 1.8, "zorder": 3}
    place = calibration.names.index(name)
    colours = PALETTE[:-1]  # black is the joint region's
    return {"color": colours[place % len(colours)], "lw": 0.9}


@styled
def coverage(calibration: Calibration) -> Figure:
    """Draw coverage over credibility, of the joint HPD region and of each marginal interval.

    The grey band contains 95% of the curves of an exact posterior (binomial).
    """
    figure = Figure((COLUMN, 3.9))
    ax = figure.subplots()
    levels = np.linspace(0, 1, 101)
    simulations = len(calibration.hpd)
    interval = np.stack(stats.binom.interval(0.95, simulations, levels))
    label = f"exact posterior, 95% of {simulations} simulations"
    ax.fill_between(levels, *interval / simulations, label=label, **GREY_BAND)

    # The smallest region that contains the truth: its mass, for the joint one and each marginal.
    distance = np.abs(calibration.ranks - 0.5)
    masses = np.column_stack([calibration.hpd, 2 * distance])
    curves = (masses[:, :, None] <= levels).mean(axis=0)
    texts = parameter_words(calibration)
    for (name, text), curve in zip(texts.items(), curves, strict=True):
        ax.plot(levels, curve, label=text, **_stroke(name, calibration))
    _unit_square(ax)
    ax.set_xlabel("credibility of the region")
    ax.set_ylabel("coverage (fraction of true values inside)")
    ax.text(0.03, 0.95, "too wide", transform=ax.transAxes, va="top")
    ax.text(0.97, 0.05, "overconfident", transform=ax.transAxes, ha="right")
    figure.legend(loc="outside lower center", ncols=2, columnspacing=1.0)
    return figure


def _unit_square(ax: Axes) -> None:
    """Set both axes from 0 to 1 and draw the diagonal."""
    ax.plot([0, 1], [0, 1], color=BLACK, ls=":", lw=0.7)
    ax.set_xlim(0, 1)
    ax.set_ylim(0, 1)
    ax.set_aspect("equal")


@styled
def terciles(calibration: Calibration) -> Figure:
    """Draw coverage in terciles of the simulations, by posterior mean or covariate.

    The grey band contains 95% of the values of an exact posterior (binomial).
    """
    found = calibration.terciles()
    first, *_ = next(iter(found.values()))
    levels = list(first["coverage"])
    width = np.clip(0.75 * len(found) + 0.9, COLUMN, PAGE)
    figure = Figure((float(width), 4.6))
    axes = figure.subplots(len(levels), 1, sharex=True)
    for ax, level in zip(axes, levels, strict=True):
        for place, rows in enumerate(found.values()):
            places = 4 * place + np.arange(3)
            _tercile(ax, places, rows, (level, calibration))
        ax.axhline(float(level), color=BLACK, ls=":", lw=0.7)
        ax.set_ylabel(f"coverage of {float(level):.0%} regions")

    bottom = axes[-1]
    units = words.prior_units(calibration.prior)
    labels = [words.quantity(name, units).words for name in found]
    middles = 4 * np.arange(len(found)) + 1
    bottom.set_xticks(middles, labels, rotation=35, ha="right")
    bottom.tick_params(axis="x", length=0)
    bottom.set_xlabel("terciles (low, middling, high) by posterior mean or covariate")
    handles, texts = bottom.get_legend_handles_labels()
    unique = dict(zip(texts, handles, strict=True))
    figure.legend(unique.values(), unique.keys(), loc="outside upper center", ncols=4)
    return figure


def _tercile(
    ax: Axes,
    places: NDArray[np.int64],
    rows: Sequence[Mapping[str, Any]],
    which: tuple[str, Calibration],
) -> None:
    """Draw three terciles of one quantity at one level."""
    level, calibration = which
    sizes = np.array([row["n"] for row in rows])
    interval = np.stack(stats.binom.interval(0.95, sizes, float(level)))
    ax.fill_between(places, *interval / sizes, **GREY_BAND)
    coverages = [row["coverage"][level] for row in rows]
    for name, text in parameter_words(calibration).items():
        shares = [coverage[name] for coverage in coverages]
        style = _stroke(name, calibration)
        ax.plot(places, shares, "o-", ms=2.5, label=text, **style)


@styled
def sbc_ranks(calibration: Calibration) -> Figure:
    """Draw histograms of the ranks of the true values (Talts et al. 2018).

    Ranks of an exact posterior are uniform; 95% of their bins are inside the grey band. The number
    is the p-value of a Kolmogorov-Smirnov test.
    """
    count = len(calibration.names)
    columns = min(count, 3)
    rows = -(-count // columns)
    width = PAGE if columns > 1 else COLUMN
    figure = Figure((width, 1.55 * rows + 0.35))
    shared: Style = {"squeeze": False, "sharex": True, "sharey": True}
    axes = figure.subplots(rows, columns, **shared).ravel()
    simulations = len(calibration.hpd)
    band = stats.binom.interval(0.95, simulations, 1 / RANK_BINS)
    texts = list(parameter_words(calibration).values())[1:]
    for i, ax in enumerate(axes):
        if i >= count:
            ax.set_visible(False)
            continue
        ax.axhspan(*band, **GREY_BAND)
        ranks = calibration.ranks[:, i]
        ax.hist(ranks, bins=RANK_BINS, range=(0, 1), histtype="step", color=BLUE)
        test = stats.kstest(ranks, "uniform")
        text = texts[i]
        ax.set_title(f"{text}: $p$ = {test.pvalue:.2g}")
        ax.set_xlim(0, 1)
        ax.set_ylim(bottom=0)
    figure.supxlabel("rank of the true value (fraction of draws below it)", fontsize=8)
    figure.supylabel("simulations", fontsize=8)
    return figure


@styled
def coverage_map(maps: Sequence[CoverageMap]) -> Figure:
    """Draw coverage of the joint regions in cells of two quantities.

    Colours give the distance from the nominal coverage in binomial standard deviations.

    Arguments:
        maps: a row of panels for each, with a column for each level.
    """
    levels = list(maps[0].inside)
    figure = Figure((PAGE, 3.0 * len(maps)))
    rows = len(maps)
    axes = figure.subplots(rows, len(levels), squeeze=False)
    for row, found in zip(axes, maps, strict=True):
        for ax, level in zip(row, levels, strict=True):
            mesh = _cells(ax, found, level)
    label = "coverage less nominal (binomial standard deviations)"
    figure.colorbar(mesh, ax=axes, label=label, shrink=0.8, pad=0.02)
    return figure


def _cells(ax: Axes, found: CoverageMap, level: float) -> Any:
    """Draw one map at one level, each cell with its coverage and number of simulations."""
    share = found.coverage(level)
    sigma = found.z(level)
    places = [np.arange(len(edge)) for edge in found.edges]
    values = np.ma.masked_invalid(sigma).T
    limits: Style = {"cmap": "RdBu", "vmin": -MAP_LIMIT, "vmax": MAP_LIMIT}
    mesh = ax.pcolormesh(*places, values, edgecolors="white", **limits)
    for cell in map(tuple, np.argwhere(np.isfinite(share))):
        dark = abs(sigma[cell]) > 0.7 * MAP_LIMIT
        colour = "white" if dark else "black"
        text = f"{share[cell]:.2f}\n({found.n[cell]})"
        x, y = np.add(cell, 0.5)
        ax.text(x, y, text, color=colour, **CELL_TEXT)

    axes = (ax.xaxis, ax.yaxis)
    for axis, name, edges in zip(axes, found.names, found.edges, strict=True):
        _cell_axis(axis, name, edges)
    for tick in ax.get_xticklabels():
        tick.set(rotation=35, ha="right", rotation_mode="anchor")
    ax.set_title(f"coverage of joint {level:.0%} regions (simulations)")
    return mesh


def _cell_axis(axis: Axis, name: str, edges: Floats) -> None:
    """Label the edges of the cells along one axis."""
    quantity = words.quantity(name)
    shown = quantity.factor * edges
    texts = [words.digits(edge) for edge in shown.tolist()]
    axis.set_ticks(np.arange(len(edges)), texts)
    axis.set_label_text(quantity.text)
