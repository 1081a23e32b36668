"""Train one member, or an ensemble in one-thread processes of their own."""

import hashlib
import json
import logging
import multiprocessing
import queue
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.learn.checkpoints import (
    BEST,
    CHECKPOINTS,
    CHECKSUM,
    DONE,
    TrainingCheckpoints,
    checksum,
    finished,
    last_checkpoint,
)
from livetime.learn.data import BankDataModule, split
from livetime.learn.module import LitEstimator
from livetime.outputs import write_json, writing
from livetime.processes import available_cores, process_pool
from livetime.settings import Trainer, Training
from livetime.simulate.bank import Bank

Report = Callable[[int, float], object]
"""A callback that receives (epochs done since its last call, validation loss)."""


@dataclass(frozen=True)
class Member:
    """List all on which the training of one member depends, in plain types.

    Arguments:
        folder: where its checkpoints and logs go.
        estimator: group node with a `_target_`.
        training: settings that may change the result.
        trainer: settings of the machine.
        shapes: keyword arguments of `Shapes`.
        bank: folder of the bank.
        simulations: how many of the bank to use.
        seed: of weights and shuffling.
        fold: number of the fold used for validation, where `training.folds` is above 1.
        overfit: train and validate on the same simulations, as a test of the code.

    Examples:
        >>> member = Member(Path("m"), {}, Training(), Trainer(), {}, Path("bank"), 1000, seed=1)
        >>> member.fold
        0
    """

    folder: Path
    estimator: dict[str, Any]
    training: Training
    trainer: Trainer
    shapes: dict[str, Any]
    bank: Path
    simulations: int
    seed: int
    fold: int = 0
    overfit: bool = False

    @property
    def name(self) -> str:
        """Name the training by a hash of all that determines its result, without the machine."""
        shaping = {
            "estimator": self.estimator,
            "training": asdict(self.training),
            "shapes": self.shapes,
            "bank": self.bank.name,
            "simulations": self.simulations,
            "seed": self.seed,
            "fold": self.fold,
            "overfit": self.overfit,
        }
        text = json.dumps(shaping, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]


