"""`harkara registry`: the way of a change from a card to a version in force."""

from __future__ import annotations

import json
import stat
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from broker.cli.identity_files import checked_card
from broker.cli.trust_files import as_file
from broker.protocol import dsse
from broker.protocol.identity import read_identity
from broker.protocol.keys import SealingKey
from tests.cli.runner import call, must

NEXT = Path("exchange/registry-next.json")


@pytest.fixture
def card(exchange: Path) -> Path:
    """The card of pk.fia, not yet enrolled."""
    must("keys", "new", "pk.fia", "--exchange", exchange / "exchange.json", "--out", "fia")
    return Path("fia/pk.fia.card.json")


def shown(*arguments: str) -> Any:
    return must("registry", "show", "--data", "exchange", "--json", *arguments).json


def sign_and_publish() -> None:
    must("registry", "sign", "--data", "exchange")
    must("registry", "publish", "--data", "exchange", "--offline")


def test_a_member_is_enrolled_by_adding_signing_publishing(exchange: Path, card: Path) -> None:
    grant = (
        "--originate",
        "terrorism,other",
        "--receive",
        "all",
        "--marking",
        "TLP:RED",
        "--status",
        "Actual,Test",
    )
    must("registry", "add", card, "--data", exchange, *grant, "--only-named", "--group", "federal")
    assert [member["id"] for member in shown()["members"]] == ["int.broker"]
    sign_and_publish()
    found = shown()
    assert found["version"] == 2
    assert [member["id"] for member in found["members"]] == ["int.broker", "pk.fia"]
    assert found["groups"] == {"federal": ["pk.fia"]}
    may = found["agencies"]["pk.fia"]
    assert may["originate"] == ["terrorism", "other"]
    assert may["statuses"] == ["Actual", "Test"]
    assert (may["receive"]["marking"], may["receive"]["only_named"]) == ("TLP:RED", True)
    assert len(may["receive"]["categories"]) == 10
    assert not NEXT.exists()


def test_a_change_is_not_in_force_before_it_is_published(exchange: Path, card: Path) -> None:
    before = (exchange / "registry.json").read_bytes(), (exchange / "entitlements.json").read_bytes()
    must("registry", "add", card, "--data", exchange, "--receive", "all")
    must("registry", "sign", "--data", exchange)
    assert before == (
        (exchange / "registry.json").read_bytes(),
        (exchange / "entitlements.json").read_bytes(),
    )


def test_changes_gather_in_one_next_version(enrolled: Path) -> None:
    must("registry", "group", "federal", "pk.fia", "pk.anf", "--data", enrolled)
    must("registry", "revoke", "pk.anf", "--data", enrolled)
    must("registry", "renew", "--data", enrolled, "--valid", "30d")
    found = shown("--next")
    assert found["version"] == 3
    assert found["groups"] == {"federal": ["pk.anf", "pk.fia"]}
    assert len(found["revocations"]) == 2
    sign_and_publish()
    assert shown()["version"] == 3


def test_a_change_after_signing_takes_the_signatures_away(enrolled: Path) -> None:
    must("registry", "renew", "--data", enrolled)
    assert must("registry", "sign", "--data", enrolled, "--json").json["signatures"] == 1
    must("registry", "group", "federal", "pk.fia", "--data", enrolled)
    assert shown("--next")["signatures"] == 0
    done = call("registry", "publish", "--data", enrolled, "--offline")
    assert done.code == 3
    assert shown()["version"] == 2


def test_whoever_signs_sees_what_changes(enrolled: Path) -> None:
    must("registry", "revoke", "pk.anf", "--data", enrolled)
    must("registry", "add", "fia/pk.fia.card.json", "--data", enrolled, "--originate", "terrorism")
    told = must("registry", "sign", "--data", enrolled).out
    assert told.count("revoked from") == 2
    assert "~ pk.fia: originates terrorism; receives all up to TLP:RED; statuses all" in told


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["--originate", "terrorism,other"], id="with-commas"),
        pytest.param(["--originate", "other", "--originate", "terrorism"], id="repeated"),
        pytest.param(["--originate", "other,terrorism", "--originate", "other"], id="both-ways"),
    ],
)
def test_a_list_may_be_said_in_several_flags(enrolled: Path, arguments: list[str]) -> None:
    must("registry", "add", "fia/pk.fia.card.json", "--data", enrolled, *arguments)
    assert shown("--next")["agencies"]["pk.fia"]["originate"] == ["terrorism", "other"]


