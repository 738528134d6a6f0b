"""The promises P1 to P7 of the README, each broken on purpose as far as a test can, over real processes."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from broker.client import Agency, Posted, ReceivedBulletin, ReceivedReceipt, Unverified
from broker.errors import HarkaraError, NotFound
from broker.protocol import dsse, times
from broker.protocol.limits import HOUR_US
from broker.service import clock
from tests.cli.runner import call
from tests.exchange_fixtures import (
    ACADEMY,
    ANF,
    BEIJING,
    FIA,
    ISLAMABAD,
    MOI,
    TestExchange,
    identity,
    next_version,
    post_body,
    sign_bulletin,
)
from tests.journeys.ministry import Ministry, drain
from tests.service.conftest import registry_body
from tests.waiting import HANG_S

SECRETS = {
    "headline": "Zarrar moves the Koh-i-Noor consignment",
    "description": "Lorry LES-9931 leaves Torkham at dusk",
    "name": "Qabilzada",
    "note": "Interceptor team Shaheen ready",
}
"""Words that stand nowhere else: none of them may be found where plaintext must not be."""


def _secret_document(ministry: Ministry, **fields: Any) -> dict[str, Any]:
    return ministry.document(
        FIA,
        category="human-smuggling",
        text={"en": {"headline": SECRETS["headline"], "description": SECRETS["description"]}},
        subjects=[
            {"type": "person", "role": "suspect", "names": [{"script": "Latn", "family": SECRETS["name"]}]}
        ],
        **fields,
    )


async def _publish(ministry: Ministry, exchange: TestExchange) -> None:
    async with aiohttp.ClientSession() as session:
        put = session.put(
            f"{ministry.url}/v1/registry",
            data=registry_body(exchange),
            headers={"Content-Type": "application/json"},
        )
        async with put as answer:
            assert answer.status == 200, await answer.text()


async def _post_until_told(agency: Agency, ministry: Ministry, count: int, accepted: list[Posted]) -> None:
    for number in range(count):
        text = {"en": {"headline": f"Report {number} of {agency.id} at {time.monotonic_ns()}"}}
        accepted.append(await agency.post(ministry.document(agency.id, text=text)))


@pytest.mark.timeout(400)
async def test_p1_nothing_accepted_is_lost_when_broker_and_store_are_killed_again_and_again(
    ministry: Ministry,
) -> None:
    accepted: list[Posted] = []
    # On a loaded machine a restart takes its time: the posts wait for it, as an agency's would.
    async with ministry.connect(FIA, patience=200.0) as fia, ministry.connect(MOI, patience=200.0) as moi:
        posting = asyncio.gather(
            *(_post_until_told(agency, ministry, 40, accepted) for agency in (fia, moi) for _ in range(2))
        )
        for _ in range(3):
            await asyncio.sleep(0.4)
            await ministry.kill()
            await ministry.start()
        await posting
    assert len(accepted) == 160
    async with ministry.connect(ISLAMABAD) as islamabad:
        received = await _all(islamabad, len(accepted))
    assert sorted((item.originator, item.id) for item in received) == sorted(
        (posted.originator, posted.id) for posted in accepted
    )


async def _all(agency: Agency, count: int) -> list[ReceivedBulletin]:
    """Read until `count` bulletins are there; every item has to verify."""
    found: list[ReceivedBulletin] = []
    async for item in agency.feed(count=count, timeout=HANG_S):
        assert isinstance(item, ReceivedBulletin), item
        found.append(item)
    return found


async def test_p2_an_agency_sees_each_item_once_in_order_without_gaps_across_crashes(
    ministry: Ministry,
) -> None:
    numbers: list[int] = []
    async with ministry.connect(FIA) as fia:
        for round_ in range(3):
            for number in range(5):
                text = {"en": {"headline": f"Report {round_}.{number}"}}
                await fia.post(ministry.document(FIA, text=text))
            # A reader of its own each time: only the place on disk goes on.
            async with ministry.connect(ISLAMABAD) as islamabad:
                numbers += [item.number for item in await _all(islamabad, 5)]
            await ministry.kill()
            await ministry.start()
        async with ministry.connect(ISLAMABAD) as islamabad:
            assert await drain(islamabad) == []
    assert numbers == list(range(1, 16))


async def test_p3_an_author_is_proven_offline_by_a_file_alone_and_a_changed_one_is_refused(
    ministry: Ministry, tmp_path: Path
) -> None:
    async with ministry.connect(FIA) as fia:
        posted = await fia.post(ministry.document(FIA))
    async with ministry.connect(ISLAMABAD) as islamabad:
        (item,) = await _all(islamabad, 1)
    assert item.id == posted.id
    variables = {
        "HARKARA_URL": ministry.url,
        "HARKARA_IDENTITY": str(tmp_path / f"{ISLAMABAD}.key"),
        "HARKARA_STATE": str(tmp_path / "desk"),
    }
    proof = tmp_path / "proof.json"
    done = await asyncio.to_thread(call, "export", "1", "--proof", proof, **variables)
    assert done.code == 0, done.err
    await ministry.kill()
    registry = tmp_path / "registry.json"
    verified = await asyncio.to_thread(call, "verify", proof, "--registry", registry)
    assert (verified.code, FIA in verified.out) == (0, True), verified.err
    for spoilt in _spoilt(proof.read_text()):
        proof.write_text(spoilt)
        refused = await asyncio.to_thread(call, "verify", proof, "--registry", registry)
        assert refused.code in (2, 5), "a changed proof is no proof"


def _spoilt(proof: str) -> list[str]:
    """Change one letter in each long text of a proof: signatures, payloads, keys."""
    found = []
    for start in [
        at for at, letter in enumerate(proof) if letter == '"' and proof[at + 1 : at + 41].isalnum()
    ]:
        at = start + 20
        found.append(proof[:at] + ("A" if proof[at] != "A" else "B") + proof[at + 1 :])
    assert found
    return found


async def test_p4_no_plaintext_reaches_the_store_its_log_or_any_disk_of_the_broker(
    ministry: Ministry,
) -> None:
    async with ministry.connect(FIA) as fia, ministry.connect(ISLAMABAD) as islamabad:
        named = _secret_document(ministry, marking="TLP:RED")
        await fia.post(named, to=[ISLAMABAD])
        await fia.post(_secret_document(ministry, severity="Minor"), except_=[ANF])
        sealed = _secret_document(ministry, severity="Moderate")
        posted = await fia.post(sealed, to=[ISLAMABAD], blind=True)
        assert posted.sealed_for == (ISLAMABAD,)
        for item in await _all(islamabad, 3):
            await item.acknowledge("actioned", note=SECRETS["note"])
        receipts = [item async for item in fia.feed(count=3, timeout=HANG_S)]
        assert all(isinstance(item, ReceivedReceipt) for item in receipts)
        # Something that is refused must not be written down either.
        with pytest.raises(HarkaraError):
            await fia.post(_secret_document(ministry) | {"category": "drug-smuggling"})
        with pytest.raises(HarkaraError):
            await fia.post(_secret_document(ministry) | {"category": "drug-smuggling"}, blind=True)
    await ministry.stop()
    words = [*SECRETS.values(), "human-smuggling", "human smuggling"]
    found = [
        (path.name, word)
        for path in _files_of_the_broker(ministry)
        for word in words
        if word.encode() in path.read_bytes()
    ]
    assert found == []
    assert any("aof" in path.name for path in _files_of_the_broker(ministry)), "the store did write"


def _files_of_the_broker(ministry: Ministry) -> list[Path]:
    trust = {"exchange.json", "registry.json", "entitlements.json", "broker.key", "store.key"}
    below = [path for path in ministry.data.rglob("*") if path.is_file() and path.name not in trust]
    return [*below, ministry.log]


async def test_p4_whoever_has_the_store_and_its_key_ids_cannot_open_an_item_without_a_members_key(
    ministry: Ministry,
) -> None:
    async with ministry.connect(FIA) as fia, ministry.connect(ISLAMABAD) as islamabad:
        await fia.post(ministry.document(FIA))
        assert isinstance((await _all(islamabad, 1))[0], ReceivedBulletin)
    # The same inbox, read with the right signing key and another sealing key: nothing opens.
    own, other = ministry.exchange.identities[ISLAMABAD], ministry.exchange.identities[ANF]
    mixed = type(own)(own.exchange, own.id, own.role, (own.keys[0], other.keys[1]))
    async with ministry.connect(ISLAMABAD, identity=mixed, consumer="mixed") as robbed:
        items = await drain(robbed)
    assert [type(item) for item in items] == [Unverified]


async def test_p5_every_exit_obeys_the_one_decision_and_recipients_do_not_learn_of_one_another(
    ministry: Ministry,
) -> None:
    async with ministry.connect(FIA) as fia:
        document = ministry.document(FIA, category="human-trafficking", marking="TLP:GREEN")
        posted = await fia.post(document, to=[ISLAMABAD, BEIJING])
        async with ministry.connect(ISLAMABAD) as islamabad:
            (item,) = await _all(islamabad, 1)
            await item.acknowledge("opened")
            answer = await islamabad.request("GET", "/v1/inbox?after=0")
            for other in (BEIJING, MOI, ACADEMY):
                assert other.encode() not in answer.body, "an item names nobody but its author and its reader"
        reaches = await fia.audience(document | {"severity": "Minor"}, to=[ISLAMABAD, BEIJING])
        assert {reach.agency for reach in reaches if reach.delivers} == {ISLAMABAD, BEIJING}
        for outsider in (MOI, ANF, ACADEMY):
            async with ministry.connect(outsider) as agency:
                assert await drain(agency) == []
                await _learns_nothing(agency, posted)
    async with aiohttp.ClientSession() as session, session.get(f"{ministry.ops}/healthz") as health:
        assert posted.id not in await health.text()


async def _learns_nothing(agency: Agency, posted: Posted) -> None:
    unknown = "0199b2d4-6f1e-7c3a-9d52-3f0a8c1e7b64"
    for path in (f"/v1/bulletins/{FIA}/%s", f"/v1/bulletins/{FIA}/%s/receipts"):
        answers = [await agency.request("GET", path % item_id) for item_id in (posted.id, unknown)]
        told = []
        for answer in answers:
            problem = json.loads(answer.body)
            problem.pop("instance")
            told.append((answer.status, problem))
        assert told[0] == told[1], "what one may not see is not told from what does not exist"
        assert told[0][0] == 404
    with pytest.raises(NotFound):
        await agency.fetch(FIA, posted.id)


async def test_p6_a_revoked_key_loses_its_feed_and_what_it_signed_stays_verifiable(
    ministry: Ministry, exchange: TestExchange
) -> None:
    async with ministry.connect(FIA) as fia, ministry.connect(ISLAMABAD) as islamabad:
        await fia.post(ministry.document(FIA))
        ended = asyncio.create_task(_follow_until_cut(fia))
        await asyncio.sleep(0.5)
        stolen = exchange.signing(FIA).kid
        renewed = identity(exchange.id, FIA, exchange.now, 1)
        await _publish(
            ministry,
            next_version(
                exchange,
                identities={
                    FIA: type(renewed)(
                        renewed.exchange, FIA, "agency", exchange.identities[FIA].keys + renewed.keys
                    )
                },
                revoked={stolen: clock.now()},
            ),
        )
        async with asyncio.timeout(HANG_S):
            error = await ended
        assert error.code == "revoked-key"
        with pytest.raises(HarkaraError) as refused:
            await fia.post(ministry.document(FIA, severity="Minor"))
        assert refused.value.code == "revoked-key"
        assert [item.originator for item in await _all(islamabad, 1)] == [FIA]
    async with ministry.connect(FIA, identity=renewed) as again:
        await again.post(ministry.document(FIA, severity="Moderate"))
    async with ministry.connect(ISLAMABAD) as islamabad:
        assert [item.bulletin.severity for item in await _all(islamabad, 1)] == ["Moderate"]


async def _follow_until_cut(agency: Agency) -> HarkaraError:
    try:
        async for _ in agency.feed():
            pass
    except HarkaraError as error:
        return error
    raise AssertionError("the feed ended without a word")


BAD_POSTS = [
    pytest.param(b"", 400, "", id="nothing"),
    pytest.param(b"\xff\xfe", 400, "", id="not UTF-8"),
    pytest.param(b"[" * 100_000, 400, "", id="nested 100,000 deep"),
    pytest.param(b'{"statement": 1e999}', 400, "", id="a number beyond all"),
    pytest.param(b'{"statement": {}, "statement": {}}', 400, "/statement", id="a member twice"),
    pytest.param(b"x" * 500_000, 413, "", id="half a megabyte"),
]


@pytest.mark.parametrize(("body", "status", "pointer"), BAD_POSTS)
async def test_p7_bad_input_gets_a_clear_refusal(
    body: bytes, status: int, pointer: str, ministry: Ministry
) -> None:
    headers = {"Content-Type": "application/json"}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=HANG_S)) as session:
        async with session.post(f"{ministry.url}/v1/bulletins", data=body, headers=headers) as answer:
            problem = await answer.json(content_type="application/problem+json")
        assert answer.status == status
        assert problem["type"].startswith("urn:harkara:problem:")
        assert any(error["pointer"].startswith(pointer) for error in problem["errors"])


async def test_p7_one_bad_line_of_a_batch_harms_no_other(ministry: Ministry, exchange: TestExchange) -> None:
    good, late = (
        sign_bulletin(exchange, FIA)[0],
        sign_bulletin(exchange, FIA, severity="Minor", sent=times.format(exchange.now - 30 * HOUR_US))[0],
    )
    lines = [_line(good), b"{", _line(late), _line(sign_bulletin(exchange, FIA, severity="Moderate")[0])]
    headers = {"Content-Type": "application/x-ndjson"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{ministry.url}/v1/bulletins", data=b"\n".join(lines), headers=headers) as answer,
    ):
        told = [json.loads(line) for line in (await answer.read()).splitlines()]
    assert answer.status == 200
    assert ["stamp" if "stamp" in one else one["problem"]["status"] for one in told] == [
        "stamp",
        400,
        422,
        "stamp",
    ]
    async with ministry.connect(ISLAMABAD) as islamabad:
        assert len(await _all(islamabad, 2)) == 2


def _line(statement: dsse.Envelope) -> bytes:
    return post_body(statement, None)
