"""Figures: calibration, posteriors, predictions, comparisons."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from scipy import stats

from livetime.check.calibration import Calibration
from livetime.check.classification import Classification
from livetime.simulate.layout import Layout
from livetime.simulate.periodogram import cospectrum
from livetime.simulate.prior import Prior, Samples

Floats = NDArray[np.floating[Any]]
COLOURS = {
    "network": "#0072b2",
    "naive": "#d55e00",
    "dead_time_model": "#009e73",
    "averaged_dead_time_model": "#cc79a7",
    "exact": "#009e73",
    "davis": "#009e73",
    "frame_model": "#009e73",
    "truth": "black",
    "bright_source": "black",
}
LABELS = {
    "network": "network",
    "naive": "naive",
    "dead_time_model": "dead-time model",
    "averaged_dead_time_model": "averaged dead-time model",
    "exact": "exact",
    "davis": "Davis model",
    "frame_model": "frame model",
    "truth": "truth",
    "bright_source": "original, no dead time",
}


def axis_label(name: str, prior: Prior) -> str:
    """`log10 qpo frequency [Hz]`: what a sampling coordinate is."""
    r = prior.ranges[name]
    text = name.replace("_", " ") + (f" [{r.unit}]" if r.unit else "")
    return {"log": f"log10 {text}", "sqrt": f"square root of {text}"}.get(r.scale, text)


def coverage(calibration: Calibration) -> Figure:
    """Expected coverage against credibility, of the joint HPD region and each marginal, with the 95% binomial band."""
    figure = Figure((5, 5), layout="constrained")
    axes = figure.subplots()
    levels, n = np.linspace(0, 1, 101), len(calibration.hpd)
    axes.fill_between(
        levels,
        *stats.binom.interval(0.95, n, levels) / np.array(n),
        color="0.85",
        label=f"where an exact posterior lies ({n} truths)",
    )
    axes.plot(
        levels, (calibration.hpd[:, None] <= levels).mean(axis=0), "k", lw=2, label="joint (HPD)"
    )
    for i, name in enumerate(calibration.names):
        axes.plot(
            levels,
            (np.abs(calibration.ranks[:, i, None] - 0.5) <= levels / 2).mean(axis=0),
            lw=1,
            label=name.replace("_", " "),
        )
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


def thirds(calibration: Calibration) -> Figure:
    """Coverage of the joint HPD region and each marginal in thirds of the simulations, with the 95% band of an exact posterior."""
    by = calibration.terciles()
    levels = list(next(iter(by.values()))[0]["coverage"])
    figure = Figure((1 + 1.1 * len(by), 5.5), layout="constrained")
    for ax, level in zip(figure.subplots(len(levels), 1, sharex=True), levels, strict=True):
        for start, rows in enumerate(by.values()):
            at = 4 * start + np.arange(3)
            band = np.array(
                [stats.binom.interval(0.95, row["n"], float(level)) for row in rows]
            ) / [[row["n"]] for row in rows]
            ax.fill_between(at, *band.T, color="0.85")
            for i, name in enumerate(["joint", *calibration.names]):
                look = (
                    {"color": "k", "lw": 2, "zorder": 3}
                    if name == "joint"
                    else {"color": f"C{i - 1}", "lw": 1}
                )
                label = (
                    ("joint (HPD)" if name == "joint" else axis_text(name)) if start == 0 else None
                )
                ax.plot(
                    at,
                    [row["coverage"][level][name] for row in rows],
                    "o-",
                    ms=3,
                    label=label,
                    **look,
                )
        ax.set(ylabel=f"{float(level):.0%} regions hold")
        ax.axhline(float(level), color="k", ls=":", lw=1)
    ax.set_xticks(4 * np.arange(len(by)) + 1, [axis_text(name) for name in by], fontsize="small")
    ax.set_xlabel("low, middling and high third of the simulations, by posterior mean or covariate")
    figure.legend(*ax.get_legend_handles_labels(), loc="outside right center", fontsize="small")
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
        ax.hist(
            calibration.ranks[:, i],
            bins=bins,
            range=(0, 1),
            histtype="step",
            color=COLOURS["network"],
        )
        p = stats.kstest(calibration.ranks[:, i], "uniform").pvalue
        ax.set(
            title=f"{calibration.names[i].replace('_', ' ')}, KS p = {p:.2g}",
            xlabel="rank of the truth",
            xlim=(0, 1),
        )
    return figure


def corner_plot(samples: Mapping[str, Samples], truth: Mapping[str, float] | None = None) -> Figure:
    """Marginals and pairs of several posteriors of the same parameters, in sampling coordinates.

    The axes are those of all but the naive one, which is left out, and said to be, where it lies beyond them.
    """
    import corner

    prior = next(iter(samples.values())).prior
    figure = Figure((2.1 * prior.dim + 1, 2.1 * prior.dim + 1))
    spans = np.stack(
        [
            np.quantile(s.theta, [0.005, 0.995], axis=0)
            for name, s in samples.items()
            if name != "naive" or len(samples) == 1
        ]
    )
    edges = np.stack([spans[:, 0].min(axis=0), spans[:, 1].max(axis=0)], axis=1)
    pad = 0.1 * np.maximum(np.ptp(edges, axis=1, keepdims=True), 1e-6)
    limits = edges + pad * np.array([-1, 1])
    medians = {name: np.median(s.theta, axis=0) for name, s in samples.items()}
    beyond = {
        name
        for name, median in medians.items()
        if ((median < limits[:, 0]) | (median > limits[:, 1])).any()
    }
    for name in (n for n in samples if n not in beyond):
        theta = samples[name].theta
        corner.corner(
            theta,
            fig=figure,
            color=COLOURS[name],
            labels=[axis_label(n, prior) for n in prior.names],
            range=[tuple(row) for row in limits],
            bins=40,
            smooth=1.0,
            plot_datapoints=False,
            plot_density=False,
            fill_contours=False,
            levels=(0.68, 0.95),
            weights=np.full(len(theta), 1 / len(theta)),
            hist_kwargs={"density": False},
            truths=prior.theta(truth)[: prior.dim] if truth else None,
            truth_color=COLOURS["truth"],
        )
    for ax in figure.axes[:: prior.dim + 1]:
        ax.relim()
        ax.autoscale(axis="y")  # to the highest of all, not of the last
    names = [*samples, *(["truth"] if truth else [])]
    figure.legend(
        [Line2D([], [], color=COLOURS[n]) for n in names],
        [LABELS[n] + (" (beyond the axes)" if n in beyond else "") for n in names],
        loc="upper right",
        fontsize="x-large",
        frameon=False,
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


def _bands(axes: Axes, at: Floats, predicted: Floats) -> Floats:
    """The central 95% and 68% of what is predicted (P, F); returns the upper edge of the former (F,)."""
    lowest, low, high, highest = np.quantile(predicted, [0.025, 0.16, 0.84, 0.975], axis=0)
    axes.fill_between(
        at,
        lowest,
        highest,
        color=COLOURS["network"],
        alpha=0.2,
        lw=0,
        label="posterior predictive, 95% and 68%",
    )
    axes.fill_between(at, low, high, color=COLOURS["network"], alpha=0.3, lw=0)
    return np.asarray(highest)


def predictive(
    x: Floats, layout: Layout, predicted: Floats, references: Mapping[str, Mapping[str, Floats]]
) -> Figure:
    """The data's Leahy powers, bands of summaries simulated from the posterior, and the references' curves.

    Arguments:
        x: observed summary (X,).
        layout: of x.
        predicted: (P, X).
        references: name -> channel -> expected power (F,).
    """
    f, powers = layout.axis.values, _powers(layout)
    titles = {
        "power": "power spectrum",
        "sum": "A+B: source and noise",
        "difference": "A-B: noise alone",
        "cospectrum": "cospectrum: no noise in the mean",
    }
    figure = Figure((8, 3.4 * len(powers)), layout="constrained")
    axes = figure.subplots(len(powers), 1, sharex=True, squeeze=False)
    for ax, (channel, power) in zip(axes[:, 0], powers.items(), strict=True):
        _bands(ax, f, power(predicted))
        for name, expected in references.items():
            curve = (
                cospectrum(expected["sum"], expected["difference"])
                if channel == "cospectrum"
                else expected[channel]
            )
            ax.plot(f, curve, color=COLOURS[name], lw=1.2, label=LABELS[name])
        ax.plot(f, power(x), ".", ms=3, color="black", label="observed")
        ax.axhline(0 if channel == "cospectrum" else 2, color="0.5", ls=":", lw=1)
        ax.set(
            xscale="log",
            yscale="symlog" if channel == "cospectrum" else "log",
            ylabel="Leahy power",
            title=titles[channel],
        )
    axes[0, 0].legend(fontsize="small")
    axes[-1, 0].set_xlabel("frequency [Hz]")
    return figure


def spectrum(
    edges: Floats,
    counts: Floats,
    predicted: Floats,
    references: Mapping[str, Floats],
    exposure: float,
) -> Figure:
    """Counts/s/keV of a spectrum, the band of what is simulated from the posterior, and the references' curves; below, over its median.

    Arguments:
        edges: of the groups in keV, (G + 1,).
        counts: observed in each, (G,).
        predicted: (P, G).
        references: name -> expected counts (G,).
        exposure: s.
    """
    figure = Figure((8, 6), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
    energy, scale = (edges[:-1] + edges[1:]) / 2, exposure * np.diff(edges)
    median = np.maximum(np.median(predicted, axis=0), 0.5)
    for ax, unit in ((top, scale), (bottom, median)):
        highest = _bands(ax, energy, predicted / unit)
        for name, expected in references.items():
            ax.plot(energy, expected / unit, color=COLOURS[name], lw=1.2, label=LABELS[name])
        ax.plot(energy, counts / unit, ".", ms=3, color="black", label="observed")
    top.set(yscale="log", ylabel="counts/s/keV", ylim=(0.3 / scale.max(), None))
    bottom.set(
        xscale="log",
        xlabel="energy [keV]",
        ylabel="over the median",
        ylim=(0, float(np.quantile(highest, 0.9)) * 1.2),
    )
    top.legend(fontsize="small")
    return figure


def comparison(
    rows: Sequence[Mapping[str, Any]],
    quantity: str,
    along: str,
    by: str | None,
    coverage_pooled: Mapping[str, float],
) -> Figure:
    """Bias of the posterior median of a quantity in each cell of a grid, with its standard error, and the mean 68% half-width.

    Arguments:
        rows: one for each cell and method, as `compare` makes them.
        quantity: as `compare` tells it, such as `ln rate`.
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
            chosen = [
                r
                for r in rows
                if r["method"] == method and (panel is None or r["cell"][by] == panel)
            ]
            at = np.array([r["cell"][along] for r in chosen]) * 1.04 ** (k - 1)
            label = f"{LABELS[method]} (68% holds {coverage_pooled[method]:.0%})"
            ax.errorbar(
                at,
                [r["bias"] for r in chosen],
                [r["half_width"] for r in chosen],
                fmt="none",
                ecolor=COLOURS[method],
                alpha=0.25,
                lw=4,
            )
            ax.errorbar(
                at,
                [r["bias"] for r in chosen],
                [r["bias_error"] for r in chosen],
                fmt="o",
                ms=4,
                color=COLOURS[method],
                label=label,
            )
        ax.axhline(0, color="black", lw=1)
        ax.set(
            xscale="log",
            xlabel=axis_text(along),
            title=f"{axis_text(by)} = {panel:g}" if by else "",
        )
        ax.set_yscale(
            "symlog", linthresh=0.05
        )  # the naive fit is off by orders of magnitude more than the others
        ax.axhspan(-0.05, 0.05, color="0.93", lw=0, zorder=0)
    axes[0, 0].set_ylabel(f"bias of the median of {axis_text(quantity)}")
    figure.legend(
        *axes[0, 0].get_legend_handles_labels(),
        loc="outside lower center",
        ncols=2,
        fontsize="small",
    )
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
        axes.text(
            j,
            i,
            f"{share[i, j]:.3f}\n{counts[i, j]}",
            ha="center",
            va="center",
            color="white" if share[i, j] > 0.5 else "black",
        )
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
            row[2].plot(
                *calibration_curve(true, p, n_bins=15, strategy="quantile")[::-1], "o-", ms=3
            )
        row[0].plot([0, 1], [0, 1], "k:", lw=1)
        row[2].plot([0, 1], [0, 1], "k:", lw=1)
        row[0].set(
            xlabel="false positive rate", ylabel="true positive rate", title=f"ROC: {classes[k]}"
        )
        row[1].set(
            xlabel="recall", ylabel="precision", title="precision and recall", ylim=(0, 1.02)
        )
        row[2].set(
            xlabel="predicted probability", ylabel="share that is of the class", title="calibration"
        )
        row[0].legend(fontsize="small")
    return figure


