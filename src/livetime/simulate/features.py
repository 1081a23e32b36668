"""Find the features of a light curve and a power spectrum that observers use."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from livetime.simulate.curve_features import CURVE_FEATURES, curve_features, signed_root
from livetime.simulate.dead_time import DeadTimeDistribution, modulation_response, white_noise
from livetime.simulate.detector import Detector, Events
from livetime.simulate.layout import Block, Layout
from livetime.simulate.periodogram import bin_counts, logarithmic_edges, no_segment, segment_starts
from livetime.simulate.summary import Summary, rate_blocks, segments_block

Floats = NDArray[np.float64]

BANDS = (1 / 256, 1 / 32, 0.25, 2.0, 16.0)
"""Edges in Hz of the bands of the power colours (Heil, Vaughan & Uttley 2015)."""

CURVE_DT = 1.0
"""Bin width in s of the light curve that features are read off."""

MEDIAN_WIDTH = 0.4
"""Half of the width of the running median below a bump, in decades of frequency."""

NODES = 17
"""Frequencies at which noise and response of dead time are computed.

They change little in between: 2 pi f tau is below 0.3.
"""

SOFT_OVER_THRESHOLD = 0.6
HARD_OVER_THRESHOLD = 1.4
"""Ratio of the energy of simulated soft and hard events to the threshold."""


@dataclass(frozen=True)
class _State:
    """The modules' recorded rates (modules,), the incident rate of each, and its dead time."""

    rates: Floats
    incident: float
    dead_time: DeadTimeDistribution

    @classmethod
    def at_rates(cls, rates: Floats, detector: Detector) -> "_State":
        """Find the incident rate; one that dead time does not let through is the greatest."""
        recorded = float(rates.mean())
        tau = detector.distribution
        live = max(1 - recorded * tau.mean, 1e-3)
        return cls(rates, recorded / live, tau)


