"""From FITS event files to a posterior with its figures and page, in seconds by the clock.

The files are those that `livetime observe` writes for the run's experiment, at the middle of its
prior. Cold: the command `livetime infer` in a new process, with its imports. Within a process: the
second and later calls, which open the run and the files anew. Each is measured with the network
alone (reference.names=[]) and beside all references, whose chains take most of that time. There
are 10,000 draws, on one thread.
"""

import argparse
import contextlib
import io
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import numpy as np

from benchmarks import row
from livetime.errors import UserError

KINDS = {"network alone": [], "with all references": None}


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command line."""
    parser.add_argument("run", type=Path)
    parser.add_argument("--repeats", type=int, default=3)


def rows(args: argparse.Namespace) -> list[dict]:
    """Measure, and return the rows of the table."""
    with tempfile.TemporaryDirectory() as folder:
        files = _observe(args.run, Path(folder) / "observed")
        out = []
        for kind, names in KINDS.items():
            cold, within = (
                _cold(args.run, files, names, Path(folder)),
                _within(args.run, files, names, Path(folder)),
            )
            within()
            for name, step in (("cold", cold), ("within a process", within)):
                wall, cpu = np.median([_seconds(step) for _ in range(args.repeats)], axis=0)
                out.append(
                    row(
                        f"{kind}, {name}",
                        wall,
                        f"s ({cpu:.1f} s of CPU)",
                        str(args.run),
                        cpu=float(cpu),
                    )
                )
        return out


def _seconds(step: Callable[[], object]) -> tuple[float, float]:
    """By the clock, and of CPU, that of other processes included."""
    started, before = time.perf_counter(), os.times()
    step()
    spent = np.subtract(os.times()[:4], before[:4]).sum()
    return time.perf_counter() - started, float(spent)


def _observe(folder: Path, output: Path) -> list[Path]:
    """Event files of an observation at the middle of each range of the run's prior."""
    from livetime.commands.observe import ObserveSettings, observe
    from livetime.infer.run import Run

    run = Run.open(folder)
    if run.simulator.kind != "events":
        raise UserError(
            "run", f"is {folder}, which infers from spectra", "take one of light curves"
        )
    middle = {
        name: float(r.to_physical(np.mean(r.to_sampling([r.low, r.high]))))
        for name, r in run.simulator.prior.ranges.items()
    }
    known = [f.name for f in fields(ObserveSettings)]
    config = {name: run.config[name] for name in known if name in run.config}
    observe(ObserveSettings(**{**config, "truth": middle, "output": str(output)}))
    return sorted(output.glob("*.evt"))


def _cold(
    run: Path, files: list[Path], names: list[str] | None, folder: Path
) -> Callable[[], object]:
    words = [
        f"run={run}",
        f"observation.path=[{','.join(map(str, files))}]",
        f"output={folder / 'cold'}",
        "overwrite=true",
    ]
    command = [
        str(Path(sys.executable).with_name("livetime")),
        "infer",
        *words,
        *(["reference.names=[]"] if names == [] else []),
    ]
    return lambda: subprocess.run(command, check=True, capture_output=True)


def _within(
    run: Path, files: list[Path], names: list[str] | None, folder: Path
) -> Callable[[], object]:
    from livetime.commands.infer import InferSettings, infer

    settings = InferSettings(
        run=str(run),
        observation={"path": list(map(str, files))},
        reference={"names": names},
        output=str(folder / "within"),
        overwrite=True,
    )

    def step() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            infer(settings)

    return step
