"""From an observation to everything that a person reads: posteriors, numbers, figures, a verdict and a page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import arviz
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from livetime.infer import plot, report
from livetime.infer.diagnose import predictive_p_value
from livetime.infer.exact import Exact
from livetime.infer.observation import Observation
from livetime.infer.reference import REFERENCES, Reference
from livetime.infer.run import Run
from livetime.outputs import provenance, write_json
from livetime.progress import progress, say
from livetime.simulate.prior import Samples

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
    observation: Observation
    x: Floats
    seed: int
    samples: dict[str, Samples]
    references: dict[str, Reference | Exact]
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


def ask(run: Run, observation: Observation, x: Floats, names: Sequence[str], draws: int, seed: int) -> Answer:
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
    references = {name: REFERENCES[name](simulator) for name in names}
    for name, reference in references.items():
        say(f"sampling the {plot.LABELS[name]} posterior")
        samples[name] = reference.fit(x, seed)
    chosen = samples["network"].theta[np.random.default_rng(seed).choice(draws, min(draws, PREDICTIONS), replace=False)]
    known = _known(run, observation, x)
    covariates = [float(r.to_sampling(known[name])) for name, r in simulator.prior.covariates.items()]
    with progress("simulate predictions", len(chosen), "simulations") as bar:
        predicted = simulator.draw(np.hstack([chosen, np.tile(covariates, (len(chosen), 1))]), seed, progress=bar.advance)
    predicted = predicted[np.isfinite(predicted).all(axis=1)]
    p = predictive_p_value(x, predicted)
    warnings = run.own_diagnosis() + run.out_of_range(x) + other_instrument(run, observation)
    if p < SUSPICIOUS:
        warnings.append(
            f"the posterior predictive p-value is {p:.3f}, below {SUSPICIOUS}: "
            "simulations with the inferred parameters do not look like this observation"
        )
    notes = (*observation.notes, *(note for s in samples.values() for note in s.notes))
    return Answer(run, observation, x, seed, samples, references, predicted, p, tuple(warnings), notes)


def _known(run: Run, observation: Observation, x: Floats) -> dict[str, float]:
    """What an observation tells of itself: its number of segments, recorded rate and detector, physical."""
    rates = [10 ** float(x[s][0]) for name, s in run.simulator.layout.slices.items() if name.startswith("rate_")]
    return {"segments": float(observation.segments), "rate": float(np.mean(rates)), **observation.info.get("detector", {})}


def other_instrument(run: Run, observation: Observation) -> list[str]:
    """A dead time other than that of the file's instrument by a quarter or more deserves a word, where the run has but one."""
    if "dead_time" in run.simulator.known:
        return []
    info, tau = observation.info, run.simulator.detector.mean_dead_time
    mission, own, telescope = info.get("mission"), info.get("dead_time"), info.get("telescope")
    if not telescope or tau == 0 or (own and 0.75 < own / tau < 1.25):
        return []
    has = f"{mission} has {own:.3g} s" if own else f"{mission} reads out frames" if mission else f"that of {telescope} is not known"
    return [f"the network takes {tau:.3g} s of dead time after each event, but {has}"]


def write(answer: Answer, folder: Path) -> None:
    """posterior.nc, summary.json, corner.png, predictive.png and report.html."""
    physical = answer.samples["network"].physical()
    posterior = arviz.from_dict(posterior={name: values[None] for name, values in physical.items()})
    posterior.to_netcdf(str(folder / "posterior.nc"), engine="h5netcdf")
    summary = answer.summary()
    write_json(folder / "summary.json", summary)
    plot.corner_plot(answer.samples).savefig(folder / "corner.png", dpi=90)
    curves = {}
    for name, reference in answer.references.items():
        medians = {k: row["median"] for k, row in answer.samples[name].intervals().items()}
        medians = {**_known(answer.run, answer.observation, answer.x), **medians}
        curves[name] = {channel: np.ravel(power) for channel, power in reference.power(medians).items()}
    simulator = answer.run.simulator
    predicted = np.array([simulator.raw(row) for row in answer.predicted])
    plot.predictive(simulator.raw(answer.x), simulator.layout, predicted, curves).savefig(folder / "predictive.png", dpi=110)
    _page(folder, summary)


def _page(folder: Path, summary: Mapping[str, Any]) -> None:
    methods = {"network": summary["parameters"], **summary["references"]}
    rows = [
        [name.replace("_", " "), row["unit"], *(report.interval(intervals[name]) for intervals in methods.values())]
        for name, row in summary["parameters"].items()
    ]
    parts = [
        ("Parameters", report.table(["median (68% interval)", "unit", *(plot.LABELS[name] for name in methods)], rows)),
        ("Posterior", report.figure(folder / "corner.png")),
        ("Does the model describe the data?", report.figure(folder / "predictive.png")),
        *observation_parts(summary),
    ]
    title = "livetime: " + ", ".join(Path(file).name for file in summary["observation"]["files"])
    (folder / "report.html").write_text(report.page(title, summary["trust"], summary["verdict"], parts))


def observation_parts(summary: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The end of a page: warnings, what was done to the data, the observation, and the run."""
    return [
        ("Warnings", report.bullets(summary["warnings"])),
        ("What was done to the data", report.bullets(summary["notes"])),
        ("Observation", report.table(["", ""], [[str(k), json.dumps(v)] for k, v in summary["observation"].items()])),
        ("Run", report.table(["", ""], [[k, json.dumps(summary.get(k))] for k in ("run", "seed", "git_commit", "versions")])),
    ]


def tell(answer: Answer) -> None:
    """Prints notes, medians and 68% intervals side by side, warnings and the verdict."""
    for note in answer.notes:
        say(f"note: {note}")
    table = Table("parameter", *(plot.LABELS[name] for name in answer.samples))
    intervals = {name: s.intervals() for name, s in answer.samples.items()}
    for parameter, row in intervals["network"].items():
        table.add_row(f"{parameter} {row['unit']}", *(report.interval(rows[parameter]) for rows in intervals.values()))
    Console(width=130).print(table)
    for warning in answer.warnings:
        say(f"warning: {warning}")
    say(answer.verdict)
