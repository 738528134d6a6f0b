"""A small world for tests of the router: items with frozen decisions, and inboxes read as strictly as can be.

The truth about who receives what is kept here, outside the store.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from broker.service.decision import close_decision, open_recipients
from broker.service.inbox_proof import InboxProof
from broker.service.router import Router
from broker.service.vault import Vault
from broker.store.records import Appended, NewItem
from broker.store.store import Store

STORE_KEY, EXCHANGE, EPOCH = b"k" * 32, b"x" * 32, b"e" * 16
VAULT = Vault(STORE_KEY)
PROOF = InboxProof(STORE_KEY, EXCHANGE, EPOCH)
AGENCIES = tuple(f"pk.a{n}" for n in range(6))
TAKEN_AT, EXPIRES_AT = 1_800_000_000_000_000, 4_000_000_000_000_000
EXPIRED_AT = 1_000_000_000_000_000
"""Long ago, by any clock."""


def wrap_for(item: str, agency: str) -> bytes:
    """Give the wrap that `agency` must find for `item`, and no other."""
    return sha256(f"{item} {agency}".encode()).digest() * 2


def item_with(n: int, recipients: Sequence[str], **changes: Any) -> NewItem:
    """Give the n-th item, its decision frozen for `recipients`."""
    name = f"pk.fia/{n:06}"
    digest = sha256(name.encode()).digest()
    wraps = {agency: wrap_for(name, agency) for agency in recipients}
    fields: dict[str, Any] = {
        "item": name,
        "kind": "bulletin",
        "registry_version": 1,
        "taken_at": TAKEN_AT,
        "stmt": sha256(b"stmt" + name.encode()).digest(),
        "stamp": b"stamp",
        "digest": digest,
        "sealed": b"sealed",
        "decision": close_decision(VAULT, name, digest, wraps),
        "expires_at": EXPIRES_AT,
    }
    return NewItem(**fields | changes)


def router_of(store: Store) -> Router:
    """Give a router of this world."""
    return Router(store, VAULT, PROOF)


async def drain(router: Router, at_most: int = 100) -> None:
    """Tick until there is nothing to route."""
    for _ in range(at_most):
        if not (await router.tick()).entries:
            return
    raise AssertionError("the router does not come to an end")


async def read_inbox(store: Store, agency: str) -> list[str]:
    """Give the names of the items in an inbox, after proving numbers, chain, MACs, wraps and head."""
    return [item for item, _ in await read_places(store, agency)]


async def read_places(store: Store, agency: str) -> list[tuple[str, str]]:
    """Give name and position of each item in an inbox, after proving it whole."""
    head, entries = await store.inboxes.window(agency, 0, 100_000)
    PROOF.check_floor(agency, head)
    chain, number, items, last = PROOF.first_chain(agency), 0, [], None
    if head is not None and head.floor_number:
        chain, number = head.floor_chain, head.floor_number
    for entry in entries:
        assert entry.first == number + 1, "numbers have no gap"
        references = PROOF.open(agency, entry, chain)
        for reference in references:
            assert reference.wrap == wrap_for(reference.item, agency)
            items.append((reference.item, reference.position))
            last = reference
        chain, number = entry.chain, entry.last
    if last is None:
        assert head is None
    else:
        assert head is not None
        assert (head.number, head.chain) == (number, chain)
        assert (head.position, head.digest) == (last.position, last.digest)
    return items


@dataclass
class World:
    """What was accepted, in order, with its recipients."""

    accepted: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    posted: int = 0
    expired: set[str] = field(default_factory=set)
    """Those that had expired when accepted: the sweeper may take them from anywhere, at any time."""

    async def post(self, store: Store, recipients: Sequence[str], **changes: Any) -> NewItem:
        """Append the next item and remember it."""
        item = item_with(self.posted, recipients, **changes)
        self.posted += 1
        assert isinstance(await store.committer.commit(item), Appended)
        self.accepted.append((item.item, tuple(recipients)))
        if item.expires_at == EXPIRED_AT:
            self.expired.add(item.item)
        return item

    def due_to(self, agency: str) -> list[str]:
        """Give what must be in an inbox: these, in this order, once."""
        return [item for item, recipients in self.accepted if agency in recipients]

    async def keep_what_the_log_holds(self, store: Store) -> None:
        """Forget what the log lost: nobody can deliver it. (Its originator will post it again.)"""
        held = {entry.item for entry in await store.routing.entries_after("0-0", 100_000)}
        self.accepted = [each for each in self.accepted if each[0] in held | self.expired]

    async def check_held(self, store: Store, agencies: Sequence[str] = AGENCIES) -> None:
        """Make sure that inboxes hold once, in order, what the log holds; what it lost may stand between, and
        what has expired may be gone.
        """
        entries = await store.routing.entries_after("0-0", 100_000)
        positions = {(entry.item, entry.position) for entry in entries}
        for agency in agencies:
            items = [place[0] for place in await read_places(store, agency) if place in positions]
            assert len(set(items)) == len(items), f"the inbox of {agency} has something twice"
            there = set(items)
            due = [item for item in self.due_to(agency) if item in there or item not in self.expired]
            assert items == due, f"the inbox of {agency}"

    async def check(self, store: Store, agencies: Sequence[str] = AGENCIES) -> None:
        """Make sure that inboxes hold exactly what is due to them, and records of recipients agree."""
        numbers: dict[tuple[str, str], int] = {}
        for agency in agencies:
            items = await read_inbox(store, agency)
            assert items == self.due_to(agency), f"the inbox of {agency}"
            numbers |= {(agency, item): number for number, item in enumerate(items, 1)}
        names = [item for item, _ in self.accepted]
        closed = await store.log.recipients(names)
        assert await store.log.decisions(names) == [None] * len(names), "decisions go when they are routed"
        for (item, recipients), record in zip(self.accepted, closed, strict=True):
            assert record is not None
            found = open_recipients(VAULT, item, sha256(item.encode()).digest(), record)
            assert {a: (r.number, r.wrap) for a, r in found.items()} == {
                a: (numbers[a, item], wrap_for(item, a)) for a in recipients if a in agencies
            }
