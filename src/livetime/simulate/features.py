"""Features: what an observer reads off a light curve and a power spectrum, one number each, dead time taken out."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from livetime.simulate.dead_time import (
    DeadTimeDistribution,
    dead_time_distribution,
    modulation_response,
    white_noise,
)
from livetime.simulate.detector import Events
from livetime.simulate.periodogram import Layout, bin_counts, logarithmic_edges, segment_starts

Floats = NDArray[np.float64]
BANDS = (1 / 256, 1 / 32, 0.25, 2.0, 16.0)
"""Edges in Hz of the bands of the power colours (Heil, Vaughan & Uttley 2015)."""
CURVE_DT = 1.0
"""Bin width in s of the light curve that features are read off."""


@dataclass(frozen=True)
class Features:
    """Power colours, rms in bands, slope and greatest bump of the power spectrum, hardness, and features of the light curve.

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
        dead_time: of the detector, as `DeadTime` takes it; 0 for none.
        hardness: whether events are told hard from soft.

    Raises: ValueError for other sizes.
    """

    segment_size: float = 256.0
    dt: float = 1 / 64
    rebin: float = 0.06
    dead_time: float | Literal["nustar"] = 0.0
    hardness: bool = True

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

    @property
    def _tau(self) -> DeadTimeDistribution:
        return dead_time_distribution(self.dead_time)

    @cached_property
    def _edges(self) -> NDArray[np.int64]:
        """Of the rebinned frequencies up to the end of the bands, as numbers of Fourier frequencies."""
        return logarithmic_edges(round(BANDS[-1] * self.segment_size), self.rebin)

    def names(self, modules: int) -> list[str]:
        bands = range(1, len(BANDS))
        return [
            *(f"rms_{i}" for i in bands),
            *(f"nonpositive_{i}" for i in bands),
            *(
                "power_colour_1",
                "power_colour_2",
                "slope",
                "bump",
                "bump_frequency",
                "bump_width",
                "bump_rms",
            ),
            *CURVE_FEATURES,
            *self.parameters,
            *(f"rate_{'ab'[m]}" for m in range(modules)),
            "segments",
        ]

    def layout(self, modules: int) -> Layout:
        return Layout(
            {name: slice(i, i + 1) for i, name in enumerate(self.names(modules))},
            np.zeros(0),
            np.zeros(0, dtype=np.int64),
        )

    def __call__(self, events: Events) -> NDArray[np.float32]:
        """The vector that `names` describes, float32. It is not finite where there are no counts.

        Raises: ValueError if no segment fits in the good time intervals, or events are not told hard from soft and should be.
        """
        starts = segment_starts(events.gti, self.segment_size)
        if len(starts) == 0:
            raise ValueError(f"no segment of {self.segment_size} s fits in the good time intervals")
        counts = np.zeros((len(events.times), len(starts), self.bins), dtype=np.float32)
        for module, times in zip(counts, events.times, strict=True):
            bin_counts(times, starts, self.dt, module)
        exposure = len(starts) * self.segment_size
        rates = counts.sum(axis=(1, 2), dtype=np.float64) / exposure
        hard = [np.log10(self._hardness(events))] if self.hardness else []
        if (rates <= 0).any():
            return np.full(len(self.names(len(rates))), np.nan, dtype=np.float32)
        curve = (
            counts.sum(axis=0)
            .reshape(len(starts), -1, round(CURVE_DT / self.dt))
            .sum(axis=-1, dtype=np.float64)
        )
        power, error = self._power(counts, rates)
        incident = self._incident(float(rates.mean()))
        noise = white_noise(np.array([0.5 / self.segment_size]), incident, self._tau)[0] / 2
        read = curve_features(curve, noise, 1 / (1 + incident * self._tau.mean)).mean(axis=0)
        parts = [self._bands(power, error), self._shape(power, error), read, hard]
        return np.concatenate([*parts, np.log10(rates), [np.log10(len(starts))]]).astype(np.float32)

    def _hardness(self, events: Events) -> float:
        if events.hard is None:
            raise ValueError("summary.hardness is true, but the events are not told hard from soft")
        hard = sum(int(h.sum()) for h in events.hard)
        return (hard + 0.5) / (sum(len(h) for h in events.hard) - hard + 0.5)

    def _incident(self, recorded: float) -> float:
        """Counts/s that a recorded rate comes from; a rate that dead time does not let through counts as the greatest that is."""
        return recorded / max(1 - recorded * self._tau.mean, 1e-3)

    def _power(self, counts: NDArray[np.float32], rates: Floats) -> tuple[Floats, Floats]:
        """Power of the source at each Fourier frequency in (fractional rms)^2/Hz and its standard error, (F,) each."""
        segments = counts.shape[1]
        transforms = fft.rfft(counts - counts.mean(axis=(1, 2), keepdims=True), axis=-1)[
            ..., 1 : self._edges[-1]
        ]
        f = np.arange(1, self._edges[-1]) / self.segment_size
        few = np.linspace(
            f[0], f[-1], 17
        )  # between which dead time changes little: 2 pi f tau is below .3
        incident = self._incident(float(rates.mean()))
        rate = np.sqrt(rates.prod()) if len(rates) == 2 else rates[0]
        leahy = (
            2
            * (np.abs(transforms) ** 2).sum(axis=1, dtype=np.float64)
            / (rates[:, None] * self.segment_size * segments)
        )
        if len(rates) == 2:
            cross = (transforms[0] * transforms[1].conj()).real.sum(axis=0, dtype=np.float64)
            signal = 2 * cross / (rate * self.segment_size * segments)
            error = np.sqrt((leahy.prod(axis=0) + signal**2) / (2 * segments))
        else:
            noise = np.interp(f, few, white_noise(few, incident, self._tau, self.dt))
            signal, error = leahy[0] - noise, leahy[0] / np.sqrt(segments)
        response = np.interp(f, few, np.abs(modulation_response(few, incident, self._tau)) ** 2)
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
