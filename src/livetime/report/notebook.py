"""Show networks and answers in a terminal or notebook: sentences and a table."""

import html
from collections.abc import Sequence

from livetime.report.page import HtmlTable


def text_block(sentences: Sequence[str], table: HtmlTable) -> str:
    """Put sentences above a table whose columns are aligned, for a terminal.

    Arguments:
        sentences: one a line.
        table: header and rows.

    Examples:
        >>> print(text_block(["Trust it."], HtmlTable(["a", "unit"], [["1.5", "Hz"]])))
        Trust it.
        a    unit
        1.5  Hz
    """
    lines = [table.header, *table.rows]
    columns = zip(*lines, strict=True)
    widths = [max(map(len, column)) for column in columns]
    aligned = []
    for line in lines:
        cells = list(map(str.ljust, line, widths))
        aligned.append("  ".join(cells).rstrip())
    return "\n".join([*sentences, *aligned])


def html_block(sentences: Sequence[str], table: HtmlTable) -> str:
    """Put sentences above a table in HTML, for a notebook.

    Arguments:
        sentences: one a paragraph.
        table: header and rows.

    Examples:
        >>> html_block(["Trust <it>."], HtmlTable(["a"], [["1"]]))[:32]
        '<div><p>Trust &lt;it&gt;.</p><ta'
    """
    escaped = map(html.escape, sentences)
    paragraphs = "".join(f"<p>{text}</p>" for text in escaped)
    return f"<div>{paragraphs}{table.html}</div>"
