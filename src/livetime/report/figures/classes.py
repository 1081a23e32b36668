"""Draw the performance of a classifier (confusion, curves), and the look of its classes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from livetime.check.arrays import Floats
from livetime.check.classification import Classification
from livetime.report import words
from livetime.report.figures import scales
from livetime.report.style import (
    BLACK,
    COLUMN,
    MARKERS,
    PAGE,
    PALETTE,
    Style,
    look,
    styled,
)

OUTER = (0.002, 0.998)
"""Quantiles between which histograms are drawn."""
DOTS: Style = {"s": 3, "alpha": 0.4, "lw": 0, "rasterized": True}
CURVE_BINS = 15
"""Bins of equal numbers of simulations in a reliability curve."""


def class_words(name: str) -> str:
    """Put the name of a class into words.

    >>> class_words("hard_intermediate"), class_words("qpo")
    ('hard intermediate', 'QPO')
    """
    return "QPO" if name == "qpo" else name.replace("_", " ")


@styled
def confusion(result: Classification) -> Figure:
    """Draw the share of each true class (row) that is assigned to each class (column)."""
    counts = result.confusion()
    totals = counts.sum(axis=1, keepdims=True)
    share = counts / np.maximum(totals, 1)
    side = max(2.6, 0.75 * len(counts) + 1.2)
    figure = Figure((side + 0.6, side))
    ax = figure.subplots()
    mesh = ax.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (i, j), value in np.ndenumerate(share):
        colour = "white" if value > 0.5 else "black"
        text = f"{value:.3f}\n({counts[i, j]})"
        ax.text(j, i, text, ha="center", va="center", color=colour, fontsize=7)

    names = [class_words(name) for name in result.classes]
    ax.set_xticks(range(len(names)), names, rotation=30, ha="right")
    ax.set_yticks(range(len(names)), names)
    ax.tick_params(length=0)
    ax.set_xlabel("predicted class")
    ax.set_ylabel("true class")
    figure.colorbar(mesh, label="share of the true class", shrink=0.8)
    return figure


@styled
def classifier_curves(results: Mapping[str, Classification]) -> Figure:
    """Draw ROC, precision-recall and reliability curves of several classifiers.

    Each row shows one class against the rest; with two classes only the second is drawn.

    Arguments:
        results: method -> its classification of the same simulations.
    """
    classes = next(iter(results.values())).classes
    every = list(range(len(classes)))
    chosen = [1] if len(classes) == 2 else every
    figure = Figure((PAGE, 2.35 * len(chosen) + 0.45))
    panels = figure.subplots(len(chosen), 3, squeeze=False)
    for row, number in zip(panels, chosen, strict=True):
        for name, result in results.items():
            true = result.label == number
            _curves(row, name, true, result.probability[:, number])
        _curve_axes(row, class_words(classes[number]))
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4)
    return figure


def _curves(row: Sequence[Axes], name: str, true: NDArray[np.bool_], probability: Floats) -> None:
    """Draw the three curves of one classifier and class."""
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import precision_recall_curve, roc_curve

    roc, trade_off, reliability = row
    style = look(name)
    false_rate, true_rate, _ = roc_curve(true, probability)
    roc.plot(false_rate, true_rate, label=style.label, **style.stroke)

    precision, recall, _ = precision_recall_curve(true, probability)
    trade_off.plot(recall, precision, **style.stroke)

    bins: Style = {"n_bins": CURVE_BINS, "strategy": "quantile"}
    share, predicted = calibration_curve(true, probability, **bins)
    reliability.plot(predicted, share, marker=style.marker, **style.stroke)


def _curve_axes(row: Sequence[Axes], name: str) -> None:
    """Label the three panels of one class."""
    roc, trade_off, reliability = row
    roc.set_title(f"ROC: {name}")
    roc.set_xlabel("false positive rate")
    roc.set_ylabel("true positive rate")
    trade_off.set_title(f"precision, recall: {name}")
    trade_off.set_xlabel("recall")
    trade_off.set_ylabel("precision")
    reliability.set_title(f"reliability: {name}")
    reliability.set_xlabel("predicted probability")
    reliability.set_ylabel("fraction of the class")
    for ax in row:
        ax.set_xlim(0, 1)
        ax.set_ylim(0, 1.02)
    for ax in (roc, reliability):
        ax.plot([0, 1], [0, 1], color=BLACK, ls=":", lw=0.7)


@styled
def class_probabilities(
    probabilities: Mapping[str, Mapping[str, float]], prior: Mapping[str, float]
) -> Figure:
    """Draw the probability of each class of one observation, as bars.

    Arguments:
        probabilities: method -> class -> probability.
        prior: class -> probability a priori, which a dotted line shows.
    """
    classes = list(next(iter(probabilities.values())))
    figure = Figure((COLUMN, 0.24 * len(classes) * len(probabilities) + 1.3))
    ax = figure.subplots()
    height = 0.8 / len(probabilities)
    places = np.arange(len(classes))
    for i, (name, values) in enumerate(probabilities.items()):
        style: Style = {"color": look(name).colour, "label": look(name).label}
        widths = [values[each] for each in classes]
        drawn = ax.barh(places + i * height, widths, height, **style)
        ax.bar_label(drawn, fmt="%.3f", fontsize=6.5, padding=2)

    middle = places + 0.4 - height / 2
    ax.set_yticks(middle, list(map(class_words, classes)))
    ax.invert_yaxis()
    ax.set_xlim(0, 1.14)
    ax.set_xticks([0, 0.25, 0.5, 0.75, 1])
    priors = [prior[each] for each in classes]
    ax.vlines(priors, middle - 0.4, middle + 0.4, color=BLACK, ls=":", lw=0.7)
    ax.set_xlabel("probability (dotted: prior)")
    ax.set_ylabel("class")
    figure.legend(loc="outside upper center", ncols=2)
    return figure


@styled
def principal_components(x: Floats, labels: NDArray[Any], classes: Sequence[str]) -> Figure:
    """Draw the first two principal components of standardised summaries.

    Arguments:
        x: summaries (N, X).
        labels: number of the class of each, (N,).
        classes: K names.
    """
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    standard = StandardScaler().fit_transform(x)
    analysis = PCA(2).fit(standard)
    places = analysis.transform(standard)
    figure = Figure((COLUMN, 3.5))
    ax = figure.subplots()
    for number in range(len(classes)):
        mine = places[labels == number]
        dots: Style = {"color": PALETTE[number], "marker": MARKERS[number]}
        ax.scatter(mine[:, 0], mine[:, 1], **dots, **DOTS)

    share = analysis.explained_variance_ratio_
    ax.set_xlabel(f"first principal component ({share[0]:.0%} of the variance)")
    ax.set_ylabel(f"second principal component ({share[1]:.0%})")
    handles = [_dot(number) for number in range(len(classes))]
    names = [class_words(name) for name in classes]
    figure.legend(handles, names, loc="outside upper center", ncols=2)
    return figure


def _dot(number: int) -> Line2D:
    """Give the legend's mark of a class."""
    style: Style = {"color": PALETTE[number], "marker": MARKERS[number]}
    return Line2D([], [], ls="", **style)


