"""Pile-up: photons that fall in one region of a CCD within one frame are read as one event of summed energy.

Frame times, exposure and transfer, in s; EXPTIME and TIMEDEL of a file's header come first where they differ:

- Chandra ACIS, all rows: 3.2 + .041; subarrays are shorter (CIAO dictionary, TIMEDEL).
- Swift XRT, photon counting: 2.507 (Hill et al. 2004, SPIE 5165, 217).
- XMM-Newton, full frame, large and small window: EPIC-pn .0734, .0477, .0057; MOS 2.6, .9, .3 (XMM-Newton Users Handbook, 3.3.2).
- eROSITA: .05 (Predehl et al. 2021, A&A 647, A1).
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from livetime.simulate.detector import check_fractions
from livetime.simulate.prior import Prior
from livetime.simulate.response import Response, analytic_response
from livetime.simulate.response_files import read_response

if TYPE_CHECKING:
    from livetime.simulate.counts_spectrum import EnergySpectrum

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class FrameEvents:
    """What is read out of the frames of one exposure, in order of time; (N,) each.

    Arguments:
        frame: number of the frame, from 0.
        channel: index of the channel, from 0 whatever the first channel is called.
        photons: how many photons the event is made of; 0 for background.
        energy: their summed energy in keV, before the response; NaN for background.
        good: whether the event has a good grade.
        outer: whether it was read in an outer annulus, where nothing piles up: the PSF's wings, and the background, for the core is small.
    """

    frame: Integers
    channel: Integers
    photons: Integers
    energy: Floats
    good: NDArray[np.bool_]
    outer: NDArray[np.bool_]

    def counts(self, channels: int, outer: bool | None = None) -> Integers:
        """Good events per channel, (C,): all, or those of the outer annulus, or of the core, alone."""
        chosen = self.good if outer is None else self.good & (self.outer == outer)
        return np.bincount(self.channel[chosen], minlength=channels)


@njit(nogil=True, cache=True)
def _alias(weights, start, stop, share, other):  # type: ignore[no-untyped-def] # pragma: no cover
    """Walker's alias table of weights[start:stop], built as Vose (1991) does; indices count from start."""
    n = stop - start
    total = 0.0
    for i in range(start, stop):
        total += weights[i]
    small, large = np.empty(n, dtype=np.int64), np.empty(n, dtype=np.int64)
    few, many = 0, 0
    for i in range(n):
        share[start + i] = weights[start + i] * n / total if total > 0 else 1.0
        other[start + i] = i
        if share[start + i] < 1:
            small[few] = i
            few += 1
        else:
            large[many] = i
            many += 1
    while few > 0 and many > 0:
        few -= 1
        i, j = small[few], large[many - 1]
        other[start + i] = j
        share[start + j] -= 1 - share[start + i]
        if share[start + j] < 1:
            many -= 1
            small[few] = j
            few += 1
    for k in range(few):
        share[start + small[k]] = 1.0


@njit(nogil=True, cache=True)
def _pick(start, stop, share, other, rng):  # type: ignore[no-untyped-def] # pragma: no cover
    """An index from start to stop with the weights that the table was built of."""
    u = rng.random() * (stop - start)
    i = min(int(u), stop - start - 1)
    return start + (i if u - i < share[start + i] else other[start + i])


@njit(nogil=True, cache=True)
def _row_aliases(data, pointer, share, other, kept):  # type: ignore[no-untyped-def] # pragma: no cover
    for row in range(len(pointer) - 1):
        _alias(data, pointer[row], pointer[row + 1], share, other)
        kept[row] = data[pointer[row] : pointer[row + 1]].sum()


@njit(nogil=True, cache=True)
def _channel(energy, edges, pointer, index, share, other, kept, rng):  # type: ignore[no-untyped-def] # pragma: no cover
    """The channel that an energy is read in, or -1 where the response loses it."""
    row = np.searchsorted(edges, energy, side="right") - 1
    if row < 0 or row >= len(kept) or pointer[row] == pointer[row + 1]:
        return -1
    if kept[row] < 0.99999 and rng.random() >= kept[row]:
        return -1
    return index[_pick(pointer[row], pointer[row + 1], share, other, rng)]


