"""Operations of encoding, names and trust: see `operations`."""

from __future__ import annotations

from broker.protocol import dsse, encoding, keys, registry
from broker.protocol.card import read_card
from broker.protocol.encoding import Bin, ListOf, Maybe, Row
from broker.protocol.entitlements import read_entitlements
from broker.protocol.exchange import read_exchange
from tests.vectors.given import Given, Operation, raw, signer


def _unpack(given: Given) -> Given:
    """The record that shows every kind of element."""
    shape = (int, str, bytes, Bin(2), Maybe(str), ListOf(Row((str, int))))
    number, text, some, pair, perhaps, rows = encoding.unpack(raw(given, "record"), "example", *shape)
    return {
        "integer": number,
        "text": text,
        "bytes": some.hex(),
        "two_bytes": pair.hex(),
        "text_or_nil": perhaps,
        "rows": rows,
    }


def _key_id(given: Given) -> Given:
    public = raw(given, "public")
    if given["algorithm"] == keys.ED25519:
        keys.read_signing_public(public)
    else:
        keys.read_sealing_public(public)
    return {"kid": keys.key_id(given["algorithm"], public).hex()}


def _verify(given: Given) -> Given:
    envelope = dsse.from_json(given["envelope"])
    dsse.verify(envelope, signer(given), kind=given["payload_type"])
    return {
        "pae": dsse.pae(envelope.payload_type, envelope.payload).hex(),
        "compact": dsse.to_bytes(envelope).hex(),
    }


def _exchange(given: Given) -> Given:
    return {"exchange": read_exchange(given["document"].encode()).id.hex()}


def _card(given: Given) -> Given:
    card = read_card(dsse.from_json(given["envelope"]))
    return {"id": card.id, "role": card.role, "kids": [key.kid.hex() for key in card.keys]}


def _registry(given: Given) -> Given:
    exchange = read_exchange(given["document"].encode())
    return _registry_out(registry.open_registry(dsse.from_json(given["envelope"]), exchange))


def _next_registry(given: Given) -> Given:
    exchange = read_exchange(given["document"].encode())
    trusted = registry.open_registry(dsse.from_json(given["trusted"]), exchange)
    return _registry_out(registry.follow(trusted, dsse.from_json(given["envelope"])))


def _registry_out(found: registry.Registry) -> Given:
    return {
        "version": found.version,
        "digest": found.digest.hex(),
        "epoch": found.epoch.hex(),
        "members": sorted(found.cards),
    }


def _entitlements(given: Given) -> Given:
    found = read_entitlements(
        dsse.from_json(given["envelope"]),
        exchange=raw(given, "exchange"),
        version=given["version"],
        digest=raw(given, "digest"),
    )
    return {"agencies": sorted(found.grants), "groups": sorted(found.groups)}


TRUST_OPERATIONS: dict[str, Operation] = {
    "unpack the record": _unpack,
    "check a public key and name it": _key_id,
    "verify an envelope": _verify,
    "name the exchange": _exchange,
    "verify a card": _card,
    "open a registry": _registry,
    "follow to the next registry": _next_registry,
    "read entitlements": _entitlements,
}
"""Operations of encoding, names and trust."""
