"""Turn an answer into the spectra that a figure shows: data, predictions, references."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from livetime.infer.ask_posterior import PosteriorResult
from livetime.report.figures.classes import Entry
from livetime.report.figures.predictive import Channel
from livetime.report.words import unit_math
from livetime.simulate.layout import Layout
from livetime.simulate.periodogram import cospectrum

Floats = NDArray[np.float64]
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
    out = {}
    for name, reference in result.references.items():
        medians = {key: row["median"] for key, row in result.samples[name].intervals().items()}
        expected = reference.expected({**result.observation.covariates, **medians})
        out[name] = {channel: np.ravel(values) for channel, values in expected.items()}
    return out


def _powers(result: PosteriorResult) -> list[Channel]:
    """Give Leahy powers of one module, or of sum, difference and cospectrum of two."""
    simulator = result.run.simulator
    layout = simulator.layout
    observed = simulator.raw(result.x)
    predicted = np.array([simulator.raw(row) for row in result.predicted])
    averaged = layout.axis.averaged * result.observation.covariates["segments"]
    expected = _expected(result)

    found = []
    for name in layout.spectra:
        part = layout.slices[name]
        power = layout[name].to_physical(observed[part])
        draws = layout[name].to_physical(predicted[:, part])
        curves = {method: channel[name] for method, channel in expected.items()}
        error = power / np.sqrt(averaged)
        places = layout.axis.values
        found.append(Channel(_title(name), places, power, error, draws, curves, POISSON))
    if len(found) == 2:
        found.append(_cospectrum(found[0], found[1], averaged))
    return found


def _cospectrum(total: Channel, difference: Channel, averaged: Floats) -> Channel:
    """Give the cospectrum from the powers of A+B and A-B.

    Its variance is (S^2 + D^2)/(4 M W) for powers S and D, averaged over M W powers each.
    """
    variance = (total.observed**2 + difference.observed**2) / (4 * averaged)
    curves = {
        method: cospectrum(curve, difference.references[method])
        for method, curve in total.references.items()
    }
    return Channel(
        TITLES["cospectrum"],
        total.places,
        cospectrum(total.observed, difference.observed),
        np.sqrt(variance),
        cospectrum(total.predicted, difference.predicted),
        curves,
        0.0,
        scale="linear",
    )


def _energies(result: PosteriorResult) -> list[Channel]:
    """Give counts per second and keV of a spectrum."""
    simulator = result.run.simulator
    summary = simulator.summary
    edges = summary.energies(simulator.detector.response)
    width = result.observation.covariates["exposure"] * np.diff(edges)

    counts = np.float64(summary.counts(result.x, simulator.layout)[0])
    draws = [summary.counts(row, simulator.layout)[0] for row in result.predicted]
    error = np.sqrt(np.maximum(counts, 1.0))
    curves = {method: _total(each) / width for method, each in _expected(result).items()}
    return [
        Channel(
            "spectrum",
            (edges[:-1] + edges[1:]) / 2,
            counts / width,
            error / width,
            np.array(draws) / width,
            curves,
            edges=edges,
        )
    ]


def _total(channel: Mapping[str, Floats]) -> Floats:
    """Add the counts of core and annulus."""
    return np.sum(list(channel.values()), axis=0)


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
    spectra = {_title(name): (layout.axis.values, parts[name]) for name in layout.spectra}
    singles = [block for block in layout.blocks if block.axis is None]
    numbers = {block.name: float(parts[block.name][0]) for block in singles}
    return spectra, numbers, axis_label(layout)


def _title(name: str) -> str:
    return TITLES.get(name, name.replace("_", " "))


def axis_label(layout: Layout) -> str:
    """Word the axis of a summary's spectra."""
    return f"{layout.axis.name} ({layout.axis.unit})"


def class_spectra(layout: Layout, x: Floats) -> tuple[Spectra, tuple[str, str]]:
    """Give the spectra of summaries in physical units, and the labels of both axes.

    Arguments:
        layout: of the summaries.
        x: summaries (N, X).
    """
    parts = layout.split(x)
    spectra = {}
    vertical = ""
    for name in layout.spectra:
        block = layout[name]
        spectra[_title(name)] = (layout.axis.values, block.to_physical(parts[name]))
        quantity = "power" if block.unit == "Leahy" else block.label
        vertical = f"{quantity} ({unit_math(block.unit)})"
    return spectra, (axis_label(layout), vertical)


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
            label = f"{block.label} ({unit_math(block.unit)})" if block.unit else block.label
            values = block.to_physical(parts[block.name][:, 0])
            found.append(Entry(label, values, log=block.transform == "log10"))
    return found
