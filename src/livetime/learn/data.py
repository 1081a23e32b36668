"""BankDataModule: simulations resident in memory, split by simulation, sliced into batches."""

import os
from collections.abc import Callable, Iterator

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Sampler, TensorDataset

from livetime.config import UserError


class Batches(Sampler[Tensor]):
    """Index batches; shuffled by (seed, epoch) alone, so that a resumed training sees what an uninterrupted one would.

    Arguments:
        n: size of the data.
        batch_size: the last, smaller batch of a shuffled epoch is left out.
        seed: None for no shuffling.
        step: tells the number of steps done; Lightning's own count of epochs is late by one when a training is resumed.
    """

    def __init__(self, n: int, batch_size: int, seed: int | None = None, step: Callable[[], int] = lambda: 0) -> None:
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


class BankDataModule(lightning.LightningDataModule):
    """Pairs (theta, x) of a bank.

    The validation split is the same for every member of an ensemble; only the order of the batches depends on `seed`.

    Arguments:
        theta: (N, D) in sampling coordinates, parameters only.
        x: (N, X).
        batch_size: simulations a step.
        validation: fraction held out.
        seed: of the shuffling.
        overfit: train and validate on the same simulations, for people who build.

    Raises: UserError if the simulations would take more than half of the machine's memory.
    """

    def __init__(
        self, theta: NDArray[np.floating], x: NDArray[np.floating], batch_size: int, validation: float, seed: int, overfit: bool = False
    ) -> None:
        super().__init__()
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        if 2 * (theta.nbytes + x.nbytes) > memory:
            raise UserError(f"simulations take {x.nbytes / 2**30:.1f} GiB, more than half of the memory; train with fewer: simulations=<n>")
        held = 0 if overfit else max(1, round(validation * len(x)))
        if len(x) - held < 1:
            raise UserError(f"simulations leaves {len(x)} finite ones, too few to train on; ask for more: simulations=<n>")
        self.batch_size, self.seed = batch_size, seed
        t, d = torch.from_numpy(np.asarray(theta, dtype=np.float32)), torch.from_numpy(np.asarray(x, dtype=np.float32))
        self.train = TensorDataset(t[held:], d[held:])
        self.val = self.train if overfit else TensorDataset(t[:held], d[:held])

    def train_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        batches = Batches(len(self.train), self.batch_size, self.seed, lambda: self.trainer.global_step if self.trainer else 0)
        return DataLoader(self.train, sampler=batches, batch_size=None)

    def val_dataloader(self) -> DataLoader[tuple[Tensor, ...]]:
        return DataLoader(self.val, sampler=Batches(len(self.val), 4 * self.batch_size), batch_size=None)
