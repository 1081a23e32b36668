"""Describe the facts of an observation, a run and a file: names and values with units."""

from collections.abc import Mapping
from typing import Any

from livetime.report.units import unit_text

_UNITS = {
    "exposure": "s",
    "dead_time": "s",
    "time_step": "s",
    "time_step_declared": "s",
    "time_step_measured": "s",
    "time_precision": "s",
    "timedel": "s",
    "segment_size": "s",
    "start": "s",
    "stop": "s",
    "origin": "s",
    "rate": "counts/s",
    "recorded_rate": "counts/s",
    "incident_rate": "counts/s",
    "band": "keV",
    "kev": "keV",
    "hard_energy": "keV",
    "mjdref": "MJD",
}
"""Unit of a fact by its name."""
_NAMES = {
    "telescop": "telescope",
    "instrume": "instrument",
    "timesys": "time system",
    "timeref": "time reference",
    "timepixr": "time of a bin (TIMEPIXR)",
    "timedel": "frame time",
    "datamode": "data mode",
    "mjdref": "reference time",
    "gtis": "good time intervals used",
    "kev": "energies",
    "share_in_band": "share of events in the band",
    "segments": "segments averaged",
    "segment_size": "length of a segment",
    "git_commit": "commit",
    "run": "run folder",
}
"""Words of a fact whose name does not say it."""
RANGES = ("band", "kev")
"""Facts that are a lower and an upper edge."""
YES_NO = {True: "yes", False: "no"}
MISSING = "not given"


def fact_rows(facts: Mapping[str, Any]) -> dict[str, str]:
    """Write facts as names and values; nested mappings are flattened.

    Arguments:
        facts: name -> plain types.

    >>> fact_rows({"recorded_rate": [260.9, 261.4], "barycentred": True, "mission": None})
    {'recorded rate': '260.9, 261.4 counts s⁻¹', 'barycentred': 'yes', 'mission': 'not given'}
    """
    rows = {}
    for name, value in facts.items():
        words = _NAMES.get(name, name.replace("_", " "))
        if isinstance(value, Mapping):
            for key, text in fact_rows(value).items():
                rows[f"{words}: {key}"] = text
        else:
            rows[words] = fact(name, value)
    return rows


def fact(name: str, value: Any) -> str:
    """Write the value of one fact, with its unit.

    >>> fact("band", [3.0, 10.0])
    '3 to 10 keV'
    """
    if value is None:
        return MISSING
    text = plain(value)
    if name in RANGES:
        text = text.replace(", ", " to ")
    unit = _UNITS.get(name, "")
    if text == MISSING:
        return text
    return f"{text} {unit_text(unit)}".rstrip()


def plain(value: Any) -> str:
    """Write a plain value: numbers with six digits, lists with commas, truth as yes or no."""
    if value is None or value == "":
        return MISSING
    if isinstance(value, bool):
        return YES_NO[value]
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | tuple):
        parts = [plain(part) for part in value]
        return _listed(parts)
    return str(value)


def _listed(parts: list[str]) -> str:
    """Join parts with commas; parts that are all alike are given once."""
    if not parts:
        return "none"
    if len(set(parts)) == 1:
        return parts[0]
    return ", ".join(parts)
