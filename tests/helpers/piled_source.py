"""A spectrum of incident photons for tests of pile-up, and chi-square of its counts."""

import numpy as np
from scipy import stats

from livetime.simulate.photon_spectrum import PhotonSpectrum
from livetime.simulate.response import analytic_response

RESPONSE = analytic_response()
CENTRE = (RESPONSE.low + RESPONSE.high) / 2
POWER = PhotonSpectrum({"powerlaw": "powerlaw"}, absorption=None)
PARAMS = {"powerlaw_norm": 1.0, "powerlaw_index": 1.7}


def spectrum(detector, mean, shape=None):
    """Make counts/s in each energy bin, with so many photons per frame and region.

    The shape is a power law if none is given.
    """
    if shape is None:
        shape = POWER.photons(RESPONSE.low, RESPONSE.high, PARAMS) * RESPONSE.area
    return shape * mean / detector.mean_photons(shape, detector.psf_fraction)


def soft():
    """Make photons of 0.5 to 1 keV: eleven of them fit below the end of the response."""
    return np.where((RESPONSE.low > 0.5) & (RESPONSE.high < 1.0), 1.0, 0.0)


def exposure_for(model, rate, counts):
    """Find the seconds that are expected to give so many counts."""
    return counts / (model.expected(rate, 1e6, {}).sum() / 1e6)


def chi_square(counts, core, poisson, trials, least=50):
    """Find chi-square of groups of so many expected counts or more, and its probability.

    The covariance is that of a multinomial plus Poisson counts.
    """
    mean = trials * core + poisson
    group = np.minimum(np.floor(np.cumsum(mean) / least), np.floor(mean.sum() / least) - 1).astype(
        int
    )
    group = np.unique(group, return_inverse=True)[1]
    d, p, variance = (np.bincount(group, x) for x in (counts - mean, core, mean))
    covariance = np.diag(variance) - trials * np.outer(p, p)
    value = d @ np.linalg.solve(covariance, d)
    return value, stats.chi2.sf(value, len(d))
