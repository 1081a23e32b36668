"""What a run folder must have before a training may go on in it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from livetime.errors import UserError
from livetime.outputs import writing
from livetime.processes import locked
from livetime.progress import say

if TYPE_CHECKING:
    from livetime.infer.run import Run

OF_THE_MACHINE = ("outputs", "threads", "trainer")
"""Keys of a config that must not change a run."""


def refuse_other_run(folder: Path, plain: Mapping[str, Any]) -> None:
    """Refuse a folder with a run of other settings, whose networks would be reported as new ones.

    Arguments:
        folder: of a sweep's job, which may be there.
        plain: the settings of the training that is to begin.

    Raises:
        UserError: for the first setting that differs.
    """
    from livetime.infer.run import CONFIG, Run

    if not (folder / CONFIG).exists():
        return
    before = dict(_leaves(Run.open(folder).config))
    now = dict(_leaves(plain))
    for key in sorted({*before, *now}):
        old = before.get(key, "missing")
        new = now.get(key, "missing")
        if old != new and key.partition(".")[0] not in OF_THE_MACHINE:
            problem = f"has a run with {key} = {old}, which is {new} now"
            raise UserError(f"run {folder}", problem, "choose another hydra.sweep.dir")


def _leaves(plain: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """List every value of nested settings with its key, sequences as lists."""
    for name, value in plain.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{key}.")
        else:
            yield key, list(value) if isinstance(value, tuple) else value


def is_whole(run: "Run") -> bool:
    """Find out whether a run is finished and has every file that its answers need.

    Arguments:
        run: of the folder.
    """
    from livetime.infer.run import DISCREPANCIES, EMULATOR_FOLDER, INFLATION, METRICS, RANGE, RUN
    from livetime.reference.classifiers import classifiers_for

    def has(*names: str) -> bool:
        return all((run.folder / name).exists() for name in names)

    if not has(METRICS, RANGE, RUN):
        return False
    if run.question.name == "posterior":
        answers = has(DISCREPANCIES, EMULATOR_FOLDER)
        return answers and (has(INFLATION) or not run.has_inflation)
    if run.question.name != "class":
        return True
    kept = classifiers_for(run.simulator).items()
    return has(*(f"{name}.json" for name, classifier in kept if classifier.stored))


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Make a run folder, and keep other processes from training in it.

    Arguments:
        folder: of the run.

    Raises:
        UserError: while another process trains in it.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    with locked(folder, "trains this run", wait=False, notify=say):
        yield
