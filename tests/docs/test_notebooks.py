"""The notebooks run as written, in miniature, in a folder that is not the checkout."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from livetime import outputs
from livetime.config import ROOT

NOTEBOOKS = ROOT / "docs" / "notebooks"

MINIATURE = [
    "simulations=120",
    "training.epochs=1",
    "training.members=1",
    "training.test=100",
    "training.batch_size=50",
    "prior.covariates.segments.low=2",
    "prior.covariates.segments.high=3",
    "prior.parameters.rate.high=300",
]


def execute(name: str, folder: Path, parameters: str) -> nbformat.NotebookNode:
    """Run a notebook in a folder, with other values in the cell that is tagged `parameters`."""
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    tagged = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    tagged[0].source = parameters
    client = NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(folder)}})
    client.execute()
    return notebook


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder that is not the checkout."""
    folder = tmp_path_factory.mktemp("notebooks")
    os.environ["PYTHONWARNINGS"] = "ignore"
    yield folder
    del os.environ["PYTHONWARNINGS"]


def test_the_newest_run_is_found_from_any_folder(tmp_path, monkeypatch):
    """A simulated observation lies beside the runs, and its name comes after theirs."""
    monkeypatch.setattr(outputs, "ROOT", tmp_path)
    for name in ("2026-01-01_1", "2026-01-02_2"):
        run = tmp_path / "outputs" / "demo" / name
        run.mkdir(parents=True)
        (run / "config.json").touch()
    (run.parent / "observation_2026-01-03_3").mkdir()
    notebook = nbformat.read(NOTEBOOKS / "infer.ipynb", as_version=4)
    cell = next(c for c in notebook.cells if "parameters" in c.metadata.get("tags", []))
    names = {"outputs_folder": outputs.outputs_folder}
    exec(cell.source, names)
    assert names["run"] == run


def test_train_and_check_then_infer(folder):
    """The second notebook answers with the network that the first one trained."""
    overrides = [f"outputs={folder}/outputs", "name=mine", *MINIATURE]
    train = f"experiment = 'demo'\noverrides = {overrides!r}\nchecks = 100"
    execute("train.ipynb", folder, train)
    run = next(Path(folder, "outputs", "mine").iterdir())

    truth = {"rate": 250, "qpo_rms": 0.25, "segments": 8}
    infer = f"experiment = 'demo'\nrun = {str(run)!r}\ntruth = {truth!r}"
    answered = execute("infer.ipynb", folder, infer)

    assert Path(folder, "my_source", "posterior.nc").exists()
    figures = [
        output
        for cell in answered.cells
        for output in cell.get("outputs", [])
        if "image/png" in output.get("data", {})
    ]
    assert len(figures) == 2
