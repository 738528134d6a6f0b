"""`harkara serve`: it says when it serves, ends in order, and refuses what would not be safe."""

from __future__ import annotations

import http.client
import json
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.cli.runner import call, must
from tests.cli.world import World, make_exchange, running, served

ANYWHERE = ("--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0")


def status_of(url: str) -> int:
    host = urlsplit(url)
    connection = http.client.HTTPConnection(host.netloc, timeout=60)
    try:
        connection.request("GET", host.path)
        return connection.getresponse().status
    finally:
        connection.close()


def test_it_says_one_line_when_it_serves_and_ends_in_order(exchange: Path) -> None:
    with running("serve", "--data", exchange, *ANYWHERE, "--json") as broker:
        found = json.loads(broker.wait_for("url"))
        assert status_of(f"{found['url']}/livez") == 200
        assert status_of(f"{found['ops']}/readyz") == 200
        assert broker.end(signal.SIGTERM) == 0
    assert (exchange / "store").is_dir()


def test_ctrl_c_ends_it_in_order_too(exchange: Path) -> None:
    with running("serve", "--data", exchange, *ANYWHERE) as broker:
        line = broker.wait_for("Serving")
        assert "http://127.0.0.1:" in line
        assert broker.end(signal.SIGINT) == 130
    assert "Traceback" not in "\n".join(broker.told)


def test_what_was_accepted_is_there_after_a_restart(tmp_path: Path) -> None:
    data = make_exchange(tmp_path / "own")
    with served(data) as url:
        posted = World(tmp_path / "own", url, tmp_path / "first").post("pk.fia", "--to", "pk.anf")
    with served(data) as url:
        heard = World(tmp_path / "own", url, tmp_path / "second").feed("pk.anf")
    assert [item["id"] for item in heard] == [posted]


def test_two_brokers_do_not_share_one_directory(exchange: Path) -> None:
    with running("serve", "--data", exchange, *ANYWHERE) as broker:
        broker.wait_for("Serving")
        with running("serve", "--data", exchange, *ANYWHERE) as second:
            assert second.wait() == 6
        assert "Traceback" not in "\n".join(second.told)


