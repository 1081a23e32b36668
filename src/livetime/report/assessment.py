"""What a finished training shows: numbers, figures in the run folder and in TensorBoard, and one page."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from livetime.check import coverage_map as cells
from livetime.check import interpret
from livetime.check import robustness as stress
from livetime.check.calibration import LEVELS, Calibration, Classification
from livetime.infer.run import Run
from livetime.outputs import write_json
from livetime.progress import progress, say
from livetime.reference.classifiers import LikelihoodRatio, Threshold, learned
from livetime.reference.exact import Exact
from livetime.report import page as report
from livetime.report import plot, plot_checks
from livetime.report.page import digits
from livetime.simulate.detector import Whittle
from livetime.simulate.simulator import Simulator, TimingSimulator

Floats = NDArray[np.floating[Any]]
THIRDS = ("low", "middling", "high")
"""What the thirds of the simulations are called."""
COMPARED = ("accuracy", "roc_auc")
"""Scores whose difference from each reference is given with a paired interval."""
TO_CALIBRATE = 2000
"""Simulations that turn the likelihood ratio into a probability."""
EXPLORED = 4000
"""Training simulations that are drawn in the figures of the classes."""
INTERPRETED = 500
"""Held-out simulations on which importance and saliency are found."""


@dataclass(frozen=True)
class Assessment:
    """Of one run.

    Arguments:
        numbers: plain types, for metrics.json.
        figures: name -> figure.
        metrics: the run's row in the HPARAMS tab.
        words: what is printed.
        tables: heading -> (header, rows), for the page.
        loss: what a sweep compares.
        verdict: one sentence, and whether it is a good one.
        files: name -> plain types, kept as JSON in the run folder for `livetime infer`.
    """

    numbers: dict[str, Any]
    figures: dict[str, Figure]
    metrics: dict[str, float]
    words: str
    tables: dict[str, tuple[list[str], list[list[str]]]]
    loss: float
    verdict: tuple[str, bool]
    files: dict[str, Any] = field(default_factory=dict)


def of_posterior(calibration: Calibration, simulator: Simulator | None = None) -> Assessment:
    """Calibration of a posterior estimator; in cells of two quantities too, where the simulator tells which."""
    n = calibration.numbers()
    maps = cells.of_calibration(calibration, simulator) if simulator else []
    lines = [
        f"held-out log probability {n['log_prob']:.3f} +- {n['log_prob_standard_error']:.3f} on {n['n']} simulations"
    ]
    for level, shares in n["coverage"].items():
        lines.append(
            f"{float(level):.0%} regions hold: "
            + ", ".join(f"{name} {share:.3f}" for name, share in shares.items())
        )
    lines.append(
        "mean z: " + ", ".join(f"{name} {p['mean_z']:+.3f}" for name, p in n["parameters"].items())
    )
    per = {"joint": [""] * 4, **{name: _row(p) for name, p in n["parameters"].items()}}
    rows = [
        [name, *(f"{shares[name]:.3f}" for shares in n["coverage"].values()), *cells]
        for name, cells in per.items()
    ]
    header = [
        "",
        *(f"{level:.0%} regions hold" for level in LEVELS),
        "mean z",
        "SBC p-value",
        "contraction",
        "R^2",
    ]
    over = [
        lv
        for lv in LEVELS
        if min(n["coverage"][f"{lv:g}"].values()) < lv - 3 * np.sqrt(lv * (1 - lv) / n["n"])
    ]
    parts = [
        (f"{name.replace('_', ' ')} is {where}", row)
        for name, thirds in n["thirds"].items()
        for where, row in zip(THIRDS, thirds, strict=True)
    ]
    for level in n["coverage"]:
        shares = {where: row["coverage"][level]["joint"] for where, row in parts}
        least, most = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
        lines.append(
            f"of thirds, joint {float(level):.0%} regions hold: {shares[least]:.3f} (where {least}) to {shares[most]:.3f} ({most})"
        )
    lines += [found.words() for found in maps]
    here = [where for where, row in parts if any(_far_below(row, level) for level in LEVELS)]
    mend = "train longer, on more simulations, or with more members"
    if over:
        verdict = f"Overconfident: regions hold fewer truths than they say; {mend}."
    elif here:
        verdict = f"Overconfident where {' or '.join(here)}: joint regions hold fewer truths there than they say; {mend}."
    else:
        verdict = (
            "Not overconfident: on held-out simulations no region holds fewer truths than it says, within three standard deviations, "
            "and in no third of them the joint one, within four."
        )
    good = not (over or here)
    by_third = [
        [where, f"{digits(row['low'])} to {digits(row['high'])}", *_third(row)]
        for where, row in parts
    ]
    return Assessment(
        {**n, "cells": [found.plain() for found in maps], "verdict": verdict, "good": good},
        {
            "coverage": plot.coverage(calibration),
            "coverage_of_thirds": plot.thirds(calibration),
            **({"coverage_of_cells": plot_checks.heat_map(maps)} if maps else {}),
            "sbc_ranks": plot.sbc_ranks(calibration),
        },
        {
            "test/log_prob": n["log_prob"],
            **{f"test/joint_coverage_{level}": c["joint"] for level, c in n["coverage"].items()},
        },
        "\n".join([*lines, verdict]),
        {
            "Calibration on held-out simulations": (header, rows),
            "In thirds of them, by posterior mean or covariate": (
                [
                    "",
                    "from, to",
                    *(
                        f"{level:.0%} {what}"
                        for level in LEVELS
                        for what in ("joint", "least marginal")
                    ),
                ],
                by_third,
            ),
        },
        -float(n["log_prob"]),
        (verdict, good),
    )


def stressed(outcome: Assessment, told: Mapping[str, Mapping[str, Any]]) -> Assessment:
    """The same with what `stress.ask` told of other sources, by name."""
    if not told:
        return outcome
    lines = [line for name, row in told.items() for line in stress.words(name, row)]
    return replace(
        outcome,
        numbers={**outcome.numbers, "stress": dict(told)},
        words="\n".join([outcome.words, *lines]),
        tables={**outcome.tables, **stress.tables(told)},
    )


def _third(row: Mapping[str, Any]) -> list[str]:
    """Coverage at each level of the joint regions, and of that parameter's intervals that hold least."""
    cells = []
    for level in LEVELS:
        shares = dict(row["coverage"][f"{level:g}"])
        joint = shares.pop("joint")
        least = min(shares, key=shares.__getitem__)
        cells += [f"{joint:.3f}", f"{shares[least]:.3f} ({least.replace('_', ' ')})"]
    return cells


