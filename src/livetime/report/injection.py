"""Show an injection: the answers behind the detector beside that of the bright source."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from livetime.check.inject import Injected
from livetime.outputs import provenance, write_json, write_text
from livetime.progress import say
from livetime.report import words
from livetime.report.facts import fact_rows
from livetime.report.figures.comparison import injection as draw_injection
from livetime.report.page import Banner, HtmlTable, Page, bullets, facts, image
from livetime.report.style import label, save_figure

Row = Mapping[str, Any]
NOTE = "Median (68% interval); * where the median lies within that of the bright source."
_CAPTION = (
    "Medians and 68% intervals at each rate. The line and the grey band are the bright source's "
    "own posterior, without dead time."
)


def save_injection(injected: Injected, settings: Mapping[str, Any], folder: Path) -> None:
    """Write inject.json, .md, .png, .pdf and report.html; print table, notes and verdict.

    Arguments:
        injected: of a bright source.
        settings: plain types, for the record.
        folder: that exists.
    """
    rows = injected.rows
    write_json(folder / "inject.json", {**injected.numbers(), **settings, **provenance()})
    notes = [f"note: {note}" for note in injected.notes]
    warnings = [f"warning: {warning}" for warning in injected.warnings]
    table = injection_table(rows)
    lines = [table, *notes, *warnings, injected.verdict]
    write_text(folder / "inject.md", "\n".join(lines) + "\n")
    say("\n".join(lines))

    figure = draw_injection(rows)
    path = save_figure(figure, folder / "inject")
    parts = {
        "Figure": image(path, _CAPTION),
        "Every rate": _table(rows).html,
        "Warnings": bullets(injected.warnings),
        "What was done to the data": bullets(injected.notes),
        "Settings": facts(fact_rows(settings)),
    }
    banner = Banner.DISTRUST if _contradicts(injected) else Banner.TRUST
    title = f"livetime: injection of {Path(injected.source.path).name}"
    page = Page(title, banner, injected.verdict, parts)
    page.write(folder / "report.html")


def _contradicts(injected: Injected) -> bool:
    """Say whether there is any reason to doubt the network's answers."""
    return bool(injected.warnings) or "contradicts" in injected.verdict


def injection_table(rows: Sequence[Row]) -> str:
    """Give a row for each rate and quantity, and the meaning of `*`, as Markdown.

    Arguments:
        rows: one for each rate, method and quantity.
    """
    return f"{_table(rows).markdown}\n\n{NOTE}"


def _table(rows: Sequence[Row]) -> HtmlTable:
    """Give medians and 68% intervals of every method."""
    methods = dict.fromkeys(row["method"] for row in rows)
    header = ["counts/s", "quantity", *map(label, methods)]
    cells = []
    for rate, name, group in _groups(rows):
        quantity = words.quantity(name)
        each = [_interval(row, quantity.factor) for row in group]
        cells.append([f"{rate:g}", quantity.text, *each])
    return HtmlTable(header, cells)


def _groups(rows: Sequence[Row]) -> Iterator[tuple[float, str, list[Row]]]:
    """List the rows of all methods for every rate and quantity."""
    groups: dict[tuple[float, str], list[Row]] = {}
    for row in rows:
        place = (row["rate"], row["quantity"])
        groups.setdefault(place, []).append(row)
    for (rate, name), group in groups.items():
        yield rate, name, group


def _interval(row: Row, factor: float) -> str:
    star = " *" if row.get("inside68") else ""
    return f"{words.interval(row, factor)}{star}"
