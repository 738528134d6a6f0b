"""`harkara doctor`: what is wrong is found, and each finding says how to mend it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.runner import call, must
from tests.cli.world import World


def outcomes(found: Any) -> dict[str, str]:
    return {check["name"]: check["outcome"] for check in found["checks"]}


def test_an_agency_that_is_well_hears_so(world: World) -> None:
    found = world.must("pk.fia", "doctor", "--json").json
    assert set(outcomes(found).values()) == {"pass"}, found
    assert found["status"] == "pass"
    assert "Together: ok" in world.must("pk.fia", "doctor").out


def test_an_exchange_that_is_well_is_told_where_its_root_key_should_be(world: World) -> None:
    found = must("doctor", "--data", world.home / "exchange", "--json").json
    assert {name for name, outcome in outcomes(found).items() if outcome != "pass"} == {"root.key"}
    assert found["status"] == "warn"


@pytest.mark.parametrize(
    ("arguments", "name", "said"),
    [
        pytest.param(
            ["--url", "http://127.0.0.1:9", "--patience", "0"], "broker", "no broker", id="no-broker"
        ),
        pytest.param(["--url", "http://exchange.gov.pk"], "broker", "https", id="a-broker-in-clear"),
        pytest.param(["--identity", "nowhere.key"], "identity", "not there", id="no-identity"),
        pytest.param(["--exchange", "nowhere.json"], "broker", "nowhere.json", id="no-exchange"),
    ],
)
def test_what_an_agency_lacks_is_a_failure(world: World, arguments: list[str], name: str, said: str) -> None:
    done = world.call("pk.fia", "doctor", *arguments)
    assert done.code == 1
    line = next(line for line in done.out.splitlines() if line.startswith("  FAIL"))
    assert name in line
    assert said in done.out


def test_an_identity_that_others_can_read_is_a_failure(world: World) -> None:
    shutil.copytree(world.home / "pk.fia", "mine")
    Path("mine/pk.fia.key").chmod(0o644)
    done = world.call("pk.fia", "doctor", "--identity", "mine/pk.fia.key")
    assert done.code == 1
    assert "chmod 600 mine/pk.fia.key" in done.out


def test_keys_that_the_registry_does_not_have_yet_are_a_warning(world: World) -> None:
    shutil.copytree(world.home / "pk.fia", "mine")
    must("keys", "rotate", "mine/pk.fia.key", "--card", "mine/pk.fia.card.json")
    found = world.must("pk.fia", "doctor", "--identity", "mine/pk.fia.key", "--json").json
    assert outcomes(found)["enrolled"] == "warn"


def test_a_stranger_is_not_known(world: World) -> None:
    must("keys", "new", "pk.nobody", "--exchange", world.home / "exchange/exchange.json", "--out", "nobody")
    done = world.call("pk.fia", "doctor", "--identity", "nobody/pk.nobody.key", "--json")
    assert done.code == 1


def test_posts_that_nobody_accepted_are_a_warning(world: World) -> None:
    world.must("pk.fia", "feed")
    away = {"HARKARA_URL": "http://127.0.0.1:9", "HARKARA_PATIENCE": "0"}
    assert world.call("pk.fia", "post", "-", given=world.bulletin(), **away).code == 4
    found = world.must("pk.fia", "doctor", "--json").json
    assert outcomes(found)["signed and never accepted"] == "warn"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("store.key", "store.key", id="no-store-key"),
        pytest.param("broker.key", "broker.key", id="no-broker-key"),
        pytest.param("registry.json", "registry.json", id="no-registry"),
        pytest.param("exchange.json", "exchange.json", id="no-exchange"),
    ],
)
def test_a_file_that_an_exchange_lacks_is_a_failure(enrolled: Path, name: str, said: str) -> None:
    (enrolled / name).unlink()
    done = call("doctor", "--data", enrolled)
    assert done.code == 1
    assert said in done.out


@pytest.mark.parametrize("name", ["store.key", "broker.key", "entitlements.json", "root.key"])
def test_a_secret_of_the_exchange_that_others_can_read_is_a_failure(enrolled: Path, name: str) -> None:
    (enrolled / name).chmod(0o640)
    done = call("doctor", "--data", enrolled)
    assert done.code == 1
    assert f"chmod 600 {enrolled / name}" in done.out


def test_a_registry_about_to_expire_is_a_warning(exchange: Path) -> None:
    must("registry", "renew", "--data", exchange, "--valid", "6d")
    must("registry", "sign", "--data", exchange)
    must("registry", "publish", "--data", exchange, "--offline")
    check = next(
        check
        for check in must("doctor", "--data", exchange, "--json").json["checks"]
        if check["name"] == "registry expires"
    )
    assert check["outcome"] == "warn"
    assert "registry renew" in check["output"]


def test_a_change_that_waits_is_a_warning(enrolled: Path) -> None:
    must("registry", "renew", "--data", enrolled)
    found = must("doctor", "--data", enrolled, "--json").json
    assert outcomes(found)["registry-next.json"] == "warn"


def test_without_anything_to_look_at_it_asks() -> None:
    done = call("doctor")
    assert done.code == 2
    assert "--data DIR" in done.err
