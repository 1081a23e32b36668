"""Keep simulations in memory, split them by simulation, and cut them into batches."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Sampler, TensorDataset

from livetime.errors import UserError
from livetime.processes import MEMORY
from livetime.settings import Training

Index = slice | NDArray[np.intp]
"""Chooses simulations."""
Parts = tuple[Index, Index]
"""Choose the training and the validation simulations."""

MIN_VALIDATION_BATCH = 1000
"""Least batch of the validation, which needs no gradients."""


class Batches(Sampler[Tensor]):
    """Yield batches of indices, shuffled by (seed, epoch) alone.

    A resumed training thus has the same batches as an uninterrupted one.

    Arguments:
        n: size of the data.
        batch_size: the last, smaller batch of a shuffled epoch is left out.
        seed: of the shuffling; None for none.
        step: returns the number of steps done; Lightning's own count of epochs is late by one
            when a training is resumed.

    Examples:
        >>> [batch.tolist() for batch in Batches(3, 2)]
        [[0, 1], [2]]
    """

    def __init__(
        self, n: int, batch_size: int, seed: int | None = None, step: Callable[[], int] = lambda: 0
    ) -> None:
        self.n = n
        self.batch_size = min(batch_size, n)
        self.seed = seed
        self.step = step

    def __len__(self) -> int:
        if self.seed is None:
            return -(-self.n // self.batch_size)
        return self.n // self.batch_size

    def __iter__(self) -> Iterator[Tensor]:
        # a generator: Lightning makes the first iterator before it restores the number of steps
        order = torch.arange(self.n)
        if self.seed is not None:
            epoch = self.step() // len(self)
            shuffled = np.random.default_rng([self.seed, epoch]).permutation(self.n)
            order = torch.from_numpy(shuffled)
        yield from torch.split(order, self.batch_size)[: len(self)]


def split(
    n: int,
    training: Training,
    fold: int = 0,
    labels: NDArray[Any] | None = None,
    overfit: bool = False,
    classes: Sequence[str] = (),
) -> Parts:
    """Divide the simulations between training and validation.

    The choice depends on n, the settings and the labels, not on the member. The first
    `training.validation` of the simulations are held out; with `training.folds`, one fold of them.

    Arguments:
        n: number of simulations.
        training: gives the size of the validation split, or the number of folds.
        fold: number of the fold used for validation.
        labels: numbers of the classes (n,), by which folds are stratified; None without classes.
        overfit: train and validate on all simulations, as a test of the code.
        classes: names, for messages.

    Raises: UserError if a class or either split would be empty.

    Examples:
        >>> split(100, Training(validation=0.1))
        (slice(10, 100, None), slice(None, 10, None))
    """
    if overfit:
        return slice(n), slice(n)
    if training.folds == 1:
        held_out = max(1, round(training.validation * n))
        parts: Parts = (slice(held_out, n), slice(held_out))
    else:
        parts = _fold(n, training.folds, fold, labels)
    if len(np.arange(n)[parts[0]]) < 1:
        problem = f"is {training.validation}, which leaves none of {n} simulations to train on"
        raise UserError("training.validation", problem, "lower it, or simulate more")
    if labels is not None:
        _check_classes(parts, labels, classes)
    return parts


def _fold(n: int, folds: int, fold: int, labels: NDArray[Any] | None) -> Parts:
    """Return the split in which a fold validates."""
    from sklearn.model_selection import KFold, StratifiedKFold

    smallest = n if labels is None else int(np.bincount(labels).min())
    if folds > smallest:
        where = "there are" if labels is None else "the smallest class has"
        problem = f"is {folds}, but {where} {smallest} simulations"
        raise UserError("training.folds", problem, "take fewer folds or more simulations")
    kind = KFold if labels is None else StratifiedKFold
    shuffled = kind(folds, shuffle=True, random_state=0)
    parts: list[Parts] = list(shuffled.split(np.zeros(n), labels))
    return parts[fold]


def _check_classes(parts: Parts, labels: NDArray[Any], classes: Sequence[str]) -> None:
    """Refuse a split in which a class has no simulation."""
    every = set(labels.tolist())
    for part, name in zip(parts, ("training", "validation"), strict=True):
        missing = every - set(labels[part].tolist())
        if missing:
            first = min(missing)
            which = classes[first] if classes else f"number {first}"
            raise UserError(
                "simulations",
                f"gives a {name} split that has no simulation of class {which}",
                "simulate more",
            )


class BankDataModule(lightning.LightningDataModule):
    """Serve pairs (target, x) of a bank to Lightning, from tensors that stay in memory.

    Arguments:
        target: parameters (N, D) in sampling coordinates, or numbers of classes (N, 1).
        x: summaries (N, X).
        parts: training and validation, as `split` gives them.
        batch_size: simulations a step; None for all.
        seed: of the shuffling.

    Raises: UserError if the simulations need more than half of the memory, or a batch is larger
        than the training split.

    Examples:
        >>> x = np.zeros((10, 3), dtype=np.float32)
        >>> data = BankDataModule(x[:, :1], x, (slice(2, 10), slice(2)), 4, 0)
        >>> [len(target) for target, x in data.train_dataloader()]
        [4, 4]
    """

    def __init__(
        self,
        target: NDArray[Any],
        x: NDArray[np.floating],
        parts: Parts,
        batch_size: int | None,
        seed: int,
    ) -> None:
        super().__init__()
        _check_memory(target.nbytes + x.nbytes)
        targets = torch.from_numpy(np.asarray(target, dtype=np.float32))
        summaries = torch.from_numpy(np.asarray(x, dtype=np.float32))
        self.train, self.val = (TensorDataset(targets[part], summaries[part]) for part in parts)
        n = len(self.train)
        if batch_size and batch_size > n:
            problem = f"is {batch_size}, but the training split has {n} simulations"
            raise UserError("training.batch_size", problem, "take a smaller one")
        self.batch_size = batch_size or n
        self.seed = seed

    def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        """Return shuffled batches of the training split."""
        batches = Batches(len(self.train), self.batch_size, self.seed, self._step)
        return DataLoader(self.train, sampler=batches, batch_size=None)

    def val_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        """Return the validation split in order, in larger batches."""
        larger = 4 * self.batch_size
        size = max(larger, MIN_VALIDATION_BATCH)
        return DataLoader(self.val, sampler=Batches(len(self.val), size), batch_size=None)

    def _step(self) -> int:
        """Return the number of steps done."""
        return self.trainer.global_step if self.trainer else 0


def _check_memory(size: int) -> None:
    """Refuse simulations of so many bytes if they fill more than half of the memory."""
    if 2 * size > MEMORY:
        limit = MEMORY / 2**31
        problem = f"take {size / 2**30:.1f} GiB, more than {limit:.1f} GiB, half of the memory"
        raise UserError("simulations", problem, "train with fewer")
