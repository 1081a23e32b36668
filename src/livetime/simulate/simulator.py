"""Simulator = prior -> source -> detector -> summary: seeded per simulation, on all cores."""

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from difflib import get_close_matches
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from livetime.simulate.dead_time import dead_time_distribution
from livetime.simulate.detector import DeadTime, Events, Ideal, Whittle
from livetime.simulate.features import Features
from livetime.simulate.lightcurve import LightCurve
from livetime.simulate.prior import Prior
from livetime.simulate.summary import Layout, Periodogram

VERSION = 1
"""Raise it whenever the numbers of a simulation change: banks of another version are then not mistaken for this one's."""

PRIOR_STREAM = 2**64 - 1
"""Index of the random stream from which parameters are drawn; simulation i has stream i."""


def available_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def stream(seed: int, index: int) -> np.random.Generator:
    """The Philox stream (Salmon et al. 2011) keyed (seed, index)."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, index], dtype=np.uint64)))


@dataclass(frozen=True)
class Simulations(ABC):
    """Draws parameters and the summaries of observations that they give.

    Simulation i depends on (seed, i) alone: the same bits with any number of threads, and however many are drawn.

    Arguments:
        prior: of the parameters and covariates that the simulation needs.
        threads: None for all cores.
    """

    prior: Prior
    threads: int | None = field(default=None, kw_only=True)

    WHOLE: ClassVar[tuple[str, ...]] = ()
    """Covariates that are whole numbers."""

    @property
    @abstractmethod
    def layout(self) -> Layout: ...

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """All that shapes a simulation but the seed, in plain types."""

    @abstractmethod
    def summaries(self, params: Mapping[str, NDArray[np.float64]]) -> Callable[[int, np.random.Generator], NDArray[np.float32]]:
        """What draws the summary (X,) of the simulation with the physical params[...][i]."""

    def _prior_identity(self) -> dict[str, Any]:
        ranges = [[name, name in self.prior.covariates, float(r.low), float(r.high), r.scale] for name, r in self.prior.ranges.items()]
        classes = [[name, self.prior.box(name).tolist()] for name in self.prior.classes]
        return {"version": VERSION, "prior": ranges, **({"classes": classes} if classes else {})}

    def _refuse_other_parameters(self, wanted: Sequence[str], known: Sequence[str]) -> None:
        """Raises ValueError if the prior lacks one of those, or has another; `known` must be covariates."""
        for name in wanted:
            if name not in self.prior.ranges:
                place = "covariates" if name in known else "parameters"
                raise ValueError(f"prior.{place} lacks {name}, which the simulation needs; give it low, high, scale and unit")
        for name in self.prior.ranges:
            if name not in wanted:
                close = get_close_matches(name, wanted, 1)
                hint = f"did you mean {close[0]}?" if close else f"it takes {', '.join(wanted)}"
                raise ValueError(f"prior has {name}, which neither source nor summary knows; {hint}")
        for name in known:
            if name not in self.prior.covariates:
                raise ValueError(f"prior.parameters has {name}, which is known for every observation; put it under prior.covariates")

    def theta(self, start: int, stop: int, seed: int) -> NDArray[np.float64]:
        """Parameters and covariates (n, D + C) of simulations start to stop, in sampling coordinates, and the class where there are any."""
        theta = self.prior.sample(stop, stream(seed, PRIOR_STREAM))[start:]
        for name in self.prior.covariates:
            if name in self.WHOLE:
                column = list(self.prior.ranges).index(name)
                r = self.prior.covariates[name]
                theta[:, column] = r.to_sampling(np.round(r.to_physical(theta[:, column])))
        return theta

    def draw(
        self, theta: NDArray[np.float64], seed: int, start: int = 0, progress: Callable[[int], object] | None = None
    ) -> NDArray[np.float32]:
        """Summaries of one simulation for each row of theta.

        Arguments:
            theta: (n, D + C) in sampling coordinates, covariates included.
            seed: with the row's index, the key of its random stream.
            start: index of the first row.
            progress: called with 1 after each simulation.

        Returns: x (n, layout.size), float32; rows that could not be simulated are not finite.
        """
        one = self.summaries(self.prior.physical(theta))
        out = np.empty((len(theta), self.layout.size), dtype=np.float32)

        def draw(i: int) -> None:
            out[i] = one(i, stream(seed, start + i))
            if progress:
                progress(1)

        with ThreadPoolExecutor(self.threads or available_cores()) as pool:
            for _ in pool.map(draw, range(len(theta))):
                pass
        return out

    def simulate(
        self, start: int, stop: int, seed: int, progress: Callable[[int], object] | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Parameters and covariates (n, D + C) and summaries (n, layout.size) of simulations start to stop."""
        theta = self.theta(start, stop, seed)
        return theta, self.draw(theta, seed, start, progress)


