"""Vectors of keys for members: pair key, sealed pair key, wrap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from broker.protocol import dsse
from broker.protocol.encoding import pack
from broker.protocol.keys import SealingKey
from broker.protocol.pairkeys import SEALED_PAIR_KEY_TYPE, PairKeyBinding
from tests.exchange_fixtures import FIA, MOI
from tests.vectors.vector import Refusal, Vector
from tests.vectors.world import (
    AUTHOR,
    BINDING,
    EXCHANGE,
    PAIR_SECRET,
    READER,
    SEALED,
    SEALER,
    STRANGER,
    WRAP,
)

Recorded = Callable[[str, bytes, SealingKey, bytes], bytes]
"""(name, plaintext, key, info) -> enc ‖ ct, the same each time: HPKE takes no entropy, so it is recorded
once.
"""

DIGEST = SEALED.digest()


def vectors(recorded: Recorded) -> list[Vector]:
    """Give them all."""
    return [sealed_pair_key(recorded), wrap()]


def sealed_pair_key(recorded: Recorded) -> Vector:
    """Pair key id and sealed pair key."""

    def made(name: str, binding: PairKeyBinding = BINDING, secret: bytes = PAIR_SECRET) -> bytes:
        info = binding.pack()
        return pack("sealed pair key", info, recorded(name, secret, READER, info))

    def signed(record: bytes) -> dict[str, Any]:
        return dsse.to_json(SEALER.sign(SEALED_PAIR_KEY_TYPE, record))

    def refused(name: str, why: str, record: bytes) -> Refusal:
        return Refusal(name, why, "not-authentic", {"envelope": signed(record)})

    good = made("good")
    ciphertext = recorded("good", PAIR_SECRET, READER, BINDING.pack())
    longer = replace(BINDING, not_after=BINDING.not_after + 1)
    flipped = ciphertext[:-1] + bytes([ciphertext[-1] ^ 1])
    return Vector(
        "sealed-pair-key",
        "Keys for members",
        'F("harkara/1 sealed pair key", info, enc ‖ ct), signed by the sealer, with info = F("harkara/1'
        " pair key\", X, pkid, sealer, sealer kid, member, member's sealing kid, registry version, not"
        ' before, not after) and pkid = the first 16 bytes of HMAC-SHA256(pair key, "harkara/1 pair key'
        ' id"). HPKE draws its own entropy: recorded once, checked by opening.',
        "open a sealed pair key",
        {
            "envelope": signed(good),
            "exchange": EXCHANGE.id.hex(),
            "member": MOI,
            "member_seed": READER.seed.hex(),
            "signer_public": SEALER.public.hex(),
        },
        [
            Refusal(
                "other signer",
                "not signed by this key",
                "bad-signature",
                {"signer_public": STRANGER.public.hex()},
            ),
            refused(
                "other exchange",
                "for a member of another exchange",
                made("exchange", replace(BINDING, exchange=bytes(32))),
            ),
            refused("other member", "for somebody else", made("member", replace(BINDING, member=FIA))),
            refused(
                "other sealer's key",
                "signed by another key than it names",
                made("sealer", replace(BINDING, sealer_kid=AUTHOR.kid)),
            ),
            refused(
                "other member's key",
                "not sealed to a key of ours",
                made("key", replace(BINDING, member_kid=AUTHOR.kid)),
            ),
            refused(
                "other key under the id",
                "two members could be given different keys under one id",
                made("id", BINDING, bytes(32)),
            ),
            refused(
                "longer life",
                "info is bound into the key schedule",
                pack("sealed pair key", longer.pack(), ciphertext),
            ),
            refused(
                "last bit changed",
                "authenticated encryption",
                pack("sealed pair key", BINDING.pack(), flipped),
            ),
        ],
        {"pair_key": PAIR_SECRET.hex(), "signer_seed": SEALER.seed.hex()},
    )


def wrap() -> Vector:
    """Wrap."""

    def refused(name: str, why: str, **given: str) -> Refusal:
        return Refusal(name, why, "not-authentic", given)

    flipped = WRAP[:-1] + bytes([WRAP[-1] ^ 1])
    return Vector(
        "wrap",
        "Keys for members",
        "pkid ‖ AES-256-GCM under the pair key of the content key: nonce = first 12 bytes of `sealed`,"
        ' associated data F("harkara/1 wrap", pkid, member) ‖ sealed.',
        "unwrap a content key",
        {
            "pair_key": PAIR_SECRET.hex(),
            "pkid": BINDING.pkid.hex(),
            "member": MOI,
            "sealed": DIGEST.hex(),
            "wrap": WRAP.hex(),
        },
        [
            refused("other member", "a wrap is for one member", member=FIA),
            refused(
                "other item",
                "a wrap is for one item, though the nonce be the same",
                sealed=(DIGEST[:12] + bytes(20)).hex(),
            ),
            refused("other pair key", "authenticated encryption", pair_key="00" * 32),
            refused("other id", "a wrap names its pair key", wrap=(bytes(16) + WRAP[16:]).hex()),
            refused("last bit changed", "authenticated encryption", wrap=flipped.hex()),
            refused("one byte less", "a wrap has 64 bytes", wrap=WRAP[:-1].hex()),
        ],
    )
