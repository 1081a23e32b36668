"""BankDataModule: simulations resident in memory, split by simulation, sliced into batches."""

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Sampler, TensorDataset

from livetime.errors import UserError
from livetime.settings import Training

Index = slice | NDArray[np.intp]


class Batches(Sampler[Tensor]):
    """Index batches; shuffled by (seed, epoch) alone, so that a resumed training sees what an uninterrupted one would.

    Arguments:
        n: size of the data.
        batch_size: the last, smaller batch of a shuffled epoch is left out.
        seed: None for no shuffling.
        step: tells the number of steps done; Lightning's own count of epochs is late by one when a training is resumed.
    """

    def __init__(
        self, n: int, batch_size: int, seed: int | None = None, step: Callable[[], int] = lambda: 0
    ) -> None:
        self.n, self.batch_size, self.seed, self.step = n, min(batch_size, n), seed, step

    def __len__(self) -> int:
        return self.n // self.batch_size if self.seed is not None else -(-self.n // self.batch_size)

    def __iter__(self) -> Iterator[Tensor]:
        # a generator: Lightning makes the first iterator before it restores the number of steps
        order = torch.arange(self.n)
        if self.seed is not None:
            epoch = self.step() // len(self)
            order = torch.from_numpy(np.random.default_rng([self.seed, epoch]).permutation(self.n))
        yield from torch.split(order, self.batch_size)[: len(self)]


def split(
    n: int,
    training: Training,
    fold: int = 0,
    labels: NDArray[Any] | None = None,
    overfit: bool = False,
    classes: Sequence[str] = (),
) -> tuple[Index, Index]:
    """The training and the validation simulations; each is in one of them alone.

    It depends on n, the settings and the labels, not on the member: the first `training.validation` of them are held out; with
    `training.folds`, one fold of them, stratified by class where there are labels (n,), whose names are `classes`.

    Raises: UserError if a class or either split would be empty.
    """
    parts: tuple[Index, Index]
    if overfit:
        return slice(n), slice(n)
    if training.folds == 1:
        held = max(1, round(training.validation * n))
        parts = slice(held, n), slice(held)
    else:
        from sklearn.model_selection import KFold, StratifiedKFold

        smallest = n if labels is None else int(np.bincount(labels).min())
        if training.folds > smallest:
            what = "the smallest class has" if labels is not None else "there are"
            raise UserError(
                f"training.folds is {training.folds}, but {what} {smallest} simulations; take fewer folds or more simulations"
            )
        kind = KFold if labels is None else StratifiedKFold
        order = kind(training.folds, shuffle=True, random_state=0).split(np.zeros(n), labels)
        parts = list(order)[fold]
    if len(np.arange(n)[parts[0]]) < 1:
        raise UserError(
            f"simulations leaves {n} finite ones, too few to train on; ask for more: simulations=<n>"
        )
    for part, name in zip(parts, ("training", "validation"), strict=True):
        if labels is not None and (missing := set(labels.tolist()) - set(labels[part].tolist())):
            which = classes[min(missing)] if classes else f"number {min(missing)}"
            raise UserError(
                f"the {name} split has no simulation of class {which}; ask for more: simulations=<n>"
            )
    return parts


class BankDataModule(lightning.LightningDataModule):
    """Pairs (target, x) of a bank.

    Arguments:
        target: (N, D) in sampling coordinates, parameters only; or the class's number (N, 1).
        x: (N, X).
        parts: training and validation, as `split` gives them.
        batch_size: simulations a step; None for all.
        seed: of the shuffling.

    Raises: UserError if the simulations would take more than half of the machine's memory, or a batch more than there are.
    """

    def __init__(
        self,
        target: NDArray[Any],
        x: NDArray[np.floating],
        parts: tuple[Index, Index],
        batch_size: int | None,
        seed: int,
    ) -> None:
        super().__init__()
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if 2 * (target.nbytes + x.nbytes) > memory:
            raise UserError(
                f"simulations take {x.nbytes / 2**30:.1f} GiB, more than half of the memory; train with fewer: simulations=<n>"
            )
        t, d = (
            torch.from_numpy(np.asarray(target, dtype=np.float32)),
            torch.from_numpy(np.asarray(x, dtype=np.float32)),
        )
        self.train, self.val = (TensorDataset(t[part], d[part]) for part in parts)
        if batch_size and batch_size > len(self.train):
            raise UserError(
                f"training.batch_size is {batch_size}, but the training split has {len(self.train)} simulations; take a smaller one"
            )
        self.batch_size, self.seed = batch_size or len(self.train), seed

    def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        batches = Batches(
            len(self.train),
            self.batch_size,
            self.seed,
            lambda: self.trainer.global_step if self.trainer else 0,
        )
        return DataLoader(self.train, sampler=batches, batch_size=None)

    def val_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return DataLoader(
            self.val,
            sampler=Batches(len(self.val), max(4 * self.batch_size, 1000)),
            batch_size=None,
        )
