"""The readers of a soak: feeds over raw connections that are cut, stall and come again, and check each
number.

A follower asks by HTTP/1.0, so that the stream is plain bytes. It remembers of each item what its stamp is of
and when it came: what it saw is compared with what was accepted at the end.
"""

from __future__ import annotations

import asyncio
import time
from array import array
from base64 import b64decode

import msgspec

from broker.protocol.stamp import read_stamp
from tests.exchange_fixtures import TestExchange
from tests.web.reader import Signed, sign

FRAME_BYTES = 2 * 1024 * 1024
AGAIN_SECONDS = 0.3
OPENING = 32
"""How many feeds are opened at a time."""


class _Stamp(msgspec.Struct):
    payload: str


class _Item(msgspec.Struct):
    number: int
    stamp: _Stamp


class Follower:
    """One feed of one agency, for as long as the soak lasts."""

    opening = asyncio.Semaphore(OPENING)

    def __init__(self, agency: str, exchange: TestExchange, base: str) -> None:
        self.agency = agency
        self.sealed: list[bytes] = []
        """The digest of each item, in the order in which they came: the first is number 1."""
        self.arrived = array("d")
        self.wrong: list[str] = []
        self.times_opened = 0
        self.notices = 0
        self._exchange = exchange
        self._base = base
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._writer: asyncio.StreamWriter | None = None
        self._decoder = msgspec.json.Decoder(_Item)

    def cut(self) -> None:
        """Lose the connection, as a network does."""
        if self._writer is not None:
            self._writer.transport.abort()

    def stall(self) -> None:
        """Stop reading."""
        self._flowing.clear()

    def flow(self) -> None:
        """Read again."""
        self._flowing.set()

    async def run(self) -> None:
        """Follow until cancelled."""
        while True:
            try:
                async with self.opening:
                    reader = await self._open()
                if reader is not None:
                    self.times_opened += 1
                    await self._read(reader)
            except (OSError, asyncio.IncompleteReadError):
                self._writer = None
            await asyncio.sleep(AGAIN_SECONDS)

    async def _open(self) -> asyncio.StreamReader | None:
        path = f"/v1/feed?after={len(self.sealed)}"
        fields = sign(Signed(self._exchange.signing(self.agency)), "GET", self._base + path)
        host, port = self._base.removeprefix("http://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=FRAME_BYTES)
        self._writer = writer
        lines = "".join(
            f"{name}: {value}\r\n" for name, value in (fields | {"Host": f"{host}:{port}"}).items()
        )
        writer.write(f"GET {path} HTTP/1.0\r\n{lines}\r\n".encode())
        status = (await reader.readuntil(b"\r\n\r\n")).split(b" ", 2)[1]
        if status == b"200":
            return reader
        if status != b"503":
            self.wrong.append(f"{self.agency}: refused with {status.decode()} after {len(self.sealed)}")
        writer.close()
        return None

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while True:
            await self._flowing.wait()
            frame = await reader.readuntil(b"\n\n")
            if frame.startswith(b"event: notice"):
                self.notices += 1
            elif frame.startswith(b"event: bulletin"):
                self._take(frame)

    def _take(self, frame: bytes) -> None:
        item = self._decoder.decode(frame.split(b"\ndata: ", 1)[1])
        if item.number != len(self.sealed) + 1:
            self.wrong.append(f"{self.agency}: number {item.number} after {len(self.sealed)}")
            return
        self.sealed.append(read_stamp(b64decode(item.stamp.payload)).sealed)
        self.arrived.append(time.monotonic())
