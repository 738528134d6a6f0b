"""The composed exchange: containers confined, nothing reachable from outside that need not be, a store that
is safe to write to, and an account for the broker there that can do what the broker does and nothing else.

Docker is not needed: the store's real settings and start script run under the server at hand.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoPermissionError, ResponseError

from broker.store.safety import REQUIRED_COMMANDS
from broker.store.store import Store
from tests.ports import free_port

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text("utf-8")
COMPOSED: dict[str, Any] = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSED["services"]

each_service = pytest.mark.parametrize("name", sorted(SERVICES))


@each_service
def test_a_container_is_confined(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert not {"privileged", "cap_add", "pid", "ipc", "devices"} & set(service)


@each_service
def test_a_port_is_open_on_this_host_alone(name: str) -> None:
    assert [port for port in SERVICES[name].get("ports", []) if not port.startswith("127.0.0.1:")] == []


def test_the_store_is_reached_by_the_broker_alone() -> None:
    assert "ports" not in SERVICES["store"]
    assert SERVICES["store"]["networks"] == ["inside"]
    assert COMPOSED["networks"]["inside"]["internal"] is True
    assert [name for name in SERVICES if "inside" in SERVICES[name].get("networks", [])] == [
        "store",
        "broker",
    ]


def test_the_broker_waits_for_its_keys_and_its_store() -> None:
    waits = {name: how["condition"] for name, how in SERVICES["broker"]["depends_on"].items()}
    assert waits == {"init": "service_completed_successfully", "store": "service_healthy"}


def test_no_secret_is_written_down() -> None:
    assert COMPOSED["secrets"] == {"store_url": {"file": "./secrets/store-url"}}
    assert "/secrets/" in (REPOSITORY / ".gitignore").read_text("utf-8").splitlines()
    assert not any("@" in str(value) for value in SERVICES["broker"]["environment"].values())


def test_the_image_runs_as_nobody_in_particular() -> None:
    lines = DOCKERFILE.splitlines()
    last_stage = lines[max(number for number, line in enumerate(lines) if line.startswith("FROM ")) :]
    (user,) = (line for line in last_stage if line.startswith("USER "))
    assert user == "USER 10001:10001"
    assert SERVICES["store"]["user"] == "999:999"


def test_everything_that_the_image_installs_is_hashed() -> None:
    installs = re.findall(r"pip --python \S+ install ([^&\n]+)", DOCKERFILE)
    assert installs != []
    assert [line for line in installs if not {"--require-hashes", "--no-index"} & set(line.split())] == []


def test_only_what_the_image_is_made_of_reaches_the_builder() -> None:
    lines = (REPOSITORY / ".dockerignore").read_text("utf-8").splitlines()
    copied = {
        part
        for line in DOCKERFILE.splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for part in line.split()[1:-1]
    }
    assert {line[1:] for line in lines if line.startswith("!")} == copied
    assert lines.index("**/*.key") > lines.index("!broker")


async def test_the_composed_store_is_safe_to_write_to(store_url: str) -> None:
    store = await Store.open(store_url)
    try:
        await store.members.put_pair_keys([(b"\x01" * 16, b"sealed")], until=4_102_444_800_000_000)
        assert await store.members.pair_keys([b"\x01" * 16]) == [b"sealed"]
    finally:
        await store.close()


def commands_of_scripts() -> set[str]:
    scripts = (REPOSITORY / "broker" / "store" / "scripts").glob("*.lua")
    return {
        name.lower()
        for path in scripts
        for name in re.findall(r"redis\.p?call\(\s*['\"]([A-Za-z]+)", path.read_text())
    }


async def test_the_brokers_account_may_do_all_that_the_broker_does(store_url: str) -> None:
    wanted = sorted({*REQUIRED_COMMANDS, *commands_of_scripts()})
    assert "xadd" in wanted
    refused: list[str] = []
    async with Redis.from_url(store_url, protocol=2) as client:
        for name in wanted:
            described: Any = await client.execute_command("COMMAND INFO", name)
            ((_, arity, *_),) = described
            words = ["STREAM", "{log}:probe"] if name == "xinfo" else ["{log}:probe"] * (abs(arity) - 1)
            try:
                await client.execute_command(name, *words)
            except NoPermissionError:
                refused.append(name)
            except ResponseError:
                continue  # it was allowed, and is nonsense
    assert refused == []


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["FLUSHALL"], id="delete-everything"),
        pytest.param(["CONFIG", "SET", "appendfsync", "no"], id="make-it-forgetful"),
        pytest.param(["KEYS", "*"], id="list-what-is-there"),
        pytest.param(["SCAN", "0"], id="walk-what-is-there"),
        pytest.param(["BGSAVE"], id="copy-it-to-another-file"),
        pytest.param(["SHUTDOWN", "NOSAVE"], id="stop-it"),
        pytest.param(["REPLICAOF", "127.0.0.1", "1"], id="copy-it-elsewhere"),
        pytest.param(["ACL", "SETUSER", "harkara", "+@all"], id="raise-itself"),
        pytest.param(["SCRIPT", "FLUSH"], id="forget-the-scripts"),
        pytest.param(["MONITOR"], id="listen-in"),
        pytest.param(["SET", "elsewhere", "x"], id="write-another-key"),
        pytest.param(["GET", "log"], id="read-another-key"),
        pytest.param(
            ["EVAL", "#!lua\nreturn redis.call('SET', 'elsewhere', 'x')", "0"], id="write-by-a-script"
        ),
        pytest.param(["PUBLISH", "news", "x"], id="publish"),
    ],
)
async def test_the_brokers_account_may_not(store_url: str, command: list[str]) -> None:
    async with Redis.from_url(store_url) as client:
        with pytest.raises(ResponseError, match=r"(?i)no permission|can't access|NOPERM|ACL failure"):
            await client.execute_command(*command)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("unix://{socket}", id="nobody"),
        pytest.param("unix://default:x@{socket}", id="the-default-user"),
        pytest.param("unix://harkara:wrong@{socket}", id="a-wrong-password"),
    ],
)
async def test_nobody_else_gets_in(store_url: str, url: str) -> None:
    async with Redis.from_url(url.format(socket=store_url.partition("@")[2])) as client:
        with pytest.raises(RedisConnectionError, match=r"(?i)auth|password"):
            await client.ping()


def test_a_secret_without_a_password_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store-url").write_text("redis://store:6379/0\n", "utf-8")
    environment = {"PATH": "/usr/bin:/bin", "STORE_URL_FILE": str(tmp_path / "store-url")}
    done = subprocess.run(
        ["sh", DEPLOY / "store.sh", "start"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 6
    assert "redis://harkara:PASSWORD@store:6379/0" in done.stderr


def test_the_composed_broker_serves(store_url: str, tmp_path: Path) -> None:
    """The commands, settings and health check of the composed broker, with paths and ports of this test."""
    harkara = str(Path(sys.executable).with_name("harkara"))
    data, secret = tmp_path / "data", tmp_path / "url"
    secret.write_text(store_url + "\n", "utf-8")
    listen, ops = free_port(), free_port()
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}

    def here(text: str) -> str:
        text = text.replace("/data", str(data)).replace("/run/secrets/store_url", str(secret))
        text = text.replace("0.0.0.0", "127.0.0.1")
        text = re.sub("8470|8471", lambda found: str({"8470": listen, "8471": ops}[found[0]]), text)
        return re.sub(r"\$\{HARKARA_AUTHORITY:\?[^}]*\}", "exchange.example.org", text)

    (once,) = SERVICES["init"]["command"]
    for _ in range(2):  # the second time it finds the exchange and leaves it alone
        subprocess.run(
            ["sh", "-euc", here(once).replace("harkara ", f"{harkara} ")], env=environment, check=True
        )
    settings = {name: here(value) for name, value in SERVICES["broker"]["environment"].items()}
    _, python, *arguments = SERVICES["broker"]["healthcheck"]["test"]
    assert python == "python"
    check = [sys.executable, *map(here, arguments)]
    with subprocess.Popen([harkara, "serve"], env=environment | settings, stdout=subprocess.PIPE) as broker:
        try:
            assert broker.stdout is not None
            assert b"Serving" in broker.stdout.readline()
            assert subprocess.run(check, check=False).returncode == 0
        finally:
            broker.terminate()
    assert broker.returncode == 0
    assert not (data / "store").exists(), "it used the embedded store, not the composed one"
    assert subprocess.run(check, check=False, capture_output=True).returncode != 0
