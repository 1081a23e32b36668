"""Score classifiers on simulations of known class, with bootstrap intervals."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
RESAMPLES = 400
"""Bootstrap samples."""


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
