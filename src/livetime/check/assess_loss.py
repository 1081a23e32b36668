"""Assess a network whose question has no test of its own: does its loss use the data?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from livetime.check.assessment import Assessment, Bank, HeldOut, RunVerdict
from livetime.check.importance import interpret
from livetime.infer.run import Run

Floats = NDArray[np.floating[Any]]
MIN_SIGMA = 3.0
"""Standard deviations by which the loss must rise when the data are shuffled."""


@dataclass(frozen=True)
class LossAssessment(Assessment):
    """Compare the held-out loss with that for the data of other simulations.

    Arguments:
        losses: of each simulation with its own data, (N,).
        shuffled: of each simulation with the data of another one, (N,).

    Examples:
        >>> LossAssessment(np.zeros(100), np.ones(100)).verdict.level
        'good'
    """

    question: ClassVar[str] = "loss"

    losses: Floats
    shuffled: Floats

    @property
    def loss(self) -> float:
        """Give the mean held-out loss."""
        return float(self.losses.mean())

    @property
    def rise(self) -> tuple[float, float]:
        """Find by how much shuffled data raise the mean loss, and the standard error."""
        rises = self.shuffled - self.losses
        return float(rises.mean()), float(rises.std() / np.sqrt(len(rises)))

    @property
    def verdict(self) -> RunVerdict:
        """Judge whether the network uses the data."""
        rise, error = self.rise
        found = f"the loss rises by {rise:.3g} ± {error:.2g} when the data are shuffled"
        if rise > MIN_SIGMA * error:
            return RunVerdict("good", f"The network uses the data: {found}.")
        remedy = "train longer, on more simulations, or with another learning rate"
        return RunVerdict("bad", f"The network does not use the data: {found}; {remedy}.")

    def metrics(self) -> dict[str, float]:
        """List the held-out loss."""
        return {"test/loss": self.loss}

    def numbers(self) -> dict[str, Any]:
        """List all numbers in plain types."""
        rise, error = self.rise
        numbers = {"n": len(self.losses), "loss": self.loss, "rise": rise, "rise_error": error}
        return self._with_verdict(numbers)


def assess_loss(
    run: Run, held_out: HeldOut, bank: Bank, others: Sequence[str] = ()
) -> LossAssessment:
    """Evaluate the loss on held-out simulations, with their own data and with shuffled data.

    Arguments:
        run: of any estimator.
        held_out: simulations that no member was trained on.
        bank: is not needed.
        others: are not used.
    """
    rng = np.random.default_rng(held_out.seed)
    order = rng.permutation(len(held_out.x))
    return LossAssessment(
        _losses(run, held_out.theta, held_out.x),
        _losses(run, held_out.theta, held_out.x[order]),
        interpretation=interpret(run, held_out.theta, held_out.x, held_out.seed),
    )


@torch.no_grad()
def _losses(run: Run, theta: Floats, x: Floats) -> Floats:
    rows = torch.from_numpy(np.asarray(x, dtype=np.float32))
    return np.asarray(run.loss(theta, rows).double().numpy())
