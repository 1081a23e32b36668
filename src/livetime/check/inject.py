"""Real variability with a known answer: a bright source's events or light curve, passed through a run's detector.

The answer is known from Whittle's likelihood without dead time on the periodogram of the original, of the same intervals and segments: of
all its photons or, for a light curve, of those of an ideal detector that watches it at `original.IDEAL` counts/s. It knows more than what
dead time leaves: where that is all that differs, an estimate from the latter scatters about the original's with the difference of both
variances (Hausman 1978).
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from livetime.check.coverage_map import powerlaw_rms
from livetime.errors import UserError
from livetime.files.bright_source import BrightSource
from livetime.infer.run import Run
from livetime.progress import progress
from livetime.reference.registry import build_references
from livetime.reference.whittle import Naive
from livetime.simulate.dead_time_detector import IDEAL, DeadTime
from livetime.simulate.periodogram import Periodogram
from livetime.simulate.power_spectrum import POWER_SHAPES
from livetime.simulate.prior import Range, Samples
from livetime.simulate.simulator import WHOLE, stream
from livetime.simulate.timing import TimingSimulator, draws_events

Floats = NDArray[np.float64]
LEAST = 0.3
"""Least scatter of an estimate about the original's, in its own standard deviations: neither of them is exact."""
FAR = 3.0
"""Standard deviations of that difference, from which on two answers contradict each other."""


@dataclass(frozen=True)
class Injected:
    """What came of it.

    Arguments:
        samples: incident counts/s per module -> name -> posterior, the original's under `original`.
        warnings, notes: reasons to doubt, and what was done.
    """

    run: Run
    original: BrightSource
    samples: dict[float, dict[str, Samples]]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One for each rate, method and quantity; see `compared`."""
        simulator = _timing(self.run)
        return [
            row
            for rate, samples in self.samples.items()
            for row in compared(simulator, rate, samples)
        ]

    def numbers(self) -> dict[str, Any]:
        """List all numbers and sentences in plain types."""
        rows, original = self.rows, self.original
        posteriors = {
            f"{rate:g}": {name: s.intervals() for name, s in samples.items()}
            for rate, samples in self.samples.items()
        }
        return {
            "bright_source": {
                "path": str(original.path),
                "rate": original.rate,
                "gti": original.gti.tolist(),
            },
            "rows": rows,
            "agree": agree(rows),
            "posteriors": posteriors,
            "verdict": self.verdict,
            "warnings": list(self.warnings),
            "notes": list(self.notes),
        }

    @property
    def verdict(self) -> str:
        rows = self.rows
        words = [
            _agreement(name, [r for r in rows if r["method"] == name])
            for name in ("network", "naive")
        ]
        return " ".join(word for word in words if word)


def refuse(run: Run, rates: Sequence[float], fixed: Mapping[str, Any]) -> tuple[Periodogram, int]:
    """The run's summary, and the most segments that it knows.

    Raises: UserError for a run that no events can be passed to, rates that it does not know, or covariates that are not given.
    """
    simulator = _timing(run)
    r = simulator.prior.ranges["rate"]
    for rate in rates:
        if not r.low <= rate <= r.high:
            raise UserError(
                f"inject.rates has {rate:g} counts/s, but the run knows {r.low:g} to {r.high:g}; stay inside"
            )
    for name in simulator.detector_covariates:
        if name not in fixed:
            raise UserError(
                f"fixed.{name} is missing, which the run takes as known of every detector; say fixed.{name}=<value>"
            )
    for name in fixed:
        if name not in simulator.detector_covariates:
            raise UserError(
                f"fixed.{name} is not one of the detector's covariates of this run; leave it out"
            )
        if name in WHOLE and fixed[name] % 1:
            raise UserError(f"fixed.{name} is {fixed[name]}, but must be whole")
    if simulator.detector.cycle:
        raise UserError(
            f"run={run.folder} has a detector with frames, which takes no dead time; take a run such as deadtime_npe"
        )
    try:
        simulator.detector_at({**fixed, "rate": float(np.mean(rates))})
    except ValueError as error:  # numbers that no detector has
        raise UserError(f"{'fixed' if fixed else f'run={run.folder}'}: {error}") from None
    return cast(Periodogram, simulator.summary), round(simulator.prior.covariates["segments"].high)


def _timing(run: Run) -> TimingSimulator:
    """The run's simulator, of periodograms of events."""
    simulator = run.simulator
    if not (
        draws_events(simulator)
        and simulator.summary.is_periodogram
        and "rate" in simulator.prior.parameters
    ):
        raise UserError(
            f"run={run.folder} is not of periodograms of events, with the rate as a parameter; take a run such as deadtime_npe"
        )
    return simulator


