"""Simulate pile-up: photons in one region of a CCD within one frame are read as one event.

The event has the summed energy. Frame times (exposure and transfer) in s, which the keywords
EXPTIME and TIMEDEL of a file's header override where they differ:

- Chandra ACIS, all rows: 3.2 + 0.041; subarrays are shorter (CIAO dictionary, TIMEDEL,
  https://cxc.cfa.harvard.edu/ciao/dictionary/).
- Swift XRT, photon counting: 2.507 (Hill et al. 2004, SPIE 5165, 217).
- XMM-Newton, full frame, large and small window: EPIC-pn 0.0734, 0.0477, 0.0057; MOS 2.6, 0.9, 0.3
  (XMM-Newton Users Handbook, 3.3.2).
- eROSITA: 0.05 (Predehl et al. 2021, A&A 647, A1).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livetime.simulate.ccd import (
    MIGRATION,
    check_frames,
    check_migration,
    check_positive_share,
    migration_parameters,
    migration_values,
)
from livetime.simulate.detector import check_fractions
from livetime.simulate.frame_events import (
    ChannelTables,
    FrameEvents,
    channel_tables,
    read_core,
    read_wings,
)
from livetime.simulate.prior import Prior
from livetime.simulate.response import Response, analytic_response
from livetime.simulate.response_files import read_response

if TYPE_CHECKING:
    from livetime.simulate.counts_spectrum import EnergySpectrum

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class PileUp:
    """Record photons with a CCD that is read frame by frame; the PSF's core covers n regions.

    A fraction f of the photons falls on n regions, in `fracexp T/frame_time` frames. Each region
    collects on average `mu = f frame_time (integral of A S)/(n fracexp)` photons per frame. Their
    energies are summed *before* the redistribution. Sums above the upper threshold are lost, and
    p photons keep a good grade with probability `g0 alpha^(p - 1)`. The other photons, 1 - f, fall
    in the wings and do not pile up. Background neither piles up nor takes frames from the source.

    Standard ARFs are for good grades only; use them with g0 = 1.

    Arguments:
        frame_time: exposure of a frame in s. An exposure T (EXPOSURE, without transfer) has
            T/frame_time frames.
        alpha: grade migration, from 0 to 1; None makes it a parameter.
        psf_fraction: f, from 0 to 1; None makes it a parameter.
        regions: n, how many regions share the core.
        fracexp: fraction of the frames in which the source is exposed (FRACEXPO).
        transfer_time: time in s from the end of an exposure to the start of the next; it shifts
            times only.
        upper_threshold: keV, above which an event is lost; None for the end of the response's
            energies, which is always a threshold.
        g0: probability that a single photon has a good grade.
        arf: path of the effective area; None for one inside the RMF, and without an RMF.
        rmf: path of the redistribution; None for `analytic_response`.

    Raises: ValueError for a number out of its range, one response file without the other, or a
        response that cannot be read.

    Source: Davis (2001, ApJ 562, 575), https://ui.adsabs.harvard.edu/abs/2001ApJ...562..575D

    Examples:
        >>> ccd = PileUp(frame_time=3.2, alpha=0.5)
        >>> ccd.parameters
        ('psf_fraction',)
        >>> ccd.frames(32000.0)
        10000
    """

    frame_time: float = 3.2
    alpha: float | None = None
    psf_fraction: float | None = None
    regions: int = 1
    fracexp: float = 1.0
    transfer_time: float = 0.041
    upper_threshold: float | None = None
    g0: float = 1.0
    arf: str | None = None
    rmf: str | None = None

    simulators: ClassVar[tuple[str, ...]] = ("spectrum",)

    def __post_init__(self) -> None:
        check_frames(self.frame_time, self.transfer_time, self.regions)
        check_migration(self.alpha, self.psf_fraction)
        check_positive_share("fracexp", self.fracexp)
        check_positive_share("g0", self.g0)
        if self.upper_threshold is not None and not self.upper_threshold > 0:
            raise ValueError(
                f"upper_threshold is {self.upper_threshold}, but must be positive; "
                "raise it, or give null"
            )
        if self.arf is not None and self.rmf is None:
            raise ValueError("rmf is missing, but an ARF needs an RMF; give both files")

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return which of `alpha` and `psf_fraction` are parameters."""
        return migration_parameters(self.alpha, self.psf_fraction)

    @property
    def covariates(self) -> tuple[str, ...]:
        """Name the covariates; there are none."""
        return ()

    def check(self, prior: Prior, summary: "EnergySpectrum") -> None:
        """Refuse fractions outside of 0 to 1, too short an exposure, or a band above the
        threshold.

        Raises: ValueError that names the key, the number and the limit.
        """
        check_fractions(prior, self.parameters)
        self.frames(prior.covariates["exposure"].low)
        if self.threshold <= summary.low:
            raise ValueError(
                f"detector.upper_threshold is {self.threshold:g} keV, above which events are lost, "
                f"but must be above summary.low, here {summary.low:g} keV; raise it"
            )

    def at(self, params: Mapping[str, float]) -> "PileUp":
        """Return the detector with the given physical values of its `parameters`."""
        given: dict[str, Any] = {name: float(params[name]) for name in self.parameters}
        return replace(self, **given) if given else self

    def keywords(self, gti: Floats) -> dict[str, float]:
        """Give the FITS keywords of the frames for a spectrum file."""
        return {"TIMEDEL": self.frame_time + self.transfer_time}

    def identity(self) -> dict[str, Any]:
        """List all settings that change the events; the response by its contents."""
        own = {name: value for name, value in asdict(self).items() if name not in ("arf", "rmf")}
        return {"class": type(self).__name__, **own, "response": self.response.digest}

    @cached_property
    def response(self) -> Response:
        """Return effective area and redistribution, read from the files once."""
        if self.rmf is None:
            return analytic_response()
        return read_response(self.arf, self.rmf)

    @cached_property
    def _tables(self) -> ChannelTables:
        return channel_tables(self.response.matrix)

    @property
    def threshold(self) -> float:
        """Return the energy in keV above which an event is lost."""
        end = float(self.response.edges[-1])
        return end if self.upper_threshold is None else min(self.upper_threshold, end)

    def migration(self, params: Mapping[str, ArrayLike]) -> tuple[Floats, Floats]:
        """Return alpha and the PSF fraction, from the options or else from `params`.

        Arguments:
            params: physical values of `parameters`, numbers or shape (n,).

        Raises: ValueError for a value outside 0 to 1.
        """
        values = migration_values(self.alpha, self.psf_fraction, params)
        for name, value in zip(MIGRATION, values, strict=True):
            if not ((value >= 0) & (value <= 1)).all():
                raise ValueError(f"{name} is {value}, but must be between 0 and 1; change it")
        return values

    def frames(self, exposure: float) -> int:
        """Return the number of frames in which the source is exposed.

        Arguments:
            exposure: s.

        Raises: ValueError if no frame fits.
        """
        frames = round(self.fracexp * exposure / self.frame_time)
        if frames < 1:
            raise ValueError(
                f"exposure is {exposure} s, in which no frame of {self.frame_time} s fits"
            )
        return frames

    def mean_photons(self, rate: Floats, psf_fraction: ArrayLike) -> Floats:
        """Compute mu, the mean photons per frame and region, shape (...).

        Arguments:
            rate: incident counts/s A S in each energy bin, shape (..., E).
            psf_fraction: share of the counts in the core of the PSF, shape (...).
        """
        photons = np.asarray(psf_fraction) * self.frame_time * rate.sum(-1)
        return np.asarray(photons / (self.regions * self.fracexp))

    def record(
        self,
        rate: Floats,
        exposure: float,
        params: Mapping[str, float],
        rng: np.random.Generator,
        profile: Floats | None = None,
        background: Floats | None = None,
    ) -> FrameEvents:
        """Draw the events of one exposure, with good and bad grades.

        Arguments:
            rate: incident counts/s A S in each energy bin of the response, shape (E,).
            exposure: s.
            params: physical values of `parameters`.
            rng: the only source of randomness.
            profile: factor of the rate in each frame, shape (frames(exposure),); None for a
                constant rate.
            background: counts/s per channel, shape (C,).

        Raises: ValueError for a rate that is negative or not finite, or a profile of another
        length.

        Examples:
            >>> ccd = PileUp(alpha=0.5, psf_fraction=0.9)
            >>> rate = np.full(len(ccd.response.low), 1e-3)
            >>> events = ccd.record(rate, 320.0, {}, np.random.default_rng(0))
            >>> bool((events.photons > 1).any())
            True
        """
        frames = self.frames(exposure)
        factors = np.ones(1) if profile is None else np.asarray(profile, dtype=np.float64)
        _check_rate(rate, factors, frames)

        alpha, fraction = (float(value) for value in self.migration(params))
        core = self._core(rate, alpha, fraction, frames, factors, rng)
        wing_photons = (1 - fraction) * float(rate.sum()) * exposure
        wings = self._wings(rate, wing_photons, frames, factors, rng)
        parts = [core, wings]
        if background is not None:
            parts.append(_background_events(background * exposure, frames, rng))
        return FrameEvents.merged(parts)

    def _core(
        self,
        rate: Floats,
        alpha: float,
        fraction: float,
        frames: int,
        profile: Floats,
        rng: np.random.Generator,
    ) -> FrameEvents:
        """Draw the events of the core, where photons pile up."""
        mean = float(self.mean_photons(rate, fraction))
        if mean == 0:
            return _no_events()
        edges = self.response.edges
        grades = (self.g0, alpha, self.threshold)
        frame, channel, photons, energy, good = read_core(
            mean, profile, frames, self.regions, grades, rate, edges, self._tables, rng
        )
        outer = np.zeros(len(frame), dtype=np.bool_)
        return FrameEvents(frame, channel, photons, energy, good, outer)

    def _wings(
        self,
        rate: Floats,
        expected: float,
        frames: int,
        profile: Floats,
        rng: np.random.Generator,
    ) -> FrameEvents:
        """Draw the events of the wings, where each photon is an event of its own."""
        frame = _frames_of(expected, frames, profile, rng)
        if len(frame) == 0:
            return _no_events()
        edges = self.response.edges
        channel, energy, good = read_wings(
            len(frame), self.g0, self.threshold, rate, edges, self._tables, rng
        )
        seen = channel >= 0
        return FrameEvents.annulus(frame[seen], channel[seen], 1, energy[seen], good[seen])

    def times(self, events: FrameEvents) -> Floats:
        """Return the start of each event's frame in s since the start of the first frame, (N,).

        Frames without the source are spread evenly between those with it.
        """
        number = np.floor(events.frame / self.fracexp)
        return np.asarray(number * (self.frame_time + self.transfer_time))


