"""An exchange for tests: root keys, a broker, agencies with their cards, registry and entitlements.

Pure and deterministic: every key comes from fixed entropy, so that two calls with the same arguments give the
same bytes. Nothing here is a shortcut around the code under test: documents are made and signed as an
operator would, and then read back through `open_registry` and `read_entitlements`.

    exchange = make_exchange()
    statement, address = sign_bulletin(exchange, "pk.fia", marking="TLP:RED", to=["pk.moi"])
    body = post_body(statement, address)
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, cast

import msgspec

from broker.protocol import dsse, keys, limits, times
from broker.protocol.answers import (
    ACKNOWLEDGEMENT_TYPE,
    RECEIPT_TYPE,
    SUBSCRIPTION_TYPE,
    receipt_id,
)
from broker.protocol.bulletin import PAYLOAD_TYPE, Contact
from broker.protocol.card import CardDocument, Role, make_card
from broker.protocol.digests import Address, address_json, statement_digest
from broker.protocol.entitlements import (
    ENTITLEMENTS_TYPE,
    Entitlements,
    EntitlementsDocument,
    GrantDocument,
    entitlements_digest,
    read_entitlements,
)
from broker.protocol.exchange import Exchange
from broker.protocol.identity import Identity, new_identity
from broker.protocol.keys import SealingKey, SigningKey
from broker.protocol.registry import REGISTRY_TYPE, Registry, follow, open_registry
from broker.protocol.registry_document import (
    EnvelopeDocument,
    RegistryDocument,
    RevocationDocument,
)
from broker.protocol.vocabulary import CATEGORIES, STATUSES, Category

NOW = times.parse("2026-03-01T09:30:00Z")
"""The time at which the exchange of tests lives, µs since the epoch."""

BROKER = "pk.exchange"
MOI, FIA, ISLAMABAD, ANF = "pk.moi", "pk.fia", "pk.islamabad-police", "pk.anf"
CTD, ACADEMY, BEIJING = "pk.ctd-punjab", "pk.national-police-academy", "cn.beijing-police"

NAMES: dict[str, tuple[str, str]] = {
    MOI: ("Ministry of Interior", "وزارت داخلہ"),
    FIA: ("Federal Investigation Agency", "وفاقی تحقیقاتی ادارہ"),
    ISLAMABAD: ("Islamabad Police", "اسلام آباد پولیس"),
    ANF: ("Anti-Narcotics Force", "انسداد منشیات فورس"),
    CTD: ("Counter Terrorism Department Punjab", "محکمہ انسداد دہشت گردی پنجاب"),
    ACADEMY: ("National Police Academy", "نیشنل پولیس اکیڈمی"),
    BEIJING: ("Beijing Municipal Public Security Bureau", "بیجنگ پولیس"),
    BROKER: ("Harkara exchange", "ہرکارہ"),
}
AGENCIES = (MOI, FIA, ISLAMABAD, ANF, CTD, ACADEMY, BEIJING)


def _grant(
    originate: Iterable[str],
    receive: Iterable[str],
    marking: str,
    statuses: Iterable[str] = STATUSES,
    *,
    only_named: bool = False,
) -> GrantDocument:
    document = {
        "originate": sorted(originate),
        "receive": {"categories": sorted(receive), "marking": marking, "only_named": only_named},
        "statuses": list(statuses),
    }
    return msgspec.convert(document, GrantDocument)


GRANTS: dict[str, GrantDocument] = {
    MOI: _grant(CATEGORIES, CATEGORIES, "TLP:RED"),
    FIA: _grant(
        {"human-trafficking", "human-smuggling", "financial-crime", "cybercrime", "terrorism"},
        CATEGORIES,
        "TLP:RED",
    ),
    ISLAMABAD: _grant({"terrorism", "organised-crime", "other"}, CATEGORIES, "TLP:RED"),
    ANF: _grant({"drug-smuggling"}, {"drug-smuggling", "human-smuggling", "terrorism"}, "TLP:AMBER+STRICT"),
    CTD: _grant({"terrorism", "arms-smuggling"}, {"terrorism", "arms-smuggling"}, "TLP:RED"),
    ACADEMY: _grant((), CATEGORIES, "TLP:GREEN", ("Exercise", "Test")),
    BEIJING: _grant(
        {"human-trafficking", "drug-smuggling"},
        {"human-trafficking", "drug-smuggling"},
        "TLP:RED",
        ("Actual", "Test"),
        only_named=True,
    ),
}
"""The ministry may do everything; the academy hears exercises only; Beijing hears only what names it."""

GROUPS: dict[str, tuple[str, ...]] = {
    "federal": (ANF, FIA, MOI),
    "counter-terrorism": (CTD, FIA, ISLAMABAD),
    "empty": (),
}


def fixed(purpose: str, size: int = 32) -> bytes:
    """Give `size` bytes that are always the same for `purpose`: keys, nonces and salts of tests."""
    return hashlib.shake_256(b"harkara test " + purpose.encode()).digest(size)


@dataclass(frozen=True)
class TestExchange:
    """An exchange with all its private keys. `registry` and `entitlements` are verified."""

    __test__ = False  # not a test class, whatever pytest makes of the name

    now: int
    exchange: Exchange
    root_keys: tuple[SigningKey, ...]
    identities: Mapping[str, Identity]
    """By member id; the broker is among them, under `BROKER`."""
    grants: Mapping[str, GrantDocument]
    groups: Mapping[str, Sequence[str]]
    registry: Registry
    entitlements: Entitlements
    store_key: bytes

    @property
    def id(self) -> bytes:
        """X."""
        return self.exchange.id

    @property
    def registry_envelope(self) -> dsse.Envelope:
        """The registry as it was signed."""
        return self.registry.envelope

    @property
    def entitlements_envelope(self) -> dsse.Envelope:
        """The entitlements as they were signed."""
        return self.entitlements.envelope

    @property
    def broker(self) -> Identity:
        """The broker's private keys."""
        return self.identities[BROKER]

    def signing(self, member: str) -> SigningKey:
        """The member's signing key in force."""
        return self.identities[member].signing_key(self.now)

    def sealing(self, member: str) -> SealingKey:
        """The member's first sealing key."""
        return next(own.key for own in self.identities[member].keys if isinstance(own.key, SealingKey))

    def files(self) -> dict[str, bytes]:
        """What an operator and the agencies hold: file name -> contents (`exchange.json`, `registry.json`,
        `entitlements.json`, `<member>.key`).
        """
        documents = {
            "exchange.json": self.exchange.document(),
            "registry.json": envelope_json(self.registry_envelope),
            "entitlements.json": envelope_json(self.entitlements_envelope),
        }
        return documents | {f"{member}.key": own.document() for member, own in self.identities.items()}


