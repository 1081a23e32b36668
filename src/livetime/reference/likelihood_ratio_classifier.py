"""Define a classifier that calibrates the likelihood-ratio test for a QPO on simulations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray

from livetime.p_values import rank_p_value
from livetime.reference.base import AnyFloats, Labels, Progress, ReferenceClassifier
from livetime.reference.likelihood_ratio import BOOTSTRAPS, LikelihoodRatio
from livetime.simulate.simulator import Simulator
from livetime.simulate.timing import TimingSimulator

Floats = NDArray[np.float64]

MAX_CALIBRATION = 2000
"""Most simulations on which the statistic is calibrated."""


@dataclass(frozen=True)
class Threshold:
    """Turn values of a test's statistic into probabilities, by simulations of known class.

    Arguments:
        statistic: of the simulations, (N,).
        label: 1 for a simulation with the QPO, else 0, (N,).

    Examples:
        >>> threshold = Threshold(np.array([0.0, 1.0, 20.0, 30.0]), np.array([0, 0, 1, 1]))
        >>> round(threshold.false_alarm(5.0), 3)
        0.333
    """

    statistic: Floats
    label: Labels

    def probabilities(self, statistic: Floats) -> Floats:
        """Return (B, 2) for values (B,), by logistic regression on ln(1 + statistic)."""
        from sklearn.linear_model import LogisticRegression

        known = _feature(self.statistic)
        model = LogisticRegression().fit(known, self.label)
        return np.asarray(model.predict_proba(_feature(statistic)))

    def false_alarm(self, statistic: float) -> float:
        """Return the p-value: the probability of so large a statistic without the QPO."""
        absent = self.label == 0
        return float(rank_p_value(np.sort(self.statistic[absent]), statistic))


def _feature(statistic: Floats) -> Floats:
    """Return ln(1 + statistic) as a column (N, 1)."""
    return np.log1p(np.maximum(statistic, 0))[:, None]


@dataclass(frozen=True)
class LikelihoodRatioClassifier(ReferenceClassifier):
    """Classify by the likelihood-ratio test, calibrated on simulations of known class.

    Arguments:
        test: gives the statistic of a summary.
        threshold: gives the probability of a QPO at each value of the statistic.
    """

    test: LikelihoodRatio
    threshold: Threshold

    name: ClassVar[str] = "likelihood_ratio"
    label: ClassVar[str] = "likelihood ratio"
    stored: ClassVar[bool] = True
    detail_steps: ClassVar[int] = BOOTSTRAPS

    @classmethod
    def applies(cls, simulator: Simulator) -> bool:
        """Say whether a QPO is the question, and the laws of the detector are known."""
        return LikelihoodRatio.applies(simulator)

    @classmethod
    def slow_steps(cls, n_train: int, n: int) -> int:
        """Return the number of statistics to compute: those of the calibration, and n."""
        return min(MAX_CALIBRATION, n_train) + n

    @classmethod
    def fit(
        cls, simulator: Simulator, x: AnyFloats, labels: Labels, progress: Progress | None = None
    ) -> Self:
        """Compute the statistic of the first MAX_CALIBRATION simulations (N, X)."""
        timing = cast(TimingSimulator, simulator)
        test = LikelihoodRatio(timing)
        some = x[:MAX_CALIBRATION]
        statistic = test.statistic(some, progress)
        return cls(test, Threshold(statistic, labels[:MAX_CALIBRATION]))

    def probabilities(
        self, x: AnyFloats, seed: int = 0, progress: Progress | None = None
    ) -> Floats:
        """Return the calibrated probabilities (B, 2) of summaries (B, X)."""
        return self.threshold.probabilities(self.test.statistic(x, progress))

    @property
    def parameters(self) -> int:
        """Return 2: slope and intercept of the calibration."""
        return 2

    def details(self, x: AnyFloats, progress: Progress | None = None) -> dict[str, float]:
        """Return statistic and p-values of one summary x (X,).

        `p_value` is for the continuum of this observation, `pooled_p_value` for all continua of
        the prior together. They differ where slow noise is strong.
        """
        statistic = float(self.test.statistic(x[None])[0])
        p_value = self.test.p_value(x, progress=progress)
        pooled = self.threshold.false_alarm(statistic)
        return {"statistic": statistic, "p_value": p_value, "pooled_p_value": pooled}

    def plain(self) -> dict[str, Any]:
        """Return the calibration's statistics and labels as lists."""
        statistic = self.threshold.statistic.tolist()
        label = self.threshold.label.tolist()
        return {"statistic": statistic, "label": label}

    @classmethod
    def from_plain(cls, simulator: Simulator, plain: Mapping[str, Any]) -> Self:
        """Restore the calibration from lists.

        Raises: ValueError for lists of different lengths, or without both classes.
        """
        statistic = np.array(plain["statistic"], dtype=np.float64)
        label = np.array(plain["label"], dtype=np.float64).astype(int)
        if statistic.shape != label.shape or set(label.tolist()) != {0, 1}:
            raise ValueError("statistic and label must have one length, and label both classes")
        finite = np.isfinite(statistic)
        if not finite.all():
            raise ValueError("statistic must be finite")
        timing = cast(TimingSimulator, simulator)
        test = LikelihoodRatio(timing)
        threshold = Threshold(statistic, label)
        return cls(test, threshold)
