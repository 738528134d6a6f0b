"""How the parts of one connection are put together, and where its trust comes from. The one place that knows
all.
"""

from __future__ import annotations

from pathlib import Path

from broker.client.acknowledging import Acknowledger
from broker.client.backoff import Patience
from broker.client.blind_posting import BlindPosting
from broker.client.clock import Clock
from broker.client.feed import Parts
from broker.client.lookups import Lookups
from broker.client.opening import Opener
from broker.client.outbox import Outbox
from broker.client.own_keys import OwnKeys
from broker.client.pair_keys import PairKeys
from broker.client.posting import Posting
from broker.client.private_files import read_public
from broker.client.recheck import Recheck
from broker.client.state import State
from broker.client.subscription_memory import SubscriptionMemory
from broker.client.transport import Transport
from broker.client.trust import Trust
from broker.client.trust_files import RegistryFiles, load_exchange, with_given
from broker.protocol.identity import Identity
from broker.protocol.registry import Registry


class Assembly:
    """The parts of one connection."""

    def __init__(
        self,
        keys: OwnKeys,
        trust: Trust,
        transport: Transport,
        state: State,
        patience: Patience,
        clock: Clock,
    ) -> None:
        self.clock = clock
        identity = keys.identity
        self.outbox = Outbox(state.outbox)
        blind = BlindPosting(keys, trust, transport, clock)
        self.posting = Posting(keys, trust, transport, self.outbox, clock, patience, blind)
        opener = Opener(identity.id, trust, PairKeys(keys, transport))
        subscriptions = SubscriptionMemory(state.subscription)
        self.lookups = Lookups(keys, trust, transport, opener, self.posting, subscriptions, clock, patience)
        self.recheck = Recheck(identity.id, transport, self.outbox, self.posting, clock)
        self.feed_parts = Parts(
            agency=identity.id,
            trust=trust,
            transport=transport,
            opener=opener,
            acknowledger=Acknowledger(keys, transport, clock),
            state=state,
            answering=self.posting,
            subscriptions=subscriptions,
            patience=patience,
        )


def load_trust(
    own: Identity,
    identity: str | Path | Identity,
    registry: str | Path | Registry | None,
    exchange: str | Path | None,
    state: State,
    transport: Transport,
    clock: Clock,
) -> Trust:
    """Build trust from what was given and what is kept. Raises `UnsafeConfiguration`, `WrongExchange`,
    `NotFound`, `NotAuthentic`, and what is wrong with a file.
    """
    if isinstance(registry, Registry):
        return Trust(registry, None, None, transport, clock)
    given = Path(registry) if registry is not None else None
    beside = [path for path in (given, None if isinstance(identity, Identity) else Path(identity)) if path]
    anchor = load_exchange(Path(exchange) if exchange is not None else None, beside, own.exchange)
    files = RegistryFiles(state.registry)
    trusted = files.load(anchor)
    if given is not None:
        trusted, taken = with_given(trusted, read_public(given), anchor)
        if taken:
            files.save(trusted)
    return Trust(trusted, anchor, files, transport, clock)