def _far_below(third: Mapping[str, Any], level: float) -> bool:
    """By four standard deviations; three would be too few, for there are so many thirds that chance finds one in every twentieth run."""
    return bool(
        third["coverage"][f"{level:g}"]["joint"]
        < level - 4 * np.sqrt(level * (1 - level) / third["n"])
    )


def _row(p: Mapping[str, float]) -> list[str]:
    return [
        f"{p['mean_z']:+.3f}",
        f"{p['sbc_p_value']:.2g}",
        f"{p['contraction']:.3f}",
        f"{p['r2']:.3f}",
    ]


def classify(
    run: Run, theta: Floats, x: Floats, bank: tuple[Floats, Floats], seed: int
) -> Assessment:
    """The network's answer on simulations of known class, and beside it those of every classifier without one that applies.

    Arguments:
        run: of a classifier.
        theta, x: held-out simulations (N, D + C + 1), (N, X).
        bank: theta and x of the simulations that the network learned from, and the references do.
        seed: of Monte Carlo.
    """
    simulator = run.simulator
    classes, labels = list(simulator.prior.classes), theta[:, -1].astype(int)
    known, seen = bank[1], bank[0][:, -1].astype(int)
    rivals, files = without_network(simulator, known, seen, x, seed)
    answers = {
        "network": run.probabilities(x),
        **{name: rival.probabilities for name, rival in rivals.items()},
    }
    shown = slice(EXPLORED)
    figures = {
        "distributions": plot.distributions(known[shown], seen[shown], classes, simulator.layout),
        "correlations": plot.correlations(known[shown], simulator.layout),
        "principal_components": plot.principal_components(known[shown], seen[shown], classes),
    }
    result = of_classifier(
        {name: Classification(classes, labels, p) for name, p in answers.items()}
    )
    return replace(result, figures={**result.figures, **figures}, files=files)


