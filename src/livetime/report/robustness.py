"""Words and tables of a run's robustness: what it makes of sources that it was not trained on."""

from collections.abc import Mapping
from typing import Any

from livetime.check.calibration import LEVELS
from livetime.check.robustness import SOURCES


def robustness_words(name: str, told: Mapping[str, Any]) -> list[str]:
    """What is printed of one source."""
    if name == "no_qpo" and not told["qpos"]:
        return [f"{SOURCES[name]}: {told['n']} simulations are left, too few to tell"]
    if name == "no_qpo":
        return [
            f"{SOURCES[name]}: one of {parameter} above {row['threshold']:.3g} (95%) is detected in {row['detected']:.4f} of {told['n']} "
            f"simulations, and in {row['detected_where_present']:.3f} of those with one from the prior; its 95% upper limit is "
            + ", ".join(
                f"{r['upper_limit95']:.3f} at {r['low']:.0f} to {r['high']:.0f} counts/s"
                for r in row["by_rate"]
            )
            for parameter, row in told["qpos"].items()
        ]
    left = (
        f" ({told['left_out']:.1%} of the realisations are negative, and left out)"
        if told["left_out"]
        else ""
    )
    if "coverage" not in told:
        return [f"{SOURCES[name]}: {told['n']} simulations are left, too few to tell{left}"]
    shares = ", ".join(
        f"{float(level):.0%} regions cover "
        + ", ".join(f"{k} {v:.3f} ({told['own_coverage'][level][k]:.3f})" for k, v in row.items())
        for level, row in told["coverage"].items()
    )
    bias = ", ".join(
        f"{k} {v:+.3f} ({told['own_mean_z'][k]:+.3f})" for k, v in told["mean_z"].items()
    )
    return [
        f"{SOURCES[name]}{left}, and in brackets of the run's own with the same parameters: {shares}; mean z: {bias}"
    ]


def robustness_tables(
    stressed: Mapping[str, Mapping[str, Any]],
) -> dict[str, tuple[list[str], list[list[str]]]]:
    """For the page: heading -> (header, rows)."""
    out = {}
    for name, told in stressed.items():
        if name == "no_qpo":
            for parameter, row in told["qpos"].items():
                header = [
                    "incident counts/s",
                    f"detected above {row['threshold']:.3g}",
                    "95% upper limit, median (68%)",
                ]
                limit = [
                    f"{r['upper_limit95']:.3f} ({r['lo68']:.3f} to {r['hi68']:.3f})"
                    for r in row["by_rate"]
                ]
                cells = [
                    [f"{r['low']:.0f} to {r['high']:.0f}", f"{r['detected']:.4f}"]
                    for r in row["by_rate"]
                ]
                out[f"{SOURCES[name]}: {parameter}"] = (
                    header,
                    [[*c, text] for c, text in zip(cells, limit, strict=True)],
                )
        elif "coverage" in told:
            header = [
                "own in brackets",
                *(f"{level:.0%} regions cover" for level in LEVELS),
                "mean z",
            ]
            rows = []
            for key in told["coverage"][f"{LEVELS[0]:g}"]:
                pairs = [
                    (told["coverage"][f"{level:g}"][key], told["own_coverage"][f"{level:g}"][key])
                    for level in LEVELS
                ]
                bias = (
                    f"{told['mean_z'][key]:+.3f} ({told['own_mean_z'][key]:+.3f})"
                    if key in told["mean_z"]
                    else ""
                )
                rows.append([key, *(f"{a:.3f} ({b:.3f})" for a, b in pairs), bias])
            out[f"{SOURCES[name]} ({told['n']} simulations)"] = (header, rows)
    return out
