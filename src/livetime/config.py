"""Check plain types, and build settings and objects from them; no other module builds.

Only classes of livetime are built, so that a run folder from elsewhere cannot run other code.
"""

import importlib
import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ConfigDict, TypeAdapter, ValidationError, validate_call

from livetime.errors import UserError, hint

T = TypeVar("T")

PACKAGE = Path(__file__).parent
ROOT = PACKAGE.parents[1] if (PACKAGE.parents[1] / "configs").is_dir() else Path.cwd()
"""The checkout; the working folder where the package is installed without one."""

CONFIGS = ROOT / "configs" if (ROOT / "configs").is_dir() else PACKAGE / "configs"
"""The YAML files."""


def check(cls: type[T], value: Mapping[str, Any], where: str) -> T:
    """Check plain types, and make a settings dataclass from them.

    Arguments:
        cls: the dataclass.
        value: name -> value.
        where: the group, for messages.

    Raises:
        UserError: for an unknown key, a wrong type, or a value that the class refuses.

    Examples:
        >>> from livetime.settings import Training
        >>> check(Training, {"epochs": 3}, "training").epochs
        3
        >>> check(Training, {"epochs": 0}, "training")
        Traceback (most recent call last):
            ...
        livetime.errors.UserError: training.epochs is 0, but must be above zero and finite; give a
        positive number
    """
    names = inspect.signature(cls).parameters
    _refuse_unknown(value, where, names)
    try:
        return TypeAdapter(cls).validate_python(dict(value))
    except ValidationError as error:
        raise _refusal(error, where, names) from None


def target_class(node: Mapping[str, Any], where: str) -> Any:
    """Find the class that a group node names by `_target_`.

    Arguments:
        node: plain types, as from `OmegaConf.to_container`.
        where: the group, for messages.

    Raises:
        UserError: for a name that is missing, or is not a class of livetime.
    """
    key = f"{where}._target_"
    path = node.get("_target_")
    if not isinstance(path, str):
        raise UserError(key, "is missing", f"choose a {where} by its name")
    if not path.startswith("livetime."):
        raise UserError(
            key, f"is {path}, but only classes of livetime are allowed", "correct the name"
        )
    module, _, name = path.rpartition(".")
    try:
        cls = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError):
        raise UserError(key, f"is {path}, which does not exist", "correct the name") from None
    if not (inspect.isclass(cls) and cls.__module__.startswith("livetime.")):
        raise UserError(key, f"is {path}, which is not a class of livetime", "name a class")
    return cls


def build(node: Mapping[str, Any], where: str, **extra: Any) -> Any:
    """Build the object of a group node, and check its arguments by name and type.

    Arguments:
        node: `_target_` and keyword arguments, in plain types.
        where: the group, for messages.
        extra: arguments that do not come from the config.

    Raises:
        UserError: for an unknown key, a wrong type, or a value that the class refuses.
    """
    cls = target_class(node, where)
    names = [name for name in inspect.signature(cls).parameters if name not in extra]
    arguments = {str(key): value for key, value in node.items() if key != "_target_"}
    _refuse_unknown(arguments, where, names)

    checked = validate_call(config=ConfigDict(arbitrary_types_allowed=True))(cls.__init__)
    instance = cls.__new__(cls)
    try:
        checked(instance, **arguments, **extra)
    except UserError:  # of a node inside this one
        raise
    except ValidationError as error:
        raise _refusal(error, where, names) from None
    except ValueError as error:
        raise _from_constructor(str(error), where, names) from None
    return instance


def _refuse_unknown(value: Mapping[str, Any], where: str, names: Iterable[str]) -> None:
    """Refuse a key that a class does not take."""
    known = list(names)
    for key in value:
        if key not in known:
            raise UserError(f"{where}.{key}", "is not known", hint(str(key), known))


def _from_constructor(sentence: str, where: str, names: Iterable[str]) -> UserError:
    """Split the sentence of a constructor, `dt is -1, but ...; ...`, into its three parts."""
    statement, _, remedy = sentence.partition("; ")
    remedy = remedy or "give another value"
    name, _, problem = statement.partition(" ")
    if name in names:
        return UserError(f"{where}.{name}", problem, remedy)
    return UserError(where, f"is refused: {statement}", remedy)


def _refusal(error: ValidationError, where: str, names: Iterable[str]) -> UserError:
    """Describe the first finding of pydantic, with everything that a union would have taken."""
    found = error.errors()
    first = found[0]
    given = first["input"]
    path = _path(first["loc"])
    key = ".".join([where, *path])
    if first["type"] == "missing" and path and path[-1].isdigit():
        parent = ".".join([where, *path[:-1]])
        return UserError(parent, f"is {list(given)}, too few values", "give all of them")
    if first["type"].startswith("missing"):
        return UserError(key, "is missing", "give a value")
    if first["type"] == "too_long":
        limit = first["ctx"]["max_length"]
        return UserError(key, f"is {list(given)}, too many values", f"give {limit}")
    if first["type"] == "value_error":
        inner = given if path and isinstance(given, dict) else names
        return _from_constructor(str(first["ctx"]["error"]), key, inner)

    same = [each["msg"] for each in found if _path(each["loc"]) == path]
    wanted = " or ".join(dict.fromkeys(_wanted(message) for message in same))
    shown = f"is {given!r}, but " if isinstance(given, str | int | float | bool) else ""
    return UserError(key, f"{shown}must be {wanted}", "give such a value")


def _path(location: tuple[int | str, ...]) -> tuple[str, ...]:
    """Drop pydantic's own words from the place of an error."""
    own = ("function-", "literal[", "float", "dict", "int")
    parts = [str(part) for part in location]
    return tuple(part for part in parts if not part.startswith(own))


def _wanted(message: str) -> str:
    """Shorten `Input should be a valid number, unable to ...` to what it asks for."""
    if "Sequence" in message or "valid tuple" in message:
        return "a list in brackets, [...]"
    wanted = message.removeprefix("Input should be ").partition(", ")
    is_a_number = wanted[2].startswith(("unable", "got a number"))
    short = wanted[0] if is_a_number else "".join(wanted)
    return short.replace("a valid integer", "a whole number")
