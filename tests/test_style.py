"""Check the house rules: style and size of every room, kinds without isinstance, unique names."""

import ast
import importlib.util
import sys
from collections import defaultdict
from pathlib import Path

import pytest

from livetime.config import ROOT

PACKAGE = ROOT / "src" / "livetime"
ROOMS = (
    "simulate",
    "sources",
    "files",
    "learn",
    "reference",
    "infer",
    "check",
    "report",
    "commands",
    "cli",
)

MAX_ROOM_SHARE = 0.25
MAX_INFER_MODULES = 8
MAX_ISINSTANCE = 3

KIND_MODULES = ("simulate", "sources", "reference", "learn", "files/observation.py")
"""Where detectors, simulators, summaries, references, observations and estimators are defined."""

VALUES = {"Bounds": "a parameter of the prior is given as a number or as bounds"}
"""Classes of these modules that are values rather than kinds."""

SHARED = {
    "save": "one verb for everything that the report writes",
    "simulate": "the function of the Python interface, and the command behind it",
    "compare": "the function of the Python interface, and the command behind it",
    "load": "the function of the Python interface, and that of weights behind it",
    "corner": "the figure, and the function of the Python interface that draws it",
    "coverage_map": "the numbers of a check, and the figure of them",
    "importance": "the numbers of a check, and the figure of them",
    "saliency": "the numbers of a check, and the figure of them",
    "class_spectra": "the numbers of a check, and the figure of them",
    "Reference": "the protocol, and the settings of a config group of that name",
}
"""Names that several modules may define, each with its reason."""


