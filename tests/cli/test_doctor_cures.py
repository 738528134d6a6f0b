"""Each fault that `harkara doctor` knows is produced for real, named, and mended by the cure that was
printed, run in a shell as it stands.

Where a cure is a person's deed (a certificate that comes by a trusted way, the system's clock) the
test does it, and runs what was printed around it.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shlex
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import pytest
import redis

from tests.cli.doctor_world import Authority, Desk, executable, of, program_directory
from tests.cli.runner import call, must
from tests.cli.world import World, make_exchange, running, served
from tests.ports import free_port
from tests.stores import Server

EVERYTHING = ("--originate", "all", "--receive", "all", "--marking", "TLP:RED")


@pytest.fixture(scope="module")
def over_tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str, Authority]]:
    """An exchange of these tests' own (they change its members), served at https://localhost."""
    home = tmp_path_factory.mktemp("tls")
    authority = Authority(home / "authority")
    certificate, key = authority.certificate("localhost")
    data = make_exchange(home)
    anywhere = ("--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0")
    tls = ("--tls-cert", certificate, "--tls-key", key)
    with running("serve", "--data", data, *anywhere, *tls, "--json") as broker:
        url = json.loads(broker.wait_for('"url"'))["url"].replace("127.0.0.1", "localhost")
        yield home, url, authority


@pytest.fixture
def fia(over_tls: tuple[Path, str, Authority], tmp_path: Path) -> Desk:
    """The desk of pk.fia, which knows the authority and has read nothing yet."""
    home, url, authority = over_tls
    identity = home / "pk.fia" / "pk.fia.key"
    return Desk(home, reaching(url, authority, tmp_path) | {"HARKARA_IDENTITY": str(identity)})


def reaching(url: str, authority: Authority, tmp_path: Path) -> dict[str, str]:
    return {
        "HARKARA_URL": url,
        "HARKARA_CA": str(authority.file),
        "HARKARA_STATE": str(tmp_path / "state"),
    }


@pytest.fixture
def own(tmp_path: Path) -> Desk:
    """The desk of an operator whose exchange, in `exchange`, is not served yet, and of its pk.fia."""
    home = tmp_path / "own"
    make_exchange(home)
    return Desk(home, {"HARKARA_STATE": str(tmp_path / "state"), "HARKARA_OPS": "127.0.0.1:0"})


READERS = pytest.mark.parametrize("reader", ["agency", "operator"])
"""Who asks: an agency, or one that has the directory of the exchange beside it and names it."""


def asking(home: Path, reader: str) -> tuple[str, ...]:
    return ("--data", str(home / "exchange")) if reader == "operator" else ()


def operator_takes(fia: Desk, cure: str, *flags: str) -> None:
    """Do what an agency's cure says that the operator is asked: the card is the last word of the cure."""
    card = shlex.split(cure.splitlines()[-1])[-1]
    publish(fia, "add", str(fia.home / card), *flags)


def publish(fia: Desk, *change: str) -> None:
    exchange = fia.home / "exchange"
    must("registry", *change, "--data", exchange)
    must("registry", "sign", "--data", exchange)
    must("registry", "publish", "--data", exchange, **fia.variables)


def healed_by_both(fia: Desk, desk: Desk, cure: str, reader: str, *flags: str) -> list[object]:
    """Run a cure as it stands; an agency's needs the operator, who was asked, too."""
    if reader == "agency":
        desk.shell(cure)
        operator_takes(fia, cure, *flags)
        cure = ""
    return desk.healed(cure, *asking(fia.home, reader))


# --- the clock ---------------------------------------------------------------------------------------

SHIFTED = """import os, time
_real = time.time_ns
def _shifted():
    with open(os.environ["SHIFT"]) as file:
        return _real() + int(file.read() or 0) * 10**9
time.time_ns = _shifted
"""