def test_flags_that_are_not_given_keep_what_a_member_may(enrolled: Path) -> None:
    before = shown()["agencies"]["pk.fia"]
    must("registry", "add", "fia/pk.fia.card.json", "--data", enrolled, "--marking", "TLP:GREEN")
    after = shown("--next")["agencies"]["pk.fia"]
    assert after["receive"].pop("marking") == "TLP:GREEN"
    before["receive"].pop("marking")
    assert after == before


def test_k_root_keys_sign_in_turn() -> None:
    must("init", "exchange", "--roots", "3", "--threshold", "2")
    must("registry", "renew", "--data", "exchange")
    must("registry", "sign", "--data", "exchange", "--root-key", "exchange/root-1.key")
    again = must("registry", "sign", "--data", "exchange", "--root-key", "exchange/root-1.key", "--json").json
    assert (again["signatures"], again["k"]) == (1, 2)
    assert call("registry", "publish", "--data", "exchange", "--offline").code == 3
    must("registry", "sign", "--data", "exchange", "--root-key", "exchange/root-3.key")
    must("registry", "publish", "--data", "exchange", "--offline")
    assert shown()["version"] == 2


def test_a_rotated_card_takes_the_place_of_the_old_one(enrolled: Path) -> None:
    must("keys", "rotate", "fia/pk.fia.key", "--card", "fia/pk.fia.card.json")
    found = must("registry", "add", "fia/pk.fia.card.json", "--data", enrolled, "--json").json
    assert found["replaces"]
    assert len(found["keys"]) == 4


def test_a_card_without_the_earlier_keys_needs_a_word(enrolled: Path) -> None:
    must("keys", "new", "pk.fia", "--exchange", enrolled / "exchange.json", "--out", "impostor")
    done = call("registry", "add", "impostor/pk.fia.card.json", "--data", enrolled)
    assert done.code == 3
    assert "--drop-keys" in done.err
    assert not NEXT.exists()
    must("registry", "add", "impostor/pk.fia.card.json", "--data", enrolled, "--drop-keys")


def test_a_key_can_be_revoked_by_the_beginning_of_its_id(enrolled: Path) -> None:
    kid = shown()["members"][1]["keys"][0]["kid"]
    must("registry", "revoke", kid[:12], "--data", enrolled, "--since", "2026-01-01T00:00:00+05:00")
    assert shown("--next")["revocations"] == [{"kid": kid, "since": "2026-01-01T00:00:00+05:00"}]


def test_an_epoch_begins_anew(enrolled: Path) -> None:
    before = shown()["epoch"]
    must("registry", "epoch", "--data", enrolled)
    sign_and_publish()
    assert shown()["epoch"] != before


def test_a_group_ends_without_agencies(enrolled: Path) -> None:
    must("registry", "group", "federal", "pk.fia", "--data", enrolled)
    must("registry", "group", "federal", "--data", enrolled)
    assert shown("--next")["groups"] == {}


def test_the_next_version_is_for_its_owner_alone(exchange: Path, card: Path) -> None:
    must("registry", "add", card, "--data", exchange, "--receive", "all")
    assert stat.S_IMODE(NEXT.stat().st_mode) == 0o600


def test_files_can_lie_in_several_places(enrolled: Path) -> None:
    names = ("exchange", "registry", "entitlements")
    flags = [part for name in names for part in (f"--{name}", f"exchange/{name}.json")]
    must("registry", "renew", *flags, "--next", "elsewhere.json")
    must("registry", "sign", *flags, "--next", "elsewhere.json", "--root-key", "exchange/root.key")
    assert json.loads(Path("elsewhere.json").read_text())["registry"]["signatures"]


