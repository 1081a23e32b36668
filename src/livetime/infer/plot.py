"""Figures: calibration, posteriors, predictions, comparisons."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from scipy import stats

from livetime.infer.diagnose import Calibration, Classification
from livetime.simulate.prior import Prior, Samples
from livetime.simulate.summary import Layout, cospectrum

Floats = NDArray[np.floating[Any]]
COLOURS = {
    "network": "#0072b2",
    "naive": "#d55e00",
    "dead_time_model": "#009e73",
    "averaged_dead_time_model": "#cc79a7",
    "exact": "#009e73",
    "truth": "black",
}
LABELS = {
    "network": "network",
    "naive": "naive",
    "dead_time_model": "dead-time model",
    "averaged_dead_time_model": "averaged dead-time model",
    "exact": "exact",
    "truth": "truth",
}


def axis_label(name: str, prior: Prior) -> str:
    """`log10 qpo frequency [Hz]`: what a sampling coordinate is."""
    r = prior.ranges[name]
    text = name.replace("_", " ") + (f" [{r.unit}]" if r.unit else "")
    return f"log10 {text}" if r.scale == "log" else text


def coverage(calibration: Calibration) -> Figure:
    """Expected coverage against credibility, of the joint HPD region and each marginal, with the 95% binomial band."""
    figure = Figure((5, 5), layout="constrained")
    axes = figure.subplots()
    levels, n = np.linspace(0, 1, 101), len(calibration.hpd)
    axes.fill_between(
        levels, *stats.binom.interval(0.95, n, levels) / np.array(n), color="0.85", label=f"where an exact posterior lies ({n} truths)"
    )
    axes.plot(levels, (calibration.hpd[:, None] <= levels).mean(axis=0), "k", lw=2, label="joint (HPD)")
    for i, name in enumerate(calibration.names):
        axes.plot(levels, (np.abs(calibration.ranks[:, i, None] - 0.5) <= levels / 2).mean(axis=0), lw=1, label=name.replace("_", " "))
    axes.plot([0, 1], [0, 1], "k:", lw=1)
    axes.set(
        xlabel="credibility",
        ylabel="share of truths inside",
        xlim=(0, 1),
        ylim=(0, 1),
        title="below the diagonal: overconfident; above: too wide",
    )
    axes.legend(fontsize="small")
    return figure


def sbc_ranks(calibration: Calibration) -> Figure:
    """Histograms of the truths' ranks, with the 95% band of a uniform one."""
    d, n, bins = len(calibration.names), len(calibration.hpd), 20
    figure = Figure((9, 2.4 * -(-d // 3)), layout="constrained")
    axes = figure.subplots(-(-d // 3), min(d, 3), squeeze=False)
    band = stats.binom.interval(0.95, n, 1 / bins)
    for i, ax in enumerate(axes.flat):
        if i >= d:
            ax.axis("off")
            continue
        ax.axhspan(*band, color="0.85")
        ax.hist(calibration.ranks[:, i], bins=bins, range=(0, 1), histtype="step", color=COLOURS["network"])
        p = stats.kstest(calibration.ranks[:, i], "uniform").pvalue
        ax.set(title=f"{calibration.names[i].replace('_', ' ')}, KS p = {p:.2g}", xlabel="rank of the truth", xlim=(0, 1))
    return figure


def corner_plot(samples: Mapping[str, Samples], truth: Mapping[str, float] | None = None) -> Figure:
    """Marginals and pairs of several posteriors of the same parameters, in sampling coordinates."""
    import corner

    prior = next(iter(samples.values())).prior
    figure = Figure((2.1 * prior.dim + 1, 2.1 * prior.dim + 1))
    everything = np.concatenate([s.theta for s in samples.values()])
    edges = np.quantile(everything, [0.0005, 0.9995], axis=0).T
    pad = 0.05 * np.maximum(np.ptp(edges, axis=1, keepdims=True), 1e-6)
    limits = [tuple(row) for row in edges + pad * np.array([-1, 1])]
    for name, s in samples.items():
        corner.corner(
            s.theta,
            fig=figure,
            color=COLOURS[name],
            labels=[axis_label(n, prior) for n in prior.names],
            range=limits,
            bins=40,
            smooth=1.0,
            plot_datapoints=False,
            plot_density=False,
            fill_contours=False,
            levels=(0.68, 0.95),
            weights=np.full(len(s.theta), 1 / len(s.theta)),
            hist_kwargs={"density": False},
            truths=prior.theta(truth)[: prior.dim] if truth else None,
            truth_color=COLOURS["truth"],
        )
    names = [*samples, *(["truth"] if truth else [])]
    figure.legend(
        [Line2D([], [], color=COLOURS[n]) for n in names], [LABELS[n] for n in names], loc="upper right", fontsize="x-large", frameon=False
    )
    return figure


def _powers(layout: Layout) -> dict[str, Callable[[Floats], Floats]]:
    """Functions of summaries (..., X) that give Leahy powers (..., F)."""

    def channel(name: str) -> Callable[[Floats], Floats]:
        return lambda x: 2 * np.exp(x[..., layout.slices[name]].astype(np.float64))

    if "power" in layout.slices:
        return {"power": channel("power")}
    a, b = channel("sum"), channel("difference")
    return {"sum": a, "difference": b, "cospectrum": lambda x: cospectrum(a(x), b(x))}


def predictive(x: Floats, layout: Layout, predicted: Floats, references: Mapping[str, Mapping[str, Floats]]) -> Figure:
    """The data's Leahy powers, bands of summaries simulated from the posterior, and the references' curves.

    Arguments:
        x: observed summary (X,).
        layout: of x.
        predicted: (P, X).
        references: name -> channel -> expected power (F,).
    """
    f, powers = layout.frequency, _powers(layout)
    titles = {
        "power": "power spectrum",
        "sum": "A+B: source and noise",
        "difference": "A-B: noise alone",
        "cospectrum": "cospectrum: no noise in the mean",
    }
    figure = Figure((8, 3.4 * len(powers)), layout="constrained")
    axes = figure.subplots(len(powers), 1, sharex=True, squeeze=False)
    for ax, (channel, power) in zip(axes[:, 0], powers.items(), strict=True):
        bands = np.quantile(power(predicted), [0.025, 0.16, 0.84, 0.975], axis=0)
        ax.fill_between(f, bands[0], bands[3], color=COLOURS["network"], alpha=0.2, lw=0, label="posterior predictive, 95% and 68%")
        ax.fill_between(f, bands[1], bands[2], color=COLOURS["network"], alpha=0.3, lw=0)
        for name, expected in references.items():
            curve = cospectrum(expected["sum"], expected["difference"]) if channel == "cospectrum" else expected[channel]
            ax.plot(f, curve, color=COLOURS[name], lw=1.2, label=LABELS[name])
        ax.plot(f, power(x), ".", ms=3, color="black", label="observed")
        ax.axhline(0 if channel == "cospectrum" else 2, color="0.5", ls=":", lw=1)
        ax.set(xscale="log", yscale="symlog" if channel == "cospectrum" else "log", ylabel="Leahy power", title=titles[channel])
    axes[0, 0].legend(fontsize="small")
    axes[-1, 0].set_xlabel("frequency [Hz]")
    return figure


def comparison(rows: Sequence[Mapping[str, Any]], target: str, along: str, by: str | None, coverage_pooled: Mapping[str, float]) -> Figure:
    """Bias of the posterior median of ln target in each cell of a grid, with its standard error, and the mean 68% half-width.

    Arguments:
        rows: one for each cell and method, as `compare` makes them.
        target: the parameter.
        along: parameter of the horizontal axis.
        by: parameter that has a panel for each value, or None.
        coverage_pooled: method -> share of truths in the central 68%.
    """
    panels = sorted({row["cell"][by] for row in rows}) if by else [None]
    figure = Figure((5.2 * len(panels), 4.4), layout="constrained")
    axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)
    methods = list(dict.fromkeys(row["method"] for row in rows))
    for ax, panel in zip(axes[0], panels, strict=True):
        for k, method in enumerate(methods):
            chosen = [r for r in rows if r["method"] == method and (panel is None or r["cell"][by] == panel)]
            at = np.array([r["cell"][along] for r in chosen]) * 1.04 ** (k - 1)
            label = f"{LABELS[method]} (68% holds {coverage_pooled[method]:.0%})"
            ax.errorbar(
                at, [r["bias"] for r in chosen], [r["half_width"] for r in chosen], fmt="none", ecolor=COLOURS[method], alpha=0.25, lw=4
            )
            ax.errorbar(
                at, [r["bias"] for r in chosen], [r["bias_error"] for r in chosen], fmt="o", ms=4, color=COLOURS[method], label=label
            )
        ax.axhline(0, color="black", lw=1)
        ax.set(xscale="log", xlabel=axis_text(along), title=f"{axis_text(by)} = {panel:g}" if by else "")
    axes[0, 0].set_ylabel(f"bias of the median of ln {target.replace('_', ' ')}")
    axes[0, 0].legend(fontsize="small")
    return figure


def axis_text(name: str | None) -> str:
    return (name or "").replace("_", " ")


def confusion(result: Classification) -> Figure:
    """Share of each true class (row) that is taken for each class (column)."""
    counts = result.confusion()
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    figure = Figure((1.2 * len(counts) + 2.5, 1.2 * len(counts) + 1.5), layout="constrained")
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.ndindex(*counts.shape):
        axes.text(j, i, f"{share[i, j]:.3f}\n{counts[i, j]}", ha="center", va="center", color="white" if share[i, j] > 0.5 else "black")
    ticks = range(len(counts))
    axes.set_xticks(ticks, result.classes, rotation=20)
    axes.set_yticks(ticks, result.classes)
    axes.set(xlabel="predicted", ylabel="true")
    return figure


def classifier_curves(results: Mapping[str, Classification]) -> Figure:
    """ROC, precision-recall and calibration curves of one class against the rest (of two classes, the second), for several classifiers."""
    from sklearn.calibration import calibration_curve
    from sklearn.metrics import precision_recall_curve, roc_curve

    classes = next(iter(results.values())).classes
    chosen = [1] if len(classes) == 2 else list(range(len(classes)))
    figure = Figure((13, 4.2 * len(chosen)), layout="constrained")
    axes = figure.subplots(len(chosen), 3, squeeze=False)
    for row, k in zip(axes, chosen, strict=True):
        for name, result in results.items():
            true, p = result.label == k, result.probability[:, k]
            fpr, tpr, _ = roc_curve(true, p)
            precision, recall, _ = precision_recall_curve(true, p)
            row[0].plot(fpr, tpr, label=name.replace("_", " "))
            row[1].plot(recall, precision)
            row[2].plot(*calibration_curve(true, p, n_bins=15, strategy="quantile")[::-1], "o-", ms=3)
        row[0].plot([0, 1], [0, 1], "k:", lw=1)
        row[2].plot([0, 1], [0, 1], "k:", lw=1)
        row[0].set(xlabel="false positive rate", ylabel="true positive rate", title=f"ROC: {classes[k]}")
        row[1].set(xlabel="recall", ylabel="precision", title="precision and recall", ylim=(0, 1.02))
        row[2].set(xlabel="predicted probability", ylabel="share that is of the class", title="calibration")
        row[0].legend(fontsize="small")
    return figure
