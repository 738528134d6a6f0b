"""An agency's desk may run Windows: its commands and the client work without what only POSIX has, against a
broker that runs elsewhere.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from broker.cli.main import ENTRIES
from tests.cli.world import make_exchange, served
from tests.packaging.test_base_install import PRELUDE, every_module_of

REPOSITORY = Path(__file__).resolve().parents[2]
ON_WINDOWS = f"{PRELUDE}\nfrom tests.packaging.another_system import install\ninstall()\n"
PROGRAM = "from broker.cli.main import main\nmain()\n"
OF_THE_EXCHANGE = {"serve", "demo"}
"""Commands that run a broker: not on Windows."""


class Desk:
    """An agency at a machine with another system."""

    def __init__(self, home: Path, url: str, agency: str) -> None:
        self._home = home
        self._variables = {
            "HARKARA_URL": url,
            "HARKARA_IDENTITY": str(home / agency / f"{agency}.key"),
            "LOCALAPPDATA": str(home / "local"),
            "PYTHONPATH": str(REPOSITORY),
            "PATH": "",
            "HOME": "/nowhere",
        }

    def call(self, *arguments: str, given: str = "", code: str = PROGRAM) -> subprocess.CompletedProcess[str]:
        """Run the program, or `code`, with these arguments."""
        return subprocess.run(
            [sys.executable, "-c", ON_WINDOWS + code, *arguments],
            input=given,
            capture_output=True,
            text=True,
            cwd=self._home,
            env=self._variables,
            check=False,
        )

    def must(self, *arguments: str, given: str = "", code: str = PROGRAM) -> str:
        """Run what has to succeed, and give its output."""
        done = self.call(*arguments, given=given, code=code)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for an exchange."""
    return tmp_path_factory.mktemp("exchange")


@pytest.fixture(scope="module")
def url(home: Path) -> Iterator[str]:
    """The address of a broker that serves the exchange, as a program of its own."""
    with served(make_exchange(home)) as found:
        yield found


@pytest.fixture
def fia(home: Path, url: str) -> Desk:
    """FIA's desk."""
    return Desk(home, url, "pk.fia")


@pytest.fixture
def anf(home: Path, url: str) -> Desk:
    """ANF's desk."""
    return Desk(home, url, "pk.anf")


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import broker.errors\nexec('import fcntl', broker.errors.__dict__)", id="fcntl"),
        pytest.param(
            "import broker.errors\nexec('import os; os.geteuid()', broker.errors.__dict__)", id="os"
        ),
        pytest.param(
            "import broker.errors\nexec('import signal; signal.SIGHUP', broker.errors.__dict__)", id="signal"
        ),
        pytest.param("import redis", id="the-server"),
    ],
)
def test_what_only_posix_has_is_really_out_of_reach(fia: Desk, code: str) -> None:
    done = fia.call(code=code)
    assert done.returncode == 1
    assert "Error: " in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("layer", ["client", "protocol"])
def test_every_module_of_the_client_loads(fia: Desk, layer: str) -> None:
    fia.must(code="".join(f"import {module}\n" for module in every_module_of(layer)))


def test_every_command_of_an_agency_loads(fia: Desk) -> None:
    modules = {entry.place.partition(":")[0] for entry in ENTRIES if entry.name not in OF_THE_EXCHANGE}
    assert len(modules) > 10
    fia.must(code="".join(f"import {module}\n" for module in sorted(modules)))


def test_a_bulletin_is_posted_read_answered_and_taken_back(fia: Desk, anf: Desk, home: Path) -> None:
    drafted = fia.must("draft", "drug-smuggling", "--short", "--headline", "Heroin in door frames", "--json")
    posted = fia.must("post", "-", "--only-id", given=drafted).strip()
    assert fia.must("post", "-", "--only-id", given=drafted).strip() == posted
    (item,) = map(json.loads, anf.must("feed", "--json", "--count", "1", "--timeout", "90s").splitlines())
    assert (item["verified"], item["id"]) == (True, posted)
    assert anf.must("feed", "--json") == ""
    assert "Told pk.fia: actioned" in anf.must("ack", str(item["number"]), "actioned")
    assert "Heroin" in anf.must("fetch", str(item["number"]))
    anf.must("export", str(item["number"]), "--proof", "proof.json")
    assert "Authentic: signed by pk.fia" in anf.must("verify", "proof.json")
    told = fia.must("feed", "--json", "--count", "1", "--timeout", "90s")
    assert json.loads(told)["verified"]
    fia.must("cancel", posted, "--reason", "Seized")
    assert (home / "local").is_dir()


def test_an_identity_is_made_and_renewed(fia: Desk, home: Path) -> None:
    fia.must("keys", "new", "pk.asf-north", "--exchange", "exchange/exchange.json", "--out", "north")
    fia.must("keys", "rotate", "north/pk.asf-north.key")
    assert len(json.loads((home / "north/pk.asf-north.key").read_text("utf-8"))["keys"]) == 4


def test_doctor_looks_at_a_desk(anf: Desk) -> None:
    assert "broker" in anf.must("doctor")


def test_serving_is_refused_in_words(fia: Desk) -> None:
    done = fia.call("serve", "--data", "exchange")
    assert done.returncode not in (0, 1), done.stderr
    assert "Traceback" not in done.stderr
