"""Every question keeps the protocol, and a verdict distrusts for reasons alone."""

import inspect

import numpy as np
import pytest

from livetime.errors import UserError
from livetime.infer.question import QUESTIONS, AnswerSettings, Question, Verdict, find_question
from livetime.simulate.prior import Prior, Range

PRIOR = Prior({"a": Range(0.0, 1.0), "b": Range(0.0, 1.0)}, {"segments": Range(1.0, 2.0)})


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_question_keeps_the_protocol(name):
    question = find_question(name)
    assert question.name == name
    assert question.test.endswith("test")
    for method in ("target", "check", "answer"):
        expected = list(inspect.signature(getattr(Question, method)).parameters)[1:]
        assert list(inspect.signature(getattr(question, method)).parameters) == expected


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_target_has_a_row_for_each_simulation(name):
    theta = np.random.default_rng(0).random((7, 4))  # two parameters, one covariate, a class
    target = find_question(name).target(theta, PRIOR.dim)
    assert target.ndim == 2
    assert len(target) == 7
    assert all((column == theta.T).all(axis=1).any() for column in target.T)


def test_a_verdict_without_reasons_is_trusted():
    good = Verdict.of((), "All is well.")
    assert good == Verdict("trust", (), "All is well.")
    assert good.trust


def test_a_doubt_that_chance_explains_asks_for_caution():
    found = Verdict.of((), "All is well.", "posterior", cautions=["p is 0.03"])
    assert (found.level, found.trust) == ("caution", False)
    assert found.sentence == "Use this posterior with caution: p is 0.03."
    both = Verdict.of(["the rate is 5"], "", cautions=["p is 0.03"])
    assert both.level == "do not use"
    assert both.reasons == ("the rate is 5", "p is 0.03")


def test_a_verdict_gives_its_reasons():
    bad = Verdict.of(["the rate is 5", "the p-value is 0.001"], "All is well.", "posterior")
    assert bad.trust is False
    assert bad.reasons == ("the rate is 5", "the p-value is 0.001")
    expected = "Do not trust this posterior as it is: the rate is 5; the p-value is 0.001."
    assert bad.sentence == expected


def test_a_classifier_takes_no_references(classifier_run):
    from livetime.infer.run import Run

    run = Run.open(classifier_run)
    with pytest.raises(UserError, match=r"reference\.names is for posteriors"):
        run.question.check(AnswerSettings(references=("naive",)), run.simulator)
    run.question.check(AnswerSettings(), run.simulator)


def test_a_posterior_of_a_prior_with_classes_is_refused(classifier_run):
    from livetime.infer.run import Run

    simulator = Run.open(classifier_run).simulator
    with pytest.raises(UserError, match=r"prior\.classes has continuum, qpo"):
        find_question("posterior").check(AnswerSettings(references=()), simulator)


def test_references_that_do_not_apply_are_refused(demo_run):
    from livetime.infer.run import Run

    simulator = Run.open(demo_run).simulator
    with pytest.raises(UserError, match=r"reference\.names has davis"):
        find_question("posterior").check(AnswerSettings(references=("davis",)), simulator)
