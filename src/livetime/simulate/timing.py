"""Simulate a variable source: light curve, detector, summary."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, TypeGuard

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livetime.simulate.binned_dead_time import MAX_EVENTS_PER_DEAD_TIME, MIN_EVENTS_PER_BIN
from livetime.simulate.detector import Detector, Events, OperatingPoint
from livetime.simulate.layout import OF_SCALE, Block, Layout
from livetime.simulate.light_curve import Rate, Source
from livetime.simulate.observable import (
    BYTES_PER_EVENT,
    BYTES_PER_STEP,
    check_bins,
    check_light_curve,
    check_rms,
)
from livetime.simulate.prior import Prior
from livetime.simulate.simulator import DrawOne, Kind, Simulator, check_kinds
from livetime.simulate.summary import Summary

Floats = NDArray[np.float64]

LIVE = "live_fraction"
INCIDENT = "incident_rate"
GAIN = "gain"
"""Blocks of the summary vector of a detector with covariates, see `TimingSimulator`.

Where nothing is screened away and much time is dead, the gain changes tenfold within a small
share of the covariates' ranges, which a network learns late.
"""


@dataclass(frozen=True)
class TimingSimulator(Simulator):
    """Simulate a variable source: draw its light curve, record it, and summarise the events.

    The covariates of a detector are known for every observation; their ranges are in
    prior.covariates. The summary vector ends with their sampling coordinates, and with log10 of
    three quantities of `OperatingPoint`: live-time fraction, incident counts/s of the source, and
    gain. The powers of such a vector are divided by the exact white noise at the recorded rate,
    and multiplied by 2. A constant source thus has a power of 2 with any detector. `raw` inverts
    this.

    Arguments:
        prior: its parameters must be those of source, detector and summary, and `segments`, the
            number of averaged segments, one of its covariates.
        source: gives the incident rate.
        detector: turns it into events.
        summary: turns events into a vector.
        threads: cores to draw on; None for all.

    Raises: ValueError that names a parameter which is missing, unknown or out of range.

    Examples:
        >>> from livetime.simulate.dead_time_detector import DeadTime
        >>> from livetime.simulate.light_curve import LightCurve
        >>> from livetime.simulate.periodogram import Periodogram
        >>> from livetime.simulate.prior import Range
        >>> ranges = {
        ...     "noise_rms": Range(0.1, 0.3),
        ...     "noise_frequency": Range(1.0, 2.0),
        ...     "rate": Range(10.0, 100.0, "log"),
        ... }
        >>> simulator = TimingSimulator(
        ...     Prior(ranges, {"segments": Range(1, 3)}),
        ...     LightCurve({"noise": "noise"}, dt=1 / 16),
        ...     DeadTime(1, 1e-3),
        ...     Periodogram(4.0, 1 / 16),
        ... )
        >>> theta, x = simulator.simulate(0, 2, seed=1)
        >>> theta.shape, x.shape == (2, simulator.layout.size)
        ((2, 4), True)
    """

    source: Source
    detector: Detector
    summary: Summary

    kind: ClassVar[Kind] = "events"

    def __post_init__(self) -> None:
        check_kinds(self.kind, source=self.source, detector=self.detector, summary=self.summary)
        self.summary.check(self.detector)
        wanted = (
            *self.source.parameters,
            *self.detector.parameters,
            *self.detector.covariates,
            *self.summary.parameters,
            "segments",
        )
        self._check_names(wanted, ("segments", *self.detector.covariates))
        check_times(self.prior, self.source, self.summary)
        self.detector.check(self.prior, self.summary)
        self._check_variability()

    def _check_variability(self) -> None:
        """Refuse a prior whose upper edges are more variable than a log-normal rate can be."""
        if not self.source.log_normal:
            return  # where a linear rate is negative depends on the realisation
        highest = {name: r.high for name, r in self.prior.ranges.items()}
        duration = highest["segments"] * self.summary.segment_size
        try:
            check_rms(self.source, highest, duration)
        except ValueError as error:
            statement, _, remedy = str(error).partition("; ")
            raise ValueError(
                f"prior.parameters reaches what cannot be simulated: {statement}; {remedy}"
            ) from None

    @property
    def memory(self) -> float:
        """Estimate the bytes that the longest and brightest simulation of the prior takes."""
        longest = self.prior.ranges["segments"].high * self.summary.segment_size
        steps = longest / min(self.source.dt, self.summary.dt) * self.source.stretch
        incident = self.prior.ranges["rate"].high * longest
        return BYTES_PER_STEP * steps + BYTES_PER_EVENT * incident

    @property
    def detector_covariates(self) -> tuple[str, ...]:
        """Name the covariates of the detector, with which the summary vector ends."""
        return self.detector.covariates

    @cached_property
    def layout(self) -> Layout:
        """Describe the summary vector."""
        own = self.summary.layout(self.detector)
        if not self.detector_covariates:
            return own
        blocks = [
            replace(block, unit="where 2 is the detector's noise") if block.axis else block
            for block in own.blocks
        ]
        added = [self._covariate_block(name) for name in self.detector_covariates]
        following = (
            Block(LIVE, label="live-time fraction", transform="log10"),
            Block(
                INCIDENT, label="incident rate of the source", unit="counts/s", transform="log10"
            ),
            Block(
                GAIN,
                label="ratio to the noise of a power of 1 (fractional rms)^2/Hz",
                transform="log10",
            ),
        )
        return Layout((*blocks, *added, *following))

    def _covariate_block(self, name: str) -> Block:
        r = self.prior.covariates[name]
        return Block(name, unit=r.unit, transform=OF_SCALE[r.scale])

    def detector_at(self, params: Mapping[str, float]) -> Detector:
        """Return the detector of an observation with these physical parameters and covariates.

        Raises: ValueError for impossible values.
        """
        return self.detector.at(params)

    def at(self, params: Mapping[str, float]) -> "TimingSimulator":
        """Return the simulator for a detector with these covariates.

        Its summary vector lacks the entries of the covariates.
        """
        if not self.detector_covariates:
            return self
        covariates = {
            name: r
            for name, r in self.prior.covariates.items()
            if name not in self.detector_covariates
        }
        prior = replace(self.prior, covariates=covariates)
        return replace(self, prior=prior, detector=self.detector_at(params))

    def summarise(self, events: Events, params: Mapping[str, float]) -> NDArray[np.float32]:
        """Turn recorded events into the summary vector that `layout` describes.

        Arguments:
            events: simulated events, or those of a file.
            params: physical values of the detector's parameters and covariates, and `rate`.
        """
        detector = self.detector_at(params) if self.detector_covariates else self.detector
        return self._normalised(self.summary(events, detector), detector, params)

    def _normalised(
        self, x: NDArray[np.float32], detector: Detector, params: Mapping[str, float]
    ) -> NDArray[np.float32]:
        """Turn the vector of `summary` into that of `layout`."""
        if not self.detector_covariates:
            return x
        point = self._operating_point(x, detector, params)
        covariates = self.prior.covariates
        own = [covariates[name].to_sampling(params[name]) for name in self.detector_covariates]
        following = np.log10([point.live_fraction, point.incident_rate, point.gain])
        relative = self._shifted(x, -np.log(point.noise / 2))
        return np.concatenate([relative, own, following]).astype(np.float32)

    def raw(self, x: ArrayLike) -> Floats:
        """Return the vector as `summary` gave it, before powers were divided by the noise."""
        values = np.asarray(x, dtype=np.float64)
        if not self.detector_covariates:
            return values
        parts = self.layout.split(values)
        params = {
            name: float(self.prior.covariates[name].to_physical(parts[name])[0])
            for name in self.detector_covariates
        }
        # The noise is that of all events, whether they are of the source or of the background.
        detector = self.detector_at({**params, "background_share": 0.0, "rate": 0.0})
        own = values[: self.layout.slices[self.detector_covariates[0]].start]
        point = self._operating_point(own, detector, {})
        return self._shifted(own, np.log(point.noise / 2))

    def _operating_point(
        self, x: NDArray[Any], detector: Detector, params: Mapping[str, float]
    ) -> OperatingPoint:
        slices = self.layout.slices
        rates = [10 ** float(x[slices[name].start]) for name in self.layout.module_rates]
        frequency = self.layout.axis.values
        return detector.operating_point(float(np.mean(rates)), frequency, self.summary.dt, params)

    def _shifted(self, x: NDArray[Any], log: Floats) -> Floats:
        """Add (F,) to the log powers of a vector of `summary`."""
        out = x.astype(np.float64)
        for name in self.layout.spectra:
            out[self.layout.slices[name]] += log
        return out

    def identity(self) -> dict[str, Any]:
        """List all settings that change a simulation, except the seed; histograms by value."""
        identity = {
            **self._prior_identity(),
            "source": {"class": type(self.source).__name__, **asdict(self.source)},
            "detector": self.detector.identity(),
            "summary": self.summary.identity(),
        }
        if self.detector_covariates:
            identity["counts"] = [MIN_EVENTS_PER_BIN, MAX_EVENTS_PER_DEAD_TIME]
        return identity

    def check_observable(self, params: Mapping[str, float]) -> None:
        """Refuse parameters and covariates of an observation that cannot be simulated.

        Raises: ValueError that names the parameter, the number and the limit.
        """
        background = getattr(self.detector_at(params), "background", 0.0) or 0.0
        duration = params["segments"] * self.summary.segment_size
        check_light_curve(self.source, params, duration, background)

    def events(self, params: Mapping[str, float], rng: np.random.Generator) -> Events:
        """Simulate one observation with these physical parameters and covariates.

        Raises: ValueError for impossible values, or those that cannot be simulated.
        """
        detector = self.detector_at(params)
        rate = self._incident(params, rng)
        if not np.isfinite(rate.values).all():
            named = [f"{key} {value:g}" for key, value in params.items() if key.endswith("rms")]
            raise ValueError(
                f"the linear rate for {', '.join(named) or 'this source'} is negative at times, "
                "or too high; lower its rms, or set source.log_normal to true"
            )
        events = self._record(detector, rate, params, rng)
        if min(len(times) for times in events.times) == 0:
            raise ValueError(
                f"a rate of {params['rate']:g} counts/s gives a module no event in "
                f"{rate.duration:g} s; "
                "choose another rate or length"
            )
        return events

    def _incident(self, params: Mapping[str, float], rng: np.random.Generator) -> Rate:
        duration = round(params["segments"]) * self.summary.segment_size
        return self.source.rate(params, duration, rng)

    def _record(
        self,
        detector: Detector,
        rate: Rate,
        params: Mapping[str, float],
        rng: np.random.Generator,
    ) -> Events:
        events = detector.record(rate, rng)
        return self.summary.assign_energies(events, params, rng)

    def summaries(self, params: Mapping[str, Floats]) -> DrawOne:
        """Return a function of (i, rng) that draws the summary (X,) of simulation i.

        Arguments:
            params: physical values by name, (n,) each.
        """
        return lambda i, rng: self._vector(
            {name: float(values[i]) for name, values in params.items()}, rng
        )

    def _vector(self, params: Mapping[str, float], rng: np.random.Generator) -> NDArray[np.float32]:
        """Simulate one summary; NaN where the source has no valid rate."""
        detector = self.detector_at(params)
        rate = self._incident(params, rng)
        if not np.isfinite(rate.values).all():
            return np.full(self.layout.size, np.nan, dtype=np.float32)

        if self.detector_covariates and self.summary.is_periodogram:
            counts = detector.binned(rate, self.summary.dt, params["rate"], rng)
            if counts is not None:
                return self._normalised(self.summary.from_counts(counts), detector, params)

        events = self._record(detector, rate, params, rng)
        return self._normalised(self.summary(events, detector), detector, params)


def draws_events(simulator: Simulator) -> TypeGuard[TimingSimulator]:
    """Say whether a simulator draws lists of events."""
    return simulator.kind == "events"


def check_times(prior: Prior, source: Source, summary: Summary) -> None:
    """Refuse a prior with frequencies too low for a segment, or too high for the rate's steps.

    Raises: ValueError that names the key, the number and the limit.
    """
    if prior.covariates["segments"].low < 1:
        raise ValueError(
            f"prior.covariates.segments.low is {prior.covariates['segments'].low:g}, but an "
            "observation has at least 1 segment; raise it"
        )
    check_bins(summary.segment_size, summary.dt)
    ranges = {name: r for name, r in prior.parameters.items() if name.endswith("_frequency")}
    if not ranges:
        return
    name = min(ranges, key=lambda parameter: ranges[parameter].low)
    lowest = ranges[name].low
    if lowest < 1 / summary.segment_size:
        raise ValueError(
            f"summary.segment_size {summary.segment_size:g} s is too short for "
            f"prior.parameters.{name}.low = {lowest:g} Hz; take {1 / lowest:g} s or more"
        )
    highest = max(r.high for r in ranges.values())
    if 2 * source.dt * highest > 1:
        raise ValueError(
            f"source.dt {source.dt:g} s is too coarse for {highest:g} Hz, the prior's highest "
            f"frequency; take {1 / (2 * highest):.3g} s or less"
        )
