"""`harkara doctor`: what is wrong is found, and each finding says how to mend it.

That each cure works when it is run is in `test_doctor_cures`.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from broker.cli.doctor_finding import CHECKS
from tests.cli.runner import Done, call, must
from tests.cli.world import World


def outcomes(found: list[Any]) -> dict[str, str]:
    return {each["check"]: each["outcome"] for each in found}


def cures(done: Done) -> list[str]:
    return [each["cure"] for each in json.loads(done.out) if "cure" in each]


def test_an_agency_that_is_well_hears_so(world: World) -> None:
    found = world.must("pk.fia", "doctor", "--json").json
    assert set(outcomes(found).values()) == {"pass"}, found
    assert "Together: ok" in world.must("pk.fia", "doctor").out


def test_an_exchange_that_is_well_is_told_where_its_root_key_should_be(world: World) -> None:
    found = must("doctor", "--data", world.home / "exchange", "--json", HARKARA_URL=world.url).json
    assert {check for check, outcome in outcomes(found).items() if outcome != "pass"} == {"root-key"}


def test_each_finding_has_a_known_code_and_a_cure_when_it_does_not_pass(world: World) -> None:
    data = world.home / "exchange"
    for found in (
        world.must("pk.fia", "doctor", "--data", data, "--json").json,
        json.loads(call("doctor", "--data", "nowhere", "--json").out),
        json.loads(world.call("pk.fia", "doctor", "--json", "--url", "http://127.0.0.1:9").out),
    ):
        for each in found:
            assert each["check"] in CHECKS
            assert each["seen"]
            assert ("cure" in each) == (each["outcome"] != "pass")


@pytest.mark.parametrize(
    ("arguments", "check", "said"),
    [
        pytest.param(["--url", "http://127.0.0.1:9"], "broker", "http://127.0.0.1:9", id="no-broker"),
        pytest.param(["--url", "http://exchange.gov.pk"], "broker", "https", id="a-broker-in-clear"),
        pytest.param(["--url", "nonsense"], "broker", "nonsense", id="no-address"),
        pytest.param(["--identity", "nowhere.key"], "key-file", "not there", id="no-identity"),
        pytest.param(["--exchange", "nowhere.json"], "exchange-file", "nowhere.json", id="no-exchange"),
        pytest.param(["--ca", "nowhere.pem"], "tls", "nowhere.pem", id="no-authority"),
    ],
)
def test_what_an_agency_lacks_is_a_failure(world: World, arguments: list[str], check: str, said: str) -> None:
    done = world.call("pk.fia", "doctor", *arguments)
    assert done.code == 1
    line = next(line for line in done.out.splitlines() if line.startswith("  FAIL"))
    assert check in line
    assert said in line


def test_keys_that_the_registry_does_not_have_yet_are_a_warning(world: World) -> None:
    shutil.copytree(world.home / "pk.fia", "mine")
    must("keys", "rotate", "mine/pk.fia.key", "--card", "mine/pk.fia.card.json")
    done = world.must("pk.fia", "doctor", "--identity", "mine/pk.fia.key", "--json")
    assert outcomes(done.json)["key"] == "warn"
    assert "harkara keys card mine/pk.fia.card.json" in cures(done)[0]
    assert "--drop-keys" not in cures(done)[0]
    operator = ("--identity", "mine/pk.fia.key", "--data", world.home / "exchange")
    (cure,) = [
        each["cure"]
        for each in world.must("pk.fia", "doctor", *operator, "--json").json
        if each["check"] == "key"
    ]
    assert f"registry add mine/pk.fia.card.json --data {world.home / 'exchange'}" in cure
    assert "--drop-keys" not in cure


@pytest.mark.parametrize(
    ("arguments", "check"),
    [
        pytest.param(["--url", "http://127.0.0.1:9"], "broker", id="no-broker-here"),
        pytest.param(["--url", "http://localhost:9"], "broker", id="no-broker-by-name"),
        pytest.param(["--url", "http://[::1]:9"], "broker", id="no-broker-by-ipv6"),
        pytest.param(["--identity", "nobody/pk.nobody.key"], "key", id="a-stranger"),
    ],
)
def test_an_agency_is_given_nothing_to_run_that_only_an_operator_can(
    world: World, arguments: list[str], check: str
) -> None:
    must("keys", "new", "pk.nobody", "--exchange", world.home / "exchange/exchange.json", "--out", "nobody")
    done = world.call("pk.fia", "doctor", "--json", *arguments)
    (cure,) = [each["cure"] for each in json.loads(done.out) if each["check"] == check]
    assert "# ask the operator of your exchange" in cure
    to_run = [line for line in cure.splitlines() if not line.startswith("#")]
    assert to_run
    assert not [line for line in to_run if "--data" in line or "harkara serve" in line or "registry" in line]


def test_a_stranger_is_not_known(world: World) -> None:
    must("keys", "new", "pk.nobody", "--exchange", world.home / "exchange/exchange.json", "--out", "nobody")
    done = world.call("pk.fia", "doctor", "--identity", "nobody/pk.nobody.key", "--json")
    assert done.code == 1
    assert outcomes(json.loads(done.out))["key"] == "fail"


def test_posts_that_nobody_accepted_are_a_warning(world: World) -> None:
    world.must("pk.fia", "feed")
    away = {"HARKARA_URL": "http://127.0.0.1:9", "HARKARA_PATIENCE": "0"}
    assert world.call("pk.fia", "post", "-", given=world.bulletin(), **away).code == 4
    found = world.must("pk.fia", "doctor", "--json").json
    assert outcomes(found)["outbox"] == "warn"


@pytest.mark.parametrize(
    ("name", "check"),
    [
        pytest.param("store.key", "store-key", id="no-store-key"),
        pytest.param("broker.key", "broker-key", id="no-broker-key"),
        pytest.param("registry.json", "registry", id="no-registry"),
        pytest.param("exchange.json", "registry", id="no-exchange"),
        pytest.param("entitlements.json", "registry", id="no-entitlements"),
    ],
)
def test_a_file_that_an_exchange_lacks_is_a_failure(enrolled: Path, name: str, check: str) -> None:
    (enrolled / name).unlink()
    done = call("doctor", "--data", enrolled, "--json")
    assert done.code == 1
    wrong = next(each for each in json.loads(done.out) if each["outcome"] == "fail")
    assert wrong["check"] == check
    assert name in wrong["seen"]


def test_a_directory_that_others_can_write_in_is_a_failure(enrolled: Path) -> None:
    enrolled.chmod(0o775)
    done = call("doctor", "--data", enrolled)
    assert done.code == 1
    assert f"chmod go-w {enrolled}" in done.out


def test_a_registry_about_to_expire_is_a_warning(exchange: Path) -> None:
    must("registry", "renew", "--data", exchange, "--valid", "6d")
    must("registry", "sign", "--data", exchange)
    must("registry", "publish", "--data", exchange, "--offline")
    found = must("doctor", "--data", exchange, "--json").json
    check = next(each for each in found if each["check"] == "registry")
    assert check["outcome"] == "warn"
    assert "6 days" in check["seen"]


def test_a_change_that_waits_is_a_warning(enrolled: Path) -> None:
    must("registry", "renew", "--data", enrolled)
    found = must("doctor", "--data", enrolled, "--json").json
    assert outcomes(found)["draft"] == "warn"


def test_a_store_that_does_not_answer_is_a_failure_and_its_password_is_not_told() -> None:
    done = call("doctor", "--store", "redis://harkara:secret@127.0.0.1:9/0")
    assert done.code == 1
    assert "store" in done.out
    assert "secret" not in done.out


def test_the_operations_page_lists_every_check() -> None:
    page = (Path(__file__).resolve().parents[2] / "docs/operations.md").read_text()
    section = page.partition("## What `harkara doctor` looks at")[2].partition("\n## ")[0]
    assert dict(re.findall(r"^\| `([a-z-]+)` \| (.+) \|$", section, re.MULTILINE)) == CHECKS


def test_without_anything_to_look_at_it_asks() -> None:
    done = call("doctor")
    assert done.code == 2
    assert "--data DIR" in done.err
