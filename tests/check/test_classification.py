"""The scores of classifiers are those of others, and their intervals cover the truth."""

import numpy as np
import pytest
import sklearn.metrics as sk
import torch
from torchmetrics import functional

from livetime.check.classification import CALIBRATION_ERROR, Classification
from livetime.check.scores import weighted_scores


def some(k, n=400, seed=0):
    rng = np.random.default_rng(seed)
    label = rng.integers(k, size=n)
    logits = rng.standard_normal((n, k)) + 1.5 * np.eye(k)[label]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Classification([f"class {i}" for i in range(k)], label, p)


@pytest.mark.parametrize("k", [2, 4])
def test_scores_are_scikit_learns(k):
    result = some(k)
    found, label, said = result.scores, result.label, result.predicted
    average = "binary" if k == 2 else "macro"
    p = result.probability[:, 1] if k == 2 else result.probability
    expected = {
        "accuracy": sk.accuracy_score(label, said),
        "balanced_accuracy": sk.balanced_accuracy_score(label, said),
        "precision": sk.precision_score(label, said, average=average),
        "recall": sk.recall_score(label, said, average=average),
        "f1_score": sk.f1_score(label, said, average=average),
        "roc_auc": sk.roc_auc_score(label, p, multi_class="ovr"),
        "cross_entropy": sk.log_loss(label, result.probability),
    }
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=2e-5), name
    np.testing.assert_array_equal(result.confusion(), sk.confusion_matrix(label, said))


def test_a_calibrated_classifier_has_no_calibration_error():
    rng = np.random.default_rng(0)
    p = rng.random(40_000)
    label = (rng.random(40_000) < p).astype(int)
    assert (
        Classification(["a", "b"], label, np.column_stack([1 - p, p])).scores[
            "expected_calibration_error"
        ]
        < 0.01
    )
    over = np.clip(2 * p - 0.5, 0, 1)
    assert (
        Classification(["a", "b"], label, np.column_stack([1 - over, over])).scores[
            "expected_calibration_error"
        ]
        > 0.05
    )


def test_bootstrap_intervals_are_those_of_a_share():
    result = some(2, 1000)
    low, high = result.interval("accuracy")
    share = result.scores["accuracy"]
    half = 1.96 * np.sqrt(share * (1 - share) / 1000)
    assert (high - low) / 2 == pytest.approx(half, rel=0.25)
    assert low < share < high


def test_paired_differences_know_that_the_simulations_are_the_same():
    a = some(2, 500)
    assert a.difference(a, "accuracy") == (0.0, 0.0, 0.0)
    worse = Classification(
        a.classes,
        a.label,
        np.where(np.arange(500)[:, None] < 25, a.probability[:, ::-1], a.probability),
    )
    value, low, high = a.difference(worse, "accuracy")
    assert low <= value <= high
    assert high - low < 0.06  # unpaired it would be .11


@pytest.mark.parametrize("k", [2, 4])
def test_scores_are_those_of_torchmetrics(k):
    result = some(k, 1000)
    p = torch.from_numpy(result.probability.astype(np.float32))
    label = torch.from_numpy(result.label)
    task = {"task": "binary"} if k == 2 else {"task": "multiclass", "num_classes": k}
    score = p[:, 1].contiguous() if k == 2 else p
    average = {} if k == 2 else {"average": "macro"}
    for name, function in (
        ("precision", functional.precision),
        ("specificity", functional.specificity),
        ("f1_score", functional.f1_score),
        ("roc_auc", functional.auroc),
        ("pr_auc", functional.average_precision),
    ):
        expected = float(function(score, label, **task, **average))
        assert result.scores[name] == pytest.approx(expected, abs=1e-6), name


def test_bootstrap_samples_have_the_scores_of_their_simulations():
    result = some(3, 200)
    chosen = np.random.default_rng(5).integers(200, size=200)
    weights = np.bincount(chosen, minlength=200)[None].astype(float)
    found = weighted_scores(weights, result.label, result.probability)
    own = Classification(result.classes, result.label[chosen], result.probability[chosen]).scores
    for name, values in found.items():
        assert values[0] == pytest.approx(own[name], abs=1e-9), name


def draw(k, n, sharpness, rng):
    """Simulate a classifier that is overconfident by a factor of its logits."""
    logits = rng.normal(0, 1.2, (n, k))
    true = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    label = (rng.random((n, 1)) > true.cumsum(axis=1)[:, :-1]).sum(axis=1)
    said = np.exp(sharpness * logits)
    classes = [f"class {i}" for i in range(k)]
    return Classification(classes, label, said / said.sum(axis=1, keepdims=True))


@pytest.mark.parametrize(("k", "sharpness"), [(2, 1.0), (3, 1.5)])
def test_intervals_contain_their_estimate_and_cover_the_truth(k, sharpness):
    """Each statistic of 150 small samples, whose truth is that of a large one."""
    rng = np.random.default_rng(0)
    large = draw(k, 200_000, sharpness, rng)
    truth = dict(large.scores)
    if sharpness == 1.0:
        truth[CALIBRATION_ERROR] = 0.0

    inside = {name: [] for name in truth}
    for _ in range(150):
        small = draw(k, 250, sharpness, rng)
        for name, value in small.scores.items():
            low, high = small.interval(name)
            assert low <= value <= high, name
            inside[name].append(low <= truth[name] <= high)
    for name, found in inside.items():
        assert np.mean(found) > 0.95 - 4 * np.sqrt(0.95 * 0.05 / 150), name
