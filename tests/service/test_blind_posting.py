"""Blind posting: from an author who seals to the entitled, past a broker that cannot read what it routes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from broker.errors import (
    AudienceChanged,
    HarkaraError,
    IdConflict,
    Malformed,
    MayNotOriginate,
    NotFound,
    OutOfWindow,
    RegistryExpired,
    RevokedKey,
    UnknownAgency,
    WrongAddress,
)
from broker.protocol import dsse, times
from broker.protocol.blind import BlindPost
from broker.protocol.delivery import pack_page
from broker.protocol.fields import EXAMPLE_ID
from broker.protocol.limits import DAY_US, HOUR_US, MINUTE_US
from broker.protocol.sealing import BY_ORIGINATOR, read_header
from broker.protocol.stamp import read_stamp
from broker.service.cursor import Cursor
from broker.service.service import Service
from broker.store.store import Store
from tests.exchange_fixtures import (
    ACADEMY,
    ANF,
    CTD,
    FIA,
    ISLAMABAD,
    MOI,
    TestExchange,
    envelope_json,
    identity,
    next_version,
    post_body,
    sign_bulletin,
    sign_receipt,
    sign_subscription,
)
from tests.service.blind_author import BlindAuthor, audience, policy_of
from tests.service.conftest import publish, start_service
from tests.service.reader import Reader


@pytest.fixture
def fia(exchange: TestExchange) -> BlindAuthor:
    """The author of most posts here."""
    return BlindAuthor(exchange, FIA)


async def stored(service: Service) -> int:
    """Give how many items the store has."""
    return await service.store.connections.reading.xlen("{log}")


# --- Its way ------------------------------------------------------------------------------------------------


async def test_a_blind_post_travels_to_whom_it_names_and_opens_there_and_for_its_author(
    service: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    statement, accepted = await fia.say(service, to=[ISLAMABAD], marking="TLP:RED")
    assert (accepted.originator, accepted.repeated) == (FIA, False)
    reader = Reader(service, exchange, ISLAMABAD)
    (item,) = await reader.items(1)
    assert await reader.open(item) == statement
    own = await service.fetching.one(FIA, FIA, accepted.id)
    assert await Reader(service, exchange, FIA).open(own) == statement
    assert item.body is not None
    header = read_header(item.body.sealed.header)
    assert (header.mode, header.sealer) == (BY_ORIGINATOR, FIA)
    for outsider in (MOI, ANF, CTD, ACADEMY):
        assert (await service.reading.page(outsider, Cursor())).items == ()
        with pytest.raises(NotFound):
            await service.fetching.one(outsider, FIA, accepted.id)


async def test_without_an_address_it_reaches_whom_the_same_post_in_clear_reaches(
    service: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    statement, _ = sign_bulletin(exchange, FIA, category="human-smuggling")
    openly = await service.audience.preview(FIA, post_body(statement))
    named = {row["agency"] for row in openly["audience"] if row["delivers"]}
    assert await audience(service, FIA, policy_of(statement)) == named
    await fia.post(service, statement, None, named)
    for agency in named:
        assert await Reader(service, exchange, agency).statements(1) == [statement]


async def test_recipients_do_not_learn_of_one_another(
    service: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    await fia.say(service, to=[ISLAMABAD, MOI])
    await Reader(service, exchange, ISLAMABAD).items(1)
    page = pack_page(await service.reading.page(ISLAMABAD, Cursor()))
    assert ISLAMABAD.encode() in page
    assert MOI.encode() not in page
    assert fia.pairs[MOI].binding.pkid not in page


async def test_a_broker_that_was_started_again_takes_what_was_made_ready_at_the_one_before(
    store: Store, exchange: TestExchange, fia: BlindAuthor
) -> None:
    before = await start_service(store, exchange)
    await fia.hand_in(before, [ISLAMABAD])
    await before.close()
    after = await start_service(store, exchange)
    statement, address = sign_bulletin(exchange, FIA, to=[ISLAMABAD])
    await after.blind.post(fia.seal(statement, address, [ISLAMABAD]).pack())
    assert await Reader(after, exchange, ISLAMABAD).statements(1) == [statement]
    await after.close()


async def test_a_receipt_for_it_reaches_its_author_and_its_overview(
    service: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    statement, accepted = await fia.say(service, to=[ISLAMABAD])
    await Reader(service, exchange, ISLAMABAD).items(1)
    sealed = read_stamp(accepted.stamp.payload).sealed
    for agency, error in ((MOI, NotFound), (FIA, NotFound)):
        with pytest.raises(error):
            await service.receipts.take(envelope_json(sign_receipt(exchange, agency, statement, sealed)))
    receipt = sign_receipt(exchange, ISLAMABAD, statement, sealed)
    await service.receipts.take(envelope_json(receipt))
    assert await Reader(service, exchange, FIA).statements(1) == [receipt]
    overview = await service.receipts.overview(FIA, FIA, accepted.id)
    assert [row["agency"] for row in overview["delivered"]] == [ISLAMABAD]


@pytest.mark.parametrize(
    ("kind", "alone"),
    [
        pytest.param("Cancel", True, id="a-cancel-reaches-them-alone"),
        pytest.param("Update", False, id="an-update-them-too"),
    ],
)
async def test_what_follows_it_reaches_the_holders(
    kind: str, alone: bool, service: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    original, accepted = await fia.say(service, to=[ISLAMABAD], marking="TLP:RED")
    # It would not hear of this otherwise.
    wanted = sign_subscription(exchange, ISLAMABAD, categories=["cybercrime"])
    await service.subscriptions.put(envelope_json(wanted))
    later, _ = sign_bulletin(exchange, FIA, type=kind, references=[accepted.id], marking="TLP:AMBER")
    named = await audience(service, FIA, policy_of(later))
    assert ISLAMABAD in named
    assert (len(named) == 1) == alone
    await fia.post(service, later, None, named)
    assert await Reader(service, exchange, ISLAMABAD).statements(2) == [original, later]


async def test_whether_a_reader_may_have_it_is_asked_again_when_it_is_served(
    service: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    _, accepted = await fia.say(service, to=[ISLAMABAD, MOI])
    await Reader(service, exchange, ISLAMABAD).items(1)
    await publish(service, next_version(exchange, grants={ISLAMABAD: exchange.grants[ACADEMY]}))
    page = await service.reading.page(ISLAMABAD, Cursor())
    assert [(item.number, item.body) for item in page.items] == [(1, None)]
    with pytest.raises(NotFound):
        await service.fetching.one(ISLAMABAD, FIA, accepted.id)
    assert len(await Reader(service, exchange, MOI).statements(1)) == 1


# --- Again --------------------------------------------------------------------------------------------------

BLIND, OPEN = "blind", "open"


async def take(
    how: str, service: Service, author: BlindAuthor, statement: dsse.Envelope, address: Any
) -> Any:
    if how == OPEN:
        return await service.posting.post(post_body(statement, address))
    return await author.post(service, statement, address, [ISLAMABAD])


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(BLIND, BLIND, id="sealed anew"),
        pytest.param(BLIND, OPEN, id="openly after"),
        pytest.param(OPEN, BLIND, id="openly before"),
    ],
)
async def test_the_same_statement_again_gets_the_first_stamp_and_is_delivered_once(
    first: str, second: str, service: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    statement, address = sign_bulletin(exchange, FIA, to=[ISLAMABAD])
    before = await take(first, service, fia, statement, address)
    again = await take(second, service, fia, statement, address)
    assert (again.repeated, again.stamp) == (True, before.stamp)
    assert await Reader(service, exchange, ISLAMABAD).statements(1) == [statement]
    assert await stored(service) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(BLIND, BLIND, id="both blind"),
        pytest.param(BLIND, OPEN, id="openly after"),
        pytest.param(OPEN, BLIND, id="openly before"),
    ],
)
async def test_another_statement_under_its_id_conflicts(
    first: str, second: str, service: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    statement, address = sign_bulletin(exchange, FIA, to=[ISLAMABAD])
    await take(first, service, fia, statement, address)
    other_id = json.loads(statement.payload)["id"]
    other, _ = sign_bulletin(exchange, FIA, to=[ISLAMABAD], id=other_id, severity="Minor")
    with pytest.raises(IdConflict):
        await take(second, service, fia, other, address)
    assert await Reader(service, exchange, ISLAMABAD).statements(1) == [statement]
    assert await stored(service) == 1


async def test_of_many_sealings_at_once_one_is_kept(
    service: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    statement, address = sign_bulletin(exchange, FIA, to=[ISLAMABAD])
    await fia.hand_in(service, [ISLAMABAD])
    bodies = [fia.seal(statement, address, [ISLAMABAD]).pack() for _ in range(8)]
    answers = await asyncio.gather(*map(service.blind.post, bodies))
    assert len({answer.stamp.payload for answer in answers}) == 1
    assert [answer.repeated for answer in answers].count(False) == 1
    assert await Reader(service, exchange, ISLAMABAD).statements(1) == [statement]


# --- Refused ------------------------------------------------------------------------------------------------


def _of(author: BlindAuthor, /, shown: Callable[[Any], Any] = lambda it: it, **fields: Any) -> BlindPost:
    """A post to ISLAMABAD (unless named otherwise) whose policy is `shown` changed."""
    to = fields.pop("to", [ISLAMABAD])
    statement, address = sign_bulletin(author.exchange, author.agency, to=to, **fields)
    return author.seal(statement, address, [ISLAMABAD], policy=shown(policy_of(statement)))


REFUSED = [
    pytest.param(
        lambda a: _of(
            a,
            sent=times.format(a.exchange.now - 2 * HOUR_US),
            expires=times.format(a.exchange.now - HOUR_US),
        ),
        OutOfWindow,
        id="expired",
    ),
    pytest.param(
        lambda a: _of(a, lambda p: replace(p, expires_at=a.exchange.now + 91 * DAY_US)),
        OutOfWindow,
        id="living longer than 90 days",
    ),
    pytest.param(
        lambda a: _of(a, lambda p: replace(p, expires_at=2**64 - 1)),
        Malformed,
        id="expiring when no clock can tell",
    ),
    pytest.param(
        lambda a: _of(a, lambda p: replace(p, references=(EXAMPLE_ID,) * 65)),
        Malformed,
        id="referring to more than anybody may",
    ),
    pytest.param(
        lambda a: _of(a, lambda p: replace(p, areas=tuple(f"PK-{n}" for n in range(65)))),
        Malformed,
        id="of more areas than anybody may name",
    ),
    pytest.param(
        lambda a: _of(a, category="drug-smuggling"),
        MayNotOriginate,
        id="of a category that its author may not originate",
    ),
    pytest.param(
        lambda a: _of(a, lambda p: replace(p, marking="TLP:RED"), to=()), WrongAddress, id="RED without to"
    ),
    pytest.param(lambda a: _of(a, to=["pk.nobody"]), UnknownAgency, id="to nobody of the registry"),
    pytest.param(
        lambda a: replace(_of(a), address=None), WrongAddress, id="with its address left out on the way"
    ),
    pytest.param(lambda a: _of(a, to=[MOI]), AudienceChanged, id="sealed for another than it names"),
    pytest.param(
        lambda a: replace(_of(a), wraps={}),
        AudienceChanged,
        id="sealed for nobody, not for its author either",
    ),
]


@pytest.mark.parametrize(("make", "refusal"), REFUSED)
async def test_a_blind_post_is_refused_and_nothing_is_written_when(
    make: Callable[[BlindAuthor], BlindPost],
    refusal: type[HarkaraError],
    service: Service,
    fia: BlindAuthor,
) -> None:
    await fia.hand_in(service, [ISLAMABAD])
    with pytest.raises(refusal) as refused:
        await service.blind.post(make(fia).pack())
    assert refused.value.within == ""
    assert {problem.pointer for problem in refused.value.problems} == {""}, "nothing leads into msgpack"
    assert await stored(service) == 0


async def test_a_status_that_its_author_may_not_post_with_is_refused(
    service: Service, exchange: TestExchange
) -> None:
    await publish(service, next_version(exchange, grants={ACADEMY: exchange.grants[ACADEMY]}))
    academy = BlindAuthor(exchange, ACADEMY)
    await academy.hand_in(service, [ISLAMABAD])
    with pytest.raises(MayNotOriginate):
        await service.blind.post(_of(academy).pack())


async def test_a_revoked_sealer_is_refused_and_what_it_sealed_before_stays(
    service: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    before, _ = await fia.say(service, to=[ISLAMABAD])
    await fia.hand_in(service, [ISLAMABAD])
    lost = next_version(exchange, revoked={exchange.signing(FIA).kid: exchange.now - MINUTE_US})
    await publish(service, lost)
    with pytest.raises(RevokedKey):
        await service.blind.post(_of(fia, severity="Minor").pack())
    assert await Reader(service, exchange, ISLAMABAD).statements(1) == [before]


async def test_posts_stop_when_the_registry_is_past_its_grace_and_repeats_are_answered(
    store: Store, exchange: TestExchange, fia: BlindAuthor
) -> None:
    service = await start_service(store, exchange)
    statement, accepted = await fia.say(service, to=[ISLAMABAD])
    _, address = sign_bulletin(exchange, FIA, to=[ISLAMABAD])
    await service.close()
    over = exchange.registry.grace + MINUTE_US
    late = await start_service(store, exchange, clock=lambda: over)
    again = await late.blind.post(fia.seal(statement, address, [ISLAMABAD]).pack())
    assert (again.repeated, again.stamp) == (True, accepted.stamp)
    await fia.hand_in(late, [ISLAMABAD], not_before=over)
    fresh = _of(fia, sent=times.format(over), expires=times.format(over + HOUR_US))
    with pytest.raises(RegistryExpired):
        await late.blind.post(fresh.pack())
    with pytest.raises(RegistryExpired):
        await audience(late, FIA, replace(policy_of(statement), expires_at=over + HOUR_US))
    await late.close()


# --- The audience changes -----------------------------------------------------------------------------------


async def _joins(service: Service, exchange: TestExchange) -> TestExchange:
    newcomer = identity(exchange.id, "pk.newcomer", exchange.now)
    return await _published(service, next_version(exchange, identities={"pk.newcomer": newcomer}))


async def _leaves(service: Service, exchange: TestExchange) -> TestExchange:
    gone = {exchange.sealing(MOI).kid: exchange.now - MINUTE_US}
    return await _published(service, next_version(exchange, revoked=gone))


async def _is_entitled_to_less(service: Service, exchange: TestExchange) -> TestExchange:
    less = next_version(exchange, grants={ISLAMABAD: exchange.grants[ACADEMY]})
    return await _published(service, less)


async def _subscribes(service: Service, exchange: TestExchange) -> TestExchange:
    wanted = sign_subscription(exchange, ISLAMABAD, categories=["cybercrime"])
    await service.subscriptions.put(envelope_json(wanted))
    return exchange


async def _published(service: Service, newer: TestExchange) -> TestExchange:
    await publish(service, newer)
    return newer


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(_joins, id="somebody joins"),
        pytest.param(_leaves, id="somebody leaves"),
        pytest.param(_is_entitled_to_less, id="somebody is entitled to less"),
        pytest.param(_subscribes, id="somebody subscribes to something else"),
    ],
)
async def test_a_post_sealed_for_an_audience_of_before_is_refused_and_sealed_anew_it_is_taken(
    change: Any, service: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    statement, _ = sign_bulletin(exchange, FIA)
    before = await audience(service, FIA, policy_of(statement))
    await fia.hand_in(service, before)
    fia.exchange = await change(service, exchange)
    with pytest.raises(AudienceChanged) as refused:
        await service.blind.post(fia.seal(statement, None, before).pack())
    said = f"{refused.value.detail} {refused.value.problems}"
    assert not any(name in said for name in fia.exchange.identities), "a refusal names nobody"
    assert await stored(service) == 0
    now = await audience(service, FIA, policy_of(statement))
    assert now != before
    await fia.post(service, statement, None, now)
    for agency in now:
        assert await Reader(service, fia.exchange, agency).statements(1) == [statement]


async def test_a_newer_registry_that_changes_nothing_of_it_is_no_reason_to_seal_anew(
    service: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    await fia.hand_in(service, [ISLAMABAD])
    await publish(service, next_version(exchange))
    await service.blind.post(_of(fia).pack())
    assert await stored(service) == 1


async def test_a_post_sealed_under_a_registry_that_is_not_here_yet_waits_for_it(
    service: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    await fia.hand_in(service, [ISLAMABAD])
    statement, address = sign_bulletin(exchange, FIA, to=[ISLAMABAD])
    body = fia.seal(statement, address, [ISLAMABAD], registry_version=2).pack()
    with pytest.raises(AudienceChanged, match="does not have yet"):
        await service.blind.post(body)
    await publish(service, next_version(exchange))
    assert not (await service.blind.post(body)).repeated


@pytest.mark.parametrize("matters", [True, False])
async def test_a_decision_made_under_an_older_registry_is_made_again_under_the_newer(
    matters: bool, store: Store, exchange: TestExchange, fia: BlindAuthor
) -> None:
    # Two brokers: one has published a registry that the other has not loaded yet.
    behind, ahead = await start_service(store, exchange), await start_service(store, exchange)
    behind.trust.news = lambda version: None  # type: ignore[method-assign]  # its ticks are late
    del behind.store.ticks._registry_callbacks[0:1]
    less = {ISLAMABAD: exchange.grants[ACADEMY]} if matters else {}
    newer = next_version(exchange, grants=less)
    await publish(ahead, newer)
    await fia.hand_in(behind, [ISLAMABAD, MOI])
    statement, address = sign_bulletin(exchange, FIA, to=[ISLAMABAD, MOI])
    body = fia.seal(statement, address, [ISLAMABAD, MOI]).pack()
    if matters:
        with pytest.raises(AudienceChanged):
            await behind.blind.post(body)
        assert await stored(behind) == 0
    else:
        accepted = await behind.blind.post(body)
        assert read_stamp(accepted.stamp.payload).registry_version == newer.registry.version
        assert await Reader(ahead, exchange, ISLAMABAD).statements(1) == [statement]
    assert behind.trust.registry.version == newer.registry.version
    await behind.close()
    await ahead.close()


# --- The dry run --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "fields", "refusal", "pointer"),
    [
        pytest.param({"category": "drug-smuggling"}, {}, MayNotOriginate, "/policy", id="a category"),
        pytest.param({"expires_at": 1}, {}, OutOfWindow, "/policy", id="a policy of the past"),
        pytest.param({"expires_at": 2**63}, {}, Malformed, "/policy", id="a policy of no time"),
        pytest.param({"marking": "TLP:RED"}, {}, WrongAddress, "/address/to", id="RED without to"),
        pytest.param({}, {"to": ["pk.nobody"]}, UnknownAgency, "/address/to/0", id="nobody"),
    ],
)
async def test_an_audience_is_refused_for_what_the_post_would_be_refused_for(
    change: dict[str, Any],
    fields: dict[str, Any],
    refusal: type[HarkaraError],
    pointer: str,
    service: Service,
    exchange: TestExchange,
) -> None:
    statement, address = sign_bulletin(exchange, FIA, **fields)
    with pytest.raises(refusal) as refused:
        await audience(service, FIA, replace(policy_of(statement), **change), address)
    assert [problem.pointer for problem in refused.value.problems] == [pointer]


async def test_an_audience_is_told_as_that_of_the_one_who_asks(
    service: Service, exchange: TestExchange
) -> None:
    statement, _ = sign_bulletin(exchange, MOI, category="drug-smuggling")
    assert MOI not in await audience(service, MOI, policy_of(statement))
    with pytest.raises(MayNotOriginate):  # it is no way to ask what another may do
        await audience(service, ISLAMABAD, policy_of(statement))
