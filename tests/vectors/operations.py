"""The operations that vectors test: what an implementation must be able to do, each from JSON to JSON.

Each calls the code of the protocol as broker and client do. Where the protocol asks a comparison of its user
(a chain, a MAC), the operation makes it.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from broker.errors import BadSignature, InboxBroken, WrongAddress
from broker.protocol import admission, blind, chain, dsse, registry
from broker.protocol.answers import (
    ACKNOWLEDGEMENT_TYPE,
    RECEIPT_TYPE,
    SUBSCRIPTION_TYPE,
    read_acknowledgement,
    read_receipt,
    read_subscription,
)
from broker.protocol.blind import check_blind_post, read_blind_post
from broker.protocol.bulletin import PAYLOAD_TYPE, read_bulletin
from broker.protocol.digests import read_address, read_policy_opening, statement_digest
from broker.protocol.exchange import read_exchange
from broker.protocol.head import HEAD_TYPE, read_head
from broker.protocol.history import (
    FLOOR_TYPE,
    ROLLBACK_TYPE,
    TOMBSTONE_TYPE,
    read_floor,
    read_rollback,
    read_tombstone,
)
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
from tests.vectors.given import Given, Operation, raw, signer
from tests.vectors.trust_operations import TRUST_OPERATIONS

REQUIRED = ("@method", "@authority", "@path", "@query")


def _address(given: Given) -> Given:
    digest = read_address(given["address"]).digest()
    if not hmac.compare_digest(digest, raw(given, "address_digest")):
        raise WrongAddress("the address is not the one that the bulletin commits to")
    return {"address_digest": digest.hex()}


def _statement(given: Given) -> Given:
    return {"stmt": statement_digest(dsse.from_json(given["envelope"])).hex()}


def _post(given: Given) -> Given:
    """Everything that a broker asks of a post up to its address, for an exchange of one known key."""
    post = admission.read_post(given["body"].encode())
    dsse.verify(post.statement, signer(given), kind=PAYLOAD_TYPE)
    bulletin = read_bulletin(post.statement.payload)
    admission.check_author(bulletin, given["signer"], raw(given, "exchange"))
    admission.check_address(bulletin, post.address)
    return {
        "stmt": statement_digest(post.statement).hex(),
        "policy": _policy_out(admission.policy_of(bulletin)),
    }


def _policy(given: Given) -> Given:
    salt, policy = read_policy_opening(raw(given, "opening"))
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
    header = read_header(raw(given, "sealed_header"))
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
    sealed = Sealed(raw(given, "sealed_header"), raw(given, "ciphertext"))
    content = open_sealed(sealed, raw(given, "content_key"))
    return {
        "statement": dsse.to_json(content.statement),
        "policy_salt": None if content.policy_salt is None else content.policy_salt.hex(),
        "sealed": sealed.digest().hex(),
    }


def _seal(given: Given) -> Given:
    """Verify the seal of a blind post: the originator's signature over header and ciphertext."""
    sealed = Sealed(raw(given, "sealed_header"), raw(given, "ciphertext"))
    signature = dsse.Signature(bytes(32), raw(given, "signature"))
    dsse.verify(dsse.Envelope(SEAL_TYPE, sealed.seal_record(), (signature,)), signer(given), kind=SEAL_TYPE)
    return {"record": sealed.seal_record().hex(), "sealed": sealed.digest().hex()}


def _pair_key(given: Given) -> Given:
    """Open a sealed pair key, its signature included, as `member` with the sealing key of `seed`."""
    envelope = dsse.from_json(given["envelope"])
    own = SealingKey.from_seed(raw(given, "member_seed"))
    dsse.verify(envelope, signer(given), kind=SEALED_PAIR_KEY_TYPE)
    pair = open_pair_key(
        envelope,
        raw(given, "exchange"),
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
        pkid=raw(given, "pkid"),
        sealer="",
        sealer_kid=bytes(32),
        member=given["member"],
        member_kid=bytes(32),
        registry_version=0,
        not_before=0,
        not_after=0,
    )
    pair = PairKey.of(binding, raw(given, "pair_key"))
    return {"content_key": pair.unwrap(raw(given, "wrap"), raw(given, "sealed")).hex()}


