"""Describe the files of an observation, in plain JSON types."""

from typing import Any

from livetime.files.event_file import EventFile


def describe_instrument(parts: tuple[EventFile, ...]) -> dict[str, Any]:
    """Collect what the files of an observation say of the instrument."""
    first = parts[0]
    return {
        "files": [str(path) for part in parts for path in part.paths],
        "modules": [part.label for part in parts],
        "mission": first.mission.name if first.mission else None,
        "reads_frames": first.mission.reads_frames if first.mission else None,
        "optics": first.mission.optics if first.mission else None,
        "typical_background": first.mission.background if first.mission else None,
        "telescope": first.word("TELESCOP"),
        "object": first.word("OBJECT"),
        "timesys": first.word("TIMESYS"),
        "instruments": [part.word("INSTRUME") for part in parts],
        "mjdref": first.mjdref,
        "barycentred": first.barycentred,
        "dead_time": first.dead_time,
        "time_step": first.time_step,
        "detectors": [
            None if part.merges_unnumbered_detectors else part.detector_count for part in parts
        ],
    }


def describe_rates(
    parts: tuple[EventFile, ...], rates: list[float], dead_time: float
) -> dict[str, Any]:
    """Collect recorded and incident rates in counts/s, and live-time fractions.

    Arguments:
        parts: one file for each module.
        rates: recorded counts/s of each.
        dead_time: dead time per event in s that a network assumes; 0 takes the files' own.
    """
    live = [part.live_fraction(dead_time or part.dead_time or 0.0) for part in parts]
    fractions = [fraction for fraction, _ in live]
    incident = [
        rate / fraction if fraction else None
        for rate, fraction in zip(rates, fractions, strict=True)
    ]
    return {
        "share_in_band": [len(part.times) / part.total for part in parts],
        "events_read": [part.rows for part in parts],
        "recorded_rate": rates,
        "live_time_fraction": fractions,
        "live_time_source": [source for _, source in live],
        "incident_rate": incident,
    }
