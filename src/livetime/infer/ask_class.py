"""Answer an observation with the probability of each class, and those of classical classifiers."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.observation import Observation
from livetime.infer.question import AnswerSettings, Verdict
from livetime.infer.run import DAMAGED, TRAIN_AGAIN, Run
from livetime.outputs import provenance
from livetime.reference.classifiers import LikelihoodRatio, Logistic, Threshold
from livetime.simulate.simulator import Simulator

Floats = NDArray[np.floating[Any]]
T = TypeVar("T")


@dataclass(frozen=True)
class ClassResult:
    """The probability of each class for one observation, by the network and by others.

    Arguments:
        run: the network's.
        observation: what was read.
        x: its summary (X,).
        probabilities: class -> probability, for `network`, `logistic_regression`, and
            `likelihood_ratio` if it applies.
        test: statistic and p-value of the likelihood-ratio test; empty if it does not apply.
        verdict: on the network's answer.
        notes: what was done to the data.
    """

    question: ClassVar[str] = "class"

    run: Run
    observation: Observation
    x: Floats
    probabilities: Mapping[str, Mapping[str, float]]
    test: Mapping[str, float]
    verdict: Verdict
    notes: tuple[str, ...]

    def summary(self) -> dict[str, Any]:
        """List all numbers and sentences in plain types, for summary.json."""
        others = {name: dict(p) for name, p in self.probabilities.items() if name != "network"}
        return {
            "classes": dict(self.probabilities["network"]),
            "references": others,
            **({"likelihood_ratio_test": dict(self.test)} if self.test else {}),
            "warnings": list(self.verdict.reasons),
            "notes": list(self.notes),
            "verdict": self.verdict.sentence,
            "trust": self.verdict.trust,
            "observation": self.observation.info,
            "run": str(self.run.folder),
            **provenance(),
        }


class ClassQuestion:
    """Ask for the probability of each class, if each is as probable beforehand.

    Example:
        >>> ClassQuestion().target(np.zeros((10, 5)), dim=3).shape
        (10, 1)
    """

    name: ClassVar[str] = "class"
    test: ClassVar[str] = "classification test"

    def target(self, theta: Floats, dim: int) -> Floats:
        """Choose the number of the class (n, 1), the last column; see `Question.target`."""
        return theta[:, -1:]

    def check(self, settings: AnswerSettings, simulator: Simulator) -> None:
        """Refuse names of references, which are for posteriors; see `Question.check`."""
        if settings.references:
            classes = ", ".join(simulator.prior.classes)
            problem = f"is for posteriors, but the run is a classifier ({classes})"
            raise UserError("reference.names", problem, "leave it out")

    def answer(
        self,
        run: Run,
        observation: Observation,
        x: Floats,
        settings: AnswerSettings,
    ) -> ClassResult:
        """Find the probability of each class by every method; see `Question.answer`."""
        found = {"network": run.probabilities(x)[0]}
        logistic = _logistic(run)
        if logistic is not None:
            found["logistic_regression"] = logistic.probabilities(x[None])[0]

        test = {}
        threshold = _threshold(run)
        ratio = LikelihoodRatio.of(run.simulator)
        if threshold is not None and ratio is not None:
            statistic = ratio.statistic(x[None])
            found["likelihood_ratio"] = threshold.probabilities(statistic)[0]
            value = float(statistic[0])
            test = {"statistic": value, "p_value": threshold.false_alarm(value)}

        classes = list(run.simulator.prior.classes)
        named = {key: dict(zip(classes, p.tolist(), strict=True)) for key, p in found.items()}
        mismatches = observation.mismatches(cast(Any, run.simulator).detector)
        reasons = [*run.doubts(x), *(mismatch.sentence for mismatch in mismatches)]
        verdict = _verdict(named["network"], reasons)
        return ClassResult(run, observation, x, named, test, verdict, observation.notes)


def _verdict(probabilities: Mapping[str, float], reasons: list[str]) -> Verdict:
    """Name the most probable class, with the reasons to doubt it."""
    best = max(probabilities, key=probabilities.__getitem__)
    words = f"{best.replace('_', ' ')}, with a probability of {probabilities[best]:.3f}"
    if reasons:
        doubts = "; ".join(reasons)
        sentence = f"The network finds {words}, but do not trust it as it is: {doubts}."
        return Verdict(False, tuple(reasons), sentence)
    condition = "if each class is as probable beforehand"
    place = "the observation lies where the network was trained"
    return Verdict(True, (), f"{words}, {condition}; {place}.")


def _read_classifier(run: Run, name: str, make: Callable[[dict[str, NDArray[Any]]], T]) -> T | None:
    """Read a classifier without a network, if training left its file.

    Arguments:
        run: whose folder has the file.
        name: of the classifier.
        make: builds it of named arrays; ValueError for arrays that do not fit.
    """
    path = run.folder / f"{name}.json"
    if not path.exists():
        return None
    try:
        lists = json.loads(path.read_text())
        arrays = {key: np.array(values, dtype=np.float64) for key, values in lists.items()}
        if not all(np.isfinite(values).all() for values in arrays.values()):
            raise ValueError
        return make(arrays)
    except (*DAMAGED, AttributeError):
        raise UserError(str(path), "is damaged", TRAIN_AGAIN) from None


def _threshold(run: Run) -> Threshold | None:
    """Read what training found of the likelihood-ratio test, if it applies."""

    def make(arrays: dict[str, NDArray[Any]]) -> Threshold:
        statistic = arrays["statistic"]
        label = arrays["label"].astype(int)
        if not (statistic.shape == label.shape and set(label.tolist()) == {0, 1}):
            raise ValueError
        return Threshold(statistic, label)

    return _read_classifier(run, "likelihood_ratio", make)


def _logistic(run: Run) -> Logistic | None:
    """Read the logistic regression on the simulations of the training."""
    size = run.simulator.layout.size
    classes = len(run.simulator.prior.classes)
    shapes = {"mean": (size,), "scale": (size,), "weights": (size, classes), "bias": (classes,)}

    def make(arrays: dict[str, NDArray[Any]]) -> Logistic:
        found = Logistic(**arrays)
        if {name: values.shape for name, values in arrays.items()} != shapes:
            raise ValueError
        if (found.scale <= 0).any():
            raise ValueError
        return found

    return _read_classifier(run, "logistic_regression", make)