@pytest.mark.parametrize("seconds", [pytest.param(4_000, id="ahead"), pytest.param(-4_000, id="behind")])
@pytest.mark.parametrize("program", ["chronyc", "timedatectl"])
def test_a_clock_that_is_off(fia: Desk, tmp_path: Path, seconds: int, program: str) -> None:
    shift, patched, tools = tmp_path / "shift", tmp_path / "patched", tmp_path / "tools"
    patched.mkdir()
    tools.mkdir()
    shift.write_text(str(seconds))
    (patched / "sitecustomize.py").write_text(SHIFTED)
    executable(tools / "sudo", 'exec "$@"')
    executable(tools / program, f"echo 0 > {shift}")
    path = f"{tools}{os.pathsep}{program_directory(fia.home)}"
    desk = fia.having(SHIFT=str(shift), PYTHONPATH=str(patched), PATH=f"{path}{os.pathsep}/bin")
    asked = desk.shell("harkara doctor --json || test $? = 1")
    found = json.loads(asked.stdout)
    assert [each["check"] for each in found if each["outcome"] == "fail"] == ["clock"]
    wrong = of(found, "clock")
    told = re.search(r"(\d+) s (ahead|behind)", wrong["seen"])
    assert told is not None
    assert abs(int(told[1]) - abs(seconds)) < 30
    assert told[2] == ("ahead" if seconds > 0 else "behind")
    assert program in wrong["cure"]
    assert of(desk.healed(wrong["cure"]), "clock")["outcome"] == "pass"


# --- keys --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("agency", "read_before"),
    [pytest.param("pk.anf", True, id="registry-known"), pytest.param("pk.asf", False, id="registry-unknown")],
)
@READERS
def test_a_key_that_is_not_the_agencys(
    fia: Desk, tmp_path: Path, agency: str, read_before: bool, reader: str
) -> None:
    must("keys", "card", fia.home / agency / f"{agency}.key", "--out", tmp_path / "before.card.json")
    if read_before:
        with_right_key = fia.having(HARKARA_IDENTITY=str(fia.home / agency / f"{agency}.key"))
        must("feed", **with_right_key.variables)
    must("keys", "new", agency, "--exchange", fia.home / "exchange/exchange.json", "--out", tmp_path / "new")
    desk = fia.having(HARKARA_IDENTITY=str(tmp_path / "new" / f"{agency}.key"))
    wrong = desk.fault("key", *asking(fia.home, reader))
    assert agency in wrong["seen"]
    assert ("has for" in wrong["seen"]) == read_before
    assert "--drop-keys" in wrong["cure"]
    healed = healed_by_both(fia, desk, wrong["cure"], reader, "--drop-keys")
    assert of(healed, "key")["outcome"] == "pass"
    publish(fia, "add", str(tmp_path / "before.card.json"), "--drop-keys")  # as it was, for other tests


