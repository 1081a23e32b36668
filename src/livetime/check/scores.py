"""Score classifications of many bootstrap samples at once, as torchmetrics scores one."""

import numpy as np
from numpy.typing import NDArray

from livetime.check.arrays import Floats, Integers

MIN_PROBABILITY = 1e-12
"""Probability below which the cross entropy no longer grows."""


def weighted_scores(weights: Floats, label: Integers, probability: Floats) -> dict[str, Floats]:
    """Score a classifier on weighted simulations.

    For two classes precision, recall (sensitivity), specificity, F1 and the areas are those of
    the second class. For more they are unweighted means over the classes, each against the rest.

    Arguments:
        weights: how often each bootstrap sample has each simulation, (R, N).
        label: number of the true class, (N,).
        probability: p(class | x), (N, K).

    Returns:
        name of the score -> its value in each bootstrap sample, (R,).

    Examples:
        >>> p = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
        >>> scores = weighted_scores(np.ones((1, 3)), np.array([0, 0, 1]), p)
        >>> scores["accuracy"].round(3), scores["roc_auc"]
        (array([0.667]), array([1.]))
    """
    classes = probability.shape[1]
    confusion = _confusion(weights, label, probability)
    scores = _confusion_scores(confusion)

    # Single precision, as networks give it, decides which probabilities are equal.
    single = np.asarray(probability, dtype=np.float32)
    scored = [1] if classes == 2 else range(classes)
    roc = []
    precision_recall = []
    for k in scored:
        areas = _areas(weights, single[:, k], label == k)
        roc.append(areas[0])
        precision_recall.append(areas[1])
    scores["roc_auc"] = np.mean(roc, axis=0)
    scores["pr_auc"] = np.mean(precision_recall, axis=0)

    own = probability[np.arange(len(label)), label]
    surprise = -np.log(np.clip(own, MIN_PROBABILITY, None))
    total = weights.sum(axis=1)
    scores["cross_entropy"] = weights @ surprise / total
    return scores


def _confusion(weights: Floats, label: Integers, probability: Floats) -> Floats:
    """Sum the weights of true class (row) and predicted class (column), (R, K, K)."""
    classes = probability.shape[1]
    predicted = probability.argmax(axis=1)
    cell = label * classes + predicted
    member = np.equal.outer(cell, np.arange(classes**2))
    counts = weights @ member.astype(np.float64)
    return np.asarray(counts.reshape(-1, classes, classes))


def _confusion_scores(confusion: Floats) -> dict[str, Floats]:
    """Find the scores that follow from counts (R, K, K) of true and predicted classes."""
    total = confusion.sum(axis=(1, 2))
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    missed = confusion.sum(axis=2) - hits
    false = confusion.sum(axis=1) - hits
    rejected = total[:, None] - hits - missed - false

    recall = _ratio(hits, hits + missed)
    every = {
        "precision": _ratio(hits, hits + false),
        "recall": recall,
        "specificity": _ratio(rejected, rejected + false),
        "f1_score": _ratio(2 * hits, 2 * hits + false + missed),
    }
    # A class that is neither there nor predicted does not count.
    seen = (hits + missed + false > 0).astype(np.float64)
    number = seen.sum(axis=1)
    scores = {
        "accuracy": _ratio(hits.sum(axis=1), total),
        "balanced_accuracy": _ratio((recall * seen).sum(axis=1), number),
    }
    binary = confusion.shape[1] == 2
    for name, values in every.items():
        mean = _ratio((values * seen).sum(axis=1), number)
        scores[name] = values[:, 1] if binary else mean
    return scores


def _areas(weights: Floats, score: Floats, positive: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Find the areas under the ROC and the precision-recall curve of one class, (R,) each."""
    order = np.argsort(-score, kind="stable")
    sorted_score = score[order]
    changes = sorted_score[1:] != sorted_score[:-1]
    threshold = np.append(changes, True)
    own = weights[:, order]
    of_class = own * positive[order]

    # Equal scores pass a threshold together.
    hits = np.cumsum(of_class, axis=1)[:, threshold]
    passed = np.cumsum(own, axis=1)[:, threshold]
    false = passed - hits
    new_hits = np.diff(hits, axis=1, prepend=0)
    new_false = np.diff(false, axis=1, prepend=0)

    mean_hits = hits - new_hits / 2
    area = (new_false * mean_hits).sum(axis=1)
    positives = hits[:, -1]
    negatives = false[:, -1]
    roc = _ratio(area, positives * negatives)

    precision = _ratio(hits, passed)
    average = (new_hits * precision).sum(axis=1)
    return roc, _ratio(average, positives)


def _ratio(numerator: Floats, denominator: Floats) -> Floats:
    """Divide, where 0/0 is 0."""
    defined = denominator > 0
    safe = np.where(defined, denominator, 1)
    ratio = numerator / safe
    return np.asarray(np.where(defined, ratio, 0.0))
