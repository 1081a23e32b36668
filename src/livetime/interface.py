"""The Python interface: load a network, read an observation, infer, simulate and compare."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from livetime.errors import UserError
from livetime.progress import say
from livetime.settings import check_seed

if TYPE_CHECKING:
    from arviz import InferenceData
    from matplotlib.figure import Figure

    from livetime.check.compare import Comparison
    from livetime.files.finding import Finding
    from livetime.files.observed import ObservedFiles
    from livetime.infer.question import Verdict
    from livetime.infer.run import Run
    from livetime.report.page import HtmlTable
    from livetime.simulate.prior import Prior, Samples


def load(folder: str | Path) -> "Network":
    """Load a trained network.

    Arguments:
        folder: run folder that training made.

    Returns:
        the network; its method `infer` answers observations.

    Raises:
        UserError: if the folder is not that of a finished run, or is damaged.

    Examples:
        >>> load("nowhere")
        Traceback (most recent call last):
        ...
        livetime.errors.UserError: run nowhere is not a run folder: it has no config.json; give the
        folder of a finished training
    """
    from livetime.infer.run import Run

    run = Run.open(folder)
    run.read_all()
    return Network(run)


def read(
    *paths: str | Path, band: tuple[float, float] | None = None, **options: Any
) -> "ObservedFiles":
    """Read an observation, and list what is wrong with its files.

    Arguments:
        paths: an event file, or one for each module; or one spectrum of counts (PHA or PI file).
        band: energies in keV, from the first up to but without the second; None for all.
        options: further fields of `livetime.settings.ObservationFiles`. Examples are `start`,
            `stop` and `dead_time` in s, and `arf` and `rmf` of a spectrum.

    Returns:
        the observation with its `findings`; a network cuts it to its needs.

    Raises:
        UserError: if a file cannot be used, or an option is not known or out of range.
    """
    from livetime.files.observed import open_files

    return open_files(paths, {**options, "band": band})


def simulate(experiment: str, seed: int = 1, outside_prior: bool = False, **truth: float) -> Any:
    """Simulate the events of one observation with known parameters.

    Arguments:
        experiment: name of an experiment, such as `deadtime_npe`.
        seed: of all random numbers.
        outside_prior: allow values outside of the prior, on which no network was trained.
        truth: physical values of parameters and covariates; others are drawn from the prior.

    Returns:
        events as the experiment's detector records them, with times in s.

    Raises:
        UserError: for an unknown experiment or parameter, or a value that is outside of the prior
            or cannot be simulated.

    Examples:
        >>> events = simulate("deadtime_npe", qpo_rms=0.2, rate=800, segments=8, seed=3)
        >>> len(events.times), float(events.gti[-1, 1])
        (2, 128.0)
    """
    from livetime.compose import compose_experiment
    from livetime.simulate.build import (
        build_simulator,
        check_truth,
        draw_truth,
        record_observation,
    )

    check_seed(seed)
    simulator = build_simulator(compose_experiment(experiment))
    check_truth(truth, simulator.prior, outside_prior)
    params = draw_truth(simulator, truth, seed)[0]
    return record_observation(simulator, params, seed)


def compare(
    network: "Network | str | Path",
    grid: Mapping[str, Sequence[float]],
    fixed: Mapping[str, float] | None = None,
    n: int = 100,
    target: str | None = None,
    references: Sequence[str] | None = None,
    seed: int = 2,
) -> "Comparison":
    """Compare a network with the references on simulations with known parameters.

    Arguments:
        network: a network, or its run folder.
        grid: name -> physical values; each combination is a cell.
        fixed: name -> physical value, the same in all cells; grid and fixed cover the prior.
        n: simulations in each cell.
        target: parameter that is compared; None for the first of the grid.
        references: their names; None for all that apply.
        seed: of the simulations and of all draws.

    Returns:
        the comparison. `rows` has bias, scatter, half-width and coverage for each cell and method.
        `pooled()` has the coverage of each method over all cells.
    """
    from livetime.check.compare import choose_target, compare_methods
    from livetime.check.truths import Truths
    from livetime.infer.ask_posterior import chosen_references
    from livetime.infer.question import AnswerSettings

    run = network.run if isinstance(network, Network) else load(network).run
    run.expect("posterior")
    names = _names(references)
    chosen = chosen_references(AnswerSettings(references=names), run.simulator)
    truths = Truths.on_grid(run.simulator.prior, grid, fixed or {}, n, seed)
    return compare_methods(run, truths, choose_target(run.simulator.prior, target, grid), chosen)


def _names(references: str | Sequence[str] | None) -> tuple[str, ...] | None:
    """Make a tuple of one name or several; None stands for all that apply."""
    if references is None:
        return None
    return (references,) if isinstance(references, str) else tuple(references)


@dataclass(frozen=True, repr=False)
class Network:
    """Answer observations with a trained network.

    Arguments:
        run: the finished run.

    Examples:
        >>> Network.__name__
        'Network'
    """

    run: "Run"

    @property
    def prior(self) -> "Prior":
        """Give the prior of the parameters, and the range of the covariates."""
        return self.run.simulator.prior

    @property
    def verdict(self) -> str:
        """Give the sentence of the test with most simulations, by `train` or `evaluate`."""
        return str(self.run.test["verdict"])

    def infer(
        self,
        observation: "ObservedFiles",
        draws: int = 10_000,
        seed: int = 2,
        references: Sequence[str] | None = None,
        prior_odds: Mapping[str, float] | None = None,
    ) -> "Answer":
        """Answer an observation.

        Arguments:
            observation: as `livetime.read` gives it.
            draws: number of draws from the network's posterior.
            seed: of all draws.
            references: names of the answers without a network; None for all that apply.
            prior_odds: class -> its weight a priori; None for equally probable classes.

        Raises:
            UserError: if the observation or a setting does not fit the network.
        """
        from livetime.infer.instrument import prepare
        from livetime.infer.question import AnswerSettings

        if not hasattr(observation, "observation"):
            problem = f"is of type {type(observation).__name__}, but must be what read gives"
            raise UserError("observation", problem, "read its files with livetime.read first")
        run = self.run
        settings = AnswerSettings(draws, seed, _names(references), prior_odds)
        settings.class_prior(list(self.prior.classes))
        run.question.check(settings, run.simulator)
        cut, x = prepare(run.simulator, observation.observation, observation.files)
        say(f"observation: {cut.length}")
        return Answer(run.question.answer(run, cut, x, settings))

    def _headline(self) -> str:
        modules = getattr(cast(Any, self.run.simulator).detector, "modules", 1)
        takes = f"event files of {modules} module{'s' if modules > 1 else ''}"
        if self.run.simulator.layout.axis.unit == "keV":
            takes = "a spectrum of counts"
        what = f"the {self.run.question.name} of {self.prior.dim} parameters"
        if self.prior.classes:
            what = f"the probability of {', '.join(self.prior.classes)}"
        return f"Network {self.run.config['name']}: {what} from {takes}"

    def _prior_table(self) -> "HtmlTable":
        from livetime.report.page import HtmlTable

        rows = []
        for name, r in self.prior.ranges.items():
            kind = "inferred" if name in self.prior.parameters else "known"
            rows.append([name, f"{r.low:g} to {r.high:g}", r.unit, r.scale, kind])
        return HtmlTable(["name", "range", "unit", "flat in", ""], rows)

    def __repr__(self) -> str:
        """Say what the network is for, its prior, and whether it passed its test."""
        from livetime.report.notebook import text_block

        return text_block([self._headline(), self.verdict], self._prior_table())

    def _repr_html_(self) -> str:
        """Say the same as `repr`, for notebooks."""
        from livetime.report.notebook import html_block

        return html_block([self._headline(), self.verdict], self._prior_table())


@dataclass(frozen=True, repr=False)
class Answer:
    """Keep the answer to one observation, with all that is needed to judge it.

    Arguments:
        result: of the network's question.

    Examples:
        >>> Answer.__name__
        'Answer'
    """

    result: Any

    @property
    def findings(self) -> "tuple[Finding, ...]":
        """List what is wrong with the files, and what was done about it."""
        findings: tuple[Finding, ...] = self.result.observation.findings
        return findings

    @property
    def posterior(self) -> "Samples":
        """Give the draws of the network's posterior."""
        return self._samples()["network"]

    @property
    def references(self) -> "dict[str, Samples]":
        """Give the draws of each posterior without a network, by name."""
        return {name: draws for name, draws in self._samples().items() if name != "network"}

    @property
    def probabilities(self) -> Mapping[str, Mapping[str, float]]:
        """Give the probability of each class, by method."""
        if self.result.question != "class":
            raise UserError("probabilities", "exist for classifiers only", "use posterior")
        probabilities: Mapping[str, Mapping[str, float]] = self.result.probabilities
        return probabilities

    @property
    def verdict(self) -> "Verdict":
        """Say whether the answer can be trusted, and why."""
        verdict: Verdict = self.result.verdict
        return verdict

    def plot_corner(self) -> "Figure":
        """Draw the marginals and pairs of all posteriors."""
        from livetime.report.result import corner

        _ = self.posterior
        return corner(self.result)

    def plot_predictive(self) -> "Figure":
        """Draw the data and the posterior predictions."""
        from livetime.report.result import predictive

        _ = self.posterior
        return predictive(self.result)

    def to_arviz(self) -> "InferenceData":
        """Give all draws and the data as arviz's groups, with units and the verdict."""
        data: InferenceData = self.result.to_arviz()
        return data

    def save(self, folder: str | Path, overwrite: bool = False) -> Path:
        """Write draws, tables, figures and a page into a new folder.

        Arguments:
            folder: new folder.
            overwrite: replace an earlier answer in the same folder.

        Returns:
            the folder.

        Raises:
            UserError: if the folder exists.
        """
        from livetime.outputs import new_folder
        from livetime.report.result import save

        files = [Path(file) for file in self.result.observation.info["files"]]
        inputs = [*files, self.result.run.folder]
        with new_folder(Path(folder), overwrite, inputs) as aside:
            save(self.result, aside)
        return Path(folder)

    def _samples(self) -> "Mapping[str, Samples]":
        if self.result.question != "posterior":
            raise UserError("posterior", "does not exist for a classifier", "use probabilities")
        samples: Mapping[str, Samples] = self.result.samples
        return samples

    def __repr__(self) -> str:
        """Give verdict and table, with units."""
        from livetime.report.notebook import text_block
        from livetime.report.result import answer_table

        return text_block([self.verdict.sentence], answer_table(self.result))

    def _repr_html_(self) -> str:
        """Give the same as `repr`, for notebooks."""
        from livetime.report.notebook import html_block
        from livetime.report.result import answer_table

        return html_block([self.verdict.sentence], answer_table(self.result))