def test_a_variable_of_an_agency_does_not_lead_the_operator_astray(enrolled: Path) -> None:
    found = must(
        "registry", "renew", "--data", enrolled, HARKARA_REGISTRY="fia/other.json", HARKARA_EXCHANGE="x"
    )
    assert "Version 3" in found.out


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["add", "fia/pk.fia.card.json"], 2, "what may pk.fia?", id="a-member-that-may-nothing"),
        pytest.param(["add", "fia/pk.fia.card.json", "--receive", "piracy"], 2, "piracy", id="no-category"),
        pytest.param(
            ["add", "fia/pk.fia.card.json", "--receive", "all", "--marking", "RED"], 2, "RED", id="no-marking"
        ),
        pytest.param(["add", "fia/pk.fia.key", "--receive", "all"], 2, "not a card", id="a-key-for-a-card"),
        pytest.param(
            ["add", "exchange/registry.json", "--receive", "all"],
            3,
            "payloadType",
            id="a-registry-for-a-card",
        ),
        pytest.param(["add", "nowhere.json", "--receive", "all"], 2, "is not there", id="no-card"),
        pytest.param(["group", "federal", "pk.nobody"], 2, "pk.nobody", id="a-group-of-nobody"),
        pytest.param(["group", "Federal!", "int.broker"], 3, "Federal!", id="a-group-with-a-bad-name"),
        pytest.param(["revoke", "pk.nobody"], 2, "pk.nobody", id="nobody-to-revoke"),
        pytest.param(["revoke", "abc"], 2, "abc", id="too-little-of-a-key"),
        pytest.param(["sign"], 2, "registry add", id="nothing-to-sign"),
        pytest.param(["publish", "--offline"], 2, "registry add", id="nothing-to-publish"),
        pytest.param(["publish", "--offline", "--url", "http://127.0.0.1:9"], 2, "one of them", id="twice"),
        pytest.param(["show", "--next"], 2, "registry add", id="no-next-version"),
    ],
)
def test_what_cannot_be_done_is_told(
    exchange: Path, card: Path, arguments: list[str], code: int, said: str
) -> None:
    done = call("registry", *arguments, "--data", exchange)
    assert (done.code, done.out) == (code, ""), done.err
    assert said in done.err


@pytest.mark.parametrize(
    ("ago_hours", "refused"),
    [
        pytest.param(1, False, id="an-hour-left"),
        pytest.param(-4_000, False, id="valid-only-later"),
        pytest.param(3, True, id="expired-an-hour-ago"),
        pytest.param(48, True, id="expired-long-ago"),
    ],
)
def test_a_card_whose_keys_have_expired_is_refused(
    exchange: Path, monkeypatch: pytest.MonkeyPatch, ago_hours: int, refused: bool
) -> None:
    there, real = exchange / "exchange.json", time.time_ns
    with monkeypatch.context() as then:
        then.setattr(time, "time_ns", lambda: real() - ago_hours * 3_600 * 10**9)
        must("keys", "new", "pk.fia", "--exchange", there, "--valid", "2h", "--out", "fia")
    done = call("registry", "add", "fia/pk.fia.card.json", "--data", exchange, "--receive", "all", "--json")
    assert done.code == (3 if refused else 0), done.err
    assert refused == (not (exchange / "registry-next.json").exists())
    if refused:
        found = done.refusal
        assert found["code"] == "expired-key"
        assert "signing keys of pk.fia have expired" in found["detail"]
        assert "keys rotate" in found["errors"][0]["hint"]


def test_a_card_with_one_use_that_has_expired_is_refused_too(
    exchange: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    must("keys", "new", "pk.fia", "--exchange", exchange / "exchange.json", "--valid", "2h", "--out", "fia")
    identity = read_identity(Path("fia/pk.fia.key").read_bytes())
    ends = min(key.not_after for key in identity.keys)
    short = replace(
        identity,
        keys=tuple(
            replace(key, not_after=ends - 3_600_000_000) if isinstance(key.key, SealingKey) else key
            for key in identity.keys
        ),
    )
    card = checked_card(short, {"en": "x"}, None)
    Path("short.card.json").write_bytes(as_file(card.envelope))
    real = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: real() + 90 * 60 * 10**9)
    done = call("registry", "add", "short.card.json", "--data", exchange, "--receive", "all")
    assert (done.code, done.out) == (3, "")
    assert "sealing keys of pk.fia have expired" in done.err


def test_the_card_of_another_exchange_is_refused(exchange: Path) -> None:
    must("init", "other")
    must("keys", "new", "pk.fia", "--exchange", "other/exchange.json", "--out", "fia")
    done = call("registry", "add", "fia/pk.fia.card.json", "--data", exchange, "--receive", "all", "--json")
    assert (done.code, done.refusal["code"]) == (3, "wrong-exchange")


