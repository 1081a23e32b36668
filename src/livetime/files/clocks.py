"""Measure the delay between the clocks of two modules from the variability that both see."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.special import erfc

from livetime.files.event_file import Floats

Complex = NDArray[np.complex128]

CLOCK_DT = 1 / 512
"""Bins of the compared light curves in s."""

MAX_FREQUENCY = 0.25
"""Highest frequency that is compared, in cycles a bin: four lags a cycle resolve a peak."""

SEGMENT_SIZES = (64.0, 32.0, 16.0)
"""Lengths of segments in s; the first is used that cuts less than half of the time away."""

MAX_LAG = 10.0
"""Largest delay in s that is searched, or a quarter of a segment."""

BAND_RATIOS = (1.2, 2.0, 8.0)
"""Ratios of upper to lower frequency of the bands searched for common power: QPOs and noise."""

MIN_PRODUCTS = 64
"""Segments times frequencies of a band, from which on their mean is Gaussian."""

COMMON_ALPHA = 1e-5
"""Probability that noise alone passes for common power, in any band at any lag."""

PEAK = 0.3
"""Peaks of the correlation below this are not mistaken for the highest one."""

TRIALS = 5
"""Factor of the probability of a false delay, since bands and weights are of the same data.

With it, of 800 pairs without a delay whose common power is barely found, 5 are below 0.01 and one
is below 0.001; with more power there are fewer.
"""

BATCH = 32
"""Segments that are transformed at a time."""


class CrossSpectrum(NamedTuple):
    """Keep the averaged cross spectrum A B* of two lists of events, in units of its noise.

    Arguments:
        frequency: in Hz, (F,).
        ratio: cross spectrum in units of the standard deviation of its real part where the modules
            have nothing in common, sqrt(P_A P_B/(2 M)), (F,).
        segments: M, how many were averaged.
        segment_size: in s.
        dt: bins in s.
    """

    frequency: Floats
    ratio: Complex
    segments: int
    segment_size: float
    dt: float

    @property
    def max_lag(self) -> float:
        """Give the largest delay in s that can be searched."""
        return min(MAX_LAG, self.segment_size / 4)

    def lags(self) -> Floats:
        """List the lags in s in the order of a Fourier transform: zero, positive, negative."""
        reach = int(self.max_lag / self.dt)
        return np.concatenate([np.arange(reach + 1), np.arange(-reach, 0)]) * self.dt

    def correlate(self, weight: Floats) -> Floats:
        """Correlate at all lags: sum of weight times Re(ratio exp(-2 pi i f lag)), (..., lags).

        Arguments:
            weight: of each frequency, (..., F).
        """
        bins = round(self.segment_size / self.dt)
        padded = np.zeros((*weight.shape[:-1], bins // 2 + 1), dtype=complex)
        padded[..., 1 : 1 + len(self.ratio)] = weight * self.ratio.conj()
        reach = int(self.max_lag / self.dt)
        whole = fft.irfft(padded, bins, axis=-1) * bins / 2
        return np.concatenate([whole[..., : reach + 1], whole[..., -reach:]], axis=-1)


class Delay(NamedTuple):
    """How much later the second list's times are than the first's.

    Arguments:
        seconds: in s.
        error: standard deviation in s.
        probability: that clocks which agree give a delay as significant as this one.
        frequency: Hz, mean of the common power that was compared.
        highest: frequency in Hz below which nine tenths of that common power lie.
        max_lag: largest delay in s that the search covers.

    Examples:
        >>> round(Delay(3.0, 0.01, 1e-9, 5.0, 6.0, 10.0).suppression, 6)
        1.0
    """

    seconds: float
    error: float
    probability: float
    frequency: float
    highest: float
    max_lag: float

    @property
    def suppression(self) -> float:
        """Give the share of the common power that the delay removes at `highest` Hz."""
        phase = 2 * np.pi * self.highest * abs(self.seconds)
        return float(1 - np.cos(min(phase, np.pi / 2)))


def cross_spectrum(
    first: Floats, second: Floats, gti: Floats, dt: float = CLOCK_DT
) -> CrossSpectrum | None:
    """Average the cross spectrum of two lists of events over segments.

    Arguments:
        first: sorted times in s, (N,).
        second: sorted times in s, (M,).
        gti: common good time intervals in s, (G, 2).
        dt: bins in s.

    Returns:
        the cross spectrum; None where no segment fits, or a list is empty.
    """
    exposure = float(np.diff(gti).sum())
    segment_size, starts = _segments(gti, exposure)
    bins = fft.prev_fast_len(max(1, int(segment_size / dt * (1 + 1e-9))), real=True)
    segment_size = bins * dt
    in_both = [_occupied(times, starts, segment_size) for times in (first, second)]
    starts = starts[in_both[0] & in_both[1]]
    highest = int(MAX_FREQUENCY * bins)
    if len(starts) == 0 or highest < 2:
        return None

    cross = np.zeros(highest, dtype=complex)
    powers = np.zeros((2, highest))
    for i in range(0, len(starts), BATCH):
        own = [_transform(times, starts[i : i + BATCH], bins, dt) for times in (first, second)]
        cross += (own[0] * own[1].conj()).sum(axis=0)
        powers += [(np.abs(each) ** 2).sum(axis=0) for each in own]
    if not powers.any(axis=1).all():
        return None
    mean_powers = [_smoothed(power / len(starts)) for power in powers]
    noise = np.sqrt(mean_powers[0] * mean_powers[1] / (2 * len(starts)))
    frequency = np.arange(1, highest + 1) / segment_size
    ratio: Complex = np.asarray(cross / len(starts) / np.maximum(noise, 1e-300), dtype=complex)
    return CrossSpectrum(frequency, ratio, len(starts), segment_size, dt)


def _segments(gti: Floats, exposure: float) -> tuple[float, Floats]:
    """Choose the length of the segments, and find their starts in s."""
    for size in SEGMENT_SIZES:
        each = [start + size * np.arange((stop - start) // size) for start, stop in gti]
        starts = np.concatenate(each)
        if len(starts) * size >= exposure / 2:
            break
    return size, starts


def _occupied(times: Floats, starts: Floats, segment_size: float) -> NDArray[np.bool_]:
    """Say which segments contain an event: empty ones say nothing, and there may be millions."""
    ends = np.searchsorted(times, starts + segment_size)
    return np.asarray(ends > np.searchsorted(times, starts))


def _transform(times: Floats, starts: Floats, bins: int, dt: float) -> Complex:
    """Transform the counts of segments from the first frequency on, (S, F)."""
    counts = np.zeros((len(starts), bins), dtype=np.float32)
    for row, start in zip(counts, starts, strict=True):
        low, high = np.searchsorted(times, [start, start + bins * dt])
        at_bin = np.minimum((times[low:high] - start) / dt, bins - 1).astype(np.int64)
        row += np.bincount(at_bin, minlength=bins)
    highest = int(MAX_FREQUENCY * bins)
    return np.asarray(fft.rfft(counts, axis=1)[:, 1 : 1 + highest])


def _smoothed(power: Floats) -> Floats:
    """Average a power (F,) over a tenth of each frequency."""
    k = np.arange(1, len(power) + 1)
    low = np.floor(k / 1.1).astype(int).clip(min=1) - 1
    high = np.ceil(k * 1.1).astype(int).clip(max=len(power))
    total = np.concatenate([[0.0], np.cumsum(power)])
    return np.asarray((total[high] - total[low]) / (high - low))


def _bands(found: CrossSpectrum, ratio: float) -> list[slice]:
    """List overlapping bands of one relative width that contain enough products."""
    size = len(found.ratio)
    least = -(-MIN_PRODUCTS // found.segments)
    bands = []
    low = 1.0
    while low + least - 1 <= size:
        start = round(low) - 1
        stop = max(round(low * ratio), start + least)
        bands.append(slice(start, min(stop, size)))
        low = max(low * np.sqrt(ratio), low + least / 2)
    return bands


def common_power(found: CrossSpectrum) -> Floats | None:
    """Find the frequencies at which both modules vary together, at any lag.

    In each band the correlation is searched over all lags. Noise alone passes a level z with a
    probability below sum_b 2 lag f_b exp(-z^2/2) (Rice 1944), which is `COMMON_ALPHA` here. A
    wider band adds only the power that narrower bands did not find.

    Returns:
        the ratio of the common amplitude to the noise, (F,), 0 where nothing is common; None
        where nothing is common at any frequency.
    """
    every = [_bands(found, ratio) for ratio in BAND_RATIOS]
    tops = np.array([found.frequency[band.stop - 1] for bands in every for band in bands])
    crossings = 2 * found.max_lag * float(tops.sum())
    level = np.sqrt(2 * np.log(max(crossings, 1.0) / COMMON_ALPHA))
    snr = np.zeros(len(found.ratio))
    for bands in every:
        is_new = snr == 0
        for band in bands:
            mask = np.zeros(len(snr))
            mask[band] = is_new[band]
            number = mask.sum()
            if number * found.segments < MIN_PRODUCTS:
                continue
            peak = float(found.correlate(mask).max()) / np.sqrt(number)
            if peak > level:
                snr = np.maximum(snr, mask * peak / np.sqrt(number))
    return snr if snr.any() else None


def measure_delay(found: CrossSpectrum) -> Delay | None:
    """Measure how much later the second list's times are than the first's.

    A delay d turns the phase of the cross spectrum by 2 pi f d. Weight w is proportional to the
    ratio of the common amplitude to the noise. Then the sum of w Re(C exp(-2 pi i f d)) is the
    log-likelihood of d. Its maximum is found on a grid of lags, and refined by the phases.

    Arguments:
        found: cross spectrum in units of its noise.

    Returns:
        the delay; None where the modules have too little common power to measure it.
    """
    snr = common_power(found)
    if snr is None:
        return None
    likelihood = found.correlate(snr) / np.sqrt((snr**2).sum())
    lags = found.lags()
    seconds = float(lags[np.argmax(likelihood)])
    angular = 2 * np.pi * found.frequency
    for _ in range(5):
        turned = found.ratio * np.exp(-1j * angular * seconds)
        curvature = float((snr * angular**2 * turned.real).sum())
        step = float((snr * angular * turned.imag).sum()) / curvature if curvature > 0 else 0.0
        seconds += float(np.clip(step, -found.dt, found.dt))

    scatter = float((snr**2 * angular**2).sum())
    fine = np.sqrt(scatter) / curvature if curvature > 0 else np.inf
    frequency = float(np.sqrt((snr**2 * found.frequency**2).sum() / (snr**2).sum()))
    if abs(seconds) * frequency < 0.25:
        slope = float((snr * angular * found.ratio.imag).sum())
        chance = float(erfc(abs(slope) / np.sqrt(2 * scatter)))
    else:  # another peak of the correlation than the one at zero
        excess = max(likelihood.max() ** 2 - max(likelihood[0], 0.0) ** 2, 0.0)
        chance = _peaks(found, snr) * float(erfc(np.sqrt(excess / 2)))
    probability = min(1.0, TRIALS * chance)
    error = float(np.hypot(fine, _ambiguity(likelihood, lags - seconds, frequency)))
    share = np.cumsum(snr**2) / (snr**2).sum()
    highest = float(found.frequency[np.searchsorted(share, 0.9)])
    return Delay(seconds, error, probability, frequency, highest, found.max_lag)


def _peaks(found: CrossSpectrum, snr: Floats) -> int:
    """Count the peaks of the correlation that common power alone makes, and noise may raise."""
    alone = found._replace(ratio=np.ones(len(snr), dtype=complex))
    expected = np.fft.fftshift(alone.correlate(snr**2)) / (snr**2).sum()
    inner = expected[1:-1]
    tops = (inner > expected[:-2]) & (inner >= expected[2:]) & (inner > PEAK)
    return int(tops.sum())


def _ambiguity(likelihood: Floats, distance: Floats, frequency: float) -> float:
    """Find the standard deviation in s that other peaks of the correlation add to a delay.

    Arguments:
        likelihood: correlation in standard deviations at each lag, (L,).
        distance: of each lag from the delay in s, (L,).
        frequency: in Hz.
    """
    odds = np.exp((np.maximum(likelihood, 0.0) ** 2 - likelihood.max() ** 2) / 2)
    other = np.abs(distance) * frequency > 0.5
    return float(np.sqrt((odds * distance**2)[other].sum() / odds.sum()))
