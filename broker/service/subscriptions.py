"""Subscriptions: what each agency wants to hear, as signed by it.

The version must grow, or a replay of an old one could silence an agency; it stands in every head, so that the
agency sees which one is in force. Kept under the store key: what an agency listens for is its own business.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import structlog

from broker.errors import HarkaraError, Problem, VersionConflict, pointing_within
from broker.protocol import admission, dsse, strictjson, times
from broker.protocol.answers import SUBSCRIPTION_TYPE, Subscription, read_subscription
from broker.protocol.routing import Interest
from broker.service.allowance import Allowance
from broker.service.clock import Clock
from broker.service.store_word import from_the_store
from broker.service.trust import Trust
from broker.service.vault import Purpose, Vault
from broker.store.members import Members
from broker.store.together import Together

log = structlog.get_logger("harkara.subscriptions")


class Subscriptions:
    """The subscriptions of all agencies, read from the store each time: a decision must not rest on an old
    one.
    """

    def __init__(
        self, trust: Trust, members: Members, vault: Vault, clock: Clock, allowance: Allowance
    ) -> None:
        self._trust = trust
        self._members = members
        self._vault = vault
        self._clock = clock
        self._allowance = allowance
        self._read: dict[str, tuple[bytes, Interest]] = {}
        self._together: Together[None, dict[str, Interest]] = Together(self._interests)

    async def put(self, body: bytes) -> dict[str, Any]:
        """Take a signed subscription. Gives {agency, version}. Raises `VersionConflict` when it is
        not newer.
        """
        statement = admission.read_statement_body(body)
        now = self._clock()
        card = admission.authenticate(statement, self._trust.registry, now, kind=SUBSCRIPTION_TYPE)
        self._allowance.charge_post(card.id, len(body))
        with pointing_within("/payload"):
            wanted = read_subscription(statement.payload)
            admission.check_claims(wanted.agency, wanted.exchange, card.id, self._trust.exchange.id)
            admission.check_recent(times.parse(wanted.at), wanted.at, "/at", now)
            record = msgspec.json.encode(dsse.to_json(statement))
            closed = self._vault.close(Purpose.SUBSCRIPTION, _name(card.id, wanted.version), record)
            in_force = await self._members.put_subscription(card.id, wanted.version, closed)
            if in_force is not None and not await self._same(card.id, in_force, wanted):
                raise VersionConflict(
                    "a subscription as new as this is in force",
                    Problem("/version", f"more than {in_force}", str(wanted.version)),
                )
        return {"agency": card.id, "version": wanted.version}

    async def get(self, agency: str) -> dict[str, Any]:
        """Give an agency's own signed subscription: {version, statement?}; version 0 when it never
        subscribed.
        """
        kept = await self._members.subscription(agency)
        if kept is None:
            return {"version": 0}
        version, closed = kept
        with from_the_store("subscription"):
            record = self._vault.open(Purpose.SUBSCRIPTION, _name(agency, version), closed)
            return {"version": version, "statement": strictjson.decode(record)}

    async def version(self, agency: str) -> int:
        """Give the version in force, 0 for none."""
        kept = await self._members.subscription(agency)
        return 0 if kept is None else kept[0]

    async def interests(self) -> Mapping[str, Interest]:
        """Give what every agency that has subscribed wants to hear.

        One that was tampered with counts as none at all: its agency then hears everything that it is entitled
        to, rather than nothing. Those who ask together share the answer: it is not to be changed.
        """
        return await self._together.answer(None)

    async def _interests(self, asked: Sequence[None]) -> list[dict[str, Interest]]:
        found: dict[str, Interest] = {}
        for agency, (version, closed) in (await self._members.subscriptions()).items():
            kept = self._read.get(agency)
            if kept is None or kept[0] != closed:
                try:
                    kept = closed, _interest(self._open(agency, version, closed))
                except HarkaraError as error:
                    log.error("subscription-not-ours", agency=agency, code=error.code)
                    continue
                self._read[agency] = kept
            found[agency] = kept[1]
        return [found] * len(asked)

    async def _same(self, agency: str, version: int, wanted: Subscription) -> bool:
        # The same statement sent again (its first answer was lost) is no conflict.
        kept = await self._members.subscription(agency)
        with from_the_store("subscription"):
            return kept is not None and kept[0] == version and self._open(agency, *kept) == wanted

    def _open(self, agency: str, version: int, closed: bytes) -> Subscription:
        record = self._vault.open(Purpose.SUBSCRIPTION, _name(agency, version), closed)
        return read_subscription(dsse.from_json(strictjson.decode(record)).payload)


def _name(agency: str, version: int) -> str:
    return f"{agency} {version}"


def _interest(subscription: Subscription) -> Interest:
    return Interest(frozenset(subscription.categories), frozenset(subscription.areas), subscription.severity)
