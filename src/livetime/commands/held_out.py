"""Check a run on simulations that are made for this and kept nowhere: `train` and `evaluate`."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from livetime.progress import progress

if TYPE_CHECKING:
    from livetime.infer.run import Run
    from livetime.report.assessment import Assessment

TEST_SEED = 2**32
"""Added to a run's seed for the fresh simulations at the end of its training."""


def held_out(
    run: "Run",
    bank: Callable[[], Any],
    n: int,
    seed: int,
    threads: int | None,
    others: Sequence[str] = (),
) -> "Assessment":
    """Assess a run on n fresh simulations.

    Arguments:
        run: with trained members.
        bank: gives theta and x that it was trained on.
        n: number of fresh simulations.
        seed: of the simulations.
        threads: that simulate; None for one a core.
        others: names of other sources, see `livetime.check.robustness`.
    """
    from livetime.check import robustness as stress
    from livetime.check.calibration import calibrate
    from livetime.report import assessment as outcome
    from livetime.simulate.simulator import LIVE, TimingSimulator

    simulator = replace(run.simulator, threads=threads)
    with progress("simulate held-out", n, "simulations") as bar:
        theta, x = simulator.simulate(0, n, seed, bar.advance)
    finite = np.isfinite(x).all(axis=1)
    theta, x = theta[finite], x[finite]
    seed %= 2**31
    if run.question.name == "class":
        result = outcome.classify(run, theta, x, bank(), seed)
    else:
        dim = simulator.prior.dim
        covariates = dict(zip(simulator.prior.covariates, theta[:, dim:].T, strict=True))
        if LIVE in simulator.layout.slices:
            covariates[LIVE] = x[:, simulator.layout.slices[LIVE].start]
        with progress("calibrate", len(x), "posteriors") as bar:
            normal = calibrate(
                run.posterior, theta[:, :dim], x, seed, progress=bar.advance, covariates=covariates
            )
        told = {
            name: stress.ask(run, simulator, name, normal, theta, x, seed)
            for name in others
            if isinstance(simulator, TimingSimulator)
        }
        result = outcome.stressed(outcome.of_posterior(normal, simulator), told)
    return outcome.interpreted(result, run, theta, x, seed)
