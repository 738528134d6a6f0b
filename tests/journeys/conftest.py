"""A ministry that serves, for one journey."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from broker.service import clock
from tests.exchange_fixtures import TestExchange, make_exchange
from tests.journeys.ministry import Ministry, serving


@pytest.fixture
def exchange() -> TestExchange:
    """The exchange of the journey, at the wall's time."""
    return make_exchange(clock.now())


@pytest.fixture
async def ministry(exchange: TestExchange, tmp_path: Path) -> AsyncIterator[Ministry]:
    """A broker as a program of its own, with the embedded store."""
    async with serving(exchange, tmp_path) as running:
        yield running
