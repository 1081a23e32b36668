"""Turn the words of a command line into flags and overrides in Hydra's grammar."""

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from livetime.cli.help import COMMANDS, root_of, settings_of
from livetime.config import CONFIGS
from livetime.errors import UserError, hint
from livetime.simulate.fits_names import fits_name

FLAGS_WITH_VALUE = ("--cfg", "-c", "--package", "-p", "--info", "-i")
FLAGS = (*FLAGS_WITH_VALUE, "-m", "--multirun", "--resolve", "--hydra-help")
SWEEP = {"-m", "--multirun"}
CFG = ("--cfg", "-c")
CFG_VALUES = ("all", "hydra", "job")

PATHS = (
    "run",
    "resume",
    "output",
    "outputs",
    "inject.path",
    "observation.path",
    "observation.spectrum",
    "observation.arf",
    "observation.rmf",
    "observation.background_spectrum",
    "observation.gti",
    "detector.arf",
    "detector.rmf",
)
"""Keys whose values are paths: they are quoted, so that `(`, `=` and spaces pass."""

FREE = ("truth", "fixed", "grid", "prior_odds")
"""Mappings whose keys are the names of parameters or classes, not the schema's."""

LISTS = ("observation.path", "observation.exclude", "inject.rates", "stress")
"""Keys that take a list: one bare value is put into brackets. So is one of `grid`."""

COMPOSED = [name for name in COMMANDS if name != "doctor"]
"""Commands whose settings Hydra composes."""

SYNONYMS = {
    "learning_rate": "lr",
    "num_epochs": "epochs",
    "batchsize": "batch_size",
    "device": "accelerator",
    "gpu": "accelerator",
    "cores": "threads",
    "samples": "draws",
}
"""Names of other packages -> the last part of our keys."""

NUMBER = re.compile(r"[-+.\d][-+.\de]*")


