"""What a person sees of an answer: printed words, figures, tables and a page."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import arviz
import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from livetime.infer.ask_class import ClassResult
from livetime.infer.ask_posterior import PosteriorResult
from livetime.outputs import write_json
from livetime.progress import say
from livetime.reference.spectral import SpectralReference
from livetime.report import page as report
from livetime.report import plot
from livetime.simulate.spectral import draws_spectra


def save(result: Any, folder: Path) -> None:
    """Write summary.json, figures, draws and report.html of an answer into a folder.

    Arguments:
        result: of a question.
        folder: that exists.
    """
    _WRITERS[result.question](result, folder)


def print_result(result: Any) -> None:
    """Print notes, the table of the answer, warnings and the verdict.

    Arguments:
        result: of a question.
    """
    for note in result.notes:
        say(f"note: {note}")
    _PRINTERS[result.question](result)
    for warning in result.verdict.reasons:
        say(f"warning: {warning}")
    say(result.verdict.sentence)


def corner(result: PosteriorResult) -> Figure:
    """Draw the marginals and pairs of all posteriors of an answer."""
    return plot.corner_plot(result.samples)


def predictive(result: PosteriorResult) -> Figure:
    """Draw the data, what the network's posterior predicts, and what each reference expects."""
    simulator, known = result.run.simulator, result.observation.covariates
    powers, spectra = {}, {}
    for name, reference in result.references.items():
        params = {
            **known,
            **{k: row["median"] for k, row in result.samples[name].intervals().items()},
        }
        if isinstance(reference, SpectralReference):
            spectra[name] = np.ravel(reference.expected(params, params["exposure"]))
        else:
            powers[name] = {
                channel: np.ravel(power) for channel, power in reference.power(params).items()
            }
    if not draws_spectra(simulator):
        predicted = np.array([simulator.raw(row) for row in result.predicted])
        return plot.predictive(simulator.raw(result.x), simulator.layout, predicted, powers)
    rows = (result.x, *result.predicted)
    counts = np.array(
        [simulator.summary.counts(row, simulator.layout)[0] for row in rows], dtype=np.float64
    )
    return plot.spectrum(
        simulator.summary.energies(simulator.detector.response),
        counts[0],
        counts[1:],
        spectra,
        known["exposure"],
    )


def _save_posterior(result: PosteriorResult, folder: Path) -> None:
    physical = result.samples["network"].physical()
    posterior = arviz.from_dict(posterior={name: values[None] for name, values in physical.items()})
    posterior.to_netcdf(str(folder / "posterior.nc"), engine="h5netcdf")
    summary = result.summary()
    write_json(folder / "summary.json", summary)
    corner(result).savefig(folder / "corner.png", dpi=90)
    predictive(result).savefig(folder / "predictive.png", dpi=110)

    methods = {"network": summary["parameters"], **summary["references"]}
    rows = [
        [
            name.replace("_", " "),
            row["unit"],
            *(report.interval(intervals[name]) for intervals in methods.values()),
        ]
        for name, row in summary["parameters"].items()
    ]
    header = ["median (68% interval)", "unit", *(plot.LABELS[name] for name in methods)]
    parts = [
        ("Parameters", report.table(header, rows)),
        ("Posterior", report.figure(folder / "corner.png")),
        ("Does the model describe the data?", report.figure(folder / "predictive.png")),
    ]
    _write_page(folder, summary, parts)


def _save_class(result: ClassResult, folder: Path) -> None:
    summary = result.summary()
    write_json(folder / "summary.json", summary)
    plot.class_probabilities(result.probabilities).savefig(folder / "classes.png", dpi=110)
    header, rows = _class_rows(result)
    parts = [
        ("Classes", report.table(header, rows)),
        ("Probabilities", report.figure(folder / "classes.png")),
    ]
    if result.test:
        numbers = [[k, f"{v:.4g}"] for k, v in result.test.items()]
        parts.append(("Likelihood-ratio test", report.table(["", ""], numbers)))
    _write_page(folder, summary, parts)


def _write_page(folder: Path, summary: Mapping[str, Any], parts: list[tuple[str, str]]) -> None:
    observation = [[str(k), json.dumps(v)] for k, v in summary["observation"].items()]
    run = [[k, json.dumps(summary.get(k))] for k in ("run", "seed", "git_commit", "versions")]
    end = [
        ("Warnings", report.bullets(summary["warnings"])),
        ("What was done to the data", report.bullets(summary["notes"])),
        ("Observation", report.table(["", ""], observation)),
        ("Run", report.table(["", ""], run)),
    ]
    title = "livetime: " + ", ".join(Path(file).name for file in summary["observation"]["files"])
    page = report.page(title, summary["trust"], summary["verdict"], [*parts, *end])
    (folder / "report.html").write_text(page)


def _class_rows(result: ClassResult) -> tuple[list[str], list[list[str]]]:
    methods = result.probabilities
    rows = [
        [name.replace("_", " "), *(f"{p[name]:.4f}" for p in methods.values())]
        for name in methods["network"]
    ]
    return ["class", *(name.replace("_", " ") for name in methods)], rows


def _print_posterior(result: PosteriorResult) -> None:
    table = Table("parameter", *(plot.LABELS[name] for name in result.samples))
    intervals = result.intervals()
    for parameter, row in intervals["network"].items():
        table.add_row(
            f"{parameter} {row['unit']}",
            *(report.interval(rows[parameter]) for rows in intervals.values()),
        )
    Console(width=130).print(table)


def _print_class(result: ClassResult) -> None:
    header, rows = _class_rows(result)
    table = Table(*header)
    for row in rows:
        table.add_row(*row)
    Console(width=130).print(table)
    if result.test:
        statistic, p_value = result.test["statistic"], result.test["p_value"]
        say(f"likelihood-ratio test: statistic {statistic:.2f}, p = {p_value:.3g} without a QPO")


_WRITERS = {"posterior": _save_posterior, "class": _save_class}
_PRINTERS = {"posterior": _print_posterior, "class": _print_class}
