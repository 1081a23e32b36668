"""Find the command, run one job or a sweep, and choose the exit code."""

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module, metadata
from pathlib import Path
from typing import Any

from livetime.cli.errors import from_hydra, from_system, from_yaml, sentence
from livetime.cli.help import COMMANDS, DOCTOR, command_help, settings_of, usage
from livetime.cli.overrides import SWEEP, arrange, quoted, store_schemas
from livetime.config import CONFIGS
from livetime.errors import UserError, hint
from livetime.outputs import outputs_folder, stamp

USER_ERROR = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command and exit.

    The exit code is 0 for success, 2 for an error that a user can correct, 130 for an interrupt.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _act(words)
        sys.stdout.flush()
    except UserError as error:
        code = _report(error)
    except (OSError, MemoryError) as error:
        code = _report(from_system(error))
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        code = INTERRUPTED
    raise SystemExit(code)


def _act(words: list[str]) -> int:
    """Print a text that is asked for or run a command, and give the exit code."""
    text = _answer(words)
    if text is not None:
        print(text, flush=True)
        return 0

    command, *rest = words
    signal.signal(signal.SIGTERM, _interrupt)
    if command not in COMMANDS:
        raise UserError(command, "is not a command of livetime", hint(command, COMMANDS))
    return _examine(rest) if command == "doctor" else _compose(command, rest)


def _answer(words: list[str]) -> str | None:
    """Give the text that `--help` and `--version` print; None for a command to run."""
    if not words or words[0] in ("-h", "--help", "help"):
        return usage()
    if "--version" in words:
        return f"livetime {metadata.version('livetime')}"
    if words[0] in COMMANDS and {"-h", "--help"} & set(words):
        return command_help(words[0])
    return None


def _interrupt(*_: object) -> None:
    """Treat SIGTERM as Ctrl-C, so that half-written results are removed."""
    raise KeyboardInterrupt


def _report(error: UserError, job: str = "") -> int:
    """Print an error in one line, and give its exit code."""
    print(f"error: {job}{sentence(error)}", file=sys.stderr, flush=True)
    return USER_ERROR


# --- doctor takes plain file names ----------------------------------------------------------------


def _examine(words: Sequence[str]) -> int:
    """Run `livetime doctor`, whose words are files and the keys of `DOCTOR`."""
    from livetime.commands.doctor import DoctorSettings, doctor

    files: list[str] = []
    options: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if equals and key in DOCTOR and not value:
            raise UserError(key, "has no value", f"say {key}=<value>, or leave it out")
        if equals and key in DOCTOR:
            options[key] = value
        elif word.startswith("-") or (equals and key.isidentifier() and not os.path.exists(word)):
            raise UserError(word, "is not known", hint(key, [*DOCTOR, "--help"]))
        else:
            files.append(word)

    overwrite = options.get("overwrite", "false")
    if overwrite not in ("true", "false"):
        raise UserError("overwrite", f"is {overwrite}", "say true or false")
    band = _band(options["band"]) if "band" in options else None
    settings = DoctorSettings(tuple(files), band, options.get("output"), overwrite == "true")
    return doctor(settings)


def _band(text: str) -> tuple[float, float]:
    """Read two energies, as in `[3,10]`."""
    try:
        low, high = (float(bound) for bound in text.strip("[]").split(","))
    except ValueError:
        raise UserError(
            "band", f"is {text}, but must be two energies in keV", "say band=[3,10]"
        ) from None
    return low, high


# --- all other commands are composed by Hydra -----------------------------------------------------


@dataclass
class Jobs:
    """Collect the results of the jobs of one command line.

    Arguments:
        done: number, overrides and held-out loss of each job that succeeded.
        failed: number of jobs that a UserError ended.

    Examples:
        >>> Jobs([(0, ["seed=1"], 2.5), (1, ["seed=2"], float("nan"))], 0).lines()
        ['job 0 (seed=1): held-out loss 2.5000', 'job 1 (seed=2): done']
    """

    done: list[tuple[int, list[str], float]]
    failed: int

    def lines(self) -> list[str]:
        """Describe each job by the overrides in which it differs from the others."""
        shared = set.intersection(*(set(words) for _, words, _ in self.done))
        lines = []
        for number, words, loss in self.done:
            own = words if len(self.done) == 1 else [word for word in words if word not in shared]
            found = f"held-out loss {loss:.4f}" if loss == loss else "done"
            lines.append(f"job {number} ({' '.join(own)}): {found}")
        return lines


