"""Findings: what is remarkable in a file, what was done about it, and its effect on parameters."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from livetime.errors import UserError

Severity = Literal["note", "warning", "unusable"]

EXIT_CODES: dict[Severity, int] = {"note": 0, "warning": 1, "unusable": 2}
"""How bad a severity is; `doctor` ends with the worst one."""


@dataclass(frozen=True)
class Finding:
    """One thing about a file that a referee would remark on.

    Arguments:
        code: stable name, for scripts.
        severity: `note` for what is normal but worth knowing, `warning` for what may bias an
            answer, `unusable` for what no answer can be drawn from.
        text: what was found, with its numbers.
        action: what was done about it; empty for nothing.
        effect: what it does to a rms, a QPO, a rate or a power spectrum.
        file: name of the file; empty for a finding on all files together.

    Example:
        >>> late = Finding("unsorted", "warning", "2 events are out of order", "now sorted")
        >>> late.of_file("A.evt").sentence
        'A.evt: 2 events are out of order, now sorted'
    """

    code: str
    severity: Severity
    text: str
    action: str = ""
    effect: str = ""
    file: str = ""

    @property
    def noted(self) -> bool:
        """Say whether an answer must mention it: something was done, or may be wrong."""
        return bool(self.action) or self.severity != "note"

    @property
    def sentence(self) -> str:
        """Word the finding: the file, what was found, what was done."""
        parts = [part for part in (self.text, self.action) if part]
        words = ", ".join(parts)
        return f"{self.file}: {words}" if self.file else words

    def of_file(self, name: str) -> "Finding":
        """Copy the finding with the name of its file."""
        return replace(self, file=name)


class NoGoodTimeError(UserError):
    """The good time intervals are unusable, but the span from first to last event is usable.

    Example:
        >>> str(NoGoodTimeError("a.evt", "has no GTI", "set observation.gti=full"))
        'a.evt has no GTI; set observation.gti=full'
    """


def noted_sentences(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Word the findings that an answer must mention, one sentence each.

    Example:
        >>> noted_sentences([Finding("gaps", "note", "3 gaps"), Finding("bursts", "warning", "1")])
        ('1',)
    """
    return tuple(finding.sentence for finding in findings if finding.noted)


def plural(number: int, noun: str) -> str:
    """Write a number and its noun, with an s where the number is not one.

    Example:
        >>> plural(1, "event"), plural(2, "event")
        ('1 event', '2 events')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