class _Course(Callback):
    """Let a resumed training take the course of an uninterrupted one, and report each epoch.

    Arguments:
        seed: of what layers draw at random, as dropout does.
        stopping: the callback that stops early, which Lightning's resume does not ask.
        report: receives (epochs done since its last call, validation loss).
    """

    def __init__(self, seed: int, stopping: EarlyStopping, report: Report) -> None:
        self.seed = seed
        self.stopping = stopping
        self.report = report

    def on_train_start(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        if self.stopping.wait_count >= self.stopping.patience:
            trainer.should_stop = True

    def on_train_batch_start(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        batch: Any,
        batch_idx: int,
    ) -> None:
        words = np.random.SeedSequence([self.seed, trainer.global_step]).generate_state(1)
        torch.manual_seed(int(words[0]))

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        self.report(1, float(trainer.callback_metrics.get("val/loss", torch.nan)))


def on_machine(machine: Trainer, **science: Any) -> lightning.Trainer:
    """Return Lightning's trainer on the chosen accelerator, with its advertisements suppressed.

    Arguments:
        machine: accelerator and precision.
        science: further arguments of `lightning.Trainer`.

    Raises: UserError if the accelerator is missing, or does not support the precision.
    """
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    try:
        return lightning.Trainer(
            accelerator=machine.accelerator,
            devices=1,
            precision=machine.precision,
            enable_progress_bar=False,
            enable_model_summary=False,
            **science,
        )
    except (RuntimeError, ValueError, MisconfigurationException) as error:
        raise UserError(
            "trainer.accelerator",
            f"is {machine.accelerator} with precision={machine.precision}, "
            "which this machine does not support",
            "take trainer.accelerator=auto, or another precision",
        ) from error


def fit(member: Member, report: Report) -> dict[str, float]:
    """Train one member, from its last checkpoint if any, and write `checkpoints/best.ckpt`.

    The result is also written to the member's folder; a finished member is not trained again.

    Arguments:
        member: what to train.
        report: receives (epochs done since its last call, validation loss).

    Returns: best validation loss `val_loss`, number of `epochs` and number of `weights`.

    Raises: UserError if the device is missing, or the loss is not finite.
    """
    epochs = member.training.epochs
    result = finished(member.folder)
    if result:
        report(epochs, result["val_loss"])
        return result

    torch.set_num_threads(member.trainer.threads)
    module, data = _prepare(member)
    _keep_old_log(member.folder)
    trainer, best = _train(member, module, data, report)
    score = best.best_model_score
    kept = member.folder / CHECKPOINTS / BEST
    if not kept.exists() or score is None or not torch.isfinite(score):
        raise UserError(
            "training",
            "has a loss that is not finite",
            "lower training.lr, take trainer.precision=32-true, or look at the simulations",
        )
    # Lightning's own `current_epoch` is late by one after a resume.
    counts: Any = trainer.fit_loop.epoch_progress.current
    trained = counts.processed
    report(epochs - trained, float(score))
    weights = sum(p.numel() for p in module.parameters())
    result = {"val_loss": float(score), "epochs": trained, "weights": weights}
    write_json(member.folder / DONE, {**result, CHECKSUM: checksum(member.folder)})
    return result


def _prepare(member: Member) -> tuple[LitEstimator, BankDataModule]:
    """Return a new module, standardised on the training split, and its data."""
    theta, x = Bank.open(member.bank).load(member.simulations)
    training = member.training
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(member.seed)
        module = LitEstimator(member.estimator, member.shapes, asdict(training))
    parts = split(len(x), training, member.fold, _labels(theta, member), member.overfit)
    target = _target(module, theta, member)
    data = BankDataModule(target, x, parts, training.batch_size, member.seed)
    module.standardise.fit(data.train.tensors[1])
    return module, data


def _target(module: LitEstimator, theta: NDArray[Any], member: Member) -> NDArray[Any]:
    """Return what the estimator learns: columns of theta (N, D + C), or with classes one more."""
    if module.estimator.question == "class":
        return theta[:, -1:]
    return theta[:, : len(member.shapes["low"])]


def _labels(theta: NDArray[Any], member: Member) -> NDArray[Any] | None:
    """Return the numbers of the classes (N,), None where the prior has none."""
    return theta[:, -1].astype(int) if member.shapes.get("classes") else None


def _keep_old_log(folder: Path) -> None:
    """Rename the log of an interrupted training, which Lightning's logger would delete."""
    log = folder / "metrics.csv"
    if log.exists():
        logs = list(folder.glob("metrics*.csv"))
        older = len(logs)
        log.rename(folder / f"metrics_{older}.csv")


def _train(
    member: Member, module: LitEstimator, data: BankDataModule, report: Report
) -> tuple[lightning.Trainer, ModelCheckpoint]:
    """Train a module; return the trainer and the callback that kept the best weights."""
    checkpoints = member.folder / CHECKPOINTS
    best = ModelCheckpoint(checkpoints, "best", "val/loss", enable_version_counter=False)
    # `save_last` would keep the last of the best alone
    latest = ModelCheckpoint(checkpoints, "last", enable_version_counter=False)
    stopping = EarlyStopping("val/loss", patience=member.training.patience, check_finite=True)
    tensorboard = _Curves(member.folder, "", "", default_hp_metric=False)
    log = CSVLogger(member.folder, "", "", flush_logs_every_n_steps=1)
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]):
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*")
        trainer = on_machine(
            member.trainer,
            max_epochs=member.training.epochs,
            gradient_clip_val=member.training.clip,
            logger=[tensorboard, log],
            callbacks=[best, latest, stopping, _Course(member.seed, stopping, report)],
            plugins=[TrainingCheckpoints(member.name)],
            num_sanity_val_steps=0,
            log_every_n_steps=10**9,
        )
        last = last_checkpoint(member.folder)
        try:
            with writing(member.folder):
                trainer.fit(module, data, ckpt_path=last, weights_only=True)
        except SystemExit:  # Lightning's answer to an interrupt
            raise KeyboardInterrupt from None
    return trainer, best


class _Curves(TensorBoardLogger):
    """Write losses, and not the number of the epoch, which would be the first curve."""

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Write the metrics of a step."""
        losses = {name: value for name, value in metrics.items() if name != "epoch"}
        super().log_metrics(losses, step)


_reports: Any = None


def _start_process(reports: Any) -> None:
    """Keep the queue of a process of the ensemble."""
    global _reports
    _reports = reports


def _fit_in_process(index: int, member: Member) -> dict[str, float]:
    """Train a member in a process of the ensemble."""
    return fit(member, lambda epochs, loss: _reports.put((index, epochs, loss)))


def fit_ensemble(
    members: list[Member], report: Callable[[int, int, float], object]
) -> list[dict[str, float]]:
    """Train all members, as many at a time as there are cores.

    One member is trained in this process, several in processes of their own. The weights do not
    depend on the number of processes.

    Arguments:
        members: what to train.
        report: receives (member, epochs done since its last call, validation loss).

    Returns: what `fit` returns, in order.
    """
    if len(members) == 1:
        return [fit(members[0], lambda epochs, loss: report(0, epochs, loss))]
    reports = multiprocessing.get_context("spawn").Queue()
    workers = min(len(members), members[0].trainer.processes or available_cores())
    with process_pool(workers, _start_process, (reports,)) as pool:
        futures = [pool.submit(_fit_in_process, i, m) for i, m in enumerate(members)]
        while not all(f.done() for f in futures) or not reports.empty():
            try:
                report(*reports.get(timeout=0.5))
            except queue.Empty:
                _raise_failure(futures)
        return [f.result() for f in futures]


def _raise_failure(futures: list[Any]) -> None:
    """Raise the error of a member that failed."""
    for future in futures:
        if future.done():
            future.result()
