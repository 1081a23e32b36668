"""Score classifiers on simulations of known class, with bootstrap intervals."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from livetime.check.arrays import Floats, Integers
from livetime.check.intervals import CalibrationError, bias_corrected_interval
from livetime.check.scores import weighted_scores

RESAMPLES = 400
"""Bootstrap samples."""
MAX_WEIGHTS = 4_000_000
"""Weights of bootstrap samples that are in memory at a time."""
CALIBRATION_ERROR = "expected_calibration_error"


@dataclass(frozen=True)
class Classification:
    """Score one classifier on N simulations of known class.

    Arguments:
        classes: K names.
        label: number of the true class, (N,).
        probability: p(class | x), (N, K).

    Examples:
        >>> p = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]])
        >>> result = Classification(["noise", "qpo"], np.array([0, 0, 1]), p)
        >>> round(result.scores["accuracy"], 3)
        0.667
        >>> result.confusion().tolist()
        [[1, 1], [0, 1]]
    """

    classes: list[str]
    label: Integers
    probability: Floats

    @property
    def predicted(self) -> Integers:
        """Find the number of the most probable class, (N,)."""
        return np.asarray(self.probability.argmax(axis=1))

    @cached_property
    def scores(self) -> dict[str, float]:
        """Find the value of each score, see `weighted_scores`; the calibration error is
        debiased."""
        every = weighted_scores(np.ones((1, len(self.label))), self.label, self.probability)
        scores = {name: float(values[0]) for name, values in every.items()}
        return {**scores, CALIBRATION_ERROR: self.calibration_error.value}

    @cached_property
    def calibration_error(self) -> CalibrationError:
        """Find the calibration error of the second of two classes, or of the predicted class."""
        if len(self.classes) == 2:
            return CalibrationError.measure(self.probability[:, 1], self.label == 1)
        correct = self.predicted == self.label
        return CalibrationError.measure(self.probability.max(axis=1), correct)

    def confusion(self) -> Integers:
        """Count true class (row) and predicted class (column), (K, K)."""
        k = len(self.classes)
        cell = self.label * k + self.predicted
        counts = np.bincount(cell, minlength=k * k)
        return counts.reshape(k, k)

    @cached_property
    def resampled(self) -> dict[str, Floats]:
        """Find the values of each score in bootstrap samples, (RESAMPLES,).

        The samples are the same for every classifier of the same N simulations.
        """
        n = len(self.label)
        rng = np.random.default_rng(0)
        at_once = max(1, MAX_WEIGHTS // n)
        parts = []
        for start in range(0, RESAMPLES, at_once):
            rows = min(at_once, RESAMPLES - start)
            chosen = [rng.integers(n, size=n) for _ in range(rows)]
            counts = [np.bincount(sample, minlength=n) for sample in chosen]
            weights = np.array(counts, dtype=np.float64)
            parts.append(weighted_scores(weights, self.label, self.probability))

        resampled = {}
        for name in parts[0]:
            resampled[name] = np.concatenate([part[name] for part in parts])
        return resampled

    def interval(self, score: str) -> tuple[float, float]:
        """Find the 95% confidence interval of a score, which contains its value."""
        if score == CALIBRATION_ERROR:
            return self.calibration_error.low, self.calibration_error.high
        return bias_corrected_interval(self.scores[score], self.resampled[score])

    def difference(self, other: "Classification", score: str) -> tuple[float, float, float]:
        """Compare a score with another classifier's on the same simulations.

        Arguments:
            other: on the same N simulations.
            score: any but the calibration error, which has no bootstrap samples.

        Returns:
            this score minus the other, and its 95% interval by a paired bootstrap.
        """
        value = self.scores[score] - other.scores[score]
        resampled = self.resampled[score] - other.resampled[score]
        return value, *bias_corrected_interval(value, resampled)

    def numbers(self) -> dict[str, Any]:
        """List all numbers in plain types, for metrics.json."""
        scores = {}
        for name, value in self.scores.items():
            scores[name] = {"value": value, "interval95": list(self.interval(name))}
        return {
            "n": len(self.label),
            "classes": self.classes,
            "scores": scores,
            "confusion": self.confusion().tolist(),
        }