@READERS
def test_a_card_that_has_expired(
    fia: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    agency = f"pk.late-{reader}"
    place, exchange, real = tmp_path / "late", fia.home / "exchange", time.time_ns
    with monkeypatch.context() as then:  # two hours ago, for an hour
        then.setattr(time, "time_ns", lambda: real() - 2 * 3_600 * 10**9)
        there = exchange / "exchange.json"
        must("keys", "new", agency, "--exchange", there, "--valid", "1h", "--out", place)
        must("registry", "add", place / f"{agency}.card.json", "--data", exchange, *EVERYTHING)
    must("registry", "sign", "--data", exchange)
    must("registry", "publish", "--data", exchange, **fia.variables)
    desk = fia.having(HARKARA_IDENTITY=str(place / f"{agency}.key"))
    wrong = desk.fault("card", *asking(fia.home, reader))
    assert agency in wrong["seen"]
    assert "expired" in wrong["seen"]
    healed = healed_by_both(fia, desk, wrong["cure"], reader)
    assert {of(healed, check)["outcome"] for check in ("card", "key", "inbox")} == {"pass"}


@READERS
def test_a_key_that_was_revoked(fia: Desk, tmp_path: Path, reader: str) -> None:
    agency = f"pk.lost-{reader}"
    place, exchange = tmp_path / "lost", fia.home / "exchange"
    must("keys", "new", agency, "--exchange", exchange / "exchange.json", "--out", place)
    publish(fia, "add", str(place / f"{agency}.card.json"), *EVERYTHING)
    publish(fia, "revoke", agency)
    desk = fia.having(HARKARA_IDENTITY=str(place / f"{agency}.key"))
    wrong = desk.fault("key", *asking(fia.home, reader))
    assert "revoked" in wrong["seen"]
    healed = healed_by_both(fia, desk, wrong["cure"], reader)
    assert {of(healed, check)["outcome"] for check in ("key", "inbox")} == {"pass"}


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_a_key_that_others_can_read(fia: Desk, tmp_path: Path, mode: int) -> None:
    mine = tmp_path / "my keys"  # a path that a shell would split
    shutil.copytree(fia.home / "pk.fia", mine)
    (mine / "pk.fia.key").chmod(mode)
    desk = fia.having(HARKARA_IDENTITY=str(mine / "pk.fia.key"))
    wrong = desk.fault("key-file")
    assert f"mode {mode:04o}" in wrong["seen"]
    assert {each["outcome"] for each in desk.healed(wrong["cure"])} == {"pass"}


@pytest.mark.parametrize("name", ["store.key", "broker.key", "entitlements.json", "root.key"])
def test_a_secret_of_the_exchange_that_others_can_read(enrolled: Path, name: str) -> None:
    (enrolled / name).chmod(0o640)
    desk = Desk(Path.cwd())
    wrong = desk.fault("key-file", "--data", enrolled)
    assert name in wrong["seen"]
    assert of(desk.healed(wrong["cure"], "--data", enrolled), "key-file")["outcome"] == "pass"


# --- the registry ------------------------------------------------------------------------------------


def let_registry_expire(data: Path, *how: str, **variables: str) -> None:
    must("registry", "renew", "--data", data, "--valid", "1s")
    must("registry", "sign", "--data", data)
    must("registry", "publish", "--data", data, *how, **variables)
    time.sleep(1.1)


@pytest.mark.parametrize("reader", ["agency", "operator", "operator-alone"])
def test_a_registry_that_is_stale(fia: Desk, reader: str) -> None:
    let_registry_expire(fia.home / "exchange", **fia.variables)
    desk = fia.having(HARKARA_IDENTITY="") if reader == "operator-alone" else fia
    arguments = asking(fia.home, reader.partition("-")[0])
    wrong = desk.fault("registry", *arguments)
    assert "expired" in wrong["seen"]
    cure = wrong["cure"]
    if reader == "agency":
        assert "# ask the operator of your exchange to renew the registry" in cure
        publish(fia, "renew")
        assert "FAIL" not in desk.shell(cure).stdout
        cure = ""
    assert of(desk.healed(cure, *arguments), "registry")["outcome"] == "pass"


def test_a_registry_that_is_stale_while_no_broker_runs(enrolled: Path) -> None:
    let_registry_expire(enrolled, "--offline")
    desk = Desk(Path.cwd())
    wrong = desk.fault("registry", "--data", enrolled)
    assert "--offline" in wrong["cure"]
    assert of(desk.healed(wrong["cure"], "--data", enrolled), "registry")["outcome"] == "pass"


# --- the store ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("flags", "setting"),
    [
        pytest.param(["--appendfsync", "everysec"], "appendfsync", id="a-second-may-be-lost"),
        pytest.param(["--appendonly", "no"], "appendonly", id="nothing-on-disk"),
        pytest.param(["--maxmemory-policy", "allkeys-lru"], "maxmemory-policy", id="evicts"),
        pytest.param(
            ["--no-appendfsync-on-rewrite", "yes"], "no-appendfsync-on-rewrite", id="while-rewriting"
        ),
    ],
)
@pytest.mark.parametrize("clients", [pytest.param(True, id="clients"), pytest.param(False, id="no-clients")])
def test_a_store_that_is_not_durable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str], setting: str, clients: bool
) -> None:
    with Server(flags) as server, monkeypatch.context() as here:
        if not clients:
            here.setenv("PATH", str(tmp_path))
        desk = Desk(tmp_path)
        wrong = desk.fault("store", "--store", server.url)
        assert setting in wrong["seen"]
        here.undo()
        assert [each["outcome"] for each in desk.healed(wrong["cure"], "--store", server.url)] == ["pass"]


@pytest.mark.parametrize("clients", [pytest.param(True, id="clients"), pytest.param(False, id="no-clients")])
def test_the_password_of_a_store_is_in_no_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clients: bool
) -> None:
    with (
        Server(["--appendfsync", "everysec", "--requirepass", "s3cret"]) as server,
        monkeypatch.context() as here,
    ):
        if not clients:
            here.setenv("PATH", str(tmp_path))
        url = f"unix://:s3cret@{server.socket}"
        desk = Desk(tmp_path, {"HARKARA_STORE": url, "REDISCLI_AUTH": "s3cret"})
        wrong = desk.fault("store")
        assert "s3cret" not in json.dumps(wrong)
        here.undo()
        assert [each["outcome"] for each in desk.healed(wrong["cure"])] == ["pass"]


