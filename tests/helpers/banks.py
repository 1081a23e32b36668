"""A bank of simulations that were not drawn by a simulator of livetime, for tests."""

import hashlib
import json

import numpy as np

from livetime.simulate.bank import MANIFEST, Bank


def bank_of(folder, theta, x):
    """Write parameters and summaries as a bank of one shard into a folder, and open it."""
    folder.mkdir(exist_ok=True)
    shard_file = folder / "all.npz"
    np.savez(shard_file, theta=theta, x=x)
    shard = {
        "file": shard_file.name,
        "start": 0,
        "stop": len(x),
        "sha256": hashlib.sha256(shard_file.read_bytes()).hexdigest(),
    }
    manifest = {"hash": folder.name, "seed": 0, "shards": [shard], "nonfinite": []}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    return Bank.open(folder)
