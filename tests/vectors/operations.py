"""The operations that vectors test: what an implementation must be able to do, each from JSON to JSON.

Each calls the code of the protocol as broker and client do. Where the protocol asks a comparison of its user
(a chain, a MAC), the operation makes it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import Any, cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broker.errors import InboxBroken, WrongAddress
from broker.protocol import admission, chain, dsse, encoding, keys, registry
from broker.protocol.answers import (
    ACKNOWLEDGEMENT_TYPE,
    RECEIPT_TYPE,
    SUBSCRIPTION_TYPE,
    read_acknowledgement,
    read_receipt,
    read_subscription,
)
from broker.protocol.bulletin import PAYLOAD_TYPE, read_bulletin
from broker.protocol.card import read_card
from broker.protocol.digests import read_address, read_policy_opening, statement_digest
from broker.protocol.encoding import Bin, ListOf, Maybe, Row
from broker.protocol.entitlements import read_entitlements
from broker.protocol.exchange import read_exchange
from broker.protocol.head import HEAD_TYPE, read_head
from broker.protocol.keys import SealingKey
from broker.protocol.pairkeys import (
    SEALED_PAIR_KEY_TYPE,
    PairKey,
    PairKeyBinding,
    open_pair_key,
    read_binding,
)
from broker.protocol.sealing import (
    SEAL_TYPE,
    BulletinHeader,
    Sealed,
    open_sealed,
    read_header,
)
from broker.protocol.stamp import STAMP_TYPE, read_stamp

Given = dict[str, Any]
Operation = Callable[[Given], Given]


def _unpack(given: Given) -> Given:
    """The record that shows every kind of element."""
    shape = (int, str, bytes, Bin(2), Maybe(str), ListOf(Row((str, int))))
    number, text, raw, pair, perhaps, rows = encoding.unpack(_raw(given, "record"), "example", *shape)
    return {
        "integer": number,
        "text": text,
        "bytes": raw.hex(),
        "two_bytes": pair.hex(),
        "text_or_nil": perhaps,
        "rows": rows,
    }


def _key_id(given: Given) -> Given:
    public = _raw(given, "public")
    if given["algorithm"] == keys.ED25519:
        keys.read_signing_public(public)
    else:
        keys.read_sealing_public(public)
    return {"kid": keys.key_id(given["algorithm"], public).hex()}


def _verify(given: Given) -> Given:
    envelope = dsse.from_json(given["envelope"])
    dsse.verify(envelope, _signer(given), kind=given["payload_type"])
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
        exchange=_raw(given, "exchange"),
        version=given["version"],
        digest=_raw(given, "digest"),
    )
    return {"agencies": sorted(found.grants), "groups": sorted(found.groups)}


def _address(given: Given) -> Given:
    digest = read_address(given["address"]).digest()
    if not hmac.compare_digest(digest, _raw(given, "address_digest")):
        raise WrongAddress("the address is not the one that the bulletin commits to")
    return {"address_digest": digest.hex()}


def _statement(given: Given) -> Given:
    return {"stmt": statement_digest(dsse.from_json(given["envelope"])).hex()}


def _post(given: Given) -> Given:
    """Everything that a broker asks of a post up to its address, for an exchange of one known key."""
    post = admission.read_post(given["body"].encode())
    dsse.verify(post.statement, _signer(given), kind=PAYLOAD_TYPE)
    bulletin = read_bulletin(post.statement.payload)
    admission.check_author(bulletin, given["signer"], _raw(given, "exchange"))
    admission.check_address(bulletin, post.address)
    return {
        "stmt": statement_digest(post.statement).hex(),
        "policy": _policy_out(admission.policy_of(bulletin)),
    }


def _policy(given: Given) -> Given:
    salt, policy = read_policy_opening(_raw(given, "opening"))
    return {"salt": salt.hex(), "policy": _policy_out(policy), "digest": policy.digest(salt).hex()}


def _policy_out(policy: Any) -> Given:
    return {
        "status": policy.status,
        "type": policy.type,
        "category": policy.category,
        "marking": policy.marking,
        "severity": policy.severity,
        "areas": list(policy.areas),
        "references": list(policy.references),
        "expires_at": policy.expires_at,
        "respond_by": policy.respond_by,
    }


def _header(given: Given) -> Given:
    header = read_header(_raw(given, "sealed_header"))
    common = {
        "exchange": header.exchange.hex(),
        "mode": header.mode,
        "sealer": header.sealer,
        "sealer_kid": header.sealer_kid.hex(),
        "id": header.id,
        "stmt": header.stmt.hex(),
        "registry_version": header.registry_version,
    }
    if isinstance(header, BulletinHeader):
        return common | {
            "kind": "bulletin",
            "originator": header.originator,
            "policy": header.policy.hex(),
            "address_digest": None if header.address_digest is None else header.address_digest.hex(),
        }
    return common | {"kind": "receipt", "agency": header.agency}


def _open(given: Given) -> Given:
    sealed = Sealed(_raw(given, "sealed_header"), _raw(given, "ciphertext"))
    content = open_sealed(sealed, _raw(given, "content_key"))
    return {
        "statement": dsse.to_json(content.statement),
        "policy_salt": None if content.policy_salt is None else content.policy_salt.hex(),
        "sealed": sealed.digest().hex(),
    }


def _seal(given: Given) -> Given:
    """Verify the seal of a blind post: the originator's signature over header and ciphertext."""
    sealed = Sealed(_raw(given, "sealed_header"), _raw(given, "ciphertext"))
    signature = dsse.Signature(bytes(32), _raw(given, "signature"))
    dsse.verify(dsse.Envelope(SEAL_TYPE, sealed.seal_record(), (signature,)), _signer(given), kind=SEAL_TYPE)
    return {"record": sealed.seal_record().hex(), "sealed": sealed.digest().hex()}


