"""Fit references to many simulations, and keep the fits for the next network."""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from livetime.check.arrays import Floats
from livetime.check.truths import Truths
from livetime.errors import UserError
from livetime.infer.run import Run
from livetime.outputs import refuse_irregular, write_whole, writing
from livetime.processes import process_pool
from livetime.progress import Progress, progress, say
from livetime.reference.base import Reference
from livetime.reference.registry import build_references, reference_source
from livetime.simulate.build import build_simulator

QUANTILES = (0.025, 0.16, 0.5, 0.84, 0.975)
"""Edges of the 95% and 68% intervals, and the median."""
MAX_STEPS = 2000
"""Steps of a chain. Medians and 68% intervals need no more, and there are many chains."""
BLOCK = 50
"""Fits that are written at a time."""


@dataclass(frozen=True)
class KeptFits:
    """Keep the quantiles of references in a folder, in blocks.

    The name of the folder depends on all that changes a fit: simulator, cells, n, seed and the
    source code of the references. It does not depend on the network.

    Arguments:
        folder: of this simulator, these truths and this code.
        n: number of observations.
        seed: of the draws.

    Examples:
        >>> [part.start for part in KeptFits(Path("references"), 120, 1).blocks()]
        [0, 50, 100]
    """

    folder: Path
    n: int
    seed: int

    @classmethod
    def open(cls, run: Run, truths: Truths) -> "KeptFits":
        """Find the folder of a comparison, `references/` beside the banks."""
        key = {
            "identity": run.simulator.identity(),
            **truths.plain(),
            "steps": MAX_STEPS,
        }
        text = json.dumps(key, sort_keys=True) + reference_source()
        name = hashlib.sha256(text.encode()).hexdigest()[:16]
        folder = run.folder.resolve().parents[1] / "references" / name
        return cls(folder, len(truths.cells) * truths.n, truths.seed)

    def blocks(self) -> list[slice]:
        """Divide the observations into blocks."""
        starts = range(0, self.n, BLOCK)
        return [slice(start, min(start + BLOCK, self.n)) for start in starts]

    def path(self, name: str, block: slice) -> Path:
        """Name the file of a block of a reference."""
        return self.folder / f"{name}_{block.start:06d}.npz"

    def fit(self, run: Run, x: Floats, names: Sequence[str], processes: int | None) -> None:
        """Fit every block that is not there, in processes of their own.

        Arguments:
            run: its config builds the references in each process.
            x: summaries (n, X).
            names: of the references.
            processes: their number; None for one per core.

        Raises: UserError for a kept block that is damaged, before anything is fitted.
        """
        everything = [(name, block) for name in names for block in self.blocks()]
        missing = [part for part in everything if self._read(*part) is None]
        left = sum(block.stop - block.start for _, block in missing)
        total = self.n * len(names)

        workers = process_pool(processes, _start, (run.config, tuple(names)))
        with workers as pool, progress("references", total, "fits", done=total - left) as bar:
            for name, block in missing:
                rows = enumerate(x[block], self.seed + block.start)
                tasks = [(name, row, seed) for seed, row in rows]
                self._save(name, block, pool.map(_fit, tasks), bar)

    def _save(
        self,
        name: str,
        block: slice,
        fitted: Iterator[tuple[Floats, bool]],
        bar: Progress,
    ) -> None:
        quantiles = []
        lost = []
        for found, not_converged in fitted:
            quantiles.append(found)
            lost.append(not_converged)
            bar.advance()

        path = self.path(name, block)
        with writing(path):
            path.parent.mkdir(parents=True, exist_ok=True)
        data = io.BytesIO()
        np.savez(data, quantiles=np.array(quantiles), lost=np.array(lost))
        write_whole(path, data.getvalue())

    def _read(self, name: str, block: slice) -> tuple[Floats, int] | None:
        """Read quantiles and chains that did not converge; None for a block that is not there.

        Raises: UserError for a damaged file.
        """
        path = self.path(name, block)
        if not path.exists():
            return None
        remedy = "delete it, and its fits are made again"
        refuse_irregular(path, remedy)
        try:
            with np.load(path) as kept:  # it compares the checksums of a ZIP archive
                quantiles = kept["quantiles"]
                lost = int(kept["lost"].sum())
            whole = quantiles.shape[:2] == (block.stop - block.start, len(QUANTILES))
        except (OSError, ValueError, KeyError, EOFError, BadZipFile):
            whole = False
        if not (whole and np.isfinite(quantiles).all()):
            raise UserError(str(path), "is damaged", remedy)
        return quantiles, lost

    def load(self, name: str) -> Floats:
        """Read the quantiles of a reference, (n, 5, D), and count chains that did not converge."""
        found = [self._read(name, block) for block in self.blocks()]
        parts = [part for part in found if part]
        lost = sum(part[1] for part in parts)
        if lost:
            words = name.replace("_", " ")
            say(f"{lost} of {self.n} {words} chains did not converge in {MAX_STEPS} steps")
        return np.concatenate([part[0] for part in parts])


_references: dict[str, Reference] = {}
"""References of a process that fits."""


def _start(config: Mapping[str, Any], names: Sequence[str]) -> None:
    """Build the references, once in each process."""
    _references.update(build_references(build_simulator(config), names, max_steps=MAX_STEPS))


def _fit(task: tuple[str, Floats, int]) -> tuple[Floats, bool]:
    """Find the quantiles of one posterior, and whether its chains did not converge."""
    name, x, seed = task
    samples = _references[name].fit(x, seed)
    return np.quantile(samples.theta, QUANTILES, axis=0), bool(samples.notes)
