"""Test a posterior estimator on sources that differ from those of its training."""

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from livetime.check.assessment import HeldOut
from livetime.check.calibration import Calibration, calibrate
from livetime.check.discrepancies import held_out_residuals
from livetime.check.stress import SOURCES, qpo_rms_names, simulate_source
from livetime.infer.predictive import CAUTION_P
from livetime.infer.run import Run
from livetime.progress import progress
from livetime.simulate.prior import Prior
from livetime.simulate.timing import TimingSimulator

Floats = NDArray[np.float64]
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
    passed = {} if flagged.all() else _coverages(other.part(~flagged), name)
    return numbers | {
        "flagged": float(flagged.mean()),
        "coverage_of_unflagged": passed,
        "coverage": _coverages(other, name),
        "own_coverage": own.coverages(),
        "mean_z": _mean_z(other, name),
        "own_mean_z": _mean_z(own, name),
    }


def _coverages(calibration: Calibration, name: str) -> dict[str, dict[str, float]]:
    """Give the coverage of the regions of the parameters that a source has."""
    lost = SOURCES[name].lost
    if not lost:
        return calibration.coverages()
    kept = _kept(calibration, name)
    rows = calibration.coverages().items()
    return {level: {key: row[key] for key in kept} for level, row in rows}


def _mean_z(calibration: Calibration, name: str) -> dict[str, float]:
    means = zip(calibration.names, calibration.z.mean(axis=0).tolist(), strict=True)
    kept = _kept(calibration, name)
    return {key: value for key, value in means if key in kept}


def _kept(calibration: Calibration, name: str) -> list[str]:
    """Name the parameters that a source has too."""
    lost = SOURCES[name].lost
    return [key for key in calibration.names if key not in lost]


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
    for name in qpo_rms_names(simulator):
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
