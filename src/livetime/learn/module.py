"""LitEstimator: the one LightningModule."""

from typing import Any

import lightning
import torch
from torch import Tensor

from livetime.config import build
from livetime.errors import UserError
from livetime.learn.nets import Shapes
from livetime.learn.standardise import Standardise
from livetime.settings import Training

SCHEMA = 4
"""Raise it whenever older checkpoints can no longer be read."""


class LitEstimator(lightning.LightningModule):
    """Trains any estimator on standardised summaries.

    Its hyperparameters are plain types and its state is tensors, so that a checkpoint loads with `weights_only=True`.

    Arguments:
        estimator: a group node with a `_target_`.
        shapes: keyword arguments of `Shapes`.
        training: keyword arguments of `Training`.
        schema: version of what a checkpoint holds.
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
                f"training.pca is {pca}, but a summary has {given.x_dim} entries; take fewer components"
            )
        seen = {**shapes, "x_dim": pca, "channels": 0, "bins": 0} if pca else shapes
        self.estimator = build(estimator, "estimator", shapes=seen)
        self.standardise = Standardise(given.x_dim, given.channels * given.bins, pca)

    @property
    def normalises_batches(self) -> bool:
        return any(isinstance(part, torch.nn.BatchNorm1d) for part in self.modules())

    def loss(self, target: Tensor, x: Tensor) -> Tensor:
        """(B,) for target (B, D) and x (B, X) as it comes from the summary."""
        out: Tensor = self.estimator.loss(target, self.standardise(x))
        return out

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        loss = self.loss(*batch).mean()
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(batch[0]))
        return loss + self.penalty() if self.training_config.penalty else loss

    def penalty(self) -> Tensor:
        """`penalty` times the sum of |w|^penalty_norm over the estimator's weights, without biases."""
        t = self.training_config
        weights = [w for w in self.estimator.parameters() if w.dim() > 1]
        return t.penalty * torch.stack([(w.abs() ** t.penalty_norm).sum() for w in weights]).sum()

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        self.log(
            "val/loss",
            self.loss(*batch).mean(),
            on_step=False,
            on_epoch=True,
            batch_size=len(batch[0]),
        )

    def configure_optimizers(self) -> Any:
        t = self.training_config
        optimizer: torch.optim.Optimizer
        if t.optimizer == "adamw":
            optimizer = torch.optim.AdamW(
                self.parameters(), lr=t.lr, weight_decay=t.weight_decay, fused=True
            )
        else:
            optimizer = torch.optim.SGD(self.parameters(), lr=t.lr)
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler: Any
        if t.schedule == "onecycle":
            scheduler = torch.optim.lr_scheduler.OneCycleLR(
                optimizer, t.lr, total_steps=max(steps, 2)
            )
        elif t.schedule == "cosine":
            scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
        else:
            return optimizer
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "interval": "step"},
        }
