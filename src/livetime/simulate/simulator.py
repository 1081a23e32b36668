"""Define simulators, which draw parameters and summaries by seed, on all cores."""

import ctypes
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cache
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from livetime.processes import available_cores, process_pool
from livetime.simulate.layout import Layout
from livetime.simulate.prior import Prior

Floats = NDArray[np.float64]
Kind = Literal["events", "periodograms", "spectrum"]
DrawOne = Callable[[int, np.random.Generator], NDArray[np.float32]]

VERSION = 1
"""Raise it whenever the numbers of a simulation change.

Banks of another version are then not mistaken for banks of this one.
"""

PRIOR_STREAM = 2**64 - 1
"""Index of the random stream of the parameters; simulation i has stream i."""

WHOLE = ("segments", "detectors")
"""Covariates that are whole numbers."""

MAX_THREADED = 5000
"""Simulations up to which threads are used instead of processes.

Threads have Python's lock for a third to half of their time. Processes do not need it, but take
seconds to start.
"""

MAX_BATCH = 20
"""Simulations that a thread or process draws at a time, at the most."""


@cache
def keep_memory() -> None:
    """Make glibc keep freed memory for the next simulation.

    New memory from the system takes a third of the time of a simulation.
    """
    if os.name != "posix":
        return
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(-1, 2**27)  # M_TRIM_THRESHOLD
        libc.mallopt(-3, 2**25)  # M_MMAP_THRESHOLD


def stream(seed: int, index: int) -> np.random.Generator:
    """Return the Philox stream (Salmon et al. 2011) with the key (seed, index).

    Examples:
        >>> bool(stream(1, 0).random() == stream(1, 0).random())
        True
    """
    return np.random.Generator(np.random.Philox(key=np.array([seed, index], dtype=np.uint64)))


