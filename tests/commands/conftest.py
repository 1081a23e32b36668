"""Runs that are trained once, in miniature, for all tests of the commands."""

import contextlib
import io
from functools import cache
from pathlib import Path

import pytest
from command_line import MINIATURES, SHORT

from livetime.cli.main import main
from livetime.report import style


@pytest.fixture(scope="module", autouse=True)
def coarse_figures():
    """Draw figures with few pixels: hundreds are saved, and nobody looks at them."""
    fine = style.DPI
    style.DPI = 80
    yield
    style.DPI = fine


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("outputs")


@pytest.fixture(scope="session")
def trained(folder):
    """Gives the run folder of an experiment, trained in miniature when it is first asked for."""

    @cache
    def of(experiment):
        out = io.StringIO()
        with contextlib.redirect_stdout(out), pytest.raises(SystemExit) as stop:
            main(
                [
                    "train",
                    f"experiment={experiment}",
                    *MINIATURES.get(experiment, SHORT),
                    f"outputs={folder}",
                ]
            )
        assert stop.value.code == 0
        return Path(out.getvalue().splitlines()[-1])

    return of
