"""What is known of an observation's detector, for runs that take any: from the command line, else from the files or their mission."""

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetime.config import ObservationFiles
from livetime.errors import UserError
from livetime.files.finding import counted
from livetime.files.observation import Observation, read
from livetime.simulate.detector import COVARIATES
from livetime.simulate.simulator import TimingSimulator

SCREENED = 0.02
"""Share of the time that must be dead beyond what the rows of a file account for, before events are taken to have been screened away."""


def of_run(
    simulator: TimingSimulator, files: ObservationFiles
) -> tuple[Observation, NDArray[np.float32]]:
    """What a run's simulator describes, read from event files, and its summary (X,). Raises UserError as `read` does."""
    summary, detector = simulator.summary, simulator.detector
    if given := [
        name for name in ("arf", "rmf", "background_spectrum", "spectrum") if getattr(files, name)
    ]:
        raise UserError(
            f"observation.{given[0]} is of spectra, but the run is of light curves; leave it out, and give observation.path"
        )
    if "hardness" not in summary.parameters and files.hard is not None:
        raise UserError(
            "observation.hard is given, but the run's summary has no hardness; leave it out"
        )
    if "hardness" in summary.parameters and files.hard is None:
        raise UserError(
            "observation.hard is missing, but the run's summary has a hardness; give the first hard PI channel, as in observation.hard=210"
        )
    seen = read(
        files.path,
        modules=modules(simulator, files),
        segment_size=summary.segment_size,
        max_segments=round(simulator.prior.covariates["segments"].high),
        dead_time=detector.mean_dead_time if detector.renewal else 0.0,
        gti=files.gti,
        start=files.start,
        stop=files.stop,
        hard=files.hard,
        band=files.band,
        dt=summary.dt,
    )
    if seen.events.hard and np.ptp(np.concatenate(seen.events.hard).astype(np.int8)) == 0:
        raise UserError(
            f"observation.hard={files.hard:g} makes all events of {files.path[0]} hard or all soft; choose a channel between"
        )
    seen = conditions(simulator, files, seen)
    x = simulator.summarise(seen.events, {**seen.info.get("detector", {}), "rate": 1.0})
    if not np.isfinite(x).all():
        raise UserError(
            f"{files.path[0]} has no counts in some frequencies or modules; choose a brighter stretch with observation.start/stop"
        )
    return seen, x


def modules(simulator: TimingSimulator, files: ObservationFiles) -> int:
    """How many files there must be: one for each module, or any number that a run with `detectors` merges into its one list.

    Raises: UserError for an option of the detector that the run does not take.
    """
    for option, name in COVARIATES.items():
        if getattr(files, option) is not None and name not in simulator.known:
            own = getattr(simulator.detector, option, "none")
            raise UserError(
                f"observation.{option} is given, but the run knows a detector of {option} {own} alone; leave it out"
            )
    own = simulator.detector.modules
    return max(1, len(files.path)) if own == 1 and "detectors" in simulator.known else own


def conditions(
    simulator: TimingSimulator, files: ObservationFiles, seen: Observation
) -> Observation:
    """The observation as one list for each module, with physical values of what the run's detector takes in `info["detector"]`.

    - `dead_time`: as given, else that of the file or its mission, none for one that reads out frames;
    - `detectors`: as given, else those that the files name, one for a file that names none;
    - `background_share`: recorded background over recorded counts/s (dead time and screening take the same share of both);
    - `counted`: as given, else the share of the file's events that is in the band, times what its live time says of those that were
      screened away: with a live-time fraction L a detector recorded (1 - L)/tau events/s. Of frames, L: the rest came in the readout.

    Raises: UserError for what is neither given nor known, and for numbers that cannot be.
    """
    if not simulator.known:
        return seen
    info, names = seen.info, " and ".join(seen.info["files"])
    if len(seen.events.times) > simulator.detector.modules:
        merged = np.sort(np.concatenate(seen.events.times))
        seen = replace(seen, events=replace(seen.events, times=(merged,)))
    rate = sum(info["recorded_rate"]) / len(seen.events.times)
    known: dict[str, float] = {}
    if "dead_time" in simulator.known:
        known["dead_time"] = _dead_time(files, info, simulator.prior.covariates["dead_time"].low)
    if "detectors" in simulator.known:
        known["detectors"] = float(_detectors(files, info))
    if "background_share" in simulator.known:
        known["background_share"] = _background(files, rate, names)
    if "counted" in simulator.known:
        known["counted"] = 1.0
        known["counted"] = files.counted or _counted(simulator, {**known, "rate": rate}, info)
    detector = simulator.detector_at({**known, "rate": rate})
    if not detector.live_fraction(rate) > 0:
        n = counted(round(known.get("detectors", 1)), "detector")
        raise UserError(
            f"{names}: {rate:.6g} recorded counts/s are more than {n} with a dead time of {detector.mean_dead_time:.4g} s let through: "
            "check observation.dead_time, observation.detectors and observation.counted"
        )
    units = {name: simulator.prior.covariates[name].unit for name in known}
    words = ", ".join(
        f"{name.replace('_', ' ')} {value:.4g} {units[name]}".rstrip()
        for name, value in known.items()
    )
    return replace(
        seen,
        info={**info, "detector": known},
        notes=(*seen.notes, f"the detector is taken to have {words}"),
    )


def _dead_time(files: ObservationFiles, info: dict[str, Any], least: float) -> float:
    """In s; the least that the run knows where there is less, as for frames, whose events cost none."""
    tau = info["dead_time"] if files.dead_time is None else files.dead_time
    if tau is None and not _frames(info):
        why = (
            f"that of TELESCOP {info['telescope']} is not known"
            if info["telescope"]
            else "the file does not tell its instrument"
        )
        raise UserError(
            f"observation.dead_time is missing, and {why}: say observation.dead_time=<s for each event of a detector>"
        )
    return max(least, float(tau or 0.0))


def _frames(info: dict[str, Any]) -> bool:
    """Whether the instrument reads out frames."""
    return info["mission"] is not None and info["dead_time"] is None


def _detectors(files: ObservationFiles, info: dict[str, Any]) -> int:
    if files.detectors:
        return files.detectors
    if None in info["detectors"]:
        raise UserError(
            f"observation.detectors is missing, and {info['files'][info['detectors'].index(None)]} does not tell which detector recorded "
            "an event: say observation.detectors=<number of detectors in the list>"
        )
    return sum(info["detectors"])


def _background(files: ObservationFiles, rate: float, names: str) -> float:
    background = files.background or 0.0
    if background >= rate:
        raise UserError(
            f"observation.background is {background:g} counts/s, but there are no more than {rate:.4g} in {names}: give a lower one"
        )
    return background / rate


def _counted(simulator: TimingSimulator, known: dict[str, float], info: dict[str, Any]) -> float:
    """Of the files together; `known` has all else, and a share of 1."""
    rates = np.array(info["recorded_rate"])
    left = float(rates.sum() / (rates / info["share_in_band"]).sum())
    if None in info["live_time_fraction"]:
        return left
    live, detector = float(np.mean(info["live_time_fraction"])), simulator.detector_at(known)
    if _frames(info):
        return left * live
    dead = 1 - float(detector.live_fraction(known["rate"]))  # that the rows in the band account for
    if 1 - live - dead / left < SCREENED:
        return left
    return min(1.0, dead / (1 - live))
