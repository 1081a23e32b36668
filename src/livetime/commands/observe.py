"""`livetime observe`: write one simulated observation, with known truth, as a mission would."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from livetime.commands.settings import ExperimentSettings, result_folder
from livetime.errors import UserError
from livetime.outputs import new_folder, outputs_folder, stamp, write_json
from livetime.progress import say

if TYPE_CHECKING:
    from livetime.simulate.detector import Events
    from livetime.simulate.simulator import Simulator
    from livetime.simulate.timing import TimingSimulator


@dataclass
class ObserveSettings(ExperimentSettings):
    """Say what is observed, and where the files go.

    Arguments:
        truth: name -> physical value; names that are not given are drawn from the prior.
        output: folder of the files; None for a new one below `outputs/<name>`.
        overwrite: replace an earlier observation in the same folder.

    Example:
        >>> ObserveSettings(name="demo", truth={"rate": 500.0}).seed
        1
    """

    unused: ClassVar[tuple[str, ...]] = ("simulations", "estimator", "training", "overfit")

    truth: dict[str, float] = field(default_factory=dict)
    output: str | None = None
    overwrite: bool = False


def observe(settings: ObserveSettings) -> Path:
    """Write event files, one for each module, or a spectrum with its response, and the truth.

    Returns: the folder of the files.
    """
    from livetime.files.writing import write_spectrum
    from livetime.infer.build import build_simulator, check_truth, draw_truth
    from livetime.simulate.periodograms import draws_periodograms
    from livetime.simulate.simulator import stream
    from livetime.simulate.timing import draws_events

    simulator: Any = build_simulator(asdict(settings))
    if draws_periodograms(simulator):
        problem = "draws periodograms, and no events that could be written"
        raise UserError("simulator", problem, "take one of events, with a detector")
    check_truth(settings.truth, simulator.prior)
    truth, label = draw_truth(simulator, settings.truth, settings.seed)
    default = outputs_folder(settings.outputs) / settings.name / f"observation_{stamp()}"
    folder = result_folder(settings.output, default)
    try:
        events = simulator.events(truth, stream(settings.seed, 0))
        if draws_events(simulator):
            _ = simulator.detector_at(truth).row_dead_time  # which the files need
    except ValueError as error:
        raise UserError(str(error)) from None
    with new_folder(folder, settings.overwrite) as aside:
        if draws_events(simulator):
            _write_events(events, simulator, truth, aside)
        else:
            write_spectrum(events, truth["exposure"], simulator.detector, aside)
        write_json(aside / "truth.json", {**truth, **label})
    if label:
        say(f"drawn from the class {label['class']}; another seed draws another")
    if "hardness" in truth:
        say(f"events of {simulator.summary.hard_energy:g} keV or more are hard")
    if draws_events(simulator) and simulator.detector_covariates:
        _say_instrument(events, simulator, truth)
    drawn = [f"{name} = {truth[name]:.4g}" for name in truth if name not in settings.truth]
    if drawn:
        say(f"drawn from the prior: {', '.join(drawn)}")
    return folder


def _say_instrument(events: "Events", simulator: "Simulator", truth: Mapping[str, float]) -> None:
    """Print the settings of `infer` for a run that takes any detector."""
    from livetime.simulate.dead_time_detector import COVARIATES

    recorded = len(events.times[0]) / float(np.diff(events.gti).sum())
    # The background is asked for in recorded counts/s.
    background = truth.get("background_share", 0.0) * recorded
    values = {**truth, "background_share": background}
    words = [
        f"observation.{option}={values[name]:.6g}"
        for option, name in COVARIATES.items()
        if name in simulator.detector_covariates
    ]
    say(f"infer from it with {' '.join(words)}")


def _write_events(
    events: "Events", simulator: "TimingSimulator", truth: Mapping[str, float], folder: Path
) -> None:
    from livetime.files.mission import find_mission, similar_dead_time
    from livetime.files.writing import write_events

    paths = [folder / f"{'AB'[m]}.evt" for m in range(simulator.detector.modules)]
    # A mission's name stands for the mission's numbers.
    nustar = find_mission("NuSTAR", "FPMA")
    is_one = (
        nustar
        and simulator.detector.renewal
        and similar_dead_time(nustar.dead_time, simulator.detector.mean_dead_time)
    )
    telescope, instruments = ("NuSTAR", ("FPMA", "FPMB")) if is_one else ("", ("SIMA", "SIMB"))
    detector = simulator.detector_at(truth)
    keywords = {"TELESCOP": telescope, **detector.keywords(events.gti)}
    try:
        write_events(
            events,
            paths,
            dead_time=detector.row_dead_time,
            instruments=instruments,
            keywords=keywords,
        )
    except ValueError as error:
        raise UserError(
            f"truth.rate is {truth['rate']:g} counts/s: {error}; take a lower one"
        ) from None
