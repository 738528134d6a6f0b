"""Receipts: what recipients tell the originator, sealed to it like a bulletin and put into its inbox.

Only who received a bulletin may answer it; to all others it does not exist. The originator's overview joins
the broker's word (who has it in the inbox) with the recipients' own signed words.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from broker.errors import HarkaraError, IdConflict, NotFound, Problem, TooLarge, pointing_within
from broker.protocol import admission, digests, dsse, sealing
from broker.protocol.answers import RECEIPT_TYPE, Receipt, read_receipt
from broker.protocol.delivery import RECEIPT, Item, item_json
from broker.protocol.entitlements import Entitlements
from broker.protocol.limits import DAY_US, RECEIPTS_ITEMS
from broker.protocol.registry import Registry
from broker.service.allowance import Allowance
from broker.service.clock import Clock
from broker.service.fetching import Fetching
from broker.service.holders import UNROUTED, recipients_of, stamp_of
from broker.service.intake import Intake
from broker.service.sealing import Accepted, Admitted, Sealer, ToSeal
from broker.service.store_word import from_the_store
from broker.service.taking import Charge, under_newest
from broker.service.trust import Trust
from broker.service.vault import Vault
from broker.store.log import Log
from broker.store.records import Known

LIFE_US = 30 * DAY_US
"""How long after it was given a receipt is kept."""


class Receipts:
    """Takes receipts and shows them to originators."""

    def __init__(
        self,
        *,
        trust: Trust,
        log: Log,
        intake: Intake,
        sealer: Sealer,
        vault: Vault,
        fetching: Fetching,
        clock: Clock,
        allowance: Allowance,
    ) -> None:
        self._trust = trust
        self._log = log
        self._intake = intake
        self._sealer = sealer
        self._vault = vault
        self._fetching = fetching
        self._clock = clock
        self._allowance = allowance

    async def take(self, body: bytes) -> Accepted:
        """Take one signed receipt (DSSE JSON). Raises a `HarkaraError` that says what is wrong with it."""
        statement = admission.read_statement_body(body)
        charge = Charge(self._allowance, len(body))

        async def attempt(registry: Registry, _: Entitlements) -> Accepted:
            card = self._intake.sender(statement, registry, kind=RECEIPT_TYPE)
            charge.check(card.id)
            with pointing_within("/payload"):
                # What is refused here was never accepted, so nobody but its author holds it.
                with charge.when_refused(HarkaraError, card.id):
                    receipt = read_receipt(statement.payload)
                    admission.check_claims(receipt.agency, receipt.exchange, card.id, registry.exchange)
                stmt = digests.statement_digest(statement)
                with charge.when_refused(IdConflict, card.id):
                    repeat = await self._intake.first_answer(card.id, receipt.id, stmt)
                if repeat is not None:
                    return repeat
                admission.check_receipt(receipt, card.id, registry.exchange, self._clock())
                # Not before: the originator holds the receipt, and could send it again at its author's
                # expense.
                charge.take(card.id)
                admission.check_registry(registry, self._clock())
                await self._check_received(receipt)
                await self._check_number(receipt)
                self._check_originator(receipt, registry)
            return await self._sealer.append(self._admitted(statement, receipt, stmt, registry), registry)

        return await under_newest(self._trust, attempt)

    async def overview(self, caller: str, originator: str, bulletin_id: str) -> dict[str, Any]:
        """Give {stamp, delivered: [{agency, number}], receipts: [item]} of a bulletin to its originator
        alone, until a day after its expiry.

        `delivered` is the broker's word on who has it, number 0 while it is on the way; each receipt is
        sealed to the caller and signed by its author. Raises `NotFound` for everybody else, as for what does
        not exist.
        """
        item = f"{originator}/{bulletin_id}"
        (known,) = await self._log.known([item])
        if caller != originator or known is None:
            raise NotFound("there is no such bulletin of this agency")
        holders = await recipients_of(self._log, self._vault, item, stamp_of(known).sealed)
        with from_the_store("stamp"):
            stamp = dsse.from_bytes(known.stamp)
        receipts: list[Item] = []
        for name in await self._log.receipts(item):
            agency, _, receipt_id = name.partition("/")
            # One that has expired, a bulletin lives longer, hides none of the others.
            with suppress(NotFound):
                receipts.append(await self._fetching.one(caller, agency, receipt_id))
        return {
            "stamp": dsse.to_json(stamp),
            "delivered": [
                {"agency": agency, "number": found.number, "routed": found.number != UNROUTED}
                for agency, found in sorted(holders.items())
            ],
            "receipts": [item_json(receipt) for receipt in receipts],
        }

    async def _check_received(self, receipt: Receipt) -> None:
        item = f"{receipt.originator}/{receipt.bulletin}"
        (known,) = await self._log.known([item])
        if known is None or not await self._received(receipt, item, known):
            raise NotFound(
                "this agency received no such bulletin",
                Problem("/bulletin", "the id of a bulletin in your inbox", receipt.bulletin),
            )

    async def _received(self, receipt: Receipt, item: str, known: Known) -> bool:
        sealed = stamp_of(known).sealed
        if (receipt.stmt, receipt.sealed) != (known.stmt.hex(), sealed.hex()):
            return False
        return receipt.agency in await recipients_of(self._log, self._vault, item, sealed)

    async def _check_number(self, receipt: Receipt) -> None:
        # They fill the originator's inbox: one recipient must not flood it.
        given = await self._log.receipts(f"{receipt.originator}/{receipt.bulletin}")
        if sum(name.startswith(f"{receipt.agency}/") for name in given) >= RECEIPTS_ITEMS:
            raise TooLarge(
                "this agency has said enough about this bulletin",
                Problem("/bulletin", f"at most {RECEIPTS_ITEMS} receipts of one agency", "one more"),
            )

    def _check_originator(self, receipt: Receipt, registry: Registry) -> None:
        if receipt.originator not in registry.active(self._clock()):
            raise NotFound(
                "the originator is no active member any more, so nobody could read this receipt",
                Problem("/originator", "an active member", receipt.originator),
            )

    def _admitted(
        self, statement: dsse.Envelope, receipt: Receipt, stmt: bytes, registry: Registry
    ) -> Admitted:
        def header(kid: bytes) -> sealing.Header:
            return sealing.ReceiptHeader(
                exchange=registry.exchange,
                mode=sealing.BY_BROKER,
                sealer=self._sealer.name,
                sealer_kid=kid,
                agency=receipt.agency,
                id=receipt.id,
                stmt=stmt,
                registry_version=registry.version,
            )

        return Admitted(
            kind=RECEIPT,
            author=receipt.agency,
            id=receipt.id,
            stmt=stmt,
            sealing=ToSeal(sealing.Content(statement, None), header),
            recipients=frozenset({receipt.originator}),
            expires_at=self._clock() + LIFE_US,
            receipt_of=f"{receipt.originator}/{receipt.bulletin}",
        )
