"""Inject a bright source, whose variability is known, into the detector of a run.

The source's own posterior comes from Whittle's likelihood without dead time. It uses the same
intervals and segments, and all photons. For a light curve it uses the photons of an ideal
detector.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from livetime.check.agreement import (
    BRIGHT_SOURCE,
    Row,
    agreement,
    agreement_sentence,
    injection_rows,
)
from livetime.errors import UserError
from livetime.files.bright_source import BrightSource
from livetime.infer.run import Run
from livetime.progress import progress
from livetime.reference.practice import Naive
from livetime.reference.registry import build_references
from livetime.simulate.build import check_values
from livetime.simulate.dead_time_detector import IDEAL, DeadTime
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.prior import Range, Samples
from livetime.simulate.simulator import stream
from livetime.simulate.timing import TimingSimulator, draws_events

Floats = NDArray[np.float64]
RATE_FACTOR = 5.0
"""The prior of the bright source's own rate spans this factor on either side of its rate."""


@dataclass(frozen=True)
class Injected:
    """Keep the posteriors of a bright source behind the detector of a run.

    Arguments:
        run: of a posterior estimator.
        source: the bright source.
        samples: incident counts/s per module -> method -> posterior; the source's own posterior,
            without dead time, is `bright_source`.
        warnings: reasons for doubt.
        notes: what was done to the data.
    """

    run: Run
    source: BrightSource
    samples: dict[float, dict[str, Samples]]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def rows(self) -> list[Row]:
        """List one row for each rate, method and quantity, see `injection_rows`."""
        simulator = _timing(self.run)
        rows = []
        for rate, samples in self.samples.items():
            rows += injection_rows(simulator, rate, samples)
        return rows

    @property
    def verdict(self) -> str:
        """Judge the network in one sentence, and the naive fit in another."""
        return agreement_sentence(self.rows)

    def numbers(self) -> dict[str, Any]:
        """List all numbers and sentences in plain types."""
        rows = self.rows
        source = self.source
        posteriors = {}
        for rate, samples in self.samples.items():
            posteriors[f"{rate:g}"] = {name: s.intervals() for name, s in samples.items()}
        return {
            BRIGHT_SOURCE: {
                "path": str(source.path),
                "rate": source.rate,
                "gti": source.gti.tolist(),
            },
            "rows": rows,
            "agree": agreement(rows),
            "posteriors": posteriors,
            "verdict": agreement_sentence(rows),
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }


@dataclass(frozen=True)
class InjectionPlan:
    """Choose the detectors behind which a bright source is injected.

    Arguments:
        rates: incident counts/s per module.
        fixed: physical values of the detector's covariates; empty for a run without any.
        draws: from each of the network's posteriors.
        seed: of the photons and of all draws.

    Examples:
        >>> InjectionPlan([200.0, 800.0], {"dead_time": 0.0025}).parameters(1)
        {'dead_time': 0.0025, 'rate': 800.0}
    """

    rates: Sequence[float]
    fixed: Mapping[str, float]
    draws: int = 10_000
    seed: int = 2

    def parameters(self, i: int) -> dict[str, float]:
        """Give the physical values of the detector at rate number i."""
        return {**self.fixed, "rate": self.rates[i]}


def check_injection(run: Run, plan: InjectionPlan) -> tuple[Periodogram, int]:
    """Check that a run takes the rates and detectors of a plan.

    Arguments:
        run: of a posterior estimator.
        plan: rates and detectors.

    Returns:
        the summary of the run, and the largest number of segments in its prior.

    Raises:
        UserError: for a run without events, a rate or covariate outside of its prior, or a
            covariate that is missing or unknown.
    """
    simulator = _timing(run)
    check_values(simulator.prior, "inject.rates", "rate", plan.rates)
    _check_fixed(simulator, plan.fixed)
    if simulator.detector.cycle:
        problem = "has a detector with frames, which takes no dead time"
        raise UserError(f"run {run.folder}", problem, "take a run such as deadtime_npe")
    try:
        simulator.detector_at({**plan.fixed, "rate": float(np.mean(plan.rates))})
    except ValueError as error:  # numbers that no detector has
        problem, _, remedy = str(error).partition("; ")
        remedy = remedy or "give values of a real detector"
        raise UserError("fixed", f"has a wrong value: {problem}", remedy) from None
    most = round(simulator.prior.covariates["segments"].high)
    return cast(Periodogram, simulator.summary), most


def _check_fixed(simulator: TimingSimulator, fixed: Mapping[str, Any]) -> None:
    """Refuse covariates that are missing, unknown, or outside of the prior."""
    covariates = simulator.detector_covariates
    for name in covariates:
        if name not in fixed:
            raise UserError(
                f"fixed.{name}", "is missing, and the run takes any detector", "give its value"
            )
    for name, value in fixed.items():
        if name not in covariates:
            raise UserError(
                f"fixed.{name}", "is not a covariate of the run's detector", "leave it out"
            )
        check_values(simulator.prior, f"fixed.{name}", name, [value])


