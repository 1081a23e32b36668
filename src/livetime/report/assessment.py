"""Show a finished assessment: printed words, figures and tables in the run folder, one page."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from livetime.check.assess_loss import LossAssessment
from livetime.check.assessment import Assessment
from livetime.outputs import write_json
from livetime.progress import progress
from livetime.report import assessment_class, assessment_posterior
from livetime.report.figures.training import history, importance, saliency
from livetime.report.observables import split_entries
from livetime.report.page import Banner, HtmlTable, Page, facts, image
from livetime.report.style import save_figure
from livetime.report.tensorboard import write_tensorboard

__all__ = ["save", "words", "write_tensorboard"]

Draw = Callable[[], Figure]
BANNERS = {"good": Banner.TRUST, "caution": Banner.INFORMATION, "bad": Banner.DISTRUST}
"""Level of a verdict -> its look."""


@dataclass(frozen=True)
class Show:
    """Keep the functions that show the assessments of one question.

    Arguments:
        lines: the sentences that are printed.
        figures: name -> function that draws the figure.
        tables: heading -> table.

    >>> SHOWS["posterior"].lines.__name__
    'posterior_lines'
    """

    lines: Callable[[Any], list[str]]
    figures: Callable[[Any], dict[str, Draw]]
    tables: Callable[[Any], dict[str, HtmlTable]]


def _loss_lines(found: LossAssessment) -> list[str]:
    """Describe the held-out loss."""
    return [f"held-out loss {found.loss:.4g} on {len(found.losses)} simulations"]


def _no_figures(found: LossAssessment) -> dict[str, Draw]:
    return {}


def _no_tables(found: LossAssessment) -> dict[str, HtmlTable]:
    return {}


SHOWS = {
    "posterior": Show(
        assessment_posterior.posterior_lines,
        assessment_posterior.posterior_figures,
        assessment_posterior.posterior_tables,
    ),
    "class": Show(
        assessment_class.class_lines,
        assessment_class.class_figures,
        assessment_class.class_tables,
    ),
    "loss": Show(_loss_lines, _no_figures, _no_tables),
}
"""Question -> how its assessments are shown. A new question is one file and one entry here."""

HEADINGS = {
    "sbc_ranks": "Ranks of the true values",
    "coverage": "Coverage of the regions",
    "coverage_of_terciles": "Coverage in terciles",
    "coverage_map": "Coverage in cells of two quantities",
    "confusion": "Confusion matrix",
    "curves": "ROC, precision-recall and reliability",
    "distributions": "What the classes look like",
    "spectra": "Spectra of the classes",
    "correlations": "Correlation of the entries",
    "principal_components": "Principal components",
    "history": "Course of the training",
    "importance": "What the network uses: permutation importance",
    "saliency": "What the network uses: gradients",
}
"""Heading of each figure on the page."""
CAPTIONS = {
    "coverage": "An exact posterior follows the diagonal, inside the grey band in 95% of cases.",
    "coverage_of_terciles": "An exact posterior stays inside the grey bands in 95% of cases.",
    "coverage_map": "Red cells are overconfident, blue cells too wide.",
    "sbc_ranks": "Ranks of an exact posterior are uniform: 95% of the bins inside the grey band.",
    "history": "Dotted: training loss; solid: validation loss of each network.",
    "importance": "Rise of the mean loss when a group of entries is exchanged between simulations.",
    "curves": "Dotted lines: a random classifier, and perfect reliability.",
}
"""What a figure shows, under it."""
NUMBERS = {
    "n": "held-out simulations",
    "draws": "posterior draws for each",
    "log_prob": "log probability of the true values (nats)",
    "log_prob_standard_error": "its standard error (nats)",
}
"""Words of the numbers that no table has."""


def words(assessment: Assessment) -> str:
    """Describe the results of an assessment, line by line, with the verdict last."""
    lines = SHOWS[assessment.question].lines(assessment)
    return "\n".join([*lines, assessment.verdict.sentence])


def figures(assessment: Assessment) -> dict[str, Draw]:
    """List the figures of an assessment by name, as functions that draw them."""
    found = SHOWS[assessment.question].figures(assessment)
    seen = assessment.interpretation
    if seen is not None:
        spectra, numbers, axis = split_entries(seen.layout, seen.saliency)
        found["history"] = lambda: history(seen.history)
        found["importance"] = lambda: importance(seen.importance)
        found["saliency"] = lambda: saliency(spectra, numbers, axis)
    return found


def save(assessment: Assessment, folder: Path, title: str) -> None:
    """Write figures, the files for later inferences, and `report.html`, one page.

    Arguments:
        assessment: of a run.
        folder: that exists.
        title: of the page.
    """
    tables = SHOWS[assessment.question].tables(assessment)
    parts = {heading: table.html for heading, table in tables.items()}

    drawn = figures(assessment)
    with progress("draw figures", len(drawn), "figures") as bar:
        for name, draw in drawn.items():
            path = save_figure(draw(), folder / name)
            caption = CAPTIONS.get(name, "")
            parts[HEADINGS[name]] = image(path, caption)
            bar.advance()
    parts["Numbers"] = facts(_number_rows(assessment.numbers()))

    for name, content in assessment.files.items():
        write_json(folder / f"{name}.json", content)
    verdict = assessment.verdict
    banner = BANNERS[verdict.level]
    page = Page(title, banner, verdict.sentence, parts)
    page.write(folder / "report.html")


def _number_rows(numbers: Mapping[str, Any]) -> dict[str, str]:
    """Write the single numbers."""
    rows = {}
    for name, text in NUMBERS.items():
        if name in numbers:
            rows[text] = f"{numbers[name]:.6g}"
    return rows