def test_an_address_that_is_taken_is_told(exchange: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with running(
            "serve", "--data", exchange, "--listen", f"127.0.0.1:{port}", "--ops", "127.0.0.1:0"
        ) as broker:
            assert broker.wait() == 6
    assert f"127.0.0.1:{port}" in "\n".join(broker.told)


def test_operations_behind_a_proxy_may_be_reached_from_other_machines(exchange: Path) -> None:
    anywhere = ("--listen", "127.0.0.1:0", "--ops", "0.0.0.0:0")
    with running("serve", "--data", exchange, *anywhere, "--behind-proxy", "--json") as broker:
        found = json.loads(broker.wait_for("url"))
        assert status_of(f"{found['ops']}/readyz") == 200
        broker.end()


@pytest.fixture
def others(exchange: Path) -> None:
    """Another exchange in `other`, and an agency of this one in `fia`."""
    must("init", "other")
    must("keys", "new", "pk.fia", "--exchange", exchange / "exchange.json", "--out", "fia")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["--listen", "0.0.0.0:0"], 6, "--tls-cert", id="in-clear-to-all"),
        pytest.param(
            ["--listen", "0.0.0.0:0", "--behind-proxy"], 6, "--authority", id="a-proxy-without-a-name"
        ),
        pytest.param(["--listen", "[::]:0"], 6, "--tls-cert", id="in-clear-to-all-of-ipv6"),
        pytest.param(["--ops", "0.0.0.0:0"], 6, "--ops", id="operations-in-clear-to-all"),
        pytest.param(["--ops", "[::]:0"], 6, "--behind-proxy", id="operations-in-clear-to-all-of-ipv6"),
        pytest.param(
            ["--ops", "0.0.0.0:0", "--tls-cert", "no.pem", "--tls-key", "no.pem"],
            6,
            "--ops",
            id="operations-have-no-tls-of-their-own",
        ),
        pytest.param(["--tls-cert", "cert.pem"], 6, "together", id="half-of-tls"),
        pytest.param(["--listen", "8470"], 2, "HOST:PORT", id="a-port-alone"),
        pytest.param(["--store-key", "exchange/root.key"], 2, "not a store key", id="another-key"),
        pytest.param(["--identity", "exchange/store.key"], 2, "not an identity", id="no-identity"),
        pytest.param(["--registry", "exchange/exchange.json"], 2, "not a registry", id="no-registry"),
        pytest.param(["--entitlements", "exchange/registry.json"], 5, "entitlements", id="no-entitlements"),
        pytest.param(["--exchange", "other/exchange.json"], 3, "exchange", id="another-exchange"),
    ],
)
@pytest.mark.usefixtures("others")
def test_what_is_not_safe_or_not_there_is_refused_before_anything_starts(
    exchange: Path, arguments: list[str], code: int, said: str
) -> None:
    done = call("serve", "--data", exchange, *ANYWHERE, *arguments)
    assert (done.code, done.out) == (code, ""), done.err
    assert said in done.err
    assert not (exchange / "store").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        pytest.param(["--tls-cert", "no.pem", "--tls-key", "no.pem"], 6, "certificate", id="no-certificate"),
        pytest.param(["--identity", "fia/pk.fia.key"], 6, "HARKARA_IDENTITY", id="an-agency-that-serves"),
        pytest.param(["--store", "redis://127.0.0.1:9/0"], 4, "store", id="no-store"),
    ],
)
@pytest.mark.usefixtures("others")
def test_what_cannot_be_used_ends_the_start(
    exchange: Path, arguments: list[str], code: int, said: str
) -> None:
    with running("serve", "--data", exchange, *ANYWHERE, *arguments) as broker:
        assert broker.wait() == code, broker.told
    told = "\n".join(broker.told)
    assert said in told
    assert "Traceback" not in told


@pytest.mark.parametrize(
    "name", ["exchange.json", "registry.json", "entitlements.json", "broker.key", "store.key"]
)
def test_a_file_that_is_missing_is_named(exchange: Path, name: str) -> None:
    (exchange / name).unlink()
    done = call("serve", "--data", exchange, *ANYWHERE)
    assert (done.code, done.out) == (2, "")
    assert name in done.err


@pytest.mark.parametrize("name", ["broker.key", "store.key"])
def test_a_secret_that_others_can_read_is_refused(exchange: Path, name: str) -> None:
    (exchange / name).chmod(0o644)
    done = call("serve", "--data", exchange, *ANYWHERE)
    assert done.code == 6
    assert f"chmod 600 {exchange / name}" in done.err


def test_without_a_directory_it_asks_for_one() -> None:
    done = call("serve", *ANYWHERE)
    assert done.code == 2
    assert "harkara init" in done.err


def test_a_secret_can_stand_in_a_file(exchange: Path) -> None:
    Path("store-url").write_text("redis://user:geheim@127.0.0.1:9/0\n")
    variables = {"HARKARA_STORE_FILE": "store-url", "HARKARA_DATA": str(exchange)}
    with running("serve", *ANYWHERE, variables=variables) as broker:
        assert broker.wait() == 4
    assert "geheim" not in "\n".join(broker.told)


def test_a_secret_file_that_is_not_there_is_told(exchange: Path) -> None:
    done = call("serve", "--data", exchange, HARKARA_STORE_FILE="nowhere")
    assert done.code == 2
    assert "HARKARA_STORE_FILE" in done.err


# --- The registry at a running broker ---------------------------------------------------------------------


@pytest.fixture
def live(tmp_path: Path) -> Iterator[World]:
    """An exchange of its own, served."""
    with served(make_exchange(tmp_path / "own")) as url:
        yield World(tmp_path / "own", url, tmp_path / "own-state")


