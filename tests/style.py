"""Measure the style of Python code: `python tests/style.py src/livetime/files` lists what breaks a
house rule."""

import ast
import re
import statistics
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

COLUMNS = 100
MODULE_LINES = 350
FUNCTION_LINES = 30
BRANCHES = 8
ARGUMENTS = 7
MEDIAN_NODES = 12.0
MEAN_NODES = 13.0
PARALLEL_SHARE = 0.03
WORDS = 25
PARTS = 3

FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
BRANCH = (ast.If, ast.For, ast.While, ast.ExceptHandler, ast.IfExp, ast.match_case)
BANNED = (
    "told",
    "tell ",
    "tells",
    "mend",
    "but for",
    "of which",
    "is none",
    "holds",
    "hold ",
    "said",
)
"""Words that the house rules keep out of docstrings, comments and messages."""


@dataclass(frozen=True)
class Module:
    """A Python file, its text and its syntax tree."""

    path: Path
    text: str
    tree: ast.Module

    @classmethod
    def read(cls, path: Path) -> "Module":
        """Parse a file."""
        text = path.read_text()
        return cls(path, text, ast.parse(text))


def modules(folder: Path) -> list[Module]:
    """Parse every Python file below a folder, or one file."""
    paths = [folder] if folder.is_file() else sorted(folder.rglob("*.py"))
    return [Module.read(path) for path in paths]


def problems(module: Module) -> Iterator[str]:
    """List what breaks a rule in one file, each as `path:line: sentence`."""
    lines = module.text.splitlines()
    if len(lines) > MODULE_LINES:
        yield f"{module.path}:1: {len(lines)} lines, the limit is {MODULE_LINES}"
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS:
            yield f"{module.path}:{number}: {len(line)} columns, the limit is {COLUMNS}"

    for node in ast.walk(module.tree):
        if isinstance(node, FUNCTION):
            yield from _function_problems(module, node)
        if isinstance(node, ast.IfExp) and _nested_conditional(node):
            yield f"{module.path}:{node.lineno}: a conditional expression inside another"
        if isinstance(node, ast.comprehension) and _has_walrus(node):
            yield f"{module.path}:{node.iter.lineno}: an assignment inside a comprehension"

    yield from _docstring_problems(module)
    yield from _word_problems(module)
    yield from _message_problems(module)


def _function_problems(module: Module, node: ast.FunctionDef) -> Iterator[str]:
    place = f"{module.path}:{node.lineno}: {node.name}"
    length = code_lines(module, node)
    if length > FUNCTION_LINES:
        yield f"{place} has {length} lines of code, the limit is {FUNCTION_LINES}"

    branches = sum(isinstance(part, BRANCH) for part in ast.walk(node))
    if branches > BRANCHES:
        yield f"{place} has {branches} branches, the limit is {BRANCHES}"

    spec = node.args
    names = [a.arg for a in (*spec.posonlyargs, *spec.args, *spec.kwonlyargs)]
    arguments = [name for name in names if name not in ("self", "cls")]
    if len(arguments) > ARGUMENTS and not _compiled(node):
        yield f"{place} has {len(arguments)} arguments, the limit is {ARGUMENTS}"


def _compiled(node: ast.FunctionDef) -> bool:
    """Say whether numba compiles the function: its kernels take plain arrays, not objects."""
    return any("njit" in ast.unparse(decorator) for decorator in node.decorator_list)


def code_lines(module: Module, node: ast.FunctionDef) -> int:
    """Count the lines of a function below its signature, without docstring, comments and blanks."""
    body = node.body[1:] if ast.get_docstring(node) is not None else node.body
    if not body:
        return 0
    lines = module.text.splitlines()[body[0].lineno - 1 : node.end_lineno]
    code = [line.strip() for line in lines]
    return sum(bool(line) and not line.startswith("#") for line in code)


def _nested_conditional(node: ast.IfExp) -> bool:
    parts = (node.test, node.body, node.orelse)
    return any(isinstance(inner, ast.IfExp) for part in parts for inner in ast.walk(part))


def _has_walrus(node: ast.comprehension) -> bool:
    parts = [node.iter, *node.ifs]
    return any(isinstance(inner, ast.NamedExpr) for part in parts for inner in ast.walk(part))


