"""Define detectors, which turn an incident rate into lists of recorded events."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from livetime.simulate.dead_time import DeadTimeDistribution, dead_time_distribution
from livetime.simulate.light_curve import Rate
from livetime.simulate.prior import Prior

if TYPE_CHECKING:
    from livetime.simulate.dead_time_detector import DeadTime
    from livetime.simulate.summary import Summary

Floats = NDArray[np.float64]
Law = Literal["dead time", "frames", ""]


@dataclass(frozen=True)
class Events:
    """List what an instrument recorded.

    Arguments:
        times: for each module, the sorted times of its events in s.
        gti: good time intervals (G, 2) in s, sorted, common to all modules.
        energies: for each module, the energy of each event in keV; None where it is not known.

    Examples:
        >>> events = Events((np.array([0.5, 2.5]),), np.array([[0.0, 4.0]]))
        >>> len(events.times[0]), events.energies
        (2, None)
    """

    times: tuple[Floats, ...]
    gti: Floats
    energies: tuple[Floats, ...] | None = None


@dataclass(frozen=True)
class OperatingPoint:
    """Describe the state of a detector in one observation, at its recorded rate.

    Arguments:
        live_fraction: share of the time in which the detector is not blind.
        incident_rate: incident counts/s of the source.
        gain: power that variability of 1 (fractional rms)^2/Hz adds at the lowest frequency,
            in units of half the white noise there.
        noise: white-noise level in Leahy units at each frequency, shape (F,).
    """

    live_fraction: float
    incident_rate: float
    gain: float
    noise: Floats


class Detector(ABC):
    """Turn an incident rate into recorded events.

    A new detector is a frozen dataclass that inherits from this class and has `record`. It
    overrides the defaults that do not apply; its dataclass fields are its configuration.

    Arguments: those of the dataclass that inherits.

    Examples:
        >>> from dataclasses import dataclass
        >>> @dataclass(frozen=True)
        ... class Regular(Detector):
        ...     period: float = 0.5
        ...     def record(self, rate, rng):
        ...         times = np.arange(0.0, rate.duration, self.period)
        ...         return Events((times,), np.array([[0.0, rate.duration]]))
        >>> Regular().record(Rate(np.ones(2, dtype=np.float32), 1.0), None).times[0].tolist()
        [0.0, 0.5, 1.0, 1.5]
    """

    simulators: ClassVar[tuple[str, ...]] = ("events",)
    """Kinds of simulators that take this detector."""

    @property
    def modules(self) -> int:
        """Count the modules that see the same source, each with its own list of events."""
        return 1

    @property
    def parameters(self) -> tuple[str, ...]:
        """Name the properties that are inferred; their ranges are in prior.parameters."""
        return ()

    @property
    def covariates(self) -> tuple[str, ...]:
        """Name the properties known for every observation; their ranges are in
        prior.covariates."""
        return ()

    @property
    def distribution(self) -> DeadTimeDistribution:
        """Give the distribution of the dead time of an event."""
        return dead_time_distribution(0.0)

    @property
    def mean_dead_time(self) -> float:
        """Give the mean dead time of an event in s."""
        return self.distribution.mean

    @property
    def row_dead_time(self) -> float:
        """Give the ratio of the total dead time in s to the number of rows of an event list."""
        return 0.0

    @property
    def cycle(self) -> float:
        """Give the time from one frame to the next in s, for a detector with pile-up; else 0."""
        return 0.0

    @property
    def renewal(self) -> bool:
        """Say whether each module is one non-paralyzable detector without background or
        screening.

        Frames are excluded too: events are read out one by one.
        """
        return False

    @property
    def law(self) -> Law:
        """Name the analytic model of the detector's power spectrum; empty if it has no model."""
        return ""

    def check(self, prior: Prior, summary: "Summary") -> None:
        """Refuse a prior or a summary that cannot be used with the detector.

        Raises: ValueError that names the key, the number and the limit.
        """
        return None

    def at(self, params: Mapping[str, float]) -> Self:
        """Return the detector of one observation, its parameters and covariates set.

        Arguments:
            params: physical values by name; other names are ignored.
        """
        return self

    @abstractmethod
    def record(self, rate: Rate, rng: np.random.Generator) -> Events:
        """Draw the recorded events.

        Arguments:
            rate: incident counts/s of the source on a grid of time steps.
            rng: the only source of randomness.

        Returns: sorted times from 0 to the rate's duration. A rate that is not finite gives an
            event time of NaN.
        """

    def binned(
        self, rate: Rate, dt: float, mean: float, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], ...] | None:
        """Draw recorded counts in bins of dt without events, where that is exact and faster.

        Arguments:
            rate: incident counts/s of the source.
            dt: width of the bins in s.
            mean: mean incident counts/s of the source.
            rng: the only source of randomness.

        Returns: counts (N,) of each module; None where `record` must be used.
        """
        return None

    def operating_point(
        self, recorded: float, frequency: Floats, dt: float, params: Mapping[str, float]
    ) -> OperatingPoint:
        """Find live time, incident rate and white noise at a recorded rate.

        Detectors with covariates must define it, since their summaries are divided by this noise.

        Arguments:
            recorded: counts/s of a module.
            frequency: Hz, shape (F,).
            dt: width in s of the bins in which counts are taken.
            params: physical values of the covariates.
        """
        raise ValueError(
            f"{type(self).__name__} has covariates but no operating_point; add that method"
        )

    def sift(self, incident: Floats, gti: Floats, rng: np.random.Generator) -> Floats:
        """Choose the events of a module that are recorded from a list of incident ones.

        Arguments:
            incident: sorted times in s, shape (N,), within the good time intervals.
            gti: good time intervals (G, 2) in s.
            rng: the only source of randomness.

        Raises: ValueError for a detector that cannot take a list of events.
        """
        raise ValueError(
            f"detector is {type(self).__name__}, which takes no list of events; choose another"
        )

    def naive(self) -> "DeadTime":
        """Return the detector that an analysis without dead time and pile-up assumes.

        Raises: ValueError if no such detector exists.
        """
        raise ValueError(f"detector is {type(self).__name__}, which has no naive counterpart")

    def keywords(self, gti: Floats) -> dict[str, float]:
        """Give the FITS keywords of the detector for an event file.

        Arguments:
            gti: good time intervals (G, 2) in s.
        """
        return {}

    def identity(self) -> dict[str, Any]:
        """List all settings that change the recorded events, in plain types."""
        return {"class": type(self).__name__, **asdict(self)}  # type: ignore[call-overload]


def check_fractions(prior: Prior, names: tuple[str, ...]) -> None:
    """Refuse a prior in which a fraction leaves the range from 0 to 1.

    Raises: ValueError that names the parameter.
    """
    for name in names:
        r = prior.ranges[name]
        if not 0 <= r.low < r.high <= 1:
            raise ValueError(
                f"prior.parameters.{name} goes from {r.low:g} to {r.high:g}, "
                "but must lie between 0 and 1; narrow the range"
            )