@dataclass(frozen=True)
class Simulator(Simulations):
    """Of a source that varies: its light curve, through a detector, to periodograms or features.

    Arguments:
        prior: its parameters must be those of source and detector, and `segments`, the number of averaged segments, one of its covariates.
        source, detector, summary: see their modules.
        threads: None for all cores.

    Raises: ValueError that names a parameter which is missing, unknown or out of the summary's reach.
    """

    source: LightCurve
    detector: DeadTime | Ideal | Whittle
    summary: Periodogram | Features

    WHOLE = ("segments",)

    def __post_init__(self) -> None:
        wanted = (*self.source.parameters, *self.detector.parameters, *self.summary.parameters, "segments")
        self._check_features()
        self._refuse_other_parameters(wanted, ("segments",))
        if isinstance(self.detector, Whittle) and "rate" not in self.prior.covariates:
            raise ValueError("prior.parameters has rate, which detector=whittle takes as known; put it under prior.covariates")
        if self.prior.covariates["segments"].low < 1:
            raise ValueError("prior.covariates.segments.low is below 1; an observation has at least one segment")
        frequencies = {name: r.low for name, r in self.prior.parameters.items() if name.endswith("_frequency")}
        lowest = min(frequencies, key=lambda name: frequencies[name], default=None)
        if lowest is not None and frequencies[lowest] < 1 / self.summary.segment_size:
            raise ValueError(
                f"summary.segment_size {self.summary.segment_size:g} s is too short for prior.parameters.{lowest}.low = "
                f"{frequencies[lowest]:g} Hz; take a segment of {1 / frequencies[lowest]:g} s or more"
            )
        highest = max((r.high for name, r in self.prior.parameters.items() if name.endswith("_frequency")), default=0.0)
        if 2 * self.source.dt * highest > 1:
            raise ValueError(f"source.dt {self.source.dt:g} s is too coarse for the highest frequency of the prior; take a smaller one")

    def _check_features(self) -> None:
        if not isinstance(self.summary, Features):
            return
        if isinstance(self.detector, Whittle):
            raise ValueError("detector=whittle draws periodograms, from which summary=features cannot be had; take another detector")
        if not self.detector.renewal:
            raise ValueError(
                "summary=features takes off the noise of one non-paralyzable detector that sees the source alone; "
                "leave the detector's other options, or take summary=periodogram"
            )
        if not np.array_equal(self.detector.distribution.low, dead_time_distribution(self.summary.dead_time).low):
            given = getattr(self.detector, "dead_time", 0.0)
            raise ValueError(
                f"summary.dead_time is {self.summary.dead_time}, but the detector's is {given}; say summary.dead_time={given}, "
                "or the wrong noise is subtracted"
            )

    @cached_property
    def layout(self) -> Layout:
        return self.summary.layout(self.detector.modules)

    def identity(self) -> dict[str, Any]:
        """All that shapes a simulation but the seed, in plain types; dead-time histograms by value."""
        parts = {name: getattr(self, name) for name in ("source", "detector", "summary")}
        tau = self.detector.distribution
        return {
            **self._prior_identity(),
            **{name: {"class": type(part).__name__, **asdict(part)} for name, part in parts.items()},
            "dead_time": [tau.low.tolist(), tau.high.tolist(), tau.probability.tolist()],
        }

    def events(self, params: Mapping[str, float], rng: np.random.Generator) -> Events:
        """One observation with the given physical parameters and covariates; ValueError if the detector draws no events."""
        if isinstance(self.detector, Whittle):
            raise ValueError("detector is Whittle, which draws periodograms and no events; choose another, such as detector=ideal")
        duration = round(params["segments"]) * self.summary.segment_size
        events = self.detector.record(self.source.rate(params, duration, rng), rng)
        if "hardness" not in self.summary.parameters:
            return events
        share = params["hardness"] / (1 + params["hardness"])
        return replace(events, hard=tuple(rng.random(len(times)) < share for times in events.times))

    def summaries(self, params: Mapping[str, NDArray[np.float64]]) -> Callable[[int, np.random.Generator], NDArray[np.float32]]:
        if isinstance(self.detector, Whittle):
            return self._drawn_by_whittle(self.detector, params)

        def one(i: int, rng: np.random.Generator) -> NDArray[np.float32]:
            events = self.events({name: float(values[i]) for name, values in params.items()}, rng)
            if not all(np.isfinite(t).all() for t in events.times):
                return np.full(self.layout.size, np.nan, dtype=np.float32)
            return self.summary(events)

        return one

    def _drawn_by_whittle(
        self, detector: Whittle, params: Mapping[str, NDArray[np.float64]]
    ) -> Callable[[int, np.random.Generator], NDArray[np.float32]]:
        source = self.source.spectrum.power(self.layout.frequency, params)
        expected = detector.expected(np.asarray(source, dtype=np.float64), params)

        def one(i: int, rng: np.random.Generator) -> NDArray[np.float32]:
            assert isinstance(self.summary, Periodogram)
            segments = round(float(params["segments"][i]))
            power = detector.draw(expected[i], segments * self.layout.averaged.astype(np.float64), rng)
            return self.summary.vector([power], [float(params["rate"][i])], segments)

        return one
