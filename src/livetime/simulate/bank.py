"""Keep simulations on disk: shards and a manifest, in a folder named by their settings."""

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from livetime.errors import UserError
from livetime.outputs import read_json, refuse_irregular, write_whole, writing
from livetime.processes import locked
from livetime.progress import say
from livetime.simulate.simulator import Simulator

Floats = NDArray[np.float64]

SHARD = 2000
"""Simulations in a file."""

MANIFEST = "manifest.json"

MAX_NONFINITE = 0.01
"""Share of simulations that may be not finite."""


REPEAT = "delete this file and simulate again"
"""Remedy for a shard, which is made anew alone: a simulation depends on seed and index."""


def bank_hash(simulator: Simulator, seed: int) -> str:
    """Name a bank by prior, source, detector, summary, simulator version and seed.

    The number of simulations is not part of the name, so that a bank can grow.
    """
    text = json.dumps({**simulator.identity(), "seed": seed}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Bank:
    """Read and write a folder of simulations.

    Arguments:
        folder: has the manifest and the shards.
        manifest: `hash`, `seed`, `identity`, `shards` (file, start, stop, sha256) and `nonfinite`
            (index and physical parameters).

    Examples:
        >>> manifest = {"shards": [{"file": "a.npz", "start": 0, "stop": 8, "sha256": ""}]}
        >>> len(Bank(Path("bank"), manifest))
        8
    """

    folder: Path
    manifest: dict[str, Any]

    @classmethod
    def build(
        cls,
        root: Path,
        simulator: Simulator,
        n: int,
        seed: int,
        progress: Callable[[int], object] | None = None,
    ) -> "Bank":
        """Open the simulator's bank under root, and add the simulations that are missing up to n.

        Each shard is written under a temporary name and renamed, then the manifest. So a build
        that was killed continues where it stopped. A deleted shard is simulated again. A lock
        allows one process to build at a time. Another waits for it, and says so, unless all
        that it needs is there.

        Arguments:
            root: folder of banks.
            simulator: draws the simulations.
            n: number of simulations that are wanted.
            seed: see `Simulator`.
            progress: receives the number of new simulations done since its last call.

        Raises: UserError if the manifest is damaged, or more than 1% of the simulations are not
            finite.
        """
        name = bank_hash(simulator, seed)
        folder = root / name
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        ready = cls._ready(folder, n)
        if ready is not None:
            return ready
        with locked(folder, f"simulates {n}", wait=True, notify=say):
            manifest = {
                "hash": name,
                "seed": seed,
                "identity": simulator.identity(),
                "shards": [],
                "nonfinite": [],
            }
            if (folder / MANIFEST).exists():
                kept = _read_manifest(folder)
                manifest["shards"] = kept["shards"]
                manifest["nonfinite"] = kept["nonfinite"]
            bank = cls(folder, manifest)
            bank._check_nonfinite()
            bank._restore(simulator)
            bank._grow(simulator, n, progress)
        return bank

    @classmethod
    def _ready(cls, folder: Path, n: int) -> "Bank | None":
        """Open a bank that lacks none of n simulations; None if there is something to simulate."""
        if not (folder / MANIFEST).exists():
            return None
        bank = cls.open(folder)
        bank._check_nonfinite()
        whole = all((folder / shard["file"]).exists() for shard in bank.manifest["shards"])
        return bank if whole and len(bank) >= n else None

    def _grow(self, simulator: Simulator, n: int, progress: Callable[[int], object] | None) -> None:
        """Simulate shard after shard until there are n simulations."""
        start = len(self)
        seed = self.manifest["seed"]
        with simulator.cores(n - start) as cores:
            while start < n:
                stop = min(n, (start // SHARD + 1) * SHARD)
                theta, x = simulator.simulate(start, stop, seed, progress, cores)
                self._add(simulator, start, theta, x)
                start = stop

    def _restore(self, simulator: Simulator) -> None:
        """Simulate the shards anew that the manifest names and that are not there."""
        shards = self.manifest["shards"]
        for i, shard in enumerate(shards):
            if (self.folder / shard["file"]).exists():
                continue
            theta, x = simulator.simulate(shard["start"], shard["stop"], self.manifest["seed"])
            shards[i] = self._write_shard(shard["start"], theta, x)
            self._write_manifest()

    def _add(self, simulator: Simulator, start: int, theta: Floats, x: NDArray[np.float32]) -> None:
        """Write one shard and then the manifest that names it."""
        shard = self._write_shard(start, theta, x)
        self.manifest["nonfinite"] += _describe_nonfinite(simulator, start, theta, x)
        self.manifest["shards"].append(shard)
        self._write_manifest()
        self._check_nonfinite()

    def _write_shard(self, start: int, theta: Floats, x: NDArray[np.float32]) -> dict[str, Any]:
        """Write the file of a shard, and give what the manifest keeps of it."""
        stop = start + len(x)
        path = self.folder / f"{start:08d}-{stop:08d}.npz"
        file = io.BytesIO()
        np.savez(file, theta=theta, x=x)
        data = file.getvalue()
        write_whole(path, data)
        digest = hashlib.sha256(data).hexdigest()
        return {"file": path.name, "start": start, "stop": stop, "sha256": digest}

    def _write_manifest(self) -> None:
        write_whole(self.folder / MANIFEST, json.dumps(self.manifest, indent=1).encode())

    def _check_nonfinite(self) -> None:
        """Refuse more than 1%, in the build that finds them and in every later one."""
        bad = self.manifest["nonfinite"]
        if len(bad) <= max(MAX_NONFINITE * len(self), 1):
            return
        row = dict(bad[-1])
        entries = row.pop("entries", [])
        last = ", ".join(f"{name} = {value:.3g}" for name, value in row.items())
        if entries:
            last += f"; without a number: {entries[0]}"
        if len(entries) > 1:
            last += f" and {len(entries) - 1} more"
        raise UserError(
            f"{len(bad)} of {len(self)} simulations in {self.folder}",
            f"are not finite, more than 1% (the last: {last})",
            "change the prior or the source (the manifest lists all)",
        )

    @classmethod
    def found(cls, root: Path, simulator: Simulator, seed: int) -> int:
        """Count the simulations that the simulator's bank under root has."""
        folder = root / bank_hash(simulator, seed)
        return len(cls.open(folder)) if (folder / MANIFEST).exists() else 0

    @classmethod
    def open(cls, folder: Path) -> "Bank":
        """Open a bank that is on disk.

        Raises: UserError if the folder is not a bank.
        """
        if not (folder / MANIFEST).exists():
            problem = f"is not a bank of simulations, since it has no {MANIFEST}"
            raise UserError(str(folder), problem, "simulate one")
        return cls(folder, _read_manifest(folder))

    def __len__(self) -> int:
        """Count the simulations."""
        shards = self.manifest["shards"]
        return int(shards[-1]["stop"]) if shards else 0

    def load(self, n: int | None = None) -> tuple[Floats, NDArray[np.float32]]:
        """Load the finite ones of the first n simulations.

        Arguments:
            n: number of simulations, including those that are not finite; None for all.

        Returns: theta (n, D + C) in sampling coordinates, and x (n, layout.size).

        Raises: UserError for a shard that is missing, damaged or from another bank, or for fewer
            than n simulations.
        """
        n = len(self) if n is None else n
        if n > len(self):
            problem = f"has {len(self)} simulations, but {n} are needed"
            raise UserError(str(self.folder), problem, "simulate more")
        parts = [self._shard(shard) for shard in self.manifest["shards"] if shard["start"] < n]
        theta = np.concatenate([part[0] for part in parts])[:n]
        x = np.concatenate([part[1] for part in parts])[:n]
        finite = np.isfinite(x).all(axis=1)
        return (theta, x) if finite.all() else (theta[finite], x[finite])

    def _shard(self, shard: dict[str, Any]) -> tuple[Floats, NDArray[np.float32]]:
        path = self.folder / shard["file"]
        refuse_irregular(path, REPEAT)
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() != shard["sha256"]:
            problem = "is damaged or of another bank: its checksum is not that of the manifest"
            raise UserError(str(path), problem, REPEAT)
        with np.load(io.BytesIO(data)) as file:
            theta, x = file["theta"], file["x"]
        if not len(theta) == len(x) == shard["stop"] - shard["start"]:
            problem = f"is damaged: it has another number of simulations than {path.name}"
            raise UserError(str(self.folder / MANIFEST), problem, _simulate_again(self.folder))
        return theta, x


def _describe_nonfinite(
    simulator: Simulator, start: int, theta: Floats, x: NDArray[np.float32]
) -> list[dict[str, Any]]:
    """List index, parameters and entries of the simulations that are not finite."""
    params = simulator.prior.physical(theta)
    names = np.array(simulator.layout.names())
    rows = []
    for i in np.flatnonzero(~np.isfinite(x).all(axis=1)):
        values = {name: float(column[i]) for name, column in params.items()}
        entries = names[~np.isfinite(x[i])].tolist()
        rows.append({"index": start + int(i), **values, "entries": entries})
    return rows


def _read_manifest(folder: Path) -> dict[str, Any]:
    """Read a manifest; UserError if it is damaged, or of another bank."""
    path = folder / MANIFEST
    remedy = _simulate_again(folder)
    manifest = read_json(path, remedy)
    try:
        whole = manifest["hash"] == folder.name and _are_shards(manifest["shards"])
        whole &= all(isinstance(row["index"], int) for row in manifest["nonfinite"])
    except (KeyError, TypeError):
        whole = False
    if not whole:
        raise UserError(str(path), "is damaged or of another bank", remedy)
    return manifest


def _simulate_again(folder: Path) -> str:
    return f"delete the folder {folder} and simulate again"


def _are_shards(shards: list[dict[str, Any]]) -> bool:
    """Check that shards follow each other from 0, in files of the bank's own folder."""
    stop = 0
    for shard in shards:
        start, stop_before = int(shard["start"]), stop
        stop = int(shard["stop"])
        if start != stop_before or stop <= start:
            return False
        if Path(shard["file"]).name != shard["file"] or not isinstance(shard["sha256"], str):
            return False
    return True