@dataclass(frozen=True)
class Entry:
    """Keep one entry of many summaries, with its label.

    Arguments:
        label: name of the entry, with its unit.
        values: physical, (N,).
        log: whether its axis is logarithmic; all values must then be above zero.

    >>> Entry("rate (counts/s)", np.full(9, 100.0), log=True).edges(3).round().tolist()
    [100.0, 100.0, 100.0]
    """

    label: str
    values: Floats
    log: bool = False

    def edges(self, count: int) -> Floats:
        """Give edges of bins between the outermost quantiles, (count,)."""
        values = np.log10(self.values) if self.log else self.values
        low, high = np.quantile(values, OUTER)
        top = max(high, low + 1e-6)
        edges = np.linspace(low, top, count)
        return 10**edges if self.log else edges


@styled
def entry_histograms(
    entries: Sequence[Entry], labels: NDArray[Any], classes: Sequence[str]
) -> Figure:
    """Draw histograms of single numbers of the summaries, one colour for each class.

    Arguments:
        entries: the numbers.
        labels: number of the class of each simulation, (N,).
        classes: K names.
    """
    width = min(4, len(entries))
    rows = -(-len(entries) // width)
    inches = PAGE * max(2, width) / 4
    figure = Figure((inches, 1.3 * rows + 0.45))
    axes = figure.subplots(rows, width, squeeze=False).ravel()
    for ax in axes[len(entries) :]:
        ax.set_visible(False)
    for ax, entry in zip(axes, entries, strict=False):
        _histogram(ax, entry, labels, len(classes))
    figure.supylabel("share of the class in each bin", fontsize=8)
    colours = PALETTE[: len(classes)]
    handles = [Line2D([], [], color=colour) for colour in colours]
    names = [class_words(name) for name in classes]
    figure.legend(handles, names, loc="outside upper center", ncols=max(2, width))
    return figure


def _histogram(ax: Axes, entry: Entry, labels: NDArray[Any], classes: int) -> None:
    """Draw the histograms of one number."""
    edges = entry.edges(30)
    for number in range(classes):
        mine = entry.values[labels == number]
        count = max(1, len(mine))
        share = np.full(len(mine), 1 / count)
        style: Style = {"histtype": "step", "color": PALETTE[number]}
        ax.hist(mine, bins=edges.tolist(), weights=share, **style)
    if entry.log:
        low, *_, high = edges.tolist()
        scales.physical_axis(ax, "x", (low, high), "log")
    else:
        ax.xaxis.set_major_locator(MaxNLocator(3))
    ax.set_xlabel(_wrapped(entry.label), fontsize=6.5)
    ax.tick_params(labelsize=6)
    ax.set_yticks([])


def _wrapped(label: str) -> str:
    """Put the unit of a long label on a line of its own."""
    return label if len(label) <= 28 else label.replace(" (", "\n(")


@styled
def class_spectra(
    spectra: Mapping[str, tuple[Floats, Floats]],
    labels: NDArray[Any],
    classes: Sequence[str],
    axis: tuple[str, str],
) -> Figure:
    """Draw median and central 68% of each spectrum of the summaries, one colour a class.

    Arguments:
        spectra: title -> places (F,) and values (N, F).
        labels: number of the class of each simulation, (N,).
        classes: K names.
        axis: labels of the horizontal and vertical axis.
    """
    figure = Figure((COLUMN, 2.1 * len(spectra) + 0.7))
    grid = figure.subplots(len(spectra), 1, squeeze=False, sharex=True)
    axes = grid[:, 0]
    for ax, (title, spectrum) in zip(axes, spectra.items(), strict=True):
        places, values = spectrum
        members = [labels == number for number in range(len(classes))]
        bands = [_band(values[mine]) for mine in members]
        for name, band, colour in zip(classes, bands, PALETTE, strict=False):
            low, middle, high = band
            ax.fill_between(places, low, high, color=colour, alpha=0.2, lw=0)
            ax.plot(places, middle, color=colour, label=class_words(name))
        scales.log_axis_around(ax, "y", np.stack(bands), 1.1)
        scales.log_axis_around(ax, "x", places, 1.08)
        ax.set_title(title, loc="left")
        ax.set_ylabel(axis[1])
    axes[-1].set_xlabel(axis[0])
    handles, names = axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=3)
    return figure


