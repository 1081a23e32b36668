"""Summaries: events become one vector. Simulated and observed events go through the same one."""

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
from livetime.simulate.summary import Summary, rate_blocks, segments_block

Floats = NDArray[np.float64]
BLOCK = 2**16
"""Numbers that are transformed at once for each module: what fits in a core's cache, and several segments where they are short."""


@njit(nogil=True, cache=True)
def bin_counts(times, starts, dt, counts):  # type: ignore[no-untyped-def] # pragma: no cover
    """Adds sorted times to counts (S, N) in N bins of dt from each of the sorted starts."""
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
    total = np.int64(0)  # counts are whole: integers are added many at a time
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
    """Adds the squares of the numbers in a (S, P), summed over S, to power (1, P); to power (2, P) those of a + b and of a - b."""
    for s in range(a.shape[0]):
        for k in range(power.shape[1]):
            if len(power) == 1:
                power[0, k] += np.float64(a[s, k]) ** 2
            else:
                power[0, k] += np.float64(a[s, k] + b[s, k]) ** 2
                power[1, k] += np.float64(a[s, k] - b[s, k]) ** 2


def segment_starts(gti: Floats, segment_size: float) -> Floats:
    """Start times of the whole segments in each good time interval, (S,) in s; what is left of an interval is not used."""
    starts = [a + segment_size * np.arange(np.floor((b - a) / segment_size + 1e-9)) for a, b in gti]
    return np.concatenate([np.zeros(0), *starts])


def logarithmic_edges(last: int, rebin: float) -> NDArray[np.int64]:
    """Edges of bins of Fourier frequencies, from number 1 to before `last`: each bin one wide, or a fraction `rebin` of its place."""
    edges = [1]
    while edges[-1] < last:
        edges.append(min(last, max(edges[-1] + 1, int(edges[-1] * (1 + rebin)))))
    return np.array(edges)


