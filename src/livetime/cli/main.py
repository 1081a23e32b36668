"""`livetime simulate|train|evaluate|infer|observe|compare|inject`, each a Hydra application, and `livetime doctor`, which is none."""

import os
import re
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from difflib import get_close_matches
from typing import Any

from livetime.config import CONFIGS, ROOT, Root, RunRoot
from livetime.errors import UserError, hint
from livetime.outputs import stamp


@dataclass(frozen=True)
class Command:
    line: str
    root: str
    help: str
    last: str


COMMANDS = {
    "simulate": Command(
        "simulate a bank of observations, or make it grow",
        "config",
        "livetime simulate experiment=deadtime_npe simulations=240000",
        "the bank's folder",
    ),
    "train": Command(
        "simulate, train and check a network",
        "config",
        "livetime train experiment=deadtime_npe training.lr=1e-3\n"
        "  livetime train -m experiment=demo training.lr=1e-3,2e-3     a sweep: one run for each value\n"
        "  livetime train resume=outputs/<name>/<run>                 go on with a training that was stopped",
        "the run folder",
    ),
    "evaluate": Command(
        "check a run's calibration on fresh simulations",
        "run",
        "livetime evaluate run=outputs/<name>/<run> n=4000 seed=2",
        "the folder of the evaluation",
    ),
    "infer": Command(
        "from event files to a posterior, figures and a page",
        "run",
        "livetime infer run=outputs/<name>/<run> observation.path=[A.evt,B.evt] output=my_source",
        "the folder of the answer",
    ),
    "observe": Command(
        "write one simulated observation as event files",
        "config",
        "livetime observe experiment=demo truth.rate=500 truth.qpo_rms=.15 output=my_fake",
        "the folder of the event files",
    ),
    "compare": Command(
        "network and classical answers on simulations with known truth",
        "run",
        "livetime compare run=outputs/<name>/<run> grid.rate=[50,500] fixed.qpo_rms=.15 ... n=100",
        "the folder of the table and the figure",
    ),
    "inject": Command(
        "pass a bright source's own variability through a run's detector, and compare with its answer without dead time",
        "run",
        "livetime inject run=outputs/<name>/<run> inject.path=bright.lc inject.rates=[300,1000] output=my_injection",
        "the folder of the table and the figure",
    ),
    "doctor": Command(
        "every finding of event files, and what it does to a measurement",
        "",
        "livetime doctor A.evt B.evt output=doctor.json",
        "a table for each file, or the JSON file; exit code 0 clean, 1 warnings, 2 unusable",
    ),
}
DOCTOR = {
    "band": "[low,high] in keV: look at events of these energies only",
    "output": "a JSON file for all that is told",
    "overwrite": "true: the JSON file may exist",
}
FLAGS_WITH_VALUE = ("--cfg", "-c", "--package", "-p", "--info", "-i")
FLAGS = (*FLAGS_WITH_VALUE, "-m", "--multirun", "--resolve", "--version", "--hydra-help")
SPECTRA = (
    "observation.spectrum",
    "observation.arf",
    "observation.rmf",
    "observation.background_spectrum",
    "detector.arf",
    "detector.rmf",
)
PATHS = ("observation.path", *SPECTRA, "inject.path", "run", "resume", "output", "outputs")
FREE = ("truth", "fixed", "grid")
"""Mappings whose keys are named by the user, not by the schema."""


def usage() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {c.line}; prints {c.last}" for name, c in COMMANDS.items()]
    return (
        "livetime: simulation-based inference for X-ray observations with dead time\n\n"
        "livetime <command> [key=value ...]\n\n" + "\n".join(lines) + "\n\n"
        "`livetime <command> --help` says more. Start with scripts/demo, or: livetime train experiment=demo"
    )


def command_help(name: str) -> str:
    """What a newcomer can use; made from the YAML files as they are."""
    c = COMMANDS[name]
    if not c.root:
        keys = "\n".join(f"  {key}=  {what}" for key, what in DOCTOR.items())
        return f"livetime {name}: {c.line}\n\nExample:\n  {c.help}\n\nPrints {c.last}.\n\nKeys:\n{keys}"
    lines = [
        f"livetime {name}: {c.line}",
        "",
        "Example:",
        f"  {c.help}",
        "",
        f"The last line printed is {c.last}.",
        "",
        "Keys (with their defaults):",
    ]
    groups: list[str] = []
    for line in (CONFIGS / f"{c.root}.yaml").read_text().splitlines():
        if line.startswith("hydra:"):
            break
        if match := re.match(r"  - (\w+): (\w+)$", line):
            groups.append(match[1])
        elif re.match(r"\w+: ", line):
            lines.append("  " + line)
    lines += ["", "Groups (choose with group=name, change with group.key=value):"]
    for group in dict.fromkeys(groups):
        for folder in (
            CONFIGS / group,
            *sorted(path for path in (CONFIGS / group).iterdir() if path.is_dir()),
        ):
            names = sorted(path.stem for path in folder.glob("*.yaml"))
            lines.append(f"  {folder.relative_to(CONFIGS).as_posix():14} {', '.join(names)}")
    return "\n".join(
        [
            *lines,
            "",
            "-m anywhere makes a sweep over comma-separated values; --cfg job prints the composed config and stops.",
        ]
    )


