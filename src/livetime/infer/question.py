"""Define the questions of networks: the protocol, the verdict on an answer, the registry."""

import importlib
import math
import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.outputs import provenance
from livetime.settings import check_draws, check_seed

if TYPE_CHECKING:
    from livetime.files.observation import Observation
    from livetime.infer.run import Run
    from livetime.simulate.simulator import Simulator

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Verdict:
    """Say whether an answer can be used, and why.

    Arguments:
        level: `trust`; `caution` for an answer with a doubt that chance often explains; `do not
            use` for one that is probably wrong.
        reasons: one clause for each doubt; empty if there are no doubts.
        sentence: the verdict, which a person reads first.

    Examples:
        >>> Verdict.of((), "Calibrated where it was tested.").trust
        True
        >>> Verdict.of(["the rate is too high"], "").sentence
        'Do not trust this answer as it is: the rate is too high.'
        >>> Verdict.of((), "", cautions=["the rate is high"]).sentence
        'Use this answer with caution: the rate is high.'
    """

    level: Literal["trust", "caution", "do not use"]
    reasons: tuple[str, ...]
    sentence: str

    def __str__(self) -> str:
        """Give the sentence."""
        return self.sentence

    @property
    def trust(self) -> bool:
        """Say whether there is no doubt."""
        return self.level == "trust"

    @classmethod
    def of(
        cls,
        reasons: Sequence[str],
        otherwise: str,
        noun: str = "answer",
        cautions: Sequence[str] = (),
    ) -> "Verdict":
        """Distrust an answer for the given reasons, or make a statement if there is no reason.

        Arguments:
            reasons: clauses without a full stop.
            otherwise: the sentence for an answer without a doubt.
            noun: what the answer is.
            cautions: clauses of doubts that chance often explains.
        """
        doubts = (*reasons, *cautions)
        words = "; ".join(doubts)
        if reasons:
            return cls("do not use", doubts, f"Do not trust this {noun} as it is: {words}.")
        if cautions:
            return cls("caution", doubts, f"Use this {noun} with caution: {words}.")
        return cls("trust", (), otherwise)


@dataclass(frozen=True)
class AnswerSettings:
    """Set how an observation is answered.

    Arguments:
        draws: number of draws from the network's posterior.
        seed: of all draws.
        references: names of the answers without a network; None for all that apply.
        prior_odds: class -> its weight a priori; None for equally probable classes.

    Raises:
        UserError: for a number of draws or a seed out of range.

    Examples:
        >>> AnswerSettings(draws=1000, references=("naive",)).seed
        2
    """

    draws: int = 10_000
    seed: int = 2
    references: tuple[str, ...] | None = None
    prior_odds: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        check_draws(self.draws)
        check_seed(self.seed)

    def class_prior(self, classes: Sequence[str]) -> dict[str, float]:
        """Find the prior probability of each class.

        Arguments:
            classes: of the run; none for one that learned parameters.

        Raises:
            UserError: for odds of other classes, or odds that are not positive.

        Examples:
            >>> AnswerSettings(prior_odds={"a": 3, "b": 1}).class_prior(["a", "b"])
            {'a': 0.75, 'b': 0.25}
        """
        odds = dict(self.prior_odds or dict.fromkeys(classes, 1.0))
        named = ", ".join(classes) or "none"
        if set(odds) != set(classes):
            problem = f"has {', '.join(odds)}, but the classes of the run are {named}"
            remedy = "give one number for each class" if classes else "leave it out"
            raise UserError("prior_odds", problem, remedy)
        for name, value in odds.items():
            number = isinstance(value, numbers.Real) and not isinstance(value, bool)
            if not (number and 0 < value < math.inf):
                problem = f"is {value}, but must be positive and finite"
                raise UserError(f"prior_odds.{name}", problem, "change it")
        total = sum(odds.values())
        return {name: odds[name] / total for name in classes}


class Result(Protocol):
    """The answer to a question about one observation."""

    question: ClassVar[str]

    @property
    def run(self) -> "Run":
        """Give the run that answered."""

    @property
    def observation(self) -> "Observation":
        """Give the observation, as it was read."""

    @property
    def verdict(self) -> Verdict:
        """Say whether the answer can be trusted, and why."""

    @property
    def notes(self) -> tuple[str, ...]:
        """List what was done to the data."""

    def summary(self) -> dict[str, Any]:
        """List all numbers and sentences in plain types, for summary.json."""


def judgement(result: Result) -> dict[str, Any]:
    """List what every summary contains: verdict, reasons, notes, observation, run and versions.

    Arguments:
        result: of any question.
    """
    verdict = result.verdict
    return {
        "warnings": list(verdict.reasons),
        "notes": list(result.notes),
        "verdict": verdict.sentence,
        "trust": verdict.trust,
        "level": verdict.level,
        "observation": result.observation.info,
        "run": str(result.run.folder),
        **provenance(),
    }


class Question(Protocol):
    """Define what a network learns and answers: a posterior, or the probability of classes."""

    name: ClassVar[str]
    """As estimators give it in their own `question`."""
    test: ClassVar[str]
    """What the test at the end of a training is called."""

    def target(self, theta: Floats, dim: int) -> Floats:
        """Choose what the network learns from the columns of a bank's parameters.

        Arguments:
            theta: (n, D + C), with classes (n, D + C + 1).
            dim: number D of parameters.
        """

    def check(self, settings: AnswerSettings, simulator: "Simulator") -> None:
        """Refuse settings or a prior that the question cannot take.

        Raises:
            UserError: with the key that is wrong.
        """

    def answer(
        self,
        run: "Run",
        observation: "Observation",
        x: Floats,
        settings: AnswerSettings,
    ) -> Result:
        """Answer for one observation.

        Arguments:
            run: a finished run.
            observation: what was read.
            x: its summary (X,).
            settings: draws, seed and references.
        """


QUESTIONS = {
    "posterior": "livetime.infer.ask_posterior.PosteriorQuestion",
    "class": "livetime.infer.ask_class.ClassQuestion",
}
"""Where the class of each question is. A new question is one file and one line here."""


def find_question(name: str) -> Question:
    """Find a question by the name that estimators give.

    Arguments:
        name: a key of `QUESTIONS`.

    Examples:
        >>> find_question("class").name
        'class'
    """
    module, _, cls = QUESTIONS[name].rpartition(".")
    question: Question = getattr(importlib.import_module(module), cls)()
    return question
