"""Define a sum of an unknown number of Lorentzians, ordered by frequency."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livetime.sources.distribution import MAX_RMS
from livetime.sources.general import GeneralSource, check_band, column

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int64]

POWER_BINS = 32
"""Frequency bins in which an answer gives the power."""
OVERTONE_RATIO = (0.1, 1.0)
"""Range of the ratio of an overtone's rms to its fundamental's, on a logarithmic scale."""
OVERTONE_ABSENT = 0.5
"""Prior probability that an overtone is absent."""


def lorentzian_power(
    f: ArrayLike, rms: ArrayLike, frequency: ArrayLike, quality: ArrayLike
) -> Floats:
    """Compute a Lorentzian in the parameters of Belloni, Psaltis & van der Klis (2002).

        P(f) = r^2/pi Delta/(Delta^2 + (f - nu0)^2),
        nu_max^2 = nu0^2 + Delta^2,  Q = nu0/(2 Delta)

    Their r is normalised over -inf < f < inf. Here `rms` is normalised over f > 0, so that the
    variances of components add up to that of the rate: rms^2 = r^2 (1/2 + arctan(2 Q)/pi). It is
    0.71 r for Q = 0, 0.96 r for Q = 2, and r for Q to infinity.

    Arguments:
        f: frequency in Hz, broadcast against the other arguments.
        rms: fractional rms amplitude over f > 0.
        frequency: nu_max in Hz, where f P(f) is greatest.
        quality: Q, at least 0; Q = 0 is centred on zero.

    Returns: power in (fractional rms)^2/Hz.

    Source: Belloni, Psaltis & van der Klis (2002, ApJ 572, 392), sect. 2,
    https://ui.adsabs.harvard.edu/abs/2002ApJ...572..392B

    Examples:
        >>> lorentzian_power(1.0, 0.1, 1.0, 0.0).round(6).item()  # rms^2/(pi nu_max)
        0.003183
    """
    amplitude = np.asarray(rms, dtype=np.float64)
    q = np.asarray(quality, dtype=np.float64)
    centroid, half_width = centroid_and_width(frequency, q)
    share = 0.5 + np.arctan(2 * q) / np.pi
    distance = np.asarray(f) - centroid
    return np.asarray(amplitude**2 / share / np.pi * half_width / (half_width**2 + distance**2))


def centroid_and_width(frequency: ArrayLike, quality: ArrayLike) -> tuple[Floats, Floats]:
    """Convert nu_max in Hz and Q into centroid nu0 and half width Delta at half maximum, in Hz.

    Examples:
        >>> nu0, delta = centroid_and_width(5.0, 0.0)
        >>> float(nu0), float(delta)
        (0.0, 5.0)
    """
    q = np.asarray(quality, dtype=np.float64)
    half_width = np.asarray(frequency, dtype=np.float64) / np.sqrt(1 + 4 * q**2)
    return np.asarray(2 * q * half_width), half_width


@dataclass(frozen=True)
class LorentzianSet:
    """List the Lorentzians of a source; overtones follow the components.

    Arguments:
        rms: fractional rms over f > 0, (..., N); 0 where there is no component.
        frequency: nu_max in Hz, (..., N).
        quality: (..., N).
        components: number of present components, overtones not counted, (...).
    """

    rms: Floats
    frequency: Floats
    quality: Floats
    components: Integers


@dataclass(frozen=True)
class Lorentzians(GeneralSource):
    """Simulate a rate whose power spectrum is a sum of up to `number` Lorentzians.

    The prior is a box of quantiles from 0 to 1, which the source maps to rms and frequencies:

    - `lorentzian<i>_amplitude` u: component i is absent for u < p_i, and so are all that follow.
      Else ln(rms) is flat, and (u - p_i)/(1 - p_i) is its quantile in the range. By default
      p_i = 1/(number + 2 - i), with which every number of components is equally probable.
    - `lorentzian<i>_place` v: nu_max of the k present components is that of k ordered draws,
      flat in the logarithm. With y the quantile in the range, and y_0 = 0,
      `1 - y_i = (1 - y_{i-1}) (1 - v)^{1/(k + 1 - i)}`. So labels do not switch.
    - `lorentzian<i>_quality` is Q itself.
    - `overtone<j>` u: the component of the greatest Q has a Lorentzian at (j + 1) nu0 of the same
      Q. It is absent for u < 1/2; else its rms is 0.1 to 1 of the fundamental's, flat in the
      logarithm.

    The parameters of a component that is absent have no effect. `derived` gives their meaning.

    Arguments:
        number: greatest number of components.
        rms: range of the rms of a present component, over f > 0.
        frequency: range of nu_max in Hz.
        overtones: number of overtones of the most coherent component.
        absent: prior probability that a component is absent if the one before is present; None
            for equally probable numbers.
        dt, stretch: see `GeneralSource`.

    Raises: ValueError for a number below 1, a probability outside of 0 to 1, or a range beyond the
        Nyquist frequency or the greatest rms.

    Examples:
        >>> source = Lorentzians(number=1)
        >>> source.parameters[:3]
        ('lorentzian1_amplitude', 'lorentzian1_place', 'lorentzian1_quality')
        >>> params = {source.parameters[0]: [0.2, 0.75], source.parameters[1]: 0.5}
        >>> found = source.derived({**params, source.parameters[2]: 4.0})
        >>> found["components"].tolist(), found["lorentzian1_rms"].round(3).tolist()
        ([0.0, 1.0], [0.0, 0.089])
    """

    number: int = 6
    rms: tuple[float, float] = (0.02, 0.4)
    frequency: tuple[float, float] = (0.1, 60.0)
    overtones: int = 0
    absent: float | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.number < 1 or self.overtones < 0:
            raise ValueError(
                f"number is {self.number} and overtones {self.overtones}, but must be at least 1 "
                "and 0; raise them"
            )
        if self.absent is not None and not 0 <= self.absent < 1:
            raise ValueError(f"absent is {self.absent}, but must be from 0 to below 1; change it")
        check_band("rms", self.rms, MAX_RMS / np.sqrt(self.number + self.overtones))
        check_band("frequency", self.frequency, 1 / (2 * self.dt))

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the names of the parameters of all components, then overtones and the rate."""
        fields = ("amplitude", "place", "quality")
        own = [f"lorentzian{i}_{field}" for i in self._labels for field in fields]
        tied = [f"overtone{j}" for j in range(1, self.overtones + 1)]
        return (*own, *tied, "skewness", "rate")

    @property
    def _labels(self) -> range:
        return range(1, self.number + 1)

    @property
    def absence(self) -> Floats:
        """Return the prior probability (N,) of absence, if the components before are present."""
        if self.absent is not None:
            return np.full(self.number, self.absent)
        return 1 / (self.number + 2 - np.arange(1.0, self.number + 1))

    def power(self, f: Floats, params: Mapping[str, ArrayLike]) -> Floats:
        """Compute the power spectrum of the rate, see `GeneralSource.power`."""
        found = self.lorentzians(params)
        total: Floats = np.zeros(1)
        for i in range(found.rms.shape[-1]):
            fields = (found.rms[..., i], found.frequency[..., i], found.quality[..., i])
            if np.any(fields[0]):
                total = total + lorentzian_power(f, *map(column, fields))
        shape = (*found.components.shape, len(f))
        return np.array(np.broadcast_to(total, shape))

    def lorentzians(self, params: Mapping[str, ArrayLike]) -> LorentzianSet:
        """Find rms, nu_max and Q of all components and overtones.

        Arguments:
            params: physical value of each of `parameters`, a number or (n,).
        """
        own = [name for name in self.parameters[:-2] if name in params]
        arrays = np.broadcast_arrays(*(np.asarray(params[name], float) for name in own))
        params = dict(zip(own, arrays, strict=True))

        u = self._stack(params, "amplitude")
        v = self._stack(params, "place")
        quality = self._stack(params, "quality")
        present = np.logical_and.accumulate(u >= self.absence, axis=-1)
        components = present.sum(axis=-1)

        shares = (u - self.absence) / (1 - self.absence)
        rms = np.where(present, _log_range(self.rms, shares), 0.0)
        frequency = self._ordered(v, components)
        found = LorentzianSet(rms, frequency, quality, components)
        return self._with_overtones(found, params) if self.overtones else found

    def _stack(self, params: Mapping[str, ArrayLike], field: str) -> Floats:
        """Put a field of all components into one array, (..., N)."""
        values = [params[f"lorentzian{i}_{field}"] for i in self._labels]
        return np.stack(values, axis=-1)

    def _ordered(self, v: Floats, components: Integers) -> Floats:
        """Find nu_max of the present components in rising order, from prior quantiles (..., N)."""
        above = np.ones(np.broadcast_shapes(v.shape[:-1], components.shape))
        places = []
        for i in range(self.number):
            following = np.maximum(components - i, 1)
            above = above * (1 - v[..., i]) ** (1 / following)
            places.append(1 - above)
        return _log_range(self.frequency, np.stack(places, axis=-1))

    def _with_overtones(
        self, found: LorentzianSet, params: Mapping[str, ArrayLike]
    ) -> LorentzianSet:
        """Add the overtones of the most coherent component."""
        coherence = np.where(found.rms > 0, found.quality, -1.0)
        at = coherence.argmax(axis=-1)[..., None]
        fields = (found.rms, found.frequency, found.quality)
        base = [np.take_along_axis(each, at, axis=-1) for each in fields]

        rms, frequency, quality = ([each] for each in fields)
        for j in range(1, self.overtones + 1):
            u = column(params[f"overtone{j}"])
            share = (u - OVERTONE_ABSENT) / (1 - OVERTONE_ABSENT)
            ratio = np.where(share >= 0, _log_range(OVERTONE_RATIO, share), 0.0)
            rms.append(base[0] * ratio)
            frequency.append((j + 1) * base[1])
            quality.append(base[2])
        return LorentzianSet(
            np.concatenate(rms, axis=-1),
            np.concatenate(frequency, axis=-1),
            np.concatenate(quality, axis=-1),
            found.components,
        )

    def derived(self, params: Mapping[str, ArrayLike]) -> dict[str, Floats]:
        """Give the number of components, and rms, nu_max and centroid of each.

        The rms of an absent component is 0, and its frequencies are NaN.
        """
        found = self.lorentzians(params)
        absent = np.where(found.rms > 0, 0.0, np.nan)
        frequency = found.frequency + absent
        centroid, _ = centroid_and_width(frequency, found.quality)
        out: dict[str, Floats] = {"components": found.components.astype(np.float64)}
        names = [f"lorentzian{i}" for i in self._labels]
        names += [f"overtone{j}" for j in range(1, self.overtones + 1)]
        for i, name in enumerate(names):
            out[f"{name}_rms"] = found.rms[..., i]
            out[f"{name}_frequency"] = frequency[..., i]
            out[f"{name}_centroid"] = centroid[..., i]
        return out

    def probabilities(self, params: Mapping[str, ArrayLike]) -> dict[str, float]:
        """Find the probability of each number of components, and of each one's presence."""
        found = self.lorentzians(params)
        counts = np.bincount(np.atleast_1d(found.components), minlength=self.number + 1)
        shares = counts / counts.sum()
        out = {f"number of components is {k}": float(share) for k, share in enumerate(shares)}
        for i in self._labels:
            out[f"lorentzian{i} is present"] = float(shares[i:].sum())
        for j in range(self.overtones):
            present = found.rms[..., self.number + j] > 0
            out[f"overtone{j + 1} is present"] = float(np.mean(present))
        return out

    @property
    def edges(self) -> Floats:
        """Return the edges of `POWER_BINS` bins over the range of nu_max in Hz."""
        return np.geomspace(*self.frequency, POWER_BINS + 1)

    @property
    def readable(self) -> tuple[str, ...]:
        """Return the names of the parameters that are physical quantities."""
        return ("skewness", "rate")


def _log_range(edges: tuple[float, float], place: Floats) -> Floats:
    """Find the value at a quantile from 0 to 1 of a range, on a logarithmic scale."""
    low, high = edges
    return np.asarray(low * (high / low) ** place)
