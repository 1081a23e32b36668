"""Describe findings: what is unusual in a file, the action taken, the effect on a result."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from livetime.errors import UserError

Severity = Literal["note", "warning", "unusable"]

EXIT_CODES: dict[Severity, int] = {"note": 0, "warning": 1, "unusable": 2}
"""How bad a severity is; `doctor` ends with the worst one."""


@dataclass(frozen=True)
class Finding:
    """Keep one fact about a file that a referee would question.

    Arguments:
        code: stable name, for scripts.
        severity: `note` for a normal fact, `warning` for one that may bias an answer, `unusable`
            for one that prevents any answer.
        text: what was found, with its numbers.
        action: what was done about it; empty if nothing was done.
        effect: its consequence for an rms, a QPO, a rate or a power spectrum.
        file: name of the file; empty for a finding on all files together.
        corrected: whether the action leaves no effect on the parameters.

    Examples:
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
    corrected: bool = False

    @property
    def doubtful(self) -> bool:
        """Say whether the finding is a reason to distrust an answer: an uncorrected warning."""
        return self.severity != "note" and not self.corrected

    @property
    def noted(self) -> bool:
        """Say whether an answer mentions the finding: it is a warning, or an action was taken."""
        return bool(self.action) or self.severity != "note"

    @property
    def sentence(self) -> str:
        """Put the finding into words: the file, what was found, what was done."""
        parts = [part for part in (self.text, self.action) if part]
        words = ", ".join(parts)
        return f"{self.file}: {words}" if self.file else words

    @property
    def reason(self) -> str:
        """Put the finding and its effect into words, as a reason to distrust an answer."""
        return f"{self.sentence} ({self.effect})" if self.effect else self.sentence

    def of_file(self, name: str) -> "Finding":
        """Copy the finding with the name of its file."""
        return replace(self, file=name)


class NoGoodTimeError(UserError):
    """The good time intervals are unusable, but the span from first to last event is usable.

    Examples:
        >>> str(NoGoodTimeError("a.evt", "has no GTI", "set observation.gti=full"))
        'a.evt has no GTI; set observation.gti=full'
    """


def noted_sentences(findings: Iterable[Finding]) -> tuple[str, ...]:
    """List the findings that an answer must mention, one sentence each.

    Examples:
        >>> noted_sentences([Finding("gaps", "note", "3 gaps"), Finding("bursts", "warning", "1")])
        ('1',)
    """
    return tuple(finding.sentence for finding in findings if finding.noted)


def reasons(findings: Iterable[Finding]) -> list[str]:
    """List the findings that are reasons to distrust an answer, each with its effect.

    Examples:
        >>> step = Finding("rate_step", "warning", "the rate steps", effect="false rms")
        >>> reasons([step, Finding("gaps", "note", "3 gaps")])
        ['the rate steps (false rms)']
    """
    return [finding.reason for finding in findings if finding.doubtful]


def plural(number: int, noun: str) -> str:
    """Write a number and its noun, with an s where the number is not one.

    Examples:
        >>> plural(1, "event"), plural(2, "event")
        ('1 event', '2 events')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"
