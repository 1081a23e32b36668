"""Assess a classifier by its scores, beside those of every applicable reference classifier."""

import time
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from livetime.check.arrays import Integers
from livetime.check.assessment import Assessment, Bank, HeldOut, RunVerdict
from livetime.check.classification import Classification
from livetime.check.importance import interpret
from livetime.infer.run import Run
from livetime.progress import progress, say
from livetime.reference.base import ReferenceClassifier
from livetime.reference.classifiers import classifiers_for
from livetime.simulate.layout import Layout

Floats = NDArray[np.float64]
COMPARED = ("accuracy", "roc_auc")
"""Scores whose difference from each reference is given with a paired interval."""
MAX_EXPLORED = 4000
"""Training simulations, at most, that figures of the classes show."""

USELESS = (
    "The network is no better than the most common class; "
    "train longer, on more simulations, or with another learning rate."
)
_BEST = (
    "The network is better than every reference that does not know the exact answer, "
    "in accuracy or area under the ROC curve."
)
WITHIN = "within a 95% paired bootstrap."


@dataclass(frozen=True)
class Rival:
    """Keep how a classifier without a network classifies N summaries.

    Arguments:
        probabilities: p(class | x), (N, K).
        parameters: number of fitted parameters.
        seconds: time that fit and classification took.
    """

    probabilities: NDArray[np.floating[Any]]
    parameters: int
    seconds: float


@dataclass(frozen=True)
class ClassSample:
    """Training simulations that show what the classes look like.

    Arguments:
        x: summaries (M, X).
        label: class numbers (M,).
        layout: names of the entries of x.
    """

    x: NDArray[Any]
    label: Integers
    layout: Layout

    def first(self, n: int) -> "ClassSample":
        """Select at most n simulations."""
        return ClassSample(self.x[:n], self.label[:n], self.layout)


@dataclass(frozen=True)
class ClassAssessment(Assessment):
    """Assess a classifier on held-out simulations of known class.

    Arguments:
        results: method -> its classification of the same simulations; `network` is the run's own.
        sample: some of the simulations that the network was trained on.
    """

    question: ClassVar[str] = "class"
    results: Mapping[str, Classification]
    sample: ClassSample | None = field(default=None, kw_only=True)

    @property
    def network(self) -> Classification:
        """Give the run's own classification."""
        return self.results["network"]

    @property
    def loss(self) -> float:
        """Give the cross entropy of the network."""
        return self.network.scores["cross_entropy"]

    @cached_property
    def differences(self) -> dict[str, dict[str, tuple[float, float, float]]]:
        """Compare network and references: reference -> score -> difference and its 95%
        interval."""
        return {
            name: {score: self.network.difference(result, score) for score in COMPARED}
            for name, result in self.results.items()
            if name != "network"
        }

    @cached_property
    def verdict(self) -> RunVerdict:
        """Judge by paired differences of accuracy and area under the ROC curve."""
        if self._equals("majority"):
            return RunVerdict("bad", USELESS)
        rivals = [name for name in self.differences if name not in ("majority", "exact")]
        equals = [name.replace("_", " ") for name in rivals if self._equals(name)]
        if not equals:
            return RunVerdict("good", _BEST)
        names = " and ".join(equals)
        sentence = f"Regular statistics can do it: the network is not better than {names}, {WITHIN}"
        return RunVerdict("caution", sentence)

    def _equals(self, name: str) -> bool:
        """Say whether the network is in no score significantly better than a reference."""
        return all(low <= 0 for _, low, _ in self.differences[name].values())

    def metrics(self) -> dict[str, float]:
        """List the scores of the network."""
        return {f"test/{name}": value for name, value in self.network.scores.items()}

    def numbers(self) -> dict[str, Any]:
        """List the scores of every method and their differences."""
        every = {name: result.numbers() for name, result in self.results.items()}
        own = every.pop("network")
        differences = {
            name: {score: list(interval) for score, interval in row.items()}
            for name, row in self.differences.items()
        }
        return self._with_verdict(
            {**own, "references": every, "network_minus_reference": differences}
        )


def assess_class(
    run: Run, held_out: HeldOut, bank: Bank, others: Sequence[str] = ()
) -> ClassAssessment:
    """Classify held-out simulations by the network and by every classifier without one.

    Arguments:
        run: of a classifier.
        held_out: simulations of known class.
        bank: gives the simulations on which network and references are trained.
        others: must be empty, since other sources are for posteriors.
    """
    classes = list(held_out.simulator.prior.classes)
    label = held_out.theta[:, -1].astype(int)
    train_theta, train_x = bank()
    trained = ClassSample(train_x, train_theta[:, -1].astype(int), held_out.simulator.layout)

    rivals, files = fit_rivals(held_out, trained)
    results = {"network": Classification(classes, label, run.probabilities(held_out.x))}
    for name, rival in rivals.items():
        results[name] = Classification(classes, label, rival.probabilities)
    return ClassAssessment(
        results,
        sample=trained.first(MAX_EXPLORED),
        interpretation=interpret(run, held_out.theta, held_out.x, held_out.seed),
        files=files,
    )


def fit_rivals(held_out: HeldOut, trained: ClassSample) -> tuple[dict[str, Rival], dict[str, Any]]:
    """Classify held-out simulations by every classifier without a network that applies.

    Arguments:
        held_out: simulations to classify.
        trained: simulations to learn from.

    Returns:
        the rivals by name, and their parameters, which a run folder keeps for later inferences.
    """
    rivals: dict[str, Rival] = {}
    files: dict[str, Any] = {}
    for name, classifier in classifiers_for(held_out.simulator).items():
        start = time.perf_counter()
        fitted, probabilities = _fit_rival(classifier, held_out, trained)
        seconds = time.perf_counter() - start
        rivals[name] = Rival(probabilities, fitted.parameters, seconds)
        if fitted.stored:
            files[name] = fitted.plain()
    return rivals, files


def _fit_rival(
    classifier: type[ReferenceClassifier], held_out: HeldOut, trained: ClassSample
) -> tuple[ReferenceClassifier, NDArray[np.floating[Any]]]:
    """Fit a classifier to the training simulations; find its probabilities of the held-out ones."""
    steps = classifier.slow_steps(len(trained.x), len(held_out.x))
    shown = progress(classifier.label, steps, "observations") if steps else nullcontext()
    if not steps:
        say(f"fitting {classifier.label}")
    with shown as bar:
        advance = bar.advance if bar else None
        fitted = classifier.fit(held_out.simulator, trained.x, trained.label, advance)
        return fitted, fitted.probabilities(held_out.x, held_out.seed, advance)
