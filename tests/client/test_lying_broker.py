"""A broker that lies: what it drops, holds back or shows in two ways stops the reader, with evidence."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from broker.client import ReceivedBulletin
from broker.errors import HarkaraError, InboxBroken, NotAuthentic
from broker.protocol import delivery, dsse
from broker.protocol.delivery import Page
from broker.protocol.head import HEAD_TYPE, read_head
from broker.service.cursor import Cursor
from tests.client.conftest import Broker, drain
from tests.client.relay import Relay
from tests.exchange_fixtures import BROKER, FIA, ISLAMABAD, MOI, envelope_json, next_version
from tests.service.conftest import publish

Lie = Callable[[Page], Page]


async def post(broker: Broker, count: int) -> None:
    async with broker.connect(FIA) as fia:
        for n in range(count):
            mark = {"system": "test", "key": "number", "value": str(n)}
            await fia.post(broker.document(correlations=[mark]))
    await broker.arrived(ISLAMABAD, count)


def lying(lie: Lie) -> Callable[[str, bytes], bytes]:
    def change(name: str, body: bytes) -> bytes:
        return delivery.pack_page(lie(delivery.read_page(body))) if name == "GET /v1/inbox" else body

    return change


def without_item(page: Page) -> Page:
    return replace(page, items=page.items[:1] + page.items[2:])


def without_entry(page: Page) -> Page:
    gone = page.entries[-1]
    return replace(
        page, entries=page.entries[:-1], items=tuple(i for i in page.items if i.number < gone.first)
    )


def without_last_item(page: Page) -> Page:
    return replace(page, items=page.items[:-1])


def in_other_order(page: Page) -> Page:
    return replace(page, items=tuple(reversed(page.items)))


def twice(page: Page) -> Page:
    return replace(page, items=(page.items[0], *page.items))


def of_another_agency(page: Page) -> Page:
    return replace(page, agency=MOI)


def of_another_epoch(page: Page) -> Page:
    return replace(page, epoch=bytes(16))


def with_other_references(page: Page) -> Page:
    entry = page.entries[0]
    changed = replace(entry, references=tuple((kind, bytes(32)) for kind, _ in entry.references))
    return replace(page, entries=(changed, *page.entries[1:]))


@pytest.mark.parametrize(
    ("lie", "kind"),
    [
        pytest.param(without_item, "gap", id="an-item-less"),
        pytest.param(without_last_item, "gap", id="the-last-item-less"),
        pytest.param(without_entry, "gap", id="an-entry-less"),
        pytest.param(in_other_order, "gap", id="in-another-order"),
        pytest.param(twice, "rollback", id="an-item-twice"),
        pytest.param(of_another_agency, "forged", id="the-inbox-of-another"),
        pytest.param(of_another_epoch, "forged", id="an-epoch-that-is-not-the-registrys"),
        pytest.param(with_other_references, "fork", id="other-references"),
    ],
)
async def test_a_lie_about_the_inbox_stops_the_feed_and_leaves_evidence(
    broker: Broker, relay: Relay, lie: Lie, kind: str
) -> None:
    await post(broker, 3)
    relay.change = lying(lie)
    async with broker.connect(ISLAMABAD, url=relay.url) as police:
        with pytest.raises(InboxBroken) as broken:
            await drain(police)
        assert broken.value.detail.startswith(kind)
        assert broken.value.exit_code == 5
        (evidence,) = _evidence(broker.state)
        assert str(evidence) in broken.value.detail
        assert json.loads(evidence.read_bytes())["code"] == "inbox-broken"
        relay.change = lambda _, body: body
        await police.forget_place()
        assert [item.number for item in await drain(police)] == [1, 2, 3]


async def test_whoever_was_shown_another_history_does_not_go_on_by_itself(
    broker: Broker, relay: Relay
) -> None:
    await post(broker, 2)
    relay.change = lying(with_other_references)
    async with broker.connect(ISLAMABAD, url=relay.url) as police:
        with pytest.raises(InboxBroken):
            await drain(police)
        relay.change = lambda _, body: body
        with pytest.raises(InboxBroken, match="rollback"):
            await drain(police)


def _evidence(state: Path) -> list[Path]:
    return [path for path in state.rglob("*.json") if path.parent.name == "evidence"]


async def test_a_broker_that_shows_an_older_inbox_is_found_out(broker: Broker, relay: Relay) -> None:
    await post(broker, 2)
    old: list[bytes] = []

    def remember(name: str, body: bytes) -> bytes:
        if name == "GET /v1/inbox":
            old.append(body)
        return body

    relay.change = remember
    async with broker.connect(ISLAMABAD, url=relay.url) as police:
        await drain(police)
        await post(broker, 4)
        await drain(police)
        relay.change = lambda name, body: _emptied(old[0]) if name == "GET /v1/inbox" else body
        with pytest.raises(InboxBroken, match="rollback"):
            await drain(police)


def _emptied(record: bytes) -> bytes:
    page = delivery.read_page(record)
    return delivery.pack_page(replace(page, entries=(), items=()))


async def test_two_heads_of_one_number_are_kept_as_proof(broker: Broker, relay: Relay) -> None:
    await post(broker, 2)
    async with broker.connect(ISLAMABAD, url=relay.url) as police:
        await drain(police)
        page = await broker.service.reading.page(ISLAMABAD, Cursor(2))
        assert page.head is not None
        other = replace(read_head(page.head.payload), chain=bytes(32))
        forged = broker.exchange.signing(BROKER).sign(HEAD_TYPE, other.pack())
        relay.change = lying(lambda shown: replace(shown, head=forged))
        with pytest.raises(InboxBroken, match="two signed heads"):
            await drain(police)
    (evidence,) = _evidence(broker.state)
    kept = json.loads(evidence.read_bytes())
    heads = [read_head(dsse.from_json(kept[name]).payload) for name in ("head_before",)]
    heads.append(read_head(dsse.from_json(kept["arrived"]["head"]).payload))
    assert heads[0].contradicts(heads[1])


async def test_a_broker_that_lost_what_a_reader_holds_is_found_out(broker: Broker) -> None:
    await post(broker, 2)
    async with broker.connect(ISLAMABAD) as police:
        await drain(police)
    (place,) = [path for path in broker.state.rglob("*.json") if path.parent.name == "places"]
    told = json.loads(place.read_bytes())
    for further in ({"chain": "00" * 32}, {"after": 9, "at": 9}):
        place.write_text(json.dumps(told | further))
        async with broker.connect(ISLAMABAD) as police:
            with pytest.raises(InboxBroken, match="rollback"):
                await drain(police)


async def test_a_reader_held_back_on_an_old_registry_raises_the_alarm(broker: Broker, relay: Relay) -> None:
    old = envelope_json(broker.exchange.registry_envelope)
    await post(broker, 1)
    await publish(broker.service, next_version(broker.exchange))
    relay.change = lambda name, body: old if name == "GET /v1/registry" else body
    async with broker.connect(ISLAMABAD, url=relay.url) as police:
        with pytest.raises(NotAuthentic, match="freeze"):
            await drain(police)


async def test_another_registry_of_the_same_version_raises_the_alarm(broker: Broker, relay: Relay) -> None:
    await post(broker, 1)

    def other_digest(page: Page) -> Page:
        assert page.head is not None
        head = replace(read_head(page.head.payload), registry_digest=bytes(32))
        return replace(page, head=broker.exchange.signing(BROKER).sign(HEAD_TYPE, head.pack()))

    relay.change = lying(other_digest)
    async with broker.connect(ISLAMABAD, url=relay.url) as police:
        with pytest.raises(NotAuthentic, match="freeze"):
            await drain(police)


async def test_a_registry_that_the_root_keys_did_not_sign_is_not_followed(
    broker: Broker, relay: Relay
) -> None:
    newer = next_version(broker.exchange)
    await publish(broker.service, newer)
    signed = newer.registry_envelope
    forged = replace(signed, payload=signed.payload.replace(b'"version":2', b'"version":3'))
    relay.change = lambda name, body: envelope_json(forged) if name == "GET /v1/registry" else body
    async with broker.connect(ISLAMABAD, url=relay.url) as police:
        with pytest.raises(HarkaraError) as refused:
            await police.refresh_registry()
        assert refused.value.code == "bad-signature"
        assert police.registry().version == 1


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{}", id="an-empty-object"),
        pytest.param(b"[" * 100_000, id="deep-nesting"),
        pytest.param(b"\x90" * 10, id="other-msgpack"),
        pytest.param(b"x" * (17 * 1024 * 1024), id="more-than-is-read"),
    ],
)
async def test_nonsense_is_refused_in_words(broker: Broker, relay: Relay, answer: bytes) -> None:
    async with broker.connect(FIA, url=relay.url) as fia:
        posted = await fia.post(broker.document())
        relay.change = lambda _, body: answer
        for ask in (
            drain(fia),
            fia.fetch(FIA, posted.id),
            fia.receipts(posted.id),
            fia.post(broker.document()),
        ):
            with pytest.raises(HarkaraError):
                await ask


async def test_the_wrong_pair_key_makes_an_item_unverified_and_stops_nothing(
    broker: Broker, relay: Relay
) -> None:
    await post(broker, 2)
    relay.refuse = lambda name: 404 if name.startswith("GET /v1/pair-keys") else None
    async with broker.connect(ISLAMABAD, url=relay.url) as police:
        assert {getattr(item, "code", None) for item in await drain(police)} == {"pair-key"}
        relay.refuse = lambda _: None
        assert all(isinstance(item, ReceivedBulletin) for item in await drain(police, after=0))


async def test_a_broker_that_is_away_for_a_moment_makes_no_item_unverified(
    broker: Broker, relay: Relay
) -> None:
    await post(broker, 1)
    away = iter([503, 503])
    relay.refuse = lambda name: next(away, None) if name.startswith("GET /v1/pair-keys") else None
    async with broker.connect(ISLAMABAD, url=relay.url) as police:
        (item,) = await drain(police)
        assert isinstance(item, ReceivedBulletin)
