"""Write the report page: self-contained HTML, values with units, the verdict first."""

import base64
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from livetime.outputs import write_text

STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto;
       padding: 0 1rem; color: #222 }
h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2.2rem }
table { border-collapse: collapse; margin: 1rem 0; display: block; overflow-x: auto }
td, th { padding: .25rem .8rem; border-bottom: 1px solid #ddd; text-align: right }
td:first-child, th:first-child { text-align: left }
table.facts td { text-align: left; overflow-wrap: anywhere }
figure { margin: 1rem 0 } img { max-width: 100%; height: auto }
figcaption { color: #555; font-size: .9rem; max-width: 45rem }
.verdict { padding: .8rem 1rem; margin: 1rem 0 }
.verdict strong { display: block; font-size: 1.1rem }
.trust { border-left: 8px solid #009e73; background: #eefaf5 }
.caution { border: 3px dotted #e69f00; background: #fdf8ec }
.information { border: 2px dashed #0072b2; background: #eef5fb }
.distrust { border: 4px solid #d55e00; background: #fdf3ec }
"""


class Banner(Enum):
    """Choose the look of a verdict: colour, border, sign and first words."""

    TRUST = ("trust", "✓", "No reason for distrust was found")
    CAUTION = ("caution", "!", "Use this with caution")
    INFORMATION = ("information", "ⓘ", "Regular statistics can do it")
    DISTRUST = ("distrust", "✗", "Do not trust this as it is")

    @property
    def kind(self) -> str:
        """Name the class of the style sheet."""
        return self.value[0]

    @property
    def heading(self) -> str:
        """Give the sign and the first words."""
        _, sign, words = self.value
        return f"{sign} {words}"


@dataclass(frozen=True)
class HtmlTable:
    """Keep a table of words, as a page and a terminal show it.

    Arguments:
        header: the words over each column.
        rows: as many cells as the header has.

    >>> HtmlTable(("", "rate"), (("network", "3"),)).html.count("<td>")
    2
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]

    @property
    def html(self) -> str:
        """Give the table as HTML."""
        cells = [html.escape(cell) for cell in self.header]
        head = "".join(f"<th>{cell}</th>" for cell in cells)
        return f"<table><tr>{head}</tr>{_rows(self.rows)}</table>"

    @property
    def markdown(self) -> str:
        """Give the table as Markdown."""
        rule = ["---"] * len(self.header)
        every = [self.header, rule, *self.rows]
        lines = [" | ".join(line) for line in every]
        return "\n".join(f"| {line} |" for line in lines)


def _rows(rows: Sequence[Sequence[str]]) -> str:
    lines = []
    for row in rows:
        cells = [f"<td>{html.escape(cell)}</td>" for cell in row]
        line = "".join(cells)
        lines.append(f"<tr>{line}</tr>")
    return "".join(lines)


def facts(rows: Mapping[str, str]) -> str:
    """Give names and values as a table without a header."""
    return f'<table class="facts">{_rows(list(rows.items()))}</table>'


def image(path: Path, caption: str = "") -> str:
    """Embed a PNG.

    Arguments:
        path: of the PNG.
        caption: one or two sentences under it, which also serve readers who see no image.
    """
    data = base64.b64encode(path.read_bytes()).decode()
    words = html.escape(caption or path.stem.replace("_", " "))
    below = f"<figcaption>{words}</figcaption>" if caption else ""
    source = f"data:image/png;base64,{data}"
    return f'<figure><img alt="{words}" src="{source}">{below}</figure>'


def bullets(lines: Sequence[str]) -> str:
    """Give sentences as a list."""
    if not lines:
        return "<p>None.</p>"
    escaped = map(html.escape, lines)
    items = "".join(f"<li>{line}</li>" for line in escaped)
    return f"<ul>{items}</ul>"


@dataclass(frozen=True)
class Page:
    """Keep the contents of a page.

    Arguments:
        title: plain text.
        banner: the look of the verdict.
        verdict: plain text, the first thing that is read.
        parts: headings and their HTML.

    >>> page = Page("Cyg X-1", Banner.TRUST, "Calibrated.", {"Notes": bullets([])})
    >>> page.html.startswith("<!doctype html>")
    True
    """

    title: str
    banner: Banner
    verdict: str
    parts: Mapping[str, str]

    @property
    def html(self) -> str:
        """Give the whole page."""
        title = html.escape(self.title)
        sections = ""
        for name, part in self.parts.items():
            heading = html.escape(name)
            sections += f"<h2>{heading}</h2>{part}"
        head = f'<meta charset="utf-8"><title>{title}</title><style>{STYLE}</style>'
        body = f"<h1>{title}</h1>{self._verdict()}{sections}"
        return f'<!doctype html><html lang="en"><head>{head}</head><body>{body}</body></html>'

    def _verdict(self) -> str:
        heading = html.escape(self.banner.heading)
        words = html.escape(self.verdict)
        return f'<p class="verdict {self.banner.kind}"><strong>{heading}</strong>{words}</p>'

    def write(self, path: Path) -> None:
        """Write the page to a file."""
        write_text(path, self.html)
