"""A reader of Server-Sent Events for tests, over a raw connection: what is on the wire, frame by frame."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

from tests.waiting import HANG_S
from tests.web.raw import Raw
from tests.web.reader import Reader, Signed, sign


@dataclass
class Frame:
    """One frame: its fields as they stood."""

    fields: dict[str, str]

    @property
    def event(self) -> str | None:
        """The event's name, None for a comment or a retry."""
        return self.fields.get("event")

    @property
    def id(self) -> int | None:
        """The event's number."""
        return int(self.fields["id"]) if "id" in self.fields else None

    @property
    def data(self) -> Any:
        """The data decoded."""
        return json.loads(self.fields["data"])


class Feed:
    """An open feed."""

    def __init__(self, raw: Raw, head: str) -> None:
        self.raw = raw
        self.head = head
        self._text = b""
        self._chunked = "transfer-encoding: chunked" in head.lower()

    @classmethod
    async def open(
        cls, reader: Reader, agency: str, query: str = "", *, version: str = "1.1", **headers: str
    ) -> Feed:
        """Open a feed of `agency`; its answer must be 200."""
        path = "/v1/feed" + query
        fields = sign(Signed(reader.exchange.signing(agency)), "GET", reader.base + path)
        fields |= {"Host": f"127.0.0.1:{reader.port}"} | {n.replace("_", "-"): v for n, v in headers.items()}
        raw = await Raw.connect(reader.port)
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        await raw.send(f"GET {path} HTTP/{version}\r\n{lines}\r\n".encode())
        async with asyncio.timeout(HANG_S):
            head = (await raw.reader.readuntil(b"\r\n\r\n")).decode()
        assert " 200 " in head.split("\r\n")[0], head
        return cls(raw, head)

    async def frame(self, seconds: float = HANG_S) -> Frame | None:
        """Give the next frame, None at the end of the feed."""
        async with asyncio.timeout(seconds):
            while b"\n\n" not in self._text:
                more = await self._more()
                if not more:
                    return None
                self._text += more
        text, self._text = self._text.split(b"\n\n", 1)
        return Frame(dict(line.split(": ", 1) for line in text.decode().split("\n")))

    async def event(self, *names: str, seconds: float = HANG_S) -> Frame:
        """Give the next frame that is one of these events."""
        async with asyncio.timeout(seconds):
            while (found := await self.frame(seconds)) is not None:
                if found.event in names:
                    return found
        raise AssertionError("the feed ended")

    async def rest(self, seconds: float = HANG_S) -> list[Frame]:
        """Give all frames to the end."""
        found: list[Frame] = []
        while (one := await self.frame(seconds)) is not None:
            found.append(one)
        return found

    async def _more(self) -> bytes:
        if not self._chunked:
            return await self.raw.reader.read(65536)
        size = int(await self.raw.reader.readuntil(b"\r\n"), 16)
        return (await self.raw.reader.readexactly(size + 2))[:-2]

    async def __aenter__(self) -> Feed:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.raw.writer.close()
