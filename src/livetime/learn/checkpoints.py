"""Write checkpoints in one step, and read those that are complete and of the same training."""

import hashlib
import io
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io import TorchCheckpointIO

from livetime.errors import UserError
from livetime.learn.module import SCHEMA, LitEstimator
from livetime.outputs import TRAIN_AGAIN, read_json, refuse_irregular, write_whole

DONE = "done.json"
"""Result of a finished training, in the member's folder."""
CHECKPOINTS = "checkpoints"
BEST = "best.ckpt"
LAST = "last.ckpt"
CHECKSUM = "sha256"
"""Key of `done.json`: checksum of the best checkpoint. Runs of earlier versions have none."""
_NUMBERS = ("val_loss", "epochs", "weights")
"""Keys of `done.json` that every run has."""
_TRAINING = "training"
"""Key of a checkpoint: name of the training that wrote it."""
_RESUME_WITHOUT = "delete it and resume the training"


class TrainingCheckpoints(TorchCheckpointIO):
    """Write and read the checkpoints of one training.

    Lightning writes a temporary file and copies it to another file system. A process that is
    killed meanwhile leaves half a file; this class does not.

    Arguments:
        training: name of the training, a hash of all that determines its result.

    Examples:
        >>> TrainingCheckpoints("1a2b").training
        '1a2b'
    """

    def __init__(self, training: str) -> None:
        super().__init__()
        self.training = training

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: Any, storage_options: Any = None
    ) -> None:
        """Write a checkpoint in one step, with the name of its training."""
        data = io.BytesIO()
        torch.save({**checkpoint, _TRAINING: self.training}, data)
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, data.getvalue())

    def load_checkpoint(
        self, path: Any, map_location: Any = None, weights_only: bool | None = None
    ) -> dict[str, Any]:
        """Read the checkpoint from which a training continues.

        Raises: UserError for one that is damaged, or that another training wrote.
        """
        checkpoint = _read(Path(path), _RESUME_WITHOUT)
        if checkpoint.get(_TRAINING) != self.training:
            raise UserError(str(path), "is of another training", _RESUME_WITHOUT)
        _name_folder(checkpoint, Path(path).resolve().parent)
        return checkpoint


def _name_folder(checkpoint: dict[str, Any], folder: Path) -> None:
    """Name the present folder of checkpoints: Lightning forgets the best one of a moved run."""
    for state in checkpoint["callbacks"].values():
        if "best_k_models" not in state:
            continue
        state["dirpath"] = str(folder)
        for key in ("best_model_path", "kth_best_model_path", "last_model_path"):
            state[key] = state[key] and str(folder / Path(state[key]).name)
        scores = state["best_k_models"].items()
        state["best_k_models"] = {str(folder / Path(path).name): score for path, score in scores}


def last_checkpoint(folder: Path) -> Path | None:
    """Find the checkpoint from which a member continues; None to start at the first epoch.

    The last checkpoint is ignored where the best weights, which are written first, are missing.

    Arguments:
        folder: of the member.
    """
    last = folder / CHECKPOINTS / LAST
    best = folder / CHECKPOINTS / BEST
    return last if last.exists() and best.exists() else None


def finished(folder: Path) -> dict[str, float] | None:
    """Read the result of a member whose training is finished; None if it is not.

    Arguments:
        folder: of the member.

    Raises: UserError for a damaged result.
    """
    path = folder / DONE
    if not path.exists() or not (folder / CHECKPOINTS / BEST).exists():
        return None
    result = _read_result(path, _RESUME_WITHOUT)
    return {key: result[key] for key in _NUMBERS}


def _read_result(path: Path, remedy: str) -> dict[str, Any]:
    """Read the result of a training; UserError if it lacks a number."""
    result = read_json(path, remedy)
    numbers = [result.get(key) for key in _NUMBERS]
    if not all(isinstance(n, int | float) and math.isfinite(n) for n in numbers):
        raise UserError(str(path), "is damaged", remedy)
    return result


def checksum(folder: Path) -> str:
    """Return the SHA-256 of a member's best checkpoint."""
    path = folder / CHECKPOINTS / BEST
    return hashlib.sha256(path.read_bytes()).hexdigest()


def load(member: Path) -> LitEstimator:
    """Load the best weights of a member's folder, on the CPU, for evaluation.

    Raises: UserError for a checkpoint that is missing, damaged or of another schema.
    """
    path = member / CHECKPOINTS / BEST
    _refuse_unfinished(path, member)
    checkpoint = _read(path, TRAIN_AGAIN)
    _refuse_unfinished(member / DONE, member)
    expected = _read_result(member / DONE, TRAIN_AGAIN).get(CHECKSUM)
    if expected and expected != checksum(member):
        raise UserError(str(path), f"is not the one that {DONE} describes", TRAIN_AGAIN)
    try:
        module = LitEstimator(**checkpoint["hyper_parameters"])
        module.load_state_dict(checkpoint["state_dict"])
    except (KeyError, TypeError, RuntimeError):
        raise UserError(str(path), "lacks weights of its estimator", TRAIN_AGAIN) from None
    return module.eval()


def _refuse_unfinished(path: Path, member: Path) -> None:
    """Refuse a member that lacks one of the files that its training writes last."""
    if not path.exists():
        remedy = f"continue the training with `resume={member.parent}`"
        raise UserError(str(path), "is missing: the training did not finish", remedy)


def _read(path: Path, remedy: str) -> dict[str, Any]:
    """Read a checkpoint of this schema whose weights are numbers."""
    refuse_irregular(path, remedy)
    try:
        data = io.BytesIO(path.read_bytes())
        with zipfile.ZipFile(data) as records:
            damaged = records.testzip()  # PyTorch does not compare these checksums
        data.seek(0)
        checkpoint = dict(torch.load(data, map_location="cpu", weights_only=True))
        schema = checkpoint["hyper_parameters"]["schema"]
        weights = dict(checkpoint["state_dict"])
    except Exception:
        damaged = path.name
    if damaged:
        raise UserError(str(path), "is not a checkpoint of livetime, or is damaged", remedy)

    if schema != SCHEMA:
        problem = f"has schema {schema}, but this version of livetime reads schema {SCHEMA}"
        raise UserError(str(path), problem, TRAIN_AGAIN)
    _refuse_weights(path, weights, remedy)
    return checkpoint


def _refuse_weights(path: Path, weights: Mapping[str, torch.Tensor], remedy: str) -> None:
    """Refuse weights that are not finite, or all zero: no training leaves those."""
    tensors = [values for values in weights.values() if values.is_floating_point()]
    if not all(torch.isfinite(values).all() for values in tensors):
        raise UserError(str(path), "has weights that are not finite", remedy)
    if not any(values.any() for values in tensors):
        raise UserError(str(path), "has weights that are all zero", remedy)
