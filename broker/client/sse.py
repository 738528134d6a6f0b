"""Server-Sent Events, incrementally: bytes in, events out. Pure, with bounds.

The grammar is that of the WHATWG HTML standard, section 9.2.6: lines end with CR LF, LF or CR; a blank line
dispatches; comments and unknown fields are dropped; `data` lines are joined by LF; an event without data is
dropped; an `id` with NUL is ignored. One difference: an event's `id` is its own and is not carried over to
later ones, since only numbered items have one here.
"""

from __future__ import annotations

from dataclasses import dataclass

from broker.errors import Malformed

EVENT_BYTES = 2 * 1024 * 1024
"""The most bytes of one event: an item of the largest size in base64, with room to spare."""


@dataclass(frozen=True, slots=True)
class Event:
    """One event: its type ("message" when it names none), its data, and its id if it has one."""

    event: str
    data: str
    id: str | None = None


class EventParser:
    """Parses one stream."""

    def __init__(self, most_bytes: int = EVENT_BYTES) -> None:
        self._most_bytes = most_bytes
        self._rest = b""
        self._begun = False
        self._after_cr = False
        self._size = 0
        self._event = ""
        self._data: list[str] = []
        self._id: str | None = None

    def feed(self, chunk: bytes) -> list[Event]:
        """Take the next bytes and give the events that they complete. Raises `Malformed`."""
        found: list[Event] = []
        for line in self._lines(chunk):
            if not line:
                found += self._dispatch()
            else:
                self._field(line)
        return found

    def _lines(self, chunk: bytes) -> list[bytes]:
        if self._after_cr and chunk:  # a LF here belongs to the CR before it
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        if chunk.endswith(b"\r"):
            self._after_cr = True
        pieces = (self._rest + chunk).replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
        if not self._begun and (len(pieces) > 1 or len(pieces[0]) >= 3):
            self._begun = True
            pieces[0] = pieces[0].removeprefix(b"\xef\xbb\xbf")
        self._rest = pieces.pop()
        self._bound(len(self._rest))
        return pieces

    def _field(self, line: bytes) -> None:
        self._size += len(line)
        self._bound(0)
        name, colon, raw = line.partition(b":")
        if colon and not name:
            return
        value = raw.removeprefix(b" ").decode("utf-8", "replace")
        if name == b"data":
            self._data.append(value)
        elif name == b"event":
            self._event = value
        elif name == b"id" and "\0" not in value:
            self._id = value

    def _dispatch(self) -> list[Event]:
        event = Event(self._event or "message", "\n".join(self._data), self._id)
        has_data = bool(self._data)
        self._event, self._data, self._id, self._size = "", [], None, 0
        return [event] if has_data else []

    def _bound(self, more: int) -> None:
        if self._size + more > self._most_bytes:
            raise Malformed(f"an event of the feed has more than {self._most_bytes} bytes")
