"""Show a comparison of network and references: table, figure and page."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from livetime.check.compare import Comparison
from livetime.outputs import provenance, write_json, write_text
from livetime.progress import say
from livetime.report import words
from livetime.report.facts import fact_rows
from livetime.report.figures.comparison import comparison as draw_comparison
from livetime.report.page import Banner, HtmlTable, Page, facts, image
from livetime.report.style import label, save_figure

_CAPTION = (
    "Bias of the posterior median: thin bars give its standard error, wide pale bars the mean "
    "half-width of the 68% intervals. The axis is linear inside the grey band."
)
ENOUGH = 3.0
"""Binomial standard deviations by which the coverage may miss 68%."""


def save_comparison(comparison: Comparison, folder: Path) -> None:
    """Write comparison.json, .md, .png, .pdf and report.html; print the table.

    Arguments:
        comparison: of a network with references.
        folder: that exists.
    """
    write_json(folder / "comparison.json", {**comparison.numbers(), **provenance()})
    pooled = list(_pooled_lines(comparison))
    text = "\n".join([comparison_table(comparison), "", *pooled])
    write_text(folder / "comparison.md", text + "\n")
    say(text)

    along, by = _axes(comparison)
    pooled_shares = comparison.pooled().items()
    coverage = {method: shares["68"] for method, shares in pooled_shares}
    figure = draw_comparison(comparison.rows, comparison.quantity, along, by, coverage)
    path = save_figure(figure, folder / "comparison")
    settings = fact_rows(comparison.settings)
    parts = {
        "Bias and coverage": image(path, _CAPTION),
        "Every cell of the grid": _table(comparison).html,
        "Settings": facts(settings),
    }
    banner, verdict = judge(comparison)
    title = f"livetime: comparison of {words.quantity(comparison.target).words}"
    Page(title, banner, verdict, parts).write(folder / "report.html")


def judge(comparison: Comparison) -> tuple[Banner, str]:
    """Judge the network by the coverage of its 68% intervals over all cells.

    Arguments:
        comparison: with the network among its methods.

    Returns: the look and the sentence.
    """
    pooled = comparison.pooled()
    share = pooled["network"]["68"]
    cells = sum(row["method"] == "network" for row in comparison.rows)
    count = cells * int(comparison.settings.get("n", 1))
    variance = 0.68 * 0.32 / count
    margin = ENOUGH * variance**0.5
    truths = f"{count} true values"
    where = f"The network's 68% intervals cover {share:.1%} of {truths}"
    limit = f"{ENOUGH:g} standard deviations are {margin:.1%}"
    if share < 0.68 - margin:
        return Banner.DISTRUST, f"{where}, too few ({limit})."
    return Banner.TRUST, f"{where} ({limit})."


def _axes(comparison: Comparison) -> tuple[str, str | None]:
    """Choose the parameter of the horizontal axis, and the one with a panel for each value."""
    grid = comparison.grid
    others = [name for name in grid if name != comparison.target]
    along = others[-1] if others else grid[0]
    by = next((name for name in grid if name != along), None)
    return along, by


def _pooled_lines(comparison: Comparison) -> Iterator[str]:
    """Describe the coverage over all cells, a line for each method."""
    for method, shares in comparison.pooled().items():
        name = label(method)
        narrow = f"68% intervals cover {shares['68']:.3f}"
        wide = f"95% intervals {shares['95']:.3f}"
        yield f"All cells, {name}: {narrow}, {wide}."


def comparison_table(comparison: Comparison) -> str:
    """Give a row for each cell and method: bias, half-width and coverage, as Markdown."""
    return _table(comparison).markdown


def _table(comparison: Comparison) -> HtmlTable:
    """Give the table; biases have their standard error in brackets."""
    bias = f"bias of {comparison.quantity.replace('_', ' ')}"
    grid = [words.quantity(name).text for name in comparison.grid]
    header = [*grid, "method", bias, "half-width", "share in 68% intervals"]
    rows = [[*_place(row["cell"]), label(row["method"]), *_cells(row)] for row in comparison.rows]
    return HtmlTable(header, rows)


def _place(cell: Mapping[str, float]) -> list[str]:
    """Write the values of a cell in the units of the header."""
    cells = []
    for name, value in cell.items():
        factor = words.quantity(name).factor
        cells.append(f"{factor * value:g}")
    return cells


def _cells(row: Mapping[str, Any]) -> list[str]:
    """Write the numbers of one method in one cell."""
    bias = f"{row['bias']:+.3f} ({row['bias_error']:.3f})"
    return [bias, f"{row['half_width']:.3f}", f"{row['coverage68']:.2f}"]