def _compose(command: str, words: Sequence[str]) -> int:
    """Run a command whose settings Hydra composes, and give the exit code."""
    flags, overrides = arrange(command, words)
    if command in ("simulate", "train") and not overrides and not set(flags) - SWEEP:
        remedy = f"say livetime {command} experiment=demo, or livetime {command} --help"
        raise UserError("experiment", "is missing", remedy)

    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException
    from yaml import YAMLError  # type: ignore[import-untyped]

    try:
        return _run(command, flags, overrides)
    except YAMLError as error:
        raise from_yaml(error) from None
    except (HydraException, OmegaConfBaseException) as error:
        raise from_hydra(error, command) from None


def _run(command: str, flags: list[str], overrides: list[str]) -> int:
    """Run one job or a sweep, and print the losses of a sweep."""
    os.environ["HYDRA_FULL_ERROR"] = "1"
    import hydra

    store_schemas()
    jobs = Jobs([], 0)
    folder = _sweep_folder(flags, overrides)
    sweep = [f"hydra.sweep.dir={quoted(folder)}"] if folder else []
    sys.argv = ["livetime", *flags, *overrides, *sweep]
    entry = hydra.main(version_base="1.3", config_path=str(CONFIGS), config_name=command)
    entry(lambda config: _job(command, config, jobs))()

    if folder and jobs.done:
        print("\n".join(jobs.lines()))
        if os.path.isdir(folder):
            print(folder)
    return USER_ERROR if jobs.failed else 0


def _sweep_folder(flags: list[str], overrides: list[str]) -> str:
    """Name the folder of a sweep; empty for a single job, or if the command line names it."""
    named = any(word.startswith("hydra.sweep.dir=") for word in overrides)
    if named or not SWEEP & set(flags):
        return ""
    given = [word.partition("=")[2].strip("'") for word in overrides if word.startswith("outputs=")]
    return str(outputs_folder(given[0] if given else None) / "sweeps" / stamp())


def _job(command: str, composed: Any, jobs: Jobs) -> float:
    """Run one job; an error is printed and counted, and the next job of a sweep still runs."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.types import RunMode
    from omegaconf import OmegaConf

    context = HydraConfig.get()
    overrides = [str(word) for word in context.overrides.task]
    folder = None
    name = ""
    if context.mode == RunMode.MULTIRUN:
        folder = Path(context.sweep.dir, context.sweep.subdir)
        name = f"job {context.job.num} ({' '.join(overrides)})"
        print(name, flush=True)

    # A job never raises SystemExit: it would end the whole sweep.
    try:
        config: Any = OmegaConf.to_container(composed, resolve=True)
        loss = _call(command, config, overrides, folder)
    except (UserError, OSError, MemoryError) as error:
        known = error if isinstance(error, UserError) else from_system(error)
        _report(known, f"{name}: " if name else "")
        jobs.failed += 1
        if folder:
            with suppress(OSError):  # unless something was written
                folder.rmdir()
        return float("nan")
    jobs.done.append((context.job.num if folder else 0, overrides, loss))
    return loss


def _call(command: str, config: dict[str, Any], overrides: list[str], folder: Path | None) -> float:
    """Call a command, print where its result is, and give its held-out loss if it has one."""
    settings = settings_of(command)(**config)
    function = getattr(import_module(f"livetime.commands.{command}"), command)
    record = (overrides, folder) if command == "train" else ()
    result = function(settings, *record)
    path, loss = result if command in ("train", "evaluate") else (result, float("nan"))
    print(path, flush=True)
    return float(loss)
