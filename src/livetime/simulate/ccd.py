"""Check the options of every CCD with pile-up: grade migration and PSF fraction."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
MIGRATION = ("alpha", "psf_fraction")
"""Options that are shares from 0 to 1, and that become parameters where they are None."""


def migration_parameters(alpha: float | None, psf_fraction: float | None) -> tuple[str, ...]:
    """Return which of the options `alpha` and `psf_fraction` are parameters.

    Examples:
        >>> migration_parameters(None, 0.9)
        ('alpha',)
    """
    options = zip(MIGRATION, (alpha, psf_fraction), strict=True)
    return tuple(name for name, value in options if value is None)


def migration_values(
    alpha: float | None, psf_fraction: float | None, params: Mapping[str, ArrayLike]
) -> tuple[Floats, Floats]:
    """Return alpha and the PSF fraction; an option that is left out comes from `params`.

    Arguments:
        alpha: grade migration: p photons have a good grade with probability g0 alpha^(p-1).
        psf_fraction: fraction of the photons that fall on the core of the PSF.
        params: physical values of the options left to the prior, numbers or shape (n,).

    Examples:
        >>> migration_values(None, 0.9, {"alpha": 0.5})
        (array(0.5), array(0.9))
    """
    migration = params["alpha"] if alpha is None else alpha
    fraction = params["psf_fraction"] if psf_fraction is None else psf_fraction
    return np.asarray(migration, dtype=np.float64), np.asarray(fraction, dtype=np.float64)


def check_migration(alpha: float | None, psf_fraction: float | None) -> None:
    """Raise ValueError unless alpha and the PSF fraction are from 0 to 1, or None."""
    for name, value in zip(MIGRATION, (alpha, psf_fraction), strict=True):
        if value is not None and not 0 <= value <= 1:
            raise ValueError(
                f"{name} is {value}, but must be between 0 and 1; give such a share, "
                "or null for a parameter"
            )


def check_frames(frame_time: float, transfer_time: float, regions: int) -> None:
    """Raise ValueError for frame times in s, or a number of regions, that are impossible."""
    if not 0 < frame_time < np.inf:
        raise ValueError(
            f"frame_time is {frame_time}, but must be positive and finite; give a time in s"
        )
    if not 0 <= transfer_time < np.inf:
        raise ValueError(
            f"transfer_time is {transfer_time}, but must be 0 s or more and finite; change it"
        )
    if regions < 1:
        raise ValueError(f"regions is {regions}, but must be 1 or more; raise it")


def check_positive_share(name: str, value: float) -> None:
    """Raise ValueError unless a share is above 0 and at most 1."""
    if not 0 < value <= 1:
        raise ValueError(f"{name} is {value}, but must be above 0 and at most 1; change it")
