"""Draw the power spectrum of a source without named shapes."""

from matplotlib.figure import Figure

from livetime.report.style import BLUE, COLUMN, styled
from livetime.sources.answer import SourceAnswer

LEAST = 1e-8
"""Top of the axis in (rms/mean)^2, where the source is constant."""
DECADES = 1e4
"""Greatest ratio of the top of the axis to its bottom."""


@styled
def source_power(answer: SourceAnswer) -> Figure:
    """Draw the power of the rate times frequency: median, 68% and 95% intervals of each bin.

    Arguments:
        answer: power and derived quantities of each posterior draw.
    """
    figure = Figure((COLUMN, 2.6), layout="constrained")
    ax = figure.subplots()
    table = answer.table()
    f = table["freq"]
    for level, alpha in (("95", 0.15), ("68", 0.3)):
        low, high = (f * table[f"{side}{level}"] for side in ("lo", "hi"))
        ax.fill_between(f, low, high, step="mid", color=BLUE, alpha=alpha, lw=0, label=f"{level}%")
    ax.step(f, f * table["median"], where="mid", color=BLUE, lw=0.9, label="median")

    peak = max((f * table["hi95"]).max(), LEAST)
    lowest = 0.5 * (f * table["lo95"]).min()
    ax.set_ylim(max(lowest, peak / DECADES), 2 * peak)
    ax.set_xscale("log")
    ax.set_yscale("log")
    ax.set_xlabel("frequency (Hz)")
    ax.set_ylabel("power × frequency ((rms/mean)$^2$)")
    ax.legend(frameon=False)
    return figure
