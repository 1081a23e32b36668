"""Features: what an observer reads off a light curve and a power spectrum, one number each, dead time taken out."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from livetime.simulate.dead_time import (
    DeadTimeDistribution,
    modulation_response,
    white_noise,
)
from livetime.simulate.detector import Detector, Events
from livetime.simulate.layout import Block, Layout
from livetime.simulate.periodogram import bin_counts, logarithmic_edges, segment_starts
from livetime.simulate.summary import Summary, rate_blocks, segments_block

Floats = NDArray[np.float64]
BANDS = (1 / 256, 1 / 32, 0.25, 2.0, 16.0)
"""Edges in Hz of the bands of the power colours (Heil, Vaughan & Uttley 2015)."""
CURVE_DT = 1.0
"""Bin width in s of the light curve that features are read off."""
SOFT_OVER_THRESHOLD = 0.6
HARD_OVER_THRESHOLD = 1.4
"""Energy of simulated soft and hard events over that of the threshold."""


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
        return cls(rates, recorded / max(1 - recorded * tau.mean, 1e-3), tau)


@dataclass(frozen=True)
class Features(Summary):
    """Read off colours, rms, slope and bump of the power spectrum, hardness and the light curve.

    The power spectrum is the average over segments, in (fractional rms)^2/Hz: of two modules their cospectrum (Bachetti et al. 2015), of
    one the periodogram less the exact noise level of its dead time; both over the exact response to a weak modulation. In each band of
    `BANDS` its integral is a variance, positive or not:

    - `rms_1` .. `rms_4`: signed square roots of the variances; `nonpositive_1` .. `_4` are 1 where a variance is not positive;
    - `power_colour_1`, `power_colour_2`: log10 of the ratios of variances .25-2 Hz to 1/256-1/32 Hz, and 1/32-.25 Hz to 2-16 Hz
      (Heil et al. 2015); a variance below its standard error counts as that;
    - `slope`: of log10 power against log10 frequency, by least squares;
    - `bump`, `bump_frequency`, `bump_width`, `bump_rms`: of the most significant excess over a running median along log frequency,
      ln(1 + its significance), log10 Hz, log10 of its upper over its lower edge, and rms.

    Features of the light curve in bins of 1 s divided by its mean, in each segment (so that the duration is always the same) and then
    averaged (Richards et al. 2011, table 2, as far as they make sense for even sampling): see `curve_features`. Of them `excess_rms` has
    the exact noise and response taken out. Then log10 of hard over soft counts (`hardness`), of the modules' rates and of the segments.

    Arguments:
        segment_size: s, 256 or more.
        dt: bin width of the light curve in s; 1/32 or less, so that the bands are covered.
        rebin: fractional width of the frequencies in which slope and bump are sought.
        hardness: whether the ratio of hard to soft counts is a feature.
        hard_energy: keV from which on an event is hard.

    Raises: ValueError for other sizes.
    """

    segment_size: float = 256.0
    dt: float = 1 / 64
    rebin: float = 0.06
    hardness: bool = True
    hard_energy: float = 10.0

    def __post_init__(self) -> None:
        if not 256 <= self.segment_size < np.inf:
            raise ValueError(
                f"segment_size is {self.segment_size} s, but the power colours start at 1/256 Hz; take 256 or more"
            )
        if not 0 < self.dt <= 1 / 32:
            raise ValueError(
                f"dt is {self.dt} s, but the power colours reach 16 Hz; take 1/32 s or less"
            )
        if not 0 < self.rebin < 1:
            raise ValueError(f"rebin is {self.rebin}, but must be a fraction between 0 and 1")
        whole = (self.segment_size / CURVE_DT, CURVE_DT / self.dt)
        if any(abs(n - round(n)) > 1e-9 * n for n in whole):
            raise ValueError(
                f"segment_size {self.segment_size} s and dt {self.dt} s must be a whole number, and a whole fraction, of 1 s"
            )

    @property
    def parameters(self) -> tuple[str, ...]:
        return ("hardness",) if self.hardness else ()

    @property
    def bins(self) -> int:
        return round(self.segment_size / self.dt)

    @cached_property
    def _edges(self) -> NDArray[np.int64]:
        """Of the rebinned frequencies up to the end of the bands, as numbers of Fourier frequencies."""
        return logarithmic_edges(round(BANDS[-1] * self.segment_size), self.rebin)

    def check(self, detector: Detector) -> None:
        """Refuse a detector whose noise and response are not those of one dead time.

        Raises: ValueError.
        """
        if not detector.renewal:
            raise ValueError(
                "summary=features takes off the noise of one non-paralyzable detector that sees the "
                "source alone; leave the detector's other options, or take summary=periodogram"
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
            raise ValueError(f"no segment of {self.segment_size} s fits in the good time intervals")
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
        """Make each simulated event hard or soft, as often as `hardness` says.

        Hard events get 1.4 times the energy of the threshold, soft ones 0.6 times.
        """
        if not self.hardness:
            return events
        share = params["hardness"] / (1 + params["hardness"])
        soft, hard = SOFT_OVER_THRESHOLD * self.hard_energy, HARD_OVER_THRESHOLD * self.hard_energy
        energies = tuple(
            np.where(rng.random(len(times)) < share, hard, soft) for times in events.times
        )
        return replace(events, energies=energies)

    def _hardness(self, events: Events) -> float:
        """Find the ratio of hard to soft events of all modules."""
        if events.energies is None:
            raise ValueError(
                "summary.hardness is true, but the events have no energies; take hardness=false"
            )
        hard = sum(int((energy >= self.hard_energy).sum()) for energy in events.energies)
        total = sum(len(energy) for energy in events.energies)
        return (hard + 0.5) / (total - hard + 0.5)

    def _curve(self, counts: NDArray[np.float32], state: "_State") -> Floats:
        """Find the features of the light curve, averaged over segments."""
        bins = round(CURVE_DT / self.dt)
        both = counts.sum(axis=0).reshape(counts.shape[1], -1, bins)
        curve = both.sum(axis=-1, dtype=np.float64)
        lowest = np.array([0.5 / self.segment_size])
        noise = white_noise(lowest, state.incident, state.dead_time)[0] / 2
        live = 1 / (1 + state.incident * state.dead_time.mean)
        return np.asarray(curve_features(curve, noise, live).mean(axis=0))

    def _power(self, counts: NDArray[np.float32], state: "_State") -> tuple[Floats, Floats]:
        """Find the source's power in (fractional rms)^2/Hz and its standard error, (F,) each."""
        rates = state.rates
        segments = counts.shape[1]
        centred = counts - counts.mean(axis=(1, 2), keepdims=True)
        transforms = fft.rfft(centred, axis=-1)[..., 1 : self._edges[-1]]
        f = np.arange(1, self._edges[-1]) / self.segment_size
        # Dead time changes little between these frequencies: 2 pi f tau is below 0.3.
        few = np.linspace(f[0], f[-1], 17)

        rate = np.sqrt(rates.prod()) if len(rates) == 2 else rates[0]
        summed = (np.abs(transforms) ** 2).sum(axis=1, dtype=np.float64)
        leahy = 2 * summed / (rates[:, None] * self.segment_size * segments)
        if len(rates) == 2:
            cross = (transforms[0] * transforms[1].conj()).real.sum(axis=0, dtype=np.float64)
            signal = 2 * cross / (rate * self.segment_size * segments)
            error = np.sqrt((leahy.prod(axis=0) + signal**2) / (2 * segments))
        else:
            level = white_noise(few, state.incident, state.dead_time, self.dt)
            signal = leahy[0] - np.interp(f, few, level)
            error = leahy[0] / np.sqrt(segments)

        amplitude = np.abs(modulation_response(few, state.incident, state.dead_time))
        response = np.interp(f, few, amplitude**2)
        return signal / (rate * response), error / (rate * response)

    def _bands(self, power: Floats, error: Floats) -> Floats:
        """rms, flags and colours."""
        edges = np.round(np.array(BANDS) * self.segment_size).astype(int) - 1
        variance = np.add.reduceat(power[: edges[-1]], edges[:-1]) / self.segment_size
        least = np.sqrt(np.add.reduceat(error[: edges[-1]] ** 2, edges[:-1])) / self.segment_size
        v = np.log10(np.maximum(variance, least))
        return np.concatenate([signed_root(variance), variance <= 0, [v[2] - v[0], v[1] - v[3]]])

    def _shape(self, power: Floats, error: Floats) -> Floats:
        """Slope, and significance, log10 frequency, log10 width and rms of the greatest bump."""
        first, width = self._edges[:-1] - 1, np.diff(self._edges)
        p = np.add.reduceat(power, first) / width
        e = np.sqrt(np.add.reduceat(error**2, first)) / width
        log_f = np.log10((self._edges[:-1] + self._edges[1:] - 1) / 2 / self.segment_size)
        slope = np.polyfit(log_f, np.log10(np.maximum(p, e)), 1)[0]
        excess = p - ndimage.median_filter(
            p, 2 * round(0.4 / np.log10(1 + self.rebin)) + 1, mode="nearest"
        )
        significance = ndimage.uniform_filter1d(excess, 3) / np.sqrt(
            ndimage.uniform_filter1d(e**2, 3) / 3
        )
        top = int(significance.argmax())
        below = np.flatnonzero(significance <= significance[top] / 2)
        low = int(below[below < top].max(initial=-1)) + 1
        high = int(below[below > top].min(initial=len(p)))
        variance = float((excess * width)[low:high].sum()) / self.segment_size
        extent = np.log10(self._edges[high] / self._edges[low])
        return np.array(
            [
                slope,
                np.log1p(max(significance[top], 0.0)),
                log_f[top],
                extent,
                np.sqrt(max(variance, 0.0)),
            ]
        )


