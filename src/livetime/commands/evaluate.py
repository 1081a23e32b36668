"""`livetime evaluate`: check a run's calibration on fresh simulations."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from livetime.commands.runs import open_run
from livetime.commands.settings import (
    TEST_SEED,
    VERDICT_SEED,
    RunSettings,
    check_count,
    check_number,
    result_folder,
)
from livetime.commands.simulate import build_bank
from livetime.commands.sizes import refuse_large_simulations
from livetime.errors import UserError
from livetime.outputs import new_folder, outputs_folder, provenance, stamp, write_json
from livetime.progress import say

_MIN_SIMULATIONS = 100


@dataclass
class EvaluateSettings(RunSettings):
    """Set the simulations and the other sources on which a run is checked.

    Arguments:
        n: held-out simulations.
        stress: sources that differ from the training, such as `drift` or `two_qpo`.
            docs/validation.md lists them.
        threads: number of simulating threads; None for one per core.

    Raises:
        UserError: for a number of simulations or threads out of range.

    Examples:
        >>> EvaluateSettings(run="outputs/demo/1", n=1000).n
        1000
    """

    n: int = 4000
    stress: list[str] = field(default_factory=list)
    threads: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("threads", self.threads)
        check_number(self.n, _MIN_SIMULATIONS, "calibration")


def evaluate(settings: EvaluateSettings) -> tuple[Path, float]:
    """Check the calibration of a run on fresh simulations.

    The run folder keeps the verdict in `later_test.json`, unless an earlier test had more
    simulations. `infer` reads the test with most of them.

    Returns: the folder of figures and numbers, and the held-out loss.
    """
    from livetime.check import stress
    from livetime.check.assess import assess
    from livetime.check.assessment import HeldOut
    from livetime.report import assessment as report

    run = open_run(settings.run)
    own_seed = run.config["seed"]
    if settings.seed in (own_seed, own_seed + TEST_SEED, own_seed + VERDICT_SEED):
        raise UserError(
            "seed", f"is {settings.seed}, with which this run was trained", "choose another"
        )
    stress.check_sources(run, settings.stress)
    refuse_large_simulations(run.simulator, settings.n)
    folder = result_folder(settings.output, run.folder / f"evaluate_{stamp()}")

    def bank() -> Any:
        root = outputs_folder(run.config.get("outputs"))
        n = run.config["simulations"]
        return build_bank(run.simulator, n, own_seed, root).load(n)

    with new_folder(folder, settings.overwrite) as aside:
        held_out = HeldOut.simulate(run, settings.n, settings.seed, settings.threads)
        assessment = assess(run, held_out, bank, settings.stress)
        report.save(assessment, aside, f"livetime: {run.config['name']}, evaluated")
        record = {"run": str(run.folder), "seed": settings.seed, **assessment.numbers()}
        write_json(aside / "evaluation.json", {**record, **provenance()})
    _keep_test(run, record)
    say(report.words(assessment))
    return folder, assessment.loss


def _keep_test(run: Any, record: dict[str, Any]) -> None:
    """Let answers of the run read this test, unless an earlier one had more simulations."""
    from livetime.infer.run import LATER_TEST

    if record["n"] >= run.test["n"]:
        names = ("good", "verdict", "n", "seed")
        write_json(run.folder / LATER_TEST, {name: record[name] for name in names})