def default_rates(run: Run) -> tuple[float, ...]:
    """A quarter, half and three quarters of the way through the prior, in the logarithm."""
    r = _timing(run).prior.parameters["rate"]
    return tuple(float(f"{r.low ** (1 - k) * r.high**k:.3g}") for k in (0.25, 0.5, 0.75))


def inject(
    run: Run,
    original: BrightSource,
    rates: Sequence[float],
    fixed: Mapping[str, float],
    names: Sequence[str],
    draws: int,
    seed: int,
) -> Injected:
    """All posteriors at each rate.

    Arguments:
        run: finished; `refuse` has looked at it.
        original: the source.
        rates: incident counts/s per module.
        fixed: physical values of the detector's covariates, for a run that has any.
        names: of the references.
        draws: of the network's posteriors.
        seed: of the photons and of all draws.
    """
    simulator, warnings, notes = (
        _timing(run),
        dict.fromkeys(run.failed_test()),
        list(original.notes),
    )
    beside, out = build_references(simulator, names), dict[float, dict[str, Samples]]()
    for i, rate in enumerate(rates):  # before any long work
        _recorded(simulator, original, rate, fixed, seed, i)
    with progress("infer", 1 + len(rates) * (1 + len(names)), "posteriors") as bar:
        truth = whittle(simulator, original, seed)
        bar.advance(text="of the original")
        for i, rate in enumerate(rates):
            x = _recorded(simulator, original, rate, fixed, seed, i)
            warnings |= dict.fromkeys(f"at {rate:g} counts/s {w}" for w in run.out_of_range(x))
            out[rate] = {"bright_source": truth, "network": run.posterior(x).samples(draws, seed)}
            bar.advance(text=f"at {rate:g} counts/s")
            for name, reference in beside.items():
                out[rate][name] = reference.fit(x, seed)
                bar.advance(text=f"at {rate:g} counts/s")
    notes += dict.fromkeys(
        f"at {rate:g} counts/s {note}"
        for rate, samples in out.items()
        for s in samples.values()
        for note in s.notes
    )
    return Injected(run, original, out, tuple(warnings), tuple(notes))


def _recorded(
    simulator: TimingSimulator,
    original: BrightSource,
    rate: float,
    fixed: Mapping[str, float],
    seed: int,
    i: int,
) -> Floats:
    """The summary (X,) of the source behind the run's detector."""
    known = {**fixed, "rate": rate}
    events = original.through(
        cast(DeadTime, simulator.detector_at(known)), rate, stream(seed, 1 + i)
    )
    x = simulator.summarise(events, known)
    if not np.isfinite(x).all():
        raise UserError(
            f"inject.rates has {rate:g} counts/s, too few for {original.path}: some powers are without counts; take higher ones"
        )
    return np.asarray(x, dtype=np.float64)


def whittle(simulator: TimingSimulator, original: BrightSource, seed: int) -> Samples:
    """The original's posterior under the run's prior, but for the rate, which is what it is."""
    summary = cast(Periodogram, simulator.summary)
    x = original.ideal(summary, stream(seed, 0))
    if not np.isfinite(x).all():
        raise UserError(
            f"{original.path} has no counts in some frequencies; choose a brighter stretch with inject.start and inject.stop"
        )
    rate = 10 ** float(x[summary.layout(IDEAL).slices["rate_a"]][0])
    prior = simulator.prior
    covariates = {
        name: r for name, r in prior.covariates.items() if name not in simulator.detector_covariates
    }
    prior = replace(
        prior,
        parameters={**prior.parameters, "rate": Range(rate / 5, 5 * rate, "log", "counts/s")},
        covariates=covariates,
    )
    return Naive(replace(simulator, prior=prior, detector=IDEAL)).fit(x, seed)


