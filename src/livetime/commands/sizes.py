"""Estimate what a command takes of memory and disk, and refuse too much before any work."""

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from livetime.commands.settings import MAX_SIMULATIONS
from livetime.errors import UserError
from livetime.processes import MEMORY, available_cores

if TYPE_CHECKING:
    from livetime.simulate.simulator import Simulator

GIB = 2**30


def refuse_large_simulations(simulator: "Simulator", simulations: int) -> None:
    """Refuse simulations that together take more than half of the memory while they are drawn.

    Arguments:
        simulator: draws one on each of its cores at a time.
        simulations: their number.

    Raises:
        UserError: with the estimate, the limit and the remedy.
    """
    threads = min(simulator.threads or available_cores(), simulations)
    needed = threads * simulator.memory
    if needed <= MEMORY / 2:
        return
    longest = simulator.prior.ranges["segments"].high
    problem = f"is {longest:g}: {threads} simulations take {_gib(needed)}, the limit is"
    remedy = "lower it, the highest rate, or threads"
    raise UserError("prior.covariates.segments.high", f"{problem} {_gib(MEMORY / 2)}", remedy)


def refuse_large_bank(simulator: "Simulator", simulations: int, found: int, root: Path) -> None:
    """Refuse a bank that does not fit on its disk.

    Arguments:
        simulator: gives the size of a simulation.
        simulations: that are wanted.
        found: those that exist already.
        root: folder of all outputs, which may not exist yet.

    Raises:
        UserError: with the estimate, the limit and the remedy.
    """
    needed = (simulations - found) * bytes_of_simulation(simulator)
    there = next(folder for folder in (root, *root.absolute().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        problem = f"is {simulations}, which take {_gib(needed)}, but {there} has {_gib(free)} free"
        raise UserError("simulations", problem, "ask for fewer, or choose another outputs")


def refuse_large_training(simulator: "Simulator", simulations: int, test: int) -> None:
    """Refuse a bank or a test whose summaries fill more than half of the memory.

    Arguments:
        simulator: gives the size of a simulation.
        simulations: that are trained on.
        test: fresh simulations of the test.

    Raises:
        UserError: with the estimate, the limit and the remedy.
    """
    if test > MAX_SIMULATIONS:
        problem = f"is {test}, but {MAX_SIMULATIONS} is the limit"
        raise UserError("training.test", problem, "give a smaller number")
    for key, number in (("simulations", simulations), ("training.test", test)):
        needed = number * bytes_of_simulation(simulator)
        if needed > MEMORY / 2:
            problem = f"is {number}, which take {_gib(needed)} of memory"
            raise UserError(
                key, f"{problem}, but {_gib(MEMORY / 2)} is the limit", "give a smaller number"
            )


def bytes_of_simulation(simulator: "Simulator") -> int:
    """Give the bytes of a simulation's summary and parameters.

    Arguments:
        simulator: of the bank.
    """
    parameters = len(simulator.prior.ranges) + bool(simulator.prior.classes)
    return 4 * simulator.layout.size + 8 * parameters


def _gib(size: float) -> str:
    return f"{size / GIB:.3g} GiB"
