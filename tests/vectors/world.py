"""The exchange that all vectors live in: a ministry, an agency and a broker, from fixed entropy."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from broker.protocol import dsse, limits
from broker.protocol.admission import policy_of
from broker.protocol.bulletin import read_bulletin
from broker.protocol.digests import statement_digest
from broker.protocol.keys import SigningKey
from broker.protocol.pairkeys import PairKey, PairKeyBinding, pair_key_id
from broker.protocol.sealing import BY_BROKER, BulletinHeader, Content, seal
from broker.protocol.stamp import STAMP_TYPE, Stamp
from tests.exchange_fixtures import BROKER, FIA, MOI, NOW, fixed, make_exchange, sign_bulletin

EXCHANGE = make_exchange(
    name="Harkara test vectors", agencies=(FIA, MOI), groups={"both": (FIA, MOI)}, roots=3, k=2
)
AUTHOR, READER = EXCHANGE.signing(FIA), EXCHANGE.sealing(MOI)
SEALER = EXCHANGE.signing(BROKER)
STRANGER = SigningKey.from_seed(fixed("vectors stranger"))
ID = "0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b64"

STATEMENT, ADDRESS = sign_bulletin(
    EXCHANGE,
    FIA,
    id=ID,
    to=[MOI],
    areas=[{"name": "Islamabad", "code": "PK-IS"}],
    respond_by="urgent",
    request="Is the van known to you?",
)
BULLETIN = read_bulletin(STATEMENT.payload)
STMT = statement_digest(STATEMENT)
POLICY, POLICY_SALT = policy_of(BULLETIN), fixed("vectors policy salt")

HEADER = BulletinHeader(
    exchange=EXCHANGE.id,
    mode=BY_BROKER,
    sealer=BROKER,
    sealer_kid=SEALER.kid,
    originator=FIA,
    id=ID,
    stmt=STMT,
    policy=POLICY.digest(POLICY_SALT),
    address_digest=ADDRESS.digest() if ADDRESS else None,
    registry_version=1,
)
ENTROPY = fixed("vectors entropy")
SEALED, CONTENT_KEY = seal(HEADER, Content(STATEMENT, POLICY_SALT), ENTROPY)

PAIR_SECRET = fixed("vectors pair key")
BINDING = PairKeyBinding(
    exchange=EXCHANGE.id,
    pkid=pair_key_id(PAIR_SECRET),
    sealer=BROKER,
    sealer_kid=SEALER.kid,
    member=MOI,
    member_kid=READER.kid,
    registry_version=1,
    not_before=NOW - 10 * limits.SECOND_US,
    not_after=NOW + 4 * limits.HOUR_US,
)
WRAP = PairKey.of(BINDING, PAIR_SECRET).wrap(CONTENT_KEY, SEALED.digest())

STAMP = Stamp(
    exchange=EXCHANGE.id,
    broker_kid=SEALER.kid,
    originator=FIA,
    id=ID,
    stmt=STMT,
    sealed=SEALED.digest(),
    taken_at=NOW + 1_234,
    registry_version=1,
)
STAMPED = SEALER.sign(STAMP_TYPE, STAMP.pack())


def envelope(document: dict[str, Any] | bytes, kind: str, *signers: SigningKey) -> dict[str, Any]:
    """Give any payload as the JSON of an envelope signed by each of `signers`."""
    payload = document if isinstance(document, bytes) else json.dumps(document, ensure_ascii=False).encode()
    signatures = tuple(key.sign(kind, payload).signature for key in signers)
    return dsse.to_json(dsse.Envelope(kind, payload, signatures))


def changed(signed: dsse.Envelope, **fields: Any) -> dict[str, Any]:
    """Give the JSON of an envelope with fields replaced after it was signed."""
    return dsse.to_json(replace(signed, **fields))
