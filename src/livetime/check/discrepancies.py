"""Find how residuals of correct simulations are distributed, and count false alarms of the test."""

from typing import Any

import numpy as np

from livetime.check.assessment import HeldOut
from livetime.infer.predictive import posterior_residuals
from livetime.infer.run import Run
from livetime.learn.discrepancy import DiscrepancyTest
from livetime.progress import progress

FALSE_ALARMS = (0.05, 0.01)
"""p-values whose false alarms are counted."""


def fit_discrepancies(run: Run, held_out: HeldOut) -> DiscrepancyTest:
    """Calibrate the test that compares an observation with its posterior.

    Arguments:
        run: of a posterior estimator, with its emulator.
        held_out: simulations that no network was trained on.
    """
    residuals = held_out_residuals(run, held_out.theta, held_out.x, held_out.seed)
    return DiscrepancyTest.fit(run.simulator.layout, residuals)


def held_out_residuals(run: Run, theta: Any, x: Any, seed: int) -> Any:
    """Find the residuals (N, X) of simulated summaries.

    Arguments:
        run: of a posterior estimator, with its emulator.
        theta: parameters and covariates of the simulations, (N, D + C).
        x: their summaries (N, X).
        seed: of the posterior draws.
    """
    prior = run.simulator.prior
    covariates = theta[:, prior.dim : len(prior.ranges)]
    with progress("compare with predictions", len(x), "simulations") as bar:
        return posterior_residuals(run, x, covariates, seed, bar.advance)


def false_alarms(p_values: Any) -> dict[str, float]:
    """Find the share of p-values (N,) of correct simulations below each of `FALSE_ALARMS`.

    Examples:
        >>> false_alarms(np.array([0.02, 0.5, 0.7, 0.9]))
        {'0.05': 0.25, '0.01': 0.0}
    """
    return {f"{level:g}": float(np.mean(p_values < level)) for level in FALSE_ALARMS}
