"""LitEstimator: the one LightningModule."""

from typing import Any

import lightning
import torch
from torch import Tensor

from livetime.config import Training, UserError, build

SCHEMA = 2
"""Raise it whenever older checkpoints can no longer be read."""


class LitEstimator(lightning.LightningModule):
    """Trains any estimator; x is standardised, and if asked for projected on principal components, by what the training split gives; that
    lies in buffers.

    Its hyperparameters are plain types and its state is tensors, so that a checkpoint loads with `weights_only=True`.

    Arguments:
        estimator: a group node with a `_target_`.
        shapes: keyword arguments of `Shapes`.
        training: keyword arguments of `Training`.
        schema: version of what a checkpoint holds.
    """

    x_mean: Tensor
    x_std: Tensor
    x_components: Tensor | None

    def __init__(self, estimator: dict[str, Any], shapes: dict[str, Any], training: dict[str, Any], schema: int = SCHEMA) -> None:
        super().__init__()
        self.save_hyperparameters()
        self.training_config = Training(**training)
        pca = self.training_config.pca
        if pca and pca > shapes["x_dim"]:
            raise UserError(f"training.pca is {pca}, but a summary has {shapes['x_dim']} entries; take fewer components")
        seen = {**shapes, "x_dim": pca, "channels": 0, "bins": 0} if pca else shapes
        self.estimator = build(estimator, "estimator", shapes=seen)
        self.register_buffer("x_mean", torch.zeros(shapes["x_dim"]))
        self.register_buffer("x_std", torch.ones(shapes["x_dim"]))
        self.register_buffer("x_components", torch.zeros(shapes["x_dim"], pca) if pca else None)

    @property
    def normalises_batches(self) -> bool:
        return any(isinstance(part, torch.nn.BatchNorm1d) for part in self.modules())

    def standardise_by(self, x: Tensor) -> None:
        """Sets mean, standard deviation (X,) and components (X, P) from the training split (N, X); a constant entry becomes zero."""
        self.x_mean.copy_(x.mean(dim=0, dtype=torch.float64))
        std = x.std(dim=0)
        self.x_std.copy_(torch.where(std > 1e-6, std, torch.ones_like(std)))
        if self.x_components is not None:
            z = (x - self.x_mean) / self.x_std
            self.x_components.copy_(torch.linalg.eigh((z.T @ z).double())[1].flip(-1)[:, : self.x_components.shape[1]])

    def standardise(self, x: Tensor) -> Tensor:
        z = (x - self.x_mean) / self.x_std
        return z if self.x_components is None else z @ self.x_components

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
        self.log("val/loss", self.loss(*batch).mean(), on_step=False, on_epoch=True, batch_size=len(batch[0]))

    def configure_optimizers(self) -> Any:
        t = self.training_config
        optimizer: torch.optim.Optimizer
        if t.optimizer == "adamw":
            optimizer = torch.optim.AdamW(self.parameters(), lr=t.lr, weight_decay=t.weight_decay, fused=True)
        else:
            optimizer = torch.optim.SGD(self.parameters(), lr=t.lr)
        steps = int(self.trainer.estimated_stepping_batches)
        scheduler: Any
        if t.schedule == "onecycle":
            scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, t.lr, total_steps=max(steps, 2))
        elif t.schedule == "cosine":
            scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, max(steps, 1))
        else:
            return optimizer
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": scheduler, "interval": "step"}}
