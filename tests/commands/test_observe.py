"""Write simulated observations, through the command line."""

import json
from pathlib import Path

from command_line import refused, run


def test_detectors_without_a_known_live_time_are_not_written(capsys, tmp_path):
    words = [
        "observe",
        "experiment=deadtime_npe_single",
        "truth.rate=300",
        "truth.segments=3",
        "outside_prior=true",
    ]
    run(capsys, *words, "detector=rxte_pca", f"output={tmp_path}/pca")
    assert "set paralyzable=false" in refused(
        capsys, *words, "detector.paralyzable=true", f"output={tmp_path}/no"
    )
    assert "frame_time" in refused(capsys, *words, "detector=swift_wt", f"output={tmp_path}/no")
    assert not Path(tmp_path, "no").exists()


def test_nothing_but_an_answer_is_overwritten(trained, capsys, tmp_path):
    run_folder = trained("demo")
    files = run(
        capsys,
        "observe",
        "experiment=demo",
        f"output={tmp_path}/mine",
        "truth.segments=4",
        "outside_prior=true",
    )
    assert "run.json" not in refused(
        capsys, "evaluate", f"run={run_folder}", f"output={run_folder}", "overwrite=true"
    )
    assert (run_folder / "run.json").exists()
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "to_my_aunt.txt").write_text("dear aunt")
    assert "letters" in refused(
        capsys, "observe", "experiment=demo", f"output={tmp_path}/letters", "overwrite=true"
    )
    assert (tmp_path / "letters" / "to_my_aunt.txt").exists()
    given = f"observation.path=[{files}/A.evt,{files}/B.evt]"
    assert "needed" in refused(
        capsys, "infer", f"run={run_folder}", given, f"output={files}", "overwrite=true"
    )
    assert Path(files, "A.evt").exists()
    again = run(
        capsys,
        "observe",
        "experiment=demo",
        f"output={tmp_path}/mine",
        "truth.segments=3",
        "outside_prior=true",
        "overwrite=true",
    )
    assert json.loads(Path(again, "truth.json").read_text())["segments"] == 3
    assert sorted(p.name for p in tmp_path.iterdir()) == ["letters", "mine"]
