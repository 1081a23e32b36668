"""Show a finished assessment: words, figures in the run folder and in TensorBoard, and one page."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
from matplotlib.figure import Figure

from livetime.check.assess_class import COMPARED, ClassAssessment
from livetime.check.assess_posterior import TERCILES, PosteriorAssessment
from livetime.check.assessment import Assessment
from livetime.check.calibration import LEVELS
from livetime.check.coverage_map import CoverageMap
from livetime.outputs import write_json
from livetime.report import page as report
from livetime.report import plot, plot_checks
from livetime.report.page import digits
from livetime.report.robustness import robustness_tables, robustness_words

Tables = dict[str, tuple[list[str], list[list[str]]]]
"""Heading -> (header, rows)."""


def words(assessment: Assessment) -> str:
    """Say what an assessment found, line by line, the verdict last."""
    lines = _WORDS[assessment.question](assessment)
    return "\n".join([*lines, assessment.verdict.sentence])


def figures(assessment: Assessment) -> dict[str, Figure]:
    """Draw the figures of an assessment by name."""
    out = _FIGURES[assessment.question](assessment)
    if seen := assessment.interpretation:
        out["history"] = plot.history(seen.history)
        out["importance"] = plot.importance(seen.importance)
        out["saliency"] = plot.saliency(seen.saliency, seen.layout)
    return out


def tables(assessment: Assessment) -> Tables:
    """List the tables of an assessment."""
    return _TABLES[assessment.question](assessment)


def save(assessment: Assessment, folder: Path, title: str) -> None:
    """Write the figures, the files for later inferences, and `report.html`, one self-contained page."""
    parts = [
        (heading, report.table(header, rows))
        for heading, (header, rows) in tables(assessment).items()
    ]
    for name, figure in figures(assessment).items():
        figure.savefig(folder / f"{name}.png", dpi=110)
        parts.append((name.replace("_", " ").capitalize(), report.figure(folder / f"{name}.png")))
    plain = {k: v for k, v in assessment.numbers().items() if isinstance(v, int | float | str)}
    parts.append(
        ("Numbers", report.table(["", ""], [[k, json.dumps(v)] for k, v in plain.items()]))
    )
    for name, content in assessment.files.items():
        write_json(folder / f"{name}.json", content)
    verdict = assessment.verdict
    (folder / "report.html").write_text(
        report.page(title, verdict.level == "good", verdict.sentence, parts)
    )


def write_tensorboard(
    assessment: Assessment, folder: Path, hparams: Mapping[str, Any], val_loss: float
) -> None:
    """Write the figures and the row of the HPARAMS tab."""
    from torch.utils.tensorboard import SummaryWriter

    flat = {k: v if isinstance(v, bool | int | float | str) else str(v) for k, v in hparams.items()}
    with SummaryWriter(str(folder)) as writer:
        for name, figure in figures(assessment).items():
            writer.add_figure(f"test/{name}", figure)
        metrics = {**assessment.metrics(), "val/loss": val_loss}
        writer.add_hparams(flat, metrics, run_name=".")


def _posterior_words(assessment: Assessment) -> list[str]:
    found = cast(PosteriorAssessment, assessment)
    n = found.numbers()
    lines = [
        f"held-out log probability {n['log_prob']:.3f} +- {n['log_prob_standard_error']:.3f} on {n['n']} simulations"
    ]
    for level, shares in n["coverage"].items():
        lines.append(
            f"{float(level):.0%} regions cover: "
            + ", ".join(f"{name} {share:.3f}" for name, share in shares.items())
        )
    lines.append(
        "mean z: " + ", ".join(f"{name} {p['mean_z']:+.3f}" for name, p in n["parameters"].items())
    )
    parts = _terciles(n)
    for level in n["coverage"]:
        shares = {where: row["coverage"][level]["joint"] for where, row in parts}
        least, most = min(shares, key=shares.__getitem__), max(shares, key=shares.__getitem__)
        lines.append(
            f"in terciles, joint {float(level):.0%} regions cover: {shares[least]:.3f} (where {least}) to {shares[most]:.3f} ({most})"
        )
    lines += [map_words(one) for one in found.coverage_maps]
    for name, row in found.robustness.items():
        lines += robustness_words(name, row)
    return lines


def _terciles(numbers: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    return [
        (f"{name.replace('_', ' ')} is {where}", row)
        for name, terciles in numbers["terciles"].items()
        for where, row in zip(TERCILES, terciles, strict=True)
    ]


def _posterior_figures(assessment: Assessment) -> dict[str, Figure]:
    found = cast(PosteriorAssessment, assessment)
    maps = found.coverage_maps
    return {
        "coverage": plot.coverage(found.calibration),
        "coverage_of_terciles": plot.thirds(found.calibration),
        **({"coverage_map": plot_checks.heat_map(maps)} if maps else {}),
        "sbc_ranks": plot.sbc_ranks(found.calibration),
    }


def _posterior_tables(assessment: Assessment) -> Tables:
    found = cast(PosteriorAssessment, assessment)
    n = found.numbers()
    per = {"joint": [""] * 4, **{name: _row(p) for name, p in n["parameters"].items()}}
    rows = [
        [name, *(f"{shares[name]:.3f}" for shares in n["coverage"].values()), *cells]
        for name, cells in per.items()
    ]
    header = [
        "",
        *(f"{level:.0%} regions cover" for level in LEVELS),
        "mean z",
        "SBC p-value",
        "contraction",
        "R^2",
    ]
    by_tercile = [
        [where, f"{digits(row['low'])} to {digits(row['high'])}", *_third(row)]
        for where, row in _terciles(n)
    ]
    what = [f"{level:.0%} {what}" for level in LEVELS for what in ("joint", "least marginal")]
    return {
        "Calibration on held-out simulations": (header, rows),
        "In terciles, by posterior mean or covariate": (["", "from, to", *what], by_tercile),
        **robustness_tables(found.robustness),
    }


def _third(row: Mapping[str, Any]) -> list[str]:
    """Coverage at each level of the joint regions, and of that parameter's intervals that hold least."""
    cells = []
    for level in LEVELS:
        shares = dict(row["coverage"][f"{level:g}"])
        joint = shares.pop("joint")
        least = min(shares, key=shares.__getitem__)
        cells += [f"{joint:.3f}", f"{shares[least]:.3f} ({least.replace('_', ' ')})"]
    return cells


