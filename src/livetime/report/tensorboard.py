"""Write figures and the row of the HPARAMS tab for TensorBoard."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from livetime.check.assessment import Assessment
from livetime.outputs import writing

_FIGURES = "visuals"
"""Group of the figures; TensorBoard sorts groups by name, and the losses come first."""
TESTS = "verify"
"""Group of the test metrics; their columns are named `test/...`."""
PLUGIN = "hparams"
VALUE_FIELDS = {bool: "bool_value", int: "number_value", float: "number_value", str: "string_value"}
"""Field of a protobuf value for each plain type."""


def write_tensorboard(
    assessment: Assessment, folder: Path, hparams: Mapping[str, Any], val_loss: float
) -> None:
    """Write a run's figures and its row of the HPARAMS tab.

    A metric is drawn as a constant line over all epochs. The tab shows its last point, and a
    single point would be invisible.

    Arguments:
        assessment: at the end of a training.
        folder: the run's, with the PNG of every figure.
        hparams: name -> plain value, what distinguishes runs.
        val_loss: mean over the members, of the weights that are kept.
    """
    from matplotlib.image import imread
    from torch.utils.tensorboard import SummaryWriter

    metrics = {"val/loss": val_loss, **_training_loss(assessment)}
    for name, value in assessment.metrics().items():
        metrics[_tag(name)] = value
    last = _last_epoch(assessment)
    with writing(folder / "events.out.tfevents"), SummaryWriter(str(folder)) as writer:
        for path in sorted(folder.glob("*.png")):
            pixels = imread(path)
            writer.add_image(f"{_FIGURES}/{path.stem}", pixels, dataformats="HWC")
        for name, value in metrics.items():
            for epoch in (0, last):
                writer.add_scalar(name, value, epoch)
        for summary in _hparams_summaries(metrics, hparams):
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


def _training_loss(assessment: Assessment) -> dict[str, float]:
    """Give the mean training loss of the members in the epochs whose weights are kept."""
    seen = assessment.interpretation
    losses = []
    for member in seen.history if seen else []:
        if member["val/loss"]:
            best = member["val/loss"].index(min(member["val/loss"]))
            losses.append(member["train/loss"][best])
    return {"train/loss": sum(losses) / len(losses)} if losses else {}


def _hparams_summaries(metrics: Mapping[str, float], hparams: Mapping[str, Any]) -> list[Any]:
    """Give the summaries of one row: its columns, its values, its end."""
    from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

    flat = {name: _plain(value) for name, value in hparams.items()}
    columns = [api_pb2.HParamInfo(name=name) for name in flat]
    infos = [_metric(tag) for tag in metrics]
    experiment = api_pb2.Experiment(hparam_infos=columns, metric_infos=infos)

    start = plugin_data_pb2.SessionStartInfo()
    for name, value in flat.items():
        kind = VALUE_FIELDS[type(value)]
        setattr(start.hparams[name], kind, value)
    end = plugin_data_pb2.SessionEndInfo(status=api_pb2.Status.Value("STATUS_SUCCESS"))
    return [
        _summary("experiment", experiment=experiment),
        _summary("session_start_info", session_start_info=start),
        _summary("session_end_info", session_end_info=end),
    ]


def _plain(value: Any) -> bool | int | float | str:
    """Give a value that the tab can sort by, or its words."""
    return value if isinstance(value, bool | int | float | str) else str(value)


def _summary(name: str, **content: Any) -> Any:
    """Wrap a message for the HPARAMS plugin."""
    from tensorboard.compat.proto.summary_pb2 import Summary, SummaryMetadata
    from tensorboard.plugins.hparams.metadata import NULL_TENSOR, PLUGIN_DATA_VERSION
    from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

    data = HParamsPluginData(version=PLUGIN_DATA_VERSION, **content)
    plugin = SummaryMetadata.PluginData(plugin_name=PLUGIN, content=data.SerializeToString())
    metadata = SummaryMetadata(plugin_data=plugin)
    tag = f"_hparams_/{name}"
    value = Summary.Value(tag=tag, metadata=metadata, tensor=NULL_TENSOR)
    return Summary(value=[value])


def _metric(tag: str) -> Any:
    """Describe one metric column: which curve it is, and what it is called."""
    from tensorboard.plugins.hparams import api_pb2

    words = tag.replace(f"{TESTS}/", "test/", 1)
    return api_pb2.MetricInfo(name=api_pb2.MetricName(tag=tag), display_name=words)
