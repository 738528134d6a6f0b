"""What a broker logs over a whole journey: at DEBUG, one JSON object a line, each refusal with the id of its
request, and no word of any bulletin, receipt or name in it.
"""

from __future__ import annotations

import json
from pathlib import Path

import aiohttp
import pytest

from broker.client import ReceivedBulletin
from broker.errors import HarkaraError
from broker.service import clock
from tests.exchange_fixtures import FIA, ISLAMABAD, make_exchange, post_body, sign_bulletin
from tests.journeys.ministry import Ministry
from tests.waiting import HANG_S

SECRETS = ("Koh-i-Noor", "LES-9931", "Qabilzada", "Shaheen", "35202-1234567-1", "کوہ نور")


async def test_a_journey_leaves_no_content_in_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ministry = Ministry(make_exchange(clock.now()), tmp_path)
    ministry.flags = ("--log-level", "debug")
    await ministry.start()
    try:
        await _journey(ministry)
    finally:
        assert await ministry.stop() == 0
    told = ministry.log.read_text("utf-8")
    events = [json.loads(line) for line in told.splitlines()]
    assert [secret for secret in SECRETS if secret in told or json.dumps(secret)[1:-1] in told] == []
    # The log is alive: every request is in it, and says which one it was.
    answered = [event for event in events if event["event"] == "answered"]
    assert {"/v1/bulletins", "/v1/feed", "/v1/receipts", "/metrics"} <= {event["route"] for event in answered}
    refused = [event for event in events if event["event"] in ("refused", "line-refused")]
    assert {"schema", "malformed", "not-found"} <= {event["code"] for event in refused}
    assert [event for event in answered + refused if not event.get("request_id")] == []
    assert [event for event in events if not {"event", "level", "timestamp"} <= event.keys()] == []


async def _journey(ministry: Ministry) -> None:
    document = ministry.document(
        FIA,
        category="human-smuggling",
        text={"en": {"headline": "Koh-i-Noor, lorry LES-9931"}, "ur": {"headline": "کوہ نور"}},
        subjects=[
            {
                "type": "person",
                "role": "suspect",
                "names": [{"script": "Latn", "family": "Qabilzada"}],
                "cnic": "35202-1234567-1",
            }
        ],
    )
    async with ministry.connect(FIA) as fia, ministry.connect(ISLAMABAD) as islamabad:
        await fia.post(document, to=[ISLAMABAD])
        async for item in islamabad.feed(count=1, timeout=HANG_S):
            assert isinstance(item, ReceivedBulletin)
            await item.acknowledge("refused", note="Shaheen is busy")
        assert [item async for item in fia.feed(count=1, timeout=HANG_S)] != []
        with pytest.raises(HarkaraError):
            await fia.post(document | {"severity": "Koh-i-Noor"})
    statement, _ = sign_bulletin(ministry.exchange, FIA, severity="Koh-i-Noor")
    other, _ = sign_bulletin(ministry.exchange, FIA, onset="LES-9931")
    batch = b"\n".join([post_body(statement), b'{"Qabilzada": 1', post_body(other)]) + b"\n"
    posts = f"{ministry.url}/v1/bulletins"
    async with aiohttp.ClientSession() as session:
        for kind, body, status in (
            ("application/json", post_body(statement), 422),
            ("application/x-ndjson", batch, 200),
            ("application/json", b'{"Koh-i-Noor": ', 400),
        ):
            async with session.post(posts, data=body, headers={"Content-Type": kind}) as answer:
                assert answer.status == status, await answer.text()
        async with session.get(f"{ministry.url}/v1/Koh-i-Noor/Qabilzada?LES-9931=Shaheen") as answer:
            assert answer.status in (400, 404)
        async with session.get(f"{ministry.url}/Qabilzada") as answer:
            assert answer.status == 404
        async with session.get(f"{ministry.ops}/metrics") as answer:
            assert answer.status == 200
