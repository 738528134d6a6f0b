"""What makes an inbox entry one of ours: its chain, its MAC, and how the next entries are made.

The MAC is under the store key, which the store does not have. An entry is served, extended and signed into a
head only after it was checked here: otherwise an insider at the store drops an entry, recomputes the chain
and the head, and an honest broker signs the result. Source: schemas/protocol.md, "What the broker says",
chain and entry MAC.
"""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import replace

from broker.errors import InboxBroken, Malformed
from broker.protocol.chain import entry_mac, first_link, floor_mac, link
from broker.service.references import (
    REFERENCES_PER_ENTRY,
    InboxReference,
    pack_references,
    unpack_references,
)
from broker.store.records import Head, InboxEntry, Move


class InboxProof:
    """Makes and checks the entries of one exchange in one epoch.

    `store_key` is 32 bytes, `exchange` 32 bytes (X), `epoch` 16 bytes.
    """

    def __init__(self, store_key: bytes, exchange: bytes, epoch: bytes) -> None:
        self._store_key, self._exchange, self._epoch = store_key, exchange, epoch

    def first_chain(self, agency: str) -> bytes:
        """Give the chain of the empty inbox, c0."""
        return first_link(self._exchange, self._epoch, agency)

    def extend(self, agency: str, head: Head | None, references: Sequence[InboxReference]) -> Move:
        """Give what appends `references` (at least one) after `head`, which must have been checked."""
        number = head.number if head else 0
        chain = head.chain if head else self.first_chain(agency)
        entries = []
        for start in range(0, len(references), REFERENCES_PER_ENTRY):
            part = references[start : start + REFERENCES_PER_ENTRY]
            first, number = number + 1, number + len(part)
            chain = link(chain, first, number, [(r.kind, r.digest) for r in part])
            mac = self._mac(agency, first, number, chain, part)
            entries.append(InboxEntry(first, number, chain, mac, pack_references(part)))
        last = references[-1]
        begun = head or Head(0, chain, last.position, last.digest, 0, self.first_chain(agency))
        after = replace(begun, number=number, chain=chain, position=last.position, digest=last.digest)
        return Move(agency, head, after, tuple(entries))

    def raise_floor(self, agency: str, head: Head, number: int, chain: bytes, position: str) -> Head:
        """Give a checked head with its floor at the end of an entry that was checked and has expired.
        `position` is the last one of that entry in the log.
        """
        mac = floor_mac(self._store_key, self._exchange, self._epoch, agency, number, chain, position)
        return replace(head, floor_number=number, floor_chain=chain, floor_position=position, floor_mac=mac)

    def check_floor(self, agency: str, head: Head | None) -> None:
        """Make sure that an inbox begins where the broker trimmed it. Raises `InboxBroken`.

        Nothing of a head's floor may be believed before: an insider at the store could drop what stands below
        a floor of its own.
        """
        if head is None or head.floor_number == 0:
            return
        mac = floor_mac(
            self._store_key,
            self._exchange,
            self._epoch,
            agency,
            head.floor_number,
            head.floor_chain,
            head.floor_position,
        )
        if head.floor_number >= head.number or not hmac.compare_digest(mac, head.floor_mac):
            raise InboxBroken(f"the inbox of {agency} has a floor at {head.floor_number} that is not ours")

    def open(
        self, agency: str, entry: InboxEntry, previous_chain: bytes | None = None
    ) -> list[InboxReference]:
        """Give the references of an entry that the broker made.

        With `previous_chain` (that of the entry before, or `first_chain`) kinds and digests are proven too.
        Raises `InboxBroken` for any other entry: it must be neither served nor extended.
        """
        try:
            references = unpack_references(entry.references)
        except Malformed as error:
            raise self._broken(agency, entry, "its references cannot be read") from error
        if len(references) != entry.last - entry.first + 1:
            raise self._broken(agency, entry, "it does not hold the numbers that it claims")
        mac = self._mac(agency, entry.first, entry.last, entry.chain, references)
        if not hmac.compare_digest(mac, entry.mac):
            raise self._broken(agency, entry, "its MAC is not ours")
        if previous_chain is not None:
            items = [(r.kind, r.digest) for r in references]
            if link(previous_chain, entry.first, entry.last, items) != entry.chain:
                raise self._broken(agency, entry, "its chain does not follow")
        return references

    def check_end(self, agency: str, head: Head, newest_first: Sequence[InboxEntry]) -> None:
        """Make sure that `head` ends an inbox of ours, before anything is appended to it.

        `newest_first` is at least the two newest entries up to the head's number, where the inbox has so
        many. Raises `InboxBroken`.
        """
        self.check_floor(agency, head)
        if not newest_first or newest_first[0].last != head.number:
            raise InboxBroken(f"the inbox of {agency} lacks the entry that ends at {head.number}")
        end = newest_first[0]
        if end.first == 1:
            before = self.first_chain(agency)
        elif end.first == head.floor_number + 1:
            before = head.floor_chain
        elif len(newest_first) > 1 and newest_first[1].last == end.first - 1:
            before = newest_first[1].chain
        else:
            raise self._broken(agency, end, "the entry before it is missing")
        last = self.open(agency, end, before)[-1]
        if (head.chain, head.position, head.digest) != (end.chain, last.position, last.digest):
            raise self._broken(agency, end, "the head is not that of its last entry")

    def _mac(
        self, agency: str, first: int, last: int, chain: bytes, references: Sequence[InboxReference]
    ) -> bytes:
        places = [f"{reference.position} {reference.expires_at}" for reference in references]
        return entry_mac(self._store_key, self._exchange, self._epoch, agency, first, last, chain, places)

    @staticmethod
    def _broken(agency: str, entry: InboxEntry, reason: str) -> InboxBroken:
        return InboxBroken(f"the inbox of {agency} is broken at {entry.first} to {entry.last}: {reason}")
