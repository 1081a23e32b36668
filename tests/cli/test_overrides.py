"""Words reach the program as they were typed."""

import pytest

from livetime.cli.help import root_of
from livetime.cli.overrides import COMPOSED, arrange
from livetime.errors import UserError


def parsed(words):
    """What Hydra makes of the overrides: key -> value."""
    top = words[0].partition("=")[0].split(".")[0]
    command = next(name for name in COMPOSED if top in root_of(name).names)

    from hydra.core.override_parser.overrides_parser import OverridesParser

    def plain(value):
        return (
            [plain(v) for v in value]
            if isinstance(value, list)
            else str(value)
            if value is not None
            else None
        )

    return {
        o.key_or_group: plain(o.value())
        for o in OverridesParser.create().parse_overrides(arrange(command, words)[1])
    }


PATHS = [
    "plain",
    "/absolute/with space/x.evt",
    "a=b",
    "a(1)",
    "it's",
    "''x",
    "x''y'",
    'say "hi"',
    "back\\slash",
    "ends\\",
    "ends\\\\",
    "\\'",
    "a{b}",
    "a[0]",
    "a:b",
    "~/x",
    "#1",
    "1.0",
    "true",
    "été",
    "tab\there",
    "comma,ted",
    "@at+plus!%&*?;<>|^`",
    "$HOME",
]


@pytest.mark.parametrize("path", [p for p in PATHS if p[0] not in "'\""])
@pytest.mark.parametrize(
    "key",
    [
        "run",
        "resume",
        "output",
        "outputs",
        "observation.path",
        "observation.spectrum",
        "detector.arf",
    ],
)
def test_paths_reach_the_program_as_they_were_typed(key, path):
    assert parsed([f"{key}={path}"])[key] == ([path] if key == "observation.path" else path)


@pytest.mark.parametrize("path", [p for p in PATHS if "," not in p and p[0] not in "'\""])
def test_lists_of_paths_reach_the_program_as_they_were_typed(path):
    assert parsed([f"observation.path=[{path},b (2)=c.evt]"])["observation.path"] == [
        path,
        "b (2)=c.evt",
    ]
    assert parsed([f"observation.path=[{path}, x]"])["observation.path"] == [path, "x"]


def test_quoted_paths_and_null_are_left_alone():
    assert parsed(['run="c d"', "output='a b'"]) == {"output": "a b", "run": "c d"}
    assert parsed(["output=null"]) == {"output": None}


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize(
    "flags", [["-m"], ["--multirun"], ["--cfg", "job"], ["-c", "job"], ["--info", "all"]]
)
def test_flags_may_stand_anywhere(flags, at):
    words = ["experiment=demo", "seed=1,2", "truth.rate=3"]
    found, overrides = arrange("observe", [*words[:at], *flags, *words[at:]])
    assert found == flags
    assert overrides == ["experiment=demo", "seed=1,2", "++truth.rate=3"]


def test_a_sweep_over_paths_is_one():
    _, overrides = arrange("evaluate", ["-m", "run=a b,c(1)"])
    assert overrides == ["run='a b','c(1)'"]


@pytest.mark.parametrize(
    ("command", "word"),
    [("observe", "truth.rate=3"), ("inject", "fixed.rate=3"), ("compare", "grid.rate=[1,2]")],
)
def test_names_that_the_user_gives_are_added(command, word):
    assert arrange(command, [word])[1] == [f"++{word}"]
    mapping = word.replace(".rate=3", "={rate: 3}")
    assert arrange(command, [mapping])[1] == [f"++{mapping}"]


def test_bare_event_files_are_the_path_of_the_observation(elsewhere):
    for name in ("A.evt", "b (2)=c.evt"):
        (elsewhere / name).write_text("")
    given = parsed(["observation.gti=full", "A.evt", "b (2)=c.evt"])
    assert given == {"observation.gti": "full", "observation.path": ["A.evt", "b (2)=c.evt"]}
    (elsewhere / "outputs").mkdir()
    (elsewhere / "outputs" / "A.evt").write_text("")  # in a folder that is called like a key
    named = parsed(["observation.gti=full", "outputs/A.evt"])
    assert named["observation.path"] == ["outputs/A.evt"]
    with pytest.raises(UserError, match=r"observation\.path is given twice"):
        arrange("infer", ["A.evt", "observation.path=A.evt"])
    with pytest.raises(UserError, match=r"A\.evt is a file"):
        arrange("evaluate", ["A.evt"])


@pytest.mark.parametrize(
    ("command", "words", "named"),
    [
        ("train", ["resume="], "resume is empty"),
        ("infer", ["observation.path=null"], "observation.path is null"),
        ("observe", ["truth=3"], "say truth.<name>=<value>"),
        ("compare", ["grid=3"], "say grid.<name>=<value>"),
        ("train", ["--cfg"], "--cfg has no value; there are: all, hydra, job"),
        ("train", ["--cfg", "jobs"], "did you mean job?"),
    ],
)
def test_words_that_mean_nothing_are_refused(command, words, named):
    with pytest.raises(UserError) as refusal:
        arrange(command, words)
    assert named in str(refusal.value)


def test_no_detector_is_a_choice():
    assert arrange("train", ["detector=null"]) == ([], ["~detector"])
