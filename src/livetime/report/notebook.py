"""Show networks and answers in a notebook and on a terminal: sentences and tables."""

import html
from collections.abc import Sequence
from typing import Any

from livetime.report.page import Table
from livetime.report.result import answer_table

Cells = tuple[Sequence[str], Sequence[Sequence[str]]]
"""A header, and rows of cells."""


def answer_cells(result: Any) -> Cells:
    """Make a table of what each method answers, with units.

    Arguments:
        result: of a question.

    Returns: header and rows.
    """
    table = answer_table(result)
    return table.header, table.rows


def text_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align a table for a terminal.

    Arguments:
        header: cells as texts.
        rows: likewise.

    >>> print(text_table(["a", "unit"], [["1.5", "Hz"]]))
    a    unit
    1.5  Hz
    """
    lines = [header, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    padded = [map(str.ljust, line, widths) for line in lines]
    return "\n".join("  ".join(line).rstrip() for line in padded)


def html_block(words: Sequence[str], header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Make HTML of paragraphs and a table, for notebooks.

    Arguments:
        words: the paragraphs.
        header: cells as texts.
        rows: likewise.
    """
    paragraphs = "".join(f"<p>{html.escape(text)}</p>" for text in words)
    return f"<div>{paragraphs}{Table(header, rows).html}</div>"
