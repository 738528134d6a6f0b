"""`harkara feed --count` and the client's feed count the same items: numbers that expired unread are none."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from tests.cli.runner import Done, program
from tests.client.conftest import Broker
from tests.client.test_feed import post_apart, sweep
from tests.exchange_fixtures import ISLAMABAD


@pytest.mark.parametrize(
    ("count", "code"),
    [
        pytest.param(1, 0, id="as many as came"),
        pytest.param(2, 1, id="one expired range is no item"),
        pytest.param(3, 1, id="nor are its numbers"),
        pytest.param(4, 1, id="nor all together"),
    ],
)
async def test_numbers_that_expired_unread_are_shown_and_not_counted(
    broker: Broker, tmp_path: Path, count: int, code: int
) -> None:
    await post_apart(broker, 3)
    await sweep(broker)
    done = await asyncio.to_thread(_feed, broker, tmp_path, "--count", str(count), "--timeout", "1s")
    assert [json.loads(line)["kind"] for line in done.out.splitlines()] == ["expired", "bulletin"], done.err
    assert done.code == code


def _feed(broker: Broker, place: Path, *arguments: str) -> Done:
    identity = place / "police.key"
    identity.write_bytes(broker.exchange.identities[ISLAMABAD].document())
    identity.chmod(0o600)
    (place / "exchange.json").write_bytes(broker.exchange.exchange.document())
    return program(
        *("feed", "--json", *arguments),
        HARKARA_URL=broker.url,
        HARKARA_IDENTITY=str(identity),
        HARKARA_STATE=str(place / "desk"),
    )
