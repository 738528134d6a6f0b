"""What is soaked: a store server and the program `harkara serve` in front of it, each of which can be killed
and started again at the same address.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from broker.protocol.key_files import store_key_document
from broker.store.guardian import end_with_parent
from tests.cli.runner import PROGRAM
from tests.exchange_fixtures import BROKER, TestExchange
from tests.stores import Server

START_SECONDS = 30.0
UNLIMITED = [
    *("--posts-per-minute", "0", "--post-mebibytes-per-minute", "0", "--reads-per-minute", "0"),
    *("--live-feeds", "0", "--connections-per-peer", "0"),
]
"""All load comes from one address and from few agencies here."""
PAGE = os.sysconf("SC_PAGE_SIZE")


class SoakedBroker:
    """A broker program over a store of its own."""

    def __init__(self, exchange: TestExchange) -> None:
        self.store = Server()
        self.port = _free_port()
        self.started_at = 0.0
        self._directory = Path(tempfile.mkdtemp(prefix="hk-soak-"))
        self._process: subprocess.Popen[bytes] | None = None
        files = exchange.files() | {"store.key": store_key_document(exchange.store_key)}
        files["broker.key"] = files[f"{BROKER}.key"]
        for name, content in files.items():
            path = self._directory / name
            path.touch(0o600)
            path.write_bytes(content)

    @property
    def base(self) -> str:
        """Give the address for clients."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        """Give what the broker said on stderr, over all its lives."""
        return (self._directory / "log").read_text("utf-8", errors="replace")

    def rss_mib(self) -> float:
        """Give the memory that the broker holds now."""
        if self._process is None:
            return 0.0
        pages = Path(f"/proc/{self._process.pid}/statm").read_text("ascii").split()[1]
        return int(pages) * PAGE / 2**20

    async def start(self) -> None:
        """Start the broker, and return when it listens."""
        arguments = [
            "--data",
            self._directory,
            "--store",
            self.store.url,
            "--listen",
            f"127.0.0.1:{self.port}",
        ]
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(  # noqa: ASYNC220
                [*PROGRAM, "serve", *arguments, "--ops", "127.0.0.1:0", *UNLIMITED],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                preexec_fn=end_with_parent(),  # noqa: PLW1509  (as in tests)
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
            except OSError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"the broker does not start:\n{self.log[-2_000:]}") from None
                await asyncio.sleep(0.05)
            else:
                writer.close()
                self.started_at = time.monotonic()
                return

    def kill(self) -> None:
        """End the broker at once, as a crash does."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(START_SECONDS)
            self._process = None

    def close(self) -> None:
        """End both and remove their files."""
        self.kill()
        self.store.close()
        shutil.rmtree(self._directory, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]
