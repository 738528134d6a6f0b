"""The memory of nonces: each once, bounded for each key and in all, and forgotten when it cannot matter."""

from __future__ import annotations

import pytest

from broker.errors import RateLimited, Replayed, Unavailable
from broker.web.nonces import KEEP_US, Nonces

NOW = 1_000_000_000
ONE, TWO = b"1" * 32, b"2" * 32


def test_a_nonce_passes_once() -> None:
    nonces = Nonces()
    nonces.use(ONE, "a", NOW)
    with pytest.raises(Replayed):
        nonces.use(ONE, "a", NOW + 1)


def test_the_same_nonce_of_another_key_is_another_nonce() -> None:
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


def test_one_key_that_uses_up_its_share_harms_no_other() -> None:
    nonces = Nonces(per_key=3)
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
