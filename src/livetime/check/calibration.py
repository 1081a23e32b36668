"""Calibrate a posterior estimator: ranks, coverage, bias and contraction on known truths."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from livetime.check.arrays import Floats
from livetime.infer.posterior import Posterior
from livetime.simulate.prior import Prior

LEVELS = (0.68, 0.95)
"""Posterior mass of the credible regions that are checked."""
MIN_DEVIATION = 1e-6
"""The least standard deviation of a posterior in z, over the width of the prior."""
_DRAWS = 399
"""Draws for each truth. With 200 k - 1, coverage has no bias from the finite number of ranks."""
_BATCH = 40
"""Truths whose posteriors are drawn together."""


@dataclass(frozen=True)
class Calibration:
    """Compare N posteriors with the truths behind them.

    Arguments:
        prior: of the D parameters and the covariates.
        ranks: fraction of draws below the truth, (N, D). It is uniform for a calibrated posterior
            (simulation-based calibration, SBC: Talts et al. 2018, arXiv:1804.06788).
        hpd: posterior mass of the region that is denser than the truth, (N,). It is uniform for a
            calibrated posterior (Hermans et al. 2022, arXiv:2110.06581).
        z: (posterior mean - truth)/posterior standard deviation, (N, D), in sampling coordinates.
        contraction: 1 - posterior variance/prior variance, (N, D).
        mean: posterior means, (N, D), in sampling coordinates.
        truth: true parameters, (N, D), in sampling coordinates.
        log_prob: log density of the posterior at the truth, (N,).
        draws: number of draws for each truth.
        covariates: name -> what an observer knows of each simulation, (N,), in sampling
            coordinates; log10 for a name that is not in the prior.

    Examples:
        >>> from livetime.simulate.prior import Prior, Range
        >>> uniform = (np.arange(100) + 0.5)[:, None] / 100
        >>> exact = Calibration(
        ...     Prior({"rate": Range(0.0, 1.0)}), uniform, uniform[:, 0], *[uniform] * 4,
        ...     log_prob=uniform[:, 0], draws=99,
        ... )
        >>> exact.coverage(0.68)
        {'joint': 0.68, 'rate': 0.68}
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
        """Name the parameters."""
        return self.prior.names

    def part(self, rows: NDArray[Any]) -> "Calibration":
        """Select simulations by a mask or their numbers, for coverage and mean z."""
        return replace(self, ranks=self.ranks[rows], hpd=self.hpd[rows], z=self.z[rows])

    def coverage(self, level: float) -> dict[str, float]:
        """Find the share of truths inside credible regions.

        Arguments:
            level: posterior mass of the regions.

        Returns:
            `joint` for the region of highest posterior density (HPD) of all parameters, and
            the name of each parameter for its central interval.
        """
        inside_joint = self.hpd <= level
        shares = {"joint": float(inside_joint.mean())}

        inside = np.abs(self.ranks - 0.5) <= level / 2
        for i, name in enumerate(self.names):
            shares[name] = float(inside[:, i].mean())
        return shares

    def coverages(self) -> dict[str, dict[str, float]]:
        """Find the coverage at each level of `LEVELS`; the keys are the levels as text."""
        return {f"{level:g}": self.coverage(level) for level in LEVELS}

    def terciles(self) -> dict[str, list[dict[str, Any]]]:
        """Find the coverage in terciles of the simulations.

        Simulations are divided into three by each parameter's posterior mean, and by each
        covariate that varies. They are not divided by the true parameters: given the truth, even a
        calibrated posterior may cover too little.

        Returns:
            name -> three rows with the range in physical units, the number n and the coverage.
        """
        values = dict(zip(self.names, self.mean.T, strict=True))
        for name, covariate in self.covariates.items():
            if np.ptp(covariate) > 0:
                values[name] = covariate
        return {name: list(self._terciles_by(name, v)) for name, v in values.items()}

    def _terciles_by(self, name: str, values: Floats) -> Iterator[dict[str, Any]]:
        """Find the coverage in terciles by values (N,) in sampling coordinates."""
        order = np.argsort(values, kind="stable")
        for rows in np.array_split(order, 3):
            edges = values[rows[[0, -1]]]
            low, high = self._physical(name, edges).tolist()
            coverage = self.part(rows).coverages()
            yield {"low": low, "high": high, "n": len(rows), "coverage": coverage}

    def _physical(self, name: str, values: Floats) -> Floats:
        known = self.prior.ranges.get(name)
        if known is None:
            return 10**values
        return known.to_physical(values)

    @cached_property
    def parameters(self) -> dict[str, dict[str, float]]:
        """Find SBC p-value, mean z, mean contraction and R^2 of the means of each parameter."""
        return {name: self._parameter(i) for i, name in enumerate(self.names)}

    def _parameter(self, i: int) -> dict[str, float]:
        error = self.mean[:, i] - self.truth[:, i]
        uniformity = stats.kstest(self.ranks[:, i], "uniform")
        return {
            "sbc_p_value": float(uniformity.pvalue),
            "mean_z": float(self.z[:, i].mean()),
            "contraction": float(self.contraction[:, i].mean()),
            "r2": float(1 - error.var() / self.truth[:, i].var()),
        }

    def numbers(self) -> dict[str, Any]:
        """List all numbers in plain types, for metrics.json."""
        n = len(self.hpd)
        return {
            "n": n,
            "draws": self.draws,
            "log_prob": float(self.log_prob.mean()),
            "log_prob_standard_error": float(self.log_prob.std() / np.sqrt(n)),
            "coverage": self.coverages(),
            "parameters": self.parameters,
            "terciles": self.terciles(),
        }


