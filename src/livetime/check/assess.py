"""Assess a run on held-out simulations: one function for every question that networks are asked."""

from collections.abc import Callable, Sequence

from livetime.check.assess_class import assess_class
from livetime.check.assess_loss import assess_loss
from livetime.check.assess_posterior import assess_posterior
from livetime.check.assessment import Assessment, Bank, HeldOut
from livetime.infer.run import Run

Assess = Callable[[Run, HeldOut, Bank, Sequence[str]], Assessment]
ASSESSMENTS: dict[str, Assess] = {"posterior": assess_posterior, "class": assess_class}
"""Question -> how its runs are assessed; another question is assessed by its loss."""


def assess(run: Run, held_out: HeldOut, bank: Bank, others: Sequence[str] = ()) -> Assessment:
    """Assess a finished run.

    Arguments:
        run: its members are trained.
        held_out: simulations that no member saw, see `HeldOut.simulate`.
        bank: gives theta and x that the run was trained on; called for classifiers only.
        others: names of other sources (`robustness.SOURCES`), for posteriors.
    """
    assess_question = ASSESSMENTS.get(run.question.name, assess_loss)
    return assess_question(run, held_out, bank, others)
