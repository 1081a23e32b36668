"""Open finished runs, as every command on a run does first."""

from pathlib import Path
from typing import TYPE_CHECKING

from livetime.errors import UserError
from livetime.settings import Reference

if TYPE_CHECKING:
    from livetime.infer.run import Run


def open_run(folder: str | None) -> "Run":
    """Open a finished run and read everything in it, before any long work.

    Raises:
        UserError: for a folder that is missing, not that of a finished run, or damaged.
    """
    if not folder:
        raise UserError("run", "is missing", "give the folder of a finished training")
    path = Path(folder)
    if not path.is_dir():
        what = "is not a folder" if path.exists() else "does not exist"
        raise UserError("run", f"is {folder}, which {what}", "give the folder of a training")

    import torch

    from livetime.interface import load

    torch.set_num_threads(1)  # the same bits on any number of cores, and no slower
    return load(path).run


def open_posterior_run(folder: str | None) -> "Run":
    """Open a finished run that has a posterior of parameters; refuse a classifier."""
    run = open_run(folder)
    run.expect("posterior")
    return run


def applicable_references(run: "Run", reference: Reference) -> tuple[str, ...]:
    """Name the references that apply to a run, or the chosen ones of them.

    Raises:
        UserError: for a chosen reference that does not apply.
    """
    from livetime.reference.registry import applicable

    return applicable(run.simulator, reference.names)
