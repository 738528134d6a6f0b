"""What may lie in the repository: short files that say what they are; no keys, addresses, loose ends."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.tree import REPOSITORY, project_files

LINES_LIMIT = 500
"""No source file is longer. Nearly all are under 300."""

EMPTY_NAMES = {"common", "data", "helper", "helpers", "info", "manager", "misc", "stuff", "util", "utils"}
"""Names that say nothing about what is in a file."""

KEY_FILES = (".key", ".pem", ".p12", ".pfx", ".kdbx")

# The patterns are written so that they do not match this file.
FORBIDDEN = {
    "a private key": re.compile(r"BEGIN [A-Z ]*PRIVATE" r" KEY"),
    "the address of a package registry": re.compile(
        r"pypi\." r"org|pythonhosted\." r"org|registry\.npmjs\." r"org|registry\.yarnpkg\." r"com"
        r"|deb\.debian\." r"org|(?:--|^)(?:extra-)?index" r"-url|\"resolved\": *\"http",
        re.MULTILINE,
    ),
    "a path of one machine": re.compile(r"/work" r"/(?:main|shared)|/tmp" r"/w/|/(?:root|home)" r"/[a-z.]+/"),
}  # fmt: skip

LEFT_OPEN = re.compile(
    r"\b(?:TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|raise NotImplemented" r"Error|mark\.(?:sk" r"ip|xf" r"ail)"
    r"|pytest\.(?:sk" r"ip|xf" r"ail|importor" r"skip)\b|pragma: no" r" cover"
)  # fmt: skip

HIDDEN_DIRECTION = re.compile("[\u202a-\u202e\u2066-\u2069\u200b\u2060\ufeff]")
"""Characters that make source read differently from what it does. Tests of refusals write them as escapes."""

FILES = project_files()
SOURCES = [name for name in FILES if name.suffix == ".py"]


def breaches_of(text: str, rules: dict[str, re.Pattern[str]]) -> list[str]:
    return [
        f"line {text.count(chr(10), 0, hit.start()) + 1}: {what}"
        for what, rule in rules.items()
        for hit in rule.finditer(text)
    ]


def read(name: Path) -> str:
    return (REPOSITORY / name).read_text("utf-8", errors="replace")


def test_the_project_is_listed() -> None:
    assert {Path("pyproject.toml"), Path("broker/errors.py"), Path("LICENSE")} <= set(FILES)


def test_no_source_file_is_too_long() -> None:
    lengths = {str(name): read(name).count("\n") for name in SOURCES}
    assert {name: length for name, length in lengths.items() if length > LINES_LIMIT} == {}


def test_every_module_opens_with_its_contract() -> None:
    silent = [str(name) for name in SOURCES if not ast.get_docstring(ast.parse(read(name)))]
    assert silent == []


def test_names_say_what_is_inside() -> None:
    parts = {str(name): {Path(part).stem for part in name.parts} for name in SOURCES}
    assert {name: hits for name, words in parts.items() if (hits := words & EMPTY_NAMES)} == {}


def test_nothing_is_left_open() -> None:
    found = {str(name): breaches_of(read(name), {"left open": LEFT_OPEN}) for name in SOURCES}
    assert {name: hits for name, hits in found.items() if hits} == {}


def test_no_key_file_is_in_the_repository() -> None:
    assert [str(name) for name in FILES if name.suffix in KEY_FILES] == []


def test_no_file_holds_what_must_stay_outside() -> None:
    found = {str(name): breaches_of(read(name), FORBIDDEN) for name in FILES}
    assert {name: hits for name, hits in found.items() if hits} == {}


def test_source_reads_as_it_runs() -> None:
    found = {str(name): breaches_of(read(name), {"hidden character": HIDDEN_DIRECTION}) for name in SOURCES}
    assert {name: hits for name, hits in found.items() if hits} == {}


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("-----BEGIN " + "PRIVATE KEY-----", id="a-private-key"),
        pytest.param("-----BEGIN ENCRYPTED " + "PRIVATE KEY-----", id="an-encrypted-private-key"),
        pytest.param("x\n--extra-" + "index-url somewhere", id="an-option-with-an-address"),
        pytest.param("https://files.python" + "hosted.org/packages/x", id="an-address-of-a-wheel"),
        pytest.param('"resolved": ' + '"https://r/x.tgz"', id="an-entry-of-a-node-lock-file"),
        pytest.param("see /work" + "/main/broker", id="a-path-of-one-machine"),
    ],
)
def test_what_must_stay_outside_is_recognised(text: str) -> None:
    assert breaches_of(text, FORBIDDEN) != []


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("# TO" + "DO: later", id="a-note-to-self"),
        pytest.param("@pytest.mark.sk" + "ipif(True)", id="a-skipped-test"),
        pytest.param("raise NotImplemented" + "Error", id="a-stub"),
    ],
)
def test_what_is_left_open_is_recognised(text: str) -> None:
    assert LEFT_OPEN.search(text)
