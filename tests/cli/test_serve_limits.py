"""The limits that `harkara serve` takes: from flags and variables into the settings."""

from __future__ import annotations

import pytest

from broker.cli.serve import _settings, serve
from broker.settings import Settings, Share
from tests.cli.runner import call


def settings_of(*arguments: str) -> Settings:
    with serve.make_context("serve", ["--data", ".", *arguments]) as context:
        return _settings({**context.params})


@pytest.mark.parametrize(
    ("arguments", "share"),
    [
        pytest.param((), Share(), id="the usual limits"),
        pytest.param(("--posts-per-minute", "60"), Share(posts_per_minute=60), id="posts"),
        pytest.param(("--post-mebibytes-per-minute", "1"), Share(post_mebibytes_per_minute=1), id="bytes"),
        pytest.param(("--reads-per-minute", "0"), Share(reads_per_minute=0), id="no limit"),
        pytest.param(("--live-feeds", "2"), Share(live_feeds=2), id="feeds"),
    ],
)
def test_a_flag_sets_its_limit_and_no_other(arguments: tuple[str, ...], share: Share) -> None:
    found = settings_of(*arguments)
    assert (found.share, found.connections_per_peer) == (share, None)


def test_a_variable_sets_a_limit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARKARA_CONNECTIONS_PER_PEER", "7")
    monkeypatch.setenv("HARKARA_LIVE_FEEDS", "8")
    found = settings_of()
    assert (found.connections_per_peer, found.share.live_feeds) == (7, 8)


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(("--posts-per-minute", "-1"), id="less than none"),
        pytest.param(("--reads-per-minute", "many"), id="no number"),
        pytest.param(("--connections-per-peer", "1.5"), id="no whole number"),
    ],
)
def test_a_limit_that_is_none_is_refused(arguments: tuple[str, ...]) -> None:
    done = call("serve", "--data", ".", *arguments)
    assert done.code == 2
    assert arguments[0] in done.err
