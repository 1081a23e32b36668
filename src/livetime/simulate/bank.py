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

SHARD = 2000
MANIFEST = "manifest.json"
MAX_NONFINITE = 0.01


class BankError(ValueError):
    """A bank that cannot be used, in one sentence that names the file and says what to do."""


def bank_hash(simulator: Simulator, seed: int) -> str:
    """Names a bank by prior, source, detector, summary, simulator version and seed, not by its size."""
    text = json.dumps({**simulator.identity(), "seed": seed}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _write(path: Path, data: bytes) -> None:
    aside = path.with_suffix(path.suffix + ".part")
    aside.write_bytes(data)
    os.replace(aside, path)


@dataclass(frozen=True)
class Bank:
    """A folder of simulations.

    Arguments:
        folder: holds the manifest and the shards.
        manifest: `hash`, `seed`, `identity`, `shards` (file, start, stop, sha256) and `nonfinite` (index and physical parameters).
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
        """Opens the simulator's bank under root, and simulates what is missing up to n.

        Each shard is written aside and renamed, then the manifest: a killed build goes on where it was. A lock lets one process
        build at a time; others wait and find the bank ready.

        Arguments:
            root: folder of banks.
            n: number of simulations that are wanted.
            seed: see `TimingSimulator`.
            progress: called with the number of new simulations done since.

        Raises: BankError if the manifest is damaged, or more than 1% of the simulations are not finite.
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
            _check_nonfinite(folder, manifest)
            start = manifest["shards"][-1]["stop"] if manifest["shards"] else 0
            with simulator.cores(n - start) as cores:
                while start < n:
                    stop = min(n, (start // SHARD + 1) * SHARD)
                    theta, x = simulator.simulate(start, stop, seed, progress, cores)
                    _add(folder, manifest, simulator, start, stop, theta, x)
                    start = stop
        return cls(folder, manifest)

    @classmethod
    def found(cls, root: Path, simulator: Simulator, seed: int) -> int:
        """Number of simulations that the simulator's bank under root holds already."""
        folder = root / bank_hash(simulator, seed)
        return len(cls.open(folder)) if (folder / MANIFEST).exists() else 0

    @classmethod
    def open(cls, folder: Path) -> "Bank":
        """Opens what is on disk.

        Raises: BankError if the folder is not a bank.
        """
        if not (folder / MANIFEST).exists():
            raise BankError(
                f"{folder} is not a bank of simulations: it has no {MANIFEST}; run `livetime simulate` to make one"
            )
        return cls(folder, _read_manifest(folder))

    def __len__(self) -> int:
        return int(self.manifest["shards"][-1]["stop"]) if self.manifest["shards"] else 0

    def load(self, n: int | None = None) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        """The finite ones of the first n simulations: theta (n, D + C) in sampling coordinates, x (n, layout.size).

        Raises: BankError that names a shard which is missing, damaged or from another bank; or if fewer than n are there.
        """
        n = len(self) if n is None else n
        if n > len(self):
            raise BankError(
                f"{self.folder} holds {len(self)} simulations, fewer than the {n} that are wanted; run `livetime simulate`"
            )
        parts = [self._shard(shard) for shard in self.manifest["shards"] if shard["start"] < n]
        theta = np.concatenate([p[0] for p in parts])[:n]
        x = np.concatenate([p[1] for p in parts])[:n]
        finite = np.isfinite(x).all(axis=1)
        return (theta, x) if finite.all() else (theta[finite], x[finite])

    def _shard(self, shard: dict[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
        path = self.folder / shard["file"]
        mend = f"delete the folder {self.folder} and simulate again"
        if not path.exists():
            raise BankError(f"{path} is missing, though the bank's manifest names it; {mend}")
        if hashlib.sha256(path.read_bytes()).hexdigest() != shard["sha256"]:
            raise BankError(
                f"{path} is damaged or belongs to another bank: its checksum is not the manifest's; {mend}"
            )
        with np.load(path) as file:
            return file["theta"], file["x"]


def _read_manifest(folder: Path) -> dict[str, Any]:
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
        if manifest["hash"] != folder.name or not isinstance(manifest["shards"], list):
            raise KeyError
        for shard in manifest["shards"]:
            _ = shard["file"], shard["start"], shard["stop"], shard["sha256"]
        _ = manifest["nonfinite"]
    except (json.JSONDecodeError, KeyError, TypeError, UnicodeDecodeError):
        raise BankError(
            f"{folder / MANIFEST} is damaged or of another bank; delete the folder {folder} and simulate again"
        ) from None
    return dict(manifest)


def _add(
    folder: Path,
    manifest: dict[str, Any],
    simulator: Simulator,
    start: int,
    stop: int,
    theta: NDArray[np.float64],
    x: NDArray[np.float32],
) -> None:
    """Writes one shard and then the manifest that names it."""
    file = f"{start:08d}-{stop:08d}.npz"
    aside = folder / f".{file}"
    np.savez(aside, theta=theta, x=x)
    aside.rename(folder / file)
    params = simulator.prior.physical(theta)
    bad = np.flatnonzero(~np.isfinite(x).all(axis=1))
    names = np.array(simulator.layout.names())
    for i in bad:
        entries = names[~np.isfinite(x[i])].tolist()
        manifest["nonfinite"].append(
            {
                "index": start + int(i),
                **{k: float(v[i]) for k, v in params.items()},
                "entries": entries,
            }
        )
    sha256 = hashlib.sha256((folder / file).read_bytes()).hexdigest()
    manifest["shards"].append({"file": file, "start": start, "stop": stop, "sha256": sha256})
    _write(folder / MANIFEST, json.dumps(manifest, indent=1).encode())
    _check_nonfinite(folder, manifest)


def _check_nonfinite(folder: Path, manifest: dict[str, Any]) -> None:
    """More than 1% stop the build that finds them, and every later one."""
    stop = manifest["shards"][-1]["stop"] if manifest["shards"] else 0
    if len(manifest["nonfinite"]) > max(MAX_NONFINITE * stop, 1):
        row = dict(manifest["nonfinite"][-1])
        entries = row.pop("entries", [])
        last = ", ".join(f"{k} = {v:.3g}" for k, v in row.items())
        if entries:
            last += f"; without a number: {entries[0]}" + (
                f" and {len(entries) - 1} more" if len(entries) > 1 else ""
            )
        raise BankError(
            f"{len(manifest['nonfinite'])} of {stop} simulations in {folder} are not finite, more than 1% (the last: {last}); "
            "change the prior or the source; the bank's manifest lists them all"
        )
