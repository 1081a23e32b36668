"""Write the pages that are made from the code: home, the reference of each room, and every key."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "livetime"
ROOMS = ("simulate", "files", "learn", "reference", "infer", "check", "report")


def on_files(files: Files, config: Any) -> Files:
    """Add the generated pages to the site."""
    pages = {"index.md": home(), "reference/interface.md": interface(), "reference/keys.md": keys()}
    pages |= {f"reference/{room}.md": room_page(room) for room in ROOMS}
    for path, text in pages.items():
        files.append(File.generated(config, path, content=text))
    return files


def home() -> str:
    """Return the README with its links turned into links of the site."""
    text = (ROOT / "README.md").read_text()
    text = text.replace("](docs/", "](")
    text = re.sub(r"\[([^\]]+)\]\((?:CONTRIBUTING|CHANGELOG)\.md\)", r"\1", text)
    return text


def interface() -> str:
    """Return the page of the Python interface."""
    return "# Python interface\n\n::: livetime\n\n::: livetime.interface\n\n::: livetime.errors\n"


def room_page(room: str) -> str:
    """Return the page of one room: every public name of every module."""
    modules = sorted(path.stem for path in (PACKAGE / room).glob("[a-z]*.py"))
    parts = [f"::: livetime.{room}.{module}" for module in modules]
    return "\n\n".join([f"# livetime.{room}", *parts]) + "\n"


def keys() -> str:
    """Return every YAML file of `configs/`, which is every key with its default and comment."""
    parts = ["# Keys", "Each file below is a choice: `group=name`, then `group.key=value`.", ""]
    group = ""
    for path in sorted((ROOT / "configs").rglob("*.yaml")):
        folder = path.parent.relative_to(ROOT / "configs").as_posix()
        if folder != group:
            group = folder
            parts.append(f"## {'Roots' if folder == '.' else folder}\n")
        parts.append(f"### {path.stem}\n\n```yaml\n{path.read_text().rstrip()}\n```\n")
    return "\n".join(parts)
