"""Test a posterior estimator on sources that differ from those of its training."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from livetime.check.assessment import HeldOut
from livetime.check.calibration import Calibration, calibrate
from livetime.check.discrepancies import held_out_residuals
from livetime.errors import UserError, hint
from livetime.infer.predictive import CAUTION_P
from livetime.infer.run import Run
from livetime.progress import progress
from livetime.simulate.light_curve import LightCurve, Rate
from livetime.simulate.prior import Prior
from livetime.simulate.timing import TimingSimulator, draws_events

Floats = NDArray[np.float64]
SOURCES = {
    "linear": "a linear light curve, whose parameters are those of the rate",
    "drift": "a rate that drifts by a factor of 2 over the observation",
    "no_qpo": "a source without a QPO",
}
"""Name of another source -> what it is."""
DRIFT = 2.0
"""Factor by which a drifting rate rises."""
DETECTION = 1.5
"""A QPO is detected where the 5% quantile of its rms exceeds this times the prior's low edge."""
RATE_BINS = 5
"""Bins of the incident rate; each has an upper limit on the rms."""
MIN_FINITE = 100
"""Simulations below which the coverage of another source is not given."""
LIMIT_DRAWS = 999
"""Posterior draws behind a limit."""
LIMIT_BATCH = 40
"""Posteriors that are drawn together."""


@dataclass(frozen=True)
class Drifting(LightCurve):
    """Simulate a light curve whose rate rises evenly by a factor `DRIFT`, with the same mean.

    Examples:
        >>> source = Drifting({"noise": "noise"})
        >>> params = {"noise_rms": 1e-6, "noise_frequency": 1.0, "rate": 90.0}
        >>> rate = source.rate(params, 64.0, np.random.default_rng(0))
        >>> rate.values[[0, -1]].round()
        array([ 60., 120.], dtype=float32)
    """

    def rate(self, params: Mapping[str, float], duration: float, rng: np.random.Generator) -> Rate:
        """Simulate the rate of one observation, see `LightCurve.rate`."""
        steady = super().rate(params, duration, rng)
        n = len(steady.values)
        place = (np.arange(n, dtype=np.float32) + 0.5) / n
        trend = 2 / (1 + DRIFT) * (1 + (DRIFT - 1) * place)
        return Rate((steady.values * trend).astype(np.float32), steady.dt)


def check_sources(run: Run, names: Sequence[str]) -> None:
    """Refuse names of sources on which a run cannot be tested.

    Arguments:
        run: a finished run.
        names: of `SOURCES`.

    Raises:
        UserError: for a name that is unknown, given twice, or does not apply to the run.
    """
    for i, name in enumerate(map(str, names)):
        if name in names[:i]:
            raise UserError("stress", f"has {name} twice", "give each once")
        if name not in SOURCES:
            raise UserError("stress", f"has {name}, which is not a source", hint(name, SOURCES))
        problem = _problem(run, name)
        if problem:
            raise UserError("stress", f"has {name}, but run {run.folder} {problem}", "leave it out")


def _problem(run: Run, name: str) -> str:
    """Say why a source does not apply to a run; empty if it does."""
    simulator = run.simulator
    if run.question.name != "posterior" or not draws_events(simulator):
        return "did not learn the parameters of light curves"
    if name == "linear" and not simulator.source.log_normal:
        return "was trained on linear light curves"
    if name == "no_qpo" and not _qpo_rms(simulator):
        return "does not look for a QPO"
    return ""


def _qpo_rms(simulator: TimingSimulator) -> list[str]:
    """List the parameters that are the rms of a QPO."""
    names = [f"{name}_rms" for name in simulator.source.spectrum.names_of_shape("qpo")]
    return [name for name in names if name in simulator.prior.parameters]


def simulate_source(
    simulator: TimingSimulator,
    name: str,
    theta: Floats,
    seed: int,
    progress: Callable[[int], object] | None = None,
) -> NDArray[Any]:
    """Simulate another source with the same parameters.

    Arguments:
        simulator: of the training.
        name: of `SOURCES`.
        theta: parameters and covariates, (N, D + C).
        seed: of the simulations.
        progress: is called with the number of simulations done since.

    Returns:
        summaries (N, X), not finite where a linear rate would be negative.
    """
    source = simulator.source
    theta = np.array(theta, dtype=np.float64)
    if name == "drift":
        source = Drifting(source.components, source.dt, source.log_normal, source.stretch)
    elif name == "linear":
        source = replace(source, log_normal=False)
    else:
        _remove_qpos(simulator, theta)
    return replace(simulator, source=source).draw(theta, seed, progress=progress)


def _remove_qpos(simulator: TimingSimulator, theta: Floats) -> None:
    """Set the rms of every QPO to zero, which is minus infinity on a logarithmic scale."""
    prior = simulator.prior
    for name in _qpo_rms(simulator):
        with np.errstate(divide="ignore"):
            theta[:, prior.names.index(name)] = prior.ranges[name].to_sampling(0.0)


