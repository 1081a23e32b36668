"""Show an answer: printed words, figures, tables and a page."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table as Grid

from livetime.infer.ask_class import ClassResult
from livetime.infer.ask_posterior import PosteriorResult
from livetime.outputs import read_json, write_json
from livetime.progress import progress, say
from livetime.report import words
from livetime.report.export import export
from livetime.report.facts import fact_rows
from livetime.report.figures.classes import class_probabilities, class_words
from livetime.report.figures.corner import corner as draw_corner
from livetime.report.figures.predictive import energy_spectra, power_spectra
from livetime.report.figures.source_power import source_power
from livetime.report.observables import channels
from livetime.report.page import Banner, HtmlTable, Page, bullets, facts, image
from livetime.report.style import label, save_figure
from livetime.simulate.prior import Prior, Samples
from livetime.sources.answer import SourceAnswer, general_source

BANNER_OF = {
    "trust": Banner.TRUST,
    "caution": Banner.CAUTION,
    "do not use": Banner.DISTRUST,
}
"""Level of a verdict -> its look."""
TRUTH = "truth.json"
"""File beside simulated event files with the parameters that they were made with."""
RUN_FACTS = ("run", "seed", "git_commit", "versions", "date")
CORNER_CAPTION = (
    "Marginal posteriors and pairs of parameters. Contours enclose 68% and 95% of each posterior "
    "and end at the prior's edges; thin grey lines are the prior."
)
PREDICTIVE_CAPTION = (
    "Data with one standard deviation. Bands contain 68% and 95% of simulations with draws of the "
    "network's posterior. Curves are the expectations of the references at their medians. "
    "Residuals are data less the median simulation, in standard deviations of the simulations."
)
SOURCE_CAPTION = (
    "Power of the rate as it would be without dead time and noise, times frequency: median, and "
    "68% and 95% intervals in each bin. Bins are correlated; source_power_covariance.txt says how."
)


_FIGURES = {
    "corner": ("Posterior", CORNER_CAPTION),
    "predictive": ("Does the model describe the data?", PREDICTIVE_CAPTION),
    "source_power": ("Power of the source", SOURCE_CAPTION),
}
"""Heading and caption of each figure."""


def save(result: Any, folder: Path) -> None:
    """Write summary.json, figures, draws and report.html of an answer into a folder.

    Arguments:
        result: of a question.
        folder: that exists.
    """
    _WRITERS.get(result.question, _save_table)(result, folder)


def print_result(result: Any) -> None:
    """Print notes, the table of the answer, warnings and the verdict.

    Arguments:
        result: of a question.
    """
    for note in result.notes:
        say(f"note: {note}")
    table = answer_table(result)
    grid = Grid(*table.header)
    for row in table.rows:
        grid.add_row(*row)
    Console(width=130).print(grid)

    for warning in result.verdict.reasons:
        say(f"warning: {warning}")
    say(result.verdict.sentence)


def answer_table(result: Any) -> HtmlTable:
    """Give the answer of each method, with units.

    Arguments:
        result: of a question.
    """
    return _TABLES.get(result.question, _own_table)(result)


def corner(result: PosteriorResult, truth: Mapping[str, float] | None = None) -> Figure:
    """Draw the marginals and pairs of all posteriors of an answer.

    Arguments:
        result: an answer.
        truth: parameter -> physical value; None to read it beside simulated files.
    """
    samples = {name: _readable(result, draws) for name, draws in result.samples.items()}
    return draw_corner(samples, truth or known_truth(result))


def _readable(result: PosteriorResult, draws: Samples) -> Samples:
    """Keep the parameters that mean something by themselves, for a source that names them."""
    source = general_source(result.run.simulator)
    if source is None:
        return draws
    prior = draws.prior
    names = [name for name in prior.names if name in source.readable]
    columns = [prior.names.index(name) for name in names]
    parameters = {name: prior.parameters[name] for name in names}
    return Samples(draws.theta[:, columns], Prior(parameters), draws.notes)


def predictive(result: PosteriorResult) -> Figure:
    """Draw data, predictions of the network's posterior, and expectations of the references."""
    found = channels(result)
    kind = result.run.simulator.kind
    draw = energy_spectra if kind == "spectrum" else power_spectra
    return draw(found)


def known_truth(result: PosteriorResult) -> dict[str, float] | None:
    """Find the true parameters of a simulated observation, or None for a real one.

    They are in `truth.json` beside the simulated event files.
    """
    names = result.run.simulator.prior.names
    first = Path(result.observation.info["files"][0])
    path = first.parent / TRUTH
    try:
        values = read_json(path, "take another folder")
        truth = {name: float(values[name]) for name in names}
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        return None
    known = all(map(math.isfinite, truth.values()))
    return truth if known else None


