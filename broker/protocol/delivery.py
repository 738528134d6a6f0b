"""How items travel to a reader: entries with their references, bodies inside the window, and the signed head.

Nothing here is signed as such: entries prove themselves by the chain that the head signs, items by their
stamps, so this is framing, the same for the long poll (JSON or msgpack) and the feed (JSON). An answer gives
(kind, sealed) for each whole entry that it touches, so that the reader can compute chains, and bodies only
from the number asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from broker.errors import Malformed, Problem, shorten
from broker.protocol import dsse, encoding
from broker.protocol.chain import Reference
from broker.protocol.encoding import Bin, ListOf, Maybe, Row
from broker.protocol.head import EPOCH_BYTES
from broker.protocol.limits import PAGE_BYTES
from broker.protocol.pairkeys import WRAP_BYTES
from broker.protocol.sealing import SEAL_BYTES, Sealed

BULLETIN = "bulletin"
RECEIPT = "receipt"
KINDS = (BULLETIN, RECEIPT)

PAGE_MEDIA_TYPE = "application/vnd.harkara.page+msgpack"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of an inbox: it holds the numbers `first` … `last`, one reference each."""

    first: int
    last: int
    references: tuple[Reference, ...]


@dataclass(frozen=True, slots=True)
class Body:
    """What a reader needs to open one item: the sealed item, its own wrap, the broker's stamp (compact
    envelope).
    """

    sealed: Sealed
    wrap: bytes
    stamp: dsse.Envelope


