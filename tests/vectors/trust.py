"""Vectors of trust: card, registry, entitlements."""

from __future__ import annotations

import json
from typing import Any

import msgspec

from broker.protocol import dsse
from broker.protocol.card import CARD_TYPE, key_document
from broker.protocol.entitlements import ENTITLEMENTS_TYPE, entitlements_digest
from broker.protocol.registry import REGISTRY_TYPE
from tests.exchange_fixtures import BROKER, FIA, MOI, NOW, card, fixed, identity
from tests.vectors.vector import Refusal, Vector
from tests.vectors.world import AUTHOR, EXCHANGE, READER, STRANGER, changed, envelope


def vectors() -> list[Vector]:
    """Give them all."""
    return [cards(), registry(), next_registry(), entitlements()]


def cards() -> Vector:
    """card."""
    own = identity(EXCHANGE.id, FIA)
    signed = card(own)
    document = json.loads(signed.payload)

    def refused(name: str, why: str, code: str, given: Any) -> Refusal:
        return Refusal(name, why, code, {"envelope": given})

    def with_public(n: int, public: bytes) -> dict[str, Any]:
        listed = [dict(one) for one in document["keys"]]
        listed[n]["public"] = dsse.encode64(public)
        return envelope(document | {"keys": listed}, CARD_TYPE, AUTHOR)

    second = msgspec.to_builtins(key_document(STRANGER, NOW, NOW + 1))
    return Vector(
        "card",
        "Trust",
        "A member's card, signed by every signing key in it.",
        "verify a card",
        {"envelope": dsse.to_json(signed)},
        [
            refused(
                "other signer",
                "no proof of possession",
                "bad-signature",
                envelope(signed.payload, CARD_TYPE, STRANGER),
            ),
            refused(
                "signed as another kind",
                "a signature over a registry is none over a card",
                "bad-signature",
                envelope(signed.payload, REGISTRY_TYPE, AUTHOR),
            ),
            refused(
                "second key has not signed",
                "each signing key proves itself",
                "bad-signature",
                envelope(document | {"keys": [*document["keys"], second]}, CARD_TYPE, AUTHOR),
            ),
            refused(
                "stranger has signed too",
                "no signatures but by the keys of the card",
                "bad-signature",
                envelope(signed.payload, CARD_TYPE, AUTHOR, STRANGER),
            ),
            refused(
                "sealing key of low order",
                "one such key makes sealing to a whole audience fail",
                "schema",
                with_public(1, READER.public[:1184] + bytes(32)),
            ),
            refused(
                "algorithm of the other use",
                "signing keys are ed25519",
                "schema",
                envelope(
                    document | {"keys": [document["keys"][0] | {"algorithm": "x-wing"}, document["keys"][1]]},
                    CARD_TYPE,
                    AUTHOR,
                ),
            ),
            refused(
                "no English name",
                "`en` is required",
                "schema",
                envelope(document | {"names": {"ur": "ہرکارہ"}}, CARD_TYPE, AUTHOR),
            ),
        ],
        {"signing_seed": AUTHOR.seed.hex(), "sealing_seed": EXCHANGE.sealing(FIA).seed.hex()},
    )


def _registry_document() -> dict[str, Any]:
    return json.loads(EXCHANGE.registry_envelope.payload)


def registry() -> Vector:
    """registry, from exchange.json."""
    signed, document = EXCHANGE.registry_envelope, _registry_document()
    roots = EXCHANGE.root_keys

    def refused(name: str, why: str, code: str, given: Any) -> Refusal:
        return Refusal(name, why, code, {"envelope": given})

    def again(**changes: Any) -> dict[str, Any]:
        return envelope(document | changes, REGISTRY_TYPE, *roots)

    copied = [dsse.to_json(card(identity(EXCHANGE.id, FIA), id=member)) for member in (FIA, MOI)]
    elsewhere = [dsse.to_json(card(identity(fixed("elsewhere"), BROKER)))]
    return Vector(
        "registry",
        "Trust",
        "The registry of version 1, opened from `exchange.json` alone: signed by k = 2 of 3 root keys.",
        "open a registry",
        {"document": EXCHANGE.exchange.document().decode(), "envelope": dsse.to_json(signed)},
        [
            refused(
                "one root key", "k is 2", "bad-signature", envelope(signed.payload, REGISTRY_TYPE, roots[0])
            ),
            refused(
                "one root key twice",
                "k of n counts different keys",
                "bad-signature",
                envelope(signed.payload, REGISTRY_TYPE, roots[0], roots[0]),
            ),
            refused(
                "lowered threshold",
                "the exchange says 2, whatever the registry says",
                "bad-signature",
                envelope(document | {"k": 1}, REGISTRY_TYPE, roots[0]),
            ),
            refused(
                "own root keys",
                "exchange.json names the root keys",
                "bad-signature",
                envelope(
                    document | {"k": 1, "root_keys": [dsse.encode64(STRANGER.public)]},
                    REGISTRY_TYPE,
                    STRANGER,
                ),
            ),
            refused(
                "payload changed",
                "what was signed is not what arrived",
                "bad-signature",
                changed(signed, payload=signed.payload + b" "),
            ),
            refused(
                "other exchange", "made for another exchange", "wrong-exchange", again(exchange="00" * 32)
            ),
            refused("two members, one key", "a key belongs to one member", "schema", again(cards=copied)),
            refused(
                "card of another exchange",
                "a card is made for one exchange",
                "not-authentic",
                again(cards=elsewhere),
            ),
            refused(
                "version 2 that follows none",
                "each but the first names the one before",
                "schema",
                again(version=2),
            ),
            refused(
                "times out of order", "issued < expires <= grace", "schema", again(grace=document["issued"])
            ),
        ],
        {"root_seeds": [key.seed.hex() for key in roots]},
    )


