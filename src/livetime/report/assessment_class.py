"""Show the scores of a classifier and of the references beside it: sentences, figures, tables."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from matplotlib.figure import Figure

from livetime.check.assess_class import COMPARED, ClassAssessment, ClassSample
from livetime.report.figures import classes as draw
from livetime.report.observables import class_spectra, single_numbers
from livetime.report.page import HtmlTable
from livetime.report.style import label

SCORES_HEADING = "Scores on held-out simulations, with 95% bootstrap intervals"
PAIRED_HEADING = "Network minus reference, with 95% intervals of a paired bootstrap"
SCORES = {
    "roc_auc": "area under the ROC curve",
    "pr_auc": "area under the precision-recall curve",
    "f1_score": "F1 score",
    "cross_entropy": "cross-entropy (nats)",
}
"""Words of a score whose name does not say it."""


def score_words(name: str) -> str:
    """Put the name of a score into words.

    >>> score_words("balanced_accuracy")
    'balanced accuracy'
    """
    return SCORES.get(name, name.replace("_", " "))


def class_lines(found: ClassAssessment) -> list[str]:
    """Describe the main scores of every method, a line each."""
    lines = []
    for name, result in found.results.items():
        accuracy = f"accuracy {result.scores['accuracy']:.4f}"
        area = f"{SCORES['roc_auc']} {result.scores['roc_auc']:.4f}"
        error = f"calibration error {result.scores['expected_calibration_error']:.4f}"
        method = f"{label(name):20}"
        lines.append(f"{method} {accuracy}, {area}, {error}")
    return lines


def class_figures(found: ClassAssessment) -> dict[str, Callable[[], Figure]]:
    """List the figures of a classifier, as functions that draw them."""
    figures: dict[str, Callable[[], Figure]] = {
        "confusion": partial(draw.confusion, found.network),
        "curves": partial(draw.classifier_curves, found.results),
    }
    if found.sample is not None:
        figures |= _sample_figures(found.sample, found.network.classes)
    return figures


def _sample_figures(sample: ClassSample, classes: Sequence[str]) -> dict[str, Callable[[], Figure]]:
    """List the figures that show what the classes look like."""
    names = sample.layout.names()
    figures: dict[str, Callable[[], Figure]] = {}
    spectra, axis = class_spectra(sample.layout, sample.x)
    if spectra:
        figures["spectra"] = partial(draw.class_spectra, spectra, sample.label, classes, axis)
    numbers = single_numbers(sample.layout, sample.x)
    figures["distributions"] = partial(draw.entry_histograms, numbers, sample.label, classes)
    figures["correlations"] = partial(draw.correlations, sample.x, names)
    components = partial(draw.principal_components, sample.x, sample.label, classes)
    figures["principal_components"] = components
    return figures


def class_tables(found: ClassAssessment) -> dict[str, HtmlTable]:
    """List the tables of a classifier by heading."""
    own = found.numbers()
    scores = {"network": own["scores"]}
    for name, row in own["references"].items():
        scores[name] = row["scores"]
    rows = []
    for score in scores["network"]:
        cells = [_interval(scores[name][score]) for name in found.results]
        rows.append([score_words(score), *cells])

    paired = []
    for name, row in found.differences.items():
        cells = [_difference(*row[score]) for score in COMPARED]
        paired.append([label(name), *cells])
    methods = ["", *map(label, found.results)]
    compared = ["", *map(score_words, COMPARED)]
    return {SCORES_HEADING: HtmlTable(methods, rows), PAIRED_HEADING: HtmlTable(compared, paired)}


def _interval(row: Mapping[str, Any]) -> str:
    low, high = row["interval95"]
    return f"{row['value']:.4f} ({low:.4f} to {high:.4f})"


def _difference(value: float, low: float, high: float) -> str:
    return f"{value:+.4f} ({low:+.4f} to {high:+.4f})"
