"""The outbox: signed statements, on disk before they are sent, so that nothing is ever said twice.

A statement is named by what was asked for (the document as given, whom it is for), not by what was signed,
since id and time are filled in anew each time. So asking for the same again finds the bytes that were signed
first, and sends those: the broker answers a repeat with its first stamp. When it has stamped them the stamp
is filed beside them.

A statement that was sent without an answer may have been accepted. It is dropped only on a refusal that the
broker gives after it has looked for repeats, or to bytes that were never sent before. Files are for their
owner alone: a post that waits for its broker is in clear here.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec

from broker.client.backoff import may_succeed_later
from broker.client.file_lock import waiting_for
from broker.client.private_files import make_directory, read_secret, remove_unfinished, sync_directory, write
from broker.errors import (
    HarkaraError,
    IdConflict,
    MayNotOriginate,
    NotFound,
    OutOfWindow,
    UnknownAgency,
    UnsafeConfiguration,
)
from broker.protocol import dsse, strictjson
from broker.protocol.digests import statement_digest
from broker.protocol.limits import BODY_BYTES, DAY_US

log = logging.getLogger("harkara.client")
FORMAT = "outbox/1"
KEPT_US = 30 * DAY_US
"""How long a statement is kept after it was signed: so long, asking for the same again is harmless."""

AFTER_LOOK_UP: tuple[type[HarkaraError], ...] = (
    OutOfWindow,
    MayNotOriginate,
    UnknownAgency,
    IdConflict,
)
"""What the broker refuses only after looking for the same bytes: they were not accepted before either."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One statement in the outbox. `body` is what is sent, `path` where to; times in µs; `again` tells that
    it was here before, so that it may have been accepted already. One that is `blind` is sealed when it is
    sent, and its body is never sent as it is.
    """

    name: str
    path: str
    id: str
    body: bytes
    statement: dsse.Envelope
    signed_at: int
    stamp: dsse.Envelope | None = None
    again: bool = False
    blind: bool = False

    @property
    def stmt(self) -> bytes:
        """Give the digest of the statement."""
        return statement_digest(self.statement)


def name_of(*asked: Any) -> str:
    """Give the name of what was asked for, made of JSON values."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


class Outbox:
    """The outbox of one agency, shared by its processes on this machine. Every call may wait for the disk.

    What was found at the broker a second time lies in `confirmed/`: it is looked up by name and never walked.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._confirmed = make_directory(directory / "confirmed")
        self._lock = directory / "lock"

    def keep(self, wanted: list[tuple[str, Callable[[], Kept]]], *, anew: bool = False) -> list[Kept]:
        """Give the statement of each name, made and written when it is not there yet, or always when `anew`.

        What is returned is on disk. Raises what the makers raise, and `UnsafeConfiguration` when the disk is
        full.
        """
        with waiting_for(self._lock):
            found: list[Kept] = []
            for name, make in wanted:
                kept = None if anew else self._read(name)
                if kept is None:
                    kept = make()
                    self._write(kept, name_later=True)
                    self._second(name).unlink(missing_ok=True)
                else:
                    kept = replace(kept, again=True)
                found.append(kept)
            sync_directory(self._directory)
            return found

    def holds(self, name: str) -> bool:
        """Tell whether there is a statement of this name."""
        return self._first(name).exists() or self._second(name).exists()

    def file(self, kept: Kept, stamp: dsse.Envelope) -> Kept:
        """File the verified stamp of a statement. It need not reach the disk: a repeat would get it again."""
        filed = replace(kept, stamp=stamp)
        if not self._second(kept.name).exists():
            self._write(filed, durable=False)
        return filed

    def confirm(self, kept: Kept) -> None:
        """Note that a statement was found at the broker a second time."""
        with contextlib.suppress(FileNotFoundError):
            self._first(kept.name).replace(self._second(kept.name))

    def refused(self, kept: Kept, error: HarkaraError, *, in_doubt: bool) -> bool:
        """Drop a statement that the broker refused, unless it may have been accepted before. Tells whether it
        did.
        """
        accepted = kept.stamp is not None or (in_doubt and not isinstance(error, AFTER_LOOK_UP))
        if accepted or may_succeed_later(error):
            return False
        self._first(kept.name).unlink(missing_ok=True)
        return True

    def unconfirmed(self) -> Iterator[Kept]:
        """Give the statements not found a second time yet. A damaged one is passed over, and told."""
        for path in sorted(self._directory.glob("*.json")):
            try:
                kept = self._read(path.stem)
            except UnsafeConfiguration as error:
                log.warning("%s", error.detail)
                continue
            if kept is not None:
                yield kept

    def tidy(self, now: int) -> None:
        """Remove what is older than it is kept (`now` in µs), and what a crash left."""
        with waiting_for(self._lock):
            remove_unfinished(self._directory)
            for path in (*self._directory.glob("*.json"), *self._confirmed.glob("*.json")):
                if now - path.stat().st_mtime_ns // 1000 > KEPT_US:
                    path.unlink(missing_ok=True)

    def _first(self, name: str) -> Path:
        return self._directory / f"{name}.json"

    def _second(self, name: str) -> Path:
        return self._confirmed / f"{name}.json"

    def _write(self, kept: Kept, *, durable: bool = True, name_later: bool = False) -> None:
        fields: dict[str, Any] = {
            "harkara": FORMAT,
            "path": kept.path,
            "id": kept.id,
            "signed_at": kept.signed_at,
            "body": kept.body.decode(),
            "blind": kept.blind,
        }
        if kept.stamp is not None:
            fields["stamp"] = dsse.to_json(kept.stamp)
        write(self._first(kept.name), msgspec.json.encode(fields), durable=durable, name_later=name_later)

    def _read(self, name: str) -> Kept | None:
        for path in (self._first(name), self._second(name)):
            try:
                return _kept_of(name, path, read_secret(path))
            except NotFound:
                continue
        return None


def _kept_of(name: str, path: Path, document: bytes) -> Kept:
    try:
        fields = strictjson.decode(document, max_bytes=4 * BODY_BYTES)
        if not isinstance(fields, dict) or fields["harkara"] != FORMAT:
            raise ValueError("not a kept statement")
        return Kept(
            name=name,
            path=fields["path"],
            id=fields["id"],
            body=fields["body"].encode(),
            statement=_statement_of(fields["body"].encode()),
            signed_at=int(fields["signed_at"]),
            stamp=dsse.from_json(fields["stamp"]) if "stamp" in fields else None,
            blind=fields.get("blind", False) is True,
        )
    except (HarkaraError, KeyError, TypeError, ValueError, AttributeError):
        # Never silently signed anew: what it held may have been accepted.
        raise UnsafeConfiguration(f"{path} is damaged: look at it, then remove it") from None


def _statement_of(body: bytes) -> dsse.Envelope:
    # A bulletin's statement stands in its post, a receipt is sent as it is.
    sent = strictjson.decode(body, max_bytes=BODY_BYTES)
    return dsse.from_json(sent["statement"] if isinstance(sent, dict) and "statement" in sent else sent)
