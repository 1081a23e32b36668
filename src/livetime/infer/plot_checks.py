"""Figures of the checks that a referee asks for: injections, and calibration in cells."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from livetime.infer.plot import COLOURS, LABELS, axis_text


def injection(rows: Sequence[Mapping[str, Any]]) -> Figure:
    """Medians and 68% intervals at each rate, a panel for each quantity, with the original's as a band.

    Arguments:
        rows: one for each rate, method and quantity, as `inject.compared` makes them.
    """
    names = list(dict.fromkeys(row["quantity"] for row in rows))
    methods = [m for m in dict.fromkeys(row["method"] for row in rows) if m != "original"]
    figure = Figure((4.2 * len(names) + 0.5, 4.2), layout="constrained")
    axes = figure.subplots(1, len(names), squeeze=False)[0]
    for ax, name in zip(axes, names, strict=True):
        own = [row for row in rows if row["quantity"] == name]
        truth = next(row for row in own if row["method"] == "original")
        ax.axhspan(truth["lo68"], truth["hi68"], color="0.85", lw=0, label=f"{LABELS['original']} (68%)")
        ax.axhline(truth["median"], color="black", lw=1)
        for k, method in enumerate(methods):
            chosen = [row for row in own if row["method"] == method]
            at = [row["rate"] * 1.05 ** (k - (len(methods) - 1) / 2) for row in chosen]
            median = [row["median"] for row in chosen]
            errors = [[r["median"] - r["lo68"] for r in chosen], [r["hi68"] - r["median"] for r in chosen]]
            ax.errorbar(at, median, errors, fmt="o", ms=4, color=COLOURS[method], label=LABELS[method])
        ax.set(xscale="log", yscale="linear" if name.endswith("_index") else "log", title=axis_text(name))
        rates = list(dict.fromkeys(row["rate"] for row in own))
        ax.set_xticks(rates, [f"{rate:g}" for rate in rates])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.set_xlabel("incident counts/s per module")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize="small")
    return figure
