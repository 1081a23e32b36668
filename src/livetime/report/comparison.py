"""Show a comparison of network and references: a table and a figure."""

from pathlib import Path

from livetime.check.compare import Comparison
from livetime.outputs import provenance, write_json
from livetime.progress import say
from livetime.report import plot


def save_comparison(comparison: Comparison, folder: Path) -> None:
    """Write comparison.json, comparison.md and comparison.png; print the table."""
    pooled = comparison.pooled()
    write_json(folder / "comparison.json", {**comparison.numbers(), **provenance()})
    text = comparison_table(comparison)
    text += "\n" + "\n".join(
        f"Pooled, {plot.LABELS[m]}: 68% intervals cover {p['68']:.3f}, 95% intervals {p['95']:.3f}."
        for m, p in pooled.items()
    )
    (folder / "comparison.md").write_text(text + "\n")
    say(text)
    grid = comparison.grid
    along = next((name for name in reversed(grid) if name != comparison.target), grid[0])
    by = next((name for name in grid if name != along), None)
    shares = {m: p["68"] for m, p in pooled.items()}
    figure = plot.comparison(comparison.rows, comparison.quantity, along, by, shares)
    figure.savefig(folder / "comparison.png", dpi=110)


def comparison_table(comparison: Comparison) -> str:
    """A row for each cell, with bias (standard error) of a quantity, its 68% half-width and 68% coverage, of each method."""
    table, methods = comparison.rows, comparison.methods
    head = [
        *comparison.grid,
        *(
            f"{plot.LABELS[m]}: {what}"
            for m in methods
            for what in (f"bias of {comparison.quantity}", "width", "in 68%")
        ),
    ]
    lines = [f"| {' | '.join(head)} |", "|" + " --- |" * len(head)]
    for start in range(0, len(table), len(methods)):
        cell = table[start : start + len(methods)]
        values = [f"{v:g}" for v in cell[0]["cell"].values()]
        for row in cell:
            values += [
                f"{row['bias']:+.3f} ({row['bias_error']:.3f})",
                f"{row['half_width']:.3f}",
                f"{row['coverage68']:.2f}",
            ]
        lines.append(f"| {' | '.join(values)} |")
    return "\n".join(lines) + "\n"
