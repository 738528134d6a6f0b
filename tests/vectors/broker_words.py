"""Vectors of what the broker says: stamp, chain, entry MAC, head."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from broker.protocol import chain, dsse
from broker.protocol.head import HEAD_TYPE, Head
from broker.protocol.limits import HOUR_US
from broker.protocol.sealing import SEAL_TYPE
from broker.protocol.stamp import STAMP_TYPE
from tests.exchange_fixtures import BROKER, FIA, MOI, NOW, fixed
from tests.vectors.vector import Refusal, Vector
from tests.vectors.world import (
    EXCHANGE,
    SEALED,
    SEALER,
    STAMP,
    STAMPED,
    STRANGER,
    changed,
)

DIGEST = SEALED.digest()
EPOCH = EXCHANGE.registry.epoch


def vectors() -> list[Vector]:
    """Give them all."""
    return [stamp(), inbox_chain(), entry_mac(), head()]


def stamp() -> Vector:
    """Stamp."""
    packed = STAMP.pack()
    longer = packed.replace(b"\x01", b"\xcc\x01") if packed.endswith(b"\x01") else packed
    fields = dsse.to_json(STAMPED)

    def signed(payload: bytes, kind: str = STAMP_TYPE) -> dict[str, Any]:
        return {"envelope": dsse.to_json(SEALER.sign(kind, payload))}

    return Vector(
        "stamp",
        "What the broker says",
        'F("harkara/1 stamp", X, broker kid, originator, id, stmt, sealed, taken at (µs), registry'
        " version) in an envelope signed by the broker.",
        "verify a stamp",
        {"envelope": fields, "signer_public": SEALER.public.hex()},
        [
            Refusal(
                "other sealed digest",
                "the signature covers it",
                "bad-signature",
                {"envelope": changed(STAMPED, payload=replace(STAMP, sealed=bytes(32)).pack())},
            ),
            Refusal(
                "other broker",
                "signed by another key",
                "bad-signature",
                {"signer_public": STRANGER.public.hex()},
            ),
            Refusal(
                "signed as a seal", "a signature covers the type", "bad-signature", signed(packed, SEAL_TYPE)
            ),
            Refusal(
                "longer integer", "the last 1 in two bytes", "malformed", signed(packed[:-1] + longer[-2:])
            ),
            Refusal("one field less", "fixed arity", "malformed", signed(b"\x98" + packed[1:-1])),
            Refusal(
                "label of heads",
                "another purpose",
                "malformed",
                signed(packed.replace(b"\xafharkara/1 stamp", b"\xaeharkara/1 head")),
            ),
        ],
        {"signer_seed": SEALER.seed.hex()},
    )


ENTRIES: list[tuple[int, int, list[chain.Reference]]] = [
    (1, 1, [("bulletin", DIGEST)]),
    (
        2,
        4,
        [("receipt", fixed("vectors 2")), ("bulletin", fixed("vectors 3")), ("bulletin", fixed("vectors 4"))],
    ),
]


def _chains() -> list[bytes]:
    found = [chain.first_link(EXCHANGE.id, EPOCH, MOI)]
    for first, last, references in ENTRIES:
        found.append(chain.link(found[-1], first, last, references))
    return found


def inbox_chain() -> Vector:
    """First link and links."""
    entries = [
        {"first": first, "last": last, "references": [[kind, sealed.hex()] for kind, sealed in references]}
        for first, last, references in ENTRIES
    ]
    one, two = entries
    first, second, third = two["references"]  # type: ignore[misc]

    def refused(name: str, why: str, **given: Any) -> Refusal:
        return Refusal(name, why, "inbox-broken", given)

    def with_items(*references: Any) -> list[Any]:
        return [one, two | {"references": list(references)}]

    return Vector(
        "chain",
        "What the broker says",
        'c0 = SHA-256(F("harkara/1 inbox", X, epoch, agency)); an entry of the numbers f … n gives cn ='
        ' SHA-256(F("harkara/1 link", c(f-1), f, n, [[kind, sealed], …])). Compared with the chain of'
        " the head.",
        "walk an inbox",
        {
            "exchange": EXCHANGE.id.hex(),
            "epoch": EPOCH.hex(),
            "agency": MOI,
            "entries": entries,
            "head_chain": _chains()[-1].hex(),
        },
        [
            refused(
                "item dropped",
                "the last item is missing",
                entries=[one, two | {"last": 3, "references": [first, second]}],
            ),
            refused("items reordered", "two items swapped", entries=with_items(second, first, third)),
            refused(
                "item exchanged", "another digest", entries=with_items(first, second, ["bulletin", "00" * 32])
            ),
            refused(
                "other kind",
                "a receipt shown as a bulletin",
                entries=with_items(["bulletin", first[1]], second, third),
            ),
            refused("entry dropped", "the first entry is missing", entries=[two]),
            refused(
                "entry split",
                "the same items in two entries",
                entries=[
                    one,
                    two | {"last": 2, "references": [first]},
                    two | {"first": 3, "references": [second, third]},
                ],
            ),
            refused("other inbox", "chains begin with the agency", agency=FIA),
            refused("other epoch", "chains begin with the epoch", epoch="00" * 16),
        ],
    )


def entry_mac() -> Vector:
    """Entry MAC."""
    first, last, _ = ENTRIES[1]
    when = ("1772357400001-0", "1772357400001-1", "1772357400003-0")
    places = [f"{position} {NOW + HOUR_US}" for position in when]
    key, end = fixed("vectors store key"), _chains()[-1]
    mac = chain.entry_mac(key, EXCHANGE.id, EPOCH, MOI, first, last, end, places)

    def refused(name: str, why: str, **given: Any) -> Refusal:
        return Refusal(name, why, "inbox-broken", given)

    return Vector(
        "entry-mac",
        "What the broker says",
        'HMAC-SHA256 under the store key of F("harkara/1 entry", X, epoch, agency, f, n, cn, [place,'
        " …]), place = log position, space, expiry in µs: between brokers and their store only.",
        "check an entry's MAC",
        {
            "store_key": key.hex(),
            "exchange": EXCHANGE.id.hex(),
            "epoch": EPOCH.hex(),
            "agency": MOI,
            "first": first,
            "last": last,
            "chain": end.hex(),
            "places": places,
            "mac": mac.hex(),
        },
        [
            refused("other store key", "the store does not have it", store_key="00" * 32),
            refused("other chain", "recomputed after an item was dropped", chain="00" * 32),
            refused("other inbox", "an entry copied from another inbox", agency=FIA),
            refused("other numbers", "an entry moved up", first=first - 1, last=last - 1),
            refused(
                "other places",
                "an entry that stands for other items of the log",
                places=places[::-1],
            ),
        ],
    )


def head() -> Vector:
    """Head."""
    found = Head(
        exchange=EXCHANGE.id,
        epoch=EPOCH,
        generation=0,
        agency=MOI,
        number=ENTRIES[-1][1],
        chain=_chains()[-1],
        signed_at=NOW + 5_000_000,
        registry_version=1,
        registry_digest=EXCHANGE.registry.digest,
        subscription_version=0,
    )
    signed = SEALER.sign(HEAD_TYPE, found.pack())

    def other(payload: bytes, kind: str = HEAD_TYPE) -> dict[str, Any]:
        return {"envelope": dsse.to_json(SEALER.sign(kind, payload))}

    return Vector(
        "head",
        "What the broker says",
        'F("harkara/1 head", X, epoch, generation, agency, n, cn, now, registry version, registry'
        " digest, subscription version) in an envelope signed by the broker.",
        "verify a head",
        {"envelope": dsse.to_json(signed), "signer_public": SEALER.public.hex()},
        [
            Refusal(
                "lower number",
                "the signature covers it",
                "bad-signature",
                {"envelope": changed(signed, payload=replace(found, number=3).pack())},
            ),
            Refusal(
                "other broker",
                "signed by another key",
                "bad-signature",
                {"signer_public": STRANGER.public.hex()},
            ),
            Refusal(
                "signed as a stamp",
                "a signature covers the type",
                "bad-signature",
                other(found.pack(), STAMP_TYPE),
            ),
            Refusal(
                "short epoch",
                "an epoch has 16 bytes",
                "malformed",
                other(replace(found, epoch=bytes(15)).pack()),
            ),
            Refusal(
                "digest in hex",
                "bytes are bytes",
                "malformed",
                other(
                    found.pack().replace(
                        b"\xc4\x20" + EXCHANGE.registry.digest,
                        b"\xd9\x40" + EXCHANGE.registry.digest.hex().encode(),
                    )
                ),
            ),
        ],
        {"signer_seed": SEALER.seed.hex(), "sealer": BROKER},
    )