@njit(nogil=True, cache=True)
def _next_cell(cell, room, need, mean, profile, cells, regions):  # type: ignore[no-untyped-def] # pragma: no cover
    """The cell in which the integrated rate has grown by `need`, and what room is left in it; a constant rate jumps there."""
    if need < room:
        return cell, room - need
    need -= room
    if len(profile) == 1:
        ahead = need / (mean * profile[0])
        if ahead >= cells - cell:
            return cells, 0.0
        return cell + 1 + int(ahead), mean * profile[0] * (1 - (ahead - int(ahead)))
    while True:
        cell += 1
        if cell >= cells:
            return cells, 0.0
        room = mean * profile[cell // regions]
        if need < room:
            return cell, room - need
        need -= room


@njit(nogil=True, cache=True)
def _read_core(mean, profile, frames, regions, g0, alpha, threshold, rate, edges, rows, rng):  # type: ignore[no-untyped-def] # pragma: no cover
    """Events of the PSF's core: photon after photon through the frames' regions, read whenever one falls in another cell."""
    share, other = np.empty(len(rate)), np.empty(len(rate), dtype=np.int64)
    _alias(rate, 0, len(rate), share, other)
    cells = frames * regions
    expected = mean * regions * profile.sum() * (frames / len(profile))
    size = int(min(expected + 8 * np.sqrt(expected) + 16, cells + 1))
    cell_of, channel_of, photons_of = (
        np.empty(size, dtype=np.int64),
        np.empty(size, dtype=np.int64),
        np.empty(size, dtype=np.int64),
    )
    energy_of, good_of = np.empty(size), np.empty(size, dtype=np.bool_)
    n, photons, energy, last = 0, 0, 0.0, -1
    cell, room = 0, mean * profile[0]
    while cell < cells:
        cell, room = _next_cell(
            cell, room, rng.standard_exponential(), mean, profile, cells, regions
        )
        if cell != last and photons > 0:
            if energy <= threshold:
                channel = _channel(energy, edges, *rows, rng)  # type: ignore[call-arg]
                if channel >= 0:
                    good = rng.random() < g0 * alpha ** (photons - 1)
                    cell_of[n], channel_of[n], photons_of[n], energy_of[n], good_of[n] = (
                        last,
                        channel,
                        photons,
                        energy,
                        good,
                    )
                    n += 1
            photons, energy = 0, 0.0
        if cell < cells:
            bin_ = _pick(0, len(rate), share, other, rng)
            energy += edges[bin_] + (edges[bin_ + 1] - edges[bin_]) * rng.random()
            photons += 1
            last = cell
    return cell_of[:n] // regions, channel_of[:n], photons_of[:n], energy_of[:n], good_of[:n]


@njit(nogil=True, cache=True)
def _read_wings(frame, g0, threshold, rate, edges, rows, rng):  # type: ignore[no-untyped-def] # pragma: no cover
    """Events of photons that fall far apart, one in each of the given frames."""
    share, other = np.empty(len(rate)), np.empty(len(rate), dtype=np.int64)
    _alias(rate, 0, len(rate), share, other)
    channel, energy, good = (
        np.empty(len(frame), dtype=np.int64),
        np.empty(len(frame)),
        np.empty(len(frame), dtype=np.bool_),
    )
    for i in range(len(frame)):
        bin_ = _pick(0, len(rate), share, other, rng)
        energy[i] = edges[bin_] + (edges[bin_ + 1] - edges[bin_]) * rng.random()
        channel[i] = _channel(energy[i], edges, *rows, rng) if energy[i] <= threshold else -1  # type: ignore[call-arg]
        good[i] = rng.random() < g0
    return channel, energy, good


def _rows(matrix: csr_array) -> tuple[NDArray[np.int64] | Floats, ...]:
    """Pointer, channel indices and alias tables of each row of the redistribution, and the probability that it keeps a photon."""
    pointer, index = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64)
    share, other, kept = (
        np.empty(len(index)),
        np.empty(len(index), dtype=np.int64),
        np.empty(len(pointer) - 1),
    )
    _row_aliases(matrix.data, pointer, share, other, kept)
    return pointer, index, share, other, kept