@dataclass(frozen=True)
class Rival:
    """What a classifier without a network says of N summaries: p(class | x) (N, K); its number of parameters, and what it cost."""

    probabilities: Floats
    parameters: int
    seconds: float


def without_network(
    simulator: Simulator, known: Floats, seen: NDArray[Any], x: Floats, seed: int
) -> tuple[dict[str, Rival], dict[str, Any]]:
    """Every classifier without a network that applies, and what of them `livetime infer` needs later.

    Arguments:
        simulator: of the run.
        known, seen: summaries (M, X) and class numbers (M,) that they learn from.
        x: summaries (N, X) to tell the class of.
        seed: of Monte Carlo.
    """
    say("training the references without a network")
    fitted = learned(known, seen, len(simulator.prior.classes))
    out = {name: Rival(f.probabilities(x), f.parameters, f.seconds) for name, f in fitted.items()}
    files: dict[str, Any] = {name: f.plain for name, f in fitted.items() if f.plain}
    start = time.perf_counter()
    if test := LikelihoodRatio.of(simulator):
        with progress(
            "likelihood ratios", len(x) + min(TO_CALIBRATE, len(known)), "observations"
        ) as bar:
            threshold = Threshold(
                test.statistic(known[:TO_CALIBRATE], bar.advance), seen[:TO_CALIBRATE]
            )
            said = threshold.probabilities(test.statistic(x, bar.advance))
        out["likelihood_ratio"] = Rival(said, 2, time.perf_counter() - start)
        files["likelihood_ratio"] = {
            "statistic": threshold.statistic.tolist(),
            "label": threshold.label.tolist(),
        }
    start = time.perf_counter()
    if isinstance(simulator, TimingSimulator) and isinstance(simulator.detector, Whittle):
        with progress("exact class probabilities", len(x), "observations") as bar:
            out["exact"] = Rival(
                Exact(simulator).class_probabilities(x, seed, bar.advance),
                0,
                time.perf_counter() - start,
            )
    return out, files


def interpreted(outcome: Assessment, run: Run, theta: Floats, x: Floats, seed: int) -> Assessment:
    """The same with the course of training, and what the network looks at in held-out simulations (N, D + C), (N, X)."""
    theta, x, layout = theta[:INTERPRETED], x[:INTERPRETED], run.simulator.layout

    prior = run.simulator.prior
    worst = np.inf if run.question.name == "class" else np.log(prior.high - prior.low).sum()

    def loss(rows: Floats) -> Floats:
        """That of a flow knows no limit where it never was: an answer worse than the prior's counts as that."""
        with torch.no_grad():
            return np.asarray(
                np.fmin(run.loss(theta, torch.from_numpy(rows)).double().numpy(), worst)
            )

    rises = interpret.importance(loss, x, interpret.blocks(layout), np.random.default_rng(seed))
    figures = {
        "history": plot.history(run.history()),
        "importance": plot.importance(rises),
        "saliency": plot.saliency(interpret.saliency(run, theta, x), layout),
    }
    numbers = {**outcome.numbers, "importance": {name: list(rise) for name, rise in rises.items()}}
    return replace(outcome, numbers=numbers, figures={**outcome.figures, **figures})


