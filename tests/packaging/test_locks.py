"""The lock files: every package pinned and hashed, no registry's address, in step with pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

REPOSITORY = Path(__file__).resolve().parents[2]
LOCKS = ["requirements-server.lock", "requirements-build.lock", "requirements.lock"]
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))
EXTRAS = PROJECT["project"]["optional-dependencies"]
GROUPS = PROJECT["dependency-groups"]
SERVER = [*PROJECT["project"]["dependencies"], *EXTRAS["server"], *EXTRAS["interop"]]
WANTED = {
    "requirements-server.lock": SERVER,
    "requirements-build.lock": GROUPS["build"],
    "requirements.lock": [*SERVER, *GROUPS["build"], *GROUPS["dev"]],
}


def entries(name: str) -> list[tuple[str, list[str]]]:
    """Give the (requirement, hashes) of a lock file; what else stands in a line stays in the requirement."""
    text = (REPOSITORY / name).read_text("utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    return [(HASH.sub("", line).strip(), HASH.findall(line)) for line in lines]


def pins(name: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for requirement, _ in entries(name):
        parsed = Requirement(requirement)
        (pin,) = parsed.specifier
        assert pin.operator == "=="
        found[canonicalize_name(parsed.name)] = pin.version
    return found


@pytest.mark.parametrize("name", LOCKS)
def test_every_package_has_hashes(name: str) -> None:
    assert entries(name) != []
    assert [requirement for requirement, hashes in entries(name) if not hashes] == []


@pytest.mark.parametrize("name", LOCKS)
def test_no_address_and_no_option_is_in_a_lock(name: str) -> None:
    assert [line for line, _ in entries(name) if "://" in line or line.startswith("-") or " @ " in line] == []
    assert "://" not in (REPOSITORY / name).read_text("utf-8")


@pytest.mark.parametrize("name", LOCKS)
def test_the_lock_holds_what_the_project_asks_for(name: str) -> None:
    locked = pins(name)
    for wanted in map(Requirement, WANTED[name]):
        version = locked.get(canonicalize_name(wanted.name))
        assert version is not None, f"{wanted.name} is not locked: make lock"
        assert wanted.specifier.contains(version), f"{wanted} is locked at {version}: make lock"


@pytest.mark.parametrize("part", LOCKS[:2])
def test_what_is_tested_is_what_is_served(part: str) -> None:
    whole = pins("requirements.lock")
    assert {name: (pin, whole.get(name)) for name, pin in pins(part).items() if whole.get(name) != pin} == {}


def test_the_tools_of_tests_are_not_served() -> None:
    assert set(pins("requirements-server.lock")) & {"pytest", "hatchling", "ruff", "setuptools"} == set()
