"""Read the course of a training from the logs in a member's folder."""

import csv
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

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
