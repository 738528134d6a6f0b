"""`harkara keys`: identities and cards."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pytest

from broker.protocol import dsse
from broker.protocol.card import read_card
from broker.protocol.identity import read_identity
from tests.cli.runner import call, must


@pytest.fixture
def fia(exchange: Path) -> Path:
    """The identity of pk.fia."""
    must("keys", "new", "pk.fia", "--exchange", exchange / "exchange.json", "--out", "fia")
    return Path("fia/pk.fia.key")


def card_of(path: str) -> dsse.Envelope:
    return dsse.from_json(json.loads(Path(path).read_text()))


def test_an_identity_is_private_and_its_card_verifies(exchange: Path) -> None:
    names = ("--name", "Federal Investigation Agency", "--name-ur", "وفاقی تحقیقاتی ادارہ")
    contact = ("--desk", "Duty desk", "--phone", "+92519105555")
    must("keys", "new", "pk.fia", "--exchange", exchange / "exchange.json", "--out", "fia", *names, *contact)
    assert stat.S_IMODE(Path("fia/pk.fia.key").stat().st_mode) == 0o600
    card = read_card(card_of("fia/pk.fia.card.json"))
    assert (card.id, card.role) == ("pk.fia", "agency")
    assert card.names == {"en": "Federal Investigation Agency", "ur": "وفاقی تحقیقاتی ادارہ"}
    assert card.contact is not None
    assert card.contact.phone == "+92519105555"
    identity = read_identity(Path("fia/pk.fia.key").read_bytes())
    assert {key.kid for key in card.keys} == {own.key.kid for own in identity.keys}


def test_the_exchange_is_put_beside_the_identity_and_the_settings_are_told(exchange: Path) -> None:
    done = must("keys", "new", "pk.fia", "--exchange", exchange / "exchange.json", "--out", "fia")
    assert Path("fia/exchange.json").read_bytes() == (exchange / "exchange.json").read_bytes()
    assert f"export HARKARA_IDENTITY={Path('fia/pk.fia.key').resolve()}" in done.err
    assert "export HARKARA_URL=" in done.err


def test_json_holds_no_private_key(exchange: Path) -> None:
    done = must("keys", "new", "pk.fia", "--exchange", exchange / "exchange.json", "--out", "fia", "--json")
    assert done.json["settings"]["HARKARA_IDENTITY"].endswith("pk.fia.key")
    private = json.loads(Path("fia/pk.fia.key").read_text())["keys"][0]["private"]
    assert private not in done.out + done.err


def test_both_sides_see_the_same_fingerprint(exchange: Path, fia: Path) -> None:
    told = must("keys", "card", "fia/pk.fia.card.json").out
    line = next(line for line in told.splitlines() if "fingerprint" in line)
    added = must("registry", "add", "fia/pk.fia.card.json", "--data", exchange, "--receive", "all").out
    assert line in added


def test_a_card_is_made_again_with_other_words(fia: Path) -> None:
    must("keys", "card", fia, "--name", "FIA", "--out", "newer.json")
    assert read_card(card_of("newer.json")).names == {"en": "FIA"}


def test_rotation_adds_keys_and_keeps_the_old_ones(fia: Path) -> None:
    before = read_identity(fia.read_bytes())
    must("keys", "rotate", fia, "--card", "fia/pk.fia.card.json")
    after = read_identity(fia.read_bytes())
    assert after.keys[:2] == before.keys
    assert len(after.keys) == 4
    assert {key.kid for key in read_card(card_of("fia/pk.fia.card.json")).keys} == {
        k.key.kid for k in after.keys
    }
    assert stat.S_IMODE(fia.stat().st_mode) == 0o600


def test_an_identity_is_never_overwritten(exchange: Path, fia: Path) -> None:
    before = fia.read_bytes()
    done = call("keys", "new", "pk.fia", "--exchange", exchange / "exchange.json", "--out", "fia")
    assert done.code == 2
    assert "keys rotate" in done.err
    assert fia.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["PK.FIA"], 2, "lower case", id="capital-letters"),
        pytest.param(["fia"], 2, "agency id", id="no-country"),
        pytest.param(["pk.fia", "--desk", "Duty desk"], 2, "phone", id="a-desk-without-a-number"),
        pytest.param(
            ["pk.fia", "--desk", "Desk", "--phone", "0519105555"], 2, "E.164", id="a-number-of-no-country"
        ),
        pytest.param(["pk.fia", "--name", "F" * 2000], 3, "/names/en", id="a-name-too-long"),
    ],
)
def test_wrong_use_is_told_and_writes_no_identity(
    exchange: Path, arguments: list[str], code: int, said: str
) -> None:
    done = call("keys", "new", *arguments, "--exchange", exchange / "exchange.json", "--out", "fia")
    assert done.code == code, done.err
    assert said in done.err
    assert not Path("fia/pk.fia.key").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(None, "is not there", id="missing"),
        pytest.param(b"{", "is not an exchange.json", id="no-json"),
        pytest.param(b'{"name": "x"}', "is not an exchange.json", id="another-document"),
        pytest.param(b"\xff\xfe", "UTF-8", id="no-text"),
    ],
)
def test_what_is_no_exchange_is_told(content: bytes | None, said: str) -> None:
    if content is not None:
        Path("exchange.json").write_bytes(content)
    done = call("keys", "new", "pk.fia", "--exchange", "exchange.json", "--out", "fia")
    assert done.code == 2
    assert said in done.err


def test_an_identity_that_others_can_read_is_refused_with_the_way_out(fia: Path) -> None:
    fia.chmod(0o640)
    done = call("keys", "card", fia, "--out", "newer.json")
    assert done.code == 6
    assert f"chmod 600 {fia}" in done.err


def test_a_card_is_not_taken_for_an_identity(fia: Path) -> None:
    Path("fia/pk.fia.card.json").chmod(0o600)
    done = call("keys", "card", "fia/pk.fia.card.json", "--out", "newer.json")
    assert done.code == 2
    assert "not an identity file" in done.err


def test_a_changed_card_does_not_verify(fia: Path) -> None:
    path = Path("fia/pk.fia.card.json")
    document = json.loads(path.read_text())
    payload = dsse.decode64(document["payload"], "").replace(b"pk.fia", b"pk.fib")
    path.write_text(json.dumps(document | {"payload": dsse.encode64(payload)}))
    done = call("keys", "card", path)
    assert done.code == 3
    assert "bad-signature" in done.err


def test_the_card_of_another_is_not_rotated_into_an_identity(exchange: Path, fia: Path) -> None:
    must("keys", "new", "pk.anf", "--exchange", exchange / "exchange.json", "--out", "anf")
    before = fia.read_bytes()
    done = call("keys", "rotate", fia, "--card", "anf/pk.anf.card.json")
    assert done.code == 2
    assert "pk.anf" in done.err
    assert fia.read_bytes() == before


@pytest.mark.parametrize("arguments", [[], ["--card", "fia/pk.fia.card.json"]], ids=["beside-it", "named"])
def test_the_card_to_renew_is_the_one_beside_the_identity_unless_named(
    fia: Path, arguments: list[str]
) -> None:
    must("keys", "rotate", fia, *arguments)
    assert len(read_card(card_of("fia/pk.fia.card.json")).keys) == 4


def test_without_a_card_it_is_said_how_to_make_one(fia: Path) -> None:
    before = fia.read_bytes()
    Path("fia/pk.fia.card.json").unlink()
    done = call("keys", "rotate", fia)
    assert done.code == 2
    assert f"harkara keys card {fia} --out fia/pk.fia.card.json" in done.err
    assert fia.read_bytes() == before
    must("keys", "card", fia, "--out", "fia/pk.fia.card.json")
    must("keys", "rotate", fia)
