"""Find the posteriors of an observation by the network and by the references."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import metadata
from typing import Any, ClassVar, cast

import arviz
import numpy as np
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.files.observation import Observation
from livetime.infer.predictive import (
    CAUTION_P,
    MIN_PREDICTIVE_P,
    PREDICTIONS,
    known_covariates,
    physical_values,
    posterior_residuals,
    predict,
    spectrum_table,
)
from livetime.infer.question import AnswerSettings, Verdict, judgement
from livetime.infer.run import Run
from livetime.learn.discrepancy import Discrepancy
from livetime.progress import progress
from livetime.reference.base import Reference
from livetime.reference.registry import applicable, build_references
from livetime.simulate.prior import Samples
from livetime.simulate.simulator import Simulator
from livetime.sources.answer import SourceAnswer, derived_unit, general_source

Floats = NDArray[np.floating[Any]]
MAX_DISCREPANCIES = 5
"""Discrepancies that an answer lists."""


@dataclass(frozen=True)
class PosteriorResult:
    """Keep the posteriors of one observation, their predictions, and the verdict.

    Arguments:
        run: the run of the network.
        observation: the observation, as it was read.
        x: its summary (X,).
        settings: draws and seed.
        samples: draws of `network` and of each reference, by name.
        references: answers without a network, by name.
        predicted: summaries (P, X) simulated with draws of the network's posterior.
        predictive_p_value: share of correct simulations with residuals as rare as those of x.
        discrepancies: what differs from the prediction, the rarest first.
        verdict: on the network's posterior.
        notes: what was done to the data, and chains that did not converge.
    """

    question: ClassVar[str] = "posterior"

    run: Run
    observation: Observation
    x: Floats
    settings: AnswerSettings
    samples: Mapping[str, Samples]
    references: Mapping[str, Reference]
    predicted: Floats
    predictive_p_value: float
    discrepancies: tuple[Discrepancy, ...]
    verdict: Verdict
    notes: tuple[str, ...]

    def intervals(self) -> dict[str, dict[str, dict[str, Any]]]:
        """Find medians and credible intervals in physical units, by method and parameter."""
        return {name: samples.intervals() for name, samples in self.samples.items()}

    @cached_property
    def source(self) -> SourceAnswer | None:
        """Describe a source without named shapes by the network's draws; None for others."""
        source = general_source(self.run.simulator)
        if source is None:
            return None
        return SourceAnswer.from_draws(source, self.samples["network"].physical())

    def spectrum(self) -> dict[str, Floats]:
        """Tabulate what was observed; see `livetime.infer.predictive.spectrum_table`."""
        return spectrum_table(self.run.simulator, self.x, self.observation.covariates)

    def to_arviz(self) -> arviz.InferenceData:
        """Give all draws and the data as arviz's groups.

        Returns:
            groups `posterior` (of the network), `prior`, `posterior_predictive`, `observed_data`,
            and one named after each reference. Each variable has `units`; the attributes have
            verdict, reasons and provenance.
        """
        simulator = self.run.simulator
        prior = simulator.prior
        n = len(self.samples["network"].theta)
        drawn = prior.sample(n, np.random.default_rng(self.settings.seed))[:, : prior.dim]
        observed = physical_values(simulator, self.x)
        rows = [physical_values(simulator, row) for row in self.predicted]
        predicted = {name: np.stack([row[name] for row in rows]) for name in observed}

        axis = simulator.layout.axis
        data: Any = arviz.from_dict(
            posterior=_one_chain(self.samples["network"].physical()),
            posterior_predictive=_one_chain(predicted),
            prior=_one_chain(prior.physical(drawn)),
            observed_data=observed,
            coords={axis.name: axis.values},
            dims={name: [axis.name] for name in simulator.layout.spectra},
        )
        for name in self.references:
            draws = arviz.from_dict(posterior=_one_chain(self.samples[name].physical()))
            data.add_groups({name: draws.posterior}, warn_on_custom_groups=False)

        units = {name: r.unit for name, r in prior.parameters.items()}
        blocks = {block.name: block.unit for block in simulator.layout.blocks}
        for group in data.groups():
            words = blocks if group in ("posterior_predictive", "observed_data") else units
            for name in data[group].data_vars:
                data[group][name].attrs["units"] = words[name]
        if self.source is not None:
            data.add_groups({"source": _source_group(self.source)}, warn_on_custom_groups=False)
        data.attrs = self._attributes()
        groups: arviz.InferenceData = data
        return groups

    def _attributes(self) -> dict[str, Any]:
        """Describe the origin of the draws, in types that a netCDF file takes."""
        return {
            "verdict": self.verdict.sentence,
            "trust": int(self.verdict.trust),
            "level": self.verdict.level,
            "reasons": "; ".join(self.verdict.reasons),
            "predictive_p_value": self.predictive_p_value,
            "observation": json.dumps(self.observation.info, default=str),
            "run": str(self.run.folder),
            "seed": self.settings.seed,
            "livetime_version": metadata.version("livetime"),
        }

    def summary(self) -> dict[str, Any]:
        """List all numbers and sentences in plain types, for summary.json."""
        intervals = self.intervals()
        return {
            "parameters": intervals["network"],
            "references": {name: intervals[name] for name in self.references},
            "predictive_p_value": self.predictive_p_value,
            "discrepancies": [asdict(found) for found in self.discrepancies],
            "seed": self.settings.seed,
            **({"source": self.source.summary()} if self.source else {}),
            **judgement(self),
        }


