"""`harkara draft`, `sign`, `verify`: from an empty form to a proof, without a broker."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from broker.protocol import dsse, limits, times
from broker.protocol.admission import read_post
from broker.protocol.bulletin import read_bulletin
from broker.protocol.vocabulary import CATEGORIES
from broker.service.clock import now
from tests.cli.runner import call, must

FIA = "fia/pk.fia.key"
REGISTRY = "exchange/registry.json"


def draft(*arguments: str) -> Any:
    return must("draft", *arguments, "--json").json


def signed(bulletin: Any, *arguments: str) -> str:
    Path("bulletin.json").write_text(json.dumps(bulletin))
    return must("sign", "bulletin.json", "--identity", FIA, "--registry", REGISTRY, *arguments).out


@pytest.fixture
def short(enrolled: Path) -> Any:
    """A bulletin with all that is required."""
    return draft("human-smuggling", "--short", "--headline", "Boat expected off Gwadar")


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_filled_in_draft_of_each_category_can_be_signed(enrolled: Path, category: str) -> None:
    filled = {
        "iban": "PK36SCBL0000001123456702",
        "phone": "+92519105555",
        "number": "+92519105555",
    }

    def fill(value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: fill(member, key) for key, member in value.items()}
        if isinstance(value, list):
            return [fill(member, name) for member in value]
        return filled.get(name, "something") if value == "" else value

    post = json.loads(signed(fill(draft(category))))
    assert read_bulletin(dsse.from_json(post["statement"]).payload).category == category


@pytest.mark.parametrize("category", CATEGORIES)
def test_a_draft_that_is_not_filled_in_is_refused_and_each_empty_text_is_named(
    enrolled: Path, category: str
) -> None:
    done = call(
        "sign", "-", "--identity", FIA, "--registry", REGISTRY, "--json", given=must("draft", category).out
    )
    assert (done.code, done.refusal["code"]) == (3, "schema")
    pointers = [problem["pointer"] for problem in done.refusal["errors"]]
    assert "/text/en/headline" in pointers
    assert all("fill it in" in problem["hint"] for problem in done.refusal["errors"])


def test_a_draft_tells_what_is_to_be_filled_in() -> None:
    done = must("draft", "terrorism")
    assert "/text/en/headline" in done.err
    assert json.loads(done.out)["category"] == "terrorism"


def test_what_sign_prints_is_a_post(short: Any) -> None:
    post = read_post(signed(short, "--to", "pk.anf").encode())
    bulletin = read_bulletin(post.statement.payload)
    assert (bulletin.originator, bulletin.registry) == ("pk.fia", 2)
    assert post.address is not None
    assert post.address.to == ("pk.anf",)
    assert bulletin.address_digest == post.address.digest().hex()


def test_names_in_to_are_separated_by_commas_or_flags(short: Any) -> None:
    post = read_post(signed(short, "--to", "pk.anf,pk.fia", "--to", "group:x", "--except", "pk.asf").encode())
    assert post.address is not None
    assert (post.address.to, post.address.excepted) == (("pk.anf", "pk.fia", "group:x"), ("pk.asf",))


def test_a_signed_post_verifies_and_gives_its_exact_bytes(short: Any) -> None:
    Path("post.json").write_text(signed(short))
    found = must("verify", "post.json", "--registry", REGISTRY, "--out", "bytes.json", "--json").json
    assert (found["authentic"], found["author"]) == (True, "pk.fia")
    statement = json.loads(Path("post.json").read_text())["statement"]
    assert Path("bytes.json").read_bytes() == dsse.decode64(statement["payload"], "")


def test_an_envelope_alone_verifies_too(short: Any) -> None:
    statement = json.loads(signed(short))["statement"]
    assert (
        must("verify", "-", "--registry", REGISTRY, "--json", given=json.dumps(statement)).json["author"]
        == "pk.fia"
    )


def _another_headline(post: Any) -> None:
    payload = dsse.decode64(post["statement"]["payload"], "").replace(b"Gwadar", b"Ormara")
    post["statement"]["payload"] = dsse.encode64(payload)


def _another_author(post: Any) -> None:
    payload = dsse.decode64(post["statement"]["payload"], "").replace(b"pk.fia", b"pk.anf")
    post["statement"]["payload"] = dsse.encode64(payload)


def _another_kind(post: Any) -> None:
    post["statement"]["payloadType"] = "application/vnd.harkara.receipt+json"


def _another_key(post: Any) -> None:
    post["statement"]["signatures"][0]["keyid"] = "0" * 64


def _another_signature(post: Any) -> None:
    post["statement"]["signatures"][0]["sig"] = dsse.encode64(bytes(64))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_another_headline, id="another-headline"),
        pytest.param(_another_author, id="another-author"),
        pytest.param(_another_kind, id="another-kind"),
        pytest.param(_another_key, id="another-key"),
        pytest.param(_another_signature, id="another-signature"),
    ],
)
def test_what_was_changed_is_not_authentic(short: Any, change: Any) -> None:
    post = json.loads(signed(short))
    change(post)
    done = call("verify", "-", "--registry", REGISTRY, "--json", given=json.dumps(post))
    assert (done.code, done.refusal["code"]) == (5, "not-authentic")


def test_a_stranger_is_not_authentic(short: Any) -> None:
    must("keys", "new", "pk.nobody", "--exchange", "exchange/exchange.json", "--out", "nobody")
    Path("bulletin.json").write_text(json.dumps(short))
    post = must("sign", "bulletin.json", "--identity", "nobody/pk.nobody.key", "--registry", REGISTRY).out
    assert call("verify", "-", "--registry", REGISTRY, given=post).code == 5


def test_a_key_revoked_since_proves_nothing_without_a_stamp(short: Any) -> None:
    post = signed(short)
    yesterday = times.format(now() - limits.DAY_US)
    must("registry", "revoke", "pk.fia", "--data", "exchange", "--since", yesterday)
    must("registry", "sign", "--data", "exchange")
    must("registry", "publish", "--data", "exchange", "--offline")
    done = call("verify", "-", "--registry", REGISTRY, given=post)
    assert done.code == 5
    assert "revoked" in done.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param("", "JSON", id="empty"),
        pytest.param("[]", "not a bulletin", id="no-object"),
        pytest.param('{"category": "other", "category": "terrorism"}', "twice", id="a-field-twice"),
        pytest.param('{"category": "piracy"}', "/category", id="no-such-category"),
        pytest.param('{"headline": "x"}', "/headline", id="no-such-field"),
    ],
)
def test_what_is_no_bulletin_is_refused_with_its_place(enrolled: Path, content: str, said: str) -> None:
    done = call("sign", "-", "--identity", FIA, "--registry", REGISTRY, given=content)
    assert (done.code, done.out) == (3, "")
    assert said in done.err


def test_all_problems_are_told_at_once(short: Any) -> None:
    broken = short | {"severity": "Bad", "urgency": "Soon", "expires": "tomorrow"}
    done = call("sign", "-", "--identity", FIA, "--registry", REGISTRY, given=json.dumps(broken))
    assert all(pointer in done.err for pointer in ("/severity", "/urgency", "/expires"))


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["--registry", REGISTRY], 2, "HARKARA_IDENTITY", id="nobody-signs"),
        pytest.param(["--identity", "fia/nobody.key"], 2, "is not there", id="no-such-identity"),
        pytest.param(["--identity", "fia"], 2, "is a directory", id="a-directory-for-an-identity"),
        pytest.param(["--identity", FIA], 2, "--registry", id="no-registry-known"),
        pytest.param(["--identity", FIA, "--registry", "boat.json"], 2, "boat.json", id="no-such-registry"),
        pytest.param(
            ["--identity", FIA, "--exchange", "other/exchange.json"], 3, "exchange", id="another-exchange"
        ),
    ],
)
def test_what_is_missing_is_asked_for(short: Any, arguments: list[str], code: int, said: str) -> None:
    must("init", "other")
    done = call("sign", "-", *arguments, given=json.dumps(short))
    assert (done.code, done.out) == (code, ""), done.err
    assert said in done.err


def test_what_is_signed_already_is_not_signed_again(short: Any) -> None:
    done = call("sign", "-", "--identity", FIA, "--registry", REGISTRY, given=signed(short))
    assert done.code == 2
    assert "signed already" in done.err


def test_red_needs_an_address(short: Any) -> None:
    red = short | {"marking": "TLP:RED"}
    done = call("sign", "-", "--identity", FIA, "--registry", REGISTRY, given=json.dumps(red))
    assert done.code == 3
    assert "--to" in done.err
    signed(red, "--to", "pk.anf")


def test_variables_stand_for_flags(short: Any) -> None:
    Path("bulletin.json").write_text(json.dumps(short))
    must("sign", "bulletin.json", HARKARA_IDENTITY=FIA, HARKARA_REGISTRY=REGISTRY)
    must("sign", "bulletin.json", HARKARA_IDENTITY_FILE=FIA, HARKARA_REGISTRY=REGISTRY)


def test_a_bulletin_without_its_signature_is_told_where_the_signature_is(short: Any) -> None:
    done = call("verify", "-", "--registry", REGISTRY, given=json.dumps(short))
    assert done.code == 2
    assert "harkara export" in done.err