@dataclass(frozen=True)
class Simulator(ABC):
    """Draw parameters, and summaries of simulated observations with these parameters.

    Simulation i depends on (seed, i) alone. It does not depend on the number of threads or of
    simulations, bit for bit.

    Arguments:
        prior: ranges of the parameters and covariates that the simulation needs.
        threads: cores to draw on; None for all.
    """

    prior: Prior
    threads: int | None = field(default=None, kw_only=True)

    kind: ClassVar[Kind]
    """What is simulated: `events`, `periodograms` without events, or a `spectrum`."""

    @property
    @abstractmethod
    def layout(self) -> Layout:
        """Describe the summary vector."""

    @property
    def detector_covariates(self) -> tuple[str, ...]:
        """Name the covariates of the detector, with which the summary vector ends."""
        return ()

    @abstractmethod
    def identity(self) -> dict[str, Any]:
        """List all settings that change a simulation, except the seed, in plain types."""

    @abstractmethod
    def summaries(self, params: Mapping[str, Floats]) -> DrawOne:
        """Return a function of (i, rng) that draws the summary (X,) of simulation i.

        Arguments:
            params: physical values by name, (n,) each; simulation i has those at i.
        """

    @abstractmethod
    def events(self, params: Mapping[str, float], rng: np.random.Generator) -> Any:
        """Simulate the events of one observation.

        Arguments:
            params: physical values of parameters and covariates.
            rng: the only source of randomness.

        Raises: ValueError for impossible values, or if the simulator draws no events.
        """

    def check_observable(self, params: Mapping[str, float]) -> None:
        """Refuse parameters of an observation that cannot be simulated, before any work.

        Arguments:
            params: physical values of parameters and covariates.

        Raises: ValueError that names the parameter, the number and the limit.
        """
        return None

    @property
    def memory(self) -> float:
        """Estimate the bytes that the largest simulation of the prior takes."""
        return 0.0

    def raw(self, x: ArrayLike) -> Floats:
        """Multiply the powers of a vector (X,) by the detector's noise again, if they were
        divided."""
        return np.asarray(x, dtype=np.float64)

    def theta(self, start: int, stop: int, seed: int) -> Floats:
        """Draw parameters and covariates of simulations start to stop.

        Returns: (n, D + C) in sampling coordinates, and where the prior has classes one more
            column with the number of the class.
        """
        theta = self.prior.sample(stop, stream(seed, PRIOR_STREAM))[start:]
        for name in self.prior.covariates:
            if name in WHOLE:
                column = list(self.prior.ranges).index(name)
                r = self.prior.covariates[name]
                theta[:, column] = r.to_sampling(np.round(r.to_physical(theta[:, column])))
        return theta

    @contextmanager
    def cores(self, n: int) -> Iterator[Executor]:
        """Open a pool that draws n simulations on all cores.

        It has threads; or processes, where simulations take longer than the start of processes.
        """
        workers = self.threads or available_cores()
        if workers > 1 and n > MAX_THREADED:
            with process_pool(workers, _start, (self,)) as pool:
                yield pool
        else:
            with ThreadPoolExecutor(workers) as threads:
                yield threads

    def draw(
        self,
        theta: Floats,
        seed: int,
        start: int = 0,
        progress: Callable[[int], object] | None = None,
        cores: Executor | None = None,
    ) -> NDArray[np.float32]:
        """Draw the summary of one simulation for each row of theta.

        Arguments:
            theta: (n, D + C) in sampling coordinates, covariates included.
            seed: with the row's index, the key of its random stream.
            start: index of the first row.
            progress: receives the number of simulations done since its last call.
            cores: pool of `cores`, for what is drawn in several calls.

        Returns: x (n, layout.size), float32; rows that could not be simulated are not finite.
        """
        if cores is None:
            with self.cores(len(theta)) as own:
                return self.draw(theta, seed, start, progress, own)

        rows = _rows if isinstance(cores, ProcessPoolExecutor) else self._rows
        batch = min(MAX_BATCH, len(theta) // 16 + 1)
        futures = [
            cores.submit(rows, theta[i : i + batch], seed, start + i)
            for i in range(0, len(theta), batch)
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

    def _rows(self, theta: Floats, seed: int, start: int) -> NDArray[np.float32]:
        keep_memory()
        draw_one = self.summaries(self.prior.physical(theta))
        return np.stack([draw_one(i, stream(seed, start + i)) for i in range(len(theta))])

    def simulate(
        self,
        start: int,
        stop: int,
        seed: int,
        progress: Callable[[int], object] | None = None,
        cores: Executor | None = None,
    ) -> tuple[Floats, NDArray[np.float32]]:
        """Draw parameters and summaries of simulations start to stop.

        Arguments: as of `draw`.

        Returns: theta (n, D + C) and x (n, layout.size).
        """
        theta = self.theta(start, stop, seed)
        return theta, self.draw(theta, seed, start, progress, cores)

    def _prior_identity(self) -> dict[str, Any]:
        ranges = [
            [name, name in self.prior.covariates, float(r.low), float(r.high), r.scale]
            for name, r in self.prior.ranges.items()
        ]
        identity: dict[str, Any] = {"kind": self.kind, "version": VERSION, "prior": ranges}
        if self.prior.classes:
            names = self.prior.classes
            identity["classes"] = [[name, self.prior.box(name).tolist()] for name in names]
        return identity

    def _check_names(self, wanted: Sequence[str], covariates: Sequence[str]) -> None:
        """Refuse a prior that lacks a wanted name, has another, or has it in the wrong place.

        Raises: ValueError.
        """
        for name in wanted:
            if name not in self.prior.ranges:
                place = "covariates" if name in covariates else "parameters"
                raise ValueError(
                    f"prior.{place} lacks {name}, which the simulation needs; "
                    "give it low, high, scale and unit"
                )
        for name in self.prior.ranges:
            if name not in wanted:
                close = get_close_matches(name, wanted, 1)
                hint = f"did you mean {close[0]}?" if close else f"it takes {', '.join(wanted)}"
                raise ValueError(
                    f"prior has {name}, which neither source, detector nor summary knows; {hint}"
                )
        for name in covariates:
            if name not in self.prior.covariates:
                raise ValueError(
                    f"prior.parameters has {name}, which is known for every observation; "
                    "put it under prior.covariates"
                )


def check_kinds(kind: Kind, **parts: Any) -> None:
    """Refuse parts that belong to another kind of simulator.

    Arguments:
        kind: of the simulator.
        parts: source, detector and summary by name.

    Raises: ValueError.
    """
    for name, part in parts.items():
        if kind not in part.simulators:
            kinds = " or ".join(part.simulators)
            raise ValueError(
                f"{name} is {type(part).__name__}, which is for simulators of {kinds}, "
                f"not of {kind}; take another {name}, or another simulator"
            )


_simulators: list[Simulator] = []


def _start(simulator: Simulator) -> None:
    """Set what a process of `Simulator.cores` draws from."""
    _simulators[:] = [simulator]


def _rows(theta: Floats, seed: int, start: int) -> NDArray[np.float32]:
    return _simulators[0]._rows(theta, seed, start)
