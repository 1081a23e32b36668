"""Help is quick, and lists every key that a command takes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from terminal import PROBE, call

from livetime.cli.help import COMMANDS, DOCTOR, command_help, root_of, usage
from livetime.cli.overrides import COMPOSED
from livetime.config import CONFIGS, ROOT


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--help"],
        ["-h"],
        ["help"],
        *([c, "--help"] for c in COMMANDS),
        ["train", "experiment=x", "-h"],
    ],
)
def test_help_answers_in_a_second_without_heavy_imports(words, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *words], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0
    _, seconds, *heavy = done.stderr.split()
    assert heavy == []
    assert float(seconds) < 1
    assert "livetime" in done.stdout


def test_usage_names_every_command():
    assert all(name in usage() for name in COMMANDS)
    assert all(f"{key}=" in command_help("doctor") for key in DOCTOR)


@pytest.mark.parametrize("name", COMPOSED)
def test_help_lists_every_key_of_a_command_and_no_other(name):
    from livetime.cli.overrides import known_keys

    text = command_help(name)
    assert COMMANDS[name].last in text
    assert f"livetime {name}" in text
    listed = set(re.findall(r"^  ([\w.]+)  ", text, re.MULTILINE))
    own = {key for key in known_keys(name) if "/" not in key and "._target_" not in key}
    leaves = {key for key in own if not any(other.startswith(f"{key}.") for other in own)}
    nested = re.compile(r"prior\.(parameters|covariates)\.\w+\.")
    leaves = {key for key in leaves if not nested.match(key)} - {"experiment", "debug", "simulator"}
    assert leaves <= listed
    assert {key.split(".")[0] for key in listed} <= {*root_of(name).names}


def test_help_describes_the_experiments():
    for name in ("simulate", "train", "observe"):
        text = command_help(name)
        for path in (CONFIGS / "experiment").glob("*.yaml"):
            assert re.search(rf"^  {path.stem}: [\d,]+ simulations", text, re.MULTILINE)
    assert "demo: 16,000 simulations, up to 2 minutes on 2 cores" in command_help("train")


def test_the_version_is_that_of_the_package(capsys, elsewhere):
    for words in (["--version"], ["train", "--version"]):
        code, out, _ = call(capsys, *words)
        assert code == 0
        assert re.fullmatch(r"livetime \d+\.\d+\.\d+\n", out)


def test_the_examples_of_the_help_compose(capsys, elsewhere):
    for name in ("simulate", "observe"):
        words = COMMANDS[name].examples[0].split()
        assert words[:2] == ["livetime", name]
        assert call(capsys, name, *words[2:], "--cfg", "job")[0] == 0


def test_the_command_is_installed(tmp_path):
    command = Path(sys.executable).parent / "livetime"
    assert command.exists(), f"{ROOT} is not installed: pip install -e ."
    done = subprocess.run([command, "--help"], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("livetime:")
