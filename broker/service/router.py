"""The router: turns what the log holds into numbered, chained references in the recipients' inboxes.

It decides nothing: who receives an item was frozen at admission. Any number of routers may run; a lease lets
one of them work, and correctness does not rest on it: every step compares what it replaces, so a router may
die, be late or repeat itself between any two of them. An item whose decision was tampered with, and an inbox
that is not ours any more, are told and counted, and hold up nothing else.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import structlog

from broker.errors import HarkaraError, Malformed, NotAuthentic
from broker.service.clock import Clock, now
from broker.service.decision import Recipient, close_recipients, open_decision, open_recipients
from broker.service.inbox_proof import InboxProof
from broker.service.references import InboxReference
from broker.service.routed_inboxes import RoutedInboxes
from broker.service.routing_plan import due, later
from broker.service.vault import Vault
from broker.store.records import LogEntry, Move, Place, RoutedItem, RoutingView, position_order
from broker.store.routing import Advance
from broker.store.store import Store

ENTRIES_PER_TICK = 64
HISTORY_PAGE = 256
"""Log entries read at a time while catching up."""
RECONCILE_EVERY_S = 60.0
LEASE_MS = 2_000
LEASE_RENEW_S = 0.6
LEASE_RETRY_S = 0.4
IDLE_BLOCK_MS = 500
"""How long an idle router waits at the log: below the time to renew its lease."""
RETRY_S = 0.25

log = structlog.get_logger("harkara.router")

Wraps = dict[str, bytes]
"""A frozen decision: agency -> its wrap."""
Numbers = dict[tuple[str, str], int]
"""(agency, position) -> the number of that item in that inbox."""


@dataclass(frozen=True, slots=True)
class RouterStanding:
    """What the router tells of itself, for health and metrics. Counts are of this process."""

    leading: bool
    items: int
    deliveries: int
    collisions: int
    tampered: int
    broken_inboxes: frozenset[str]
    failure: str | None


class Router:
    """One router of one process. `on_news` is called with agencies as soon as they have news."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        proof: InboxProof,
        *,
        on_news: Callable[[Collection[str]], None] | None = None,
        clock: Clock = now,
    ) -> None:
        self._routing, self._agencies = store.routing, store.inboxes.agencies
        self._inboxes = RoutedInboxes(store.inboxes, store.routing, proof)
        self._vault, self._clock = vault, clock
        self._on_news = on_news or store.ticks.wake
        self._holder = secrets.token_hex(8)
        self._busy = asyncio.Lock()
        """A router does one thing at a time: its heads are those of its last step."""
        self._leading = False
        self._lease_renewed_at = self._reconciled_at = float("-inf")
        self._failure: str | None = None
        self._items = 0
        self._tampered: set[str] = set()
        """Positions whose decision could not be used. Grows by attacks only."""

    @property
    def standing(self) -> RouterStanding:
        """How the router is doing."""
        return RouterStanding(
            self._leading,
            self._items,
            self._inboxes.deliveries,
            self._inboxes.collisions,
            len(self._tampered),
            frozenset(self._inboxes.broken),
            self._failure,
        )

    async def run(self) -> None:
        """Route until cancelled; goes on by itself when the store is lost and returns."""
        try:
            while True:
                try:
                    await self._step()
                    self._failure = None
                except HarkaraError as error:
                    if self._failure != error.detail:
                        log.error("router-cannot-work", reason=error.detail)
                    self._failure = error.detail
                    self._start_over()
                    await asyncio.sleep(RETRY_S)
        finally:
            self._leading = False

    async def close(self) -> None:
        """Give the lease back, so that no other router must wait for it to lapse. Call it after `run` has
        ended.
        """
        try:
            await self._routing.give_back_lease(self._holder)
        except HarkaraError as error:
            log.info("router-lease-kept", reason=error.detail)

    async def tick(self) -> RoutingView:
        """Route the next entries of the log. Gives what was read; without entries there was nothing to do.

        Raises `StoreUnavailable` and `OutcomeUnknown`; it may simply be called again.
        """
        async with self._busy:
            return await self._tick()

    async def reconcile(self) -> None:
        """Compare every inbox with what was last routed to it, and append what it lacks of what is routed.

        Raises `StoreUnavailable` and `OutcomeUnknown`; it may simply be called again.
        """
        async with self._busy:
            view = await self._routing.read(1)
            agencies = set(await self._agencies()) | set(view.routed_to)
            self._inboxes.forget()
            await self._inboxes.check(agencies)
            await self._catch_up(await self._inboxes.starts(agencies, view.routed_to), view.routed)

    async def _tick(self) -> RoutingView:
        view = await self._routing.read(ENTRIES_PER_TICK)
        if not view.entries:
            return view
        decisions = [self._decided(entry) for entry in view.entries]
        tick = _by_agency(zip(view.entries, decisions, strict=True))
        await self._inboxes.check(tick)
        starts = await self._inboxes.starts(tick, view.routed_to)
        if not await self._catch_up(starts, view.routed):
            return view
        moves: list[Move] = []
        numbers: Numbers = {}
        for agency in [agency for agency in tick if agency in self._inboxes]:
            references = tick[agency]
            wanted = due(references, later(starts.get(agency, view.routed), view.routed))
            if wanted:
                moves.append(self._inboxes.extend(agency, wanted))
                first = moves[-1].head.number - len(wanted) + 1
                numbers |= {(agency, r.position): n for n, r in enumerate(wanted, first)}
            if len(wanted) < len(references):
                found = await self._inboxes.numbers(agency, references[: len(references) - len(wanted)])
                numbers |= {(agency, position): number for position, number in found.items()}
        if await self._inboxes.write(moves):
            await self._advance(view, decisions, tick, numbers)
        return view

    async def _step(self) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() - self._lease_renewed_at > LEASE_RENEW_S:
            leads = await self._routing.hold_lease(self._holder, LEASE_MS)
            if leads and not self._leading:
                self._start_over()
            self._leading, self._lease_renewed_at = leads, loop.time()
        if not self._leading:
            self._lease_renewed_at = float("-inf")
            await asyncio.sleep(LEASE_RETRY_S)
            return
        if loop.time() - self._reconciled_at > RECONCILE_EVERY_S:
            await self.reconcile()
            self._reconciled_at = loop.time()
        view = await self.tick()
        if not view.entries:
            await self._routing.wait_for_entries(view.routed, IDLE_BLOCK_MS)

    def _start_over(self) -> None:
        self._inboxes.forget()
        self._lease_renewed_at = self._reconciled_at = float("-inf")

    def _decided(self, entry: LogEntry) -> Wraps | None:
        """Give a decision as frozen at admission; None when it is gone, or not ours."""
        try:
            if entry.decision is not None:
                return open_decision(self._vault, entry.item, entry.digest, entry.decision)
            if entry.recipients is not None:
                found = open_recipients(self._vault, entry.item, entry.digest, entry.recipients)
                return {agency: recipient.wrap for agency, recipient in found.items()}
            reason = "it is missing" if entry.item else "the entry is not one of ours"
        except (NotAuthentic, Malformed) as error:
            reason = error.detail
        expired = entry.item and entry.expires_at <= self._clock()
        if not expired and entry.position not in self._tampered:
            self._tampered.add(entry.position)
            log.error("decision-unusable", position=entry.position, reason=reason)
        return None

    async def _catch_up(self, starts: dict[str, str], routed: str) -> bool:
        """Append to each inbox what the log has for it from its start up to `routed`.

        Gives False when another router was faster: read again.
        """
        end = position_order(routed)
        behind = {agency: start for agency, start in starts.items() if position_order(start) < end}
        position = min(behind.values(), key=position_order, default=routed)
        completed: set[str] = set()
        while position_order(position) < end:
            page = await self._routing.entries_after(position, HISTORY_PAGE)
            entries = [entry for entry in page if position_order(entry.position) <= end]
            if not entries:
                break
            position = entries[-1].position
            found = _by_agency((entry, self._decided(entry)) for entry in entries)
            wanted = {agency: due(found.get(agency, ()), start) for agency, start in behind.items()}
            moves = [
                self._inboxes.extend(agency, references)
                for agency, references in wanted.items()
                if references
            ]
            if not await self._inboxes.write(moves):
                return False
            completed |= {move.agency for move in moves}
        if completed:
            log.warning("inboxes-completed", inboxes=len(completed))
            await self._routing.announce(completed)
            self._on_news(completed)
        return True

    async def _advance(
        self,
        view: RoutingView,
        decisions: Sequence[Wraps | None],
        tick: dict[str, list[InboxReference]],
        numbers: Numbers,
    ) -> None:
        items = []
        for entry, wraps in zip(view.entries, decisions, strict=True):
            if wraps is None:
                continue  # what is left of its decision stays, as evidence
            recipients = {
                a: Recipient(numbers.get((a, entry.position), 0), wrap) for a, wrap in wraps.items()
            }
            closed = close_recipients(self._vault, entry.item, entry.digest, recipients)
            items.append(RoutedItem(entry.item, closed))
        last = view.entries[-1]
        outcome = await self._routing.advance(
            view.routed,
            Place(last.position, last.digest),
            {agency: Place(r[-1].position, r[-1].digest) for agency, r in tick.items()},
            items,
            tick,
            entries=len(view.entries),
        )
        if outcome is Advance.DONE:
            self._items += len(view.entries)
            self._on_news(tick.keys())
        elif outcome is Advance.STALE:
            log.error("log-lost-its-tail")
            self._inboxes.forget()


def _by_agency(decided: Iterable[tuple[LogEntry, Wraps | None]]) -> dict[str, list[InboxReference]]:
    """Give each agency's references in the log's order."""
    found: dict[str, list[InboxReference]] = {}
    for entry, wraps in decided:
        for agency, wrap in (wraps or {}).items():
            found.setdefault(agency, []).append(
                InboxReference(entry.kind, entry.item, entry.digest, wrap, entry.expires_at, entry.position)
            )
    return found