def _stamp(given: Given) -> Given:
    envelope = dsse.from_json(given["envelope"])
    dsse.verify(envelope, signer(given), kind=STAMP_TYPE)
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
    chains = [chain.first_link(raw(given, "exchange"), raw(given, "epoch"), given["agency"])]
    for entry in given["entries"]:
        items = [(kind, bytes.fromhex(sealed)) for kind, sealed in entry["references"]]
        chains.append(chain.link(chains[-1], entry["first"], entry["last"], items))
    if not hmac.compare_digest(chains[-1], raw(given, "head_chain")):
        raise InboxBroken("the inbox has another history than its head")
    return {"chains": [one.hex() for one in chains]}


def _entry_mac(given: Given) -> Given:
    mac = chain.entry_mac(
        raw(given, "store_key"),
        raw(given, "exchange"),
        raw(given, "epoch"),
        given["agency"],
        given["first"],
        given["last"],
        raw(given, "chain"),
        given["places"],
    )
    if not hmac.compare_digest(mac, raw(given, "mac")):
        raise InboxBroken("the entry is not one of ours")
    return {"mac": mac.hex()}


def _head(given: Given) -> Given:
    envelope = dsse.from_json(given["envelope"])
    dsse.verify(envelope, signer(given), kind=HEAD_TYPE)
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


def _blind(given: Given) -> Given:
    """What a broker does with a blind post before it routes it, under the registry of all vectors'
    exchange.
    """
    exchange = read_exchange(given["document"].encode())
    trusted = registry.open_registry(dsse.from_json(given["registry"]), exchange)
    post = read_blind_post(raw(given, "body"))
    facts = check_blind_post(post, trusted, given["now"])
    blind.check_wraps(post, facts.author.id, frozenset(given["audience"]))
    return {
        "originator": facts.header.originator,
        "id": facts.header.id,
        "sealed": post.sealed.digest().hex(),
        "policy": _policy_out(facts.policy),
    }


def _history(given: Given) -> Given:
    """Verify a tombstone, floor or rollback."""
    read = {TOMBSTONE_TYPE: read_tombstone, FLOOR_TYPE: read_floor, ROLLBACK_TYPE: read_rollback}
    envelope = dsse.from_json(given["envelope"])
    dsse.verify(envelope, signer(given), kind=given["payload_type"])
    said = asdict(read[given["payload_type"]](envelope.payload))
    return {name: value.hex() if isinstance(value, bytes) else value for name, value in said.items()}


def _read(given: Given) -> Given:
    """Verify a signed read: base and signature. Age and nonce are asked of a clock and a memory."""
    covered = [line.split(": ", 1) for line in given["components"]]
    names = [name for name, _ in covered]
    if not {f'"{name}"' for name in REQUIRED} <= set(names):
        raise BadSignature("a read covers method, authority, path and query")
    if (
        not given["parameters"].startswith(f"({' '.join(names)});")
        or ';tag="harkara-read"' not in given["parameters"]
    ):
        raise BadSignature("the parameters are not those of a read")
    base = "\n".join([*given["components"], f'"@signature-params": {given["parameters"]}'])
    dsse.verify_bytes(base.encode(), raw(given, "signature"), signer(given))
    return {"base": base}


def _answer(kind: str, read: Callable[[bytes], Any], author: str = "agency") -> Operation:
    def run(given: Given) -> Given:
        envelope = dsse.from_json(given["envelope"])
        dsse.verify(envelope, signer(given), kind=kind)
        document = read(envelope.payload)
        admission.check_claims(
            getattr(document, author), document.exchange, given["signer"], raw(given, "exchange")
        )
        return {"stmt": statement_digest(envelope).hex()} | (
            {"id": document.id} if hasattr(document, "id") else {}
        )

    return run


OPERATIONS: dict[str, Operation] = TRUST_OPERATIONS | {
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
    "check a blind post": _blind,
    "verify what a broker says of an inbox": _history,
    "verify a signed read": _read,
    "verify a receipt": _answer(RECEIPT_TYPE, read_receipt),
    "verify an acknowledgement": _answer(ACKNOWLEDGEMENT_TYPE, read_acknowledgement),
    "verify a subscription": _answer(SUBSCRIPTION_TYPE, read_subscription),
}
