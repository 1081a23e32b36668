"""Is the posterior right? Simulation-based calibration, expected coverage, bias, contraction; predictive checks."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from livetime.infer.posterior import Posterior
from livetime.infer.run import INFLATIONS
from livetime.simulate.prior import Prior

Floats = NDArray[np.floating[Any]]
LEVELS = (0.68, 0.95)
"""Of which regions are checked."""
RESAMPLES = 400
"""Bootstrap samples."""


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

    def thirds(self) -> dict[str, list[dict[str, Any]]]:
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
            "thirds": self.thirds(),
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


def widening(
    widened: Callable[[float], Callable[[Floats], Posterior]],
    theta: Floats,
    x: Floats,
    seed: int,
    draws: int = 99,
    batch: int = 100,
    progress: Callable[[int], object] | None = None,
) -> float:
    """The least factor, from 1 to the last of `INFLATIONS`, by which posteriors must be widened for their joint regions to hold what they say.

    Networks that learned their simulations too well are overconfident on others. As in the temperature scaling of classifiers (Guo et
    al. 2017) one number mends it: the mean excess of the coverage of the joint HPD regions at `LEVELS`, in binomial standard
    deviations, is brought to zero, or as near as it gets. A cautious posterior is left as it is.

    Arguments:
        widened: factor -> summaries (B, X) -> their posteriors.
        theta: truths (N, D) in sampling coordinates, which no network was trained on.
        x: their summaries (N, X).
        seed: of the posterior draws, the same for each factor.
        draws: for each truth.
        batch: truths at a time.
        progress: called with 1 after each of `INFLATIONS` that was tried, and with the number of those that need not be.
    """
    levels = np.array(LEVELS)

    def excess(factor: float) -> float:
        hpd = calibrate(widened(factor), theta, x, seed, draws, batch).hpd
        return float(
            (
                ((hpd[:, None] <= levels).mean(axis=0) - levels) / np.sqrt(levels * (1 - levels))
            ).mean()
        )

    tried: list[float] = []
    for width in INFLATIONS:
        tried.append(excess(width))
        if progress:
            progress(1)
        if tried[-1] >= 0:
            break
    if progress:
        progress(len(INFLATIONS) - len(tried))
    if tried[-1] < 0:
        return INFLATIONS[int(np.argmax(tried))]
    return float(np.interp(0.0, tried[-2:], INFLATIONS[: len(tried)][-2:]))


@dataclass(frozen=True)
class Classification:
    """What N simulations of known class say of a classifier.

    Arguments:
        classes: K names.
        label: number of the true class, (N,).
        probability: (N, K).
    """

    classes: list[str]
    label: NDArray[np.integer[Any]]
    probability: Floats

    @property
    def predicted(self) -> NDArray[np.integer[Any]]:
        return np.asarray(self.probability.argmax(axis=1))

    @cached_property
    def scores(self) -> dict[str, float]:
        """One number each, of all classes; averages over classes are unweighted (macro). AUC is of one class against the rest.

        For two classes precision, recall (sensitivity), specificity, F1 and the areas under the curves are those of the second.
        """
        import torch
        from torchmetrics import functional

        f: Any = functional
        p, label, k = (
            torch.from_numpy(np.asarray(self.probability, dtype=np.float32)),
            torch.from_numpy(self.label).long(),
            len(self.classes),
        )
        binary = k == 2
        out = {
            "accuracy": f.accuracy(p, label, "multiclass", num_classes=k, average="micro"),
            "balanced_accuracy": f.accuracy(p, label, "multiclass", num_classes=k, average="macro"),
        }
        score, task = (
            (p[:, 1].contiguous(), {"task": "binary"})
            if binary
            else (p, {"task": "multiclass", "num_classes": k, "average": "macro"})
        )
        out |= {
            name: getattr(f, name)(score, label, **task)
            for name in ("precision", "recall", "specificity", "f1_score")
        }
        out |= {
            "roc_auc": f.auroc(score, label, **task),
            "pr_auc": f.average_precision(score, label, **task),
        }
        ece = {k: v for k, v in task.items() if k != "average"}
        out["expected_calibration_error"] = f.calibration_error(
            score, label, **ece, n_bins=15, norm="l1"
        )
        numbers = {name: float(value) for name, value in out.items()}
        numbers["cross_entropy"] = float(
            -np.log(
                np.clip(self.probability[np.arange(len(self.label)), self.label], 1e-12, None)
            ).mean()
        )
        return numbers

    def confusion(self) -> NDArray[np.integer[Any]]:
        """Counts (K, K) of true class (row) and predicted class (column)."""
        k = len(self.classes)
        return np.bincount(self.label * k + self.predicted, minlength=k * k).reshape(k, k)

    @cached_property
    def resampled(self) -> dict[str, Floats]:
        """The scores of bootstrap samples of the simulations, (RESAMPLES,) each; the same samples for every classifier with the same N."""
        rng = np.random.default_rng(0)
        rows = []
        for _ in range(RESAMPLES):
            chosen = rng.integers(len(self.label), size=len(self.label))
            rows.append(
                Classification(self.classes, self.label[chosen], self.probability[chosen]).scores
            )
        return {name: np.array([row[name] for row in rows]) for name in rows[0]}

    def difference(self, other: "Classification", score: str) -> tuple[float, float, float]:
        """This one's score less another's on the same simulations, with the 95% interval of a paired bootstrap."""
        lo, hi = np.quantile(self.resampled[score] - other.resampled[score], [0.025, 0.975])
        return self.scores[score] - other.scores[score], float(lo), float(hi)

    def numbers(self) -> dict[str, Any]:
        """Plain types for metrics.json."""
        intervals = {
            name: np.quantile(values, [0.025, 0.975]).tolist()
            for name, values in self.resampled.items()
        }
        scores = {
            name: {"value": value, "interval95": intervals[name]}
            for name, value in self.scores.items()
        }
        return {
            "n": len(self.label),
            "classes": self.classes,
            "scores": scores,
            "confusion": self.confusion().tolist(),
        }
