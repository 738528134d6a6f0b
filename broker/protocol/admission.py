"""Admission: what must be true of a post before anything is written, in the order in which it is asked.

Cheap checks come first, and each is a pure function of what was sent, the registry and `now` (µs since the
epoch). The caller puts between them what needs the outside: the limits of connection, size and type before
the first, the agency's own limit after `authenticate` (key ids are public: charging it earlier would let
anybody use up somebody else's), and the look-up of (originator, id) before `check_timely` (a repeat is
answered however old it is).

 1. `read_post`, `read_statement_body`  shape
 2. `authenticate`                      known active key, signature over the exact bytes
 3. `read_bulletin` / `read_receipt`    schema
 4. `check_author`, `check_address`     author == signer, exchange, address opening
 5. the look-up: new, the same bytes, or other bytes
 6. `check_timely`, `check_may_originate`
 7. `routing.route`
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import cast

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from broker.errors import (
    AuthorMismatch,
    Malformed,
    MayNotOriginate,
    OutOfWindow,
    Problem,
    RegistryExpired,
    WrongAddress,
    WrongExchange,
    shorten,
)
from broker.protocol import dsse, strictjson, times
from broker.protocol.answers import Receipt
from broker.protocol.bulletin import PAYLOAD_TYPE, Bulletin
from broker.protocol.card import Card
from broker.protocol.digests import Address, Policy, read_address
from broker.protocol.entitlements import Entitlements
from broker.protocol.limits import BODY_BYTES, SENT_AGE_US, SENT_AHEAD_US
from broker.protocol.registry import Registry, Standing
from broker.protocol.routing import NO_GRANT


@dataclass(frozen=True, slots=True)
class Post:
    """The body of a post: a signed statement, and the opening of its address when it has one."""

    statement: dsse.Envelope
    address: Address | None


def read_post(body: bytes) -> Post:
    """Read `{statement, address?}`. Raises `Malformed`."""
    return post_of(strictjson.decode(body, max_bytes=BODY_BYTES))


def post_of(value: object) -> Post:
    """Read a post that is decoded already. Raises `Malformed`."""
    if not isinstance(value, dict) or "statement" not in value:
        hint = ""
        if isinstance(value, dict) and "payloadType" in value:
            hint = 'put the envelope into {"statement": …}'
        elif isinstance(value, dict) and "originator" in value:
            hint = "a bulletin must be signed before it is posted: `harkara sign`"
        got = (
            f"an object with {', '.join(value) or 'nothing in it'}"
            if isinstance(value, dict)
            else "no object"
        )
        raise Malformed("not a post", Problem("", "an object with the member statement", shorten(got), hint))
    for name in value:
        if name not in ("statement", "address"):
            pointer = "/" + name.replace("~", "~0").replace("/", "~1")
            raise Malformed(
                "not a post", Problem(pointer, "no members but statement and address", "one more")
            )
    statement = dsse.from_json(value["statement"], "/statement")
    _require_one_signature(statement, "/statement")
    return Post(statement, read_address(value["address"]) if "address" in value else None)


def read_statement_body(body: bytes) -> dsse.Envelope:
    """Read a body that is one signed document (a receipt, an acknowledgement, a subscription). Raises
    `Malformed`.
    """
    statement = dsse.from_json(strictjson.decode(body, max_bytes=BODY_BYTES))
    _require_one_signature(statement, "")
    return statement


def authenticate(statement: dsse.Envelope, registry: Registry, now: int, *, kind: str = PAYLOAD_TYPE) -> Card:
    """Give whose statement it is: an agency with a key in force, over exactly these bytes, of payload type
    `kind`.

    Raises `UnknownKey`, `ExpiredKey`, `RevokedKey` or `BadSignature`.
    """
    card, key = registry.signer(statement.signature.kid, now, role="agency")
    # `signer` gives signing keys only.
    dsse.verify(statement, cast(Ed25519PublicKey, key.signing), kind=kind)
    return card


def check_author(bulletin: Bulletin, signer: str, exchange: bytes) -> None:
    """Hold a bulletin to its signer and to this exchange. Raises `AuthorMismatch` or `WrongExchange`."""
    check_claims(bulletin.originator, bulletin.exchange, signer, exchange, author="/originator")


def check_address(bulletin: Bulletin, address: Address | None) -> None:
    """Hold the address beside a bulletin to the digest that it commits to. Raises `WrongAddress`."""
    check_opening(
        None if bulletin.address_digest is None else bytes.fromhex(bulletin.address_digest), address
    )


def check_opening(committed: bytes | None, address: Address | None) -> None:
    """Hold an address to the digest that was committed to, None for none. Raises `WrongAddress`."""
    if committed is None and address is not None:
        raise WrongAddress(
            "the bulletin commits to no address, and one came beside it",
            Problem("/address", "none", "an address", "sign the bulletin again, with its address"),
        )
    if committed is not None and (address is None or not hmac.compare_digest(committed, address.digest())):
        raise WrongAddress(
            "the address is not the one that the bulletin commits to",
            Problem(
                "/address" if address else "",
                "the opening of address_digest",
                "another address" if address else "no address",
                "post what `harkara sign` wrote, unchanged",
            ),
        )


def check_claims(named: str, claimed: str, signer: str, exchange: bytes, *, author: str = "/agency") -> None:
    """Hold any statement to its signer and to this exchange: `named` is whom the field `author` names.

    Raises `AuthorMismatch` or `WrongExchange`.
    """
    if named != signer:
        raise AuthorMismatch("signed by another agency than it names", Problem(author, signer, named))
    if claimed != exchange.hex():
        raise WrongExchange(
            "made for another exchange",
            Problem(
                "/exchange", exchange.hex(), claimed, "use the exchange.json that your ministry gave you"
            ),
        )


def check_timely(bulletin: Bulletin, now: int) -> None:
    """Hold `sent` to its window around now, and `expires` to the future. Raises `OutOfWindow`, naming both
    times.
    """
    check_recent(bulletin.sent_at, bulletin.sent, "/sent", now)
    if bulletin.expires_at <= now:
        raise OutOfWindow(
            "the bulletin has expired",
            Problem("/expires", f"a time after {times.format(now)}", bulletin.expires),
        )


def check_recent(at: int, text: str, pointer: str, now: int) -> None:
    """Hold the time of a statement to [-24 h, +2 min] around now. Raises `OutOfWindow`."""
    if not now - SENT_AGE_US <= at <= now + SENT_AHEAD_US:
        window = f"between {times.format(now - SENT_AGE_US)} and {times.format(now + SENT_AHEAD_US)}"
        hint = "check this machine's clock" if at > now else "sign it again: it lay too long"
        raise OutOfWindow("signed too long ago, or ahead of time", Problem(pointer, window, text, hint))


def check_may_originate(policy: Policy, originator: str, entitlements: Entitlements) -> None:
    """Hold the originator to its entitlements. Raises `MayNotOriginate`."""
    grant = entitlements.grants.get(originator, NO_GRANT)
    if policy.category not in grant.originate:
        raise MayNotOriginate(
            "this agency is not entitled to originate this category",
            Problem(
                "/category", _listed(grant.originate), policy.category, "ask the operator of your exchange"
            ),
        )
    if policy.status not in grant.statuses:
        raise MayNotOriginate(
            "this agency is not entitled to post with this status",
            Problem("/status", _listed(grant.statuses), policy.status, "ask the operator of your exchange"),
        )


def check_registry(registry: Registry, now: int) -> None:
    """Refuse posts when the registry's grace is over; reading goes on. Raises `RegistryExpired`."""
    if registry.standing(now) is Standing.EXPIRED:
        raise RegistryExpired(
            f"the registry expired at {times.format(registry.expires)}: the operator must publish a newer one"
        )


def check_receipt(receipt: Receipt, signer: str, exchange: bytes, now: int) -> None:
    """Hold a receipt to its signer, this exchange and its time. Raises as the checks of a bulletin."""
    check_claims(receipt.agency, receipt.exchange, signer, exchange)
    check_recent(times.parse(receipt.at), receipt.at, "/at", now)


def policy_of(bulletin: Bulletin) -> Policy:
    """Give the policy of a bulletin: what routing sees, and what its header commits to."""
    return Policy(
        bulletin.status,
        bulletin.type,
        bulletin.category,
        bulletin.marking,
        bulletin.severity,
        bulletin.area_codes,
        bulletin.references,
        bulletin.expires_at,
        bulletin.respond_by,
    )


def _require_one_signature(statement: dsse.Envelope, pointer: str) -> None:
    if len(statement.signatures) != 1:
        raise Malformed(
            "a statement has exactly one signature",
            Problem(f"{pointer}/signatures", "one signature", f"{len(statement.signatures)} signatures"),
        )


def _listed(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"
