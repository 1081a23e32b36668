"""A checkpoint is whole and of its own training, or it is refused; a resumed training takes the
same course."""

import json
import os
import shutil
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from banks import bank_of
from refusals import refusal

from livetime.learn.checkpoints import BEST, CHECKPOINTS, DONE, LAST, load
from livetime.learn.training import Member, fit
from livetime.settings import Trainer, Training

NET = {"_target_": "livetime.learn.nets.MLP", "widths": [8], "dropout": 0.3}
ESTIMATOR = {"_target_": "livetime.learn.estimators.MixtureDensity", "components": 2, "net": NET}
SHAPES = {"low": [-1.0], "high": [1.0], "x_dim": 3}
TRAINING = Training(epochs=4, batch_size=16, patience=100, schedule="constant", validation=0.2)


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    rng = np.random.default_rng(1)
    theta = rng.uniform(-1, 1, (80, 1))
    x = (theta + rng.normal(0, 0.3, (80, 3))).astype(np.float32)
    return bank_of(tmp_path_factory.mktemp("banks") / "bank", theta, x)


class StoppedError(Exception):
    pass


def member(bank, folder, training=TRAINING, seed=1):
    trainer = Trainer(accelerator="cpu")
    return Member(folder, ESTIMATOR, training, trainer, SHAPES, bank.folder, 80, seed)


def train(planned, stop=None):
    """Train a member, up to an epoch at whose end it is stopped."""
    epochs = []

    def report(done, loss):
        epochs.append(done)
        if len(epochs) == stop:
            raise StoppedError

    return fit(planned, report)


@pytest.fixture(scope="module")
def trained(bank, tmp_path_factory):
    """Gives the folder of a member that was trained without a stop, and its result."""
    folder = tmp_path_factory.mktemp("run") / "member_0"
    return folder, train(member(bank, folder))


@pytest.fixture
def copied(trained, tmp_path):
    return shutil.copytree(trained[0], tmp_path / "run" / "member_0")


def weights(folder):
    state = load(folder).state_dict()
    return {name: values.numpy().tobytes() for name, values in state.items()}


def assert_trained_again(bank, folder, trained):
    assert train(member(bank, folder)) == trained[1]
    assert weights(folder) == weights(trained[0])


@pytest.mark.parametrize(
    "missing", [[DONE], [f"{CHECKPOINTS}/{BEST}"], [DONE, f"{CHECKPOINTS}/{LAST}"]]
)
def test_what_is_missing_is_made_again_with_the_same_bits(bank, copied, trained, missing):
    for name in missing:
        (copied / name).unlink()
    assert_trained_again(bank, copied, trained)


@pytest.mark.parametrize("stop", [2, 4])
def test_a_resumed_training_with_dropout_takes_the_same_course(bank, tmp_path, trained, stop):
    with pytest.raises(StoppedError):
        train(member(bank, tmp_path / "member_0"), stop)
    torch.rand(10)
    assert_trained_again(bank, tmp_path / "member_0", trained)


def test_a_training_that_stopped_early_is_not_trained_further(bank, tmp_path):
    impatient = replace(TRAINING, epochs=50, patience=1, lr=0.5)
    planned = member(bank, tmp_path / "member_0", impatient)
    result = train(planned)
    assert result["epochs"] < impatient.epochs
    before = weights(planned.folder)
    (planned.folder / DONE).unlink()
    assert train(planned) == result
    assert weights(planned.folder) == before


def flipped(path, share):
    data = bytearray(path.read_bytes())
    data[int(share * len(data))] ^= 4
    path.write_bytes(data)


def with_another_weight(path):
    """Flip a bit of a weight."""
    state = torch.load(path, weights_only=True)["state_dict"]
    largest = max(state.values(), key=torch.numel).numpy().tobytes()
    place = path.read_bytes().index(largest)
    flipped(path, (place + 0.5) / path.stat().st_size)


