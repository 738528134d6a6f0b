"""A consumer's place in an inbox, on disk: what was handed out, and what the loop has finished with.

One file a consumer, written whole or not at all, forced to disk before an item is handed out and after it is
finished with. So after a crash exactly the item in hand comes again, and is known to: its number is `handed`.
One reader a consumer: a lock is held while a feed reads, by the system, so that it ends with its process.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from broker.client.file_lock import FileLock
from broker.client.inbox_check import EntryEnd, Position, SeenHead
from broker.client.private_files import read_secret, write
from broker.errors import HarkaraError, NotFound, UnsafeConfiguration
from broker.protocol import dsse, strictjson
from broker.protocol.head import read_head

FORMAT = "place/1"


@dataclass(frozen=True, slots=True)
class Place:
    """`position` is behind the last item that was finished with; `handed` the highest number handed out;
    `acknowledged` the highest that the broker was told of.
    """

    position: Position
    handed: int = 0
    acknowledged: int = 0

    def is_redelivery(self, number: int) -> bool:
        """Tell whether an item was handed out before."""
        return number <= self.handed


class PlaceFile:
    """The file and the lock of one consumer. Call `open` first and `close` last."""

    def __init__(self, directory: Path, consumer: str) -> None:
        self._path = directory / f"{consumer}.json"
        self._lock = FileLock(directory / f"{consumer}.lock")
        self._consumer = consumer

    def open(self) -> Place | None:
        """Lock the consumer and give its place, None when it has none yet.

        Raises `UnsafeConfiguration` when another feed reads for this consumer, or the file cannot be read.
        """
        if not self._lock.acquire():
            raise UnsafeConfiguration(
                f"another feed reads for the consumer {self._consumer!r}: end it, or name another consumer"
            )
        try:
            return read_place(read_secret(self._path))
        except NotFound:
            return None
        except UnsafeConfiguration:
            self.close()
            raise
        except (HarkaraError, KeyError, TypeError, ValueError):
            self.close()
            raise UnsafeConfiguration(
                f"{self._path} cannot be read: remove it to begin at the first item of the inbox again"
            ) from None

    def save(self, place: Place) -> None:
        """Write the place through to disk. Raises `UnsafeConfiguration` when the disk does not take it."""
        write(self._path, place_json(place))

    def close(self) -> None:
        """Give the lock back."""
        self._lock.release()


def place_json(place: Place) -> bytes:
    """Give the file of a place."""
    here = place.position
    fields: dict[str, Any] = {
        "harkara": FORMAT,
        "epoch": here.epoch.hex(),
        "after": here.after,
        "at": here.at,
        "taken_at": here.taken_at,
        "handed": place.handed,
        "acknowledged": place.acknowledged,
    }
    if here.chain is not None:
        fields["chain"] = here.chain.hex()
    if here.unfinished is not None:
        fields["unfinished"] = {"number": here.unfinished.number, "chain": here.unfinished.chain.hex()}
    if here.head is not None:
        fields["head"] = base64.b64encode(dsse.to_bytes(here.head.envelope)).decode()
    return json.dumps(fields, indent=1).encode() + b"\n"


def read_place(document: bytes) -> Place:
    """Read what `place_json` gave. Raises `KeyError`, `TypeError`, `ValueError` or `Malformed` for anything
    else.
    """
    fields = strictjson.decode(document)
    if not isinstance(fields, dict) or fields["harkara"] != FORMAT:
        raise ValueError("not a place")
    position = Position(
        epoch=bytes.fromhex(fields["epoch"]),
        after=int(fields["after"]),
        at=int(fields["at"]),
        chain=bytes.fromhex(fields["chain"]) if "chain" in fields else None,
        taken_at=int(fields["taken_at"]),
    )
    if (end := fields.get("unfinished")) is not None:
        position = replace(position, unfinished=EntryEnd(int(end["number"]), bytes.fromhex(end["chain"])))
    if (kept := fields.get("head")) is not None:
        envelope = dsse.from_bytes(base64.b64decode(kept, validate=True))
        position = replace(position, head=SeenHead(read_head(envelope.payload), envelope))
    return Place(position, int(fields["handed"]), int(fields["acknowledged"]))