def make_exchange(
    now: int = NOW,
    *,
    name: str = "Interior Ministry Test Exchange",
    agencies: Iterable[str] = AGENCIES,
    grants: Mapping[str, GrantDocument] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    roots: int = 1,
    k: int = 1,
    **registry_fields: Any,
) -> TestExchange:
    """Make an exchange whose registry of version 1 was issued a day before `now` and is good for 90 days.

    `agencies` may have any valid ids (those that `GRANTS` does not know may do everything that the ministry
    may); `grants` and `groups` replace the usual ones; `roots` keys, `k` of which must sign; further fields
    replace those of the registry's document.
    """
    root_keys = tuple(SigningKey.from_seed(fixed(f"{name} root {n}")) for n in range(roots))
    exchange = Exchange(name, fixed(f"{name} nonce"), tuple(key.kid for key in root_keys), k)
    identities = {member: identity(exchange.id, member, now) for member in (*agencies, BROKER)}
    chosen = {member: GRANTS.get(member, GRANTS[MOI]) for member in identities if member != BROKER}
    chosen |= grants or {}
    listed = {
        group: [member for member in members if member in chosen]
        for group, members in (GROUPS if groups is None else groups).items()
    }
    entitlements = sign_entitlements(exchange.id, 1, chosen, listed, root_keys)
    registry = sign_registry(
        _registry_document(exchange, now, root_keys, k, identities, entitlements, registry_fields), root_keys
    )
    opened = open_registry(registry, exchange)
    return TestExchange(
        now=now,
        exchange=exchange,
        root_keys=root_keys,
        identities=identities,
        grants=chosen,
        groups=listed,
        registry=opened,
        entitlements=_opened_entitlements(entitlements, opened),
        store_key=fixed(f"{name} store key"),
    )


def next_version(
    before: TestExchange,
    *,
    identities: Mapping[str, Identity] | None = None,
    grants: Mapping[str, GrantDocument] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    revoked: Mapping[bytes, int] | None = None,
    **registry_fields: Any,
) -> TestExchange:
    """Make the next version: members to add or replace (`identities`), grants to change, `groups` if not the
    same, keys to revoke (kid -> from when, µs), and any field of the registry's document.
    """
    members = {**before.identities, **(identities or {})}
    chosen = {**before.grants, **(grants or {})}
    chosen |= {member: GRANTS[MOI] for member in members if member not in chosen and member != BROKER}
    listed = before.groups if groups is None else groups
    version = registry_fields.get("version", before.registry.version + 1)
    entitlements = sign_entitlements(before.id, version, chosen, listed, before.root_keys)
    revocations = [
        *before.registry.document.revocations,
        *(RevocationDocument(kid=kid.hex(), since=times.format(at)) for kid, at in (revoked or {}).items()),
    ]
    fields: dict[str, Any] = {
        "version": version,
        "previous": before.registry.digest.hex(),
        "epoch": before.registry.document.epoch,
        "revocations": revocations,
    }
    document = _registry_document(
        before.exchange,
        before.now,
        before.root_keys,
        before.registry.k,
        members,
        entitlements,
        fields | registry_fields,
    )
    registry = follow(before.registry, sign_registry(document, before.root_keys))
    return replace(
        before,
        identities=members,
        grants=chosen,
        groups=listed,
        registry=registry,
        entitlements=_opened_entitlements(entitlements, registry),
    )


