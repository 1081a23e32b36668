"""Record events with one or two modules that are blind for a dead time after each event."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetime.simulate.binned_dead_time import counts_are_faster, draw_counts
from livetime.simulate.dead_time_events import (
    dead_time_tables,
    draw_all,
    filter_dead_time,
    record_directly,
    record_of_all,
)
from livetime.simulate.dead_time_laws import DeadTimeLaws, given
from livetime.simulate.detector import Events, Law
from livetime.simulate.light_curve import Rate
from livetime.simulate.prior import Prior
from livetime.simulate.summary import Summary

Floats = NDArray[np.float64]

COVARIATES = {
    "dead_time": "dead_time",
    "detectors": "detectors",
    "background": "background_share",
    "kept_fraction": "kept_fraction",
}
"""Options of `DeadTime` that may differ from observation to observation.

Each names the covariate that an option of None becomes.
"""


@dataclass(frozen=True)
class DeadTime(DeadTimeLaws):
    """Record events with one or two modules, each blind for a dead time after an event.

    `dead_time`, `detectors`, `background` and `kept_fraction` may be None. They are then
    covariates: properties of an observation rather than of the instrument. `at` returns the
    detector of one observation. The covariate of the background is its share of the incident
    events, `background_share`. For a mean rate r of the source the background has
    `share/(1 - share) r` counts/s.

    Arguments:
        modules: 1 or 2, with independent photon noise and dead time.
        dead_time: per event, in s; or `nustar` for the empirical histogram.
        scatter: standard deviation of a Gaussian dead time, as a fraction of `dead_time`.
        paralyzable: whether lost events cause dead time too; see the module `dead_time`.
        detectors: number of equal, independent detectors (PCUs, FPMs) that are merged into each
            module's list and share its rate.
        background: constant incident counts/s per module; its events cause dead time too.
        kept_fraction: fraction of the recorded events that screening keeps (energy band, good
            grades); all recorded events cause dead time.
        area: ratio of the effective area of the second module to that of the first; `rate` is the
            first's.
        frame_time: time of a readout frame in s; events get the middle of their frame as time. 0
            for no frames.

    Raises: ValueError for other numbers.

    Examples:
        >>> detector = DeadTime(modules=1, dead_time=2.5e-3)
        >>> float(detector.recorded(400.0))
        200.0
        >>> DeadTime(1, None).covariates
        ('dead_time',)
    """

    @property
    def covariates(self) -> tuple[str, ...]:
        """Name the covariates: options left as None, whose values each observation gives."""
        left_out = [option for option in COVARIATES if getattr(self, option) is None]
        return tuple(COVARIATES[option] for option in left_out)

    def check(self, prior: Prior, summary: Summary) -> None:
        """Refuse covariates of a paralyzable detector, and impossible ranges of covariates.

        Raises: ValueError.
        """
        if not self.covariates:
            return
        if self.paralyzable:
            raise ValueError(
                f"detector.paralyzable is true, but {self.covariates[0]} is a covariate, so that a "
                "recorded rate has two solutions; give the detector's options in numbers"
            )
        ranges = [prior.covariates[name] for name in self.covariates]
        lowest = {name: r.low for name, r in zip(self.covariates, ranges, strict=True)}
        highest = {name: r.high for name, r in zip(self.covariates, ranges, strict=True)}
        for edges in (lowest, highest):
            try:
                self.at({"rate": 1.0, **edges})
            except ValueError as error:
                raise ValueError(
                    f"prior.covariates reaches what no detector has: {error}"
                ) from None

    def at(self, params: Mapping[str, float]) -> "DeadTime":
        """Return the detector of one observation.

        Arguments:
            params: physical values of `covariates` and, for the background, of `rate`.

        Examples:
            >>> DeadTime(1, None).at({"dead_time": 1e-3}).dead_time
            0.001
        """
        if not self.covariates:
            return self
        options: dict[str, Any] = {
            name: params[name] for name in self.covariates if name != "background_share"
        }
        if "detectors" in options:
            options["detectors"] = round(options["detectors"])
        if self.background is None:
            share = params["background_share"]
            if not 0 <= share < 1:
                raise ValueError(
                    f"background_share is {share}, but must be 0 to below 1; change it"
                )
            options["background"] = share / (1 - share) * params["rate"]
        return replace(self, **options)

    @property
    def renewal(self) -> bool:
        """Say whether each module is one plain detector, without background or screening."""
        plain = DeadTime(self.modules, self.dead_time, self.scatter)
        return not self.covariates and self == plain

    @property
    def law(self) -> Law:
        """Name the analytic model; empty if paralyzable, with frames, or of unequal areas."""
        beyond = self.paralyzable or self.frame_time > 0 or self.area != 1
        return "" if beyond else "dead time"

    def naive(self) -> "DeadTime":
        """Return the same detector without dead time, its background and screening kept."""
        return DeadTime(
            self.modules, 0.0, background=self.background, kept_fraction=self.kept_fraction
        )

    def identity(self) -> dict[str, Any]:
        """List all settings that change the events; the dead-time histogram by value."""
        if self.dead_time is None:
            return super().identity()
        tau = self.distribution
        histogram = [tau.low.tolist(), tau.high.tolist(), tau.probability.tolist()]
        return {**super().identity(), "histogram": histogram}

    # Events and counts.

    def record(self, rate: Rate, rng: np.random.Generator) -> Events:
        """Draw the recorded events.

        For an incident rate r a detector records r/(1 + r tau) on average, and r exp(-r tau) if it
        is paralyzable. A rate of NaN gives an event time of NaN.

        Arguments:
            rate: incident counts/s of the source.
            rng: the only source of randomness.
        """
        areas = (1.0, self.area)[: self.modules]
        times = tuple(self._record_module(rate, area, rng) for area in areas)
        return Events(times, np.array([[0.0, rate.duration]]))

    def _record_module(self, rate: Rate, area: float, rng: np.random.Generator) -> Floats:
        background = given(self.background)
        detectors = given(self.detectors)
        tables = dead_time_tables(given(self.dead_time), self._scatter)

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
        kept = given(self.kept_fraction)
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
        if not counts_are_faster(self, rate, dt, mean):
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
        counts = rng.poisson(given(self.background) * lengths)
        interval = np.repeat(np.arange(len(gti)), counts)
        background = gti[interval, 0] + lengths[interval] * rng.random(len(interval))
        times = np.sort(np.concatenate([incident, background]))

        tau = self.distribution.draw(len(times), rng)
        place = rng.integers(given(self.detectors), size=len(times))
        keep = np.zeros(len(times), dtype=np.bool_)
        for detector in range(given(self.detectors)):
            own = np.flatnonzero(place == detector)
            keep[own] = filter_dead_time(times[own], tau[own], self.paralyzable)
        return self._read_out(times[keep], float(gti[-1, 1]), rng)


IDEAL = DeadTime(1, 0.0)
"""A single module that records every event."""