def test_an_embedded_store_that_somebody_made_less_durable(own: Desk) -> None:
    # In a short place: where the path is too long for a socket, the store's lies elsewhere.
    with tempfile.TemporaryDirectory(prefix="hk-") as short:
        _store_made_less_durable(own, shutil.copytree(own.home / "exchange", Path(short) / "exchange"))


def _store_made_less_durable(own: Desk, data: Path) -> None:
    with served(data) as url:
        desk = own.having(HARKARA_URL=url)
        with chdir(data / "store"), redis.Redis(unix_socket_path="store.sock") as store:
            store.config_set("appendfsync", "everysec")
        wrong = desk.fault("store", "--data", data)
        assert of(desk.healed(wrong["cure"], "--data", data), "store")["outcome"] == "pass"


# --- the way to the broker ---------------------------------------------------------------------------


@READERS
def test_a_broker_that_cannot_be_reached(own: Desk, tmp_path: Path, reader: str) -> None:
    identity, where = own.home / "pk.fia/pk.fia.key", f"127.0.0.1:{free_port()}"
    desk = own.having(HARKARA_URL=f"http://{where}", HARKARA_IDENTITY=str(identity))
    wrong = desk.fault("broker", *asking(own.home, reader))
    assert desk.variables["HARKARA_URL"] in wrong["seen"]
    if reader == "operator":
        with desk.serving(wrong["cure"]):
            assert {each["outcome"] for each in desk.healed("")} == {"pass"}
        return
    tools = tmp_path / "tools"
    tools.mkdir()
    executable(
        tools / "curl", 'test "$1" = --verbose && harkara request GET /livez --url "${2%/livez}" > /dev/null'
    )
    here = desk.having(PATH=f"{tools}{os.pathsep}{program_directory(desk.home)}{os.pathsep}/bin")
    with pytest.raises(AssertionError, match="no broker answers"):
        here.shell(wrong["cure"])  # nobody is there
    with running(
        "serve", "--data", own.home / "exchange", "--listen", where, "--ops", "127.0.0.1:0"
    ) as broker:
        broker.wait_for("Serving")
        assert {each["outcome"] for each in here.healed(wrong["cure"])} == {"pass"}
        broker.end()


def test_a_certificate_of_an_authority_that_is_not_known(
    fia: Desk, over_tls: tuple[Path, str, Authority]
) -> None:
    desk = fia.having(HARKARA_CA="")
    wrong = desk.fault("tls")
    assert "no authority that is trusted here" in wrong["seen"]
    named = next(word for word in wrong["cure"].split("=") if word.endswith(".pem"))
    shutil.copy(over_tls[2].file, fia.home / named)  # by a way that both trust
    assert {each["outcome"] for each in desk.healed(wrong["cure"])} == {"pass"}


def test_a_certificate_of_another_authority_than_the_one_that_is_trusted(
    fia: Desk, over_tls: tuple[Path, str, Authority], tmp_path: Path
) -> None:
    desk = fia.having(HARKARA_CA=str(Authority(tmp_path / "another").file))
    wrong = desk.fault("tls")
    shutil.copy(over_tls[2].file, fia.home / "exchange-ca.pem")
    assert {each["outcome"] for each in desk.healed(wrong["cure"])} == {"pass"}


def test_a_certificate_of_another_host(fia: Desk) -> None:
    desk = fia.having(HARKARA_URL=fia.variables["HARKARA_URL"].replace("localhost", "127.0.0.1"))
    wrong = desk.fault("tls")
    assert "is of localhost, not of 127.0.0.1" in wrong["seen"]
    assert {each["outcome"] for each in desk.healed(wrong["cure"])} == {"pass"}


