"""Checks of the inboxes: who has not acknowledged how much, and whose unread items are about to expire.

A bulletin that expires before its reader came is lost to that reader, though nothing failed: somebody has to
call the desk in time. What was routed less than an hour ago, or has long to live, is nobody's alarm.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from broker.errors import NotAuthentic
from broker.protocol.limits import DAY_US, HOUR_US
from broker.protocol.verdict import Check
from broker.service.inbox_proof import InboxProof
from broker.service.references import InboxReference
from broker.store.head import unpack_head
from broker.store.inboxes import Inboxes
from broker.store.members import Members

BACKLOG_WARN = 1_000
"""Items not acknowledged from which on an agency is taken not to read."""
WAITED_US = HOUR_US
"""An item that waits for less is not late."""
LOSS_WITHIN_US = DAY_US
ENTRIES_READ = 16
"""Inbox entries looked at per agency, from the oldest unread on."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found: checks, and the backlog of each agency."""

    checks: list[Check]
    backlogs: dict[str, int]


class InboxChecks:
    """Looks at the inboxes of all agencies."""

    def __init__(self, inboxes: Inboxes, members: Members, proof: InboxProof) -> None:
        self._inboxes, self._members, self._proof = inboxes, members, proof

    async def look(self, agencies: Iterable[str], now: int) -> Looked:
        """Check the inboxes of `agencies`. Raises `StoreUnavailable`."""
        packed = await self._inboxes.packed_heads(agencies)
        acknowledged = await self._members.all_acknowledged()
        checks: list[Check] = []
        backlogs: dict[str, int] = {}
        for agency, bytes_of_head in packed.items():
            try:
                head = unpack_head(bytes_of_head)
                self._proof.check_floor(agency, head)
            except NotAuthentic as error:
                checks.append(_broken(agency, error))
                continue
            read = acknowledged[agency][0] if agency in acknowledged else 0
            read = max(read, head.floor_number if head else 0)  # what was trimmed nobody can read any more
            backlogs[agency] = waiting = max(0, (head.number if head else 0) - read)
            checks.append(_backlog(agency, waiting))
            if waiting:
                checks += await self._losses(agency, read, now)
        return Looked(checks, backlogs)

    async def _losses(self, agency: str, read: int, now: int) -> list[Check]:
        unread: list[tuple[int, InboxReference]] = []
        try:
            for entry in await self._inboxes.entries(agency, read, ENTRIES_READ):
                unread += enumerate(self._proof.open(agency, entry), entry.first)
        except NotAuthentic as error:
            return [_broken(agency, error)]
        late = [
            reference.expires_at
            for number, reference in unread
            if number > read and _routed_at(reference) < now - WAITED_US
        ]
        ends = min(late, default=now + LOSS_WITHIN_US)
        if ends >= now + LOSS_WITHIN_US:
            return []
        hours = round((ends - now) / HOUR_US, 1)
        told = "has expired unread" if hours <= 0 else "expires unread"
        return [Check(f"unread:{agency}", "warn", hours, "hours", f"a bulletin {told}: call {agency}'s desk")]


def _broken(agency: str, error: NotAuthentic) -> Check:
    return Check(f"inbox:{agency}", "fail", output=f"{error.detail}: the store was tampered with")


def _backlog(agency: str, waiting: int) -> Check:
    if waiting < BACKLOG_WARN:
        return Check(f"backlog:{agency}", "pass", waiting, "entries")
    mend = f"{agency} does not read its inbox: call its desk"
    return Check(f"backlog:{agency}", "warn", waiting, "entries", mend)


def _routed_at(reference: InboxReference) -> int:
    """Give when an item was accepted (µs): its position in the log begins with the store's time in ms."""
    return int(reference.position.partition("-")[0]) * 1000