def _check_rate(rate: Floats, profile: Floats, frames: int) -> None:
    """Raise ValueError for a rate or a profile that no source has."""
    finite = np.isfinite(float(rate.sum())) and np.isfinite(profile).all()
    if not (finite and rate.min() >= 0 and profile.min() >= 0):
        raise ValueError("the rate or its profile is negative or not finite")
    if len(profile) not in (1, frames):
        raise ValueError(f"a profile of {len(profile)} frames does not fit an exposure of {frames}")


def _frames_of(expected: float, frames: int, profile: Floats, rng: np.random.Generator) -> Integers:
    """Draw the frames of a Poisson number of single events, in proportion to the rate in them."""
    if len(profile) == 1:
        return np.asarray(rng.integers(0, frames, rng.poisson(expected * profile[0])))
    cumulative = np.cumsum(profile)
    n = rng.poisson(expected * cumulative[-1] / frames)
    place = rng.random(n) * cumulative[-1]
    found = np.searchsorted(cumulative, place, side="right")
    return np.asarray(np.minimum(found, frames - 1))


def _background_events(expected: Floats, frames: int, rng: np.random.Generator) -> FrameEvents:
    """Draw background events, at random frames, from the mean counts per channel (C,)."""
    counts = rng.poisson(expected)
    n = int(counts.sum())
    channel = np.repeat(np.arange(len(counts)), counts)
    frame = rng.integers(0, frames, n)
    return FrameEvents.annulus(frame, channel, 0, np.full(n, np.nan), np.ones(n, dtype=np.bool_))


def _no_events() -> FrameEvents:
    none = np.zeros(0, dtype=np.int64)
    return FrameEvents.annulus(none, none, 0, np.zeros(0), np.zeros(0, dtype=np.bool_))
