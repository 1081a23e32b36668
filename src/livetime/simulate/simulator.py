"""TimingSimulator = prior -> source -> detector -> summary: seeded per simulation, on all cores."""

import ctypes
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from difflib import get_close_matches
from functools import cache, cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livetime.processes import available_cores, process_pool
from livetime.simulate.binned_dead_time import LEAST, MOST, counts, pays
from livetime.simulate.dead_time import dead_time_distribution
from livetime.simulate.detector import DeadTime, Events, Ideal, Whittle
from livetime.simulate.features import Features
from livetime.simulate.frames import FramePileUp
from livetime.simulate.light_curve import LightCurve, Rate
from livetime.simulate.periodogram import Layout, Periodogram
from livetime.simulate.prior import Prior

VERSION = 1
"""Raise it whenever the numbers of a simulation change: banks of another version are then not mistaken for this one's."""

PRIOR_STREAM = 2**64 - 1
"""Index of the random stream from which parameters are drawn; simulation i has stream i."""

WHOLE = ("segments", "detectors")
"""Covariates that are whole numbers."""

LIVE, INCIDENT, GAIN = "live_fraction", "incident_rate", "gain"
"""Entries of the summary vector of a detector with covariates: log10 of the live-time fraction; of the source's incident counts/s; and of
what weak variability with a power of 1 (fractional rms)^2/Hz adds to a white noise of 1 at the lowest frequency. Where nothing is screened
away and much time is dead, the last changes tenfold within a small share of the covariates' ranges, which a network learns late."""
LEAST_LIVE = 1e-3
"""Least live-time fraction, share of the source and response that a summary takes."""
FEW = 5000
"""Simulations up to which threads do. They hold Python's lock for a third to half of their time; processes, which do not, take seconds to
start."""
TURN = 20
"""Simulations that a thread or process draws at a time, at the most."""


@cache
def keep_memory() -> None:
    """Tells glibc to keep what a simulation frees for the next: to take it anew, page by page, costs a third of a simulation."""
    if os.name == "posix" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(-1, 2**27)  # M_TRIM_THRESHOLD
        libc.mallopt(-3, 2**25)  # M_MMAP_THRESHOLD


def stream(seed: int, index: int) -> np.random.Generator:
    """The Philox stream (Salmon et al. 2011) keyed (seed, index)."""
    return np.random.Generator(np.random.Philox(key=np.array([seed, index], dtype=np.uint64)))


