"""What a server must be before it is trusted: all that is wrong is told at once, with its mend."""

from __future__ import annotations

import time

import pytest

from broker.errors import StoreUnavailable, UnsafeConfiguration
from broker.store.safety import CLOCK_TOLERANCE_S, REQUIRED_SETTINGS, _clock_problems
from broker.store.store import Store
from tests.stores import Server


async def refusal(url: str) -> UnsafeConfiguration:
    with pytest.raises(UnsafeConfiguration) as caught:
        await Store.open(url)
    return caught.value


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        pytest.param("appendonly", "no", id="nothing is written to disk"),
        pytest.param("appendfsync", "everysec", id="a power cut loses a second"),
        pytest.param("appendfsync", "no", id="a power cut loses half a minute"),
        pytest.param("no-appendfsync-on-rewrite", "yes", id="nothing is on disk during a rewrite"),
        pytest.param("maxmemory-policy", "allkeys-lru", id="accepted bulletins are evicted"),
        pytest.param("maxmemory-policy", "volatile-ttl", id="pair keys are evicted"),
    ],
)
async def test_an_unsafe_setting_is_refused_with_its_value_and_its_mend(setting: str, value: str) -> None:
    with Server(["--" + setting, value]) as server:
        error = await refusal(server.url)
        [problem] = error.problems
        assert problem.pointer == f"/{setting}"
        assert value in problem.got
        required = REQUIRED_SETTINGS[setting][0]
        assert f"CONFIG SET {setting} {required}" in problem.hint
        assert problem.hint in error.detail

        with server.client() as client:  # the mend works
            client.config_set(setting, required)
        await (await Store.open(server.url)).close()


async def test_all_that_is_wrong_is_told_at_once() -> None:
    with Server(["--appendonly", "no", "--maxmemory-policy", "allkeys-lru"]) as server:
        error = await refusal(server.url)
    assert {problem.pointer for problem in error.problems} == {"/appendonly", "/maxmemory-policy"}


async def test_a_replica_is_refused(store_url: str) -> None:
    with Server(["--replicaof", "127.0.0.1 1"]) as server:
        error = await refusal(server.url)
    assert [problem.pointer for problem in error.problems] == ["/role"]


@pytest.mark.parametrize(
    ("rules", "pointer"),
    [
        pytest.param(["-config"], "/CONFIG GET", id="may not see the settings"),
        pytest.param(["-info"], "/INFO", id="may not see the role"),
        pytest.param(["-@scripting"], "/scripts", id="may not run scripts"),
        pytest.param(["-command"], "/COMMAND INFO", id="may not ask for commands"),
        pytest.param(["-time"], "/TIME", id="may not ask for the time"),
    ],
)
async def test_an_account_that_may_not_be_checked_is_refused_with_what_to_grant(
    rules: list[str], pointer: str
) -> None:
    with Server() as server:
        with server.client() as client:
            client.execute_command("ACL", "SETUSER", "harkara", "on", ">p", "~*", "+@all", *rules)
        error = await refusal(f"unix://harkara:p@{server.socket}")
    assert [problem.pointer for problem in error.problems] == [pointer]
    assert "ACL SETUSER" in error.problems[0].hint


async def test_a_server_without_a_needed_command_is_refused() -> None:
    with Server(["--rename-command", "XRANGE", ""]) as server:
        error = await refusal(server.url)
    [problem] = error.problems
    assert (problem.pointer, problem.expected) == ("/commands", "xrange")


async def test_a_wrong_password_is_told_as_such() -> None:
    with Server(["--requirepass", "right"]) as server:
        with pytest.raises(StoreUnavailable, match="password"):
            await Store.open(f"unix://:wrong@{server.socket}")
        with pytest.raises(StoreUnavailable, match="password"):
            await Store.open(server.url)


@pytest.mark.parametrize(
    ("off", "refused"),
    [
        pytest.param(0.0, False, id="the same time"),
        pytest.param(CLOCK_TOLERANCE_S - 0.1, False, id="a little ahead"),
        pytest.param(-CLOCK_TOLERANCE_S + 0.1, False, id="a little behind"),
        pytest.param(CLOCK_TOLERANCE_S + 0.2, True, id="ahead"),
        pytest.param(-CLOCK_TOLERANCE_S - 0.2, True, id="behind"),
        pytest.param(3600.0, True, id="an hour ahead"),
    ],
)
def test_a_clock_that_is_off_is_refused(off: float, refused: bool) -> None:
    here = time.time()
    theirs = here + off
    reply = [b"%d" % int(theirs), b"%d" % int(theirs % 1 * 1e6)]
    assert bool(_clock_problems(reply, here, here)) is refused


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://localhost", id="another scheme"),
        pytest.param("localhost:6379", id="no scheme"),
        pytest.param("redis://:secret@localhost?socket_timeout=x", id="a bad option"),
    ],
)
async def test_an_address_that_cannot_be_used_is_refused_without_showing_its_password(url: str) -> None:
    error = await refusal(url)
    assert "secret" not in error.detail


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("unix:///nowhere/at/all.sock", id="no socket there"),
        pytest.param("redis://127.0.0.1:1", id="nobody listens"),
    ],
)
async def test_a_server_that_is_not_there_is_unavailable(url: str) -> None:
    with pytest.raises(StoreUnavailable):
        await Store.open(url)
