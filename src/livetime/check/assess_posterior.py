"""Assess a posterior estimator: calibration overall, in terciles, in cells and on other
sources."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from livetime.check.assessment import Assessment, Bank, HeldOut, RunVerdict
from livetime.check.calibration import LEVELS, Calibration, calibrate
from livetime.check.coverage_map import CoverageMap, coverage_maps
from livetime.check.discrepancies import false_alarms, held_out_residuals
from livetime.check.importance import interpret
from livetime.check.robustness import assess_source
from livetime.infer.run import Run
from livetime.progress import progress
from livetime.simulate.timing import LIVE

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
        false_alarms: p-value -> share of held-out simulations with a lower one.
    """

    question: ClassVar[str] = "posterior"
    calibration: Calibration
    coverage_maps: tuple[CoverageMap, ...] = ()
    robustness: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    false_alarms: Mapping[str, float] = field(default_factory=dict)

    @cached_property
    def _numbers(self) -> dict[str, Any]:
        return self.calibration.numbers()

    @property
    def loss(self) -> float:
        """Give the mean negative log probability of the truth."""
        return -float(self._numbers["log_prob"])

    @cached_property
    def verdict(self) -> RunVerdict:
        """Judge by the coverage, see `posterior_verdict`."""
        return posterior_verdict(self._numbers)

    def metrics(self) -> dict[str, float]:
        """List the mean log probability and the joint coverage."""
        coverage = self._numbers["coverage"].items()
        joint = {f"test/joint_coverage_{level}": shares["joint"] for level, shares in coverage}
        return {"test/log_prob": self._numbers["log_prob"], **joint}

    def numbers(self) -> dict[str, Any]:
        """List calibration, coverage maps and robustness."""
        numbers = {
            **self._numbers,
            "coverage_maps": [m.plain() for m in self.coverage_maps],
            "false_alarms": dict(self.false_alarms),
        }
        if self.robustness:
            numbers["robustness"] = dict(self.robustness)
        return self._with_verdict(numbers)


@dataclass(frozen=True, order=True)
class _Coverage:
    """The coverage of one kind of credible region among n truths; the most overconfident first."""

    z: float
    region: str
    where: str
    level: float
    share: float
    n: int

    @classmethod
    def of_region(
        cls, name: str, level: float, share: float, n: int, where: str = ""
    ) -> "_Coverage":
        intervals = f"{level:.0%} intervals of {name.replace('_', ' ')}"
        region = f"joint {level:.0%} regions" if name == "joint" else intervals
        deviation = np.sqrt(level * (1 - level) / n)
        return cls(float((share - level) / deviation), region, where, level, share, n)

    def sentence(self, sigma: float) -> str:
        margin = sigma * np.sqrt(self.level * (1 - self.level) / self.n)
        return (
            f"the {self.region} cover {self.share:.1%} of the truths ({self.n} simulations; "
            f"{self.level:.0%} expected, {sigma:g} standard deviations are {margin:.1%})"
        )


def posterior_verdict(numbers: Mapping[str, Any]) -> RunVerdict:
    """Judge a calibration by its coverage, overall and in terciles.

    Arguments:
        numbers: as `Calibration.numbers` gives them.
    """
    worst = min(_overall(numbers))
    if worst.z < -MAX_SIGMA:
        sentence = worst.sentence(MAX_SIGMA)
        return RunVerdict("bad", f"Overconfident: {sentence}; {REMEDY}.")

    low = [found for found in _terciles(numbers) if found.z < -MAX_SIGMA_TERCILE]
    if low:
        where = " or ".join(dict.fromkeys(found.where for found in low))
        sentence = min(low).sentence(MAX_SIGMA_TERCILE)
        return RunVerdict("bad", f"Overconfident where {where}: {sentence}; {REMEDY}.")

    level = LEVELS[0]
    joint = numbers["coverage"][f"{level:g}"]["joint"]
    sentence = (
        f"Not overconfident: the joint {level:.0%} regions cover {joint:.1%} of the truths; "
        f"no coverage is {MAX_SIGMA:g} standard deviations below its level "
        f"({MAX_SIGMA_TERCILE:g} in terciles)."
    )
    return RunVerdict("good", sentence)


def _overall(numbers: Mapping[str, Any]) -> Iterator[_Coverage]:
    """List the coverage of every kind of region."""
    for level in LEVELS:
        for name, share in numbers["coverage"][f"{level:g}"].items():
            yield _Coverage.of_region(name, level, share, numbers["n"])


def _terciles(numbers: Mapping[str, Any]) -> Iterator[_Coverage]:
    """List the coverage of the joint regions in every tercile."""
    for name, rows in numbers["terciles"].items():
        for place, row in zip(TERCILES, rows, strict=True):
            where = f"{name.replace('_', ' ')} is {place}"
            for level in LEVELS:
                share = row["coverage"][f"{level:g}"]["joint"]
                yield _Coverage.of_region("joint", level, share, row["n"], where)


def assess_posterior(
    run: Run, held_out: HeldOut, bank: Bank, others: Sequence[str] = ()
) -> PosteriorAssessment:
    """Calibrate a run's posteriors on held-out simulations and on sources that differ.

    Arguments:
        run: of a posterior estimator.
        held_out: simulations that no member was trained on.
        bank: is not needed.
        others: names of other sources, see `robustness.SOURCES`.
    """
    calibration = _calibrate_held_out(run, held_out)
    return PosteriorAssessment(
        calibration,
        tuple(coverage_maps(calibration, held_out.simulator)),
        {name: assess_source(run, held_out, name, calibration) for name in others},
        false_alarms(_p_values(run, held_out)),
        interpretation=interpret(run, held_out.theta, held_out.x, held_out.seed),
    )


def _p_values(run: Run, held_out: HeldOut) -> Any:
    """Find the p-value of the residuals of each held-out simulation, (N,)."""
    residuals = held_out_residuals(run, held_out.theta, held_out.x, held_out.seed)
    return run.discrepancies.p_values(residuals)


def _calibrate_held_out(run: Run, held_out: HeldOut) -> Calibration:
    prior = held_out.simulator.prior
    truth = held_out.theta[:, : prior.dim]
    x = held_out.x
    with progress("calibrate", len(x), "posteriors") as bar:
        calibration = calibrate(run.posterior, truth, x, held_out.seed, progress=bar.advance)

    columns = held_out.theta[:, prior.dim :].T
    covariates = dict(zip(prior.covariates, columns, strict=True))
    live = held_out.simulator.layout.slices.get(LIVE)
    if live is not None:
        covariates[LIVE] = x[:, live.start]
    return replace(calibration, covariates=covariates)