def calibrate(
    posterior: Callable[[Floats], Posterior],
    theta: Floats,
    x: Floats,
    seed: int,
    draws: int = _DRAWS,
    batch: int = _BATCH,
    progress: Callable[[int], object] | None = None,
) -> Calibration:
    """Compare posteriors with the truths that their summaries were simulated from.

    Arguments:
        posterior: gives the posteriors of summaries (B, X).
        theta: truths (N, D), in sampling coordinates.
        x: their summaries (N, X).
        seed: of the posterior draws.
        draws: for each truth.
        batch: truths at a time.
        progress: receives the number of truths done since its last call.
    """
    parts = []
    for start in range(0, len(x), batch):
        rows = slice(start, start + batch)
        part = _calibrate_batch(posterior(x[rows]), theta[rows], seed + start, draws)
        parts.append(part)
        if progress:
            progress(len(part.hpd))

    def joined(name: str) -> Floats:
        return np.concatenate([getattr(part, name) for part in parts])

    return Calibration(
        parts[0].prior,
        ranks=joined("ranks"),
        hpd=joined("hpd"),
        z=joined("z"),
        contraction=joined("contraction"),
        mean=joined("mean"),
        truth=joined("truth"),
        log_prob=joined("log_prob"),
        draws=draws,
    )


def _calibrate_batch(posterior: Posterior, truth: Floats, seed: int, draws: int) -> Calibration:
    """Calibrate B truths."""
    sample = posterior.sample(draws, seed)
    log_prob = posterior.log_prob(truth[None])[0]
    is_denser = posterior.log_prob(sample) > log_prob
    denser = is_denser.sum(axis=0)
    is_below = sample < truth
    below = is_below.sum(axis=0)

    mean = sample.mean(axis=0)
    width = posterior.prior.high - posterior.prior.low
    deviation = np.maximum(sample.std(axis=0), MIN_DEVIATION * width)
    prior_variance = width**2 / 12
    return Calibration(
        posterior.prior,
        ranks=(below + 0.5) / (draws + 1),
        hpd=(denser + 0.5) / (draws + 1),
        z=(mean - truth) / deviation,
        contraction=1 - deviation**2 / prior_variance,
        mean=mean,
        truth=truth,
        log_prob=log_prob,
        draws=draws,
    )