class PosteriorQuestion:
    """Ask for the posterior of the parameters, by the network and by references.

    Examples:
        >>> PosteriorQuestion().target(np.zeros((10, 4)), dim=3).shape
        (10, 3)
    """

    name: ClassVar[str] = "posterior"
    test: ClassVar[str] = "calibration test"

    def target(self, theta: Floats, dim: int) -> Floats:
        """Choose the parameters (n, D), without covariates; see `Question.target`."""
        return theta[:, :dim]

    def check(self, settings: AnswerSettings, simulator: Simulator) -> None:
        """Refuse references that do not apply, and a prior with classes; see `Question.check`."""
        _ = chosen_references(settings, simulator)
        if simulator.prior.classes:
            classes = ", ".join(simulator.prior.classes)
            problem = f"has {classes}, but the estimator learns parameters"
            remedy = "take a classifier, or a prior without classes"
            raise UserError("prior.classes", problem, remedy)

    def answer(
        self,
        run: Run,
        observation: Observation,
        x: Floats,
        settings: AnswerSettings,
    ) -> PosteriorResult:
        """Sample all posteriors and simulate what the network predicts; see `Question.answer`."""
        run.expect(self.name)
        seed = settings.seed
        samples = {"network": run.posterior(x).samples(settings.draws, seed)}

        names = chosen_references(settings, run.simulator)
        beside = build_references(run.simulator, names, **observation.reference_options)
        samples |= _sample_references(beside, x, seed)

        predicted = _predict(run, observation, samples["network"], seed)
        residual = _residual(run, observation, x, seed)
        p_value = float(run.discrepancies.p_values(residual[None])[0])
        found = run.discrepancies.find(residual)
        verdict = _verdict(run, observation, x, p_value, found[0])
        chains = [note for each in samples.values() for note in each.notes]
        notes = (*observation.notes, *chains)
        return PosteriorResult(
            run,
            observation,
            x,
            settings,
            samples,
            beside,
            predicted,
            p_value,
            found[:MAX_DISCREPANCIES],
            verdict,
            notes,
        )


def _source_group(answer: SourceAnswer) -> Any:
    """Put derived quantities and the power in bins, draw by draw, into a group of arviz."""
    values = {**answer.derived, "source_power": answer.power}
    centre = answer.table()["freq"]
    data: Any = arviz.from_dict(
        posterior=_one_chain(values),
        coords={"source_frequency": centre},
        dims={"source_power": ["source_frequency"]},
    )
    group = data.posterior
    for name in answer.derived:
        group[name].attrs["units"] = derived_unit(name)
    group["source_power"].attrs["units"] = "1/Hz"
    return group


def _one_chain(values: Mapping[str, Floats]) -> dict[str, Floats]:
    """Put draws (n, ...) into the form of arviz, (1, n, ...): they are independent."""
    return {name: np.asarray(draws)[None] for name, draws in values.items()}


def chosen_references(settings: AnswerSettings, simulator: Simulator) -> tuple[str, ...]:
    """Name the references that are wanted and apply.

    Arguments:
        settings: names them; None for all that apply.
        simulator: of the run.

    Raises:
        UserError: for one that is named and does not apply.
    """
    return applicable(simulator, settings.references)


def _sample_references(beside: Mapping[str, Reference], x: Floats, seed: int) -> dict[str, Samples]:
    """Sample the posterior of each reference for a summary (X,)."""
    samples = {}
    with progress("sample references", len(beside), "posteriors") as bar:
        for name, reference in beside.items():
            bar.advance(0, reference.label)
            samples[name] = reference.fit(x, seed)
            bar.advance(1, reference.label)
    return samples


def _predict(run: Run, observation: Observation, samples: Samples, seed: int) -> Floats:
    """Simulate summaries (P, X) with draws of a posterior, under the observation's conditions."""
    with progress("simulate predictions", PREDICTIONS, "simulations") as bar:
        return predict(run.simulator, samples, observation.covariates, seed, bar.advance)


def _residual(run: Run, observation: Observation, x: Floats, seed: int) -> Floats:
    """Find the residuals (X,) of an observation from the network's prediction."""
    known = known_covariates(run.simulator, observation.covariates)
    return np.asarray(posterior_residuals(run, x[None], known[None], seed)[0])


def _verdict(
    run: Run, observation: Observation, x: Floats, p_value: float, worst: Discrepancy
) -> Verdict:
    """Collect the reasons to distrust the network's posterior."""
    own = observation.reasons(cast(Any, run.simulator).detector)
    reasons = [*run.doubts(x), *own]
    cautions: list[str] = []
    if p_value < CAUTION_P:
        clause = (
            f"{worst.words}; {p_value:.2g} of correct simulations differ as much from their "
            "posterior: the model may lack a property of the source"
        )
        (reasons if p_value < MIN_PREDICTIVE_P else cautions).append(clause)
    good = (
        "No reason to distrust this posterior was found. The observation lies within the range of "
        "the training. Simulations with the inferred parameters look like it (posterior "
        f"predictive p = {p_value:.2f}; the limit is {CAUTION_P})."
    )
    return Verdict.of(reasons, good, "posterior", cautions)
