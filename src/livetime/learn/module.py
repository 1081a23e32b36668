"""LitEstimator, the one LightningModule."""

from typing import Any

import lightning
import torch
from torch import Tensor

from livetime.config import build
from livetime.errors import UserError
from livetime.learn.nets import Shapes
from livetime.learn.standardise import Standardise
from livetime.settings import Training

SCHEMA = 5
"""Version of what a checkpoint contains; raise it when older ones can no longer be read."""


class LitEstimator(lightning.LightningModule):
    """Train any estimator on standardised summaries.

    Its hyperparameters are plain types and its state is tensors, so that a checkpoint loads with
    `weights_only=True`.

    Arguments:
        estimator: a group node with a `_target_`.
        shapes: keyword arguments of `Shapes`.
        training: keyword arguments of `Training`.
        schema: version of what a checkpoint contains.

    Raises: UserError for more principal components than entries, or an estimator that cannot be
        built.

    Examples:
        >>> net = {"_target_": "livetime.learn.nets.Perceptron"}
        >>> node = {"_target_": "livetime.learn.estimators.MixtureDensity", "net": net}
        >>> module = LitEstimator(node, {"low": [0.0], "high": [1.0], "x_dim": 3}, {})
        >>> module.loss(torch.ones(4, 1), torch.zeros(4, 3)).shape
        torch.Size([4])
    """

    def __init__(
        self,
        estimator: dict[str, Any],
        shapes: dict[str, Any],
        training: dict[str, Any],
        schema: int = SCHEMA,
    ) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.training_config = Training(**training)
        pca = self.training_config.pca
        given = Shapes(**shapes)
        if pca and pca > given.x_dim:
            raise UserError(
                "training.pca",
                f"is {pca}, but a summary has {given.x_dim} entries",
                "take fewer components",
            )

        # components are single numbers: no net sees a spectrum in them
        projected = {**shapes, "x_dim": pca, "channels": 0, "bins": 0}
        self.estimator = build(estimator, "estimator", shapes=projected if pca else shapes)
        self.standardise = Standardise(given.x_dim, given.channels * given.bins, pca)

    @property
    def normalises_batches(self) -> bool:
        """Say whether a layer normalises over a batch, which must then contain two or more."""
        return any(isinstance(part, torch.nn.BatchNorm1d) for part in self.modules())

    def loss(self, target: Tensor, x: Tensor) -> Tensor:
        """Return the loss (B,) for target (B, D) and x (B, X), a summary before
        standardisation."""
        out: Tensor = self.estimator.loss(target, self.standardise(x))
        return out

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        """Return the mean loss of a batch, with the penalty on the weights."""
        loss = self.loss(*batch).mean()
        self._log("train/loss", loss, batch)
        if not self.training_config.penalty:
            return loss
        return loss + self.penalty()

    def penalty(self) -> Tensor:
        """Return `penalty` times the sum of |w|^penalty_norm over weights, without biases."""
        norm = self.training_config.penalty_norm
        weights = [w for w in self.estimator.parameters() if w.dim() > 1]
        sums = [(w.abs() ** norm).sum() for w in weights]
        return self.training_config.penalty * torch.stack(sums).sum()

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        """Log the mean loss of a batch of the validation split."""
        self._log("val/loss", self.loss(*batch).mean(), batch)

    def configure_optimizers(self) -> Any:
        """Return the optimizer, and the schedule of its learning rate if that varies."""
        optimizer = self._optimizer()
        schedule = self._schedule(optimizer)
        if schedule is None:
            return optimizer
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def _log(self, name: str, value: Tensor, batch: tuple[Tensor, Tensor]) -> None:
        """Log a mean over the epoch."""
        self.log(name, value, on_step=False, on_epoch=True, batch_size=len(batch[0]))

    def _optimizer(self) -> torch.optim.Optimizer:
        training = self.training_config
        if training.optimizer == "sgd":
            return torch.optim.SGD(self.parameters(), lr=training.lr)
        return torch.optim.AdamW(
            self.parameters(), lr=training.lr, weight_decay=training.weight_decay, fused=True
        )

    def _schedule(self, optimizer: torch.optim.Optimizer) -> Any:
        training = self.training_config
        steps = int(self.trainer.estimated_stepping_batches)
        if training.schedule == "onecycle":
            return torch.optim.lr_scheduler.OneCycleLR(
                optimizer, training.lr, total_steps=max(steps, 2)
            )
        if training.schedule == "cosine":
            return torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
        return None