def public(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """List public functions and classes, and the public methods of public classes."""
    for node in tree.body:
        if isinstance(node, (*FUNCTION, ast.ClassDef)) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                inner = [part for part in node.body if isinstance(part, FUNCTION)]
                yield from (part for part in inner if not part.name.startswith("_"))


def _docstring_problems(module: Module) -> Iterator[str]:
    if ast.get_docstring(module.tree) is None and module.tree.body:
        yield f"{module.path}:1: no docstring"
    for node in public(module.tree):
        text = ast.get_docstring(node)
        place = f"{module.path}:{node.lineno}: {node.name}"
        if text is None:
            yield f"{place} has no docstring"
            continue
        first = text.split("\n\n")[0].strip()
        if not first.endswith((".", ":", "`")) or len(first.split()) < 3:
            yield f"{place}: {first!r} is not a whole sentence"


def _word_problems(module: Module) -> Iterator[str]:
    texts = [
        (node.lineno, node.value)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    numbered = enumerate(module.text.splitlines(), 1)
    texts += [(number, line.split("#", 1)[1]) for number, line in numbered if "# " in line]
    for number, text in texts:
        padded = f" {text.lower()} "
        for word in BANNED:
            if f" {word}" in padded and " " in text.strip():
                yield f"{module.path}:{number}: the word {word.strip()!r} in {text.strip()[:60]!r}"


def written(node: ast.expr) -> str:
    """Word a string expression; whatever is filled in counts as one word."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(written(part) for part in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return written(node.left) + written(node.right)
    return "X"


def sentences(text: str) -> list[str]:
    """Cut a text into its sentences, and its lines."""
    return re.split(r"(?<=[.!?])\s+|\n", text)


def count_words(sentence: str) -> int:
    """Count the words that contain a letter or a digit."""
    return sum(bool(re.search(r"\w", word)) for word in sentence.split())


def _message_problems(module: Module) -> Iterator[str]:
    """List errors without problem or remedy, and messages that are too long."""
    yield from _user_error_problems(module)
    docstrings = {id(node.value) for node in ast.walk(module.tree) if isinstance(node, ast.Expr)}
    inner = {
        id(part)
        for node in ast.walk(module.tree)
        if isinstance(node, ast.JoinedStr)
        for part in ast.walk(node)
        if part is not node
    }
    for node in ast.walk(module.tree):
        text = isinstance(node, ast.JoinedStr) or (
            isinstance(node, ast.Constant) and isinstance(node.value, str)
        )
        if text and id(node) not in docstrings | inner:
            longest = max(sentences(written(node)), key=count_words)
            if count_words(longest) > WORDS:
                place = f"{module.path}:{node.lineno}"
                yield f"{place}: {count_words(longest)} words, the limit is {WORDS}: {longest!r}"


def _user_error_problems(module: Module) -> Iterator[str]:
    for node in ast.walk(module.tree):
        if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "UserError"):
            continue
        parts = [*node.args, *(keyword.value for keyword in node.keywords)]
        if any(isinstance(part, ast.Starred) for part in parts):
            continue
        place = f"{module.path}:{node.lineno}"
        empty = any(isinstance(part, ast.Constant) and not part.value for part in parts)
        if len(parts) < PARTS or empty:
            yield f"{place}: a UserError without key, problem and remedy"
        text = " ".join(written(part) for part in parts)
        if count_words(text) > WORDS:
            yield f"{place}: {count_words(text)} words, the limit is {WORDS}: {text!r}"


def own_nodes(statement: ast.stmt) -> int:
    """Count the syntax nodes of a statement without those of the statements inside it."""
    count = 0
    stack: list[ast.AST] = [statement]
    while stack:
        node = stack.pop()
        count += 1
        stack += [child for child in ast.iter_child_nodes(node) if not isinstance(child, ast.stmt)]
    return count


def density(read: list[Module]) -> tuple[float, float]:
    """Find median and mean number of syntax nodes a statement.

    The median leaves out imports, definitions and docstrings; the mean leaves out docstrings.
    """
    plain, every = [], []
    for module in read:
        for node in ast.walk(module.tree):
            docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
            if not isinstance(node, ast.stmt) or docstring:
                continue
            every.append(own_nodes(node))
            if not isinstance(node, (ast.Import, ast.ImportFrom, *FUNCTION, ast.ClassDef)):
                plain.append(own_nodes(node))
    return statistics.median(plain), statistics.mean(every)


def parallel_share(read: list[Module]) -> float:
    """Find the share of assignments that assign several values to several names at once."""
    assignments = [
        node for module in read for node in ast.walk(module.tree) if isinstance(node, ast.Assign)
    ]
    parallel = [
        node
        for node in assignments
        if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple)
    ]
    return len(parallel) / max(1, len(assignments))


def main() -> None:
    """Print every problem of the folders on the command line, and their density."""
    read = [module for folder in sys.argv[1:] for module in modules(Path(folder))]
    found = [problem for module in read for problem in problems(module)]
    print("\n".join(found))
    median, mean = density(read)
    print(f"{len(found)} problems; nodes a statement: median {median:g}, mean {mean:.1f}; ", end="")
    print(f"parallel assignments {parallel_share(read):.1%}")


if __name__ == "__main__":
    main()
