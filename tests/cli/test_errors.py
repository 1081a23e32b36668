"""What the command line adds to an error, and which key it suggests."""

import pytest

from livetime.cli.errors import from_system, sentence
from livetime.cli.overrides import unknown
from livetime.errors import UserError
from livetime.outputs import writing

KNOWN = ["seed", "training", "training.batch_size", "training.epochs", "training.lr"]


@pytest.mark.parametrize(
    ("error", "typed"),
    [
        (UserError("run", "is missing", "give it"), "(run=<run folder>)"),
        (UserError("observation.dead_time", "is missing", "give it"), "dead_time=<value>)"),
        (UserError("output", "is mine, which exists", "choose another"), "overwrite=true)"),
        (UserError("run mine", "is not finished: no", "resume"), "train resume=<run folder>)"),
    ],
)
def test_what_to_type_is_added_where_it_is_known(error, typed):
    assert sentence(error).startswith(str(error))
    assert sentence(error).endswith(typed)


def test_other_errors_stay_as_they_are():
    error = UserError("training.epochs", "is 0, but must be above zero", "give more")
    assert sentence(error) == str(error)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("lr", "training.lr"),
        ("learning_rate", "training.lr"),
        ("training.learning_rate", "training.lr"),
        ("training.lrr", "training.lr"),
        ("training.epoch", "training.epochs"),
        ("sede", "seed"),
    ],
)
def test_a_hint_names_the_key_that_was_meant(key, meant):
    assert f"did you mean {meant}?" in str(unknown(key, KNOWN))


def test_a_hint_for_a_key_of_a_group_names_keys_of_the_group():
    assert "did you mean reference.names?" in str(
        unknown("reference.x", ["reference", "reference.names"])
    )


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (OSError("driver\n cannot  write"), "driver cannot write"),
        (OSError(), "OSError"),
    ],
)
def test_an_error_of_the_system_has_one_reason_wherever_it_is_found(error, reason, tmp_path):
    assert f"cannot be written: {reason};" in str(from_system(error))
    with pytest.raises(UserError, match=f"cannot be written: {reason};"), writing(tmp_path):
        raise error
