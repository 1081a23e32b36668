"""Answer a damaged input in a process of its own, and judge the answer."""

import multiprocessing
import os
import resource
import shutil
import tempfile
import time
import traceback
import warnings
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

import numpy as np

from fuzzing.cases import MODULES, SPECTRUM, Case, choose_family, make_case
from fuzzing.inputs import NETWORKS

MAX_SECONDS = 60.0
MAX_MEMORY = 2**30
MAX_SIGMA = 2.0
DRAWS = 2000
HARD_LIMIT = 3 * 2**30
"""Bytes of address space beyond the start, above which a case ends with MemoryError."""

OUTCOMES = ("refused", "distrusted", "trusted right", "trusted wrong", "disagree")
FAULTS = ("traceback", "hang", "memory")


@dataclass
class Report:
    """What became of a case.

    Arguments:
        outcome: one of `OUTCOMES` or `FAULTS`.
        text: the refusal, the reasons for distrust, or the fault.
        sigma: largest distance from the undamaged answer; None without an answer.
        seconds: that it took.
        memory: bytes beyond the start, at most.
        case: the case.
    """

    outcome: str
    text: str = ""
    sigma: float | None = None
    seconds: float = 0.0
    memory: int = 0
    case: dict = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Say whether a law is broken."""
        return self.outcome in ("trusted wrong", "disagree", *FAULTS)


@dataclass(frozen=True)
class Undamaged:
    """The undamaged inputs and the answers to them.

    Arguments:
        folder: of the inputs.
        networks: by question.
        answers: medians and half-widths (2, D), by question.
    """

    folder: Path
    networks: dict
    answers: dict

    @classmethod
    def answer(cls, folder: Path, questions: Collection[str]) -> "Undamaged":
        """Load the networks, and answer the undamaged files; the answers must be trusted.

        Arguments:
            folder: of the inputs.
            questions: that are needed, `events` and `spectrum`.
        """
        from livetime.interface import load

        networks = {question: load(folder / NETWORKS[question][0]) for question in questions}
        answers = {}
        for question, network in networks.items():
            observation = read_files(question, folder, None)
            answer = network.infer(observation, DRAWS, references=())
            if not answer.verdict.trust:
                raise SystemExit(f"the undamaged {question}: {answer.verdict.sentence}")
            answers[question] = centre(answer)
        return cls(folder, networks, answers)


def read_files(question: str, folder: Path, band: tuple[float, float] | None) -> Any:
    """Read the observation of a folder, as a person would."""
    from livetime.interface import read

    return read(*files_of(question, folder), band=band)


def files_of(question: str, folder: Path) -> list[Path]:
    """List the files that are answered."""
    names = ("source.pha",) if question == "spectrum" else MODULES
    return [folder / name for name in names]


def centre(answer: Any) -> np.ndarray:
    """Find medians and half-widths of 68% intervals, (2, D), in the prior's coordinates."""
    low, middle, high = np.quantile(answer.posterior.theta, [0.16, 0.5, 0.84], axis=0)
    return np.stack([middle, (high - low) / 2])


def distance(own: np.ndarray, other: np.ndarray) -> float:
    """Find the largest distance of two answers, in widths of the wider one."""
    return float(np.max(np.abs(own[0] - other[0]) / np.maximum(own[1], other[1])))


@dataclass
class _Running:
    """A case that a process of its own answers.

    Arguments:
        process: that answers it.
        scratch: folder of the damaged files.
        started: on the monotonic clock, in s.
        case: as far as the process has said; at first its seed alone.
    """

    process: Any
    scratch: Path
    started: float
    case: dict

    @property
    def seconds(self) -> float:
        """Measure how long the process has worked."""
        return time.monotonic() - self.started

    def end(self) -> None:
        """End the process, and remove its files."""
        self.process.kill()
        self.process.join()
        shutil.rmtree(self.scratch, ignore_errors=True)


def run_cases(base: Undamaged, seeds: Sequence[int], processes: int) -> Iterator[Report]:
    """Run cases in forked processes, a few at a time; the order is that in which they end."""
    waiting = list(seeds)[::-1]
    running: dict[Connection, _Running] = {}
    while waiting or running:
        while waiting and len(running) < processes:
            connection, begun = _begin(base, waiting.pop())
            running[connection] = begun
        for connection in wait(list(running), timeout=1.0):
            report = _receive(connection, running[connection])
            if report is not None:
                running.pop(connection).end()
                yield report
        for connection, report in _hanging(running):
            running.pop(connection).end()
            yield report


def _begin(base: Undamaged, seed: int) -> tuple[Connection, _Running]:
    """Start a process that makes a case and answers it."""
    context = multiprocessing.get_context("fork")
    scratch = Path(tempfile.mkdtemp(prefix="fuzz"))
    own, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_work, args=(base, seed, scratch, theirs))
    process.start()
    theirs.close()
    return own, _Running(process, scratch, time.monotonic(), {"seed": seed})