def load_style():
    """Import tests/style.py, which is a script."""
    spec = importlib.util.spec_from_file_location("house_style", ROOT / "tests" / "style.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


STYLE = load_style()
MODULES = STYLE.modules(PACKAGE)


def place(module):
    """Return the path of a module below the package, such as simulate/prior.py."""
    return module.path.relative_to(PACKAGE).as_posix()


def in_room(room):
    """Return the modules of a room."""
    return [module for module in MODULES if place(module).startswith(f"{room}/")]


# Style.


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_breaks_no_rule(room):
    found = [problem for module in in_room(room) for problem in STYLE.problems(module)]
    assert not found, "\n".join(found)


def test_the_modules_outside_of_rooms_break_no_rule():
    leaves = [module for module in MODULES if "/" not in place(module)]
    found = [problem for module in leaves for problem in STYLE.problems(module)]
    assert not found, "\n".join(found)


def test_statements_are_short():
    median, mean = STYLE.density(MODULES)
    assert median <= STYLE.MEDIAN_NODES
    assert mean <= STYLE.MEAN_NODES


def test_few_assignments_are_parallel():
    assert STYLE.parallel_share(MODULES) <= STYLE.PARALLEL_SHARE


# Size.


def lines(modules):
    return sum(len(module.text.splitlines()) for module in modules)


def test_there_is_no_room_that_is_not_listed():
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert folders == set(ROOMS)


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_is_a_quarter_of_the_house(room):
    assert lines(in_room(room)) <= MAX_ROOM_SHARE * lines(MODULES)


def test_infer_has_few_modules():
    modules = [module for module in in_room("infer") if module.path.name != "__init__.py"]
    assert len(modules) <= MAX_INFER_MODULES


# Kinds.


def kinds():
    """Name the classes of detectors, simulators, summaries, references and estimators."""
    modules = [module for module in MODULES if place(module).startswith(KIND_MODULES)]
    nodes = [node for module in modules for node in module.tree.body]
    return {node.name for node in nodes if isinstance(node, ast.ClassDef)} - set(VALUES)


def asked_classes(node):
    """Name the classes of an isinstance call: a name, a tuple, or a union."""
    named = (ast.Name, ast.Attribute)
    parts = [part for part in ast.walk(node.args[1]) if isinstance(part, named)]
    return {part.id if isinstance(part, ast.Name) else part.attr for part in parts}


def is_isinstance(node):
    return (
        isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in ("isinstance", "issubclass")
        and len(node.args) == 2
    )


def test_a_kind_is_a_class_and_no_isinstance():
    names = kinds()
    assert {"DeadTime", "PileUp", "TimingSimulator"} <= names
    found = []
    for module in MODULES:
        calls = [node for node in ast.walk(module.tree) if is_isinstance(node)]
        found += [f"{place(module)}:{c.lineno}" for c in calls if asked_classes(c) & names]
    assert len(found) <= MAX_ISINSTANCE, found


# Names.


def is_alias(value):
    """Say whether an assigned value is a type: an alias, or a type variable."""
    text = "" if value is None else ast.unparse(value)
    types = ("NDArray[", "Callable[", "TypeVar(", "tuple[", "dict[", "Mapping[", "Literal[")
    return text.startswith(types)


def constants(node):
    """Name what a statement assigns, type aliases apart."""
    if isinstance(node, ast.Assign) and not is_alias(node.value):
        return [target.id for target in node.targets if isinstance(target, ast.Name)]
    if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
        return [node.target.id]
    return []


def definitions(node):
    """Name the function or class that a statement defines."""
    return [node.name] if isinstance(node, (*STYLE.FUNCTION, ast.ClassDef)) else []


def repeated(names_of):
    """List the public names that several modules define, and the modules."""
    owners = defaultdict(set)
    for module in MODULES:
        for node in module.tree.body:
            for name in names_of(node):
                owners[name].add(place(module))
    public = {name: sorted(where) for name, where in owners.items() if not name.startswith("_")}
    return {n: where for n, where in public.items() if len(where) > 1 and n not in SHARED}


def test_functions_and_classes_have_unique_names():
    assert not repeated(definitions)


def test_constants_have_unique_names():
    assert not repeated(constants)


def test_what_is_shared_is_still_there():
    owners = [name for module in MODULES for node in module.tree.body for name in definitions(node)]
    assert all(owners.count(name) > 1 for name in SHARED)


# The measure itself.


def found_in(text):
    module = STYLE.Module(Path("example.py"), text, ast.parse(text))
    return " ".join(STYLE.problems(module))


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x = 1\n", "no docstring"),
        ('"""A module of one line."""\n\n\ndef f():\n    return 1\n', "f has no docstring"),
        ('"""A module of one line."""\n\nx = 1 if a else 2 if b else 3\n', "inside another"),
        ('"""A module of one line."""\n\nx = [y for z in a if (y := z)]\n', "comprehension"),
        ('"""A module that holds one line."""\n', "'holds'"),
        ('"""A module of one line."""\n\n# ' + 100 * "x" + "\n", "columns"),
    ],
)
def test_a_broken_rule_is_found(text, problem):
    assert problem in found_in(text)


def test_plain_code_breaks_no_rule():
    text = '"""A module of one line."""\n\n\ndef double(x):\n    """Double x in place."""\n'
    assert not found_in(text + "    return 2 * x\n")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('raise UserError("rate", "is negative")', "without key, problem and remedy"),
        ('raise UserError("rate", "is negative", "")', "without key, problem and remedy"),
        (f'raise UserError("rate", f"is {{x}} {24 * "word "}", "raise it")', "the limit is 25"),
        (f'text = "{26 * "word "}"', "26 words, the limit is 25"),
    ],
)
def test_a_bad_message_is_found(line, problem):
    assert problem in found_in(f'"""A module of one line."""\n\n{line}\n')


@pytest.mark.parametrize(
    "line",
    [
        'raise UserError("rate", "is negative", "give a positive one")',
        "raise UserError(error.key, error.problem, error.remedy)",
        f'text = "{20 * "a "}. {20 * "a "}"',
        f'text = f"{{ {"+".join(26 * "x")} }} counts/s"',
    ],
)
def test_a_good_message_is_not_found(line):
    assert not found_in(f'"""A module of one line."""\n\n{line}\n')
