"""Cut an observation to the segments or groups of a run, and add facts of its instrument."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.events import selection_of
from livetime.files.finding import Finding, plural
from livetime.files.mission import similar_dead_time
from livetime.files.modules import refuse_number
from livetime.files.observation import EventObservation, Observation, read_events
from livetime.files.observed import SPECTRUM_OPTIONS
from livetime.files.spectrum import SpectrumObservation
from livetime.settings import ObservationFiles
from livetime.simulate.dead_time_detector import COVARIATES, DeadTime
from livetime.simulate.features import Features
from livetime.simulate.simulator import Simulator
from livetime.simulate.spectral import SpectralSimulator
from livetime.simulate.timing import TimingSimulator

MIN_SCREENED = 0.02
"""Dead share of the time, beyond what a file's rows explain, above which events were screened."""
Prepared = tuple[Any, NDArray[np.float32]]
"""An observation as a run needs it, and its summary (X,)."""
TAKEN_BY = {"events": ("events", "periodograms"), "spectrum": ("spectrum",)}
"""Kinds of simulators that describe each kind of observation."""


def prepare(simulator: Simulator, observation: Observation, files: ObservationFiles) -> Prepared:
    """Cut an observation to what a simulator describes, and summarise it.

    Arguments:
        simulator: of the run that answers.
        observation: as it was read.
        files: have what is known of the detector.

    Returns:
        the part of the observation that was used, and its summary (X,).

    Raises:
        UserError: if the observation does not fit the simulator.
    """
    if simulator.kind not in TAKEN_BY[observation.kind]:
        wanted = "spectra" if simulator.kind == "spectrum" else "events"
        given = "a spectrum" if observation.kind == "spectrum" else "of events"
        problem = f"is {given}, but the run takes {wanted}"
        raise UserError("observation", problem, "give other files, or another run")
    return PREPARERS[observation.kind](simulator, observation, files)


def _prepare_events(
    simulator: TimingSimulator, observation: EventObservation, files: ObservationFiles
) -> Prepared:
    """Cut events into the segments of a summary."""
    for name in SPECTRUM_OPTIONS:
        if getattr(files, name):
            problem = "is for spectra, but the run takes events"
            raise UserError(f"observation.{name}", problem, "leave it out")
    given = len(observation.files)
    modules = count_files(simulator, files, given)
    refuse_number(len(files.path) or given, given, modules)
    if "hardness" in simulator.summary.parameters and observation.events.energies is None:
        observation = read_events(files.path, selection_of(files, energies=True))
    simulator = _with_threshold(simulator, observation, files)
    summary = simulator.summary
    detector = simulator.detector
    cut = observation.in_segments(
        summary.segment_size,
        max_segments=round(simulator.prior.covariates["segments"].high),
        dt=summary.dt,
        dead_time=detector.mean_dead_time if detector.renewal else 0.0,
    )
    cut = with_detector(simulator, files, cut)
    params = {**cut.info.get("detector", {}), "rate": 1.0}
    x = simulator.summarise(cut.events, params)
    bad = int((~np.isfinite(x)).sum())
    if bad:
        problem = f"has too few counts: {bad} of {len(x)} numbers of its summary are not finite"
        raise UserError(cut.info["files"][0], problem, "choose a brighter part by start and stop")
    return cut, x


def _prepare_spectrum(
    simulator: SpectralSimulator, observation: SpectrumObservation, files: ObservationFiles
) -> Prepared:
    """Sum channels into the groups of a summary."""
    cut = observation.in_groups(simulator)
    return cut, simulator.summary.vector(cut.counts, cut.exposure)


PREPARERS: dict[str, Callable[..., Prepared]] = {
    "events": _prepare_events,
    "spectrum": _prepare_spectrum,
}
"""What cuts an observation to a simulator, by the kind of the observation."""


