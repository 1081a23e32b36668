"""Training: one member, or an ensemble of them in one-thread processes of their own."""

import json
import logging
import multiprocessing
import queue
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import Callback, EarlyStopping, ModelCheckpoint
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.learn.data import BankDataModule, split
from livetime.learn.module import SCHEMA, LitEstimator
from livetime.outputs import write_json
from livetime.processes import available_cores, process_pool
from livetime.settings import Trainer, Training
from livetime.simulate.bank import Bank

Report = Callable[[int, float], object]
"""Told (epochs done since the last time, validation loss)."""

DONE = "done.json"


@dataclass(frozen=True)
class Member:
    """All that one member's training depends on, in plain types, so that another process can be told.

    Arguments:
        folder: where its checkpoints and logs go.
        estimator: group node with a `_target_`.
        shapes: keyword arguments of `Shapes`.
        bank, simulations: folder of the bank and how many of it.
        seed: of weights and shuffling.
        fold: that validates, where `training.folds` is above 1.
        overfit: train and validate on the same simulations, for people who build.
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


class _Reporter(Callback):
    def __init__(self, report: Report) -> None:
        self.report = report

    def on_train_epoch_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        self.report(1, float(trainer.callback_metrics.get("val/loss", torch.nan)))


def on_machine(machine: Trainer, **science: Any) -> lightning.Trainer:
    """Lightning's trainer on the accelerator that is asked for, without its advertisements; raises UserError if it is not there."""
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
        words = str(error).splitlines()[0].rstrip(".")
        asked = f"trainer.accelerator={machine.accelerator} with precision={machine.precision}"
        raise UserError(
            f"{asked}: {words}; take trainer.accelerator=auto, or another precision"
        ) from None


def fit(member: Member, report: Report) -> dict[str, float]:
    """Trains one member, from its last checkpoint if it has one, and leaves `checkpoints/best.ckpt`.

    Returns: best validation loss, epochs that were run and number of weights; also left in the member's folder, which is
        not trained again once it holds them.
    Raises: UserError if the device that is asked for is not there, or the loss is not finite.
    """
    done, checkpoints = member.folder / DONE, member.folder / "checkpoints"
    t = member.training
    if done.exists():
        result = dict(json.loads(done.read_text()))
        report(t.epochs, result["val_loss"])
        return result
    torch.set_num_threads(member.trainer.threads)
    theta, x = Bank.open(member.bank).load(member.simulations)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(member.seed)
        module = LitEstimator(member.estimator, member.shapes, asdict(t))
    target = (
        theta[:, -1:]
        if module.estimator.question == "class"
        else theta[:, : len(member.shapes["low"])]
    )
    data = BankDataModule(
        target,
        x,
        split(len(x), t, member.fold, _labels(theta, member), member.overfit),
        t.batch_size,
        member.seed,
    )
    module.standardise.fit(data.train.tensors[1])
    del theta, x, target
    last, log = checkpoints / "last.ckpt", member.folder / "metrics.csv"
    if log.exists():  # Lightning's logger would delete it
        log.rename(member.folder / f"metrics_{len(list(member.folder.glob('metrics*.csv')))}.csv")
    best = ModelCheckpoint(checkpoints, "best", "val/loss", enable_version_counter=False)
    latest = ModelCheckpoint(
        checkpoints, "last", enable_version_counter=False
    )  # `save_last` would keep the last of the best alone
    stopping = EarlyStopping("val/loss", patience=t.patience, check_finite=True)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning")
        warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*")
        trainer = on_machine(
            member.trainer,
            max_epochs=t.epochs,
            gradient_clip_val=t.clip,
            logger=[
                TensorBoardLogger(member.folder, "", "", default_hp_metric=False),
                CSVLogger(member.folder, "", ""),
            ],
            callbacks=[best, latest, stopping, _Reporter(report)],
            num_sanity_val_steps=0,
            log_every_n_steps=10**9,
        )
        trainer.fit(module, data, ckpt_path=last if last.exists() else None, weights_only=True)
    if (
        not (checkpoints / "best.ckpt").exists()
        or best.best_model_score is None
        or not torch.isfinite(best.best_model_score)
    ):
        raise UserError(
            "the training loss is not finite; lower training.lr, take trainer.precision=32-true, or look at the simulations"
        )
    report(t.epochs - trainer.current_epoch, float(best.best_model_score))
    weights = sum(p.numel() for p in module.parameters())
    result = {
        "val_loss": float(best.best_model_score),
        "epochs": trainer.current_epoch,
        "weights": weights,
    }
    write_json(done, result)
    return result


def _labels(theta: NDArray[Any], member: Member) -> NDArray[Any] | None:
    return theta[:, -1].astype(int) if member.shapes.get("classes") else None


def load(member: Path) -> LitEstimator:
    """The member's best weights, on the CPU, ready to be asked.

    Raises: UserError for a checkpoint that is missing, damaged or of another schema.
    """
    path = member / "checkpoints" / "best.ckpt"
    if not path.exists():
        raise UserError(
            f"{path} is missing: the training did not finish; go on with `livetime train resume={member.parent}`"
        )
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
        schema = checkpoint["hyper_parameters"]["schema"]
    except Exception:
        raise UserError(
            f"{path} is not a checkpoint of livetime, or is damaged; train again"
        ) from None
    if schema != SCHEMA:
        raise UserError(
            f"{path} has schema {schema}, but this version of livetime reads schema {SCHEMA}; train again"
        )
    try:
        module = LitEstimator(**checkpoint["hyper_parameters"])
        module.load_state_dict(checkpoint["state_dict"])
    except (KeyError, TypeError, RuntimeError):
        raise UserError(f"{path} does not hold the weights that it should; train again") from None
    if not all(torch.isfinite(values).all() for values in module.state_dict().values()):
        raise UserError(f"{path} holds weights that are not finite; train again")
    return module.eval()


_reports: Any = None


def _start_process(reports: Any) -> None:
    global _reports
    _reports = reports


def _fit_in_process(index: int, member: Member) -> dict[str, float]:
    return fit(member, lambda epochs, loss: _reports.put((index, epochs, loss)))


def fit_ensemble(
    members: list[Member], report: Callable[[int, int, float], object]
) -> list[dict[str, float]]:
    """Trains all members, as many at a time as there are cores.

    Arguments:
        members: one is trained in this process, several in processes of their own.
        report: told (member, epochs done since the last time, validation loss).

    Returns: what `fit` returns, in order. The weights do not depend on the number of processes.
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
                for future in futures:
                    if future.done():
                        future.result()
        return [f.result() for f in futures]
