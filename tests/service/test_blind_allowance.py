"""What a blind sealer pays for: its own posts and keys, once; never what a recipient can put together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from broker.errors import AudienceChanged, HarkaraError, IdConflict, RateLimited
from broker.protocol.blind import BlindPost
from broker.protocol.fields import EXAMPLE_ID
from broker.protocol.sealing import open_sealed, read_header
from broker.protocol.stamp import read_stamp
from broker.service.allowance import Allowance
from broker.service.service import Service
from broker.store.store import Store
from tests.exchange_fixtures import FIA, ISLAMABAD, MOI, TestExchange, fixed, next_version, sign_bulletin
from tests.service.blind_author import BlindAuthor, audience, keys_body, policy_of
from tests.service.conftest import publish, start_service
from tests.service.reader import Reader

POSTS = 4


class Stopped:
    """A clock for allowances that stands."""

    def monotonic(self) -> float:
        """Seconds."""
        return 1_000.0


@pytest.fixture
async def limited(store: Store, exchange: TestExchange) -> AsyncIterator[Service]:
    """A broker that allows each agency four posts and reads, and then no more."""
    allowance = Allowance(posts_per_minute=POSTS, reads_per_minute=POSTS, monotonic=Stopped().monotonic)
    service = await start_service(store, exchange, allowance=allowance)
    yield service
    await service.close()


@pytest.fixture
async def fia(limited: Service, exchange: TestExchange) -> BlindAuthor:
    """An author that has handed in its keys: one post of four."""
    author = BlindAuthor(exchange, FIA)
    await author.hand_in(limited, [ISLAMABAD, MOI])
    return author


def body_of(author: BlindAuthor, note: str = "", /, **fields: Any) -> bytes:
    text = {"en": {"headline": f"White van {note}".strip()}}
    statement, address = sign_bulletin(author.exchange, FIA, to=[ISLAMABAD], text=text, **fields)
    return author.seal(statement, address, [ISLAMABAD]).pack()


async def posts_left(service: Service, author: BlindAuthor) -> int:
    """Post until the author is at its limit, and give how many it could."""
    for number in range(2 * POSTS):
        try:
            await service.blind.post(body_of(author, f"left {number}"))
        except RateLimited:
            return number
    raise AssertionError("there is no limit")


async def test_a_post_is_charged_once_and_its_repeats_are_not(limited: Service, fia: BlindAuthor) -> None:
    for _ in range(2 * POSTS):
        await limited.blind.post(body_of(fia))
    assert await posts_left(limited, fia) == POSTS - 2


async def test_it_is_charged_once_however_often_it_is_decided(
    limited: Service, store: Store, exchange: TestExchange, fia: BlindAuthor
) -> None:
    ahead = await start_service(store, exchange)
    limited.trust.news = lambda version: None  # type: ignore[method-assign]  # its ticks are late
    del limited.store.ticks._registry_callbacks[0:1]
    await publish(ahead, next_version(exchange))
    await limited.blind.post(body_of(fia))
    assert await posts_left(limited, fia) == POSTS - 2
    await ahead.close()


async def test_keys_are_charged_as_a_post_and_the_same_again_is_free(
    limited: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    body = keys_body([fia.sealed(fia.pair(ISLAMABAD)), fia.sealed(fia.pair(MOI))])
    for _ in range(2 * POSTS):
        await limited.blind.take_keys(body)
    assert await posts_left(limited, fia) == POSTS - 2
    with pytest.raises(RateLimited):
        await limited.blind.take_keys(keys_body([fia.sealed(fia.pair(ISLAMABAD))]))
    await BlindAuthor(exchange, MOI).hand_in(limited, [ISLAMABAD])


async def test_a_key_that_its_member_hands_in_again_is_not_at_its_sealers_expense(
    limited: Service, fia: BlindAuthor
) -> None:
    for member in (ISLAMABAD, MOI):
        mine = await limited.pair_keys.sealed(member, fia.pairs[member].binding.pkid)
        for _ in range(2 * POSTS):
            assert await limited.blind.take_keys(keys_body([mine])) == 1
    assert await posts_left(limited, fia) == POSTS - 1


async def test_an_agency_pays_for_keys_whose_ids_are_taken(limited: Service, fia: BlindAuthor) -> None:
    pkid = fia.pairs[ISLAMABAD].binding.pkid
    for _ in range(POSTS - 1):
        with pytest.raises(IdConflict):
            await limited.blind.take_keys(keys_body([fia.sealed(fia.pair(ISLAMABAD, pkid=pkid))]))
    assert await posts_left(limited, fia) == 0


async def test_an_agency_pays_for_its_own_posts_that_are_refused(limited: Service, fia: BlindAuthor) -> None:
    for number in range(POSTS - 1):
        statement, address = sign_bulletin(fia.exchange, FIA, to=[MOI], severity="Minor")
        with pytest.raises(AudienceChanged):
            await limited.blind.post(fia.seal(statement, address, [ISLAMABAD], id=_id(number)).pack())
    assert await posts_left(limited, fia) == 0


async def test_an_agency_pays_for_another_statement_under_its_id(limited: Service, fia: BlindAuthor) -> None:
    await limited.blind.post(body_of(fia, "first", id=EXAMPLE_ID))
    for number in range(POSTS - 2):
        with pytest.raises(IdConflict):
            await limited.blind.post(body_of(fia, str(number), id=EXAMPLE_ID))
    assert await posts_left(limited, fia) == 0


async def test_what_refers_to_many_others_counts_as_several_here_and_when_it_is_asked(
    limited: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    references = [_id(number) for number in range(8)]
    await limited.blind.post(body_of(fia, type="Update", references=references))
    assert await posts_left(limited, fia) == 0
    update, _ = sign_bulletin(exchange, FIA, type="Update", references=references)
    for _ in range(2):
        await audience(limited, FIA, policy_of(update))
    with pytest.raises(RateLimited):
        await audience(limited, FIA, policy_of(update))


# --- What a recipient holds ---------------------------------------------------------------------------------


async def replay(
    service: Service, exchange: TestExchange, author: BlindAuthor
) -> tuple[BlindPost, BlindPost]:
    """Give a post without an address, and what its recipient puts together from the item that it received."""
    # Nobody else hears of this category, so the audience is one.
    statement, _ = sign_bulletin(exchange, FIA, category="cybercrime")
    named = await audience(service, FIA, policy_of(statement))
    await author.hand_in(service, named)
    post = author.seal(statement, None, named)
    accepted = await service.blind.post(post.pack())
    reader = Reader(service, exchange, ISLAMABAD)
    (item,) = await reader.items(1)
    assert item.body is not None
    pair = author.pairs[ISLAMABAD]  # as ISLAMABAD opened it
    digest = read_stamp(accepted.stamp.payload).sealed
    content = open_sealed(item.body.sealed, pair.unwrap(item.body.wrap, digest))
    assert content.policy_salt is not None
    opening = policy_of(content.statement).opening(content.policy_salt)
    assert opening == post.opening
    wraps = {member: fixed(f"a wrap for {member}", 64) for member in (*named, FIA)}
    return post, BlindPost(item.body.sealed, opening, None, wraps | {ISLAMABAD: item.body.wrap})


async def test_what_a_recipient_puts_together_gets_the_first_answer_and_nothing_is_stored_or_charged(
    limited: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    post, again = await replay(limited, exchange, fia)
    for body in (again, replace(again, wraps={}), replace(again, wraps=post.wraps)):
        for _ in range(2 * POSTS):
            answer = await limited.blind.post(body.pack())
            assert (answer.repeated, answer.id) == (True, _header_id(again))
    assert await limited.store.connections.reading.xlen("{log}") == 1
    assert await posts_left(limited, fia) == POSTS - 3


async def test_nor_is_it_at_its_authors_expense_where_the_store_has_lost_the_item(
    limited: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    statement, _ = sign_bulletin(exchange, FIA, category="cybercrime", severity="Minor")
    named = await audience(limited, FIA, policy_of(statement))
    lost = fia.seal(statement, None, [ISLAMABAD, MOI])
    held = {ISLAMABAD: lost.wraps[ISLAMABAD]}
    for others in ({}, {FIA: lost.wraps[ISLAMABAD]}, {member: fixed("w", 64) for member in (*named, FIA)}):
        for _ in range(2 * POSTS):
            with pytest.raises(AudienceChanged):
                await limited.blind.post(replace(lost, wraps={**others, **held}).pack())
    assert await posts_left(limited, fia) == POSTS - 1


async def test_a_changed_one_is_refused_and_costs_its_author_nothing(
    limited: Service, exchange: TestExchange, fia: BlindAuthor
) -> None:
    _, again = await replay(limited, exchange, fia)
    other = policy_of(sign_bulletin(exchange, FIA, marking="TLP:CLEAR")[0]).opening(fixed("salt"))
    changed = (
        replace(again, opening=other),
        replace(again, sealed=replace(again.sealed, ciphertext=again.sealed.ciphertext[::-1])),
        replace(again, sealed=replace(again.sealed, seal=bytes(64))),
    )
    for body in changed:
        for _ in range(2 * POSTS):
            with pytest.raises(HarkaraError):
                await limited.blind.post(body.pack())
    assert await posts_left(limited, fia) == POSTS - 3


def _header_id(post: BlindPost) -> str:
    return read_header(post.sealed.header).id


def _id(number: int) -> str:
    return EXAMPLE_ID[:-4] + f"{number:04x}"
