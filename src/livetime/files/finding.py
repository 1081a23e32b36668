"""A leaf: what is said of an event file: what is wrong, what was done about it, and what it does to a measurement."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from livetime.errors import UserError

Severity = Literal["fact", "warning", "unusable"]


@dataclass(frozen=True)
class Finding:
    """One thing that a referee would remark.

    Arguments:
        name: stable, for scripts.
        severity: `fact` for what is as it must be, but is to be known; `warning`; `unusable`.
        what: what is there, with numbers.
        done: what was done about it; empty for nothing.
        effect: what it does to a rms, a QPO or a power spectrum.
    """

    name: str
    severity: Severity
    what: str
    done: str = ""
    effect: str = ""

    @property
    def noted(self) -> bool:
        """Whether an answer has to tell of it: something was done, or is wrong."""
        return bool(self.done) or self.severity != "fact"

    def note(self, file: str) -> str:
        return f"{file}: {self.what}" + (f", {self.done}" if self.done else "")


class NoGoodTimeError(UserError):
    """The good time intervals cannot be used, but all from the first to the last event can."""


def counted(n: int, what: str) -> str:
    return f"{n} {what}{'' if n == 1 else 's'}"


def add(
    findings: list[Finding],
    name: str,
    which: Any,
    noun: str,
    rest: str,
    done: str,
    effect: str,
    severity: Severity = "warning",
) -> None:
    """Adds a finding that counts the rows in the mask `which`, where there are any: `3 events earlier than the one before`."""
    if n := int(np.sum(which)):
        findings.append(
            Finding(name, severity, f"{counted(n, noun)} {rest}".rstrip(), done, effect)
        )


def notes(findings: Sequence[Finding], file: str) -> list[str]:
    return [finding.note(file) for finding in findings if finding.noted]
