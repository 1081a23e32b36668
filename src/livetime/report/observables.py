"""Turn an answer into the spectra that a figure shows: data, predictions, references."""

from collections.abc import Mapping

import numpy as np

from livetime.check.arrays import Floats
from livetime.infer.ask_posterior import PosteriorResult
from livetime.report.figures.classes import Entry
from livetime.report.figures.predictive import Channel
from livetime.report.units import unit_math
from livetime.simulate.layout import Block, Layout
from livetime.simulate.periodogram import cospectrum
from livetime.simulate.spectral import draws_spectra

TITLES = {
    "power": "power spectrum",
    "sum": "A+B: source and noise",
    "difference": "A−B: noise alone",
    "cospectrum": "cospectrum: no noise in the mean",
}
POISSON = 2.0
"""Leahy power of white noise without dead time."""


def channels(result: PosteriorResult) -> list[Channel]:
    """Give every spectrum of an answer's summary with its predictions and references.

    Arguments:
        result: an answer.

    Returns: power spectra, or one energy spectrum; nothing for a summary without any.
    """
    simulator = result.run.simulator
    if not simulator.layout.spectra:
        return []
    return _CHANNELS[simulator.kind](result)


def _expected(result: PosteriorResult) -> dict[str, dict[str, Floats]]:
    """Give what each reference expects at its medians: method -> channel -> (F,)."""
    out: dict[str, dict[str, Floats]] = {}
    for name, reference in result.references.items():
        params = dict(result.observation.covariates)
        for key, row in result.samples[name].intervals().items():
            params[key] = row["median"]
        out[name] = {}
        for channel, values in reference.expected(params).items():
            out[name][channel] = np.ravel(values)
    return out


def _powers(result: PosteriorResult) -> list[Channel]:
    """Give Leahy powers of one module, or of sum, difference and cospectrum of two."""
    simulator = result.run.simulator
    layout = simulator.layout
    observed = simulator.raw(result.x)
    rows = [simulator.raw(row) for row in result.predicted]
    predicted = np.array(rows)
    averaged = layout.axis.averaged * result.observation.covariates["segments"]
    expected = _expected(result)

    found = []
    for name in layout.spectra:
        part = layout.slices[name]
        power = layout[name].to_physical(observed[part])
        draws = layout[name].to_physical(predicted[:, part])
        curves = {method: each[name] for method, each in expected.items()}
        error = power / np.sqrt(averaged)
        places = layout.axis.values
        title = _title(name)
        channel = Channel(title, places, power, error, draws, curves, POISSON)
        found.append(channel)
    if len(found) == 2:
        found.append(_cospectrum(found[0], found[1], averaged))
    return found


def _cospectrum(total: Channel, difference: Channel, averaged: Floats) -> Channel:
    """Give the cospectrum from the powers of A+B and A-B.

    Its variance is (S^2 + D^2)/(4 M W) for powers S and D, averaged over M W powers each.
    """
    squares = total.observed**2 + difference.observed**2
    error = np.sqrt(squares / (4 * averaged))
    observed = cospectrum(total.observed, difference.observed)
    draws = cospectrum(total.predicted, difference.predicted)
    curves = {}
    for method, curve in total.references.items():
        curves[method] = cospectrum(curve, difference.references[method])
    title = TITLES["cospectrum"]
    return Channel(title, total.places, observed, error, draws, curves, 0.0, scale="linear")


def _energies(result: PosteriorResult) -> list[Channel]:
    """Give counts per second and keV of a spectrum."""
    simulator = result.run.simulator
    if not draws_spectra(simulator):
        return []
    summary = simulator.summary
    edges = summary.energies(simulator.detector.response)
    width = result.observation.covariates["exposure"] * np.diff(edges)

    rows = [result.x, *result.predicted]
    groups = [summary.counts(row, simulator.layout)[0] for row in rows]
    density = np.array(groups) / width
    observed, draws = density[0], density[1:]
    error = np.sqrt(np.maximum(groups[0], 1.0)) / width
    curves = {}
    for method, each in _expected(result).items():
        curves[method] = _total(each) / width
    middles = edges[:-1] + np.diff(edges) / 2
    return [Channel("spectrum", middles, observed, error, draws, curves, edges=edges)]


def _total(channel: Mapping[str, Floats]) -> Floats:
    """Add the counts of core and annulus."""
    return np.asarray(np.sum(list(channel.values()), axis=0))


_CHANNELS = {"events": _powers, "periodograms": _powers, "spectrum": _energies}
"""Kind of the simulator -> its spectra."""


Spectra = dict[str, tuple[Floats, Floats]]
"""Title -> where a spectrum is measured (F,), and its values (..., F)."""


def split_entries(layout: Layout, values: Floats) -> tuple[Spectra, dict[str, float], str]:
    """Split one number for each entry of a summary into spectra and single numbers.

    Arguments:
        layout: of the summary.
        values: (X,).

    Returns: spectra by title, single numbers by name, and the label of the spectra's axis.
    """
    parts = layout.split(values)
    places = layout.axis.values
    spectra: Spectra = {_title(name): (places, parts[name]) for name in layout.spectra}
    singles = [block for block in layout.blocks if block.axis is None]
    numbers = {}
    for block in singles:
        numbers[block.name] = float(parts[block.name][0])
    return spectra, numbers, axis_label(layout)


def _title(name: str) -> str:
    return TITLES.get(name, name.replace("_", " "))


def axis_label(layout: Layout) -> str:
    """Describe the axis of a summary's spectra."""
    return f"{layout.axis.name} ({layout.axis.unit})"


def class_spectra(layout: Layout, x: Floats) -> tuple[Spectra, tuple[str, str]]:
    """Give the spectra of summaries in physical units, and the labels of both axes.

    Arguments:
        layout: of the summaries.
        x: summaries (N, X).
    """
    parts = layout.split(x)
    spectra: Spectra = {}
    vertical = ""
    for name in layout.spectra:
        block = layout[name]
        values = block.to_physical(parts[name])
        spectra[_title(name)] = (layout.axis.values, values)
        quantity = "power" if block.unit == "Leahy" else block.label
        vertical = f"{quantity} ({unit_math(block.unit)})"
    return spectra, (axis_label(layout), vertical)


def _block_label(block: Block) -> str:
    """Describe a block with its unit."""
    if not block.unit:
        return block.label
    return f"{block.label} ({unit_math(block.unit)})"


def single_numbers(layout: Layout, x: Floats) -> list[Entry]:
    """Give the single numbers of summaries in physical units.

    Arguments:
        layout: of the summaries.
        x: summaries (N, X).
    """
    parts = layout.split(x)
    found = []
    for block in layout.blocks:
        if block.axis is None:
            column = parts[block.name][:, 0]
            values = block.to_physical(column)
            log = block.transform == "log10"
            found.append(Entry(_block_label(block), values, log))
    return found
