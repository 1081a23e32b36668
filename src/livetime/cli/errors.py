"""Put errors into words for the command line: one sentence, with the key as it is typed."""

import re

from livetime.cli.overrides import known_keys, unknown
from livetime.config import CONFIGS
from livetime.errors import UserError, hint, system_reason

TYPED = (
    (r"run", r"is missing", "run=<run folder>"),
    (r"observation\.path", r"is missing", "observation.path=A.evt, or [A.evt,B.evt]"),
    (r"inject\.path", r"is missing", "inject.path=<file>"),
    (r"[a-z_]+(\.\w+)+", r"is missing", "{key}=<value>"),
    (r"output", r"exists$", "or say overwrite=true"),
    (r"run .*", r"is not finished|members of its|lacks ", "livetime train resume=<run folder>"),
)
"""Key, problem, and what is typed to solve it."""

KINDS = {
    "Integer": "a whole number",
    "Float": "a number",
    "bool": "true or false",
}
"""OmegaConf's names of types -> ours."""


def sentence(error: UserError) -> str:
    """Put an error into words for the command line, with what to type if that is known.

    Examples:
        >>> sentence(UserError("run", "is missing", "give the folder of a training"))
        'run is missing; give the folder of a training (run=<run folder>)'
    """
    text = str(error)
    for key, problem, typed in TYPED:
        if re.fullmatch(key, error.key) and re.search(problem, error.problem):
            return f"{text} ({typed.format(key=error.key)})"
    return text


def from_system(error: OSError | MemoryError) -> UserError:
    """Make a UserError of an error of the operating system."""
    if isinstance(error, MemoryError):
        return UserError(
            "memory", f"is too small ({error})", "ask for fewer or shorter observations"
        )
    reason = system_reason(error)
    if error.filename is None:  # as of a print, or of a library's own files
        key = "standard output, or a library's temporary file,"
        remedy = "print to another file, or free space on the disk"
        return UserError(key, f"cannot be written: {reason}", remedy)
    remedy = "check the path, its permissions, the disk"
    return UserError(str(error.filename), f"cannot be used: {reason}", remedy)


def from_yaml(error: Exception) -> UserError:
    """Make a UserError of a YAML file that cannot be parsed."""
    text = " ".join(str(error).split())
    return UserError("configuration", f"cannot be parsed: {text}", "correct the file")


def from_hydra(error: Exception, command: str) -> UserError:
    """Make a UserError of an error of Hydra or OmegaConf.

    Arguments:
        error: as Hydra raised it.
        command: command whose keys are known.
    """
    for translate in (_from_grammar, _from_choice, _from_key):
        found = translate(error, command)
        if found is not None:
            return found
    return _from_value(error)


def _from_grammar(error: Exception, command: str) -> UserError | None:
    """Translate what Hydra's parser cannot read."""
    match = re.search(r"Ambiguous value for argument '([^=]+)=(.*)'", str(error))
    if match:
        key, value = match.groups()
        if (CONFIGS / key.lstrip("+")).is_dir():
            return UserError(f"{key}={value}", "names more than one", "choose one, or say -m")
        return UserError(
            f"{key}={value}", "is more than one value", f"say {key}=[{value}], or -m for a sweep"
        )
    if type(error).__name__ == "OverrideParseException":
        word = getattr(error, "override", "the command line")
        return UserError(str(word), "cannot be understood", "check its brackets and quotes")
    return None


def _from_choice(error: Exception, command: str) -> UserError | None:
    """Translate a choice that a group does not have."""
    match = re.search(r"Could not find '([\w/]+)/([^'/]+)'", str(error))
    if not match:
        return None
    group, choice = match.groups()
    names = [path.stem for path in (CONFIGS / group).glob("*.yaml")]
    return UserError(f"{group}={choice}", "is not known", hint(choice, names))


def _from_key(error: Exception, command: str) -> UserError | None:
    """Translate a key that is not in the configuration, or a value of the wrong type."""
    text = str(error)
    pattern = r"Could not override '([^']+)'|Key '([^']+)' (?:is )?not in|full_key: (\S+)"
    match = re.search(pattern, text)
    if not match:
        return None
    full = re.search(r"full_key: (\S+)", text)
    key = match[1] or (full[1] if full else match[2] or match[3])
    known = known_keys(command)
    if key not in known:
        return unknown(key, known)
    return _from_value(error)


def _from_value(error: Exception) -> UserError:
    """Translate a value that does not fit the schema."""
    text = f"{error}\n{error.__cause__ or ''}"
    found = re.search(r"full_key: (\S+)", text)
    if not found:
        lines = [line.strip() for line in text.splitlines() if line.strip()]
        return UserError(
            "configuration", f"is refused: {' '.join(lines[:2])}", "correct the key or the value"
        )

    key = found[1]
    wrong = re.search(
        r"Value '(.*)' (?:of .* could not be converted to|is not a valid) (\w+)", text
    )
    if wrong:
        wanted = KINDS.get(wrong[2], wrong[2])
        return UserError(key, f"is {wrong[1]}, but must be {wanted}", "give such a value")
    if "ListConfig" in text:
        return UserError(key, "must be a list", f"say {key}=[...]")
    if "is not Optional" in text:
        return UserError(key, "is null, but must have a value", "give a value")
    return UserError(key, f"is refused: {text.splitlines()[0].strip()}", "correct the value")