# What is compared.


def quantities(simulator: TimingSimulator, samples: Samples) -> dict[str, tuple[Floats, bool]]:
    """Draws of the rms and frequency of every component, and whether they are compared by their logarithm.

    Of a power law, whose norm is an extrapolation to 1 Hz: the fractional rms in the summary's band, and the index.
    """
    values, out = samples.physical(), dict[str, tuple[Floats, bool]]()
    for name, shape in simulator.source.spectrum.components.items():
        if shape == "powerlaw":
            out |= {
                f"{name}_rms": (powerlaw_rms(simulator, name, values), True),
                f"{name}_index": (values[f"{name}_index"], False),
            }
        else:
            out |= {
                f"{name}_{field}": (values[f"{name}_{field}"], True)
                for field in POWER_SHAPES[shape].fields
                if field != "quality"
            }
    return out


def compared(
    simulator: TimingSimulator, rate: float, samples: Mapping[str, Samples]
) -> list[dict[str, Any]]:
    """A row for each method and quantity: median and 68% interval; the median's difference from the original's, of the logarithm but for
    an index; whether it lies within the original's 68% interval; and, but for the naive fit, `sigma`, by which an exact posterior's would
    scatter about it, and the probability `expected` that it would lie within."""
    truth, rows = quantities(simulator, samples["bright_source"]), []
    for method, own in samples.items():
        for name, (draws, logarithm) in quantities(simulator, own).items():
            scale: Callable[[float], Any] = np.log if logarithm else float
            lo, median, hi = (float(v) for v in np.quantile(draws, [0.16, 0.5, 0.84]))
            lo0, median0, hi0 = (float(v) for v in np.quantile(truth[name][0], [0.16, 0.5, 0.84]))
            row = {
                "rate": rate,
                "method": method,
                "quantity": name,
                "median": median,
                "lo68": lo,
                "hi68": hi,
            }
            if method != "bright_source":
                width, width0 = (
                    (float(scale(b)) - float(scale(a))) / 2 for a, b in ((lo, hi), (lo0, hi0))
                )
                row |= {
                    "difference": float(scale(median)) - float(scale(median0)),
                    "inside68": lo0 <= median <= hi0,
                }
                if method != "naive":
                    sigma = math.sqrt(
                        max(width**2 - width0**2, (LEAST * width) ** 2, 1e-12)
                    )  # draws may all lie on the prior's edge
                    row |= {"sigma": sigma, "expected": math.erf(width0 / sigma / math.sqrt(2))}
            rows.append(row)
    return rows


def _agreement(method: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """One sentence on a method; empty where it was not asked."""
    if not rows:
        return ""
    inside, n = sum(row["inside68"] for row in rows), len(rows)
    where = f"its medians lie within the 68% interval of the original's Whittle posterior in {inside} of {n} cases"
    if method == "naive":
        return f"The naive fit {'agrees' if inside == n else 'does not agree'} with it: {where}."
    expected = sum(row["expected"] for row in rows)
    far = [row for row in rows if abs(row["difference"]) > FAR * row["sigma"]]
    worst = max(abs(row["difference"]) / row["sigma"] for row in rows)
    does = "contradicts" if far else "agrees with" if inside == n else "is consistent with"
    of_it = f"{expected:.1f} are expected of an exact posterior of what dead time leaves, and it is at most {worst:.1f} standard deviations off"
    return f"The network {does} the original: {where} ({of_it})."


def agree(rows: Sequence[Mapping[str, Any]]) -> dict[str, bool]:
    """Method -> whether all of its medians lie within the original's 68% intervals."""
    methods = dict.fromkeys(row["method"] for row in rows if row["method"] != "bright_source")
    return {m: all(row["inside68"] for row in rows if row["method"] == m) for m in methods}
