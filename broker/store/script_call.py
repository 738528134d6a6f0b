"""How a script of `scripts/` is called: by its digest, and by its text when the server does not know it.

Scripts begin with `#!lua`: a bare EVAL silently passes when two slots of a cluster happen to share a node. A
write is never repeated here, with two exceptions that are known to have written nothing: NOSCRIPT (the server
forgot the script) and TRYAGAIN (a slot of the cluster is moving).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from hashlib import sha1
from importlib.resources import files
from typing import Any

from redis.exceptions import NoScriptError, RedisError

from broker.store.connection import Client
from broker.store.refusals import code_of

TRYAGAIN_LIMIT_S = 2.0
"""How long a call waits for a slot that is moving."""
TRYAGAIN_PAUSE_S = 0.02

Argument = str | bytes | int


class Script:
    """One script, loaded from the package.

    Calling it gives the server's reply as redis-py decodes it (bytes, integers, lists). Redis' own errors
    pass through: the caller knows whether they concern a write.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.text = (files("broker.store") / "scripts" / f"{name}.lua").read_bytes()
        self.digest = sha1(self.text, usedforsecurity=False).hexdigest()

    async def __call__(self, client: Client, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run the script once on `client`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + TRYAGAIN_LIMIT_S
        while True:
            try:
                return await self._once(client, keys, arguments)
            except RedisError as error:
                if code_of(error) != "TRYAGAIN" or loop.time() > deadline:
                    raise
            await asyncio.sleep(TRYAGAIN_PAUSE_S)

    async def _once(self, client: Client, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        try:
            return await client.execute_command("EVALSHA", self.digest, len(keys), *keys, *arguments)
        except NoScriptError:
            return await client.execute_command("EVAL", self.text, len(keys), *keys, *arguments)

    async def together(
        self, client: Client, calls: Sequence[tuple[Sequence[str], Sequence[Argument]]]
    ) -> list[Any]:
        """Run the script once for each of `calls`, sent in one go, and give the replies in order.

        The calls must be independent: a server that forgets its scripts in between runs some of them after
        the others.
        """
        async with client.pipeline(transaction=False) as pipeline:
            for keys, arguments in calls:
                pipeline.execute_command("EVALSHA", self.digest, len(keys), *keys, *arguments)
            replies = await pipeline.execute(raise_on_error=False)
        for n, reply in enumerate(replies):
            if not isinstance(reply, Exception):
                continue
            if code_of(reply) not in ("NOSCRIPT", "TRYAGAIN"):
                raise reply
            replies[n] = await self(client, *calls[n])
        return replies