def _quoted(value: str) -> str:
    if value[:1] in "'\"" or value in ("null", ""):
        return value
    return "'" + re.sub(r"(\\*)'", r"\1\1\\'", re.sub(r"(\\+)$", r"\1\1", value)) + "'"


def _split(text: str) -> list[str]:
    """At commas, save in quotes: `a, 'b, c'` holds two."""
    return [
        part.strip()
        for part in re.findall(r"\s*(?:'[^']*'|\"[^\"]*\")\s*|[^,]+", text)
        if part.strip()
    ]


def _override(argument: str, multirun: bool) -> str:
    """Quotes paths, so that `(`, `=` and spaces pass Hydra's grammar, and adds the keys that users name."""
    key, equals, value = argument.partition("=")
    if not equals:
        return argument
    if key == "observation":
        raise UserError(f"observation={value} is not known; say observation.path={value}")
    group, number = CONFIGS / key.lstrip("+"), re.fullmatch(r"[-+.\d][-+.\de]*", value)
    if group.is_dir() and (number or value in ("null", "")):
        raise UserError(
            f"{argument} is not the name of a choice; {hint(value, (p.stem for p in group.glob('*.yaml')))}"
        )
    if (key.startswith("grid.") or key == "inject.rates") and number and not multirun:
        value = f"[{value}]"
    if key == "stress" and re.fullmatch(r"(?!null$)\w+", value) and not multirun:
        value = f"[{value}]"
    if key in PATHS:
        if value.startswith("[") and value.endswith("]"):
            value = "[" + ",".join(_quoted(part) for part in _split(value[1:-1])) + "]"
        elif multirun:
            value = ",".join(_quoted(part) for part in _split(value))
        else:
            value = _quoted(value)
        if key == "observation.path" and not value.startswith("[") and not multirun:
            value = f"[{value}]"
    prefix = "++" if key.split(".")[0] in FREE and "." in key else ""
    return f"{prefix}{key}={value}"


