"""Draw the events of CCD frames photon by photon, in compiled loops.

An energy is drawn from the incident spectrum by Walker's alias method, and a channel from a row of
the redistribution matrix by the same method. The tables are built as in Vose (1991,
IEEE Trans. Softw. Eng. 17, 972), https://doi.org/10.1109/32.92917.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy.sparse import csr_array

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]
ChannelTables = tuple[Integers, Integers, Floats, Integers, Floats]

NO_CHANNEL = -1
"""Channel of an energy that the response loses."""


@dataclass(frozen=True)
class FrameEvents:
    """List the events that are read out of the frames of an exposure, in order of time.

    Arguments:
        frame: number of the frame, from 0, shape (N,).
        channel: index of the channel, which starts at 0 even if the first channel has another
            number, (N,).
        photons: number of photons in the event; 0 for background, (N,).
        energy: summed energy in keV before the response; NaN for background, (N,).
        good: whether the event has a good grade, (N,).
        outer: whether it was read in an outer annulus without pile-up, (N,). The annulus has the
            wings of the PSF and the background, since the core is small.

    Examples:
        >>> energy = np.array([0.2, 0.2, 0.3])
        >>> good = np.array([True, True, False])
        >>> wings = FrameEvents.annulus(np.arange(3), np.array([1, 1, 2]), 1, energy, good)
        >>> wings.counts(4).tolist()
        [0, 2, 0, 0]
    """

    frame: Integers
    channel: Integers
    photons: Integers
    energy: Floats
    good: Booleans
    outer: Booleans

    @classmethod
    def annulus(
        cls, frame: Integers, channel: Integers, photons: int, energy: Floats, good: Booleans
    ) -> "FrameEvents":
        """Make events of an outer annulus, all with the same number of photons.

        Arguments:
            frame: number of the frame, shape (N,).
            channel: index of the channel, shape (N,).
            photons: 1 for photons of the wings, 0 for background.
            energy: keV, shape (N,).
            good: whether an event has a good grade, shape (N,).
        """
        n = len(frame)
        outer = np.ones(n, dtype=np.bool_)
        return cls(frame, channel, np.full(n, photons, dtype=np.int64), energy, good, outer)

    @classmethod
    def merged(cls, parts: Sequence["FrameEvents"]) -> "FrameEvents":
        """Merge events of several origins in the order of their frames.

        Arguments:
            parts: at least one; events of the same frame keep the order of the parts.
        """
        order = np.argsort(np.concatenate([part.frame for part in parts]), kind="stable")
        columns = []
        for field in fields(cls):
            column = np.concatenate([getattr(part, field.name) for part in parts])
            columns.append(column[order])
        return cls(*columns)

    def counts(self, channels: int, outer: bool | None = None) -> Integers:
        """Count the good events in each channel, shape (C,).

        Arguments:
            channels: number C of channels.
            outer: True for events of the outer annulus only, False for the core only, None for
                all.
        """
        chosen = self.good
        if outer is not None:
            chosen = self.good & (self.outer == outer)
        return np.bincount(self.channel[chosen], minlength=channels)


@njit(nogil=True, cache=True)
def _alias(weights, start, stop, share, other):  # type: ignore[no-untyped-def]
    """Fill Walker's alias table of weights[start:stop]; indices count from start."""
    n = stop - start
    total = 0.0
    for i in range(start, stop):
        total += weights[i]

    small = np.empty(n, dtype=np.int64)
    large = np.empty(n, dtype=np.int64)
    few = 0
    many = 0
    for i in range(n):
        share[start + i] = weights[start + i] * n / total if total > 0 else 1.0
        other[start + i] = i
        if share[start + i] < 1:
            small[few] = i
            few += 1
        else:
            large[many] = i
            many += 1

    _pair(small, few, large, many, start, share, other)


@njit(nogil=True, cache=True)
def _pair(small, few, large, many, start, share, other):  # type: ignore[no-untyped-def]
    """Fill each small entry of an alias table up to 1 from a large one."""
    while few > 0 and many > 0:
        few -= 1
        i = small[few]
        j = large[many - 1]
        other[start + i] = j
        share[start + j] -= 1 - share[start + i]
        if share[start + j] < 1:
            many -= 1
            small[few] = j
            few += 1
    for k in range(few):
        share[start + small[k]] = 1.0


@njit(nogil=True, cache=True)
def _pick(start, stop, share, other, rng):  # type: ignore[no-untyped-def]
    """Draw an index from start to stop with the weights of an alias table."""
    u = rng.random() * (stop - start)
    i = min(int(u), stop - start - 1)
    return start + (i if u - i < share[start + i] else other[start + i])


@njit(nogil=True, cache=True)
def _row_aliases(data, pointer, share, other, kept):  # type: ignore[no-untyped-def]
    """Fill the alias table of each row, and the probability that it keeps a photon."""
    for row in range(len(pointer) - 1):
        _alias(data, pointer[row], pointer[row + 1], share, other)
        kept[row] = data[pointer[row] : pointer[row + 1]].sum()


def channel_tables(matrix: csr_array) -> ChannelTables:
    """Prepare a redistribution matrix for drawing channels.

    Arguments:
        matrix: probability of each channel for a photon of each energy bin, (E, C).

    Returns: the first entry of each row (E + 1,). For each entry its channel, and its alias table:
        a share and another entry. For each row the probability that a photon is detected (E,).

    Examples:
        >>> tables = channel_tables(csr_array(np.array([[0.5, 0.25]])))
        >>> tables[-1]
        array([0.75])
    """
    pointer = matrix.indptr.astype(np.int64)
    channel = matrix.indices.astype(np.int64)
    share = np.empty(len(channel))
    other = np.empty(len(channel), dtype=np.int64)
    kept = np.empty(len(pointer) - 1)
    _row_aliases(matrix.data, pointer, share, other, kept)
    return pointer, channel, share, other, kept


