from __future__ import annotations

from broker.protocol import dsse, pairkeys, sealing
from broker.protocol.stamp import read_stamp
from broker.service.cursor import Cursor
from broker.service.service import Service
from tests.exchange_fixtures import FIA, ISLAMABAD, TestExchange, post_body, sign_bulletin


async def test_a_bulletin_travels_from_its_originator_to_an_entitled_agency_and_opens_there(
    service: Service, exchange: TestExchange
) -> None:
    statement, address = sign_bulletin(exchange, FIA)
    accepted = await service.posting.post(post_body(statement, address))
    assert not accepted.repeated
    await service.reading.wait(ISLAMABAD, 0, 5)
    page = await service.reading.page(ISLAMABAD, Cursor())
    (item,) = page.items
    assert item.body is not None
    stamp = read_stamp(item.body.stamp.payload)
    assert item.body.stamp == accepted.stamp
    envelope = await service.pair_keys.sealed(ISLAMABAD, item.body.wrap[:16])
    pair = pairkeys.open_pair_key(
        envelope, exchange.id, ISLAMABAD, exchange.identities[ISLAMABAD].sealing_key
    )
    content = sealing.open_sealed(item.body.sealed, pair.unwrap(item.body.wrap, stamp.sealed))
    assert content.statement == statement
    assert page.head is not None
    dsse.verify(
        page.head,
        exchange.registry.signer(page.head.signature.kid, exchange.now)[1].signing,
        kind="application/vnd.harkara.head+msgpack",
    )  # type: ignore[arg-type]
