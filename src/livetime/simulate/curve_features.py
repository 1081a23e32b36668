"""Find features of light curves that are used to classify variable stars."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MIDDLES = (20, 35, 50, 65, 80)
"""Central shares of the points in percent whose flux range is compared with that of 90%."""

PERCENTILES = (5, 10, 17.5, 25, 32.5, 40, 50, 60, 67.5, 75, 82.5, 90, 95)
"""Percentiles that the features need."""

MIN_SPREAD = 1e-9
"""Least standard deviation, mean, median and range by which numbers are divided."""

CURVE_FEATURES = (
    "excess_rms",
    "skew",
    "kurtosis",
    "amplitude",
    "percent_amplitude",
    "beyond_1_std",
    "median_absolute_deviation",
    "median_buffer_range_percentage",
    *(f"flux_percentile_ratio_mid_{middle}" for middle in MIDDLES),
    "percent_difference_flux_percentile",
    "max_slope",
    "pair_slope_trend",
    "stetson_k",
)
"""Names of the features, in order."""


def signed_root(variance: Floats) -> Floats:
    """Find the signed root of a variance, which is negative where the variance is negative.

    Examples:
        >>> signed_root(np.array([-0.04, 0.09])).tolist()
        [-0.2, 0.3]
    """
    return np.asarray(np.sign(variance) * np.sqrt(np.abs(variance)))


def curve_features(counts: NDArray[Any], noise: float = 1.0, live: float = 1.0) -> Floats:
    """Find features of light curves, each divided by its mean.

    - `excess_rms`: signed root of the variance minus that of the noise, over `live`;
    - `skew`, `kurtosis`: third and fourth standardised moments, the latter minus 3;
    - `amplitude`: half of the range;
    - `percent_amplitude`: greatest distance from the median, over the median;
    - `beyond_1_std`: share of points farther than a standard deviation from the mean;
    - `median_absolute_deviation`: median distance from the median;
    - `median_buffer_range_percentage`: share of points within a tenth of the median about it;
    - `flux_percentile_ratio_mid_20`: range of the central 20% of points in units of
      that of 90%;
    - `percent_difference_flux_percentile`: ratio of the range of the central 90% to the
      median;
    - `max_slope`: greatest step from bin to bin;
    - `pair_slope_trend`: share of rises minus that of falls;
    - `stetson_k`: mean distance from the mean over the standard deviation.

    Arguments:
        counts: (S, N) counts in even bins.
        noise: ratio of the variance of the noise to Poisson's: half of the Leahy noise level at low
            frequency.
        live: live-time fraction, by which dead time lowers a slow variation.

    Returns: (S, len(CURVE_FEATURES)).

    Source: Richards et al. (2011, ApJ 733, 10), table 2.

    Examples:
        >>> features = curve_features(np.array([[1.0, 3.0, 1.0, 3.0]]), noise=0.0)
        >>> dict(zip(CURVE_FEATURES, features[0].tolist()))["amplitude"]
        0.5
    """
    total = counts.mean(axis=1, keepdims=True)
    y = counts / np.maximum(total, 0.5 / counts.shape[1])
    deviation = y - y.mean(axis=1)[:, None]
    std = np.maximum(deviation.std(axis=1), MIN_SPREAD)
    excess = std**2 - noise / np.maximum(total[:, 0], MIN_SPREAD)

    quantiles = np.percentile(y, PERCENTILES, axis=1)
    q = dict(zip(PERCENTILES, quantiles, strict=True))
    median = np.maximum(q[50], MIN_SPREAD)
    wide = np.maximum(q[95] - q[5], MIN_SPREAD)
    from_median = np.abs(y - q[50][:, None])
    steps = np.diff(y, axis=1)

    columns = [
        signed_root(excess) / live,
        (deviation**3).mean(axis=1) / std**3,
        (deviation**4).mean(axis=1) / std**4 - 3,
        np.ptp(y, axis=1) / 2,
        np.abs(y - median[:, None]).max(axis=1) / median,
        (np.abs(deviation) > std[:, None]).mean(axis=1),
        np.median(from_median, axis=1),
        (from_median < 0.1 * median[:, None]).mean(axis=1),
        *((q[50 + middle / 2] - q[50 - middle / 2]) / wide for middle in MIDDLES),
        wide / median,
        np.abs(steps).max(axis=1),
        np.sign(steps).mean(axis=1),
        np.abs(deviation).mean(axis=1) / std,
    ]
    return np.stack(columns, axis=1)
