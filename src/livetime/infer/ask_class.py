"""From an observation to the probability of each class, and everything that a person reads of it."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from livetime.errors import UserError
from livetime.files.observation import Observation
from livetime.files.spectrum import SpectrumObservation
from livetime.infer.ask_posterior import observation_parts
from livetime.infer.run import Run
from livetime.outputs import provenance, write_json
from livetime.progress import say
from livetime.reference.classifiers import LikelihoodRatio, Logistic, Threshold
from livetime.report import page as report
from livetime.report import plot

Floats = NDArray[np.floating[Any]]
T = TypeVar("T")


@dataclass(frozen=True)
class ClassAnswer:
    """What a classifier and those without a network say of one observation.

    Arguments:
        probabilities: `network`, `logistic_regression` and perhaps `likelihood_ratio` -> class -> probability.
        ratio: the test's statistic and p-value, or nothing.
        warnings: reasons not to trust it.
    """

    run: Run
    observation: Observation | SpectrumObservation
    probabilities: dict[str, dict[str, float]]
    ratio: dict[str, float]
    warnings: tuple[str, ...]

    @property
    def verdict(self) -> str:
        best = max(
            self.probabilities["network"], key=lambda name: self.probabilities["network"][name]
        )
        words = f"{best.replace('_', ' ')}, with a probability of {self.probabilities['network'][best]:.3f}"
        if self.warnings:
            return f"The network says {words}, but do not trust it as it is: {'; '.join(self.warnings)}."
        return f"{words}, if each class is as probable beforehand; the observation lies where the network was trained."

    def summary(self) -> dict[str, Any]:
        """Plain types for summary.json."""
        return {
            "classes": self.probabilities["network"],
            "references": {name: p for name, p in self.probabilities.items() if name != "network"},
            **({"likelihood_ratio_test": self.ratio} if self.ratio else {}),
            "warnings": list(self.warnings),
            "notes": list(self.observation.notes),
            "verdict": self.verdict,
            "trust": not self.warnings,
            "observation": self.observation.info,
            "run": str(self.run.folder),
            **provenance(),
        }


def ask(run: Run, observation: Observation | SpectrumObservation, x: Floats) -> ClassAnswer:
    """The classes' probabilities for an observation whose summary is x (X,)."""
    classes = list(run.simulator.prior.classes)
    answers, ratio = {"network": run.probabilities(x)[0]}, {}
    if (logistic := _logistic(run)) is not None:
        answers["logistic_regression"] = logistic.probabilities(x[None])[0]
    if (threshold := _threshold(run)) is not None and (test := LikelihoodRatio.of(run.simulator)):
        statistic = test.statistic(x[None])
        answers["likelihood_ratio"] = threshold.probabilities(statistic)[0]
        ratio = {
            "statistic": float(statistic[0]),
            "p_value": threshold.false_alarm(float(statistic[0])),
        }
    warnings = (
        *run.own_diagnosis(),
        *run.out_of_range(x),
        *observation.doubts(run.simulator.detector),
    )
    return ClassAnswer(
        run,
        observation,
        {name: dict(zip(classes, p.tolist(), strict=True)) for name, p in answers.items()},
        ratio,
        tuple(warnings),
    )


def _kept(run: Run, name: str, read: Callable[[dict[str, NDArray[Any]]], T]) -> T | None:
    """A classifier without a network from the file that training left of it, if it did; `read` raises ValueError for what cannot be one."""
    path = run.folder / f"{name}.json"
    if not path.exists():
        return None
    try:
        arrays = {
            key: np.array(values, dtype=np.float64)
            for key, values in json.loads(path.read_text()).items()
        }
        if not all(np.isfinite(values).all() for values in arrays.values()):
            raise ValueError
        return read(arrays)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise UserError(f"{path} is damaged; train again") from None


def _threshold(run: Run) -> Threshold | None:
    """What training found of the likelihood-ratio test, where it applies."""

    def read(kept: dict[str, NDArray[Any]]) -> Threshold:
        statistic, label = kept["statistic"], kept["label"].astype(int)
        if not (statistic.shape == label.shape and set(label.tolist()) == {0, 1}):
            raise ValueError
        return Threshold(statistic, label)

    return _kept(run, "likelihood_ratio", read)


def _logistic(run: Run) -> Logistic | None:
    """Logistic regression on the simulations of the training."""
    size, classes = run.simulator.layout.size, len(run.simulator.prior.classes)

    def read(kept: dict[str, NDArray[Any]]) -> Logistic:
        found = Logistic(**kept)
        shapes = {"mean": (size,), "scale": (size,), "weights": (size, classes), "bias": (classes,)}
        if {name: values.shape for name, values in kept.items()} != shapes or (
            found.scale <= 0
        ).any():
            raise ValueError
        return found

    return _kept(run, "logistic_regression", read)


def write(answer: ClassAnswer, folder: Path) -> None:
    """summary.json, classes.png and report.html."""
    summary = answer.summary()
    write_json(folder / "summary.json", summary)
    plot.class_probabilities(answer.probabilities).savefig(folder / "classes.png", dpi=110)
    header, rows = _rows(answer)
    parts = [
        ("Classes", report.table(header, rows)),
        ("Probabilities", report.figure(folder / "classes.png")),
    ]
    if answer.ratio:
        parts.append(
            (
                "Likelihood-ratio test",
                report.table(["", ""], [[k, f"{v:.4g}"] for k, v in answer.ratio.items()]),
            )
        )
    title = "livetime: " + ", ".join(Path(file).name for file in summary["observation"]["files"])
    page = report.page(
        title, summary["trust"], summary["verdict"], [*parts, *observation_parts(summary)]
    )
    (folder / "report.html").write_text(page)


def _rows(answer: ClassAnswer) -> tuple[list[str], list[list[str]]]:
    methods = answer.probabilities
    rows = [
        [name.replace("_", " "), *(f"{p[name]:.4f}" for p in methods.values())]
        for name in methods["network"]
    ]
    return ["class", *(name.replace("_", " ") for name in methods)], rows


def tell(answer: ClassAnswer) -> None:
    """Prints notes, probabilities side by side, the test, warnings and the verdict."""
    for note in answer.observation.notes:
        say(f"note: {note}")
    header, rows = _rows(answer)
    table = Table(*header)
    for row in rows:
        table.add_row(*row)
    Console(width=130).print(table)
    if answer.ratio:
        say(
            f"likelihood-ratio test: statistic {answer.ratio['statistic']:.2f}, p = {answer.ratio['p_value']:.3g} without a QPO"
        )
    for warning in answer.warnings:
        say(f"warning: {warning}")
    say(answer.verdict)
