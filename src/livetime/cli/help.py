"""Print `--help`, made from the YAML files so that it cannot be out of date."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from textwrap import fill
from typing import Any

from livetime.config import CONFIGS

WIDTH = 100
DETAIL = 44
"""Columns for the name and the default of a key, before its comment."""


@dataclass(frozen=True)
class Command:
    """Keep the description of a command.

    Arguments:
        line: its purpose, in a few words.
        examples: lines that can be typed.
        last: content of the last line that it prints.

    Examples:
        >>> Command("read files", ("livetime doctor A.evt",), "a table").last
        'a table'
    """

    line: str
    examples: tuple[str, ...]
    last: str


COMMANDS = {
    "simulate": Command(
        "simulate a bank of observations, or make it larger",
        ("livetime simulate experiment=deadtime_npe simulations=240000",),
        "the bank's folder",
    ),
    "train": Command(
        "simulate, train and check a network",
        (
            "livetime train experiment=deadtime_npe training.lr=1e-3",
            "livetime train -m experiment=demo training.lr=1e-3,2e-3",
            "livetime train resume=outputs/<name>/<run>",
        ),
        "the run folder",
    ),
    "evaluate": Command(
        "check a run's calibration on fresh simulations",
        ("livetime evaluate run=outputs/<name>/<run> n=4000 seed=2",),
        "the folder of the evaluation",
    ),
    "observe": Command(
        "write one simulated observation as event files",
        ("livetime observe experiment=demo truth.rate=500 truth.qpo_rms=0.15 output=my_fake",),
        "the folder of the event files",
    ),
    "infer": Command(
        "from event files to a posterior, figures and a page",
        ("livetime infer A.evt B.evt run=outputs/<name>/<run> output=my_source",),
        "the folder of the answer",
    ),
    "compare": Command(
        "network and classical answers on simulations with known truth",
        (
            "livetime compare run=outputs/<name>/<run> grid.rate=[50,500] "
            "fixed.qpo_rms=0.15 ... n=100",
        ),
        "the folder of the table and the figure",
    ),
    "inject": Command(
        "pass a bright source through a run's detector, and compare with its own answer",
        ("livetime inject run=outputs/<name>/<run> inject.path=bright.lc inject.rates=[300,1000]",),
        "the folder of the table and the figure",
    ),
    "doctor": Command(
        "find what is wrong with event files, and the effect on a measurement",
        ("livetime doctor A.evt B.evt output=doctor.json",),
        "a table for each file, or the JSON file; exit code 0 clean, 1 warnings, 2 unusable",
    ),
}

DOCTOR = {
    "band": "[low,high] in keV: examine events of these energies only",
    "output": "a JSON file for all findings",
    "overwrite": "true: replace the JSON file",
}


@dataclass(frozen=True)
class Key:
    """One key of a YAML file.

    Arguments:
        name: with dots.
        default: as the file has it.
        comment: the comment beside it; may be empty.

    Examples:
        >>> Key("training.epochs", "60", "passes over the training split").default
        '60'
    """

    name: str
    default: str
    comment: str


@dataclass(frozen=True)
class Root:
    """The keys and groups of a command, as its YAML file composes them.

    Arguments:
        keys: at the top level.
        groups: name -> default choice.

    Examples:
        >>> root_of("train").groups["training"]
        'default'
    """

    keys: tuple[Key, ...]
    groups: dict[str, str]

    @property
    def names(self) -> list[str]:
        """List every top-level name that the command takes."""
        return [*(key.name for key in self.keys), *self.groups]


@cache
def root_of(command: str) -> Root:
    """Read the keys and groups that a command takes, without those that it ignores."""
    unused = settings_of(command).unused
    keys: list[Key] = []
    groups: dict[str, str] = {}
    for path in _files(command):
        keys += read_keys(path)
        groups |= dict(re.findall(r"^  - /?(\w+): (\w+)$", path.read_text(), re.MULTILINE))
    return Root(
        tuple(key for key in keys if key.name not in unused),
        {group: choice for group, choice in groups.items() if group not in unused},
    )


def settings_of(command: str) -> Any:
    """Find the settings dataclass of a command."""
    module = import_module(f"livetime.commands.{command}")
    return getattr(module, f"{command.capitalize()}Settings")


def _files(command: str) -> list[Path]:
    """List the root of a command, and what it shares with others."""
    root = CONFIGS / f"{command}.yaml"
    shared = re.findall(r"^  - (shared/\w+)$", root.read_text(), re.MULTILINE)
    return [*(CONFIGS / f"{name}.yaml" for name in shared), root]


def read_keys(path: Path, prefix: str = "") -> Iterator[Key]:
    """Read the keys of a YAML file with their defaults and comments, nested ones with dots."""
    parents: list[tuple[int, str]] = []
    skipped: int | None = None
    for line in path.read_text().splitlines():
        match = re.match(r"( *)(\w+):(?: +(.*?))??(?:\s+#\s*(.*))?$", line)
        if not match:
            continue
        indent = len(match[1])
        if skipped is not None and indent > skipped:
            continue
        skipped = None
        if match[2] in ("defaults", "hydra", "_target_"):
            skipped = indent
            continue

        parents = [parent for parent in parents if parent[0] < indent]
        name = ".".join([*(parent for _, parent in parents), match[2]])
        if match[3]:
            yield Key(prefix + name, match[3], match[4] or "")
        else:
            parents.append((indent, match[2]))


def usage() -> str:
    """Describe every command in one line."""
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {command.line}" for name, command in COMMANDS.items()]
    return "\n".join(
        [
            "livetime: simulation-based inference for X-ray observations with dead time or pile-up",
            "",
            "livetime COMMAND [key=value ...]",
            "",
            *lines,
            "",
            "livetime COMMAND --help lists its keys; livetime --version prints the version.",
            "Start with scripts/demo, or with: livetime train experiment=demo",
        ]
    )


def command_help(name: str) -> str:
    """Describe a command: examples, its keys, its groups, and the experiments."""
    command = COMMANDS[name]
    head = [
        f"livetime {name}: {command.line}",
        "",
        *(f"  {example}" for example in command.examples),
        "",
        f"The last line printed is {command.last}.",
    ]
    if name == "doctor":
        keys = [f"  {key}=  {what}" for key, what in DOCTOR.items()]
        return "\n".join([*head, "", "Keys:", *keys])

    root = root_of(name)
    lines = [*head, "", "Keys, with their defaults:", *_table(root.keys)]
    lines += _choices(root)
    lines += ["", "Keys of the groups, as the default choice has them:"]
    lines += _table([key for group in root.groups for key in _group_keys(group, root)])
    if "experiment" in root.groups:
        lines += ["", "Experiments (experiment=name):"]
        lines += [line for path in _yaml("experiment") for line in describe_experiment(path)]
    lines += ["", "-m makes a sweep over comma-separated values."]
    lines += ["--cfg job prints the composed configuration and stops."]
    return "\n".join(lines)


def _table(keys: Sequence[Key]) -> list[str]:
    """Align names and defaults; a comment stands beside them."""
    name_width = max((len(key.name) for key in keys), default=0)
    lines = []
    for key in keys:
        left = f"  {key.name:{name_width}}  {key.default}"
        lines.append(f"{left:{DETAIL}}  {key.comment}" if key.comment else left)
    return lines


def _choices(root: Root) -> list[str]:
    """List the choices of each group, and of the groups inside it."""
    lines = []
    for group, default in root.groups.items():
        if group == "experiment":
            continue
        for folder in (group, *_inner(group)):
            names = ", ".join(path.stem for path in _yaml(folder))
            if "," not in names:
                continue
            chosen = f" (default {default})" if folder == group and default != "null" else ""
            text = f"  {folder + ':':15} {names}{chosen}"
            lines.append(fill(text, WIDTH, subsequent_indent=" " * 18))
    title = "Groups (choose with group=name, change with group.key=value):"
    return ["", title, *lines] if lines else []


def _inner(group: str) -> list[str]:
    """Name the groups inside a group, such as `estimator/net`."""
    folders = sorted(path for path in (CONFIGS / group).iterdir() if path.is_dir())
    return [folder.relative_to(CONFIGS).as_posix() for folder in folders]


def _yaml(folder: str) -> list[Path]:
    return sorted((CONFIGS / folder).glob("*.yaml"))


def _group_keys(group: str, root: Root) -> Iterator[Key]:
    """Read the keys of a group's default choice, and of the choices inside it."""
    path = CONFIGS / group / f"{root.groups[group]}.yaml"
    if not path.exists():
        return
    yield from read_keys(path, f"{group}.")
    for inner, choice in re.findall(r"^  - (\w+): (\w+)$", path.read_text(), re.MULTILINE):
        yield from read_keys(CONFIGS / group / inner / f"{choice}.yaml", f"{group}.{inner}.")


def describe_experiment(path: Path) -> list[str]:
    """Describe an experiment: its purpose, its simulations, and its minutes if measured.

    Examples:
        >>> describe_experiment(CONFIGS / "experiment" / "demo.yaml")[0].split()[0]
        'demo:'
    """
    text = path.read_text()
    comments = re.findall(r"^# (?!@package)(.*)$", text, re.MULTILINE)
    purpose = " ".join(line for line in comments if not line.startswith("Minutes"))
    size = re.search(r"^simulations: (\d+)", text, re.MULTILINE)
    minutes = re.search(r"^# Minutes on 2 cores: (\d+)", text, re.MULTILINE)

    cost = f"{int(size[1]):,} simulations" if size else ""
    if minutes:
        cost += f", up to {minutes[1]} minutes on 2 cores"
    body = fill(purpose, WIDTH, initial_indent=" " * 6, subsequent_indent=" " * 6)
    return [f"  {path.stem}: {cost}", *body.splitlines()]
