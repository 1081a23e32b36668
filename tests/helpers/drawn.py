"""Find texts of a figure that overlap each other, or stand outside it."""

from itertools import combinations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

TOLERANCE = 1.0
"""Pixels by which two boxes may overlap: boxes include some white space."""


def texts(figure: Figure) -> list[Text]:
    """List the visible texts of a figure."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    unseen = {id(text) for axes in figure.axes for text in _unseen(axes)}
    found = figure.findobj(lambda artist: isinstance(artist, Text))
    shown = [text for text in found if text.get_text().strip() and text.get_visible()]
    return [text for text in shown if id(text) not in unseen]


def _unseen(axes: Axes) -> list[Text]:
    """List the texts of axes that are switched off, and the labels of ticks beyond the axis."""
    if not axes.get_visible():
        return axes.findobj(lambda artist: isinstance(artist, Text))
    labels = []
    for axis in (axes.xaxis, axes.yaxis):
        low, high = sorted(axis.get_view_interval())
        margin = 1e-6 * (high - low)
        for tick in (*axis.majorTicks, *axis.minorTicks):
            if not low - margin <= tick.get_loc() <= high + margin:
                labels += [tick.label1, tick.label2]
    return labels


def overlaps(figure: Figure) -> list[tuple[str, str]]:
    """List pairs of texts whose boxes overlap."""
    shown = texts(figure)
    pairs = combinations(shown, 2)
    return [(a.get_text(), b.get_text()) for a, b in pairs if _overlap(a, b)]


def _overlap(a: Text, b: Text) -> bool:
    first = a.get_window_extent()
    second = b.get_window_extent()
    across = min(first.x1, second.x1) - max(first.x0, second.x0)
    up = min(first.y1, second.y1) - max(first.y0, second.y0)
    boxes = min(across, up) > TOLERANCE
    slanted = a.get_rotation() % 90 and a.get_rotation() == b.get_rotation()
    return boxes and (not slanted or _parallel_overlap(a, b))


def _parallel_overlap(a: Text, b: Text) -> bool:
    """Compare the distance of two slanted baselines with the height of the letters."""
    angle = np.deg2rad(a.get_rotation())
    step = np.array(b.get_transform().transform(b.get_position()))
    step = step - a.get_transform().transform(a.get_position())
    distance = abs(step[0] * np.sin(angle) - step[1] * np.cos(angle))
    height = a.get_fontsize() * a.figure.dpi / 72
    return distance < 0.8 * height


def outside(figure: Figure) -> list[str]:
    """List the texts that stand partly outside the figure."""
    box = figure.bbox
    found = []
    for text in texts(figure):
        own = text.get_window_extent()
        inside = own.x0 > -TOLERANCE and own.y0 > -TOLERANCE
        if not (inside and own.x1 < box.x1 + TOLERANCE and own.y1 < box.y1 + TOLERANCE):
            found.append(text.get_text())
    return found