@dataclass(frozen=True, slots=True)
class Item:
    """One numbered item. Without a body it is withheld: number and chain stand, and `withheld` says why."""

    number: int
    kind: str
    body: Body | None
    withheld: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of an inbox. `head` stands when the inbox was read to its end, `floor` when it begins behind
    the number that was asked for: what came before has expired.
    """

    agency: str
    epoch: bytes
    entries: tuple[Entry, ...]
    items: tuple[Item, ...]
    head: dsse.Envelope | None
    floor: dsse.Envelope | None = None


_BODY = Row((bytes, bytes, Maybe(Bin(SEAL_BYTES)), Bin(WRAP_BYTES), bytes))
_ITEM = Row((int, str, Maybe(_BODY), Maybe(str)))
_ENTRY = Row((int, int, ListOf(Row((str, Bin(32))))))


def pack_page(page: Page) -> bytes:
    """Give a page as F("harkara/1 page", …)."""
    return encoding.pack(
        "page",
        page.agency,
        page.epoch,
        [[e.first, e.last, [list(r) for r in e.references]] for e in page.entries],
        [[i.number, i.kind, _body_row(i.body), i.withheld] for i in page.items],
        dsse.to_bytes(page.head) if page.head else None,
        dsse.to_bytes(page.floor) if page.floor else None,
    )


def read_page(record: bytes) -> Page:
    """Read what `pack_page` gave. Raises `Malformed`."""
    agency, epoch, entries, items, head, floor = encoding.unpack(
        record,
        "page",
        str,
        Bin(EPOCH_BYTES),
        ListOf(_ENTRY),
        ListOf(_ITEM),
        Maybe(bytes),
        Maybe(bytes),
        max_bytes=PAGE_BYTES,
    )
    return Page(
        agency,
        epoch,
        tuple(
            Entry(first, last, tuple((k, s) for k, s in references)) for first, last, references in entries
        ),
        tuple(Item(number, kind, _read_body(body), withheld) for number, kind, body, withheld in items),
        dsse.from_bytes(head) if head is not None else None,
        dsse.from_bytes(floor) if floor is not None else None,
    )


def page_json(page: Page) -> dict[str, Any]:
    """Give a page for JSON."""
    found: dict[str, Any] = {
        "agency": page.agency,
        "epoch": page.epoch.hex(),
        "entries": [entry_json(entry) for entry in page.entries],
        "items": [item_json(item) for item in page.items],
    }
    for name, envelope in (("floor", page.floor), ("head", page.head)):
        if envelope is not None:
            found[name] = dsse.to_json(envelope)
    return found


def entry_json(entry: Entry) -> dict[str, Any]:
    """Give an entry for JSON."""
    return {
        "first": entry.first,
        "last": entry.last,
        "references": [[kind, sealed.hex()] for kind, sealed in entry.references],
    }


def item_json(item: Item) -> dict[str, Any]:
    """Give an item for JSON."""
    found: dict[str, Any] = {"number": item.number, "kind": item.kind}
    if item.body is None:
        return found | {"withheld": item.withheld or "withheld"}
    return found | body_json(item.body)


def body_json(body: Body) -> dict[str, Any]:
    """Give a body for JSON: also the answer to `GET /v1/bulletins/{originator}/{id}`."""
    found: dict[str, Any] = {
        "header": dsse.encode64(body.sealed.header),
        "ciphertext": dsse.encode64(body.sealed.ciphertext),
        "wrap": dsse.encode64(body.wrap),
        "stamp": dsse.to_json(body.stamp),
    }
    return found if body.sealed.seal is None else found | {"seal": dsse.encode64(body.sealed.seal)}


def read_page_json(value: object) -> Page:
    """Read what `page_json` gave, decoded. Raises `Malformed`."""
    fields = _object(value, "")
    head, floor = fields.get("head"), fields.get("floor")
    return Page(
        _text(fields.get("agency"), "/agency"),
        dsse.decode_hex(fields.get("epoch"), "/epoch", EPOCH_BYTES),
        tuple(
            read_entry_json(e, f"/entries/{i}")
            for i, e in enumerate(_list(fields.get("entries"), "/entries"))
        ),
        tuple(read_item_json(e, f"/items/{i}") for i, e in enumerate(_list(fields.get("items"), "/items"))),
        dsse.from_json(head, "/head") if head is not None else None,
        dsse.from_json(floor, "/floor") if floor is not None else None,
    )


def read_entry_json(value: object, pointer: str = "") -> Entry:
    """Read what `entry_json` gave, decoded. Raises `Malformed`."""
    fields = _object(value, pointer)
    references = []
    for place, pair in enumerate(_list(fields.get("references"), f"{pointer}/references")):
        at = f"{pointer}/references/{place}"
        if not isinstance(pair, list) or len(pair) != 2:
            raise _refusal(at, "[kind, sealed]", pair)
        references.append((_text(pair[0], f"{at}/0"), dsse.decode_hex(pair[1], f"{at}/1", 32)))
    return Entry(
        _number(fields.get("first"), f"{pointer}/first"),
        _number(fields.get("last"), f"{pointer}/last"),
        tuple(references),
    )


def read_item_json(value: object, pointer: str = "") -> Item:
    """Read what `item_json` gave, decoded. Raises `Malformed`."""
    fields = _object(value, pointer)
    number, kind = (
        _number(fields.get("number"), f"{pointer}/number"),
        _text(fields.get("kind"), f"{pointer}/kind"),
    )
    if "withheld" in fields:
        return Item(number, kind, None, _text(fields["withheld"], f"{pointer}/withheld"))
    return Item(number, kind, read_body_json(fields, pointer))


def read_body_json(value: object, pointer: str = "") -> Body:
    """Read what `body_json` gave, decoded. Raises `Malformed`."""
    fields = _object(value, pointer)
    return Body(
        Sealed(
            dsse.decode64(fields.get("header"), f"{pointer}/header"),
            dsse.decode64(fields.get("ciphertext"), f"{pointer}/ciphertext"),
            dsse.decode64(fields["seal"], f"{pointer}/seal", SEAL_BYTES) if "seal" in fields else None,
        ),
        dsse.decode64(fields.get("wrap"), f"{pointer}/wrap", WRAP_BYTES),
        dsse.from_json(fields.get("stamp"), f"{pointer}/stamp"),
    )


def _body_row(body: Body | None) -> list[bytes | None] | None:
    if body is None:
        return None
    sealed = body.sealed
    return [sealed.header, sealed.ciphertext, sealed.seal, body.wrap, dsse.to_bytes(body.stamp)]


def _read_body(row: list[Any] | None) -> Body | None:
    if row is None:
        return None
    header, ciphertext, seal, wrap, stamp = row
    return Body(Sealed(header, ciphertext, seal), wrap, dsse.from_bytes(stamp))


def _object(value: object, pointer: str) -> Mapping[str, Any]:
    if isinstance(value, dict):
        return value
    raise _refusal(pointer, "an object", value)


def _list(value: object, pointer: str) -> list[Any]:
    if isinstance(value, list):
        return value
    raise _refusal(pointer, "a list", value)


def _text(value: object, pointer: str) -> str:
    if isinstance(value, str):
        return value
    raise _refusal(pointer, "a text", value)


def _number(value: object, pointer: str) -> int:
    if type(value) is int and value >= 0:
        return value
    raise _refusal(pointer, "a number from 0", value)


def _refusal(pointer: str, expected: str, got: object) -> Malformed:
    return Malformed("not an inbox answer", Problem(pointer, expected, shorten(got)))