def parameter_table(
    methods: Mapping[str, Mapping[str, Mapping[str, Any]]], prior: Prior
) -> HtmlTable:
    """Give medians and 68% intervals with units, a row for each parameter.

    Arguments:
        methods: method -> parameter -> `median`, `lo68`, `hi68`.
        prior: names the units.
    """
    units = words.prior_units(prior)
    rows = []
    for name in prior.names:
        quantity = words.quantity(name, units)
        factor = quantity.factor
        intervals = [each[name] for each in methods.values()]
        cells = [words.interval(row, factor) for row in intervals]
        rows.append([quantity.text, *cells])
    return HtmlTable(["median (68% interval)", *map(label, methods)], rows)


def source_table(answer: SourceAnswer, draws: Samples) -> HtmlTable:
    """Give medians and 68% intervals of a source without named shapes, a row for each quantity.

    Arguments:
        answer: derived quantities of the network's draws.
        draws: of the network; parameters that are prior quantiles are left out.
    """
    own = {name: row for name, row in draws.intervals().items() if name in ("skewness", "rate")}
    units = words.prior_units(draws.prior)
    rows = []
    for name, row in {**answer.intervals(), **own}.items():
        quantity = words.quantity(name, units)
        rows.append([quantity.text, words.interval(row, quantity.factor)])
    return HtmlTable(["median (68% interval) where present", label("network")], rows)


def _probability_table(answer: SourceAnswer) -> HtmlTable:
    """Give the probability of each statement about the source."""
    rows = [[name, f"{share:.3f}"] for name, share in answer.probabilities.items()]
    return HtmlTable(["statement", "probability"], rows)


def _posterior_table(result: PosteriorResult) -> HtmlTable:
    if result.source is None:
        return parameter_table(result.intervals(), result.run.simulator.prior)
    return source_table(result.source, result.samples["network"])


def _save_posterior(result: PosteriorResult, folder: Path) -> None:
    """Write the draws, the figures and the page of a posterior."""
    export(result, folder)
    parts = {"Parameters": _posterior_table(result).html}
    figures: dict[str, Callable[[PosteriorResult], Figure]] = {"corner": corner}
    if result.run.simulator.layout.spectra:
        figures["predictive"] = predictive
    source = result.source
    if source is not None:
        figures["source_power"] = lambda _: source_power(source)
    if source is not None and source.probabilities:
        parts["Probabilities"] = _probability_table(source).html
    with progress("draw figures", len(figures), "figures") as bar:
        for name, draw in figures.items():
            path = save_figure(draw(result), folder / name)
            heading, caption = _FIGURES[name]
            parts[heading] = image(path, caption)
            bar.advance()
    _write_page(result, folder, parts)


def _class_table(result: ClassResult) -> HtmlTable:
    """Give the probability of each class by every method."""
    methods = result.probabilities
    rows = []
    for name in methods["network"]:
        cells = [f"{each[name]:.4f}" for each in methods.values()]
        rows.append([class_words(name), *cells])
    return HtmlTable(["probability of the class", *map(label, methods)], rows)


def _save_class(result: ClassResult, folder: Path) -> None:
    """Write the observed spectrum, the figure and the page of a classification."""
    export(result, folder)
    bars = save_figure(class_probabilities(result.probabilities, result.prior), folder / "classes")
    parts = {
        "Classes": _class_table(result).html,
        "Probabilities": image(bars, "Dotted: probability of the class a priori."),
    }
    if result.test:
        numbers = {
            "statistic": f"{result.test['statistic']:.4g}",
            "p-value without a QPO": f"{result.test['p_value']:.3g}",
            "p-value over all continua": f"{result.test['pooled_p_value']:.3g}",
        }
        parts["Likelihood-ratio test"] = facts(numbers)
    _write_page(result, folder, parts)


def _own_table(result: Any) -> HtmlTable:
    """Give the table of an answer to a question that has no figures here."""
    return HtmlTable(*result.table())


def _save_table(result: Any, folder: Path) -> None:
    """Write the page of an answer to a question that has no figures here."""
    _write_page(result, folder, {"Answer": answer_table(result).html})


def _write_page(result: Any, folder: Path, parts: Mapping[str, str]) -> None:
    """Write summary.json, and the page with the observation and the run at its end."""
    summary = result.summary()
    write_json(folder / "summary.json", summary)
    run = {name: summary[name] for name in RUN_FACTS if name in summary}
    sections = {
        **parts,
        "Warnings": bullets(summary["warnings"]),
        "What was done to the data": bullets(summary["notes"]),
        "Observation": facts(fact_rows(summary["observation"])),
        "Run": facts(fact_rows(run)),
    }
    paths = map(Path, summary["observation"]["files"])
    files = ", ".join(path.name for path in paths)
    banner = BANNER_OF[summary["level"]]
    page = Page(f"livetime: {files}", banner, summary["verdict"], sections)
    page.write(folder / "report.html")


_WRITERS: dict[str, Callable[[Any, Path], None]] = {
    "posterior": _save_posterior,
    "class": _save_class,
}
_TABLES: dict[str, Callable[[Any], HtmlTable]] = {
    "posterior": _posterior_table,
    "class": _class_table,
}
