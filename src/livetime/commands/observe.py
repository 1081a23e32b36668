"""`livetime observe`: write one simulated observation, with known truth, as a mission would."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from livetime.commands.settings import ExperimentSettings, result_folder
from livetime.errors import UserError
from livetime.outputs import new_folder, outputs_folder, refuse_existing, stamp, write_json
from livetime.progress import progress, say

if TYPE_CHECKING:
    from livetime.simulate.detector import Events
    from livetime.simulate.timing import TimingSimulator


@dataclass
class ObserveSettings(ExperimentSettings):
    """Set the truth that is observed, and the folder of the files.

    Arguments:
        truth: name -> physical value; names that are not given are drawn from the prior.
        output: folder of the files; None for a new one below `outputs/<name>`.
        overwrite: replace an earlier observation in the same folder.
        outside_prior: allow values outside of the prior, on which no network was trained.

    Examples:
        >>> ObserveSettings(name="demo", truth={"rate": 500.0}).seed
        1
    """

    unused: ClassVar[tuple[str, ...]] = ("simulations", "estimator", "training", "overfit")

    truth: dict[str, float] = field(default_factory=dict)
    output: str | None = None
    overwrite: bool = False
    outside_prior: bool = False


def observe(settings: ObserveSettings) -> Path:
    """Write event files, one for each module, or a spectrum with its response, and the truth.

    Returns: the folder of the files.
    """
    from livetime.simulate.build import build_simulator, check_truth, draw_truth

    simulator = build_simulator(asdict(settings))
    if simulator.kind not in WRITERS:
        raise UserError(
            "simulator", f"draws {simulator.kind}, which no file contains", "take simulator timing"
        )
    check_truth(settings.truth, simulator.prior, settings.outside_prior)
    truth, label = draw_truth(simulator, settings.truth, settings.seed)
    default = outputs_folder(settings.outputs) / settings.name / f"observation_{stamp()}"
    folder = result_folder(settings.output, default)
    refuse_existing(folder, settings.overwrite)

    with progress("observe", 2, "steps") as bar:
        recorded = _record(simulator, truth, settings.seed)
        bar.advance(text="recorded")
        with new_folder(folder, settings.overwrite) as aside:
            WRITERS[simulator.kind](recorded, simulator, truth, aside)
            write_json(aside / "truth.json", {**truth, **label})
        bar.advance(text="written")

    if label:
        say(f"drawn from the class {label['class']}; another seed draws another")
    for remark in _remarks(recorded, simulator, truth):
        say(remark)
    drawn = [f"{name} = {truth[name]:.4g}" for name in truth if name not in settings.truth]
    if drawn:
        say(f"drawn from the prior: {', '.join(drawn)}")
    return folder


def _record(simulator: Any, truth: Mapping[str, float], seed: int) -> Any:
    """Simulate what the detector records; UserError for what it cannot record or write."""
    from livetime.simulate.build import record_observation, unobservable

    if simulator.kind == "events":
        try:
            _ = simulator.detector_at(truth).row_dead_time  # which the files need
        except ValueError as error:
            raise unobservable("truth", error) from None
    return record_observation(simulator, truth, seed)


def _write_events(
    events: "Events", simulator: "TimingSimulator", truth: Mapping[str, float], folder: Path
) -> None:
    """Write one event file for each module, under a mission's name if its numbers are those."""
    from livetime.files.mission import find_mission, similar_dead_time
    from livetime.files.writing import write_events
    from livetime.simulate.build import unobservable

    detector = simulator.detector_at(truth)
    nustar = find_mission("NuSTAR", "FPMA")
    is_nustar = bool(
        nustar
        and simulator.detector.renewal
        and similar_dead_time(nustar.dead_time, simulator.detector.mean_dead_time)
    )
    telescope = "NuSTAR" if is_nustar else ""
    instruments = ("FPMA", "FPMB") if is_nustar else ("SIMA", "SIMB")
    paths = [folder / f"{'AB'[module]}.evt" for module in range(simulator.detector.modules)]
    try:
        write_events(
            events,
            paths,
            dead_time=detector.row_dead_time,
            instruments=instruments,
            keywords={
                "TELESCOP": telescope,
                "CREATOR": "livetime",
                "DEADTIME": simulator.detector_at(truth).mean_dead_time,
                **detector.keywords(events.gti),
            },
        )
    except UserError:  # of a file that cannot be written
        raise
    except ValueError as error:
        raise unobservable("truth", error) from None


def _write_spectrum(events: Any, simulator: Any, truth: Mapping[str, float], folder: Path) -> None:
    """Write a spectrum of counts, and the response beside it."""
    from livetime.files.writing import write_spectrum

    write_spectrum(events, truth["exposure"], simulator.detector, folder)


WRITERS: dict[str, Callable[..., None]] = {"events": _write_events, "spectrum": _write_spectrum}
"""Kind of simulator -> what writes its observations."""


def _remarks(events: Any, simulator: Any, truth: Mapping[str, float]) -> Iterator[str]:
    """Describe what a person needs to infer from the files."""
    from livetime.simulate.dead_time_detector import COVARIATES

    if "hardness" in truth:
        yield f"events of {simulator.summary.hard_energy:g} keV or more are hard"
    if not simulator.detector_covariates:
        return

    # The background is asked for in recorded counts/s.
    recorded = len(events.times[0]) / float(np.diff(events.gti).sum())
    background = truth.get("background_share", 0.0) * recorded
    values = {**truth, "background_share": background}
    words = [
        f"observation.{option}={values[name]:.6g}"
        for option, name in COVARIATES.items()
        if name in simulator.detector_covariates
    ]
    yield f"infer from it with {' '.join(words)}"