@njit(nogil=True, cache=True)
def _channel(  # type: ignore[no-untyped-def]
    energy,
    threshold,
    edges,
    first,
    index,
    share,
    other,
    kept,
    rng,
):
    """Draw the channel that an energy is read in, or NO_CHANNEL."""
    if energy > threshold:
        return NO_CHANNEL
    row = np.searchsorted(edges, energy, side="right") - 1
    if row < 0 or row >= len(kept) or first[row] == first[row + 1]:
        return NO_CHANNEL
    if kept[row] < 0.99999 and rng.random() >= kept[row]:
        return NO_CHANNEL
    return index[_pick(first[row], first[row + 1], share, other, rng)]


@njit(nogil=True, cache=True)
def _photon_energy(edges, share, other, rng):  # type: ignore[no-untyped-def]
    """Draw a photon's energy in keV, uniform within the bin that the alias table gives."""
    bin_ = _pick(0, len(share), share, other, rng)
    return edges[bin_] + (edges[bin_ + 1] - edges[bin_]) * rng.random()


@njit(nogil=True, cache=True)
def _next_cell(cell, room, need, mean, profile, cells, regions):  # type: ignore[no-untyped-def]
    """Find the cell in which the integrated rate has grown by `need`, and the room left in it.

    A cell is a region of a frame. A constant rate jumps there in one step.
    """
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
def _alias_table(weights):  # type: ignore[no-untyped-def]
    """Make Walker's alias table of weights."""
    share = np.empty(len(weights))
    other = np.empty(len(weights), dtype=np.int64)
    _alias(weights, 0, len(weights), share, other)
    return share, other


@njit(nogil=True, cache=True)
def _room_for(mean, profile, frames, regions):  # type: ignore[no-untyped-def]
    """Make room for the events of the core: a Poisson number, and at most one in each cell."""
    expected = mean * regions * profile.sum() * (frames / len(profile))
    size = int(min(expected + 8 * np.sqrt(expected) + 16, frames * regions + 1))
    cell_of = np.empty(size, dtype=np.int64)
    channel_of = np.empty(size, dtype=np.int64)
    photons_of = np.empty(size, dtype=np.int64)
    energy_of = np.empty(size)
    good_of = np.empty(size, dtype=np.bool_)
    return cell_of, channel_of, photons_of, energy_of, good_of


@njit(nogil=True, cache=True)
def read_core(  # type: ignore[no-untyped-def]
    mean,
    profile,
    frames,
    regions,
    grades,
    rate,
    edges,
    tables,
    rng,
):
    """Draw the events of the PSF's core, photon by photon over regions and frames.

    A region is read as soon as the next photon falls in another region or frame.

    Arguments:
        mean: mean photons per frame and region.
        profile: factor of the rate in each frame, shape (frames,), or one for all frames.
        frames: number of frames.
        regions: number of regions that share the core.
        grades: g0, alpha, and the threshold in keV above which an event is lost.
        rate: incident counts/s in each energy bin, shape (E,).
        edges: of the energy bins in keV, shape (E + 1,).
        tables: see `channel_tables`.
        rng: the only source of randomness.

    Returns: frame, channel, photons, energy in keV and good grade of each event, (N,) each.
    """
    share, other = _alias_table(rate)
    cells = frames * regions
    cell_of, channel_of, photons_of, energy_of, good_of = _room_for(mean, profile, frames, regions)

    g0, alpha, threshold = grades
    n = 0
    photons = 0
    energy = 0.0
    last = -1
    cell = 0
    room = mean * profile[0]
    while cell < cells:
        need = rng.standard_exponential()
        cell, room = _next_cell(cell, room, need, mean, profile, cells, regions)
        if cell != last and photons > 0:
            channel = _channel(energy, threshold, edges, *tables, rng)  # type: ignore[call-arg]
            if channel >= 0:
                cell_of[n] = last
                channel_of[n] = channel
                photons_of[n] = photons
                energy_of[n] = energy
                good_of[n] = rng.random() < g0 * alpha ** (photons - 1)
                n += 1
            photons = 0
            energy = 0.0
        if cell < cells:
            energy += _photon_energy(edges, share, other, rng)
            photons += 1
            last = cell

    return cell_of[:n] // regions, channel_of[:n], photons_of[:n], energy_of[:n], good_of[:n]


@njit(nogil=True, cache=True)
def read_wings(n, g0, threshold, rate, edges, tables, rng):  # type: ignore[no-untyped-def]
    """Draw channel, energy in keV and good grade of n photons that fall far apart.

    Arguments:
        n: number of photons.
        g0: probability of a good grade.
        threshold: keV above which an event is lost.
        rate: incident counts/s in each energy bin, shape (E,).
        edges: of the energy bins in keV, shape (E + 1,).
        tables: see `channel_tables`.
        rng: the only source of randomness.

    Returns: channel (NO_CHANNEL where the event is lost), energy and good grade, (n,) each.
    """
    share, other = _alias_table(rate)
    channel = np.empty(n, dtype=np.int64)
    energy = np.empty(n)
    good = np.empty(n, dtype=np.bool_)
    for i in range(n):
        energy[i] = _photon_energy(edges, share, other, rng)
        channel[i] = _channel(energy[i], threshold, edges, *tables, rng)  # type: ignore[call-arg]
        good[i] = rng.random() < g0
    return channel, energy, good
