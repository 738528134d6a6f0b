"""The frozen decision: who receives an item, each with its wrap; and, once routed, under which number each
has it.

Made once, at admission, and kept with the item under the store key: two routers with different registries
must not come to two decisions. The originator has a wrap too, without an inbox item, so that it can fetch its
own bulletin.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from broker.protocol import encoding
from broker.protocol.encoding import Bin, ListOf, Maybe, Row
from broker.protocol.pairkeys import WRAP_BYTES
from broker.service.vault import Purpose, Vault

_WRAPS = ListOf(Row((str, Bin(WRAP_BYTES))))
_RECIPIENTS = ListOf(Row((str, int, Bin(WRAP_BYTES))))


def _name(item: str, digest: bytes) -> str:
    # The digest binds the record to this sealed form: an older record of the same name does not open.
    return f"{item} {digest.hex()}"


def close_decision(vault: Vault, item: str, digest: bytes, wraps: Mapping[str, bytes]) -> bytes:
    """Give the decision of an item for the store: agency -> its wrap."""
    record = encoding.pack("decision", [[agency, wrap] for agency, wrap in sorted(wraps.items())])
    return vault.close(Purpose.DECISION, _name(item, digest), record)


def open_decision(vault: Vault, item: str, digest: bytes, closed: bytes) -> dict[str, bytes]:
    """Give agency -> wrap. Raises `NotAuthentic` or `Malformed` when the store's record is not ours."""
    (wraps,) = encoding.unpack(vault.open(Purpose.DECISION, _name(item, digest), closed), "decision", _WRAPS)
    return dict(map(tuple, wraps))


@dataclass(frozen=True, slots=True)
class Recipient:
    """The number under which an agency has an item in its inbox, and its wrap."""

    number: int
    wrap: bytes


def close_recipients(vault: Vault, item: str, digest: bytes, recipients: Mapping[str, Recipient]) -> bytes:
    """Give the record of recipients that replaces a decision once the item is routed."""
    rows = [[agency, found.number, found.wrap] for agency, found in sorted(recipients.items())]
    return vault.close(Purpose.RECIPIENTS, _name(item, digest), encoding.pack("recipients", rows))


def open_recipients(vault: Vault, item: str, digest: bytes, closed: bytes) -> dict[str, Recipient]:
    """Give agency -> number and wrap. Raises `NotAuthentic` or `Malformed`."""
    (rows,) = encoding.unpack(
        vault.open(Purpose.RECIPIENTS, _name(item, digest), closed), "recipients", _RECIPIENTS
    )
    return {agency: Recipient(number, wrap) for agency, number, wrap in rows}


def close_opening(vault: Vault, item: str, digest: bytes, policy_opening: bytes, own_wrap: bytes) -> bytes:
    """Give the originator's part for the store: the policy opening (empty for a receipt), and its
    own wrap.
    """
    return vault.close(
        Purpose.OPENING, _name(item, digest), encoding.pack("opening", policy_opening or None, own_wrap)
    )


def open_opening(vault: Vault, item: str, digest: bytes, closed: bytes) -> tuple[bytes | None, bytes]:
    """Give the policy opening (None for a receipt) and the originator's own wrap."""
    opening, wrap = encoding.unpack(
        vault.open(Purpose.OPENING, _name(item, digest), closed), "opening", Maybe(bytes), Bin(WRAP_BYTES)
    )
    return opening, wrap
