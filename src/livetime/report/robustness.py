"""Describe a run's robustness: its answers for sources that it was not trained on."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from livetime.check.calibration import LEVELS
from livetime.check.stress import SOURCES
from livetime.report import words
from livetime.report.page import HtmlTable

Numbers = Mapping[str, Any]


def robustness_words(name: str, numbers: Numbers) -> list[str]:
    """Describe the results of a run for another source: one line, or one for each QPO.

    Arguments:
        name: of the source, see `livetime.check.stress.SOURCES`.
        numbers: results of `livetime.check.robustness`.
    """
    source = SOURCES[name].words
    left_out = numbers.get("left_out", 0.0)
    if left_out:
        source += f" ({left_out:.1%} of the realisations are negative and left out)"
    if name == "no_qpo" and numbers["qpos"]:
        rows = numbers["qpos"].items()
        return [_detection_line(source, qpo, row, numbers["n"]) for qpo, row in rows]
    if "coverage" not in numbers:
        return [f"{source}: {numbers['n']} simulations are left, too few to judge"]
    return [_coverage_line(source, numbers)]


def _detection_line(source: str, qpo: str, row: Numbers, count: int) -> str:
    """Describe how often a QPO is detected, and the upper limits on its rms."""
    quantity = words.quantity(qpo)
    edge = _amount(quantity, row["threshold"])
    false = f"{row['detected']:.4f} of {count} simulations without one"
    true = f"{row['detected_where_present']:.3f} of those with one"
    limits = []
    for each in row["by_rate"]:
        limit = _amount(quantity, each["upper_limit95"])
        limits.append(f"{limit} at {_rates(each)}")
    detection = f"{quantity.words} above {edge} (95%) is detected in {false}, and in {true}"
    return f"{source}: {detection}. Its 95% upper limit is {', '.join(limits)}"


def _amount(quantity: words.Quantity, value: float) -> str:
    """Write a value with its unit."""
    text = f"{quantity.factor * value:.3g}"
    space = "" if quantity.unit == "%" else " "
    return f"{text}{space}{quantity.unit}".rstrip()


def _rates(row: Numbers) -> str:
    return f"{row['low']:.0f} to {row['high']:.0f} counts/s"


def _coverage_line(source: str, numbers: Numbers) -> str:
    """Describe coverage and bias, with those of the run's own source in brackets."""
    parts = []
    for level, row in numbers["coverage"].items():
        own = numbers["own_coverage"][level]
        cover = _pairs(row, own, ".3f")
        parts.append(f"{float(level):.0%} regions cover {cover}")
    bias = _pairs(numbers["mean_z"], numbers["own_mean_z"], "+.3f")
    brackets = "in brackets of the run's own source with the same parameters"
    coverages = ", ".join(parts)
    flagged = f"{numbers['flagged']:.1%} are flagged"
    return f"{source}, {brackets}: {flagged}; {coverages}; mean z: {bias}"


def _pairs(row: Numbers, own: Numbers, digits: str) -> str:
    """Write each number of a row, and in brackets that of the run's own source."""
    each = []
    for key, value in row.items():
        bracket = f"({own[key]:{digits}})"
        name = _name(key)
        each.append(f"{name} {value:{digits}} {bracket}")
    return ", ".join(each)


def _name(parameter: str) -> str:
    return "joint" if parameter == "joint" else words.quantity(parameter).words


def robustness_tables(robustness: Mapping[str, Numbers]) -> dict[str, HtmlTable]:
    """List the tables of all other sources by heading.

    Arguments:
        robustness: source -> its numbers.
    """
    tables = {}
    for name, numbers in robustness.items():
        source = f"Robustness: {SOURCES[name].words}"
        if name == "no_qpo":
            for qpo, row in numbers["qpos"].items():
                name = words.quantity(qpo).words
                tables[f"{source}: {name}"] = _detection_table(qpo, row)
        elif "coverage" in numbers:
            flagged = f"{numbers['flagged']:.1%} flagged"
            tables[f"{source} ({numbers['n']} simulations, {flagged})"] = _coverage_table(numbers)
    return tables


def _detection_table(qpo: str, row: Numbers) -> HtmlTable:
    """Give false detections and upper limits by rate."""
    quantity = words.quantity(qpo)
    edge = _amount(quantity, row["threshold"])
    limit = f"95% upper limit, median (68%), {quantity.unit or 'fraction'}"
    header = ["incident counts/s", f"detected above {edge}", limit]
    rows = [_detection_cells(quantity, each) for each in row["by_rate"]]
    return HtmlTable(header, rows)


def _detection_cells(quantity: words.Quantity, row: Numbers) -> Sequence[str]:
    rates = f"{row['low']:.0f} to {row['high']:.0f}"
    limit = {"median": row["upper_limit95"], "lo68": row["lo68"], "hi68": row["hi68"]}
    share = f"{row['detected']:.4f}"
    return [rates, share, words.interval(limit, quantity.factor)]


def _coverage_table(numbers: Numbers) -> HtmlTable:
    """Give coverage and bias of every parameter."""
    regions = [f"coverage of {level:.0%} regions" for level in LEVELS]
    unflagged = "95% regions, unflagged"
    header = ["in brackets: own source", *regions, unflagged, "mean z"]
    passed = numbers["coverage_of_unflagged"].get(f"{LEVELS[-1]:g}", {})
    rows = []
    for key in numbers["coverage"][f"{LEVELS[0]:g}"]:
        shares = [_pair(numbers, "coverage", f"{level:g}", key) for level in LEVELS]
        bias = ""
        if key in numbers["mean_z"]:
            own = numbers["own_mean_z"][key]
            bias = f"{numbers['mean_z'][key]:+.3f} ({own:+.3f})"
        rows.append([_name(key), *shares, f"{passed.get(key, math.nan):.3f}", bias])
    return HtmlTable(header, rows)


def _pair(numbers: Numbers, what: str, level: str, key: str) -> str:
    """Write a share, and in brackets that of the run's own source."""
    share = numbers[what][level][key]
    own = numbers[f"own_{what}"][level][key]
    return f"{share:.3f} ({own:.3f})"