def _with_threshold(
    simulator: TimingSimulator, observation: EventObservation, files: ObservationFiles
) -> TimingSimulator:
    """Return the simulator with the energy from which on an event of this observation is hard.

    Raises:
        UserError: if a threshold is of no use, or all events are hard or all soft.
    """
    if "hardness" not in simulator.summary.parameters:
        if files.hard is not None:
            problem = "is given, but the summary of the run has no hardness"
            raise UserError("observation.hard", problem, "leave it out")
        return simulator

    summary = cast(Features, simulator.summary)
    if files.hard is not None:
        summary = replace(summary, hard_energy=files.hard)
    energies = np.concatenate(observation.events.energies or (np.zeros(0),))
    hard = energies >= summary.hard_energy
    if hard.all() or not hard.any():
        problem = f"is {summary.hard_energy:g} keV, which makes all events hard or all soft"
        raise UserError("observation.hard", problem, "choose an energy in keV between")
    return replace(simulator, summary=summary)


def count_files(simulator: TimingSimulator, files: ObservationFiles, given: int) -> int:
    """Count the files that the run needs, one for each module.

    A run that takes any number of detectors merges all files into one list.

    Arguments:
        simulator: of the run.
        files: have what is known of the detector.
        given: number of files that were given.

    Raises:
        UserError: for an option of the detector that the run does not take.
    """
    for option, name in COVARIATES.items():
        is_stated = option == "dead_time" and _is_own_dead_time(simulator, files.dead_time)
        if is_stated:
            continue
        if getattr(files, option) is not None and name not in simulator.detector_covariates:
            own = getattr(simulator.detector, option, "none")
            problem = f"is given, but the run was trained for {option} {own} alone"
            raise UserError(f"observation.{option}", problem, "leave it out")
    own = simulator.detector.modules
    merges = own == 1 and "detectors" in simulator.detector_covariates
    return max(1, given) if merges else own


def _is_own_dead_time(simulator: TimingSimulator, given: float | None) -> bool:
    """Say whether a dead time in s is that of the run, so that giving it states a fact."""
    if given is None or "dead_time" in simulator.detector_covariates:
        return False
    assumed = simulator.detector.mean_dead_time
    return given == assumed or similar_dead_time(given, assumed)


def with_detector(
    simulator: TimingSimulator, files: ObservationFiles, observation: EventObservation
) -> EventObservation:
    """Find the known properties of the detector, for a run that takes any detector.

    - `dead_time`: as given, else that of the file or its mission; none for detectors with frames;
    - `detectors`: as given, else the number that the files name, or 1 if they name none;
    - `background_share`: recorded background over recorded counts/s, both lowered alike by dead
      time and screening;
    - `kept_fraction`: as given, else the share of the file's events in the band, times the share
      that screening left. With a live-time fraction L a detector recorded (1 - L)/tau events/s.
      For frames the share is L, since the other events arrived during the readout.

    Arguments:
        simulator: of the run; its detector covariates say what is needed.
        files: that were read.
        observation: their events.

    Returns:
        the observation with one list of events a module, and `info["detector"]` in physical units.

    Raises:
        UserError: for a property that is neither given nor known, or has an impossible value.
    """
    if not simulator.detector_covariates:
        if files.dead_time is None:
            return observation
        return replace(observation, info={**observation.info, "dead_time": files.dead_time})
    info = observation.info
    if len(observation.events.times) > simulator.detector.modules:
        merged = np.sort(np.concatenate(observation.events.times))
        events = replace(observation.events, times=(merged,))
        observation = replace(observation, events=events)
    rate = sum(info["recorded_rate"]) / len(observation.events.times)
    found = _covariates(simulator, files, info, rate)
    _refuse_too_bright(simulator, found, rate, " and ".join(info["files"]))

    words = []
    for name, value in found.items():
        unit = simulator.prior.covariates[name].unit
        words.append(f"{name.replace('_', ' ')} {value:.4g} {unit}".rstrip())
    taken = Finding("detector", "note", "the detector", f"taken to have {', '.join(words)}")
    findings = (*observation.findings, taken)
    return replace(observation, info={**info, "detector": found}, findings=findings)


