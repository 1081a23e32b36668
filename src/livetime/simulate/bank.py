"""Simulations on disk: shards and a manifest, in a folder named by what shaped them."""

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from livetime.simulate.simulator import Simulator

Floats = NDArray[np.float64]

SHARD = 2000
"""Simulations in a file."""

MANIFEST = "manifest.json"

MAX_NONFINITE = 0.01
"""Share of simulations that may be not finite."""


class BankError(ValueError):
    """A bank that cannot be used, in one sentence that names the file and says what to do."""


def bank_hash(simulator: Simulator, seed: int) -> str:
    """Name a bank by prior, source, detector, summary, simulator version and seed.

    Its size does not matter, so that it can grow.
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
        """Open the simulator's bank under root, and simulate what is missing up to n.

        Each shard is written aside and renamed, then the manifest: a killed build goes on where it
        was. A lock lets one process build at a time; others wait and find the bank ready.

        Arguments:
            root: folder of banks.
            simulator: draws the simulations.
            n: number of simulations that are wanted.
            seed: see `Simulator`.
            progress: called with the number of new simulations done since the last call.

        Raises: BankError if the manifest is damaged, or more than 1% of the simulations are not
            finite.
        """
        name = bank_hash(simulator, seed)
        folder = root / name
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / ".lock"):
            if (folder / MANIFEST).exists():
                manifest = _read_manifest(folder)
            else:
                manifest = {
                    "hash": name,
                    "seed": seed,
                    "identity": simulator.identity(),
                    "shards": [],
                    "nonfinite": [],
                }
            bank = cls(folder, manifest)
            bank._check_nonfinite()
            bank._grow(simulator, n, progress)
        return bank

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

    def _add(self, simulator: Simulator, start: int, theta: Floats, x: NDArray[np.float32]) -> None:
        """Write one shard and then the manifest that names it."""
        stop = start + len(x)
        path = self.folder / f"{start:08d}-{stop:08d}.npz"
        aside = self.folder / f".{path.name}"
        np.savez(aside, theta=theta, x=x)
        aside.rename(path)

        self.manifest["nonfinite"] += _describe_nonfinite(simulator, start, theta, x)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self.manifest["shards"].append(
            {"file": path.name, "start": start, "stop": stop, "sha256": digest}
        )
        _write_whole(self.folder / MANIFEST, json.dumps(self.manifest, indent=1).encode())
        self._check_nonfinite()

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
        raise BankError(
            f"{len(bad)} of {len(self)} simulations in {self.folder} are not finite, more than 1% "
            f"(the last: {last}); change the prior or the source; the manifest lists them all"
        )

    @classmethod
    def found(cls, root: Path, simulator: Simulator, seed: int) -> int:
        """Count the simulations that the simulator's bank under root has."""
        folder = root / bank_hash(simulator, seed)
        return len(cls.open(folder)) if (folder / MANIFEST).exists() else 0

    @classmethod
    def open(cls, folder: Path) -> "Bank":
        """Open what is on disk.

        Raises: BankError if the folder is not a bank.
        """
        if not (folder / MANIFEST).exists():
            raise BankError(
                f"{folder} is not a bank of simulations, since it has no {MANIFEST}; simulate one"
            )
        return cls(folder, _read_manifest(folder))

    def __len__(self) -> int:
        """Count the simulations."""
        shards = self.manifest["shards"]
        return int(shards[-1]["stop"]) if shards else 0

    def load(self, n: int | None = None) -> tuple[Floats, NDArray[np.float32]]:
        """Load the finite ones of the first n simulations.

        Arguments:
            n: number of simulations, the others included; None for all.

        Returns: theta (n, D + C) in sampling coordinates, and x (n, layout.size).

        Raises: BankError that names a shard which is missing, damaged or from another bank; or if
            fewer than n are there.
        """
        n = len(self) if n is None else n
        if n > len(self):
            raise BankError(
                f"{self.folder} has {len(self)} simulations, but {n} are wanted; simulate more"
            )
        parts = [self._shard(shard) for shard in self.manifest["shards"] if shard["start"] < n]
        theta = np.concatenate([part[0] for part in parts])[:n]
        x = np.concatenate([part[1] for part in parts])[:n]
        finite = np.isfinite(x).all(axis=1)
        return (theta, x) if finite.all() else (theta[finite], x[finite])

    def _shard(self, shard: dict[str, Any]) -> tuple[Floats, NDArray[np.float32]]:
        path = self.folder / shard["file"]
        remedy = f"delete the folder {self.folder} and simulate again"
        if not path.exists():
            raise BankError(f"{path} is missing, though the bank's manifest names it; {remedy}")
        if hashlib.sha256(path.read_bytes()).hexdigest() != shard["sha256"]:
            raise BankError(
                f"{path} is damaged or belongs to another bank: its checksum is not the "
                f"manifest's; {remedy}"
            )
        with np.load(path) as file:
            return file["theta"], file["x"]


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


def _write_whole(path: Path, data: bytes) -> None:
    """Write a file aside and rename it, so that it is there as a whole or not at all."""
    aside = path.with_suffix(path.suffix + ".part")
    aside.write_bytes(data)
    os.replace(aside, path)


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        if manifest["hash"] != folder.name or not isinstance(manifest["shards"], list):
            raise KeyError
        for shard in manifest["shards"]:
            _ = [shard[key] for key in ("file", "start", "stop", "sha256")]
        _ = manifest["nonfinite"]
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError):
        raise BankError(
            f"{folder / MANIFEST} is damaged or of another bank; delete the folder {folder} and "
            "simulate again"
        ) from None
    return dict(manifest)
