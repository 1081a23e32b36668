"""The documentation builds without a warning, and its links and commands lead somewhere."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from livetime.config import CONFIGS, ROOT

PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
COMMANDS = ("simulate", "train", "evaluate", "observe", "infer", "compare", "inject", "doctor")


def test_site_builds_without_a_warning(tmp_path):
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "reference" / "keys.html").exists()


def test_readme_is_short():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 120


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_links_lead_to_files(page):
    for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def shell_commands(page: Path) -> list[list[str]]:
    """List the `livetime` commands in the code blocks of a page, as words."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", page.read_text(), flags=re.M | re.S)
    text = "\n".join(blocks).replace("\\\n", " ").replace("<run folder>", "RUN")
    lines = [line for line in text.splitlines() if line.startswith("livetime ")]
    return [shlex.split(line, comments=True) for line in lines]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_commands_name_what_exists(page):
    """Every command, experiment and group choice of the pages is one that livetime has."""
    for words in shell_commands(page):
        assert words[1] in COMMANDS, words
        for word in words[2:]:
            key, equals, value = word.partition("=")
            folder = CONFIGS / key
            if equals and folder.is_dir() and "," not in value:
                assert (folder / f"{value}.yaml").exists() or NEW_FILES.get(word) == page.name, word


NEW_FILES = {
    "source=qpo_harmonic": "source.md",
    "prior=harmonic": "source.md",
    "detector=skipping": "detector.md",
    "estimator/net=bottleneck": "network.md",
    "summary=fano": "summary.md",
    "estimator=point": "question.md",
}
"""Choices that a page has the reader make."""


def test_yaml_in_the_pages_is_yaml():
    for page in PAGES:
        for block in re.findall(r"^```yaml\n(.*?)^```", page.read_text(), flags=re.M | re.S):
            assert yaml.safe_load(block), page


def test_leading_zeros():
    """Numbers have leading zeros: 0.68, not .68."""
    for page in PAGES:
        text = re.sub(r"```.*?```|`[^`]*`|\]\([^)]*\)", "", page.read_text(), flags=re.S)
        bare = re.findall(r"(?<![\w./*])[+-]?\.\d+", text)
        assert not bare, f"{page.name}: {bare}"
