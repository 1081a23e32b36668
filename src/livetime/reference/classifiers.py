"""Define classifiers without a network, and list all of them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Self, cast

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from livetime.reference.base import AnyFloats, Labels, Progress, ReferenceClassifier
from livetime.reference.exact import Exact
from livetime.reference.likelihood_ratio_classifier import LikelihoodRatioClassifier
from livetime.simulate.periodograms import PeriodogramSimulator
from livetime.simulate.simulator import Simulator

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Majority(ReferenceClassifier):
    """Give every summary the same probabilities: the shares of the classes in the simulations.

    Arguments:
        shares: (K,), their sum is 1.

    Examples:
        >>> Majority(np.array([0.25, 0.75])).probabilities(np.zeros((1, 3))).tolist()
        [[0.25, 0.75]]
    """

    shares: Floats

    name: ClassVar[str] = "majority"
    label: ClassVar[str] = "commonest class"

    @classmethod
    def fit(
        cls, simulator: Simulator, x: AnyFloats, labels: Labels, progress: Progress | None = None
    ) -> Self:
        """Count the classes of simulations (N, X) with labels (N,)."""
        counts = np.bincount(labels, minlength=len(simulator.prior.classes))
        shares = counts / len(labels)
        return cls(shares)

    def probabilities(
        self, x: AnyFloats, seed: int = 0, progress: Progress | None = None
    ) -> Floats:
        """Return the same row for each of the summaries (B, X), (B, K)."""
        return np.tile(self.shares, (len(x), 1))

    @property
    def parameters(self) -> int:
        """Return the number of classes."""
        return len(self.shares)


@dataclass(frozen=True)
class Logistic(ReferenceClassifier):
    """Classify by logistic regression on standardised summaries, kept as plain numbers.

    p(class | x) is the softmax of `(x - mean)/scale @ weights + bias`. scikit-learn fits it, with
    its default ridge penalty. With two classes the weights of the first are zero.

    Arguments:
        mean, scale: of the simulations' summaries, (X,).
        weights: (X, K).
        bias: (K,).

    Examples:
        >>> zero = np.zeros(2)
        >>> fair = Logistic(zero, zero + 1, np.zeros((2, 2)), zero)
        >>> fair.probabilities(np.ones((1, 2))).tolist()
        [[0.5, 0.5]]
    """

    mean: Floats
    scale: Floats
    weights: Floats
    bias: Floats

    name: ClassVar[str] = "logistic_regression"
    label: ClassVar[str] = "logistic regression"
    stored: ClassVar[bool] = True

    @classmethod
    def fit(
        cls, simulator: Simulator, x: AnyFloats, labels: Labels, progress: Progress | None = None
    ) -> Self:
        """Fit the weights to simulations (N, X) with labels (N,)."""
        from sklearn import linear_model
        from sklearn.preprocessing import StandardScaler

        scaler = StandardScaler().fit(x)
        model = linear_model.LogisticRegression(max_iter=1000)
        standardised = scaler.transform(x)
        found = model.fit(standardised, labels)
        weights = found.coef_.T
        bias = found.intercept_
        if weights.shape[1] == 1:  # scikit-learn gives the second class's alone
            weights = np.concatenate([0 * weights, weights], axis=1)
            bias = np.concatenate([0 * bias, bias])
        return cls(scaler.mean_, scaler.scale_, weights, bias)

    def probabilities(
        self, x: AnyFloats, seed: int = 0, progress: Progress | None = None
    ) -> Floats:
        """Return the softmax (B, K) of the weighted summaries (B, X)."""
        centred = x - self.mean
        standardised = centred / self.scale
        weighted = standardised @ self.weights
        logits = weighted + self.bias
        return np.asarray(softmax(logits, axis=1))

    @property
    def parameters(self) -> int:
        """Return the number of free weights and biases."""
        entries = len(self.mean)
        classes = len(self.bias)
        free = classes if classes > 2 else 1
        return (entries + 1) * free

    def plain(self) -> dict[str, Any]:
        """Return the four arrays as lists."""
        return {name: values.tolist() for name, values in asdict(self).items()}

    @classmethod
    def from_plain(cls, simulator: Simulator, plain: Mapping[str, Any]) -> Self:
        """Restore the weights from lists.

        Raises: ValueError for shapes that are not the simulator's, or numbers that are not finite.
        """
        size = simulator.layout.size
        classes = len(simulator.prior.classes)
        shapes = {"mean": (size,), "scale": (size,), "weights": (size, classes), "bias": (classes,)}
        arrays = {name: np.array(values, dtype=np.float64) for name, values in plain.items()}
        if {name: values.shape for name, values in arrays.items()} != shapes:
            raise ValueError(f"the arrays must have the shapes {shapes}")
        if not all(np.isfinite(values).all() for values in arrays.values()):
            raise ValueError("the arrays must be finite")
        if (arrays["scale"] <= 0).any():
            raise ValueError("scale must be positive")
        return cls(**arrays)


@dataclass(frozen=True)
class BoostedTrees(ReferenceClassifier):
    """Classify by gradient-boosted trees, with scikit-learn's defaults and early stopping.

    Arguments:
        model: the fitted `HistGradientBoostingClassifier`.
    """

    model: Any

    name: ClassVar[str] = "boosted_trees"
    label: ClassVar[str] = "boosted trees"

    @classmethod
    def fit(
        cls, simulator: Simulator, x: AnyFloats, labels: Labels, progress: Progress | None = None
    ) -> Self:
        """Grow the trees on simulations (N, X) with labels (N,)."""
        from sklearn.ensemble import HistGradientBoostingClassifier

        model = HistGradientBoostingClassifier(early_stopping=True, random_state=0)
        fitted = model.fit(x, labels)
        return cls(fitted)

    def probabilities(
        self, x: AnyFloats, seed: int = 0, progress: Progress | None = None
    ) -> Floats:
        """Return the trees' probabilities (B, K) of summaries (B, X)."""
        return np.asarray(self.model.predict_proba(x))

    @property
    def parameters(self) -> int:
        """Return the number of leaves of all trees."""
        return sum(tree.get_n_leaf_nodes() for row in self.model._predictors for tree in row)


