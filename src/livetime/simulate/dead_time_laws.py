"""Compute dead-time laws exactly, for events that are merged, screened, and have background."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livetime.simulate.dead_time import (
    DeadTimeDistribution,
    dead_time_distribution,
    modulation_response,
    white_noise,
)
from livetime.simulate.detector import Detector, OperatingPoint

Floats = NDArray[np.float64]
T = TypeVar("T")

LIMITS = {
    "scatter": (0, 1),
    "detectors": (1, 1000),
    "background": (0, 1e9),
    "area": (0.01, 100),
    "frame_time": (0, 10),
}
"""Lowest and highest value of an option."""

MIN_LIVE_FRACTION = 1e-3
"""Lowest live-time fraction, share of the source and response that a summary takes."""


def given(value: T | None) -> T:
    """Return an option of a detector.

    Raises: ValueError if it is a covariate, which has no value before `Detector.at`.
    """
    if value is None:
        raise ValueError(
            "an option of the detector is a covariate; take the detector of one observation, "
            "which DeadTime.at returns"
        )
    return value


@dataclass(frozen=True)
class DeadTimeLaws(Detector):
    """Compute the effect of dead time on a constant source and on a weak modulation of it.

    The laws describe the events that a module records and keeps. Readout frames are not included.

    Arguments: as of `DeadTime`, which draws the events.

    Raises: ValueError for impossible numbers.
    """

    modules: Literal[1, 2] = 2
    dead_time: float | Literal["nustar"] | None = "nustar"
    scatter: float = 0.0
    paralyzable: bool = False
    detectors: int | None = 1
    background: float | None = 0.0
    kept_fraction: float | None = 1.0
    area: float = 1.0
    frame_time: float = 0.0

    def __post_init__(self) -> None:
        if self.modules not in (1, 2):
            raise ValueError(f"modules is {self.modules}, but must be 1 or 2; give one of these")
        self._check_dead_time()

        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(
                    f"{name} is {value}, but must be from {low:g} to {high:g}; change it"
                )

        kept = self.kept_fraction
        if kept is not None and not 0 < kept <= 1:
            raise ValueError(
                f"kept_fraction is {kept}, but must be above 0 and at most 1; change it"
            )
        if self.area != 1 and self.modules == 1:
            raise ValueError(f"area is {self.area}, but needs two modules; leave it out")

    def _check_dead_time(self) -> None:
        if isinstance(self.dead_time, str):
            if self.dead_time != "nustar":
                raise ValueError(
                    f"dead_time is {self.dead_time!r}, but must be seconds or nustar; "
                    "give one of these"
                )
            if self.scatter:
                raise ValueError(
                    f"scatter is {self.scatter}, but the empirical dead time includes scatter; "
                    "leave it out, or give dead_time in seconds"
                )
        elif self.dead_time is not None and not 0 <= self.dead_time < 1:
            raise ValueError(
                f"dead_time is {self.dead_time}, but must be 0 to below 1 s; change it"
            )

    @property
    def distribution(self) -> DeadTimeDistribution:
        """Give the distribution of the dead time of an event."""
        return dead_time_distribution(given(self.dead_time), self._scatter)

    @property
    def _scatter(self) -> float:
        """Give the standard deviation of a Gaussian dead time in s."""
        return 0.0 if isinstance(self.dead_time, str) else self.scatter * given(self.dead_time)

    @property
    def row_dead_time(self) -> float:
        """Give the ratio of the total dead time in s to the number of rows of an event list.

        Raises: ValueError for a paralyzable detector or frames, for which this number does not
            exist.
        """
        if self.paralyzable or self.frame_time:
            raise ValueError(
                "detector is paralyzable or has frames, so the number of listed events does not "
                "give the live time; set paralyzable=false and frame_time=0"
            )
        return 1 - float(self.live_fraction(1.0))

    def recorded(self, rate: ArrayLike) -> Floats:
        """Compute the counts/s of a constant source that remain after dead time and screening.

        Non-paralyzable `r/(1 + r tau)` for each detector, paralyzable `r exp(-r tau)`.

        Arguments:
            rate: incident counts/s of the source, any shape.
        """
        each = self._each(rate)
        blind = each * self.mean_dead_time
        live = np.exp(-blind) if self.paralyzable else 1 / (1 + blind)
        return np.asarray(given(self.kept_fraction) * given(self.detectors) * each * live)

    def live_fraction(self, recorded: ArrayLike) -> Floats:
        """Compute the live-time fraction.

        Arguments:
            recorded: counts/s that a module keeps, any shape.
        """
        kept_of_each = given(self.kept_fraction) * given(self.detectors)
        each = np.asarray(recorded, dtype=np.float64) / kept_of_each
        return np.asarray(1 - each * self.mean_dead_time)

    def incident(self, recorded: ArrayLike) -> Floats:
        """Compute the incident counts/s of the source; the inverse of `recorded`.

        A paralyzable detector is refused, since its recorded rate has two solutions. The result is
        not positive where the background alone gives as many counts/s.

        Arguments:
            recorded: counts/s that a module keeps, any shape.
        """
        recorded = np.asarray(recorded, dtype=np.float64)
        live_kept = given(self.kept_fraction) * self.live_fraction(recorded)
        return np.asarray(recorded / live_kept - given(self.background))

    def source_share(self, rate: ArrayLike) -> Floats:
        """Compute the share of the events that are from the source.

        Arguments:
            rate: incident counts/s of the source, any shape.
        """
        rate = np.asarray(rate, dtype=np.float64)
        total = np.maximum(rate + given(self.background), np.finfo(np.float64).tiny)
        return np.asarray(rate / total)

    def white_noise(self, f: ArrayLike, rate: ArrayLike, dt: float | None = None) -> Floats:
        """Compute the Leahy power of a constant source.

        Independent detectors have the level of one of them. If screening keeps a fraction k, the
        difference from 2 is multiplied by k.

        Arguments:
            f: frequency in Hz, shape (F,).
            rate: incident counts/s of the source, a number or (n,).
            dt: width in s of the bins in which counts are taken; None for unbinned events.

        Returns: shape (F,) or (n, F).
        """
        each = self._each(rate)
        level = white_noise(f, each, self.distribution, dt, paralyzable=self.paralyzable)
        return 2 + given(self.kept_fraction) * (level - 2)

    def response(self, f: ArrayLike, rate: ArrayLike) -> NDArray[np.complex128]:
        """Compute the factor by which the amplitude of a weak modulation of the source is
        multiplied.

        The background dilutes it.

        Arguments:
            f: frequency in Hz, shape (F,).
            rate: incident counts/s of the source, a number or (n,).

        Returns: shape (F,) or (n, F), complex.
        """
        response = modulation_response(f, self._each(rate), self.distribution, self.paralyzable)
        return np.asarray(self.source_share(rate)[..., None] * response)

    def _each(self, rate: ArrayLike) -> Floats:
        """Compute the incident counts/s of one of the detectors."""
        total = np.asarray(rate, dtype=np.float64) + given(self.background)
        return np.asarray(total / given(self.detectors))

    def operating_point(
        self, recorded: float, frequency: Floats, dt: float, params: Mapping[str, float]
    ) -> OperatingPoint:
        """Find live time, incident rate and white noise at a recorded rate.

        The background is `background_share` of the incident events where `params` has it. Where
        no solution exists, the live-time fraction is `MIN_LIVE_FRACTION`.

        Arguments and result as of `Detector.operating_point`.
        """
        live = float(np.maximum(self.live_fraction(recorded), MIN_LIVE_FRACTION))
        incident = recorded / (live * given(self.kept_fraction))
        background = given(self.background)
        if "background_share" in params:
            background = params["background_share"] * incident
        source = max(incident - background, MIN_LIVE_FRACTION * incident)

        noise = self._noise_at(live, frequency, dt)
        diluted = replace(self, background=incident - source)
        response = np.maximum(np.abs(diluted.response(frequency[:1], source)[0]), MIN_LIVE_FRACTION)
        gain = recorded * response**2 / noise[0]
        return OperatingPoint(live, source, float(gain), noise)

    def _noise_at(self, live: float, frequency: Floats, dt: float) -> Floats:
        """Compute the white noise (F,) of all events at a live-time fraction."""
        tau = self.mean_dead_time
        incident = 1.0
        if tau:
            incident = (1 - live) / (live * tau) * given(self.detectors)
        return replace(self, background=0.0).white_noise(frequency, incident, dt)
