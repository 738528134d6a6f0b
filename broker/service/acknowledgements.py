"""Acknowledgements: an agency's signed word that it holds its inbox up to a number.

They tell operators who is behind; nothing is trimmed because of one, since another consumer of the same
agency may not have read so far. A lower one is answered with the highest.
"""

from __future__ import annotations

from typing import Any

import msgspec

from broker.errors import CursorNotOurs, Problem, RolledBack, pointing_within
from broker.protocol import admission, dsse, times
from broker.protocol.answers import ACKNOWLEDGEMENT_TYPE, read_acknowledgement
from broker.protocol.chain import first_link
from broker.service.allowance import Allowance
from broker.service.clock import Clock
from broker.service.inbox_proof import InboxProof
from broker.service.store_word import from_the_store
from broker.service.trust import Trust
from broker.store.inboxes import Inboxes
from broker.store.members import Members


class Acknowledgements:
    """Takes acknowledgements."""

    def __init__(
        self,
        trust: Trust,
        inboxes: Inboxes,
        members: Members,
        proof: InboxProof,
        clock: Clock,
        allowance: Allowance,
    ) -> None:
        self._trust = trust
        self._inboxes = inboxes
        self._members = members
        self._proof = proof
        self._clock = clock
        self._allowance = allowance

    async def take(self, body: bytes) -> dict[str, Any]:
        """Take a signed acknowledgement. Gives {number}: the highest. Raises `CursorNotOurs` or `RolledBack`
        when its number, chain or epoch is not one of this inbox: an agency that holds another history must
        hear of it.
        """
        statement = admission.read_statement_body(body)
        now = self._clock()
        card = admission.authenticate(statement, self._trust.registry, now, kind=ACKNOWLEDGEMENT_TYPE)
        self._allowance.charge_post(card.id, len(body))
        with pointing_within("/payload"):
            said = read_acknowledgement(statement.payload)
            admission.check_claims(said.agency, said.exchange, card.id, self._trust.exchange.id)
            admission.check_recent(times.parse(said.at), said.at, "/at", now)
            epoch = self._trust.registry.epoch
            if said.epoch != epoch.hex():
                raise CursorNotOurs("made for another epoch", Problem("/epoch", epoch.hex(), said.epoch))
            await self._check_place(card.id, said.number, bytes.fromhex(said.chain))
        highest, _ = await self._members.acknowledge(
            card.id, said.number, msgspec.json.encode(dsse.to_json(statement))
        )
        return {"number": highest}

    async def _check_place(self, agency: str, number: int, held: bytes) -> None:
        if number == 0:
            expected = first_link(self._trust.exchange.id, self._trust.registry.epoch, agency)
        else:
            entry = await self._inboxes.entry_ending_at(agency, number)
            if entry is None:
                with from_the_store("head"):
                    head = await self._inboxes.head(agency)
                    self._proof.check_floor(agency, head)
                if head is not None and number < head.floor_number:
                    return  # trimmed: nothing is left to compare it with
                if head is None or number != head.floor_number:
                    raise CursorNotOurs(
                        "no entry of the inbox ends at this number",
                        Problem(
                            "/number", f"an entry's end, at most {head.number if head else 0}", str(number)
                        ),
                    )
                expected = head.floor_chain
            else:
                expected = entry.chain
        if held != expected:
            raise RolledBack(
                "the inbox has another chain at this number", Problem("/chain", expected.hex(), held.hex())
            )