@dataclass(frozen=True)
class ExactClassifier(ReferenceClassifier):
    """Classify by the exact evidence of each class; on average no classifier is better.

    Arguments:
        exact: the reference whose likelihood is known.
    """

    exact: Exact

    name: ClassVar[str] = "exact"
    label: ClassVar[str] = "exact"

    @classmethod
    def applies(cls, simulator: Simulator) -> bool:
        """Say whether the prior has classes and the likelihood of the data is known."""
        return super().applies(simulator) and Exact.applies(simulator)

    @classmethod
    def slow_steps(cls, n_train: int, n: int) -> int:
        """Return n, since each summary needs a Monte Carlo run."""
        return n

    @classmethod
    def fit(
        cls, simulator: Simulator, x: AnyFloats, labels: Labels, progress: Progress | None = None
    ) -> Self:
        """Keep the simulator; nothing is fitted."""
        periodograms = cast(PeriodogramSimulator, simulator)
        return cls(Exact(periodograms))

    def probabilities(
        self, x: AnyFloats, seed: int = 0, progress: Progress | None = None
    ) -> Floats:
        """Return the exact probabilities (B, K) of summaries (B, X), by Monte Carlo."""
        return self.exact.class_probabilities(x, seed, progress)

    @property
    def parameters(self) -> int:
        """Return 0: nothing is fitted."""
        return 0


CLASSIFIERS: tuple[type[ReferenceClassifier], ...] = (
    Majority,
    Logistic,
    BoostedTrees,
    LikelihoodRatioClassifier,
    ExactClassifier,
)
"""Every classifier without a network, in the order in which people see them."""

CLASSIFIER_LABELS: dict[str, str] = {own.name: own.label for own in CLASSIFIERS}
"""The human name of each classifier by the name that settings and files give."""


def classifiers_for(simulator: Simulator) -> dict[str, type[ReferenceClassifier]]:
    """Return the classifiers that have an answer for a simulator's observations, by name."""
    return {own.name: own for own in CLASSIFIERS if own.applies(simulator)}