def _receive(connection: Connection, own: _Running) -> Report | None:
    """Take what a process sends: its case, and later its report.

    Returns: the report; None after the case. A process that ends without a report has crashed.
    """
    try:
        found = connection.recv()
    except EOFError:
        own.process.join()
        text = f"ended with {own.process.exitcode}"
        return Report("traceback", text, None, own.seconds, 0, own.case)
    if isinstance(found, dict):
        own.case = found
        return None
    return Report(**{**asdict(found), "seconds": own.seconds, "case": own.case})


def _hanging(running: dict[Connection, _Running]) -> list[tuple[Connection, Report]]:
    """List the cases that take too long; a machine with other work gives them more time."""
    limit = MAX_SECONDS * max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))
    return [
        (connection, Report("hang", f"over {limit:.0f} s", None, own.seconds, 0, own.case))
        for connection, own in running.items()
        if own.seconds > limit
    ]


def _work(base: Undamaged, seed: int, scratch: Path, connection: Connection) -> None:
    """Make a case, answer it and send the report."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 1)
    os.dup2(null, 2)
    copy_inputs(base.folder, scratch, seed)
    case = make_case(seed, scratch)
    connection.send(asdict(case))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    _limit_memory()
    report = judge(base, case, scratch)
    used = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    size = sum(path.stat().st_size for path in scratch.glob("*.*") if path.is_file())
    if used > MAX_MEMORY + size:
        report = Report("memory", f"{used / 2**30:.2g} GiB; {report.outcome}: {report.text}")
    report.memory = used
    connection.send(report)
    connection.close()
    os._exit(0)


def _limit_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + HARD_LIMIT
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def copy_inputs(source: Path, target: Path, seed: int) -> None:
    """Copy what a case may damage."""
    family, _ = choose_family(seed)
    for name in (*MODULES, *SPECTRUM):
        shutil.copy(source / name, target / name)
    if family == "run folder":
        shutil.copytree(source / "timing", target / "run", symlinks=False)


def judge(base: Undamaged, case: Case, folder: Path) -> Report:
    """Answer a damaged input, and compare the answer with the undamaged one and with doctor's."""
    from livetime.cli.errors import from_system, sentence
    from livetime.errors import UserError

    warnings.simplefilter("ignore")
    try:
        with _as_command():
            answer = _answer(base, case, folder)
            warned = doctor_warnings(answer, files_of(case.question, folder), case.band)
            found = distance(base.answers[case.question], centre(answer))
    except UserError as error:
        return _refusal(sentence(error))
    except MemoryError as error:
        return Report("memory", f"{sentence(from_system(error))}\n{traceback.format_exc()}")
    except OSError as error:
        return _refusal(sentence(from_system(error)))
    except BaseException:
        return Report("traceback", traceback.format_exc())

    verdict = answer.verdict
    if not verdict.trust:
        return Report("distrusted", "; ".join(verdict.reasons), found)
    if warned:
        return Report("disagree", "; ".join(finding.reason for finding in warned), found)
    right = np.isfinite(found) and found <= MAX_SIGMA
    return Report(
        "trusted right" if right else "trusted wrong", "; ".join(answer.result.notes), found
    )


def _refusal(text: str) -> Report:
    """Check that a refusal is one sentence."""
    bad = "\n" in text or len(text) > 1000 or text.endswith(("; ", ": "))
    return Report("traceback" if bad else "refused", text)


@contextmanager
def _as_command() -> Iterator[None]:
    """Use one torch thread, as the commands do."""
    import torch

    torch.set_num_threads(1)
    yield


def _answer(base: Undamaged, case: Case, folder: Path) -> Any:
    """Do what `livetime infer` does, with few draws and without references."""
    from livetime.interface import load

    network = base.networks[case.question]
    if case.family == "run folder":
        network = load(folder / "run")
    observation = read_files(case.question, folder, case.band)
    answer = network.infer(observation, DRAWS, references=())
    if case.family == "run folder":
        _ = network.run.history()
    if case.seed % 10 == 0:
        answer.save(folder / "answer")
    return answer


def doctor_warnings(
    answer: Any, files: Sequence[Path], band: tuple[float, float] | None
) -> list[Any]:
    """List the findings that doctor doubts and the network's detector does not model.

    Doctor examines events; of a spectrum, the findings of reading it are taken.

    Arguments:
        answer: to the observation.
        files: that were answered.
        band: energies in keV; None for all.
    """
    from livetime.files.doctor import diagnose_files

    observation = answer.result.observation
    if observation.kind == "spectrum":
        return [finding for finding in observation.findings if finding.doubtful]
    modelled = observation._modelled(answer.result.run.simulator.detector)
    alone, together = diagnose_files([str(file) for file in files], band)
    every = [finding for each in (*alone, *together) for finding in each.findings]
    return [finding for finding in every if finding.doubtful and finding.code not in modelled]
