"""The published vectors, computed by hand: msgpack, HKDF, HMAC and digests from their specifications.

The vectors are for developers of other languages, and must not be the code's own echo.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgpack
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from http_message_signatures import HTTPMessageSigner  # pyright: ignore[reportPrivateImportUsage]
from http_message_signatures.algorithms import ED25519  # pyright: ignore[reportPrivateImportUsage]

from tests.by_hand import digest, hkdf, pae, record
from tests.vectors.vector import published

VECTORS = {vector.name: vector for vector in published()}


@dataclass(frozen=True)
class Request:
    """What the library asks of a request."""

    method: str
    url: str
    headers: dict[str, str]


def inputs(name: str) -> dict[str, Any]:
    return dict(VECTORS[name].inputs)


def expected(name: str) -> dict[str, Any]:
    return dict(VECTORS[name].expected)


def secrets(name: str) -> dict[str, Any]:
    return dict(VECTORS[name].secrets)


def raw(text: str) -> bytes:
    return bytes.fromhex(text)


def envelope_parts(fields: dict[str, Any]) -> tuple[str, bytes, bytes, bytes]:
    """(payload type, payload, kid, signature) of a DSSE object with one signature."""
    (only,) = fields["signatures"]
    return (
        fields["payloadType"],
        base64.b64decode(fields["payload"]),
        raw(only["keyid"]),
        base64.b64decode(only["sig"]),
    )


def test_encoding_by_hand() -> None:
    found = expected("encoding")
    assert raw(inputs("encoding")["record"]) == record(
        "harkara/1 example",
        found["integer"],
        found["text"],
        raw(found["bytes"]),
        raw(found["two_bytes"]),
        found["text_or_nil"],
        found["rows"],
    )


@pytest.mark.parametrize("name", ["envelope", "stamp", "head", "receipt", "acknowledgement", "subscription"])
def test_envelopes_by_hand(name: str) -> None:
    kind, payload, kid, signature = envelope_parts(inputs(name)["envelope"])
    private = Ed25519PrivateKey.from_private_bytes(raw(secrets(name)["signer_seed"]))
    public = private.public_key().public_bytes_raw()
    assert private.sign(pae(kind, payload)) == signature
    assert digest("harkara/1 key", "ed25519", public) == kid
    if name == "envelope":
        assert raw(expected(name)["pae"]) == pae(kind, payload)
        assert raw(expected(name)["compact"]) == record("harkara/1 signed", kind, payload, kid, signature)


def test_key_ids_by_hand() -> None:
    signing = Ed25519PrivateKey.from_private_bytes(raw(secrets("key-id-signing")["seed"]))
    public = signing.public_key().public_bytes_raw()
    assert raw(inputs("key-id-signing")["public"]) == public
    assert raw(expected("key-id-signing")["kid"]) == digest("harkara/1 key", "ed25519", public)

    expanded = hashlib.shake_256(raw(secrets("key-id-sealing")["seed"])).digest(96)
    mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:64]).public_key().public_bytes_raw()
    x25519 = X25519PrivateKey.from_private_bytes(expanded[64:]).public_key().public_bytes_raw()
    assert raw(inputs("key-id-sealing")["public"]) == mlkem + x25519
    assert raw(expected("key-id-sealing")["kid"]) == digest("harkara/1 key", "x-wing", mlkem + x25519)


def test_the_exchange_id_by_hand() -> None:
    fields = json.loads(inputs("exchange-id")["document"])
    kids = sorted(map(raw, fields["root_kids"]))
    nonce = base64.b64decode(fields["nonce"])
    assert raw(expected("exchange-id")["exchange"]) == digest(
        "harkara/1 exchange", fields["name"], nonce, kids, fields["k"]
    )


def test_a_card_is_signed_by_each_of_its_signing_keys_by_hand() -> None:
    kind, payload, kid, signature = envelope_parts(inputs("card")["envelope"])
    signing, sealing = json.loads(payload)["keys"]
    public = base64.b64decode(signing["public"])
    Ed25519PublicKey.from_public_bytes(public).verify(signature, pae(kind, payload))
    assert expected("card")["kids"] == [
        kid.hex(),
        digest("harkara/1 key", "x-wing", base64.b64decode(sealing["public"])).hex(),
    ]


def test_registry_and_entitlements_are_tied_by_digests_by_hand() -> None:
    first = base64.b64decode(inputs("registry")["envelope"]["payload"])
    assert raw(expected("registry")["digest"]) == hashlib.sha256(first).digest()
    second = json.loads(base64.b64decode(inputs("registry-next")["envelope"]["payload"]))
    assert second["previous"] == hashlib.sha256(first).hexdigest()
    given = inputs("entitlements")
    entitlements = base64.b64decode(given["envelope"]["payload"])
    assert (
        json.loads(first)["entitlements_digest"]
        == hashlib.sha256(entitlements).hexdigest()
        == given["digest"]
    )


def test_the_address_digest_by_hand() -> None:
    given = inputs("address-digest")
    address = given["address"]
    salt, to, excepted = base64.b64decode(address["salt"]), sorted(address["to"]), sorted(address["except"])
    assert raw(given["address_digest"]) == digest("harkara/1 address", salt, to, excepted)


def test_the_statement_digest_by_hand() -> None:
    parts = envelope_parts(inputs("statement-digest")["envelope"])
    assert raw(expected("statement-digest")["stmt"]) == digest("harkara/1 statement", *parts)


def test_the_policy_digest_by_hand() -> None:
    found = expected("policy")
    policy = found["policy"]
    opening = record(
        "harkara/1 policy",
        raw(found["salt"]),
        policy["status"],
        policy["type"],
        policy["category"],
        policy["marking"],
        policy["severity"],
        policy["areas"],
        policy["references"],
        policy["expires_at"],
        policy["respond_by"],
    )
    assert opening == raw(inputs("policy")["opening"])
    assert raw(found["digest"]) == hashlib.sha256(opening).digest()


def test_headers_by_hand() -> None:
    found = expected("header")
    h0 = record(
        "harkara/1 header",
        raw(found["exchange"]),
        found["mode"],
        found["sealer"],
        raw(found["sealer_kid"]),
        found["originator"],
        found["id"],
        raw(found["stmt"]),
        raw(found["policy"]),
        raw(found["address_digest"]),
        found["registry_version"],
    )
    given = raw(inputs("header")["sealed_header"])
    assert given == record("harkara/1 sealed header", h0, given[-32:])
    found = expected("receipt-header")
    h0 = record(
        "harkara/1 receipt header",
        raw(found["exchange"]),
        found["mode"],
        found["sealer"],
        raw(found["sealer_kid"]),
        found["agency"],
        found["id"],
        raw(found["stmt"]),
        found["registry_version"],
    )
    given = raw(inputs("receipt-header")["sealed_header"])
    assert given == record("harkara/1 sealed header", h0, given[-32:])


def test_sealing_by_hand() -> None:
    made_from, given, found = secrets("content"), inputs("content"), expected("content")
    content_key = hkdf(raw(made_from["entropy"]), raw(made_from["stmt"]), b"harkara/1 content key", 32)
    assert content_key == raw(given["content_key"])
    h0 = raw(made_from["h0"])
    keys = hkdf(content_key, b"", record("harkara/1 bulletin key", hashlib.sha256(h0).digest()), 64)
    assert keys == raw(made_from["encryption_key"]) + raw(made_from["commitment"])
    header = record("harkara/1 sealed header", h0, keys[32:])
    assert header == raw(given["sealed_header"])
    content = record("harkara/1 content", *envelope_parts(found["statement"]), raw(made_from["policy_salt"]))
    plaintext = (len(content).to_bytes(4, "big") + content).ljust(2048, b"\0")
    ciphertext = AESGCM(keys[:32]).encrypt(bytes(12), plaintext, header)
    assert ciphertext == raw(given["ciphertext"])
    seal = record("harkara/1 seal", header, hashlib.sha256(ciphertext).digest())
    covered = pae("application/vnd.harkara.seal+msgpack", seal)
    assert raw(found["sealed"]) == hashlib.sha256(covered).digest()


def test_a_seal_by_hand() -> None:
    given, found = inputs("seal"), expected("seal")
    seal = record(
        "harkara/1 seal", raw(given["sealed_header"]), hashlib.sha256(raw(given["ciphertext"])).digest()
    )
    private = Ed25519PrivateKey.from_private_bytes(raw(secrets("seal")["signer_seed"]))
    covered = pae("application/vnd.harkara.seal+msgpack", seal)
    assert (raw(found["record"]), raw(given["signature"])) == (seal, private.sign(covered))
    assert raw(found["sealed"]) == hashlib.sha256(covered).digest()


def test_a_pair_key_by_hand() -> None:
    secret, found = raw(secrets("sealed-pair-key")["pair_key"]), expected("sealed-pair-key")
    assert raw(found["pkid"]) == hmac.digest(secret, b"harkara/1 pair key id", "sha256")[:16]
    kind, payload, _, _ = envelope_parts(inputs("sealed-pair-key")["envelope"])
    info = raw(found["info"])
    assert kind == "application/vnd.harkara.sealed-pair-key+msgpack"
    # enc ‖ ct: X-Wing's encapsulation has 1120 bytes, the sealed key 32 and its tag 16.
    assert payload == record("harkara/1 sealed pair key", info, payload[-1168:])


def test_a_wrap_by_hand() -> None:
    given = inputs("wrap")
    pkid, sealed, content_key = (
        raw(given["pkid"]),
        raw(given["sealed"]),
        raw(expected("wrap")["content_key"]),
    )
    associated = record("harkara/1 wrap", pkid, given["member"]) + sealed
    wrapped = AESGCM(raw(given["pair_key"])).encrypt(sealed[:12], content_key, associated)
    assert raw(given["wrap"]) == pkid + wrapped


def test_a_stamp_by_hand() -> None:
    found = expected("stamp")
    _, payload, kid, _ = envelope_parts(inputs("stamp")["envelope"])
    assert payload == record(
        "harkara/1 stamp",
        raw(found["exchange"]),
        kid,
        found["originator"],
        found["id"],
        raw(found["stmt"]),
        raw(found["sealed"]),
        found["taken_at"],
        found["registry_version"],
    )


def test_a_chain_by_hand() -> None:
    given = inputs("chain")
    chains = [digest("harkara/1 inbox", raw(given["exchange"]), raw(given["epoch"]), given["agency"])]
    for entry in given["entries"]:
        items = [[kind, raw(sealed)] for kind, sealed in entry["references"]]
        chains.append(digest("harkara/1 link", chains[-1], entry["first"], entry["last"], items))
    assert expected("chain")["chains"] == [one.hex() for one in chains]


def test_an_entry_mac_by_hand() -> None:
    given = inputs("entry-mac")
    covered = record(
        "harkara/1 entry",
        raw(given["exchange"]),
        raw(given["epoch"]),
        given["agency"],
        given["first"],
        given["last"],
        raw(given["chain"]),
        given["places"],
    )
    assert raw(given["mac"]) == hmac.new(raw(given["store_key"]), covered, hashlib.sha256).digest()


def test_a_head_by_hand() -> None:
    found = expected("head")
    _, payload, _, _ = envelope_parts(inputs("head")["envelope"])
    assert payload == record(
        "harkara/1 head",
        raw(found["exchange"]),
        raw(found["epoch"]),
        found["generation"],
        found["agency"],
        found["number"],
        raw(found["chain"]),
        found["signed_at"],
        found["registry_version"],
        raw(found["registry_digest"]),
        found["subscription_version"],
    )


def test_a_receipt_id_by_hand() -> None:
    # RFC 9562 section 5.5: SHA-1 of namespace and name, sixteen bytes of it, version 5, variant 10.
    namespace = uuid.uuid5(uuid.NAMESPACE_URL, "urn:harkara:receipt").bytes
    fields = json.loads(base64.b64decode(inputs("receipt")["envelope"]["payload"]))
    name = f"{fields['stmt']} {fields['agency']} {fields['kind']} {fields['at']}"
    made = bytearray(hashlib.sha1(namespace + name.encode(), usedforsecurity=False).digest()[:16])
    made[6], made[8] = made[6] & 0x0F | 0x50, made[8] & 0x3F | 0x80
    assert expected("receipt")["id"] == str(uuid.UUID(bytes=bytes(made)))


def test_a_post_by_hand() -> None:
    body = json.loads(inputs("post")["body"])
    kind, payload, kid, signature = envelope_parts(body["statement"])
    Ed25519PublicKey.from_public_bytes(raw(inputs("post")["signer_public"])).verify(
        signature, pae(kind, payload)
    )
    assert raw(expected("post")["stmt"]) == digest("harkara/1 statement", kind, payload, kid, signature)
    address = body["address"]
    assert (
        json.loads(payload)["address_digest"]
        == digest("harkara/1 address", base64.b64decode(address["salt"]), sorted(address["to"]), []).hex()
    )


def test_a_signed_read_by_hand_and_by_the_library_that_the_client_uses() -> None:
    given = inputs("read")
    base = "\n".join([*given["components"], f'"@signature-params": {given["parameters"]}'])
    private = Ed25519PrivateKey.from_private_bytes(raw(secrets("read")["signer_seed"]))
    assert expected("read")["base"] == base
    assert raw(given["signature"]) == private.sign(base.encode())
    said = dict(re.findall(r';(created|nonce|keyid)="?([^";]+)', given["parameters"]))
    request = Request("GET", "https://exchange.example/v1/inbox?after=0&wait=30", {})
    prepared = HTTPMessageSigner(signature_algorithm=ED25519).prepare(
        request,
        key_id=said["keyid"],
        created=datetime.fromtimestamp(int(said["created"]), UTC),
        nonce=said["nonce"],
        label="sig1",
        tag="harkara-read",
        include_alg=False,
        covered_component_ids=("@method", "@authority", "@path", "@query"),
    )
    assert prepared.signature_base.decode() == base


def test_a_blind_post_by_hand() -> None:
    body = msgpack.unpackb(raw(inputs("blind-post")["body"]))
    label, header, ciphertext, seal, opening, (salt, to, excepted), wraps = body
    assert label == "harkara/1 blind post"
    h0, _ = msgpack.unpackb(header)[1:]
    fields = msgpack.unpackb(h0)
    assert hashlib.sha256(opening).digest() == fields[8]
    assert digest("harkara/1 address", salt, sorted(to), sorted(excepted)) == fields[9]
    covered = pae(
        "application/vnd.harkara.seal+msgpack",
        record("harkara/1 seal", header, hashlib.sha256(ciphertext).digest()),
    )
    assert seal == Ed25519PrivateKey.from_private_bytes(raw(secrets("blind-post")["signer_seed"])).sign(
        covered
    )
    sealed = hashlib.sha256(covered).digest()
    assert raw(expected("blind-post")["sealed"]) == sealed
    assert [member for member, _ in wraps] == ["pk.fia", "pk.moi"]


@pytest.mark.parametrize("name", ["tombstone", "floor", "rollback"])
def test_what_a_broker_says_of_an_inbox_by_hand(name: str) -> None:
    _, payload, _, _ = envelope_parts(inputs(name)["envelope"])
    hexadecimal = {"exchange", "epoch", "sealed", "cancel", "chain", "chain_kept", "chain_lost"}
    fields = [raw(value) if name in hexadecimal else value for name, value in expected(name).items()]
    assert payload == record(f"harkara/1 {name}", *fields)