def test_a_certificate_that_has_expired(own: Desk, tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority")
    data, identity = own.home / "exchange", own.home / "pk.fia/pk.fia.key"
    port = free_port()
    desk = own.having(
        **reaching(f"https://localhost:{port}", authority, tmp_path), HARKARA_IDENTITY=str(identity)
    )
    listen = ("serve", "--data", data, "--listen", f"127.0.0.1:{port}", "--ops", "127.0.0.1:0")
    for valid, expected in ((dt.timedelta(days=-1), "fail"), (dt.timedelta(days=9), "pass")):
        certificate, key = authority.certificate("localhost", valid)
        with running(*listen, "--tls-cert", certificate, "--tls-key", key) as broker:
            broker.wait_for("Serving")
            found = of(json.loads(call("doctor", "--json", **desk.variables).out), "tls")
            assert found["outcome"] == expected
            assert ("a newer certificate" in found.get("cure", "")) == (expected == "fail")
            broker.end()


def test_a_broker_that_does_not_speak_tls(world: World) -> None:
    desk = Desk(world.home, world.variables("pk.fia") | {"HARKARA_URL": world.url.replace("http:", "https:")})
    wrong = desk.fault("tls")
    assert {each["outcome"] for each in desk.healed(wrong["cure"])} == {"pass"}


# --- the directory and the inbox ---------------------------------------------------------------------


def test_a_directory_that_another_broker_uses(own: Desk) -> None:
    data = own.home / "exchange"
    with running("serve", "--data", data, "--listen", "127.0.0.1:0", "--ops", "127.0.0.1:0") as first:
        first.wait_for("Serving")
        second = f"127.0.0.1:{free_port()}"
        refused = call("serve", "--data", data, "--listen", second, "--ops", "127.0.0.1:0")
        assert refused.code == 6
        desk = own.having(HARKARA_URL=f"http://{second}")
        wrong = desk.fault("data-in-use", "--data", data)
        assert f"process {first.process.pid} " in wrong["seen"]
        with desk.serving(wrong["cure"]) as url:
            assert url == desk.variables["HARKARA_URL"]
            assert of(desk.healed("", "--data", data), "data-in-use")["outcome"] == "pass"


def test_a_directory_whose_broker_is_elsewhere_is_a_warning(own: Desk) -> None:
    data = own.home / "exchange"
    with served(data):
        found = must("doctor", "--data", data, "--json", **own.variables).json
    assert of(found, "data-in-use")["outcome"] == "warn"
    assert of(must("doctor", "--data", data, "--json").json, "data-in-use")["outcome"] == "pass"


def test_a_place_ahead_of_the_inbox_since_the_store_was_lost(own: Desk) -> None:
    data = own.home / "exchange"
    with served(data) as url:
        World(own.home, url, Path(own.variables["HARKARA_STATE"])).post("pk.fia", "--to", "pk.anf")
        desk = own.having(HARKARA_URL=url, HARKARA_IDENTITY=str(own.home / "pk.anf/pk.anf.key"))
        must("feed", "--consumer", "screen", **desk.variables)
    shutil.rmtree(data / "store")
    with served(data) as url:
        desk = desk.having(HARKARA_URL=url)
        wrong = desk.fault("place")
        assert "screen has read up to number 1, and the inbox is shorter" in wrong["seen"]
        assert "/at: expected a number of at most 0, got 1" in wrong["seen"]
        assert {each["outcome"] for each in desk.healed(wrong["cure"])} == {"pass"}


def test_a_place_in_another_history_of_the_inbox(fia: Desk) -> None:
    must("feed", **fia.variables)
    (place,) = Path(fia.variables["HARKARA_STATE"]).rglob("places/*.json")
    fields = json.loads(place.read_text())
    place.write_text(json.dumps(fields | {"chain": "00" * 32}))
    wrong = fia.fault("place")
    assert "another history" in wrong["seen"]
    assert {each["outcome"] for each in fia.healed(wrong["cure"])} == {"pass"}


def test_a_cure_means_the_broker_and_the_agency_that_were_typed(fia: Desk) -> None:
    names = ("HARKARA_URL", "HARKARA_CA", "HARKARA_IDENTITY", "HARKARA_STATE")
    asked = [
        word for name in names for word in (f"--{name.removeprefix('HARKARA_').lower()}", fia.variables[name])
    ]
    must("feed", *asked)
    (place,) = Path(fia.variables["HARKARA_STATE"]).rglob("places/*.json")
    place.write_text(json.dumps(json.loads(place.read_text()) | {"after": 10_000}))
    desk = Desk(fia.home)
    wrong = desk.fault("place", *asked)
    assert "number 10000, and the inbox is shorter" in wrong["seen"]
    assert {each["outcome"] for each in desk.healed(wrong["cure"], *asked)} == {"pass"}


def test_a_place_that_cannot_be_read(fia: Desk) -> None:
    must("feed", **fia.variables)
    (place,) = Path(fia.variables["HARKARA_STATE"]).rglob("places/*.json")
    place.write_text("{}")
    wrong = fia.fault("place")
    assert str(place) in wrong["seen"]
    assert {each["outcome"] for each in fia.healed(wrong["cure"])} == {"pass"}