def arrange(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Flags, wherever they stand on the line, and overrides ready for Hydra."""
    flags, overrides, rest = [], [], list(arguments)
    while rest:
        word = rest.pop(0)
        if word.startswith("-"):
            if word.partition("=")[0] not in FLAGS:
                raise UserError(f"{word} is not known; {hint(word, FLAGS)}")
            flags += [word, rest.pop(0)] if word in FLAGS_WITH_VALUE and rest else [word]
        else:
            overrides.append(word)
    multirun = "-m" in flags or "--multirun" in flags
    return flags, [_override(word, multirun) for word in overrides]


def _run(command: str, flags: list[str], overrides: list[str]) -> int:
    """One job, or a sweep; returns the exit code."""
    os.environ["HYDRA_FULL_ERROR"] = "1"
    import hydra
    from hydra.core.config_store import ConfigStore
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode
    from omegaconf import OmegaConf

    store = ConfigStore.instance()
    store.store("schema", node=Root)
    store.store("schema_run", node=RunRoot)
    failed: list[str] = []
    done: list[tuple[int, list[str], float]] = []

    def job(cfg: Any) -> float:
        context = HydraConfig.get()
        config: Any = OmegaConf.to_container(cfg, resolve=True)
        folder = (
            os.path.join(context.sweep.dir, context.sweep.subdir)
            if context.mode == RunMode.MULTIRUN
            else None
        )
        task = [str(o) for o in context.overrides.task]
        num = context.job.num if folder else 0
        which = f"job {num} ({' '.join(task)})" if folder else ""
        try:
            _check_root(command, config)
            if which:
                print(which, flush=True)
            loss = _stage(command, config, task, folder)
            done.append((num, task, loss))
            return loss
        except (
            UserError,
            OSError,
            MemoryError,
        ) as error:  # never SystemExit: it would end a whole sweep
            if not isinstance(error, UserError):
                error = UserError(_of_system(error))
            failed.append(str(error))
            print(f"error: {which + ': ' if which else ''}{error}", file=sys.stderr, flush=True)
            with suppress(OSError):  # unless something was written
                os.rmdir(folder or "")
            return float("nan")

    swept = ""
    if {"-m", "--multirun"} & set(flags) and not any(
        o.startswith("hydra.sweep.dir=") for o in overrides
    ):
        outputs = next(
            (o.partition("=")[2].strip("'") for o in overrides if o.startswith("outputs=")),
            str(ROOT / "outputs"),
        )
        swept = f"{outputs}/sweeps/{stamp()}"
    sys.argv = [
        "livetime",
        *flags,
        *overrides,
        *(["hydra.sweep.dir=" + _quoted(swept)] if swept else []),
    ]
    hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name=COMMANDS[command].root)(
        job
    )()
    if swept and done:
        print(
            "\n".join(
                [
                    *_sweep(done, command in ("train", "evaluate")),
                    *([swept] if os.path.isdir(swept) else []),
                ]
            )
        )
    return 2 if failed else 0


def _sweep(done: Sequence[tuple[int, list[str], float]], learned: bool) -> list[str]:
    """What came of each job of a sweep, named by the overrides in which they differ; its loss where something was `learned`."""
    same = (
        set.intersection(*(set(overrides) for _, overrides, _ in done)) if len(done) > 1 else set()
    )
    said = [
        (num, " ".join(o for o in overrides if o not in same), loss)
        for num, overrides, loss in done
    ]
    return [
        f"job {num} ({what}): " + (f"held-out loss {loss:.4f}" if learned else "done")
        for num, what, loss in said
    ]


def _of_system(error: OSError | MemoryError) -> str:
    if isinstance(error, MemoryError):
        return f"it takes more memory than there is ({error}); ask for fewer or shorter observations, or coarser steps"
    return f"{error.filename or 'the system'}: {error.strerror}; check the path, its permissions and the disk"


def _doctor(words: Sequence[str]) -> int:
    """Plain file names, and the keys of DOCTOR; returns the exit code."""
    from livetime.commands.doctor import DoctorSettings, doctor

    files, options = [], {}
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key in DOCTOR:
            options[key] = value
        elif word.startswith("-") or (equals and key.isidentifier() and not os.path.exists(word)):
            raise UserError(f"{word} is not known; {hint(key, [*DOCTOR, '--help'])}")
        else:
            files.append(word)
    if (overwrite := options.get("overwrite", "false")) not in ("true", "false"):
        raise UserError(f"overwrite is {overwrite}, but must be true or false")
    band = None
    if "band" in options:
        try:
            low, high = (float(bound) for bound in options["band"].strip("[]").split(","))
            band = (low, high)
        except ValueError:
            raise UserError(
                f"band is {options['band']}, but must be two energies in keV, as in band=[3,10]"
            ) from None
    try:
        return doctor(
            DoctorSettings(tuple(files), band, options.get("output"), overwrite == "true")
        )
    except OSError as error:
        raise UserError(_of_system(error)) from None


def _check_root(command: str, config: dict[str, Any]) -> None:
    """What Hydra lets through: `+key=value`, and numbers out of range."""
    known = [f.name for f in fields(Root if COMMANDS[command].root == "config" else RunRoot)]
    for key in config:
        if key not in known:
            raise UserError(f"{key} is not known; {hint(key, known)}")
    if not 0 <= config["seed"] < 2**63:
        raise UserError(f"seed is {config['seed']}, but must be a whole number from 0 to 2^63 - 1")
    if "name" in config and (
        config["name"] in ("", ".", "..") or re.search(r"[/\\\0]", config["name"])
    ):
        raise UserError(
            f"name is {config['name']!r}, but must be the name of a folder, without a slash"
        )
    for key in ("threads", "processes"):
        if (value := config.get(key)) is not None and value < 1:
            raise UserError(f"{key} is {value}, but must be at least 1")


def _stage(command: str, config: dict[str, Any], overrides: list[str], folder: str | None) -> float:
    """Runs a command, and prints where its result lies as the last line."""
    from importlib import import_module
    from pathlib import Path

    module = import_module(f"livetime.commands.{command}")
    schema = getattr(module, f"{command.capitalize()}Settings")
    given = {f.name: config[f.name] for f in fields(schema) if config[f.name] is not None}
    settings = schema(**given)
    loss = 0.0
    if command == "train":
        where, loss = module.train(settings, overrides, Path(folder) if folder else None)
    elif command == "evaluate":
        where, loss = module.evaluate(settings)
    else:
        where = getattr(module, command)(settings)
    print(where, flush=True)
    return loss


def _translate(error: Exception, command: str) -> str:
    """Hydra's own errors as one sentence."""
    text = str(error)
    known = _known_keys(command)
    if match := re.search(
        r"Could not override '([^']+)'|Key '([^']+)' (?:is )?not in|full_key: (\S+)", text
    ):
        full = re.search(r"full_key: (\S+)", text)
        key = match[1] or (full[1] if full else match[2] or match[3])
        if key in known:
            detail = next(
                (line for line in reversed(text.splitlines()) if "Value" in line or "not" in line),
                "",
            )
            return f"{key}: {detail.strip() or 'has a value of the wrong type'}"
        return _unknown(key, known)
    if match := re.search(r"Ambiguous value for argument '([^=]+)=(.*)'", text):
        return f"{match[1]}={match[2]} holds a comma; say {match[1]}=[{match[2]}] for a list, or -m for a sweep"
    if type(error).__name__ == "OverrideParseException":
        return f"{getattr(error, 'override', 'the command line')} cannot be understood; check its brackets and quotes"
    if match := re.search(r"Could not find '([\w/]+)/([^'/]+)'", text):
        return f"{match[1]}={match[2]} is not known; {hint(match[2], (p.stem for p in (CONFIGS / match[1]).glob('*.yaml')))}"
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    cause = str(error.__cause__).splitlines()[0] if error.__cause__ and str(error.__cause__) else ""
    if match := re.search(r"full_key: (\S+)", text + "\n" + str(error.__cause__ or "")):
        return (
            f"{match[1]} must be a list; say {match[1]}=[...]"
            if "is not a ListConfig" in cause
            else f"{match[1]}: {cause or lines[0]}"
        )
    return (
        f"{lines[0] if lines else error!r}{' ' + cause if cause and cause not in lines[0] else ''}"
    )


def _unknown(key: str, known: list[str]) -> str:
    """Names the nearest key, or the ones that stand beside it."""
    siblings = [k for k in known if k.rpartition(".")[0] == key.rpartition(".")[0]]
    near = (
        get_close_matches(key, known, 1, 0.6)
        or [k for k in known if k.rpartition(".")[2] == key]
        or get_close_matches(key.partition(".")[0], known, 1, 0.6)
        or siblings
        or [k for k in known if "." not in k]
    )
    return f"{key} is not known; {hint(key, near)}"


def _known_keys(command: str) -> list[str]:
    """Every key of the composed root, with dots, and the groups."""
    from hydra import compose
    from hydra.core.global_hydra import GlobalHydra
    from hydra.initialize import initialize_config_dir
    from omegaconf import DictConfig, OmegaConf

    GlobalHydra.instance().clear()
    with initialize_config_dir(str(CONFIGS), version_base="1.3"):
        config = compose(COMMANDS[command].root)

    def keys(node: Any, prefix: str) -> list[str]:
        out = []
        for key in node:
            out.append(f"{prefix}{key}")
            if isinstance(child := OmegaConf.select(node, str(key)), DictConfig):
                out += keys(child, f"{prefix}{key}.")
        return out

    groups = [path.relative_to(CONFIGS).as_posix() for path in CONFIGS.rglob("*") if path.is_dir()]
    return sorted({*keys(config, ""), *groups})


def _hydra(command: str, words: Sequence[str]) -> int:
    """Runs a Hydra application; its own errors become a UserError."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError  # type: ignore[import-untyped]

    try:
        return _run(command, *arrange(words))
    except YAMLError as error:
        raise UserError(f"{' '.join(str(error).split())}; mend the file") from None
    except (HydraException, OmegaConfBaseException) as error:
        raise UserError(_translate(error, command)) from None


def _interrupt(*_: object) -> None:
    """SIGTERM is Ctrl-C: what is half written is taken away."""
    raise KeyboardInterrupt


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; exit code 0, 2 for what a user can mend, 130 when interrupted."""
    arguments = list(sys.argv[1:] if arguments is None else arguments)
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(usage())
        raise SystemExit(0)
    command, rest = arguments[0], arguments[1:]
    if command not in COMMANDS:
        print(
            f"error: {command} is not a command of livetime; {hint(command, COMMANDS)}",
            file=sys.stderr,
        )
        raise SystemExit(2)
    if {"-h", "--help"} & set(rest):
        print(command_help(command))
        raise SystemExit(0)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        raise SystemExit(_doctor(rest) if command == "doctor" else _hydra(command, rest))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
    except MemoryError as error:
        print(f"error: {_of_system(error)}", file=sys.stderr)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    raise SystemExit(2)
