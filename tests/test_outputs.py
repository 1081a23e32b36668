"""Results are whole or not there, and nothing that another program made is replaced."""

import json
import os

import pytest
from refusals import refusal

from livetime.commands.doctor import DoctorSettings
from livetime.outputs import new_folder, read_json, write_json

RESULT = "summary.json"


def make(folder, content="{}"):
    folder.mkdir()
    (folder / RESULT).write_text(content)


def write(path, content, overwrite=False, meanwhile=lambda: None):
    """Write a result, while something else happens."""
    with new_folder(path, overwrite) as aside:
        (aside / RESULT).write_text(content)
        meanwhile()


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_result_takes_its_name_and_leaves_nothing_beside_it(tmp_path, overwrite):
    path = tmp_path / "out"
    if overwrite:
        make(path)
    write(path, "new", overwrite)
    assert (path / RESULT).read_text() == "new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", ["{}", "of the user"])
@pytest.mark.parametrize(("overwrite", "before"), [(False, False), (True, False), (True, True)])
def test_what_appears_meanwhile_is_kept(tmp_path, overwrite, before, content):
    path = tmp_path / "out"
    if before:
        make(path)

    def meanwhile():
        if before:
            path.rename(tmp_path / "elsewhere")
        make(path, content)
        (path / "precious").touch()

    sentence = refusal(write, path, "new", overwrite, meanwhile)
    assert "another program" in sentence
    assert (path / RESULT).read_text() == content
    assert (path / "precious").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_file_that_appears_meanwhile_is_kept(tmp_path):
    path = tmp_path / "out"
    refusal(write, path, "new", False, path.touch)
    assert path.is_file()


def test_of_two_results_of_one_name_the_first_stays(tmp_path):
    path = tmp_path / "out"
    for overwrite in (False, True):
        first = f"first {overwrite}"
        assert "another program" in refusal(
            write, path, "second", overwrite, lambda text=first: write(path, text, True)
        )
        assert (path / RESULT).read_text() == first
    assert not list(tmp_path.glob(".*"))


def test_an_earlier_result_returns_if_the_new_one_cannot_take_its_name(tmp_path, monkeypatch):
    path = tmp_path / "out"
    make(path, "old")
    rename = type(path).rename

    def full(self, target):
        if self.name.startswith(".") and not self.name.endswith(".old"):
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(type(path), "rename", full)
    with pytest.raises(OSError, match="No space"):
        write(path, "new", True)
    assert (path / RESULT).read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_claimed_file_is_not_replaced(tmp_path):
    path = tmp_path / "a.json"
    write_json(path, 1, claim=True)
    with pytest.raises(FileExistsError):
        write_json(path, 2, claim=True)
    assert json.loads(path.read_text()) == 1
    write_json(path, 3)
    assert json.loads(path.read_text()) == 3
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("overwrite", [False, True])
def test_doctor_refuses_what_is_no_regular_file(tmp_path, overwrite):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    device = tmp_path / "device"
    device.symlink_to("/dev/null")
    for target in (pipe, device, "/dev/null"):
        sentence = refusal(DoctorSettings, ("a.evt",), output=str(target), overwrite=overwrite)
        assert "not a regular file" in sentence
    assert pipe.is_fifo()
    assert device.is_symlink()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"3",
        b"null",
        b"\xff\xfe",
        b"[" * 10**5,
        b'{"a": ' + b"[" * 99 + b"]" * 99 + b"}",
    ],
)
def test_a_damaged_file_is_refused_in_one_sentence(tmp_path, content):
    path = tmp_path / "a.json"
    path.write_bytes(content)
    assert refusal(read_json, path, "train again") == f"{path} is damaged; train again"


def test_what_is_no_file_is_not_opened(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert "is not a regular file" in refusal(read_json, pipe, "train again")
    assert "is not a regular file" in refusal(read_json, tmp_path, "train again")
    assert "is missing" in refusal(read_json, tmp_path / "none", "train again")