def next_registry() -> Vector:
    """registry, from the one before."""
    document, roots = _registry_document(), EXCHANGE.root_keys
    second = document | {"version": 2, "previous": EXCHANGE.registry.digest.hex()}
    rotated = second | {"root_keys": [dsse.encode64(STRANGER.public)], "k": 1}

    def refused(name: str, why: str, code: str, given: dict[str, Any], *signers: Any) -> Refusal:
        return Refusal(name, why, code, {"envelope": envelope(given, REGISTRY_TYPE, *(signers or roots))})

    taken = [dsse.to_json(card(identity(EXCHANGE.id, FIA), id="pk.customs"))]
    return Vector(
        "registry-next",
        "Trust",
        "A newer registry, with another root key, followed by whoever trusts the one before: signed by"
        " the threshold of the one before and by its own.",
        "follow to the next registry",
        {
            "document": EXCHANGE.exchange.document().decode(),
            "trusted": dsse.to_json(EXCHANGE.registry_envelope),
            "envelope": envelope(rotated, REGISTRY_TYPE, *roots[:2], STRANGER),
        },
        [
            refused("old keys alone", "the new root key has not signed", "bad-signature", rotated, *roots),
            refused("new key alone", "the old threshold has not signed", "bad-signature", rotated, STRANGER),
            refused("same version", "a registry never stands still", "version-conflict", document),
            refused(
                "other history",
                "version 2 follows version 1 by its digest",
                "version-conflict",
                second | {"previous": "00" * 32},
            ),
            refused(
                "key goes over", "a key belongs to one member for ever", "schema", second | {"cards": taken}
            ),
        ],
        {"root_seeds": [key.seed.hex() for key in (*roots, STRANGER)]},
    )


def entitlements() -> Vector:
    """entitlements."""
    signed = EXCHANGE.entitlements_envelope
    document = json.loads(signed.payload)
    root = EXCHANGE.root_keys[0]
    digest = EXCHANGE.registry.entitlements_digest.hex()

    def other(**changes: Any) -> dict[str, Any]:
        given = envelope(document | changes, ENTITLEMENTS_TYPE, root)
        return {"envelope": given, "digest": _digest_of(given)}

    return Vector(
        "entitlements",
        "Trust",
        "Entitlements are those whose payload has the digest (SHA-256) that the registry carries.",
        "read entitlements",
        {"envelope": dsse.to_json(signed), "exchange": EXCHANGE.id.hex(), "version": 1, "digest": digest},
        [
            Refusal("other digest", "not those of the registry", "not-authentic", {"digest": "00" * 32}),
            Refusal(
                "one space more",
                "the digest is over the exact bytes",
                "not-authentic",
                {"envelope": changed(signed, payload=signed.payload + b" ")},
            ),
            Refusal(
                "other type",
                "a registry is no entitlements",
                "not-authentic",
                {"envelope": changed(signed, payload_type=REGISTRY_TYPE)},
            ),
            Refusal("other version", "they belong to one version", "schema", {"version": 2}),
            Refusal("other exchange", "they belong to one exchange", "schema", {"exchange": "00" * 32}),
            Refusal(
                "unknown category",
                "the vocabulary is closed",
                "schema",
                other(agencies={FIA: document["agencies"][FIA] | {"originate": ["piracy"]}}),
            ),
            Refusal("short salt", "the salt has 32 bytes", "malformed", other(salt="AAAA")),
        ],
    )


def _digest_of(given: dict[str, Any]) -> str:
    return entitlements_digest(dsse.from_json(given)).hex()
