"""What cases of refusals share: a broker to provoke, and the table that they are entered into."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import pytest

from broker.protocol import blind
from broker.protocol.blind import BlindPost
from broker.wiring import RunningBroker
from tests.contract.conftest import CheckedReader
from tests.exchange_fixtures import (
    FIA,
    ISLAMABAD,
    post_body,
    sign_bulletin,
)
from tests.proxies import Proxy
from tests.service.blind_author import BlindAuthor, keys_body, policy_of
from tests.stores import Server
from tests.web.reader import Answer


class World:
    """A broker, its store and a client, for one case."""

    def __init__(self, reader: CheckedReader, broker: RunningBroker, server: Server, proxy: Proxy) -> None:
        self.reader = reader
        self.exchange = reader.exchange
        self.broker = broker
        self.server = server
        self.proxy = proxy
        self.author = BlindAuthor(self.exchange, FIA)

    async def post(self, originator: str = FIA, /, **fields: Any) -> Answer:
        """Post a bulletin."""
        return await self.statement(*sign_bulletin(self.exchange, originator, **fields))

    async def statement(self, *post: Any) -> Answer:
        """Post a signed statement with its address."""
        return await self.reader.post("/v1/bulletins", post_body(*post))

    def sealed(
        self,
        shown: Callable[[Any], Any] = lambda it: it,
        to: Sequence[str] = (ISLAMABAD,),
        header: dict[str, Any] | None = None,
        **fields: Any,
    ) -> BlindPost:
        """Seal a bulletin for ISLAMABAD, whomever it names, with `shown` of its policy."""
        if not self.author.pairs:
            self.author.make([ISLAMABAD])
        statement, address = sign_bulletin(self.exchange, FIA, to=to, **fields)
        policy = shown(policy_of(statement))
        return self.author.seal(statement, address, [ISLAMABAD], policy=policy, **(header or {}))

    async def handed_in(self) -> bool:
        """Hand in the pair keys of the author. Tells whether they were taken."""
        body = keys_body(self.author.make([ISLAMABAD]))
        return (await self.reader.post("/v1/pair-keys", body)).json == {"kept": 2}

    async def blind(self, post: BlindPost) -> Answer:
        """Post what its author sealed."""
        return await self.reader.post("/v1/bulletins", post.pack(), blind.MEDIA_TYPE)

    async def put(self, path: str, body: bytes) -> Answer:
        """Put a document."""
        return await self.reader.post(path, body, method="PUT")


Case = Callable[[World], Awaitable[Answer]]
CASES: list[Any] = []


def case(kind: str) -> Callable[[Case], Case]:
    """Register a case that must be refused with the code `kind`."""

    def register(function: Case) -> Case:
        CASES.append(pytest.param(kind, function, id=f"{kind}:{function.__name__.strip('_')}"))
        return function

    return register
