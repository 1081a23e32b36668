"""Define the exception for errors that a user can correct, and spelling hints."""

from collections.abc import Iterable
from difflib import get_close_matches


class UserError(ValueError):
    """Report an error that a user can correct, with key, problem and remedy.

    The message is one sentence: `observation.band is [10, 3], but must rise; swap the energies`. A
    command ends with exit code 2.

    Arguments:
        key: the setting (`observation.band`), argument or file that is wrong.
        problem: what is wrong with it, with the number and the limit; a verb comes first.
        remedy: what to do, in the imperative.

    Examples:
        >>> str(UserError("rate", "is -1 counts/s, but must be positive", "give a rate above 0"))
        'rate is -1 counts/s, but must be positive; give a rate above 0'
    """

    def __init__(self, key: str, problem: str = "", remedy: str = "") -> None:
        sentence = f"{key} {problem}".strip()
        super().__init__(f"{sentence}; {remedy}" if remedy else sentence)
        self.key = key
        self.problem = problem
        self.remedy = remedy

    def __reduce__(self) -> tuple[type["UserError"], tuple[str, str, str]]:
        """Pickle by the three parts, for errors that cross processes."""
        return type(self), (self.key, self.problem, self.remedy)


def system_reason(error: Exception) -> str:
    """Give the text of an error of the system in one line, or its class if it has no text.

    Examples:
        >>> system_reason(OSError(28, "No space left on device"))
        'No space left on device'
        >>> system_reason(TimeoutError())
        'TimeoutError'
    """
    text = str(getattr(error, "strerror", None) or error)
    return " ".join(text.split()) or type(error).__name__


def hint(word: str, choices: Iterable[str]) -> str:
    """Suggest the nearest choice, or list all of them.

    Examples:
        >>> hint("rat", ["rate", "segments"])
        'did you mean rate?'
        >>> hint("z", ["rate", "segments"])
        'there are: rate, segments'
    """
    known = sorted(choices)
    close = get_close_matches(word, known, 1, 0.5)
    return f"did you mean {close[0]}?" if close else f"there are: {', '.join(known)}"
