"""Define an assessment for any question: numbers, a verdict, and what the network looks at."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from livetime.check.importance import Interpretation
from livetime.infer.run import Run
from livetime.progress import progress
from livetime.simulate.simulator import Simulator

Floats = NDArray[np.float64]
Bank = Callable[[], tuple[Floats, NDArray[Any]]]
"""Gives theta (N, D + C) and x (N, X) of the simulations that a run was trained on."""


@dataclass(frozen=True)
class RunVerdict:
    """Keep the verdict on a run in one sentence.

    Arguments:
        level: `good`; `caution` if a method without a network does as well; `bad` if the network
            must not be used.
        sentence: the reason with its numbers, and the remedy.

    Examples:
        >>> RunVerdict("bad", "The joint 68% regions cover 61% of the truths.").good
        False
    """

    level: Literal["good", "caution", "bad"]
    sentence: str

    @property
    def good(self) -> bool:
        """Say whether the answers of the run can be used."""
        return self.level != "bad"


@dataclass(frozen=True)
class HeldOut:
    """Fresh simulations that no network was trained on, all finite.

    Arguments:
        simulator: of the run, with the threads to use.
        theta: parameters and covariates, and the class where there are classes, (N, D + C).
        x: summaries (N, X).
        seed: of all random draws of the assessment.
    """

    simulator: Simulator
    theta: Floats
    x: NDArray[Any]
    seed: int

    @classmethod
    def simulate(cls, run: Run, n: int, seed: int, threads: int | None = None) -> "HeldOut":
        """Draw n simulations from the run's prior, and leave out those that are not finite."""
        simulator = replace(run.simulator, threads=threads)
        with progress("simulate held-out", n, "simulations") as bar:
            theta, x = simulator.simulate(0, n, seed, bar.advance)
        finite = np.isfinite(x).all(axis=1)
        return cls(simulator, theta[finite], x[finite], seed % 2**31)


@dataclass(frozen=True)
class Assessment(ABC):
    """Keep numbers and a verdict on one run; each question has a subclass.

    Arguments:
        interpretation: the course of the training and what the network looks at; None where the
            network was not examined.
        files: name -> plain types, which the run folder keeps as JSON for later inferences.
    """

    question: ClassVar[str]
    interpretation: Interpretation | None = field(default=None, kw_only=True)
    files: dict[str, Any] = field(default_factory=dict, kw_only=True)

    @property
    @abstractmethod
    def verdict(self) -> RunVerdict:
        """Judge the run."""

    @property
    @abstractmethod
    def loss(self) -> float:
        """Give the number that a sweep over runs minimises."""

    @abstractmethod
    def metrics(self) -> dict[str, float]:
        """List the few numbers that compare runs, for TensorBoard's HPARAMS tab."""

    @abstractmethod
    def numbers(self) -> dict[str, Any]:
        """List all numbers in plain types, for metrics.json."""

    def _with_verdict(self, numbers: dict[str, Any]) -> dict[str, Any]:
        verdict = self.verdict
        out = {**numbers, "verdict": verdict.sentence, "good": verdict.good}
        if self.interpretation:
            rises = self.interpretation.importance
            out["importance"] = {name: list(rise) for name, rise in rises.items()}
        return out
