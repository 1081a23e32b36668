"""`livetime infer`: from event files or a spectrum to a posterior, figures and a page."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livetime.commands.runs import open_run
from livetime.commands.settings import RunSettings, result_folder
from livetime.config import check
from livetime.errors import UserError
from livetime.interface import Network
from livetime.outputs import new_folder, outputs_folder, refuse_existing, stamp
from livetime.settings import ObservationFiles, Reference, check_draws


@dataclass
class InferSettings(RunSettings):
    """Set the files and the number of draws of an inference.

    Arguments:
        observation: keyword arguments of `livetime.config.ObservationFiles`.
        draws: from the network's posterior.
        reference: keyword arguments of `livetime.config.Reference`.
        prior_odds: class -> its weight a priori; empty for equally probable classes.

    Raises:
        UserError: for a number of draws out of range.

    Examples:
        >>> InferSettings(run="outputs/demo/1", observation={"path": ["A.evt"]}).draws
        10000
    """

    observation: dict[str, Any] = field(default_factory=dict)
    draws: int = 10_000
    reference: dict[str, Any] = field(default_factory=dict)
    prior_odds: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_draws(self.draws)


def infer(settings: InferSettings) -> Path:
    """Infer a posterior, or the probabilities of classes, beside the references.

    Returns: the folder of the result.
    """
    files = check(ObservationFiles, settings.observation, "observation")
    reference = check(Reference, settings.reference, "reference")
    if not (files.path or files.spectrum):
        raise UserError(
            "observation.path",
            "is missing",
            "give an event file, one for each module, or observation.spectrum",
        )
    given = (*files.path, files.spectrum, files.arf, files.rmf, files.background_spectrum)
    inputs = [Path(file) for file in given if file]
    default = outputs_folder() / "infer" / f"{inputs[0].stem}_{stamp()}"
    folder = result_folder(settings.output, default)
    refuse_existing(folder, settings.overwrite, inputs)
    run = open_run(settings.run)

    from livetime.files.observed import ObservedFiles, open_observation
    from livetime.report.result import print_result, save

    observation = ObservedFiles(files, open_observation(files))
    with new_folder(folder, settings.overwrite, [*inputs, run.folder]) as aside:
        answer = Network(run).infer(
            observation, settings.draws, settings.seed, reference.names, settings.prior_odds
        )
        save(answer.result, aside)
    print_result(answer.result)
    return folder
