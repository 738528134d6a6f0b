"""How far the router is behind, sampled once a second: so that a post need not ask, and is refused when it is
too far.
"""

from __future__ import annotations

import asyncio

from broker.errors import StoreUnavailable
from broker.protocol.limits import SECOND_US
from broker.store.records import Lag
from broker.store.routing import Routing

SAMPLE_SECONDS = 1.0
REFUSE_AGE_US = 5 * SECOND_US
"""When the oldest accepted item waits longer than this for the router, more posts are refused."""


class RouterLag:
    """The last sample. Run `run` as a task."""

    def __init__(self, routing: Routing) -> None:
        self._routing = routing
        self.last = Lag(0, 0)

    def too_far(self) -> bool:
        """Tell whether posts are to be refused."""
        return self.last.oldest_age > REFUSE_AGE_US

    async def sample(self) -> None:
        """Sample now. Raises `StoreUnavailable`."""
        self.last = await self._routing.lag()

    async def run(self) -> None:
        """Sample until cancelled. While the store is lost nothing is told: posts fail by themselves then."""
        while True:
            try:
                await self.sample()
            except StoreUnavailable:
                self.last = Lag(0, 0)
            await asyncio.sleep(SAMPLE_SECONDS)
