"""Read the course of a training from a member's logs, and the numbers of a run's tests."""

import csv
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from livetime.errors import UserError
from livetime.outputs import read_json

LOSSES = ("train/loss", "val/loss")
"""Columns of a log."""


def member_history(folder: Path) -> dict[str, list[float]]:
    """Read the logs of one member; a later log replaces the epochs of an earlier one.

    Arguments:
        folder: of the member.

    Returns:
        `epoch`, `train/loss` and `val/loss`, one number an epoch.
    """
    earlier = [log for log in folder.glob("metrics_*.csv") if log.stem[8:].isdecimal()]
    earlier.sort(key=lambda log: int(log.stem[8:]))
    rows: dict[int, dict[str, float]] = {}
    for log in [*earlier, folder / "metrics.csv"]:
        for row in _log_rows(log):
            rows.setdefault(int(row.pop("epoch")), {}).update(row)

    whole = {epoch: row for epoch, row in sorted(rows.items()) if len(row) == len(LOSSES)}
    columns = {key: [row[key] for row in whole.values()] for key in LOSSES}
    return {"epoch": [float(epoch) for epoch in whole], **columns}


def _log_rows(log: Path) -> Iterator[dict[str, float]]:
    """Read the numbers of each row of a log; a stopped training leaves a row that is cut."""
    if not log.is_file():
        return
    with log.open(newline="", errors="replace") as file:
        for row in csv.DictReader(file):
            with suppress(ValueError, KeyError):
                epoch = int(row["epoch"] or "")
                filled = {key: float(row[key]) for key in LOSSES if row.get(key)}
                yield {"epoch": epoch, **filled}


def read_test(path: Path, remedy: str) -> dict[str, Any]:
    """Read the numbers of a test on held-out simulations.

    Arguments:
        path: of the JSON file.
        remedy: for a damaged file.

    Returns:
        at least `n`, the number of simulations; `good`; and `verdict`, a sentence.

    Raises:
        UserError: if the file is damaged.
    """
    numbers = read_json(path, remedy)
    wanted = {"good": bool, "verdict": str, "n": int}
    if not all(type(numbers.get(name)) is kind for name, kind in wanted.items()):
        raise UserError(str(path), "is damaged", remedy)
    return numbers
