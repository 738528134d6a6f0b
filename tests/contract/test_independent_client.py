"""A client that knows `schemas/` alone and a real broker understand each other, and it believes no forgery.

What it cannot do with `schemas/protocol.md`, nobody can in another language.
"""

from __future__ import annotations

import ast
import asyncio
import base64
import copy
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from broker.client import Agency
from broker.wiring import RunningBroker
from tests.contract import independent_bytes, independent_client
from tests.contract.independent_bytes import NotBelieved
from tests.contract.independent_client import Member
from tests.exchange_fixtures import ACADEMY, FIA, ISLAMABAD, TestExchange

Page = dict[str, Any]
NEWS = {
    "status": "Actual",
    "type": "Alert",
    "category": "terrorism",
    "marking": "TLP:AMBER",
    "urgency": "Immediate",
    "severity": "Severe",
    "certainty": "Likely",
    "text": {"en": {"headline": "White van"}, "ur": {"headline": "سفید وین"}},
    "areas": [{"name": "Islamabad", "code": "PK-IS"}, {"name": "Balochistan", "code": "PK-BA"}],
    "respond_by": "urgent",
    "request": "Is the van known?",
}


@pytest.fixture
def member(broker: RunningBroker, exchange: TestExchange) -> Callable[[str], Member]:
    """Give members by their ids, who have learned the registry."""

    def known(name: str) -> Member:
        found = Member(
            broker.url,
            json.loads(exchange.exchange.document()),
            name,
            exchange.signing(name).seed,
            exchange.sealing(name).seed,
        )
        found.learn()
        return found

    return known


@pytest.mark.parametrize("module", [independent_client, independent_bytes])
def test_it_imports_nothing_of_the_broker(module: Any) -> None:
    allowed = {*sys.stdlib_module_names, "cryptography", "msgpack"}
    for node in ast.walk(ast.parse(Path(module.__file__).read_text())):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for name in (
                [node.module] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
            ):
                assert name == independent_bytes.__name__ or str(name).partition(".")[0] in allowed


async def test_it_posts_reads_believes_answers_and_acknowledges(member: Callable[[str], Member]) -> None:
    await asyncio.to_thread(_conversation, member)


def _conversation(member: Callable[[str], Member]) -> None:
    fia, islamabad, academy = member(FIA), member(ISLAMABAD), member(ACADEMY)
    said = [fia.post(**NEWS), fia.post(to=[ISLAMABAD], **NEWS | {"marking": "TLP:RED"})]
    page = islamabad.arrived(2)
    assert islamabad.believe(page) == said
    assert islamabad.believe(islamabad.packed_inbox()) == said
    assert islamabad.believe(islamabad.feed(2)) == said
    assert academy.believe(academy.inbox()) == []
    assert islamabad.acknowledge(page) == 2
    islamabad.answer(page, 2, "confirmed")
    (receipt,) = fia.believe(fia.arrived(1))
    assert (receipt["agency"], receipt["kind"], receipt["bulletin"]) == (
        ISLAMABAD,
        "confirmed",
        said[1]["id"],
    )


async def test_it_believes_what_an_author_sealed_itself_and_nothing_like_it(
    member: Callable[[str], Member], broker: RunningBroker, exchange: TestExchange, tmp_path: Path
) -> None:
    now = datetime.now(UTC)
    document = NEWS | {"expires": (now + timedelta(hours=1)).isoformat()}
    identity, registry = exchange.identities[FIA], exchange.registry
    async with Agency.connect(broker.url, identity=identity, registry=registry, state=tmp_path) as fia:
        posted = await fia.post(document, to=[ISLAMABAD], blind=True)
    await asyncio.to_thread(_sealed_by_its_author, member, posted.id)


def _sealed_by_its_author(member: Callable[[str], Member], posted: str) -> None:
    islamabad = member(ISLAMABAD)
    page = islamabad.arrived(1)
    (found,) = islamabad.believe(page)
    assert found["id"] == posted
    assert islamabad.believe(islamabad.packed_inbox()) == [found]
    assert islamabad.believe(islamabad.feed(1)) == [found]
    forged = copy.deepcopy(page)
    _flip("seal")(forged)
    with pytest.raises(NotBelieved):
        islamabad.believe(forged)


def _flipped(text: str, at: int = -1) -> str:
    found = bytearray(base64.b64decode(text))
    found[at] ^= 1
    return base64.b64encode(bytes(found)).decode()


def _flip(name: str, at: int = -1) -> Callable[[Page], None]:
    def change(page: Page) -> None:
        page["items"][0][name] = _flipped(page["items"][0][name], at)

    return change


def _flip_signed(where: Callable[[Page], Page], name: str) -> Callable[[Page], None]:
    def change(page: Page) -> None:
        holder = where(page) if name == "payload" else where(page)["signatures"][0]
        holder[name] = _flipped(holder[name])

    return change


def _swap(name: str) -> Callable[[Page], None]:
    def change(page: Page) -> None:
        one, other = page["items"]
        one[name], other[name] = other[name], one[name]

    return change


def _drop_first(page: Page) -> None:
    del page["items"][0]
    entry = page["entries"][0]
    entry["first"] += 1
    del entry["references"][0]
    page["entries"] = [entry, *page["entries"][1:]] if entry["references"] else page["entries"][1:]


FORGERIES: dict[str, Callable[[Page], object]] = {
    "another-ciphertext": _flip("ciphertext"),
    "another-commitment": _flip("header"),
    "another-wrap": _flip("wrap"),
    "another-pair-key": _flip("wrap", 0),
    "another-stamp": _flip_signed(lambda page: page["items"][0]["stamp"], "payload"),
    "a-stamp-by-nobody": _flip_signed(lambda page: page["items"][0]["stamp"], "sig"),
    "another-head": _flip_signed(lambda page: page["head"], "payload"),
    "a-head-by-nobody": _flip_signed(lambda page: page["head"], "sig"),
    "stamps-exchanged": _swap("stamp"),
    "wraps-exchanged": _swap("wrap"),
    "contents-exchanged": _swap("ciphertext"),
    "order-exchanged": _swap("number"),
    "one-dropped": _drop_first,
    "a-body-missing": lambda page: page["items"].pop(),
    "an-entry-missing": lambda page: page["entries"].pop(),
    "another-kind": lambda page: page["items"][0].update(kind="receipt"),
    "another-epoch": lambda page: page.update(epoch="00" * 16),
    "another-inbox": lambda page: page.update(agency=ACADEMY),
}


async def test_it_believes_no_forgery(member: Callable[[str], Member]) -> None:
    await asyncio.to_thread(_forgeries, member)


def _forgeries(member: Callable[[str], Member]) -> None:
    fia, islamabad = member(FIA), member(ISLAMABAD)
    said = [fia.post(**NEWS), fia.post(**NEWS)]
    page = islamabad.arrived(2)
    believed = []
    for name, forge in FORGERIES.items():
        forged = copy.deepcopy(page)
        forge(forged)
        try:
            islamabad.believe(forged)
        except NotBelieved:
            continue
        believed.append(name)
    assert believed == []
    assert islamabad.believe(page) == said
