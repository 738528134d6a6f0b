"""A consumer's place in an inbox, on disk: what was handed out, and what the loop has finished with.

One file a consumer, written whole or not at all, forced to disk before an item is handed out and after it is
finished with. So after a crash exactly the item in hand comes again, and is known to: its number is `handed`.
A place belongs to one epoch of the store, and so does its file: a new epoch never writes over an old place.
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
    """The file and the lock of one consumer. `open` locks, `close` gives the lock back."""

    def __init__(self, directory: Path, consumer: str) -> None:
        self._directory = directory
        self._lock = FileLock(directory / f"{consumer}.lock")
        self._consumer = consumer

    def open(self) -> None:
        """Lock the consumer. Raises `UnsafeConfiguration` when another feed reads for it."""
        if not self._lock.acquire():
            raise UnsafeConfiguration(
                f"another feed reads for the consumer {self._consumer!r}: end it, or name another consumer"
            )

    def load(self, epoch: bytes) -> Place | None:
        """Give the place in an epoch, None when there is none yet. Raises `UnsafeConfiguration` for a damaged
        file.
        """
        path = self._path(epoch)
        try:
            place = read_place(read_secret(path))
            if place.position.epoch != epoch:
                raise ValueError("a place in another epoch")
        except NotFound:
            return None
        except UnsafeConfiguration:
            raise
        except (HarkaraError, KeyError, TypeError, ValueError):
            raise UnsafeConfiguration(
                f"{path} cannot be read: remove it to begin at the first item of the inbox again"
            ) from None
        return place

    def save(self, place: Place) -> None:
        """Write the place through to disk. Raises `UnsafeConfiguration` when the disk does not take it."""
        write(self._path(place.position.epoch), place_json(place))

    def forget(self, epoch: bytes) -> None:
        """Remove the place in an epoch: the next feed begins at the first item."""
        self._path(epoch).unlink(missing_ok=True)

    def close(self) -> None:
        """Give the lock back."""
        self._lock.release()

    def _path(self, epoch: bytes) -> Path:
        return self._directory / f"{self._consumer}.{epoch.hex()}.json"


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