def test_a_broker_needs_no_grant_and_takes_none(exchange: Path) -> None:
    must(
        "keys",
        "new",
        "pk.broker-2",
        "--exchange",
        exchange / "exchange.json",
        "--role",
        "broker",
        "--out",
        "b",
    )
    assert (
        call("registry", "add", "b/pk.broker-2.card.json", "--data", exchange, "--receive", "all").code == 2
    )
    must("registry", "add", "b/pk.broker-2.card.json", "--data", exchange)
    assert [member["role"] for member in shown("--next")["members"]] == ["broker", "broker"]


@pytest.mark.parametrize(
    "key",
    [pytest.param("store.key", id="the-store-key"), pytest.param("broker.key", id="an-identity")],
)
def test_another_key_is_not_taken_for_a_root_key(enrolled: Path, key: str) -> None:
    must("registry", "renew", "--data", enrolled)
    done = call("registry", "sign", "--data", enrolled, "--root-key", enrolled / key)
    assert done.code == 2
    assert "not a root key" in done.err
    private = json.loads((enrolled / key).read_text())
    assert private.get("private", "no such text") not in done.err


def test_the_root_key_of_another_exchange_is_refused(enrolled: Path) -> None:
    must("init", "other")
    must("registry", "renew", "--data", enrolled)
    done = call("registry", "sign", "--data", enrolled, "--root-key", "other/root.key")
    assert done.code == 3
    assert shown("--next")["signatures"] == 0


def test_a_root_key_that_others_can_read_is_refused(enrolled: Path) -> None:
    must("registry", "renew", "--data", enrolled)
    (enrolled / "root.key").chmod(0o644)
    done = call("registry", "sign", "--data", enrolled)
    assert done.code == 6
    assert "chmod 600" in done.err


def test_a_next_version_of_an_older_registry_is_refused(enrolled: Path) -> None:
    must("registry", "renew", "--data", enrolled)
    stale = NEXT.read_bytes()
    sign_and_publish()
    NEXT.write_bytes(stale)
    for arguments in (["sign"], ["publish", "--offline"], ["renew"]):
        done = call("registry", *arguments, "--data", enrolled)
        assert done.code == 2, arguments
        assert f"rm {NEXT}" in done.err


def test_entitlements_that_were_exchanged_are_not_published(enrolled: Path) -> None:
    must("registry", "renew", "--data", enrolled)
    must("registry", "sign", "--data", enrolled)
    body = json.loads(NEXT.read_text())
    payload = dsse.decode64(body["entitlements"]["payload"], "").replace(b"TLP:RED", b"TLP:AMBER")
    body["entitlements"]["payload"] = dsse.encode64(payload)
    NEXT.write_text(json.dumps(body))
    done = call("registry", "publish", "--data", enrolled, "--offline")
    assert done.code == 5
    assert shown()["version"] == 2


def test_a_registry_that_was_changed_is_not_shown(enrolled: Path) -> None:
    path = enrolled / "registry.json"
    document = json.loads(path.read_text())
    payload = dsse.decode64(document["payload"], "").replace(b'"version":2', b'"version":9')
    path.write_text(json.dumps(document | {"payload": dsse.encode64(payload)}))
    done = call("registry", "show", "--registry", path)
    assert (done.code, done.out) == (3, "")
    assert "bad-signature" in done.err


def test_publishing_to_a_broker_that_is_not_there_leaves_everything_as_it_was(enrolled: Path) -> None:
    must("registry", "renew", "--data", enrolled)
    must("registry", "sign", "--data", enrolled)
    done = call("registry", "publish", "--data", enrolled, "--url", "http://127.0.0.1:9", "--json")
    assert (done.code, done.refusal["code"]) == (4, "unreachable")
    assert shown()["version"] == 2
    assert NEXT.exists()


def test_a_registry_is_not_sent_in_clear_to_another_machine(enrolled: Path) -> None:
    must("registry", "renew", "--data", enrolled)
    must("registry", "sign", "--data", enrolled)
    assert call("registry", "publish", "--data", enrolled, "--url", "http://exchange.gov.pk").code == 6
