"""What a notebook and a terminal show of networks and answers: sentences and tables."""

import html
from collections.abc import Sequence
from typing import Any

from livetime.report.page import interval, table

Cells = tuple[list[str], list[list[str]]]
"""A header, and rows of cells."""


def answer_cells(result: Any) -> Cells:
    """Make a table of what each method answers, with units.

    Arguments:
        result: of a question.

    Returns:
        header and rows.
    """
    return _CELLS[result.question](result)


def _posterior_cells(result: Any) -> Cells:
    intervals = result.intervals()
    rows = []
    for name, row in intervals["network"].items():
        each = [interval(method[name]) for method in intervals.values()]
        rows.append([name, row["unit"], *each])
    return ["parameter", "unit", *intervals], rows


def _class_cells(result: Any) -> Cells:
    methods = result.probabilities
    rows = [[name, *(f"{p[name]:.3f}" for p in methods.values())] for name in methods["network"]]
    return ["class", *methods], rows


_CELLS = {"posterior": _posterior_cells, "class": _class_cells}


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align a table for a terminal.

    Arguments:
        header, rows: cells as texts.

    Example:
        >>> print(text_table(["a", "unit"], [["1.5", "Hz"]]))
        a    unit
        1.5  Hz
    """
    lines = [header, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(header))]
    padded = [
        [cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines
    ]
    return "\n".join("  ".join(line).rstrip() for line in padded)


def html_block(words: Sequence[str], header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Make HTML of paragraphs and a table, for notebooks.

    Arguments:
        words: the paragraphs.
        header, rows: cells as texts.
    """
    paragraphs = "".join(f"<p>{html.escape(text)}</p>" for text in words)
    return f"<div>{paragraphs}{table(header, rows)}</div>"
