"""One or two modules that see the same source and are blind for a while after each event."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livetime.simulate.binned_dead_time import draw_counts, is_faster
from livetime.simulate.dead_time import (
    DeadTimeDistribution,
    dead_time_distribution,
    modulation_response,
    white_noise,
)
from livetime.simulate.dead_time_events import (
    dead_time_tables,
    draw_all,
    filter_dead_time,
    record_directly,
    record_of_all,
)
from livetime.simulate.detector import Detector, Events, Law, OperatingPoint
from livetime.simulate.light_curve import Rate
from livetime.simulate.prior import Prior
from livetime.simulate.summary import Summary

Floats = NDArray[np.float64]
T = TypeVar("T")

COVARIATES = {
    "dead_time": "dead_time",
    "detectors": "detectors",
    "background": "background_share",
    "kept_fraction": "kept_fraction",
}
"""Options of `DeadTime` that may differ from observation to observation.

Each names the covariate that an option of None becomes.
"""

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


def _given(value: T | None) -> T:
    if value is None:
        raise ValueError(
            "an option of the detector is a covariate; take the detector of one observation, "
            "which DeadTime.at returns"
        )
    return value


@dataclass(frozen=True)
class DeadTime(Detector):
    """Record events with one or two modules, each blind for a dead time after an event.

    A property of the observation rather than of the instrument is a covariate: where
    `dead_time`, `detectors`, `background` or `kept_fraction` is None, its name stands in
    `covariates`, and `at` gives the detector of one observation. The covariate of the background
    is its share of the incident events, `background_share`. With b counts/s of background beside
    a mean rate r of the source, `b = share/(1 - share) r`.

    Arguments:
        modules: 1 or 2, with independent photon noise and dead time.
        dead_time: per event, in s; or `nustar` for the empirical histogram.
        scatter: standard deviation of a Gaussian dead time, as a fraction of `dead_time`.
        paralyzable: whether events that are not recorded cost dead time too, see `dead_time`.
        detectors: number of equal, independent detectors (PCUs, FPMs) that are merged into each
            module's list and share its rate.
        background: constant incident counts/s per module, recorded and counted like the source's.
        kept_fraction: fraction of the recorded events that screening keeps (energy band, good
            grades); all recorded events cost dead time.
        area: effective area of the second module over that of the first; `rate` is the first's.
        frame_time: of the readout in s; an event's time is the middle of its frame; 0 for none.

    Raises: ValueError for other numbers.

    Example:
        >>> detector = DeadTime(modules=1, dead_time=2.5e-3)
        >>> float(detector.recorded(400.0))
        200.0
        >>> DeadTime(1, None).covariates
        ('dead_time',)
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
            raise ValueError(f"modules is {self.modules}, but must be 1 or 2")
        self._check_dead_time()

        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if value is not None and not low <= value <= high:
                raise ValueError(f"{name} is {value}, but must be from {low:g} to {high:g}")

        kept = self.kept_fraction
        if kept is not None and not 0 < kept <= 1:
            raise ValueError(f"kept_fraction is {kept}, but must be above 0 and at most 1")
        if self.area != 1 and self.modules == 1:
            raise ValueError(f"area is {self.area}, but needs two modules; leave it out")

    def _check_dead_time(self) -> None:
        if isinstance(self.dead_time, str):
            if self.dead_time != "nustar":
                raise ValueError(
                    f"dead_time is {self.dead_time!r}, but must be seconds or the word nustar"
                )
            if self.scatter:
                raise ValueError(
                    f"scatter is {self.scatter}, but the empirical dead time has its own; "
                    "leave it out, or give dead_time in seconds"
                )
        elif self.dead_time is not None and not 0 <= self.dead_time < 1:
            raise ValueError(f"dead_time is {self.dead_time}, but must be seconds between 0 and 1")

    @property
    def covariates(self) -> tuple[str, ...]:
        """Name what is known of every observation: the options that are None."""
        return tuple(name for option, name in COVARIATES.items() if getattr(self, option) is None)

    def check(self, prior: Prior, summary: Summary) -> None:
        """Refuse covariates that a paralyzable detector, or no detector, can have.

        Raises: ValueError.
        """
        if not self.covariates:
            return
        if self.paralyzable:
            raise ValueError(
                f"detector.paralyzable is true, but {self.covariates[0]} is a covariate: a recorded "
                "rate would have two solutions; give the detector's options in numbers"
            )
        for edge in ("low", "high"):
            ranges = {name: prior.covariates[name] for name in self.covariates}
            try:
                self.at({"rate": 1.0, **{name: getattr(r, edge) for name, r in ranges.items()}})
            except ValueError as error:
                raise ValueError(
                    f"prior.covariates reaches what no detector has: {error}"
                ) from None

    def at(self, params: Mapping[str, float]) -> "DeadTime":
        """Return the detector of one observation.

        Arguments:
            params: physical values of `covariates` and, for the background, of `rate`.

        Example:
            >>> DeadTime(1, None).at({"dead_time": 1e-3}).dead_time
            0.001
        """
        if not self.covariates:
            return self
        given: dict[str, Any] = {
            name: params[name] for name in self.covariates if name != "background_share"
        }
        if "detectors" in given:
            given["detectors"] = round(given["detectors"])
        if self.background is None:
            share = params["background_share"]
            if not 0 <= share < 1:
                raise ValueError(f"background_share is {share}, but must be from 0 to below 1")
            given["background"] = share / (1 - share) * params["rate"]
        return replace(self, **given)

    @property
    def distribution(self) -> DeadTimeDistribution:
        """Give the distribution of the dead time of an event."""
        return dead_time_distribution(_given(self.dead_time), self._scatter)

    @property
    def _scatter(self) -> float:
        """Give the standard deviation of a Gaussian dead time in s."""
        return 0.0 if isinstance(self.dead_time, str) else self.scatter * _given(self.dead_time)

    @property
    def row_dead_time(self) -> float:
        """Give the dead time in s that each row of a module's event list accounts for.

        Raises: ValueError for a paralyzable detector or frames, whose live time the rows do not
            give.
        """
        if self.paralyzable or self.frame_time:
            raise ValueError(
                "detector is paralyzable or has frames, so that rows do not give its live time; "
                "leave detector.paralyzable and detector.frame_time"
            )
        return 1 - float(self.live_fraction(1.0))

    @property
    def renewal(self) -> bool:
        """Ask whether each list is that of one non-paralyzable detector that sees the source alone."""
        plain = DeadTime(self.modules, self.dead_time, self.scatter)
        return not self.covariates and self == plain

    @property
    def law(self) -> Law:
        """Name the analytic model; there is none if paralyzable, with frames, or unequal areas."""
        beyond = self.paralyzable or self.frame_time > 0 or self.area != 1
        return "" if beyond else "dead time"

    def naive(self) -> "DeadTime":
        """Return the same detector without dead time, its background and screening kept."""
        return DeadTime(
            self.modules, 0.0, background=self.background, kept_fraction=self.kept_fraction
        )

    def identity(self) -> dict[str, Any]:
        """List all that shapes what is recorded, the dead-time histogram by value."""
        if self.dead_time is None:
            return super().identity()
        tau = self.distribution
        histogram = [tau.low.tolist(), tau.high.tolist(), tau.probability.tolist()]
        return {**super().identity(), "histogram": histogram}

    # Events and counts.

    def record(self, rate: Rate, rng: np.random.Generator) -> Events:
        """Draw the recorded events.

        A detector records at a mean rate of r/(1 + r tau), paralyzable r exp(-r tau), where r is
        the incident rate. A rate of NaN gives an event time of NaN.

        Arguments:
            rate: incident counts/s of the source.
            rng: the only source of randomness.
        """
        areas = (1.0, self.area)[: self.modules]
        times = tuple(self._record_module(rate, area, rng) for area in areas)
        return Events(times, np.array([[0.0, rate.duration]]))

    def _record_module(self, rate: Rate, area: float, rng: np.random.Generator) -> Floats:
        background = _given(self.background)
        detectors = _given(self.detectors)
        tables = dead_time_tables(_given(self.dead_time), self._scatter)

        incident = area * float(rate.values.sum(dtype=np.float64)) * rate.dt
        expected = incident + background * rate.duration
        if not np.isfinite(expected):
            return np.full(1, np.nan)

        arguments = (rate.values, rate.dt, area, background, *tables, rng.bit_generator)
        if detectors == 1 and not self.paralyzable:
            shortest = float(tables[0][0])
            if shortest:
                expected = min(expected, rate.duration / shortest)
            times = draw_all(record_directly, expected, *arguments)
        else:
            free = np.zeros(detectors)
            times = draw_all(record_of_all, expected, *arguments, free, self.paralyzable)
        return self._read_out(times, rate.duration, rng)

    def _read_out(self, times: Floats, end: float, rng: np.random.Generator) -> Floats:
        """Apply screening and frames to the recorded events."""
        kept = _given(self.kept_fraction)
        if kept < 1:
            times = times[(rng.random(len(times)) < kept) | np.isnan(times)]
        if self.frame_time:
            times = (np.floor(times / self.frame_time) + 0.5) * self.frame_time
            times = times[~(times >= end)]  # of a last frame that is not complete; NaN stays
        return times

    def binned(
        self, rate: Rate, dt: float, mean: float, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], ...] | None:
        """Draw recorded counts in bins of dt without events, where that is faster.

        Arguments and result as of `Detector.binned`.
        """
        if not is_faster(self, rate, dt, mean):
            return None
        return draw_counts(self, rate, dt, rng)

    def sift(self, incident: Floats, gti: Floats, rng: np.random.Generator) -> Floats:
        """Choose the events of a module that are recorded from a list of incident ones.

        Arguments:
            incident: sorted times in s, shape (N,), of the source.
            gti: good time intervals (G, 2) in s, into which background falls.
            rng: the only source of randomness.

        Returns: sorted times in s.
        """
        lengths = np.diff(gti)[:, 0]
        counts = rng.poisson(_given(self.background) * lengths)
        interval = np.repeat(np.arange(len(gti)), counts)
        background = gti[interval, 0] + lengths[interval] * rng.random(len(interval))
        times = np.sort(np.concatenate([incident, background]))

        tau = self.distribution.draw(len(times), rng)
        place = rng.integers(_given(self.detectors), size=len(times))
        keep = np.zeros(len(times), dtype=np.bool_)
        for detector in range(_given(self.detectors)):
            own = np.flatnonzero(place == detector)
            keep[own] = filter_dead_time(times[own], tau[own], self.paralyzable)
        return self._read_out(times[keep], float(gti[-1, 1]), rng)

    # Exact laws of a module's list of kept events, except for the frames of a readout.

    def recorded(self, rate: ArrayLike) -> Floats:
        """Compute the counts/s that a module records and keeps of a constant source.

        Non-paralyzable `r/(1 + r tau)` for each detector, paralyzable `r exp(-r tau)`.

        Arguments:
            rate: incident counts/s of the source, any shape.
        """
        each = self._each(rate)
        blind = each * self.mean_dead_time
        live = np.exp(-blind) if self.paralyzable else 1 / (1 + blind)
        return np.asarray(_given(self.kept_fraction) * _given(self.detectors) * each * live)

    def live_fraction(self, recorded: ArrayLike) -> Floats:
        """Compute the share of the time that is not within a dead time of a recorded event.

        Arguments:
            recorded: counts/s that a module keeps, any shape.
        """
        kept_of_each = _given(self.kept_fraction) * _given(self.detectors)
        each = np.asarray(recorded, dtype=np.float64) / kept_of_each
        return np.asarray(1 - each * self.mean_dead_time)

    def incident(self, recorded: ArrayLike) -> Floats:
        """Compute the incident counts/s of the source; the inverse of `recorded`.

        Not for a paralyzable detector, whose recorded rate has two solutions. The result is not
        positive where the background alone gives as many counts/s.

        Arguments:
            recorded: counts/s that a module keeps, any shape.
        """
        recorded = np.asarray(recorded, dtype=np.float64)
        live_kept = _given(self.kept_fraction) * self.live_fraction(recorded)
        return np.asarray(recorded / live_kept - _given(self.background))

    def source_share(self, rate: ArrayLike) -> Floats:
        """Compute the share of the events that are the source's.

        Arguments:
            rate: incident counts/s of the source, any shape.
        """
        rate = np.asarray(rate, dtype=np.float64)
        total = np.maximum(rate + _given(self.background), np.finfo(np.float64).tiny)
        return np.asarray(rate / total)

    def white_noise(self, f: ArrayLike, rate: ArrayLike, dt: float | None = None) -> Floats:
        """Compute the Leahy power of a constant source.

        Independent detectors have the level of one of them. Screening moves it towards 2 in
        proportion.

        Arguments:
            f: frequency in Hz, shape (F,).
            rate: incident counts/s of the source, a number or (n,).
            dt: width in s of the bins in which counts are taken; None for unbinned events.

        Returns: shape (F,) or (n, F).
        """
        each = self._each(rate)
        level = white_noise(f, each, self.distribution, dt, paralyzable=self.paralyzable)
        return 2 + _given(self.kept_fraction) * (level - 2)

    def response(self, f: ArrayLike, rate: ArrayLike) -> NDArray[np.complex128]:
        """Compute the fractional amplitude with which a weak modulation of the source comes through.

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
        total = np.asarray(rate, dtype=np.float64) + _given(self.background)
        return np.asarray(total / _given(self.detectors))

    def operating_point(
        self, recorded: float, frequency: Floats, dt: float, params: Mapping[str, float]
    ) -> OperatingPoint:
        """Find live time, incident rate and white noise at a recorded rate.

        The background is `background_share` of the incident events where `params` has it. Where
        no solution exists, the live-time fraction is `MIN_LIVE_FRACTION`.

        Arguments and result as of `Detector.operating_point`.
        """
        live = float(np.maximum(self.live_fraction(recorded), MIN_LIVE_FRACTION))
        incident = recorded / (live * _given(self.kept_fraction))
        background = _given(self.background)
        if "background_share" in params:
            background = params["background_share"] * incident
        source = max(incident - background, MIN_LIVE_FRACTION * incident)

        noise = self._noise_at(live, frequency, dt)
        diluted = replace(self, background=incident - source)
        response = np.maximum(np.abs(diluted.response(frequency[:1], source)[0]), MIN_LIVE_FRACTION)
        gain = recorded * response**2 / noise[0]
        return OperatingPoint(live, source, float(gain), noise)

    def _noise_at(self, live: float, frequency: Floats, dt: float) -> Floats:
        """Compute the white noise (F,) of all events, whatever they are, at a live-time fraction."""
        tau = self.mean_dead_time
        incident = 1.0
        if tau:
            incident = (1 - live) / (live * tau) * _given(self.detectors)
        return replace(self, background=0.0).white_noise(frequency, incident, dt)


IDEAL = DeadTime(1, 0.0)
"""A single module that records every event."""
