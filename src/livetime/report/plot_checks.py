"""Figures of the checks that a referee asks for: injections, and calibration in cells."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from livetime.check.coverage_map import CoverageMap
from livetime.report.page import digits
from livetime.report.plot import COLOURS, LABELS, axis_text


def injection(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Medians and 68% intervals at each rate, a panel for each quantity, with the original's as a band.

    Arguments:
        rows: one for each rate, method and quantity, as `inject.compared` makes them.
    """
    names = list(dict.fromkeys(row["quantity"] for row in rows))
    methods = [m for m in dict.fromkeys(row["method"] for row in rows) if m != "bright_source"]
    figure = Figure((4.2 * len(names) + 0.5, 4.2), layout="constrained")
    axes = figure.subplots(1, len(names), squeeze=False)[0]
    for ax, name in zip(axes, names, strict=True):
        own = [row for row in rows if row["quantity"] == name]
        truth = next(row for row in own if row["method"] == "bright_source")
        ax.axhspan(
            truth["lo68"],
            truth["hi68"],
            color="0.85",
            lw=0,
            label=f"{LABELS['bright_source']} (68%)",
        )
        ax.axhline(truth["median"], color="black", lw=1)
        for k, method in enumerate(methods):
            chosen = [row for row in own if row["method"] == method]
            at = [row["rate"] * 1.05 ** (k - (len(methods) - 1) / 2) for row in chosen]
            median = [row["median"] for row in chosen]
            errors = [
                [r["median"] - r["lo68"] for r in chosen],
                [r["hi68"] - r["median"] for r in chosen],
            ]
            ax.errorbar(
                at, median, errors, fmt="o", ms=4, color=COLOURS[method], label=LABELS[method]
            )
        ax.set(
            xscale="log",
            yscale="linear" if name.endswith("_index") else "log",
            title=axis_text(name),
        )
        rates = list(dict.fromkeys(row["rate"] for row in own))
        ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xlabel("incident counts/s per module")
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize="small"
    )
    return figure


def heat_map(maps: Sequence[CoverageMap]) -> Figure:
    """Coverage of the joint regions in cells of two quantities, coloured by how many binomial standard deviations it is off.

    Arguments:
        maps: a row of panels for each, a column for each level.
    """
    levels = list(maps[0].inside)
    figure = Figure((5.2 * len(levels), 4.4 * len(maps)), layout="constrained")
    axes = figure.subplots(len(maps), len(levels), squeeze=False)
    for row, cells in zip(axes, maps, strict=True):
        for ax, level in zip(row, levels, strict=True):
            share = cells.coverage(level)
            ticks = [np.arange(len(edge)) for edge in cells.edges]
            mesh = ax.pcolormesh(
                *ticks,
                np.ma.masked_invalid(cells.z(level)).T,
                cmap="RdBu",
                vmin=-4,
                vmax=4,
                edgecolors="white",
            )
            for i, j in zip(*np.nonzero(np.isfinite(share)), strict=True):
                ax.text(
                    i + 0.5,
                    j + 0.5,
                    f"{share[i, j]:.2f}\n({cells.n[i, j]})",
                    ha="center",
                    va="center",
                    fontsize="small",
                )
            for name, axis, tick, edge in zip(
                cells.names, (ax.xaxis, ax.yaxis), ticks, cells.edges, strict=True
            ):
                axis.set_ticks(tick, [digits(v) for v in edge])
                axis.set_label_text(name)
            ax.set_title(f"{level:.0%} regions hold (simulations)")
    figure.colorbar(
        mesh,
        ax=axes,
        label="standard deviations from what they say; red: overconfident",
        shrink=0.6,
    )
    return figure