def history(members: Sequence[Mapping[str, Sequence[float]]]) -> Figure:
    """Training and validation loss of each member after each epoch, as `Run.history` gives them, and the epoch of the best one."""
    figure = Figure((6, 4), layout="constrained")
    axes = figure.subplots()
    for i, member in enumerate(members):
        for key, style in (("train/loss", ":"), ("val/loss", "-")):
            axes.plot(
                member["epoch"],
                member[key],
                style,
                color=f"C{i % 10}",
                label=key if i == 0 else None,
            )
        if member["epoch"]:
            best = int(np.argmin(member["val/loss"]))
            place = member["epoch"][best], member["val/loss"][best]
            axes.plot(
                *place,
                "o",
                color=f"C{i % 10}",
                label="epoch whose weights are kept" if i == 0 else None,
            )
    values = [v for member in members for v in member["val/loss"]]
    if values and max(values) > np.median(values) + 5 * np.ptp(np.quantile(values, [0.05, 0.5])):
        axes.set_ylim(top=float(np.quantile(values, 0.95)))
    axes.set(xlabel="epoch", ylabel="loss", title=f"{len(members)} networks")
    axes.legend(fontsize="small")
    return figure


def distributions(
    x: Floats, labels: NDArray[Any], classes: Sequence[str], layout: Layout
) -> Figure:
    """What the classes look like: histograms of each number of a summary, medians and central 68% of each spectrum."""
    spectra = layout.spectra
    numbers = [name for name in layout.slices if name not in spectra]
    columns = 4
    rows = -(-len(numbers) // columns)
    figure = Figure((13, 3.2 * len(spectra) + 1.9 * rows), layout="constrained")
    grid = figure.add_gridspec(
        len(spectra) + rows, columns, height_ratios=[1.7] * len(spectra) + [1] * rows
    )
    for i, name in enumerate(spectra):
        ax = figure.add_subplot(grid[i, :])
        for k, label in enumerate(classes):
            low, mid, high = np.quantile(
                x[labels == k][:, layout.slices[name]], [0.16, 0.5, 0.84], axis=0
            )
            ax.fill_between(layout.axis.values, low, high, color=f"C{k}", alpha=0.2, lw=0)
            ax.plot(layout.axis.values, mid, color=f"C{k}", label=label)
        what = (
            "ln of Leahy power over 2"
            if layout.axis.unit == "Hz"
            else "root of the share of the counts"
        )
        ax.set(
            xscale="log",
            xlabel=layout.axis.label,
            title=f"{name}: {what}, median and 68% of the simulations",
        )
        ax.legend(fontsize="small")
    for i, name in enumerate(numbers):
        ax = figure.add_subplot(grid[len(spectra) + i // columns, i % columns])
        values = x[:, layout.slices[name]][:, 0]
        low, high = np.quantile(values, [0.002, 0.998])
        edges = np.linspace(low - 1e-6, high + 1e-6, 30)
        for k, label in enumerate(classes):
            ax.hist(
                values[labels == k],
                bins=edges.tolist(),
                density=True,
                histtype="step",
                color=f"C{k}",
                label=label,
            )
        ax.set_title(axis_text(name), fontsize="small")
        ax.tick_params(labelsize="x-small")
        ax.set_yticks([])
        if i == 0:
            ax.legend(fontsize="x-small")
    return figure


def correlations(x: Floats, layout: Layout) -> Figure:
    """Pearson correlation of the entries of summaries (N, X) with each other."""
    varying = x.std(axis=0) > 1e-6
    names = [name for name, use in zip(layout.names(), varying, strict=True) if use]
    few = len(names) <= 60
    side = 9 if few else 7
    figure = Figure((side, side), layout="constrained")
    axes = figure.subplots()
    image = axes.imshow(
        np.corrcoef(x[:, varying].astype(np.float64), rowvar=False), cmap="RdBu_r", vmin=-1, vmax=1
    )
    chosen = range(len(names)) if few else np.linspace(0, len(names) - 1, 12).round().astype(int)
    axes.set_xticks(chosen, [axis_text(names[i]) for i in chosen], rotation=90, fontsize="x-small")
    axes.set_yticks(chosen, [axis_text(names[i]) for i in chosen], fontsize="x-small")
    figure.colorbar(image, shrink=0.7, label="correlation")
    return figure


def principal_components(x: Floats, labels: NDArray[Any], classes: Sequence[str]) -> Figure:
    """The first two principal components of standardised summaries (N, X)."""
    from sklearn.decomposition import PCA
    from sklearn.preprocessing import StandardScaler

    pca = PCA(2).fit(z := StandardScaler().fit_transform(x))
    at = pca.transform(z)
    figure = Figure((6.5, 6), layout="constrained")
    axes = figure.subplots()
    axes.scatter(at[:, 0], at[:, 1], c=[f"C{k}" for k in labels], s=4, alpha=0.5, lw=0)
    axes.legend(
        [Line2D([], [], marker="o", ls="", color=f"C{k}") for k in range(len(classes))], classes
    )
    share = pca.explained_variance_ratio_
    axes.set(
        xlabel=f"first component ({share[0]:.0%} of the variance)",
        ylabel=f"second component ({share[1]:.0%})",
    )
    return figure


def importance(rises: Mapping[str, tuple[float, float]], greatest: int = 30) -> Figure:
    """Rise of the mean loss when a group of entries is shuffled, the greatest first."""
    chosen = sorted(rises.items(), key=lambda item: item[1][0])[-greatest:]
    figure = Figure((7, 0.24 * len(chosen) + 1.2), layout="constrained")
    axes = figure.subplots()
    axes.barh(
        [axis_text(name) for name, _ in chosen],
        [r[0] for _, r in chosen],
        xerr=[r[1] for _, r in chosen],
        color=COLOURS["network"],
    )
    axes.tick_params(axis="y", labelsize="x-small")
    axes.set_xlabel("rise of the loss when it is shuffled over the simulations")
    return figure


def saliency(values: Floats, layout: Layout) -> Figure:
    """Root-mean-square gradient (X,) of the loss by each standardised entry of a summary: over frequency for spectra."""
    spectra = layout.spectra
    numbers = {
        name: float(values[s][0]) for name, s in layout.slices.items() if name not in spectra
    }
    figure = Figure((7, 2.8 * len(spectra) + 0.22 * len(numbers) + 1), layout="constrained")
    panels = [2.8] * len(spectra) + [0.22 * len(numbers) + 0.6]
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=panels)[:, 0]
    for ax, name in zip(axes, spectra, strict=False):
        ax.plot(layout.axis.values, values[layout.slices[name]], color=COLOURS["network"])
        ax.set(xscale="log", xlabel=layout.axis.label, ylabel="rms gradient", title=name)
    ordered = sorted(numbers, key=lambda name: numbers[name])
    axes[-1].barh(
        [axis_text(name) for name in ordered],
        [numbers[name] for name in ordered],
        color=COLOURS["network"],
    )
    axes[-1].tick_params(axis="y", labelsize="x-small")
    axes[-1].set_xlabel("rms gradient of the loss by the standardised entry")
    return figure


def class_probabilities(probabilities: Mapping[str, Mapping[str, float]]) -> Figure:
    """Bars of p(class | observation): name of the classifier -> class -> probability."""
    classes = list(next(iter(probabilities.values())))
    figure = Figure((6, 0.5 * len(classes) + 1.4), layout="constrained")
    axes = figure.subplots()
    height = 0.8 / len(probabilities)
    for i, (name, values) in enumerate(probabilities.items()):
        axes.barh(
            np.arange(len(classes)) + i * height,
            list(values.values()),
            height,
            label=name.replace("_", " "),
        )
    axes.set_yticks(np.arange(len(classes)) + 0.4 - height / 2, [axis_text(c) for c in classes])
    axes.set(xlim=(0, 1), xlabel="probability, all classes equally probable beforehand")
    axes.legend(fontsize="small")
    return figure
