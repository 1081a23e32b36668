"""From an observation to everything that a person reads: posteriors, numbers, figures, a verdict and a page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import arviz
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from livetime.check.calibration import predictive_p_value
from livetime.files.observation import Observation
from livetime.files.spectrum import SpectrumObservation
from livetime.infer.run import Run
from livetime.outputs import provenance, write_json
from livetime.progress import progress, say
from livetime.reference.spectral import SpectralReference
from livetime.reference.whittle import Answering, references
from livetime.report import page as report
from livetime.report import plot
from livetime.simulate.prior import Samples
from livetime.simulate.spectral import SpectralSimulator

Floats = NDArray[np.floating[Any]]
PREDICTIONS = 200
SUSPICIOUS = 0.01


@dataclass(frozen=True)
class Answer:
    """What a network and the references say of one observation.

    Arguments:
        samples: `network` and each reference, by name.
        references: by name.
        predicted: summaries simulated with draws of the network's posterior, (P, X).
        warnings: reasons not to trust it.
        notes: what was done to the data, and chains that did not converge.
    """

    run: Run
    observation: Observation | SpectrumObservation
    x: Floats
    seed: int
    samples: dict[str, Samples]
    references: dict[str, Answering]
    predicted: Floats
    predictive_p_value: float
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def verdict(self) -> str:
        if self.warnings:
            return f"Do not trust this posterior as it is: {'; '.join(self.warnings)}."
        return (
            "No reason to distrust this posterior was found: the observation lies where the network was trained, and simulations "
            f"with the inferred parameters look like it (posterior predictive p = {self.predictive_p_value:.2f}; "
            f"it is below {SUSPICIOUS} where they do not)."
        )

    def summary(self) -> dict[str, Any]:
        """Plain types for summary.json."""
        return {
            "parameters": self.samples["network"].intervals(),
            "references": {name: self.samples[name].intervals() for name in self.references},
            "warnings": list(self.warnings),
            "notes": list(self.notes),
            "verdict": self.verdict,
            "trust": not self.warnings,
            "predictive_p_value": self.predictive_p_value,
            "observation": self.observation.info,
            "run": str(self.run.folder),
            "seed": self.seed,
            **provenance(),
        }


def ask(
    run: Run,
    observation: Observation | SpectrumObservation,
    x: Floats,
    names: Sequence[str],
    draws: int,
    seed: int,
) -> Answer:
    """Samples all posteriors, and simulates what the network's predicts.

    Arguments:
        run: a finished run.
        observation: what was read; x (X,) its summary.
        names: of the references.
        draws: of the network's posterior.
        seed: of all draws.
    """
    simulator = run.simulator
    samples = {"network": run.posterior(x).samples(draws, seed)}
    known = observation.covariates
    background = (
        {"background": observation.background}
        if isinstance(observation, SpectrumObservation)
        else {}
    )
    beside = references(simulator, names, **background)
    for name, reference in beside.items():
        say(f"sampling the {plot.LABELS[name]} posterior")
        samples[name] = reference.fit(x, seed)
    chosen = samples["network"].theta[
        np.random.default_rng(seed).choice(draws, min(draws, PREDICTIONS), replace=False)
    ]
    covariates = [
        float(r.to_sampling(known[name])) for name, r in simulator.prior.covariates.items()
    ]
    with progress("simulate predictions", len(chosen), "simulations") as bar:
        predicted = simulator.draw(
            np.hstack([chosen, np.tile(covariates, (len(chosen), 1))]), seed, progress=bar.advance
        )
    predicted = predicted[np.isfinite(predicted).all(axis=1)]
    p = predictive_p_value(x, predicted)
    warnings = run.own_diagnosis() + run.out_of_range(x) + observation.doubts(simulator.detector)
    if p < SUSPICIOUS:
        warnings.append(
            f"the posterior predictive p-value is {p:.3f}, below {SUSPICIOUS}: "
            "simulations with the inferred parameters do not look like this observation"
        )
    notes = (*observation.notes, *(note for s in samples.values() for note in s.notes))
    return Answer(run, observation, x, seed, samples, beside, predicted, p, tuple(warnings), notes)


def write(answer: Answer, folder: Path) -> None:
    """posterior.nc, summary.json, corner.png, predictive.png and report.html."""
    physical = answer.samples["network"].physical()
    posterior = arviz.from_dict(posterior={name: values[None] for name, values in physical.items()})
    posterior.to_netcdf(str(folder / "posterior.nc"), engine="h5netcdf")
    summary = answer.summary()
    write_json(folder / "summary.json", summary)
    plot.corner_plot(answer.samples).savefig(folder / "corner.png", dpi=90)
    _predictive(answer).savefig(folder / "predictive.png", dpi=110)
    _page(folder, summary)


def _predictive(answer: Answer) -> Figure:
    """The data, what the network's posterior predicts, and what each reference expects at its medians."""
    simulator, known = answer.run.simulator, answer.observation.covariates
    powers, spectra = {}, {}
    for name, reference in answer.references.items():
        params = {
            **known,
            **{k: row["median"] for k, row in answer.samples[name].intervals().items()},
        }
        if isinstance(reference, SpectralReference):
            spectra[name] = np.ravel(reference.expected(params, params["exposure"]))
        else:
            powers[name] = {
                channel: np.ravel(power) for channel, power in reference.power(params).items()
            }
    if not isinstance(simulator, SpectralSimulator):
        predicted = np.array([simulator.raw(row) for row in answer.predicted])
        return plot.predictive(simulator.raw(answer.x), simulator.layout, predicted, powers)
    rows = (answer.x, *answer.predicted)
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


