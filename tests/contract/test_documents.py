"""The documents hold together: every link leads somewhere, and the list of decisions names every decision."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.architecture.tree import REPOSITORY, project_files

DOCUMENTS = [name for name in project_files() if name.suffix == ".md"]
DECISIONS = REPOSITORY / "docs" / "adr"
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"^(```+).*?^\1|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def broken_links(text: str, directory: Path) -> list[str]:
    """Give the links of a page in `directory` that lead to no file. Code is not looked at."""
    links = [link.partition("#")[0] for link in LINK.findall(CODE.sub("", text))]
    inside = [link for link in links if link and "://" not in link and not link.startswith("mailto:")]
    return [link for link in inside if not (directory / link).exists()]


@pytest.mark.parametrize("name", [pytest.param(name, id=str(name)) for name in DOCUMENTS])
def test_every_link_of_a_document_leads_somewhere(name: Path) -> None:
    path = REPOSITORY / name
    assert broken_links(path.read_text("utf-8"), path.parent) == []


def test_a_link_to_nowhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").touch()
    page = "[a](there.md) [b](gone.md#part) [c](https://example.org) `[d](code.md)`\n```\n[e](code.md)\n```\n"
    assert broken_links(page, tmp_path) == ["gone.md"]


def test_the_list_of_decisions_is_whole() -> None:
    listed = re.findall(
        r"^\| \[(\d{4})\]\((\1-[a-z0-9-]+\.md)\)", (DECISIONS / "README.md").read_text(), re.MULTILINE
    )
    assert [file for _, file in listed] == sorted(path.name for path in DECISIONS.glob("[0-9]*.md"))


@pytest.mark.parametrize("path", [pytest.param(p, id=p.name) for p in sorted(DECISIONS.glob("[0-9]*.md"))])
def test_a_decision_has_its_parts(path: Path) -> None:
    text = path.read_text("utf-8")
    assert text.startswith(f"# {path.name[:4]}: ")
    parts = re.findall(r"^(?:## )?(Status(?=: \w)|Context|Decision|Consequences)", text, re.MULTILINE)
    assert parts == ["Status", "Context", "Decision", "Consequences"]
