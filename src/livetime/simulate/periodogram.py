"""Average the periodograms of binned events."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import fft

from livetime.simulate.detector import Detector, Events
from livetime.simulate.layout import Axis, Block, Layout
from livetime.simulate.stability import (
    band_edges,
    band_powers,
    power_trends,
    rate_changes,
    stability_blocks,
)
from livetime.simulate.summary import Summary, rate_blocks, segments_block

Floats = NDArray[np.float64]
Counts = NDArray[np.float32]

MAX_TRANSFORMED = 2**16
"""Numbers that are transformed at once for each module.

They fit in a core's cache, and are several segments where these are short.
"""


@njit(nogil=True, cache=True)
def bin_counts(times, starts, dt, counts):  # type: ignore[no-untyped-def] # pragma: no cover
    """Add sorted times to counts (S, N), in N bins of dt after each of the sorted starts (S,)."""
    bins = counts.shape[1]
    i = 0
    for s in range(len(starts)):
        while i < len(times) and times[i] < starts[s]:
            i += 1
        while i < len(times):
            k = int((times[i] - starts[s]) / dt)
            if k >= bins:
                break
            counts[s, k] += 1
            i += 1


@njit(nogil=True, cache=True)
def _total(counts):  # type: ignore[no-untyped-def] # pragma: no cover
    # Counts are whole numbers, and integers are added many at a time.
    total = np.int64(0)
    for s in range(counts.shape[0]):
        for k in range(counts.shape[1]):
            total += np.int64(counts[s, k])
    return float(total)


@njit(nogil=True, cache=True)
def _subtract(counts, mean):  # type: ignore[no-untyped-def] # pragma: no cover
    for s in range(counts.shape[0]):
        for k in range(counts.shape[1]):
            counts[s, k] -= mean  # in float64


@njit(nogil=True, cache=True)
def _add_power(a, b, power):  # type: ignore[no-untyped-def] # pragma: no cover
    """Add squares of transforms (S, P), summed over S, to power.

    To power (1, P) are added those of a; to power (2, P) those of a + b and of a - b.
    """
    for s in range(a.shape[0]):
        for k in range(power.shape[1]):
            if len(power) == 1:
                power[0, k] += np.float64(a[s, k]) ** 2
            else:
                power[0, k] += np.float64(a[s, k] + b[s, k]) ** 2
                power[1, k] += np.float64(a[s, k] - b[s, k]) ** 2


def no_segment(segment_size: float, gti: Floats) -> str:
    """Write the error that no good time interval (G, 2) in s is as long as a segment."""
    longest = float(np.diff(gti).max(initial=0.0))
    return (
        f"segment_size is {segment_size:g} s, but the longest good time interval has "
        f"{longest:.4g} s; choose shorter segments"
    )


def segment_starts(gti: Floats, segment_size: float) -> Floats:
    """Find the start times in s of the whole segments in each good time interval, (S,).

    Time after the last whole segment of an interval is not used.

    Arguments:
        gti: good time intervals (G, 2) in s.
        segment_size: s.

    Examples:
        >>> segment_starts(np.array([[0.0, 5.0], [10.0, 12.0]]), 2.0).tolist()
        [0.0, 2.0, 10.0]
    """
    starts = [np.zeros(0)]
    for start, stop in gti:
        whole = np.floor((stop - start) / segment_size + 1e-9)
        starts.append(start + segment_size * np.arange(whole))
    return np.concatenate(starts)


def logarithmic_edges(last: int, rebin: float) -> NDArray[np.int64]:
    """Find the edges of logarithmic bins of the Fourier frequencies with numbers 1 to last - 1.

    Arguments:
        last: number of the first frequency that is left out.
        rebin: width of a bin as a fraction of its frequency; a bin has at least one frequency.

    Examples:
        >>> logarithmic_edges(8, 0.5).tolist()
        [1, 2, 3, 4, 6, 8]
    """
    edges = [1]
    while edges[-1] < last:
        width = int(edges[-1] * (1 + rebin))
        edges.append(min(last, max(edges[-1] + 1, width)))
    return np.array(edges)


@dataclass(frozen=True)
class Periodogram(Summary):
    """Average and rebin periodograms, and add the recorded rates.

    For one module the vector has `power`: ln(P/2), with the Leahy-normalised periodogram P
    averaged over segments and rebinned logarithmically. For two modules it has `sum` and
    `difference`: the same for A+B and A-B, both normalised by the total counts. The source's
    variability cancels in A-B, and (A+B) - (A-B) is twice the cospectrum, see `cospectrum`. Then
    follow log10 of each module's recorded counts/s (`rate_a`, `rate_b`) and of the number of
    averaged segments (`segments`).

    Arguments:
        segment_size: s.
        dt: bin width of the light curve in s; frequencies run from 1/segment_size to below
            1/(2 dt).
        rebin: fractional width of the rebinned frequencies; frequencies below
            1/(rebin segment_size) are not rebinned.
        stability: whether the vector ends with numbers that show how rate and power change from
            segment to segment, see `livetime.simulate.stability`.

    Raises: ValueError for a step or size that is not positive, or fewer than four bins in a
        segment.

    Source: Leahy et al. (1983, ApJ 266, 160); Bachetti et al. (2015, ApJ 800, 109).

    Examples:
        >>> from livetime.simulate.dead_time_detector import IDEAL
        >>> summary = Periodogram(4.0, 0.5, rebin=0.01)
        >>> summary.layout(IDEAL).names()[-3:]
        ['power at 0.75 Hz', 'rate_a', 'segments']
        >>> events = Events((np.array([0.1, 1.2, 1.3, 3.0]),), np.array([[0.0, 4.0]]))
        >>> [round(float(p), 3) for p in summary.periodograms(events)[0][0]]
        [1.0, 2.0, 1.0]
    """

    segment_size: float = 16.0
    dt: float = 1 / 256
    rebin: float = 0.03
    stability: bool = False

    simulators: ClassVar[tuple[str, ...]] = ("events", "periodograms")
    is_periodogram: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("segment_size", "dt", "rebin"):
            value = getattr(self, name)
            if not 0 < value < np.inf:
                raise ValueError(f"{name} is {value}, but must be positive and finite; change it")
        excess = abs(self.bins * self.dt - self.segment_size)
        if self.bins < 4 or excess > 1e-9 * self.segment_size:
            raise ValueError(
                f"segment_size {self.segment_size} s must be a whole number (4 or more) of steps "
                f"dt, here {self.dt} s; change one of them"
            )

    @property
    def bins(self) -> int:
        """Count the bins of a segment."""
        return round(self.segment_size / self.dt)

    @cached_property
    def _edges(self) -> NDArray[np.int64]:
        beyond = (self.bins - 1) // 2 + 1  # without Nyquist
        return logarithmic_edges(beyond, self.rebin)

    @cached_property
    def _bands(self) -> NDArray[np.int64]:
        return band_edges(int(self._edges[-1]))

    @cached_property
    def axis(self) -> Axis:
        """Give the mean frequency of each rebinned power, and how many it averages."""
        edges = self._edges
        frequency = (edges[:-1] + edges[1:] - 1) / 2 / self.segment_size
        return Axis(frequency, "Hz", np.diff(edges))

    def layout(self, detector: Detector) -> Layout:
        """Describe the vector of a detector with one or two modules."""
        axis = self.axis
        size = len(axis.values)
        if detector.modules == 1:
            powers = [Block("power", size, axis, "power", "Leahy", "ln_half")]
        else:
            powers = [
                Block("sum", size, axis, "sum power", "Leahy", "ln_half"),
                Block("difference", size, axis, "difference power", "Leahy", "ln_half"),
            ]
        layout = Layout((*powers, *rate_blocks(detector.modules), segments_block()))
        if not self.stability:
            return layout
        return layout.extended(stability_blocks(axis, self._bands, self.segment_size))

    def __call__(self, events: Events, detector: Detector) -> NDArray[np.float32]:
        """Make the vector that `layout` describes; not finite where there are no counts.

        Arguments:
            events: of one or two modules.
            detector: not needed.
        """
        return self._whole_vector(self._counts(events))

    def from_counts(self, modules: Sequence[Counts]) -> NDArray[np.float32]:
        """Make the vector from counts in bins of dt; the counts are overwritten.

        Arguments:
            modules: counts of each, (segments, bins) or in one row.
        """
        cut = [counts.reshape(-1, self.bins) for counts in modules]
        return self._whole_vector(cut)

    def _whole_vector(self, modules: Sequence[Counts]) -> NDArray[np.float32]:
        """Make the vector, with the numbers on stability where it has them."""
        if not self.stability:
            return self.vector(*self.of_counts(modules))
        counts = np.sum([module.sum(axis=1, dtype=np.float64) for module in modules], axis=0)
        bands: list[Floats] = []
        x = self.vector(*self.of_counts(modules, bands))
        trends = power_trends(np.concatenate(bands), np.diff(self._bands))
        return np.concatenate([x, rate_changes(counts), trends]).astype(np.float32)

    def periodograms(self, events: Events) -> tuple[list[Floats], list[float], int]:
        """Compute Leahy powers, rates and the number of segments.

        Returns: one power (F,) for one module, those of A+B and A-B for two; counts/s of each
            module; number of segments averaged.
        Raises: ValueError if no segment fits in the good time intervals.
        """
        return self.of_counts(self._counts(events))

    def _counts(self, events: Events) -> list[Counts]:
        """Count the events of each module in bins of dt, (segments, bins)."""
        starts = segment_starts(events.gti, self.segment_size)
        if len(starts) == 0:
            raise ValueError(no_segment(self.segment_size, events.gti))
        modules = []
        for times in events.times:
            counts = np.zeros((len(starts), self.bins), dtype=np.float32)
            bin_counts(times, starts, self.dt, counts)
            modules.append(counts)
        return modules

    def of_counts(
        self, modules: Sequence[Counts], bands: list[Floats] | None = None
    ) -> tuple[list[Floats], list[float], int]:
        """Compute powers, rates and segments from counts; the counts are overwritten.

        Arguments:
            modules: counts of each in bins of dt, (segments, bins).
            bands: a list that receives the power in bands of each segment, (segments, K) in all.
        """
        segments = len(modules[0])
        totals = [_total(counts) for counts in modules]
        means = [total / counts.size for total, counts in zip(totals, modules, strict=True)]
        power = np.zeros((len(modules), 2 * int(self._edges[-1])))

        at_once = max(1, MAX_TRANSFORMED // self.bins)
        for first in range(0, segments, at_once):
            parts = [
                _transform(counts[first : first + at_once], mean)
                for counts, mean in zip(modules, means, strict=True)
            ]
            _add_power(parts[0], parts[-1], power)
            if bands is not None:
                bands.append(band_powers(parts, self._bands))

        rates = [total / (segments * self.segment_size) for total in totals]
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = 2 / (np.float64(sum(rates)) * self.segment_size * segments)
            return [self._rebin(p) * scale for p in power], rates, segments

    def _rebin(self, power: Floats) -> Floats:
        """Average squares (2 F,) of real and imaginary parts over the frequencies of each bin."""
        both = power[::2] + power[1::2]
        sums = np.add.reduceat(both, self._edges[:-1])
        return np.asarray(sums / np.diff(self._edges))

    def vector(
        self, powers: Sequence[Floats], rates: Sequence[float], segments: int
    ) -> NDArray[np.float32]:
        """Make the vector from the result of `periodograms`."""
        with np.errstate(divide="ignore"):
            logs = [np.log(power / 2) for power in powers]
            numbers: list[Any] = [*logs, np.log10(rates), [np.log10(segments)]]
        return np.concatenate(numbers).astype(np.float32)


def _transform(counts: Counts, mean: float) -> Counts:
    """Transform counts (S, N) less their mean to (S, 2 F): real and imaginary parts in turn."""
    _subtract(counts, mean)
    return np.asarray(fft.rfft(counts, axis=1)).view(np.float32)


def cospectrum(power_sum: NDArray[Any], power_difference: NDArray[Any]) -> NDArray[Any]:
    """Compute the Leahy-normalised cospectrum `2 Re(A B*)/N` of two modules of equal rate.

    N is the counts of one module. The mean of white noise is zero, since
    |A+B|^2 - |A-B|^2 = 4 Re(A B*), and both powers are normalised by the counts of both modules.

    Arguments:
        power_sum: Leahy powers of A+B, any shape.
        power_difference: Leahy powers of A-B, of the same shape.

    Source: Bachetti et al. (2015, ApJ 800, 109).

    Examples:
        >>> cospectrum(np.array([3.0]), np.array([1.5]))
        array([0.75])
    """
    return np.asarray((power_sum - power_difference) / 2)
