"""What the store says of itself is not to be believed; and what it got wrong is no fault of whoever asked.

A record that does not open, a name that leads elsewhere: each is refused where it is read. Towards a caller
that is an outage with an operator to call, not a document of the caller's to be mended: a client that is told
so keeps what it had to say, and says it again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from broker.errors import Malformed, NotAuthentic, StoreTampered

log = structlog.get_logger("harkara.store")


@contextmanager
def from_the_store(what: str) -> Iterator[None]:
    """Turn what reading a record of the store raises into `StoreTampered`. `what` names the kind of record,
    never an item.
    """
    try:
        yield
    except (NotAuthentic, Malformed) as why:
        log.error("store-tampered", record=what, code=why.code)
        raise StoreTampered(f"the store's {what} is not the brokers' own: call the operator") from why