@dataclass(frozen=True)
class PileUp:
    """A CCD that is read frame by frame, with the core of the PSF on a few regions and its wings spread wide.

    A fraction f of the photons falls on n regions, in `fracexp T/frame_time` frames: each region collects on average
    `mu = f frame_time (integral of A S)/(n fracexp)` photons per frame. Their energies are summed *before* the redistribution, sums above
    the upper threshold are lost, and p photons keep a good grade with probability `g0 alpha^(p - 1)`. The other photons, 1 - f, do not
    pile up. Background, where there is any, neither piles up nor takes frames from the source.

    An ARF for good grades only, as standard ones are, goes with g0 = 1.

    Arguments:
        frame_time: exposure of one frame in s, T/frame_time of them fitting in an exposure (EXPOSURE, without transfer).
        alpha: grade migration, 0 to 1; None makes it a parameter.
        psf_fraction: f, 0 to 1; None makes it a parameter.
        regions: n, how many regions share the core.
        fracexp: fraction of the frames in which the source is exposed (FRACEXPO).
        transfer_time: from the end of one frame's exposure to the start of the next, in s; it shifts times, nothing else.
        upper_threshold: keV, above which an event is lost; None for the end of the response's energies, which always is one.
        g0: probability that a single photon has a good grade.
        arf, rmf: paths of the response; both None for `analytic_response`.

    Raises: ValueError for numbers out of their range, one of two response files alone, or what `read_response` raises.

    Source: Davis (2001, ApJ 562, 575).
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
        if not 0 < self.frame_time < np.inf:
            raise ValueError(f"frame_time is {self.frame_time}, but must be positive")
        if self.upper_threshold is not None and not self.upper_threshold > 0:
            raise ValueError(
                f"upper_threshold is {self.upper_threshold}, but must be positive, or null for none"
            )
        for name in ("alpha", "psf_fraction"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1:
                raise ValueError(
                    f"{name} is {value}, but must be between 0 and 1; null makes it a parameter"
                )
        for name in ("fracexp", "g0"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(
                    f"{name} is {getattr(self, name)}, but must be above 0 and at most 1"
                )
        if self.regions < 1 or not 0 <= self.transfer_time < np.inf:
            raise ValueError(
                f"regions is {self.regions} and transfer_time {self.transfer_time}, but there must be 1 or more, and 0 s or more"
            )
        if (self.arf is None) != (self.rmf is None):
            raise ValueError(
                f"{'arf' if self.arf is None else 'rmf'} is missing: an ARF and an RMF go together"
            )

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(name for name in ("alpha", "psf_fraction") if getattr(self, name) is None)

    @property
    def covariates(self) -> tuple[str, ...]:
        """Name the properties that are known of every observation; there are none."""
        return ()

    def check(self, prior: Prior, summary: "EnergySpectrum") -> None:
        """Refuse fractions beyond 0 to 1, too short an exposure, or a band above the threshold.

        Raises: ValueError that names the key, the number and the limit.
        """
        check_fractions(prior, self.parameters)
        self.frames(prior.covariates["exposure"].low)
        if self.threshold <= summary.low:
            raise ValueError(
                f"detector.upper_threshold is {self.threshold:g} keV, above which events are lost, "
                f"but must be above summary.low, here {summary.low:g} keV"
            )

    def at(self, params: Mapping[str, float]) -> "PileUp":
        """Return the detector with the given physical values of its `parameters`."""
        given: dict[str, Any] = {name: float(params[name]) for name in self.parameters}
        return replace(self, **given) if given else self

    def keywords(self, gti: Floats) -> dict[str, float]:
        """Give the FITS keywords of its frames that a written file has beside the usual ones."""
        return {"TIMEDEL": self.frame_time + self.transfer_time}

    def identity(self) -> dict[str, Any]:
        """List all that shapes what is recorded, the response by its contents."""
        own = {name: value for name, value in asdict(self).items() if name not in ("arf", "rmf")}
        return {"class": type(self).__name__, **own, "response": self.response.digest}

    @cached_property
    def response(self) -> Response:
        return (
            analytic_response()
            if self.arf is None or self.rmf is None
            else read_response(self.arf, self.rmf)
        )

    @cached_property
    def _tables(self) -> tuple[NDArray[np.int64] | Floats, ...]:
        return _rows(self.response.matrix)

    @property
    def threshold(self) -> float:
        """Energy in keV above which an event is lost."""
        end = float(self.response.edges[-1])
        return end if self.upper_threshold is None else min(self.upper_threshold, end)

    def migration(self, params: Mapping[str, ArrayLike]) -> tuple[Floats, Floats]:
        """alpha and PSF fraction, from here or from the parameters, numbers or (n,); ValueError outside 0 to 1."""
        alpha, fraction = (
            np.asarray(params[name] if given is None else given, dtype=np.float64)
            for name, given in (("alpha", self.alpha), ("psf_fraction", self.psf_fraction))
        )
        for name, value in (("alpha", alpha), ("psf_fraction", fraction)):
            if not ((value >= 0) & (value <= 1)).all():
                raise ValueError(f"{name} is {value}, but must be between 0 and 1")
        return alpha, fraction

    def frames(self, exposure: float) -> int:
        """Number of frames in which the source is exposed, of an exposure in s; ValueError if there is none."""
        frames = round(self.fracexp * exposure / self.frame_time)
        if frames < 1:
            raise ValueError(
                f"exposure is {exposure} s, in which no frame of {self.frame_time} s fits"
            )
        return frames

    def mean_photons(self, rate: Floats, psf_fraction: ArrayLike) -> Floats:
        """Mean photons per frame and region, shape (...), of A S in counts/s per energy bin (..., E)."""
        return np.asarray(
            np.asarray(psf_fraction)
            * self.frame_time
            * rate.sum(-1)
            / (self.regions * self.fracexp)
        )

    def record(
        self,
        rate: Floats,
        exposure: float,
        params: Mapping[str, float],
        rng: np.random.Generator,
        profile: Floats | None = None,
        background: Floats | None = None,
    ) -> FrameEvents:
        """The events of one exposure, good and bad.

        Arguments:
            rate: incident counts/s A S in each energy bin of the response, (E,).
            exposure: s.
            params: the values of `parameters`.
            rng: the only source of randomness.
            profile: factor of the rate in each of `frames(exposure)` frames; None for a constant rate.
            background: counts/s per channel, (C,).

        Raises: ValueError for a rate that is negative or not finite, or a profile of another length.
        """
        alpha, fraction = (float(value) for value in self.migration(params))
        frames, total = self.frames(exposure), float(rate.sum())
        profile = np.ones(1) if profile is None else np.asarray(profile, dtype=np.float64)
        if not (
            np.isfinite(total)
            and rate.min() >= 0
            and np.isfinite(profile).all()
            and profile.min() >= 0
        ):
            raise ValueError("the rate or its profile is negative or not finite")
        if len(profile) not in (1, frames):
            raise ValueError(
                f"a profile of {len(profile)} frames does not fit an exposure of {frames}"
            )
        response = self.response
        threshold = self.threshold
        mean = float(self.mean_photons(rate, fraction))
        parts = []
        if mean > 0:
            grades = (self.g0, alpha, threshold)
            core = _read_core(
                mean,
                profile,
                frames,
                self.regions,
                *grades,
                rate,
                response.edges,
                self._tables,
                rng,
            )
            parts.append((*core, np.zeros(len(core[0]), dtype=bool)))
        frame = self._frames_of((1 - fraction) * total * exposure, frames, profile, rng)
        if len(frame):
            channel, energy, good = _read_wings(
                frame, self.g0, threshold, rate, response.edges, self._tables, rng
            )
            seen = channel >= 0
            one, outer = np.ones(seen.sum(), dtype=np.int64), np.ones(seen.sum(), dtype=bool)
            parts.append((frame[seen], channel[seen], one, energy[seen], good[seen], outer))
        if background is not None:
            counts = rng.poisson(background * exposure)
            n = int(counts.sum())
            channel = np.repeat(np.arange(len(counts)), counts)
            none, yes = np.zeros(n, dtype=np.int64), np.ones(n, dtype=bool)
            parts.append((rng.integers(0, frames, n), channel, none, np.full(n, np.nan), yes, yes))
        return _in_order(parts)

    def times(self, events: FrameEvents) -> Floats:
        """Start of each event's frame in s after the first's, (N,); frames without the source lie evenly between the others."""
        return np.asarray(
            np.floor(events.frame / self.fracexp) * (self.frame_time + self.transfer_time)
        )

    def _frames_of(
        self, expected: float, frames: int, profile: Floats, rng: np.random.Generator
    ) -> Integers:
        """Frames of a Poisson number of single events, as likely as the rate in them."""
        if len(profile) == 1:
            return np.asarray(rng.integers(0, frames, rng.poisson(expected * profile[0])))
        cumulative = np.cumsum(profile)
        n = rng.poisson(expected * cumulative[-1] / frames)
        return np.asarray(
            np.minimum(
                np.searchsorted(cumulative, rng.random(n) * cumulative[-1], side="right"),
                frames - 1,
            )
        )


def _in_order(parts: list[tuple[NDArray[np.generic], ...]]) -> FrameEvents:
    if not parts:
        empty = np.zeros(0, dtype=np.int64)
        return FrameEvents(
            empty, empty, empty, np.zeros(0), np.zeros(0, dtype=bool), np.zeros(0, dtype=bool)
        )
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    if len(parts) > 1:
        order = np.argsort(columns[0], kind="stable")
        columns = [column[order] for column in columns]
    return FrameEvents(*columns)
