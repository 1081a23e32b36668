"""The version ranges in pyproject.toml leave out releases that are known to be unsafe."""

import tomllib
from importlib.metadata import version

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from livetime.config import ROOT

SAFE = {
    "torch": ("2.10", "2.9.1"),  # weights_only=True runs code below 2.10, CVE-2026-24747
    "lightning": ("2.6.6", "2.6.5"),  # 2.6.2 and 2.6.3 are malicious, checkpoints run code
    "hydra-core": ("1.3.5", "1.3.4"),  # instantiate runs code of a config below it
}
"""The lowest safe release, and the last one that must be refused."""


def requirements():
    with (ROOT / "pyproject.toml").open("rb") as file:
        given = tomllib.load(file)["project"]["dependencies"]
    return {parsed.name: parsed for parsed in map(Requirement, given)}


@pytest.mark.parametrize("name", SAFE)
def test_unsafe_releases_are_left_out(name):
    lowest, unsafe = SAFE[name]
    allowed = requirements()[name].specifier
    bounds = [Version(part.version) for part in allowed if part.operator == ">="]
    assert bounds
    assert max(bounds) >= Version(lowest)
    assert unsafe not in allowed


@pytest.mark.parametrize("release", ["2.6.2", "2.6.3"])
def test_the_malicious_releases_of_lightning_are_left_out(release):
    assert release not in requirements()["lightning"].specifier


@pytest.mark.parametrize("name", SAFE)
def test_the_installed_release_is_in_the_range(name):
    assert requirements()[name].specifier.contains(version(name), prereleases=True)
