"""What is fuzzed: each decoder with seeds that it takes, and the errors that may leave it.

A decoder meets bytes of anybody: only errors of our family may leave it (and ValueError where its docstring
says so), whatever the bytes are; and it must come back soon. What is read is used once more where that could
fail later: a document that passes must be encodable, a cursor must be a place.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from broker.client.sse import EventParser
from broker.errors import HarkaraError, Malformed, OutOfWindow
from broker.interop.cap import read_cap
from broker.interop.imported import ImportDefaults
from broker.interop.stix import read_stix
from broker.protocol import (
    admission,
    answers,
    blind,
    bulletin,
    card,
    delivery,
    digests,
    dsse,
    encoding,
    exchange,
    head,
    identity,
    limits,
    pairkeys,
    registry,
    routing,
    sealing,
    stamp,
    strictjson,
    times,
)
from broker.protocol.encoding import Bin, ListOf, Maybe, Row
from broker.service import blind_keys
from broker.service.cursor import Cursor
from broker.service.references import unpack_references
from tests.exchange_fixtures import (
    FIA,
    ISLAMABAD,
    MOI,
    NOW,
    envelope_json,
    fixed,
    make_exchange,
    post_body,
    sign_acknowledgement,
    sign_bulletin,
    sign_receipt,
    sign_subscription,
)
from tests.exchange_fixtures import card as make_card
from tests.fuzz import heads
from tests.protocol.drafts import NAMES, filled, payload
from tests.service.blind_author import BlindAuthor, keys_body, policy_of, question

INPUTS: Final = Path(__file__).parents[1] / "inputs"
WORLD: Final = make_exchange()
STATEMENT, ADDRESS = sign_bulletin(WORLD, FIA, to=[ISLAMABAD], marking="TLP:RED")
DEFAULTS: Final = ImportDefaults(category="other", marking="TLP:AMBER", expires_at=NOW + limits.DAY_US)


@dataclass(frozen=True)
class Target:
    """A decoder, bytes that it takes, and what may leave it beside our own errors."""

    read: Callable[[bytes], object]
    seeds: tuple[bytes, ...]
    may_raise: tuple[type[Exception], ...] = ()

    def __call__(self, data: bytes) -> bool:
        """Read `data`. Tells whether it was taken; raises what may not be raised."""
        try:
            self.read(data)
        except (HarkaraError, *self.may_raise):
            return False
        return True


def _sealed() -> tuple[sealing.Sealed, sealing.Sealed]:
    header = sealing.BulletinHeader(
        exchange=WORLD.id,
        mode=sealing.BY_BROKER,
        sealer="pk.exchange",
        sealer_kid=bytes(32),
        originator=FIA,
        id="9b2b1c1e-7a34-4b8e-9a55-0d6a52f3a111",
        stmt=bytes(32),
        policy=bytes(32),
        address_digest=None,
        registry_version=1,
    )
    receipt = sealing.ReceiptHeader(
        WORLD.id, sealing.BY_BROKER, "pk.exchange", bytes(32), FIA, header.id, bytes(32), 1
    )
    entropy = fixed("fuzz")
    return (
        sealing.seal(header, sealing.Content(STATEMENT, bytes(32)), entropy)[0],
        sealing.seal(receipt, sealing.Content(STATEMENT, None), entropy)[0],
    )


SEALED, SEALED_RECEIPT = _sealed()
STAMP: Final = stamp.Stamp(WORLD.id, bytes(32), FIA, "x", bytes(32), bytes(32), NOW, 1).pack()
SIGNED_STAMP: Final = WORLD.signing(FIA).sign(stamp.STAMP_TYPE, STAMP)
HEAD: Final = head.Head(WORLD.id, bytes(16), 0, FIA, 1, bytes(32), NOW, 1, bytes(32), 0).pack()
PAGE: Final = delivery.Page(
    agency=FIA,
    epoch=bytes(16),
    entries=(delivery.Entry(1, 2, (("bulletin", bytes(32)), ("receipt", bytes(32)))),),
    items=(
        delivery.Item(1, "bulletin", delivery.Body(SEALED, bytes(pairkeys.WRAP_BYTES), SIGNED_STAMP)),
        delivery.Item(2, "receipt", None, "expired"),
    ),
    head=WORLD.signing(FIA).sign(head.HEAD_TYPE, HEAD),
)
POLICY: Final = digests.Policy(
    "Actual", "Alert", "terrorism", "TLP:RED", "Severe", ("PK",), (), NOW, "urgent"
).opening(bytes(32))
BLIND_AUTHOR: Final = BlindAuthor(WORLD, FIA)
BLIND_AUTHOR.make([ISLAMABAD])
BLIND_POST: Final = BLIND_AUTHOR.seal(STATEMENT, ADDRESS, [ISLAMABAD]).pack()
POLICY_SHOWN: Final = policy_of(STATEMENT)
SHAPES: Final = (str, Bin(4), Maybe(int), ListOf(Row((bytes, Maybe(str)))), int)
SHAPED: Final = (
    encoding.pack("fuzz", "a", b"1234", None, [[b"x", None], [b"", "y"]], 2**53),
    encoding.pack("fuzz", "", b"\0\0\0\0", 300, [], 0),
)


def _events(data: bytes) -> None:
    # The first byte says how the rest is cut: events must not depend on where a network cuts them.
    size = data[0] + 1 if data else 1
    cut, whole = EventParser(4096), EventParser(4096)
    pieces = [data[at : at + size] for at in range(1, len(data), size)]
    found = [event for piece in pieces for event in cut.feed(piece)]
    if found != whole.feed(data[1:]):
        raise AssertionError("events depend on where the stream is cut")


def _cursor(data: bytes) -> None:
    text, _, last = data.decode("utf-8", "replace").partition("\n")
    found = Cursor.read(dict(parse_qsl(text, keep_blank_values=True)), last or None)
    if not 0 <= found.at <= found.after <= limits.SAFE_INTEGER:
        raise AssertionError("not a place in an inbox")


def _bulletin(data: bytes) -> None:
    bulletin.bulletin_json(bulletin.read_bulletin(data))


def _registry(data: bytes) -> None:
    registry.open_registry(dsse.from_json(_json(data)), WORLD.exchange)


def _payload_of_registry(data: bytes) -> None:
    registry.open_registry(WORLD.root_keys[0].sign(registry.REGISTRY_TYPE, data), WORLD.exchange)


def _payload_of_card(data: bytes) -> None:
    card.read_card(WORLD.signing(FIA).sign(card.CARD_TYPE, data))


def _question(data: bytes) -> None:
    asked = strictjson.decode(data)
    if not isinstance(asked, dict) or "policy" not in asked:
        raise Malformed("another question")  # the audience of a statement
    policy, address = blind.read_opening(asked)
    with suppress(OutOfWindow):
        blind.check_expiry(policy, NOW)
    with suppress(HarkaraError):
        routing.route(policy, FIA, address, [MOI], frozenset(), {}, {}, {}, None)


def _pair_keys(data: bytes) -> None:
    for envelope in blind_keys.read_keys(data):
        with suppress(HarkaraError):
            pairkeys.read_binding(envelope)


def _cap(data: bytes) -> None:
    for found in read_cap(data, originator=FIA, defaults=DEFAULTS, now=NOW):
        json.dumps(getattr(found, "document", {}))


def _stix(data: bytes) -> None:
    for found in read_stix(data, originator=FIA, defaults=DEFAULTS, now=NOW):
        json.dumps(getattr(found, "document", {}))


def _json(data: bytes) -> object:
    return strictjson.decode(data, max_bytes=limits.PAGE_BYTES)


def _statements() -> tuple[bytes, ...]:
    receipt = sign_receipt(WORLD, ISLAMABAD, STATEMENT, bytes(32))
    return tuple(
        found.payload
        for found in (
            receipt,
            sign_acknowledgement(WORLD, FIA, 1, bytes(32)),
            sign_subscription(WORLD, FIA, categories=["terrorism"], areas=["PK"], severity="Minor"),
        )
    )


RECEIPT, ACKNOWLEDGEMENT, SUBSCRIPTION = _statements()
BULLETINS: Final = tuple(payload(filled(name)) for name in NAMES)


def _files(directory: str, pattern: str) -> tuple[bytes, ...]:
    return tuple(path.read_bytes() for path in sorted((INPUTS / directory).glob(pattern)))


def _compact(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


TARGETS: Final[dict[str, Target]] = {
    "strictjson": Target(strictjson.decode, (b'{"a":[1,-2.5e3,true,"\\u0631\\ud83d\\ude00"]}', BULLETINS[0])),
    "bulletin": Target(_bulletin, BULLETINS),
    "receipt": Target(answers.read_receipt, (RECEIPT,)),
    "acknowledgement": Target(answers.read_acknowledgement, (ACKNOWLEDGEMENT,)),
    "subscription": Target(answers.read_subscription, (SUBSCRIPTION,)),
    "post": Target(admission.read_post, (post_body(STATEMENT, ADDRESS), post_body(STATEMENT))),
    "envelope": Target(lambda data: dsse.from_json(_json(data)), (envelope_json(STATEMENT),)),
    "signed-record": Target(dsse.from_bytes, (dsse.to_bytes(SIGNED_STAMP),)),
    "record": Target(lambda data: encoding.unpack(data, "fuzz", *SHAPES), SHAPED),
    "page": Target(delivery.read_page, (delivery.pack_page(PAGE),)),
    "page-json": Target(
        lambda data: delivery.read_page_json(_json(data)), (_compact(delivery.page_json(PAGE)),)
    ),
    "sealed": Target(sealing.read_sealed, (SEALED.pack(),)),
    "header": Target(sealing.read_header, (SEALED.header, SEALED_RECEIPT.header)),
    "stamp": Target(stamp.read_stamp, (STAMP,)),
    "head": Target(head.read_head, (HEAD,)),
    "policy": Target(digests.read_policy_opening, (POLICY,)),
    "blind-post": Target(blind.read_blind_post, (BLIND_POST,)),
    "blind-question": Target(_question, (question(POLICY_SHOWN), question(POLICY_SHOWN, ADDRESS))),
    "pair-keys": Target(_pair_keys, (keys_body(BLIND_AUTHOR.make([ISLAMABAD])),)),
    "references": Target(unpack_references, ()),
    "cursor": Target(_cursor, (b"after=7&at=5&chain=" + b"0f" * 32, b"after=1\n9")),
    "events": Target(_events, (b"\x02id: 1\nevent: bulletin\ndata: {}\n\n: ping\r\n\rdata\n\n",)),
    "time": Target(
        lambda data: times.parse(data.decode("latin-1")), (b"2026-03-01T09:30:00.5+05:00",), (ValueError,)
    ),
    "exchange": Target(exchange.read_exchange, (WORLD.exchange.document(),)),
    "identity": Target(identity.read_identity, (WORLD.identities[FIA].document(),)),
    "registry": Target(_registry, (envelope_json(WORLD.registry_envelope),)),
    "registry-payload": Target(_payload_of_registry, (WORLD.registry_envelope.payload,)),
    "card-payload": Target(_payload_of_card, (make_card(WORLD.identities[FIA]).payload,)),
    "request-head": Target(heads.read_head, (heads.seed(), b"/?a=%2f", b"/v1/inbox\nAccept: a/b;q=2")),
    "cap": Target(_cap, _files("cap", "*.xml")),
    "stix": Target(_stix, _files("stix", "*.json")),
}
