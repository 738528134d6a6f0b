"""The whole way: posted by one agency, read by another, answered, seen by the first."""

from __future__ import annotations

from broker.client import ReceivedBulletin, ReceivedReceipt
from tests.client.conftest import Broker, drain
from tests.exchange_fixtures import FIA, ISLAMABAD
from tests.waiting import HANG_S


async def test_a_bulletin_is_posted_read_answered_and_the_answer_read(broker: Broker) -> None:
    async with broker.connect(FIA) as fia, broker.connect(ISLAMABAD) as police:
        posted = await fia.post(broker.document(), to=[ISLAMABAD])
        assert not posted.repeated
        (item,) = await drain(police, timeout=HANG_S, count=1)
        assert isinstance(item, ReceivedBulletin)
        assert (item.number, item.originator, item.id) == (1, FIA, posted.id)
        assert not item.redelivered
        receipt = await item.acknowledge("opened")
        (answer,) = await drain(fia, timeout=HANG_S, count=1)
        assert isinstance(answer, ReceivedReceipt)
        assert (answer.id, answer.receipt.kind, answer.originator) == (receipt.id, "opened", ISLAMABAD)
        overview = await fia.receipts(posted.id)
        assert [one.agency for one in overview.delivered] == [ISLAMABAD]
        assert [one.receipt.kind for one in overview.receipts] == ["opened"]
        assert overview.unverified == 0
        assert await drain(police) == []


async def test_a_live_feed_hands_out_what_is_posted_while_it_is_open(broker: Broker) -> None:
    async with broker.connect(FIA) as fia, broker.connect(ISLAMABAD) as police:
        seen: list[str] = []
        first = await fia.post(broker.document())
        async for item in police.feed(count=3):
            assert isinstance(item, ReceivedBulletin)
            seen.append(item.id)
            if len(seen) < 3:
                await fia.post(
                    broker.document(marking="TLP:GREEN", severity=("Minor", "Severe")[len(seen) - 1])
                )
        assert seen[0] == first.id
        assert len(set(seen)) == 3
