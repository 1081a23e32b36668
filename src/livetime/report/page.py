"""The page that a person reads: self-contained HTML."""

import base64
import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222 }
table { border-collapse: collapse; margin: 1rem 0 } td, th { padding: .25rem .8rem; border-bottom: 1px solid #ddd; text-align: right }
td:first-child, th:first-child { text-align: left } img { max-width: 100% } .verdict { padding: .8rem 1rem; border-left: 6px solid }
.yes { border-color: #009e73; background: #eefaf5 } .no { border-color: #d55e00; background: #fdf3ec }
"""


def interval(row: Mapping[str, Any]) -> str:
    """Median and 68% interval.

    >>> interval({"median": 1001.2, "lo68": 4.0, "hi68": 5.066})
    '1001 (4.00 to 5.07)'
    """
    return f"{digits(row['median'])} ({digits(row['lo68'])} to {digits(row['hi68'])})"


def digits(value: float) -> str:
    """Three significant digits, and no exponent where none is needed.

    >>> digits(999.7)
    '1000'
    """
    return f"{value:.0f}" if 999.5 <= value < 1e6 else f"{value:#.3g}".removesuffix(".")


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in header)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"


def figure(path: Path) -> str:
    return f'<img alt="{html.escape(path.stem)}" src="data:image/png;base64,{base64.b64encode(path.read_bytes()).decode()}">'


def page(title: str, trust: bool, verdict: str, parts: Sequence[tuple[str, str]]) -> str:
    """HTML of a page.

    Arguments:
        title: plain text.
        trust: the colour of the verdict.
        verdict: plain text, the first thing that is read.
        parts: headings and their HTML.
    """
    sections = "".join(f"<h2>{html.escape(heading)}</h2>{content}" for heading, content in parts)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title><style>{STYLE}</style>'
        f'<h1>{html.escape(title)}</h1><p class="verdict {"yes" if trust else "no"}">{html.escape(verdict)}</p>{sections}</html>'
    )


def bullets(lines: Sequence[str]) -> str:
    return (
        "<ul>" + "".join(f"<li>{html.escape(line)}</li>" for line in lines) + "</ul>"
        if lines
        else "<p>None.</p>"
    )
