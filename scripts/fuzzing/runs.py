"""Damaged run folders.

Each mutation is a function of random numbers and the run folder, which it changes; it returns
what it did.
"""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from fuzzing import cards

Rng = np.random.Generator
Mutation = Callable[[Rng, Path], str]
JSON = (
    "config.json",
    "metrics.json",
    "training_range.json",
    "inflation.json",
    "discrepancies.json",
    "run.json",
)


def _any_file(rng: Rng, run: Path) -> Path:
    """Choose a file of a run; those that an answer needs more often."""
    files = sorted(path for path in run.rglob("*") if path.is_file())
    needed = [path for path in files if path.suffix in (".json", ".ckpt", ".pt", ".safetensors")]
    chosen = needed if needed and rng.uniform() < 0.8 else files
    return chosen[int(rng.integers(len(chosen)))]


def _json_file(rng: Rng, run: Path) -> Path:
    files = [run / name for name in JSON if (run / name).is_file()]
    return files[int(rng.integers(len(files)))]


def damaged(rng: Rng, run: Path) -> str:
    """Flip bits of a file, cut it, or set a stretch to zero."""
    path = _any_file(rng, run)
    if path.stat().st_size == 0:
        return f"{path.name} is empty"
    how = (cards.flip_anywhere, cards.truncate, cards.erase, cards.insert)[int(rng.integers(4))]
    return how(rng, path)


def absent(rng: Rng, run: Path) -> str:
    """Remove a file."""
    path = _any_file(rng, run)
    path.unlink()
    return f"{path.relative_to(run)} removed"


def replaced(rng: Rng, run: Path) -> str:
    """Put something that is no plain file in the place of a file."""
    path = _any_file(rng, run)
    path.unlink()
    how = str(
        rng.choice(["FIFO", "folder", "link to itself", "link to nothing", "device", "empty"])
    )
    if how == "FIFO":
        os.mkfifo(path)
    elif how == "folder":
        path.mkdir()
    elif how == "link to itself":
        path.symlink_to(path)
    elif how == "link to nothing":
        path.symlink_to("nowhere")
    elif how == "device":
        path.symlink_to("/dev/zero")
    else:
        path.touch()
    return f"{path.relative_to(run)} replaced by a {how}"


TEXTS = (
    "null", "[]", "{}", "5", '"x"', "NaN", "", "{", "[" * 100_000, '{"a":' * 50_000,
    "\x00\x01", '{"good": true, "verdict": 5}', '{"inflation": 1e999}', '{"inflation": "x"}',
    '{"inflation": {}}', '{"low": [1], "high": [2]}', '{"low": "x", "high": {}}', "1" * 10_000,
)  # fmt: skip


def other_json(rng: Rng, run: Path) -> str:
    """Replace a JSON file by other JSON, or by none."""
    path = _json_file(rng, run)
    text = TEXTS[int(rng.integers(len(TEXTS)))]
    path.write_text(text)
    return f"{path.name} contains {text[:30]!r}"


VALUES = (None, 0, -1, 1, 2, 1e300, float("nan"), float("inf"), "x", [], {}, True, 10**30, 1e-3)


def edited_json(rng: Rng, run: Path) -> str:
    """Change one value of a JSON file."""
    path = _json_file(rng, run)
    content = json.loads(path.read_text())
    places: list[tuple] = []

    def collect(node: object) -> None:
        items = node.items() if isinstance(node, dict) else enumerate(node)  # type: ignore
        for key, value in items:
            places.append((node, key, value))
            if isinstance(value, (dict, list)):
                collect(value)

    collect(content)
    node, key, old = places[int(rng.integers(len(places)))]
    new = VALUES[int(rng.integers(len(VALUES)))]
    if isinstance(old, (int, float)) and not isinstance(old, bool) and rng.uniform() < 0.4:
        new = old * 2
    node[key] = new
    path.write_text(json.dumps(content))
    return f"{key} of {path.name} from {str(old)[:30]} to {str(new)[:30]}"


def keys_removed(rng: Rng, run: Path) -> str:
    """Remove a key of a JSON file."""
    path = _json_file(rng, run)
    content = json.loads(path.read_text())
    key = str(rng.choice(sorted(content)))
    del content[key]
    path.write_text(json.dumps(content))
    return f"{key} removed from {path.name}"


def weights(rng: Rng, run: Path) -> str:
    """Set weights to zero, huge numbers or NaN, with or without a correct checksum."""
    import torch

    files = sorted(path for path in run.rglob("*.ckpt"))
    path = files[int(rng.integers(len(files)))]
    content = torch.load(path, weights_only=True, map_location="cpu")
    tensors = [t for t in content["state_dict"].values() if t.is_floating_point()]
    value = float(rng.choice([0.0, 1e3, 1e30, np.nan, np.inf]))
    which = range(len(tensors)) if rng.uniform() < 0.5 else [int(rng.integers(len(tensors)))]
    for number in which:
        tensors[number].fill_(value)
    torch.save(content, path)
    return f"{len(which)} tensors of {path.relative_to(run)} set to {value:g}"


def more_members(rng: Rng, run: Path) -> str:
    """Add a member, or rename one."""
    member = sorted(run.glob("member_*"))[0]
    target = run / str(rng.choice(["member_1", "member_x", "member_99"]))
    if rng.uniform() < 0.5:
        shutil.copytree(member, target)
        return f"{member.name} copied to {target.name}"
    member.rename(target)
    return f"{member.name} renamed to {target.name}"


RUNS: tuple[Mutation, ...] = (
    damaged, damaged, absent, replaced, other_json, edited_json, edited_json, keys_removed,
    weights, more_members,
)  # fmt: skip
