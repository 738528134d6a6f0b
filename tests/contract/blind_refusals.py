"""Cases of refusals: of blind posts, of their pair keys and of the audience of a policy."""

from __future__ import annotations

import json
from dataclasses import replace

from broker.protocol import blind
from broker.protocol.limits import DAY_US
from tests.contract.refusals import World, case
from tests.exchange_fixtures import (
    FIA,
    ISLAMABAD,
    MOI,
    post_body,
    sign_bulletin,
)
from tests.service.blind_author import keys_body, policy_of, question
from tests.web.reader import Answer


@case("id-conflict")
async def _another_statement_sealed_under_its_id(world: World) -> Answer:
    first = await world.post()
    return await world.blind(world.sealed(id=first.json["id"], severity="Minor"))


@case("id-conflict")
async def _another_pair_key_under_its_id(world: World) -> Answer:
    pkid = world.author.pairs[ISLAMABAD].binding.pkid if await world.handed_in() else b""
    again = [world.author.pair(MOI), world.author.pair(ISLAMABAD, pkid=pkid)]
    return await world.reader.post("/v1/pair-keys", keys_body(map(world.author.sealed, again)))


@case("audience-changed")
async def _sealed_for_another(world: World) -> Answer:
    await world.handed_in()
    return await world.blind(world.sealed(to=[MOI]))


@case("audience-changed")
async def _wrapped_under_what_nobody_has(world: World) -> Answer:
    world.author.make([ISLAMABAD])
    return await world.blind(world.sealed())


@case("audience-changed")
async def _a_pair_key_to_a_key_of_nobody(world: World) -> Answer:
    pair = world.author.pair(ISLAMABAD, member_kid=bytes(32))
    return await world.reader.post("/v1/pair-keys", keys_body([world.author.sealed(pair)]))


@case("malformed")
async def _no_msgpack(world: World) -> Answer:
    return await world.reader.post("/v1/bulletins", b"{}", blind.MEDIA_TYPE)


@case("malformed")
async def _a_blind_post_of_no_time(world: World) -> Answer:
    await world.handed_in()
    return await world.blind(world.sealed(lambda it: replace(it, expires_at=2**63)))


@case("malformed")
async def _a_pair_key_twice(world: World) -> Answer:
    one = world.author.sealed(world.author.pair(MOI))
    return await world.reader.post("/v1/pair-keys", keys_body([one, one]))


@case("malformed")
async def _a_pair_key_with_a_member_too_many(world: World) -> Answer:
    body = json.loads(keys_body([world.author.sealed(world.author.pair(MOI))]))
    body["pair_keys"][0]["a/b"] = 1
    return await world.reader.post("/v1/pair-keys", json.dumps(body).encode())


@case("malformed")
async def _a_policy_and_a_statement(world: World) -> Answer:
    statement, _ = sign_bulletin(world.exchange, FIA)
    asked = json.loads(question(policy_of(statement))) | json.loads(post_body(statement))
    return await world.reader.read(FIA, "/v1/audience", method="POST", body=json.dumps(asked).encode())


@case("malformed")
async def _a_policy_that_is_none(world: World) -> Answer:
    return await world.reader.read(FIA, "/v1/audience", method="POST", body=b'{"policy": "AAAA"}')


@case("bad-signature")
async def _a_blind_post_without_seal(world: World) -> Answer:
    post = world.sealed()
    return await world.blind(replace(post, sealed=replace(post.sealed, seal=bytes(64))))


@case("bad-signature")
async def _a_pair_key_without_signature(world: World) -> Answer:
    one = world.author.sealed(world.author.pair(MOI))
    bad = replace(one, signatures=(replace(one.signature, value=bytes(64)),))
    return await world.reader.post("/v1/pair-keys", keys_body([bad]))


@case("author-mismatch")
async def _a_pair_key_signed_by_its_member(world: World) -> Answer:
    one = world.author.sealed(world.author.pair(MOI), world.exchange.signing(MOI))
    return await world.reader.post("/v1/pair-keys", keys_body([one]))


@case("author-mismatch")
async def _sealed_in_the_name_of_another(world: World) -> Answer:
    return await world.blind(world.sealed(header={"originator": MOI}))


@case("may-not-originate")
async def _another_category_sealed(world: World) -> Answer:
    await world.handed_in()
    return await world.blind(world.sealed(lambda it: replace(it, category="drug-smuggling")))


@case("may-not-originate")
async def _asks_for_another_category(world: World) -> Answer:
    statement, _ = sign_bulletin(world.exchange, FIA)
    body = question(replace(policy_of(statement), category="drug-smuggling"))
    return await world.reader.read(FIA, "/v1/audience", method="POST", body=body)


@case("out-of-window")
async def _a_policy_of_last_week(world: World) -> Answer:
    statement, _ = sign_bulletin(world.exchange, FIA)
    body = question(replace(policy_of(statement), expires_at=world.exchange.now - 7 * DAY_US))
    return await world.reader.read(FIA, "/v1/audience", method="POST", body=body)


@case("unknown-agency")
async def _sealed_to_nobody(world: World) -> Answer:
    await world.handed_in()
    return await world.blind(world.sealed(to=["pk.nobody"]))


@case("unknown-agency")
async def _asks_for_nobody(world: World) -> Answer:
    statement, address = sign_bulletin(world.exchange, FIA, to=["pk.nobody"])
    body = question(policy_of(statement), address)
    return await world.reader.read(FIA, "/v1/audience", method="POST", body=body)


@case("wrong-exchange")
async def _a_pair_key_for_another_exchange(world: World) -> Answer:
    one = world.author.sealed(world.author.pair(MOI, exchange=bytes(32)))
    return await world.reader.post("/v1/pair-keys", keys_body([one]))


@case("wrong-address")
async def _sealed_without_its_address(world: World) -> Answer:
    return await world.blind(replace(world.sealed(), address=None))


@case("not-authentic")
async def _another_policy_than_the_header_says(world: World) -> Answer:
    post = world.sealed()
    return await world.blind(replace(post, opening=world.sealed(marking="TLP:CLEAR").opening))
