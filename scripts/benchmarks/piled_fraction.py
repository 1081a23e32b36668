"""Bias of the photon index of piled-up spectra: network, naive fit and Davis model.

It is measured as a function of the share of events that more than one photon makes. The source is
an absorbed power law of photon index 1.7 behind n_h = 0.5, with alpha = 0.5 and a PSF fraction of
0.91, as published for the Chandra spectrum of NGC 4258, in 80 ks. The norm makes the share. For
two fifths alpha is 0.7, since 0.5 never gives that many.

Rows are the bias of the posterior median under the run's own prior, with its standard error, and
the bias of the network less that of the Davis model on the same observations, since both contain
the effect of the prior. Writes outputs/benchmark/piled_fraction.png. Fits without a network are
kept: a stopped measurement continues, and the next network is compared with the same ones.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np

from benchmarks import row
from livetime.config import ROOT
from livetime.errors import UserError

TRUTH = {"powerlaw_index": 1.7, "n_h": 0.5, "psf_fraction": 0.91, "exposure": 8e4}
TARGET = "powerlaw_index"
ALPHA = {0.002: 0.5, 0.05: 0.5, 0.1: 0.5, 0.2: 0.5, 0.4: 0.7}
"""By share of piled events. The first stands for 0: with less, the counts are too few."""


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("run", type=Path)
    parser.add_argument("--n", type=int, default=200, help="observations of each share")
    parser.add_argument(
        "--fits",
        type=int,
        default=None,
        help="that are fitted without a network too, as many as --n if not given",
    )
    parser.add_argument("--seed", type=int, default=6)
    parser.add_argument("--processes", type=int, default=None, help="one per core if not given")


def rows(args: argparse.Namespace) -> list[dict]:
    """Measure, and return the rows of the table."""
    import torch

    from livetime.check import compare
    from livetime.check.truths import Truths
    from livetime.infer.run import Run

    torch.set_num_threads(1)
    run = Run.open(args.run)
    run.expect("posterior")
    simulator = run.simulator
    _check(args, simulator)
    n_fits = args.fits or args.n
    cells = [_cell(simulator, share, alpha) for share, alpha in ALPHA.items()]
    truths = Truths(cells, ("powerlaw_norm", "alpha"), n_fits, args.seed)
    fits = compare.fit_quantiles(run, truths, ("naive", "davis"), args.processes)
    every = replace(truths, n=args.n)
    network = compare.fit_quantiles(run, every, ()) if n_fits < args.n else {}
    table = compare.comparison_rows(simulator.prior, truths, {**fits, **network}, TARGET)
    shares = np.repeat(list(ALPHA), len(fits))
    numbers = [args.n if one["method"] == "network" else n_fits for one in table]
    _figure(table, shares).savefig(ROOT / "outputs" / "benchmark" / "piled_fraction.png", dpi=110)
    rows = [_row(one, share, n) for one, share, n in zip(table, shares, numbers, strict=True)]
    return rows + _paired(fits, simulator.prior.names)


def _check(args: argparse.Namespace, simulator) -> None:
    """Refuse a run of other parameters, and too few observations."""
    parameters = {*TRUTH, "powerlaw_norm", "alpha"}
    if simulator.kind != "spectrum" or set(simulator.prior.ranges) != parameters:
        raise UserError(
            "run", f"is {args.run}, which is not of pileup_npe", "train experiment=pileup_npe"
        )
    if not 2 <= (args.fits or args.n) <= args.n:
        raise UserError("fits", f"is {args.fits}, with n={args.n}", "take 2 or more, and at most n")


def _cell(simulator, share: float, alpha: float) -> dict[str, float]:
    """Find parameters with this share of piled-up events, for the fainter of two solutions."""
    from scipy.optimize import brentq

    from livetime.simulate.davis import Davis

    davis, norm = Davis(simulator.detector), simulator.prior.parameters["powerlaw_norm"]
    truth = {**TRUTH, "alpha": alpha}

    def excess(log_norm: float) -> float:
        params = {**truth, "powerlaw_norm": 10**log_norm}
        return float(davis.piled_fraction(simulator.rate(params), params)) - share

    grid = np.linspace(np.log10(norm.low), np.log10(norm.high), 200)
    above = next((i for i, at in enumerate(grid) if excess(at) > 0), 0)
    if above == 0:
        limits = f"from {norm.low:g} to {norm.high:g}"
        raise UserError("norm", f"{limits} never piles up {share:.1%} of the events", "widen it")
    return {**truth, "powerlaw_norm": 10 ** float(brentq(excess, *grid[above - 1 : above + 1]))}


def _row(one: dict, share: float, n: int) -> dict:
    from livetime.report.style import label

    at = f"{share:.2g} piled (norm {one['cell']['powerlaw_norm']:.3g}): {label(one['method'])}"
    unit = f"+- {one['bias_error']:.4f}"
    return row(
        at,
        one["bias"],
        unit,
        f"scatter {one['scatter']:.3f}, 68% covers {one['coverage68']:.3f}",
        n=n,
        share=share,
        **one,
    )


def _paired(fits: dict, names: list[str]) -> list[dict]:
    """Medians of the network less those of the Davis model, on the same observations."""
    apart = (fits["network"] - fits["davis"])[:, :, 2, names.index(TARGET)]
    error = apart.std(axis=1, ddof=1) / np.sqrt(apart.shape[1])
    rows = []
    for share, mean, own in zip(ALPHA, apart.mean(axis=1), error, strict=True):
        label = f"{share:.2g} piled: network minus Davis model"
        rows.append(row(label, mean, f"+- {own:.4f}", n=apart.shape[1]))
    return rows


def _figure(table: list[dict], shares: np.ndarray):
    from matplotlib.figure import Figure

    from livetime.report.style import look

    figure = Figure((6.4, 4.4), layout="constrained")
    axes = figure.subplots()
    for k, method in enumerate(dict.fromkeys(one["method"] for one in table)):
        chosen = [i for i, one in enumerate(table) if one["method"] == method]
        own = [table[i] for i in chosen]
        at = 100 * shares[chosen] + 0.5 * (k - 1)
        bias = [one["bias"] for one in own]
        colour = look(method).colour

        scatter = [one["scatter"] for one in own]
        axes.errorbar(at, bias, scatter, fmt="none", ecolor=colour, alpha=0.25, lw=4)
        error = [one["bias_error"] for one in own]
        style = {"fmt": "o-", "ms": 4, "lw": 1, "color": colour}
        axes.errorbar(at, bias, error, label=look(method).label, **style)
    axes.axhline(0, color="black", lw=1)
    axes.axhspan(-0.03, 0.03, color="0.93", lw=0, zorder=0)
    axes.set_xlabel("share of the events that are piled up [%]")
    axes.set_ylabel("bias of the median of the photon index")
    title = "pale: scatter of the medians; dark: error of their mean"
    axes.legend(title=title, fontsize="small", title_fontsize="small")
    return figure
