"""A broker that runs as a program of its own, so that it can be killed, and its agencies as clients."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from broker.client import Agency, FeedItem
from broker.protocol.key_files import store_key_document
from tests.exchange_fixtures import BROKER, TestExchange, bulletin_fields
from tests.ports import free_port
from tests.stores import without_settings

READY_SECONDS = 60
FILLED_IN = ("id", "originator", "exchange", "registry", "sent")
"""What the client adds to what a person writes."""


class Ministry:
    """The directory of an exchange, and the broker that serves it on a port of its own."""

    def __init__(self, exchange: TestExchange, home: Path) -> None:
        self.exchange = exchange
        self.home = home
        self.data = home / "exchange"
        self.url = ""
        self.ops = ""
        self.process: Process | None = None
        self.log = home / "serve.log"
        self.flags: tuple[str, ...] = ()
        """More flags of `harkara serve`."""
        self._write()

    async def start(self) -> None:
        """Start the broker and wait until it serves."""
        with self.log.open("ab") as log:
            self.process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", "from broker.cli.main import main; main()", "serve", "--json"),
                *(
                    "--data",
                    str(self.data),
                    "--listen",
                    self._address(self.url),
                    "--ops",
                    self._address(self.ops),
                ),
                *self.flags,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=PIPE,
                stderr=log,
                env=without_settings(),
            )
        assert self.process.stdout is not None
        async with asyncio.timeout(READY_SECONDS):
            line = await self.process.stdout.readline()
        assert line, self.log.read_text()
        told = json.loads(line)
        self.url, self.ops = told["url"], told["ops"]

    async def kill(self) -> None:
        """End the broker as a crash does; its store ends with it."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> int:
        """End the broker in order, and give its exit code."""
        return await self._end(signal.SIGTERM)

    def connect(self, member: str, **options: Any) -> AbstractAsyncContextManager[Agency]:
        """Connect a member; its state survives restarts of the broker."""
        usual: dict[str, Any] = {
            "identity": self.home / f"{member}.key",
            "registry": self.home / "registry.json",
            "state": self.home / "state",
            "patience": 60.0,
        }
        return Agency.connect(self.url, **(usual | options))

    def document(self, author: str, **fields: Any) -> dict[str, Any]:
        """Give a bulletin as a person writes it."""
        found = bulletin_fields(self.exchange, author, **fields)
        return {name: value for name, value in found.items() if name not in FILLED_IN or name in fields}

    def _write(self) -> None:
        self.data.mkdir(mode=0o700)
        found = self.exchange.files()
        for name, content in found.items():
            _private(self.home / name, content)
        for name in ("exchange.json", "registry.json", "entitlements.json"):
            _private(self.data / name, found[name])
        _private(self.data / "broker.key", found[f"{BROKER}.key"])
        _private(self.data / "store.key", store_key_document(self.exchange.store_key))

    async def _end(self, how: signal.Signals) -> int:
        if self.process is None:
            return 0
        process, self.process = self.process, None
        if process.returncode is None:
            process.send_signal(how)
        async with asyncio.timeout(READY_SECONDS):
            return await process.wait()

    @staticmethod
    def _address(url: str) -> str:
        # The same port after a restart: clients keep their address.
        return url.partition("//")[2] or f"127.0.0.1:{free_port()}"


@asynccontextmanager
async def serving(exchange: TestExchange, home: Path) -> AsyncIterator[Ministry]:
    """Serve an exchange from a program of its own while the context lasts."""
    ministry = Ministry(exchange, home)
    await ministry.start()
    try:
        yield ministry
    finally:
        await ministry.stop()


async def drain(agency: Agency, **options: Any) -> list[FeedItem]:
    """Give what the inbox has now, from the place on."""
    return [item async for item in agency.feed(follow=False, **options)]


def _private(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    path.chmod(0o600)
