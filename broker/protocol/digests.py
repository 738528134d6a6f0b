"""The digests that bind what travels beside a bulletin to the bulletin.

Address and policy are salted: whoever holds the digest alone cannot guess what it stands for, and whoever
holds the opening can check it. Source: schemas/protocol.md, "A bulletin".
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

from broker.errors import Malformed, Problem, shorten
from broker.protocol import dsse, encoding
from broker.protocol.encoding import Bin, ListOf, Maybe
from broker.protocol.fields import AREA_CODE, UUID
from broker.protocol.limits import AREAS_ITEMS, MEMBERS_ITEMS, REFERENCES_ITEMS, SAFE_INTEGER
from broker.protocol.vocabulary import BULLETIN_TYPES, CATEGORIES, MARKINGS, SEVERITIES, STATUSES

SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Address:
    """Whom a bulletin is for: agency ids or `group:` names. Travels to the broker only, never onwards."""

    salt: bytes
    to: tuple[str, ...] = ()
    excepted: tuple[str, ...] = ()

    def digest(self) -> bytes:
        """Give SHA-256(F("harkara/1 address", salt, sorted to, sorted except)): a field of bulletin and
        header.
        """
        return hashlib.sha256(
            encoding.pack("address", self.salt, sorted(self.to), sorted(self.excepted))
        ).digest()


@dataclass(frozen=True, slots=True)
class Policy:
    """The facts of a bulletin that routing needs. `expires_at` is in µs since the epoch."""

    status: str
    type: str
    category: str
    marking: str
    severity: str | None
    areas: tuple[str, ...]
    references: tuple[str, ...]
    expires_at: int
    respond_by: str | None

    def opening(self, salt: bytes) -> bytes:
        """Give the bytes that the policy digest is the hash of; the broker keeps them under its store key."""
        return encoding.pack(
            "policy",
            salt,
            self.status,
            self.type,
            self.category,
            self.marking,
            self.severity,
            list(self.areas),
            list(self.references),
            self.expires_at,
            self.respond_by,
        )

    def digest(self, salt: bytes) -> bytes:
        """Give the policy digest that the header commits to."""
        return hashlib.sha256(self.opening(salt)).digest()


def read_policy_opening(opening: bytes) -> tuple[bytes, Policy]:
    """Read an opening: salt and policy. Raises `Malformed`, for terms outside the vocabulary too, and for
    more areas and references than a bulletin may have: each of them is work for whoever routes it.
    """
    salt, status, kind, category, marking, severity, areas, references, expires, respond_by = encoding.unpack(
        opening,
        "policy",
        Bin(SALT_BYTES),
        str,
        str,
        str,
        str,
        Maybe(str),
        ListOf(str),
        ListOf(str),
        int,
        Maybe(str),
    )
    for value, terms, name in (
        (status, STATUSES, "status"),
        (kind, BULLETIN_TYPES, "type"),
        (category, CATEGORIES, "category"),
        (marking, MARKINGS, "marking"),
        (severity, (*SEVERITIES, None), "severity"),
    ):
        if value not in terms:
            raise Malformed(
                "not a policy",
                Problem("", f"a {name} of the vocabulary", shorten(value), "see schemas/protocol.md"),
            )
    for codes, form, most, name in (
        (areas, AREA_CODE, AREAS_ITEMS, "area codes"),
        (references, UUID, REFERENCES_ITEMS, "references"),
    ):
        if len(codes) > most or not all(re.fullmatch(form, code) for code in codes):
            raise Malformed("not a policy", Problem("", f"at most {most} {name}", "more, or others"))
    if expires > SAFE_INTEGER:
        raise Malformed("not a policy", Problem("", "an expiry that is a time", "a larger number"))
    return salt, Policy(
        status, kind, category, marking, severity, tuple(areas), tuple(references), expires, respond_by
    )


def read_address(value: object, pointer: str = "/address") -> Address:
    """Read the `address` member of a post: {salt, to?, except?}. Raises `Malformed`, pointing into it."""
    if not isinstance(value, dict):
        raise _refusal(pointer, "an object with salt, to, except", type(value).__name__)
    if extra := value.keys() - {"salt", "to", "except"}:
        raise _refusal(pointer, "no members but salt, to, except", shorten(sorted(extra)[0]))
    salt = dsse.decode64(value.get("salt"), f"{pointer}/salt", SALT_BYTES)
    to, excepted = (_names(value.get(member, []), f"{pointer}/{member}") for member in ("to", "except"))
    if not to and not excepted:
        raise _refusal(
            pointer, "at least one agency in to or except", "none", "leave the address out altogether"
        )
    return Address(salt, to, excepted)


def address_json(address: Address) -> dict[str, object]:
    """Give the `address` member of a post."""
    members: dict[str, object] = {"to": list(address.to), "except": list(address.excepted)}
    return {"salt": dsse.encode64(address.salt)} | {
        name: listed for name, listed in members.items() if listed
    }


def statement_digest(statement: dsse.Envelope) -> bytes:
    """Give stmt: what identifies one signed statement, signature included."""
    only = statement.signature
    return hashlib.sha256(
        encoding.pack("statement", statement.payload_type, statement.payload, only.kid, only.value)
    ).digest()


def _names(value: object, pointer: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise _refusal(pointer, "a list of agency ids", type(value).__name__)
    if len(value) > MEMBERS_ITEMS:
        raise _refusal(pointer, f"at most {MEMBERS_ITEMS} names", f"{len(value)}", "name a group")
    if len(set(value)) != len(value):
        raise _refusal(pointer, "each agency once", "one of them twice")
    return tuple(value)


def _refusal(pointer: str, expected: str, got: str, hint: str = "") -> Malformed:
    return Malformed("the address cannot be read", Problem(pointer, expected, got, hint))
