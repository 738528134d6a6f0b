"""Acknowledgements: the client's word to the broker that it holds its inbox up to a number. Sent by itself.

They tell operators who is behind, and the broker what history this reader holds. Only what the loop has
finished with is acknowledged, at a verified head. That one does not get through is no fault of the feed: the
next says more.
"""

from __future__ import annotations

import logging

import msgspec

from broker.client.clock import Clock
from broker.client.inbox_check import ROLLBACK
from broker.client.own_keys import OwnKeys
from broker.client.transport import Transport
from broker.errors import HarkaraError, InboxBroken, RolledBack
from broker.protocol import dsse, times
from broker.protocol.answers import ACKNOWLEDGEMENT_TYPE, Acknowledgement, answer_json
from broker.protocol.head import Head
from broker.protocol.registry import Registry

log = logging.getLogger("harkara.client")
ACK_SECONDS = 10.0


class Acknowledger:
    """Sends acknowledgements of one agency."""

    def __init__(self, keys: OwnKeys, transport: Transport, clock: Clock) -> None:
        self._keys = keys
        self._transport = transport
        self._clock = clock

    async def send(self, head: Head, registry: Registry) -> bool:
        """Acknowledge everything up to a verified head. Tells whether the broker took it.

        Raises `InboxBroken` when the broker now has another history there.
        """
        now = self._clock()
        said = Acknowledgement(
            exchange=head.exchange.hex(),
            registry=registry.version,
            agency=self._keys.identity.id,
            epoch=head.epoch.hex(),
            number=head.number,
            chain=head.chain.hex(),
            at=times.format(now),
        )
        try:
            signed = self._keys.signing_key(now).sign(ACKNOWLEDGEMENT_TYPE, answer_json(said))
            body = msgspec.json.encode(dsse.to_json(signed))
            await self._transport.send("POST", "/v1/ack", body, seconds=ACK_SECONDS)
        except RolledBack as error:
            raise InboxBroken(f"{ROLLBACK}: {error.detail}", *error.problems) from None
        except HarkaraError as error:
            log.info("acknowledgement of %d not taken: %s", head.number, error.code)
            return False
        return True
