"""Pair keys of blind sealers: taken as far as a broker can see that they are right, never in the place of
another, and asked for at each post.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from broker.errors import (
    AudienceChanged,
    AuthorMismatch,
    BadSignature,
    ExpiredKey,
    HarkaraError,
    IdConflict,
    Malformed,
    NotFound,
    RevokedKey,
    UnknownKey,
    WrongExchange,
)
from broker.protocol import dsse, pairkeys
from broker.protocol.limits import DAY_US, HOUR_US, LIFETIME_US, MINUTE_US, PAIR_KEYS_ITEMS, SECOND_US
from broker.protocol.pairkeys import PairKey
from broker.service.service import Service
from broker.store import names
from broker.store.store import Store
from tests.exchange_fixtures import (
    BROKER,
    FIA,
    ISLAMABAD,
    MOI,
    TestExchange,
    fixed,
    identity,
    make_exchange,
    next_version,
    post_body,
    sign_bulletin,
)
from tests.service.blind_author import BlindAuthor, keys_body
from tests.service.conftest import publish, start_service
from tests.service.reader import Reader


@pytest.fixture
def fia(exchange: TestExchange) -> BlindAuthor:
    """The sealer of most keys here."""
    return BlindAuthor(exchange, FIA)


async def kept(service: Service) -> int:
    """Give how many pair keys the store has."""
    return len(await service.store.connections.reading.keys("{log}:k:*"))


# --- Handing in ---------------------------------------------------------------------------------------------


async def test_a_key_is_given_to_its_member_and_opens_there_and_is_nobody_elses(
    service: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    pair = fia.pair(ISLAMABAD)
    assert await service.blind.take_keys(keys_body([fia.sealed(pair)])) == 1
    given = await service.pair_keys.sealed(ISLAMABAD, pair.binding.pkid)
    opened = pairkeys.open_pair_key(given, exchange.id, ISLAMABAD, exchange.identities[ISLAMABAD].sealing_key)
    assert opened.secret == pair.secret
    for other in (FIA, MOI):
        with pytest.raises(NotFound):
            await service.pair_keys.sealed(other, pair.binding.pkid)


async def test_it_is_kept_as_long_as_anything_that_can_be_wrapped_under_it(
    service: Service, fia: BlindAuthor
) -> None:
    pair = fia.pair(ISLAMABAD)
    await service.blind.take_keys(keys_body([fia.sealed(pair)]))
    ends = await service.store.connections.reading.pexpiretime(names.pair_key(pair.binding.pkid))
    assert ends * 1000 >= pair.binding.not_after // 1000 * 1000 + LIFETIME_US + 30 * DAY_US
    assert ends * 1000 <= pair.binding.not_after + LIFETIME_US + 60 * DAY_US


async def test_the_same_again_is_harmless(service: Service, fia: BlindAuthor) -> None:
    body = keys_body([fia.sealed(fia.pair(member)) for member in (ISLAMABAD, MOI, FIA)])
    assert [await service.blind.take_keys(body) for _ in range(3)] == [3, 3, 3]
    assert await kept(service) == 3


async def test_as_many_as_may_be_are_taken_at_once(service: Service, fia: BlindAuthor) -> None:
    pairs = [fia.pair(ISLAMABAD) for _ in range(PAIR_KEYS_ITEMS)]
    assert await service.blind.take_keys(keys_body(map(fia.sealed, pairs))) == PAIR_KEYS_ITEMS


OUTSIDER = make_exchange(name="Another exchange")


def _bad_signature(author: BlindAuthor) -> dsse.Envelope:
    found = author.sealed(author.pair(MOI))
    return replace(found, signatures=(replace(found.signature, value=bytes(64)),))


def _signed_twice(author: BlindAuthor) -> dsse.Envelope:
    found = author.sealed(author.pair(MOI))
    return replace(found, signatures=found.signatures * 2)


def _far(author: BlindAuthor, years: int) -> dsse.Envelope:
    return author.sealed(author.pair(MOI, not_before=author.exchange.now + years * 365 * DAY_US))


BAD_KEYS = [
    pytest.param(_bad_signature, BadSignature, id="without a signature of its sealer"),
    pytest.param(_signed_twice, Malformed, id="signed twice"),
    pytest.param(
        lambda a: a.sealed(a.pair(MOI), OUTSIDER.signing(FIA)), UnknownKey, id="signed by nobody known"
    ),
    pytest.param(
        lambda a: a.sealed(a.pair(MOI), a.exchange.signing(MOI)), AuthorMismatch, id="signed by its member"
    ),
    pytest.param(
        lambda a: a.sealed(a.pair(MOI), a.exchange.signing(BROKER)), UnknownKey, id="signed by the broker"
    ),
    pytest.param(lambda a: a.sealed(a.pair(MOI, sealer=MOI)), AuthorMismatch, id="of another sealer"),
    pytest.param(
        lambda a: a.sealed(a.pair(MOI, exchange=OUTSIDER.id)), WrongExchange, id="for another exchange"
    ),
    pytest.param(
        lambda a: a.sealed(a.pair(MOI, member_kid=fixed("k"))), AudienceChanged, id="to a key of nobody"
    ),
    pytest.param(
        lambda a: a.sealed(a.pair(MOI, not_after=a.exchange.now - 1)), Malformed, id="that has ended"
    ),
    pytest.param(
        lambda a: a.sealed(a.pair(MOI, not_after=a.exchange.now + 5 * HOUR_US)),
        Malformed,
        id="that lives too long",
    ),
    pytest.param(lambda a: _far(a, 1), Malformed, id="for next year, and kept until then"),
    pytest.param(lambda a: _far(a, 400_000), Malformed, id="for the end of time"),
]


@pytest.mark.parametrize(("make", "refusal"), BAD_KEYS)
async def test_one_bad_key_is_named_and_none_is_kept(
    make: Callable[[BlindAuthor], dsse.Envelope],
    refusal: type[HarkaraError],
    service: Service,
    fia: BlindAuthor,
) -> None:
    good = [fia.sealed(fia.pair(member)) for member in (ISLAMABAD, FIA)]
    with pytest.raises(refusal) as refused:
        await service.blind.take_keys(keys_body([good[0], make(fia), good[1]]))
    assert refused.value.problems[0].pointer.startswith("/pair_keys/1")
    assert await kept(service) == 0


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(b'{"pair_keys": []}', id="an empty list"),
        pytest.param(b'{"pair_keys": {}}', id="an object for a list"),
        pytest.param(b'{"pair_keys": [1]}', id="a number for a key"),
        pytest.param(b'{"pair_keys": [[]]}', id="a list for a key"),
        pytest.param(b'{"pair_keys": [{}], "more": 1}', id="a member more"),
        pytest.param(b'{"pair_keys": [' + b"{}," * PAIR_KEYS_ITEMS + b"{}]}", id="129 keys"),
    ],
)
async def test_what_is_no_list_of_keys_is_malformed(body: bytes, service: Service) -> None:
    with pytest.raises(Malformed):
        await service.blind.take_keys(body)


async def test_keys_of_several_sealers_are_refused(
    service: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    moi = BlindAuthor(exchange, MOI)
    with pytest.raises(Malformed, match="several sealers"):
        await service.blind.take_keys(
            keys_body([fia.sealed(fia.pair(ISLAMABAD)), moi.sealed(moi.pair(ISLAMABAD))])
        )
    assert await kept(service) == 0


async def test_one_key_many_times_is_refused_before_any_of_it_is_verified(
    service: Service, fia: BlindAuthor
) -> None:
    bad = _bad_signature(fia)
    with pytest.raises(Malformed, match="twice") as refused:
        await service.blind.take_keys(keys_body([bad] * PAIR_KEYS_ITEMS))
    assert refused.value.problems[0].pointer == "/pair_keys/1"


async def _of_another_agency(service: Service, exchange: TestExchange) -> bytes:
    moi = BlindAuthor(exchange, MOI)
    await moi.hand_in(service, [ISLAMABAD])
    return moi.pairs[ISLAMABAD].binding.pkid


async def _of_its_own(service: Service, exchange: TestExchange) -> bytes:
    fia = BlindAuthor(exchange, FIA)
    await fia.hand_in(service, [ISLAMABAD])
    return fia.pairs[ISLAMABAD].binding.pkid


async def _of_the_broker(service: Service, exchange: TestExchange) -> bytes:
    await service.posting.post(post_body(*sign_bulletin(exchange, MOI, to=[ISLAMABAD])))
    (item,) = await Reader(service, exchange, ISLAMABAD).items(1)
    assert item.body is not None
    return item.body.wrap[:16]


@pytest.mark.parametrize("taken", [_of_another_agency, _of_its_own, _of_the_broker])
async def test_an_id_that_is_taken_is_never_given_to_another_key_and_nothing_else_is_kept(
    taken: Callable[[Service, TestExchange], Awaitable[bytes]],
    service: Service,
    exchange: TestExchange,
    fia: BlindAuthor,
) -> None:
    pkid = await taken(service, exchange)
    before = await service.pair_keys.sealed(ISLAMABAD, pkid)
    count = await kept(service)
    bad = [fia.sealed(fia.pair(MOI)), fia.sealed(fia.pair(ISLAMABAD, pkid=pkid))]
    with pytest.raises(IdConflict) as refused:
        await service.blind.take_keys(keys_body(bad))
    assert refused.value.problems[0].pointer == "/pair_keys/1"
    assert await service.pair_keys.sealed(ISLAMABAD, pkid) == before
    assert await kept(service) == count


async def test_two_keys_of_one_id_are_refused_together(service: Service, fia: BlindAuthor) -> None:
    pkid = fixed("one id", 16)
    with pytest.raises(Malformed, match="twice"):
        await service.blind.take_keys(
            keys_body([fia.sealed(fia.pair(member, pkid=pkid)) for member in (ISLAMABAD, MOI)])
        )
    assert await kept(service) == 0


@pytest.mark.parametrize(
    ("revoked", "later", "refusal"),
    [pytest.param(True, 0, RevokedKey, id="revoked"), pytest.param(False, 400, ExpiredKey, id="expired")],
)
async def test_a_sealer_whose_key_is_not_in_force_hands_in_nothing(
    revoked: bool, later: int, refusal: type[HarkaraError], store: Store, exchange: TestExchange
) -> None:
    service = await start_service(store, exchange, clock=lambda: exchange.now + later * DAY_US)
    if revoked:
        since = {exchange.signing(FIA).kid: exchange.now - MINUTE_US}
        await publish(service, next_version(exchange, revoked=since))
    fia = BlindAuthor(exchange, FIA)
    with pytest.raises(refusal):
        await service.blind.take_keys(keys_body([fia.sealed(fia.pair(ISLAMABAD))]))
    await service.close()


# --- Asked for at a post ------------------------------------------------------------------------------------


async def _never_handed_in(service: Service, fia: BlindAuthor) -> PairKey:
    return fia.pair(ISLAMABAD)


async def _the_brokers(service: Service, fia: BlindAuthor) -> PairKey:
    return fia.pair(ISLAMABAD, pkid=await _of_the_broker(service, fia.exchange))


async def _another_sealers(service: Service, fia: BlindAuthor) -> PairKey:
    return fia.pair(ISLAMABAD, pkid=await _of_another_agency(service, fia.exchange))


async def _another_members(service: Service, fia: BlindAuthor) -> PairKey:
    await fia.hand_in(service, [MOI])
    return fia.pairs[MOI]


async def _its_authors(service: Service, fia: BlindAuthor) -> PairKey:
    return fia.pairs[FIA]


async def _one_that_ends_now(service: Service, fia: BlindAuthor) -> PairKey:
    return await _handed_in(service, fia, not_after=fia.exchange.now + 50 * SECOND_US)


async def _one_that_begins_later(service: Service, fia: BlindAuthor) -> PairKey:
    return await _handed_in(service, fia, not_before=fia.exchange.now + MINUTE_US)


async def _handed_in(service: Service, fia: BlindAuthor, **changes: Any) -> PairKey:
    other = BlindAuthor(fia.exchange, FIA)
    await other.hand_in(service, [ISLAMABAD], **changes)
    return other.pairs[ISLAMABAD]


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(_never_handed_in, id="that was never handed in"),
        pytest.param(_the_brokers, id="of the broker"),
        pytest.param(_another_sealers, id="of another sealer"),
        pytest.param(_another_members, id="of another member"),
        pytest.param(_its_authors, id="of its author"),
        pytest.param(_one_that_ends_now, id="that ends now"),
        pytest.param(_one_that_begins_later, id="that begins later"),
    ],
)
@pytest.mark.parametrize("for_whom", [ISLAMABAD, FIA])
async def test_a_wrap_is_refused_under_a_key(
    make: Callable[[Service, BlindAuthor], Awaitable[PairKey]],
    for_whom: str,
    service: Service,
    exchange: TestExchange,
    fia: BlindAuthor,
) -> None:
    await fia.hand_in(service, [ISLAMABAD])
    statement, address = sign_bulletin(exchange, FIA, to=[ISLAMABAD])
    wrong = await make(service, fia)
    if (make, for_whom) == (_its_authors, FIA):
        wrong = fia.pairs[ISLAMABAD]
    count = await service.store.connections.reading.xlen("{log}")
    with pytest.raises(AudienceChanged) as refused:
        await service.blind.post(fia.seal(statement, address, [ISLAMABAD], wraps={for_whom: wrong}).pack())
    assert refused.value.problems[0].got == f"none for {for_whom}"
    assert await service.store.connections.reading.xlen("{log}") == count
    await service.blind.post(fia.seal(statement, address, [ISLAMABAD]).pack())


async def test_a_key_to_a_members_old_sealing_key_is_refused_after_the_new_one_and_before_it_is_not(
    service: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    await fia.hand_in(service, [MOI])
    statement, address = sign_bulletin(exchange, FIA, to=[MOI])
    newer = next_version(exchange, identities={MOI: identity(exchange.id, MOI, exchange.now, 1)})
    await publish(service, newer)
    with pytest.raises(AudienceChanged):
        await service.blind.post(fia.seal(statement, address, [MOI]).pack())
    with pytest.raises(AudienceChanged):  # and it cannot be handed in any more
        await service.blind.take_keys(keys_body([fia.sealed(fia.pair(MOI))]))
    fia.exchange = newer
    await fia.post(service, statement, address, [MOI])
    assert await Reader(service, newer, MOI).statements(1) == [statement]


async def test_a_key_of_a_sealers_old_signing_key_serves_nothing_that_its_new_key_seals(
    service: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    await fia.hand_in(service, [ISLAMABAD])
    both = identity(exchange.id, FIA, exchange.now, 1)
    newer = next_version(exchange, identities={FIA: both})
    await publish(service, newer)
    fia.exchange = newer
    statement, address = sign_bulletin(newer, FIA, to=[ISLAMABAD])
    with pytest.raises(AudienceChanged):
        await service.blind.post(fia.seal(statement, address, [ISLAMABAD]).pack())


async def test_a_store_that_lost_the_keys_takes_no_post_that_nobody_could_open(
    service: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    sealed = await fia.hand_in(service, [ISLAMABAD])
    connections = service.store.connections
    await connections.writing.delete(*await connections.reading.keys("{log}:k:*"))
    statement, address = sign_bulletin(exchange, FIA, to=[ISLAMABAD])
    body = fia.seal(statement, address, [ISLAMABAD]).pack()
    with pytest.raises(AudienceChanged):
        await service.blind.post(body)
    await service.blind.take_keys(keys_body(sealed))
    await service.blind.post(body)
    assert await Reader(service, exchange, ISLAMABAD).statements(1) == [statement]
