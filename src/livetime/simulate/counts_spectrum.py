"""The summary of a spectrum: counts in groups of channels, as wide as the response can tell apart."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from livetime.simulate.frame_events import FrameEvents
from livetime.simulate.layout import Axis, Block, Layout
from livetime.simulate.pileup import PileUp
from livetime.simulate.response import Response

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class EnergySpectrum:
    """Good events per group of channels, their rate, and the exposure.

    The vector holds `spectrum`: `sqrt((k + 3/8)/(N + 1/2))` of the counts k of each group and N of all, whose variance is 1/(4 N)
    whatever k is (Anscombe 1948); `rate`: log10 of (N + 1/2)/exposure in counts/s; with `grades`, `bad`: log10 of
    (bad + 1/2)/(good + 1/2) events, for pile-up makes bad grades; and `exposure`: log10 of that in s. Counts can be had back from it.
    With `annuli` these are of the PSF's core, where photons pile up, and the same of an outer annulus, where they do not (its wings and
    all background), stands in `outer` after the spectrum and in `rate_outer` after the rate (Koenig et al. 2025).

    Arguments:
        low, high: keV, the channels whose nominal energies lie between are used.
        resolution: width of a group over the response's full width at half maximum.
        grades: whether events of bad grades are counted too.
        annuli: whether core and outer annulus are told apart.

    Raises: ValueError for a band that is none, or a width that is not positive.
    """

    low: float = 0.5
    high: float = 8.0
    resolution: float = 0.5
    grades: bool = False
    annuli: bool = False

    simulators: ClassVar[tuple[str, ...]] = ("spectrum",)

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.high < np.inf:
            raise ValueError(
                f"low is {self.low} and high is {self.high}, but must go from one energy in keV to a higher one"
            )
        if not 0 < self.resolution < 100:
            raise ValueError(
                f"resolution is {self.resolution}, but must be a positive share of the response's width"
            )

    def edges(self, response: Response) -> Integers:
        """Index of the first channel of each group, and that after the last, (G + 1,).

        Raises: ValueError if the response's channels do not cover the band.
        """
        return _edges(self, response)

    def energies(self, response: Response) -> Floats:
        """Edges of the groups in keV, (G + 1,)."""
        edges = self.edges(response)
        return np.append(response.e_min[edges[:-1]], response.e_max[edges[-1] - 1])

    def layout(self, detector: PileUp) -> Layout:
        """Describe the vector of a detector with a response."""
        response = detector.response
        channels = np.diff(self.edges(response))
        nominal = (response.e_min + response.e_max) / 2
        axis = Axis(self.group(nominal, response) / channels, "keV", channels, "energy")

        places = (
            {"spectrum": "rate", "outer": "rate_outer"} if self.annuli else {"spectrum": "rate"}
        )
        spectra = [
            Block(name, len(channels), axis, "share of the counts", "%", "root_percent")
            for name in places
        ]
        words = {"rate": "count rate", "rate_outer": "count rate of the outer annulus"}
        rates = [
            Block(name, label=words[name], unit="counts/s", transform="log10")
            for name in places.values()
        ]
        bad = [Block("bad", label="bad over good events", transform="log10")]
        exposure = Block("exposure", unit="s", transform="log10")
        return Layout((*spectra, *rates, *(bad if self.grades else []), exposure))

    def group(self, values: NDArray[Any], response: Response) -> Floats:
        """Sums (..., G) of what is in channels (..., C)."""
        edges = self.edges(response)
        return np.asarray(
            np.add.reduceat(values[..., : edges[-1]], edges[:-1], axis=-1), dtype=np.float64
        )

    def __call__(
        self, events: FrameEvents, detector: PileUp, exposure: float
    ) -> NDArray[np.float32]:
        """The vector of one exposure in s."""
        response = detector.response
        edges = self.edges(response)
        wrong = (events.channel >= edges[0]) & (events.channel < edges[-1]) & ~events.good
        bad = float((wrong & ~events.outer if self.annuli else wrong).sum())
        places = (False, True) if self.annuli else (None,)
        counts = [self.group(events.counts(response.channels, place), response) for place in places]
        return self.vector(counts[0], exposure, bad, *counts[1:])

    def vector(
        self, counts: Floats, exposure: float, bad: float = 0.0, outer: Floats | None = None
    ) -> NDArray[np.float32]:
        """The vector of counts per group (G,), of so many events of bad grades in the band, and with `annuli` of those of the outer one."""
        if self.annuli != (outer is not None):
            raise ValueError(
                f"annuli is {self.annuli}, with which counts of {'two annuli' if self.annuli else 'one place'} must be given"
            )
        places = [counts] if outer is None else [counts, outer]
        totals = [place.sum() + 0.5 for place in places]
        spectra = [
            np.sqrt((place + 0.375) / total) for place, total in zip(places, totals, strict=True)
        ]
        ratio = [np.log10((bad + 0.5) / totals[0])] if self.grades else []
        numbers = [*(np.log10(total / exposure) for total in totals), *ratio, np.log10(exposure)]
        return np.concatenate([*spectra, numbers]).astype(np.float32)

    @staticmethod
    def counts(x: NDArray[Any], layout: Layout) -> tuple[Integers, float]:
        """Counts per group (G,), of annuli together, and exposure in s of a vector (X,), the inverse of `vector`.

        >>> summary = EnergySpectrum()
        >>> layout = Layout((Block("spectrum", 2), Block("rate"), Block("exposure")))
        >>> summary.counts(summary.vector(np.array([7.0, 0.0]), 100.0), layout)[0].tolist()
        [7, 0]
        """
        part = {name: np.asarray(x[s], dtype=np.float64) for name, s in layout.slices.items()}
        exposure = float(10 ** part["exposure"].item())
        counts = np.zeros(len(part["spectrum"]), dtype=np.int64)
        for name, rate in (("spectrum", "rate"), ("outer", "rate_outer")):
            if name in part:
                total = round(10 ** part[rate].item() * exposure - 0.5) + 0.5
                counts += np.round(part[name] ** 2 * total - 0.375).astype(np.int64)
        return counts, exposure


@lru_cache(maxsize=64)
def _edges(summary: EnergySpectrum, response: Response) -> Integers:
    centre = (response.e_min + response.e_max) / 2
    inside = np.flatnonzero((centre >= summary.low) & (centre < summary.high))
    if len(inside) < 2 or response.e_min.min() > summary.low or response.e_max.max() < summary.high:
        raise ValueError(
            f"the band of {summary.low:g} to {summary.high:g} keV does not lie within the response's channels, "
            f"{response.e_min.min():g} to {response.e_max.max():g} keV; choose summary.low and summary.high inside"
        )
    width = summary.resolution * response.resolution(centre)
    first, last = int(inside[0]), int(inside[-1]) + 1
    edges = [first]
    while edges[-1] < last:
        until = np.searchsorted(response.e_max, response.e_min[edges[-1]] + width[edges[-1]])
        edges.append(min(last, max(edges[-1] + 1, int(until))))
    if len(edges) > 2 and edges[-1] - edges[-2] < (edges[-2] - edges[-3]) / 2:
        del edges[-2]  # no sliver at the end
    return np.array(edges)
