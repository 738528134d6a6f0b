"""The wheel: `broker/` alone, typed and licensed, never a key, the same bytes whoever builds it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from email import message_from_bytes
from pathlib import Path

import pytest

import broker
from tests.architecture.tree import REPOSITORY, project_files

WHEN = "1750000000"
"""SOURCE_DATE_EPOCH of the builds: any fixed second will do."""


def copy_project(target: Path) -> Path:
    for name in project_files():
        (target / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(REPOSITORY / name, target / name)
    return target


def build(tree: Path, out: Path, kind: str = "wheel") -> Path:
    """Build as `make build` does, with the back end that is installed and nothing fetched."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", str(out)],
        cwd=tree,
        env={**os.environ, "SOURCE_DATE_EPOCH": WHEN},
        check=True,
        capture_output=True,
    )
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def tree_with_keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree in which private keys lie about, as they do on a developer's disk."""
    tree = copy_project(tmp_path_factory.mktemp("tree"))
    for place in ("keys/root.key", "broker/broker.key", "broker/protocol/pk.fia.key"):
        (tree / place).parent.mkdir(parents=True, exist_ok=True)
        (tree / place).write_text("a private key", "utf-8")
    return tree


@pytest.fixture(scope="module")
def wheel(tree_with_keys: Path, tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    return zipfile.ZipFile(build(tree_with_keys, tmp_path_factory.mktemp("dist")))


def shipped(wheel: zipfile.ZipFile) -> set[str]:
    return {name for name in wheel.namelist() if ".dist-info/" not in name}


def test_the_wheel_holds_the_package_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    assert {name.partition("/")[0] for name in shipped(wheel)} == {"broker"}


def test_the_wheel_holds_every_file_of_the_package(wheel: zipfile.ZipFile) -> None:
    assert shipped(wheel) == {str(name) for name in project_files() if name.parts[0] == "broker"}


def test_no_private_key_is_in_the_wheel(wheel: zipfile.ZipFile) -> None:
    contents = {name: wheel.read(name) for name in wheel.namelist()}
    assert [name for name, text in contents.items() if text == b"a private key"] == []


def test_the_wheel_says_that_it_is_typed(wheel: zipfile.ZipFile) -> None:
    assert "broker/py.typed" in wheel.namelist()


def test_the_wheel_carries_its_licence(wheel: zipfile.ZipFile) -> None:
    (licence,) = (name for name in wheel.namelist() if name.endswith(".dist-info/licenses/LICENSE"))
    assert wheel.read(licence) == (REPOSITORY / "LICENSE").read_bytes()


def test_the_wheel_says_what_it_needs(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = message_from_bytes(wheel.read(name))
    assert metadata["Name"] == "harkara"
    assert metadata["Version"] == broker.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert set(metadata.get_all("Provides-Extra", [])) == {"server", "interop"}


def test_the_wheel_installs_the_command(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/entry_points.txt"))
    assert wheel.read(name).decode().split() == ["[console_scripts]", "harkara", "=", "broker.cli.main:main"]


def test_two_builds_of_one_source_are_the_same_bytes(tmp_path: Path) -> None:
    first = copy_project(tmp_path / "first")
    second = Path(shutil.copytree(first, tmp_path / "deeper" / "second"))
    for path in second.rglob("*.py"):
        path.chmod(0o600)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    one, other = build(first, tmp_path / "dist-1"), build(second, tmp_path / "dist-2")
    assert one.name == other.name
    assert one.read_bytes() == other.read_bytes()


def test_no_private_key_is_in_the_source_archive(tree_with_keys: Path, tmp_path: Path) -> None:
    with tarfile.open(build(tree_with_keys, tmp_path, "sdist")) as archive:
        names = archive.getnames()
    assert any(name.endswith("/broker/errors.py") for name in names)
    assert [name for name in names if name.endswith(".key")] == []