@lru_cache(maxsize=512)
def identity(exchange: bytes, member: str, now: int = NOW, generation: int = 0) -> Identity:
    """Give a member's keys, in force from 30 days before `now` for a year; each `generation` has its own."""
    entropy = fixed(f"{exchange.hex()} {member} {generation}", 64)
    role: Role = "broker" if member == BROKER else "agency"
    return new_identity(
        exchange,
        member,
        role,
        entropy,
        not_before=now - 30 * limits.DAY_US,
        not_after=now + 335 * limits.DAY_US,
    )


def card(own: Identity, **changes: Any) -> dsse.Envelope:
    """Give an identity's card; `changes` replace fields of its document before it is signed."""
    english, urdu = NAMES.get(own.id, (own.id, own.id))
    fields: dict[str, Any] = {
        "exchange": own.exchange.hex(),
        "id": own.id,
        "role": own.role,
        "names": {"en": english, "ur": urdu},
        "contact": Contact(desk="Duty desk", phone="+92519105555", hours="24/7"),
        "keys": own.card_keys(),
    }
    return make_card(CardDocument(**(fields | changes)), own.signing_keys())


def sign_registry(document: RegistryDocument, root_keys: Iterable[SigningKey]) -> dsse.Envelope:
    """Sign a registry by each of these root keys."""
    return keys.sign_by_all(REGISTRY_TYPE, msgspec.json.encode(document), root_keys)


def sign_entitlements(
    exchange: bytes,
    version: int,
    grants: Mapping[str, GrantDocument],
    groups: Mapping[str, Sequence[str]],
    root_keys: Iterable[SigningKey],
) -> dsse.Envelope:
    """Sign entitlements by each of these root keys."""
    document = EntitlementsDocument(
        exchange=exchange.hex(),
        version=version,
        salt=dsse.encode64(fixed(f"{exchange.hex()} entitlements {version}")),
        groups={group: list(members) for group, members in groups.items()},
        agencies=dict(grants),
    )
    return keys.sign_by_all(ENTITLEMENTS_TYPE, msgspec.json.encode(document), root_keys)


def grant(
    originate: Iterable[str] = CATEGORIES,
    receive: Iterable[str] = CATEGORIES,
    marking: str = "TLP:RED",
    statuses: Iterable[str] = STATUSES,
    *,
    only_named: bool = False,
) -> GrantDocument:
    """Give a grant for `make_exchange(grants=…)`: without arguments, everything."""
    return _grant(originate, receive, marking, statuses, only_named=only_named)


def bulletin_fields(exchange: TestExchange, originator: str, /, **fields: Any) -> dict[str, Any]:
    """Give a bulletin's JSON object: a small Actual terrorism Alert, sent at the exchange's `now`, good for a
    day; `fields` replace or add, None leaves out. The id, unless given, follows from the rest.
    """
    usual: dict[str, Any] = {
        "originator": originator,
        "exchange": exchange.id.hex(),
        "registry": exchange.registry.version,
        "status": "Actual",
        "type": "Alert",
        "category": _usual_category(exchange, originator),
        "sent": times.format(exchange.now),
        "expires": times.format(exchange.now + limits.DAY_US),
        "marking": "TLP:AMBER",
        "urgency": "Immediate",
        "severity": "Severe",
        "certainty": "Likely",
        "text": {
            "en": {"headline": "White van without plates near the Faisal Mosque"},
            "ur": {"headline": "فیصل مسجد کے قریب بغیر نمبر پلیٹ کی سفید وین"},
        },
    }
    chosen = {name: value for name, value in (usual | fields).items() if value is not None}
    if "id" not in chosen:
        chosen["id"] = str(uuid.uuid5(uuid.NAMESPACE_OID, json.dumps(chosen, sort_keys=True)))
    return {"id": chosen.pop("id"), **chosen}


def sign_bulletin(
    exchange: TestExchange,
    originator: str,
    /,
    *,
    to: Iterable[str] = (),
    excepted: Iterable[str] = (),
    **fields: Any,
) -> tuple[dsse.Envelope, Address | None]:
    """Sign a bulletin of `bulletin_fields`. Its address (`to`, `excepted`) is committed to, and given."""
    address = None
    if to or excepted:
        named, left_out = tuple(to), tuple(excepted)
        address = Address(fixed(f"address {named} {left_out}"), named, left_out)
        fields = {"address_digest": address.digest().hex()} | fields
    document = json.dumps(bulletin_fields(exchange, originator, **fields), ensure_ascii=False).encode()
    return exchange.signing(originator).sign(PAYLOAD_TYPE, document), address


