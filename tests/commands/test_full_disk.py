"""What cannot be written is named in one sentence, and nothing half written stays."""

import resource
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_line import QPO_AND_NOISE, SMALL, refused, run
from refusals import checked

from livetime.errors import UserError
from livetime.outputs import writing

FAKE = ["experiment=demo", *SMALL[1:3], "truth.segments=3"]
LIMITS = (0, 8000)
"""Bytes of the largest file: folders are made, and then the system refuses to write (EFBIG)."""


@contextmanager
def largest_file(size):
    """Let the system refuse files above a size, as it refuses them on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture(scope="module")
def observed(tmp_path_factory):
    return tmp_path_factory.mktemp("observed") / "files"


@pytest.fixture
def commands(trained, observed, capsys):
    """Words of each command that writes, without its output."""
    network = trained("demo")
    if not observed.exists():
        run(capsys, "observe", *FAKE, f"output={observed}")
    files = ",".join(str(path) for path in sorted(observed.glob("*.evt")))
    values = {**QPO_AND_NOISE, "qpo_rms": 0.1}
    fixed = ["reference.names=[]", *(f"fixed.{name}={value}" for name, value in values.items())]
    return {
        "observe": ["observe", *FAKE],
        "infer": ["infer", f"run={network}", f"observation.path=[{files}]", "reference.names=[]"],
        "compare": ["compare", f"run={network}", "grid.rate=[100]", "n=2", *fixed],
    }


@pytest.mark.parametrize("limit", LIMITS)
@pytest.mark.parametrize("name", ["observe", "infer", "compare"])
def test_a_result_that_does_not_fit_is_named_and_leaves_nothing(
    commands, capsys, tmp_path, name, limit
):
    output = tmp_path / "answer"
    with largest_file(limit):
        sentence = refused(capsys, *commands[name], f"output={output}")
    assert "cannot be written: " in sentence
    # At 0 a library cannot keep its compiled code, where that is not there yet.
    where = [f"error: {output}/", *(["error: standard output, or a library"] if limit == 0 else [])]
    assert sentence.startswith(tuple(where))
    assert "File too large" in sentence or "requested" in sentence
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("limit", [0, 6000, 100_000])
def test_a_training_on_a_full_disk_goes_on_when_there_is_space(capsys, tmp_path, limit):
    words = ["train", "experiment=demo", *SMALL, "threads=1", f"outputs={tmp_path}"]
    with largest_file(limit):
        sentence = refused(capsys, *words)
    assert sentence.startswith(f"error: {tmp_path}/")
    assert "cannot be written: " in sentence
    assert not [path for path in tmp_path.rglob(".*") if path.name != ".lock"]
    folders = [path.parent for path in tmp_path.rglob("config.json")]
    if folders:
        assert Path(run(capsys, "train", f"resume={folders[0]}")) == folders[0]


def test_an_error_without_a_text_names_the_file(tmp_path):
    path = tmp_path / "posterior.nc"
    for error in (
        OSError(),
        OSError("unable to\nwrite"),
        RuntimeError("PytorchStreamWriter failed"),
    ):
        with pytest.raises(UserError) as caught, writing(path):
            raise error
        sentence = checked(caught.value)
        assert sentence.startswith(f"{path} cannot be written: ")
    with pytest.raises(RuntimeError, match="CUDA"), writing(path):
        raise RuntimeError("CUDA error")


def test_a_full_standard_output_is_named():
    code = "from livetime.cli.main import main; main(['--help'])"
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-c", code],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 2
    assert done.stderr.startswith("error: standard output")
    assert done.stderr.count("\n") == 1
