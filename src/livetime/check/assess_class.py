"""Assess a classifier: its scores, and those of every classifier without a network that applies."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from livetime.check.assessment import Assessment, Bank, HeldOut, RunVerdict
from livetime.check.classification import Classification
from livetime.check.importance import interpret
from livetime.infer.run import Run
from livetime.progress import progress, say
from livetime.reference.classifiers import LikelihoodRatio, Threshold, learned
from livetime.reference.exact import Exact
from livetime.simulate.layout import Layout
from livetime.simulate.periodograms import draws_periodograms
from livetime.simulate.simulator import Simulator

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.integer[Any]]
COMPARED = ("accuracy", "roc_auc")
"""Scores whose difference from each reference is given with a paired interval."""
MAX_TO_CALIBRATE = 2000
"""Simulations, at most, that turn the likelihood ratio into a probability."""
MAX_EXPLORED = 4000
"""Training simulations, at most, that figures of the classes show."""


@dataclass(frozen=True)
class Rival:
    """What a classifier without a network makes of N summaries.

    Arguments:
        probabilities: p(class | x), (N, K).
        parameters: number of fitted parameters.
        seconds: its cost.
    """

    probabilities: Floats
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

    x: Floats
    label: Integers
    layout: Layout


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
        """The run's own classification."""
        return self.results["network"]

    @property
    def loss(self) -> float:
        return self.network.scores["cross_entropy"]

    @cached_property
    def differences(self) -> dict[str, dict[str, tuple[float, float, float]]]:
        """Reference -> score -> the network's score minus the reference's, with its 95% interval."""
        return {
            name: {score: self.network.difference(result, score) for score in COMPARED}
            for name, result in self.results.items()
            if name != "network"
        }

    @cached_property
    def verdict(self) -> RunVerdict:
        def not_better(name: str) -> bool:
            return all(low <= 0 for _, low, _ in self.differences[name].values())

        if not_better("majority"):
            return RunVerdict(
                "bad",
                "The network is no better than the most common class; "
                "train longer, on more simulations, or with another learning rate.",
            )
        rivals = [name for name in self.differences if name not in ("majority", "exact")]
        equals = [name.replace("_", " ") for name in rivals if not_better(name)]
        if equals:
            return RunVerdict(
                "caution",
                f"Regular statistics can do it: the network is not better than "
                f"{' and '.join(equals)}, within a 95% paired bootstrap.",
            )
        return RunVerdict(
            "good",
            "The network is better than every reference that does not know the exact answer, "
            "in accuracy or area under the ROC curve.",
        )

    def metrics(self) -> dict[str, float]:
        return {f"test/{name}": value for name, value in self.network.scores.items()}

    def numbers(self) -> dict[str, Any]:
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
        bank: gives the simulations that the network learned from, and the references do.
        others: empty, since other sources are for posteriors.
    """
    simulator, theta, x, seed = held_out.simulator, held_out.theta, held_out.x, held_out.seed
    classes, label = list(simulator.prior.classes), theta[:, -1].astype(int)
    train_theta, train_x = bank()
    train_label = train_theta[:, -1].astype(int)
    rivals, files = without_network(simulator, train_x, train_label, x, seed)
    answers = {
        "network": run.probabilities(x),
        **{name: rival.probabilities for name, rival in rivals.items()},
    }
    results = {name: Classification(classes, label, p) for name, p in answers.items()}
    shown = slice(MAX_EXPLORED)
    return ClassAssessment(
        results,
        sample=ClassSample(train_x[shown], train_label[shown], simulator.layout),
        interpretation=interpret(run, theta, x, seed),
        files=files,
    )


def without_network(
    simulator: Simulator, train_x: Floats, label: Integers, x: Floats, seed: int
) -> tuple[dict[str, Rival], dict[str, Any]]:
    """Every classifier without a network that applies, and what of them `livetime infer` needs later.

    Arguments:
        simulator: of the run.
        train_x, label: summaries (M, X) and class numbers (M,) that they learn from.
        x: summaries (N, X) to classify.
        seed: of Monte Carlo.
    """
    say("training the references without a network")
    fitted = learned(train_x, label, len(simulator.prior.classes))
    out = {name: Rival(f.probabilities(x), f.parameters, f.seconds) for name, f in fitted.items()}
    files: dict[str, Any] = {name: f.plain for name, f in fitted.items() if f.plain}
    start = time.perf_counter()
    if test := LikelihoodRatio.of(simulator):
        with progress(
            "likelihood ratios", len(x) + min(MAX_TO_CALIBRATE, len(train_x)), "observations"
        ) as bar:
            threshold = Threshold(
                test.statistic(train_x[:MAX_TO_CALIBRATE], bar.advance), label[:MAX_TO_CALIBRATE]
            )
            said = threshold.probabilities(test.statistic(x, bar.advance))
        out["likelihood_ratio"] = Rival(said, 2, time.perf_counter() - start)
        files["likelihood_ratio"] = {
            "statistic": threshold.statistic.tolist(),
            "label": threshold.label.tolist(),
        }
    start = time.perf_counter()
    if draws_periodograms(simulator):
        with progress("exact class probabilities", len(x), "observations") as bar:
            out["exact"] = Rival(
                Exact(simulator).class_probabilities(x, seed, bar.advance),
                0,
                time.perf_counter() - start,
            )
    return out, files