def _page(folder: Path, summary: Mapping[str, Any]) -> None:
    methods = {"network": summary["parameters"], **summary["references"]}
    rows = [
        [
            name.replace("_", " "),
            row["unit"],
            *(report.interval(intervals[name]) for intervals in methods.values()),
        ]
        for name, row in summary["parameters"].items()
    ]
    parts = [
        (
            "Parameters",
            report.table(
                ["median (68% interval)", "unit", *(plot.LABELS[name] for name in methods)], rows
            ),
        ),
        ("Posterior", report.figure(folder / "corner.png")),
        ("Does the model describe the data?", report.figure(folder / "predictive.png")),
        *observation_parts(summary),
    ]
    title = "livetime: " + ", ".join(Path(file).name for file in summary["observation"]["files"])
    (folder / "report.html").write_text(
        report.page(title, summary["trust"], summary["verdict"], parts)
    )


def observation_parts(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The end of a page: warnings, what was done to the data, the observation, and the run."""
    return [
        ("Warnings", report.bullets(summary["warnings"])),
        ("What was done to the data", report.bullets(summary["notes"])),
        (
            "Observation",
            report.table(
                ["", ""], [[str(k), json.dumps(v)] for k, v in summary["observation"].items()]
            ),
        ),
        (
            "Run",
            report.table(
                ["", ""],
                [
                    [k, json.dumps(summary.get(k))]
                    for k in ("run", "seed", "git_commit", "versions")
                ],
            ),
        ),
    ]


def tell(answer: Answer) -> None:
    """Prints notes, medians and 68% intervals side by side, warnings and the verdict."""
    for note in answer.notes:
        say(f"note: {note}")
    table = Table("parameter", *(plot.LABELS[name] for name in answer.samples))
    intervals = {name: s.intervals() for name, s in answer.samples.items()}
    for parameter, row in intervals["network"].items():
        table.add_row(
            f"{parameter} {row['unit']}",
            *(report.interval(rows[parameter]) for rows in intervals.values()),
        )
    Console(width=130).print(table)
    for warning in answer.warnings:
        say(f"warning: {warning}")
    say(answer.verdict)
