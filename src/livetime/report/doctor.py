"""Show the diagnosis of an event file as a table for the terminal."""

from typing import Any

from rich.markup import escape
from rich.table import Table

from livetime.files.doctor import Diagnosis
from livetime.files.finding import EXIT_CODES, Finding, plural

COLUMNS = (
    "",
    "finding",
    "what was found, and what was done",
    "what it does to an rms, a QPO or a power spectrum",
)


def diagnosis_table(diagnosis: Diagnosis) -> Table:
    """List the findings of one file, worst first."""
    table = Table(*COLUMNS, title_justify="left")
    table.title = f"{diagnosis.file}: {_headline(diagnosis.facts)}"
    for finding in sorted(diagnosis.findings, key=_rank):
        parts = [finding.text, finding.action]
        words = escape(", ".join(filter(None, parts)))
        effect = escape(finding.effect)
        table.add_row(finding.severity, finding.code, words, effect)
    return table


def _rank(finding: Finding) -> int:
    """Rank a finding, the worst first."""
    return -EXIT_CODES[finding.severity]


def _headline(facts: dict[str, Any]) -> str:
    if not facts:
        return "unusable"
    if "modules" in facts:
        return f"successive files, {plural(len(facts['modules']), 'module')} in all"
    if "files" in facts:
        return f"modules of one observation, {facts['common_time']:.6g} s in common"
    mission = facts["mission"] or facts["telescop"] or "unknown mission"
    named = [mission, facts["instrume"], facts["object"]]
    names = " ".join(str(name) for name in named if name)
    intervals = plural(facts["intervals"], "good time interval")
    exposure = f"{facts['exposure']:.6g} s ({intervals})"
    rate = f"{facts['rate']:.4g} counts/s"
    parts = [names, f"{facts['events']} events in {exposure}", rate]
    if facts["live_time_fraction"]:
        source = facts["live_time_source"]
        parts.append(f"live-time fraction {facts['live_time_fraction']:.4g} ({source})")
    return escape(", ".join(parts))
