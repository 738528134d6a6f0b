"""What the client package gives, and that it gives it when it is asked for and not before."""

from __future__ import annotations

import subprocess
import sys

import pytest

import broker.client


@pytest.mark.parametrize("name", broker.client.__all__)
def test_everything_that_is_promised_is_there(name: str) -> None:
    assert getattr(broker.client, name).__module__ in (
        f"broker.client.{part}" for part in ("agency", "items", "lookups", "publishing", "reach", "transport")
    ) or name in ("FeedItem", "Received")


def test_what_is_not_promised_is_not_there() -> None:
    with pytest.raises(AttributeError):
        broker.client.Feed  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        pytest.param("import broker.client.items", False, id="the-kinds-of-items"),
        pytest.param("import broker.client.item_check", False, id="the-item-check"),
        pytest.param("import broker.client.drafting", False, id="drafting"),
        pytest.param("from broker.client import Agency", True, id="an-agency"),
    ],
)
def test_who_needs_no_network_does_not_load_it(code: str, loaded: bool) -> None:
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint('aiohttp' in sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == str(loaded)