@dataclass(frozen=True)
class Features(Summary):
    """Find colours, rms, slope and bump of the power spectrum, hardness, and curve features.

    The power spectrum is the average over segments in (fractional rms)^2/Hz. For two modules it is
    their cospectrum (Bachetti et al. 2015). For one it is the periodogram minus the exact noise
    level of its dead time. Both are divided by the exact response to a weak modulation. The
    integral over each of `BANDS` is a variance, which noise may make negative:

    - `rms_1` to `rms_4`: signed square roots of the variances;
    - `nonpositive_1` to `nonpositive_4`: 1 where a variance is not positive, else 0;
    - `power_colour_1`: log10 of the ratio of the variance in 0.25-2 Hz to that in 1/256-1/32 Hz;
    - `power_colour_2`: log10 of the ratio of the variance in 1/32-0.25 Hz to that in 2-16 Hz
      (Heil et al. 2015); in both, a variance below its standard error is replaced by that error;
    - `slope`: of log10 power against log10 frequency, by least squares;
    - `bump`: ln(1 + significance) of the most significant excess over a running median along log
      frequency;
    - `bump_frequency`, `bump_width`: log10 Hz of that excess, and log10 of the ratio of its
      upper to its lower edge;
    - `bump_rms`: its fractional rms.

    Features of the light curve in bins of 1 s follow, averaged over segments; see
    `curve_features`. `excess_rms` is corrected for the exact noise and response. The last entries
    are log10 of hard over soft counts (`hardness`), of the rate of each module, and of the number
    of segments.

    Arguments:
        segment_size: s, 256 or more.
        dt: bin width of the light curve in s; 1/32 or less, so that the bands are covered.
        rebin: fractional width of the frequencies in which slope and bump are sought.
        hardness: whether the ratio of hard to soft counts is a feature.
        hard_energy: keV from which on an event is hard.

    Raises: ValueError for other sizes.

    Source: Heil, Vaughan & Uttley (2015, MNRAS 448, 3339); Richards et al. (2011, ApJ 733, 10).

    Examples:
        >>> from livetime.simulate.dead_time_detector import IDEAL
        >>> Features(hardness=False).layout(IDEAL).names()[:2]
        ['rms_1', 'rms_2']
    """

    segment_size: float = 256.0
    dt: float = 1 / 64
    rebin: float = 0.06
    hardness: bool = True
    hard_energy: float = 10.0

    def __post_init__(self) -> None:
        if not 256 <= self.segment_size < np.inf:
            raise ValueError(
                f"segment_size is {self.segment_size} s, but the power colours start at 1/256 Hz; "
                "take 256 or more"
            )
        if not 0 < self.dt <= 1 / 32:
            raise ValueError(
                f"dt is {self.dt} s, but the power colours reach 16 Hz; take 1/32 s or less"
            )
        if not 0 < self.rebin < 1:
            raise ValueError(f"rebin is {self.rebin}, but must be between 0 and 1; change it")
        if not 0 < self.hard_energy < np.inf:
            raise ValueError(
                f"hard_energy is {self.hard_energy}, but must be above 0 keV; raise it"
            )

        whole = (self.segment_size / CURVE_DT, CURVE_DT / self.dt)
        if any(abs(n - round(n)) > 1e-9 * n for n in whole):
            raise ValueError(
                f"segment_size {self.segment_size} s and dt {self.dt} s must be a whole number, "
                "and a whole fraction, of 1 s; change one of them"
            )

    @property
    def parameters(self) -> tuple[str, ...]:
        """Name the parameters that the summary adds to the prior: `hardness`, if it is a
        feature."""
        return ("hardness",) if self.hardness else ()

    @property
    def bins(self) -> int:
        """Count the bins of a segment."""
        return round(self.segment_size / self.dt)

    @cached_property
    def _edges(self) -> NDArray[np.int64]:
        """Number the Fourier frequencies at the edges of the rebinned ones, up to 16 Hz."""
        return logarithmic_edges(round(BANDS[-1] * self.segment_size), self.rebin)

    def check(self, detector: Detector) -> None:
        """Refuse a detector with frames, background, screening or several dead times.

        Raises: ValueError.
        """
        if not detector.renewal:
            raise ValueError(
                "summary=features subtracts the noise of one non-paralyzable detector that sees "
                "the source alone; remove the detector's other options, or take summary=periodogram"
            )

    def layout(self, detector: Detector) -> Layout:
        """Describe the vector: a block of one number for each feature."""
        bands = range(1, len(BANDS))
        blocks = [
            *(Block(f"rms_{i}") for i in bands),
            *(Block(f"nonpositive_{i}") for i in bands),
            Block("power_colour_1", transform="log10"),
            Block("power_colour_2", transform="log10"),
            Block("slope"),
            Block("bump"),
            Block("bump_frequency", unit="Hz", transform="log10"),
            Block("bump_width", transform="log10"),
            Block("bump_rms"),
            *(Block(name) for name in CURVE_FEATURES),
            *(Block(name, transform="log10") for name in self.parameters),
            *rate_blocks(detector.modules),
            segments_block(),
        ]
        return Layout(tuple(blocks))

    def __call__(self, events: Events, detector: Detector) -> NDArray[np.float32]:
        """Make the vector that `layout` describes; not finite where there are no counts.

        Raises: ValueError if no segment fits in the good time intervals, or events that have no
            energies should have a hardness.
        """
        starts = segment_starts(events.gti, self.segment_size)
        if len(starts) == 0:
            raise ValueError(no_segment(self.segment_size, events.gti))
        counts = np.zeros((len(events.times), len(starts), self.bins), dtype=np.float32)
        for module, times in zip(counts, events.times, strict=True):
            bin_counts(times, starts, self.dt, module)
        rates = counts.sum(axis=(1, 2), dtype=np.float64) / (len(starts) * self.segment_size)
        hardness = [np.log10(self._hardness(events))] if self.hardness else []
        if (rates <= 0).any():
            return np.full(self.layout(detector).size, np.nan, dtype=np.float32)

        state = _State.at_rates(rates, detector)
        power, error = self._power(counts, state)
        numbers = [
            self._bands(power, error),
            self._shape(power, error),
            self._curve(counts, state),
            hardness,
            np.log10(rates),
            [np.log10(len(starts))],
        ]
        return np.concatenate(numbers).astype(np.float32)

    def assign_energies(
        self, events: Events, params: Mapping[str, float], rng: np.random.Generator
    ) -> Events:
        """Make each simulated event hard or soft, in the ratio of the parameter `hardness`.

        Hard events get 1.4 times the energy of the threshold, soft ones 0.6 times.

        Arguments: as of `Summary.assign_energies`.
        """
        if not self.hardness:
            return events
        hard_share = params["hardness"] / (1 + params["hardness"])
        soft = SOFT_OVER_THRESHOLD * self.hard_energy
        hard = HARD_OVER_THRESHOLD * self.hard_energy
        energies = []
        for times in events.times:
            is_hard = rng.random(len(times)) < hard_share
            energies.append(np.where(is_hard, hard, soft))
        return replace(events, energies=tuple(energies))

    def _hardness(self, events: Events) -> float:
        """Find the ratio of hard to soft events of all modules."""
        if events.energies is None:
            raise ValueError(
                "summary.hardness is true, but the events have no energies; take hardness=false"
            )
        energies = np.concatenate(events.energies)
        hard = int((energies >= self.hard_energy).sum())
        return (hard + 0.5) / (len(energies) - hard + 0.5)

    def _curve(self, counts: NDArray[np.float32], state: _State) -> Floats:
        """Find the features of the light curve, averaged over segments."""
        both = counts.sum(axis=0)
        cut = both.reshape(len(both), -1, round(CURVE_DT / self.dt))
        curve = cut.sum(axis=-1, dtype=np.float64)

        lowest = np.array([0.5 / self.segment_size])
        noise = white_noise(lowest, state.incident, state.dead_time)[0] / 2
        live = 1 / (1 + state.incident * state.dead_time.mean)
        return np.asarray(curve_features(curve, noise, live).mean(axis=0))

    def _power(self, counts: NDArray[np.float32], state: _State) -> tuple[Floats, Floats]:
        """Find the source's power in (fractional rms)^2/Hz and its standard error, (F,) each."""
        segments = counts.shape[1]
        centred = counts - counts.mean(axis=(1, 2), keepdims=True)
        transforms = fft.rfft(centred, axis=-1)[..., 1 : self._edges[-1]]
        f = np.arange(1, self._edges[-1]) / self.segment_size
        nodes = np.linspace(f[0], f[-1], NODES)

        summed = (np.abs(transforms) ** 2).sum(axis=1, dtype=np.float64)
        leahy = 2 * summed / (state.rates[:, None] * self.segment_size * segments)
        if len(state.rates) == 2:
            rate = np.sqrt(state.rates.prod())
            product = (transforms[0] * transforms[1].conj()).real
            cross = product.sum(axis=0, dtype=np.float64)
            signal = 2 * cross / (rate * self.segment_size * segments)
            error = np.sqrt((leahy.prod(axis=0) + signal**2) / (2 * segments))
        else:
            rate = state.rates[0]
            level = white_noise(nodes, state.incident, state.dead_time, self.dt)
            signal = leahy[0] - np.interp(f, nodes, level)
            error = leahy[0] / np.sqrt(segments)

        amplitude = np.abs(modulation_response(nodes, state.incident, state.dead_time))
        response = np.interp(f, nodes, amplitude**2)
        return signal / (rate * response), error / (rate * response)

    def _bands(self, power: Floats, error: Floats) -> Floats:
        """Find rms, flags and colours from power and its error, (F,) each."""
        edges = np.round(np.array(BANDS) * self.segment_size).astype(int) - 1
        sums = np.add.reduceat(power[: edges[-1]], edges[:-1])
        squares = np.add.reduceat(error[: edges[-1]] ** 2, edges[:-1])
        variance = sums / self.segment_size
        standard_error = np.sqrt(squares) / self.segment_size

        v = np.log10(np.maximum(variance, standard_error))
        colours = [v[2] - v[0], v[1] - v[3]]
        return np.concatenate([signed_root(variance), variance <= 0, colours])

    def _shape(self, power: Floats, error: Floats) -> Floats:
        """Find slope and bump: significance, log10 frequency, log10 width and rms."""
        first = self._edges[:-1] - 1
        width = np.diff(self._edges)
        p = np.add.reduceat(power, first) / width
        e = np.sqrt(np.add.reduceat(error**2, first)) / width
        log_f = np.log10((self._edges[:-1] + self._edges[1:] - 1) / 2 / self.segment_size)
        slope = np.polyfit(log_f, np.log10(np.maximum(p, e)), 1)[0]

        # A bump is an excess over a running median, smoothed over three frequencies.
        window = 2 * round(MEDIAN_WIDTH / np.log10(1 + self.rebin)) + 1
        excess = p - ndimage.median_filter(p, window, mode="nearest")
        smoothed_error = np.sqrt(ndimage.uniform_filter1d(e**2, 3) / 3)
        significance = ndimage.uniform_filter1d(excess, 3) / smoothed_error
        top = int(significance.argmax())

        # It ends where the significance has fallen to half.
        below = np.flatnonzero(significance <= significance[top] / 2)
        low = int(below[below < top].max(initial=-1)) + 1
        high = int(below[below > top].min(initial=len(p)))
        variance = float((excess * width)[low:high].sum()) / self.segment_size
        extent = np.log10(self._edges[high] / self._edges[low])
        height = np.log1p(max(significance[top], 0.0))
        return np.array([slope, height, log_f[top], extent, np.sqrt(max(variance, 0.0))])
