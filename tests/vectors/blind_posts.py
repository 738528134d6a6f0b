"""Vectors of blind posts, of inboxes that are not whole, and of signed reads."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from broker.protocol import dsse
from broker.protocol.blind import BlindPost
from broker.protocol.history import FLOOR_TYPE, ROLLBACK_TYPE, TOMBSTONE_TYPE, Floor, Rollback, Tombstone
from broker.protocol.keys import SigningKey
from broker.protocol.pairkeys import PairKey
from broker.protocol.sealing import BY_BROKER, BY_ORIGINATOR, SEAL_TYPE, Content, seal
from tests.exchange_fixtures import FIA, MOI, NOW, fixed
from tests.vectors.vector import Refusal, Vector
from tests.vectors.world import (
    ADDRESS,
    AUTHOR,
    BINDING,
    EXCHANGE,
    HEADER,
    PAIR_SECRET,
    POLICY,
    POLICY_SALT,
    SEALER,
    STATEMENT,
    STRANGER,
)

EPOCH = EXCHANGE.registry.epoch


def vectors() -> list[Vector]:
    """Give them all."""
    return [blind_post(), tombstone(), floor(), rollback(), read()]


def _post(signer: SigningKey = AUTHOR, **changes: Any) -> BlindPost:
    header = replace(HEADER, mode=BY_ORIGINATOR, sealer=FIA, sealer_kid=AUTHOR.kid)
    sealed, content_key = seal(
        replace(header, **changes), Content(STATEMENT, POLICY_SALT), fixed("vectors blind entropy")
    )
    wraps = {
        member: PairKey.of(replace(BINDING, member=member), PAIR_SECRET).wrap(content_key, sealed.digest())
        for member in (FIA, MOI)
    }
    signature = signer.sign(SEAL_TYPE, sealed.seal_record()).signature.value
    return BlindPost(replace(sealed, seal=signature), POLICY.opening(POLICY_SALT), ADDRESS, wraps)


def blind_post() -> Vector:
    """Blind post."""
    good = _post()
    reader = EXCHANGE.signing(MOI)

    def refused(name: str, why: str, error: str, post: BlindPost) -> Refusal:
        return Refusal(name, why, error, {"body": post.pack().hex()})

    wider = replace(POLICY, marking="TLP:CLEAR").opening(POLICY_SALT)
    return Vector(
        "blind-post",
        "A bulletin",
        'F("harkara/1 blind post", H, ciphertext, seal, policy opening, address or nil, [[member,'
        " wrap], …]): what a broker checks of it, for an audience that it has computed. (The wraps are"
        " under one pair key, for brevity.)",
        "check a blind post",
        {
            "document": EXCHANGE.exchange.document().decode(),
            "registry": dsse.to_json(EXCHANGE.registry_envelope),
            "body": good.pack().hex(),
            "now": NOW,
            "audience": [MOI],
        },
        [
            refused("other seal", "not signed by its sealer", "bad-signature", _post(STRANGER)),
            refused(
                "sealed by a recipient",
                "a recipient re-seals somebody's statement",
                "author-mismatch",
                _post(reader, sealer=MOI, sealer_kid=reader.kid),
            ),
            refused("mode of brokers", "who seals itself says so", "malformed", _post(mode=BY_BROKER)),
            refused("other exchange", "made for another", "wrong-exchange", _post(exchange=bytes(32))),
            refused("other policy", "wider than committed to", "not-authentic", replace(good, opening=wider)),
            refused("no address", "the header commits to one", "wrong-address", replace(good, address=None)),
            refused(
                "a wrap missing",
                "the audience has one member more",
                "audience-changed",
                replace(good, wraps={FIA: good.wraps[FIA]}),
            ),
            Refusal(
                "other audience",
                "somebody joined meanwhile",
                "audience-changed",
                {"audience": [MOI, "pk.anf"]},
            ),
        ],
        {"signer_seed": AUTHOR.seed.hex(), "pair_key": PAIR_SECRET.hex()},
    )


def _said(name: str, description: str, kind: str, payload: bytes, refusals: list[Refusal]) -> Vector:
    signed = SEALER.sign(kind, payload)
    return Vector(
        name,
        "What the broker says",
        description,
        "verify what a broker says of an inbox",
        {
            "envelope": dsse.to_json(signed),
            "payload_type": kind,
            "signer_public": SEALER.public.hex(),
        },
        [
            Refusal(
                "other signer",
                "signed by another key",
                "bad-signature",
                {"signer_public": STRANGER.public.hex()},
            ),
            Refusal(
                "other type",
                "a signature covers the type",
                "bad-signature",
                {"envelope": dsse.to_json(SEALER.sign(SEAL_TYPE, payload))},
            ),
            *refusals,
        ],
        {"signer_seed": SEALER.seed.hex()},
    )


def _malformed(name: str, why: str, kind: str, payload: bytes) -> Refusal:
    return Refusal(name, why, "malformed", {"envelope": dsse.to_json(SEALER.sign(kind, payload))})


def tombstone() -> Vector:
    """Tombstone."""
    said = Tombstone(EXCHANGE.id, EPOCH, MOI, 3, fixed("vectors 3"), "recalled", fixed("vectors cancel"), NOW)
    return _said(
        "tombstone",
        'F("harkara/1 tombstone", X, epoch, agency, n, sealed, reason, stmt of the Cancel or nil, at).',
        TOMBSTONE_TYPE,
        said.pack(),
        [
            _malformed(
                "unknown reason",
                "expired, recalled, erased",
                TOMBSTONE_TYPE,
                replace(said, reason="lost").pack(),
            ),
            _malformed(
                "recalled by nothing",
                "a recall names its Cancel",
                TOMBSTONE_TYPE,
                replace(said, cancel=None).pack(),
            ),
            _malformed(
                "short digest", "sealed has 32 bytes", TOMBSTONE_TYPE, replace(said, sealed=bytes(31)).pack()
            ),
        ],
    )


def floor() -> Vector:
    """Floor."""
    said = Floor(EXCHANGE.id, EPOCH, MOI, 4, fixed("vectors chain"), NOW)
    return _said(
        "floor",
        'F("harkara/1 floor", X, epoch, agency, n, cn, at).',
        FLOOR_TYPE,
        said.pack(),
        [
            _malformed(
                "short chain", "a chain has 32 bytes", FLOOR_TYPE, replace(said, chain=bytes(31)).pack()
            ),
            _malformed("one byte more", "the record ends before its end", FLOOR_TYPE, said.pack() + b"\0"),
        ],
    )


def rollback() -> Vector:
    """Rollback."""
    said = Rollback(EXCHANGE.id, EPOCH, 1, MOI, 3, fixed("vectors kept"), 4, fixed("vectors lost"), NOW)
    return _said(
        "rollback",
        'F("harkara/1 rollback", X, epoch, new generation, agency, n kept, chain kept, n lost, chain'
        " lost, at).",
        ROLLBACK_TYPE,
        said.pack(),
        [
            _malformed(
                "generation 0",
                "a rollback begins a new one",
                ROLLBACK_TYPE,
                replace(said, generation=0).pack(),
            ),
            _malformed(
                "nothing lost",
                "more was there than was kept",
                ROLLBACK_TYPE,
                replace(said, number_lost=3).pack(),
            ),
        ],
    )


def read() -> Vector:
    """RFC 9421 base of a read."""
    key = EXCHANGE.signing(MOI)
    components = [
        '"@method": GET',
        '"@authority": exchange.example',
        '"@path": /v1/inbox',
        '"@query": ?after=0&wait=30',
    ]

    def parameters(covered: list[str] = components, tag: str = "harkara-read") -> str:
        names = " ".join(line.split(": ")[0] for line in covered)
        return (
            f'({names});created={NOW // 1_000_000};keyid="{key.kid.hex()}";'
            f'nonce="dGVzdCB2ZWN0b3Igbm9uY2U";tag="{tag}"'
        )

    def signature(covered: list[str] = components, tag: str = "harkara-read") -> str:
        base = "\n".join([*covered, f'"@signature-params": {parameters(covered, tag)}'])
        return key.sign_bytes(base.encode()).hex()

    def replaced(place: int, line: str) -> list[str]:
        return [*components[:place], line, *components[place + 1 :]]

    shorter = components[:3]
    return Vector(
        "read",
        "Answers",
        "The signature base of a read by RFC 9421 section 2.5, and its Ed25519 signature. `parameters`"
        " is the value that stands in Signature-Input after the label.",
        "verify a signed read",
        {
            "components": components,
            "parameters": parameters(),
            "signature": signature(),
            "signer_public": key.public.hex(),
        },
        [
            Refusal(
                "other path",
                "the path is covered",
                "bad-signature",
                {"components": replaced(2, '"@path": /v1/feed')},
            ),
            Refusal(
                "other server",
                "the authority is covered",
                "bad-signature",
                {"components": replaced(1, '"@authority": exchange.example:8470')},
            ),
            Refusal(
                "other cursor",
                "the query is covered",
                "bad-signature",
                {"components": replaced(3, '"@query": ?after=9&wait=30')},
            ),
            Refusal(
                "query not covered",
                "all four are",
                "bad-signature",
                {"components": shorter, "parameters": parameters(shorter), "signature": signature(shorter)},
            ),
            Refusal(
                "other tag",
                "signed for another use",
                "bad-signature",
                {"parameters": parameters(tag="other"), "signature": signature(tag="other")},
            ),
            Refusal(
                "other key",
                "signed by somebody else",
                "bad-signature",
                {"signer_public": STRANGER.public.hex()},
            ),
        ],
        {"signer_seed": key.seed.hex()},
    )
