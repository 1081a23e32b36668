"""Show how well a run's posteriors are calibrated: sentences, figures, tables."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from livetime.check.assess_posterior import TERCILES, PosteriorAssessment
from livetime.check.calibration import LEVELS
from livetime.check.coverage_map import MIN_IN_CELL, CoverageMap
from livetime.report import words
from livetime.report.figures import calibration as draw
from livetime.report.page import HtmlTable
from livetime.report.robustness import robustness_tables, robustness_words
from livetime.report.units import unit_text


def posterior_lines(found: PosteriorAssessment) -> list[str]:
    """Describe coverage, bias, terciles, maps and robustness, a line each."""
    numbers = found.numbers()
    error = numbers["log_prob_standard_error"]
    score = f"{numbers['log_prob']:.3f} ± {error:.3f}"
    lines = [f"held-out log probability {score} nats on {numbers['n']} simulations"]
    for level, shares in numbers["coverage"].items():
        cover = _listed(found, shares, ".3f")
        lines.append(f"{float(level):.0%} regions cover: {cover}")

    rows = numbers["parameters"].items()
    bias = {name: row["mean_z"] for name, row in rows}
    biases = _listed(found, bias, "+.3f")
    lines.append(f"mean z: {biases}")
    lines += [_tercile_line(found, numbers, level) for level in numbers["coverage"]]
    lines += [map_words(one) for one in found.coverage_maps]
    for name, row in found.robustness.items():
        lines += robustness_words(name, row)
    return lines


def _listed(found: PosteriorAssessment, numbers: Mapping[str, float], digits: str) -> str:
    """Write one number for each parameter, in a line."""
    each = []
    for name, value in numbers.items():
        text = _name(found, name)
        each.append(f"{text} {value:{digits}}")
    return ", ".join(each)


def _name(found: PosteriorAssessment, name: str) -> str:
    """Describe a parameter or covariate of an assessment."""
    if name == "joint":
        return name
    units = words.prior_units(found.calibration.prior)
    return words.quantity(name, units).words


def _tercile_line(found: PosteriorAssessment, numbers: Mapping[str, Any], level: str) -> str:
    """Describe the least and greatest joint coverage of the terciles at one level."""
    shares = {where: row["coverage"][level]["joint"] for where, _, row in _terciles(found, numbers)}
    least = min(shares, key=shares.__getitem__)
    most = max(shares, key=shares.__getitem__)
    region = f"joint {float(level):.0%} regions"
    lowest = f"{shares[least]:.3f} (where {least})"
    highest = f"{shares[most]:.3f} (where {most})"
    return f"in terciles, {region} cover: {lowest} to {highest}"


def _terciles(
    found: PosteriorAssessment, numbers: Mapping[str, Any]
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """List words, name and numbers of every tercile."""
    for name, rows in numbers["terciles"].items():
        for place, row in zip(TERCILES, rows, strict=True):
            yield f"{_name(found, name)} is {place}", name, row


def map_words(found: CoverageMap) -> str:
    """Describe the range and the lowest cell of a coverage map, at its first level.

    Arguments:
        found: a map.
    """
    level = next(iter(found.inside))
    quantities = [words.quantity(name) for name in found.names]
    names = " and ".join(quantity.words for quantity in quantities)
    share = found.coverage(level)
    sigma = found.z(level)
    if np.isnan(sigma).all():
        return f"cells of {names} have too few simulations to judge (fewer than {MIN_IN_CELL})"

    lowest = np.unravel_index(np.nanargmin(sigma), sigma.shape)
    places = []
    for quantity, edges, i in zip(quantities, found.edges, lowest, strict=True):
        span = _span(quantity, edges[i], edges[i + 1])
        places.append(f"{quantity.text} {span}")
    below = max(0.0, -sigma[lowest])
    cells = f"in {np.isfinite(sigma).sum()} cells of {names}"
    least = np.nanmin(share)
    most = np.nanmax(share)
    span = f"{least:.3f} to {most:.3f}"
    regions = f"joint {level:.0%} regions cover {span}"
    where = f"lowest, by {below:.1f} standard deviations: {', '.join(places)}"
    chance = f"chi2 of all cells: p = {found.p_value(level):.2g}"
    return f"{cells}, {regions}; {where} ({chance})"


def _span(quantity: words.Quantity, low: float, high: float) -> str:
    """Write two physical values in the unit that is shown, without it."""
    first = words.digits(quantity.factor * low)
    last = words.digits(quantity.factor * high)
    return f"{first} to {last}"


def posterior_figures(found: PosteriorAssessment) -> dict[str, Callable[[], Figure]]:
    """List the figures of a calibration, as functions that draw them."""
    calibration = found.calibration
    figures: dict[str, Callable[[], Figure]] = {
        "coverage": partial(draw.coverage, calibration),
        "coverage_of_terciles": partial(draw.terciles, calibration),
        "sbc_ranks": partial(draw.sbc_ranks, calibration),
    }
    if found.coverage_maps:
        figures["coverage_map"] = partial(draw.coverage_map, found.coverage_maps)
    return figures


def posterior_tables(found: PosteriorAssessment) -> dict[str, HtmlTable]:
    """List the tables of a calibration by heading."""
    numbers = found.numbers()
    return {
        "Calibration on held-out simulations": _overall(found, numbers),
        "Coverage in terciles, by posterior mean or covariate": _by_tercile(found, numbers),
        **robustness_tables(found.robustness),
    }


def _overall(found: PosteriorAssessment, numbers: Mapping[str, Any]) -> HtmlTable:
    """Give coverage, bias and contraction of every parameter."""
    regions = [f"coverage of {level:.0%} regions" for level in LEVELS]
    header = ["", *regions, "mean z", "SBC p-value", "contraction", "R²"]
    rows = []
    for name in ("joint", *numbers["parameters"]):
        coverages = numbers["coverage"].values()
        shares = [f"{share[name]:.3f}" for share in coverages]
        scores = _scores(numbers["parameters"].get(name))
        text = _name(found, name)
        rows.append([text, *shares, *scores])
    return HtmlTable(header, rows)


def _scores(row: Mapping[str, float] | None) -> list[str]:
    """Write bias, p-value, contraction and R^2; the joint region has none of them."""
    if row is None:
        return [""] * 4
    bias = f"{row['mean_z']:+.3f}"
    p_value = f"{row['sbc_p_value']:.2g}"
    contraction = f"{row['contraction']:.3f}"
    return [bias, p_value, contraction, f"{row['r2']:.3f}"]


def _by_tercile(found: PosteriorAssessment, numbers: Mapping[str, Any]) -> HtmlTable:
    """Give the coverage of joint regions and of the lowest interval in every tercile."""
    regions = []
    for level in LEVELS:
        regions += [f"{level:.0%} joint", f"{level:.0%} lowest marginal"]
    rows = []
    for where, name, row in _terciles(found, numbers):
        quantity = words.quantity(name)
        span = _span(quantity, row["low"], row["high"])
        unit = unit_text(quantity.unit)
        place = f"{span} {unit}".rstrip()
        rows.append([where, place, *_coverages(found, row)])
    return HtmlTable(["", "range", *regions], rows)


def _coverages(found: PosteriorAssessment, row: Mapping[str, Any]) -> list[str]:
    """Write joint and lowest marginal coverage at each level."""
    cells = []
    for level in LEVELS:
        shares = dict(row["coverage"][f"{level:g}"])
        cells.append(f"{shares.pop('joint'):.3f}")
        least = min(shares, key=shares.__getitem__)
        name = _name(found, least)
        cells.append(f"{shares[least]:.3f} ({name})")
    return cells
