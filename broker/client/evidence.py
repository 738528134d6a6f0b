"""Evidence: what proves that an inbox was broken, kept on disk for whoever looks into it.

Two signed heads of one number with different chains prove fraud to anybody; a gap is shown by the position
and what came instead. Bodies are left out: references and signatures prove it, and content stays where it is.
"""

from __future__ import annotations

import json
import secrets
from pathlib import Path
from typing import Any

from broker.client import clock
from broker.client.arrivals import Arrival, EpochSeen, FloorSeen
from broker.client.inbox_check import Position
from broker.client.place import Place, place_json
from broker.client.private_files import write
from broker.errors import HarkaraError
from broker.protocol import dsse, times
from broker.protocol.delivery import Entry, Item, entry_json


def keep_evidence(directory: Path, error: HarkaraError, position: Position, arrival: Arrival | None) -> Path:
    """Write what is known, and give the file."""
    now = times.format(clock.now())
    fields: dict[str, Any] = {
        "harkara": "evidence/1",
        "at": now,
        "code": error.code,
        "detail": error.detail,
        "position": json.loads(place_json(Place(position))),
    }
    if position.head is not None:
        fields["head_before"] = dsse.to_json(position.head.envelope)
    if arrival is not None:
        fields["arrived"] = _shown(arrival)
    path = directory / f"{now.replace(':', '')}-{secrets.token_hex(4)}.json"
    write(path, json.dumps(fields, indent=1).encode() + b"\n")
    return path


def _shown(arrival: Arrival) -> dict[str, Any]:
    if isinstance(arrival, Entry):
        return {"entry": entry_json(arrival)}
    if isinstance(arrival, Item):
        stamp = {"stamp": dsse.to_json(arrival.body.stamp)} if arrival.body is not None else {}
        return {"item": {"number": arrival.number, "kind": arrival.kind} | stamp}
    if isinstance(arrival, EpochSeen):
        return {"epoch": arrival.epoch.hex()}
    if isinstance(arrival, FloorSeen):
        return {"floor": dsse.to_json(arrival.envelope)}
    return {"head": dsse.to_json(arrival)}