@dataclass(frozen=True)
class Periodogram(Summary):
    """Averaged, logarithmically rebinned periodograms, and the recorded rates.

    The vector holds, for one module, `power`: ln(P/2) of the Leahy-normalised periodogram averaged over segments and
    rebinned; for two, `sum` and `difference`: the same of A+B and A-B, both normalised by the total counts. Then log10 of each
    module's recorded rate in counts/s (`rate_a`, `rate_b`), and log10 of the number of averaged segments (`segments`).
    The source's variability drops out of A-B; (A+B) - (A-B) is twice the cospectrum, see `cospectrum`.

    Arguments:
        segment_size: s.
        dt: bin width of the light curve in s; frequencies run from 1/segment_size to below 1/(2 dt).
        rebin: fractional width of the rebinned frequencies; below 1/(rebin segment_size) there is no rebinning.

    Raises: ValueError for a step or size that is not positive, or fewer than four bins in a segment.
    """

    segment_size: float = 16.0
    dt: float = 1 / 256
    rebin: float = 0.03

    simulators: ClassVar[tuple[str, ...]] = ("events", "periodograms")
    is_periodogram: ClassVar[bool] = True

    def __post_init__(self) -> None:
        for name in ("segment_size", "dt", "rebin"):
            if not 0 < getattr(self, name) < np.inf:
                raise ValueError(f"{name} is {getattr(self, name)}, but must be positive")
        if self.bins < 4 or abs(self.bins * self.dt - self.segment_size) > 1e-9 * self.segment_size:
            raise ValueError(
                f"segment_size {self.segment_size} s must be a whole number (4 or more) of steps dt, here {self.dt} s"
            )

    @property
    def bins(self) -> int:
        return round(self.segment_size / self.dt)

    @cached_property
    def _edges(self) -> NDArray[np.int64]:
        return logarithmic_edges((self.bins - 1) // 2 + 1, self.rebin)  # without Nyquist

    @cached_property
    def axis(self) -> Axis:
        """Give the mean frequency of each rebinned power and how many it averages."""
        edges = self._edges
        frequency = (edges[:-1] + edges[1:] - 1) / 2 / self.segment_size
        return Axis(frequency, "Hz", np.diff(edges))

    def layout(self, detector: Detector) -> Layout:
        """Describe the vector of a detector with one or two modules."""
        size = len(self.axis.values)
        names = ["power"] if detector.modules == 1 else ["sum", "difference"]
        powers = [
            Block(name, size, self.axis, f"{name} power".removeprefix("power "), "Leahy", "ln_half")
            for name in names
        ]
        return Layout((*powers, *rate_blocks(detector.modules), segments_block()))

    def periodograms(self, events: Events) -> tuple[list[Floats], list[float], int]:
        """Leahy powers, rates and number of segments.

        Returns: one power (F,) for one module, those of A+B and A-B for two; counts/s per module; number of segments averaged.
        Raises: ValueError if no segment fits in the good time intervals.
        """
        starts = segment_starts(events.gti, self.segment_size)
        if len(starts) == 0:
            raise ValueError(f"no segment of {self.segment_size} s fits in the good time intervals")
        modules = []
        for times in events.times:
            modules.append(np.zeros((len(starts), self.bins), dtype=np.float32))
            bin_counts(times, starts, self.dt, modules[-1])
        return self.of_counts(modules)

    def of_counts(
        self, modules: Sequence[NDArray[np.float32]]
    ) -> tuple[list[Floats], list[float], int]:
        """What `periodograms` gives, of counts in bins of dt, (segments, bins) for each module; they are overwritten."""
        segments, block = len(modules[0]), max(1, BLOCK // self.bins)
        totals = [_total(counts) for counts in modules]
        power = np.zeros((len(modules), 2 * int(self._edges[-1])))
        for at in range(0, segments, block):
            parts = [
                self._transform(counts[at : at + block], total / counts.size)
                for counts, total in zip(modules, totals, strict=True)
            ]
            _add_power(parts[0], parts[-1], power)
        rates = [total / (segments * self.segment_size) for total in totals]
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = 2 / (np.float64(sum(rates)) * self.segment_size * segments)
            return [self._rebin(p) * scale for p in power], rates, segments

    @staticmethod
    def _transform(counts: NDArray[np.float32], mean: float) -> NDArray[np.float32]:
        """Fourier transforms (S, 2 F) of counts (S, N) less their mean: real and imaginary parts in turn."""
        _subtract(counts, mean)
        return np.asarray(fft.rfft(counts, axis=1)).view(np.float32)

    def _rebin(self, power: Floats) -> Floats:
        """Mean over the Fourier frequencies of each bin, of the squares (2 F,) of real and imaginary parts in turn."""
        return np.asarray(
            np.add.reduceat(power[::2] + power[1::2], self._edges[:-1]) / np.diff(self._edges)
        )

    def __call__(self, events: Events, detector: Detector) -> NDArray[np.float32]:
        """Make the vector that `layout` describes; not finite where there are no counts."""
        return self.vector(*self.periodograms(events))

    def from_counts(self, modules: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Make the vector of counts in bins of dt, (segments, bins) or (segments x bins,) each."""
        return self.vector(*self.of_counts([c.reshape(-1, self.bins) for c in modules]))

    def vector(
        self, powers: Sequence[Floats], rates: Sequence[float], segments: int
    ) -> NDArray[np.float32]:
        """The vector of what `periodograms` gives."""
        with np.errstate(divide="ignore"):
            return np.concatenate(
                [*(np.log(p / 2) for p in powers), np.log10(rates), [np.log10(segments)]]
            ).astype(np.float32)


def cospectrum(power_sum: NDArray[Any], power_difference: NDArray[Any]) -> NDArray[Any]:
    """Leahy-normalised cospectrum of two modules of equal rate, `Re(A B*) 2/N` with N the counts of one: no white noise in the mean.

    |A+B|^2 - |A-B|^2 = 4 Re(A B*), and the powers of sum and difference are normalised by the counts of both modules.

    >>> cospectrum(np.array([3.0]), np.array([1.5]))
    array([0.75])
    """
    return np.asarray((power_sum - power_difference) / 2)