def sign_receipt(
    exchange: TestExchange,
    agency: str,
    statement: dsse.Envelope,
    sealed: bytes,
    kind: str = "opened",
    /,
    **fields: Any,
) -> dsse.Envelope:
    """Sign `agency`'s receipt for somebody's bulletin; `sealed` is the digest in its stamp."""
    bulletin = json.loads(statement.payload)
    usual: dict[str, Any] = {
        "exchange": exchange.id.hex(),
        "registry": exchange.registry.version,
        "agency": agency,
        "originator": bulletin["originator"],
        "bulletin": bulletin["id"],
        "stmt": statement_digest(statement).hex(),
        "sealed": sealed.hex(),
        "kind": kind,
        "at": times.format(exchange.now),
    }
    chosen = usual | fields
    if "id" not in chosen:
        chosen["id"] = receipt_id(chosen["stmt"], chosen["agency"], chosen["kind"], chosen["at"])
    return sign_json(exchange, agency, RECEIPT_TYPE, chosen)


def sign_acknowledgement(
    exchange: TestExchange, agency: str, number: int, chain: bytes, /, **fields: Any
) -> dsse.Envelope:
    """Sign `agency`'s acknowledgement of everything up to `number`."""
    usual: dict[str, Any] = {
        "exchange": exchange.id.hex(),
        "registry": exchange.registry.version,
        "agency": agency,
        "epoch": exchange.registry.epoch.hex(),
        "number": number,
        "chain": chain.hex(),
        "at": times.format(exchange.now),
    }
    return sign_json(exchange, agency, ACKNOWLEDGEMENT_TYPE, usual | fields)


def sign_subscription(
    exchange: TestExchange, agency: str, version: int = 1, /, **fields: Any
) -> dsse.Envelope:
    """Sign what `agency` wants to hear: `categories`, `areas`, `severity`."""
    usual: dict[str, Any] = {
        "exchange": exchange.id.hex(),
        "registry": exchange.registry.version,
        "agency": agency,
        "version": version,
        "at": times.format(exchange.now),
    }
    return sign_json(exchange, agency, SUBSCRIPTION_TYPE, usual | fields)


def sign_json(exchange: TestExchange, member: str, kind: str, document: Mapping[str, Any]) -> dsse.Envelope:
    """Sign any JSON object as payload type `kind` by the key of `member`, whatever it says."""
    return exchange.signing(member).sign(kind, json.dumps(document, ensure_ascii=False).encode())


def envelope_json(envelope: dsse.Envelope) -> bytes:
    """Give an envelope as the JSON that travels: the body of a receipt, an acknowledgement, a registry."""
    return json.dumps(dsse.to_json(envelope)).encode()


def post_body(statement: dsse.Envelope, address: Address | None = None) -> bytes:
    """Give the body of `POST /v1/bulletins`."""
    fields: dict[str, Any] = {"statement": dsse.to_json(statement)}
    return json.dumps(fields | ({"address": address_json(address)} if address else {})).encode()


def _usual_category(exchange: TestExchange, originator: str) -> Category:
    known = exchange.grants.get(originator)
    may = known.originate if known else []
    return "terrorism" if "terrorism" in may or not may else may[0]


def _registry_document(
    exchange: Exchange,
    now: int,
    root_keys: Sequence[SigningKey],
    k: int,
    identities: Mapping[str, Identity],
    entitlements: dsse.Envelope,
    changes: Mapping[str, Any],
) -> RegistryDocument:
    cards = [dsse.to_json(card(own)) for _, own in sorted(identities.items())]
    fields: dict[str, Any] = {
        "exchange": exchange.id.hex(),
        "version": 1,
        "issued": times.format(now - limits.DAY_US),
        "expires": times.format(now + 90 * limits.DAY_US),
        "grace": times.format(now + 120 * limits.DAY_US),
        "epoch": fixed(f"{exchange.name} epoch", 16).hex(),
        "k": k,
        "root_keys": [dsse.encode64(key.public) for key in root_keys],
        "cards": [msgspec.convert(one, EnvelopeDocument) for one in cards],
        "revocations": [],
        "entitlements_digest": entitlements_digest(entitlements).hex(),
    }
    return RegistryDocument(**(fields | cast(dict[str, Any], dict(changes))))


def _opened_entitlements(envelope: dsse.Envelope, registry: Registry) -> Entitlements:
    return read_entitlements(
        envelope,
        exchange=registry.exchange,
        version=registry.version,
        digest=registry.entitlements_digest,
    )
