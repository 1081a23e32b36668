"""LitEstimator: the one LightningModule."""

from typing import Any

import lightning
import torch
from torch import Tensor

from livetime.config import Training, build

SCHEMA = 2
"""Raise it whenever older checkpoints can no longer be read."""


class LitEstimator(lightning.LightningModule):
    """Trains any estimator; standardises x by the training split's mean and standard deviation, which lie in buffers.

    Its hyperparameters are plain types and its state is tensors, so that a checkpoint loads with `weights_only=True`.

    Arguments:
        estimator: a group node with a `_target_`.
        shapes: keyword arguments of `Shapes`.
        training: keyword arguments of `Training`.
        schema: version of what a checkpoint holds.
    """

    x_mean: Tensor
    x_std: Tensor

    def __init__(self, estimator: dict[str, Any], shapes: dict[str, Any], training: dict[str, Any], schema: int = SCHEMA) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.training_config = Training(**training)
        self.estimator = build(estimator, "estimator", shapes=shapes)
        self.register_buffer("x_mean", torch.zeros(shapes["x_dim"]))
        self.register_buffer("x_std", torch.ones(shapes["x_dim"]))

    def standardise_by(self, x: Tensor) -> None:
        """Sets mean and standard deviation (X,) from the training split (N, X); a constant entry is only shifted."""
        self.x_mean.copy_(x.mean(dim=0, dtype=torch.float64))
        std = x.std(dim=0)
        self.x_std.copy_(torch.where(std > 1e-6, std, torch.ones_like(std)))

    def standardise(self, x: Tensor) -> Tensor:
        return (x - self.x_mean) / self.x_std

    def loss(self, target: Tensor, x: Tensor) -> Tensor:
        """(B,) for target (B, D) and x (B, X) as it comes from the summary."""
        out: Tensor = self.estimator.loss(target, self.standardise(x))
        return out

    def training_step(self, batch: tuple[Tensor, Tensor], index: int) -> Tensor:
        loss = self.loss(*batch).mean()
        self.log("train/loss", loss, on_step=False, on_epoch=True, batch_size=len(batch[0]))
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor], index: int) -> None:
        self.log("val/loss", self.loss(*batch).mean(), on_step=False, on_epoch=True, batch_size=len(batch[0]))

    def configure_optimizers(self) -> Any:
        t = self.training_config
        optimizer = torch.optim.AdamW(self.parameters(), lr=t.lr, weight_decay=t.weight_decay, fused=True)
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler: Any
        if t.schedule == "onecycle":
            scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, t.lr, total_steps=max(steps, 2))
        elif t.schedule == "cosine":
            scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
        else:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
