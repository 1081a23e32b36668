"""Refuse settings that cannot be trained, before anything is simulated."""

import math
from typing import TYPE_CHECKING

from livetime.commands.sizes import refuse_large_training
from livetime.errors import UserError
from livetime.settings import Trainer, Training

if TYPE_CHECKING:
    from livetime.commands.train import TrainSettings
    from livetime.learn.module import LitEstimator
    from livetime.simulate.simulator import Simulator


def refuse_untrainable(
    settings: "TrainSettings", training: Training, trainer: Trainer, simulator: "Simulator"
) -> None:
    """Check the settings of a training before its simulations exist.

    Raises:
        UserError: for a missing device, an estimator of another question, or a split or batch that
            is larger than the bank.
    """
    from livetime.learn.module import LitEstimator
    from livetime.learn.training import on_machine
    from livetime.simulate.build import shapes

    if settings.simulations * training.validation < 1:
        raise UserError(
            "simulations",
            f"is {settings.simulations}, but training.validation of {training.validation} needs "
            f"{math.ceil(1 / training.validation)}",
            "give that many or more",
        )
    refuse_large_training(simulator, settings.simulations, training.test)
    module = LitEstimator(dict(settings.estimator), shapes(simulator), settings.training)
    on_machine(trainer, logger=False, enable_checkpointing=False)
    _refuse_question(settings, module, simulator)
    _refuse_batches(settings, training, module, simulator)


def _refuse_question(
    settings: "TrainSettings", module: "LitEstimator", simulator: "Simulator"
) -> None:
    """Refuse an estimator of parameters for a prior with classes."""
    classes = simulator.prior.classes
    if classes and module.estimator.question != "class":
        kind = settings.estimator["_target_"].rpartition(".")[-1]
        raise UserError(
            "estimator",
            f"is {kind}, which learns parameters, but prior.classes has {', '.join(classes)}",
            "take a classifier, or a prior without classes",
        )


def _refuse_batches(
    settings: "TrainSettings",
    training: Training,
    module: "LitEstimator",
    simulator: "Simulator",
) -> None:
    """Refuse a batch that is larger than the training split of any fold."""
    from livetime.learn.data import split

    n = settings.simulations
    labels = None
    if module.estimator.question == "class":
        labels = simulator.theta(0, n, settings.seed)[:, -1].astype(int)
    names = list(simulator.prior.classes)
    for fold in range(training.folds):
        part = split(n, training, fold, labels, settings.overfit, names)[0]
        left = len(range(n)[part]) if isinstance(part, slice) else len(part)
        if training.batch_size and training.batch_size > left:
            raise UserError(
                "training.batch_size",
                f"is {training.batch_size}, but {left} simulations are trained on",
                "give a smaller number, or null for all of them",
            )
    if training.batch_size == 1 and module.normalises_batches:
        raise UserError(
            "training.batch_size",
            "is 1, and one simulation has no variance for batch normalisation",
            "give a larger number, or take layer normalisation",
        )
