"""Set the look of every figure: widths, fonts, colours of the methods, and the files."""

import io
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from cycler import cycler
from matplotlib.figure import Figure

from livetime.outputs import write_whole
from livetime.reference.classifiers import CLASSIFIER_LABELS
from livetime.reference.registry import REFERENCE_LABELS

COLUMN = 3.5
"""Width in inches of one column of a journal."""
PAGE = 7.1
"""Width in inches of two columns."""
DPI = 200
"""Pixels an inch of every PNG."""

Line = str | tuple[int, tuple[int, ...]]
"""A line style of matplotlib: a name, or lengths of dashes and gaps."""
Style = dict[str, Any]
"""Keywords of a function of matplotlib."""
BLACK = "#000000"
ORANGE = "#e69f00"
SKY = "#56b4e9"
GREEN = "#009e73"
YELLOW = "#f0e442"
BLUE = "#0072b2"
VERMILION = "#d55e00"
PURPLE = "#cc79a7"
GREY = "#777777"
BAND = "#dcdcdc"
"""Grey of the bands where an exact answer lies."""

OKABE_ITO = (BLACK, ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILION, PURPLE)
"""Colours that readers with any colour vision can distinguish (Okabe & Ito 2008)."""
PALETTE = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, GREY, BLACK)
"""The order in which they are used; yellow is too pale for lines."""
LINES = ("-", "--", "-.", ":")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

RC: Any = {
    "font.size": 8.0,
    "axes.labelsize": 8.0,
    "axes.titlesize": 8.0,
    "axes.linewidth": 0.6,
    "axes.prop_cycle": cycler(color=PALETTE),
    "xtick.labelsize": 7.0,
    "ytick.labelsize": 7.0,
    "xtick.major.pad": 4.5,
    "ytick.major.pad": 4.5,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "legend.fontsize": 7.0,
    "legend.frameon": False,
    "legend.handlelength": 1.6,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.0,
    "errorbar.capsize": 0.0,
    "pdf.fonttype": 42,
    "figure.constrained_layout.use": True,
}
"""Settings of matplotlib, which apply only while a figure is made: nothing global changes."""

styled = matplotlib.rc_context(RC)
"""Decorate a function that makes a figure, so that the settings of `RC` apply to it."""


@dataclass(frozen=True)
class Look:
    """Keep the label, colour, line and marker of a method, the same in every figure.

    Arguments:
        label: its name in a legend.
        colour: hexadecimal.
        line: a line style of matplotlib.
        marker: a marker of matplotlib.

    >>> Look("network", BLUE, "-", "o").stroke["color"]
    '#0072b2'
    """

    label: str
    colour: str
    line: Line
    marker: str

    @property
    def stroke(self) -> dict[str, Any]:
        """Give the keywords of a line."""
        return {"color": self.colour, "linestyle": self.line}

    @property
    def points(self) -> dict[str, Any]:
        """Give the keywords of points with error bars."""
        return {"color": self.colour, "fmt": self.marker}


_LOOKS: dict[str, tuple[str, Line, str]] = {
    "network": (BLUE, "-", "o"),
    "truth": (BLACK, "--", "*"),
    "bright_source": (BLACK, "-", "*"),
    "naive": (VERMILION, ":", "v"),
    "free_noise": (ORANGE, ":", "<"),
    "cospectrum": (SKY, "--", "D"),
    "dead_time_model": (GREEN, "--", "s"),
    "averaged_dead_time_model": (PURPLE, "-.", "^"),
    "exact": (GREEN, "--", "s"),
    "davis": (GREEN, "--", "s"),
    "frame_model": (GREEN, "--", "s"),
    "majority": (GREY, ":", "v"),
    "logistic_regression": (ORANGE, "--", "s"),
    "boosted_trees": (PURPLE, "-.", "^"),
    "likelihood_ratio": (SKY, (0, (4, 1, 1, 1)), "D"),
}
_LABELS = {
    **REFERENCE_LABELS,
    **CLASSIFIER_LABELS,
    "bright_source": "bright source, no dead time",
}


def label(method: str) -> str:
    """Give the words for a method, a network or a reference.

    >>> label("dead_time_model"), label("boosted_trees")
    ('dead-time model', 'boosted trees')
    """
    return _LABELS.get(method, method.replace("_", " "))


def look(method: str) -> Look:
    """Give the look of a method; the look of an unknown method depends on its name.

    >>> look("network").colour == BLUE
    True
    """
    if method in _LOOKS:
        return Look(label(method), *_LOOKS[method])
    code = method.encode()
    number = zlib.crc32(code)
    colour = PALETTE[number % len(PALETTE)]
    line = LINES[number % len(LINES)]
    marker = MARKERS[number % len(MARKERS)]
    words = label(method)
    return Look(words, colour, line, marker)


@styled
def save_figure(figure: Figure, path: Path) -> Path:
    """Save a figure as PNG at `DPI` and as PDF beside it, and return the path of the PNG.

    Arguments:
        figure: any.
        path: without a suffix, or with one that is replaced.
    """
    figure.draw_without_rendering()  # one layout serves both files
    figure.set_layout_engine("none")
    for suffix in (".pdf", ".png"):
        data = io.BytesIO()
        figure.savefig(data, format=suffix[1:], dpi=DPI if suffix == ".png" else "figure")
        write_whole(path.with_suffix(suffix), data.getvalue())
    return path.with_suffix(".png")
