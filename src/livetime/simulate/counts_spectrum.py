"""Count events in groups of channels that are as wide as the energy resolution."""

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

OFFSET = 0.375
"""Added to counts before their square root is taken: 3/8 (Anscombe 1948)."""


@dataclass(frozen=True)
class EnergySpectrum:
    """Count good events in groups of channels, and add their rate and the exposure.

    The vector has the blocks `spectrum`, `rate`, `exposure`, and with `grades` also `bad`. With
    counts k in a group and N in all, `spectrum` is `sqrt((k + 3/8)/(N + 1/2))`. Its variance is
    1/(4 N) for any k (Anscombe 1948, Biometrika 35, 246). `rate` is log10 of (N + 1/2)/exposure in
    counts/s. `bad` is log10 of (bad + 1/2)/(N + 1/2) events, since pile-up makes bad grades.
    `exposure` is log10 of the exposure in s. The method `counts` recovers the counts.

    With `annuli` these blocks describe the core of the PSF, where photons pile up. The blocks
    `outer` and `rate_outer` describe an outer annulus, with the wings of the PSF and all
    background (Koenig et al. 2025).

    Arguments:
        low: keV; channels with nominal energies from low to high are used.
        high: keV.
        resolution: width of a group over the full width at half maximum of the response.
        grades: whether events of bad grades are counted too.
        annuli: whether core and outer annulus are separate spectra.

    Raises: ValueError for a band that does not rise, or a width that is not positive.

    Examples:
        >>> from livetime.simulate.pileup import PileUp
        >>> layout = EnergySpectrum(low=2.0, high=4.0).layout(PileUp())
        >>> [block.name for block in layout.blocks]
        ['spectrum', 'rate', 'exposure']
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
                f"low is {self.low} and high is {self.high}, but must go from one energy "
                "in keV to a higher one; exchange or change them"
            )
        if not 0 < self.resolution < 100:
            raise ValueError(
                f"resolution is {self.resolution}, but must be between 0 and 100; change it"
            )

    def edges(self, response: Response) -> Integers:
        """Find the first channel of each group, and the channel after the last group, (G + 1,).

        Raises: ValueError if the response's channels do not cover the band.
        """
        return _edges(self, response)

    def energies(self, response: Response) -> Floats:
        """Find the edges of the groups in keV, (G + 1,)."""
        edges = self.edges(response)
        return np.append(response.e_min[edges[:-1]], response.e_max[edges[-1] - 1])

    def layout(self, detector: PileUp) -> Layout:
        """Describe the vector of a detector with a response."""
        response = detector.response
        channels = np.diff(self.edges(response))
        nominal = (response.e_min + response.e_max) / 2
        axis = Axis(self.group(nominal, response) / channels, "keV", channels, "energy")

        def spectrum(name: str) -> Block:
            return Block(name, len(channels), axis, "share of the counts", "%", "root_percent")

        def rate(name: str, label: str) -> Block:
            return Block(name, label=label, unit="counts/s", transform="log10")

        blocks = [spectrum("spectrum"), rate("rate", "count rate")]
        if self.annuli:
            blocks.insert(1, spectrum("outer"))
            blocks.append(rate("rate_outer", "count rate of the outer annulus"))
        if self.grades:
            blocks.append(Block("bad", label="bad over good events", transform="log10"))
        blocks.append(Block("exposure", unit="s", transform="log10"))
        return Layout(tuple(blocks))

    def group(self, values: NDArray[Any], response: Response) -> Floats:
        """Sum the values of channels (..., C) over each group, (..., G)."""
        edges = self.edges(response)
        sums = np.add.reduceat(values[..., : edges[-1]], edges[:-1], axis=-1)
        return np.asarray(sums, dtype=np.float64)

    def __call__(
        self, events: FrameEvents, detector: PileUp, exposure: float
    ) -> NDArray[np.float32]:
        """Make the vector that `layout` describes.

        Arguments:
            events: good and bad ones.
            detector: gives the response.
            exposure: s.
        """
        response = detector.response
        edges = self.edges(response)
        in_band = (events.channel >= edges[0]) & (events.channel < edges[-1])
        bad = in_band & ~events.good
        if not self.annuli:
            counts = self.group(events.counts(response.channels), response)
            return self.vector(counts, exposure, float(bad.sum()))

        core = self.group(events.counts(response.channels, False), response)
        outer = self.group(events.counts(response.channels, True), response)
        return self.vector(core, exposure, float((bad & ~events.outer).sum()), outer)

    def vector(
        self, counts: Floats, exposure: float, bad: float = 0.0, outer: Floats | None = None
    ) -> NDArray[np.float32]:
        """Make the vector of counts.

        Arguments:
            counts: of each group, (G,); with `annuli` those of the core.
            exposure: s.
            bad: number of events of bad grades in the band.
            outer: with `annuli` the counts of the outer annulus, (G,).

        Raises: ValueError if `outer` is given without `annuli`, or is missing with it.
        """
        if self.annuli != (outer is not None):
            wanted = "two annuli" if self.annuli else "one place"
            raise ValueError(f"annuli is {self.annuli}, which needs counts of {wanted}; give those")
        places = [counts] if outer is None else [counts, outer]
        totals = [place.sum() + 0.5 for place in places]
        spectra = [
            np.sqrt((place + OFFSET) / total) for place, total in zip(places, totals, strict=True)
        ]
        numbers = [np.log10(total / exposure) for total in totals]
        if self.grades:
            numbers.append(np.log10((bad + 0.5) / totals[0]))
        numbers.append(np.log10(exposure))
        return np.concatenate([*spectra, numbers]).astype(np.float32)

    @staticmethod
    def counts(x: NDArray[Any], layout: Layout) -> tuple[Integers, float]:
        """Recover the counts and the exposure of a vector; the inverse of `vector`.

        Arguments:
            x: vector (X,).
            layout: of the vector.

        Returns: counts of each group (G,), of both annuli together, and the exposure in s.

        Examples:
            >>> summary = EnergySpectrum()
            >>> layout = Layout((Block("spectrum", 2), Block("rate"), Block("exposure")))
            >>> summary.counts(summary.vector(np.array([7.0, 0.0]), 100.0), layout)[0].tolist()
            [7, 0]
        """
        part = layout.split(np.asarray(x, dtype=np.float64))
        exposure = float(10 ** part["exposure"].item())
        counts = np.zeros(len(part["spectrum"]), dtype=np.int64)
        for name, rate in (("spectrum", "rate"), ("outer", "rate_outer")):
            if name in part:
                events = round(10 ** part[rate].item() * exposure - 0.5)
                own = part[name] ** 2 * (events + 0.5) - OFFSET
                counts += np.round(own).astype(np.int64)
        return counts, exposure


@lru_cache(maxsize=64)
def _edges(summary: EnergySpectrum, response: Response) -> Integers:
    centre = (response.e_min + response.e_max) / 2
    inside = np.flatnonzero((centre >= summary.low) & (centre < summary.high))
    lowest = response.e_min.min()
    highest = response.e_max.max()
    band = f"summary.low and summary.high are {summary.low:g} and {summary.high:g} keV"
    if lowest > summary.low or highest < summary.high:
        raise ValueError(
            f"{band}, but must lie within the response's channels, {lowest:g} to {highest:g} keV; "
            "choose others"
        )
    if len(inside) < 2:
        raise ValueError(
            f"{band}, where the number of channels is {len(inside)}, but 2 are needed; "
            "widen the band"
        )

    width = summary.resolution * response.resolution(centre)
    last = int(inside[-1]) + 1
    edges = [int(inside[0])]
    while edges[-1] < last:
        end = response.e_min[edges[-1]] + width[edges[-1]]
        until = int(np.searchsorted(response.e_max, end))
        edges.append(min(last, max(edges[-1] + 1, until)))

    # The last group must not be a sliver.
    if len(edges) > 2 and edges[-1] - edges[-2] < (edges[-2] - edges[-3]) / 2:
        del edges[-2]
    return np.array(edges)
