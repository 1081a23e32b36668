"""Define the settings that several commands share; each command adds its own."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from livetime.errors import UserError
from livetime.settings import check_seed

TEST_SEED = 2**32
VERDICT_SEED = 2 * TEST_SEED
"""Added to a run's seed for the fresh simulations at the end of its training."""
MAX_SIMULATIONS = 1_000_000
"""The most held-out simulations of a run: their summaries stay in memory."""


@dataclass
class ExperimentSettings:
    """Describe an experiment: the keys that an experiment file may set.

    Arguments:
        name: folder of the experiment's runs and observations, below `outputs`.
        seed: of all random numbers.
        simulations: size of the bank.
        simulator, source, detector, summary, prior: `_target_` class of each, and its arguments.
        estimator: `_target_` class of the network, and its arguments.
        training: keyword arguments of `livetime.config.Training`.
        overfit: train on all simulations and validate on the same ones; for tests of a network.
        outputs: folder of banks and runs; None for `outputs/` of the checkout.

    Raises:
        UserError: for a seed below 0, or a name with slashes.
    """

    unused: ClassVar[tuple[str, ...]] = ()
    """Keys that an experiment sets, and that the command does not use."""

    name: str = "custom"
    seed: int = 1
    simulations: int = 100_000
    simulator: dict[str, Any] = field(default_factory=dict)
    source: dict[str, Any] = field(default_factory=dict)
    detector: dict[str, Any] = field(default_factory=dict)
    summary: dict[str, Any] = field(default_factory=dict)
    prior: dict[str, Any] = field(default_factory=dict)
    estimator: dict[str, Any] = field(default_factory=dict)
    training: dict[str, Any] = field(default_factory=dict)
    overfit: bool = False
    outputs: str | None = None

    def __post_init__(self) -> None:
        check_seed(self.seed)
        if self.name in ("", ".", "..") or re.search(r"[/\\\0]", self.name):
            raise UserError(
                "name", f"is {self.name!r}, which is not a folder name", "leave out slashes"
            )


@dataclass
class RunSettings:
    """Set the finished run, and the folder of the result.

    Arguments:
        run: the run folder.
        seed: of all random numbers; not the seed of the training.
        output: folder of the result; None for a new one.
        overwrite: replace an earlier result of the same folder.

    Raises:
        UserError: for a seed below 0.
    """

    unused: ClassVar[tuple[str, ...]] = ()
    """Keys that the root has, and that the command does not use."""

    run: str | None = None
    seed: int = 2
    output: str | None = None
    overwrite: bool = False

    def __post_init__(self) -> None:
        check_seed(self.seed)


def check_count(key: str, value: int | None) -> None:
    """Refuse a number of threads or processes below 1; None stands for one per core."""
    if value is not None and value < 1:
        raise UserError(key, f"is {value}, but must be at least 1", "give 1 or more, or null")


def check_number(n: int, least: int, reason: str) -> None:
    """Refuse a number of simulations that is too small for its purpose, or too large.

    Arguments:
        n: simulations.
        least: lowest number that is sufficient.
        reason: purpose that needs so many, as the subject of a sentence.
    """
    if n < least:
        raise UserError("n", f"is {n}, but {reason} needs {least} simulations", "give a larger n")
    if n > MAX_SIMULATIONS:
        raise UserError("n", f"is {n}, but the limit is {MAX_SIMULATIONS}", "give a smaller n")


def result_folder(given: str | None, default: Path) -> Path:
    """Choose the folder of a result: the given one, else the default."""
    return Path(given) if given else default