def arrange(command: str, words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separate flags from overrides that Hydra can parse, in any order.

    Arguments:
        command: command whose keys the words may set.
        words: as typed.

    Raises:
        UserError: for a flag or key that the command does not take, or a word that is neither.

    Examples:
        >>> arrange("infer", ["run=my (run)", "--cfg", "job"])
        (['--cfg', 'job'], ["run='my (run)'"])
    """
    flags, rest = _flags(words)
    overrides = _name_files(rest) if command == "infer" else rest
    for word in overrides:
        _check_key(command, word)
    multirun = bool(SWEEP & set(flags))
    return flags, [_override(word, multirun) for word in overrides]


def _flags(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Pick the flags out of a line."""
    flags: list[str] = []
    others: list[str] = []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if not word.startswith("-"):
            others.append(word)
            continue
        flag, _, value = word.partition("=")
        if flag not in FLAGS:
            raise UserError(word, "is not known", hint(word, FLAGS))
        flags.append(word)
        if word in FLAGS_WITH_VALUE and rest:
            value = rest.pop(0)
            flags.append(value)
        if flag in CFG and value not in CFG_VALUES:
            problem = f"is {value}, which is not known" if value else "has no value"
            raise UserError(flag, problem, hint(value, CFG_VALUES))
    return flags, others


def _name_files(words: Sequence[str]) -> list[str]:
    """Gather bare names of files that exist as `observation.path=[...]`."""
    files = [word for word in words if _is_bare_file(word)]
    others = [word for word in words if word not in files]
    if not files:
        return others
    if any(word.startswith("observation.path=") for word in others):
        raise UserError("observation.path", "is given twice", "name each event file once")
    names = ",".join(quoted(file) for file in files)
    return [*others, f"observation.path=[{names}]"]


def _is_bare_file(word: str) -> bool:
    """Say whether a word is the name of a file, and not a key with its value."""
    key, equals, _ = word.partition("=")
    sets_a_key = bool(equals) and _is_key(key)
    return not sets_a_key and fits_name(word).file.is_file()


def _is_key(key: str) -> bool:
    """Say whether any command has this key."""
    top = _top(key)
    return any(top in root_of(name).names for name in COMPOSED)


def _top(key: str) -> str:
    """Give the first part of a key: `training` of `+training.lr`."""
    return re.split(r"[./@]", key.lstrip("+~"))[0]


def _check_key(command: str, word: str) -> None:
    """Refuse a word without a value, and a key that is unknown or another command's."""
    key, equals, _ = word.partition("=")
    top = _top(key)
    names = root_of(command).names
    if not equals and not word.startswith("~"):
        raise _without_value(command, word)
    if top in names or top == "hydra":
        return

    if key.startswith("+"):
        raise unknown(key.lstrip("+"), known_keys(command))
    owners = [name for name in COMPOSED if top in root_of(name).names]
    if owners:
        near = get_close_matches(top, names, 1, 0.8)
        raise UserError(
            key.lstrip("+~"),
            f"is a key of {' and '.join(owners[:2])}, not of {command}",
            f"did you mean {near[0]}?" if near else "leave it out",
        )


def _without_value(command: str, word: str) -> UserError:
    """Say what a word without `=` was perhaps meant to be."""
    names = root_of(command).names
    paths = sorted(CONFIGS.rglob(f"*/{word}.yaml")) if word.isidentifier() else []
    groups = [path.parent.relative_to(CONFIGS).as_posix() for path in paths]
    choices = [f"{group}={word}" for group in groups if _top(group) in names]
    if word in names:
        return UserError(word, "has no value", f"say {word}=<value>")
    if "run" in names and (Path(word) / "config.json").exists():
        return UserError(word, "is a run folder", f"say run={word}")
    if choices:
        return UserError(word, "is not a key", f"say {choices[0]}")
    if Path(word).exists():
        return UserError(word, "is a file or folder", f"{command} takes key=value")
    if "/" in word or "." in word:
        return UserError(word, "is not an existing file", "check the path, or say key=value")
    return UserError(word, "is not a key with a value", hint(word, names))


def _override(word: str, multirun: bool) -> str:
    """Quote paths, put brackets around lists, and add the names that the prior gives."""
    key, equals, value = word.partition("=")
    if not equals:
        return word
    if (key, value) == ("detector", "null"):
        return "~detector"  # Hydra takes null in a file, and not here
    _check_choice(key, value)
    _check_value(key, value)

    is_list = key in LISTS or key.startswith("grid.")
    if key in PATHS:
        value = _quoted_paths(value, multirun)
    is_single = key in PATHS or NUMBER.fullmatch(value) or re.fullmatch(r"\w+", value)
    if is_list and value == "null":
        raise UserError(key, "is null, but must be a list", f"say {key}=[...]")
    if is_list and is_single and not multirun and not value.startswith("["):
        value = f"[{value}]"
    prefix = "++" if key.split(".")[0] in FREE else ""
    return f"{prefix}{key}={value}"


def _check_choice(key: str, value: str) -> None:
    """Refuse a number or nothing as the name of a group's choice."""
    group = CONFIGS / key.lstrip("+")
    if key == "observation":
        raise UserError(f"observation={value}", "is not known", f"say observation.path={value}")
    if group.is_dir() and (NUMBER.fullmatch(value) or value in ("", "null")):
        names = [path.stem for path in group.glob("*.yaml")]
        raise UserError(f"{key}={value}", "is not the name of a choice", hint(value, names))


def _check_value(key: str, value: str) -> None:
    """Refuse an empty path, as an unset variable of the shell gives, and a mapping by no name."""
    if key in PATHS and value == "":
        raise UserError(key, "is empty", "give a path, or leave it out")
    if key in FREE and not value.startswith("{"):
        typed = f"say {key}.<name>=<value>"
        raise UserError(f"{key}={value}", "sets no name to a value", typed)


def _quoted_paths(value: str, multirun: bool) -> str:
    """Quote one path, the paths of a list, or those of a sweep."""
    if value.startswith("[") and value.endswith("]"):
        return "[" + ",".join(quoted(part) for part in _split(value[1:-1])) + "]"
    if multirun:
        return ",".join(quoted(part) for part in _split(value))
    return quoted(value)


def quoted(value: str) -> str:
    """Quote a value in Hydra's grammar, unless it is quoted or null.

    Examples:
        >>> quoted("a (1).evt")
        "'a (1).evt'"
    """
    if value[:1] in "'\"" or value in ("null", ""):
        return value
    ended = re.sub(r"(\\+)$", r"\1\1", value)
    return "'" + re.sub(r"(\\*)'", r"\1\1\\'", ended) + "'"


def _split(text: str) -> list[str]:
    """Split at commas that are not in quotes.

    Examples:
        >>> _split("a, 'b, c'")
        ['a', "'b, c'"]
    """
    parts = re.findall(r"\s*(?:'[^']*'|\"[^\"]*\")\s*|[^,]+", text)
    return [part.strip() for part in parts if part.strip()]


def unknown(key: str, known: list[str]) -> UserError:
    """Name the nearest key, or the keys that stand beside it."""
    group, _, leaf = key.rpartition(".")
    leaf = SYNONYMS.get(leaf, leaf)
    siblings = [name for name in known if group and name.rpartition(".")[0] == group]
    searches: tuple[Callable[[], list[str]], ...] = (
        lambda: [name for name in known if name.rpartition(".")[2] == leaf],
        lambda: get_close_matches(key, [name for name in known if "." in name or not group], 1),
        lambda: siblings,
        lambda: get_close_matches(key.partition(".")[0], known, 1, 0.6),
        lambda: [name for name in known if "." not in name],
    )
    near = next(found for found in (search() for search in searches) if found)
    remedy = f"did you mean {near[0]}?" if len(near) == 1 else hint(key, near)
    return UserError(key, "is not known", remedy)


def store_schemas() -> None:
    """Register the settings of each command as the schema of its root."""
    from hydra.core.config_store import ConfigStore

    store = ConfigStore.instance()
    for command in COMPOSED:
        store.store(f"schema_{command}", node=settings_of(command))


def known_keys(command: str) -> list[str]:
    """List every key that a command takes, with dots, and its groups."""
    from hydra import compose
    from hydra.core.global_hydra import GlobalHydra
    from hydra.initialize import initialize_config_dir
    from omegaconf import OmegaConf

    store_schemas()
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config: Any = OmegaConf.to_container(compose(command))
    own = root_of(command).names
    groups = [path.relative_to(CONFIGS).as_posix() for path in CONFIGS.rglob("*") if path.is_dir()]
    named = [*_dotted(config), *groups]
    return sorted({name for name in named if re.split(r"[./]", name)[0] in own})


def _dotted(node: dict[str, Any], prefix: str = "") -> list[str]:
    """List the keys of nested mappings with dots."""
    names = []
    for key, value in node.items():
        names.append(f"{prefix}{key}")
        if isinstance(value, dict):
            names += _dotted(value, f"{prefix}{key}.")
    return names
