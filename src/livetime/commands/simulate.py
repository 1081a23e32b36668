"""`livetime simulate`: draw a bank of observations, or make it larger."""

from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from livetime.commands.settings import ExperimentSettings, check_count
from livetime.commands.sizes import refuse_large_bank, refuse_large_simulations
from livetime.errors import UserError
from livetime.outputs import outputs_folder
from livetime.progress import progress, say

if TYPE_CHECKING:
    from livetime.simulate.bank import Bank
    from livetime.simulate.simulator import Simulator

BANK_SIZE = (10, 10**8)
"""The smallest and the largest bank; the indices of its simulations stay in memory."""


@dataclass
class SimulateSettings(ExperimentSettings):
    """Set the bank that is made.

    Arguments:
        threads: number of simulating threads; None for one per core.

    Raises:
        UserError: for a number of simulations or threads out of range.

    Examples:
        >>> SimulateSettings(simulations=240_000).simulations
        240000
    """

    unused: ClassVar[tuple[str, ...]] = ("name", "estimator", "training", "overfit")
    threads: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count("threads", self.threads)
        check_bank_size(self.simulations)


def check_bank_size(simulations: int) -> None:
    """Refuse a bank that is too small to split, or too large for the memory."""
    low, high = BANK_SIZE
    if not low <= simulations <= high:
        raise UserError(
            "simulations",
            f"is {simulations}, but must be from {low} to {high}",
            "give a number in this range",
        )


def simulate(settings: SimulateSettings) -> Path:
    """Simulate the bank of an experiment, or the part of it that is missing.

    Returns: the bank's folder.
    """
    from livetime.simulate.build import build_simulator

    simulator = build_simulator(asdict(settings), settings.threads)
    root = outputs_folder(settings.outputs)
    return build_bank(simulator, settings.simulations, settings.seed, root).folder


def build_bank(simulator: "Simulator", simulations: int, seed: int, root: Path) -> "Bank":
    """Open a bank, and add the simulations that it lacks.

    Arguments:
        simulator: shapes the bank, and names its folder.
        simulations: number of simulations that the bank must have.
        seed: of the bank.
        root: the folder of all outputs.

    Raises:
        UserError: for a bank that is damaged or does not fit on the disk.
    """
    from livetime.simulate.bank import Bank

    banks = root / "banks"
    found = min(simulations, Bank.found(banks, simulator, seed))
    if found:
        say(f"{found} of {simulations} simulations exist already")
    complete = found == simulations
    if not complete:
        refuse_large_simulations(simulator, simulations - found)
        refuse_large_bank(simulator, simulations, found, root)
    bar = (
        nullcontext() if complete else progress("simulate", simulations, "simulations", done=found)
    )
    with bar as shown:
        advance = shown.advance if shown else None
        bank = Bank.build(banks, simulator, simulations, seed, advance)

    lost = sum(row["index"] < simulations for row in bank.manifest["nonfinite"])
    if lost:
        where = bank.folder / "manifest.json"
        say(f"{lost} of {simulations} simulations are not finite and left out; see {where}")
    return bank