def published(world: World) -> None:
    data = world.home / "exchange"
    must("registry", "sign", "--data", data)
    must("registry", "publish", "--data", data, "--url", world.url)


def test_a_new_member_is_heard_and_hears_as_soon_as_the_registry_is_published(live: World) -> None:
    data = live.home / "exchange"
    must(
        "keys",
        "new",
        "pk.ctd-punjab",
        "--exchange",
        data / "exchange.json",
        "--out",
        live.home / "pk.ctd-punjab",
    )
    card = live.home / "pk.ctd-punjab/pk.ctd-punjab.card.json"
    must("registry", "add", card, "--data", data, "--originate", "terrorism", "--receive", "drug-smuggling")
    assert live.call("pk.ctd-punjab", "feed").code == 3
    published(live)
    posted = live.post("pk.fia", "--to", "pk.ctd-punjab")
    assert live.ids("pk.ctd-punjab") == [posted]
    assert live.post("pk.ctd-punjab", category="terrorism")


def test_a_revoked_member_is_cut_off(live: World) -> None:
    with running("feed", "--follow", variables=live.variables("pk.anf")) as feed:
        feed.wait_for("Following")
        feed.wait_for(live.post("pk.fia", "--to", "pk.anf"))
        must("registry", "revoke", "pk.anf", "--data", live.home / "exchange")
        published(live)
        assert feed.wait() == 3
    assert "revoked" in "\n".join(feed.told)
    assert live.call("pk.anf", "post", "-", given=live.bulletin()).code == 3


def test_after_a_theft_fresh_keys_work_and_the_stolen_ones_do_not(live: World) -> None:
    data, key, card = (
        live.home / "exchange",
        live.home / "pk.fia/pk.fia.key",
        live.home / "pk.fia/pk.fia.card.json",
    )
    before = live.post("pk.fia", "--to", "pk.anf")
    shutil.copytree(key.parent, "stolen")
    must("keys", "rotate", key, "--card", card)
    must("registry", "revoke", "pk.fia", "--data", data)
    must("registry", "add", card, "--data", data)
    published(live)
    after = live.post("pk.fia", "--to", "pk.anf")
    assert live.ids("pk.anf") == [before, after]
    stolen = {"HARKARA_IDENTITY": "stolen/pk.fia.key", "HARKARA_STATE": "elsewhere"}
    done = live.call("pk.fia", "post", "-", "--json", given=live.bulletin(), **stolen)
    assert (done.code, done.refusal["code"]) == (3, "revoked-key")


def test_rotated_keys_work_before_and_after_the_card_is_published(live: World) -> None:
    key = live.home / "pk.fia/pk.fia.key"
    card = live.home / "pk.fia/pk.fia.card.json"
    must("keys", "rotate", key)
    before = live.post("pk.fia", "--to", "pk.anf")
    must("registry", "add", card, "--data", live.home / "exchange")
    published(live)
    after = live.post("pk.fia", "--to", "pk.anf")
    assert live.ids("pk.anf") == [before, after]
    signers = []
    for posted in (before, after):
        live.must("pk.anf", "export", f"pk.fia/{posted}", "--proof", f"{posted}.json")
        signers.append(
            must("verify", f"{posted}.json", "--registry", live.home / "exchange/registry.json", "--json")
        )
    assert signers[0].json["kid"] != signers[1].json["kid"]


def test_a_version_is_published_once(live: World) -> None:
    data = live.home / "exchange"
    shutil.copytree(data, "copy", ignore=shutil.ignore_patterns("store"))
    must("registry", "renew", "--data", data)
    published(live)
    must("registry", "renew", "--data", "copy", "--valid", "30d")
    must("registry", "sign", "--data", "copy")
    done = call("registry", "publish", "--data", "copy", "--url", live.url, "--json")
    assert (done.code, done.refusal["code"]) == (3, "version-conflict")
