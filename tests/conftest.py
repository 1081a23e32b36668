"""Miniatures that several rooms' tests share: a trained network, and files of one observation."""

import contextlib
import io
from pathlib import Path

import pytest

from livetime.cli.main import main

SMALL = (
    "debug=fast_dev_run",
    "prior.covariates.segments.low=2",
    "prior.covariates.segments.high=4",
    "estimator/net=mlp",
    "estimator.net.widths=[16]",
    "estimator.hidden_features=[8]",
    "estimator.num_transforms=1",
)


def last_line(*words: str) -> str:
    """Run a command that must end well, and return the last line that it prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as stop:
        main(list(words))
    assert stop.value.code == 0, out.getvalue()
    return out.getvalue().splitlines()[-1]


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train the demo in miniature, and return its run folder."""
    outputs = tmp_path_factory.mktemp("outputs")
    return Path(last_line("train", "experiment=demo", *SMALL, f"outputs={outputs}"))


@pytest.fixture(scope="session")
def demo_files(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    """Observe the demo, and return the event file of each module."""
    folder = tmp_path_factory.mktemp("observed") / "files"
    truth = ("truth.qpo_rms=0.2", "truth.rate=300", "truth.segments=3", "outside_prior=true")
    last_line("observe", "experiment=demo", *truth, f"output={folder}")
    return tuple(sorted(str(path) for path in folder.glob("*.evt")))


@pytest.fixture(scope="session")
def classifier_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a classifier in miniature, and return its run folder."""
    outputs = tmp_path_factory.mktemp("outputs")
    words = ("experiment=qpo_mlp", *SMALL[:3], f"outputs={outputs}")
    return Path(last_line("train", *words))
