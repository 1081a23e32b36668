"""Find the class probabilities of an observation by the network and by reference classifiers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, cast

import arviz
import numpy as np
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.observation import Observation
from livetime.infer.predictive import physical_values, spectrum_table
from livetime.infer.question import AnswerSettings, Verdict, judgement
from livetime.infer.run import Run
from livetime.progress import progress
from livetime.reference.base import ReferenceClassifier
from livetime.reference.classifiers import classifiers_for
from livetime.simulate.simulator import Simulator

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class ClassResult:
    """Keep the probability of each class for one observation, by network and references.

    Arguments:
        run: the run of the network.
        observation: the observation, as it was read.
        x: its summary (X,).
        probabilities: class -> probability, for `network`, `logistic_regression`, and
            `likelihood_ratio` if it applies.
        prior: class -> probability a priori.
        test: statistic and p-value of the likelihood-ratio test; empty if it does not apply.
        verdict: on the network's answer.
        notes: what was done to the data.
    """

    question: ClassVar[str] = "class"

    run: Run
    observation: Observation
    x: Floats
    probabilities: Mapping[str, Mapping[str, float]]
    prior: Mapping[str, float]
    test: Mapping[str, float]
    verdict: Verdict
    notes: tuple[str, ...]

    def spectrum(self) -> dict[str, Floats]:
        """Tabulate what was observed; see `livetime.infer.predictive.spectrum_table`."""
        return spectrum_table(self.run.simulator, self.x, self.observation.covariates)

    def to_arviz(self) -> arviz.InferenceData:
        """Give the observed data with units, and the probabilities, as groups of arviz."""
        layout = self.run.simulator.layout
        observed = physical_values(self.run.simulator, self.x)
        dims = {name: [layout.axis.name] for name in layout.spectra}
        coords = {layout.axis.name: layout.axis.values} if dims else {}
        data: Any = arviz.from_dict(observed_data=observed, coords=coords, dims=dims)
        for block in layout.blocks:
            data.observed_data[block.name].attrs["units"] = block.unit
        classes = {name: json.dumps(dict(p)) for name, p in self.probabilities.items()}
        trust = int(self.verdict.trust)
        data.attrs = {"verdict": self.verdict.sentence, "trust": trust, **classes}
        groups: arviz.InferenceData = data
        return groups

    def summary(self) -> dict[str, Any]:
        """List all numbers and sentences in plain types, for summary.json."""
        others = {name: dict(p) for name, p in self.probabilities.items() if name != "network"}
        return {
            "classes": dict(self.probabilities["network"]),
            "prior": dict(self.prior),
            "references": others,
            **({"likelihood_ratio_test": dict(self.test)} if self.test else {}),
            **judgement(self),
        }


class ClassQuestion:
    """Ask for the probability of each class, with the prior odds of the settings.

    Examples:
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
        test: dict[str, float] = {}
        row = np.asarray(x, dtype=np.float64)
        for name, classifier in _stored_classifiers(run).items():
            found[name] = classifier.probabilities(row[None])[0]
            test |= _details(classifier, row)

        prior = settings.class_prior(list(run.simulator.prior.classes))
        named = {name: reweighted(p, prior) for name, p in found.items()}
        own = observation.reasons(cast(Any, run.simulator).detector)
        reasons = [*run.doubts(x), *own]
        verdict = _verdict(named["network"], prior, reasons)
        return ClassResult(run, observation, x, named, prior, test, verdict, observation.notes)


def _details(classifier: ReferenceClassifier, row: Floats) -> dict[str, float]:
    """Find further numbers on a summary (X,), with progress where they take long."""
    if not classifier.detail_steps:
        return classifier.details(row)
    with progress(f"test by {classifier.label}", classifier.detail_steps, "draws") as bar:
        return classifier.details(row, bar.advance)


def reweighted(probabilities: Floats, prior: Mapping[str, float]) -> dict[str, float]:
    """Multiply probabilities for equally probable classes by the prior, and normalise them.

    Arguments:
        probabilities: of the classes, in the order of the prior, (K,).
        prior: class -> probability a priori.

    Examples:
        >>> reweighted(np.array([0.5, 0.5]), {"continuum": 0.75, "qpo": 0.25})
        {'continuum': 0.75, 'qpo': 0.25}
    """
    weighted = np.asarray(probabilities) * list(prior.values())
    return dict(zip(prior, (weighted / weighted.sum()).tolist(), strict=True))


def _verdict(
    probabilities: Mapping[str, float], prior: Mapping[str, float], reasons: list[str]
) -> Verdict:
    """Name the most probable class, with the reasons to doubt it."""
    best = max(probabilities, key=probabilities.__getitem__)
    condition = "if all classes are equally probable a priori"
    if len(set(prior.values())) > 1:
        condition = f"for a prior probability of {prior[best]:.3g}"
    share = f"with a probability of {probabilities[best]:.3f} {condition}"
    words = f"{best.replace('_', ' ')}, {share}"
    if reasons:
        doubts = "; ".join(reasons)
        sentence = f"The network finds {words}, but do not trust it as it is: {doubts}."
        return Verdict("do not use", tuple(reasons), sentence)
    place = "the observation lies within the range of the training"
    return Verdict("trust", (), f"{words}; {place}.")


def _stored_classifiers(run: Run) -> dict[str, ReferenceClassifier]:
    """Read the classifiers without a network that training kept in a file.

    Raises:
        UserError: for a file that is missing or damaged.
    """
    found = {}
    for name, classifier in classifiers_for(run.simulator).items():
        if classifier.stored:
            make = partial(classifier.from_plain, run.simulator)
            found[name] = run.restore(f"{name}.json", make)
    return found
