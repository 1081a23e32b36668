"""A working folder and a checkout of its own for each test of the command line."""

import sys

import pytest

from livetime import outputs


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """A working folder and a checkout of its own; Hydra's global state is put back."""
    from hydra.core.global_hydra import GlobalHydra

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(outputs, "ROOT", tmp_path)
    monkeypatch.setattr(sys, "argv", ["pytest"])
    monkeypatch.setenv("HYDRA_FULL_ERROR", "0")
    GlobalHydra.instance().clear()
    yield tmp_path
    GlobalHydra.instance().clear()
