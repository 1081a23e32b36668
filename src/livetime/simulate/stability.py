"""Measure how rate and power change from segment to segment.

An averaged periodogram does not show when its power came. These numbers do. A flare, a trend, or a
QPO that moves thus differs from a steady source.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetime.simulate.layout import Axis, Block

Floats = NDArray[np.float64]

MAX_BANDS = 16
"""Greatest number of frequency bands."""
MIN_SEGMENTS = 3
"""The fewest segments that can show a change; with fewer all numbers are zero."""


def band_edges(last: int) -> NDArray[np.int64]:
    """Find the edges of logarithmic bands of the Fourier frequencies with numbers 1 to last - 1.

    Arguments:
        last: number of the first frequency that is left out.

    Examples:
        >>> band_edges(5).tolist()
        [1, 2, 3, 4, 5]
    """
    edges = np.geomspace(1, last, MAX_BANDS + 1).round()
    return np.unique(edges.astype(np.int64))


def stability_blocks(axis: Axis, edges: NDArray[np.int64], segment_size: float) -> list[Block]:
    """Describe the numbers of `rate_changes` and `power_trends`, in that order.

    Arguments:
        axis: of the power spectrum.
        edges: of the bands, numbers of Fourier frequencies, (K + 1,).
        segment_size: s.
    """
    blocks = [
        Block("stability_scatter", label="scatter of the segments' rates"),
        Block("stability_trend", label="ratio of the trend of the rate to the mean rate"),
        Block("stability_peak", label="ratio of the greatest rate of a segment to the mean rate"),
    ]
    for k, (first, beyond) in enumerate(pairwise(edges.tolist())):
        low = first / segment_size
        high = (beyond - 1) / segment_size
        place = f"{low:.3g} {axis.unit}" if high == low else f"{low:.3g} to {high:.3g} {axis.unit}"
        blocks.append(Block(f"stability_power_{k}", label=f"trend of the power at {place}"))
    return blocks


def rate_changes(counts: Floats) -> Floats:
    """Measure how the rate changes among segments: its scatter, its trend and its peak.

    With the counts N_s of S segments, their mean N and places w_s = (s + 1/2)/S - 1/2:

        scatter = ln(1 + std(N_s)/N),  trend = sum w_s N_s/(N sum w_s^2),  peak = ln(max N_s/N).

    A rate that rises evenly by a factor of 2 has a trend of 2/3.

    Arguments:
        counts: N_s of all modules together, (S,).

    Returns: three numbers, which are zero for fewer than `MIN_SEGMENTS` segments.

    Examples:
        >>> rate_changes(np.array([90.0, 100.0, 110.0])).round(3)
        array([0.078, 0.3  , 0.095])
    """
    mean = float(counts.mean())
    if len(counts) < MIN_SEGMENTS or mean == 0:
        return np.zeros(3)
    place = segment_places(len(counts))
    trend = place @ counts / (mean * (place @ place))
    return np.array([np.log1p(counts.std() / mean), trend, np.log(counts.max() / mean)])


def power_trends(power: Floats, frequencies: NDArray[Any]) -> Floats:
    """Measure whether the power of a band rises or falls along an observation.

    With the mean power P_s of a band of W frequencies in segment s, and its mean P over segments:

        trend = sqrt(W/sum w_s^2) sum_s w_s P_s/P.

    White noise has trends with a mean of 0 and a standard deviation of 1.

    Arguments:
        power: of each segment and band, in any unit, (S, K).
        frequencies: number W of Fourier frequencies in each band, (K,).

    Returns: (K,), which are zero for fewer than `MIN_SEGMENTS` segments.
    """
    mean = power.mean(axis=0)
    if len(power) < MIN_SEGMENTS or not (mean > 0).all():
        return np.zeros(len(mean))
    place = segment_places(len(power))
    return np.asarray(np.sqrt(frequencies / (place @ place)) * (place @ power) / mean)


def band_powers(modules: Sequence[NDArray[np.float32]], edges: NDArray[np.int64]) -> Floats:
    """Average the power of all modules together in each band, in any unit.

    Arguments:
        modules: transform of each module, with alternating real and imaginary parts, (S, 2 F)
            each, from Fourier frequency 0 on.
        edges: of the bands, (K + 1,).

    Returns: (S, K).
    """
    total = modules[0] if len(modules) == 1 else modules[0] + modules[1]
    square = np.square(total[:, : 2 * int(edges[-1])], dtype=np.float64)
    sums = np.add.reduceat(square, 2 * edges[:-1], axis=1)
    return np.asarray(sums / np.diff(edges))


def segment_places(segments: int) -> Floats:
    """Place segments evenly between -1/2 and 1/2, by their number.

    Examples:
        >>> segment_places(2)
        array([-0.25,  0.25])
    """
    return (np.arange(segments) + 0.5) / segments - 0.5