@dataclass(frozen=True)
class Simulator(ABC):
    """Draws parameters and the summaries of observations that they give.

    Simulation i depends on (seed, i) alone: the same bits with any number of threads, and however many are drawn.

    Arguments:
        prior: of the parameters and covariates that the simulation needs.
        threads: cores to draw on; None for all.
    """

    prior: Prior
    threads: int | None = field(default=None, kw_only=True)

    @property
    @abstractmethod
    def layout(self) -> Layout: ...

    @property
    def known(self) -> tuple[str, ...]:
        """Covariates of the detector, which the summary vector ends with."""
        return ()

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """All that shapes a simulation but the seed, in plain types."""

    @abstractmethod
    def summaries(
        self, params: Mapping[str, NDArray[np.float64]]
    ) -> Callable[[int, np.random.Generator], NDArray[np.float32]]:
        """What draws the summary (X,) of the simulation with the physical params[...][i]."""

    def _prior_identity(self) -> dict[str, Any]:
        ranges = [
            [name, name in self.prior.covariates, float(r.low), float(r.high), r.scale]
            for name, r in self.prior.ranges.items()
        ]
        classes = [[name, self.prior.box(name).tolist()] for name in self.prior.classes]
        return {"version": VERSION, "prior": ranges, **({"classes": classes} if classes else {})}

    def _refuse_other_parameters(self, wanted: Sequence[str], known: Sequence[str]) -> None:
        """Raises ValueError if the prior lacks one of those, or has another; `known` must be covariates."""
        for name in wanted:
            if name not in self.prior.ranges:
                place = "covariates" if name in known else "parameters"
                raise ValueError(
                    f"prior.{place} lacks {name}, which the simulation needs; give it low, high, scale and unit"
                )
        for name in self.prior.ranges:
            if name not in wanted:
                close = get_close_matches(name, wanted, 1)
                hint = f"did you mean {close[0]}?" if close else f"it takes {', '.join(wanted)}"
                raise ValueError(
                    f"prior has {name}, which neither source, detector nor summary knows; {hint}"
                )
        for name in known:
            if name not in self.prior.covariates:
                raise ValueError(
                    f"prior.parameters has {name}, which is known for every observation; put it under prior.covariates"
                )

    def theta(self, start: int, stop: int, seed: int) -> NDArray[np.float64]:
        """Parameters and covariates (n, D + C) of simulations start to stop, in sampling coordinates, and the class where there are any."""
        theta = self.prior.sample(stop, stream(seed, PRIOR_STREAM))[start:]
        for name in self.prior.covariates:
            if name in WHOLE:
                column = list(self.prior.ranges).index(name)
                r = self.prior.covariates[name]
                theta[:, column] = r.to_sampling(np.round(r.to_physical(theta[:, column])))
        return theta

    @contextmanager
    def cores(self, n: int) -> Iterator[Executor]:
        """What draws n simulations on all cores: threads, or processes where that many are worth their start."""
        workers = self.threads or available_cores()
        if workers > 1 and n > FEW:
            with process_pool(workers, _start, (self,)) as pool:
                yield pool
        else:
            with ThreadPoolExecutor(workers) as threads:
                yield threads

    def draw(
        self,
        theta: NDArray[np.float64],
        seed: int,
        start: int = 0,
        progress: Callable[[int], object] | None = None,
        cores: Executor | None = None,
    ) -> NDArray[np.float32]:
        """Summaries of one simulation for each row of theta.

        Arguments:
            theta: (n, D + C) in sampling coordinates, covariates included.
            seed: with the row's index, the key of its random stream.
            start: index of the first row.
            progress: called with the number of simulations done since.
            cores: of this simulator's `cores`, for what is drawn in several calls.

        Returns: x (n, layout.size), float32; rows that could not be simulated are not finite.
        """
        if cores is None:
            with self.cores(len(theta)) as own:
                return self.draw(theta, seed, start, progress, own)
        rows = _rows if isinstance(cores, ProcessPoolExecutor) else self._rows
        turn = min(TURN, len(theta) // 16 + 1)
        futures = [
            cores.submit(rows, theta[i : i + turn], seed, start + i)
            for i in range(0, len(theta), turn)
        ]
        parts = [np.empty((0, self.layout.size), dtype=np.float32)]
        try:
            for future in futures:
                parts.append(future.result())
                if progress:
                    progress(len(parts[-1]))
        finally:
            for future in futures:
                future.cancel()
        return np.concatenate(parts)

    def _rows(self, theta: NDArray[np.float64], seed: int, start: int) -> NDArray[np.float32]:
        keep_memory()
        one = self.summaries(self.prior.physical(theta))
        return np.stack([one(i, stream(seed, start + i)) for i in range(len(theta))])

    def simulate(
        self,
        start: int,
        stop: int,
        seed: int,
        progress: Callable[[int], object] | None = None,
        cores: Executor | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """Parameters and covariates (n, D + C) and summaries (n, layout.size) of simulations start to stop."""
        theta = self.theta(start, stop, seed)
        return theta, self.draw(theta, seed, start, progress, cores)


_simulations: list[Simulator] = []


def _start(simulations: Simulator) -> None:
    """What a process of `Simulator.cores` draws from."""
    _simulations[:] = [simulations]


def _rows(theta: NDArray[np.float64], seed: int, start: int) -> NDArray[np.float32]:
    return _simulations[0]._rows(theta, seed, start)


@dataclass(frozen=True)
class TimingSimulator(Simulator):
    """Of a source that varies: its light curve, through a detector, to periodograms or features.

    What a detector has as covariates is known for every observation: it stands under prior.covariates, and the summary vector ends with
    it, in sampling coordinates, and with what follows from it and the recorded rate (`LIVE`, `INCIDENT`, `GAIN`). Its powers are then over
    the exact white noise of the detector at the recorded rate, so that a constant source has 2 whatever the detector is; `raw` undoes it.

    Arguments:
        prior: its parameters must be those of source and detector, and `segments`, the number of averaged segments, one of its covariates.
        source, detector, summary: see their modules.
        threads: cores to draw on; None for all.

    Raises: ValueError that names a parameter which is missing, unknown or out of the summary's reach.
    """

    source: LightCurve
    detector: DeadTime | Ideal | Whittle | FramePileUp
    summary: Periodogram | Features

    def __post_init__(self) -> None:
        wanted = (
            *self.source.parameters,
            *self.detector.parameters,
            *self.summary.parameters,
            "segments",
        )
        self._check_features()
        self._refuse_other_parameters(wanted, ("segments", *self.known))
        if isinstance(self.detector, Whittle) and "rate" not in self.prior.covariates:
            raise ValueError(
                "prior.parameters has rate, which detector=whittle takes as known; put it under prior.covariates"
            )
        if self.prior.covariates["segments"].low < 1:
            raise ValueError(
                "prior.covariates.segments.low is below 1; an observation has at least one segment"
            )
        self._check_known()
        self._check_frames()
        frequencies = {
            name: r.low for name, r in self.prior.parameters.items() if name.endswith("_frequency")
        }
        lowest = min(frequencies, key=lambda name: frequencies[name], default=None)
        if lowest is not None and frequencies[lowest] < 1 / self.summary.segment_size:
            raise ValueError(
                f"summary.segment_size {self.summary.segment_size:g} s is too short for prior.parameters.{lowest}.low = "
                f"{frequencies[lowest]:g} Hz; take a segment of {1 / frequencies[lowest]:g} s or more"
            )
        highest = max(
            (r.high for name, r in self.prior.parameters.items() if name.endswith("_frequency")),
            default=0.0,
        )
        if 2 * self.source.dt * highest > 1:
            raise ValueError(
                f"source.dt {self.source.dt:g} s is too coarse for the highest frequency of the prior; take a smaller one"
            )

    def _check_known(self) -> None:
        if isinstance(self.detector, DeadTime) and self.known and self.detector.paralyzable:
            raise ValueError(
                f"detector.paralyzable is true, but a detector with {self.known[0]} as a covariate is not paralyzable: "
                "what its recorded rate tells would have two solutions; give the detector's options in numbers"
            )
        ranges = {name: self.prior.covariates[name] for name in self.known}
        for edge in ("low", "high") if ranges else ():
            try:
                self.detector_at(
                    {"rate": 1.0, **{name: getattr(r, edge) for name, r in ranges.items()}}
                )
            except ValueError as error:
                raise ValueError(
                    f"prior.covariates reaches what no detector has: {error}"
                ) from None

    def _check_frames(self) -> None:
        if not isinstance(self.detector, FramePileUp):
            return
        for name in self.detector.parameters:
            r = self.prior.ranges[name]
            if not 0 <= r.low < r.high <= 1:
                raise ValueError(
                    f"prior.parameters.{name} goes from {r.low:g} to {r.high:g}, but must lie between 0 and 1"
                )
        frames, cycle = self.summary.dt / self.detector.cycle, self.detector.cycle
        if round(frames) < 1 or abs(frames - round(frames)) > 1e-6:
            raise ValueError(
                f"summary.dt is {self.summary.dt:g} s, but must be a whole number of frames, or bins beat with them: frames of {cycle:g} s "
                f"ask for summary.dt={max(1, round(frames)) * cycle:.9g}, and a segment_size that is a multiple of it"
            )

    def _check_features(self) -> None:
        if not isinstance(self.summary, Features):
            return
        if isinstance(self.detector, Whittle):
            raise ValueError(
                "detector=whittle draws periodograms, from which summary=features cannot be had; take another detector"
            )
        if not self.detector.renewal:
            raise ValueError(
                "summary=features takes off the noise of one non-paralyzable detector that sees the source alone; "
                "leave the detector's other options, or take summary=periodogram"
            )
        if not np.array_equal(
            self.detector.distribution.low, dead_time_distribution(self.summary.dead_time).low
        ):
            given = getattr(self.detector, "dead_time", 0.0)
            raise ValueError(
                f"summary.dead_time is {self.summary.dead_time}, but the detector's is {given}; say summary.dead_time={given}, "
                "or the wrong noise is subtracted"
            )

    @property
    def known(self) -> tuple[str, ...]:
        """Covariates of the detector, which the summary vector ends with."""
        return self.detector.parameters if isinstance(self.detector, DeadTime) else ()

    @cached_property
    def layout(self) -> Layout:
        own = self.summary.layout(self.detector.modules)
        return own.extended((*self.known, LIVE, INCIDENT, GAIN)) if self.known else own

    def detector_at(self, params: Mapping[str, float]) -> DeadTime:
        """The detector of an observation with the given physical parameters and covariates; ValueError for one that draws no events."""
        if isinstance(self.detector, Whittle):
            raise ValueError(
                "detector is Whittle, which draws periodograms and no events; choose another, such as detector=ideal"
            )
        if isinstance(self.detector, FramePileUp):
            raise ValueError(
                "detector is FramePileUp, which has frames and no dead time; choose another, such as detector=ideal"
            )
        return (
            DeadTime(self.detector.modules, 0.0)
            if isinstance(self.detector, Ideal)
            else self.detector.at(params)
        )

    def _recorder(self, params: Mapping[str, float]) -> DeadTime | FramePileUp:
        """What draws the events of an observation; params and errors as of `detector_at`."""
        return (
            self.detector.at(params)
            if isinstance(self.detector, FramePileUp)
            else self.detector_at(params)
        )

    def at(self, params: Mapping[str, float]) -> "TimingSimulator":
        """The simulator of observations with the given detector's covariates: its summary vector is the same but for what `known` adds."""
        covariates = {
            name: r for name, r in self.prior.covariates.items() if name not in self.known
        }
        prior = replace(self.prior, covariates=covariates)
        return replace(self, prior=prior, detector=self.detector_at(params)) if self.known else self

    def summarise(self, events: Events, params: Mapping[str, float]) -> NDArray[np.float32]:
        """The vector that `layout` describes, of events that were recorded with the given covariates, as `detector_at` takes them."""
        return self._with_known(self.summary(events), params)

    def _with_known(
        self, x: NDArray[np.float32], params: Mapping[str, float]
    ) -> NDArray[np.float32]:
        """The vector of `summary` as that of `layout`."""
        if not self.known:
            return x
        detector = self.detector_at(params)
        recorded, live = self._recorded(x, detector)
        incident = recorded / (live * (detector.counted or 1.0))
        background = (
            params["background_share"] * incident
            if "background_share" in self.known
            else detector.background or 0.0
        )
        source = max(incident - background, LEAST_LIVE * incident)
        noise = self._noise(live, detector)
        response = replace(detector, background=incident - source).response(
            self.layout.frequency[:1], source
        )
        gain = recorded * np.maximum(np.abs(response[0]), LEAST_LIVE) ** 2 / noise[0]
        added = [
            *(self.prior.covariates[name].to_sampling(params[name]) for name in self.known),
            *np.log10([live, source, gain]),
        ]
        return np.concatenate([self._plus(x, -np.log(noise / 2)), added]).astype(np.float32)

    def raw(self, x: ArrayLike) -> NDArray[np.float64]:
        """The vector that `summary` gave, of one (X,) that `layout` describes."""
        values, place = np.asarray(x, dtype=np.float64), self.layout.slices
        if not self.known:
            return values
        params = {
            name: float(self.prior.covariates[name].to_physical(values[place[name]])[0])
            for name in self.known
        }
        detector = self.detector_at(
            {**params, "background_share": 0.0, "rate": 0.0}
        )  # the noise is that of all events, whatever they are
        own = values[: place[self.known[0]].start]
        return self._plus(own, np.log(self._noise(self._recorded(own, detector)[1], detector) / 2))

    def _plus(self, x: NDArray[Any], log: NDArray[np.float64]) -> NDArray[np.float64]:
        """A vector of `summary` with (F,) added to its log powers."""
        out = x.astype(np.float64)
        for name in self.layout.spectra:
            out[self.layout.slices[name]] += log
        return out

    def _noise(self, live: float, detector: DeadTime) -> NDArray[np.float64]:
        """The exact white noise (F,) of all events at a live-time fraction, Leahy."""
        assert isinstance(self.summary, Periodogram)
        tau, detectors = detector.mean_dead_time, detector.detectors or 1
        incident = (
            (1 - live) / (live * tau) * detectors if tau else 1.0
        )  # of all kinds, in counts/s
        return replace(detector, background=0.0).white_noise(
            self.layout.frequency, incident, self.summary.dt
        )

    def _recorded(self, x: NDArray[Any], detector: DeadTime) -> tuple[float, float]:
        """Recorded counts/s of a module, and the live-time fraction that they tell, of a vector of `summary`."""
        recorded = float(
            np.mean(
                [
                    10 ** float(x[s.start])
                    for name, s in self.layout.slices.items()
                    if name.startswith("rate_")
                ]
            )
        )
        return recorded, float(np.maximum(detector.live_fraction(recorded), LEAST_LIVE))

    def identity(self) -> dict[str, Any]:
        """All that shapes a simulation but the seed, in plain types; dead-time histograms by value."""
        parts = {name: getattr(self, name) for name in ("source", "detector", "summary")}
        tau = None if "dead_time" in self.known else self.detector.distribution
        return {
            **self._prior_identity(),
            **{
                name: {"class": type(part).__name__, **asdict(part)} for name, part in parts.items()
            },
            "dead_time": [tau.low.tolist(), tau.high.tolist(), tau.probability.tolist()]
            if tau
            else None,
            **(
                {"counts": [LEAST, MOST], "known": [*self.known, LIVE, INCIDENT, GAIN]}
                if self.known
                else {}
            ),
        }

    def events(self, params: Mapping[str, float], rng: np.random.Generator) -> Events:
        """One observation with the given physical parameters and covariates; ValueError if the detector draws no events."""
        return self._events(self._recorder(params), self._rate(params, rng), params, rng)

    def _rate(self, params: Mapping[str, float], rng: np.random.Generator) -> Rate:
        return self.source.rate(params, round(params["segments"]) * self.summary.segment_size, rng)

    def _events(
        self,
        detector: DeadTime | FramePileUp,
        rate: Rate,
        params: Mapping[str, float],
        rng: np.random.Generator,
    ) -> Events:
        events = detector.record(rate, rng)
        if "hardness" not in self.summary.parameters:
            return events
        share = params["hardness"] / (1 + params["hardness"])
        return replace(events, hard=tuple(rng.random(len(times)) < share for times in events.times))

    def summaries(
        self, params: Mapping[str, NDArray[np.float64]]
    ) -> Callable[[int, np.random.Generator], NDArray[np.float32]]:
        if isinstance(self.detector, Whittle):
            return self._drawn_by_whittle(self.detector, params)

        return lambda i, rng: self._vector(
            {name: float(values[i]) for name, values in params.items()}, rng
        )

    def _drawn_by_whittle(
        self, detector: Whittle, params: Mapping[str, NDArray[np.float64]]
    ) -> Callable[[int, np.random.Generator], NDArray[np.float32]]:
        source = self.source.spectrum.power(self.layout.frequency, params)
        expected = detector.expected(np.asarray(source, dtype=np.float64), params)

        def one(i: int, rng: np.random.Generator) -> NDArray[np.float32]:
            assert isinstance(self.summary, Periodogram)
            segments = round(float(params["segments"][i]))
            power = detector.draw(
                expected[i], segments * self.layout.averaged.astype(np.float64), rng
            )
            return self.summary.vector([power], [float(params["rate"][i])], segments)

        return one

    def _vector(self, params: Mapping[str, float], rng: np.random.Generator) -> NDArray[np.float32]:
        """The summary of one simulation, NaN if it could not be; without events where the detector is any and that is faster."""
        detector, rate, summary = self._recorder(params), self._rate(params, rng), self.summary
        if not np.isfinite(rate.values).all():
            return np.full(self.layout.size, np.nan, dtype=np.float32)
        if (
            isinstance(detector, DeadTime)
            and self.known
            and isinstance(summary, Periodogram)
            and pays(detector, rate, summary.dt, params["rate"])
        ):
            found = [
                module.reshape(-1, summary.bins)
                for module in counts(detector, rate, summary.dt, rng)
            ]
            return self._with_known(summary.vector(*summary.of_counts(found)), params)
        return self.summarise(self._events(detector, rate, params, rng), params)
