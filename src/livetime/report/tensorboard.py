"""Write figures and the row of the HPARAMS tab for TensorBoard."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livetime.check.assessment import Assessment

FIGURES = "visuals"
"""Group of the figures; TensorBoard sorts groups by name, and the losses come first."""
TESTS = "verify"
"""Group of the test metrics, likewise; their columns are named `test/...`."""
LOSSES = ("val/loss", "train/loss")
"""The first metrics of the HPARAMS tab, from the curves of the first member."""


def write_tensorboard(
    assessment: Assessment, folder: Path, hparams: Mapping[str, Any], val_loss: float
) -> None:
    """Write a run's figures and its row of the HPARAMS tab.

    A metric is a level line from the first to the last epoch, since the tab takes the last point
    of a curve and a single point shows nothing.

    Arguments:
        assessment: at the end of a training.
        folder: the run's, with the PNG of every figure.
        hparams: name -> plain value, what distinguishes runs.
        val_loss: mean over the members, of the weights that are kept.
    """
    from matplotlib.image import imread
    from torch.utils.tensorboard import SummaryWriter

    metrics = {_tag(name): value for name, value in assessment.metrics().items()}
    metrics["val/loss"] = val_loss
    with SummaryWriter(str(folder)) as writer:
        for path in sorted(folder.glob("*.png")):
            writer.add_image(f"{FIGURES}/{path.stem}", imread(path), dataformats="HWC")
        for name, value in metrics.items():
            for epoch in (0, _last_epoch(assessment)):
                writer.add_scalar(name, value, epoch)
        for summary in _hparams_summaries(assessment, hparams):
            writer.file_writer.add_summary(summary)


def _tag(name: str) -> str:
    """Give the tag of a test metric, `test/accuracy` -> `verify/accuracy`."""
    return name.replace("test/", f"{TESTS}/", 1)


def _last_epoch(assessment: Assessment) -> int:
    """Find the last epoch of the longest training, at least 1."""
    seen = assessment.interpretation
    epochs = [1.0]
    for member in seen.history if seen else []:
        epochs += member["epoch"]
    return int(max(epochs))


def _hparams_summaries(assessment: Assessment, hparams: Mapping[str, Any]) -> list[Any]:
    """Give the summaries of one row: its columns, its values, its end."""
    from tensorboard.plugins.hparams import api_pb2, summary

    plain = (bool, int, float, str)
    flat = {name: v if isinstance(v, plain) else str(v) for name, v in hparams.items()}
    columns = [api_pb2.HParamInfo(name=name) for name in flat]
    infos = [_metric("val/loss", "val/loss"), _metric("train/loss", "train/loss", "member_0")]
    infos += [_metric(_tag(name), name) for name in assessment.metrics()]
    return [
        summary.experiment_pb(hparam_infos=columns, metric_infos=infos),
        summary.session_start_pb(hparams=flat),
        summary.session_end_pb(api_pb2.STATUS_SUCCESS),
    ]


def _metric(tag: str, words: str, group: str = "") -> Any:
    """Describe one metric column: where its curve is, and what it is called."""
    from tensorboard.plugins.hparams import api_pb2

    name = api_pb2.MetricName(group=group, tag=tag)
    return api_pb2.MetricInfo(name=name, display_name=words)