def signed_root(variance: Floats) -> Floats:
    """Fractional rms of a variance that noise may have made negative, with its sign."""
    return np.asarray(np.sign(variance) * np.sqrt(np.abs(variance)))


CURVE_FEATURES = (
    "excess_rms",
    "skew",
    "kurtosis",
    "amplitude",
    "percent_amplitude",
    "beyond_1_std",
    "median_absolute_deviation",
    "median_buffer_range_percentage",
    *(f"flux_percentile_ratio_mid_{mid}" for mid in (20, 35, 50, 65, 80)),
    "percent_difference_flux_percentile",
    "max_slope",
    "pair_slope_trend",
    "stetson_k",
)


def curve_features(counts: NDArray[Any], noise: float = 1.0, live: float = 1.0) -> Floats:
    """Features of light curves, each divided by its mean.

    `excess_rms` is the signed square root of the variance less that of the noise, over `live`; `amplitude` half of the range;
    `percent_amplitude` the greatest distance from the median, over it; `beyond_1_std` the share of points farther than a standard
    deviation from the mean; `median_buffer_range_percentage` the share within a tenth of the median about it;
    `flux_percentile_ratio_mid_20` the width of the central 20% of points over that of the central 90%;
    `percent_difference_flux_percentile` the latter over the median; `max_slope` per bin; `pair_slope_trend` the share of rises less that
    of falls; `stetson_k` the mean distance from the mean over the rms one.

    Arguments:
        counts: (S, N) counts in even bins.
        noise: variance of the noise over that of Poisson's, half of the Leahy noise level at low frequency.
        live: live-time fraction, by which dead time lowers a slow variation.

    Returns: (S, len(CURVE_FEATURES)). Source: Richards et al. (2011, ApJ 733, 10), table 2.
    """
    total = counts.mean(axis=1, keepdims=True)
    y = counts / np.maximum(total, 0.5 / counts.shape[1])
    mean = y.mean(axis=1)
    d = y - mean[:, None]
    std = np.maximum(d.std(axis=1), 1e-9)
    excess = std**2 - noise / np.maximum(total[:, 0], 1e-9)
    at = [5, 10, 17.5, 25, 32.5, 40, 50, 60, 67.5, 75, 82.5, 90, 95]
    q = dict(zip(at, np.percentile(y, at, axis=1), strict=True))
    median = np.maximum(q[50], 1e-9)
    wide = np.maximum(q[95] - q[5], 1e-9)
    step = np.diff(y, axis=1)
    return np.stack(
        [
            signed_root(excess) / live,
            (d**3).mean(axis=1) / std**3,
            (d**4).mean(axis=1) / std**4 - 3,
            np.ptp(y, axis=1) / 2,
            np.abs(y - median[:, None]).max(axis=1) / median,
            (np.abs(d) > std[:, None]).mean(axis=1),
            np.median(np.abs(y - q[50][:, None]), axis=1),
            (np.abs(y - q[50][:, None]) < 0.1 * median[:, None]).mean(axis=1),
            *((q[50 + mid / 2] - q[50 - mid / 2]) / wide for mid in (20, 35, 50, 65, 80)),
            wide / median,
            np.abs(step).max(axis=1),
            np.sign(step).mean(axis=1),
            np.abs(d).mean(axis=1) / std,
        ],
        axis=1,
    )
