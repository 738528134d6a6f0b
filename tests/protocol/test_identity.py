"""The identity file and the exchange file: read back what was written, and never repeat a secret."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from broker.errors import HarkaraError, Malformed, SchemaError
from broker.protocol import dsse, limits
from broker.protocol.exchange import Exchange, read_exchange
from broker.protocol.identity import Identity, OwnKey, new_identity, read_identity
from broker.protocol.keys import SealingKey, SigningKey
from tests.exchange_fixtures import FIA, NOW, fixed, identity

X = fixed("exchange id")
OWN = identity(X, FIA)
DOCUMENT: dict[str, Any] = json.loads(OWN.document())
SEED = DOCUMENT["keys"][0]["private"]
DAY = limits.DAY_US


def test_an_identity_is_read_back_as_it_was_written() -> None:
    assert read_identity(OWN.document()) == OWN


def test_an_identity_is_made_from_its_entropy_alone() -> None:
    again = new_identity(X, FIA, "agency", fixed("e", 64), not_before=NOW, not_after=NOW + DAY)
    assert again == new_identity(X, FIA, "agency", fixed("e", 64), not_before=NOW, not_after=NOW + DAY)
    assert {type(own.key) for own in again.keys} == {SigningKey, SealingKey}
    assert again.keys[0].key.seed != again.keys[1].key.seed


@pytest.mark.parametrize("size", [0, 32, 63, 65])
def test_an_identity_takes_exactly_64_bytes_of_entropy(size: int) -> None:
    with pytest.raises(ValueError, match="64 bytes"):
        new_identity(X, FIA, "agency", bytes(size), not_before=NOW, not_after=NOW + DAY)


def with_key(**members: Any) -> dict[str, Any]:
    first = DOCUMENT["keys"][0] | members
    return DOCUMENT | {"keys": [first, *DOCUMENT["keys"][1:]]}


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        pytest.param(DOCUMENT | {"harkara": "identity/2"}, "/harkara", id="a-later-format"),
        pytest.param(DOCUMENT | {"id": "FIA"}, "/id", id="no-agency-id"),
        pytest.param(DOCUMENT | {"role": "root"}, "/role", id="a-role-that-is-none"),
        pytest.param(DOCUMENT | {"exchange": "ab"}, "/exchange", id="a-short-exchange-id"),
        pytest.param(DOCUMENT | {"keys": []}, "/keys", id="no-keys"),
        pytest.param(DOCUMENT | {"password": SEED}, "/password", id="a-field-too-many"),
        pytest.param(with_key(private=SEED[:-1]), "/keys/0/private", id="base64-without-padding"),
        pytest.param(with_key(private=SEED[:-4]), "/keys/0/private", id="a-short-seed"),
        pytest.param(with_key(private=[SEED]), "/keys/0/private", id="a-seed-in-a-list"),
        pytest.param(with_key(privat=SEED), "/keys/0/privat", id="a-seed-under-a-misspelled-name"),
        pytest.param(with_key(use=SEED), "/keys/0/use", id="a-seed-in-the-wrong-field"),
        pytest.param(with_key(not_before="yesterday"), "/keys/0/not_before", id="a-time-in-words"),
        pytest.param(
            with_key(not_after=DOCUMENT["keys"][0]["not_before"]), "/keys/0/not_after", id="an-empty-validity"
        ),
    ],
)
def test_an_identity_that_is_wrong_is_refused_where_it_is_wrong(
    document: dict[str, Any], pointer: str
) -> None:
    with pytest.raises(SchemaError) as refused:
        read_identity(json.dumps(document).encode())
    assert pointer in [problem.pointer for problem in refused.value.problems]


@pytest.mark.parametrize(
    "private",
    [SEED[:-1], SEED[:-4], SEED + "=", " " + SEED, SEED.replace("=", "-"), SEED + "\u202e"],
    ids=["unpadded", "short", "overpadded", "with-a-space", "of-urls", "with-a-hidden-character"],
)
def test_a_refusal_never_repeats_a_private_key(private: str) -> None:
    with pytest.raises(HarkaraError) as refused:
        read_identity(json.dumps(with_key(private=private)).encode())
    told = f"{refused.value.detail} {refused.value.problems} {refused.value.__cause__!r}"
    assert SEED[:8] not in told


def test_a_file_that_is_cut_short_is_refused_without_its_contents() -> None:
    with pytest.raises(Malformed) as refused:
        read_identity(OWN.document()[:-20])
    assert SEED[:8] not in f"{refused.value.detail} {refused.value.problems}"


def test_an_identity_does_not_show_its_keys() -> None:
    assert SEED not in repr(OWN)
    assert OWN.keys[0].key.seed.hex() not in repr(OWN)


def rotated() -> Identity:
    """An identity with a second pair of keys that takes over: it overlaps the first by 30 days."""
    new = identity(X, FIA, NOW + 305 * DAY, generation=1)
    return replace(OWN, keys=OWN.keys + new.keys)


@pytest.mark.parametrize(
    ("at", "which"),
    [
        pytest.param(NOW, 0, id="before-the-overlap-the-old"),
        pytest.param(NOW + 275 * DAY, 2, id="from-its-first-moment-the-new"),
        pytest.param(NOW + 335 * DAY, 2, id="after-the-end-of-the-old-the-new"),
    ],
)
def test_the_signing_key_that_is_valid_longest_is_used(at: int, which: int) -> None:
    own = rotated()
    assert own.signing_key(at) == own.keys[which].key


@pytest.mark.parametrize(
    "at",
    [pytest.param(NOW - 30 * DAY - 1, id="before-it-begins"), pytest.param(NOW + 335 * DAY, id="at-its-end")],
)
def test_without_a_signing_key_in_force_there_is_none(at: int) -> None:
    with pytest.raises(SchemaError, match=r"no signing key of pk\.fia is in force"):
        OWN.signing_key(at)


def test_old_sealing_keys_stay_findable_by_their_id() -> None:
    own = rotated()
    for held in own.keys:
        found = own.sealing_key(held.key.kid)
        assert found == (held.key if isinstance(held.key, SealingKey) else None)
    assert own.sealing_key(bytes(32)) is None


def test_the_card_of_a_rotated_identity_is_signed_by_both_keys() -> None:
    own = rotated()
    assert len(own.signing_keys()) == 2
    assert [document.use for document in own.card_keys()] == ["sign", "seal", "sign", "seal"]


def test_a_key_without_bounds_in_order_cannot_be_written_and_read() -> None:
    odd = replace(OWN, keys=(OwnKey(OWN.keys[0].key, NOW, NOW),))
    with pytest.raises(SchemaError):
        read_identity(odd.document())


# --- exchange.json ----------------------------------------------------------------------------------------


ROOTS = tuple(SigningKey.from_seed(fixed(f"root {n}")).kid for n in range(3))
EXCHANGE = Exchange("Interior Ministry of Pakistan", fixed("nonce"), ROOTS, 2)
EXCHANGE_DOCUMENT: dict[str, Any] = json.loads(EXCHANGE.document())


def test_an_exchange_is_read_back_with_the_same_id() -> None:
    for exchange in (EXCHANGE, replace_exchange(k=1), replace_exchange(k=3)):
        assert read_exchange(exchange.document()).id == exchange.id


def test_the_order_of_its_root_keys_does_not_change_an_exchange() -> None:
    assert replace_exchange(root_kids=ROOTS[::-1]).id == EXCHANGE.id


def replace_exchange(**members: Any) -> Exchange:
    fields = {"name": EXCHANGE.name, "nonce": EXCHANGE.nonce, "root_kids": ROOTS, "k": 2} | members
    return Exchange(**fields)


@pytest.mark.parametrize(
    "imitation",
    [
        pytest.param(replace_exchange(name="Interior Ministry of Pakistаn"), id="a-name-that-looks-the-same"),
        pytest.param(replace_exchange(nonce=fixed("other nonce")), id="another-nonce"),
        pytest.param(replace_exchange(root_kids=(*ROOTS[:2], fixed("their root"))), id="another-root-key"),
        pytest.param(replace_exchange(root_kids=ROOTS[:2]), id="a-root-key-less"),
        pytest.param(replace_exchange(k=1), id="a-lower-threshold"),
    ],
)
def test_an_exchange_cannot_be_imitated(imitation: Exchange) -> None:
    assert imitation.id != EXCHANGE.id


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        pytest.param({"k": 0}, "/k", id="k-zero"),
        pytest.param({"k": 4}, "/k", id="k-above-the-number-of-keys"),
        pytest.param({"root_kids": []}, "/root_kids", id="no-root-keys"),
        pytest.param({"root_kids": [ROOTS[0].hex()] * 2}, "/root_kids", id="a-root-key-twice"),
        pytest.param({"root_kids": [ROOTS[0].hex().upper()]}, "/root_kids/0", id="capital-hex"),
        pytest.param({"nonce": dsse.encode64(bytes(16))}, "/nonce", id="a-short-nonce"),
        pytest.param({"name": ""}, "/name", id="no-name"),
        pytest.param({"name": "Ministry\u202e"}, "/name", id="a-name-with-a-hidden-character"),
        pytest.param({"id": EXCHANGE.id.hex()}, "/id", id="an-id-that-it-claims-itself"),
    ],
)
def test_an_exchange_file_that_is_wrong_is_refused(changes: dict[str, Any], pointer: str) -> None:
    with pytest.raises(HarkaraError) as refused:
        read_exchange(json.dumps(EXCHANGE_DOCUMENT | changes).encode())
    assert refused.value.status in (400, 422)
    assert [problem.pointer for problem in refused.value.problems] == [pointer]