DAMAGES = {
    "empty": lambda path: path.write_bytes(b""),
    "cut": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size // 2]),
    "flipped": with_another_weight,
    "a list": lambda path: torch.save([1, 2], path),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_last_checkpoint_is_named(bank, copied, trained, damage):
    (copied / DONE).unlink()
    last = copied / CHECKPOINTS / LAST
    damage(last)
    assert str(last) in refusal(train, member(bank, copied))
    shutil.rmtree(last) if last.is_dir() else last.unlink()
    assert_trained_again(bank, copied, trained)


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_best_checkpoint_is_named(copied, damage):
    best = copied / CHECKPOINTS / BEST
    damage(best)
    assert str(best) in refusal(load, copied)


def test_no_flipped_byte_changes_the_weights(copied, trained):
    best = copied / CHECKPOINTS / BEST
    whole = best.read_bytes()
    for share in np.linspace(0, 0.999, 25):
        best.write_bytes(whole)
        flipped(best, share)
        assert str(best) in refusal(load, copied)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_last_checkpoint_of_another_training_is_refused(bank, copied, trained, tmp_path, seed):
    """The seed is another, or the bank has other simulations."""
    other = member(bank, tmp_path / "other", seed=seed)
    if seed == 1:
        other = replace(other, simulations=70)
    train(other)
    (copied / DONE).unlink()
    shutil.copy(other.folder / CHECKPOINTS / LAST, copied / CHECKPOINTS / LAST)
    assert "another training" in refusal(train, member(bank, copied))


def test_the_best_checkpoint_of_another_training_is_refused(bank, copied, tmp_path):
    other = member(bank, tmp_path / "other", seed=2)
    train(other)
    shutil.copy(other.folder / CHECKPOINTS / BEST, copied / CHECKPOINTS / BEST)
    assert f"is not the one that {DONE} describes" in refusal(load, copied)


@pytest.mark.parametrize(
    ("factor", "words"), [(0.0, "all zero"), (np.nan, "not finite"), (1e30, "describes")]
)
def test_weights_that_no_training_leaves_are_named(copied, factor, words):
    best = copied / CHECKPOINTS / BEST
    checkpoint = torch.load(best, weights_only=True)
    state = {name: values * factor for name, values in checkpoint["state_dict"].items()}
    torch.save({**checkpoint, "state_dict": state}, best)
    assert words in refusal(load, copied)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"val_loss": "a"}', '{"a": ' + "[" * 10**5])
def test_a_damaged_result_is_named(bank, copied, trained, content):
    (copied / DONE).write_text(content)
    assert str(copied / DONE) in refusal(train, member(bank, copied))
    assert str(copied / DONE) in refusal(load, copied)
    (copied / DONE).unlink()
    assert_trained_again(bank, copied, trained)


def test_a_kill_while_a_checkpoint_is_written_leaves_the_earlier_one(
    bank, tmp_path, trained, monkeypatch
):
    """No file of a checkpoint's name is ever half written, on any file system."""
    replaced = []
    real = os.replace

    def dying(source, target):
        assert os.path.dirname(source) == os.path.dirname(target)
        replaced.append(target)
        if len(replaced) == 4:
            raise StoppedError
        real(source, target)

    folder = tmp_path / "member_0"
    monkeypatch.setattr(os, "replace", dying)
    with pytest.raises(StoppedError):
        train(member(bank, folder))
    monkeypatch.undo()
    names = {path.name for path in (folder / CHECKPOINTS).iterdir()}
    assert names == {BEST, LAST}
    assert_trained_again(bank, folder, trained)


def test_a_result_of_an_earlier_version_has_no_checksum(copied, trained):
    done = json.loads((copied / DONE).read_text())
    (copied / DONE).write_text(
        json.dumps({key: done[key] for key in ("val_loss", "epochs", "weights")})
    )
    assert weights(copied) == weights(trained[0])


def test_an_interrupt_stays_an_interrupt(bank, tmp_path):
    def interrupt(epochs, loss):
        raise KeyboardInterrupt

    before = signal.getsignal(signal.SIGINT)
    try:
        with pytest.raises(KeyboardInterrupt):
            fit(member(bank, tmp_path / "member_0"), interrupt)
    finally:
        signal.signal(signal.SIGINT, before)
