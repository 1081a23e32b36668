"""Assess a posterior estimator: calibration overall, in terciles and in cells, and on other sources."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from livetime.check import robustness as stress
from livetime.check.assessment import Assessment, Bank, HeldOut, RunVerdict
from livetime.check.calibration import LEVELS, Calibration, calibrate
from livetime.check.coverage_map import CoverageMap, of_calibration
from livetime.check.importance import interpret
from livetime.infer.run import Run
from livetime.progress import progress
from livetime.simulate.timing import LIVE, draws_events

TERCILES = ("low", "middling", "high")
"""Names of the terciles of the simulations."""
MAX_SIGMA = 3.0
"""Binomial standard deviations below its level from which on a coverage is overconfident."""
MAX_SIGMA_TERCILE = 4.0
"""Likewise for a tercile: there are so many that chance puts one in 20 runs below 3."""
REMEDY = "train longer, on more simulations, or with more members"


@dataclass(frozen=True)
class PosteriorAssessment(Assessment):
    """Assess a posterior estimator on held-out simulations.

    Arguments:
        calibration: ranks, coverage, bias and contraction.
        coverage_maps: coverage in cells of two quantities.
        robustness: other source -> its numbers, see `robustness`.
    """

    question: ClassVar[str] = "posterior"
    calibration: Calibration
    coverage_maps: tuple[CoverageMap, ...] = ()
    robustness: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @cached_property
    def _numbers(self) -> dict[str, Any]:
        return self.calibration.numbers()

    @property
    def loss(self) -> float:
        return -float(self._numbers["log_prob"])

    @cached_property
    def verdict(self) -> RunVerdict:
        return posterior_verdict(self._numbers)

    def metrics(self) -> dict[str, float]:
        coverage = self._numbers["coverage"].items()
        joint = {f"test/joint_coverage_{level}": shares["joint"] for level, shares in coverage}
        return {"test/log_prob": self._numbers["log_prob"], **joint}

    def numbers(self) -> dict[str, Any]:
        numbers = {**self._numbers, "coverage_maps": [m.plain() for m in self.coverage_maps]}
        if self.robustness:
            numbers["robustness"] = dict(self.robustness)
        return self._with_verdict(numbers)


def posterior_verdict(numbers: Mapping[str, Any]) -> RunVerdict:
    """Judge a calibration by its coverages, overall and in terciles.

    Arguments:
        numbers: as `Calibration.numbers` gives them.
    """
    n = numbers["n"]
    overall = [
        (_z(share, level, n), name, level, share)
        for level in LEVELS
        for name, share in numbers["coverage"][f"{level:g}"].items()
    ]
    z, name, level, share = min(overall)
    if z < -MAX_SIGMA:
        region = (
            f"joint {level:.0%} regions"
            if name == "joint"
            else f"{level:.0%} intervals of {name.replace('_', ' ')}"
        )
        sentence = f"Overconfident: {_coverage(region, share, level, n, MAX_SIGMA)}; {REMEDY}."
        return RunVerdict("bad", sentence)

    low = [found for found in _terciles(numbers) if found[0] < -MAX_SIGMA_TERCILE]
    if low:
        where = " or ".join(dict.fromkeys(found[1] for found in low))
        _, _, level, share, n = min(low)
        covered = _coverage(f"joint {level:.0%} regions", share, level, n, MAX_SIGMA_TERCILE)
        return RunVerdict("bad", f"Overconfident where {where}: {covered}; {REMEDY}.")

    joint = numbers["coverage"][f"{LEVELS[0]:g}"]["joint"]
    return RunVerdict(
        "good",
        f"Not overconfident: the joint {LEVELS[0]:.0%} regions cover {joint:.1%} of the truths; "
        f"no coverage is {MAX_SIGMA:g} standard deviations below its level "
        f"({MAX_SIGMA_TERCILE:g} in terciles).",
    )


def _z(share: float, level: float, n: int) -> float:
    return float((share - level) / np.sqrt(level * (1 - level) / n))


def _coverage(region: str, share: float, level: float, n: int, sigma: float) -> str:
    margin = sigma * np.sqrt(level * (1 - level) / n)
    return (
        f"the {region} cover {share:.1%} of the truths ({n} simulations; "
        f"{level:.0%} expected, {sigma:g} standard deviations are {margin:.1%})"
    )


def _terciles(numbers: Mapping[str, Any]) -> Iterator[tuple[float, str, float, float, int]]:
    for name, rows in numbers["terciles"].items():
        for place, row in zip(TERCILES, rows, strict=True):
            for level in LEVELS:
                share = row["coverage"][f"{level:g}"]["joint"]
                where = f"{name.replace('_', ' ')} is {place}"
                yield _z(share, level, row["n"]), where, level, share, row["n"]


def assess_posterior(
    run: Run, held_out: HeldOut, bank: Bank, others: Sequence[str] = ()
) -> PosteriorAssessment:
    """Calibrate a run's posteriors on held-out simulations, and on `others`, sources that differ."""
    simulator, theta, x, seed = held_out.simulator, held_out.theta, held_out.x, held_out.seed
    dim = simulator.prior.dim
    covariates = dict(zip(simulator.prior.covariates, theta[:, dim:].T, strict=True))
    if LIVE in simulator.layout.slices:
        covariates[LIVE] = x[:, simulator.layout.slices[LIVE].start]
    with progress("calibrate", len(x), "posteriors") as bar:
        calibration = calibrate(
            run.posterior, theta[:, :dim], x, seed, progress=bar.advance, covariates=covariates
        )
    robustness = {
        name: stress.ask(run, simulator, name, calibration, theta, x, seed)
        for name in others
        if draws_events(simulator)
    }
    return PosteriorAssessment(
        calibration,
        tuple(of_calibration(calibration, simulator)),
        robustness,
        interpretation=interpret(run, theta, x, seed),
    )
