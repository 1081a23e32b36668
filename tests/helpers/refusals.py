"""Check that a refusal is a sentence that a user can act on."""

import pytest

from livetime.errors import UserError

MAX_WORDS = 25
"""Words of problem and remedy together; a path counts as one."""


def refusal(call, *args, **options):
    """Call something that must raise UserError, check its three parts, and return the sentence."""
    with pytest.raises(UserError) as caught:
        call(*args, **options)
    return checked(caught.value)


def checked(error):
    """Check the parts of an error: key, problem and remedy, on one line, at most 25 words."""
    assert error.key, error
    assert error.problem, error
    assert error.remedy, error
    assert "\n" not in str(error)
    words = f"{error.problem} {error.remedy}".split()
    assert len(words) <= MAX_WORDS, f"{len(words)} words: {error}"
    return str(error)
