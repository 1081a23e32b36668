"""Compare the instrument of a file with the detector that a network assumes."""

from collections.abc import Mapping
from typing import Any

from livetime.files.finding import Finding
from livetime.files.mission import similar_dead_time

FRAME_MARGIN = 0.02
"""Frame times that differ by a smaller share count as the same."""


def instrument_mismatches(info: Mapping[str, Any], detector: Any) -> tuple[Finding, ...]:
    """List where a network's detector differs from the instrument.

    A frame time may differ by 2%, a dead time or a number of detectors by a quarter. A network
    that takes any dead time has no mismatch.

    Arguments:
        info: of the observation, as `describe_instrument` collects it.
        detector: of the network.
    """
    found = _background(info, detector)
    if detector.cycle:
        return (*found, *_frames(info, detector.cycle))
    numbers = _detectors(info, detector)
    if "dead_time" in detector.covariates:
        return (*found, *numbers)
    return (*found, *numbers, *_dead_time(info, detector.mean_dead_time))


def _background(info: Mapping[str, Any], detector: Any) -> tuple[Finding, ...]:
    """Find the background that a file of an instrument without optics must contain."""
    given = info.get("detector", {}).get("background_share", 0.0)
    assumed = getattr(detector, "background", 0.0) or 0.0
    if info.get("optics") is not False or given > 0 or assumed > 0:
        return ()
    typical = info.get("typical_background")
    level = f", typically {typical}" if typical else ""
    text = f"{info['mission']} has no optics: its background is never zero{level}"
    effect = "rms is a lower limit, the source's rate an upper limit; give observation.background"
    return (Finding("no_background_given", "warning", text, "", effect),)


def _frames(info: Mapping[str, Any], cycle: float) -> tuple[Finding, ...]:
    frame = info.get("time_step")
    if frame and abs(frame / cycle - 1) < FRAME_MARGIN:
        return ()
    own = f"the file has {frame:.4g} s" if frame else "the file gives no time step"
    text = f"the network assumes frames of {cycle:.4g} s, but {own}"
    effect = "another share of the photons piles up: rate and rms are biased"
    return (Finding("other_frames", "warning", text, "", effect),)


def _detectors(info: Mapping[str, Any], detector: Any) -> tuple[Finding, ...]:
    """Compare the number of detectors in each list with that of the network."""
    assumed = getattr(detector, "detectors", None)
    counts = [number for number in info.get("detectors", ()) if number is not None]
    different = [n for n in counts if assumed and not similar_dead_time(float(n), float(assumed))]
    if not different or not detector.mean_dead_time:
        return ()
    text = f"the network assumes {assumed} detectors in a list, but a file has {different[0]}"
    effect = "the dead time of each detector is another: rate and rms are biased"
    return (Finding("other_detectors", "warning", text, "", effect),)


def _dead_time(info: Mapping[str, Any], tau: float) -> tuple[Finding, ...]:
    """Compare the dead time in s; of an instrument without a name it must be given."""
    own = info.get("dead_time")
    if "telescope" not in info or own == tau or similar_dead_time(own, tau):
        return ()
    mission = info.get("mission")
    if tau == 0 and mission:
        return ()
    assumed = f"{tau:.3g} s of dead time after each event" if tau else "no dead time"
    text = f"the network assumes {assumed}, but {_what_is_known(info)}"
    effect = "the noise level differs: rate and rms are biased"
    if mission or own is not None:
        return (Finding("other_dead_time", "warning", text, "", effect),)
    effect = "the noise level may differ: rate and rms may be biased; give observation.dead_time"
    return (Finding("unknown_dead_time", "warning", text, "", effect),)


def _what_is_known(info: Mapping[str, Any]) -> str:
    own = info.get("dead_time")
    mission = info.get("mission")
    if own is not None:
        return f"{mission or 'the file'} has {own:.3g} s"
    if mission and info.get("reads_frames"):
        return f"{mission} reads out frames"
    if mission:
        return f"that of {mission} differs from event to event"
    if info["telescope"]:
        return f"that of {info['telescope']} is not known"
    return "the file does not name its instrument (TELESCOP)"