def of_classifier(results: Mapping[str, Classification]) -> Assessment:
    """Scores of a network and of the references beside it, on the same simulations."""
    network = results["network"]
    numbers = {name: result.numbers() for name, result in results.items()}
    differences = {
        name: {score: network.difference(result, score) for score in COMPARED}
        for name, result in results.items()
        if name != "network"
    }
    scores = list(numbers["network"]["scores"])
    rows = [
        [s.replace("_", " "), *(_score(numbers[name]["scores"][s]) for name in results)]
        for s in scores
    ]
    paired = [
        [
            name.replace("_", " "),
            *(f"{d:+.4f} ({lo:+.4f} to {hi:+.4f})" for d, lo, hi in row.values()),
        ]
        for name, row in differences.items()
    ]
    worthless = all(lo <= 0 for _, lo, _ in differences["majority"].values())
    enough = [
        name
        for name, row in differences.items()
        if name not in ("majority", "exact") and all(lo <= 0 for _, lo, _ in row.values())
    ]
    rivals = " and ".join(enough).replace("_", " ")
    if worthless:
        verdict = "The network is no better than the commonest class; train longer, on more simulations, or with another learning rate."
    elif enough:
        verdict = f"Regular statistics can do it: the network is not better than {rivals}, within a 95% paired bootstrap."
    else:
        verdict = "The network is better than every reference that does not know the exact answer, in accuracy or area under the ROC curve."
    best = network.scores
    words = [
        f"{name.replace('_', ' '):20} accuracy {r.scores['accuracy']:.4f}, area under the ROC curve {r.scores['roc_auc']:.4f}, "
        f"calibration error {r.scores['expected_calibration_error']:.4f}"
        for name, r in results.items()
    ]
    return Assessment(
        {
            **numbers["network"],
            "verdict": verdict,
            "good": not worthless,
            "references": {name: n for name, n in numbers.items() if name != "network"},
            "network_minus_reference": {
                name: {s: list(d) for s, d in row.items()} for name, row in differences.items()
            },
        },
        {"confusion": plot.confusion(network), "curves": plot.classifier_curves(results)},
        {f"test/{name}": value for name, value in best.items()},
        "\n".join([*words, verdict]),
        {
            "Scores on held-out simulations, with 95% bootstrap intervals": (
                ["", *(name.replace("_", " ") for name in results)],
                rows,
            ),
            "Network minus reference, paired": (
                ["", *(s.replace("_", " ") for s in COMPARED)],
                paired,
            ),
        },
        best["cross_entropy"],
        (verdict, not enough),
    )


def _score(row: Mapping[str, Any]) -> str:
    return f"{row['value']:.4f} ({row['interval95'][0]:.4f} to {row['interval95'][1]:.4f})"


def write(outcome: Assessment, folder: Path, title: str) -> None:
    """Figures, and `report.html`: one self-contained page."""
    parts = [
        (heading, report.table(header, rows)) for heading, (header, rows) in outcome.tables.items()
    ]
    for name, figure in outcome.figures.items():
        figure.savefig(folder / f"{name}.png", dpi=110)
        parts.append((name.replace("_", " ").capitalize(), report.figure(folder / f"{name}.png")))
    plain = {k: v for k, v in outcome.numbers.items() if isinstance(v, int | float | str)}
    parts.append(
        ("Numbers", report.table(["", ""], [[k, json.dumps(v)] for k, v in plain.items()]))
    )
    for name, content in outcome.files.items():
        write_json(folder / f"{name}.json", content)
    (folder / "report.html").write_text(
        report.page(title, outcome.verdict[1], outcome.verdict[0], parts)
    )


def tensorboard(
    outcome: Assessment, folder: Path, hparams: Mapping[str, Any], val_loss: float
) -> None:
    """Figures and the row of the HPARAMS tab."""
    from torch.utils.tensorboard import SummaryWriter

    flat = {k: v if isinstance(v, bool | int | float | str) else str(v) for k, v in hparams.items()}
    with SummaryWriter(str(folder)) as writer:
        for name, figure in outcome.figures.items():
            writer.add_figure(f"test/{name}", figure)
        writer.add_hparams(flat, {**outcome.metrics, "val/loss": val_loss}, run_name=".")
