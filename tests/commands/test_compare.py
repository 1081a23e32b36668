"""Compare network and references, through the command line."""

import json
from pathlib import Path

import pytest
from command_line import QPO_AND_NOISE, refused, run


def test_compare(trained, capsys, tmp_path):
    run_folder = trained("demo")
    words = [f"fixed.{k}={v}" for k, v in QPO_AND_NOISE.items()]
    grid = ["grid.qpo_rms=[0.15,0.35]", "grid.rate=[200,1000]"]
    assert "grid.rat " in refused(capsys, "compare", f"run={run_folder}", *words, "grid.rat=[1,2]")
    assert "rate" in refused(capsys, "compare", f"run={run_folder}", *words, grid[0])
    assert "grid.rate is 100000.0" in refused(
        capsys, "compare", f"run={run_folder}", *words, grid[0], "grid.rate=1e5"
    )  # one value, bare
    answer = run(
        capsys,
        "compare",
        f"run={run_folder}",
        *words,
        *grid,
        "n=2",
        "reference.names=[naive]",
        f"output={tmp_path}/comparison",
    )
    table = json.loads(Path(answer, "comparison.json").read_text())
    assert len(table["rows"]) == 4 * 2
    assert table["target"] == "qpo_rms"
    kept = {
        path: path.stat().st_mtime_ns
        for path in (run_folder.parents[1] / "references").rglob("*.npz")
    }
    assert kept
    again = run(
        capsys,
        "compare",
        f"run={run_folder}",
        *words,
        *grid,
        "n=2",
        "reference.names=[naive]",
        f"output={tmp_path}/again",
    )
    assert json.loads(Path(again, "comparison.json").read_text())["rows"] == table["rows"]
    assert {
        path: path.stat().st_mtime_ns
        for path in (run_folder.parents[1] / "references").rglob("*.npz")
    } == kept  # not fitted again


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["grid.qpo_rms=[]"], "grid.qpo_rms is empty"),
        (["grid.qpo_rms=[.nan]"], "grid.qpo_rms"),
        (["grid.qpo_rms=[0.9]"], "stay inside"),
        (["grid.qpo_rms=[0.1]", "fixed.segments=2.5"], "whole"),
        (["grid.qpo_rms=[0.1]", "fixed.qpo_rms=0.1"], "both"),
        (["grid.qpo_rms=[0.1]", "n=1"], "n is 1"),
        (["grid.qpo_rms=[0.1]", "target=segments"], "target"),
    ],
)
def test_compare_refuses_what_makes_no_sense(trained, capsys, words, said):
    run_folder = trained("demo")
    fixed = {**QPO_AND_NOISE, "rate": 200}
    assert said in refused(
        capsys,
        "compare",
        f"run={run_folder}",
        *(f"fixed.{k}={v}" for k, v in fixed.items()),
        *words,
    )
