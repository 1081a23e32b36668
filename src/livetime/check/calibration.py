"""Is the posterior right? Simulation-based calibration, expected coverage, bias, contraction; predictive checks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from livetime.infer.posterior import Posterior
from livetime.simulate.prior import Prior

Floats = NDArray[np.floating[Any]]
LEVELS = (0.68, 0.95)
"""Of which regions are checked."""


@dataclass(frozen=True)
class Calibration:
    """What N simulations with known truth say of a posterior estimator.

    Arguments:
        prior: of the D parameters and the covariates.
        ranks: fraction of draws below the truth, (N, D); uniform if calibrated (Talts et al. 2018).
        hpd: posterior mass of the region that is denser than the truth, (N,); uniform if calibrated (Hermans et al. 2022).
        z: (posterior mean - truth)/posterior standard deviation, (N, D), in sampling coordinates.
        contraction: 1 - posterior variance/prior variance, (N, D).
        mean: posterior means, (N, D), in sampling coordinates.
        truth: (N, D), likewise.
        log_prob: log density at the truth, (N,).
        draws: number of posterior draws for each.
        covariates: name -> (N,), what else an observer knows of each simulation, in sampling coordinates (log10 if not in the prior).
    """

    prior: Prior
    ranks: Floats
    hpd: Floats
    z: Floats
    contraction: Floats
    mean: Floats
    truth: Floats
    log_prob: Floats
    draws: int
    covariates: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return self.prior.names

    def coverage(self, level: float) -> dict[str, float]:
        """Share of truths in the joint HPD region and in each central marginal interval of that mass."""
        inside = np.abs(self.ranks - 0.5) <= level / 2
        return {
            "joint": float((self.hpd <= level).mean()),
            **dict(zip(self.names, inside.mean(axis=0).tolist(), strict=True)),
        }

    def terciles(self) -> dict[str, list[dict[str, Any]]]:
        """Coverage in thirds of the simulations, by each parameter's posterior mean and by each covariate that varies.

        A calibrated posterior's regions hold what they say wherever its own data tell that one is: by the posterior mean, not by the
        truth, of which the observer knows no more. Of each third the least and greatest physical value, its size, and its coverages.
        """
        by = {
            **dict(zip(self.names, self.mean.T, strict=True)),
            **{k: v for k, v in self.covariates.items() if np.ptp(v) > 0},
        }
        out: dict[str, list[dict[str, Any]]] = {}
        for name, values in by.items():
            out[name] = []
            for third in np.array_split(np.argsort(values, kind="stable"), 3):
                part = replace(self, ranks=self.ranks[third], hpd=self.hpd[third])
                coverage = {f"{level:g}": part.coverage(level) for level in LEVELS}
                edges = values[third[[0, -1]]]
                low, high = (
                    self.prior.ranges[name].to_physical(edges)
                    if name in self.prior.ranges
                    else 10**edges
                ).tolist()
                out[name].append({"low": low, "high": high, "n": len(third), "coverage": coverage})
        return out

    def numbers(self) -> dict[str, Any]:
        """Plain types for metrics.json."""
        n = len(self.hpd)
        per = {
            name: {
                "sbc_p_value": float(stats.kstest(self.ranks[:, i], "uniform").pvalue),
                "mean_z": float(self.z[:, i].mean()),
                "contraction": float(self.contraction[:, i].mean()),
                "r2": float(1 - (self.mean - self.truth)[:, i].var() / self.truth[:, i].var()),
            }
            for i, name in enumerate(self.names)
        }
        return {
            "n": n,
            "draws": self.draws,
            "log_prob": float(self.log_prob.mean()),
            "log_prob_standard_error": float(self.log_prob.std() / np.sqrt(n)),
            "coverage": {f"{level:g}": self.coverage(level) for level in LEVELS},
            "parameters": per,
            "terciles": self.terciles(),
        }


def calibrate(
    posterior: Callable[[Floats], Posterior],
    theta: Floats,
    x: Floats,
    seed: int,
    draws: int = 399,
    batch: int = 40,
    progress: Callable[[int], object] | None = None,
    covariates: Mapping[str, Floats] | None = None,
) -> Calibration:
    """Compares posteriors with the truths that they came from.

    Arguments:
        posterior: summaries (B, X) -> their posteriors.
        theta: truths (N, D) in sampling coordinates.
        x: their summaries (N, X).
        seed: of the posterior draws.
        draws: for each truth; one less than a multiple of 200 makes ranks fall evenly on both sides of the edges of 68% and 95%.
        batch: truths at a time.
        progress: called with the number of truths that are done.
        covariates: name -> (N,) in sampling coordinates, by which coverage is told too.
    """
    parts: list[tuple[Floats, ...]] = []
    prior = posterior(x[:1]).prior
    prior_variance = (prior.high - prior.low) ** 2 / 12
    for start in range(0, len(x), batch):
        truth = theta[start : start + batch]
        p = posterior(x[start : start + batch])
        sample = p.sample(draws, seed + start)
        log_prob = p.log_prob(truth[None])[0]
        denser = p.log_prob(sample) > log_prob
        mean, std = sample.mean(axis=0), sample.std(axis=0)
        ranks = ((sample < truth).sum(axis=0) + 0.5) / (draws + 1)
        hpd = (denser.sum(axis=0) + 0.5) / (draws + 1)
        parts.append(
            (ranks, hpd, (mean - truth) / std, 1 - std**2 / prior_variance, mean, truth, log_prob)
        )
        if progress:
            progress(len(truth))
    ranks, hpd, z, contraction, means, truths, log_prob = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    return Calibration(
        prior, ranks, hpd, z, contraction, means, truths, log_prob, draws, covariates or {}
    )
