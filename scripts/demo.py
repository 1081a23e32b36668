"""The main job in minutes, each step a command that can be typed; `scripts/demo` runs it."""

import json
import subprocess
import sys
import time
from pathlib import Path

LIVETIME = str(Path(sys.executable).with_name("livetime"))

TRUTH = {
    "qpo_rms": 0.25,
    "qpo_frequency": 4.0,
    "qpo_quality": 8.0,
    "noise_rms": 0.2,
    "noise_frequency": 1.0,
    "rate": 1000.0,
    "segments": 16.0,
}

LESSON = """\
The naive answer is far off. The averaged dead-time model is exact enough for this source, and
sharper than a network that was trained for minutes; experiment=deadtime_npe trains a better one.
The network needs no likelihood, only a simulator."""


def step(what: str, expected: str, *words: str) -> Path:
    """Run one command and return the last line of its output.

    Arguments:
        what: the title of the step.
        expected: how long it takes.
        words: of the command line, after `livetime`.
    """
    print(f"\n== {what} (about {expected})\n$ livetime {' '.join(words)}", flush=True)
    started = time.monotonic()
    last = ""
    process = subprocess.Popen([LIVETIME, *words], stdout=subprocess.PIPE, text=True)
    for line in process.stdout or ():
        print("  " + line, end="", flush=True)
        last = line.strip()
    if process.wait():
        sys.exit(process.returncode)
    print(f"   took {time.monotonic() - started:.0f} s")
    return Path(last)


def main() -> None:
    """Simulate, train, observe and infer, and show where the results are."""
    started = time.monotonic()
    print("The main job, small: about 4 minutes on two cores that do nothing else.")
    demo = "experiment=demo"
    step("1. simulate NuSTAR observations with dead time", "1 minute", "simulate", demo)
    run = step("2. train two networks, and check their calibration", "2 minutes", "train", demo)

    truth = [f"truth.{name}={value:g}" for name, value in TRUTH.items()]
    title = "3. observe a bright source with known truth"
    files = step(title, "10 seconds", "observe", demo, "seed=7", *truth)

    events = [str(files / "A.evt"), str(files / "B.evt")]
    title = "4. infer it from its event files"
    answer = step(title, "20 seconds", "infer", *events, f"run={run}")

    print_table(json.loads((answer / "summary.json").read_text()))
    print(LESSON)
    print("\nRun folder:           ", run)
    print("Calibration:          ", run / "coverage.png")
    print("Posterior:            ", answer / "corner.png")
    print("Power spectrum:       ", answer / "predictive.png")
    print("All of it on one page:", answer / "report.html")
    minutes = (time.monotonic() - started) / 60
    print(f"\nDone in {minutes:.1f} minutes. Next: tensorboard --logdir outputs")


def print_table(summary: dict) -> None:
    """Print the truth beside the answers: medians and 68% intervals."""
    from rich.console import Console
    from rich.table import Table

    from livetime.report.style import label
    from livetime.report.words import interval

    references = summary["references"].items()
    columns = {label(name): rows for name, rows in references}
    columns["network"] = summary["parameters"]
    title = "\nTruth, and the answer of each method: median (68% interval)"
    table = Table("parameter", "truth", *columns, title=title)
    for name, row in summary["parameters"].items():
        cells = [interval(rows[name]) for rows in columns.values()]
        table.add_row(f"{name} {row['unit']}", f"{TRUTH[name]:g}", *cells)
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
