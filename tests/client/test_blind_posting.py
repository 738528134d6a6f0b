"""Blind posts through a real broker: sealed by their author, read and believed by whom it named, by nobody
else.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from broker.client import Posted, ReceivedBulletin, ReceivedReceipt, Unverified, recheck
from broker.client.blind_posting import check_audience
from broker.errors import (
    AudienceChanged,
    HarkaraError,
    MayNotOriginate,
    NotAuthentic,
    SchemaError,
    Unavailable,
    UnknownAgency,
)
from broker.protocol import dsse
from broker.protocol.digests import Address
from broker.protocol.sealing import BY_ORIGINATOR, read_header
from tests.client.conftest import Broker, drain
from tests.client.relay import Relay
from tests.exchange_fixtures import (
    ANF,
    BROKER,
    CTD,
    FIA,
    ISLAMABAD,
    MOI,
    fixed,
    identity,
    make_exchange,
    next_version,
)
from tests.service.conftest import publish

SECRET = "The consignment leaves Torkham on Thursday"


async def test_it_is_read_and_believed_by_those_whom_it_names_and_acknowledged(broker: Broker) -> None:
    document = broker.document(marking="TLP:RED", text={"en": {"headline": SECRET}})
    async with broker.connect(FIA) as fia, broker.connect(ISLAMABAD) as islamabad:
        posted = await fia.post(document, to=[ISLAMABAD], blind=True)
        assert posted.sealed_for == (ISLAMABAD,)
        (item,) = [found async for found in islamabad.feed(count=1, timeout=10)]
        assert isinstance(item, ReceivedBulletin)
        assert item.bulletin.text is not None
        assert item.bulletin.text["en"].headline == SECRET
        await item.acknowledge("opened")
        (receipt,) = [found async for found in fia.feed(count=1, timeout=10)]
        assert isinstance(receipt, ReceivedReceipt)
        own = await fia.fetch(FIA, posted.id)
        assert own.bulletin == item.bulletin
        overview = await fia.receipts(posted.id)
        assert [(one.agency, one.routed) for one in overview.delivered] == [(ISLAMABAD, True)]
    for outsider in (MOI, ANF, CTD):
        async with broker.connect(outsider) as agency:
            assert await drain(agency) == []


async def test_the_broker_never_sees_what_it_routes(broker: Broker, relay: Relay) -> None:
    """P4: all that the client sends is looked through, and the sealer is the author."""
    async with broker.connect(FIA, url=relay.url) as fia:
        await fia.post(broker.document(text={"en": {"headline": SECRET}}), to=[MOI], blind=True)
    asked = [name for name, _ in relay.sent]
    assert asked[-3:] == ["POST /v1/audience", "POST /v1/pair-keys", "POST /v1/bulletins"]
    assert in_clear(relay) == []
    await broker.arrived(MOI, 1)
    async with broker.connect(MOI) as moi:
        (item,) = await drain(moi)
    assert isinstance(item, ReceivedBulletin)
    header = read_header(item.evidence.sealed_header)
    assert (header.mode, header.sealer) == (BY_ORIGINATOR, FIA)


async def test_without_an_address_it_reaches_all_that_an_open_post_reaches(broker: Broker) -> None:
    document = broker.document()
    async with broker.connect(FIA) as fia:
        openly = await fia.audience(document)
        assert await fia.audience(document, blind=True) == openly
        posted = await fia.post(document, blind=True)
    assert posted.sealed_for == tuple(one.agency for one in openly if one.delivers)
    assert len(posted.sealed_for) > 1
    for reader in posted.sealed_for:
        await broker.arrived(reader, 1)
        async with broker.connect(reader) as agency:
            assert [type(item) for item in await drain(agency)] == [ReceivedBulletin]


async def test_the_same_asked_for_again_is_the_same_post(broker: Broker) -> None:
    document = broker.document()
    async with broker.connect(FIA) as fia:
        first = await fia.post(document, to=[MOI], blind=True)
    async with broker.connect(FIA) as fia:  # pair keys, and so the ciphertext, are others now
        again = await fia.post(document, to=[MOI], blind=True)
        assert (again.id, again.repeated, again.envelope) == (first.id, True, first.envelope)
        assert (first.sealed_for, again.sealed_for) == ((MOI,), ())
        openly = await fia.post(document, to=[MOI])
        assert (openly.id == first.id, openly.sealed_for) == (False, ())
    await broker.arrived(MOI, 2)
    async with broker.connect(MOI) as moi:
        assert [item.id for item in await drain(moi) if isinstance(item, ReceivedBulletin)] == [
            first.id,
            openly.id,
        ]


async def test_an_answer_that_was_lost_is_asked_for_again(broker: Broker, relay: Relay) -> None:
    lost: list[bytes] = []

    def lose_first(name: str, body: bytes) -> bytes | None:
        if name == "POST /v1/bulletins" and not lost:
            lost.append(body)
            return None
        return body

    relay.change = lose_first
    async with broker.connect(FIA, url=relay.url) as fia:
        posted = await fia.post(broker.document(), to=[MOI], blind=True)
    assert posted.repeated
    await broker.arrived(MOI, 1)
    async with broker.connect(MOI) as moi:
        assert len(await drain(moi)) == 1


async def test_one_that_found_no_broker_is_kept_and_sealed_when_there_is_one(
    broker: Broker, relay: Relay
) -> None:
    document = broker.document(text={"en": {"headline": SECRET}})
    relay.refuse = lambda name: 503 if name == "POST /v1/audience" else None
    async with broker.connect(FIA, url=relay.url, patience=0.0) as fia:
        with pytest.raises(Unavailable):
            await fia.post(document, to=[MOI], blind=True)
        relay.refuse = lambda _: None
        posted = await fia.post(document, to=[MOI], blind=True)
    assert not posted.repeated
    assert in_clear(relay) == []


async def test_one_that_the_broker_lost_is_sealed_again_and_never_sent_in_clear(
    broker: Broker, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with broker.connect(FIA, url=relay.url) as fia:
        posted = await fia.post(broker.document(text={"en": {"headline": SECRET}}), to=[MOI], blind=True)
    relay.refuse = lambda name: 404 if name.startswith("GET /v1/bulletins/") else None
    monkeypatch.setattr(recheck, "AFTER_US", 0)
    async with broker.connect(FIA, url=relay.url) as fia:
        assert await fia.recheck() == [posted.id]
    assert [name for name, _ in relay.sent].count("POST /v1/bulletins") > 1
    assert in_clear(relay) == []


async def test_one_who_joined_between_the_question_and_the_post_gets_it(broker: Broker, relay: Relay) -> None:
    forgot: list[str] = []

    def forget_one(name: str, body: bytes) -> bytes:
        if name != "POST /v1/audience" or forgot:
            return body
        answer = json.loads(body)
        forgot.append(MOI)
        answer["audience"] = [row for row in answer["audience"] if row["agency"] != MOI]
        return json.dumps(answer).encode()

    relay.change = forget_one
    async with broker.connect(FIA, url=relay.url) as fia:
        posted = await fia.post(broker.document(), to=[MOI, ISLAMABAD], blind=True)
    assert posted.sealed_for == (ISLAMABAD, MOI)
    await broker.arrived(MOI, 1)
    async with broker.connect(MOI) as moi:
        assert [type(item) for item in await drain(moi)] == [ReceivedBulletin]


async def test_an_audience_that_changes_each_time_is_told(broker: Broker, relay: Relay) -> None:
    def forget_all(name: str, body: bytes) -> bytes:
        return b'{"audience": []}' if name == "POST /v1/audience" else body

    relay.change = forget_all
    async with broker.connect(FIA, url=relay.url) as fia:
        with pytest.raises(AudienceChanged):
            await fia.post(broker.document(), to=[MOI], blind=True)
    assert [name for name, _ in relay.sent].count("POST /v1/bulletins") == 3


async def test_a_broker_cannot_add_somebody_whom_the_author_did_not_name(
    broker: Broker, relay: Relay
) -> None:
    def add_one(name: str, body: bytes) -> bytes:
        if name != "POST /v1/audience":
            return body
        answer = json.loads(body)
        for row in answer["audience"]:
            row["delivers"] = row["delivers"] or row["agency"] == ANF
        return json.dumps(answer).encode()

    relay.change = add_one
    async with broker.connect(FIA, url=relay.url) as fia:
        with pytest.raises(NotAuthentic, match=ANF):
            await fia.post(broker.document(), to=[MOI], blind=True)
    assert "POST /v1/pair-keys" not in [name for name, _ in relay.sent]


async def test_pair_keys_that_the_store_lost_are_made_anew(broker: Broker) -> None:
    async with broker.connect(FIA) as fia:
        await fia.post(broker.document(), to=[MOI], blind=True)
        connections = broker.service.store.connections
        await connections.writing.delete(*await connections.reading.keys("{log}:k:*"))
        await fia.post(broker.document(severity="Minor"), to=[MOI], blind=True)
    await broker.arrived(MOI, 2)
    async with broker.connect(MOI) as moi:
        first, second = await drain(moi)
    assert isinstance(first, Unverified)  # its key is gone with the store's tail
    assert isinstance(second, ReceivedBulletin)


async def test_pair_keys_serve_many_posts(broker: Broker, relay: Relay) -> None:
    async with broker.connect(FIA, url=relay.url) as fia:
        for severity in ("Minor", "Moderate", "Severe"):
            await fia.post(broker.document(severity=severity), to=[MOI], blind=True)
        await fia.post(broker.document(severity="Extreme"), to=[MOI, ISLAMABAD], blind=True)
    handed_in = [
        len(json.loads(body)["pair_keys"]) for name, body in relay.sent if name.endswith("/pair-keys")
    ]
    assert handed_in == [2, 1]


async def test_a_member_with_a_new_key_reads_what_is_sealed_after_it(broker: Broker) -> None:
    async with broker.connect(FIA) as fia:
        await fia.post(broker.document(), to=[MOI], blind=True)
        newer = next_version(
            broker.exchange, identities={MOI: identity(broker.exchange.id, MOI, broker.exchange.now, 1)}
        )
        await publish(broker.service, newer)
        await fia.post(broker.document(severity="Minor"), to=[MOI], blind=True)
    await broker.arrived(MOI, 2)
    async with broker.connect(MOI, identity=newer.identities[MOI], registry=newer.registry) as moi:
        *_, last = await drain(moi)
    assert isinstance(last, ReceivedBulletin)


@pytest.mark.parametrize(
    ("fields", "to", "error"),
    [
        pytest.param({"category": "drug-smuggling"}, [MOI], MayNotOriginate, id="what-it-may-not-originate"),
        pytest.param({}, ["pk.nobody"], UnknownAgency, id="to-nobody-known"),
        pytest.param({"marking": "TLP:RED"}, [], SchemaError, id="red-to-everybody"),
        pytest.param(
            {"marking": "TLP:AMBER"}, [ISLAMABAD, "group:none"], UnknownAgency, id="an-unknown-group"
        ),
    ],
)
async def test_it_is_refused_as_an_open_post_is(
    broker: Broker, fields: dict[str, Any], to: list[str], error: type[HarkaraError]
) -> None:
    async with broker.connect(FIA) as fia:
        with pytest.raises(error):
            await fia.post(broker.document(**fields), to=to, blind=True)


async def test_of_many_each_is_answered(broker: Broker) -> None:
    documents = [
        broker.document(),
        broker.document(category="drug-smuggling"),
        broker.document(severity="Minor"),
    ]
    async with broker.connect(FIA) as fia:
        good, bad, last = await fia.post_many(documents, to=[MOI], blind=True)
    assert isinstance(good, Posted)
    assert isinstance(bad, MayNotOriginate)
    assert isinstance(last, Posted)


EXCHANGE = make_exchange()
SALT = fixed("salt")


@pytest.mark.parametrize(
    ("members", "address"),
    [
        pytest.param((MOI, CTD), None, id="everybody"),
        pytest.param((MOI,), Address(SALT, (MOI, ANF), ()), id="fewer-than-were-named"),
        pytest.param((MOI, CTD), Address(SALT, ("group:federal",), ()), id="a-group-is-the-brokers-word"),
        pytest.param((MOI,), Address(SALT, (), (CTD,)), id="without-an-excepted-one"),
        pytest.param((), Address(SALT, (MOI,), ()), id="nobody"),
    ],
)
def test_an_audience_that_the_address_allows_is_sealed_for(
    members: tuple[str, ...], address: Address | None
) -> None:
    check_audience(members, FIA, address, EXCHANGE.registry)


@pytest.mark.parametrize(
    ("members", "address", "error"),
    [
        pytest.param((MOI, CTD), Address(SALT, (MOI,), ()), NotAuthentic, id="one-more-than-was-named"),
        pytest.param((MOI, CTD), Address(SALT, (), (CTD,)), NotAuthentic, id="an-excepted-one"),
        pytest.param(
            (CTD,), Address(SALT, ("group:federal",), (CTD,)), NotAuthentic, id="excepted-from-a-group"
        ),
        pytest.param((MOI, FIA), None, NotAuthentic, id="the-author"),
        pytest.param((MOI, "pk.later"), None, AudienceChanged, id="one-whom-the-registry-here-lacks"),
        pytest.param((BROKER,), None, AudienceChanged, id="a-broker"),
    ],
)
def test_no_other_audience_is_sealed_for(
    members: tuple[str, ...], address: Address | None, error: type[HarkaraError]
) -> None:
    with pytest.raises(error):
        check_audience(members, FIA, address, EXCHANGE.registry)


def in_clear(relay: Relay) -> list[str]:
    """Which requests showed the secret, or a statement that could be read."""
    spelled = (SECRET.encode(), dsse.encode64(SECRET.encode())[:24].encode(), b'"statement"')
    return [name for name, body in relay.sent if any(form in body for form in spelled)]