def _timing(run: Run) -> TimingSimulator:
    """Give the run's simulator, which is of periodograms of events."""
    simulator = run.simulator
    has_rate = "rate" in simulator.prior.parameters
    if draws_events(simulator) and has_rate and simulator.summary.is_periodogram:
        return simulator
    problem = "is not of periodograms of events with the rate as a parameter"
    raise UserError(f"run {run.folder}", problem, "take a run such as deadtime_npe")


def default_rates(run: Run) -> tuple[float, ...]:
    """Find the rates at a quarter, half and three quarters of the prior, in the logarithm."""
    known = _timing(run).prior.parameters["rate"]
    places = np.array([0.25, 0.5, 0.75])
    rates = known.low ** (1 - places) * known.high**places
    return tuple(float(f"{rate:.3g}") for rate in rates)


def inject_source(
    run: Run, source: BrightSource, plan: InjectionPlan, names: Sequence[str]
) -> Injected:
    """Find all posteriors of a bright source at each rate.

    Arguments:
        run: of a posterior estimator, see `check_injection`.
        source: the bright source.
        plan: rates and detectors.
        names: of the references.

    Raises:
        UserError: for a rate at which some powers have no counts.
    """
    simulator = _timing(run)
    fitted = build_references(simulator, names)
    # Every observation is made before any long work, so that a bad rate is refused at once.
    observations = [_record(simulator, source, plan, i) for i in range(len(plan.rates))]

    samples: dict[float, dict[str, Samples]] = {}
    total = 1 + len(plan.rates) * (1 + len(names))
    with progress("infer", total, "posteriors") as bar:
        truth = bright_source_posterior(simulator, source, plan.seed)
        bar.advance(text="of the bright source")
        for rate, x in zip(plan.rates, observations, strict=True):
            place = f"at {rate:g} counts/s"
            network = run.posterior(x).samples(plan.draws, plan.seed)
            samples[rate] = {BRIGHT_SOURCE: truth, "network": network}
            bar.advance(text=place)
            for name, reference in fitted.items():
                samples[rate][name] = reference.fit(x, plan.seed)
                bar.advance(text=place)
    warnings = _warnings(run, plan.rates, observations)
    return Injected(run, source, samples, warnings, _notes(source, samples))


def _warnings(run: Run, rates: Sequence[float], observations: Sequence[Floats]) -> tuple[str, ...]:
    """List reasons to doubt the network, each once."""
    warnings = dict.fromkeys(run.failed_test())
    for rate, x in zip(rates, observations, strict=True):
        found = [f"at {rate:g} counts/s {warning}" for warning in run.out_of_range(x)]
        warnings |= dict.fromkeys(found)
    return tuple(warnings)


def _notes(source: BrightSource, samples: Mapping[float, Mapping[str, Samples]]) -> tuple[str, ...]:
    """List what was done to the source, and what the posteriors note, each once."""
    notes = []
    for rate, posteriors in samples.items():
        for posterior in posteriors.values():
            notes += [f"at {rate:g} counts/s {note}" for note in posterior.notes]
    return (*source.notes, *dict.fromkeys(notes))


def _record(
    simulator: TimingSimulator, source: BrightSource, plan: InjectionPlan, i: int
) -> Floats:
    """Find the summary (X,) of the source behind the run's detector at rate number i."""
    params = plan.parameters(i)
    rate = params["rate"]
    detector = cast(DeadTime, simulator.detector_at(params))
    events = source.through(detector, rate, stream(plan.seed, 1 + i))
    x = simulator.summarise(events, params)
    if not np.isfinite(x).all():
        bad = int((~np.isfinite(x)).sum())
        entries = f"{bad} of {len(x)} numbers of the summary are not finite"
        problem = f"has {rate:g} counts/s, too few: {entries}"
        raise UserError("inject.rates", problem, "take higher rates")
    return np.asarray(x, dtype=np.float64)


def bright_source_posterior(simulator: TimingSimulator, source: BrightSource, seed: int) -> Samples:
    """Find the posterior of the source without dead time, under the prior of a run.

    Only the prior of the rate differs: it is centred on the rate of the source.

    Arguments:
        simulator: of the run.
        source: the bright source.
        seed: of the photons and of the draws.
    """
    summary = cast(Periodogram, simulator.summary)
    x = source.ideal(summary, stream(seed, 0))
    if not np.isfinite(x).all():
        bad = int((~np.isfinite(x)).sum())
        problem = f"has zero power at {bad} frequencies: too few counts"
        remedy = "choose a brighter part with inject.start and inject.stop"
        raise UserError(str(source.path), problem, remedy)

    place = summary.layout(IDEAL).slices["rate_a"].start
    rate = 10 ** float(x[place])
    own = Range(rate / RATE_FACTOR, RATE_FACTOR * rate, "log", "counts/s")
    prior = simulator.prior
    covariates = dict(prior.covariates)
    for name in simulator.detector_covariates:
        del covariates[name]
    prior = replace(prior, parameters={**prior.parameters, "rate": own}, covariates=covariates)
    return Naive(replace(simulator, prior=prior, detector=IDEAL)).fit(x, seed)
