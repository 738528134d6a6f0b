"""The memory of nonces: each once, bounded for an agency and in all, forgotten when it cannot matter."""

from __future__ import annotations

from dataclasses import replace

import pytest
from aiohttp.test_utils import make_mocked_request

from broker.errors import RateLimited, Replayed, Unavailable
from broker.protocol.keys import SigningKey
from broker.web.caller import Callers
from broker.web.nonces import KEEP_US, Nonces
from broker.web.query import TARGET
from broker.web.target import read_target
from tests.exchange_fixtures import ANF, FIA, identity, make_exchange, next_version
from tests.web.reader import Signed, sign

NOW = 1_000_000_000
ONE, TWO = FIA, ANF


def test_a_nonce_passes_once() -> None:
    nonces = Nonces()
    nonces.use(ONE, "a", NOW)
    with pytest.raises(Replayed):
        nonces.use(ONE, "a", NOW + 1)


def test_the_same_nonce_of_another_agency_is_another_nonce() -> None:
    nonces = Nonces()
    nonces.use(ONE, "a", NOW)
    nonces.use(TWO, "a", NOW)


@pytest.mark.parametrize(
    ("later", "refused"),
    [
        pytest.param(KEEP_US, True, id="while it could pass"),
        pytest.param(KEEP_US + 1, False, id="after that"),
    ],
)
def test_a_nonce_is_kept_as_long_as_its_signature_could_pass(later: int, refused: bool) -> None:
    nonces = Nonces()
    nonces.use(ONE, "a", NOW)
    if refused:
        with pytest.raises(Replayed):
            nonces.use(ONE, "a", NOW + later)
    else:
        nonces.use(ONE, "a", NOW + later)


def test_an_agency_that_uses_up_its_share_harms_no_other() -> None:
    nonces = Nonces(per_agency=3)
    for nonce in "abc":
        nonces.use(ONE, nonce, NOW)
    with pytest.raises(RateLimited):
        nonces.use(ONE, "d", NOW)
    nonces.use(TWO, "d", NOW)
    nonces.use(ONE, "d", NOW + KEEP_US + 1)


def test_when_all_is_used_up_nothing_passes_until_there_is_room() -> None:
    nonces = Nonces(in_all=2)
    nonces.use(ONE, "a", NOW)
    nonces.use(TWO, "a", NOW)
    with pytest.raises(Unavailable):
        nonces.use(ONE, "b", NOW)
    nonces.use(ONE, "b", NOW + KEEP_US + 1)


def test_an_agency_with_more_keys_has_no_more_room() -> None:
    exchange = make_exchange()
    keys = [*exchange.identities[FIA].keys, *identity(exchange.id, FIA, exchange.now, 1).keys]
    exchange = next_version(exchange, identities={FIA: replace(exchange.identities[FIA], keys=tuple(keys))})
    now, nonces = exchange.now, Nonces(per_agency=2)
    callers = Callers(lambda: exchange.registry, (), "http", lambda: now, nonces, lambda agency: None)

    def read(key: SigningKey, nonce: str) -> None:
        how = Signed(key, created=now / 1_000_000, nonce=nonce * 16)
        headers = sign(how, "GET", "http://localhost:8470/v1/inbox")
        request = make_mocked_request("GET", "/v1/inbox", headers={"Host": "localhost:8470", **headers})
        request[TARGET] = read_target(request, "http")
        callers.identify(request)

    one, other = (own.key for own in keys if isinstance(own.key, SigningKey))
    read(one, "a")
    read(other, "b")
    with pytest.raises(RateLimited):
        read(other, "c")
