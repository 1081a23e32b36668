"""False alarms of the likelihood-ratio test for a QPO at a nominal 5%, in six continua.

Sources of experiment qpo_cnn without a QPO, at 300 counts/s with 16 segments, for three rms of the
noise and two frequencies. From each periodogram one is drawn from its fitted continuum. The share
of observed statistics above the 95% quantile of the drawn ones is the size of the bootstrap
(Giacomini, Politis & White 2013, doi:10.1017/S0266466612000655). The peer is the share above the
95% quantile of a pool, which is drawn from the whole prior.
"""

import argparse

import numpy as np

from benchmarks import held_out, row

OTHERS = {"qpo_frequency": 3.0, "qpo_quality": 5.0, "rate": 300.0, "segments": 16.0}
RMS = (0.06, 0.2, 0.35)
FREQUENCY = (0.3, 2.0)
LEVEL = 0.95


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("--n", type=held_out, default=500, help="observations of each continuum")
    parser.add_argument("--seed", type=int, default=13)


def rows(args: argparse.Namespace) -> list[dict]:
    """Measure, and return the rows of the table."""
    import torch

    from livetime.compose import compose_experiment
    from livetime.reference.likelihood_ratio import LikelihoodRatio
    from livetime.simulate.build import build_simulator

    torch.set_num_threads(1)
    simulator = build_simulator(compose_experiment("qpo_cnn"))
    test = LikelihoodRatio(simulator)
    theta, x = simulator.simulate(0, 2 * args.n, args.seed + 1)
    absent = x[theta[:, -1] == 0]
    pooled = np.quantile(test.statistic(absent), LEVEL)

    found = []
    for rms in RMS:
        for frequency in FREQUENCY:
            noise = {"noise_rms": rms, "noise_frequency": frequency}
            x = _without_qpo(simulator, {**OTHERS, **noise}, args.n, args.seed)
            statistic = test.statistic(x)
            drawn = test.drawn_statistic(x, args.seed)
            name = f"false alarms at 5%, noise of rms {rms:g} at {frequency:g} Hz"
            size = np.mean(statistic > np.quantile(drawn, LEVEL))
            peer = np.mean(statistic > pooled)
            found.append(row(name, size, "of the observations", f"pooled: {peer:.3f}"))
    return found


def _without_qpo(simulator, values: dict[str, float], n: int, seed: int) -> np.ndarray:
    """Draw n summaries (n, X) of one source without a QPO."""
    prior = simulator.prior
    columns = {name: np.full(n, value) for name, value in {**values, "qpo_rms": 0.1}.items()}
    box = prior.theta(columns)[:, : prior.dim + len(prior.covariates)]
    theta = np.column_stack([box, np.zeros(n)])
    theta[:, prior.names.index("qpo_rms")] = -np.inf
    return simulator.draw(theta, seed)