def _band(values: Floats) -> Floats:
    """Give the median and the edges of the central 68%, (3, F)."""
    return np.asarray(np.quantile(values, [0.16, 0.5, 0.84], axis=0))


@styled
def correlations(x: Floats, names: Sequence[str]) -> Figure:
    """Draw Pearson's correlation of the entries of summaries with each other.

    Arguments:
        x: summaries (N, X).
        names: a name for each entry, (X,).
    """
    varying = x.std(axis=0) > 1e-6
    chosen = np.flatnonzero(varying)
    kept = [words.entry(names[i]) for i in chosen.tolist()]
    few = len(kept) <= 60
    figure = Figure((PAGE, 6.4) if few else (5.2, 4.6))
    ax = figure.subplots()
    values = x[:, varying].astype(np.float64)
    matrix = np.corrcoef(values, rowvar=False)
    mesh = ax.imshow(matrix, cmap="RdBu_r", vmin=-1, vmax=1, aspect="auto")
    chosen = np.arange(len(kept))
    if not few:
        even = np.linspace(0, len(kept) - 1, 12)
        chosen = even.round().astype(int)
    texts = [kept[i] for i in chosen]
    size = 6.0 if few else 6.5
    ax.set_xticks(chosen, texts, rotation=90, fontsize=size)
    ax.set_yticks(chosen, texts, fontsize=size)
    ax.tick_params(length=0)
    ax.set_xlabel("entry of the summary")
    ax.set_ylabel("entry of the summary")
    figure.colorbar(mesh, shrink=0.7, label="Pearson correlation")
    return figure