def _row(p: Mapping[str, float]) -> list[str]:
    return [
        f"{p['mean_z']:+.3f}",
        f"{p['sbc_p_value']:.2g}",
        f"{p['contraction']:.3f}",
        f"{p['r2']:.3f}",
    ]


def _class_words(assessment: Assessment) -> list[str]:
    found = cast(ClassAssessment, assessment)
    return [
        f"{name.replace('_', ' '):20} accuracy {r.scores['accuracy']:.4f}, area under the ROC curve {r.scores['roc_auc']:.4f}, "
        f"calibration error {r.scores['expected_calibration_error']:.4f}"
        for name, r in found.results.items()
    ]


def _class_figures(assessment: Assessment) -> dict[str, Figure]:
    found = cast(ClassAssessment, assessment)
    out = {
        "confusion": plot.confusion(found.network),
        "curves": plot.classifier_curves(found.results),
    }
    if seen := found.sample:
        classes = found.network.classes
        out["distributions"] = plot.distributions(seen.x, seen.label, classes, seen.layout)
        out["correlations"] = plot.correlations(seen.x, seen.layout)
        out["principal_components"] = plot.principal_components(seen.x, seen.label, classes)
    return out


def _class_tables(assessment: Assessment) -> Tables:
    found = cast(ClassAssessment, assessment)
    own = found.numbers()
    scores = {"network": own["scores"]}
    scores |= {name: row["scores"] for name, row in own["references"].items()}
    rows = [
        [score.replace("_", " "), *(_score(scores[name][score]) for name in found.results)]
        for score in scores["network"]
    ]
    paired = [
        [
            name.replace("_", " "),
            *(f"{d:+.4f} ({lo:+.4f} to {hi:+.4f})" for d, lo, hi in row.values()),
        ]
        for name, row in found.differences.items()
    ]
    return {
        "Scores on held-out simulations, with 95% bootstrap intervals": (
            ["", *(name.replace("_", " ") for name in found.results)],
            rows,
        ),
        "Network minus reference, paired": (
            ["", *(s.replace("_", " ") for s in COMPARED)],
            paired,
        ),
    }


def _score(row: Mapping[str, Any]) -> str:
    return f"{row['value']:.4f} ({row['interval95'][0]:.4f} to {row['interval95'][1]:.4f})"


def map_words(found: CoverageMap) -> str:
    """What to say of it, of the first level."""
    level, (a, b) = next(iter(found.inside)), found.names
    share, z = found.coverage(level), found.z(level)
    if np.isnan(z).all():
        return f"in cells of {a} and {b}: too few simulations to tell"
    i, j = np.unravel_index(np.nanargmin(z), z.shape)
    low = ", ".join(
        f"{name} {edge[k]:.3g} to {edge[k + 1]:.3g}"
        for name, edge, k in zip(found.names, found.edges, (i, j), strict=True)
    )
    least, most, below = np.nanmin(share), np.nanmax(share), max(0.0, -z[i, j])
    return (
        f"in {np.isfinite(z).sum()} cells of {a} and {b}, joint {level:.0%} regions hold {least:.3f} to {most:.3f}; "
        f"most below, by {below:.1f} standard deviations: {low} (chi2 of all cells: p = {found.p_value(level):.2g})"
    )


_WORDS: dict[str, Callable[[Assessment], list[str]]] = {
    "posterior": _posterior_words,
    "class": _class_words,
}
_FIGURES: dict[str, Callable[[Assessment], dict[str, Figure]]] = {
    "posterior": _posterior_figures,
    "class": _class_figures,
}
_TABLES: dict[str, Callable[[Assessment], Tables]] = {
    "posterior": _posterior_tables,
    "class": _class_tables,
}
