"""A command line of its own for each test: words in, exit code and text out."""

import pytest

from livetime.cli.main import main

HEAVY = (
    "torch",
    "hydra",
    "omegaconf",
    "lightning",
    "sbi",
    "numba",
    "scipy",
    "matplotlib",
    "astropy",
)
PROBE = f"""
import sys, time
from livetime.cli.main import main
try:
    main(sys.argv[1:])
finally:
    heavy = sorted({{name.partition(".")[0] for name in sys.modules}} & set({HEAVY}))
    print("probe", time.process_time(), *heavy, file=sys.stderr)
"""


def call(capsys, *words):
    """Exit code, standard output and standard error."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as stop:
        main(words)
    captured = capsys.readouterr()
    return stop.value.code, captured.out, captured.err


def tree(folder):
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def refused(capsys, folder, words, named):
    before = tree(folder)
    code, _, err = call(capsys, *words)
    assert code == 2, (code, err)
    assert err.startswith("error: ")
    assert len(err.splitlines()) == 1, err
    assert "Traceback" not in err
    for name in named:
        assert name in err, err
    assert tree(folder) == before