def assess_source(
    run: Run, held_out: HeldOut, name: str, calibration: Calibration
) -> dict[str, Any]:
    """Test a run on another source with the parameters of its held-out simulations.

    Arguments:
        run: of a posterior estimator.
        held_out: N simulations of the source on which the run was trained.
        name: of `SOURCES`.
        calibration: of the held-out simulations.

    Returns:
        plain types. For `no_qpo`: the result of `qpo_detections` for each QPO. Else: coverage and
            mean z on this source, and on that of the training.
    """
    simulator = cast(TimingSimulator, held_out.simulator)
    theta = held_out.theta
    seed = held_out.seed
    with progress(f"simulate {name}", len(theta), "simulations") as bar:
        x = simulate_source(simulator, name, theta, seed, bar.advance)
    finite = np.asarray(np.isfinite(x).all(axis=1))
    n = int(finite.sum())

    if name == "no_qpo":
        enough = n >= RATE_BINS
        present = held_out.x[finite]
        qpos = qpo_detections(run, theta[finite], x[finite], present, seed) if enough else {}
        return {"n": n, "qpos": qpos}

    numbers = {"n": n, "left_out": float(1 - finite.mean())}
    if n < MIN_FINITE:
        return numbers
    truth = theta[finite, : calibration.prior.dim]
    other = calibrate(run.posterior, truth, x[finite], seed)
    own = calibration.part(finite)
    residuals = held_out_residuals(run, theta[finite], x[finite], seed)
    flagged = run.discrepancies.p_values(residuals) < CAUTION_P
    passed = other.part(~flagged).coverages() if not flagged.all() else {}
    return numbers | {
        "flagged": float(flagged.mean()),
        "coverage_of_unflagged": passed,
        "coverage": other.coverages(),
        "own_coverage": own.coverages(),
        "mean_z": _mean_z(other),
        "own_mean_z": _mean_z(own),
    }


def _mean_z(calibration: Calibration) -> dict[str, float]:
    return dict(zip(calibration.names, calibration.z.mean(axis=0).tolist(), strict=True))


def one_sided_limits(run: Run, name: str, x: NDArray[Any], seed: int) -> Floats:
    """Find the one-sided 95% lower and upper limits of a parameter.

    Arguments:
        run: of a posterior estimator.
        name: of the parameter.
        x: summaries (N, X).
        seed: of the posterior draws.

    Returns:
        both limits in physical units, (N, 2).
    """
    prior = run.simulator.prior
    column = prior.names.index(name)
    rows = []
    for start in range(0, len(x), LIMIT_BATCH):
        posterior = run.posterior(x[start : start + LIMIT_BATCH])
        sample = posterior.sample(LIMIT_DRAWS, seed + start)[:, :, column]
        rows.append(np.quantile(sample, [0.05, 0.95], axis=0).T)
    return prior.parameters[name].to_physical(np.concatenate(rows))


def qpo_detections(
    run: Run, theta: Floats, absent: NDArray[Any], present: NDArray[Any], seed: int
) -> dict[str, Any]:
    """Count false and true detections of a QPO, and find upper limits on its rms.

    Arguments:
        run: of a posterior estimator.
        theta: parameters and covariates, (N, D + C).
        absent: summaries (N, X) without the QPO.
        present: summaries (N, X) with it.
        seed: of the posterior draws.

    Returns:
        rms of the QPO -> threshold, shares of detections, and a row for each bin of the rate.
    """
    simulator = cast(TimingSimulator, run.simulator)
    rate = _rate(simulator.prior, theta)
    found = {}
    for name in _qpo_rms(simulator):
        threshold = DETECTION * simulator.prior.parameters[name].low
        without = one_sided_limits(run, name, absent, seed)
        with_qpo = one_sided_limits(run, name, present, seed)
        found[name] = {
            "threshold": threshold,
            "detected": float((without[:, 0] > threshold).mean()),
            "detected_where_present": float((with_qpo[:, 0] > threshold).mean()),
            "by_rate": list(_by_rate(rate, without, threshold)),
        }
    return found


def _rate(prior: Prior, theta: Floats) -> Floats:
    return np.asarray(prior.physical(theta[:, : len(prior.ranges)])["rate"])


def _by_rate(rate: Floats, limits: Floats, threshold: float) -> Iterator[dict[str, Any]]:
    """Find false detections and the upper limit, median and 68% range, in bins of the rate."""
    order = np.argsort(rate, kind="stable")
    for rows in np.array_split(order, RATE_BINS):
        low, median, high = np.quantile(limits[rows, 1], [0.16, 0.5, 0.84]).tolist()
        yield {
            "low": float(rate[rows[0]]),
            "high": float(rate[rows[-1]]),
            "n": len(rows),
            "detected": float((limits[rows, 0] > threshold).mean()),
            "upper_limit95": median,
            "lo68": low,
            "hi68": high,
        }
