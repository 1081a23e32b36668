"""Show an injection: a table and a figure of what the run finds behind its detector."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from livetime.check.inject import Injected
from livetime.outputs import provenance, write_json
from livetime.progress import say
from livetime.report import plot, plot_checks
from livetime.report.page import interval


def save_injection(injected: Injected, settings: Mapping[str, Any], folder: Path) -> None:
    """Write inject.json, inject.md and inject.png; print table, notes, warnings and verdict."""
    rows = injected.rows
    write_json(folder / "inject.json", {**injected.numbers(), **settings, **provenance()})
    lines = [
        injection_table(rows),
        *(f"note: {n}" for n in injected.notes),
        *(f"warning: {w}" for w in injected.warnings),
        injected.verdict,
    ]
    (folder / "inject.md").write_text("\n".join(lines) + "\n")
    plot_checks.injection(rows).savefig(folder / "inject.png", dpi=110)
    say("\n".join(lines))


def injection_table(rows: Sequence[Mapping[str, Any]]) -> str:
    """A row for each rate and quantity: medians and 68% intervals, `*` where the median lies within the original's."""
    methods = list(dict.fromkeys(row["method"] for row in rows))
    head = ["counts/s", "", *(plot.LABELS[m] for m in methods)]
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    for rate in dict.fromkeys(row["rate"] for row in rows):
        for name in dict.fromkeys(row["quantity"] for row in rows):
            own = [row for row in rows if (row["rate"], row["quantity"]) == (rate, name)]
            cells = [interval(row) + (" *" if row.get("inside68") else "") for row in own]
            lines.append(f"| {' | '.join([f'{rate:g}', name, *cells])} |")
    return "\n".join(
        [*lines, "", "Median (68% interval); * where the median lies within that of the original."]
    )
