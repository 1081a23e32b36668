"""Read a finished run: its config, its networks, and the results of its training."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.infer.posterior import (
    NO_INFLATION,
    FlowPosterior,
    Inflation,
    Posterior,
    refuse_no_number,
)
from livetime.infer.predictive import TrainingRange
from livetime.infer.question import Question, find_question
from livetime.learn.checkpoints import load
from livetime.learn.discrepancy import DiscrepancyTest
from livetime.learn.estimators import Spread
from livetime.learn.history import member_history, read_test
from livetime.learn.module import LitEstimator
from livetime.learn.nets import Shapes
from livetime.outputs import TRAIN_AGAIN, read_json, refuse_damaged_config
from livetime.simulate.bank import bank_hash
from livetime.simulate.build import build_simulator, shapes
from livetime.simulate.simulator import Simulator

Floats = NDArray[np.floating[Any]]
RUN = "run.json"
CONFIG = "config.json"
RANGE = "training_range.json"
METRICS = "metrics.json"
INFLATION = "inflation.json"
DISCREPANCIES = "discrepancies.json"
LATER_TEST = "later_test.json"
EMULATOR_FOLDER = "emulator"
_BATCH = 2000
"""Summaries that a classifier takes at once."""
RESUME = "resume the training"
DAMAGED = (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError)
"""What reading a file of a run raises if the file is not what training wrote."""
Restored = TypeVar("Restored")


@dataclass(frozen=True)
class Run:
    """Read a run folder: the resolved config, the weights of the members, the training range.

    Nothing is read before it is needed, and no global state is set. Numbers do not depend on the
    number of torch threads, except for rounding. Commands use one thread, so that not even
    rounding differs.

    Arguments:
        folder: as training made it.
        config: resolved, in plain types.

    Examples:
        >>> Run(Path("outputs/demo/x"), {"training": {"members": 4, "folds": 1}}).wanted_members
        4
    """

    folder: Path
    config: dict[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> "Run":
        """Read the config of a run folder.

        Arguments:
            folder: as training made it.

        Raises:
            UserError: if the folder is not that of a run, or its config is damaged.
        """
        folder = Path(folder)
        path = folder / CONFIG
        if not path.exists():
            problem = f"is not a run folder: it has no {CONFIG}"
            raise UserError(f"run {folder}", problem, "give the folder of a finished training")
        config = read_json(path, TRAIN_AGAIN)
        refuse_damaged_config(path, config)
        return cls(folder, config)

    def read_all(self) -> None:
        """Read all that answers need, so that damage is known before an observation is there.

        Raises:
            UserError: if a file is missing or damaged.
        """
        _ = self.simulator, self.members, self.training_range, self.test, self.inflation
        if self.question.name == "posterior":
            _ = self.emulator, self.discrepancies

    def restore(self, name: str, make: Callable[[dict[str, Any]], Restored]) -> Restored:
        """Make an object again from the JSON file that training wrote of it.

        Arguments:
            name: of the file.
            make: turns what the file contains into the object.

        Raises:
            UserError: if the file is missing or damaged.
        """
        path = self.folder / name
        if not path.exists():
            raise UserError(f"run {self.folder}", f"lacks {name}", RESUME)
        plain = read_json(path, TRAIN_AGAIN)
        try:
            return make(plain)
        except DAMAGED:
            raise UserError(str(path), "is damaged", TRAIN_AGAIN) from None

    @cached_property
    def simulator(self) -> Simulator:
        """Build the simulator of the run; UserError if the config is damaged."""
        try:
            simulator = build_simulator(self.config)
        except UserError as error:
            problem = f"is damaged: {error}"
            raise UserError(str(self.folder / CONFIG), problem, f"or {TRAIN_AGAIN}") from None
        self._refuse_other_bank(simulator)
        return simulator

    def _refuse_other_bank(self, simulator: Simulator) -> None:
        """Compare the hash of what the config describes with that of the bank of the training."""
        path = self.folder / RUN
        if not path.exists():
            raise UserError(f"run {self.folder}", f"lacks {RUN}", RESUME)
        trained = read_json(path, f"delete it, and {RESUME}").get("bank")
        if trained != bank_hash(simulator, self.config["seed"]):
            problem = f"was changed after training on bank {trained}"
            raise UserError(str(self.folder / CONFIG), problem, f"restore it, or {TRAIN_AGAIN}")

    @property
    def wanted_members(self) -> int:
        """Count the networks that the config asks for: members, or folds."""
        training = self.config["training"]
        return int(max(training["members"], training["folds"]))

    @cached_property
    def members(self) -> tuple[LitEstimator, ...]:
        """Load the trained networks.

        Raises:
            UserError: if one is missing, damaged, or trained on other data than the config has.
        """
        folders = sorted(self.folder.glob("member_*"))
        if len(folders) != self.wanted_members:
            finished = (self.folder / METRICS).exists()
            remedy = TRAIN_AGAIN if finished else RESUME
            problem = f"has {len(folders)} of {self.wanted_members} members of its {CONFIG}"
            raise UserError(f"run {self.folder}", problem, remedy)

        # A net that is made draws its first weights, before the trained ones replace them.
        with torch.random.fork_rng(devices=[]):
            members = tuple(load(folder) for folder in folders)
        expected = Shapes(**shapes(self.simulator))
        for folder, member in zip(folders, members, strict=True):
            if Shapes(**member.hparams["shapes"]) != expected:
                problem = f"does not fit {folder.name}: the config or the weights changed"
                raise UserError(str(self.folder / CONFIG), problem, TRAIN_AGAIN)
        return members

    @cached_property
    def question(self) -> Question:
        """Find what the networks were trained to answer."""
        return find_question(self.members[0].estimator.question)

    def expect(self, name: str) -> None:
        """Refuse a run that answers another question.

        Arguments:
            name: of the question that is needed.

        Raises:
            UserError: if the run was trained for another one.
        """
        own = self.question.name
        if own == name:
            return
        if own == "class":
            classes = ", ".join(self.simulator.prior.classes)
            problem = f"is a classifier ({classes}), which has no {name} of parameters"
            raise UserError(f"run {self.folder}", problem, "take a run that learned parameters")
        problem = f"answers the question {own}, not {name}"
        raise UserError(f"run {self.folder}", problem, f"take a run that learned a {name}")

    @property
    def inflates(self) -> bool:
        """Say whether every member has a posterior that can be inflated."""
        return all(member.estimator.inflates for member in self.members)

    @property
    def has_inflation(self) -> bool:
        """Say whether training measures an inflation, which it does not with folds."""
        return self.inflates and self.config["training"]["folds"] == 1

    def posterior(self, x: Floats) -> Posterior:
        """Find the posterior of summaries, as the ensemble gives it.

        Arguments:
            x: summaries (X,) or (B, X).

        Raises:
            UserError: if the run learned classes.
        """
        self.expect("posterior")
        return self.inflated(self.inflation)(x)

    def inflated(self, inflation: Inflation) -> Callable[[Floats], Posterior]:
        """Return a function like `posterior`, but with another inflation.

        Arguments:
            inflation: widens each member's density.
        """

        def posterior(x: Floats) -> Posterior:
            rows = _rows(x)
            factors: Spread = 1.0
            if inflation != NO_INFLATION:
                factors = inflation.factors(self.simulator.layout, rows)
            return FlowPosterior(self.members, rows, self.simulator.prior, factors)

        return posterior

    @torch.no_grad()
    def probabilities(self, x: Floats) -> Floats:
        """Find p(class | x) as the mean of the members' probabilities.

        Arguments:
            x: summaries (X,) or (B, X).

        Returns:
            probabilities (B, K).

        Raises:
            UserError: if the run learned parameters.
        """
        if self.question.name != "class":
            problem = "learned parameters, not classes"
            raise UserError(f"run {self.folder}", problem, "take a run of a classifier")
        parts = []
        for rows in torch.split(_rows(x), _BATCH):
            each = [m.estimator.probabilities(m.standardise(rows)) for m in self.members]
            parts.append(torch.stack(each).mean(0))
        found = torch.cat(parts).double()
        refuse_no_number(found)
        return np.asarray(found.numpy())

    def loss(self, theta: Floats, x: torch.Tensor) -> torch.Tensor:
        """Average the members' losses, each of a pair of target and summary.

        Arguments:
            theta: (B, D + C), with classes (B, D + C + 1).
            x: summaries (B, X).

        Returns:
            losses (B,).
        """
        target = self.question.target(theta, self.simulator.prior.dim)
        rows = torch.from_numpy(np.asarray(target, dtype=np.float32))
        return torch.stack([member.loss(rows, x) for member in self.members]).mean(0)

    def history(self) -> list[dict[str, list[float]]]:
        """Read the losses of each member at the end of each epoch.

        Returns:
            for each member `epoch`, `train/loss` and `val/loss`, one number an epoch.
        """
        return [member_history(folder) for folder in sorted(self.folder.glob("member_*"))]

    @cached_property
    def inflation(self) -> Inflation:
        """Read how posteriors are inflated; a run that cannot have an inflation has none."""
        if not self.has_inflation:
            return NO_INFLATION
        path = self.folder / INFLATION
        if not path.exists():
            problem = f"lacks {INFLATION}, without which posteriors may be too narrow"
            raise UserError(f"run {self.folder}", problem, RESUME)
        return self.restore(INFLATION, partial(Inflation.from_plain, self.simulator.layout))

    @cached_property
    def training_range(self) -> TrainingRange:
        """Read the range of each entry of the summaries that training saw."""
        return self.restore(RANGE, partial(TrainingRange.from_plain, self.simulator.layout))

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """Read the test at the end of the training; UserError if it is missing or damaged."""
        path = self.folder / METRICS
        if not path.exists():
            problem = f"is not finished: it has no {METRICS}"
            raise UserError(f"run {self.folder}", problem, RESUME)
        return read_test(path, f"delete it and {RESUME}")

    @cached_property
    def test(self) -> dict[str, Any]:
        """Give the test with most simulations: that of the training, or a later one."""
        later = self.folder / LATER_TEST
        tests = [read_test(later, "delete it")] if later.exists() else []
        return max([*tests, self.metrics], key=lambda numbers: int(numbers["n"]))

    def failed_test(self) -> list[str]:
        """Give the reason to distrust every answer of this run, if its test found one."""
        if self.test["good"]:
            return []
        found = self.test["verdict"].rstrip(".")
        clause = found[:1].lower() + found[1:]
        return [f"this network failed its {self.question.test}: {clause}"]

    def doubts(self, x: Floats) -> list[str]:
        """List the reasons to distrust the answer to a summary (X,).

        Arguments:
            x: the summary of an observation.
        """
        return self.failed_test() + self.out_of_range(x)

    @cached_property
    def emulator(self) -> LitEstimator:
        """Load the network that predicts summaries; UserError if it is missing or damaged."""
        with torch.random.fork_rng(devices=[]):
            return load(self.folder / EMULATOR_FOLDER)

    @cached_property
    def discrepancies(self) -> DiscrepancyTest:
        """Read the calibrated test of residuals; UserError if it is missing or damaged."""
        make = partial(DiscrepancyTest.from_plain, self.simulator.layout)
        return self.restore(DISCREPANCIES, make)

    def out_of_range(self, x: Floats) -> list[str]:
        """List the quantities of a summary (X,) that lie outside of what training saw.

        Arguments:
            x: the summary of an observation.
        """
        return self.training_range.doubts(self.simulator, x)


def _rows(x: Floats) -> torch.Tensor:
    """Make a tensor (B, X) of one summary or many."""
    return torch.from_numpy(np.atleast_2d(np.asarray(x, dtype=np.float32)))