def _covariates(
    simulator: TimingSimulator, files: ObservationFiles, info: dict[str, Any], rate: float
) -> dict[str, float]:
    """Find the value of each detector covariate; rate: recorded counts/s of a module."""
    names = simulator.detector_covariates
    found: dict[str, float] = {}
    if "dead_time" in names:
        least = simulator.prior.covariates["dead_time"].low
        found["dead_time"] = _dead_time(files, info, least)
    if "detectors" in names:
        found["detectors"] = float(_detectors(files, info))
    if "background_share" in names:
        found["background_share"] = _background_share(files, rate, " and ".join(info["files"]))
    if "kept_fraction" in names:
        before = {**found, "kept_fraction": 1.0, "rate": rate}
        found["kept_fraction"] = files.kept_fraction or _kept_fraction(simulator, before, info)
    return found


def _refuse_too_bright(
    simulator: TimingSimulator, found: dict[str, float], rate: float, names: str
) -> None:
    """Raise UserError if the detectors could not record so many events."""
    detector = cast(DeadTime, simulator.detector_at({**found, "rate": rate}))
    if detector.live_fraction(rate) > 0:
        return
    detectors = plural(round(found.get("detectors", 1)), "detector")
    limit = f"{detectors} with a dead time of {detector.mean_dead_time:.4g} s"
    problem = f"has {rate:.6g} recorded counts/s, more than {limit} can record"
    raise UserError(names, problem, "correct dead_time, detectors or kept_fraction")


def _dead_time(files: ObservationFiles, info: dict[str, Any], least: float) -> float:
    """Find the dead time in s; the least that the run was trained for if there is less."""
    tau = info["dead_time"] if files.dead_time is None else files.dead_time
    if tau is None and not _frames(info):
        telescope = info["telescope"]
        why = "the file does not name its instrument"
        if telescope:
            why = f"that of TELESCOP {telescope} is not known"
        remedy = "give the dead time in seconds for each event of a detector"
        raise UserError("observation.dead_time", f"is missing, and {why}", remedy)
    return max(least, float(tau or 0.0))


def _frames(info: dict[str, Any]) -> bool:
    """Say whether the instrument reads out frames."""
    return bool(info["reads_frames"]) and info["dead_time"] is None


def _detectors(files: ObservationFiles, info: dict[str, Any]) -> int:
    """Count the detectors whose events are merged."""
    if files.detectors:
        return files.detectors
    if None in info["detectors"]:
        silent = info["modules"][info["detectors"].index(None)]
        problem = f"is missing, and {silent} does not name the detector of an event"
        raise UserError("observation.detectors", problem, "give the number of detectors in it")
    return int(sum(info["detectors"]))


def _background_share(files: ObservationFiles, rate: float, names: str) -> float:
    """Find the background's share of the recorded events."""
    background = files.background or 0.0
    if background >= rate:
        problem = f"is {background:g} counts/s, but {names} has {rate:.4g} counts/s in all"
        raise UserError("observation.background", problem, "give a lower one")
    return background / rate


def _kept_fraction(
    simulator: TimingSimulator, found: dict[str, float], info: dict[str, Any]
) -> float:
    """Find the share of the recorded events that band and screening left, of all files together.

    Arguments:
        simulator: of the run.
        found: all other covariates, and a share of 1.
        info: of the observation.
    """
    rates = np.array(info["recorded_rate"])
    in_band = float(rates.sum() / (rates / info["share_in_band"]).sum())
    if None in info["live_time_fraction"]:
        return in_band
    live = float(np.mean(info["live_time_fraction"]))
    if _frames(info):
        return in_band * live

    # The rows in the band account for so much dead time; more of it means that rows were screened.
    detector = cast(DeadTime, simulator.detector_at(found))
    dead = 1 - float(detector.live_fraction(found["rate"]))
    if 1 - live - dead / in_band < MIN_SCREENED:
        return in_band
    return min(1.0, dead / (1 - live))