def _pair_key(given: Given) -> Given:
    """Open a sealed pair key, its signature included, as `member` with the sealing key of `seed`."""
    envelope = dsse.from_json(given["envelope"])
    own = SealingKey.from_seed(_raw(given, "member_seed"))
    dsse.verify(envelope, _signer(given), kind=SEALED_PAIR_KEY_TYPE)
    pair = open_pair_key(
        envelope,
        _raw(given, "exchange"),
        given["member"],
        lambda kid: own if kid == own.kid else None,
    )
    binding = read_binding(envelope)
    return {
        "pair_key": pair.secret.hex(),
        "pkid": binding.pkid.hex(),
        "info": binding.pack().hex(),
        "not_before": binding.not_before,
        "not_after": binding.not_after,
    }


def _unwrap(given: Given) -> Given:
    binding = PairKeyBinding(
        exchange=bytes(32),
        pkid=_raw(given, "pkid"),
        sealer="",
        sealer_kid=bytes(32),
        member=given["member"],
        member_kid=bytes(32),
        registry_version=0,
        not_before=0,
        not_after=0,
    )
    pair = PairKey.of(binding, _raw(given, "pair_key"))
    return {"content_key": pair.unwrap(_raw(given, "wrap"), _raw(given, "sealed")).hex()}


def _stamp(given: Given) -> Given:
    envelope = dsse.from_json(given["envelope"])
    dsse.verify(envelope, _signer(given), kind=STAMP_TYPE)
    stamp = read_stamp(envelope.payload)
    return {
        "exchange": stamp.exchange.hex(),
        "broker_kid": stamp.broker_kid.hex(),
        "originator": stamp.originator,
        "id": stamp.id,
        "stmt": stamp.stmt.hex(),
        "sealed": stamp.sealed.hex(),
        "taken_at": stamp.taken_at,
        "registry_version": stamp.registry_version,
    }


def _chain(given: Given) -> Given:
    """Walk an inbox from its first entry, and compare the chain at its end with that of a head."""
    chains = [chain.first_link(_raw(given, "exchange"), _raw(given, "epoch"), given["agency"])]
    for entry in given["entries"]:
        items = [(kind, bytes.fromhex(sealed)) for kind, sealed in entry["references"]]
        chains.append(chain.link(chains[-1], entry["first"], entry["last"], items))
    if not hmac.compare_digest(chains[-1], _raw(given, "head_chain")):
        raise InboxBroken("the inbox has another history than its head")
    return {"chains": [one.hex() for one in chains]}


def _entry_mac(given: Given) -> Given:
    mac = chain.entry_mac(
        _raw(given, "store_key"),
        _raw(given, "exchange"),
        _raw(given, "epoch"),
        given["agency"],
        given["first"],
        given["last"],
        _raw(given, "chain"),
        given["positions"],
    )
    if not hmac.compare_digest(mac, _raw(given, "mac")):
        raise InboxBroken("the entry is not one of ours")
    return {"mac": mac.hex()}


def _head(given: Given) -> Given:
    envelope = dsse.from_json(given["envelope"])
    dsse.verify(envelope, _signer(given), kind=HEAD_TYPE)
    head = read_head(envelope.payload)
    return {
        "exchange": head.exchange.hex(),
        "epoch": head.epoch.hex(),
        "generation": head.generation,
        "agency": head.agency,
        "number": head.number,
        "chain": head.chain.hex(),
        "signed_at": head.signed_at,
        "registry_version": head.registry_version,
        "registry_digest": head.registry_digest.hex(),
        "subscription_version": head.subscription_version,
    }


def _answer(kind: str, read: Callable[[bytes], Any], author: str = "agency") -> Operation:
    def run(given: Given) -> Given:
        envelope = dsse.from_json(given["envelope"])
        dsse.verify(envelope, _signer(given), kind=kind)
        document = read(envelope.payload)
        admission.check_claims(
            getattr(document, author), document.exchange, given["signer"], _raw(given, "exchange")
        )
        return {"stmt": statement_digest(envelope).hex()} | (
            {"id": document.id} if hasattr(document, "id") else {}
        )

    return run


def _raw(given: Given, name: str) -> bytes:
    return bytes.fromhex(given[name])


def _signer(given: Given) -> Ed25519PublicKey:
    return cast(Ed25519PublicKey, keys.read_signing_public(_raw(given, "signer_public")))


OPERATIONS: dict[str, Operation] = {
    "unpack the record": _unpack,
    "check a public key and name it": _key_id,
    "verify an envelope": _verify,
    "name the exchange": _exchange,
    "verify a card": _card,
    "open a registry": _registry,
    "follow to the next registry": _next_registry,
    "read entitlements": _entitlements,
    "check an address": _address,
    "name a statement": _statement,
    "check a post": _post,
    "read a policy opening": _policy,
    "read a sealed header": _header,
    "open a sealed item": _open,
    "verify a seal": _seal,
    "open a sealed pair key": _pair_key,
    "unwrap a content key": _unwrap,
    "verify a stamp": _stamp,
    "walk an inbox": _chain,
    "check an entry's MAC": _entry_mac,
    "verify a head": _head,
    "verify a receipt": _answer(RECEIPT_TYPE, read_receipt),
    "verify an acknowledgement": _answer(ACKNOWLEDGEMENT_TYPE, read_acknowledgement),
    "verify a subscription": _answer(SUBSCRIPTION_TYPE, read_subscription),
}
